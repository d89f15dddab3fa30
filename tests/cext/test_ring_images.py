"""Images through a ring by the kernels: the same pictures as through a buffer, damage and wraps included."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rings import move_asleep, put

from laserlink.cext import kernels
from laserlink.cext.ring import Ring, RingConsumer, RingError, RingProducer
from laserlink.protocol import image_path
from laserlink.protocol.frame import Frame
from laserlink.protocol.framer import Framer
from laserlink.protocol.image_layout import ImageLayout

if sys.platform != "linux" or kernels is None:
    pytest.skip("needs Linux and the C kernels", allow_module_level=True)

SESSION = 9
LAYOUTS = {2: ImageLayout(640, 96, 12, 4096), 3: ImageLayout(320, 64, 10, 256)}


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "laserlink"


@pytest.fixture(params=[8192, 12_008, 1 << 20])
def pair(runtime: Path, request: pytest.FixtureRequest) -> Iterator[tuple[RingProducer, RingConsumer]]:
    """Rings of two frames, of a size that no frame divides, and of a whole image."""
    with Ring.create("r", request.param) as producer, Ring.open("r") as consumer:
        yield producer, consumer


def packed_of(channel: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(channel).integers(0, 256, LAYOUTS[channel].coded_bytes, np.uint8)


def slot_of(kind: Any, channel: int) -> Any:
    layout = LAYOUTS[channel]
    present, sums = np.zeros(layout.chunks, np.uint8), np.zeros((layout.strips, 2), np.uint64)
    return kind(
        channel, 1, layout.bits, layout.chunk_bytes, layout.coded_bytes, layout.strip_bytes,
        np.zeros(layout.pixels, np.uint16), present, sums,
    )  # fmt: skip


def state(slot: Any) -> tuple[object, ...]:
    arrays = (slot.picture.tobytes(), slot.present.tobytes(), slot.sums.tobytes())
    return *arrays, slot.frames, slot.duplicates


def stream(seed: int) -> bytes:
    """Both images interleaved chunk by chunk; some frames are damaged, some come twice, some are strange."""
    chance = random.Random(seed)
    frames = []
    for channel, layout in LAYOUTS.items():
        for index in range(layout.chunks):
            out = bytearray(4096)
            image_path.frame_images(
                out, packed_of(channel), index, 1, SESSION, channel, 0, 1, layout.chunk_bytes
            )
            frames.append(bytes(out[: layout.wire_bytes(index, 1)]))
    chance.shuffle(frames)
    for at in chance.sample(range(len(frames)), 8):
        damaged = bytearray(frames[at])
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        strange = (
            bytes(damaged),
            frames[at] * 2,
            bytes(Frame(0x70, 0, SESSION, 1, b"hello")),
            b"\xeb\x90noise",
        )
        frames[at] = chance.choice(strange)
    return b"".join(frames)


def by_reference(data: bytes) -> list[Any]:
    """What the framer and the Python slots make of a stream."""
    slots = {channel: slot_of(image_path.Slot, channel) for channel in LAYOUTS}
    framer = Framer()
    framer.feed(data)
    framer.abandon()
    place_all(framer, slots)
    return list(slots.values())


def place_all(framer: Framer, slots: dict[int, Any]) -> None:
    for item in framer.items():
        if isinstance(item, Frame) and item.type == 0x42:
            slots[item.channel].place(int.from_bytes(item.payload[4:12], "little"), item.payload[12:])


@pytest.mark.parametrize("seed", range(6))
def test_damaged_streams_both_ways(pair: tuple[RingProducer, RingConsumer], seed: int) -> None:
    """Through the ring, with the framer for what the kernel leaves, both pictures are the reference's."""
    producer, consumer = pair
    data, written = stream(seed), 0
    slots = {channel: slot_of(kernels.Slot, channel) for channel in LAYOUTS}
    framer = Framer()
    while True:
        with producer.space() as space:
            some = min(len(space), len(data) - written)
            space[:some] = data[written : written + some]
        producer.commit(some)
        written += some
        taken = consumer.receive_images(SESSION, 4072, list(slots.values())) if framer.idle else 0
        if not taken:
            with consumer.data() as shown:
                taken = min(len(shown), 512)
                framer.feed(shown[:taken])
            consumer.release(taken)
            place_all(framer, slots)
        if not taken and not some:
            break
    framer.abandon()
    place_all(framer, slots)
    assert [state(slot) for slot in slots.values()] == [state(slot) for slot in by_reference(data)]


@pytest.mark.parametrize("channel", LAYOUTS)
def test_framing_into_the_ring(pair: tuple[RingProducer, RingConsumer], channel: int) -> None:
    """Frames across the wrap and a short last one arrive; a full ring takes no part of a frame."""
    producer, consumer = pair
    layout, packed, slot, index = LAYOUTS[channel], packed_of(channel), slot_of(kernels.Slot, channel), 0
    while index < layout.chunks:
        index += producer.frame_images(
            packed, index, layout.chunks - index, SESSION, channel, 5, 1, layout.chunk_bytes
        )
        full = layout.chunk_bytes + image_path.FRAME_OVERHEAD_BYTES
        assert index == layout.chunks or producer.free_bytes < full
        consumer.receive_images(SESSION, 4072, [slot])
    assert slot.frames == layout.chunks and slot.duplicates == 0
    assert slot.picture.tobytes() == kernels.unpack(packed, layout.bits).tobytes()


