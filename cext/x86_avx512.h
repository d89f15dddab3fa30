/* AVX-512 with VBMI and VPCLMULQDQ (Ice Lake, Zen 4 and later): 64 bytes a step, ends by masks. */
#ifndef LL_X86_AVX512_H
#define LL_X86_AVX512_H
#include "x86_avx2.h"

#ifndef LL_AVX512
#define LL_AVX512 \
    __attribute__((target("avx2,pclmul,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,vpclmulqdq")))
#endif
#define LL_AVX512_INLINE LL_AVX512 static inline __attribute__((always_inline))

LL_AVX512_INLINE __m512i ll_load512(const void *at)
{
    return _mm512_loadu_si512(at);
}

/* Where `keep` is set the first, elsewhere the second. */
LL_AVX512_INLINE __m512i ll_select(__m512i keep, __m512i first, __m512i second)
{
    return _mm512_ternarylogic_epi64(keep, first, second, 0xCA);
}

LL_AVX512_INLINE uint64_t ll_first_bytes(size_t count)
{
    return count >= 64 ? ~0ull : (1ull << count) - 1;
}

/* ---- CRC: eight vectors of four blocks a step; see folding.h and x86_crc.h ---- */

/* The four blocks of `vector`, each folded by its pair, and `next`. */
LL_AVX512_INLINE __m512i ll_fold512(__m512i vector, __m512i by, __m512i next)
{
    __m512i low = _mm512_clmulepi64_epi128(vector, by, 0x00);
    __m512i high = _mm512_clmulepi64_epi128(vector, by, 0x11);
    return _mm512_ternarylogic_epi64(low, high, next, 0x96);
}

/* What must be added to the first whole vector: as ll_crc_lead, for up to 63 bytes. */
LL_AVX512_INLINE __m512i ll_crc_lead512(uint32_t crc, const uint8_t *data, size_t odd)
{
    static const uint8_t ramp[64] = {
        0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
        22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
        44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63,
    };
    const uint64_t last = ~(~0ull >> odd);
    const __m512i before = _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)crc));
    __m512i moved = _mm512_add_epi8(ll_load512(ramp), _mm512_set1_epi8((char)odd));
    __m512i vector = _mm512_xor_si512(_mm512_maskz_loadu_epi8(last, data - (64 - odd)),
                                      _mm512_maskz_permutexvar_epi8(last, moved, before));
    __m512i spilt = _mm512_zextsi128_si512(_mm_cvtsi32_si128(odd < 4 ? (int)(crc >> (8 * odd)) : 0));
    return ll_fold512(vector, _mm512_broadcast_i32x4(ll_load128(ll_fold.to_last[LL_FOLD_BLOCKS - 5])), spilt);
}

LL_AVX512_INLINE uint32_t ll_crc_of_vectors(const __m512i lane[8])
{
    __m512i all = _mm512_setzero_si512();
    for (int i = 0; i < 8; i++)
        all = ll_fold512(lane[i], ll_load512(ll_fold.to_last[4 * i]), all);
    __m128i first = _mm_xor_si128(_mm512_castsi512_si128(all), _mm512_extracti32x4_epi32(all, 1));
    __m128i second = _mm_xor_si128(_mm512_extracti32x4_epi32(all, 2), _mm512_extracti32x4_epi32(all, 3));
    return ll_crc_of_block(_mm_xor_si128(first, second));
}

