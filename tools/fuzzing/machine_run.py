"""One machine under a program: what operations do, and what must hold after each; shared by both ends."""

import itertools
from typing import Any

from laserlink.protocol import catalogue
from laserlink.protocol.catalogue import Direction
from laserlink.protocol.limits import ERRORS_PER_SECOND, EVENTS_PENDING, QUEUE_FRAMES_MAX
from laserlink.protocol.messages import link
from laserlink.protocol.states import LaneKind
from laserlink.protocol.timers import NS_PER_S, NS_PER_US
from laserlink.tools.fuzzing.oracles import check_sent, pieces_of, require
from laserlink.tools.fuzzing.programs import Kind, Op, live_frame, number_of

SIDEBAND, OPTICAL = LaneKind.SIDEBAND, LaneKind.OPTICAL
WAIT_NS_MAX = 10 * NS_PER_S
# So many deadlines pass in one operation; then the rest of its time passes at once, as in a late shell.
DEADLINES_MAX = 40
# Deadlines at one moment: each of a few timers once, and not one of them for ever.
STANDING_MAX = 30
# Operations whose body is a frame.
FRAMED = frozenset({Kind.FRAME, Kind.ANSWER, Kind.ASK, Kind.REPLY})


class Run:
    """One machine under one program. `session` is the one that the program's author could know."""

    other: Direction  # which way a machine of this kind may not send

    def __init__(self, machine: Any, session: int, now: int) -> None:
        self.machine = machine
        self.session = session
        self.now = now
        self.piece_bytes = 0
        self.words: set[str] = set()
        self.standing = 0
        self.sent: list[bytes] = []
        self._errors: set[bytes] = set()
        self._errors_at: list[int] = []
        self._offences = machine.connection.counters.offences.total()

    # --- the program ---

    def run(self, ops: tuple[Op, ...]) -> None:
        """Do everything; raises Violation, or whatever a machine should not raise."""
        self.look()
        for op in ops:
            self.do(op)
            self.look()
            about = f"{number_of(op.body, 3):02x}" if op.kind in FRAMED else ""
            self.words.add(f"{op.kind.name}{about} {self.machine.state.name}")
        self.words.update(self.machine.connection.counters.offences)

    def do(self, op: Op) -> None:
        match op.kind:
            case Kind.BYTES:
                self.receive(SIDEBAND, op.body)
            case Kind.OPTICAL if OPTICAL in self.machine.connection.lanes:
                self.receive(OPTICAL, op.body)
            case Kind.FRAME:
                self.receive(SIDEBAND, live_frame(op.body, self.live_session))
            case Kind.ANSWER:
                self.receive(self.lane_of(op.body), self.answer(op.body))
            case Kind.REPLY:
                self.receive(SIDEBAND, self.answer(self.awaited(op.body)))
            case Kind.WAIT:
                self.wait(number_of(op.body, size=4) * NS_PER_US % WAIT_NS_MAX)
            case Kind.DEADLINE:
                self.pass_deadlines(number_of(op.body) % 16)
            case Kind.WORLD:
                self.world(number_of(op.body), number_of(op.body, 1, 2, signed=True))
            case Kind.ASK:
                self.ask(op.body)

    @property
    def live_session(self) -> int:
        return self.machine.connection.session or self.session

    def lane_of(self, body: bytes) -> LaneKind:
        """The lane that the catalogue has for a frame."""
        row = catalogue.BY_TYPE.get(number_of(body, 3))
        on_images = row is not None and row.carrier is catalogue.Carrier.IMAGE
        return self.machine.connection.image_lane if on_images else SIDEBAND

    def receive(self, lane: LaneKind, data: bytes) -> None:
        """Bytes arrive, at once or in pieces."""
        for piece in pieces_of(data, self.piece_bytes or len(data) or 1):
            self.machine.receive_data(lane, piece, self.now)

    def answer(self, body: bytes) -> bytes:
        """The frame of a body, made to fit what the machine waits for."""
        raise NotImplementedError

    def awaited(self, body: bytes) -> bytes:
        """The frame of a body, or one of the type that the machine waits for."""
        return body

    def world(self, which: int, amount: int) -> None:
        """Something physical happens."""
        raise NotImplementedError

    def ask(self, body: bytes) -> None:
        """The user wants something."""

    # --- time ---

    def wait(self, duration_ns: int) -> None:
        end = self.now + duration_ns
        for _ in range(DEADLINES_MAX):
            due = self.machine.next_deadline(self.now)
            if due is None or due > end:
                break
            self.expire(due)
        self.now = end
        self.machine.on_deadline(self.now)

    def pass_deadlines(self, count: int) -> None:
        for _ in range(count):
            due = self.machine.next_deadline(self.now)
            if due is None:
                return
            self.expire(due)

    def expire(self, due: int) -> None:
        """A deadline has come; time goes on behind it."""
        self.standing = self.standing + 1 if due <= self.now else 0
        require(self.standing < STANDING_MAX, "time does not stand still")
        self.now = max(self.now, due)
        self.machine.on_deadline(self.now)
        self.look()

    # --- what is looked at ---

    def look(self) -> None:
        """Take all that the machine has to say and to send, and check it."""
        self.take_events()
        for lane in self.machine.connection.lanes:
            self._take_frames(lane)
        self.check_outputs()

    def take_events(self) -> None:
        """Events of the machine, as its shell takes them."""
        for count in itertools.count():
            require(count <= EVENTS_PENDING, "events come to an end")
            if (event := self.machine.next_event()) is None:
                break
            self.take_event(event)

    def take_event(self, event: object) -> None:
        self.words.add(type(event).__name__)

    def _take_frames(self, lane: LaneKind) -> None:
        errors = 0
        for count in itertools.count():
            require(count <= QUEUE_FRAMES_MAX, "what is sent comes to an end", lane)
            wire = self.machine.data_to_send(lane, self.now)
            if not wire:
                break
            errors += self.check_sent(wire)
        if errors:
            total = self.machine.connection.counters.offences.total()
            require(errors <= max(0, total - self._offences), "one error for one offence", errors)
            self._offences = total

    def check_sent(self, wire: bytes) -> bool:
        """Check a frame that the machine sends; whether it is a new error."""
        frame, message = check_sent(wire, self.other)
        self.sent.append(wire)
        self.words.add(f"sent {frame.type:02x}")
        if not isinstance(message, link.Error) or wire in self._errors:
            return False
        self._errors.add(wire)
        self._check_rate(message)
        return True

    def _check_rate(self, error: link.Error) -> None:
        """Ten errors a second; those that answer a request are as many as the requests."""
        row = catalogue.BY_TYPE.get(error.offending_type)
        if row is not None and row.role == "request":
            return
        self._errors_at.append(self.now)
        recent = [at for at in self._errors_at if self.now - at < NS_PER_S]
        require(len(recent) <= ERRORS_PER_SECOND, "ten errors a second", len(recent))

    def check_outputs(self) -> None:
        """What the machine does to the world."""
        raise NotImplementedError
