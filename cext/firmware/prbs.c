#include "prbs.h"

#define REGISTER_MASK UINT32_C(0x7FFFFFFF)

void ll_prbs31(uint32_t sequence, uint8_t *bytes, size_t count) {
    uint32_t bits = sequence & REGISTER_MASK;
    bits = bits ? bits : REGISTER_MASK;
    /* b[n] = b[n - 31] xor b[n - 28]: the next eight bits depend on none of each other. */
    for (size_t at = 0; at < count; at++) {
        uint32_t fed_back = (bits ^ bits >> 3) & 0xFFu;
        bytes[at] = (uint8_t)bits;
        bits = bits >> 8 | fed_back << 23;
    }
}
