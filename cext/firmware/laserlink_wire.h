/* Made by `laserlink generate` from the declarations in protocol/. Do not edit. */
/* The LaserLink wire format, version 1.0, in C99.
 * docs/wire-format.md is the authority. All integers are little-endian. A struct is a run of byte arrays: it
 * has no padding, and may be laid over a payload at any address. Of a payload that varies, it is the part in
 * front. */
#ifndef LASERLINK_WIRE_H
#define LASERLINK_WIRE_H

#include <stddef.h>
#include <stdint.h>

#define LL_STATIC_ASSERT(name, holds) typedef char ll_assert_##name[(holds) ? 1 : -1]

#define LL_HEADER_BYTES 20u
#define LL_CHECK_BYTES 4u
#define LL_OVERHEAD_BYTES 24u
#define LL_CHECKED_HEADER_BYTES 16u
#define LL_CHANNEL_MAX 15u
#define LL_SYNC_FIRST 0xEBu
#define LL_SYNC_SECOND 0x90u
#define LL_VERSION 0x10u
#define LL_VERSION_MAJOR 1u
#define LL_LEGAL_FLAGS 0x01u
#define LL_FLAG_ACK_REQUESTED 0x01u
#define LL_DATA_PREFIX_BYTES 12u
#define LL_DIGESTS_PREFIX_BYTES 15u
#define LL_KEEP_ALIVES_MISSED_MAX 3u
#define LL_LINE_TIMES_ADDED 4u
#define LL_BITS_PER_BYTE_NONE 8u
#define LL_BITS_PER_BYTE_UART_8N1 10u

#define LL_FRAME_BYTES_MAX 4096u /* bytes */
#define LL_FRAME_BYTES_MIN_OFFER 256u /* bytes */
#define LL_TO_MODULE_BYTES_MAX 1024u /* bytes */
#define LL_PAYLOAD_BYTES_MAX 4072u /* bytes */
#define LL_SEAL_BYTES 16u /* bytes */
#define LL_ERRORS_PER_SECOND 10u /* 1/s */
#define LL_ERROR_TEXT_BYTES_MAX 80u /* bytes */
#define LL_LANES_MAX 4u /* lanes */
#define LL_EVENTS_IN_FLIGHT 8u /* events */
#define LL_EVENTS_QUEUED 64u /* events */
#define LL_REQUESTS_QUEUED 64u /* requests */
#define LL_REQUEST_TRIES 6u /* sends */
#define LL_POWER_OFFERS_MAX 7u /* offers */
#define LL_DESCRIPTOR_BYTES_MAX 16384u /* bytes */
#define LL_MODES_MAX 32u /* modes */
#define LL_NOISE_ENTRIES_MAX 32u /* entries */
#define LL_CONTROLS_MAX 128u /* controls */
#define LL_CONTROLS_PER_REQUEST 16u /* controls */
#define LL_IMAGE_SIDE_MAX 65532u /* pixels */
#define LL_IMAGE_BYTES_MAX 1073741824u /* bytes */
#define LL_STRIP_BYTES_MAX 1000000u /* bytes */
#define LL_STREAM_CHANNEL_MIN 2u
#define LL_STREAM_CHANNEL_MAX 14u
#define LL_RESEND_RANGES_MAX 16u /* ranges */
#define LL_RESEND_TRIES 5u /* requests */
#define LL_IMAGES_IN_FLIGHT 2u /* images */
#define LL_RECOVERIES_MAX 5u /* recoveries */
#define LL_UPDATE_BYTES_MAX 1048576u /* bytes */
#define LL_FILE_NAME_BYTES_MAX 32u /* bytes */
#define LL_ECHO_BYTES_MAX 1024u /* bytes */
#define LL_LOG_TEXT_BYTES_MAX 160u /* bytes */
#define LL_EVENTS_PENDING 1024u /* events */
#define LL_QUEUE_FRAMES_MAX 256u /* frames */

#define LL_ATTACH_DEBOUNCE_NS UINT64_C(100000000)
#define LL_DETACH_DEBOUNCE_NS UINT64_C(10000000)
#define LL_FIRST_WORD_NS UINT64_C(3000000000)
#define LL_BEACON_NS UINT64_C(250000000)
#define LL_RESPONSE_NS UINT64_C(30000000)
#define LL_POWER_TRANSITION_NS UINT64_C(500000000)
#define LL_POWER_WAIT_NS UINT64_C(100000000)
#define LL_DERATE_NOTICE_NS UINT64_C(500000000)
#define LL_REVOKE_NS UINT64_C(15000000)
#define LL_KEEP_ALIVE_NS UINT64_C(100000000)
#define LL_LIGHT_CONFIRM_NS UINT64_C(50000000)
#define LL_TRAINING_MIN_NS UINT64_C(10000000)
#define LL_TRAINING_MAX_NS UINT64_C(50000000)
#define LL_ATTACH_WATCHDOG_NS UINT64_C(5000000000)
#define LL_RECOVERY_WINDOW_NS UINT64_C(300000000000)
#define LL_RESEND_FIRST_NS UINT64_C(1000000)
#define LL_RESEND_AGAIN_NS UINT64_C(20000000)
#define LL_RETENTION_NS UINT64_C(100000000)
#define LL_GAP_NS UINT64_C(20000000)
#define LL_LINE_TIME_PER_FRAME_NS UINT64_C(20000000)

