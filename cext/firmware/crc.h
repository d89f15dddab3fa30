/* CRC-32/AUTOSAR, which guards headers and frames. */
#ifndef LASERLINK_CRC_H
#define LASERLINK_CRC_H

#include <stddef.h>
#include <stdint.h>

/* The CRC of `count` bytes, going on from the CRC of what stands before them; 0 begins. */
uint32_t ll_crc32(uint32_t before, const uint8_t *bytes, size_t count);

#endif
