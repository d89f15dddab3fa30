/* Little-endian access to bytes, on any machine. Unaligned is fine. */
#ifndef LL_BYTES_H
#define LL_BYTES_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t ll_read16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

static inline uint32_t ll_read32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static inline uint64_t ll_read64(const uint8_t *at)
{
    return (uint64_t)ll_read32(at) | (uint64_t)ll_read32(at + 4) << 32;
}

static inline void ll_write16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

static inline void ll_write32(uint8_t *at, uint32_t value)
{
    ll_write16(at, (uint16_t)value);
    ll_write16(at + 2, (uint16_t)(value >> 16));
}

static inline void ll_write64(uint8_t *at, uint64_t value)
{
    ll_write32(at, (uint32_t)value);
    ll_write32(at + 4, (uint32_t)(value >> 32));
}

/* Asks for a line of the cache in advance; a compiler without the means need not. */
static inline void ll_prefetch(const uint8_t *at)
{
#ifdef __GNUC__
    __builtin_prefetch(at);
#else
    (void)at;
#endif
}

/* The same for a line that will be written. */
static inline void ll_prefetch_to_write(const uint8_t *at)
{
#ifdef __GNUC__
    __builtin_prefetch(at, 1);
#else
    (void)at;
#endif
}
#endif