enum ll_type { LL_TYPE_BEACON = 1, LL_TYPE_HELLO = 2, LL_TYPE_HELLO_REPLY = 3, LL_TYPE_PING = 4,
    LL_TYPE_PONG = 5, LL_TYPE_ACK = 6, LL_TYPE_CREDIT = 7, LL_TYPE_ERROR = 8, LL_TYPE_RESET = 9,
    LL_TYPE_RESET_REPLY = 10, LL_TYPE_COUNTERS_READ = 11, LL_TYPE_COUNTERS = 12, LL_TYPE_FAULT_EVENT = 13,
    LL_TYPE_POWER_CAPABILITIES = 16, LL_TYPE_POWER_REQUEST = 17, LL_TYPE_POWER_ACCEPT = 18,
    LL_TYPE_POWER_REJECT = 19, LL_TYPE_POWER_WAIT = 20, LL_TYPE_POWER_READY = 21, LL_TYPE_POWER_DERATE = 22,
    LL_TYPE_POWER_REVOKE = 23, LL_TYPE_POWER_STATUS = 24, LL_TYPE_TEMPERATURE_EVENT = 25,
    LL_TYPE_LASER_OFF_EVENT = 26, LL_TYPE_DESCRIPTOR_READ = 32, LL_TYPE_DESCRIPTOR_PART = 33,
    LL_TYPE_CONTROL_LIST = 48, LL_TYPE_CONTROL_INFOS = 49, LL_TYPE_CONTROL_GET = 50,
    LL_TYPE_CONTROL_VALUES = 51, LL_TYPE_CONTROL_SET = 52, LL_TYPE_CONTROL_SET_REPLY = 53,
    LL_TYPE_CONTROL_CHANGED = 54, LL_TYPE_IMAGE_START = 65, LL_TYPE_IMAGE_DATA = 66,
    LL_TYPE_IMAGE_DIGESTS = 67, LL_TYPE_IMAGE_GONE = 68, LL_TYPE_RESEND = 69, LL_TYPE_STREAM_CONFIGURE = 70,
    LL_TYPE_STREAM_CONFIGURED = 71, LL_TYPE_STREAM_START = 72, LL_TYPE_STREAM_STARTED = 73,
    LL_TYPE_STREAM_STOP = 74, LL_TYPE_STREAM_STOPPED = 75, LL_TYPE_STREAM_CHANGED = 76,
    LL_TYPE_STREAM_ENDED = 77, LL_TYPE_UPDATE_BEGIN = 80, LL_TYPE_UPDATE_DATA = 81, LL_TYPE_UPDATE_END = 82,
    LL_TYPE_UPDATE_STATUS = 83, LL_TYPE_FILE_READ = 84, LL_TYPE_FILE_PART = 85, LL_TYPE_ECHO = 96,
    LL_TYPE_ECHO_REPLY = 97, LL_TYPE_LOG = 98, LL_TYPE_TRAIN = 99, LL_TYPE_TRAIN_STARTED = 100,
    LL_TYPE_PRBS31 = 101, LL_TYPE_TRAIN_RESULT = 102, LL_TYPE_TRAIN_STATUS = 103 };
enum ll_digest_kind { LL_DIGEST_KIND_WEYL64 = 1 };
enum ll_encoding { LL_ENCODING_PACKED = 0 };
enum ll_lane_direction { LL_LANE_DIRECTION_BOTH = 0, LL_LANE_DIRECTION_MODULE_TO_HOST = 1 };
enum ll_lane_kind { LL_LANE_KIND_SIDEBAND = 0, LL_LANE_KIND_OPTICAL = 1 };
enum ll_laser_off { LL_LASER_OFF_NO_LIGHT_CONFIRMED = 0, LL_LASER_OFF_KEEP_ALIVE = 1, LL_LASER_OFF_HOT = 2,
    LL_LASER_OFF_CONTRACT = 3, LL_LASER_OFF_TRAINING_OVER = 4 };
