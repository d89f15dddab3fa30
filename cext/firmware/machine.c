/* The module's machine: what happens becomes an input, an input a row of the table, a row an action. */
#include <string.h>

#include "actions.h"
#include "controls.h"
#include "heat.h"
#include "octets.h"
#include "power.h"
#include "stream.h"

#define TOO_MANY_RECOVERIES 1u
#define EVENTS_OVERFLOW 3u

/* Messages that are always the same input; the others are told apart in `input_of`. */
static const struct {
    uint8_t type, input;
} inputs[] = {
    {LL_TYPE_RESET, LL_INPUT_RESET},
    {LL_TYPE_POWER_CAPABILITIES, LL_INPUT_CAPABILITIES},
    {LL_TYPE_POWER_ACCEPT, LL_INPUT_ACCEPT},
    {LL_TYPE_POWER_REJECT, LL_INPUT_REJECT},
    {LL_TYPE_POWER_WAIT, LL_INPUT_WAIT},
    {LL_TYPE_POWER_READY, LL_INPUT_POWER_READY},
    {LL_TYPE_POWER_REVOKE, LL_INPUT_REVOKE},
    {LL_TYPE_TRAIN, LL_INPUT_TRAIN},
    {LL_TYPE_STREAM_START, LL_INPUT_STREAM_START},
};

/* Which input a timer is; beacon and derate are none. */
static const uint8_t expired[LL_TIMERS] = {
    [LL_TIMER_BOOT] = LL_INPUT_BOOTED, [LL_TIMER_ATTACH] = LL_INPUT_ATTACH_EXPIRED,
    [LL_TIMER_SILENCE] = LL_INPUT_SILENT, [LL_TIMER_LIGHT] = LL_INPUT_UNLIT,
    [LL_TIMER_TRAINING] = LL_INPUT_TRAINING_EXPIRED, [LL_TIMER_DETACH] = LL_INPUT_REMOVED,
};

static bool is_shining(const struct ll_module *module) {
    return ll_laser(module) || ll_image_lane(module) == LL_LANE_KIND_SIDEBAND;
}

static bool is_lit(const struct ll_module *module) {
    return module->state == LL_MODULE_STATE_STREAMING && is_shining(module);
}

/* --- steps --- */

/* The row of an input in this state; 0, which is no action, where there is none. */
static uint16_t row_of(const struct ll_module *module, uint8_t input) {
    for (size_t at = ll_transition_start[module->state]; at < ll_transition_start[module->state + 1]; at++) {
        if (LL_TRANSITION_INPUT(ll_transitions[at]) == input) {
            return ll_transitions[at];
        }
    }
    return 0;
}

/* Looks up the row and follows it. A missing row is illegal for a message, and nothing for anything else. */
static uint8_t step(struct ll_module *module, uint8_t input, const struct ll_frame *frame,
                              struct ll_answer *answer) {
    uint16_t row = row_of(module, input);
    ll_action_fn carry_out_row = ll_actions[LL_TRANSITION_ACTION(row)];
    if (!carry_out_row) {
        return ll_refuse(module, LL_ERROR_CODE_ILLEGAL_IN_STATE, module->state);
    }
    uint8_t offence = carry_out_row(module, frame, answer);
    if (offence) {
        return offence;
    }
    module->state = LL_TRANSITION_STATE(row);
    bool is_known = module->state == LL_MODULE_STATE_CONTRACTED && module->identified;
    if (module->state == LL_MODULE_STATE_READY || is_known) {
        ll_cancel(module, LL_TIMER_ATTACH);
    }
    ll_watch_light(module);
    return 0;
}

static void happen(struct ll_module *module, uint8_t input) {
    (void)step(module, input, NULL, NULL);
}

static void break_down(struct ll_module *module, uint8_t code, const char *text) {
    module->fault_code = code;
    module->fault_text = text;
    happen(module, LL_INPUT_BROKEN);
}

