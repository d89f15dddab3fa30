/* The control store: what can be set on the module, within which bounds, and what is in force. */
#ifndef LASERLINK_CONTROLS_H
#define LASERLINK_CONTROLS_H

#include "link.h"

/* The values after boot. */
void ll_controls_reset(struct ll_module *module);
/* The temperature, as the control of it tells it. */
void ll_controls_feel(struct ll_module *module);
/* Tells the host when the temperature is a degree from what it takes it to be. */
void ll_controls_tell(struct ll_module *module);
/* A new host takes the defaults for what is in force. */
void ll_controls_forget_told(struct ll_module *module);
/* Sets all values of a ControlSet, or none and says why. */
uint8_t ll_controls_set(struct ll_module *module, const struct ll_frame *request);
/* Write the payloads of the replies; `size` is that of the payload. */
uint8_t ll_controls_get(struct ll_module *module, const struct ll_frame *request,
                                  uint8_t *payload, size_t *size);
uint8_t ll_controls_list(struct ll_module *module, const struct ll_frame *request,
                                   uint8_t *payload, size_t *size);

#endif
