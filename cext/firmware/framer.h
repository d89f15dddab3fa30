/* Finds frames in a stream of bytes that may hold anything; docs/wire-format.md, "Finding frames".
 *
 * Feed bytes, take items until there are none. The memory is one frame of LL_MAX_FRAME. A longer one is not kept,
 * but its check is followed to the end: when it holds, the item says LL_ITEM_LONG and has the payload's first bytes
 * only; when it does not, what was not kept is bad and cannot be searched. */
#ifndef LASERLINK_FRAMER_H
#define LASERLINK_FRAMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "laserlink_wire.h"

/* The longest frame that this program takes and sends, in bytes. */
#ifndef LL_MAX_FRAME
#define LL_MAX_FRAME 1024u
#endif
LL_STATIC_ASSERT(max_frame, LL_MAX_FRAME >= LL_FRAME_BYTES_MIN_OFFER && LL_MAX_FRAME <= LL_FRAME_BYTES_MAX);

enum ll_item_kind { LL_ITEM_NONE, LL_ITEM_FRAME, LL_ITEM_LONG, LL_ITEM_BAD };

enum ll_bad_reason { LL_BAD_NO_SYNC, LL_BAD_HEADER_CHECK, LL_BAD_LENGTH, LL_BAD_FRAME_CHECK, LL_BAD_CUT };

/* A frame (`wire` stays valid until the framer is used again) or a run of `size` bytes that are none. */
struct ll_item {
    uint8_t kind, reason;
    uint16_t size;
    const uint8_t *wire;
};

struct ll_framer {
    uint16_t start, end;      /* what is not decided yet, in `bytes` */
    uint16_t bad_bytes;       /* length of the run of bad bytes that is not given out yet */
    uint16_t passed;          /* bytes of a long frame that came and were not kept */
    uint32_t passed_crc;      /* the CRC up to there */
    uint8_t passed_check[4];  /* the last four of them, which may be the frame check */
    uint8_t bad_reason;
    bool cut;
    uint8_t bytes[LL_MAX_FRAME];
};

void ll_framer_reset(struct ll_framer *framer);

/* Takes as many bytes as there is room for; how many. All of them, when there was no item before the call. */
size_t ll_framer_feed(struct ll_framer *framer, const uint8_t *bytes, size_t count);

/* Gives up to `count` of the last undecided bytes back, to be fed again; how many. */
size_t ll_framer_take_back(struct ll_framer *framer, size_t count);

/* The started frame will not be waited for. Take items until there are none afterwards. */
void ll_framer_abandon(struct ll_framer *framer);

struct ll_item ll_framer_next(struct ll_framer *framer);

/* Bytes that were fed and are not decided yet. */
size_t ll_framer_pending(const struct ll_framer *framer);

#endif