static void expire(struct ll_module *module, uint8_t input) {
    if (input == LL_INPUT_SILENT && ll_too_many_recoveries(module)) {
        break_down(module, TOO_MANY_RECOVERIES, "too many recoveries");
        return;
    }
    bool is_hot = module->temperature == LL_TEMPERATURE_LEVEL_HOT;
    bool waits = LL_TRANSITION_ACTION(row_of(module, LL_INPUT_STILL_HOT)) != LL_ACTION_NONE;
    happen(module, input == LL_INPUT_ATTACH_EXPIRED && is_hot && waits ? LL_INPUT_STILL_HOT : input);
}

/* Lets the streams go on, and tells when they are done. */
static void advance(struct ll_module *module) {
    if (module->state == LL_MODULE_STATE_READY || module->state == LL_MODULE_STATE_STREAMING) {
        ll_controls_tell(module);
    }
    ll_streams_advance(module, is_lit(module));
    if (module->state == LL_MODULE_STATE_STREAMING && !ll_streams_run(module, 0)) {
        happen(module, LL_INPUT_STREAMS_DONE);
    }
    if (module->overflowed) {
        module->overflowed = false;
        break_down(module, EVENTS_OVERFLOW, "events overflow");
    }
    ll_watch_light(module);
}

/* --- messages --- */

/* Which input a request is, given what the module knows besides its state. */
static uint8_t input_of(const struct ll_module *module, const struct ll_frame *request) {
    const uint8_t *payload = request->payload;
    switch (request->type) {
    case LL_TYPE_POWER_DERATE:
        return ll_covers_stream(module, ll_get16(payload + 2)) ? LL_INPUT_DERATE : LL_INPUT_DERATE_BELOW_STREAM;
    case LL_TYPE_TRAIN_RESULT:
        if (payload[2] == LL_SEATING_NOT_SEATED) {
            return LL_INPUT_TRAINING_FAILED;
        }
        if (!module->identified) {
            return LL_INPUT_TRAINED;
        }
        return ll_streams_run(module, 0) ? LL_INPUT_TRAINED_MID_STREAM : LL_INPUT_TRAINED_AGAIN;
    case LL_TYPE_DESCRIPTOR_READ:
        return ll_is_descriptor_end(module, ll_get16(payload + 2)) ? LL_INPUT_DESCRIPTOR_END
                                                                   : LL_INPUT_DESCRIPTOR_READ;
    case LL_TYPE_STREAM_STOP:
        return ll_streams_run(module, payload[2]) ? LL_INPUT_STREAM_STOP : LL_INPUT_STREAM_STOP_LAST;
    default:
        break;
    }
    size_t at = 0;
    while (inputs[at].type != request->type) {
        at++; /* every request is a service, told apart above, or in here: a test goes through them all */
    }
    return inputs[at].input;
}

static uint8_t carry_out(struct ll_module *module, const struct ll_frame *request,
                                   struct ll_answer *answer) {
    if (!(request->row->states >> module->state & 1)) {
        return ll_refuse(module, LL_ERROR_CODE_ILLEGAL_IN_STATE, module->state);
    }
    ll_action_fn service = ll_service_of(request->type);
    return service ? service(module, request, answer) : step(module, input_of(module, request), request, answer);
}

/* Carries a request out once, and answers it as often as it comes. */
static void serve(struct ll_module *module, const struct ll_frame *request) {
    uint16_t id = ll_get16(request->payload);
    uint16_t ahead = (uint16_t)(id - module->request_id);
    if (module->request_seen && !ahead) {
        if (module->answer_bytes) {
            ll_send_kept(module, LL_REPLY_ANSWER, true);
        }
        return;
    }
    if (module->request_seen && ahead >= 0x8000u) {
        module->counters[LL_FRAMES_STALE]++;
        return;
    }
    struct ll_answer answer = {0, 0, module->answer + LL_HEADER_BYTES};
    module->request_seen = true;
    module->request_id = id;
    ll_put16(answer.payload, id);
    uint8_t offence = carry_out(module, request, &answer);
    if (offence) {
        module->counters[LL_FRAMES_ILLEGAL]++;
        answer.type = LL_TYPE_ERROR;
        answer.size = ll_error_payload(module, answer.payload, request, offence, id);
    }
    uint32_t sequence = ll_reserve(module, 0, 1);
    module->answer_bytes =
        (uint16_t)ll_seal(module->answer, answer.type, 0, module->session, sequence, answer.size);
    ll_send_kept(module, LL_REPLY_ANSWER, false);
}

