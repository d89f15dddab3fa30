#include "actions.h"

#include <string.h>

#include "controls.h"
#include "heat.h"
#include "octets.h"
#include "power.h"
#include "stream.h"

#define NS_PER_S UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)
#define FEATURES LL_FEATURES_RESEND
#define SELF_TEST_FAULT 2u

void ll_arm(struct ll_module *module, enum ll_timer timer, uint32_t after_ms) {
    module->timers[timer] = module->now + after_ms * NS_PER_MS;
}

void ll_cancel(struct ll_module *module, enum ll_timer timer) {
    module->timers[timer] = LL_NEVER;
}

/* --- what is forgotten --- */

static void feel_at_rest(struct ll_module *module) {
    ll_feel_again(module);
    module->streams_slowdown = module->slowdown;
}

void ll_renew_session(struct ll_module *module) {
    module->request_seen = false;
    module->answer_bytes = 0;
    module->hello_bytes = 0;
    module->overflowed = module->identified = false;
    module->pattern_at = LL_NEVER;
    ll_events_reset(module);
    ll_streams_reset(module);
    module->streams_slowdown = module->slowdown;
    ll_controls_forget_told(module);
    ll_power_end(module, LL_POWER_PHASE_DEFAULT);
}

void ll_renew(struct ll_module *module) {
    ll_session_close(module);
    ll_lanes_reset(module);
    uint32_t recoveries = module->counters[LL_RECOVERIES];
    memset(module->counters, 0, sizeof module->counters);
    module->counters[LL_RECOVERIES] = recoveries;
    ll_power_end(module, LL_POWER_PHASE_DEFAULT);
    module->offered_ma = 0;
    ll_controls_reset(module);
    module->temperature = LL_TEMPERATURE_LEVEL_NORMAL;
    module->slowdown = 1;
    feel_at_rest(module);
    module->booting = false;
    module->booted_ns = 0;
    module->sensor_ready_ns = 0;
    module->fault_text = "";
    module->fault_code = SELF_TEST_FAULT;
    ll_renew_session(module);
}

/* All but the timer that says that the contact is open: nothing that happens meanwhile closes it. */
static void clear_timers(struct ll_module *module) {
    for (size_t timer = 0; timer < LL_TIMERS; timer++) {
        module->timers[timer] = timer == LL_TIMER_DETACH ? module->timers[timer] : LL_NEVER;
    }
}

static void boot(struct ll_module *module) {
    module->boot_count++;
    module->booting = true;
    module->booted_ns = module->now;
    ll_controls_reset(module);
    ll_controls_forget_told(module);
    feel_at_rest(module);
    clear_timers(module);
    ll_arm(module, LL_TIMER_BOOT, module->facts->boot_ms);
}

static void end_session(struct ll_module *module) {
    clear_timers(module);
    ll_session_close(module);
    ll_renew_session(module);
}

/* --- the interlock --- */

bool ll_laser(const struct ll_module *module) {
    bool may_shine = module->state >= LL_MODULE_STATE_TRAINING && module->state <= LL_MODULE_STATE_STREAMING;
    return module->contact && may_shine && ll_image_lane(module) == LL_LANE_KIND_OPTICAL &&
           ll_is_contracted(module) && module->temperature != LL_TEMPERATURE_LEVEL_HOT;
}

void ll_watch_light(struct ll_module *module) {
    bool lit = ll_laser(module);
    if (lit && !module->was_lit) {
        ll_arm(module, LL_TIMER_LIGHT, LL_MS(LL_LIGHT_CONFIRM_NS));
    } else if (!lit) {
        ll_cancel(module, LL_TIMER_LIGHT);
    }
    module->was_lit = lit;
}

/* Three keep-alives; only what the host sends can hold one up. */
static void await_ping(struct ll_module *module) {
    uint64_t one = ll_extended(module, LL_LANE_KIND_SIDEBAND, LL_MS(LL_KEEP_ALIVE_NS), module->in_bytes_max);
    module->timers[LL_TIMER_SILENCE] = module->now + LL_KEEP_ALIVES_MISSED_MAX * one;
}

