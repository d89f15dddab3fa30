#include "framer.h"

#include <string.h>

#include "crc.h"
#include "octets.h"

/* What is at the start of the undecided bytes. */
struct decision {
    enum { WAIT, FRAME, LONG, BAD } what;
    uint8_t reason;
    uint16_t count;
};

static const struct decision wait_for_more = {WAIT, 0, 0};

void ll_framer_reset(struct ll_framer *framer) {
    framer->start = framer->end = framer->bad_bytes = framer->passed = 0;
    framer->cut = false;
}

size_t ll_framer_pending(const struct ll_framer *framer) {
    return (size_t)(framer->end - framer->start) + framer->passed;
}

/* The bytes of a frame whose header is at the start and holds. */
static uint32_t frame_bytes(const struct ll_framer *framer) {
    return LL_OVERHEAD_BYTES + (uint32_t)ll_get16(framer->bytes + framer->start + 6);
}

/* Follows the check of a frame that is not kept: one that fills the memory, so it begins at 0. */
static size_t pass(struct ll_framer *framer, const uint8_t *bytes, size_t count) {
    size_t left = frame_bytes(framer) - LL_MAX_FRAME - framer->passed;
    size_t taken = count < left ? count : left;
    if (!framer->passed) {
        const uint8_t *payload = framer->bytes + LL_HEADER_BYTES;
        uint32_t crc = ll_crc32(0, framer->bytes, LL_CHECKED_HEADER_BYTES);
        framer->passed_crc = ll_crc32(crc, payload, LL_MAX_FRAME - LL_HEADER_BYTES - 4);
        memcpy(framer->passed_check, framer->bytes + LL_MAX_FRAME - 4, 4);
    }
    for (size_t at = 0; at < taken; at++) {
        framer->passed_crc = ll_crc32(framer->passed_crc, framer->passed_check, 1);
        memmove(framer->passed_check, framer->passed_check + 1, 3);
        framer->passed_check[3] = bytes[at];
    }
    framer->passed = (uint16_t)(framer->passed + taken);
    return taken;
}

size_t ll_framer_feed(struct ll_framer *framer, const uint8_t *bytes, size_t count) {
    if (framer->start) {
        framer->end = (uint16_t)(framer->end - framer->start);
        memmove(framer->bytes, framer->bytes + framer->start, framer->end);
        framer->start = 0;
    }
    size_t room = LL_MAX_FRAME - framer->end;
    if (!room) {
        return pass(framer, bytes, count);
    }
    size_t taken = count < room ? count : room;
    memcpy(framer->bytes + framer->end, bytes, taken);
    framer->end = (uint16_t)(framer->end + taken);
    return taken;
}

size_t ll_framer_take_back(struct ll_framer *framer, size_t count) {
    size_t kept = (size_t)(framer->end - framer->start);
    count = framer->passed ? 0 : count < kept ? count : kept;
    framer->end = (uint16_t)(framer->end - count);
    return count;
}

void ll_framer_abandon(struct ll_framer *framer) {
    framer->cut = true;
}

static struct decision bad(uint8_t reason, size_t count) {
    return (struct decision){BAD, reason, (uint16_t)count};
}

/* More bytes are needed; when none will come, the first one is bad. */
static struct decision wait_or_cut(const struct ll_framer *framer) {
    return framer->cut ? bad(LL_BAD_CUT, 1) : wait_for_more;
}

/* Bytes up to the next sync; a last byte that may begin one is kept back. */
static struct decision search(const struct ll_framer *framer) {
    const uint8_t *bytes = framer->bytes;
    size_t at = framer->start;
    while (at < framer->end && bytes[at] != LL_SYNC_FIRST) {
        at++;
    }
    while (at + 1u < framer->end && !(bytes[at] == LL_SYNC_FIRST && bytes[at + 1] == LL_SYNC_SECOND)) {
        at++;
    }
    if (at + 1u == framer->end && bytes[at] != LL_SYNC_FIRST) {
        at++;
    }
    return at > framer->start ? bad(LL_BAD_NO_SYNC, at - framer->start) : wait_or_cut(framer);
}

