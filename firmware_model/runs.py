"""One configured stream of a module, and the run of chunks that the streams together may send next."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from laserlink.firmware_model.job import Job
from laserlink.firmware_model.profile import Mode
from laserlink.protocol.image_layout import ImageLayout

# With several streams, one takes this many frames, 1 MB, before it is the next one's turn.
RUN_CHUNKS = 256


@dataclass
class Stream:
    """One configured stream and what it is doing."""

    channel: int
    mode: Mode
    layout: ImageLayout
    region: tuple[int, int, int, int]
    interval_ns: int
    active: bool = False
    start_id: int = 0
    endless: bool = False
    remaining: int = 0
    images_sent: int = 0
    credit: int | None = None
    next_exposure_ns: int = 0
    jobs: deque[Job] = field(default_factory=deque)
    kept: deque[Job] = field(default_factory=deque)
    repeats: deque[tuple[Job, int, int]] = field(default_factory=deque)

    def find(self, image_id: int) -> Job | None:
        return next((job for job in (*self.jobs, *self.kept) if job.start.image_id == image_id), None)

    @property
    def gbps(self) -> float:
        """Packed bits a nanosecond while it runs."""
        return self.layout.coded_bytes * 8 / self.interval_ns if self.active else 0.0


@dataclass(frozen=True, eq=False)
class ChunkRun:
    """Chunks of one image that may go now: what the kernel `frame_images` is told of them."""

    job: Job
    packed: NDArray[np.uint8]
    first_chunk: int
    chunk_count: int
    session: int
    channel: int
    first_sequence: int
    image_id: int
    chunk_bytes: int

    def sent(self, count: int) -> int:
        """The first `count` of them have gone; their bytes on the wire."""
        self.job.next_frame += count
        return self.job.layout.wire_bytes(self.first_chunk, count)


def next_run(streams: Mapping[int, Stream], turn: int, session: int, now: int) -> ChunkRun | None:
    """Chunks of the first stream from the `turn`-th on that has frames ready.

    None: there are none, or what comes first is something else: a repeat, a start, digests.
    """
    if any(stream.repeats for stream in streams.values()):
        return None
    order = sorted(streams)
    busy = 0
    chosen: tuple[Stream, Job, int] | None = None
    for index in range(len(order)):
        stream = streams[order[(index + turn) % len(order)]]
        job = stream.jobs[0] if stream.jobs else None
        ready = job.frames_ready(now) if job else 0
        if job is not None and ready > job.next_frame:
            busy += 1
            chosen = chosen or (stream, job, ready)
    return _run_of(*chosen, session, RUN_CHUNKS if busy > 1 else chosen[1].layout.chunks) if chosen else None


def _run_of(stream: Stream, job: Job, ready: int, session: int, most: int) -> ChunkRun | None:
    first = job.next_frame - 1
    if job.image is None or not 0 <= first < job.layout.chunks:
        return None
    return ChunkRun(
        job,
        job.image.data,
        first,
        min(ready - 1, job.layout.chunks, first + most) - first,
        session,
        stream.channel,
        (job.first_sequence + 1) % (1 << 32),
        job.start.image_id,
        job.layout.chunk_bytes,
    )