enum ll_line_coding { LL_LINE_CODING_NONE = 0, LL_LINE_CODING_UART_8N1 = 1 };
enum ll_module_state { LL_MODULE_STATE_DETACHED = 0, LL_MODULE_STATE_POWERED = 1, LL_MODULE_STATE_GREETED = 2,
    LL_MODULE_STATE_NEGOTIATING = 3, LL_MODULE_STATE_CONTRACTED = 4, LL_MODULE_STATE_TRAINING = 5,
    LL_MODULE_STATE_IDENTIFYING = 6, LL_MODULE_STATE_READY = 7, LL_MODULE_STATE_STREAMING = 8,
    LL_MODULE_STATE_UPDATING = 9, LL_MODULE_STATE_RECOVERING = 10, LL_MODULE_STATE_FAULT = 11 };
enum ll_power_cause { LL_POWER_CAUSE_NONE = 0, LL_POWER_CAUSE_TEMPERATURE = 1, LL_POWER_CAUSE_BATTERY = 2,
    LL_POWER_CAUSE_RAIL = 3 };
enum ll_power_phase { LL_POWER_PHASE_DEFAULT = 0, LL_POWER_PHASE_REQUESTED = 1, LL_POWER_PHASE_ACCEPTED = 2,
    LL_POWER_PHASE_CONTRACTED = 3, LL_POWER_PHASE_REFUSED = 4, LL_POWER_PHASE_WAITING = 5 };
enum ll_seating { LL_SEATING_NOT_SEATED = 0, LL_SEATING_MARGINAL = 1, LL_SEATING_SEATED = 2 };
enum ll_stream_change { LL_STREAM_CHANGE_DERATED = 1, LL_STREAM_CHANGE_RESTORED = 2 };
enum ll_stream_end { LL_STREAM_END_COMPLETE = 0, LL_STREAM_END_STOPPED = 1, LL_STREAM_END_POWER = 2,
    LL_STREAM_END_FAULT = 3 };
enum ll_temperature_level { LL_TEMPERATURE_LEVEL_NORMAL = 0, LL_TEMPERATURE_LEVEL_WARM = 1,
    LL_TEMPERATURE_LEVEL_HOT = 2 };
enum ll_value_type { LL_VALUE_TYPE_BOOL = 1, LL_VALUE_TYPE_INTEGER = 2, LL_VALUE_TYPE_FLOAT = 3,
    LL_VALUE_TYPE_RECTANGLE = 4 };
enum ll_error_code { LL_ERROR_CODE_UNSUPPORTED_VERSION = 1, LL_ERROR_CODE_RESERVED_BIT = 2,
    LL_ERROR_CODE_UNKNOWN_TYPE = 3, LL_ERROR_CODE_WRONG_DIRECTION = 4, LL_ERROR_CODE_WRONG_CHANNEL = 5,
    LL_ERROR_CODE_WRONG_LANE = 6, LL_ERROR_CODE_ILLEGAL_IN_STATE = 7, LL_ERROR_CODE_MALFORMED_PAYLOAD = 8,
    LL_ERROR_CODE_FRAME_TOO_LONG = 9, LL_ERROR_CODE_UNKNOWN_CONTROL = 10,
    LL_ERROR_CODE_VALUE_OUT_OF_RANGE = 11, LL_ERROR_CODE_WRONG_VALUE_TYPE = 12, LL_ERROR_CODE_READ_ONLY = 13,
    LL_ERROR_CODE_POWER_BUDGET = 14, LL_ERROR_CODE_UNKNOWN_MODE = 15, LL_ERROR_CODE_UNKNOWN_STREAM = 16,
    LL_ERROR_CODE_TOO_HOT = 17, LL_ERROR_CODE_OUT_OF_BOUNDS = 18, LL_ERROR_CODE_LIMIT_EXCEEDED = 19,
    LL_ERROR_CODE_NOT_FOUND = 20, LL_ERROR_CODE_UPDATE_REFUSED = 21 };
enum ll_features { LL_FEATURES_RESEND = 1, LL_FEATURES_UPDATE = 2, LL_FEATURES_FILES = 4,
    LL_FEATURES_RECTANGLES = 8 };
enum ll_ping_flags { LL_PING_FLAGS_LIGHT = 1 };
enum ll_wanted { LL_WANTED_START = 1, LL_WANTED_DIGESTS = 2 };
enum ll_input { LL_INPUT_POWER_UP = 0, LL_INPUT_REMOVED = 1, LL_INPUT_HOT = 2, LL_INPUT_BROKEN = 3,
    LL_INPUT_BOOTED = 4, LL_INPUT_ATTACH_EXPIRED = 5, LL_INPUT_STILL_HOT = 6, LL_INPUT_SILENT = 7,
    LL_INPUT_ALIVE = 8, LL_INPUT_UNLIT = 9, LL_INPUT_TRAINING_EXPIRED = 10, LL_INPUT_STREAMS_DONE = 11,
    LL_INPUT_HELLO = 12, LL_INPUT_RESET = 13, LL_INPUT_CAPABILITIES = 14, LL_INPUT_ACCEPT = 15,
    LL_INPUT_REJECT = 16, LL_INPUT_WAIT = 17, LL_INPUT_POWER_READY = 18, LL_INPUT_DERATE = 19,
    LL_INPUT_DERATE_BELOW_STREAM = 20, LL_INPUT_REVOKE = 21, LL_INPUT_TRAIN = 22, LL_INPUT_TRAINED = 23,
    LL_INPUT_TRAINED_AGAIN = 24, LL_INPUT_TRAINED_MID_STREAM = 25, LL_INPUT_TRAINING_FAILED = 26,
    LL_INPUT_DESCRIPTOR_READ = 27, LL_INPUT_DESCRIPTOR_END = 28, LL_INPUT_STREAM_START = 29,
    LL_INPUT_STREAM_STOP = 30, LL_INPUT_STREAM_STOP_LAST = 31, LL_INPUT_UPDATE_BEGIN = 32,
    LL_INPUT_UPDATE_DATA = 33, LL_INPUT_UPDATE_END = 34 };
