"""A recording: every byte of both lanes, both ways, with its time, in a pcapng file that Wireshark opens.

A packet is one frame, or a run of bytes that are no frame, so that a direction's packets one after another
are its bytes, all of them. Its time is when its last byte was seen. Whether the laser shines is an empty
packet of its lane with a comment. docs/recording.md says more.

Lanes are recorded by putting a tap around them: lanes that are not recorded know nothing of it.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from laserlink.host_driver.errors import DeviceError
from laserlink.host_driver.lanes.pcapng import INBOUND, OUTBOUND, header, write_packet
from laserlink.host_driver.lanes.port import Port
from laserlink.host_driver.lanes.ring import RingLane
from laserlink.protocol.catalogue import Direction
from laserlink.protocol.frame import Frame
from laserlink.protocol.framer import BadFrame, Framer
from laserlink.protocol.limits import FRAME_BYTES_MAX
from laserlink.protocol.states import LaneKind
from laserlink.protocol.timers import NS_PER_MS

WRITER = "laserlink"
LIGHT_ON, LIGHT_OFF = "laser on", "laser off"

# A frame that was begun and goes on after so long was cut; a line of 9600 Bd takes 1 ms for a byte.
CUT_NS = 250 * NS_PER_MS
# What is written may wait so long before it is in the file; a reader of a pipe sees it by then.
FLUSH_NS = 100 * NS_PER_MS

Source = tuple[LaneKind, Direction]
SOURCES: dict[Source, str] = {
    (LaneKind.SIDEBAND, Direction.TO_MODULE): "sideband to module",
    (LaneKind.SIDEBAND, Direction.TO_HOST): "sideband to host",
    (LaneKind.OPTICAL, Direction.TO_HOST): "optical to host",
}
SOURCE_OF_NAME = {name: source for source, name in SOURCES.items()}
_INDEX = {source: index for index, source in enumerate(SOURCES)}
_FLAGS = {Direction.TO_MODULE: OUTBOUND, Direction.TO_HOST: INBOUND}


class Recorder:
    """Writes one file; used by one thread at a time. Between `pause` and the next byte it holds no file open.

    Raises:
        DeviceError: the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # Times are those of the wall, as Wireshark shows them, and never go back.
        self._wall_ns = time.time_ns() - time.monotonic_ns()
        self._framers = {source: Framer() for source in SOURCES}
        self._heard_ns = dict.fromkeys(SOURCES, 0)
        self._flushed_ns = 0
        self.packets = 0
        self._opened: IO[bytes] | None = None
        try:
            # A pipe has one reader, who takes its closing for the end of everything.
            self._is_pipe = path.is_fifo()
            self._opened = path.open("wb")
            self._opened.write(header(tuple(SOURCES.values()), WRITER))
            self.pause()
        except OSError as error:
            raise DeviceError(
                f"{path} cannot be written: {error.strerror}", "Choose another file, or another folder."
            ) from None

    @property
    def _file(self) -> IO[bytes]:
        if self._opened is None:
            self._opened = self.path.open("ab")
        return self._opened

    def take(self, source: Source, data: bytes | memoryview) -> None:
        """Bytes as they were seen, in any pieces. Raises OSError when the disk is full."""
        now = time.monotonic_ns()
        framer = self._framers[source]
        if framer.pending and now - self._heard_ns[source] > CUT_NS:
            self._give_up(source, self._heard_ns[source])
        self._heard_ns[source] = now
        for start in range(0, len(data), FRAME_BYTES_MAX):
            framer.feed(data[start : start + FRAME_BYTES_MAX])
            self._write_items(source, now)
        if now - self._flushed_ns > FLUSH_NS:
            self._flushed_ns = now
            self._file.flush()

    def _write_items(self, source: Source, now: int) -> None:
        for item in self._framers[source].items():
            self._write(source, _raw(item), now)

    def _write(self, source: Source, data: bytes, now: int, comment: str = "") -> None:
        self.packets += 1
        write_packet(self._file, _INDEX[source], self._wall_ns + now, data, _FLAGS[source[1]], comment)

    def _give_up(self, source: Source, now: int) -> None:
        self._framers[source].abandon()
        self._write_items(source, now)

    def light(self, on: bool) -> None:
        """The laser goes on or off."""
        source = (LaneKind.OPTICAL, Direction.TO_HOST)
        self._give_up(source, time.monotonic_ns())
        self._write(source, b"", time.monotonic_ns(), LIGHT_ON if on else LIGHT_OFF)

    def pause(self) -> None:
        """The lanes were closed: what was begun ends, and all that was seen is in the file."""
        for source, heard in self._heard_ns.items():
            self._give_up(source, heard)
        if self._opened is not None:
            self._opened.flush()
            if not self._is_pipe:
                self.close()

    def close(self) -> None:
        """Let go of the file. Twice is fine."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None


def _raw(item: Frame | BadFrame) -> bytes:
    return bytes(item) if isinstance(item, Frame) else item.raw


class RecordedPort:
    """A port, and everything that goes through it."""

    def __init__(self, port: Port, recorder: Recorder) -> None:
        self._port, self._recorder = port, recorder
        self.name = port.name

    def fileno(self) -> int:
        return self._port.fileno()

    def read(self) -> bytes:
        data = self._port.read()
        if data:
            self._recorder.take((LaneKind.SIDEBAND, Direction.TO_HOST), data)
        return data

    def write(self, data: bytes | memoryview) -> int:
        written = self._port.write(data)
        if written:
            self._recorder.take((LaneKind.SIDEBAND, Direction.TO_MODULE), memoryview(data)[:written])
        return written

    def close(self) -> None:
        self._port.close()
        self._recorder.pause()


class RecordedRing:
    """The consumer's side of a ring, and everything that is taken out of it."""

    def __init__(self, ring: RingLane, recorder: Recorder) -> None:
        self._ring, self._recorder = ring, recorder
        self._light = False

    @property
    def light(self) -> bool:
        light = self._ring.light
        if light != self._light:
            self._light = light
            self._recorder.light(light)
        return light

    @property
    def session(self) -> int:
        return self._ring.session

    @property
    def data_bytes(self) -> int:
        return self._ring.data_bytes

    def data(self) -> memoryview:
        return self._ring.data()

    def release(self, size: int) -> None:
        """What is given back was read: now it is recorded."""
        if size:
            shown = self._ring.data()
            taken = shown[:size]
            self._recorder.take((LaneKind.OPTICAL, Direction.TO_HOST), taken)
            taken.release()
            shown.release()
        self._ring.release(size)

    @property
    def moves_images(self) -> bool:
        """Never: what goes straight into a picture is not seen on the way."""
        return False

    def receive_images(self, session: int, max_payload: int, slots: Sequence[Any]) -> int:
        return 0

    def fileno(self) -> int:
        return self._ring.fileno()

    def arm(self, wanted: int = 1) -> bool:
        return self._ring.arm(wanted)

    def stay_awake(self, until_ns: int, other: int = -1) -> bool:
        return self._ring.stay_awake(until_ns, other)

    def clear(self) -> None:
        self._ring.clear()

    def close(self) -> None:
        self._recorder.pause()
        self._ring.close()
