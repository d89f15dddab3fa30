"""Fuzzing a device on a port: hostile frames between those of a real session, and a watch on its life.

Our own host attaches and keeps the session alive; between its frames go mutated ones, in that session. The
rules of a stranger's device hold here too: nothing is sent before its first intact frame. After every batch
the device must speak within 3 s, and all that it says must be legal. It is never sent an update: a fuzzer
should leave a board that boots.
"""

import contextlib
import secrets
import select
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from laserlink.host_driver.lanes.port import PortClosed
from laserlink.host_driver.lanes.url import Lanes, open_lanes
from laserlink.host_driver.machine import Contact, Host
from laserlink.protocol import catalogue
from laserlink.protocol.catalogue import Direction
from laserlink.protocol.errors import LinkTimeout
from laserlink.protocol.frame import SYNC, Frame
from laserlink.protocol.framer import Framer
from laserlink.protocol.limits import ERRORS_PER_SECOND
from laserlink.protocol.messages import bulk, link
from laserlink.protocol.states import HostState, LaneKind
from laserlink.protocol.timers import NS_PER_S
from laserlink.tools.fuzzing import mutators
from laserlink.tools.fuzzing.engine import Limits
from laserlink.tools.fuzzing.oracles import Violation, check_sent, require
from laserlink.tools.fuzzing.programs import frames_to, live_frame

PORT = "port"
ALIVE_SECONDS = 3.0
ATTACH_SECONDS = 10.0
BATCH_FRAMES = 8
BATCH_SECONDS = 0.02
UNATTACHED_BATCHES = 4
NEVER_SENT = frozenset(
    catalogue.BY_MESSAGE[message].type for message in (bulk.UpdateBegin, bulk.UpdateData, bulk.UpdateEnd)
)
FRAMES = tuple(wire for wire in frames_to(Direction.TO_MODULE) if wire[3] not in NEVER_SENT)


@dataclass
class Seen:
    """What was sent and what came back."""

    sent: int = 0
    received: int = 0
    errors: int = 0
    attaches: int = 0
    batches: int = 0
    types: set[int] = field(default_factory=set)


class PortFuzzer:
    """A device on open lanes, our host, and the hostile frames between them."""

    def __init__(self, lanes: Lanes) -> None:
        self._port = lanes.port
        self.host = Host(lanes.offers, lambda: secrets.randbits(32))
        self.framer = Framer()
        self.seen = Seen()
        self.last_batch = b""
        self._heard_at = 0.0
        self._errors_at: list[float] = []
        self._unwritten = b""
        self.host.on_input(Contact(True), time.monotonic_ns())

    # --- bytes ---

    def turn(self, seconds: float) -> None:
        """Let the host work for a while. Raises Violation for what no device may say, PortClosed."""
        end = time.monotonic() + seconds
        while True:
            self._take(self._port.read())
            now = time.monotonic_ns()
            due = self.host.next_deadline(now)
            if due is not None and due <= now:
                self.host.on_deadline(now)
            while event := self.host.next_event():
                self.seen.attaches += type(event).__name__ == "Attached"
            self._write()
            left = end - time.monotonic()
            if left <= 0:
                return
            if due is not None:
                left = min(left, max(0.0, (due - now) / NS_PER_S))
            self._wait(left)

    def _wait(self, seconds: float) -> None:
        descriptor = self._port.fileno()
        if descriptor < 0:
            time.sleep(min(seconds, 0.002))
        else:
            select.select([descriptor], [], [], seconds)

    def _write(self) -> None:
        now = time.monotonic_ns()
        while wire := self._unwritten or self.host.data_to_send(LaneKind.SIDEBAND, now):
            written = self._port.write(wire)
            self._unwritten = wire[written:]
            if self._unwritten:
                return

    def _take(self, data: bytes) -> None:
        if not data:
            return
        self.framer.feed(data)
        for item in self.framer.items():
            if isinstance(item, Frame):
                self._judge(item)
        self.host.receive_data(LaneKind.SIDEBAND, data, time.monotonic_ns())

    def _judge(self, frame: Frame) -> None:
        """What a device says must be legal, whatever it was told."""
        self._heard_at = time.monotonic()
        self.seen.received += 1
        self.seen.types.add(frame.type)
        check_sent(bytes(frame), Direction.TO_MODULE)
        if frame.type == catalogue.ERROR:
            self.seen.errors += 1
            self._check_rate(link.Error.decode(frame.payload))

    def _check_rate(self, error: link.Error) -> None:
        """Ten errors a second, besides those that answer a request; a second of a slow line may hold more."""
        row = catalogue.BY_TYPE.get(error.offending_type)
        if row is None or row.role != "request":
            now = time.monotonic()
            self._errors_at = [at for at in self._errors_at if now - at < 1.0] + [now]
            require(
                len(self._errors_at) <= 2 * ERRORS_PER_SECOND, "ten errors a second", len(self._errors_at)
            )

    # --- what is done to the device ---

    def await_word(self, seconds: float) -> None:
        """Wait for the first word, and send nothing before it. Raises LinkTimeout."""
        self._until(lambda: self.seen.received > 0, seconds, "nothing there speaks LaserLink")

    def attach(self) -> None:
        """Wait until our host is ready. Raises LinkTimeout."""
        ready = (HostState.READY, HostState.STREAMING)
        self._until(lambda: self.host.state in ready, ATTACH_SECONDS, "the device does not attach")

    def _until(self, condition: Callable[[], bool], seconds: float, text: str) -> None:
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise LinkTimeout(f"{text} within {seconds:g} s")
            self.turn(BATCH_SECONDS)
            if self.host.state in (HostState.FAULT, HostState.ABSENT):
                # Our host gave up; a contact that opens and closes makes it begin again.
                self._contact_again()

    def _contact_again(self) -> None:
        self.host.on_input(Contact(False), time.monotonic_ns())
        self.turn(2 * BATCH_SECONDS)
        self.host.on_input(Contact(True), time.monotonic_ns())

    def attack(self, batch: bytes) -> None:
        """Send hostile bytes at the boundary of a frame, and see that the device lives.

        Raises:
            Violation: it is silent for 3 s, or says what no device may say.
        """
        self.last_batch = batch
        self.seen.batches += 1
        sent_at = time.monotonic()
        end = sent_at + ALIVE_SECONDS
        self._unwritten += batch
        while self._unwritten and time.monotonic() < end:
            self.turn(0.0)
        self.turn(BATCH_SECONDS)
        while self._heard_at < sent_at:
            require(time.monotonic() < end, "the device speaks within 3 s")
            self.turn(BATCH_SECONDS)

    def batch(self, random: Random) -> bytes:
        """Some hostile frames for the session that there is."""
        wires = [self._hostile(random) for _ in range(random.randrange(1, BATCH_FRAMES + 1))]
        self.seen.sent += len(wires)
        return b"".join(wires)

    def _hostile(self, random: Random) -> bytes:
        wire = random.choice(FRAMES)
        if random.random() < 0.1:
            wire = mutators.mutate_stream(wire, random, 1024)
        for _ in range(random.randrange(3)):
            wire = mutators.mutate_frame(wire, random) if mutators.is_frame(wire) else wire
        if mutators.is_frame(wire) and random.random() < 0.8:
            wire = live_frame(wire, self.host.connection.session)
        return b"" if updates_in(wire) else wire


