#include "layout.h"

#include "laserlink_wire.h"

/* Where reading is: `ok` falls, and stays down, when something is not as declared. */
struct cursor {
    const uint8_t *at, *end;
    bool ok;
};

static uint8_t next_byte(struct cursor *cursor) {
    if (cursor->at == cursor->end) {
        cursor->ok = false;
        return 0;
    }
    return *cursor->at++;
}

static void skip(struct cursor *cursor, size_t count) {
    if ((size_t)(cursor->end - cursor->at) < count) {
        cursor->ok = false;
        return;
    }
    cursor->at += count;
}

/* One character of UTF-8 (RFC 3629): no overlong form, no surrogate, nothing above U+10FFFF. */
static void skip_character(struct cursor *cursor) {
    uint8_t first = next_byte(cursor);
    if (first < 0x80) {
        return;
    }
    unsigned following = first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
    uint8_t low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    uint8_t high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    cursor->ok = cursor->ok && first >= 0xC2 && first <= 0xF4;
    while (cursor->ok && following--) {
        uint8_t byte = next_byte(cursor);
        cursor->ok = cursor->ok && byte >= low && byte <= high;
        low = 0x80;
        high = 0xBF;
    }
}

static void check_text(struct cursor *cursor, uint8_t limit) {
    uint8_t count = next_byte(cursor);
    struct cursor text = {cursor->at, cursor->at, cursor->ok};
    skip(cursor, count);
    text.end = cursor->ok ? cursor->at : text.at;
    while (cursor->ok && text.ok && text.at != text.end) {
        skip_character(&text);
    }
    cursor->ok = cursor->ok && text.ok && count <= limit;
}

/* Fields of fixed size, which is all that items of arrays have. */
static void check_fields(struct cursor *cursor, const uint8_t *layout, const uint8_t *end) {
    while (cursor->ok && layout < end) {
        if (*layout == LL_LAYOUT_FIXED) {
            skip(cursor, layout[1]);
            layout += 2;
        } else {
            uint8_t value = next_byte(cursor);
            cursor->ok = cursor->ok && value >= layout[1] && value <= layout[2];
            layout += 3;
        }
    }
}

static void check_array(struct cursor *cursor, const uint8_t *layout) {
    uint8_t count = next_byte(cursor);
    cursor->ok = cursor->ok && count <= layout[0];
    while (cursor->ok && count--) {
        check_fields(cursor, layout + 2, layout + 2 + layout[1]);
    }
}

bool ll_layout_fits(const uint8_t *layout, const uint8_t *payload, size_t count) {
    /* Bytes of a layout's field, by its ll_layout_code. */
    static const uint8_t widths[] = {[LL_LAYOUT_FIXED] = 2, [LL_LAYOUT_ENUM] = 3, [LL_LAYOUT_TEXT] = 2,
                                     [LL_LAYOUT_ARRAY] = 3};
    struct cursor cursor = {payload, payload + count, true};
    while (cursor.ok && *layout != LL_LAYOUT_END) {
        const uint8_t *next = layout + widths[*layout];
        if (*layout == LL_LAYOUT_REST) {
            return true;
        }
        if (*layout == LL_LAYOUT_TEXT) {
            check_text(&cursor, layout[1]);
        } else if (*layout == LL_LAYOUT_ARRAY) {
            check_array(&cursor, layout + 1);
            next += layout[2];
        } else {
            check_fields(&cursor, layout, layout + 1);
        }
        layout = next;
    }
    return cursor.ok && cursor.at == cursor.end;
}
