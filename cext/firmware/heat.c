#include "heat.h"

#include "actions.h"
#include "controls.h"
#include "octets.h"
#include "stream.h"

/* Up at the first, down at the second: 0.01 degrees Celsius. */
static const struct { int16_t up, down; } warm = {6000, 5500}, hot = {7500, 6800};
static const struct { uint8_t factor; int16_t up, down; } slowdowns[] = {
    {2, 6000, 5500}, {4, 6500, 6100}, {8, 7000, 6600},
};

void ll_feel_again(struct ll_module *module) {
    uint8_t before = module->slowdown, slowdown = 1;
    int16_t now = module->centi_c;
    bool is_hot = now >= (module->temperature == LL_TEMPERATURE_LEVEL_HOT ? hot.down : hot.up);
    bool is_warm = now >= (module->temperature == LL_TEMPERATURE_LEVEL_NORMAL ? warm.up : warm.down);
    for (size_t at = 0; at < sizeof slowdowns / sizeof *slowdowns; at++) {
        if (now >= (before >= slowdowns[at].factor ? slowdowns[at].down : slowdowns[at].up)) {
            slowdown = slowdowns[at].factor;
        }
    }
    module->temperature = is_hot ? LL_TEMPERATURE_LEVEL_HOT
                                 : is_warm ? LL_TEMPERATURE_LEVEL_WARM : LL_TEMPERATURE_LEVEL_NORMAL;
    module->slowdown = slowdown;
    ll_controls_feel(module);
}

void ll_slow_down(struct ll_module *module) {
    ll_cancel(module, LL_TIMER_DERATE);
    module->streams_slowdown = module->slowdown;
    ll_streams_adjust(module);
}

void ll_tell_temperature(struct ll_module *module) {
    struct ll_temperature_event event;
    event.level[0] = module->temperature;
    ll_put16(event.temperature_centi_c, (uint16_t)module->centi_c);
    ll_tell(module, LL_TYPE_TEMPERATURE_EVENT, (const uint8_t *)&event, sizeof event);
}
