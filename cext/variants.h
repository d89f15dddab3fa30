/* The kernels that this machine can run. A new variant is one header like x86_avx2.h and one row here, the
 * fastest last; the tests run every row that is supported, and the others under emulation. There is no row
 * for AVX-512 without VBMI: pixels wait for memory, and CRCs for the one port of PCLMULQDQ, with AVX2 too. */
#ifndef LL_VARIANTS_H
#define LL_VARIANTS_H
#include "crc.h"
#include "digest.h"
#include "raw.h"

#if defined(__x86_64__) && (defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 10))
#define LL_HAVE_X86 1
#include "x86_avx512.h"
#elif defined(__aarch64__) && defined(__GNUC__) && defined(__AARCH64EL__)
#define LL_HAVE_NEON 1
#include "arm64_neon.h"
#endif

/* Results of at least this size are written past the caches: they would only push out what is needed. */
#define LL_PAST_CACHES_BYTES ((size_t)4 << 20)

typedef struct {
    const char *name;
    int (*supported)(void);
    uint32_t (*crc)(uint32_t crc, const uint8_t *data, size_t size, ll_work *work);
    void (*digest)(ll_sums *sums, const uint8_t *data, size_t size, uint64_t index);
    void (*stream)(uint8_t *to, const uint8_t *from, size_t size); /* NULL: no streaming stores */
    ll_unpack_function *unpack[LL_RAW_ROWS];
    ll_pack_function *pack[LL_RAW_ROWS];
} ll_variant;

static int ll_plain_supported(void)
{
    return 1;
}

#ifdef LL_HAVE_X86
static int ll_avx2_supported(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("pclmul");
}

static int ll_avx512_supported(void)
{
    return ll_avx2_supported() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("vpclmulqdq");
}
#endif

static const ll_variant ll_variants[] = {
    {"plain", ll_plain_supported, ll_crc_plain, ll_digest_plain, NULL,
     {ll_unpack8_plain, ll_unpack10_plain, ll_unpack12_plain, ll_unpack14_plain, ll_unpack16_plain},
     {ll_pack8_plain, ll_pack10_plain, ll_pack12_plain, ll_pack14_plain, ll_pack16_plain}},
#ifdef LL_HAVE_X86
    {"avx2", ll_avx2_supported, ll_crc_pclmul, ll_digest_avx2, ll_stream_avx2,
     {ll_unpack8_avx2, ll_unpack10_avx2, ll_unpack12_avx2, ll_unpack14_avx2, ll_unpack16_avx2},
     {ll_pack8_avx2, ll_pack10_avx2, ll_pack12_avx2, ll_pack14_avx2, ll_pack16_plain}},
    {"avx512", ll_avx512_supported, ll_crc_vpclmul, ll_digest_avx512, ll_stream_avx512,
     {ll_unpack8_avx2, ll_unpack10_avx512, ll_unpack12_avx512, ll_unpack14_avx512, ll_unpack16_avx2},
     {ll_pack8_avx2, ll_pack10_avx512, ll_pack12_avx512, ll_pack14_avx512, ll_pack16_plain}},
#endif
#ifdef LL_HAVE_NEON
    {"neon", ll_neon_supported, ll_crc_neon, ll_digest_neon, NULL,
     {ll_unpack8_plain, ll_unpack10_neon, ll_unpack12_neon, ll_unpack14_neon, ll_unpack16_plain},
     {ll_pack8_plain, ll_pack10_neon, ll_pack12_neon, ll_pack14_neon, ll_pack16_plain}},
#endif
};
#define LL_VARIANT_COUNT ((int)(sizeof ll_variants / sizeof ll_variants[0]))

/* The variant in use. Written by ll_use only, while no kernel runs. */
static const ll_variant *ll_kernels = &ll_variants[0];

static int ll_supported(int row)
{
    return row >= 0 && row < LL_VARIANT_COUNT && ll_variants[row].supported();
}

static void ll_use(int row)
{
    ll_kernels = &ll_variants[row];
}

static void ll_start(void)
{
    ll_crc_build_tables();
#if defined(LL_HAVE_X86) || defined(LL_HAVE_NEON)
    ll_fold_build_constants();
#endif
#ifdef LL_HAVE_X86
    ll_avx512_build_constants();
#endif
    for (int row = 0; row < LL_VARIANT_COUNT; row++)
        if (ll_supported(row))
            ll_use(row);
}

/* CRC-32/AUTOSAR of `data`, continued from the CRC of what stood before it (0 at the beginning). */
static uint32_t ll_crc32(const uint8_t *data, size_t size, uint32_t crc)
{
    return ~ll_kernels->crc(~crc, data, size, NULL);
}

/* Adds `size` bytes that stand `index` words into the image to the digest's two sums. */
static void ll_digest(uint64_t sums[2], const uint8_t *data, size_t size, uint64_t index)
{
    ll_sums spread = {{0}, {0}};
    ll_kernels->digest(&spread, data, size, index);
    ll_digest_total(sums, &spread);
}

/* Streaming stores are not ordered: after this, other threads see them before whatever is stored next. */
static inline void ll_stream_fence(void)
{
#ifdef LL_HAVE_X86
    _mm_sfence();
#endif
}

/* Unpacks an image, or any part of one. */
static void ll_unpack(int row, const uint8_t *packed, uint16_t *pixels, size_t groups)
{
    int past_caches = groups * ll_raw_widths[row].group_pixels * sizeof *pixels >= LL_PAST_CACHES_BYTES;
    ll_kernels->unpack[row](packed, pixels, groups, past_caches);
    if (past_caches)
        ll_stream_fence();
}

/* Packs by way of a buffer in the cache, from which whole lines stream to the result. */
static uint16_t ll_pack_streaming(int row, const uint16_t *pixels, uint8_t *packed, size_t groups)
{
    enum { STEP_GROUPS = 512 }; /* at most 3584 bytes */
    const ll_raw_width *width = &ll_raw_widths[row];
    uint8_t buffer[64 + STEP_GROUPS * 7 + 64], *line = buffer + (0 - (uintptr_t)buffer) % 64;
    size_t kept = (uintptr_t)packed % 64; /* bytes of a line that is not yet whole; at first not ours */
    size_t skip = kept;
    uint16_t all = 0;
    for (packed -= kept; groups > 0;) {
        size_t step = groups < STEP_GROUPS ? groups : STEP_GROUPS;
        all |= ll_kernels->pack[row](pixels, line + kept, step);
        size_t ready = kept + step * width->group_bytes, whole = ready - ready % 64;
        if (skip > 0 && whole > 0) { /* the first line may begin with bytes of somebody else */
            memcpy(packed + skip, line + skip, 64 - skip);
            ll_kernels->stream(packed + 64, line + 64, whole - 64);
            skip = 0;
        } else
            ll_kernels->stream(packed, line, whole);
        memmove(line, line + whole, kept = ready - whole);
        packed += whole, pixels += step * width->group_pixels, groups -= step;
    }
    memcpy(packed + skip, line + skip, kept - skip);
    ll_stream_fence();
    return all;
}

/* Packs an image, or any part of one. Returns the OR of all pixels. RAW16 is a copy: memcpy streams itself. */
static uint16_t ll_pack(int row, const uint16_t *pixels, uint8_t *packed, size_t groups)
{
    int streams = ll_kernels->stream && ll_raw_widths[row].bits < 16;
    if (streams && groups * ll_raw_widths[row].group_bytes >= LL_PAST_CACHES_BYTES)
        return ll_pack_streaming(row, pixels, packed, groups);
    return ll_kernels->pack[row](pixels, packed, groups);
}
#endif
