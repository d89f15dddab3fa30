/* A LaserLink module in C99: no memory but this struct, no clock but the caller's, no operating system.
 *
 * Sans-I/O, like firmware_model/machine.py: bytes, happenings and time go in, bytes and the laser's state come out.
 * `port.h` runs it over a few functions of a board. Time is nanoseconds on the module's own clock. */
#ifndef LASERLINK_H
#define LASERLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "digest.h"
#include "facts.h"
#include "framer.h"
#include "laserlink_wire.h"

/* Compile-time sizes; sizeof(struct ll_module) follows from them. */
#ifndef LL_STREAMS_MAX
#define LL_STREAMS_MAX 2u /* streams that are configured at once */
#endif
#ifndef LL_STRIPS_MAX
#define LL_STRIPS_MAX 4u /* strips of 1 MB of one image */
#endif
#ifndef LL_REPEATS_MAX
#define LL_REPEATS_MAX 24u /* parts of images that wait to be sent again; one request has at most 18 */
#endif
#ifndef LL_CONTROL_SLOTS
#define LL_CONTROL_SLOTS 16u /* controls that a module may have */
#endif
#ifndef LL_EVENT_BYTES
/* Events that wait: type, length and payload of each. This holds as many as there may be of the longest. */
#define LL_EVENT_BYTES ((LL_EVENTS_IN_FLIGHT + LL_EVENTS_QUEUED) * (2u + sizeof(struct ll_control_changed)))
#endif
#define LL_JOBS (2u * LL_IMAGES_IN_FLIGHT) /* images on their way, and images kept */
#define LL_REPLY_SLOTS 4u
#define LL_REPLY_BYTES 64u
#define LL_HELLO_REPLY_BYTES (LL_OVERHEAD_BYTES + 26u + 2u * 16u)
#define LL_NEVER UINT64_MAX
LL_STATIC_ASSERT(repeats, LL_REPEATS_MAX >= LL_RESEND_RANGES_MAX + 2u);
LL_STATIC_ASSERT(strips, LL_STRIPS_MAX >= 1u && LL_STRIPS_MAX <= 12u); /* frames are counted in 16 bits */

enum ll_timer {
    LL_TIMER_BOOT, LL_TIMER_BEACON, LL_TIMER_ATTACH, LL_TIMER_SILENCE, LL_TIMER_LIGHT, LL_TIMER_TRAINING,
    LL_TIMER_DETACH, LL_TIMER_DERATE, LL_TIMERS
};

/* How an image lies on the wire. */
struct ll_layout {
    uint16_t width, height, chunk_bytes, chunks, strips, digest_frames, digests_per_frame, frames;
    uint32_t coded_bytes, strip_bytes;
    uint8_t bits;
};

/* One image: which, how it was taken, and where its pixels are to be read. */
struct ll_picture {
    uint32_t image_id, exposure_us, control_set_id;
    uint64_t timestamp_ns;
    const struct ll_mode *mode;
    uint16_t x, y, width, height;
    uint8_t channel, bits;
};

/* Writes `count` packed bytes of a picture from `offset` on. The same picture gives the same bytes as long as it is
 * asked for. False: not there yet (it is asked again), or not any more. */
typedef bool (*ll_pixels_fn)(void *context, const struct ll_picture *picture, uint32_t offset, uint8_t *bytes,
                             size_t count);

struct ll_job {
    struct ll_picture picture;
    struct ll_layout layout;
    uint32_t first_sequence;
    uint16_t next_frame;
    uint64_t exposed_ns, readout_ns, expires_ns;
    struct ll_digest_sums sums;
    uint64_t digests[LL_STRIPS_MAX];
};

struct ll_repeat {
    uint32_t image_id;
    uint16_t first, count;
};

struct ll_stream {
    uint8_t channel; /* 0: none is configured */
    bool active, endless, has_credit;
    const struct ll_mode *mode;
    struct ll_layout layout;
    uint16_t x, y, start_id;
    uint32_t remaining, images_sent, credit;
    uint64_t interval_ns, next_exposure_ns;
    uint8_t kept_count, job_count, repeat_count; /* images by age: first those kept, then those on their way */
    struct ll_job jobs[LL_JOBS];
    struct ll_repeat repeats[LL_REPEATS_MAX];
};

/* What is counted, in the order of the message that tells it. */
enum ll_counter {
    LL_FRAMES_RECEIVED, LL_FRAMES_SENT, LL_FRAMES_RESENT, LL_FRAMES_BAD, LL_FRAMES_STALE, LL_FRAMES_ILLEGAL,
    LL_RECOVERIES, LL_IMAGES, LL_COUNTERS
};