enum ll_action { LL_ACTION_NONE = 0, LL_ACTION_BOOT = 1, LL_ACTION_NOTHING = 2, LL_ACTION_BEGIN_BEACONS = 3,
    LL_ACTION_GREET = 4, LL_ACTION_LATCH = 5, LL_ACTION_FORGET = 6, LL_ACTION_REQUEST_POWER = 7,
    LL_ACTION_GIVE_UP = 8, LL_ACTION_RESTART = 9, LL_ACTION_ACCEPT_POWER = 10, LL_ACTION_REFUSE_POWER = 11,
    LL_ACTION_WAIT_FOR_POWER = 12, LL_ACTION_BEGIN_CONTRACT = 13, LL_ACTION_BEGIN_TRAINING = 14,
    LL_ACTION_DERATE = 15, LL_ACTION_DERATE_TO_STOP = 16, LL_ACTION_REVOKE = 17, LL_ACTION_AWAIT_COOLING = 18,
    LL_ACTION_RECOVER = 19, LL_ACTION_END_TRAINING = 20, LL_ACTION_RESUME_STREAMS = 21,
    LL_ACTION_FAIL_TRAINING = 22, LL_ACTION_DARKEN_UNTRAINED = 23, LL_ACTION_DARKEN_UNLIT = 24,
    LL_ACTION_DARKEN_HOT = 25, LL_ACTION_SEND_DESCRIPTOR = 26, LL_ACTION_END_IDENTIFYING = 27,
    LL_ACTION_START_STREAM = 28, LL_ACTION_STOP_STREAM = 29, LL_ACTION_BEGIN_UPDATE = 30,
    LL_ACTION_TAKE_UPDATE = 31, LL_ACTION_END_UPDATE = 32, LL_ACTION_RESUME_CONTACT = 33 };
enum ll_layout_code { LL_LAYOUT_END = 0, LL_LAYOUT_FIXED = 1, LL_LAYOUT_ENUM = 2, LL_LAYOUT_TEXT = 3,
    LL_LAYOUT_REST = 4, LL_LAYOUT_ARRAY = 5 };
#define LL_ROWS 29u
#define LL_SENT_TYPE_BYTES 28u
#define LL_MODULE_STATES 12u
#define LL_INPUTS 35u
#define LL_TRANSITIONS 117u
#define LL_ACTIONS 34u

/* Records and payloads. */
struct ll_frame_header { uint8_t sync[2]; uint8_t version[1]; uint8_t type[1]; uint8_t channel[1];
    uint8_t flags[1]; uint8_t length[2]; uint8_t session[4]; uint8_t sequence[4]; uint8_t header_check[4]; };
LL_STATIC_ASSERT(frame_header, sizeof(struct ll_frame_header) == 20 && offsetof(struct ll_frame_header,
    header_check) == 16);
struct ll_beacon { uint8_t version_first[1]; uint8_t version_last[1]; uint8_t module_id[8]; uint8_t state[1];
    uint8_t uptime_ms[4]; };
LL_STATIC_ASSERT(beacon, sizeof(struct ll_beacon) == 15 && offsetof(struct ll_beacon, uptime_ms) == 11);
struct ll_lane_offer { uint8_t id[1]; uint8_t kind[1]; uint8_t direction[1]; uint8_t coding[1];
    uint8_t rate_bps[8]; uint8_t latency_us[4]; };
LL_STATIC_ASSERT(lane_offer, sizeof(struct ll_lane_offer) == 16 && offsetof(struct ll_lane_offer, latency_us)
    == 12);
struct ll_hello { uint8_t version_first[1]; uint8_t version_last[1]; uint8_t features[8];
    uint8_t to_module_bytes_max[2]; uint8_t to_host_bytes_max[2]; uint8_t first_sequence[4]; };
