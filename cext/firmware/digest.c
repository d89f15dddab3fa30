#include "digest.h"

#include "octets.h"

#define WORD_BYTES 8u
#define STEP UINT64_C(0x9E3779B97F4A7C15)
#define LENGTH_FACTOR UINT64_C(0xC2B2AE3D27D4EB4F)

static uint64_t product_of_halves(uint64_t word) {
    return (word & 0xFFFFFFFFu) * (word >> 32);
}

static void add_word(struct ll_digest_sums *sums, uint64_t word, uint64_t index) {
    uint64_t counter = (index + 1) * STEP;
    uint64_t key = counter + product_of_halves(counter);
    sums->products += product_of_halves(word ^ key);
    sums->words += word;
}

void ll_digest_add(struct ll_digest_sums *sums, const uint8_t *bytes, size_t count, uint32_t offset) {
    uint64_t index = offset / WORD_BYTES;
    for (size_t at = 0; at < count; at += WORD_BYTES) {
        size_t left = count - at;
        add_word(sums, ll_get_bytes(bytes + at, left < WORD_BYTES ? left : WORD_BYTES), index++);
    }
}

uint64_t ll_digest_of_strip(const struct ll_digest_sums *sums, uint64_t length) {
    uint64_t value = sums->words ^ length * LENGTH_FACTOR;
    for (int round = 0; round < 2; round++) {
        value += round ? sums->products : 0;
        value = (value ^ value >> 33) * UINT64_C(0xFF51AFD7ED558CCD);
        value = (value ^ value >> 33) * UINT64_C(0xC4CEB9FE1A85EC53);
        value ^= value >> 33;
    }
    return value;
}

uint64_t ll_digest_of_image(const uint64_t *strips, size_t count, uint64_t length) {
    struct ll_digest_sums sums = {0, 0};
    for (size_t at = 0; at < count; at++) {
        add_word(&sums, strips[at], at);
    }
    return ll_digest_of_strip(&sums, length);
}
