#include "stream.h"

#include <string.h>

#include "image_layout.h"
#include "octets.h"
#include "power.h"

#define NS_PER_S UINT64_C(1000000000)
#define NS_PER_US UINT64_C(1000)

/* --- looking things up --- */

static struct ll_stream *stream_of(struct ll_module *module, uint8_t channel) {
    FOR_EACH_STREAM(struct ll_stream *, stream, module) {
        if (channel && stream->channel == channel) {
            return stream;
        }
    }
    return NULL;
}

/* The place of a channel's stream: its own, a free one, or that of a stream that does not run. */
static struct ll_stream *place_for(struct ll_module *module, uint8_t channel) {
    struct ll_stream *found = stream_of(module, channel), *idle = NULL;
    FOR_EACH_STREAM(struct ll_stream *, stream, module) {
        /* A free one has no channel. */
        idle = stream->active || (idle && stream->channel) ? idle : stream;
    }
    return found ? found : idle;
}

static const struct ll_mode *mode_of(const struct ll_module *module, uint8_t id) {
    for (size_t at = 0; at < module->facts->mode_count; at++) {
        if (module->facts->modes[at].id == id) {
            return &module->facts->modes[at];
        }
    }
    return NULL;
}

struct ll_job *ll_find_job(struct ll_stream *stream, uint32_t image_id) {
    for (size_t at = 0; at < (size_t)(stream->kept_count + stream->job_count); at++) {
        if (stream->jobs[at].picture.image_id == image_id) {
            return &stream->jobs[at];
        }
    }
    return NULL;
}

bool ll_streams_run(const struct ll_module *module, uint8_t channel) {
    FOR_EACH_STREAM(const struct ll_stream *, stream, module) {
        if (stream->active && stream->channel != channel) {
            return true;
        }
    }
    return false;
}

uint32_t ll_next_image_id(const struct ll_module *module, uint8_t channel) {
    uint32_t last = module->image_ids[channel];
    return last == UINT32_MAX ? 1 : last + 1;
}

uint64_t ll_retention_ns(const struct ll_module *module) {
    return ll_extended(module, ll_image_lane(module), LL_MS(LL_RETENTION_NS), 0);
}

/* --- what the host asks --- */

/* From one image to the next: what the sensor, and a fair share of lane and contract, allow. */
static uint64_t interval_ns(const struct ll_module *module, const struct ll_mode *mode,
                            const struct ll_layout *layout) {
    const struct ll_lane *lane = ll_lane_of(module, ll_image_lane(module));
    uint64_t framing = (uint64_t)layout->frames * (LL_OVERHEAD_BYTES + LL_DATA_PREFIX_BYTES);
    uint64_t bits = layout->coded_bytes + framing;
    bits *= lane->coding == LL_LINE_CODING_UART_8N1 ? LL_BITS_PER_BYTE_UART_8N1 : LL_BITS_PER_BYTE_NONE;
    uint64_t by_line = lane->rate_bps ? bits * NS_PER_S / lane->rate_bps : 0;
    uint64_t by_power = ll_power_interval_ns(module, (uint64_t)layout->coded_bytes * 8);
    uint64_t sharers = 0;
    FOR_EACH_STREAM(const struct ll_stream *, stream, module) {
        sharers += stream->active;
    }
    uint64_t shared = (sharers ? sharers : 1) * (by_line > by_power ? by_line : by_power);
    uint64_t by_sensor = mode->interval_us * NS_PER_US;
    return (shared > by_sensor ? shared : by_sensor) * module->streams_slowdown;
}

/* What is asked for, with the defaults filled in. */
struct region {
    uint16_t x, y, width, height;
};

