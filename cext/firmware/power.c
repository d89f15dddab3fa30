#include "power.h"

#include "octets.h"

#define NS_PER_S UINT64_C(1000000000)
/* What a lane without a rate is taken for: as fast as the laser. */
#define UNRATED_BPS UINT64_C(10000000000)

bool ll_is_contracted(const struct ll_module *module) {
    return module->power_phase == LL_POWER_PHASE_CONTRACTED;
}

static uint16_t laser_ma(const struct ll_module *module) {
    return ll_lane_of(module, LL_LANE_KIND_OPTICAL) ? module->facts->laser_ma : 0;
}

/* What a stream draws before the first bit is read out. */
static uint16_t base_ma(const struct ll_module *module) {
    const struct ll_facts *facts = module->facts;
    return (uint16_t)(facts->idle_ma + facts->sensor_on_ma + laser_ma(module));
}

static uint64_t full_bps(const struct ll_module *module) {
    /* Before a host is there: the rate of the lane that images will take if it has it as well. */
    const struct ll_lane *optical = ll_lane_of(module, LL_LANE_KIND_OPTICAL);
    const struct ll_lane *lane = optical ? optical : ll_lane_of(module, LL_LANE_KIND_SIDEBAND);
    return lane->rate_bps ? lane->rate_bps : UNRATED_BPS;
}

bool ll_covers_stream(const struct ll_module *module, uint16_t limit_ma) {
    return limit_ma > base_ma(module) + module->facts->reserve_ma;
}

bool ll_sensor_on(const struct ll_module *module) {
    return ll_is_contracted(module) && ll_covers_stream(module, module->limit_ma);
}

uint16_t ll_stream_ma(const struct ll_module *module, uint64_t bits, uint64_t interval_ns) {
    /* 1 Gb/s is one bit a nanosecond. */
    uint64_t scaled = module->facts->readout_ma_per_gbps * bits;
    return (uint16_t)(base_ma(module) + (scaled + interval_ns - 1) / interval_ns);
}

uint16_t ll_operating_ma(const struct ll_module *module) {
    return ll_stream_ma(module, full_bps(module), NS_PER_S);
}

uint64_t ll_power_interval_ns(const struct ll_module *module, uint64_t coded_bits) {
    uint64_t left_ma = (uint64_t)(module->limit_ma - module->facts->reserve_ma - base_ma(module));
    uint64_t bps = full_bps(module);
    uint64_t by_lane = (coded_bits * NS_PER_S + bps - 1) / bps;
    uint64_t by_power = (coded_bits * module->facts->readout_ma_per_gbps + left_ma - 1) / left_ma;
    return by_lane > by_power ? by_lane : by_power;
}

void ll_power_end(struct ll_module *module, enum ll_power_phase phase) {
    module->power_phase = (uint8_t)phase;
    module->limit_ma = LL_DEFAULT_MA;
}

void ll_power_derate(struct ll_module *module, uint16_t limit_ma) {
    uint16_t limit = limit_ma < module->offered_ma ? limit_ma : module->offered_ma;
    module->limit_ma = limit > LL_DEFAULT_MA ? limit : LL_DEFAULT_MA;
}

uint8_t ll_power_request(struct ll_module *module, const struct ll_frame *request,
                                   struct ll_power_request *reply) {
    uint32_t least = (uint32_t)base_ma(module) + module->facts->reserve_ma;
    uint32_t most = (uint32_t)ll_operating_ma(module) + module->facts->reserve_ma;
    const struct ll_power_offer *offers = (const struct ll_power_offer *)(request->payload + 3);
    for (uint8_t index = 0; index < request->payload[2]; index++) {
        uint16_t current_ma = ll_get16(offers[index].current_ma);
        if (ll_get16(offers[index].voltage_mv) != module->facts->rail_mv || current_ma <= least) {
            continue;
        }
        module->power_phase = LL_POWER_PHASE_REQUESTED;
        module->limit_ma = LL_DEFAULT_MA;
        module->offered_ma = (uint16_t)(current_ma < most ? current_ma : most);
        reply->offer[0] = index;
        ll_put16(reply->operating_ma, (uint32_t)(module->offered_ma - module->facts->reserve_ma));
        ll_put16(reply->reserve_ma, module->facts->reserve_ma);
        return 0;
    }
    return ll_refuse(module, LL_ERROR_CODE_POWER_BUDGET, least);
}

/* Microampere of the streams that run. */
static uint64_t dynamic_ua(const struct ll_module *module) {
    uint64_t sum = 0;
    FOR_EACH_STREAM(const struct ll_stream *, stream, module) {
        if (stream->active) {
            uint64_t bits = (uint64_t)stream->layout.coded_bytes * 8;
            sum += bits * module->facts->readout_ma_per_gbps * 1000 / stream->interval_ns;
        }
    }
    return sum;
}

static uint16_t draw_ma(const struct ll_module *module) {
    const struct ll_facts *facts = module->facts;
    uint32_t idle = facts->idle_ma;
    if (!ll_is_contracted(module)) {
        return (uint16_t)idle;
    }
    uint32_t lit = ll_laser(module) ? laser_ma(module) : 0;
    if (!ll_sensor_on(module)) {
        return (uint16_t)(idle + lit);
    }
    return (uint16_t)(idle + facts->sensor_on_ma + lit + (uint32_t)((dynamic_ua(module) + 500) / 1000));
}

void ll_power_status(const struct ll_module *module, struct ll_power_status *reply) {
    reply->phase[0] = module->power_phase;
    ll_put16(reply->limit_ma, module->limit_ma);
    ll_put16(reply->draw_ma, draw_ma(module));
}
