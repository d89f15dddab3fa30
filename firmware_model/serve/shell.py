"""Runs the module's machine over real lanes: one loop, one thread, and the sensor on another.

A port is what `ModulePort` says (`pty.py` is one).
"""

import contextlib
import queue
import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from laserlink.cext.ring import Ring, RingError, RingProducer
from laserlink.firmware_model.autofocus import FocusWanted
from laserlink.firmware_model.machine import Broken, Contact, Module, ModuleInput, Temperature
from laserlink.firmware_model.runs import ChunkRun
from laserlink.firmware_model.sensor import Sensor
from laserlink.firmware_model.serve.answering import answering
from laserlink.firmware_model.serve.sensor import Exposed, SensorThread
from laserlink.firmware_model.stream import ExposureWanted, ImageReady
from laserlink.firmware_model.thermal import Heat
from laserlink.protocol.limits import FRAME_BYTES_MAX
from laserlink.protocol.states import BITS_PER_BYTE, OPTICAL, SIDEBAND, LaneKind, ModuleState
from laserlink.protocol.timers import NS_PER_S, soonest

# Without a contact there is nothing to wait on but time.
CONTACT_POLL_SECONDS = 0.01
IDLE_SECONDS = 0.05
# What is written to the ring before the sideband is looked at again: 0.1 ms of work.
RING_BURST_BYTES = 1 << 18
# A paced line may save up this much unused time.
PACE_SLACK_NS = 2_000_000
NOTHING = memoryview(b"")


class ModulePort(Protocol):
    """The module's sideband, or its only lane. None of it blocks, or raises for a host that is gone."""

    name: str

    def fileno(self) -> int:
        """A descriptor that is readable when there is something to read, while `connected`."""

    @property
    def connected(self) -> bool:
        """Whether there is contact."""

    @property
    def gone(self) -> bool:
        """Whether there will never be contact again: the port itself was taken away."""

    def pull_off(self) -> None:
        """Let the host see that the module is pulled off, as far as the port can show it."""

    def snap_on(self) -> None:
        """Let there be something to open again; `name` may be another one than before."""

    @property
    def plain(self) -> bool:
        """Whether reading and writing are the system's calls on the descriptor, and nothing else."""

    def read(self) -> bytes:
        """What has arrived; b"" for nothing, or nobody."""

    def write(self, data: bytes | memoryview) -> int:
        """Send as much as goes now; how many bytes."""

    def close(self) -> None:
        """Let go of it. Twice is fine."""


@dataclass(frozen=True)
class PulledOff:
    """Event: the module was pulled off."""


@dataclass(frozen=True)
class SnappedOn:
    """Event: the module was snapped on again; a host opens `port`, and the ring when there is one."""

    port: str


class Pace:
    """How many bytes a line of a rate lets through, and when it lets the next one."""

    def __init__(self, rate_bps: int, bits_per_byte: int) -> None:
        self._ns_per_byte = bits_per_byte * NS_PER_S / rate_bps
        self._free_ns = 0.0

    def allowed(self, now: int) -> int:
        """Bytes that may be written now."""
        self._free_ns = max(self._free_ns, now - PACE_SLACK_NS)
        return max(0, int((now - self._free_ns) / self._ns_per_byte))

    def spent(self, count: int) -> None:
        self._free_ns += count * self._ns_per_byte

    def next_ns(self) -> int:
        """When a few more bytes may go."""
        return int(self._free_ns + 32 * self._ns_per_byte)


