/* How an image lies on the wire: packed size, chunks, strips, frames. Pure arithmetic. */
#ifndef LASERLINK_IMAGE_LAYOUT_H
#define LASERLINK_IMAGE_LAYOUT_H

#include "laserlink.h"

/* The layout of an image in frames of at most `frame_bytes_max`; false when it has more strips than there is room. */
bool ll_layout_image(struct ll_layout *layout, uint16_t width, uint16_t height, uint8_t bits,
                     uint16_t frame_bytes_max);
uint32_t ll_chunk_length(const struct ll_layout *layout, uint32_t index);
uint32_t ll_strip_length(const struct ll_layout *layout, uint32_t index);

#endif
