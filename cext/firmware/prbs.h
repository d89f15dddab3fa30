/* PRBS31, the training pattern. */
#ifndef LASERLINK_PRBS_H
#define LASERLINK_PRBS_H

#include <stddef.h>
#include <stdint.h>

/* Writes `count` bytes of the pattern of the frame with this sequence. */
void ll_prbs31(uint32_t sequence, uint8_t *bytes, size_t count);

#endif
