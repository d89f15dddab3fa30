/* Messages that are answered without a change of state, and the actions that are little more. */
#include <string.h>

#include "actions.h"
#include "controls.h"
#include "descriptor.h"
#include "octets.h"
#include "stream.h"

#define PART_PREFIX_BYTES 6u

#define SERVICE(name) \
    static uint8_t name(struct ll_module *module, const struct ll_frame *frame, struct ll_answer *answer)

/* --- datagrams: there is no answer to write --- */

SERVICE(ping) {
    (void)answer;
    const struct ll_ping *asked = (const struct ll_ping *)frame->payload;
    struct ll_pong pong;
    ll_hear_ping(module, asked->flags[0] & LL_PING_FLAGS_LIGHT);
    memcpy(pong.number, asked->number, sizeof pong.number);
    memcpy(pong.host_sent_ns, asked->host_sent_ns, sizeof pong.host_sent_ns);
    ll_put64(pong.module_received_ns, module->now);
    ll_put64(pong.module_sent_ns, module->now);
    ll_send(module, LL_TYPE_PONG, module->session, (const uint8_t *)&pong, sizeof pong);
    return 0;
}

SERVICE(ack) {
    (void)answer;
    const struct ll_ack *ack = (const struct ll_ack *)frame->payload;
    if (ack->channel[0] != 1) {
        return ll_refuse(module, LL_ERROR_CODE_WRONG_CHANNEL, ack->channel[0]);
    }
    ll_events_acknowledged(module, ll_get32(ack->sequence));
    return 0;
}

SERVICE(credit) {
    (void)answer;
    return ll_stream_grant(module, frame);
}

SERVICE(resend) {
    (void)answer;
    return ll_stream_resend(module, frame);
}

/* The host was offended: it is counted, and never answered. */
SERVICE(error) {
    (void)frame, (void)answer;
    module->counters[LL_FRAMES_ILLEGAL]++;
    return 0;
}

/* --- requests --- */

SERVICE(counters) {
    (void)frame;
    struct ll_counters *reply = (struct ll_counters *)answer->payload;
    for (size_t at = 0; at < LL_COUNTERS; at++) {
        ll_put32(reply->frames_received + 4 * at, module->counters[at]);
    }
    ll_put32(reply->uptime_ms, ll_uptime_ms(module));
    answer->type = LL_TYPE_COUNTERS;
    answer->size = sizeof *reply;
    return 0;
}

SERVICE(echo) {
    size_t size = (size_t)(frame->size - 2), room = (size_t)(module->out_bytes_max - LL_OVERHEAD_BYTES - 2);
    room = room < LL_ECHO_BYTES_MAX ? room : LL_ECHO_BYTES_MAX;
    if (size > room) {
        return ll_refuse(module, LL_ERROR_CODE_LIMIT_EXCEEDED, (uint32_t)size);
    }
    memcpy(answer->payload + 2, frame->payload + 2, size);
    answer->type = LL_TYPE_ECHO_REPLY;
    answer->size = 2 + size;
    return 0;
}

SERVICE(control_list) {
    answer->type = LL_TYPE_CONTROL_INFOS;
    return ll_controls_list(module, frame, answer->payload, &answer->size);
}

SERVICE(control_get) {
    answer->type = LL_TYPE_CONTROL_VALUES;
    return ll_controls_get(module, frame, answer->payload, &answer->size);
}

SERVICE(control_set) {
    uint8_t offence = ll_controls_set(module, frame);
    answer->type = LL_TYPE_CONTROL_SET_REPLY;
    answer->size = sizeof(struct ll_control_set_reply);
    ll_put32(answer->payload + 2, module->set_id);
    return offence;
}

SERVICE(stream_configure) {
    answer->type = LL_TYPE_STREAM_CONFIGURED;
    answer->size = sizeof(struct ll_stream_configured);
    return ll_stream_configure(module, frame, (struct ll_stream_configured *)answer->payload);
}

static const struct {
    uint8_t type;
    ll_action_fn carry_out;
} services[] = {
    {LL_TYPE_PING, ping},
    {LL_TYPE_ACK, ack},
    {LL_TYPE_CREDIT, credit},
    {LL_TYPE_ERROR, error},
    {LL_TYPE_RESEND, resend},
    {LL_TYPE_COUNTERS_READ, counters},
    {LL_TYPE_ECHO, echo},
    {LL_TYPE_CONTROL_LIST, control_list},
    {LL_TYPE_CONTROL_GET, control_get},
    {LL_TYPE_CONTROL_SET, control_set},
    {LL_TYPE_STREAM_CONFIGURE, stream_configure},
};

ll_action_fn ll_service_of(uint8_t type) {
    for (size_t at = 0; at < sizeof services / sizeof *services; at++) {
        if (services[at].type == type) {
            return services[at].carry_out;
        }
    }
    return NULL;
}

/* --- actions that only read, or that streams carry out --- */

static size_t part_room(const struct ll_module *module) {
    return (size_t)(module->out_bytes_max - LL_OVERHEAD_BYTES - PART_PREFIX_BYTES);
}

bool ll_is_descriptor_end(const struct ll_module *module, uint16_t offset) {
    uint32_t whole = ll_descriptor_bytes(module);
    return offset < whole && offset + part_room(module) >= whole;
}

uint8_t ll_do_send_descriptor(struct ll_module *module, const struct ll_frame *frame,
                                        struct ll_answer *answer) {
    uint16_t offset = ll_get16(frame->payload + 2);
    uint32_t whole = ll_descriptor_bytes(module);
    struct ll_descriptor_part *reply = (struct ll_descriptor_part *)answer->payload;
    if (offset >= whole) {
        return ll_refuse(module, LL_ERROR_CODE_OUT_OF_BOUNDS, offset);
    }
    ll_put16(reply->total_bytes, whole);
    ll_put16(reply->offset, offset);
    answer->type = LL_TYPE_DESCRIPTOR_PART;
    answer->size = PART_PREFIX_BYTES +
                   ll_descriptor_part(module, offset, answer->payload + PART_PREFIX_BYTES, part_room(module));
    return 0;
}

uint8_t ll_do_start_stream(struct ll_module *module, const struct ll_frame *frame,
                                     struct ll_answer *answer) {
    uint8_t offence = ll_stream_start(module, frame, (struct ll_stream_started *)answer->payload);
    answer->type = LL_TYPE_STREAM_STARTED;
    answer->size = sizeof(struct ll_stream_started);
    if (!offence) {
        ll_streams_adjust(module);
    }
    return offence;
}

uint8_t ll_do_stop_stream(struct ll_module *module, const struct ll_frame *frame,
                                    struct ll_answer *answer) {
    struct ll_stream_stopped *reply = (struct ll_stream_stopped *)answer->payload;
    uint32_t images = 0;
    uint8_t offence = ll_stream_stop(module, frame->payload[2], &images);
    if (offence) {
        return offence;
    }
    ll_streams_adjust(module);
    reply->channel[0] = frame->payload[2];
    ll_put32(reply->images, images);
    answer->type = LL_TYPE_STREAM_STOPPED;
    answer->size = sizeof *reply;
    return 0;
}
