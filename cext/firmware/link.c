#include "link.h"

#include <string.h>

#include "crc.h"
#include "layout.h"
#include "octets.h"

#define NS_PER_S UINT64_C(1000000000)
#define NS_PER_US UINT64_C(1000)
#define ERROR_FIXED_BYTES 19u

/* --- the session --- */

void ll_session_close(struct ll_module *module) {
    module->session = 0;
    module->features = 0;
    module->in_bytes_max = module->out_bytes_max = LL_FRAME_BYTES_MIN_OFFER;
    module->shared_lanes = 0xFF;
    module->reply_count = 0;
    module->gone_waits = false;
    /* What was queued of events is forgotten; what is in flight stays until the sender is reset. */
    module->event_next = module->events_in_flight;
    for (size_t channel = 0; channel <= LL_CHANNEL_MAX; channel++) {
        module->next_sequence[channel] = module->start_sequence;
    }
}

void ll_session_open(struct ll_module *module, uint32_t session) {
    module->start_sequence = module->first_sequence;
    ll_session_close(module);
    module->session = session;
}

void ll_lanes_reset(struct ll_module *module) {
    module->gap_at = LL_NEVER;
    ll_framer_reset(&module->framer);
}

const struct ll_lane *ll_lane_of(const struct ll_module *module, uint8_t kind) {
    return kind < module->facts->lane_count ? &module->facts->lanes[kind] : NULL;
}

uint8_t ll_image_lane(const struct ll_module *module) {
    bool is_shared = module->shared_lanes >> LL_LANE_KIND_OPTICAL & 1;
    return is_shared && module->facts->lane_count > 1 ? LL_LANE_KIND_OPTICAL : LL_LANE_KIND_SIDEBAND;
}

uint64_t ll_extended(const struct ll_module *module, uint8_t kind, uint32_t timer_ms, uint32_t frame_bytes) {
    const struct ll_lane *lane = ll_lane_of(module, kind);
    uint32_t largest = module->out_bytes_max > module->in_bytes_max ? module->out_bytes_max : module->in_bytes_max;
    uint64_t bytes = frame_bytes ? frame_bytes : largest;
    bool is_uart = lane->coding == LL_LINE_CODING_UART_8N1;
    uint64_t bits = bytes * (is_uart ? LL_BITS_PER_BYTE_UART_8N1 : LL_BITS_PER_BYTE_NONE);
    uint64_t line = lane->rate_bps ? (bits * NS_PER_S + lane->rate_bps - 1) / lane->rate_bps : 0;
    return LL_LINE_TIMES_ADDED * line + (timer_ms * UINT64_C(1000) + lane->latency_us) * NS_PER_US;
}

/* --- receiving --- */

struct ll_frame ll_frame_of(const struct ll_item *item) {
    const struct ll_frame_header *header = (const struct ll_frame_header *)item->wire;
    uint16_t size = ll_get16(header->length);
    return (struct ll_frame){
        .version = header->version[0], .type = header->type[0], .channel = header->channel[0],
        .flags = header->flags[0], .wire_bytes = (uint16_t)(LL_OVERHEAD_BYTES + size), .size = size,
        .session = ll_get32(header->session), .sequence = ll_get32(header->sequence),
        .payload = item->wire + LL_HEADER_BYTES, .row = NULL,
    };
}

static const struct ll_row *row_of(uint8_t type) {
    for (size_t at = 0; at < LL_ROWS; at++) {
        if (ll_catalogue[at].type == type) {
            return &ll_catalogue[at];
        }
    }
    return NULL;
}

bool ll_is_ours(const struct ll_module *module, const struct ll_frame *frame) {
    bool known = frame->type == LL_TYPE_HELLO || frame->session == module->session;
    return frame->session && known;
}

/* Whether only a module sends this type. */
static bool is_sent(uint8_t type) {
    return type / 8u < LL_SENT_TYPE_BYTES && (ll_sent_types[type / 8u] >> type % 8u & 1);
}

