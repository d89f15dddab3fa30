/* The image data path: whole frames in, pixels and digests out, and the way back. A frame is described
 * in protocol/frame.py and docs/wire-format.md. Nothing here fails: it stops at what it does not know. */
#ifndef LL_IMAGES_H
#define LL_IMAGES_H
#include "variants.h"

enum {
    LL_HEADER_BYTES = 20,
    LL_COVERED_BYTES = 16, /* the header without its own check */
    LL_CHECK_BYTES = 4,
    LL_PREFIX_BYTES = 12, /* image id and offset, in front of the chunk */
    LL_IMAGE_DATA = 0x42,
    LL_VERSION = 0x10,
};

/* One image that is being received. `picture`, `present` and `sums` belong to the caller. */
typedef struct {
    uint32_t image_id, chunk_bytes, last_sequence;
    uint8_t channel;
    int row; /* of ll_raw_widths */
    uint64_t coded_bytes, strip_bytes, frames, duplicates;
    uint16_t *picture;
    uint8_t *present;
    uint64_t *sums;
} ll_slot;

/* Are `size` bytes at `offset` a chunk of this image, and whole? */
static inline int ll_slot_fits(const ll_slot *slot, uint64_t offset, uint64_t size)
{
    if (offset >= slot->coded_bytes || offset % slot->chunk_bytes != 0)
        return 0;
    uint64_t left = slot->coded_bytes - offset;
    return size == (left < slot->chunk_bytes ? left : slot->chunk_bytes);
}

/* What is done with a chunk while its check runs, a step at a time: its digest is summed, and the lines of the
 * picture that it will fill are fetched. Then unpacking writes to the cache, and memory waits for nobody. Stores
 * that stream past the caches need no fetching, but a core has too few buffers for them: they take longer. */
typedef struct {
    ll_work work; /* the first member: ll_chunk_step is called with it */
    const uint8_t *unsummed;
    size_t unsummed_bytes;
    uint64_t index; /* of the first word that is not summed */
    ll_sums sums;
    const uint8_t *fetch, *fetch_end;
} ll_chunk;

enum { LL_STEP_LINES = 12 }; /* 5/4 to 2 bytes of pixels for a byte of a chunk: more than 8 lines, at most 16 */

static void ll_chunk_sum(ll_chunk *chunk, size_t size)
{
    ll_kernels->digest(&chunk->sums, chunk->unsummed, size, chunk->index);
    chunk->unsummed += size;
    chunk->unsummed_bytes -= size;
    chunk->index += size / 8;
}

static void ll_chunk_step(ll_work *work)
{
    ll_chunk *chunk = (ll_chunk *)work;
    if (chunk->unsummed_bytes >= LL_WORK_BYTES)
        ll_chunk_sum(chunk, LL_WORK_BYTES);
    for (int line = 0; line < LL_STEP_LINES && chunk->fetch < chunk->fetch_end; line++, chunk->fetch += 64)
        ll_prefetch_to_write(chunk->fetch);
}

static inline int ll_slot_has(const ll_slot *slot, uint64_t offset)
{
    return slot->present[offset / slot->chunk_bytes];
}

/* Where the pixels of a chunk go, and how many groups they are. */
static inline uint16_t *ll_slot_pixels(const ll_slot *slot, uint64_t offset)
{
    const ll_raw_width *width = &ll_raw_widths[slot->row];
    return slot->picture + offset / width->group_bytes * width->group_pixels;
}

static inline size_t ll_slot_groups(const ll_slot *slot, size_t size)
{
    return size / ll_raw_widths[slot->row].group_bytes;
}

static void ll_chunk_begin(ll_chunk *chunk, const ll_slot *slot, uint64_t offset, const uint8_t *packed,
                           size_t size)
{
    size_t pixels = ll_slot_groups(slot, size) * ll_raw_widths[slot->row].group_pixels;
    chunk->work.step = ll_chunk_step;
    chunk->unsummed = packed;
    chunk->unsummed_bytes = size;
    chunk->index = offset / 8;
    memset(&chunk->sums, 0, sizeof chunk->sums);
    chunk->fetch = (const uint8_t *)ll_slot_pixels(slot, offset);
    chunk->fetch_end = chunk->fetch + pixels * sizeof(uint16_t);
}

