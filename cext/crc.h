/* CRC-32/AUTOSAR (reveng: poly F4ACFB13, init FFFFFFFF, refin, refout, xorout FFFFFFFF, check 1697D06A).
 * Functions here work on the inner register: the caller inverts before and after (ll_crc32 in variants.h). */
#ifndef LL_CRC_H
#define LL_CRC_H
#include "bytes.h"

#define LL_CRC_POLY_REFLECTED 0xC8DF352Fu /* F4ACFB13 with its bits reversed */

static uint32_t ll_crc_table[16][256];

/* Something else to be done a step at a time while a CRC runs: the two wait for different things. A kernel
 * calls `step` after about every 512 bytes, or never; the caller finishes what is left. */
typedef struct ll_work {
    void (*step)(struct ll_work *);
} ll_work;

enum { LL_WORK_BYTES = 512 };

/* How many of `steps` steps a kernel makes before it turns to the work. */
static inline size_t ll_steps_until_work(size_t steps, size_t step_bytes, const ll_work *work)
{
    size_t some = LL_WORK_BYTES / step_bytes;
    return work && some < steps ? some : steps;
}

/* One step of long division: the value times x, mod P, in the reflected order (x^0 is the top bit). */
static inline uint32_t ll_crc_times_x(uint32_t value)
{
    return (value >> 1) ^ (LL_CRC_POLY_REFLECTED & (0u - (value & 1)));
}

static void ll_crc_build_tables(void)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        uint32_t value = byte;
        for (int bit = 0; bit < 8; bit++)
            value = ll_crc_times_x(value);
        ll_crc_table[0][byte] = value;
    }
    for (int row = 1; row < 16; row++)
        for (unsigned byte = 0; byte < 256; byte++) {
            uint32_t before = ll_crc_table[row - 1][byte];
            ll_crc_table[row][byte] = (before >> 8) ^ ll_crc_table[0][before & 0xFF];
        }
}

/* Four table look-ups for the word whose last byte is `after` bytes from the end of the slice. */
static inline uint32_t ll_crc_word(uint32_t word, int after)
{
    return ll_crc_table[after + 3][word & 0xFF] ^ ll_crc_table[after + 2][(word >> 8) & 0xFF] ^
           ll_crc_table[after + 1][(word >> 16) & 0xFF] ^ ll_crc_table[after][word >> 24];
}

/* Slice-by-16 (Kounavis and Berry, 2005). */
static uint32_t ll_crc_plain(uint32_t crc, const uint8_t *data, size_t size, ll_work *work)
{
    (void)work;
    for (; size >= 16; size -= 16, data += 16)
        crc = ll_crc_word(ll_read32(data) ^ crc, 12) ^ ll_crc_word(ll_read32(data + 4), 8) ^
              ll_crc_word(ll_read32(data + 8), 4) ^ ll_crc_word(ll_read32(data + 12), 0);
    for (; size >= 4; size -= 4, data += 4)
        crc = ll_crc_word(ll_read32(data) ^ crc, 0);
    while (size-- > 0)
        crc = (crc >> 8) ^ ll_crc_table[0][(crc ^ *data++) & 0xFF];
    return crc;
}
#endif