/* What the catalogue says of a frame's head. */
static uint8_t judge_head(struct ll_module *module, const struct ll_frame *frame, const struct ll_row *row) {
    if (frame->version >> 4 != LL_VERSION_MAJOR) {
        return ll_refuse(module, LL_ERROR_CODE_UNSUPPORTED_VERSION, frame->version);
    }
    if (frame->flags & ~LL_LEGAL_FLAGS) {
        return ll_refuse(module, LL_ERROR_CODE_RESERVED_BIT, frame->flags);
    }
    if (frame->channel > LL_CHANNEL_MAX) {
        return ll_refuse(module, LL_ERROR_CODE_RESERVED_BIT, frame->channel);
    }
    if (!row) {
        return ll_refuse(module, is_sent(frame->type) ? LL_ERROR_CODE_WRONG_DIRECTION : LL_ERROR_CODE_UNKNOWN_TYPE,
                         frame->type);
    }
    if (frame->channel < (row->channels & 0xFu) || frame->channel > row->channels >> 4) {
        return ll_refuse(module, LL_ERROR_CODE_WRONG_CHANNEL, frame->channel);
    }
    return 0;
}

uint8_t ll_judge(struct ll_module *module, struct ll_frame *frame, bool is_whole) {
    const struct ll_row *row = row_of(frame->type);
    uint8_t offence = judge_head(module, frame, row);
    frame->row = row;
    if (offence) {
        return offence;
    }
    uint16_t bytes_max = frame->type == LL_TYPE_HELLO ? LL_FRAME_BYTES_MIN_OFFER : module->in_bytes_max;
    if (frame->wire_bytes > bytes_max || !is_whole) {
        return ll_refuse(module, LL_ERROR_CODE_FRAME_TOO_LONG, frame->wire_bytes);
    }
    if (!row->is_request && !(row->states >> module->state & 1)) {
        return ll_refuse(module, LL_ERROR_CODE_ILLEGAL_IN_STATE, module->state);
    }
    if (row->feature & ~module->features) {
        return ll_refuse(module, LL_ERROR_CODE_UNKNOWN_TYPE, frame->type);
    }
    if (!ll_layout_fits(ll_layouts + row->layout, frame->payload, frame->size)) {
        return ll_refuse(module, LL_ERROR_CODE_MALFORMED_PAYLOAD, frame->size);
    }
    return 0;
}

/* At most so many errors a second; false when this one is one too many. */
static bool may_answer(struct ll_module *module) {
    uint64_t oldest = module->errors_at[module->error_next];
    if (module->error_count == LL_ERRORS_PER_SECOND && module->now - oldest < NS_PER_S) {
        return false;
    }
    module->errors_at[module->error_next] = module->now;
    module->error_next = (uint8_t)((module->error_next + 1u) % LL_ERRORS_PER_SECOND);
    module->error_count = (uint8_t)(module->error_count + (module->error_count < LL_ERRORS_PER_SECOND));
    return true;
}

void ll_offend(struct ll_module *module, const struct ll_frame *frame, uint8_t code) {
    uint8_t payload[ERROR_FIXED_BYTES + 1 + LL_REPLY_BYTES];
    module->counters[LL_FRAMES_ILLEGAL]++;
    if (frame->type == LL_TYPE_ERROR || !may_answer(module)) {
        return;
    }
    const struct ll_row *row = row_of(frame->type);
    bool is_request = row && row->is_request;
    uint8_t first = frame->size > 0 ? frame->payload[0] : 0;
    uint8_t second = frame->size > 1 ? frame->payload[1] : 0;
    uint16_t request_id = (uint16_t)(is_request ? first | second << 8 : 0);
    size_t size = ll_error_payload(module, payload, frame, code, request_id);
    ll_send(module, LL_TYPE_ERROR, frame->session, payload, size);
}

/* --- sending --- */

