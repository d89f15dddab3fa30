"""The ring: bytes through it, sleep and wake-up, real processes, sudden death, a peer that lies."""

import hashlib
import mmap
import os
import platform
import random
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rings import move_asleep, put, readable

from laserlink.cext import kernels, ring
from laserlink.cext.ring import Ring, RingConsumer, RingError, RingProducer

if sys.platform != "linux":
    pytest.skip("rings need Linux", allow_module_level=True)

WAYS = ["kernels"] * (kernels is not None) + ["plain"] * (platform.machine() == "x86_64")


@pytest.fixture(params=WAYS)
def runtime(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runtime folder of the test's own; each test runs with and without the kernels."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    if request.param == "plain":
        monkeypatch.setattr(ring, "kernels", None)
        monkeypatch.setenv("LASERLINK_CEXT", "no")
    return tmp_path / "laserlink"


@pytest.fixture
def pair(runtime: Path) -> Iterator[tuple[RingProducer, RingConsumer]]:
    with Ring.create("r", 8192) as producer, Ring.open("r") as consumer:
        yield producer, consumer


def poke(runtime: Path, offset: int, value: int) -> None:
    """Writes a word of the header behind both sides' backs."""
    with open(runtime / "r", "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[offset : offset + 8] = struct.pack("=Q", value)


def test_bytes_come_through(pair: tuple[RingProducer, RingConsumer]) -> None:
    """Any sizes over many wraps come out in order, none lost, none twice."""
    producer, consumer = pair
    chance = random.Random(1)
    sent, received = bytearray(), bytearray()
    for _ in range(2000):
        data = chance.randbytes(chance.randrange(0, 3000))
        sent += data[: put(producer, data)]
        shown = consumer.data()
        size = chance.randrange(0, len(shown) + 1)
        received += shown[:size]
        consumer.release(size)
    while shown := consumer.data():
        received += shown
        consumer.release(len(shown))
    assert received == sent
    assert len(sent) > 20 * 8192


def test_full_and_empty(pair: tuple[RingProducer, RingConsumer]) -> None:
    """The whole capacity is usable; full gives no space, empty gives no data."""
    producer, consumer = pair
    assert len(consumer.data()) == 0
    assert put(producer, bytes(9000)) == producer.data_bytes == 8192
    assert len(producer.space()) == 0
    assert len(consumer.data()) == 8192
    consumer.release(100)
    assert len(producer.space()) == 100


def test_more_than_was_shown(pair: tuple[RingProducer, RingConsumer]) -> None:
    """Committing or releasing more than was shown is refused, also the second time."""
    producer, consumer = pair
    for size in (1, -1):
        with pytest.raises(ValueError, match="were shown"):
            producer.commit(size)
    producer.space()
    producer.commit(8000)
    with pytest.raises(ValueError, match="were shown"):
        producer.commit(193)
    with pytest.raises(ValueError, match="were shown"):
        consumer.release(1)
    consumer.data()
    consumer.release(8000)
    with pytest.raises(ValueError, match="were shown"):
        consumer.release(1)


def test_data_is_read_only(pair: tuple[RingProducer, RingConsumer]) -> None:
    """The consumer cannot write what it reads."""
    producer, consumer = pair
    put(producer, b"abc")
    with pytest.raises(TypeError):
        consumer.data()[0] = 0


def test_session_light_and_ids(pair: tuple[RingProducer, RingConsumer]) -> None:
    """The consumer sees the session, the light and the process ids."""
    producer, consumer = pair
    assert (consumer.session, consumer.light) == (0, False)
    producer.session, producer.light = 0xFFFFFFFF, True
    assert (consumer.session, consumer.light) == (producer.session, producer.light) == (0xFFFFFFFF, True)
    producer.light = False
    assert consumer.light is False
    assert consumer.peer_pid == producer.peer_pid == os.getpid()
    with pytest.raises(ValueError, match="32 bits"):
        producer.session = 1 << 32


def test_wake_up(pair: tuple[RingProducer, RingConsumer]) -> None:
    """A side that armed is woken by the next step of the other, once; one that did not is left alone."""
    producer, consumer = pair
    put(producer, b"x")
    assert not readable(consumer)
    assert not consumer.arm()
    consumer.data()
    consumer.release(1)
    assert consumer.arm()
    put(producer, b"y")
    put(producer, b"z")
    assert readable(consumer)
    assert os.read(consumer.fileno(), 100) == b"!"
    while put(producer, bytes(9000)):
        pass
    assert producer.arm()
    assert not readable(producer)
    consumer.data()
    consumer.release(1)
    assert readable(producer)
    producer.clear()
    assert not readable(producer)
    producer.clear()


def test_only_kernels_stay_awake(pair: tuple[RingProducer, RingConsumer]) -> None:
    """Without them, looking ends at once and finds nothing, so that the caller sleeps, and is woken."""
    producer, consumer = pair
    assert consumer.arm()
    put(producer, b"x")
    assert consumer.stay_awake(0) == consumer.moves_images
    assert readable(consumer)


def test_a_doorbell_that_nobody_hears(pair: tuple[RingProducer, RingConsumer]) -> None:
    """A full doorbell blocks nobody, and is drained at once."""
    producer, consumer = pair
    for _ in range(16):
        os.write(consumer.fileno(), bytes(4096))
    with pytest.raises(BlockingIOError):
        os.write(consumer.fileno(), b"!")
    assert consumer.arm()
    put(producer, b"x")
    assert readable(consumer)
    consumer.clear()
    assert not readable(consumer)


def test_no_wake_up_is_lost(runtime: Path) -> None:
    """Two threads that sleep whenever they can move 4 MB through 8 kB without one sleep too long."""
    move_asleep(4_000_000, lambda consumer: False)


# ---- Two processes

Starter = Callable[[str], subprocess.Popen[str]]

PRODUCE = """
import random, select, sys
from laserlink.cext.ring import Ring
ring = Ring.create("r", 8192)
ring.session, ring.light = 77, True
print("ready", flush=True)
data = memoryview(random.Random(5).randbytes(3_000_000))
while data:
    space = ring.space()
    size = min(len(space), len(data))
    space[:size] = data[:size]
    ring.commit(size)
    data = data[size:]
    if size == 0 and ring.arm():
        assert select.select([ring], [], [], 10)[0]
        ring.clear()
print("done", flush=True)
sys.stdin.read()
"""

CONSUME = """
import sys
from laserlink.cext.ring import Ring
ring = Ring.open("r")
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def start(runtime: Path) -> Iterator[Starter]:
    """Starts a process that runs some code, and waits for its first line."""
    started: list[subprocess.Popen[str]] = []

    def starter(code: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        process = subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield starter
    for process in started:
        process.kill()
        process.communicate()


def test_two_processes(start: Starter) -> None:
    """3 MB from another process arrive unchanged, sleeping and waking on both sides."""
    process = start(PRODUCE)
    consumer = Ring.open("r")
    consumer.unlink()
    received = hashlib.sha256()
    size = 0
    while size < 3_000_000:
        shown = consumer.data()
        received.update(shown)
        size += len(shown)
        consumer.release(len(shown))
        if len(shown) == 0 and consumer.arm():
            assert readable(consumer, 10)
            consumer.clear()
    assert received.digest() == hashlib.sha256(random.Random(5).randbytes(3_000_000)).digest()
    assert (consumer.session, consumer.light, consumer.peer_pid) == (77, True, process.pid)
    assert consumer.peer_alive()
    process.communicate()
    assert not consumer.peer_alive()
    consumer.close()


def test_producer_killed(start: Starter, runtime: Path) -> None:
    """After SIGKILL the consumer reads what was committed, sees the death, and the sweep removes the ring."""
    process = start(PRODUCE)
    with Ring.open("r") as consumer:
        consumer.arm()
        assert readable(consumer, 10) or len(consumer.data()) > 0
        assert consumer.peer_alive()
        assert ring.sweep() == []
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not consumer.peer_alive()
        assert bytes(consumer.data()) == random.Random(5).randbytes(8192)[: len(consumer.data())] != b""
    assert ring.sweep() == ["r"]
    assert list(runtime.iterdir()) == []
    with pytest.raises(RingError, match="cannot be opened"):
        Ring.open("r")


def test_consumer_killed(start: Starter, runtime: Path) -> None:
    """After SIGKILL of the consumer its side is free again, and the next one goes on where it stopped."""
    with Ring.create("r", 8192) as producer:
        assert not producer.peer_alive()
        process = start(CONSUME)
        assert producer.peer_alive()
        assert producer.peer_pid == process.pid
        with pytest.raises(RingError, match="consumer side of the ring is taken"):
            Ring.open("r")
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not producer.peer_alive()
        put(producer, b"still here")
        with Ring.open("r") as consumer:
            assert bytes(consumer.data()) == b"still here"
            consumer.release(6)
        with Ring.open("r") as consumer:
            assert bytes(consumer.data()) == b"here"


def test_unlinked_rings_go_on(pair: tuple[RingProducer, RingConsumer], runtime: Path) -> None:
    """Without its names the ring works, doorbells too, and a kill leaves nothing behind."""
    producer, consumer = pair
    producer.unlink()
    producer.unlink()
    assert list(runtime.iterdir()) == []
    assert consumer.arm()
    put(producer, b"x")
    assert readable(consumer)
    assert bytes(consumer.data()) == b"x"


# ---- A peer that lies


@pytest.mark.parametrize("head", [8193, 1 << 40, (1 << 64) - 1])
def test_impossible_head(pair: tuple[RingProducer, RingConsumer], runtime: Path, head: int) -> None:
    """A head that is not within the ring is a RingError for the consumer."""
    poke(runtime, 64, head)
    with pytest.raises(RingError, match="impossible indices"):
        pair[1].data()
    with pytest.raises(RingError, match="impossible indices"):
        pair[1].arm()


@pytest.mark.parametrize("tail", [101, 1 << 63, (1 << 64) - 1])
def test_impossible_tail(pair: tuple[RingProducer, RingConsumer], runtime: Path, tail: int) -> None:
    """A tail beyond the head is a RingError for the producer."""
    put(pair[0], bytes(100))
    poke(runtime, 192, tail)
    with pytest.raises(RingError, match="impossible indices"):
        pair[0].space()


def test_a_head_that_goes_back(pair: tuple[RingProducer, RingConsumer], runtime: Path) -> None:
    """A head behind what was read is a RingError; our own index in the header is not believed."""
    put(pair[0], bytes(100))
    pair[1].data()
    pair[1].release(100)
    poke(runtime, 64, 99)
    poke(runtime, 192, 99)
    with pytest.raises(RingError, match="impossible indices"):
        pair[1].data()


@pytest.mark.parametrize(
    ("offset", "value", "read"),
    [
        (256, 2, lambda producer, consumer: producer.commit(0)),
        (128, 1 << 32, lambda producer, consumer: consumer.release(0)),
        (320, 1 << 32, lambda producer, consumer: consumer.session),
        (328, 2, lambda producer, consumer: consumer.light),
    ],
)
def test_impossible_fields(
    pair: tuple[RingProducer, RingConsumer],
    runtime: Path,
    offset: int,
    value: int,
    read: Callable[..., object],
) -> None:
    """A flag that is neither 0 nor 1, or a session of more than 32 bits, is a RingError."""
    poke(runtime, offset, value)
    with pytest.raises(RingError, match="the ring's"):
        read(*pair)


@pytest.mark.parametrize(
    ("offset", "value", "text"),
    [
        (0, 0, "magic"),
        (8, 2, "version"),
        (16, 8200, "data bytes"),
        (16, 1 << 60, "data bytes"),
        (64, 8193, "impossible indices"),
        (192, 1, "impossible indices"),
    ],
)
def test_a_wrong_header_is_not_opened(runtime: Path, offset: int, value: int, text: str) -> None:
    """A header that is none is refused, nothing stays open, and the consumer's side stays free."""
    with Ring.create("r", 8192) as producer:
        poke(runtime, offset, value)
        before = len(os.listdir("/proc/self/fd"))
        with pytest.raises(RingError, match=text) as caught:
            Ring.open("r")
        assert not producer.peer_alive()
        del caught
        assert len(os.listdir("/proc/self/fd")) == before


def test_a_file_that_is_too_short(runtime: Path) -> None:
    """A ring file without its data is refused before it is mapped."""
    with Ring.create("r", 8192):
        os.truncate(runtime / "r", 4096)
        with pytest.raises(RingError, match="no ring"):
            Ring.open("r")


# ---- Making and closing


@pytest.mark.parametrize("data_bytes", [0, -8, 8184, 8196, (16 << 20) - 4088])
def test_sizes_that_are_refused(runtime: Path, data_bytes: int) -> None:
    """Too small, too large, or no whole words: RingError, and no file is made."""
    with pytest.raises(RingError, match="data bytes"):
        Ring.create("r", data_bytes)
    assert not runtime.exists()


def test_the_largest(runtime: Path) -> None:
    """The largest ring is a file of exactly 16 MiB."""
    with Ring.create("r", (16 << 20) - 4096):
        assert (runtime / "r").stat().st_size == 16 << 20
        Ring.open("r").close()


def test_names_are_checked_first(runtime: Path) -> None:
    """A name that is a path reaches nothing."""
    for make in (Ring.create, Ring.open):
        with pytest.raises(RingError, match="no ring name"):
            make("../r")
    assert not runtime.exists()


def test_close_gives_everything_back(runtime: Path) -> None:
    """After close no descriptor is left, also when it is called twice or a view is still held."""
    before = len(os.listdir("/proc/self/fd"))
    producer, consumer = Ring.create("r", 8192), Ring.open("r")
    put(producer, b"abc")
    held = consumer.data()
    for side in (producer, consumer, producer, consumer):
        side.close()
    assert bytes(held) == b"abc"
    Ring.open("r").close()
    held.release()
    assert len(os.listdir("/proc/self/fd")) == before


def test_other_machines_need_the_kernels(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the kernels, a machine that may reorder stores gets a RingError, and nothing is left behind."""
    monkeypatch.setattr(ring, "kernels", None)
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(RingError, match="needs x86-64"):
        Ring.create("r", 8192)
    assert list(runtime.iterdir()) == []
    assert len(os.listdir("/proc/self/fd")) == before
