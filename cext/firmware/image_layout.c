#include "image_layout.h"

#define PIXELS_PER_LINE 32u
#define BITS_PER_OCTET 8u
#define DIGEST_BYTES 8u
#define DIGESTS_PER_FRAME_MAX 255u

static uint32_t divided_up(uint32_t value, uint32_t by) {
    return (value + by - 1) / by;
}

bool ll_layout_image(struct ll_layout *layout, uint16_t width, uint16_t height, uint8_t bits,
                     uint16_t frame_bytes_max) {
    uint32_t line = PIXELS_PER_LINE * bits / BITS_PER_OCTET;
    uint32_t room = frame_bytes_max - LL_OVERHEAD_BYTES - LL_SEAL_BYTES;
    uint64_t coded = (uint64_t)width * height * bits / BITS_PER_OCTET;
    uint32_t chunk = (room - LL_DATA_PREFIX_BYTES) / line * line;
    uint32_t strip = LL_STRIP_BYTES_MAX / chunk * chunk;
    if (coded > (uint64_t)strip * LL_STRIPS_MAX) {
        return false;
    }
    uint32_t per_frame = (room - LL_DIGESTS_PREFIX_BYTES) / DIGEST_BYTES;
    per_frame = per_frame < DIGESTS_PER_FRAME_MAX ? per_frame : DIGESTS_PER_FRAME_MAX;
    layout->width = width;
    layout->height = height;
    layout->bits = bits;
    layout->coded_bytes = (uint32_t)coded;
    layout->chunk_bytes = (uint16_t)chunk;
    layout->strip_bytes = strip;
    layout->chunks = (uint16_t)divided_up((uint32_t)coded, chunk);
    layout->strips = (uint16_t)divided_up((uint32_t)coded, strip);
    layout->digests_per_frame = (uint16_t)per_frame;
    layout->digest_frames = (uint16_t)divided_up(layout->strips, per_frame);
    layout->frames = (uint16_t)(1u + layout->chunks + layout->digest_frames);
    return true;
}

static uint32_t length_of(const struct ll_layout *layout, uint32_t size, uint32_t index) {
    uint32_t left = layout->coded_bytes - index * size;
    return left < size ? left : size;
}

uint32_t ll_chunk_length(const struct ll_layout *layout, uint32_t index) {
    return length_of(layout, layout->chunk_bytes, index);
}

uint32_t ll_strip_length(const struct ll_layout *layout, uint32_t index) {
    return length_of(layout, layout->strip_bytes, index);
}