uint32_t ll_reserve(struct ll_module *module, uint8_t channel, uint32_t count) {
    uint32_t first = module->next_sequence[channel];
    module->next_sequence[channel] = first + count;
    return first;
}

size_t ll_seal(uint8_t *wire, uint8_t type, uint8_t channel, uint32_t session, uint32_t sequence, size_t size) {
    struct ll_frame_header *header = (struct ll_frame_header *)wire;
    header->sync[0] = LL_SYNC_FIRST;
    header->sync[1] = LL_SYNC_SECOND;
    header->version[0] = LL_VERSION;
    header->type[0] = type;
    header->channel[0] = channel;
    header->flags[0] = channel == 1 ? LL_FLAG_ACK_REQUESTED : 0;
    ll_put16(header->length, (uint32_t)size);
    ll_put32(header->session, session);
    ll_put32(header->sequence, sequence);
    uint32_t crc = ll_crc32(0, wire, LL_CHECKED_HEADER_BYTES);
    ll_put32(header->header_check, crc);
    ll_put32(wire + LL_HEADER_BYTES + size, ll_crc32(crc, wire + LL_HEADER_BYTES, size));
    return LL_OVERHEAD_BYTES + size;
}

static struct ll_reply *new_reply(struct ll_module *module) {
    return module->reply_count < LL_REPLY_SLOTS ? &module->replies[module->reply_count++] : NULL;
}

void ll_send(struct ll_module *module, uint8_t type, uint32_t session, const uint8_t *payload, size_t size) {
    uint8_t channel = type == LL_TYPE_FAULT_EVENT;
    uint32_t sequence = ll_reserve(module, channel, 1);
    struct ll_reply *reply = new_reply(module);
    if (!reply) {
        return;
    }
    memcpy(reply->bytes + LL_HEADER_BYTES, payload, size);
    reply->source = LL_REPLY_OWN;
    reply->size = (uint8_t)ll_seal(reply->bytes, type, channel, session, sequence, size);
    module->counters[LL_FRAMES_SENT]++;
}

void ll_send_kept(struct ll_module *module, uint8_t source, bool again) {
    struct ll_reply *reply = new_reply(module);
    if (!reply) {
        return;
    }
    reply->source = source == LL_REPLY_HELLO ? LL_REPLY_HELLO : LL_REPLY_ANSWER;
    module->counters[LL_FRAMES_SENT] += !again;
    module->counters[LL_FRAMES_RESENT] += again;
}

size_t ll_error_payload(const struct ll_module *module, uint8_t *payload, const struct ll_frame *frame, uint8_t code,
                        uint16_t request_id) {
    const char *text = ll_error_texts;
    for (uint8_t before = 1; before < code; before++) {
        text += strlen(text) + 1;
    }
    size_t text_bytes = strlen(text);
    struct ll_error *error = (struct ll_error *)payload;
    error->code[0] = code;
    ll_put16(error->request_id, request_id);
    error->offending_type[0] = frame->type;
    error->offending_channel[0] = frame->channel;
    ll_put32(error->offending_sequence, frame->sequence);
    ll_put32(error->value, module->offending_value);
    ll_put32(error->value + 4, module->offending_high);
    error->version_first[0] = error->version_last[0] = LL_VERSION;
    payload[ERROR_FIXED_BYTES] = (uint8_t)text_bytes;
    memcpy(payload + ERROR_FIXED_BYTES + 1, text, text_bytes);
    return ERROR_FIXED_BYTES + 1 + text_bytes;
}

/* Copies the first reply that waits, which leaves the queue; its size. */
static size_t take_reply(struct ll_module *module) {
    struct ll_reply *first = &module->replies[0];
    const uint8_t *wire = first->bytes;
    size_t size = first->size;
    if (first->source == LL_REPLY_ANSWER) {
        wire = module->answer;
        size = module->answer_bytes;
    } else if (first->source == LL_REPLY_HELLO) {
        wire = module->hello;
        size = module->hello_bytes;
    }
    memcpy(module->out, wire, size);
    module->reply_count--;
    memmove(first, first + 1, module->reply_count * sizeof *first);
    return size;
}

