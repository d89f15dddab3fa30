"""laserlink.firmware_model.runs: what the kernel may send next, and nothing that comes before it."""

from collections import deque

import numpy as np
import pytest
from rig import CHANNEL, Rig, S, module_in

from laserlink.firmware_model.runs import RUN_CHUNKS, next_run
from laserlink.protocol.states import ModuleState

SESSION = 0x77


def streaming() -> Rig:
    """A module in the middle of an image, all of which is read out."""
    rig = module_in(ModuleState.STREAMING)
    rig.until(lambda: any(stream.jobs for stream in rig.module.streams._streams.values()))
    return rig


def job_of(rig: Rig):  # type: ignore[no-untyped-def]
    """The image that is being sent."""
    return rig.module.streams._streams[CHANNEL].jobs[0]


def test_start_and_digests_are_not_the_kernels() -> None:
    """Before the first chunk and after the last one there is no run; between, the rest of the image."""
    rig = streaming()
    job = job_of(rig)
    chunks, later = job.layout.chunks, rig.now + 10 * S
    runs = []
    for frame in range(job.layout.frames + 1):
        job.next_frame = frame
        runs.append(next_run(rig.module.streams._streams, 0, SESSION, later))
    assert runs[0] is None and runs[chunks + 1 :] == [None] * (job.layout.frames - chunks)
    for index, run in enumerate(runs[1 : chunks + 1]):
        assert (run.first_chunk, run.first_chunk + run.chunk_count) == (index, chunks)
        assert (run.session, run.channel, run.image_id) == (SESSION, CHANNEL, job.start.image_id)
        assert run.first_sequence == (job.first_sequence + 1) % (1 << 32)
        assert np.shares_memory(run.packed, job.image.data)


def test_repeats_come_first() -> None:
    """While something is to be sent again, nothing new is handed to the kernel."""
    rig = streaming()
    stream = rig.module.streams._streams[CHANNEL]
    stream.jobs[0].next_frame = 1
    stream.repeats = deque([(stream.jobs[0], 0, 1)])
    assert next_run({CHANNEL: stream}, 0, SESSION, rig.now + 10 * S) is None


def test_streams_take_turns() -> None:
    """With two images ready, each turn is another one's, and no longer than a quarter of a megabyte."""
    rig = streaming()
    stream = rig.module.streams._streams[CHANNEL]
    stream.jobs[0].next_frame = 1
    streams = {CHANNEL: stream, CHANNEL + 1: stream}
    later = rig.now + 10 * S
    alone = next_run({CHANNEL: stream}, 0, SESSION, later)
    shared = next_run(streams, 0, SESSION, later)
    assert alone is not None and shared is not None
    assert alone.chunk_count == stream.jobs[0].layout.chunks
    assert shared.chunk_count == min(RUN_CHUNKS, alone.chunk_count)


def test_what_was_sent_is_counted_in_frames_and_bytes() -> None:
    """A run of which a part went leaves the job at the frame behind it."""
    rig = streaming()
    job = job_of(rig)
    job.next_frame = 1
    run = next_run(rig.module.streams._streams, 0, SESSION, rig.now + 10 * S)
    assert run is not None
    size = run.sent(2)
    assert job.next_frame == 3
    assert job.layout.chunks == 2 and size == job.layout.coded_bytes + 2 * (24 + 12)


def test_nothing_is_ready_before_it_is_read_out() -> None:
    """Without streams, or before the first row is read, there is no run."""
    assert next_run({}, 0, SESSION, 0) is None
    rig = streaming()
    job_of(rig).next_frame = 1
    assert next_run(rig.module.streams._streams, 0, SESSION, 0) is None


@pytest.mark.parametrize("interval_ns", [1_000_000, 40_000_000])
def test_rate_of_a_stream_is_its_image_over_its_interval(interval_ns: int) -> None:
    """Bits a nanosecond while it is active, and none when it is not."""
    stream = streaming().module.streams._streams[CHANNEL]
    stream.interval_ns = interval_ns
    assert stream.gbps == pytest.approx(stream.layout.coded_bytes * 8 / interval_ns)
    stream.active = False
    assert stream.gbps == 0.0
