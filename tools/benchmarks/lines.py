"""Lines: a control round trip over a pseudo-terminal, the first line of an image, paced serial lanes."""

import json
import os
import secrets
import select
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from statistics import median, quantiles
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from laserlink.cext.ring import Ring, RingConsumer, RingError, RingProducer
from laserlink.host_driver.camera import Camera
from laserlink.host_driver.lanes.driver import IDLE_NS
from laserlink.host_driver.lanes.lookout import Lookout
from laserlink.protocol import _accel
from laserlink.protocol.frame import OVERHEAD_BYTES, Frame
from laserlink.protocol.framer import Framer
from laserlink.protocol.image_layout import ImageLayout
from laserlink.protocol.image_path import empty_picture
from laserlink.protocol.limits import PAYLOAD_BYTES_MAX
from laserlink.protocol.messages.control import ControlGet, ControlId, ControlValue, ControlValues
from laserlink.protocol.messages.image import ImageData
from laserlink.protocol.timers import NS_PER_S, NS_PER_US
from laserlink.tools.benchmarks.figure import Figure, Goal
from laserlink.tools.benchmarks.link import FULL_CHANNEL, Receiver
from laserlink.tools.benchmarks.module_side import FULL, ModuleOptions, ModuleProcess

if sys.platform != "win32":
    import tty

