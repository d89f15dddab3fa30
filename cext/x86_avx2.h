/* The x86-64 variant: AVX2 for pixels and digest, PCLMULQDQ for the CRC. Chosen at run time. */
#ifndef LL_X86_AVX2_H
#define LL_X86_AVX2_H
#include "crc.h"
#include "digest.h"
#include "raw.h"
#include <immintrin.h>

#define LL_AVX2 __attribute__((target("avx2,pclmul,sse4.1")))
#define LL_AVX2_INLINE static inline __attribute__((always_inline, target("avx2,pclmul,sse4.1")))

/* ---- CRC: carry-less folding (Gopal et al., Intel, 2009). The constants are computed, not copied. ---- */

static uint64_t ll_fold_by_64[2], ll_fold_by_16[2];

/* A fold by n bits multiplies the low half by x^(n+32) and the high half by x^(n-32), mod P, reflected. */
static void ll_avx2_build_constants(void)
{
    ll_fold_by_64[0] = (uint64_t)ll_crc_power(512 + 32) << 1;
    ll_fold_by_64[1] = (uint64_t)ll_crc_power(512 - 32) << 1;
    ll_fold_by_16[0] = (uint64_t)ll_crc_power(128 + 32) << 1;
    ll_fold_by_16[1] = (uint64_t)ll_crc_power(128 - 32) << 1;
}