void ll_hear_ping(struct ll_module *module, bool sees_light) {
    await_ping(module);
    if (!ll_laser(module)) {
        return;
    }
    if (sees_light) {
        ll_cancel(module, LL_TIMER_LIGHT);
    } else if (module->timers[LL_TIMER_LIGHT] == LL_NEVER) {
        module->timers[LL_TIMER_LIGHT] = module->now;
    }
}

bool ll_too_many_recoveries(const struct ll_module *module) {
    uint64_t oldest = module->recoveries_at[module->recovery_next];
    return module->recovery_count == LL_RECOVERIES_MAX && module->now - oldest < LL_RECOVERY_WINDOW_NS;
}

uint32_t ll_uptime_ms(const struct ll_module *module) {
    return (uint32_t)((module->now - module->booted_ns) / NS_PER_MS);
}

void ll_send_beacon(struct ll_module *module) {
    struct ll_beacon beacon;
    beacon.version_first[0] = beacon.version_last[0] = LL_VERSION;
    ll_put64(beacon.module_id, module->facts->module_id);
    beacon.state[0] = module->state;
    ll_put32(beacon.uptime_ms, ll_uptime_ms(module));
    ll_send(module, LL_TYPE_BEACON, 0, (const uint8_t *)&beacon, sizeof beacon);
    ll_arm(module, LL_TIMER_BEACON, LL_MS(LL_BEACON_NS));
}

/* --- actions: life --- */

#define ACTION(name) \
    static uint8_t name(struct ll_module *module, const struct ll_frame *frame, struct ll_answer *answer)
#define UNUSED (void)frame, (void)answer

ACTION(do_nothing) {
    UNUSED;
    (void)module;
    return 0;
}

ACTION(do_boot) {
    UNUSED;
    ll_renew(module);
    boot(module);
    return 0;
}

ACTION(do_begin_beacons) {
    UNUSED;
    ll_session_close(module);
    ll_lanes_reset(module);
    ll_renew_session(module);
    module->booting = false;
    ll_send_beacon(module);
    return 0;
}

ACTION(do_forget) {
    UNUSED;
    clear_timers(module);
    ll_cancel(module, LL_TIMER_DETACH);
    module->recovery_count = module->recovery_next = 0;
    ll_renew(module);
    return 0;
}

ACTION(do_latch) {
    UNUSED;
    uint8_t payload[LL_REPLY_BYTES];
    size_t size = strlen(module->fault_text);
    size_t room = LL_REPLY_BYTES - LL_OVERHEAD_BYTES - 2;
    ll_streams_end(module, false);
    ll_power_end(module, LL_POWER_PHASE_DEFAULT);
    if (module->session) {
        size = size < room ? size : room;
        payload[0] = module->fault_code;
        payload[1] = (uint8_t)size;
        memcpy(payload + 2, module->fault_text, size);
        ll_send(module, LL_TYPE_FAULT_EVENT, module->session, payload, 2 + size);
    }
    ll_events_reset(module);
    clear_timers(module);
    ll_arm(module, LL_TIMER_BEACON, LL_MS(LL_BEACON_NS));
    return 0;
}

ACTION(do_restart) {
    (void)frame;
    answer->type = LL_TYPE_RESET_REPLY;
    answer->size = sizeof(struct ll_reset_reply);
    ll_streams_end(module, false);
    ll_power_end(module, LL_POWER_PHASE_DEFAULT);
    boot(module);
    return 0;
}

ACTION(do_give_up) {
    UNUSED;
    end_session(module);
    module->timers[LL_TIMER_BEACON] = module->now;
    return 0;
}

/* --- actions: hello and power --- */

