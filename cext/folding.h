/* Constants of carry-less folding (Gopal et al., "Fast CRC computation using PCLMULQDQ", Intel, 2009) for
 * CRC-32/AUTOSAR, and their derivation. Every SIMD variant uses the same; they are computed, not copied.
 *
 * The data are one polynomial over GF(2). In a 16-byte block the lowest bit of the first byte has the
 * highest degree, so bit k of a block stands for x^(127-k), and bit i of the low half for x^(63-i) * x^64.
 * A carry-less product of two 64-bit halves has 127 bits, one less than a block: read as a block it is the
 * product times x.
 *
 * To fold a block by n bits is to replace it by a congruent one that stands n bits later:
 *     low half * x^(n+64)  +  high half * x^n.
 * A factor x^(m+32) is the 64-bit word `(x^m mod P) << 1`, with that extra x taken into account.
 *
 * The end, from the last block V = A * x^64 + B to the CRC V * x^32 mod P, takes three products:
 *     W = A * x^96 + B * x^32          (96 bits; bit k stands for x^(95-k))
 *     q = floor(floor(W / x^32) * floor(x^96 / P) / x^64)     (Barrett's quotient, exact)
 *     crc = W + q * P                  (its lowest 32 degrees, bits 64 to 95) */
#ifndef LL_FOLDING_H
#define LL_FOLDING_H
#include "crc.h"

/* Blocks in the widest step: eight vectors of 512 bits. */
#define LL_FOLD_BLOCKS 32

/* Each pair: the factor of the low half, then that of the high half. */
static struct {
    uint64_t to_last[LL_FOLD_BLOCKS][2]; /* row b: from 31 - b blocks before the last block into it */
    uint64_t by_8_blocks[2], by_32_blocks[2];
    uint64_t end_low, end_quotient; /* x^96, floor(x^96 / P) */
    uint64_t end_polynomial[2];     /* P, 33 bits, and zero */
} ll_fold __attribute__((aligned(64)));

/* Zeros, then 0 to 15, then zeros (negative): loaded from 16 + n on, a shuffle to the front by n bytes;
 * from n on, a shuffle to the back that keeps the first n bytes. */
static const int8_t ll_slide[48] = {
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0,  1,  2,  3,  4,  5,  6,  7,
    8,  9,  10, 11, 12, 13, 14, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
};

/* Where x^m mod P goes, for the pairs of a fold by n bits: m = n + 32 and n - 32. */
static void ll_fold_note(int power, uint32_t value)
{
    uint64_t word = (uint64_t)value << 1;
    for (int high = 0; high < 2; high++) {
        int distance = high ? power + 32 : power - 32;
        if (distance < 0 || distance % 128 != 0)
            continue;
        if (distance / 128 < LL_FOLD_BLOCKS)
            ll_fold.to_last[LL_FOLD_BLOCKS - 1 - distance / 128][high] = word;
        if (distance == 8 * 128)
            ll_fold.by_8_blocks[high] = word;
        if (distance == 32 * 128)
            ll_fold.by_32_blocks[high] = word;
    }
}

static void ll_fold_build_constants(void)
{
    uint32_t value = 0x80000000u; /* x^0 */
    for (int power = 0; power > -32; power--) /* divided by x: P has the term 1, so that this is exact */
        value = (value & 0x80000000u) ? (value ^ LL_CRC_POLY_REFLECTED) << 1 | 1 : value << 1;
    for (int power = -32; power <= 32 * 128 + 32; power++) {
        ll_fold_note(power, value);
        if (power == 96)
            ll_fold.end_low = (uint64_t)value << 1;
        value = ll_crc_times_x(value);
    }
    uint32_t rest = LL_CRC_POLY_REFLECTED; /* x^32 mod P, after the quotient's first bit */
    ll_fold.end_quotient = 1;
    for (int bit = 1; bit < 64; bit++, rest = ll_crc_times_x(rest))
        ll_fold.end_quotient |= (uint64_t)(rest & 1) << bit;
    ll_fold.end_polynomial[0] = (uint64_t)LL_CRC_POLY_REFLECTED << 1 | 1;
}
#endif
