#include "crc.h"

#include "laserlink_wire.h"

uint32_t ll_crc32(uint32_t before, const uint8_t *bytes, size_t count) {
    uint32_t crc = ~before;
    for (size_t at = 0; at < count; at++) {
        crc = ll_crc_table[(crc ^ bytes[at]) & 0xFu] ^ crc >> 4;
        crc = ll_crc_table[(crc ^ (uint32_t)(bytes[at] >> 4)) & 0xFu] ^ crc >> 4;
    }
    return ~crc;
}
