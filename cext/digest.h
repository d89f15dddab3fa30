/* The two sums of the image digest (protocol/digest.py, docs/decisions/0001-image-digest.md). */
#ifndef LL_DIGEST_H
#define LL_DIGEST_H
#include "bytes.h"

#define LL_DIGEST_STEP 0x9E3779B97F4A7C15ull /* 2^64 / golden ratio, odd */

/* The product of the two halves of a word. */
static inline uint64_t ll_halves(uint64_t word)
{
    return (word & 0xFFFFFFFFu) * (word >> 32);
}

/* Both sums, spread over the lanes of a vector: the sums proper are the totals. */
typedef struct {
    uint64_t products[8], words[8];
} ll_sums;

static inline void ll_digest_total(uint64_t sums[2], const ll_sums *spread)
{
    for (int i = 0; i < 8; i++) {
        sums[0] += spread->products[i];
        sums[1] += spread->words[i];
    }
}

static inline void ll_digest_word(ll_sums *sums, uint64_t word, uint64_t counter)
{
    sums->products[0] += ll_halves(word ^ (counter + ll_halves(counter)));
    sums->words[0] += word;
}

/* Adds `size` bytes that stand `index` words into the image; a short last word is filled with zeros. */
static void ll_digest_plain(ll_sums *sums, const uint8_t *data, size_t size, uint64_t index)
{
    uint64_t counter = (index + 1) * LL_DIGEST_STEP;
    for (; size >= 8; size -= 8, data += 8, counter += LL_DIGEST_STEP)
        ll_digest_word(sums, ll_read64(data), counter);
    if (size > 0) {
        uint8_t last[8] = {0};
        memcpy(last, data, size);
        ll_digest_word(sums, ll_read64(last), counter);
    }
}
#endif