def test_a_sleeper_is_woken(runtime: Path) -> None:
    """The bell rings for the consumer with the first frame, and for the producer when half is free."""
    layout, packed = LAYOUTS[2], packed_of(2)
    with Ring.create("r", 1 << 16) as producer, Ring.open("r") as consumer:
        assert consumer.arm()
        count = producer.frame_images(packed, 0, layout.chunks, SESSION, 2, 0, 1, layout.chunk_bytes)
        assert os.read(consumer.fileno(), 8) == b"!"
        assert count < layout.chunks and producer.arm(4096)
        assert consumer.receive_images(SESSION, 4072, [slot_of(kernels.Slot, 2)]) > 0
        assert os.read(producer.fileno(), 8) == b"!"


# The image's memory ends in the middle of its fifth chunk, and the producer with it.
DIE_IN_THE_FIFTH = """
import mmap, os, sys, tempfile
from laserlink.cext.ring import Ring
with Ring.create("r") as ring, tempfile.TemporaryFile() as file:
    file.truncate(1 << 16)
    packed = mmap.mmap(file.fileno(), 1 << 16)
    file.truncate(1 << 14)
    print("ready", flush=True)
    sys.stdin.readline()
    ring.frame_images(packed, 0, 16, 9, 2, 0, 1, 4032)
"""


def test_first_frames_are_published_at_once(runtime: Path) -> None:
    """A producer that dies in the fifth frame of one call has published one, and then two."""
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", DIE_IN_THE_FIFTH], stdin=pipe, stdout=pipe, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    with Ring.open("r") as consumer:
        consumer.unlink()
        process.communicate("go\n")
        assert process.returncode == -signal.SIGBUS
        with consumer.data() as shown:
            assert len(shown) == 3 * LAYOUTS[2].wire_bytes(0, 1)


def test_enough_is_enough(runtime: Path) -> None:
    """After so many bytes no more are looked for; without a number, all that is there is taken."""
    layout, packed, slot = LAYOUTS[2], packed_of(2), slot_of(kernels.Slot, 2)
    with Ring.create("r") as producer, Ring.open("r") as consumer:
        producer.frame_images(packed, 0, layout.chunks, SESSION, 2, 0, 1, layout.chunk_bytes)
        first = consumer.receive_images(SESSION, 4072, [slot], 1)
        assert 0 < first < layout.wire_bytes(0, layout.chunks)
        assert consumer.receive_images(SESSION, 4072, [slot], 0) == 0
        consumer.receive_images(SESSION, 4072, [slot])
        assert slot.frames == layout.chunks


def test_staying_awake(pair: tuple[RingProducer, RingConsumer]) -> None:
    """It ends with bytes, at a time, or when another descriptor is readable; the bell rings all the same."""
    producer, consumer = pair
    far = time.monotonic_ns() + 10**11
    assert not consumer.stay_awake(0)
    assert consumer.arm()
    read, other = os.pipe()
    os.write(other, b"x")
    assert not consumer.stay_awake(far, read)
    os.read(read, 1)
    timer = threading.Timer(0.05, lambda: put(producer, b"x"))
    timer.start()
    assert consumer.stay_awake(far, read)
    timer.join()
    assert os.read(consumer.fileno(), 8) == b"!"
    assert consumer.stay_awake(0)
    for end in (read, other):
        os.close(end)


def test_no_wake_up_is_lost_by_looking(runtime: Path) -> None:
    """A consumer that looks a while before each sleep moves 4 MB through 8 kB and never sleeps too long."""
    move_asleep(4_000_000, lambda consumer: consumer.stay_awake(time.monotonic_ns() + 20_000))


def test_impossible_indices(runtime: Path) -> None:
    """An index that cannot be moves nothing by the kernel, and is told by the next look."""
    with Ring.create("r", 8192) as producer, Ring.open("r") as consumer:
        kernels.store_release(producer._memory, 64, 1 << 40)
        assert consumer.receive_images(SESSION, 4072, [slot_of(kernels.Slot, 2)]) == 0
        with pytest.raises(RingError, match="impossible"):
            consumer.data()


def test_a_thousand_attachments_leave_nothing(runtime: Path) -> None:
    """1,000 rings made, opened, used and closed leave no file, no descriptor and no map behind."""

    def held() -> tuple[int, int]:
        maps = Path("/proc/self/maps").read_text()
        return len(os.listdir("/proc/self/fd")), maps.count(str(runtime))

    packed, before = packed_of(3), held()
    layout = LAYOUTS[3]
    for number in range(1000):
        with Ring.create(f"r{number}", 8192) as producer, Ring.open(f"r{number}") as consumer:
            producer.frame_images(packed, 0, 1, SESSION, 3, 0, 1, layout.chunk_bytes)
            assert consumer.receive_images(SESSION, 4072, [slot_of(kernels.Slot, 3)]) > 0
            producer.unlink()
    assert held() == before and list(runtime.iterdir()) == []
