/* Eight pixels in 16 bytes, one way for RAW10, RAW12 and RAW14: the tables of AVX2 and NEON, which share the
 * byte shuffle that gives zero for a negative index. */
#ifndef LL_SHUFFLES_H
#define LL_SHUFFLES_H
#include "raw.h"

/* unpack: pixel = high byte << (bits - 8) | its low bits, brought to the top by a multiplication and
 * shifted down again. pack: the low bits of 4 pixels (2 for RAW12) meet in one 64-bit word. */
typedef struct {
    int8_t high[16], low[16];   /* unpack: where the high byte and the low bits of each pixel are */
    uint16_t to_top[8];         /* unpack: powers of two that bring the low bits to the top of a word */
    int8_t pack_high[16], pack_low[16];
    uint16_t weight[8];         /* pack: the place of the low bits in a pair of pixels */
} ll_shuffle;

#define LL_Z (-128)
static const ll_shuffle ll_shuffle10 = {
    {LL_Z, 0, LL_Z, 1, LL_Z, 2, LL_Z, 3, LL_Z, 5, LL_Z, 6, LL_Z, 7, LL_Z, 8},
    {4, LL_Z, 4, LL_Z, 4, LL_Z, 4, LL_Z, 9, LL_Z, 9, LL_Z, 9, LL_Z, 9, LL_Z},
    {1 << 14, 1 << 12, 1 << 10, 1 << 8, 1 << 14, 1 << 12, 1 << 10, 1 << 8},
    {0, 2, 4, 6, LL_Z, 8, 10, 12, 14, LL_Z, LL_Z, LL_Z, LL_Z, LL_Z, LL_Z, LL_Z},
    {LL_Z, LL_Z, LL_Z, LL_Z, 0, LL_Z, LL_Z, LL_Z, LL_Z, 8, LL_Z, LL_Z, LL_Z, LL_Z, LL_Z, LL_Z},
    {1, 4, 1, 4, 1, 4, 1, 4},
};
static const ll_shuffle ll_shuffle12 = {
    {LL_Z, 0, LL_Z, 1, LL_Z, 3, LL_Z, 4, LL_Z, 6, LL_Z, 7, LL_Z, 9, LL_Z, 10},
    {2, LL_Z, 2, LL_Z, 5, LL_Z, 5, LL_Z, 8, LL_Z, 8, LL_Z, 11, LL_Z, 11, LL_Z},
    {1 << 12, 1 << 8, 1 << 12, 1 << 8, 1 << 12, 1 << 8, 1 << 12, 1 << 8},
    {0, 2, LL_Z, 4, 6, LL_Z, 8, 10, LL_Z, 12, 14, LL_Z, LL_Z, LL_Z, LL_Z, LL_Z},
    {LL_Z, LL_Z, 0, LL_Z, LL_Z, 4, LL_Z, LL_Z, 8, LL_Z, LL_Z, 12, LL_Z, LL_Z, LL_Z, LL_Z},
    {1, 16, 1, 16, 1, 16, 1, 16},
};
static const ll_shuffle ll_shuffle14 = {
    {LL_Z, 0, LL_Z, 1, LL_Z, 2, LL_Z, 3, LL_Z, 7, LL_Z, 8, LL_Z, 9, LL_Z, 10},
    {4, 5, 4, 5, 5, 6, 5, 6, 11, 12, 11, 12, 12, 13, 12, 13},
    {1 << 10, 1 << 4, 1 << 6, 1, 1 << 10, 1 << 4, 1 << 6, 1},
    {0, 2, 4, 6, LL_Z, LL_Z, LL_Z, 8, 10, 12, 14, LL_Z, LL_Z, LL_Z, LL_Z, LL_Z},
    {LL_Z, LL_Z, LL_Z, LL_Z, 0, 1, 2, LL_Z, LL_Z, LL_Z, LL_Z, 8, 9, 10, LL_Z, LL_Z},
    {1, 64, 1, 64, 1, 64, 1, 64},
};
#endif
