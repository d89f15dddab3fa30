"""Which chunks go next: one stream's whole image, or several streams in turns."""

from collections import deque

import numpy as np

from laserlink.firmware_model.job import Job, PackedImage
from laserlink.firmware_model.profile import load_profile
from laserlink.firmware_model.runs import RUN_CHUNKS, Stream, next_run
from laserlink.protocol.image_layout import ImageLayout
from laserlink.protocol.messages.image import ImageStart

LAYOUT = ImageLayout(1024, 1024, 12, 4096)


def stream_of(channel: int, next_frame: int = 1, readout_ns: int = 0) -> Stream:
    """A stream with one image, sent as far as `next_frame`."""
    mode = load_profile("mos-100mp").modes[0]
    start = ImageStart(image_id=4)
    image = PackedImage(np.zeros(LAYOUT.coded_bytes, np.uint8), (0,))
    job = Job(LAYOUT, start, 100, 0, readout_ns, image, next_frame)
    return Stream(channel, mode, LAYOUT, (0, 0, 1024, 1024), 1, active=True, jobs=deque([job]))


def test_one_stream_goes_on_to_its_end() -> None:
    """Alone, the run is what is left of the image; what was sent of it counts, with its bytes on the wire."""
    stream = stream_of(2, next_frame=11)
    run = next_run({2: stream}, 1, 7, 0)
    assert run is not None
    assert (run.first_chunk, run.chunk_count) == (10, LAYOUT.chunks - 10)
    assert (run.session, run.channel, run.first_sequence, run.image_id) == (7, 2, 101, 4)
    assert run.sent(2) == 2 * (LAYOUT.chunk_bytes + 36)
    assert stream.jobs[0].next_frame == 13


def test_several_take_turns() -> None:
    """Two streams that both have frames send some of one, then some of the other."""
    streams = {2: stream_of(2), 3: stream_of(3)}
    runs = [next_run(streams, turn, 7, 0) for turn in range(4)]
    assert [(run.channel, run.chunk_count) for run in runs if run] == [
        (2, RUN_CHUNKS), (3, RUN_CHUNKS), (2, RUN_CHUNKS), (3, RUN_CHUNKS),
    ]  # fmt: skip


def test_no_more_than_was_read_out() -> None:
    """Of an image that is half read out, half can go."""
    run = next_run({2: stream_of(2, readout_ns=1000)}, 0, 7, 500)
    assert run is not None and run.chunk_count == LAYOUT.chunks // 2


def test_what_is_no_chunk_goes_another_way() -> None:
    """A start frame, digests, a repeat, or pixels that are still to come: no run."""
    repeats = stream_of(2)
    repeats.repeats.append((repeats.jobs[0], 0, 1))
    bare = stream_of(2)
    bare.jobs[0].image = None
    empty = stream_of(2)
    empty.jobs.clear()
    for stream in (stream_of(2, next_frame=0), stream_of(2, LAYOUT.chunks + 1), repeats, bare, empty):
        assert next_run({2: stream}, 0, 7, 0) is None


def test_an_image_is_found_while_it_is_sent_and_while_it_is_kept() -> None:
    """By its id; one that is neither is not there."""
    stream = stream_of(2)
    (job,) = stream.jobs
    assert stream.find(4) is job and stream.find(5) is None
    stream.kept.append(stream.jobs.popleft())
    assert stream.find(4) is job and stream.find(5) is None
