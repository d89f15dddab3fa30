"""A port with faults, in front of another: the simulator's filters between a real host and a real module.

    host  <->  pseudo-terminal (and ring)  <->  filters  <->  any URL  <->  module

The module's port is open as long as a host has ours open: contact is passed on. Bytes go through the filters
as whole frames, which are put together again from however they come.
"""

import contextlib
import heapq
import os
import secrets
import select
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from laserlink.cext.ring import Ring, RingError, RingProducer
from laserlink.firmware_model.serve.pty import PtyPort
from laserlink.host_driver.errors import DeviceError
from laserlink.host_driver.lanes.port import Port, PortClosed
from laserlink.host_driver.lanes.ring import RingLane
from laserlink.host_driver.lanes.url import Lanes, Target
from laserlink.protocol.connection import Role
from laserlink.protocol.frame import OVERHEAD_BYTES, SYNC
from laserlink.protocol.limits import PAYLOAD_BYTES_MAX
from laserlink.protocol.states import LaneKind
from laserlink.protocol.timers import NS_PER_MS, NS_PER_S
from laserlink.tools.fault_profiles import WireFault, log_uniform
from laserlink.tools.faults import Stack

# The start of a frame that nothing follows for so long goes on as it is: its end will not come.
GAP_NS = 5 * NS_PER_MS
# What may wait in one direction before no more is read: a peer that does not read holds up the other.
HELD_BYTES_MAX = 1 << 20
RING_BYTES = 1 << 22
RING_BURST_BYTES = 1 << 18
POLL_SECONDS = 0.01
IDLE_SECONDS = 0.05
# How long after contact it is broken, and for how long.
PULL_NS_MIN, PULL_NS_MAX = 50 * NS_PER_MS, 5 * NS_PER_S
OFF_NS_MIN, OFF_NS_MAX = 50 * NS_PER_MS, NS_PER_S

_LENGTH_AT = 6


def cut_frames(data: bytearray) -> Iterator[bytes]:
    """Take whole frames, and what is none, from the start of `data`; what may become a frame stays in it."""
    while data:
        start = data.find(SYNC)
        if start < 0:
            start = len(data) - (data[-1] == SYNC[0])
        if start:
            yield bytes(data[:start])
            del data[:start]
            continue
        if len(data) < _LENGTH_AT + 2:
            return
        length = int.from_bytes(data[_LENGTH_AT : _LENGTH_AT + 2], "little")
        size = OVERHEAD_BYTES + length if length <= PAYLOAD_BYTES_MAX else 1
        if len(data) < size:
            return
        yield bytes(data[:size])
        del data[:size]


class Way:
    """One direction of one lane: bytes go in as they come, and come out when they are due."""

    def __init__(self, faults: Sequence[WireFault] = ()) -> None:
        self._stack = Stack([fault.build() for fault in faults])
        self._started = bytearray()
        self._started_ns = 0
        self._held: list[tuple[int, int, bytes]] = []
        self._number = 0
        self._out = memoryview(b"")
        self.held_bytes = 0
        self.carried_bytes = 0

    @property
    def hits(self) -> int:
        """How often a filter struck."""
        return self._stack.hits

    @property
    def full(self) -> bool:
        """Whether so much waits that no more should be put in."""
        return self.held_bytes >= HELD_BYTES_MAX

    def put(self, data: bytes | memoryview, now: int, *, faulty: bool) -> None:
        """Bytes that came; with `faulty`, they go through the filters."""
        self._started += data
        self._started_ns = now
        for frame in cut_frames(self._started):
            self._hold(frame, now, faulty)

    def _hold(self, data: bytes, now: int, faulty: bool) -> None:
        pieces = [(piece.data, piece.delay_ns) for piece in self._stack(data, now)] if faulty else [(data, 0)]
        for part, delay_ns in pieces:
            self._number += 1
            heapq.heappush(self._held, (now + delay_ns, self._number, part))
            self.held_bytes += len(part)

    def peek(self, now: int) -> memoryview:
        """The bytes that are to go out now; `sent` says how many of them went."""
        if self._started and now - self._started_ns >= GAP_NS:
            self._hold(bytes(self._started), now, faulty=False)
            self._started.clear()
        if not self._out and self._held and self._held[0][0] <= now:
            self._out = memoryview(heapq.heappop(self._held)[2])
        return self._out

    def sent(self, count: int) -> None:
        """So many of the bytes that `peek` showed went out."""
        self._out = self._out[count:]
        self.held_bytes -= count
        self.carried_bytes += count

    def clear(self) -> None:
        """Forget what waits: contact is gone."""
        self._started.clear()
        self._held.clear()
        self._out = memoryview(b"")
        self.held_bytes = 0

    def next_ns(self) -> int | None:
        """When there is something to do; None: not before bytes come."""
        due = [self._held[0][0]] if self._held else []
        if self._started:
            due.append(self._started_ns + GAP_NS)
        return min(due, default=None)