/* Takes a chunk that is new and good. */
static void ll_chunk_accept(ll_chunk *chunk, ll_slot *slot, uint64_t offset, const uint8_t *packed,
                            size_t size)
{
    if (chunk->unsummed_bytes > 0)
        ll_chunk_sum(chunk, chunk->unsummed_bytes);
    ll_digest_total(&slot->sums[2 * (offset / slot->strip_bytes)], &chunk->sums);
    ll_kernels->unpack[slot->row](packed, ll_slot_pixels(slot, offset), ll_slot_groups(slot, size), 0);
    slot->present[offset / slot->chunk_bytes] = 1;
    slot->frames++;
}

/* Unpacks and sums a chunk that fits. Returns whether it is new. */
static int ll_slot_place(ll_slot *slot, uint64_t offset, const uint8_t *packed, size_t size)
{
    ll_chunk chunk;
    if (ll_slot_has(slot, offset)) {
        slot->duplicates++;
        return 0;
    }
    ll_chunk_begin(&chunk, slot, offset, packed, size);
    ll_chunk_accept(&chunk, slot, offset, packed, size);
    return 1;
}

/* What a header and the prefix of an image frame say, once. */
typedef struct {
    uint8_t channel;
    uint32_t length, session, sequence, header_check, image_id;
    uint64_t offset;
} ll_image_header;

/* Reads the first 32 bytes. They are copied first, so that a ring's other side cannot change a length
 * between its check and its use. Returns 0 when they are not the beginning of an image frame. */
static int ll_read_image_header(const uint8_t *at, uint32_t length_max, ll_image_header *header)
{
    uint8_t copy[LL_HEADER_BYTES + LL_PREFIX_BYTES];
    memcpy(copy, at, sizeof copy);
#ifdef __GNUC__
    __asm__ volatile("" : : "r"(copy) : "memory");
#endif
    if (copy[0] != 0xEB || copy[1] != 0x90 || copy[2] != LL_VERSION)
        return 0;
    if (copy[3] != LL_IMAGE_DATA || copy[5] != 0)
        return 0;
    header->channel = copy[4];
    header->length = ll_read16(copy + 6);
    header->session = ll_read32(copy + 8);
    header->sequence = ll_read32(copy + 12);
    header->header_check = ll_read32(copy + LL_COVERED_BYTES);
    header->image_id = ll_read32(copy + LL_HEADER_BYTES);
    header->offset = ll_read64(copy + LL_HEADER_BYTES + 4);
    return header->length > LL_PREFIX_BYTES && header->length <= length_max &&
           ll_crc32(copy, LL_COVERED_BYTES, 0) == header->header_check;
}

/* The slot of a header, `slot_count` when there is none; `first`, the last that was found, is tried first. */
static size_t ll_find_slot(ll_slot *const *slots, size_t slot_count, size_t first,
                           const ll_image_header *header)
{
    for (size_t tried = 0; tried < slot_count; tried++) {
        size_t index = (first + tried) % slot_count;
        if (slots[index]->channel == header->channel && slots[index]->image_id == header->image_id)
            return index;
    }
    return slot_count;
}

/* Takes the payload of a frame whose header holds, if its check holds too. Returns whether it was taken. */
static int ll_receive_chunk(ll_slot *slot, const ll_image_header *header, const uint8_t *payload)
{
    ll_chunk chunk;
    const uint8_t *packed = payload + LL_PREFIX_BYTES;
    size_t size = header->length - LL_PREFIX_BYTES;
    if (!ll_slot_fits(slot, header->offset, size))
        return 0;
    int is_new = !ll_slot_has(slot, header->offset);
    if (is_new)
        ll_chunk_begin(&chunk, slot, header->offset, packed, size);
    uint32_t check =
        ~ll_kernels->crc(~header->header_check, payload, header->length, is_new ? &chunk.work : NULL);
    if (check != ll_read32(payload + header->length))
        return 0;
    if (is_new)
        ll_chunk_accept(&chunk, slot, header->offset, packed, size);
    else
        slot->duplicates++;
    slot->last_sequence = header->sequence;
    return 1;
}

