/* AVX2 for pixels and digest. The CRC of this variant is in x86_crc.h. */
#ifndef LL_X86_AVX2_H
#define LL_X86_AVX2_H
#include "digest.h"
#include "shuffles.h"
#include "x86_crc.h"

LL_AVX2_INLINE __m256i ll_load256(const void *at)
{
    return _mm256_loadu_si256((const __m256i *)at);
}

/* `stream` is a constant in each loop. */
LL_AVX2_INLINE void ll_store256(void *at, __m256i value, int stream)
{
    if (stream)
        _mm256_stream_si256((__m256i *)at, value);
    else
        _mm256_storeu_si256((__m256i *)at, value);
}

LL_AVX2_INLINE __m256i ll_twice(const void *table)
{
    return _mm256_broadcastsi128_si256(ll_load128(table));
}

LL_AVX2_INLINE __m256i ll_load_halves(const uint8_t *at, size_t apart)
{
    return _mm256_inserti128_si256(_mm256_castsi128_si256(ll_load128(at)), ll_load128(at + apart), 1);
}

/* ---- Pixels: 8 of them in each 128-bit half ---- */

/* Eight pixels take `bits` bytes, so 16 take 2 * bits; the second load ends there, so that nothing behind is
 * read, and its half of the tables looks farther up. Returns the groups that are left for the plain loop. */
LL_AVX2_INLINE size_t ll_unpack_avx2(const uint8_t *packed, uint16_t *pixels, size_t groups, int bits,
                                     int group_pixels, const ll_shuffle *shuffle, int stream)
{
    const size_t step = 16 / group_pixels;
    const __m256i up = _mm256_inserti128_si256(_mm256_setzero_si256(), _mm_set1_epi8((char)(16 - bits)), 1);
    const __m256i high = _mm256_add_epi8(ll_twice(shuffle->high), up);
    const __m256i low = _mm256_add_epi8(ll_twice(shuffle->low), up);
    const __m256i to_top = ll_twice(shuffle->to_top);
    for (; groups >= step; groups -= step, packed += 2 * bits, pixels += 16) {
        __m256i in = ll_load_halves(packed, 2 * bits - 16);
        __m256i upper = _mm256_srli_epi16(_mm256_shuffle_epi8(in, high), 16 - bits);
        __m256i lower = _mm256_mullo_epi16(_mm256_shuffle_epi8(in, low), to_top);
        ll_store256(pixels, _mm256_or_si256(upper, _mm256_srli_epi16(lower, 24 - bits)), stream);
    }
    return groups;
}

/* The groups in front of the next `alignment` bytes that stores may stream to, or SIZE_MAX: none of them. */
static inline size_t ll_groups_to_alignment(const uint16_t *pixels, size_t alignment, size_t group_pixels)
{
    size_t odd_bytes = (0 - (uintptr_t)pixels) % alignment, group_size = group_pixels * sizeof *pixels;
    return odd_bytes % group_size == 0 ? odd_bytes / group_size : SIZE_MAX;
}

#define LL_UNPACK_AVX2(bits, group_pixels, group_bytes)                                                      \
    LL_AVX2 static void ll_unpack##bits##_avx2(const uint8_t *packed, uint16_t *pixels, size_t groups,       \
                                               int past_caches)                                              \
    {                                                                                                        \
        size_t odd = past_caches ? ll_groups_to_alignment(pixels, 32, group_pixels) : 0, left;               \
        if (past_caches && odd <= groups) {                                                                  \
            ll_unpack##bits##_plain(packed, pixels, odd, 0);                                                 \
            packed += odd * group_bytes, pixels += odd * group_pixels, groups -= odd;                        \
            left = ll_unpack_avx2(packed, pixels, groups, bits, group_pixels, &ll_shuffle##bits, 1);         \
        } else                                                                                               \
            left = ll_unpack_avx2(packed, pixels, groups, bits, group_pixels, &ll_shuffle##bits, 0);         \
        size_t done = groups - left;                                                                         \
        ll_unpack##bits##_plain(packed + done * group_bytes, pixels + done * group_pixels, left, 0);         \
    }
LL_UNPACK_AVX2(10, 4, 5)
LL_UNPACK_AVX2(12, 2, 3)
LL_UNPACK_AVX2(14, 4, 7)

LL_AVX2_INLINE size_t ll_widen_avx2(const uint8_t *packed, uint16_t *pixels, size_t groups, int bits,
                                    int stream)
{
    for (; groups >= 16; groups -= 16, packed += 2 * bits, pixels += 16) {
        __m256i in = bits == 8 ? _mm256_cvtepu8_epi16(ll_load128(packed)) : ll_load256(packed);
        ll_store256(pixels, in, stream);
    }
    return groups;
}

/* RAW8 and RAW16: a pixel is a group. */
#define LL_WIDEN_AVX2(bits)                                                                                  \
    LL_AVX2 static void ll_unpack##bits##_avx2(const uint8_t *packed, uint16_t *pixels, size_t groups,       \
                                               int past_caches)                                              \
    {                                                                                                        \
        size_t odd = past_caches ? ll_groups_to_alignment(pixels, 32, 1) : 0, left;                          \
        if (past_caches && odd <= groups) {                                                                  \
            ll_unpack##bits##_plain(packed, pixels, odd, 0);                                                 \
            packed += odd * bits / 8, pixels += odd, groups -= odd;                                          \
            left = ll_widen_avx2(packed, pixels, groups, bits, 1);                                           \
        } else                                                                                               \
            left = ll_widen_avx2(packed, pixels, groups, bits, 0);                                           \
        size_t done = groups - left;                                                                         \
        ll_unpack##bits##_plain(packed + done * bits / 8, pixels + done, left, 0);                           \
    }
LL_WIDEN_AVX2(8)
LL_WIDEN_AVX2(16)

LL_AVX2_INLINE uint16_t ll_or_of_256(__m256i seen)
{
    uint16_t each[16], all = 0;
    _mm256_storeu_si256((__m256i *)each, seen);
    for (int i = 0; i < 16; i++)
        all |= each[i];
    return all;
}

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
        __m256i in = ll_load256(pixels);
        __m256i pairs = _mm256_madd_epi16(_mm256_and_si256(in, low_mask), weight);
        __m256i joined = join ? _mm256_or_si256(pairs, _mm256_srli_epi64(pairs, join)) : pairs;
        __m256i out = _mm256_or_si256(_mm256_shuffle_epi8(_mm256_srli_epi16(in, bits - 8), high),
                                      _mm256_shuffle_epi8(joined, low));
        seen = _mm256_or_si256(seen, in);
        _mm_storeu_si128((__m128i *)packed, _mm256_castsi256_si128(out));
        _mm_storeu_si128((__m128i *)(packed + bits), _mm256_extracti128_si256(out, 1));
    }
    *all = ll_or_of_256(seen);
    return groups;
}