@dataclass(frozen=True)
class Serving:
    """Event: a host can open `url`."""

    url: str


@dataclass(frozen=True)
class Contact:
    """Event: a host opened the port, and the module's was opened for it."""


@dataclass(frozen=True)
class Parted:
    """Event: contact ended; `why` says by whom."""

    why: str


class Proxy:
    """Carries bytes between a pseudo-terminal of its own and `target`, through `faults`.

    With `pulls`, contact is broken at random moments of every contact, and made again. Faults last for
    `fault_ns` from the first contact on; None: always. `has_ring`: the target has an optical lane.
    """

    def __init__(
        self,
        target: Target,
        port: PtyPort,
        faults: Sequence[WireFault],
        *,
        has_ring: bool,
        pulls: Random | None = None,
        fault_ns: int | None = None,
        on_event: Callable[[object], None] = lambda event: None,
    ) -> None:
        self._target = target
        self._port = port
        self._pulls = pulls
        self._fault_ns = fault_ns
        self._faults_end: int | None = None
        self._on_event = on_event
        self._stopping = False
        self._was_there = False
        self._ring_name = f"proxy-{os.getpid()}-{secrets.token_hex(4)}" if has_ring else ""
        self._ring: RingProducer | None = None
        self.pulled = 0
        self.ways = {
            (to, lane): Way([fault for fault in faults if (fault.to, fault.lane) == (to, lane)])
            for to, lane in (
                (Role.MODULE, LaneKind.SIDEBAND), (Role.HOST, LaneKind.SIDEBAND),
                (Role.HOST, LaneKind.OPTICAL),
            )
        }  # fmt: skip
        self._make_ring()

    @property
    def url(self) -> str:
        """What a host opens."""
        return self._port.name + (f"?ring={self._ring_name}" if self._ring_name else "")

    @property
    def hits(self) -> int:
        """How often a fault struck."""
        return self.pulled + sum(way.hits for way in self.ways.values())

    def stop(self) -> None:
        """End `run` soon; may be called from a signal's handler."""
        self._stopping = True

    def run(self) -> None:
        """Serve until stopped. Raises DeviceError when the module's port cannot be opened."""
        self._on_event(Serving(self.url))
        try:
            while not self._stopping:
                if self._port.connected:
                    self._serve_contact()
                else:
                    time.sleep(POLL_SECONDS)
        finally:
            self._drop_ring()
            self._port.close()

    # --- one contact ---

    def _serve_contact(self) -> None:
        lanes = self._open_lanes()
        if lanes is None:
            self._part("module")
            return
        self._on_event(Contact())
        now = time.monotonic_ns()
        if self._fault_ns is not None and self._faults_end is None:
            self._faults_end = now + self._fault_ns
        pull_at = now + round(log_uniform(self._pulls, PULL_NS_MIN, PULL_NS_MAX)) if self._pulls else None
        why = "proxy"
        try:
            why = self._carry(lanes.port, lanes.ring, pull_at)
        except (PortClosed, RingError):
            why = "module"
        finally:
            lanes.close()
            self._part(why)

    def _open_lanes(self) -> Lanes | None:
        """The module's lanes. None when they were there before, and are not now: it was pulled off."""
        try:
            lanes = self._target.open_lanes()
        except DeviceError:
            if not self._was_there:
                raise
            return None
        self._was_there = True
        return lanes

    def _carry(self, port: Port, ring: RingLane | None, pull_at: int | None) -> str:
        """Carry bytes until contact ends; who ended it."""
        while not self._stopping:
            now = time.monotonic_ns()
            faulty = self._faults_end is None or now < self._faults_end
            if not self._port.connected:
                return "host"
            if pull_at is not None and now >= pull_at and faulty:
                self.pulled += 1
                return "fault"
            busy = self._carry_port(port, now, faulty)
            if ring is not None:
                busy |= self._carry_ring(ring, now, faulty)
            if not busy:
                self._wait(port, ring)
        return "proxy"

    def _carry_port(self, port: Port, now: int, faulty: bool) -> bool:
        to_module, to_host = (self.ways[to, LaneKind.SIDEBAND] for to in (Role.MODULE, Role.HOST))
        busy = False
        for way, read in ((to_module, self._port.read), (to_host, port.read)):
            if not way.full and (came := read()):
                way.put(came, now, faulty=faulty)
                busy = True
        for way, write in ((to_module, port.write), (to_host, self._port.write)):
            while data := way.peek(now):
                count = write(data)
                way.sent(count)
                busy |= count > 0
                if not count:
                    break
        return busy

    def _carry_ring(self, source: RingLane, now: int, faulty: bool) -> bool:
        ring = self._ring
        if ring is None:
            return False
        if ring.light != source.light:
            ring.light = source.light
            ring.session = source.session
        way = self.ways[Role.HOST, LaneKind.OPTICAL]
        busy = False
        if not way.full:
            shown = source.data()
            data = shown[:RING_BURST_BYTES]
            way.put(data, now, faulty=faulty)
            taken = len(data)
            data.release()
            shown.release()
            source.release(taken)
            busy = taken > 0
        return busy | self._fill_ring(ring, way, now)

    @staticmethod
    def _fill_ring(ring: RingProducer, way: Way, now: int) -> bool:
        """Whole pieces, as long as they fit: a reader takes what stands still for a cut frame."""
        filled = False
        while (data := way.peek(now)) and ring.free_bytes >= len(data):
            while data:
                with ring.space() as space:
                    count = min(len(space), len(data))
                    space[:count] = data[:count]
                ring.commit(count)
                way.sent(count)
                data = data[count:]
            filled = True
        return filled

    def _wait(self, port: Port, ring: RingLane | None) -> None:
        """Sleep until a byte, the next piece that is due, or for a little while."""
        now = time.monotonic_ns()
        due = [at for way in self.ways.values() if (at := way.next_ns()) is not None]
        seconds = max(0.0, min([(at - now) / NS_PER_S for at in due] + [IDLE_SECONDS]))
        readable = [descriptor for descriptor in (self._port.fileno(), port.fileno()) if descriptor >= 0]
        if ring is not None:
            if not ring.arm():
                return
            readable.append(ring.fileno())
        if any(way.held_bytes for way in self.ways.values()):
            seconds = min(seconds, POLL_SECONDS / 10)
        with contextlib.suppress(OSError, ValueError):
            select.select(readable, [], [], seconds)
        if ring is not None:
            ring.clear()

    def _part(self, why: str) -> None:
        """Contact has ended: the host sees it, and can come again after a while."""
        self._on_event(Parted(why))
        for way in self.ways.values():
            way.clear()
        if why != "host":
            self._port.pull_off()
        self._drop_ring()
        if self._stopping:
            return
        if why == "fault" and self._pulls is not None:
            time.sleep(log_uniform(self._pulls, OFF_NS_MIN, OFF_NS_MAX) / NS_PER_S)
        self._make_ring()
        before = self._port.name
        self._port.snap_on()
        if self._port.name != before:
            self._on_event(Serving(self.url))

    def _make_ring(self) -> None:
        if self._ring_name:
            self._ring = Ring.create(self._ring_name, RING_BYTES)

    def _drop_ring(self) -> None:
        if self._ring is not None:
            self._ring.light = False
            self._ring.unlink()
            self._ring.close()
            self._ring = None
