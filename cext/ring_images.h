/* The image data path over a ring: frames from its circular buffer into pictures and from images into it, the
 * indices published on the way. Layout, memory order and the sleeping pattern are described in ring.py. */
#ifndef LL_RING_IMAGES_H
#define LL_RING_IMAGES_H
#include "images.h"
#include "words.h"
#ifdef __linux__
#include <poll.h>
#include <time.h>
#include <unistd.h>
#endif

enum {
    LL_FRAME_BYTES_MAX = 4096,
    LL_RING_STEP_BYTES = 1 << 16,  /* after so many bytes the other side is told, */
    LL_RING_FIRST_BYTES = 1 << 12, /* at first after so many, then twice as many each time: it works meanwhile */
    LL_RING_CALL_BYTES = 1 << 22,  /* about a millisecond: then the caller looks at its other lane */
    LL_RING_PATIENCE = 1000,       /* looks at the other side's index, 20 to 40 us, before sleeping is cheaper */
};

/* One side's view. `done` is its own index, `mine` and `theirs` are the shared ones. */
typedef struct {
    uint8_t *data;
    uint64_t data_bytes, done;
    uint64_t *mine, *theirs, *peer_waits;
    uint64_t wake_bytes; /* a sleeping peer is woken when so many bytes are ready for it */
    int bell;            /* the descriptor that wakes it */
} ll_ring;

static inline void ll_pause(void)
{
#ifdef LL_HAVE_X86
    _mm_pause();
#endif
}

static void ll_ring_wake(ll_ring *ring, uint64_t ready_for_peer)
{
    ll_fence();
    if (ready_for_peer < ring->wake_bytes || ll_load_acquire(ring->peer_waits) == 0)
        return;
    ll_store_release(ring->peer_waits, 0);
#ifdef __linux__
    ssize_t written = write(ring->bell, "!", 1); /* a full one is readable already */
    (void)written;
#endif
}

/* The contiguous bytes at our index, of `ready`, and no more than a step. */
static size_t ll_ring_span(const ll_ring *ring, uint64_t ready, size_t step)
{
    uint64_t to_end = ring->data_bytes - ring->done % ring->data_bytes;
    uint64_t span = ready < to_end ? ready : to_end;
    return span < step ? (size_t)span : step;
}

/* Copies `size` bytes from our index on, around the wrap; `out` to the ring, else from it. */
static void ll_ring_copy(const ll_ring *ring, uint8_t *buffer, size_t size, int out)
{
    size_t at = (size_t)(ring->done % ring->data_bytes), to_end = (size_t)ring->data_bytes - at;
    size_t first = size < to_end ? size : to_end;
    if (out) {
        memcpy(ring->data + at, buffer, first);
        memcpy(ring->data, buffer + first, size - first);
    } else {
        memcpy(buffer, ring->data + at, first);
        memcpy(buffer + first, ring->data, size - first);
    }
}

/* Stays awake until the other side's index is not `seen`, or until a time (ns of CLOCK_MONOTONIC), or until
 * `other`, a descriptor or -1, is readable. Whether the index has moved. Writes nothing: see ring.py. */
static int ll_ring_stay_awake(const ll_ring *ring, uint64_t seen, uint64_t until_ns, int other)
{
#ifdef __linux__
    struct pollfd polled = {.fd = other, .events = POLLIN};
    struct timespec now;
    do {
        for (int look = 0; look < LL_RING_PATIENCE; look++, ll_pause())
            if (ll_load_acquire(ring->theirs) != seen)
                return 1;
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec < until_ns && poll(&polled, 1, 0) == 0);
#endif
    return ll_load_acquire(ring->theirs) != seen;
}

/* Waits a little for bytes to read; 0 when none came, or the index is impossible, which ring.py tells. */
static uint64_t ll_ring_await_data(const ll_ring *ring)
{
    for (int look = 0; look < LL_RING_PATIENCE; look++, ll_pause()) {
        uint64_t ready = ll_load_acquire(ring->theirs) - ring->done;
        if (ready > 0)
            return ready <= ring->data_bytes ? ready : 0;
    }
    return 0;
}

