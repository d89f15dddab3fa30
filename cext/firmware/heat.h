/* What the temperature does to the module: two levels with hysteresis, and streams that slow down in steps. */
#ifndef LASERLINK_HEAT_H
#define LASERLINK_HEAT_H

#include "laserlink.h"

/* Fits level and slow-down to the temperature. */
void ll_feel_again(struct ll_module *module);
/* What the heat asks for, after it was announced; or less, at once. */
void ll_slow_down(struct ll_module *module);
/* Tells of another level. */
void ll_tell_temperature(struct ll_module *module);

#endif
