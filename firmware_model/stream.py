"""Image streams: exposures in time, frames in order, resends, credit. The module's half of the image path.

An image is exposed, read out line by line, and sent as it is read out: one start frame, its chunks, its
digests. Nothing is sent for which the host has not granted credit. What was sent is kept for a while, and
any part of it is sent again, bit-identical, when the host asks.
"""

from collections import deque
from collections.abc import Iterator

from laserlink.firmware_model.controls import (
    ANALOGUE_GAIN,
    EXPOSURE_TIME,
    SENSOR_TEMPERATURE,
    TEST_PATTERN_MODE,
    ControlStore,
)
from laserlink.firmware_model.identity import readout_us
from laserlink.firmware_model.job import ExposureWanted, ImageReady, Job, PackedImage
from laserlink.firmware_model.lens import LensDrive
from laserlink.firmware_model.power import PowerSink
from laserlink.firmware_model.profile import Mode, Profile
from laserlink.firmware_model.runs import ChunkRun, Stream, next_run
from laserlink.firmware_model.sensor import ExposureRequest
from laserlink.protocol import _accel
from laserlink.protocol.catalogue import Channel
from laserlink.protocol.connection import Connection
from laserlink.protocol.digest import image_digest
from laserlink.protocol.errors import (
    LimitExceeded,
    OutOfBounds,
    PowerBudget,
    UnknownMode,
    UnknownStream,
    ValueOutOfRange,
)
from laserlink.protocol.frame import OVERHEAD_BYTES, sequence_is_newer
from laserlink.protocol.image_layout import DATA_PREFIX_BYTES, ImageLayout
from laserlink.protocol.limits import IMAGES_IN_FLIGHT, RESEND_RANGES_MAX, RESEND_TRIES
from laserlink.protocol.messages.image import (
    ImageDigests,
    ImageGone,
    ImageStart,
    Resend,
    StreamChange,
    StreamChanged,
    StreamConfigure,
    StreamConfigured,
    StreamEnded,
    StreamStart,
    StreamStarted,
    Wanted,
)
from laserlink.protocol.states import BITS_PER_BYTE, StreamEnd
from laserlink.protocol.timers import NS_PER_S, NS_PER_US, RETENTION_NS

__all__ = ["REPEATS_MAX", "ChunkRun", "ExposureWanted", "ImageReady", "PackedImage", "Stream", "Streams"]

# Parts of images that may wait to be sent again: 16 ranges at once, five times, of two images.
REPEATS_MAX = (RESEND_RANGES_MAX + 2) * RESEND_TRIES * IMAGES_IN_FLIGHT


def _end_of(stream: Stream, end: StreamEnd) -> StreamEnded:
    return StreamEnded(stream.channel, end, stream.start_id, stream.images_sent)


