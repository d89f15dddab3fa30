/* arm64: NEON for pixels and digest, PMULL for the CRC. */
#ifndef LL_ARM64_NEON_H
#define LL_ARM64_NEON_H
#include "digest.h"
#include "folding.h"
#include "shuffles.h"
#include <arm_neon.h>
#ifdef __linux__
#include <sys/auxv.h>
#endif

#ifdef __ARM_FEATURE_AES /* the compiler's target has PMULL anyway */
#define LL_NEON
#elif defined(__clang__)
#define LL_NEON __attribute__((target("aes")))
#else
#define LL_NEON __attribute__((target("+crypto")))
#endif
#define LL_NEON_INLINE LL_NEON static inline __attribute__((always_inline))

static int ll_neon_supported(void)
{
#ifdef __linux__
    return (getauxval(AT_HWCAP) & (1ul << 4)) != 0; /* HWCAP_PMULL */
#else
    return 1; /* every other arm64 system that we build for: Apple's */
#endif
}

/* ---- CRC: eight blocks of 16 bytes a step; see folding.h ---- */

LL_NEON_INLINE uint64x2_t ll_load_words(const void *at)
{
    return vreinterpretq_u64_u8(vld1q_u8((const uint8_t *)at));
}

LL_NEON_INLINE uint64x2_t ll_multiply(uint64_t first, uint64_t second)
{
    return vreinterpretq_u64_p128(vmull_p64((poly64_t)first, (poly64_t)second));
}

LL_NEON_INLINE uint64x2_t ll_fold_neon(uint64x2_t block, uint64x2_t by)
{
    uint64x2_t high = vreinterpretq_u64_p128(vmull_high_p64(vreinterpretq_p64_u64(block),
                                                            vreinterpretq_p64_u64(by)));
    return veorq_u64(ll_multiply(vgetq_lane_u64(block, 0), vgetq_lane_u64(by, 0)), high);
}

/* As ll_crc_of_block in x86_crc.h. */
LL_NEON_INLINE uint32_t ll_crc_of_words(uint64x2_t block)
{
    uint64x2_t wide = ll_multiply(vgetq_lane_u64(block, 0), ll_fold.end_low);
    wide = veorq_u64(wide, vextq_u64(block, vdupq_n_u64(0), 1));
    uint64x2_t quotient = ll_multiply(vgetq_lane_u64(wide, 0), ll_fold.end_quotient);
    uint64x2_t out = ll_multiply(vgetq_lane_u64(quotient, 0), ll_fold.end_polynomial[0]);
    return vgetq_lane_u32(vreinterpretq_u32_u64(veorq_u64(wide, out)), 2);
}

/* As ll_crc_lead in x86_crc.h. */
LL_NEON_INLINE uint64x2_t ll_crc_lead_neon(uint32_t crc, const uint8_t *data, size_t odd)
{
    const uint8_t *slide = (const uint8_t *)ll_slide + odd;
    uint8x16_t before = vreinterpretq_u8_u32(vsetq_lane_u32(crc, vdupq_n_u32(0), 0));
    uint8x16_t block = vqtbl1q_u8(veorq_u8(vld1q_u8(data), before), vld1q_u8(slide));
    uint64x2_t spilt = vreinterpretq_u64_u8(vqtbl1q_u8(before, vld1q_u8(slide + 16)));
    uint64x2_t by = ll_load_words(ll_fold.to_last[LL_FOLD_BLOCKS - 2]);
    return veorq_u64(ll_fold_neon(vreinterpretq_u64_u8(block), by), spilt);
}

LL_NEON static uint32_t ll_crc_neon(uint32_t crc, const uint8_t *data, size_t size, ll_work *work)
{
    if (size < 16)
        return ll_crc_plain(crc, data, size, work);
    const uint64x2_t zero = vdupq_n_u64(0), by = ll_load_words(ll_fold.by_8_blocks);
    size_t odd = size % 16, blocks = size / 16;
    uint64x2_t lane[8] = {zero, zero, zero, zero, zero, zero, zero, zero};
    uint64x2_t lead = odd ? ll_crc_lead_neon(crc, data, odd) : vsetq_lane_u64(crc, zero, 0);
    data += odd;
    for (size_t i = 7 - (blocks - 1) % 8; i < 8; i++, data += 16) {
        lane[i] = veorq_u64(lead, ll_load_words(data));
        lead = zero;
    }
    for (size_t steps = (blocks - 1) / 8, some; steps > 0; steps -= some) {
        some = ll_steps_until_work(steps, 128, work);
        for (size_t step = 0; step < some; step++, data += 128)
            for (int i = 0; i < 8; i++)
                lane[i] = veorq_u64(ll_fold_neon(lane[i], by), ll_load_words(data + 16 * i));
        if (work)
            work->step(work);
    }
    for (int i = 0; i < 7; i++)
        lane[7] = veorq_u64(lane[7], ll_fold_neon(lane[i], ll_load_words(ll_fold.to_last[24 + i])));
    return ll_crc_of_words(lane[7]);
}

/* ---- Pixels: 8 of them in a vector ---- */

/* Two vectors a step; the second load ends with the step's last byte, so that nothing behind is read, and its
 * tables look farther up. */