LL_AVX512 static uint32_t ll_crc_vpclmul(uint32_t crc, const uint8_t *data, size_t size, ll_work *work)
{
    if (size < 256)
        return ll_crc_pclmul(crc, data, size, work);
    size_t odd = size % 64, vectors = size / 64;
    __m512i zero = _mm512_setzero_si512(), lane[8] = {zero, zero, zero, zero, zero, zero, zero, zero};
    __m512i lead = odd ? ll_crc_lead512(crc, data, odd) : _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)crc));
    data += odd;
    switch ((vectors - 1) % 8) {
    case 7: LL_FIRST_BLOCK(0, _mm512_, ll_load512, 512) /* fall through */
    case 6: LL_FIRST_BLOCK(1, _mm512_, ll_load512, 512) /* fall through */
    case 5: LL_FIRST_BLOCK(2, _mm512_, ll_load512, 512) /* fall through */
    case 4: LL_FIRST_BLOCK(3, _mm512_, ll_load512, 512) /* fall through */
    case 3: LL_FIRST_BLOCK(4, _mm512_, ll_load512, 512) /* fall through */
    case 2: LL_FIRST_BLOCK(5, _mm512_, ll_load512, 512) /* fall through */
    case 1: LL_FIRST_BLOCK(6, _mm512_, ll_load512, 512) /* fall through */
    default: LL_FIRST_BLOCK(7, _mm512_, ll_load512, 512)
    }
    const __m512i by = _mm512_broadcast_i32x4(ll_load128(ll_fold.by_32_blocks));
    for (size_t steps = (vectors - 1) / 8, some; steps > 0; steps -= some) {
        some = ll_steps_until_work(steps, 512, work);
        for (size_t step = 0; step < some; step++, data += 512)
            for (int i = 0; i < 8; i++)
                lane[i] = ll_fold512(lane[i], by, ll_load512(data + 64 * i));
        if (work)
            work->step(work);
    }
    return ll_crc_of_vectors(lane);
}

/* ---- Pixels: 32 of them a step ---- */

/* unpack: `word` brings the high byte of each pixel above one with its low bits, `keep` are the bits that a
 * shift of that word gives, the others come from the bit `from_bit` of the word's 64 bits on. RAW14's low
 * bits straddle bytes: `low` brings the three bytes of a group to the front of 64 bits.
 * pack: `high` takes eight bits of each pixel from there on, to the bytes where `high_place` is set; the low
 * bits are joined in the others; `order` brings all bytes to their place. */
typedef struct {
    uint8_t word[64], low[64], from_bit[64];
    uint8_t high[64], high_place[64], order[64];
} ll_vbmi;

static ll_vbmi ll_vbmi10 __attribute__((aligned(64))), ll_vbmi12 __attribute__((aligned(64))),
    ll_vbmi14 __attribute__((aligned(64)));

static void ll_vbmi_build(ll_vbmi *table, int bits, int group_pixels, int group_bytes)
{
    for (int pixel = 0; pixel < 32; pixel++) {
        int group = pixel / group_pixels * group_bytes, place = pixel % group_pixels, word = pixel % 4;
        table->word[2 * pixel] = (uint8_t)(group + group_pixels);
        table->word[2 * pixel + 1] = (uint8_t)(group + place);
        table->from_bit[2 * pixel] = (uint8_t)((bits == 14 ? 0 : 16 * word) + (bits - 8) * place);
        /* Packing: low bits in bytes 0 to 2 of 64 bits, or 0 and 4 for RAW12; high bytes behind them. */
        int to = pixel / 4 * 8 + (bits == 12 ? word / 2 * 4 + 2 + place : 4 + place);
        table->high[to] = (uint8_t)(16 * word + bits - 8);
        table->high_place[to] = 0xFF;
        table->order[group + place] = (uint8_t)to;
    }
    for (int pixel = 0; pixel < 32; pixel += group_pixels)
        for (int byte = 0; byte < group_bytes - group_pixels; byte++) {
            int from = pixel / group_pixels * group_bytes + group_pixels + byte;
            table->low[pixel / 4 * 8 + byte] = (uint8_t)from;
            table->order[from] = (uint8_t)(pixel * 2 + byte);
        }
}

static void ll_avx512_build_constants(void)
{
    ll_vbmi_build(&ll_vbmi10, 10, 4, 5);
    ll_vbmi_build(&ll_vbmi12, 12, 2, 3);
    ll_vbmi_build(&ll_vbmi14, 14, 4, 7);
}