LL_STATIC_ASSERT(hello, sizeof(struct ll_hello) == 18 && offsetof(struct ll_hello, first_sequence) == 14);
struct ll_hello_reply { uint8_t version[1]; uint8_t features[8]; uint8_t to_module_bytes_max[2];
    uint8_t to_host_bytes_max[2]; uint8_t first_sequence[4]; uint8_t module_id[8]; };
LL_STATIC_ASSERT(hello_reply, sizeof(struct ll_hello_reply) == 25 && offsetof(struct ll_hello_reply,
    module_id) == 17);
struct ll_ping { uint8_t flags[1]; uint8_t number[4]; uint8_t host_sent_ns[8]; };
LL_STATIC_ASSERT(ping, sizeof(struct ll_ping) == 13 && offsetof(struct ll_ping, host_sent_ns) == 5);
struct ll_pong { uint8_t number[4]; uint8_t host_sent_ns[8]; uint8_t module_received_ns[8];
    uint8_t module_sent_ns[8]; };
LL_STATIC_ASSERT(pong, sizeof(struct ll_pong) == 28 && offsetof(struct ll_pong, module_sent_ns) == 20);
struct ll_ack { uint8_t channel[1]; uint8_t sequence[4]; };
LL_STATIC_ASSERT(ack, sizeof(struct ll_ack) == 5 && offsetof(struct ll_ack, sequence) == 1);
struct ll_credit { uint8_t sequence[4]; };
LL_STATIC_ASSERT(credit, sizeof(struct ll_credit) == 4 && offsetof(struct ll_credit, sequence) == 0);
struct ll_error { uint8_t code[1]; uint8_t request_id[2]; uint8_t offending_type[1];
    uint8_t offending_channel[1]; uint8_t offending_sequence[4]; uint8_t value[8]; uint8_t version_first[1];
    uint8_t version_last[1]; };
LL_STATIC_ASSERT(error, sizeof(struct ll_error) == 19 && offsetof(struct ll_error, version_last) == 18);
struct ll_reset { uint8_t request_id[2]; };
LL_STATIC_ASSERT(reset, sizeof(struct ll_reset) == 2 && offsetof(struct ll_reset, request_id) == 0);
struct ll_reset_reply { uint8_t request_id[2]; };
LL_STATIC_ASSERT(reset_reply, sizeof(struct ll_reset_reply) == 2 && offsetof(struct ll_reset_reply,
    request_id) == 0);
struct ll_counters_read { uint8_t request_id[2]; };
LL_STATIC_ASSERT(counters_read, sizeof(struct ll_counters_read) == 2 && offsetof(struct ll_counters_read,
    request_id) == 0);
struct ll_counters { uint8_t request_id[2]; uint8_t frames_received[4]; uint8_t frames_sent[4];
    uint8_t frames_resent[4]; uint8_t frames_bad[4]; uint8_t frames_stale[4]; uint8_t frames_illegal[4];
    uint8_t recoveries[4]; uint8_t images[4]; uint8_t uptime_ms[4]; };
LL_STATIC_ASSERT(counters, sizeof(struct ll_counters) == 38 && offsetof(struct ll_counters, uptime_ms) == 34);
struct ll_fault_event { uint8_t code[1]; };
LL_STATIC_ASSERT(fault_event, sizeof(struct ll_fault_event) == 1 && offsetof(struct ll_fault_event, code) ==
    0);
struct ll_power_offer { uint8_t voltage_mv[2]; uint8_t current_ma[2]; };
LL_STATIC_ASSERT(power_offer, sizeof(struct ll_power_offer) == 4 && offsetof(struct ll_power_offer,
    current_ma) == 2);
struct ll_power_capabilities { uint8_t request_id[2]; };
LL_STATIC_ASSERT(power_capabilities, sizeof(struct ll_power_capabilities) == 2 && offsetof(struct
    ll_power_capabilities, request_id) == 0);
struct ll_power_request { uint8_t request_id[2]; uint8_t offer[1]; uint8_t operating_ma[2];
    uint8_t reserve_ma[2]; };
LL_STATIC_ASSERT(power_request, sizeof(struct ll_power_request) == 7 && offsetof(struct ll_power_request,
    reserve_ma) == 5);
struct ll_power_accept { uint8_t request_id[2]; };
LL_STATIC_ASSERT(power_accept, sizeof(struct ll_power_accept) == 2 && offsetof(struct ll_power_accept,
    request_id) == 0);
struct ll_power_reject { uint8_t request_id[2]; uint8_t cause[1]; };
LL_STATIC_ASSERT(power_reject, sizeof(struct ll_power_reject) == 3 && offsetof(struct ll_power_reject, cause)
    == 2);
struct ll_power_wait { uint8_t request_id[2]; uint8_t retry_ms[2]; };
LL_STATIC_ASSERT(power_wait, sizeof(struct ll_power_wait) == 4 && offsetof(struct ll_power_wait, retry_ms) ==
    2);
