/* Image streams: exposures in time, frames in order, resends, credit; the mirror of firmware_model/stream.py. */
#ifndef LASERLINK_STREAM_H
#define LASERLINK_STREAM_H

#include "link.h"

/* What the host asks; each refuses without a change. Replies are payloads. */
uint8_t ll_stream_configure(struct ll_module *module, const struct ll_frame *request,
                                      struct ll_stream_configured *reply);
uint8_t ll_stream_start(struct ll_module *module, const struct ll_frame *request,
                                  struct ll_stream_started *reply);
uint8_t ll_stream_stop(struct ll_module *module, uint8_t channel, uint32_t *images);
uint8_t ll_stream_grant(struct ll_module *module, const struct ll_frame *frame);
uint8_t ll_stream_resend(struct ll_module *module, const struct ll_frame *frame);

/* Ends every running stream; tells it when `tells`. */
void ll_streams_end(struct ll_module *module, bool tells);
/* Forgets all streams, as a new session does. */
void ll_streams_reset(struct ll_module *module);
/* Whether a stream runs, other than that of `channel` (0: any). */
bool ll_streams_run(const struct ll_module *module, uint8_t channel);
/* Fits the running streams to contract, heat and each other, and says so. */
void ll_streams_adjust(struct ll_module *module);
/* Begins the exposures that are due, forgets images that were kept long enough, tells of streams that are done. */
void ll_streams_advance(struct ll_module *module, bool lit);
uint64_t ll_streams_next_deadline(const struct ll_module *module, uint64_t now, bool lit);
/* The next frame of the training pattern into `module->out`, when it is due; its size, 0 for none. */
size_t ll_pattern_next_frame(struct ll_module *module);
/* The next frame of an image into `module->out`; its size, 0 for none. */
size_t ll_streams_next_frame(struct ll_module *module);

/* Shared by both halves. */
struct ll_job *ll_find_job(struct ll_stream *stream, uint32_t image_id);
uint32_t ll_next_image_id(const struct ll_module *module, uint8_t channel);
uint64_t ll_retention_ns(const struct ll_module *module);
void ll_tell_end(struct ll_module *module, const struct ll_stream *stream, enum ll_stream_end cause);

#endif