class Shell:
    """A virtual module on a port, and on a ring when `ring_name` is given.

    `run` returns when `stop` is called, or the port is gone. `on_event` is called for everything that the
    module tells, for `Exposed` (on the sensor's thread), `PulledOff` and `SnappedOn`.
    """

    def __init__(
        self,
        module: Module,
        sensor: Sensor,
        port: ModulePort,
        *,
        ring_name: str | None = None,
        ring_bytes: int = 1 << 22,
        sha256: bool = False,
        on_event: Callable[[object], None] | None = None,
    ) -> None:
        self.module = module
        self.port = port
        self._on_event = on_event
        offer = module.connection.lanes[LaneKind.SIDEBAND]
        self._pace = Pace(offer.rate_bps, BITS_PER_BYTE[offer.coding]) if offer.rate_bps else None
        self._ring_name = ring_name
        self._ring_bytes = ring_bytes
        self._ring: RingProducer | None = None
        self._ring_shared = self._ring_full = False
        self._heat = Heat(module.profile.thermal, module.profile.power.rail_mv, time.monotonic_ns())
        self._inputs: queue.SimpleQueue[ModuleInput] = queue.SimpleQueue()
        self.sensor = SensorThread(sensor, self._exposed, self._failed, sha256=sha256)
        self._unwritten = memoryview(b"")
        self._images = memoryview(bytearray(FRAME_BYTES_MAX))
        self._staged = self._images[:0]
        # What came as the loop slept, or what is left to be written of its answer.
        self._came: bytes | memoryview | None = None
        self._contact = False
        self._readable = True
        self._off = self._off_wanted = False
        self._stopping = False
        self._make_ring()
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        self._wake_descriptor = self._wake_read.fileno()
        kernel_may = port.plain and self._pace is None
        self._answering = answering(self._wake_descriptor) if kernel_may else None

    # --- from any thread ---

    def stop(self) -> None:
        """End `run` soon."""
        self._stopping = True
        self._wake()

    def put(self, happening: ModuleInput) -> None:
        """Something physical happens: a temperature, the focus ring."""
        self._inputs.put(happening)
        self._wake()

    def pull_off(self) -> None:
        """Someone takes the module away: the host sees the contact open, the module loses its power."""
        self._off_wanted = True
        self._wake()

    def snap_on(self) -> None:
        """The magnets catch again."""
        self._off_wanted = False
        self._wake()

    def toggle_contact(self) -> None:
        """Pull it off, or snap it on again; may be called from a signal's handler."""
        self._off_wanted = not self._off_wanted
        self._wake()

    def _failed(self, text: str) -> None:
        self.put(Broken(text))

    def _exposed(self, exposed: Exposed) -> None:
        self._tell(exposed)
        self.put(ImageReady(exposed.wanted.channel, exposed.wanted.image_id, exposed.image))

    def _wake(self) -> None:
        # A full socket is readable already, a closed one has nobody to wake.
        with contextlib.suppress(OSError):
            self._wake_write.send(b"!")

    # --- the loop ---

    def run(self) -> None:
        """Serve until stopped, or until the port is gone; leaves no ring and no port behind."""
        try:
            while not self._stopping and not self.port.gone:
                self._turn()
        finally:
            self.close()

    def close(self) -> None:
        """Let go of everything; `run` does it by itself. Twice is fine."""
        self.sensor.close()
        self._drop_ring()
        self.port.close()
        self._wake_read.close()
        self._wake_write.close()

    def _turn(self) -> None:
        """Once around: what arrived, what happened, what is due, what is to be sent; then wait."""
        # Who speaks is there: the port need not be asked.
        if not self._answer() or self._off != self._off_wanted:
            self._follow_contact()
        if self.port.gone:
            return
        self._warm()
        while not self._inputs.empty():
            self.module.on_input(self._inputs.get(), time.monotonic_ns())
        now = time.monotonic_ns()
        due = self.module.next_deadline(now)
        if due is not None and due <= now:
            self.module.on_deadline(now)
            due = self.module.next_deadline(now)
        self._serve_events()
        try:
            busy = self._write_port() | self._write_ring()
            if not busy:
                self._wait(due)
        except RingError:
            self._hang_up()

    def _answer(self) -> bool:
        """Take what has arrived, if anything has.

        An answer goes before all else that there is to do: a host waits for it.
        """
        data, self._came = self._came, None
        if isinstance(data, memoryview):
            self._unwritten = data
            return True
        if data is None:
            data = self.port.read() if self._contact and self._readable else b""
        self._readable = True
        if not data:
            return False
        self.module.receive_data(SIDEBAND, data, time.monotonic_ns())
        if not self._unwritten:
            now = time.monotonic_ns()
            self._unwritten = memoryview(self.module.data_to_send(SIDEBAND, now))
            self._write_some(now)
        return True

    def _warm(self) -> None:
        """What the module draws warms it, and without power it cools."""
        now = time.monotonic_ns()
        if self._heat.next_deadline() > now:
            return
        celsius = self._heat.advance(self.module.outputs.draw_ma, now)
        if celsius is not None:
            self.module.on_input(Temperature(celsius), now)

    def _follow_hand(self) -> None:
        """Pull off and snap on as someone wanted it."""
        while self._off != self._off_wanted:
            self._off = not self._off
            if self._off:
                self.port.pull_off()
            else:
                self.port.snap_on()
            self._tell(PulledOff() if self._off else SnappedOn(self.port.name))

    def _follow_contact(self) -> None:
        self._follow_hand()
        contact = not self._off and self.port.connected
        if contact and not self._contact and self.module.state is not ModuleState.DETACHED:
            # A host that closes and another that opens are two contacts, however quick: no bounce of one.
            return
        if contact == self._contact:
            return
        self._contact = contact
        self._unwritten = memoryview(b"")
        if not contact:
            self._renew_ring()
        self.module.on_input(Contact(contact), time.monotonic_ns())

    def _hang_up(self) -> None:
        """The host wrote into the ring what no host writes: it is cut off, and may come again."""
        self._drop_ring()
        self.port.pull_off()
        self.port.snap_on()
        self._tell(SnappedOn(self.port.name))

    def _serve_events(self) -> None:
        while (event := self.module.next_event()) is not None:
            if isinstance(event, ExposureWanted):
                self.sensor.expose(event)
            elif isinstance(event, FocusWanted):
                self.sensor.look(event, self.put)
            self._tell(event)

    def _tell(self, event: object) -> None:
        if self._on_event is not None:
            self._on_event(event)

    # --- the port ---

    def _write_port(self) -> bool:
        """Send what the line takes: frames, and images when they take this lane; whether anything went."""
        sent = 0
        # A fast paced line allows a little more with each look at the clock: it must not keep us here.
        while self._contact and sent < FRAME_BYTES_MAX:
            now = time.monotonic_ns()
            if not self._unwritten:
                self._unwritten = self._next_bytes(now)
                if not self._unwritten:
                    break
            count = self._write_some(now)
            sent += count
            if not count:
                break
        return sent > 0

    def _write_some(self, now: int) -> int:
        """Send what the line takes of the bytes at hand; how many went."""
        data, pace = self._unwritten, self._pace
        if pace is not None:
            data = data[: pace.allowed(now)]
        if not data:
            return 0
        count = self.port.write(data)
        if pace is not None:
            pace.spent(count)
        self._unwritten = self._unwritten[count:] if count < len(self._unwritten) else NOTHING
        return count

    def _next_bytes(self, now: int) -> memoryview:
        frame = self.module.data_to_send(SIDEBAND, now)
        if frame:
            return memoryview(frame)
        count = self.module.images_to_send(SIDEBAND, self._images, now)
        return memoryview(bytes(self._images[:count])) if count else NOTHING

    # --- the ring ---

    def _make_ring(self) -> None:
        if self._ring_name is not None:
            self._ring = Ring.create(self._ring_name, self._ring_bytes)
            self._staged = memoryview(b"")
            self._ring_shared = False

    def _drop_ring(self) -> None:
        if self._ring is not None:
            self._ring.light = False
            self._ring.unlink()
            self._ring.close()
            self._ring = None

    def _renew_ring(self) -> None:
        """A fresh ring for the next attach: nothing of this one can be read again."""
        self._drop_ring()
        self._make_ring()

    def _write_ring(self) -> bool:
        """Light, session and images; whether anything went."""
        ring = self._ring
        if ring is None or not self._contact:
            return False
        if not self._ring_shared and ring.peer_alive():
            # Both have it now: without a name, nothing of it outlives us, however we end.
            ring.unlink()
            self._ring_shared = True
        laser = self.module.outputs.laser
        if ring.light != laser:
            ring.light = laser
            ring.session = self.module.connection.session
        return self._fill_ring(ring)

    def _fill_ring(self, ring: RingProducer) -> bool:
        """Frames straight into the ring; near its end, or nearly full, by way of a buffer of one frame."""
        now = time.monotonic_ns()
        if not self._staged and ring.moves_images:
            run = self.module.chunks_to_send(OPTICAL, now)
            if run is not None:
                self._ring_full = not self._send_run(ring, run)
                return not self._ring_full
        self._ring_full = False
        space = ring.space()[:RING_BURST_BYTES]
        if len(space) >= FRAME_BYTES_MAX and not self._staged:
            count = self.module.images_to_send(OPTICAL, space, now)
        else:
            if not self._staged:
                self._staged = self._images[: self.module.images_to_send(OPTICAL, self._images, now)]
            # A frame goes whole or not at all: a reader that waits for its end would think that it was cut.
            fits = ring.free_bytes >= len(self._staged)
            self._ring_full = not fits
            count = min(len(space), len(self._staged)) * fits
            space[:count] = self._staged[:count]
            self._staged = self._staged[count:]
        space.release()
        if count:
            ring.commit(count)
        return count > 0

    def _send_run(self, ring: RingProducer, run: ChunkRun) -> bool:
        """Chunks, by the kernel; without room for one, room for a frame is waited for."""
        count = ring.frame_images(
            run.packed,
            run.first_chunk,
            run.chunk_count,
            run.session,
            run.channel,
            run.first_sequence,
            run.image_id,
            run.chunk_bytes,
        )
        self.module.chunks_sent(run, count)
        return count > 0

    # --- waiting ---

    def _wait(self, module_due: int | None) -> None:
        """Sleep until a byte, room on the line or in the ring, an input, or the next deadline."""
        if not self._contact:
            self._drain(select.select([self._wake_descriptor], [], [], CONTACT_POLL_SECONDS)[0])
            return
        now = time.monotonic_ns()
        due = soonest(module_due, self._pace_due())
        seconds = IDLE_SECONDS if due is None else max(0.0, min((due - now) / NS_PER_S, IDLE_SECONDS))
        port, ring = self.port.fileno(), self._ring
        if self._answering is not None and not self._unwritten and not self._ring_full:
            self._came = self._answering(self.module, port, seconds)
            if self._came is not None:
                return
            seconds = 0.0
        readable = [self._wake_descriptor, port]
        if ring is not None and self._ring_full:
            if not ring.arm(FRAME_BYTES_MAX):
                return
            readable.append(ring.fileno())
        blocked = bool(self._unwritten) and (self._pace is None or self._pace.allowed(now) > 0)
        ready = select.select(readable, [port] if blocked else (), (), seconds)[0]
        self._readable = port in ready
        if len(ready) > self._readable:
            self._drain(ready)
        if ring is not None:
            ring.clear()

    def _pace_due(self) -> int | None:
        pace = self._pace
        waits = pace is not None and self._unwritten and not pace.allowed(time.monotonic_ns())
        return pace.next_ns() if pace is not None and waits else None

    def _drain(self, ready: list[int]) -> None:
        if self._wake_descriptor in ready:
            self._wake_read.recv(4096)
