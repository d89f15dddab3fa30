/* The firmware as a shared library for tests: what they look at, by functions. */
#include <stdlib.h>
#include <string.h>

#include "crc.h"
#include "digest.h"
#include "layout.h"
#include "laserlink.h"
#include "prbs.h"

struct ll_module *lib_module_new(const struct ll_facts *facts, uint32_t first_sequence, ll_pixels_fn pixels) {
    struct ll_module *module = malloc(sizeof *module);
    if (module && !ll_module_init(module, facts, first_sequence, pixels, NULL)) {
        free(module);
        return NULL;
    }
    return module;
}

void lib_free(void *memory) {
    free(memory);
}

uint8_t lib_state(const struct ll_module *module) {
    return module->state;
}

bool lib_stalled(const struct ll_module *module) {
    return module->stalled;
}

const uint8_t *lib_out(const struct ll_module *module) {
    return module->out;
}

struct ll_framer *lib_framer_new(void) {
    struct ll_framer *framer = malloc(sizeof *framer);
    if (framer) {
        ll_framer_reset(framer);
    }
    return framer;
}

/* The next item: its kind, its reason and its size, and the bytes of a frame. */
int lib_framer_next(struct ll_framer *framer, uint8_t *reason, uint16_t *size, uint8_t *wire) {
    struct ll_item item = ll_framer_next(framer);
    *reason = item.reason;
    *size = item.size;
    if (item.kind == LL_ITEM_FRAME) {
        memcpy(wire, item.wire, item.size);
    }
    return item.kind;
}

bool lib_layout_fits(uint8_t type, const uint8_t *payload, size_t count) {
    for (size_t at = 0; at < LL_ROWS; at++) {
        if (ll_catalogue[at].type == type) {
            return ll_layout_fits(ll_layouts + ll_catalogue[at].layout, payload, count);
        }
    }
    return false;
}

/* The digests of all strips of a packed image, a piece at a time, and that of the image. */
uint64_t lib_digests(const uint8_t *bytes, uint32_t count, uint32_t strip_bytes, uint32_t piece, uint64_t *strips) {
    size_t strip = 0;
    for (uint32_t start = 0; start < count; start += strip_bytes, strip++) {
        uint32_t end = start + strip_bytes < count ? start + strip_bytes : count;
        struct ll_digest_sums sums = {0, 0};
        for (uint32_t at = start; at < end; at += piece) {
            ll_digest_add(&sums, bytes + at, at + piece < end ? piece : end - at, at);
        }
        strips[strip] = ll_digest_of_strip(&sums, end - start);
    }
    return ll_digest_of_image(strips, strip, count);
}