struct ll_power_ready { uint8_t request_id[2]; };
LL_STATIC_ASSERT(power_ready, sizeof(struct ll_power_ready) == 2 && offsetof(struct ll_power_ready,
    request_id) == 0);
struct ll_power_derate { uint8_t request_id[2]; uint8_t limit_ma[2]; uint8_t cause[1]; };
LL_STATIC_ASSERT(power_derate, sizeof(struct ll_power_derate) == 5 && offsetof(struct ll_power_derate, cause)
    == 4);
struct ll_power_revoke { uint8_t request_id[2]; uint8_t cause[1]; };
LL_STATIC_ASSERT(power_revoke, sizeof(struct ll_power_revoke) == 3 && offsetof(struct ll_power_revoke, cause)
    == 2);
struct ll_power_status { uint8_t request_id[2]; uint8_t phase[1]; uint8_t limit_ma[2]; uint8_t draw_ma[2]; };
LL_STATIC_ASSERT(power_status, sizeof(struct ll_power_status) == 7 && offsetof(struct ll_power_status,
    draw_ma) == 5);
struct ll_temperature_event { uint8_t level[1]; uint8_t temperature_centi_c[2]; };
LL_STATIC_ASSERT(temperature_event, sizeof(struct ll_temperature_event) == 3 && offsetof(struct
    ll_temperature_event, temperature_centi_c) == 1);
struct ll_laser_off_event { uint8_t cause[1]; };
LL_STATIC_ASSERT(laser_off_event, sizeof(struct ll_laser_off_event) == 1 && offsetof(struct
    ll_laser_off_event, cause) == 0);
struct ll_descriptor_read { uint8_t request_id[2]; uint8_t offset[2]; };
LL_STATIC_ASSERT(descriptor_read, sizeof(struct ll_descriptor_read) == 4 && offsetof(struct
    ll_descriptor_read, offset) == 2);
struct ll_descriptor_part { uint8_t request_id[2]; uint8_t total_bytes[2]; uint8_t offset[2]; };
LL_STATIC_ASSERT(descriptor_part, sizeof(struct ll_descriptor_part) == 6 && offsetof(struct
    ll_descriptor_part, offset) == 4);
struct ll_sensor_mode { uint8_t id[1]; };
LL_STATIC_ASSERT(sensor_mode, sizeof(struct ll_sensor_mode) == 1 && offsetof(struct ll_sensor_mode, id) == 0);
struct ll_sensor_noise { uint8_t formats[4]; uint8_t gain_from_milli[4]; uint8_t full_scale_e[4];
    uint8_t read_noise_me[4]; };
LL_STATIC_ASSERT(sensor_noise, sizeof(struct ll_sensor_noise) == 16 && offsetof(struct ll_sensor_noise,
    read_noise_me) == 12);
struct ll_descriptor { uint8_t module_id[8]; };
LL_STATIC_ASSERT(descriptor, sizeof(struct ll_descriptor) == 8 && offsetof(struct ll_descriptor, module_id) ==
    0);
struct ll_control_list { uint8_t request_id[2]; uint8_t start[1]; };
LL_STATIC_ASSERT(control_list, sizeof(struct ll_control_list) == 3 && offsetof(struct ll_control_list, start)
    == 2);
struct ll_control_info { uint8_t id[2]; };
LL_STATIC_ASSERT(control_info, sizeof(struct ll_control_info) == 2 && offsetof(struct ll_control_info, id) ==
    0);
struct ll_control_infos { uint8_t request_id[2]; uint8_t total[1]; uint8_t start[1]; };
LL_STATIC_ASSERT(control_infos, sizeof(struct ll_control_infos) == 4 && offsetof(struct ll_control_infos,
    start) == 3);
struct ll_control_value { uint8_t id[2]; uint8_t type[1]; uint8_t value[8]; };
LL_STATIC_ASSERT(control_value, sizeof(struct ll_control_value) == 11 && offsetof(struct ll_control_value,
    value) == 3);
struct ll_control_id { uint8_t id[2]; };
LL_STATIC_ASSERT(control_id, sizeof(struct ll_control_id) == 2 && offsetof(struct ll_control_id, id) == 0);
struct ll_control_get { uint8_t request_id[2]; };
LL_STATIC_ASSERT(control_get, sizeof(struct ll_control_get) == 2 && offsetof(struct ll_control_get,
    request_id) == 0);
struct ll_control_values { uint8_t request_id[2]; uint8_t set_id[4]; };
LL_STATIC_ASSERT(control_values, sizeof(struct ll_control_values) == 6 && offsetof(struct ll_control_values,
    set_id) == 2);
struct ll_control_set { uint8_t request_id[2]; };
LL_STATIC_ASSERT(control_set, sizeof(struct ll_control_set) == 2 && offsetof(struct ll_control_set,
    request_id) == 0);