LL_AVX512_INLINE __m512i ll_unpack_vector(__m512i in, int bits, const ll_vbmi *table)
{
    const __m512i keep = _mm512_set1_epi16((short)(0xFFFF << (bits - 8)));
    __m512i words = _mm512_permutexvar_epi8(ll_load512(table->word), in);
    __m512i low = bits == 14 ? _mm512_permutexvar_epi8(ll_load512(table->low), in) : words;
    return ll_select(keep, _mm512_srli_epi16(words, 16 - bits),
                     _mm512_multishift_epi64_epi8(ll_load512(table->from_bit), low));
}

/* Fewer than 32 pixels, and no byte beside them. */
LL_AVX512_INLINE void ll_unpack_some(const uint8_t *packed, uint16_t *pixels, size_t count, int bits,
                                     const ll_vbmi *table)
{
    __m512i in = _mm512_maskz_loadu_epi8(ll_first_bytes(count * bits / 8), packed);
    _mm512_mask_storeu_epi16(pixels, (uint32_t)ll_first_bytes(count), ll_unpack_vector(in, bits, table));
}

/* 4 * bits bytes are used of each load, and no other is touched. */
LL_AVX512_INLINE void ll_unpack_avx512(const uint8_t *packed, uint16_t *pixels, size_t count, int bits,
                                       const ll_vbmi *table, int stream)
{
    const uint64_t used = ll_first_bytes(4 * bits);
    for (; count >= 32; count -= 32, packed += 4 * bits, pixels += 32) {
        __m512i out = ll_unpack_vector(_mm512_maskz_loadu_epi8(used, packed), bits, table);
        if (stream)
            _mm512_stream_si512((void *)pixels, out);
        else
            _mm512_storeu_si512(pixels, out);
    }
    ll_unpack_some(packed, pixels, count, bits, table);
}

