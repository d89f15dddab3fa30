/* Checks a payload against its declaration, before anything reads its fields. */
#ifndef LASERLINK_LAYOUT_H
#define LASERLINK_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether a payload is what its layout (of `ll_catalogue`) says: neither short nor long, every value allowed. */
bool ll_layout_fits(const uint8_t *layout, const uint8_t *payload, size_t count);

#endif