/* --- events: a ring that begins at 0, of type, length and payload; those in flight are in front --- */

static const uint8_t *event_at(const struct ll_module *module, size_t index) {
    const uint8_t *at = module->events;
    while (index--) {
        at += 2 + at[1];
    }
    return at;
}

static void await_ack(struct ll_module *module) {
    module->events_due = module->now + ll_extended(module, LL_LANE_KIND_SIDEBAND, LL_MS(LL_RESPONSE_NS), 0);
}

static void fly(struct ll_module *module) {
    while (module->events_in_flight < module->event_count && module->events_in_flight < LL_EVENTS_IN_FLIGHT) {
        uint32_t sequence = ll_reserve(module, 1, 1);
        if (!module->events_in_flight) {
            module->event_sequence = sequence;
        }
        module->events_in_flight++;
        module->counters[LL_FRAMES_RESENT]++;
    }
    if (!module->events_in_flight) {
        module->events_due = LL_NEVER;
    } else if (module->events_due == LL_NEVER) {
        await_ack(module);
    }
}

void ll_tell(struct ll_module *module, uint8_t type, const uint8_t *payload, size_t size) {
    if (!module->session || module->state == LL_MODULE_STATE_POWERED || module->state == LL_MODULE_STATE_FAULT) {
        return;
    }
    size_t waiting = (size_t)(module->event_count - module->events_in_flight);
    if (waiting >= LL_EVENTS_QUEUED || module->events_used + 2 + size > LL_EVENT_BYTES) {
        module->overflowed = true;
        return;
    }
    uint8_t *at = module->events + module->events_used;
    at[0] = type;
    at[1] = (uint8_t)size;
    memcpy(at + 2, payload, size);
    module->events_used = (uint16_t)(module->events_used + 2 + size);
    module->event_count++;
    fly(module);
}

void ll_events_reset(struct ll_module *module) {
    module->event_count = module->events_in_flight = module->event_next = 0;
    module->events_used = 0;
    module->events_due = LL_NEVER;
}

void ll_events_acknowledged(struct ll_module *module, uint32_t sequence) {
    uint32_t arrived = sequence - module->event_sequence;
    if (arrived > module->events_in_flight) {
        arrived = 0; /* an old one, or of what was never sent */
    }
    while (arrived--) {
        uint16_t size = (uint16_t)(2 + module->events[1]);
        module->events_used = (uint16_t)(module->events_used - size);
        memmove(module->events, module->events + size, module->events_used);
        module->event_count--;
        module->events_in_flight--;
        module->event_next = (uint8_t)(module->event_next - (module->event_next > 0));
        module->event_sequence++;
        module->events_due = LL_NEVER;
    }
    fly(module);
}

void ll_events_on_deadline(struct ll_module *module) {
    if (module->now >= module->events_due) {
        module->event_next = 0;
        module->counters[LL_FRAMES_RESENT] += module->events_in_flight;
        await_ack(module);
    }
}

bool ll_has_output(const struct ll_module *module) {
    return module->reply_count || module->event_next < module->events_in_flight || module->gone_waits;
}

size_t ll_next_queued(struct ll_module *module) {
    uint8_t *payload = module->out + LL_HEADER_BYTES;
    if (module->reply_count) {
        return take_reply(module);
    }
    if (module->event_next < module->events_in_flight) {
        const uint8_t *event = event_at(module, module->event_next);
        memcpy(payload, event + 2, event[1]);
        uint32_t sequence = module->event_sequence + module->event_next++;
        return ll_seal(module->out, event[0], 1, module->session, sequence, event[1]);
    }
    if (module->gone_waits) {
        module->gone_waits = false;
        ll_put32(payload, module->gone_image);
        return ll_seal(module->out, LL_TYPE_IMAGE_GONE, module->gone_channel, module->session,
                       module->gone_sequence, 4);
    }
    return 0;
}