/* A frame that does not fit the memory: all that is known is whether its check held. */
static struct decision judge_long(const struct ll_framer *framer, uint32_t whole) {
    if (LL_MAX_FRAME + (uint32_t)framer->passed < whole) {
        return wait_or_cut(framer);
    }
    bool holds = ll_get32(framer->passed_check) == framer->passed_crc;
    return holds ? (struct decision){LONG, 0, LL_MAX_FRAME} : bad(LL_BAD_FRAME_CHECK, 1);
}

static struct decision decide(const struct ll_framer *framer) {
    const uint8_t *at = framer->bytes + framer->start;
    size_t pending = (size_t)(framer->end - framer->start);
    if (!pending) {
        return wait_for_more;
    }
    if (pending < 2 || at[0] != LL_SYNC_FIRST || at[1] != LL_SYNC_SECOND) {
        return search(framer);
    }
    if (pending < LL_HEADER_BYTES) {
        return wait_or_cut(framer);
    }
    uint32_t crc = ll_crc32(0, at, LL_CHECKED_HEADER_BYTES);
    if (crc != ll_get32(at + LL_CHECKED_HEADER_BYTES)) {
        return bad(LL_BAD_HEADER_CHECK, 1);
    }
    uint32_t whole = frame_bytes(framer);
    if (whole > LL_FRAME_BYTES_MAX) {
        return bad(LL_BAD_LENGTH, 1);
    }
    if (whole > LL_MAX_FRAME) {
        return judge_long(framer, whole);
    }
    if (pending < whole) {
        return wait_or_cut(framer);
    }
    size_t payload_bytes = whole - LL_OVERHEAD_BYTES;
    crc = ll_crc32(crc, at + LL_HEADER_BYTES, payload_bytes);
    if (crc != ll_get32(at + LL_HEADER_BYTES + payload_bytes)) {
        return bad(LL_BAD_FRAME_CHECK, 1);
    }
    return (struct decision){FRAME, 0, (uint16_t)whole};
}

/* Moves bytes to the bad run, never past its limit; what is over is decided again, alike. */
static void reject(struct ll_framer *framer, struct decision found) {
    if (!framer->bad_bytes) {
        framer->bad_reason = found.reason;
    }
    uint16_t room = (uint16_t)(LL_FRAME_BYTES_MAX - framer->bad_bytes);
    uint16_t count = found.count < room ? found.count : room;
    framer->bad_bytes = (uint16_t)(framer->bad_bytes + count);
    framer->start = (uint16_t)(framer->start + count);
}

static struct ll_item take_bad(struct ll_framer *framer) {
    struct ll_item item = {LL_ITEM_BAD, framer->bad_reason, framer->bad_bytes, NULL};
    framer->bad_bytes = 0;
    return item;
}

/* What a long frame left behind, when its first bytes were judged bad: they were not kept. */
static void reject_passed(struct ll_framer *framer) {
    uint16_t room = (uint16_t)(LL_FRAME_BYTES_MAX - framer->bad_bytes);
    uint16_t count = framer->passed < room ? framer->passed : room;
    framer->bad_bytes = (uint16_t)(framer->bad_bytes + count);
    framer->passed = 0;
}

static struct ll_item take_frame(struct ll_framer *framer, struct decision found) {
    uint8_t kind = found.what == LONG ? LL_ITEM_LONG : LL_ITEM_FRAME;
    struct ll_item item = {kind, 0, found.count, framer->bytes + framer->start};
    framer->start = (uint16_t)(framer->start + found.count);
    framer->passed = 0;
    return item;
}

struct ll_item ll_framer_next(struct ll_framer *framer) {
    for (;;) {
        if (framer->bad_bytes >= LL_FRAME_BYTES_MAX) {
            return take_bad(framer);
        }
        struct decision found = decide(framer);
        bool is_frame = found.what == FRAME || found.what == LONG;
        if (is_frame || (found.what == WAIT && framer->cut)) {
            if (framer->bad_bytes) {
                return take_bad(framer);
            }
        }
        if (is_frame) {
            return take_frame(framer, found);
        }
        if (found.what == WAIT) {
            framer->cut = false;
            return (struct ll_item){LL_ITEM_NONE, 0, 0, NULL};
        }
        reject(framer, found);
        if (framer->passed) {
            reject_passed(framer);
        }
    }
}