TRIPS = 300
# A control's question and its answer, as they are on the wire.
REQUEST_BYTES = OVERHEAD_BYTES + len(bytes(ControlGet(0, (ControlId(),))))
REPLY_BYTES = OVERHEAD_BYTES + len(bytes(ControlValues(0, 0, (ControlValue(),))))
# As users open a port: with a timeout.
PEER_TIMEOUT_SECONDS = 5.0
LINE_LAYOUT = ImageLayout(11648, 2, 12, 4096)  # the smallest image that holds a line: two of them
# Frames come in order: with so many, the first line is there.
LINE_CHUNKS = -(-LINE_LAYOUT.coded_bytes // LINE_LAYOUT.height // LINE_LAYOUT.chunk_bytes)
LINE_WIRE_BYTES = LINE_LAYOUT.wire_bytes(0, LINE_CHUNKS)
LINES = 500
# What is measured is a module and a host with a core each; some systems keep both on one for a while.
HOST_CORE, MODULE_CORE = 0, 1
PAUSE_SECONDS = 0.002
SERIAL_SECONDS = 4.0
SERIAL_WIDTH, SERIAL_BITS = 640, 8


def control_round_trip(trips: int = TRIPS) -> Figure:
    """Microseconds from a control's question to its answer, over a pyserial ping-pong of as many bytes."""
    ours, theirs = [], []
    options = ModuleOptions(width=640, height=480, ring=False)
    with ModuleProcess(options) as module, Camera(module.url) as camera, _Echo() as echo:
        for _ in range(trips):
            ours.append(_timed(lambda: camera.read_controls("ExposureTime")))
            theirs.append(_timed(echo.trip))
    return Figure(
        "control-round-trip", median(ours) * 1e6, "us", "pyserial ping-pong", median(theirs) * 1e6,
        Goal(1.5, at_most=True),
    )  # fmt: skip


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


class _Echo:
    """pyserial at both ends of a pseudo-terminal: a child answers each request with a reply."""

    CODE = (
        "import sys,serial\n"
        "port=serial.Serial(sys.argv[1],timeout={timeout})\n"
        "print('ready',flush=True)\n"
        "while port.read({request}): port.write(bytes({reply}))\n"
    )

    def __enter__(self) -> Self:
        self._ends = os.openpty()
        for end in self._ends:
            tty.setraw(end)
        code = self.CODE.format(request=REQUEST_BYTES, reply=REPLY_BYTES, timeout=PEER_TIMEOUT_SECONDS)
        command = [sys.executable, "-c", code, os.ttyname(self._ends[1])]
        self._child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        if self._child.stdout is not None:
            self._child.stdout.readline()
        # A master has no name to open: pyserial is handed the descriptor.
        self._port: Any = import_module("serial").Serial(timeout=PEER_TIMEOUT_SECONDS)
        self._port.fd = self._ends[0]
        self._pipes = (*os.pipe(), *os.pipe())
        self._port.pipe_abort_read_r, self._port.pipe_abort_read_w = self._pipes[:2]
        self._port.pipe_abort_write_r, self._port.pipe_abort_write_w = self._pipes[2:]
        self._port.is_open = True
        return self

    def trip(self) -> None:
        """One request there, one reply back."""
        self._port.write(bytes(REQUEST_BYTES))
        self._port.read(REPLY_BYTES)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._port.is_open = False
        self._child.kill()
        self._child.wait()
        if self._child.stdout is not None:
            self._child.stdout.close()
        for end in (*self._ends, *self._pipes):
            os.close(end)


def first_line(lines: int = LINES) -> Figure:
    """Microseconds from before a module writes the last frame of an image's first line to pixels in place.

    From another process, over the ring, each on a core of its own; the host reads as its driver does.
    `from_begin_us` counts from before the line's first frame: it has all that the module does for the line,
    which begins cold.
    """
    name = f"bench-{os.getpid()}-{secrets.token_hex(4)}"
    with _child("write_lines", name, lines) as child, _opened(name) as ring, _own_core(HOST_CORE):
        lookout = Lookout()
        chunks = _Chunks(ring)
        placed = [_receive_line(ring, chunks, lookout, number) for number in range(1, lines + 1)]
        begun, written = json.loads(child.communicate()[0])
    took, whole = _us_between(written, placed), _us_between(begun, placed)
    peer = zeromq_us(lines)
    against = "ZeroMQ ipc pair" if peer is not None else "ZeroMQ, which is missing"
    details = {
        "p99_us": quantiles(took, n=100)[98],
        "p99_goal": 200,
        "from_begin_us": median(whole),
        "from_begin_p99_us": quantiles(whole, n=100)[98],
    }
    return Figure(
        "first-line", median(took), "us", against, peer, Goal(20.0, at_most=True, of_value=True), details
    )


@contextmanager
def _own_core(number: int) -> Iterator[None]:
    """Stay on one core of those that there are, as long as it lasts."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[number % len(cores)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, set(cores))


def _us_between(begins: list[int], ends: list[int]) -> list[float]:
    return [(end - begin) / NS_PER_US for begin, end in zip(begins, ends, strict=True)]


def _child(function: str, *words: object) -> subprocess.Popen[str]:
    code = f"import sys, laserlink.tools.benchmarks.lines as lines; lines.{function}(*sys.argv[1:])"
    return subprocess.Popen([sys.executable, "-c", code, *map(str, words)], stdout=subprocess.PIPE, text=True)


def _opened(name: str) -> RingConsumer:
    end = time.monotonic() + 30.0
    while True:
        try:
            return Ring.open(name)
        except RingError:
            if time.monotonic() > end:
                raise
        time.sleep(0.01)


class _Chunks:
    """The chunks in a ring, in order."""

    def __init__(self, ring: RingConsumer) -> None:
        self._ring = ring
        self._framer = Framer()
        self._waiting: deque[ImageData] = deque()

    def taker(self, slot: _accel.Slot) -> Callable[[], int]:
        """What places those that are there of the slot's image, and says whether there were any."""
        if self._ring.moves_images:
            return partial(self._ring.receive_images, 1, PAYLOAD_BYTES_MAX, [slot], LINE_WIRE_BYTES)
        return partial(self._place, slot)

    def _place(self, slot: _accel.Slot) -> int:
        shown = self._ring.data()
        self._framer.feed(shown)
        size = len(shown)
        shown.release()
        self._ring.release(size)
        for frame in self._framer.items():
            self._waiting.append(ImageData.decode(frame.payload if isinstance(frame, Frame) else frame.raw))
        before = slot.frames
        while self._waiting and self._waiting[0].image_id == slot.image_id:
            chunk = self._waiting.popleft()
            slot.place(chunk.offset, chunk.chunk)
        return slot.frames - before


def _receive_line(ring: RingConsumer, chunks: _Chunks, lookout: Lookout, image_id: int) -> int:
    """Take one image; when its first line was there."""
    layout = LINE_LAYOUT
    present = np.zeros(layout.chunks, np.uint8)
    slot = _accel.Slot(
        FULL_CHANNEL, image_id, layout.bits, layout.chunk_bytes, layout.coded_bytes, layout.strip_bytes,
        empty_picture(layout.pixels), present, np.zeros((layout.strips, 2), np.uint64),
    )  # fmt: skip
    take = chunks.taker(slot)
    placed, late = 0, time.monotonic_ns() + 10 * NS_PER_S
    while slot.frames < layout.chunks:
        now = time.monotonic_ns()
        if take():
            if slot.frames >= LINE_CHUNKS:
                placed = placed or time.monotonic_ns()
            lookout.came(now)
        elif ring.arm():
            _sleep(ring, lookout)
            if now > late:
                raise RuntimeError("no line came within 10 s")
    return placed


def _sleep(ring: RingConsumer, lookout: Lookout) -> None:
    """As the host's driver does, without a port."""
    now = time.monotonic_ns()
    until = lookout.rest(now, now + IDLE_NS)
    awake = lookout.awake_until(now)
    if awake is not None and ring.stay_awake(awake, ring.fileno()):
        return
    select.select([ring.fileno()], [], [], max(0, until - now) / NS_PER_S)
    ring.clear()


def write_lines(name: str, lines: str) -> None:
    """The child: an image every few milliseconds; then, on standard output, when each was begun, and when all
    of its first line but one frame was written.
    """
    packed = np.zeros(LINE_LAYOUT.coded_bytes, np.uint8)
    begun, written = [], []
    with Ring.create(name) as ring, _own_core(MODULE_CORE):
        while not ring.peer_alive():
            time.sleep(0.01)
        for number in range(1, int(lines) + 1):
            time.sleep(PAUSE_SECONDS)
            begun.append(time.monotonic_ns())
            _write_chunks(ring, packed, number, 0, LINE_CHUNKS - 1)
            written.append(time.monotonic_ns())
            _write_chunks(ring, packed, number, LINE_CHUNKS - 1, LINE_LAYOUT.chunks - LINE_CHUNKS + 1)
        ring.unlink()
        print(json.dumps((begun, written)), flush=True)


def _write_chunks(ring: RingProducer, packed: NDArray[np.uint8], number: int, first: int, count: int) -> None:
    chunk_bytes = LINE_LAYOUT.chunk_bytes
    if ring.moves_images:
        ring.frame_images(packed, first, count, 1, FULL_CHANNEL, 0, number, chunk_bytes)
        return
    framed = bytearray(LINE_LAYOUT.wire_bytes(first, count))
    _accel.frame_images(
        framed, packed, first, count, session=1, channel=FULL_CHANNEL, first_sequence=0, image_id=number,
        chunk_bytes=chunk_bytes,
    )  # fmt: skip
    left = memoryview(framed)
    while left:
        space = ring.space()
        size = min(len(space), len(left))
        space[:size] = left[:size]
        ring.commit(size)
        left = left[size:]


def zeromq_us(messages: int) -> float | None:
    """One way of a message as long as a line, from when it is handed over; None when ZeroMQ is missing."""
    try:
        zmq: Any = import_module("zmq")
    except ImportError:
        return None
    with tempfile.TemporaryDirectory() as folder:
        url = f"ipc://{folder}/pair"
        socket = zmq.Context.instance().socket(zmq.PAIR)
        socket.RCVTIMEO = 30_000
        socket.bind(url)
        try:
            with _child("send_messages", url, messages) as child:
                came = [(socket.recv(), time.monotonic_ns())[1] for _ in range(messages)]
                sent = json.loads(child.communicate()[0])
        finally:
            socket.close(linger=0)
    return median(_us_between(sent, came))


def send_messages(url: str, messages: str) -> None:
    """The child of the peer: a message every few milliseconds; then, as above, when each was handed over."""
    zmq: Any = import_module("zmq")
    socket = zmq.Context.instance().socket(zmq.PAIR)
    socket.connect(url)
    line, sent = bytes(LINE_WIRE_BYTES), []
    for _ in range(int(messages)):
        time.sleep(PAUSE_SECONDS)
        socket.send(line)
        sent.append(time.monotonic_ns())
    socket.close(linger=10_000)
    print(json.dumps(sent), flush=True)


def serial(rate_bps: int, seconds: float = SERIAL_SECONDS) -> Figure:
    """Pixels' bytes a second over a paced pseudo-terminal, over what its line carries: bits by ten."""
    capacity = rate_bps / 10
    height = max(64, int(capacity * seconds / 3 / SERIAL_WIDTH) // 2 * 2)
    options = ModuleOptions(SERIAL_WIDTH, height, ring=False, line_bps=rate_bps)
    with ModuleProcess(options) as module:
        receiver = Receiver(module.url)
        try:
            receiver.configure(FULL_CHANNEL, FULL, SERIAL_BITS)
            packed = receiver.rate((FULL_CHANNEL,), 1, 3) * 1e9 / 2
        finally:
            receiver.close()
    return Figure(
        f"serial-{rate_bps // 1_000_000}m", packed / 1000, "kB/s", "capacity of the line", capacity / 1000,
        Goal(0.97),
    )  # fmt: skip
