/* The module's side of the power contract, and what it draws. */
#ifndef LASERLINK_POWER_H
#define LASERLINK_POWER_H

#include "link.h"

#define LL_DEFAULT_MA 100u

bool ll_is_contracted(const struct ll_module *module);
/* Whether a limit leaves anything for a stream, however slow. */
bool ll_covers_stream(const struct ll_module *module, uint16_t limit_ma);
/* Whether the sensor is powered. */
bool ll_sensor_on(const struct ll_module *module);
/* What a stream of so many bits an interval draws, all in all. */
uint16_t ll_stream_ma(const struct ll_module *module, uint64_t bits, uint64_t interval_ns);
/* What a stream at the full rate of the image lane draws. */
uint16_t ll_operating_ma(const struct ll_module *module);
/* The shortest time between images of so many bits that the contract allows. */
uint64_t ll_power_interval_ns(const struct ll_module *module, uint64_t coded_bits);
void ll_power_end(struct ll_module *module, enum ll_power_phase phase);
void ll_power_derate(struct ll_module *module, uint16_t limit_ma);
/* Chooses one of the offers of a PowerCapabilities; writes a PowerRequest. */
uint8_t ll_power_request(struct ll_module *module, const struct ll_frame *request,
                                   struct ll_power_request *reply);
void ll_power_status(const struct ll_module *module, struct ll_power_status *reply);

#endif
