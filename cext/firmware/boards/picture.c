#include "picture.h"

#define BARS 8u
#define SQUARE_PARTS 6u
#define REFERENCE_US 10000u

/* Red, green, blue of the bars: white, yellow, cyan, green, magenta, red, blue, black. */
static const uint8_t bars[BARS] = {7, 6, 3, 2, 5, 4, 1, 0};

/* Light in 16 bits at a photosite of the mode, for the exposure of reference. */
static uint32_t light_at(const struct ll_picture *picture, uint32_t x, uint32_t y) {
    uint32_t width = picture->mode->width, height = picture->mode->height, side = height / SQUARE_PARTS;
    uint32_t left = picture->image_id * 4u % (width - side), top = height / 2u - side / 2u;
    /* RGGB: red at even places, blue at odd ones, green elsewhere. */
    uint32_t colour = (x & 1u) + (y & 1u), lit = (uint32_t)bars[x * BARS / width] >> (2u - colour) & 1u;
    if (x - left < side && y - top < side) {
        return 40000u;
    }
    if (y * 4u > height * 3u) {
        return x * 48000u / width;
    }
    return lit ? 36000u : 1500u;
}

static uint32_t sample(const struct ll_picture *picture, uint32_t pixel) {
    uint32_t x = picture->x + pixel % picture->width, y = picture->y + pixel / picture->width;
    uint64_t value = (uint64_t)light_at(picture, x, y) * picture->exposure_us / REFERENCE_US + PICTURE_BLACK;
    uint32_t clipped = value < PICTURE_WHITE ? (uint32_t)value : PICTURE_WHITE;
    return clipped >> (16u - picture->bits);
}

bool picture_pixels(void *context, const struct ll_picture *picture, uint32_t offset, uint8_t *bytes, size_t count) {
    (void)context;
    if (picture->bits == 8) {
        for (size_t at = 0; at < count; at++) {
            bytes[at] = (uint8_t)sample(picture, offset + (uint32_t)at);
        }
        return true;
    }
    /* RAW12: two pixels in three bytes, the high ones first, then both low halves. */
    uint32_t pixel = offset / 3u * 2u;
    for (size_t at = 0; at + 3 <= count; at += 3, pixel += 2) {
        uint32_t first = sample(picture, pixel), second = sample(picture, pixel + 1);
        bytes[at] = (uint8_t)(first >> 4);
        bytes[at + 1] = (uint8_t)(second >> 4);
        bytes[at + 2] = (uint8_t)((first & 0xFu) | (second & 0xFu) << 4);
    }
    return true;
}