LL_NEON_INLINE size_t ll_unpack_neon(const uint8_t *packed, uint16_t *pixels, size_t groups, int bits,
                                     int group_pixels, const ll_shuffle *shuffle)
{
    const size_t step = 16 / group_pixels;
    const uint8x16_t up = vdupq_n_u8((uint8_t)(16 - bits));
    const uint8x16_t high = vld1q_u8((const uint8_t *)shuffle->high);
    const uint8x16_t low = vld1q_u8((const uint8_t *)shuffle->low);
    const uint8x16_t highs[2] = {high, vaddq_u8(high, up)}, lows[2] = {low, vaddq_u8(low, up)};
    const uint16x8_t to_top = vld1q_u16(shuffle->to_top);
    const int16x8_t down_high = vdupq_n_s16(bits - 16), down_low = vdupq_n_s16(bits - 24);
    for (; groups >= step; groups -= step, packed += 2 * bits, pixels += 16)
        for (int i = 0; i < 2; i++) {
            uint8x16_t in = vld1q_u8(packed + i * (2 * bits - 16));
            uint16x8_t upper = vshlq_u16(vreinterpretq_u16_u8(vqtbl1q_u8(in, highs[i])), down_high);
            uint16x8_t lower = vmulq_u16(vreinterpretq_u16_u8(vqtbl1q_u8(in, lows[i])), to_top);
            vst1q_u16(pixels + 8 * i, vorrq_u16(upper, vshlq_u16(lower, down_low)));
        }
    return groups;
}

/* A step writes 16 bytes where `bits` count, and the next one writes over the rest. */
LL_NEON_INLINE size_t ll_pack_neon(const uint16_t *pixels, uint8_t *packed, size_t groups, int bits,
                                   int group_pixels, const ll_shuffle *shuffle, int join, uint16_t *all)
{
    const size_t step = 8 / group_pixels, writes = 16 * step / bits + 1;
    const uint8x16_t high = vld1q_u8((const uint8_t *)shuffle->pack_high);
    const uint8x16_t low = vld1q_u8((const uint8_t *)shuffle->pack_low);
    const uint16x8_t weight = vld1q_u16(shuffle->weight), low_mask = vdupq_n_u16((1 << (bits - 8)) - 1);
    const int16x8_t down = vdupq_n_s16(8 - bits);
    const int64x2_t down_pair = vdupq_n_s64(-join);
    uint16x8_t seen = vdupq_n_u16(0);
    for (; groups >= writes; groups -= step, packed += bits, pixels += 8) {
        uint16x8_t in = vld1q_u16(pixels);
        uint32x4_t pairs = vpaddlq_u16(vmulq_u16(vandq_u16(in, low_mask), weight));
        uint64x2_t joined = vorrq_u64(vreinterpretq_u64_u32(pairs),
                                      vshlq_u64(vreinterpretq_u64_u32(pairs), down_pair));
        uint8x16_t highs = vqtbl1q_u8(vreinterpretq_u8_u16(vshlq_u16(in, down)), high);
        vst1q_u8(packed, vorrq_u8(highs, vqtbl1q_u8(vreinterpretq_u8_u64(joined), low)));
        seen = vorrq_u16(seen, in);
    }
    uint16_t each[8];
    vst1q_u16(each, seen);
    for (int i = 0; i < 8; i++)
        *all |= each[i];
    return groups;
}

#define LL_RAW_NEON(bits, group_pixels, group_bytes, join)                                                   \
    LL_NEON static void ll_unpack##bits##_neon(const uint8_t *packed, uint16_t *pixels, size_t groups,       \
                                               int past_caches)                                              \
    {                                                                                                        \
        size_t left = ll_unpack_neon(packed, pixels, groups, bits, group_pixels, &ll_shuffle##bits);         \
        size_t done = groups - left;                                                                         \
        ll_unpack##bits##_plain(packed + done * group_bytes, pixels + done * group_pixels, left,             \
                                past_caches);                                                                \
    }                                                                                                        \
    LL_NEON static uint16_t ll_pack##bits##_neon(const uint16_t *pixels, uint8_t *packed, size_t groups)     \
    {                                                                                                        \
        uint16_t all = 0;                                                                                    \
        size_t left =                                                                                        \
            ll_pack_neon(pixels, packed, groups, bits, group_pixels, &ll_shuffle##bits, join, &all);         \
        size_t done = groups - left;                                                                         \
        return all | ll_pack##bits##_plain(pixels + done * group_pixels, packed + done * group_bytes, left); \
    }
LL_RAW_NEON(10, 4, 5, 28)
LL_RAW_NEON(12, 2, 3, 0)
LL_RAW_NEON(14, 4, 7, 20)

/* ---- Digest: four words a step ---- */

LL_NEON_INLINE uint64x2_t ll_add_halves(uint64x2_t sum, uint64x2_t words)
{
    return vmlal_u32(sum, vmovn_u64(words), vshrn_n_u64(words, 32));
}

LL_NEON static void ll_digest_neon(ll_sums *sums, const uint8_t *data, size_t size, uint64_t index)
{
    const uint64_t first[2] = {(index + 1) * LL_DIGEST_STEP, (index + 2) * LL_DIGEST_STEP};
    const uint64x2_t stride = vdupq_n_u64(2 * LL_DIGEST_STEP);
    uint64x2_t counter = vld1q_u64(first), products[2], words[2];
    const size_t whole = size - size % 32;
    for (int i = 0; i < 2; i++) {
        products[i] = vld1q_u64(sums->products + 2 * i);
        words[i] = vld1q_u64(sums->words + 2 * i);
    }
    for (size_t at = 0; at < whole; at += 32)
        for (int i = 0; i < 2; i++) {
            uint64x2_t word = ll_load_words(data + at + 16 * i);
            products[i] = ll_add_halves(products[i], veorq_u64(word, ll_add_halves(counter, counter)));
            words[i] = vaddq_u64(words[i], word);
            counter = vaddq_u64(counter, stride);
        }
    for (int i = 0; i < 2; i++) {
        vst1q_u64(sums->products + 2 * i, products[i]);
        vst1q_u64(sums->words + 2 * i, words[i]);
    }
    ll_digest_plain(sums, data + whole, size - whole, index + whole / 8);
}
#endif
