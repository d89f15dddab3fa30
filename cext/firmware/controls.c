#include "controls.h"

#include <string.h>

#include "octets.h"

#define VALUE_BYTES 11u
#define INFOS_PREFIX_BYTES 5u
/* Of one control, with the lengths of its two texts. */
#define INFO_FIXED_BYTES 30u
#define TOLD_CENTI_C 100
#define CENTI_C_MIN (-4000)
#define CENTI_C_MAX 12500
#define ROOM_CENTI_C 2500

static int index_of(const struct ll_module *module, uint16_t id) {
    for (int at = 0; at < module->facts->control_count; at++) {
        if (module->facts->controls[at].id == id) {
            return at;
        }
    }
    return -1;
}

const union ll_value *ll_control_value(const struct ll_module *module, uint16_t id) {
    int index = index_of(module, id);
    return index < 0 ? NULL : &module->values[index];
}

void ll_controls_reset(struct ll_module *module) {
    for (size_t at = 0; at < module->facts->control_count; at++) {
        module->values[at] = module->facts->controls[at].initial;
    }
    module->set_id = 0;
}

/* --- the temperature, which is a control and changes by itself --- */

/* The temperature as far as the control goes: a broken thermometer reads anything. */
static int32_t told_range(int32_t centi_c) {
    return centi_c < CENTI_C_MIN ? CENTI_C_MIN : centi_c > CENTI_C_MAX ? CENTI_C_MAX : centi_c;
}

void ll_controls_feel(struct ll_module *module) {
    int index = index_of(module, LL_CONTROL_SENSOR_TEMPERATURE);
    if (index >= 0) {
        module->values[index].real = (float)told_range(module->centi_c) / 100.0f;
    }
}

void ll_controls_forget_told(struct ll_module *module) {
    module->told_centi_c = ROOM_CENTI_C;
}

static void tell_change(struct ll_module *module, int index) {
    const struct ll_control *control = &module->facts->controls[index];
    struct ll_control_changed event;
    module->set_id++;
    ll_put32(event.set_id, module->set_id);
    ll_put16(event.id, control->id);
    event.type[0] = control->type;
    ll_put64(event.value, module->values[index].bits);
    ll_tell(module, LL_TYPE_CONTROL_CHANGED, (const uint8_t *)&event, sizeof event);
}

void ll_controls_tell(struct ll_module *module) {
    int index = index_of(module, LL_CONTROL_SENSOR_TEMPERATURE);
    int32_t centi_c = told_range(module->centi_c), moved = centi_c - module->told_centi_c;
    if (index >= 0 && (moved >= TOLD_CENTI_C || moved <= -TOLD_CENTI_C)) {
        module->told_centi_c = (int16_t)centi_c;
        tell_change(module, index);
    }
}

/* --- what the host asks --- */

/* Whether a value lies within bounds that are read as its type says. */
static bool is_within(uint8_t type, union ll_value value, const struct ll_control *control) {
    if (type == LL_VALUE_TYPE_FLOAT) {
        return value.real >= control->minimum.real && value.real <= control->maximum.real;
    }
    return value.integer >= control->minimum.integer && value.integer <= control->maximum.integer;
}

static uint8_t check(struct ll_module *module, const struct ll_control *control, const struct ll_control_value *given) {
    union ll_value value = {.bits = ll_get64(given->value)};
    if (control->read_only) {
        return ll_refuse(module, LL_ERROR_CODE_READ_ONLY, control->id);
    }
    if (given->type[0] != control->type) {
        return ll_refuse(module, LL_ERROR_CODE_WRONG_VALUE_TYPE, control->id);
    }
    if (control->type == LL_VALUE_TYPE_FLOAT && value.real != value.real) {
        return ll_refuse(module, LL_ERROR_CODE_MALFORMED_PAYLOAD, 0);
    }
    if (control->type == LL_VALUE_TYPE_BOOL && value.bits > 1) {
        module->offending_value = (uint32_t)value.bits;
        module->offending_high = (uint32_t)(value.bits >> 32);
        return LL_ERROR_CODE_MALFORMED_PAYLOAD;
    }
    bool is_fine = is_within(control->type, value, control);
    return is_fine ? 0 : ll_refuse(module, LL_ERROR_CODE_VALUE_OUT_OF_RANGE, control->id);
}

static uint8_t check_set(struct ll_module *module, const struct ll_control_value *given) {
    uint16_t id = ll_get16(given->id);
    int index = index_of(module, id);
    return index < 0 ? ll_refuse(module, LL_ERROR_CODE_UNKNOWN_CONTROL, id)
                     : check(module, &module->facts->controls[index], given);
}

uint8_t ll_controls_set(struct ll_module *module, const struct ll_frame *request) {
    const struct ll_control_value *given = (const struct ll_control_value *)(request->payload + 3);
    uint8_t offence = 0;
    for (size_t at = 0; !offence && at < request->payload[2]; at++) {
        offence = check_set(module, &given[at]);
    }
    if (offence) {
        return offence;
    }
    for (size_t at = 0; at < request->payload[2]; at++) {
        module->values[index_of(module, ll_get16(given[at].id))].bits = ll_get64(given[at].value);
    }
    module->set_id++;
    return 0;
}

uint8_t ll_controls_get(struct ll_module *module, const struct ll_frame *request, uint8_t *payload, size_t *size) {
    uint8_t count = request->payload[2], *at = payload + 7;
    ll_put32(payload + 2, module->set_id);
    payload[6] = count;
    for (size_t item = 0; item < count; item++, at += VALUE_BYTES) {
        uint16_t id = ll_get16(request->payload + 3 + 2 * item);
        int index = index_of(module, id);
        if (index < 0) {
            return ll_refuse(module, LL_ERROR_CODE_UNKNOWN_CONTROL, id);
        }
        ll_put16(at, id);
        at[2] = module->facts->controls[index].type;
        ll_put64(at + 3, module->values[index].bits);
    }
    *size = (size_t)(at - payload);
    return 0;
}

static uint8_t *put_text(uint8_t *at, const char *text) {
    size_t size = strlen(text);
    *at++ = (uint8_t)size;
    memcpy(at, text, size);
    return at + size;
}

static uint8_t *put_info(uint8_t *at, const struct ll_control *control) {
    ll_put16(at, control->id);
    at = put_text(at + 2, control->name);
    at = put_text(at, control->unit);
    *at++ = control->type;
    *at++ = control->read_only;
    ll_put64(at, control->minimum.bits);
    ll_put64(at + 8, control->maximum.bits);
    ll_put64(at + 16, control->initial.bits);
    return at + 24;
}

uint8_t ll_controls_list(struct ll_module *module, const struct ll_frame *request, uint8_t *payload, size_t *size) {
    const uint8_t *end = payload + module->out_bytes_max - LL_OVERHEAD_BYTES;
    uint8_t *at = payload + INFOS_PREFIX_BYTES;
    uint8_t start = request->payload[2], next = start;
    for (; next < module->facts->control_count; next++) {
        const struct ll_control *control = &module->facts->controls[next];
        if ((size_t)(end - at) < INFO_FIXED_BYTES + strlen(control->name) + strlen(control->unit)) {
            break;
        }
        at = put_info(at, control);
    }
    payload[2] = module->facts->control_count;
    payload[3] = start;
    payload[4] = (uint8_t)(next - start);
    *size = (size_t)(at - payload);
    return start < module->facts->control_count ? 0 : ll_refuse(module, LL_ERROR_CODE_OUT_OF_BOUNDS, start);
}