def updates_in(data: bytes) -> bool:
    """Whether an update message could be read from the bytes, at any place."""
    at = data.find(SYNC)
    while at >= 0:
        if data[at + 3 : at + 4] and data[at + 3] in NEVER_SENT:
            return True
        at = data.find(SYNC, at + 1)
    return False


def fuzz_port(
    url: str, limits: Limits, seed: int, tell: Callable[[str], None]
) -> tuple[Seen, Violation | None, bytes]:
    """Attack the device at `url`, first without a session, then in one; the rule that fell, and by what.

    Raises:
        DeviceError, LinkTimeout: it cannot be opened, says nothing, or does not attach at the beginning.
    """
    random, began = Random(seed), time.monotonic()
    with contextlib.closing(open_lanes(url)) as lanes:
        fuzzer = PortFuzzer(lanes)
        fuzzer.await_word(ALIVE_SECONDS)
        try:
            while not limits.reached(time.monotonic() - began, fuzzer.seen.sent):
                if fuzzer.seen.batches >= UNATTACHED_BATCHES:
                    fuzzer.attach()
                fuzzer.attack(fuzzer.batch(random))
                if fuzzer.seen.batches % 16 == 0:
                    tell(f"port: {fuzzer.seen.sent} frames, {fuzzer.seen.received} answers")
            fuzzer.attach()
        except (Violation, LinkTimeout, PortClosed) as error:
            if not fuzzer.seen.batches:
                raise
            return fuzzer.seen, as_violation(error), fuzzer.last_batch
        return fuzzer.seen, None, b""


def as_violation(error: Exception) -> Violation:
    """A link that ends under attack is a finding, not a fault of the port."""
    return error if isinstance(error, Violation) else Violation("the device stays on the line", error)


def repro_port(url: str, data: bytes) -> tuple[Seen, Violation | None, bytes]:
    """Attach, and send one batch that was saved. Raises DeviceError or LinkTimeout."""
    with contextlib.closing(open_lanes(url)) as lanes:
        fuzzer = PortFuzzer(lanes)
        try:
            fuzzer.await_word(ALIVE_SECONDS)
            fuzzer.attach()
        except Violation as error:
            # It still says what it was driven to before.
            return fuzzer.seen, error, data
        session = fuzzer.host.connection.session
        pieces = mutators.split(data)
        batch = b"".join(
            live_frame(piece, session) if mutators.is_frame(piece) else piece for piece in pieces
        )
        try:
            fuzzer.attack(batch)
            fuzzer.attach()
        except (Violation, LinkTimeout, PortClosed) as error:
            return fuzzer.seen, as_violation(error), data
        return fuzzer.seen, None, b""
