/* A picture that is computed where it is asked for: colour bars over a ramp, and a square that moves. */
#ifndef LASERLINK_PICTURE_H
#define LASERLINK_PICTURE_H

#include "laserlink.h"

/* The digital numbers of 16 bits without light, and of the most. */
#define PICTURE_BLACK 4096u
#define PICTURE_WHITE 65535u

/* An `ll_pixels_fn` for RAW8 and RAW12. */
bool picture_pixels(void *context, const struct ll_picture *picture, uint32_t offset, uint8_t *bytes, size_t count);

#endif