/* The largest frame of the sideband: at most 20 ms of its time where 256 bytes allow that. */
static uint16_t frame_bytes_for(const struct ll_module *module, uint32_t bound, uint16_t offered) {
    const struct ll_lane *lane = ll_lane_of(module, LL_LANE_KIND_SIDEBAND);
    uint64_t bits = lane->coding == LL_LINE_CODING_UART_8N1 ? LL_BITS_PER_BYTE_UART_8N1 : LL_BITS_PER_BYTE_NONE;
    uint64_t fitting = LL_LINE_TIME_PER_FRAME_NS * lane->rate_bps / (bits * NS_PER_S);
    uint32_t most = lane->rate_bps && fitting < bound ? (uint32_t)fitting : bound;
    most = most < offered ? most : offered;
    return (uint16_t)(most > LL_FRAME_BYTES_MIN_OFFER ? most : LL_FRAME_BYTES_MIN_OFFER);
}

static uint8_t *put_lane(uint8_t *at, const struct ll_lane *lane) {
    struct ll_lane_offer *offer = (struct ll_lane_offer *)at;
    offer->id[0] = lane->id;
    offer->kind[0] = lane->kind;
    offer->direction[0] = lane->direction;
    offer->coding[0] = lane->coding;
    ll_put64(offer->rate_bps, lane->rate_bps);
    ll_put32(offer->latency_us, lane->latency_us);
    return at + sizeof *offer;
}

/* Which lanes both ends have; the sideband always. */
static uint8_t shared_lanes(const struct ll_frame *frame) {
    const uint8_t *tail = frame->payload + sizeof(struct ll_hello);
    const struct ll_lane_offer *offers = (const struct ll_lane_offer *)(tail + 1);
    uint8_t shared = 1u << LL_LANE_KIND_SIDEBAND;
    for (size_t at = 0; at < tail[0]; at++) {
        shared = (uint8_t)(shared | 1u << offers[at].kind[0]);
    }
    return shared;
}

static void answer_hello(struct ll_module *module, const struct ll_frame *frame) {
    const struct ll_hello *hello = (const struct ll_hello *)frame->payload;
    struct ll_hello_reply *reply = (struct ll_hello_reply *)(module->hello + LL_HEADER_BYTES);
    uint8_t *count = (uint8_t *)reply + sizeof *reply, *at = count + 1;
    uint32_t to_module = LL_TO_MODULE_BYTES_MAX < LL_MAX_FRAME ? LL_TO_MODULE_BYTES_MAX : LL_MAX_FRAME;
    uint16_t in_bytes = frame_bytes_for(module, to_module, ll_get16(hello->to_module_bytes_max));
    uint16_t out_bytes = frame_bytes_for(module, LL_MAX_FRAME, ll_get16(hello->to_host_bytes_max));
    uint32_t features = (uint32_t)ll_get64(hello->features) & FEATURES;
    module->shared_lanes = shared_lanes(frame);
    reply->version[0] = LL_VERSION;
    ll_put64(reply->features, features);
    ll_put16(reply->to_module_bytes_max, in_bytes);
    ll_put16(reply->to_host_bytes_max, out_bytes);
    ll_put32(reply->first_sequence, module->next_sequence[0]);
    ll_put64(reply->module_id, module->facts->module_id);
    *count = 0;
    for (size_t lane = 0; lane < module->facts->lane_count; lane++) {
        if (module->shared_lanes >> module->facts->lanes[lane].kind & 1) {
            at = put_lane(at, &module->facts->lanes[lane]);
            ++*count;
        }
    }
    size_t size = (size_t)(at - (uint8_t *)reply);
    uint32_t sequence = ll_reserve(module, 0, 1);
    module->hello_bytes =
        (uint8_t)ll_seal(module->hello, LL_TYPE_HELLO_REPLY, 0, module->session, sequence, size);
    ll_send_kept(module, LL_REPLY_HELLO, false);
    module->in_bytes_max = in_bytes;
    module->out_bytes_max = out_bytes;
    module->features = features;
}

ACTION(do_greet) {
    (void)answer;
    const struct ll_hello *hello = (const struct ll_hello *)frame->payload;
    if (hello->version_first[0] > LL_VERSION || hello->version_last[0] < LL_VERSION) {
        return ll_refuse(module, LL_ERROR_CODE_UNSUPPORTED_VERSION, hello->version_last[0]);
    }
    end_session(module);
    ll_session_open(module, frame->session);
    answer_hello(module, frame);
    ll_arm(module, LL_TIMER_ATTACH, LL_MS(LL_ATTACH_WATCHDOG_NS));
    await_ping(module);
    return 0;
}

