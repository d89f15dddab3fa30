/* The session layer: judging what arrives, framing and queueing what goes out, events in order. */
#ifndef LASERLINK_LINK_H
#define LASERLINK_LINK_H

#include "laserlink.h"

/* An intact frame; `payload` points into the framer. */
struct ll_frame {
    uint8_t version, type, channel, flags;
    uint16_t wire_bytes, size;
    uint32_t session, sequence;
    const uint8_t *payload;
    const struct ll_row *row; /* NULL while it is not judged */
};

/* What is wrong, for the answer: a function that refuses returns an ll_error_code by this, and 0 when it does not. */
static inline uint8_t ll_refuse(struct ll_module *module, enum ll_error_code code, uint32_t value) {
    module->offending_value = value;
    return (uint8_t)code;
}

#define FOR_EACH_STREAM(pointer, stream, module) \
    for (pointer stream = (module)->streams; stream < (module)->streams + LL_STREAMS_MAX; stream++)

/* --- the session --- */
void ll_session_open(struct ll_module *module, uint32_t session);
void ll_session_close(struct ll_module *module);
/* Forget bytes that were received and not decided: the wires were cut. */
void ll_lanes_reset(struct ll_module *module);
/* The lane of a kind; NULL when the module has none. */
const struct ll_lane *ll_lane_of(const struct ll_module *module, uint8_t kind);
uint8_t ll_image_lane(const struct ll_module *module);
#define LL_MS(ns) ((uint32_t)((ns) / 1000000u))
/* A timer of milliseconds with four line times of frames of so many bytes (0: the largest) and the lane's latency, in
 * nanoseconds. */
uint64_t ll_extended(const struct ll_module *module, uint8_t lane, uint32_t timer_ms, uint32_t frame_bytes);

/* --- receiving --- */
struct ll_frame ll_frame_of(const struct ll_item *item);
/* Whether a frame is of this session, or may carry another one. */
bool ll_is_ours(const struct ll_module *module, const struct ll_frame *frame);
/* Judges a frame by the catalogue, all but the state of a request; sets its row. `is_whole`: its payload is there. */
uint8_t ll_judge(struct ll_module *module, struct ll_frame *frame, bool is_whole);
/* Counts an offence and answers it, not too often, and never an error. */
void ll_offend(struct ll_module *module, const struct ll_frame *frame, uint8_t code);

/* --- sending --- */
uint32_t ll_reserve(struct ll_module *module, uint8_t channel, uint32_t count);
/* Puts header and checks around a payload that stands at wire + LL_HEADER_BYTES; bytes of the frame. */
size_t ll_seal(uint8_t *wire, uint8_t type, uint8_t channel, uint32_t session, uint32_t sequence, size_t size);
/* A control frame around a payload of at most 40 bytes, with the next sequence. */
void ll_send(struct ll_module *module, uint8_t type, uint32_t session, const uint8_t *payload, size_t size);
/* Queues kept bytes: the answer to the last request, or to hello. */
void ll_send_kept(struct ll_module *module, uint8_t source, bool again);
/* Writes the payload of an error that refuses `frame`; its size. */
size_t ll_error_payload(const struct ll_module *module, uint8_t *payload, const struct ll_frame *frame, uint8_t code,
                        uint16_t request_id);
/* The next control frame, event or word of a lost image into `module->out`; its size, 0 for none. */
size_t ll_next_queued(struct ll_module *module);
bool ll_has_output(const struct ll_module *module);

/* --- events --- */
/* Sends an event in order and for certain. One too many is a fault, told after the step. */
void ll_tell(struct ll_module *module, uint8_t type, const uint8_t *payload, size_t size);
void ll_events_reset(struct ll_module *module);
void ll_events_acknowledged(struct ll_module *module, uint32_t sequence);
void ll_events_on_deadline(struct ll_module *module);

#endif
