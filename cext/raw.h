/* RAW packing as MIPI CSI-2 has it (see protocol/raw.py for the layouts in words). A group is the
 * smallest number of pixels that fills whole bytes. `pack` returns the OR of all pixels: the caller
 * compares it with the range once, instead of every pixel. */
#ifndef LL_RAW_H
#define LL_RAW_H
#include "bytes.h"

/* Widths 8, 10, 12, 14, 16 have the rows 0 to 4 of every table here. */
#define LL_RAW_ROWS 5

typedef struct {
    uint8_t bits, group_pixels, group_bytes;
} ll_raw_width;

static const ll_raw_width ll_raw_widths[LL_RAW_ROWS] = {
    {8, 1, 1}, {10, 4, 5}, {12, 2, 3}, {14, 4, 7}, {16, 1, 2},
};

/* `past_caches`: the pixels belong to a picture that no cache holds, so that a variant which has streaming
 * stores writes memory without reading it first. The caller ends with ll_stream_fence. */
typedef void ll_unpack_function(const uint8_t *packed, uint16_t *pixels, size_t groups, int past_caches);
typedef uint16_t ll_pack_function(const uint16_t *pixels, uint8_t *packed, size_t groups);

/* The row of a width, or -1. */
static inline int ll_raw_row(int bits)
{
    return bits >= 8 && bits <= 16 && bits % 2 == 0 ? (bits - 8) / 2 : -1;
}

static void ll_unpack8_plain(const uint8_t *packed, uint16_t *pixels, size_t groups, int past_caches)
{
    (void)past_caches;
    for (size_t i = 0; i < groups; i++)
        pixels[i] = packed[i];
}

static void ll_unpack10_plain(const uint8_t *packed, uint16_t *pixels, size_t groups, int past_caches)
{
    (void)past_caches;
    for (; groups > 0; groups--, packed += 5, pixels += 4)
        for (int i = 0; i < 4; i++)
            pixels[i] = (uint16_t)(packed[i] << 2 | (packed[4] >> (2 * i) & 0x03));
}

static void ll_unpack12_plain(const uint8_t *packed, uint16_t *pixels, size_t groups, int past_caches)
{
    (void)past_caches;
    for (; groups > 0; groups--, packed += 3, pixels += 2) {
        pixels[0] = (uint16_t)(packed[0] << 4 | (packed[2] & 0x0F));
        pixels[1] = (uint16_t)(packed[1] << 4 | packed[2] >> 4);
    }
}

static void ll_unpack14_plain(const uint8_t *packed, uint16_t *pixels, size_t groups, int past_caches)
{
    (void)past_caches;
    for (; groups > 0; groups--, packed += 7, pixels += 4) {
        uint32_t low = (uint32_t)packed[4] | (uint32_t)packed[5] << 8 | (uint32_t)packed[6] << 16;
        for (int i = 0; i < 4; i++)
            pixels[i] = (uint16_t)(packed[i] << 6 | (low >> (6 * i) & 0x3F));
    }
}

static void ll_unpack16_plain(const uint8_t *packed, uint16_t *pixels, size_t groups, int past_caches)
{
    (void)past_caches;
    for (size_t i = 0; i < groups; i++)
        pixels[i] = ll_read16(packed + 2 * i);
}

static uint16_t ll_pack8_plain(const uint16_t *pixels, uint8_t *packed, size_t groups)
{
    uint16_t all = 0;
    for (size_t i = 0; i < groups; i++) {
        all |= pixels[i];
        packed[i] = (uint8_t)pixels[i];
    }
    return all;
}

static uint16_t ll_pack10_plain(const uint16_t *pixels, uint8_t *packed, size_t groups)
{
    uint16_t all = 0;
    for (; groups > 0; groups--, packed += 5, pixels += 4) {
        uint8_t low = 0;
        for (int i = 0; i < 4; i++) {
            all |= pixels[i];
            packed[i] = (uint8_t)(pixels[i] >> 2);
            low |= (uint8_t)((pixels[i] & 0x03) << (2 * i));
        }
        packed[4] = low;
    }
    return all;
}

static uint16_t ll_pack12_plain(const uint16_t *pixels, uint8_t *packed, size_t groups)
{
    uint16_t all = 0;
    for (; groups > 0; groups--, packed += 3, pixels += 2) {
        all |= pixels[0] | pixels[1];
        packed[0] = (uint8_t)(pixels[0] >> 4);
        packed[1] = (uint8_t)(pixels[1] >> 4);
        packed[2] = (uint8_t)((pixels[0] & 0x0F) | (pixels[1] & 0x0F) << 4);
    }
    return all;
}

static uint16_t ll_pack14_plain(const uint16_t *pixels, uint8_t *packed, size_t groups)
{
    uint16_t all = 0;
    for (; groups > 0; groups--, packed += 7, pixels += 4) {
        uint32_t low = 0;
        for (int i = 0; i < 4; i++) {
            all |= pixels[i];
            packed[i] = (uint8_t)(pixels[i] >> 6);
            low |= (uint32_t)(pixels[i] & 0x3F) << (6 * i);
        }
        packed[4] = (uint8_t)low;
        packed[5] = (uint8_t)(low >> 8);
        packed[6] = (uint8_t)(low >> 16);
    }
    return all;
}

static uint16_t ll_pack16_plain(const uint16_t *pixels, uint8_t *packed, size_t groups)
{
    for (size_t i = 0; i < groups; i++)
        ll_write16(packed + 2 * i, pixels[i]);
    return 0;
}
#endif
