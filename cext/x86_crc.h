/* CRC by PCLMULQDQ: eight blocks of 16 bytes a step. The constants and the algebra stand in folding.h. */
#ifndef LL_X86_CRC_H
#define LL_X86_CRC_H
#include "folding.h"
#include <immintrin.h>

#ifndef LL_AVX2 /* the tests compile this for emulated intrinsics, without the target */
#define LL_AVX2 __attribute__((target("avx2,pclmul")))
#endif
#define LL_AVX2_INLINE LL_AVX2 static inline __attribute__((always_inline))

LL_AVX2_INLINE __m128i ll_load128(const void *at)
{
    return _mm_loadu_si128((const __m128i *)at);
}

LL_AVX2_INLINE __m128i ll_fold128(__m128i block, __m128i by)
{
    return _mm_xor_si128(_mm_clmulepi64_si128(block, by, 0x00), _mm_clmulepi64_si128(block, by, 0x11));
}

/* The CRC register after the last block, into which all others are folded. */
LL_AVX2_INLINE uint32_t ll_crc_of_block(__m128i block)
{
    const __m128i end = ll_load128(&ll_fold.end_low), last = ll_load128(&ll_fold.end_polynomial);
    __m128i wide = _mm_xor_si128(_mm_srli_si128(block, 8), _mm_clmulepi64_si128(block, end, 0x00));
    __m128i quotient = _mm_clmulepi64_si128(wide, end, 0x10);
    __m128i out = _mm_xor_si128(wide, _mm_clmulepi64_si128(quotient, last, 0x00));
    return (uint32_t)_mm_extract_epi32(out, 2);
}

/* The bytes in front of the first whole block, and the CRC before them, as what must be added to that block.
 * They are taken as the end of a block that begins with zeros, which have no effect. Needs 16 bytes. */
LL_AVX2_INLINE __m128i ll_crc_lead(uint32_t crc, const uint8_t *data, size_t odd)
{
    __m128i before = _mm_cvtsi32_si128((int)crc);
    __m128i block = _mm_shuffle_epi8(_mm_xor_si128(ll_load128(data), before), ll_load128(ll_slide + odd));
    __m128i spilt = _mm_shuffle_epi8(before, ll_load128(ll_slide + 16 + odd));
    return _mm_xor_si128(ll_fold128(block, ll_load128(ll_fold.to_last[LL_FOLD_BLOCKS - 2])), spilt);
}

/* A lane that the first blocks do not reach stays zero, which has no effect either. */
#define LL_FIRST_BLOCK(i, vector, load, bytes)                                                               \
    lane[i] = vector##xor_si##bytes(lead, load(data));                                                       \
    lead = vector##setzero_si##bytes();                                                                      \
    data += bytes / 8;

LL_AVX2 static uint32_t ll_crc_pclmul(uint32_t crc, const uint8_t *data, size_t size, ll_work *work)
{
    if (size < 16)
        return ll_crc_plain(crc, data, size, work);
    size_t odd = size % 16, blocks = size / 16;
    __m128i zero = _mm_setzero_si128(), lane[8] = {zero, zero, zero, zero, zero, zero, zero, zero};
    __m128i lead = odd ? ll_crc_lead(crc, data, odd) : _mm_cvtsi32_si128((int)crc);
    data += odd;
    if (blocks == 1)
        return ll_crc_of_block(_mm_xor_si128(lead, ll_load128(data)));
    switch ((blocks - 1) % 8) {
    case 7: LL_FIRST_BLOCK(0, _mm_, ll_load128, 128) /* fall through */
    case 6: LL_FIRST_BLOCK(1, _mm_, ll_load128, 128) /* fall through */
    case 5: LL_FIRST_BLOCK(2, _mm_, ll_load128, 128) /* fall through */
    case 4: LL_FIRST_BLOCK(3, _mm_, ll_load128, 128) /* fall through */
    case 3: LL_FIRST_BLOCK(4, _mm_, ll_load128, 128) /* fall through */
    case 2: LL_FIRST_BLOCK(5, _mm_, ll_load128, 128) /* fall through */
    case 1: LL_FIRST_BLOCK(6, _mm_, ll_load128, 128) /* fall through */
    default: LL_FIRST_BLOCK(7, _mm_, ll_load128, 128)
    }
    const __m128i by = ll_load128(ll_fold.by_8_blocks);
    for (size_t steps = (blocks - 1) / 8, some; steps > 0; steps -= some) {
        some = ll_steps_until_work(steps, 128, work);
        for (size_t step = 0; step < some; step++, data += 128)
            for (int i = 0; i < 8; i++)
                lane[i] = _mm_xor_si128(ll_fold128(lane[i], by), ll_load128(data + 16 * i));
        if (work)
            work->step(work);
    }
    for (int i = 0; i < 7; i++)
        lane[7] = _mm_xor_si128(lane[7], ll_fold128(lane[i], ll_load128(ll_fold.to_last[24 + i])));
    return ll_crc_of_block(lane[7]);
}
#endif