class Streams:
    """All streams of a module."""

    def __init__(
        self,
        connection: Connection,
        profile: Profile,
        power: PowerSink,
        controls: ControlStore,
        lens: LensDrive,
    ) -> None:
        self._connection = connection
        self._profile = profile
        self._power = power
        self._controls = controls
        self._lens = lens
        self.by_channel: dict[int, Stream] = {}
        self._image_ids: dict[int, int] = {}
        self._turn = 0
        self.sensor_ready_ns = 0
        self.slowdown = 1
        self.images_sent = 0
        self.frames_resent = 0

    # --- what the host asks ---

    def configure(self, message: StreamConfigure) -> StreamConfigured:
        """UnknownStream, UnknownMode, ValueOutOfRange or PowerBudget; the stream then stays as it was."""
        if message.channel not in Channel.STREAM.value:
            raise UnknownStream(f"images take channels 2 to 14, not {message.channel}", message.channel)
        old = self.by_channel.get(message.channel)
        if old and old.active:
            raise UnknownStream(f"stream {message.channel} is running", message.channel)
        mode = self._mode(message)
        region = self._region(message, mode)
        layout = ImageLayout(region[2], region[3], message.bits, self._connection.out_bytes_max)
        interval = self._interval_ns(mode, layout)
        stream = Stream(message.channel, mode, layout, region, interval, kept=old.kept if old else deque())
        self.by_channel[message.channel] = stream
        return StreamConfigured(
            message.request_id,
            message.channel,
            layout.width,
            layout.height,
            layout.coded_bytes,
            layout.chunk_bytes,
            layout.frames,
            interval // NS_PER_US,
            self._power.stream_ma(layout.coded_bytes * 8 / interval),
        )

    def _mode(self, message: StreamConfigure) -> Mode:
        try:
            mode = self._profile.mode(message.mode_id)
        except KeyError:
            raise UnknownMode(f"there is no mode {message.mode_id}", message.mode_id) from None
        if message.bits not in mode.formats:
            offered = ", ".join(f"RAW{bits}" for bits in mode.formats)
            raise UnknownMode(f"{mode.name} offers {offered}, not RAW{message.bits}", message.bits)
        return mode

    @staticmethod
    def _region(message: StreamConfigure, mode: Mode) -> tuple[int, int, int, int]:
        width, height = message.width or mode.width, message.height or mode.height
        legal = (
            not (message.x % 2 or message.y % 2 or width % 4 or height % 2)
            and message.x + width <= mode.width
            and message.y + height <= mode.height
        )
        if not legal:
            text = (
                f"{width}x{height} at ({message.x}, {message.y}) is no region of {mode.width}x{mode.height}"
            )
            raise ValueOutOfRange(text, message.width)
        return message.x, message.y, width, height

    def _interval_ns(self, mode: Mode, layout: ImageLayout) -> int:
        """From one image to the next: what the sensor, and a fair share of lane and contract, allow."""
        offer = self._connection.image_offer
        wire_bits = (
            layout.coded_bytes + layout.frames * (OVERHEAD_BYTES + DATA_PREFIX_BYTES)
        ) * BITS_PER_BYTE[offer.coding]
        line_ns = wire_bits * NS_PER_S // offer.rate_bps if offer.rate_bps else 0
        power_ns = self._power.interval_ns(layout.coded_bytes * 8)
        sharers = max(1, len(self.active_channels))
        slowest = max(mode.frame_duration_us * NS_PER_US, sharers * line_ns, sharers * power_ns)
        return slowest * self.slowdown

    def start(self, message: StreamStart, now: int) -> StreamStarted:
        """Raises UnknownStream, or PowerBudget when no contract covers the stream."""
        stream = self._stream(message.channel)
        if stream.active:
            raise UnknownStream(f"stream {message.channel} is running", message.channel)
        if not self._power.covers_stream(self._power.limit_ma):
            raise PowerBudget(f"{self._power.limit_ma} mA do not cover a stream", self._power.limit_ma)
        stream.active, stream.endless, stream.remaining = True, message.images == 0, message.images
        stream.start_id, stream.images_sent = message.request_id, 0
        stream.credit = None
        stream.next_exposure_ns = now
        first = self._connection.peek_sequence(message.channel)
        return StreamStarted(message.request_id, message.channel, self._next_image_id(message.channel), first)

    def stop(self, channel: int) -> int:
        """End a stream; how many of its images were sent whole."""
        stream = self._stream(channel)
        stream.active = False
        stream.jobs.clear()
        stream.repeats.clear()
        return stream.images_sent

    def _next_image_id(self, channel: int) -> int:
        return self._image_ids.get(channel, 0) % ((1 << 32) - 1) + 1

    def _stream(self, channel: int) -> Stream:
        if channel not in self.by_channel:
            raise UnknownStream(f"stream {channel} is not configured", channel)
        return self.by_channel[channel]

    def grant(self, channel: int, sequence: int) -> None:
        """Absolute credit; an older grant never takes anything back."""
        stream = self._stream(channel)
        if stream.credit is None or sequence_is_newer(sequence, stream.credit):
            stream.credit = sequence

    def resend(self, channel: int, message: Resend, now: int) -> None:
        """Queue parts of a kept image again. LimitExceeded or OutOfBounds: none of it is sent."""
        stream = self._stream(channel)
        job = stream.find(message.image_id)
        if job is None:
            # What is still to be exposed comes by itself; of what is over, the host must know.
            if not sequence_is_newer(message.image_id, self._image_ids.get(channel, 0)):
                self._tell_gone(channel, message.image_id)
            return
        wanted = [self._chunks_of(job.layout, item.offset, item.length) for item in message.ranges]
        allowed = max(1, -(-job.layout.chunks // 4))
        asked = sum(count for _, count in wanted)
        if asked > allowed:
            raise LimitExceeded(
                f"{asked} chunks asked for at once, a quarter of the image are {allowed}", asked
            )
        frames = [(1 + first, count) for first, count in wanted]
        if message.wanted & Wanted.START:
            frames.insert(0, (0, 1))
        if message.wanted & Wanted.DIGESTS:
            frames.append((1 + job.layout.chunks, job.layout.digest_frames))
        if len(stream.repeats) + len(frames) > REPEATS_MAX:
            raise LimitExceeded(
                f"{len(stream.repeats)} parts wait to be sent again already", len(stream.repeats)
            )
        # What was not sent yet comes by itself; what waits to be repeated already is not queued twice.
        for first, count in frames:
            span = (job, first, min(count, job.next_frame - first))
            if span[2] > 0 and span not in stream.repeats:
                stream.repeats.append(span)
        job.expires_ns = max(job.expires_ns, now + self._retention_ns)

    def _tell_gone(self, channel: int, image_id: int) -> None:
        """In the place of a resend: like one, it takes no new sequence, for credit is granted for images."""
        last = (self._connection.peek_sequence(channel) - 1) % (1 << 32)
        self._connection.resend(bytes(self._connection.frame(ImageGone(image_id), channel, sequence=last)))

    @staticmethod
    def _chunks_of(layout: ImageLayout, offset: int, length: int) -> tuple[int, int]:
        if offset % layout.chunk_bytes or not length or offset + length > layout.coded_bytes:
            raise OutOfBounds(f"{length} bytes at {offset} of {layout.coded_bytes}", offset)
        return offset // layout.chunk_bytes, -(-length // layout.chunk_bytes)

    @property
    def _retention_ns(self) -> int:
        return self._connection.extended(RETENTION_NS, self._connection.image_lane)

    # --- time ---

    def advance(self, now: int, *, lit: bool) -> Iterator[ExposureWanted]:
        """Begin the exposures that are due, and forget images that were kept long enough."""
        for stream in self.by_channel.values():
            while stream.kept and stream.kept[0].expires_ns <= now:
                gone = stream.kept.popleft()
                stream.repeats = deque(item for item in stream.repeats if item[0] is not gone)
            while lit and self._may_expose(stream) and now >= self._exposure_due_ns(stream):
                yield self._expose(stream, now)

    def is_due(self, now: int, *, lit: bool) -> bool:
        """Whether `advance` would begin an exposure."""
        return lit and any(
            self._may_expose(stream) and now >= self._exposure_due_ns(stream)
            for stream in self.by_channel.values()
        )

    def _may_expose(self, stream: Stream) -> bool:
        if (
            not stream.active
            or len(stream.jobs) >= IMAGES_IN_FLIGHT
            or not (stream.endless or stream.remaining)
        ):
            return False
        if stream.credit is None:
            return False
        last = self._connection.peek_sequence(stream.channel) + stream.layout.frames - 1
        return not sequence_is_newer(last % (1 << 32), stream.credit)

    def _exposure_due_ns(self, stream: Stream) -> int:
        return max(stream.next_exposure_ns, self.sensor_ready_ns)

    def _expose(self, stream: Stream, now: int) -> ExposureWanted:
        values = self._controls.values
        exposure_us = int(values[EXPOSURE_TIME])
        layout, sensor = stream.layout, self._profile.sensor
        image_id = self._next_image_id(stream.channel)
        self._image_ids[stream.channel] = image_id
        start = ImageStart(
            image_id=image_id,
            bits=layout.bits,
            width=layout.width,
            height=layout.height,
            mode_id=stream.mode.id,
            coded_bytes=layout.coded_bytes,
            decoded_bytes=layout.decoded_bytes,
            chunk_bytes=layout.chunk_bytes,
            timestamp_ns=now,
            exposure_us=exposure_us,
            control_set_id=self._controls.set_id,
            black_level=sensor.black_level(layout.bits),
            white_level=sensor.white_level(layout.bits),
        )
        first_sequence = self._connection.reserve(stream.channel, layout.frames)
        readout_ns = readout_us(self._profile, stream.mode) * NS_PER_US * layout.height // stream.mode.height
        stream.jobs.append(Job(layout, start, first_sequence, now + exposure_us * NS_PER_US, readout_ns))
        # The pace is kept when a wake-up is late; what was held up for longer is not made up for.
        pace_ns = max(stream.interval_ns, readout_ns)
        due = self._exposure_due_ns(stream)
        stream.next_exposure_ns = (
            max(due + pace_ns, now + readout_ns) if now - due < pace_ns else now + pace_ns
        )
        stream.remaining -= not stream.endless
        request = ExposureRequest(
            stream.mode.id,
            layout.bits,
            exposure_us,
            float(values[ANALOGUE_GAIN]),
            int(values[TEST_PATTERN_MODE]),
            image_id,
            stream.region,
            focus_dioptres=self._lens.position(now),
            f_number=self._lens.f_number(now),
            temperature_c=values[SENSOR_TEMPERATURE],
            started_ns=now,
        )
        return ExposureWanted(stream.channel, image_id, request, layout, stream.endless)

    def image_ready(self, ready: ImageReady) -> None:
        """Take the pixels of an exposure; of one that is not wanted any more, nothing."""
        stream = self.by_channel.get(ready.channel)
        job = stream.find(ready.image_id) if stream else None
        if job is not None:
            job.image = ready.image

    def next_deadline(self, now: int, *, lit: bool) -> int | None:
        """When `advance` has something to do, or `fill` has more to send."""
        if not self.by_channel:
            return None
        due: list[int] = []
        for stream in self.by_channel.values():
            if stream.kept:
                due.append(stream.kept[0].expires_ns)
            if lit and self._may_expose(stream):
                due.append(self._exposure_due_ns(stream))
            if lit and stream.jobs and (ready := stream.jobs[0].next_ready_ns(now)) is not None:
                due.append(ready)
        return min(due, default=None)

    def adjust(self) -> Iterator[StreamChanged]:
        """Fit the running streams to the contract, the temperature and each other, without a restart."""
        for stream in self.by_channel.values():
            if not stream.active:
                continue
            interval = self._interval_ns(stream.mode, stream.layout)
            if interval != stream.interval_ns:
                change = StreamChange.DERATED if interval > stream.interval_ns else StreamChange.RESTORED
                yield StreamChanged(stream.channel, change, min(interval // NS_PER_US, (1 << 32) - 1))
            stream.interval_ns = interval

    def end_all(self, end: StreamEnd) -> list[StreamEnded]:
        """End every running stream; what the host must know of each."""
        running = [stream for stream in self.by_channel.values() if stream.active]
        for stream in running:
            self.stop(stream.channel)
        return [_end_of(stream, end) for stream in running]

    def reset(self) -> None:
        """Forget all streams, as a new session does."""
        self.by_channel.clear()
        self._image_ids.clear()

    @property
    def active_channels(self) -> list[int]:
        return [stream.channel for stream in self.by_channel.values() if stream.active]

    @property
    def gbps(self) -> float:
        return sum(stream.gbps for stream in self.by_channel.values())

    def take_finished(self) -> list[StreamEnded]:
        """The ends of streams that have sent all they were asked for."""
        done = [
            stream
            for stream in self.by_channel.values()
            if stream.active and not stream.endless and not stream.remaining and not stream.jobs
        ]
        for stream in done:
            stream.active = False
        return [_end_of(stream, StreamEnd.COMPLETE) for stream in done]

    # --- bytes ---

    def fill(self, out: memoryview, now: int) -> int:
        """Write whole frames into `out`: repeats before new ones, streams in turn; how many bytes."""
        written = 0
        order = sorted(self.by_channel)
        for index in range(len(order)):
            stream = self.by_channel[order[(index + self._turn) % len(order)]]
            written += self._fill_repeats(stream, out[written:])
            written += self._fill_jobs(stream, out[written:], now)
        self._turn += 1
        return written

    def next_run(self, now: int) -> ChunkRun | None:
        """Chunks that may go now, of one stream; None: there are none, or `fill` has others to say."""
        self._turn += 1
        return next_run(self.by_channel, self._turn, self._connection.session, now)

    def _fill_repeats(self, stream: Stream, out: memoryview) -> int:
        written = 0
        while stream.repeats:
            job, first, count = stream.repeats[0]
            size, frames = self._write(stream.channel, job, first, count, out[written:])
            written += size
            self.frames_resent += frames
            if frames < count:
                stream.repeats[0] = (job, first + frames, count - frames)
                break
            stream.repeats.popleft()
        return written

    def _fill_jobs(self, stream: Stream, out: memoryview, now: int) -> int:
        written = 0
        while stream.jobs:
            job = stream.jobs[0]
            count = job.frames_ready(now) - job.next_frame
            size, frames = self._write(stream.channel, job, job.next_frame, count, out[written:])
            written += size
            job.next_frame += frames
            if not job.sent:
                break
            self._keep(stream, now)
        return written

    def _keep(self, stream: Stream, now: int) -> None:
        job = stream.jobs.popleft()
        job.expires_ns = now + self._retention_ns
        stream.kept.append(job)
        if len(stream.kept) > IMAGES_IN_FLIGHT:
            gone = stream.kept.popleft()
            stream.repeats = deque(item for item in stream.repeats if item[0] is not gone)
        stream.images_sent += 1
        self.images_sent += 1

    def _write(self, channel: int, job: Job, first: int, count: int, out: memoryview) -> tuple[int, int]:
        """Write frames of an image from its `first`-th on; bytes and frames written."""
        written = frames = 0
        while frames < count:
            index = first + frames - 1
            if 0 <= index < job.layout.chunks:
                run = min(count - frames, job.layout.chunks - index)
                size, done = self._write_chunks(channel, job, index, run, out[written:])
            else:
                wire = self._special_frame(channel, job, first + frames)
                done = int(len(wire) <= len(out) - written)
                size = len(wire) * done
                out[written : written + size] = wire[:size]
            if not done:
                break
            written, frames = written + size, frames + done
        self._connection.counters.bytes_sent += written
        return written, frames

    def _write_chunks(
        self, channel: int, job: Job, index: int, count: int, out: memoryview
    ) -> tuple[int, int]:
        if job.image is None:
            return 0, 0
        layout = job.layout
        done = _accel.frame_images(
            out,
            job.image.data,
            index,
            count,
            self._connection.session,
            channel,
            (job.first_sequence + 1) % (1 << 32),
            job.start.image_id,
            layout.chunk_bytes,
        )
        return layout.wire_bytes(index, done), done

    def _special_frame(self, channel: int, job: Job, number: int) -> bytes:
        """The start frame (number 0), or one of those with digests behind the chunks."""
        message: ImageStart | ImageDigests = job.start
        if number and job.image is not None:
            per_frame = job.layout.digests_per_frame
            first = (number - 1 - job.layout.chunks) * per_frame
            digests = job.image.digests
            whole = image_digest(digests, job.layout.coded_bytes)
            message = ImageDigests(job.start.image_id, whole, first, digests[first : first + per_frame])
        sequence = (job.first_sequence + number) % (1 << 32)
        return bytes(self._connection.frame(message, channel, sequence=sequence))
