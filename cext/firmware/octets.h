/* Little-endian integers in runs of bytes, at any address. */
#ifndef LASERLINK_OCTETS_H
#define LASERLINK_OCTETS_H

#include <stddef.h>
#include <stdint.h>

/* A little-endian machine has them in memory as they are on the wire. The compiler makes one instruction of this copy,
 * and four of shifted bytes. */
#if defined(__GNUC__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LL_COPIES_INTEGERS 1
#else
#define LL_COPIES_INTEGERS 0
#endif

static inline uint64_t ll_get_bytes(const uint8_t *at, size_t count) {
    uint64_t value = 0;
    while (count--) {
        value = value << 8 | at[count];
    }
    return value;
}

static inline void ll_put_bytes(uint8_t *at, uint64_t value, size_t count) {
    for (; count--; value >>= 8) {
        *at++ = (uint8_t)value;
    }
}

#if LL_COPIES_INTEGERS
#define LL_GET(type)                          \
    type value;                               \
    __builtin_memcpy(&value, at, sizeof value); \
    return value
#define LL_PUT(type)                 \
    type little = (type)value;       \
    __builtin_memcpy(at, &little, sizeof little)
#else
#define LL_GET(type) return (type)ll_get_bytes(at, sizeof(type))
#define LL_PUT(type) ll_put_bytes(at, (type)value, sizeof(type))
#endif

static inline uint16_t ll_get16(const uint8_t *at) {
    LL_GET(uint16_t);
}

static inline uint32_t ll_get32(const uint8_t *at) {
    LL_GET(uint32_t);
}

static inline uint64_t ll_get64(const uint8_t *at) {
    LL_GET(uint64_t);
}

static inline void ll_put16(uint8_t *at, uint32_t value) {
    LL_PUT(uint16_t);
}

static inline void ll_put32(uint8_t *at, uint32_t value) {
    LL_PUT(uint32_t);
}

static inline void ll_put64(uint8_t *at, uint64_t value) {
    LL_PUT(uint64_t);
}

/* Whether serial number `a` comes after `b` (RFC 1982); the undefined middle counts as older. */
static inline int ll_is_newer(uint32_t a, uint32_t b) {
    return a != b && a - b < UINT32_C(0x80000000);
}

#endif