struct ll_control_set_reply { uint8_t request_id[2]; uint8_t set_id[4]; };
LL_STATIC_ASSERT(control_set_reply, sizeof(struct ll_control_set_reply) == 6 && offsetof(struct
    ll_control_set_reply, set_id) == 2);
struct ll_control_changed { uint8_t set_id[4]; uint8_t id[2]; uint8_t type[1]; uint8_t value[8]; };
LL_STATIC_ASSERT(control_changed, sizeof(struct ll_control_changed) == 15 && offsetof(struct
    ll_control_changed, value) == 7);
struct ll_image_start { uint8_t image_id[4]; uint8_t bits[1]; uint8_t width[2]; uint8_t height[2];
    uint8_t mode_id[1]; uint8_t encoding[1]; uint8_t coded_bytes[8]; uint8_t decoded_bytes[8];
    uint8_t chunk_bytes[2]; uint8_t timestamp_ns[8]; uint8_t exposure_us[4]; uint8_t control_set_id[4];
    uint8_t black_level[2]; uint8_t white_level[2]; uint8_t digest_kind[1]; };
LL_STATIC_ASSERT(image_start, sizeof(struct ll_image_start) == 50 && offsetof(struct ll_image_start,
    digest_kind) == 49);
struct ll_image_data { uint8_t image_id[4]; uint8_t offset[8]; };
LL_STATIC_ASSERT(image_data, sizeof(struct ll_image_data) == 12 && offsetof(struct ll_image_data, offset) ==
    4);
struct ll_image_digests { uint8_t image_id[4]; uint8_t image_digest[8]; uint8_t first_strip[2]; };
LL_STATIC_ASSERT(image_digests, sizeof(struct ll_image_digests) == 14 && offsetof(struct ll_image_digests,
    first_strip) == 12);
struct ll_image_gone { uint8_t image_id[4]; };
LL_STATIC_ASSERT(image_gone, sizeof(struct ll_image_gone) == 4 && offsetof(struct ll_image_gone, image_id) ==
    0);
struct ll_range { uint8_t offset[8]; uint8_t length[4]; };
LL_STATIC_ASSERT(range, sizeof(struct ll_range) == 12 && offsetof(struct ll_range, length) == 8);
struct ll_resend { uint8_t image_id[4]; uint8_t wanted[1]; };
LL_STATIC_ASSERT(resend, sizeof(struct ll_resend) == 5 && offsetof(struct ll_resend, wanted) == 4);
struct ll_stream_configure { uint8_t request_id[2]; uint8_t channel[1]; uint8_t mode_id[1]; uint8_t bits[1];
    uint8_t x[2]; uint8_t y[2]; uint8_t width[2]; uint8_t height[2]; };
LL_STATIC_ASSERT(stream_configure, sizeof(struct ll_stream_configure) == 13 && offsetof(struct
    ll_stream_configure, height) == 11);
struct ll_stream_configured { uint8_t request_id[2]; uint8_t channel[1]; uint8_t width[2]; uint8_t height[2];
    uint8_t coded_bytes[8]; uint8_t chunk_bytes[2]; uint8_t frames_per_image[4]; uint8_t interval_us[4];
    uint8_t draw_ma[2]; };
LL_STATIC_ASSERT(stream_configured, sizeof(struct ll_stream_configured) == 27 && offsetof(struct
    ll_stream_configured, draw_ma) == 25);
struct ll_stream_start { uint8_t request_id[2]; uint8_t channel[1]; uint8_t images[4]; };
LL_STATIC_ASSERT(stream_start, sizeof(struct ll_stream_start) == 7 && offsetof(struct ll_stream_start, images)
    == 3);
struct ll_stream_started { uint8_t request_id[2]; uint8_t channel[1]; uint8_t first_image_id[4];
    uint8_t first_sequence[4]; };
LL_STATIC_ASSERT(stream_started, sizeof(struct ll_stream_started) == 11 && offsetof(struct ll_stream_started,
    first_sequence) == 7);
struct ll_stream_stop { uint8_t request_id[2]; uint8_t channel[1]; };
LL_STATIC_ASSERT(stream_stop, sizeof(struct ll_stream_stop) == 3 && offsetof(struct ll_stream_stop, channel)
    == 2);
struct ll_stream_stopped { uint8_t request_id[2]; uint8_t channel[1]; uint8_t images[4]; };
LL_STATIC_ASSERT(stream_stopped, sizeof(struct ll_stream_stopped) == 7 && offsetof(struct ll_stream_stopped,
    images) == 3);
struct ll_stream_changed { uint8_t channel[1]; uint8_t change[1]; uint8_t interval_us[4]; };
LL_STATIC_ASSERT(stream_changed, sizeof(struct ll_stream_changed) == 6 && offsetof(struct ll_stream_changed,
    interval_us) == 2);
