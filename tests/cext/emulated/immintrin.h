/* Stands in for the compiler's <immintrin.h>: SIMDe's emulation in plain C under the names of the intrinsics,
 * so that the AVX-512 source is tested on any x86-64. What SIMDe 0.7.4 lacks or has wrong is added below. */
#ifndef LL_EMULATED_IMMINTRIN_H
#define LL_EMULATED_IMMINTRIN_H
#define SIMDE_NO_NATIVE
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx2.h>
#include <simde/x86/avx512.h>
#include <simde/x86/clmul.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define EMULATED static inline

/* A streaming store to an address that is not aligned is a fault. */
EMULATED void ll_emulated_stream(void *to, const void *from, size_t size)
{
    if ((uintptr_t)to % size != 0)
        abort();
    memcpy(to, from, size);
}

EMULATED void ll_emulated_stream512(void *to, __m512i value)
{
    ll_emulated_stream(to, &value, sizeof value);
}

EMULATED void ll_emulated_stream256(void *to, __m256i value)
{
    ll_emulated_stream(to, &value, sizeof value);
}

/* Masked loads and stores touch no byte whose bit is clear. `width` is bytes to a bit. */
EMULATED __m512i ll_emulated_load(uint64_t mask, const void *from, int width)
{
    uint8_t bytes[64] = {0};
    __m512i value;
    for (int i = 0; i < 64; i++)
        if (mask >> (i / width) & 1)
            bytes[i] = ((const uint8_t *)from)[i];
    memcpy(&value, bytes, sizeof value);
    return value;
}

EMULATED void ll_emulated_store(void *to, uint64_t mask, __m512i value, int width)
{
    uint8_t bytes[64];
    memcpy(bytes, &value, sizeof value);
    for (int i = 0; i < 64; i++)
        if (mask >> (i / width) & 1)
            ((uint8_t *)to)[i] = bytes[i];
}

EMULATED __m512i ll_emulated_widen(__m128i value)
{
    uint8_t bytes[64] = {0};
    __m512i wide;
    memcpy(bytes, &value, sizeof value);
    memcpy(&wide, bytes, sizeof wide);
    return wide;
}

#undef _mm512_madd_epi16 /* SIMDe names four arguments */
#define _mm512_madd_epi16 simde_mm512_madd_epi16
#undef _mm256_stream_si256
#define _mm256_stream_si256 ll_emulated_stream256
#define _mm512_stream_si512 ll_emulated_stream512
#define _mm512_maskz_loadu_epi8(mask, from) ll_emulated_load(mask, from, 1)
#define _mm512_maskz_loadu_epi16(mask, from) ll_emulated_load(mask, from, 2)
#define _mm512_mask_storeu_epi8(to, mask, value) ll_emulated_store(to, mask, value, 1)
#define _mm512_mask_storeu_epi16(to, mask, value) ll_emulated_store(to, mask, value, 2)
#define _mm512_zextsi128_si512 ll_emulated_widen
#endif