/* Takes image frames from the ring as ll_receive_images does, also those across its wrap; after `enough` bytes
 * no more are looked for. Returns the bytes taken; `done` has gone on by them. */
static uint64_t ll_ring_receive(ll_ring *ring, uint32_t session, uint32_t length_max, ll_slot *const *slots,
                                size_t slot_count, uint64_t enough)
{
    uint8_t joined[LL_FRAME_BYTES_MAX];
    uint64_t first = ring->done, ready;
    while (ring->done - first < enough && (ready = ll_ring_await_data(ring)) > 0) {
        const uint8_t *data = ring->data + ring->done % ring->data_bytes;
        size_t span = ll_ring_span(ring, ready, LL_RING_STEP_BYTES);
        if (span < LL_FRAME_BYTES_MAX && span < ready) {
            span = ready < LL_FRAME_BYTES_MAX ? (size_t)ready : LL_FRAME_BYTES_MAX;
            ll_ring_copy(ring, joined, span, 0);
            data = joined;
        }
        size_t taken = ll_receive_images(data, span, session, length_max, slots, slot_count);
        if (taken == 0)
            break;
        ring->done += taken;
        ll_store_release(ring->mine, ring->done);
        ll_ring_wake(ring, ring->data_bytes - (ready - taken));
    }
    return ring->done - first;
}

/* Waits a little for room for `size` bytes; the free bytes, or 0. */
static uint64_t ll_ring_await_space(const ll_ring *ring, size_t size)
{
    for (int look = 0; look < LL_RING_PATIENCE; look++, ll_pause()) {
        uint64_t used = ring->done - ll_load_acquire(ring->theirs);
        if (used > ring->data_bytes)
            return 0;
        if (ring->data_bytes - used >= size)
            return ring->data_bytes - used;
    }
    return 0;
}

/* Writes one frame, by way of a buffer, around the wrap. */
static void ll_ring_frame_across(const ll_ring *ring, const uint8_t *packed, size_t packed_size,
                                 uint64_t index, size_t frame_size, const ll_image_source *source)
{
    uint8_t joined[LL_FRAME_BYTES_MAX];
    ll_frame_images(joined, sizeof joined, packed, packed_size, index, index + 1, source);
    ll_ring_copy(ring, joined, frame_size, 1);
}

/* Writes frames for chunks `index` to `end` - 1 into the ring while it takes them. The caller checks that all
 * of them lie in `packed`. Returns how many were written; `done` has gone on by their bytes. */
static uint64_t ll_ring_frame_images(ll_ring *ring, const uint8_t *packed, size_t packed_size, uint64_t index,
                                     uint64_t end, const ll_image_source *source)
{
    uint64_t first = index, began = ring->done;
    size_t step = LL_RING_FIRST_BYTES;
    for (; index < end && ring->done - began < LL_RING_CALL_BYTES; step *= step < LL_RING_STEP_BYTES ? 2 : 1) {
        size_t frame_size = ll_frame_bytes(source, packed_size, index);
        uint64_t space = ll_ring_await_space(ring, frame_size);
        if (space == 0)
            break;
        size_t span = ll_ring_span(ring, space, step);
        uint64_t count = 1;
        if (span < frame_size)
            ll_ring_frame_across(ring, packed, packed_size, index, frame_size, source);
        else
            count = ll_frame_images(ring->data + ring->done % ring->data_bytes, span, packed, packed_size,
                                    index, end, source);
        index += count;
        ring->done += (count - 1) * frame_size + ll_frame_bytes(source, packed_size, index - 1);
        ll_store_release(ring->mine, ring->done);
        ll_ring_wake(ring, ring->wake_bytes);
    }
    return index - first;
}
#endif
