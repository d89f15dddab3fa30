/* Exposures in time, and the frames of images: the half of stream.h that nobody asks for. */
#include <string.h>

#include "image_layout.h"
#include "octets.h"
#include "power.h"
#include "prbs.h"
#include "stream.h"

#define NS_PER_US UINT64_C(1000)
/* A sensor hands over lines in blocks; so many of them keep the number of wake-ups per image small. */
#define READOUT_BLOCKS 64u
#define PATTERN_FRAME_NS (250 * NS_PER_US)

static void drop_oldest_kept(struct ll_stream *stream) {
    uint32_t gone = stream->jobs[0].picture.image_id;
    uint8_t left = 0;
    stream->kept_count--;
    memmove(stream->jobs, stream->jobs + 1, (LL_JOBS - 1) * sizeof *stream->jobs);
    for (size_t at = 0; at < stream->repeat_count; at++) {
        if (stream->repeats[at].image_id != gone) {
            stream->repeats[left++] = stream->repeats[at];
        }
    }
    stream->repeat_count = left;
}

static bool may_expose(const struct ll_module *module, const struct ll_stream *stream) {
    if (!stream->active || stream->job_count >= LL_IMAGES_IN_FLIGHT || !(stream->endless || stream->remaining) ||
        !stream->has_credit) {
        return false;
    }
    uint32_t last = module->next_sequence[stream->channel] + stream->layout.frames - 1u;
    return !ll_is_newer(last, stream->credit);
}

static uint64_t exposure_due(const struct ll_module *module, const struct ll_stream *stream) {
    return stream->next_exposure_ns > module->sensor_ready_ns ? stream->next_exposure_ns : module->sensor_ready_ns;
}

/* The pace is kept when a wake-up is late; what was held up for longer is not made up for. */
static void pace(const struct ll_module *module, struct ll_stream *stream, uint64_t readout_ns) {
    uint64_t step = stream->interval_ns > readout_ns ? stream->interval_ns : readout_ns;
    uint64_t due = exposure_due(module, stream), now = module->now;
    if (now - due >= step) {
        stream->next_exposure_ns = now + step;
    } else {
        stream->next_exposure_ns = due + step > now + readout_ns ? due + step : now + readout_ns;
    }
}

static void expose(struct ll_module *module, struct ll_stream *stream) {
    struct ll_job *job = &stream->jobs[stream->kept_count + stream->job_count++];
    memset(job, 0, sizeof *job);
    const union ll_value *exposure = ll_control_value(module, LL_CONTROL_EXPOSURE_TIME);
    uint32_t exposure_us = exposure ? (uint32_t)exposure->integer : 0;
    uint32_t image_id = ll_next_image_id(module, stream->channel);
    module->image_ids[stream->channel] = image_id;
    job->layout = stream->layout;
    struct ll_picture *picture = &job->picture;
    picture->image_id = image_id;
    picture->exposure_us = exposure_us;
    picture->control_set_id = module->set_id;
    picture->timestamp_ns = module->now;
    picture->mode = stream->mode;
    picture->x = stream->x;
    picture->y = stream->y;
    picture->width = stream->layout.width;
    picture->height = stream->layout.height;
    picture->channel = stream->channel;
    picture->bits = stream->layout.bits;
    job->first_sequence = ll_reserve(module, stream->channel, stream->layout.frames);
    job->exposed_ns = module->now + exposure_us * NS_PER_US;
    job->readout_ns = stream->mode->readout_us * NS_PER_US * stream->layout.height / stream->mode->height;
    pace(module, stream, job->readout_ns);
    stream->remaining -= !stream->endless;
}

/* Tells of streams that have sent all they were asked for. */
static void finish(struct ll_module *module) {
    bool any = false;
    FOR_EACH_STREAM(struct ll_stream *, stream, module) {
        if (stream->active && !stream->endless && !stream->remaining && !stream->job_count) {
            stream->active = false;
            any = true;
            ll_tell_end(module, stream, LL_STREAM_END_COMPLETE);
        }
    }
    if (any) {
        ll_streams_adjust(module);
    }
}

void ll_streams_advance(struct ll_module *module, bool lit) {
    FOR_EACH_STREAM(struct ll_stream *, stream, module) {
        while (stream->kept_count && stream->jobs[0].expires_ns <= module->now) {
            drop_oldest_kept(stream);
        }
        while (lit && may_expose(module, stream) && module->now >= exposure_due(module, stream)) {
            expose(module, stream);
        }
    }
    finish(module);
}