/* What waits for the sideband before events: where the bytes of each are. */
struct ll_reply {
    enum { LL_REPLY_OWN, LL_REPLY_ANSWER, LL_REPLY_HELLO } source;
    uint8_t size;
    uint8_t bytes[LL_REPLY_BYTES];
};

/* Small and 64-bit members stand in front, where one instruction reaches them; buffers at the end. */
struct ll_module {
    const struct ll_facts *facts;
    ll_pixels_fn pixels;
    void *context;
    uint64_t now, booted_ns, sensor_ready_ns, pattern_at, events_due, gap_at;
    uint32_t offending_value, offending_high; /* what is wrong with a frame; few values have more than 32 bits */
    uint64_t timers[LL_TIMERS];
    uint8_t state; /* ll_module_state */
    bool contact, booting, identified, was_lit, overflowed;
    bool stalled; /* bytes that are there already wait for what is to be sent first */

    /* the session */
    uint8_t shared_lanes; /* bit n: the lane of kind n is used */
    uint32_t session, features, start_sequence, first_sequence;
    uint32_t next_sequence[LL_CHANNEL_MAX + 1u];
    uint16_t in_bytes_max, out_bytes_max;
    uint8_t error_count, error_next, recovery_count, recovery_next;
    uint32_t counters[LL_COUNTERS];
    uint32_t boot_count;
    const char *fault_text;
    uint8_t fault_code;

    /* power and heat */
    uint8_t power_phase, temperature, slowdown, streams_slowdown;
    uint16_t limit_ma, offered_ma;
    int16_t centi_c, told_centi_c;

    /* controls and images */
    uint32_t set_id;
    uint8_t turn; /* the stream that may send first */

    /* what goes out */
    bool request_seen, gone_waits;
    uint16_t request_id, answer_bytes, events_used;
    uint8_t event_count, events_in_flight, event_next, reply_count, hello_bytes, gone_channel;
    uint32_t event_sequence, gone_sequence, gone_image;

    uint64_t errors_at[LL_ERRORS_PER_SECOND], recoveries_at[LL_RECOVERIES_MAX];
    union ll_value values[LL_CONTROL_SLOTS];
    uint32_t image_ids[LL_STREAM_CHANNEL_MAX + 1u]; /* the last one of each channel */
    struct ll_stream streams[LL_STREAMS_MAX];
    struct ll_reply replies[LL_REPLY_SLOTS];
    uint8_t hello[LL_HELLO_REPLY_BYTES];
    struct ll_framer framer;
    uint8_t events[LL_EVENT_BYTES];
    uint8_t answer[LL_MAX_FRAME];
    uint8_t out[LL_MAX_FRAME];
};

/* A module that is not powered. `first_sequence` is where it counts from in each session; `context` is given to
 * `pixels`. False for facts that the compile-time sizes do not hold, or without a sideband in front, a mode, a control,
 * and something that a readout draws. */
bool ll_module_init(struct ll_module *module, const struct ll_facts *facts, uint32_t first_sequence,
                    ll_pixels_fn pixels, void *context);

/* Bytes arrived on the sideband, or the only lane; how many were taken. When it is not all, or `stalled` is set, there
 * is something to send first: take it, then show the rest again, or nothing. */
size_t ll_receive(struct ll_module *module, const uint8_t *bytes, size_t count, uint64_t now);

/* Puts the next whole frame for a lane into `module->out`, where it stays until this is called again; its size, 0
 * for none. */
size_t ll_next_frame(struct ll_module *module, uint8_t lane, uint64_t now);

/* When `ll_on_deadline` wants to be called; LL_NEVER: not before something happens. */
uint64_t ll_next_deadline(const struct ll_module *module, uint64_t now);
void ll_on_deadline(struct ll_module *module, uint64_t now);

/* What happens to a module: snapped on or pulled off; its temperature; a self-test that failed, with a line of at
 * most 34 bytes for a person, which stays where it is. */
void ll_on_contact(struct ll_module *module, bool made, uint64_t now);
void ll_on_temperature(struct ll_module *module, int16_t centi_c, uint64_t now);
void ll_on_broken(struct ll_module *module, const char *text, uint64_t now);

/* Whether the laser may shine. To be applied after each call. */
bool ll_laser(const struct ll_module *module);

/* The value in force of a control; NULL when the module has none of this id. */
const union ll_value *ll_control_value(const struct ll_module *module, uint16_t id);

#endif