static uint8_t status(struct ll_module *module, struct ll_answer *answer) {
    answer->type = LL_TYPE_POWER_STATUS;
    answer->size = sizeof(struct ll_power_status);
    ll_power_status(module, (struct ll_power_status *)answer->payload);
    return 0;
}

ACTION(do_request_power) {
    answer->type = LL_TYPE_POWER_REQUEST;
    answer->size = sizeof(struct ll_power_request);
    return ll_power_request(module, frame, (struct ll_power_request *)answer->payload);
}

ACTION(do_accept_power) {
    (void)frame;
    module->power_phase = LL_POWER_PHASE_ACCEPTED;
    return status(module, answer);
}

ACTION(do_refuse_power) {
    (void)frame;
    ll_power_end(module, LL_POWER_PHASE_REFUSED);
    return status(module, answer);
}

ACTION(do_wait_for_power) {
    (void)frame;
    ll_power_end(module, LL_POWER_PHASE_WAITING);
    return status(module, answer);
}

static void power_sensor(struct ll_module *module) {
    module->sensor_ready_ns = module->now + module->facts->sensor_power_up_ms * NS_PER_MS;
}

ACTION(do_begin_contract) {
    (void)frame;
    if (module->power_phase != LL_POWER_PHASE_ACCEPTED) {
        return ll_refuse(module, LL_ERROR_CODE_POWER_BUDGET, module->power_phase);
    }
    module->power_phase = LL_POWER_PHASE_CONTRACTED;
    module->limit_ma = module->offered_ma;
    power_sensor(module);
    ll_streams_adjust(module);
    return status(module, answer);
}

ACTION(do_derate) {
    bool was_on = ll_sensor_on(module);
    ll_power_derate(module, ll_get16(frame->payload + 2));
    if (!was_on) {
        power_sensor(module);
    }
    ll_streams_adjust(module);
    return status(module, answer);
}

ACTION(do_derate_to_stop) {
    ll_streams_end(module, true);
    ll_power_derate(module, ll_get16(frame->payload + 2));
    return status(module, answer);
}

ACTION(do_revoke) {
    (void)frame;
    ll_streams_end(module, true);
    ll_power_end(module, LL_POWER_PHASE_DEFAULT);
    ll_cancel(module, LL_TIMER_TRAINING);
    ll_cancel(module, LL_TIMER_LIGHT);
    return status(module, answer);
}

/* --- actions: light --- */

ACTION(do_begin_training) {
    uint8_t lane = frame->payload[2];
    if (module->temperature == LL_TEMPERATURE_LEVEL_HOT) {
        return ll_refuse(module, LL_ERROR_CODE_TOO_HOT, module->temperature);
    }
    if (lane != ll_image_lane(module)) {
        return ll_refuse(module, LL_ERROR_CODE_WRONG_LANE, lane);
    }
    module->timers[LL_TIMER_TRAINING] = module->now + ll_extended(module, lane, LL_MS(LL_TRAINING_MAX_NS), 0);
    module->pattern_at = module->now;
    answer->type = LL_TYPE_TRAIN_STARTED;
    answer->size = sizeof(struct ll_train_started);
    answer->payload[2] = lane;
    return 0;
}

ACTION(do_end_training) {
    (void)frame;
    ll_cancel(module, LL_TIMER_TRAINING);
    module->pattern_at = LL_NEVER;
    answer->type = LL_TYPE_TRAIN_STATUS;
    answer->size = sizeof(struct ll_train_status);
    answer->payload[2] = ll_streams_run(module, 0);
    return 0;
}

ACTION(do_await_cooling) {
    UNUSED;
    ll_arm(module, LL_TIMER_ATTACH, LL_MS(LL_ATTACH_WATCHDOG_NS));
    return 0;
}