/* Takes whole good image frames of the open slots from the start of `data`. Returns the bytes taken. */
static size_t ll_receive_images(const uint8_t *data, size_t size, uint32_t session, uint32_t length_max,
                                ll_slot *const *slots, size_t slot_count)
{
    ll_image_header header;
    size_t taken = 0, found = 0;
    while (size - taken >= LL_HEADER_BYTES + LL_PREFIX_BYTES + LL_CHECK_BYTES) {
        if (!ll_read_image_header(data + taken, length_max, &header) || header.session != session)
            break;
        size_t frame_size = (size_t)LL_HEADER_BYTES + header.length + LL_CHECK_BYTES;
        found = ll_find_slot(slots, slot_count, found, &header);
        if (frame_size > size - taken || found == slot_count ||
            !ll_receive_chunk(slots[found], &header, data + taken + LL_HEADER_BYTES))
            break;
        taken += frame_size;
    }
    return taken;
}

/* Which image is sent, and how. */
typedef struct {
    uint32_t session, first_sequence, image_id, chunk_bytes;
    uint8_t channel;
} ll_image_source;

/* Fetches the next chunk while this one's check runs: the processor's own prefetch ends with each page. */
typedef struct {
    ll_work work; /* the first member: ll_fetch_step is called with it */
    const uint8_t *at, *end;
} ll_fetch;

static void ll_fetch_step(ll_work *work)
{
    ll_fetch *fetch = (ll_fetch *)work;
    for (int line = 0; line < LL_WORK_BYTES / 64 + 1 && fetch->at < fetch->end; line++, fetch->at += 64)
        ll_prefetch(fetch->at);
}

/* Writes the frame of a chunk. `end` is that of the image. */
static void ll_write_image_frame(uint8_t *out, const ll_image_source *source, uint64_t chunk_index,
                                 const uint8_t *chunk, uint32_t chunk_size, const uint8_t *end)
{
    ll_fetch fetch = {{ll_fetch_step}, chunk + chunk_size, end};
    uint32_t length = LL_PREFIX_BYTES + chunk_size;
    uint8_t *payload = out + LL_HEADER_BYTES;
    out[0] = 0xEB;
    out[1] = 0x90;
    out[2] = LL_VERSION;
    out[3] = LL_IMAGE_DATA;
    out[4] = source->channel;
    out[5] = 0;
    ll_write16(out + 6, (uint16_t)length);
    ll_write32(out + 8, source->session);
    ll_write32(out + 12, source->first_sequence + (uint32_t)chunk_index);
    uint32_t check = ll_crc32(out, LL_COVERED_BYTES, 0);
    ll_write32(out + LL_COVERED_BYTES, check);
    ll_write32(payload, source->image_id);
    ll_write64(payload + 4, chunk_index * source->chunk_bytes);
    memcpy(payload + LL_PREFIX_BYTES, chunk, chunk_size);
    ll_write32(payload + length, ~ll_kernels->crc(~check, payload, length, &fetch.work));
}

/* Bytes of a chunk, and of its frame. */
static inline uint32_t ll_chunk_bytes(const ll_image_source *source, size_t packed_size, uint64_t index)
{
    size_t left = packed_size - (size_t)index * source->chunk_bytes;
    return left < source->chunk_bytes ? (uint32_t)left : source->chunk_bytes;
}

static inline size_t ll_frame_bytes(const ll_image_source *source, size_t packed_size, uint64_t index)
{
    return (size_t)LL_HEADER_BYTES + LL_PREFIX_BYTES + ll_chunk_bytes(source, packed_size, index) +
           LL_CHECK_BYTES;
}

/* Writes frames for chunks `index` to `end` - 1 while they fit. The caller checks that all of them lie
 * in `packed`. Returns how many were written. */
static uint64_t ll_frame_images(uint8_t *out, size_t size, const uint8_t *packed, size_t packed_size,
                                uint64_t index, uint64_t end, const ll_image_source *source)
{
    uint64_t first = index;
    for (; index < end; index++) {
        size_t frame_size = ll_frame_bytes(source, packed_size, index);
        if (frame_size > size)
            break;
        ll_write_image_frame(out, source, index, packed + (size_t)index * source->chunk_bytes,
                             ll_chunk_bytes(source, packed_size, index), packed + packed_size);
        out += frame_size;
        size -= frame_size;
    }
    return index - first;
}
#endif
