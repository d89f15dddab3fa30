"""A small host that sends what it is told, legal or not, and tells step by step what came.

It keeps a session alive (pings, acknowledgements, the word on the light) unless it is told not to, and does
nothing else by itself. What a check says to it becomes the steps of the report.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from laserlink.protocol import catalogue
from laserlink.protocol.catalogue import EVENT_CHANNEL
from laserlink.protocol.delivery import ANSWERS
from laserlink.protocol.errors import ErrorCode, RemoteProtocolError
from laserlink.protocol.frame import OVERHEAD_BYTES, Frame
from laserlink.protocol.framer import BadFrame, Framer
from laserlink.protocol.limits import FRAME_BYTES_MAX
from laserlink.protocol.messages import diagnostics, link
from laserlink.protocol.messages.layout import Record, Reply, Request
from laserlink.protocol.states import BITS_PER_BYTE, LaneKind, ModuleState
from laserlink.protocol.timers import (
    KEEP_ALIVE_NS,
    KEEP_ALIVES_MISSED_MAX,
    LINE_TIMES_ADDED,
    NS_PER_MS,
    NS_PER_S,
    NS_PER_US,
)
from laserlink.protocol.timers import line_time_ns as time_of_line
from laserlink.tools.conformance.check import Mismatch, NoAnswer, Skip, Step
from laserlink.tools.conformance.line import Line
from laserlink.tools.conformance.telling import describe, describe_message, hex_of, shortened
from laserlink.tools.conformance.watch import Heard, Watch

ALL_FEATURES = link.Features.RESEND | link.Features.UPDATE | link.Features.FILES | link.Features.RECTANGLES
# A request is repeated after this, three times in all: slower than a host, to tell a late answer from none.
ANSWER_NS = NS_PER_S
ANSWER_TRIES = 3
HELLO_AGAIN_NS = 200 * NS_PER_MS
HELLO_NS = 6 * NS_PER_S
# A cut frame of the module's is given up after this; a slow line and a busy machine may take their time.
GAP_NS = 200 * NS_PER_MS
# Of what comes first, so much is kept: it may be no frames at all.
FIRST_BYTES = 4096
# The module sends at most 10 errors a second; we provoke fewer.
OFFENCES, OFFENCES_NS = 8, 1_100 * NS_PER_MS

# From here on the module may have missed every ping that it waits for.
PING_LATE_NS = (KEEP_ALIVES_MISSED_MAX - 1) * KEEP_ALIVE_NS

# What may come at any time, whatever was sent.
UNASKED = frozenset(
    catalogue.BY_NAME[name].type
    for name in ("Beacon", "Pong", "Prbs31", "ImageStart", "ImageData", "ImageDigests")
)
HELLO_REPLY = catalogue.BY_MESSAGE[link.HelloReply].type

MessageT = TypeVar("MessageT", bound=Record)


@dataclass
class Habits:
    """What the bench does by itself."""

    pings: bool = True
    acknowledges: bool = True
    sees_light: bool = True


class Bench:
    """One module on a line. `random` gives 32 random bits."""

    def __init__(self, line: Line, random: Callable[[], int]) -> None:
        self.line = line
        self.random = random
        self.watch = Watch()
        self.habits = Habits()
        self.heard: list[Heard] = []
        self.steps: list[Step] = []
        self.began_ns = line.now()
        self.last_heard_ns: int | None = None
        self.bytes_heard = 0
        self.first_bytes = bytearray()
        self.session = 0
        self.agreed = link.HelloReply()
        self.request_id = 0
        self._framers = {kind: Framer() for kind in LaneKind}
        self._fed_ns = dict.fromkeys(LaneKind, 0)
        self._sequences: dict[int, int] = {}
        self._first_sequence = 0
        self._event_expected = 0
        self._ping_ns: int | None = None
        # How late a ping of ours was at most: a busy machine may stop us, and the module then loses its host.
        self.ping_late_ns = 0
        self._pings = 0
        self._light_told = False
        # Whoever was here before may have provoked as many just now.
        self._offences_ns = [self.began_ns] * OFFENCES

    # --- time and bytes ---

    @property
    def now(self) -> int:
        return self.line.now()

    def run_for(self, ms: float) -> None:
        """Let time pass, with the habits of a host."""
        end = self.now + round(ms * NS_PER_MS)
        while self.now < end:
            self._turn(end)

    def run_until(self, condition: Callable[[], bool], ns: int) -> bool:
        """Wait for a condition, at most so long; whether it came true."""
        end = self.now + ns
        while not condition():
            if self.now >= end:
                return False
            self._turn(end)
        return True

    def _turn(self, end: int) -> None:
        due = end if self._ping_ns is None or not self.habits.pings else min(end, self._ping_ns)
        for lane, data in self.line.wait(due):
            self._take(lane, data)
        self._give_up_cut()
        self._keep_alive()

    def _keep_alive(self) -> None:
        """A ping when it is due, and at once when the light has changed."""
        if self._ping_ns is None:
            return
        if not self.habits.pings:
            self._ping_ns = max(self._ping_ns, self.now)
            return
        self.ping_late_ns = max(self.ping_late_ns, self.now - self._ping_ns)
        light = bool(self.line.light) and self.habits.sees_light
        if self.now >= self._ping_ns or light is not self._light_told:
            self.ping()

    def ping(self, *, light: bool | None = None) -> int:
        """Send a ping; its number."""
        self._light_told = bool(self.line.light) and self.habits.sees_light if light is None else light
        self._pings += 1
        self._ping_ns = self.now + KEEP_ALIVE_NS
        self.write(bytes(self.frame(link.Ping(int(self._light_told), self._pings, self.now))))
        return self._pings

    def write(self, data: bytes) -> None:
        self.line.write(data)

    def _take(self, lane: LaneKind, data: bytes) -> None:
        self.bytes_heard += len(data)
        if len(self.first_bytes) < FIRST_BYTES:
            self.first_bytes += data[:FIRST_BYTES]
        self._framers[lane].feed(data)
        self._fed_ns[lane] = self.now
        self._take_items(lane)

    def _give_up_cut(self) -> None:
        for lane, framer in self._framers.items():
            if framer.pending and self.now - self._fed_ns[lane] > GAP_NS:
                framer.abandon()
                self._take_items(lane)

    def _take_items(self, lane: LaneKind) -> None:
        for item in self._framers[lane].items():
            if isinstance(item, BadFrame):
                self.watch.bad(item)
                continue
            heard = Heard(lane, item, self.now)
            self.last_heard_ns = self.now
            self.heard.append(heard)
            if item.type == HELLO_REPLY and item.session == self.session:
                self._adopt(item)
            self.watch.frame(heard)
            if item.channel == EVENT_CHANNEL and item.session == self.session:
                self._acknowledge(item)

    def _acknowledge(self, event: Frame) -> None:
        if not self.habits.acknowledges:
            return
        if event.sequence == self._event_expected:
            self._event_expected = (self._event_expected + 1) % (1 << 32)
        self.write(bytes(self.frame(link.Ack(EVENT_CHANNEL, self._event_expected))))

    # --- the session ---

    def send_hello(self, hello: link.Hello | None = None, session: int | None = None) -> bytes:
        """Open a session, without waiting for the answer; the bytes."""
        self.session = (self.random() or 1) if session is None else session
        hello = hello or link.Hello(features=ALL_FEATURES, lanes=self.line.offers)
        self.watch.open(self.session)
        self._sequences.clear()
        self._first_sequence = hello.first_sequence
        self.request_id = 0
        self.agreed = link.HelloReply(to_module_bytes_max=256, to_host_bytes_max=256)
        self._ping_ns = None
        self._framers[LaneKind.OPTICAL] = Framer()
        wire = bytes(self.frame(hello))
        self.write(wire)
        return wire

    def hello(self, hello: link.Hello | None = None) -> link.HelloReply:
        """Open a session, and keep it alive from the answer on. Raises NoAnswer."""
        wire = self.send_hello(hello)
        end = self.now + HELLO_NS
        while not self.run_until(lambda: self._ping_ns is not None, HELLO_AGAIN_NS):
            if self.now > end:
                raise NoAnswer(f"hello was not answered within {HELLO_NS // NS_PER_S} s")
            self.write(wire)
        return self.agreed

    def _adopt(self, frame: Frame) -> None:
        if self._ping_ns is not None:
            return
        try:
            self.agreed = link.HelloReply.decode(frame.payload)
        except RemoteProtocolError:
            return
        self.watch.in_bytes_max = self.agreed.to_host_bytes_max
        kinds = {offer.kind for offer in self.agreed.lanes}
        self.watch.image_lane = LaneKind.OPTICAL if LaneKind.OPTICAL in kinds else LaneKind.SIDEBAND
        self._event_expected = self.agreed.first_sequence
        self._light_told = False
        self._ping_ns = self.now

    def forget(self) -> None:
        """Fall silent: no session, as far as we care."""
        self._ping_ns = None

    @property
    def image_lane(self) -> LaneKind:
        return self.watch.image_lane

    @property
    def features(self) -> link.Features:
        return link.Features(self.agreed.features)

    def extended_ms(self, timer_ns: int, lane: LaneKind = LaneKind.SIDEBAND, frame_bytes: int = 0) -> float:
        """A timer with what the line adds to it."""
        offers = (*(offer for offer in self.line.offers if offer.rate_bps), *self.agreed.lanes)
        offer = next((offer for offer in offers if offer.kind is lane), link.LaneOffer())
        agreed = max(self.agreed.to_host_bytes_max, self.agreed.to_module_bytes_max)
        line = time_of_line(frame_bytes or agreed, offer.rate_bps, BITS_PER_BYTE[offer.coding])
        return (timer_ns + LINE_TIMES_ADDED * line + offer.latency_us * NS_PER_US) / NS_PER_MS

    # --- frames ---

    def frame(self, message: Record, channel: int | None = None) -> Frame:
        """The next frame around a message, legal but for what the caller changes of it."""
        row = catalogue.BY_MESSAGE[type(message)]
        channel = min(row.channel.value) if channel is None else channel
        return self.raw_frame(row.type, channel, bytes(message))

    def raw_frame(self, kind: int, channel: int, payload: bytes = b"") -> Frame:
        """A frame with the next sequence of its channel, whatever is in it."""
        sequence = self._sequences.get(channel, self._first_sequence)
        self._sequences[channel] = (sequence + 1) % (1 << 32)
        return Frame(kind, channel, self.session, sequence, payload)

    def numbered(self, request: Request) -> Request:
        """The request with the next id."""
        self.request_id = self.request_id % 0xFFFF + 1
        return replace(request, request_id=self.request_id)

    def send(self, message: Record, channel: int | None = None) -> Frame:
        """Send a message, and wait for nothing."""
        frame = self.frame(message, channel)
        self.write(bytes(frame))
        return frame

    # --- what came ---

    def since(self, mark: int, *kinds: type[Record]) -> list[Heard]:
        """What came since, of the given messages, or all of it."""
        types = {catalogue.BY_MESSAGE[kind].type for kind in kinds}
        return [item for item in self.heard[mark:] if not types or item.frame.type in types]

    def answers(self, mark: int) -> list[Heard]:
        """What came since that answers something: neither events, nor images, nor pongs."""
        return [
            item
            for item in self.heard[mark:]
            if item.frame.type not in UNASKED and item.frame.channel != EVENT_CHANNEL
        ]

    def messages(self, mark: int, kind: type[MessageT]) -> list[MessageT]:
        """The messages of one kind since; a malformed one is not among them (the watch has it)."""
        found = []
        for item in self.since(mark, kind):
            try:
                found.append(kind.decode(item.frame.payload))
            except RemoteProtocolError:
                continue
        return found

    def await_message(self, mark: int, kind: type[Record], ns: int, count: int = 1) -> bool:
        """Wait for messages of one kind; whether so many came."""
        return self.run_until(lambda: len(self.since(mark, kind)) >= count, ns)

    def await_answer(self, mark: int, count: int = 1) -> bool:
        """Wait for what answers something, a second at most; whether so much came."""
        return self.run_until(lambda: len(self.answers(mark)) >= count, ANSWER_NS)

    def await_pong(self, mark: int, number: int) -> link.Pong | None:
        """Wait for the answer to a ping."""

        def found() -> link.Pong | None:
            return next((pong for pong in self.messages(mark, link.Pong) if pong.number == number), None)

        self.run_until(lambda: found() is not None, ANSWER_NS)
        return found()

    def _answer_to(self, request_id: int, mark: int) -> Heard | None:
        return next((item for item in self.answers(mark) if id_answered(item.frame) == request_id), None)

    # --- conversations ---

    def ask(self, request: Request, *, numbered: bool = False) -> Heard:
        """Send a request until it is answered, and what answered it. Raises NoAnswer."""
        request = request if numbered else self.numbered(request)
        frame = self.frame(request)
        mark = len(self.heard)
        for _ in range(ANSWER_TRIES):
            self.write(bytes(frame))
            if self.run_until(lambda: self._answer_to(request.request_id, mark) is not None, ANSWER_NS):
                break
        answer = self._answer_to(request.request_id, mark)
        if answer is None:
            expected = f"{ANSWERS[type(request)].__name__} or Error"
            raise self._failed(frame, expected, "nothing, in 3 s", NoAnswer)
        return answer

    def reply(self, request: Request, kind: type[MessageT], expected: str = "") -> MessageT:
        """Ask, and demand this kind of reply."""
        heard = self.ask(request)
        row = catalogue.BY_TYPE[heard.frame.type]
        sent = describe_message(request)
        self.step(sent, expected or kind.__name__, heard, row.message is kind)
        try:
            return kind.decode(heard.frame.payload)
        except RemoteProtocolError as error:
            raise Mismatch(str(error)) from None

    def refused(self, request: Request, code: ErrorCode, value: int | None = None) -> link.Error:
        """Ask, and demand that it is refused with this error."""
        heard = self.ask(request)
        return self.judge_error(describe_message(request), heard, code, value)

    def judge_error(self, sent: str, heard: Heard, code: ErrorCode, value: int | None) -> link.Error:
        """Demand that what came is this error."""
        expected = f"Error({code.name}{'' if value is None else f', value {value}'})"
        error = error_in(heard.frame)
        right = error is not None and error.code is code and value in (None, error.value)
        self.step(sent, expected, heard, right)
        if error is None:
            raise Mismatch("no error came")
        return error

    def echo(self, data: bytes = b"are you there?") -> None:
        """Prove that the module still answers. Raises Mismatch."""
        answer = self.reply(diagnostics.Echo(data=data), diagnostics.EchoReply)
        self.expect(answer.data == data, "the same bytes back", f"{len(answer.data)} bytes")

    def ignored(self, data: bytes, sent: str, *, wait_ms: float = 0) -> None:
        """Send bytes, and demand that nothing answers them, though the module is there."""
        mark = len(self.heard)
        self.write(data)
        if wait_ms:
            self.run_for(wait_ms)
        probe = self.ask(diagnostics.Echo(data=b"probe"))
        others = [item for item in self.answers(mark) if item.frame != probe.frame]
        came = describe(others[0].frame) if others else "nothing but the answer to the echo behind it"
        self.note(sent, "no answer", came, not others, data, bytes(others[0].frame) if others else b"")

    def offended(self, frame: Frame, code: ErrorCode, value: int | None = None, sent: str = "") -> link.Error:
        """Send an illegal frame, and demand one error that names it."""
        self.pace()
        mark = len(self.heard)
        self.write(bytes(frame))
        probe = self.ask(diagnostics.Echo(data=b"probe"))
        came = [item for item in self.answers(mark) if item.frame != probe.frame]
        sent = sent or describe(frame)
        if not came:
            raise self._failed(frame, f"Error({code.name})", "nothing", Mismatch, sent)
        error = self.judge_error(sent, came[0], code, value)
        named = (error.offending_type, error.offending_channel, error.offending_sequence)
        wanted = (frame.type, frame.channel, frame.sequence)
        self.expect(named == wanted, f"an error that names type, channel and sequence {wanted}", str(named))
        self.expect(len(came) == 1, "one answer", f"{len(came)} answers")
        return error

    def offended_with(self, frame: Frame, code: ErrorCode, behind: Request) -> link.Error:
        """Send an illegal frame, demand an error, and then that the request behind it is carried out."""
        self.pace()
        mark = len(self.heard)
        self.write(bytes(frame))
        self.run_until(lambda: bool(self.answers(mark)), ANSWER_NS)
        came = self.answers(mark)
        if not came:
            raise self._failed(frame, f"Error({code.name})", "nothing", Mismatch)
        error = self.judge_error(describe(frame), came[0], code, None)
        heard = self.ask(behind, numbered=True)
        kind = ANSWERS[type(behind)]
        right = heard.frame.type == catalogue.BY_MESSAGE[kind].type
        self.step(describe_message(behind), kind.__name__, heard, right)
        return error

    def pace(self) -> None:
        """Wait until one more error may be provoked: the module sends at most ten a second."""
        recent = [at for at in self._offences_ns if self.now - at < OFFENCES_NS]
        if len(recent) >= OFFENCES:
            self.run_for((recent[-OFFENCES] + OFFENCES_NS - self.now) / NS_PER_MS)
        self._offences_ns = [*recent[-OFFENCES:], self.now]

    def let_errors_rest(self) -> None:
        """Wait until ten errors may be provoked."""
        self.run_for(OFFENCES_NS / NS_PER_MS)
        self._offences_ns.clear()

    # --- steps ---

    def step(self, sent: str, expected: str, heard: Heard, holds: bool) -> None:
        self.note(sent, expected, describe(heard.frame), holds, b"", bytes(heard.frame))

    def expect(self, holds: bool, expected: str, came: str) -> None:
        """Demand something of what came before."""
        self.note("", expected, came, holds)

    def note(
        self, sent: str, expected: str, came: str, holds: bool, sent_raw: bytes = b"", came_raw: bytes = b""
    ) -> None:
        """One step of the report. Raises Mismatch when it does not hold."""
        at_ms = (self.now - self.began_ns) / NS_PER_MS
        step = Step(shortened(sent), expected, came, holds, hex_of(sent_raw), hex_of(came_raw), at_ms)
        self.steps.append(step)
        if not holds:
            raise Mismatch(f"expected {expected}; came {came}")

    def _failed(
        self, frame: Frame, expected: str, came: str, kind: type[Mismatch], sent: str = ""
    ) -> Mismatch:
        """The step that does not hold, and what is to be raised."""
        try:
            self.note(sent or describe(frame), expected, came, False, bytes(frame))
        except Mismatch as mismatch:
            return kind(str(mismatch))
        return kind(came)

    # --- what a check needs ---

    def need_light(self) -> None:
        """Skip what is about the laser, where there is none to be seen."""
        if self.line.light is None or self.image_lane is not LaneKind.OPTICAL:
            raise Skip("one lane carries everything: there is no light")

    def need_feature(self, feature: link.Features) -> None:
        if feature not in self.features:
            raise Skip(f"the module has not the feature {feature.name}")

    def room(self) -> int:
        """The longest payload that the module takes."""
        return min(self.agreed.to_module_bytes_max, FRAME_BYTES_MAX) - OVERHEAD_BYTES


def error_in(frame: Frame) -> link.Error | None:
    """The error that a frame carries, if it does."""
    if frame.type != catalogue.ERROR:
        return None
    try:
        return link.Error.decode(frame.payload)
    except RemoteProtocolError:
        return None


def id_answered(frame: Frame) -> int:
    """The request that a frame answers, or 0."""
    row = catalogue.BY_TYPE.get(frame.type)
    if row is None:
        return 0
    if issubclass(row.message, Reply):
        return int.from_bytes(frame.payload[:2], "little")
    error = error_in(frame)
    return error.request_id if error else 0


def state_name(value: int) -> str:
    return ModuleState(value).name.lower() if value in set(ModuleState) else str(value)


def listed(heard: Iterable[Heard]) -> str:
    """Several frames in a few words."""
    return shortened(", ".join(describe(item.frame) for item in heard) or "nothing")