static uint8_t check_region(struct ll_module *module, const struct ll_stream_configure *asked,
                            const struct ll_mode *mode, struct region *region) {
    uint16_t width = ll_get16(asked->width), height = ll_get16(asked->height);
    region->x = ll_get16(asked->x);
    region->y = ll_get16(asked->y);
    region->width = width ? width : mode->width;
    region->height = height ? height : mode->height;
    bool is_even = !(region->x % 2 || region->y % 2 || region->width % 4 || region->height % 2);
    bool is_inside = region->x + region->width <= mode->width && region->y + region->height <= mode->height;
    return is_even && is_inside ? 0 : ll_refuse(module, LL_ERROR_CODE_VALUE_OUT_OF_RANGE, width);
}

/* A new configuration in a place; images that are kept there stay when they are of the same channel. */
static void put_stream(struct ll_stream *stream, uint8_t channel) {
    if (stream->channel != channel) {
        stream->kept_count = 0;
    }
    stream->channel = channel;
    stream->active = stream->has_credit = false;
    stream->job_count = stream->repeat_count = 0;
    stream->images_sent = stream->remaining = 0;
    stream->next_exposure_ns = 0;
}

uint8_t ll_stream_configure(struct ll_module *module, const struct ll_frame *request,
                                      struct ll_stream_configured *reply) {
    const struct ll_stream_configure *asked = (const struct ll_stream_configure *)request->payload;
    uint8_t channel = asked->channel[0], bits = asked->bits[0];
    const struct ll_mode *mode = mode_of(module, asked->mode_id[0]);
    struct ll_layout layout;
    struct region region;
    const struct ll_stream *running = stream_of(module, channel);
    if (channel < LL_STREAM_CHANNEL_MIN || channel > LL_STREAM_CHANNEL_MAX || (running && running->active)) {
        return ll_refuse(module, LL_ERROR_CODE_UNKNOWN_STREAM, channel);
    }
    if (!mode) {
        return ll_refuse(module, LL_ERROR_CODE_UNKNOWN_MODE, asked->mode_id[0]);
    }
    if (bits > 16 || !(mode->formats >> bits & 1)) {
        return ll_refuse(module, LL_ERROR_CODE_UNKNOWN_MODE, bits);
    }
    uint8_t offence = check_region(module, asked, mode, &region);
    if (offence) {
        return offence;
    }
    if (!ll_covers_stream(module, module->limit_ma)) {
        return ll_refuse(module, LL_ERROR_CODE_POWER_BUDGET, module->limit_ma);
    }
    struct ll_stream *stream = place_for(module, channel);
    if (!stream || !ll_layout_image(&layout, region.width, region.height, bits, module->out_bytes_max)) {
        return ll_refuse(module, LL_ERROR_CODE_LIMIT_EXCEEDED, channel);
    }
    put_stream(stream, channel);
    stream->mode = mode;
    stream->layout = layout;
    stream->x = region.x;
    stream->y = region.y;
    stream->interval_ns = interval_ns(module, mode, &layout);
    reply->channel[0] = channel;
    ll_put16(reply->width, layout.width);
    ll_put16(reply->height, layout.height);
    ll_put64(reply->coded_bytes, layout.coded_bytes);
    ll_put16(reply->chunk_bytes, layout.chunk_bytes);
    ll_put32(reply->frames_per_image, layout.frames);
    ll_put32(reply->interval_us, (uint32_t)(stream->interval_ns / NS_PER_US));
    ll_put16(reply->draw_ma, ll_stream_ma(module, (uint64_t)layout.coded_bytes * 8, stream->interval_ns));
    return 0;
}

uint8_t ll_stream_start(struct ll_module *module, const struct ll_frame *request,
                                  struct ll_stream_started *reply) {
    const struct ll_stream_start *asked = (const struct ll_stream_start *)request->payload;
    uint8_t channel = asked->channel[0];
    struct ll_stream *stream = stream_of(module, channel);
    if (!stream || stream->active) {
        return ll_refuse(module, LL_ERROR_CODE_UNKNOWN_STREAM, channel);
    }
    if (!ll_covers_stream(module, module->limit_ma)) {
        return ll_refuse(module, LL_ERROR_CODE_POWER_BUDGET, module->limit_ma);
    }
    stream->active = true;
    stream->remaining = ll_get32(asked->images);
    stream->endless = !stream->remaining;
    stream->start_id = ll_get16(asked->request_id);
    stream->images_sent = 0;
    stream->has_credit = false;
    stream->next_exposure_ns = module->now;
    reply->channel[0] = channel;
    ll_put32(reply->first_image_id, ll_next_image_id(module, channel));
    ll_put32(reply->first_sequence, module->next_sequence[channel]);
    return 0;
}