/* The state that follows is dark; say why it went out. */
static uint8_t darken(struct ll_module *module, uint8_t cause) {
    ll_cancel(module, LL_TIMER_TRAINING);
    ll_cancel(module, LL_TIMER_LIGHT);
    module->pattern_at = LL_NEVER;
    ll_tell(module, LL_TYPE_LASER_OFF_EVENT, &cause, 1);
    return 0;
}

ACTION(do_darken_untrained) {
    UNUSED;
    return darken(module, LL_LASER_OFF_TRAINING_OVER);
}

ACTION(do_darken_unlit) {
    UNUSED;
    return darken(module, LL_LASER_OFF_NO_LIGHT_CONFIRMED);
}

ACTION(do_darken_hot) {
    UNUSED;
    return darken(module, LL_LASER_OFF_HOT);
}

ACTION(do_recover) {
    UNUSED;
    module->recoveries_at[module->recovery_next] = module->now;
    module->recovery_next = (uint8_t)((module->recovery_next + 1u) % LL_RECOVERIES_MAX);
    module->recovery_count = (uint8_t)(module->recovery_count + (module->recovery_count < LL_RECOVERIES_MAX));
    module->counters[LL_RECOVERIES]++;
    ll_arm(module, LL_TIMER_ATTACH, LL_MS(LL_ATTACH_WATCHDOG_NS));
    ll_arm(module, LL_TIMER_BEACON, LL_MS(LL_BEACON_NS));
    return darken(module, LL_LASER_OFF_KEEP_ALIVE);
}

ACTION(do_resume_contact) {
    UNUSED;
    await_ping(module);
    ll_cancel(module, LL_TIMER_ATTACH);
    ll_cancel(module, LL_TIMER_BEACON);
    return 0;
}

ACTION(do_end_identifying) {
    module->identified = true;
    return ll_do_send_descriptor(module, frame, answer);
}

const ll_action_fn ll_actions[LL_ACTIONS] = {
    [LL_ACTION_BOOT] = do_boot,
    [LL_ACTION_NOTHING] = do_nothing,
    [LL_ACTION_BEGIN_BEACONS] = do_begin_beacons,
    [LL_ACTION_GREET] = do_greet,
    [LL_ACTION_LATCH] = do_latch,
    [LL_ACTION_FORGET] = do_forget,
    [LL_ACTION_REQUEST_POWER] = do_request_power,
    [LL_ACTION_GIVE_UP] = do_give_up,
    [LL_ACTION_RESTART] = do_restart,
    [LL_ACTION_ACCEPT_POWER] = do_accept_power,
    [LL_ACTION_REFUSE_POWER] = do_refuse_power,
    [LL_ACTION_WAIT_FOR_POWER] = do_wait_for_power,
    [LL_ACTION_BEGIN_CONTRACT] = do_begin_contract,
    [LL_ACTION_BEGIN_TRAINING] = do_begin_training,
    [LL_ACTION_DERATE] = do_derate,
    [LL_ACTION_DERATE_TO_STOP] = do_derate_to_stop,
    [LL_ACTION_REVOKE] = do_revoke,
    [LL_ACTION_AWAIT_COOLING] = do_await_cooling,
    [LL_ACTION_RECOVER] = do_recover,
    [LL_ACTION_END_TRAINING] = do_end_training,
    [LL_ACTION_RESUME_STREAMS] = do_end_training,
    [LL_ACTION_FAIL_TRAINING] = do_end_training,
    [LL_ACTION_DARKEN_UNTRAINED] = do_darken_untrained,
    [LL_ACTION_DARKEN_UNLIT] = do_darken_unlit,
    [LL_ACTION_DARKEN_HOT] = do_darken_hot,
    [LL_ACTION_SEND_DESCRIPTOR] = ll_do_send_descriptor,
    [LL_ACTION_END_IDENTIFYING] = do_end_identifying,
    [LL_ACTION_START_STREAM] = ll_do_start_stream,
    [LL_ACTION_STOP_STREAM] = ll_do_stop_stream,
    [LL_ACTION_RESUME_CONTACT] = do_resume_contact,
};