/* The same session again is answered again; another one resets everything. */
static uint8_t hear_hello(struct ll_module *module, const struct ll_frame *frame) {
    if (frame->session == module->session && module->state != LL_MODULE_STATE_POWERED) {
        ll_send_kept(module, LL_REPLY_HELLO, true);
        return 0;
    }
    return step(module, LL_INPUT_HELLO, frame, NULL);
}

static void handle(struct ll_module *module, const struct ll_frame *frame) {
    uint8_t offence = 0;
    if (frame->type == LL_TYPE_HELLO) {
        offence = hear_hello(module, frame);
    } else {
        if (module->state == LL_MODULE_STATE_RECOVERING) {
            happen(module, LL_INPUT_ALIVE);
        }
        if (frame->row->is_request) {
            serve(module, frame);
        } else {
            offence = ll_service_of(frame->type)(module, frame, NULL);
        }
    }
    if (offence) {
        ll_offend(module, frame, offence);
    }
}

static void judge_item(struct ll_module *module, const struct ll_item *item) {
    if (item->kind == LL_ITEM_BAD) {
        module->counters[LL_FRAMES_BAD]++;
        return;
    }
    struct ll_frame frame = ll_frame_of(item);
    module->offending_high = 0;
    if (!ll_is_ours(module, &frame)) {
        module->counters[LL_FRAMES_STALE]++;
        return;
    }
    uint8_t offence = ll_judge(module, &frame, item->kind == LL_ITEM_FRAME);
    if (offence) {
        ll_offend(module, &frame, offence);
        return;
    }
    module->counters[LL_FRAMES_RECEIVED]++;
    if (!module->booting) {
        handle(module, &frame);
    }
}

/* Handles what the bytes so far decide, until there is something to send. */
static void pump(struct ll_module *module) {
    while (!ll_has_output(module)) {
        struct ll_item item = ll_framer_next(&module->framer);
        if (item.kind == LL_ITEM_NONE) {
            break;
        }
        judge_item(module, &item);
    }
    module->stalled = ll_has_output(module);
}

/* --- what the shell calls --- */

bool ll_module_init(struct ll_module *module, const struct ll_facts *facts, uint32_t first_sequence,
                    ll_pixels_fn pixels, void *context) {
    if (!facts->readout_ma_per_gbps || !facts->control_count || facts->control_count > LL_CONTROL_SLOTS ||
        !facts->lane_count || facts->lane_count > 2 || !facts->mode_count) {
        return false;
    }
    for (size_t kind = 0; kind < facts->lane_count; kind++) {
        if (facts->lanes[kind].kind != kind) {
            return false;
        }
    }
    memset(module, 0, sizeof *module);
    module->facts = facts;
    module->first_sequence = first_sequence;
    module->pixels = pixels;
    module->context = context;
    module->centi_c = 2500;
    for (size_t timer = 0; timer < LL_TIMERS; timer++) {
        module->timers[timer] = LL_NEVER;
    }
    ll_renew(module);
    return true;
}

size_t ll_receive(struct ll_module *module, const uint8_t *bytes, size_t count, uint64_t now) {
    size_t taken = 0;
    module->now = now;
    if (module->state == LL_MODULE_STATE_DETACHED) {
        return count;
    }
    pump(module);
    if (module->booting) {
        return count;
    }
    while (taken < count && !ll_has_output(module)) {
        size_t fed = ll_framer_feed(&module->framer, bytes + taken, count - taken);
        taken += fed;
        pump(module);
        taken -= ll_has_output(module) ? ll_framer_take_back(&module->framer, fed) : 0;
    }
    if (!ll_framer_pending(&module->framer)) {
        module->gap_at = LL_NEVER;
    } else if (taken) {
        module->gap_at = now + ll_extended(module, LL_LANE_KIND_SIDEBAND, LL_MS(LL_GAP_NS), 0);
    }
    advance(module);
    return taken;
}