struct ll_stream_ended { uint8_t channel[1]; uint8_t end[1]; uint8_t start_id[2]; uint8_t images[4]; };
LL_STATIC_ASSERT(stream_ended, sizeof(struct ll_stream_ended) == 8 && offsetof(struct ll_stream_ended, images)
    == 4);
struct ll_update_begin { uint8_t request_id[2]; uint8_t total_bytes[4]; uint8_t digest[8]; };
LL_STATIC_ASSERT(update_begin, sizeof(struct ll_update_begin) == 14 && offsetof(struct ll_update_begin,
    digest) == 6);
struct ll_update_data { uint8_t request_id[2]; uint8_t offset[4]; };
LL_STATIC_ASSERT(update_data, sizeof(struct ll_update_data) == 6 && offsetof(struct ll_update_data, offset) ==
    2);
struct ll_update_end { uint8_t request_id[2]; };
LL_STATIC_ASSERT(update_end, sizeof(struct ll_update_end) == 2 && offsetof(struct ll_update_end, request_id)
    == 0);
struct ll_update_status { uint8_t request_id[2]; uint8_t received_bytes[4]; };
LL_STATIC_ASSERT(update_status, sizeof(struct ll_update_status) == 6 && offsetof(struct ll_update_status,
    received_bytes) == 2);
struct ll_file_read { uint8_t request_id[2]; uint8_t offset[4]; };
LL_STATIC_ASSERT(file_read, sizeof(struct ll_file_read) == 6 && offsetof(struct ll_file_read, offset) == 2);
struct ll_file_part { uint8_t request_id[2]; uint8_t total_bytes[4]; uint8_t offset[4]; };
LL_STATIC_ASSERT(file_part, sizeof(struct ll_file_part) == 10 && offsetof(struct ll_file_part, offset) == 6);
struct ll_echo { uint8_t request_id[2]; };
LL_STATIC_ASSERT(echo, sizeof(struct ll_echo) == 2 && offsetof(struct ll_echo, request_id) == 0);
struct ll_echo_reply { uint8_t request_id[2]; };
LL_STATIC_ASSERT(echo_reply, sizeof(struct ll_echo_reply) == 2 && offsetof(struct ll_echo_reply, request_id)
    == 0);
struct ll_log { uint8_t level[1]; };
LL_STATIC_ASSERT(log, sizeof(struct ll_log) == 1 && offsetof(struct ll_log, level) == 0);
struct ll_train { uint8_t request_id[2]; uint8_t lane[1]; };
LL_STATIC_ASSERT(train, sizeof(struct ll_train) == 3 && offsetof(struct ll_train, lane) == 2);
struct ll_train_started { uint8_t request_id[2]; uint8_t lane[1]; };
LL_STATIC_ASSERT(train_started, sizeof(struct ll_train_started) == 3 && offsetof(struct ll_train_started,
    lane) == 2);
struct ll_train_result { uint8_t request_id[2]; uint8_t seating[1]; uint8_t frames[4]; uint8_t bits[8];
    uint8_t bit_errors[8]; };
LL_STATIC_ASSERT(train_result, sizeof(struct ll_train_result) == 23 && offsetof(struct ll_train_result,
    bit_errors) == 15);
struct ll_train_status { uint8_t request_id[2]; uint8_t resumed[1]; };
LL_STATIC_ASSERT(train_status, sizeof(struct ll_train_status) == 3 && offsetof(struct ll_train_status,
    resumed) == 2);

/* One row of the catalogue, for what a module receives, in eight bytes. `channels` has the first in its low
 * nibble and the last in its high one; `states` has bit n set where module state n may receive it; `layout`
 * is where ll_layouts says what its payload is, in ll_layout_code. */
struct ll_row {
    uint8_t type, is_request, channels, feature;
    uint16_t states, layout;
};

/* One row of the module's machine, in two bytes. Those of state n begin at ll_transition_start[n]. */
#define LL_TRANSITION(input, action, state) ((input) << 10 | (action) << 4 | (state))
#define LL_TRANSITION_INPUT(row) ((row) >> 10)
#define LL_TRANSITION_ACTION(row) ((row) >> 4 & 0x3Fu)
#define LL_TRANSITION_STATE(row) ((row) & 0xFu)

/* The CRC's register is shifted by four bits for each half of a byte, low half first. */
extern const uint32_t ll_crc_table[16];
extern const uint8_t ll_layouts[];
extern const struct ll_row ll_catalogue[LL_ROWS];
/* Bit n % 8 of byte n / 8 is set for each type n that only a module sends. */
extern const uint8_t ll_sent_types[LL_SENT_TYPE_BYTES];
extern const uint16_t ll_transitions[LL_TRANSITIONS];
extern const uint8_t ll_transition_start[LL_MODULE_STATES + 1];
/* One line for a person for each code from 1 on, behind each other, each ended by a zero. */
extern const char ll_error_texts[];

#endif
