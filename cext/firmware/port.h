/* Runs a module on a board: a handful of functions, and one turn of a loop. */
#ifndef LASERLINK_PORT_H
#define LASERLINK_PORT_H

#include "laserlink.h"

#define LL_STAGED_BYTES 64u

/* What a board does for a module. None of it waits. `context` is given to each. */
struct ll_port {
    /* What has arrived on the sideband or the only lane, at most `room` bytes; how many. */
    size_t (*read)(void *context, uint8_t *bytes, size_t room);
    /* Sends as much as goes now on the lane of an ll_lane_kind; how many bytes. */
    size_t (*write)(void *context, uint8_t lane, const uint8_t *bytes, size_t count);
    /* Nanoseconds that never go back. */
    uint64_t (*now_ns)(void *context);
    /* Whether the pins carry power; NULL: always. */
    bool (*contact)(void *context);
    /* Switches the laser; NULL: there is none. */
    void (*laser)(void *context, bool on);
    /* The pixel source. */
    ll_pixels_fn pixels;
    void *context;
};

struct ll_shell {
    const struct ll_port *port;
    bool contact, laser;
    uint8_t out_lane, staged_at, staged_end;
    uint16_t out_at, out_end;
    uint8_t staged[LL_STAGED_BYTES];
    struct ll_module module;
};

/* False for facts that the compile-time sizes do not hold. */
bool ll_shell_init(struct ll_shell *shell, const struct ll_facts *facts, const struct ll_port *port,
                   uint32_t first_sequence);

/* Once around: contact, what arrived, what is due, what is to be sent. True when it did something: then turn again
 * at once; otherwise after the next byte, or at `ll_next_deadline`. */
bool ll_shell_turn(struct ll_shell *shell);

#endif
