/* WEYL64, the digest of images: 64 bits a strip, in any order of arrival. */
#ifndef LASERLINK_DIGEST_H
#define LASERLINK_DIGEST_H

#include <stddef.h>
#include <stdint.h>

struct ll_digest_sums {
    uint64_t products, words;
};

/* Adds the bytes that stand at byte `offset` of the image, a multiple of 8. Only the image's last piece may have
 * a length that is none. */
void ll_digest_add(struct ll_digest_sums *sums, const uint8_t *bytes, size_t count, uint32_t offset);

/* The digest of a strip of `length` bytes whose bytes were all added, each once. */
uint64_t ll_digest_of_strip(const struct ll_digest_sums *sums, uint64_t length);

/* The digest of an image of `length` packed bytes, from those of its strips. */
uint64_t ll_digest_of_image(const uint64_t *strips, size_t count, uint64_t length);

#endif