/* --- how far an image was read out --- */

static uint32_t frames_ready(const struct ll_job *job, uint64_t now) {
    if (now < job->exposed_ns) {
        return 0;
    }
    uint64_t elapsed = now - job->exposed_ns;
    if (elapsed >= job->readout_ns) {
        return job->layout.frames;
    }
    uint32_t block = (uint32_t)(elapsed * READOUT_BLOCKS / job->readout_ns);
    return 1 + (uint32_t)job->layout.chunks * block / READOUT_BLOCKS;
}

/* When frames become ready; LL_NEVER when some wait to be taken already. */
static uint64_t next_ready(const struct ll_job *job, uint64_t now) {
    if (frames_ready(job, now) > job->next_frame) {
        return LL_NEVER;
    }
    /* The first block with which one more frame is whole. */
    uint32_t chunks = job->layout.chunks;
    uint32_t block = (job->next_frame * READOUT_BLOCKS + chunks - 1u) / chunks;
    block = block < READOUT_BLOCKS ? block : READOUT_BLOCKS;
    return job->exposed_ns + (block * job->readout_ns + READOUT_BLOCKS - 1) / READOUT_BLOCKS;
}

static uint64_t earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

uint64_t ll_streams_next_deadline(const struct ll_module *module, uint64_t now, bool lit) {
    uint64_t due = LL_NEVER;
    FOR_EACH_STREAM(const struct ll_stream *, stream, module) {
        if (stream->kept_count) {
            due = earlier(due, stream->jobs[0].expires_ns);
        }
        if (lit && may_expose(module, stream)) {
            due = earlier(due, exposure_due(module, stream));
        }
        if (lit && stream->job_count) {
            due = earlier(due, next_ready(&stream->jobs[stream->kept_count], now));
        }
    }
    return due;
}

/* --- bytes --- */

static size_t seal(struct ll_module *module, const struct ll_job *job, uint8_t type, uint32_t number, size_t size) {
    return ll_seal(module->out, type, job->picture.channel, module->session, job->first_sequence + number, size);
}

static size_t start_frame(struct ll_module *module, const struct ll_job *job) {
    const struct ll_picture *picture = &job->picture;
    const struct ll_facts *facts = module->facts;
    struct ll_image_start *start = (struct ll_image_start *)(module->out + LL_HEADER_BYTES);
    unsigned shift = 16u - picture->bits;
    ll_put32(start->image_id, picture->image_id);
    start->bits[0] = picture->bits;
    ll_put16(start->width, picture->width);
    ll_put16(start->height, picture->height);
    start->mode_id[0] = picture->mode->id;
    start->encoding[0] = LL_ENCODING_PACKED;
    ll_put64(start->coded_bytes, job->layout.coded_bytes);
    ll_put64(start->decoded_bytes, (uint64_t)picture->width * picture->height * 2);
    ll_put16(start->chunk_bytes, job->layout.chunk_bytes);
    ll_put64(start->timestamp_ns, picture->timestamp_ns);
    ll_put32(start->exposure_us, picture->exposure_us);
    ll_put32(start->control_set_id, picture->control_set_id);
    ll_put16(start->black_level, (uint32_t)facts->black_dn16 >> shift);
    ll_put16(start->white_level, ((facts->white_dn16 + 1u) >> shift) - 1u);
    start->digest_kind[0] = LL_DIGEST_KIND_WEYL64;
    return seal(module, job, LL_TYPE_IMAGE_START, 0, sizeof *start);
}

static size_t chunk_frame(struct ll_module *module, struct ll_job *job, uint32_t number, bool is_new) {
    uint8_t *payload = module->out + LL_HEADER_BYTES, *chunk = payload + LL_DATA_PREFIX_BYTES;
    const struct ll_layout *layout = &job->layout;
    uint32_t index = number - 1, offset = index * layout->chunk_bytes, length = ll_chunk_length(layout, index);
    if (!module->pixels(module->context, &job->picture, offset, chunk, length)) {
        return 0;
    }
    ll_put32(payload, job->picture.image_id);
    ll_put64(payload + 4, offset);
    if (is_new) {
        uint32_t strip = offset / layout->strip_bytes, end = offset + length;
        ll_digest_add(&job->sums, chunk, length, offset);
        if (end % layout->strip_bytes == 0 || end == layout->coded_bytes) {
            job->digests[strip] = ll_digest_of_strip(&job->sums, ll_strip_length(layout, strip));
            job->sums = (struct ll_digest_sums){0, 0};
        }
    }
    return seal(module, job, LL_TYPE_IMAGE_DATA, number, LL_DATA_PREFIX_BYTES + length);
}