size_t ll_next_frame(struct ll_module *module, uint8_t lane, uint64_t now) {
    size_t size = lane == LL_LANE_KIND_SIDEBAND ? ll_next_queued(module) : 0;
    bool is_known = module->state == LL_MODULE_STATE_READY && module->identified;
    if (size || lane != ll_image_lane(module) || !is_shining(module)) {
        return size;
    }
    module->now = now;
    if (module->state == LL_MODULE_STATE_TRAINING) {
        return ll_pattern_next_frame(module);
    }
    size = is_known || module->state == LL_MODULE_STATE_STREAMING ? ll_streams_next_frame(module) : 0;
    if (size) {
        advance(module);
    }
    return size;
}

static uint64_t earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

uint64_t ll_next_deadline(const struct ll_module *module, uint64_t now) {
    uint64_t due = earlier(module->gap_at, module->events_due);
    for (size_t timer = 0; timer < LL_TIMERS; timer++) {
        due = earlier(due, module->timers[timer]);
    }
    if (module->state == LL_MODULE_STATE_TRAINING && module->pattern_at > now) {
        due = earlier(due, module->pattern_at);
    }
    return earlier(due, ll_streams_next_deadline(module, now, is_lit(module)));
}

/* The earliest timer that is due; LL_TIMERS for none. */
static size_t due_timer(const struct ll_module *module) {
    size_t first = LL_TIMERS;
    for (size_t timer = 0; timer < LL_TIMERS; timer++) {
        uint64_t at = module->timers[timer];
        if (at <= module->now && (first == LL_TIMERS || at < module->timers[first])) {
            first = timer;
        }
    }
    return first;
}

void ll_on_deadline(struct ll_module *module, uint64_t now) {
    module->now = now;
    for (size_t timer = due_timer(module); timer < LL_TIMERS; timer = due_timer(module)) {
        module->timers[timer] = LL_NEVER;
        if (timer == LL_TIMER_BEACON) {
            ll_send_beacon(module);
        } else if (timer == LL_TIMER_DERATE) {
            ll_slow_down(module);
        } else {
            expire(module, expired[timer]);
        }
    }
    if (module->gap_at <= now) {
        module->gap_at = LL_NEVER;
        ll_framer_abandon(&module->framer);
        pump(module);
    }
    ll_events_on_deadline(module);
    advance(module);
}

void ll_on_contact(struct ll_module *module, bool made, uint64_t now) {
    module->now = now;
    module->contact = made;
    module->timers[LL_TIMER_DETACH] = made ? LL_NEVER : now + LL_DETACH_DEBOUNCE_NS;
    if (made && module->state == LL_MODULE_STATE_DETACHED) {
        happen(module, LL_INPUT_POWER_UP);
    }
    advance(module);
}

void ll_on_broken(struct ll_module *module, const char *text, uint64_t now) {
    module->now = now;
    break_down(module, module->fault_code, text);
    advance(module);
}

void ll_on_temperature(struct ll_module *module, int16_t centi_c, uint64_t now) {
    uint8_t before = module->temperature, slowdown_before = module->slowdown;
    const uint8_t hot = LL_TEMPERATURE_LEVEL_HOT;
    module->now = now;
    module->centi_c = centi_c;
    ll_feel_again(module);
    if (module->temperature != before || module->slowdown != slowdown_before) {
        if (module->temperature == hot && before != hot) {
            happen(module, LL_INPUT_HOT);
        } else if (before == hot && module->temperature != hot && module->timers[LL_TIMER_ATTACH] != LL_NEVER) {
            ll_arm(module, LL_TIMER_ATTACH, LL_MS(LL_ATTACH_WATCHDOG_NS));
        }
        ll_tell_temperature(module);
        if (module->slowdown > module->streams_slowdown) {
            ll_arm(module, LL_TIMER_DERATE, LL_MS(LL_DERATE_NOTICE_NS));
        } else {
            ll_slow_down(module);
        }
    }
    advance(module);
}
