/* The kernels that this machine can run. A new variant (AVX-512, NEON) is one header like x86_avx2.h
 * and one row here, the fastest last; the tests run every row that is supported. */
#ifndef LL_VARIANTS_H
#define LL_VARIANTS_H
#include "crc.h"
#include "digest.h"
#include "raw.h"

#if defined(__GNUC__) && defined(__x86_64__)
#define LL_HAVE_AVX2 1
#include "x86_avx2.h"
#endif

typedef struct {
    const char *name;
    int (*supported)(void);
    uint32_t (*crc)(uint32_t crc, const uint8_t *data, size_t size);
    void (*digest)(uint64_t sums[2], const uint8_t *data, size_t size, uint64_t index);
    ll_unpack_function *unpack[LL_RAW_ROWS];
    ll_pack_function *pack[LL_RAW_ROWS];
} ll_variant;

static int ll_plain_supported(void)
{
    return 1;
}

#ifdef LL_HAVE_AVX2
static int ll_avx2_supported(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("pclmul");
}
#endif

static const ll_variant ll_variants[] = {
    {"plain", ll_plain_supported, ll_crc_plain, ll_digest_plain,
     {ll_unpack8_plain, ll_unpack10_plain, ll_unpack12_plain, ll_unpack14_plain, ll_unpack16_plain},
     {ll_pack8_plain, ll_pack10_plain, ll_pack12_plain, ll_pack14_plain, ll_pack16_plain}},
#ifdef LL_HAVE_AVX2
    {"avx2", ll_avx2_supported, ll_crc_pclmul, ll_digest_avx2,
     {ll_unpack8_plain, ll_unpack10_avx2, ll_unpack12_avx2, ll_unpack14_avx2, ll_unpack16_plain},
     {ll_pack8_plain, ll_pack10_avx2, ll_pack12_avx2, ll_pack14_avx2, ll_pack16_plain}},
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
#ifdef LL_HAVE_AVX2
    ll_avx2_build_constants();
#endif
    for (int row = 0; row < LL_VARIANT_COUNT; row++)
        if (ll_supported(row))
            ll_use(row);
}

/* CRC-32/AUTOSAR of `data`, continued from the CRC of what stood before it (0 at the beginning). */
static uint32_t ll_crc32(const uint8_t *data, size_t size, uint32_t crc)
{
    return ~ll_kernels->crc(~crc, data, size);
}
#endif