static size_t digests_frame(struct ll_module *module, const struct ll_job *job, uint32_t number) {
    const struct ll_layout *layout = &job->layout;
    uint32_t first = (number - 1 - layout->chunks) * layout->digests_per_frame;
    uint32_t count = layout->strips - first;
    count = count < layout->digests_per_frame ? count : layout->digests_per_frame;
    struct ll_image_digests *digests = (struct ll_image_digests *)(module->out + LL_HEADER_BYTES);
    uint8_t *at = module->out + LL_HEADER_BYTES + sizeof *digests;
    ll_put32(digests->image_id, job->picture.image_id);
    ll_put64(digests->image_digest, ll_digest_of_image(job->digests, layout->strips, layout->coded_bytes));
    ll_put16(digests->first_strip, first);
    *at++ = (uint8_t)count;
    for (uint32_t strip = 0; strip < count; strip++, at += 8) {
        ll_put64(at, job->digests[first + strip]);
    }
    return seal(module, job, LL_TYPE_IMAGE_DIGESTS, number, LL_DIGESTS_PREFIX_BYTES + 8 * count);
}

static size_t image_frame(struct ll_module *module, struct ll_job *job, uint32_t number, bool is_new) {
    if (!number) {
        return start_frame(module, job);
    }
    return number <= job->layout.chunks ? chunk_frame(module, job, number, is_new)
                                        : digests_frame(module, job, number);
}

/* A part that is to be sent again; one that can no longer be read is dropped. */
static size_t repeated_frame(struct ll_module *module, struct ll_stream *stream) {
    while (stream->repeat_count) {
        struct ll_repeat *part = &stream->repeats[0];
        size_t size = image_frame(module, ll_find_job(stream, part->image_id), part->first, false);
        part->first++;
        part->count--;
        if (!part->count || !size) {
            stream->repeat_count--;
            memmove(part, part + 1, stream->repeat_count * sizeof *part);
        }
        if (size) {
            module->counters[LL_FRAMES_RESENT]++;
            return size;
        }
    }
    return 0;
}

static void keep(struct ll_module *module, struct ll_stream *stream) {
    stream->jobs[stream->kept_count].expires_ns = module->now + ll_retention_ns(module);
    stream->kept_count++;
    stream->job_count--;
    if (stream->kept_count > LL_IMAGES_IN_FLIGHT) {
        drop_oldest_kept(stream);
    }
    stream->images_sent++;
    module->counters[LL_IMAGES]++;
}

static size_t new_frame(struct ll_module *module, struct ll_stream *stream) {
    if (!stream->job_count) {
        return 0;
    }
    struct ll_job *job = &stream->jobs[stream->kept_count];
    if (job->next_frame >= frames_ready(job, module->now)) {
        return 0;
    }
    size_t size = image_frame(module, job, job->next_frame, true);
    job->next_frame = (uint16_t)(job->next_frame + (size > 0));
    if (job->next_frame == job->layout.frames) {
        keep(module, stream);
    }
    return size;
}

size_t ll_streams_next_frame(struct ll_module *module) {
    for (size_t tries = 0; tries < LL_STREAMS_MAX; tries++) {
        module->turn = (uint8_t)((module->turn + 1u) % LL_STREAMS_MAX);
        struct ll_stream *stream = &module->streams[module->turn];
        size_t size = repeated_frame(module, stream);
        size = size ? size : new_frame(module, stream);
        if (size) {
            return size;
        }
    }
    return 0;
}

size_t ll_pattern_next_frame(struct ll_module *module) {
    if (module->now < module->pattern_at) {
        return 0;
    }
    uint32_t sequence = ll_reserve(module, 0, 1);
    size_t size = module->out_bytes_max - LL_OVERHEAD_BYTES;
    ll_prbs31(sequence, module->out + LL_HEADER_BYTES, size);
    module->pattern_at = module->now + PATTERN_FRAME_NS;
    return ll_seal(module->out, LL_TYPE_PRBS31, 0, module->session, sequence, size);
}
