/* The module's descriptor, written from its facts, a part at a time. */
#ifndef LASERLINK_DESCRIPTOR_H
#define LASERLINK_DESCRIPTOR_H

#include "link.h"

/* Bytes of the whole descriptor. */
uint32_t ll_descriptor_bytes(const struct ll_module *module);
/* Writes the part of at most `room` bytes that begins at `offset`; its size. */
size_t ll_descriptor_part(const struct ll_module *module, uint32_t offset, uint8_t *part, size_t room);

#endif