#define LL_UNPACK_AVX512(bits, group_pixels)                                                                 \
    LL_AVX512 static void ll_unpack##bits##_avx512(const uint8_t *packed, uint16_t *pixels, size_t groups,   \
                                                   int past_caches)                                          \
    {                                                                                                        \
        size_t odd = past_caches ? ll_groups_to_alignment(pixels, 64, group_pixels) : SIZE_MAX;              \
        size_t count = groups * group_pixels;                                                                \
        if (odd > groups) {                                                                                  \
            ll_unpack_avx512(packed, pixels, count, bits, &ll_vbmi##bits, 0);                                \
            return;                                                                                          \
        }                                                                                                    \
        odd *= group_pixels;                                                                                 \
        ll_unpack_some(packed, pixels, odd, bits, &ll_vbmi##bits);                                           \
        ll_unpack_avx512(packed + odd * bits / 8, pixels + odd, count - odd, bits, &ll_vbmi##bits, 1);       \
    }
LL_UNPACK_AVX512(10, 4)
LL_UNPACK_AVX512(12, 2)
LL_UNPACK_AVX512(14, 4)

/* 32 pixels as 4 * bits bytes at the front of a vector. `join` brings the second pair's low bits down. */
LL_AVX512_INLINE __m512i ll_pack_vector(__m512i in, int bits, const ll_vbmi *table, const void *weight,
                                        int join)
{
    const __m512i low_mask = _mm512_set1_epi16((short)((1 << (bits - 8)) - 1));
    const __m512i weights = _mm512_broadcast_i32x4(ll_load128(weight));
    __m512i pairs = _mm512_madd_epi16(_mm512_and_si512(in, low_mask), weights);
    __m512i low = join ? _mm512_or_si512(pairs, _mm512_srli_epi64(pairs, join)) : pairs;
    __m512i high = _mm512_multishift_epi64_epi8(ll_load512(table->high), in);
    __m512i both = ll_select(ll_load512(table->high_place), high, low);
    return _mm512_permutexvar_epi8(ll_load512(table->order), both);
}

LL_AVX512_INLINE uint16_t ll_or_of_512(__m512i seen)
{
    return ll_or_of_256(_mm256_or_si256(_mm512_castsi512_si256(seen), _mm512_extracti64x4_epi64(seen, 1)));
}

/* A step writes 64 bytes where 4 * bits count, and the next one writes over the rest; the last go by mask. */
LL_AVX512_INLINE uint16_t ll_pack_avx512(const uint16_t *pixels, uint8_t *packed, size_t count, int bits,
                                         const ll_vbmi *table, const ll_shuffle *shuffle, int join)
{
    __m512i seen = _mm512_setzero_si512();
    for (; count * bits >= 64 * 8; count -= 32, packed += 4 * bits, pixels += 32) {
        __m512i in = ll_load512(pixels);
        seen = _mm512_or_si512(seen, in);
        _mm512_storeu_si512(packed, ll_pack_vector(in, bits, table, shuffle->weight, join));
    }
    while (count > 0) {
        size_t some = count < 32 ? count : 32;
        __m512i in = _mm512_maskz_loadu_epi16((uint32_t)ll_first_bytes(some), pixels);
        seen = _mm512_or_si512(seen, in);
        _mm512_mask_storeu_epi8(packed, ll_first_bytes(some * bits / 8),
                                ll_pack_vector(in, bits, table, shuffle->weight, join));
        count -= some, packed += 4 * bits, pixels += 32;
    }
    return ll_or_of_512(seen);
}

#define LL_PACK_AVX512(bits, group_pixels, join)                                                             \
    LL_AVX512 static uint16_t ll_pack##bits##_avx512(const uint16_t *pixels, uint8_t *packed,                \
                                                     size_t groups)                                          \
    {                                                                                                        \
        return ll_pack_avx512(pixels, packed, groups * group_pixels, bits, &ll_vbmi##bits,                   \
                              &ll_shuffle##bits, join);                                                      \
    }
LL_PACK_AVX512(10, 4, 28)
LL_PACK_AVX512(12, 2, 0)
LL_PACK_AVX512(14, 4, 20)

/* Copies whole lines of 64 bytes to a line, past the caches. */
LL_AVX512 static void ll_stream_avx512(uint8_t *to, const uint8_t *from, size_t size)
{
    for (size_t at = 0; at < size; at += 64)
        _mm512_stream_si512((void *)(to + at), ll_load512(from + at));
}

/* ---- Digest: eight words a step ---- */

LL_AVX512_INLINE __m512i ll_halves_avx512(__m512i words)
{
    return _mm512_mul_epu32(words, _mm512_srli_epi64(words, 32));
}

LL_AVX512 static void ll_digest_avx512(ll_sums *sums, const uint8_t *data, size_t size, uint64_t index)
{
    const size_t whole = size - size % 64;
    const __m512i stride = _mm512_set1_epi64((long long)(8 * LL_DIGEST_STEP));
    uint64_t first[8];
    for (uint64_t i = 0; i < 8; i++)
        first[i] = (index + 1 + i) * LL_DIGEST_STEP;
    __m512i counter = ll_load512(first);
    __m512i products = ll_load512(sums->products), words = ll_load512(sums->words);
    for (size_t at = 0; at < whole; at += 64) {
        __m512i word = ll_load512(data + at);
        __m512i key = _mm512_add_epi64(counter, ll_halves_avx512(counter));
        products = _mm512_add_epi64(products, ll_halves_avx512(_mm512_xor_si512(word, key)));
        words = _mm512_add_epi64(words, word);
        counter = _mm512_add_epi64(counter, stride);
    }
    _mm512_storeu_si512(sums->products, products);
    _mm512_storeu_si512(sums->words, words);
    ll_digest_plain(sums, data + whole, size - whole, index + whole / 8);
}
#endif