LL_AVX2_INLINE __m128i ll_fold(__m128i value, __m128i by, __m128i next)
{
    __m128i low = _mm_clmulepi64_si128(value, by, 0x00);
    __m128i high = _mm_clmulepi64_si128(value, by, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

LL_AVX2_INLINE __m128i ll_load128(const uint8_t *at)
{
    return _mm_loadu_si128((const __m128i *)at);
}

LL_AVX2 static uint32_t ll_crc_pclmul(uint32_t crc, const uint8_t *data, size_t size)
{
    uint8_t folded[16];
    __m128i lane[4];
    if (size < 128)
        return ll_crc_plain(crc, data, size);
    for (int i = 0; i < 4; i++)
        lane[i] = ll_load128(data + 16 * i);
    lane[0] = _mm_xor_si128(lane[0], _mm_cvtsi32_si128((int)crc));
    __m128i by = ll_load128((const uint8_t *)ll_fold_by_64);
    for (data += 64, size -= 64; size >= 64; data += 64, size -= 64)
        for (int i = 0; i < 4; i++)
            lane[i] = ll_fold(lane[i], by, ll_load128(data + 16 * i));
    by = ll_load128((const uint8_t *)ll_fold_by_16);
    for (int i = 1; i < 4; i++)
        lane[0] = ll_fold(lane[0], by, lane[i]);
    for (; size >= 16; data += 16, size -= 16)
        lane[0] = ll_fold(lane[0], by, ll_load128(data));
    _mm_storeu_si128((__m128i *)folded, lane[0]);
    return ll_crc_plain(ll_crc_plain(0, folded, 16), data, size);
}

/* ---- Pixels: 8 of them in each 128-bit half, one way for RAW10, RAW12 and RAW14 ---- */

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

LL_AVX2_INLINE __m256i ll_twice(const void *table)
{
    return _mm256_broadcastsi128_si256(ll_load128(table));
}

LL_AVX2_INLINE __m256i ll_load_halves(const uint8_t *at, size_t apart)
{
    return _mm256_inserti128_si256(_mm256_castsi128_si256(ll_load128(at)), ll_load128(at + apart), 1);
}

/* Eight pixels take `bits` bytes, so 16 take 2 * bits, and the second load reads 16 from `bits` on.
 * Returns the groups that are left for the plain loop; `stream` writes past the caches. */
LL_AVX2_INLINE size_t ll_unpack_avx2(const uint8_t *packed, uint16_t *pixels, size_t groups, int bits,
                                     int group_pixels, const ll_shuffle *shuffle, int stream)
{
    const size_t step = 16 / group_pixels, reads = (16 + bits) * step / (2 * bits) + 1;
    const __m256i high = ll_twice(shuffle->high), low = ll_twice(shuffle->low);
    const __m256i to_top = ll_twice(shuffle->to_top);
    for (; groups >= reads; groups -= step, packed += 2 * bits, pixels += 16) {
        __m256i in = ll_load_halves(packed, bits);
        __m256i upper = _mm256_srli_epi16(_mm256_shuffle_epi8(in, high), 16 - bits);
        __m256i lower = _mm256_mullo_epi16(_mm256_shuffle_epi8(in, low), to_top);
        __m256i out = _mm256_or_si256(upper, _mm256_srli_epi16(lower, 24 - bits));
        if (stream)
            _mm256_stream_si256((__m256i *)pixels, out);
        else
            _mm256_storeu_si256((__m256i *)pixels, out);
    }
    if (stream)
        _mm_sfence(); /* streaming stores are not ordered: other threads must see them */
    return groups;
}

/* Streaming pays for pictures that no cache holds, and needs aligned pixels. */
#define LL_UNPACK_AVX2(bits, group_pixels, group_bytes)                                                     \
    LL_AVX2 static void ll_unpack##bits##_avx2(const uint8_t *packed, uint16_t *pixels, size_t groups)      \
    {                                                                                                       \
        size_t left = (uintptr_t)pixels % 32 == 0                                                           \
            ? ll_unpack_avx2(packed, pixels, groups, bits, group_pixels, &ll_shuffle##bits, 1)              \
            : ll_unpack_avx2(packed, pixels, groups, bits, group_pixels, &ll_shuffle##bits, 0);             \
        size_t done = groups - left;                                                                        \
        ll_unpack##bits##_plain(packed + done * group_bytes, pixels + done * group_pixels, left);           \
    }
LL_UNPACK_AVX2(10, 4, 5)
LL_UNPACK_AVX2(12, 2, 3)
LL_UNPACK_AVX2(14, 4, 7)

/* Packs 16 pixels a step with two 16-byte stores; the bytes behind the second are overwritten by the
 * next step, so the last steps are left to the plain loop. `join` brings the second pair's bits down. */
LL_AVX2_INLINE size_t ll_pack_avx2(const uint16_t *pixels, uint8_t *packed, size_t groups, int bits,
                                   int group_pixels, const ll_shuffle *shuffle, int join, uint16_t *all)
{
    const size_t step = 16 / group_pixels, writes = (16 + bits) * step / (2 * bits) + 1;
    const __m256i high = ll_twice(shuffle->pack_high), low = ll_twice(shuffle->pack_low);
    const __m256i weight = ll_twice(shuffle->weight);
    const __m256i low_mask = _mm256_set1_epi16((short)((1 << (bits - 8)) - 1));
    __m256i seen = _mm256_setzero_si256();
    for (; groups >= writes; groups -= step, packed += 2 * bits, pixels += 16) {
        __m256i in = _mm256_loadu_si256((const __m256i *)pixels);
        __m256i pairs = _mm256_madd_epi16(_mm256_and_si256(in, low_mask), weight);
        __m256i joined = _mm256_or_si256(pairs, _mm256_srli_epi64(pairs, join));
        __m256i out = _mm256_or_si256(_mm256_shuffle_epi8(_mm256_srli_epi16(in, bits - 8), high),
                                      _mm256_shuffle_epi8(joined, low));
        seen = _mm256_or_si256(seen, in);
        _mm_storeu_si128((__m128i *)packed, _mm256_castsi256_si128(out));
        _mm_storeu_si128((__m128i *)(packed + bits), _mm256_extracti128_si256(out, 1));
    }
    uint16_t each[16];
    _mm256_storeu_si256((__m256i *)each, seen);
    for (int i = 0; i < 16; i++)
        *all |= each[i];
    return groups;
}

#define LL_PACK_AVX2(bits, group_pixels, group_bytes, join)                                                 \
    LL_AVX2 static uint16_t ll_pack##bits##_avx2(const uint16_t *pixels, uint8_t *packed, size_t groups)    \
    {                                                                                                       \
        uint16_t all = 0;                                                                                   \
        size_t left =                                                                                       \
            ll_pack_avx2(pixels, packed, groups, bits, group_pixels, &ll_shuffle##bits, join, &all);        \
        size_t done = groups - left;                                                                        \
        return all | ll_pack##bits##_plain(pixels + done * group_pixels, packed + done * group_bytes, left); \
    }
LL_PACK_AVX2(10, 4, 5, 28)
LL_PACK_AVX2(12, 2, 3, 0)
LL_PACK_AVX2(14, 4, 7, 20)

/* ---- Digest: four words a step ---- */

LL_AVX2_INLINE __m256i ll_halves_avx2(__m256i words)
{
    return _mm256_mul_epu32(words, _mm256_srli_epi64(words, 32));
}

LL_AVX2 static void ll_digest_avx2(uint64_t sums[2], const uint8_t *data, size_t size, uint64_t index)
{
    const size_t steps = size / 32;
    const uint64_t first = (index + 1) * LL_DIGEST_STEP;
    const __m256i stride = _mm256_set1_epi64x((long long)(4 * LL_DIGEST_STEP));
    __m256i counter = _mm256_set_epi64x(
        (long long)(first + 3 * LL_DIGEST_STEP), (long long)(first + 2 * LL_DIGEST_STEP),
        (long long)(first + LL_DIGEST_STEP), (long long)first);
    __m256i products = _mm256_setzero_si256(), words = products;
    uint64_t parts[4];
    for (size_t i = 0; i < steps; i++) {
        __m256i word = _mm256_loadu_si256((const __m256i *)(data + 32 * i));
        __m256i key = _mm256_add_epi64(counter, ll_halves_avx2(counter));
        products = _mm256_add_epi64(products, ll_halves_avx2(_mm256_xor_si256(word, key)));
        words = _mm256_add_epi64(words, word);
        counter = _mm256_add_epi64(counter, stride);
    }
    _mm256_storeu_si256((__m256i *)parts, products);
    sums[0] += parts[0] + parts[1] + parts[2] + parts[3];
    _mm256_storeu_si256((__m256i *)parts, words);
    sums[1] += parts[0] + parts[1] + parts[2] + parts[3];
    ll_digest_plain(sums, data + 32 * steps, size - 32 * steps, index + 4 * steps);
}
#endif