static void stop(struct ll_stream *stream) {
    stream->active = false;
    stream->job_count = stream->repeat_count = 0;
}

uint8_t ll_stream_stop(struct ll_module *module, uint8_t channel, uint32_t *images) {
    struct ll_stream *stream = stream_of(module, channel);
    if (!stream) {
        return ll_refuse(module, LL_ERROR_CODE_UNKNOWN_STREAM, channel);
    }
    stop(stream);
    *images = stream->images_sent;
    return 0;
}

uint8_t ll_stream_grant(struct ll_module *module, const struct ll_frame *frame) {
    struct ll_stream *stream = stream_of(module, frame->channel);
    uint32_t sequence = ll_get32(frame->payload);
    if (!stream) {
        return ll_refuse(module, LL_ERROR_CODE_UNKNOWN_STREAM, frame->channel);
    }
    if (!stream->has_credit || ll_is_newer(sequence, stream->credit)) {
        stream->has_credit = true;
        stream->credit = sequence;
    }
    return 0;
}

void ll_tell_end(struct ll_module *module, const struct ll_stream *stream, enum ll_stream_end cause) {
    struct ll_stream_ended event;
    event.channel[0] = stream->channel;
    event.end[0] = (uint8_t)cause;
    ll_put16(event.start_id, stream->start_id);
    ll_put32(event.images, stream->images_sent);
    ll_tell(module, LL_TYPE_STREAM_ENDED, (const uint8_t *)&event, sizeof event);
}

void ll_streams_end(struct ll_module *module, bool tells) {
    FOR_EACH_STREAM(struct ll_stream *, stream, module) {
        if (stream->active) {
            stop(stream);
            if (tells) {
                ll_tell_end(module, stream, LL_STREAM_END_POWER);
            }
        }
    }
}

void ll_streams_reset(struct ll_module *module) {
    memset(module->streams, 0, sizeof module->streams);
    memset(module->image_ids, 0, sizeof module->image_ids);
}

void ll_streams_adjust(struct ll_module *module) {
    if (!ll_sensor_on(module)) {
        return;
    }
    FOR_EACH_STREAM(struct ll_stream *, stream, module) {
        uint64_t interval = stream->active ? interval_ns(module, stream->mode, &stream->layout) : 0;
        if (!stream->active || interval == stream->interval_ns) {
            continue;
        }
        uint64_t interval_us = interval / NS_PER_US;
        struct ll_stream_changed event;
        event.channel[0] = stream->channel;
        event.change[0] = interval > stream->interval_ns ? LL_STREAM_CHANGE_DERATED : LL_STREAM_CHANGE_RESTORED;
        ll_put32(event.interval_us, interval_us < UINT32_MAX ? (uint32_t)interval_us : UINT32_MAX);
        stream->interval_ns = interval;
        ll_tell(module, LL_TYPE_STREAM_CHANGED, (const uint8_t *)&event, sizeof event);
    }
}

/* --- resends --- */

/* What was not sent yet comes by itself; what waits to be repeated already is not queued twice. */
static void repeat(struct ll_stream *stream, const struct ll_job *job, uint32_t first, uint32_t count) {
    uint32_t sent = job->next_frame;
    uint32_t end = first + count < sent ? first + count : sent;
    if (end <= first) {
        return;
    }
    struct ll_repeat wanted = {job->picture.image_id, (uint16_t)first, (uint16_t)(end - first)};
    for (size_t at = 0; at < stream->repeat_count; at++) {
        if (!memcmp(&stream->repeats[at], &wanted, sizeof wanted)) {
            return;
        }
    }
    stream->repeats[stream->repeat_count++] = wanted;
}

