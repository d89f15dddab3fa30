#include "descriptor.h"

#include <string.h>

#include "octets.h"
#include "power.h"

/* A window on the descriptor: what is written outside of it is only counted, so that no memory holds the whole. */
struct window {
    uint32_t at, first, end;
    uint8_t *bytes;
};

static void put(struct window *window, uint32_t value, size_t count) {
    for (; count--; value >>= 8, window->at++) {
        if (window->at >= window->first && window->at < window->end) {
            window->bytes[window->at - window->first] = (uint8_t)value;
        }
    }
}

static void put_text(struct window *window, const char *text) {
    put(window, (uint32_t)strlen(text), 1);
    while (*text) {
        put(window, (uint8_t)*text++, 1);
    }
}

static void put_words(struct window *window, const void *from, size_t count) {
    for (const uint32_t *word = from; count--; word++) {
        put(window, *word, 4);
    }
}

static void put_identity(struct window *window, const struct ll_facts *facts) {
    put(window, (uint32_t)facts->module_id, 4);
    put(window, (uint32_t)(facts->module_id >> 32), 4);
    put_text(window, facts->vendor);
    put_text(window, facts->product);
    put_text(window, facts->serial);
    put_text(window, facts->firmware);
    put(window, ll_get32(facts->cfa), 4);
    put(window, facts->pixel_pitch_nm, 2);
    put(window, facts->focal_length_um, 4);
    put(window, facts->f_number_centi, 2);
    for (const struct ll_colour *colour = facts->colours; colour < facts->colours + LL_COLOURS; colour++) {
        put(window, colour->count, 1);
        put_words(window, colour->values, colour->count);
    }
}

static void put_mode(struct window *window, const struct ll_mode *mode, const struct ll_facts *facts) {
    unsigned shift = 16u - mode->default_bits;
    put(window, mode->id, 1);
    put_text(window, mode->name);
    put(window, mode->width, 2);
    put(window, mode->height, 2);
    put(window, mode->binning, 1);
    put(window, mode->formats, 4);
    put(window, mode->default_bits, 1);
    put(window, ((facts->white_dn16 + 1u) >> shift) - 1u, 2);
    put(window, (uint32_t)facts->black_dn16 >> shift, 2);
    put(window, mode->interval_us, 4);
    put(window, mode->readout_us, 4);
}

static void put_descriptor(struct window *window, const struct ll_module *module) {
    const struct ll_facts *facts = module->facts;
    put_identity(window, facts);
    put(window, facts->idle_ma, 2);
    put(window, ll_operating_ma(module), 2);
    put(window, facts->reserve_ma, 2);
    put(window, module->boot_count, 4);
    put(window, facts->mode_count, 1);
    for (size_t at = 0; at < facts->mode_count; at++) {
        put_mode(window, &facts->modes[at], facts);
    }
    put(window, facts->noise_count, 1);
    put_words(window, facts->noise, facts->noise_count * (sizeof *facts->noise / 4));
}

uint32_t ll_descriptor_bytes(const struct ll_module *module) {
    struct window window = {0, 0, 0, NULL};
    put_descriptor(&window, module);
    return window.at;
}

size_t ll_descriptor_part(const struct ll_module *module, uint32_t offset, uint8_t *part, size_t room) {
    struct window window = {0, offset, offset + (uint32_t)room, part};
    put_descriptor(&window, module);
    uint32_t end = window.at < window.end ? window.at : window.end;
    return end > offset ? end - offset : 0;
}
