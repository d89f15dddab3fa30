"""One image on its way out: which of its frames are ready when."""

import copy

import numpy as np
from rig import MS

from laserlink.firmware_model.job import READOUT_BLOCKS, Job, PackedImage
from laserlink.protocol.digest import strip_digests
from laserlink.protocol.image_layout import ImageLayout
from laserlink.protocol.messages.image import ImageStart
from laserlink.protocol.raw import packed_size

LAYOUT = ImageLayout(1024, 512, 12, 4096)  # 196 chunks
PIXELS = (np.arange(LAYOUT.pixels, dtype=np.uint32) % 4096).astype(np.uint16)


def job(readout_ns: int = 64 * MS) -> Job:
    return Job(
        LAYOUT, ImageStart(), 0, 10 * MS, readout_ns, PackedImage.of(PIXELS.reshape(512, 1024), LAYOUT)
    )


def test_a_packed_image_has_the_digests_of_its_strips() -> None:
    """Packed once, digested as the host will; and never copied, for it never changes."""
    packed = PackedImage.of(PIXELS.reshape(512, 1024), LAYOUT)
    assert packed.data.nbytes == packed_size(LAYOUT.pixels, 12)
    assert packed.digests == tuple(strip_digests(packed.data, LAYOUT.strip_bytes))
    assert copy.deepcopy(packed) is packed


def test_frames_become_ready_as_the_lines_are_read_and_never_before() -> None:
    """Nothing during the exposure, a block of lines at a time, all at the end of the readout."""
    made = job()
    assert made.frames_ready(10 * MS - 1) == 0
    ready = [made.frames_ready(10 * MS + block * MS) for block in range(READOUT_BLOCKS + 1)]
    assert ready == sorted(ready) and ready[0] == 1 and ready[-1] == LAYOUT.frames
    assert all(count <= 1 + LAYOUT.chunks * block / READOUT_BLOCKS for block, count in enumerate(ready[:-1]))


def test_the_next_wake_up_is_when_more_is_ready_and_not_sooner() -> None:
    """From one wake-up to the next, each brings frames, until the last."""
    made, now, wakes = job(), 0, 0
    while not made.sent:
        at = made.next_ready_ns(now)
        assert at is not None and at > now and made.frames_ready(at - 1) <= made.next_frame
        now, made.next_frame, wakes = at, made.frames_ready(at), wakes + 1
    assert wakes <= READOUT_BLOCKS + 1 and now == 74 * MS


def test_a_small_image_is_not_woken_for_blocks_that_bring_nothing() -> None:
    """Of four chunks, each is whole with a sixteenth block: five wake-ups, not 65."""
    layout = ImageLayout(64, 168, 12, 4096)
    pixels = np.zeros((168, 64), np.uint16)
    made = Job(layout, ImageStart(), 0, 10 * MS, 64 * MS, PackedImage.of(pixels, layout))
    assert layout.chunks == 4
    wakes: list[int] = []
    while not made.sent:
        wakes.append(made.next_ready_ns(wakes[-1] if wakes else 0) or 0)
        made.next_frame = made.frames_ready(wakes[-1])
    assert wakes == [(10 + block) * MS for block in (0, 16, 32, 48, 64)]


def test_frames_that_wait_already_need_no_wake_up() -> None:
    """Nor does an image whose pixels are not there yet."""
    made = job()
    assert made.next_ready_ns(30 * MS) is None
    made.image = None
    assert made.frames_ready(30 * MS) == 0 and made.next_ready_ns(0) is None


def test_a_sensor_without_a_readout_time_has_all_at_once() -> None:
    """At the end of the exposure."""
    made = job(readout_ns=0)
    assert made.next_ready_ns(0) == 10 * MS and made.frames_ready(10 * MS) == LAYOUT.frames