/* In the place of a resend: like one, it takes no new sequence, for credit is granted for images. */
static void tell_gone(struct ll_module *module, uint8_t channel, uint32_t image_id) {
    module->gone_waits = true;
    module->gone_channel = channel;
    module->gone_image = image_id;
    module->gone_sequence = module->next_sequence[channel] - 1;
    module->counters[LL_FRAMES_RESENT]++;
}

/* Whether ranges are of the image, and not more of it than a quarter; how many chunks they are. */
static uint8_t check_ranges(struct ll_module *module, const struct ll_layout *layout, const struct ll_range *ranges,
                            uint8_t count) {
    uint32_t allowed = (layout->chunks + 3u) / 4u, asked = 0;
    for (size_t at = 0; at < count; at++) {
        uint64_t offset = ll_get64(ranges[at].offset);
        uint32_t length = ll_get32(ranges[at].length);
        bool is_inside = offset < layout->coded_bytes && length <= layout->coded_bytes - offset;
        if (!length || !is_inside || offset % layout->chunk_bytes) {
            module->offending_value = (uint32_t)offset;
            module->offending_high = (uint32_t)(offset >> 32);
            return LL_ERROR_CODE_OUT_OF_BOUNDS;
        }
        asked += (length + layout->chunk_bytes - 1u) / layout->chunk_bytes;
    }
    return asked > (allowed ? allowed : 1) ? ll_refuse(module, LL_ERROR_CODE_LIMIT_EXCEEDED, asked) : 0;
}

uint8_t ll_stream_resend(struct ll_module *module, const struct ll_frame *frame) {
    const struct ll_resend *asked = (const struct ll_resend *)frame->payload;
    const uint8_t *tail = frame->payload + sizeof *asked;
    const struct ll_range *ranges = (const struct ll_range *)(tail + 1);
    uint8_t wanted = asked->wanted[0], count = tail[0];
    uint32_t image_id = ll_get32(asked->image_id);
    struct ll_stream *stream = stream_of(module, frame->channel);
    if (!stream) {
        return ll_refuse(module, LL_ERROR_CODE_UNKNOWN_STREAM, frame->channel);
    }
    struct ll_job *job = ll_find_job(stream, image_id);
    if (!job) {
        /* What is still to be exposed comes by itself; of what is over, the host must know. */
        if (!ll_is_newer(image_id, module->image_ids[frame->channel])) {
            tell_gone(module, frame->channel, image_id);
        }
        return 0;
    }
    uint8_t offence = check_ranges(module, &job->layout, ranges, count);
    uint32_t parts = (uint32_t)(count + !!(wanted & LL_WANTED_START) + !!(wanted & LL_WANTED_DIGESTS));
    if (!offence && stream->repeat_count + parts > LL_REPEATS_MAX) {
        offence = ll_refuse(module, LL_ERROR_CODE_LIMIT_EXCEEDED, stream->repeat_count);
    }
    if (offence) {
        return offence;
    }
    if (wanted & LL_WANTED_START) {
        repeat(stream, job, 0, 1);
    }
    for (size_t at = 0; at < count; at++) {
        uint32_t first = ll_get32(ranges[at].offset) / job->layout.chunk_bytes;
        uint32_t chunks = (ll_get32(ranges[at].length) + job->layout.chunk_bytes - 1u) / job->layout.chunk_bytes;
        repeat(stream, job, 1 + first, chunks);
    }
    if (wanted & LL_WANTED_DIGESTS) {
        repeat(stream, job, 1u + job->layout.chunks, job->layout.digest_frames);
    }
    uint64_t expires = module->now + ll_retention_ns(module);
    job->expires_ns = job->expires_ns > expires ? job->expires_ns : expires;
    return 0;
}
