/* One frame, read or written (the reference is protocol/wire.py); and many small frames at once: whole good
 * frames from the start of a buffer, as rows of a table (protocol/small_frames.py). That stops at the first byte
 * that is no good frame of at most 256 bytes. */
#ifndef LL_FRAMES_H
#define LL_FRAMES_H
#include "images.h"

enum { LL_SMALL_FRAME_BYTES_MAX = 256, LL_PAYLOAD_BYTES_MAX = 4072 };

/* One row; `payload_at` counts from the start of the buffer. */
typedef struct {
    uint64_t payload_at;
    uint32_t session, sequence;
    uint16_t length;
    uint8_t type, channel, flags, version;
    uint16_t reserved;
} ll_small_frame;

/* Reads one frame; its bytes, or 0. */
static size_t ll_read_frame(const uint8_t *at, size_t size, size_t frame_bytes_max, ll_small_frame *frame)
{
    if (size < LL_HEADER_BYTES + LL_CHECK_BYTES || at[0] != 0xEB || at[1] != 0x90)
        return 0;
    uint16_t length = ll_read16(at + 6);
    size_t frame_bytes = (size_t)LL_HEADER_BYTES + length + LL_CHECK_BYTES;
    if (frame_bytes > frame_bytes_max || frame_bytes > size)
        return 0;
    uint32_t check = ll_crc32(at, LL_COVERED_BYTES, 0);
    if (check != ll_read32(at + LL_COVERED_BYTES) ||
        ll_crc32(at + LL_HEADER_BYTES, length, check) != ll_read32(at + LL_HEADER_BYTES + length))
        return 0;
    frame->version = at[2];
    frame->type = at[3];
    frame->channel = at[4];
    frame->flags = at[5];
    frame->length = length;
    frame->session = ll_read32(at + 8);
    frame->sequence = ll_read32(at + 12);
    frame->reserved = 0;
    return frame_bytes;
}

/* Whether a frame begins here, or may, as far as the bytes go (at least one): what is there of it holds. */
static int ll_may_begin(const uint8_t *at, size_t size)
{
    if (at[0] != 0xEB)
        return 0;
    if (size < 2)
        return 1;
    if (at[1] != 0x90)
        return 0;
    if (size < LL_HEADER_BYTES)
        return 1;
    uint32_t check = ll_crc32(at, LL_COVERED_BYTES, 0);
    uint16_t length = ll_read16(at + 6);
    if (check != ll_read32(at + LL_COVERED_BYTES) || length > LL_PAYLOAD_BYTES_MAX)
        return 0;
    if (size < (size_t)LL_HEADER_BYTES + length + LL_CHECK_BYTES)
        return 1;
    return ll_crc32(at + LL_HEADER_BYTES, length, check) == ll_read32(at + LL_HEADER_BYTES + length);
}

/* How many bytes are no frame, where none begins at the first: up to where one may begin; `limit` at most. */
static size_t ll_bad_bytes(const uint8_t *data, size_t size, size_t limit)
{
    size_t end = limit < size ? limit : size, at = 1;
    while (at < end && !ll_may_begin(data + at, size - at)) {
        const uint8_t *next = memchr(data + at + 1, 0xEB, end - at - 1);
        at = next ? (size_t)(next - data) : end;
    }
    return at;
}

/* Writes a frame of these fields around a payload of frame->length bytes. */
static void ll_write_frame(uint8_t *at, const ll_small_frame *frame, const uint8_t *payload)
{
    at[0] = 0xEB;
    at[1] = 0x90;
    at[2] = frame->version;
    at[3] = frame->type;
    at[4] = frame->channel;
    at[5] = frame->flags;
    ll_write16(at + 6, frame->length);
    ll_write32(at + 8, frame->session);
    ll_write32(at + 12, frame->sequence);
    uint32_t check = ll_crc32(at, LL_COVERED_BYTES, 0);
    ll_write32(at + LL_COVERED_BYTES, check);
    memcpy(at + LL_HEADER_BYTES, payload, frame->length);
    ll_write32(at + LL_HEADER_BYTES + frame->length, ll_crc32(payload, frame->length, check));
}

/* Fills rows while there are good frames and room; how many. `taken` becomes the bytes that they were. */
static size_t ll_decode_frames(const uint8_t *data, size_t size, ll_small_frame *rows, size_t room,
                               size_t *taken)
{
    size_t count = 0, at = 0, frame_bytes;
    while (count < room && (frame_bytes = ll_read_frame(data + at, size - at, LL_SMALL_FRAME_BYTES_MAX,
                                                        &rows[count])) > 0) {
        rows[count++].payload_at = at + LL_HEADER_BYTES;
        at += frame_bytes;
    }
    *taken = at;
    return count;
}
#endif