#define LL_PACK_AVX2(bits, group_pixels, group_bytes, join)                                                  \
    LL_AVX2 static uint16_t ll_pack##bits##_avx2(const uint16_t *pixels, uint8_t *packed, size_t groups)     \
    {                                                                                                        \
        uint16_t all;                                                                                        \
        size_t left =                                                                                        \
            ll_pack_avx2(pixels, packed, groups, bits, group_pixels, &ll_shuffle##bits, join, &all);         \
        size_t done = groups - left;                                                                         \
        return all | ll_pack##bits##_plain(pixels + done * group_pixels, packed + done * group_bytes, left); \
    }
LL_PACK_AVX2(10, 4, 5, 28)
LL_PACK_AVX2(12, 2, 3, 0)
LL_PACK_AVX2(14, 4, 7, 20)

LL_AVX2 static uint16_t ll_pack8_avx2(const uint16_t *pixels, uint8_t *packed, size_t groups)
{
    const __m256i byte = _mm256_set1_epi16(0xFF);
    __m256i seen = _mm256_setzero_si256();
    for (; groups >= 32; groups -= 32, pixels += 32, packed += 32) {
        __m256i first = ll_load256(pixels), second = ll_load256(pixels + 16);
        __m256i both = _mm256_packus_epi16(_mm256_and_si256(first, byte), _mm256_and_si256(second, byte));
        seen = _mm256_or_si256(seen, _mm256_or_si256(first, second));
        _mm256_storeu_si256((__m256i *)packed, _mm256_permute4x64_epi64(both, 0xD8));
    }
    return ll_or_of_256(seen) | ll_pack8_plain(pixels, packed, groups);
}

/* Copies whole lines of 64 bytes to a line, past the caches. */
LL_AVX2 static void ll_stream_avx2(uint8_t *to, const uint8_t *from, size_t size)
{
    for (size_t at = 0; at < size; at += 64) {
        __m256i first = ll_load256(from + at), second = ll_load256(from + at + 32);
        _mm256_stream_si256((__m256i *)(to + at), first);
        _mm256_stream_si256((__m256i *)(to + at + 32), second);
    }
}

/* ---- Digest: four words a step ---- */

LL_AVX2_INLINE __m256i ll_halves_avx2(__m256i words)
{
    return _mm256_mul_epu32(words, _mm256_srli_epi64(words, 32));
}

LL_AVX2_INLINE void ll_digest_vector(ll_sums *sums, int half, __m256i word, __m256i counter)
{
    __m256i key = _mm256_add_epi64(counter, ll_halves_avx2(counter));
    __m256i product = ll_halves_avx2(_mm256_xor_si256(word, key));
    __m256i *products = (__m256i *)(sums->products + half), *words = (__m256i *)(sums->words + half);
    _mm256_storeu_si256(products, _mm256_add_epi64(_mm256_loadu_si256(products), product));
    _mm256_storeu_si256(words, _mm256_add_epi64(_mm256_loadu_si256(words), word));
}

LL_AVX2 static void ll_digest_avx2(ll_sums *sums, const uint8_t *data, size_t size, uint64_t index)
{
    ll_sums local = *sums; /* in registers */
    const size_t whole = size - size % 64;
    const uint64_t step = LL_DIGEST_STEP, first = (index + 1) * step;
    const __m256i half = _mm256_set1_epi64x((long long)(4 * step));
    __m256i counter = _mm256_set_epi64x((long long)(first + 3 * step), (long long)(first + 2 * step),
                                        (long long)(first + step), (long long)first);
    for (size_t at = 0; at < whole; at += 64) {
        ll_digest_vector(&local, 0, ll_load256(data + at), counter);
        counter = _mm256_add_epi64(counter, half);
        ll_digest_vector(&local, 4, ll_load256(data + at + 32), counter);
        counter = _mm256_add_epi64(counter, half);
    }
    *sums = local;
    ll_digest_plain(sums, data + whole, size - whole, index + whole / 8);
}
#endif
