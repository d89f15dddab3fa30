"""Modules that are broken, each in one way, as firmware is: what the suite must find in every one of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from broken import ONE_LANE, TWO_LANES, VirtualLine, bench_of, failures, line_of

from laserlink.firmware_model import actions
from laserlink.firmware_model.controls import Control, ControlStore
from laserlink.firmware_model.machine import Module
from laserlink.firmware_model.stream import Streams
from laserlink.firmware_model.timing import ModuleTimer
from laserlink.protocol import catalogue
from laserlink.protocol.connection import Connection
from laserlink.protocol.delivery import Admission, EventSender, RequestServer
from laserlink.protocol.errors import MalformedPayload, RemoteProtocolError
from laserlink.protocol.frame import VERSION, Frame, sequence_is_newer
from laserlink.protocol.framer import BadFrame
from laserlink.protocol.judge import Received
from laserlink.protocol.messages import diagnostics, identity, image, link, power
from laserlink.protocol.messages.control import ControlValue, decode_value
from laserlink.protocol.messages.layout import Event, Request
from laserlink.protocol.states import LaneKind, PowerPhase
from laserlink.protocol.states import ModuleState as S
from laserlink.tools.conformance.framing import crc32c, with_checks
from laserlink.tools.conformance.runner import Runner


def connected(kind: type[Connection]) -> type[Module]:
    """A module with another connection, which does all itself: the kernels know only the rules."""

    class Broken(Module):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.connection.__class__ = kind
            self.connection._lone_frame = self.connection._whole_frame = None

    return Broken


class IgnoresReservedBits(Connection):
    def _check(self, lane: LaneKind, frame: Frame, state: Any) -> Received:
        return super()._check(lane, replace(frame, flags=frame.flags & 1, channel=frame.channel & 15), state)


class IgnoresVersion(Connection):
    def _check(self, lane: LaneKind, frame: Frame, state: Any) -> Received:
        return super()._check(lane, replace(frame, version=VERSION), state)


class IgnoresSession(Connection):
    def _is_ours(self, frame: Frame) -> bool:
        return frame.type == catalogue.HELLO or self.session != 0


class AnswersDamage(Connection):
    def _judge(self, lane: LaneKind, item: Frame | BadFrame, now: int, state: Any) -> Received | None:
        if isinstance(item, BadFrame) and self.session:
            self.send(link.Error())
        return super()._judge(lane, item, now, state)


class FloodsErrors(Connection):
    def offend(self, frame: Frame, error: RemoteProtocolError, now: int, request_id: int = 0) -> None:
        self._errors_at.clear()
        super().offend(frame, error, now, request_id)


class AnswersErrors(Connection):
    def _check(self, lane: LaneKind, frame: Frame, state: Any) -> Received:
        if frame.type == catalogue.ERROR:
            self.send(link.Error())
        return super()._check(lane, frame, state)


class NeverGivesUp(Connection):
    def on_deadline(self, now: int, state: Any) -> Iterator[Received]:
        self.gaps.clear()
        return iter(())


class OneByteLess(Connection):
    def _check(self, lane: LaneKind, frame: Frame, state: Any) -> Received:
        if frame.wire_bytes == self.in_bytes_max:
            raise MalformedPayload("one byte too many", frame.wire_bytes)
        return super()._check(lane, frame, state)


class SilentOnUnknownTypes(Connection):
    def offend(self, frame: Frame, error: RemoteProtocolError, now: int, request_id: int = 0) -> None:
        if frame.type in catalogue.BY_TYPE:
            super().offend(frame, error, now, request_id)


class ForgetsSequences(Connection):
    def _fields(self, *arguments: Any) -> Any:
        fields = super()._fields(*arguments)
        _, channel, _, sequence, *_ = fields
        if channel == 0 and sequence % 5 == 0:
            self._next_sequence[channel] = sequence
        return fields


class LaserBeforeContract(Module):
    @property
    def laser(self) -> bool:
        return (self.contact and self.state in (S.GREETED, S.NEGOTIATING, S.CONTRACTED)) or super().laser


class NeverDarkens(Module):
    def _expire(self, happening: Any) -> None:
        if happening.name != "UNLIT":
            super()._expire(happening)


class TrainsForEver(Module):
    def _expire(self, happening: Any) -> None:
        if happening.name != "TRAINING_EXPIRED":
            super()._expire(happening)


class BeaconsOnce(Module):
    def send_beacon(self) -> None:
        super().send_beacon()
        self.timers.cancel(ModuleTimer.BEACON)


class BeaconsSlowly(Module):
    def send_beacon(self) -> None:
        super().send_beacon()
        self.timers.set(ModuleTimer.BEACON, self.now + 2 * actions.BEACON_NS)


class WrongStateNumber(Module):
    def _carry_out(self, received: Received, request: Request) -> Any:
        try:
            return super()._carry_out(received, request)
        except RemoteProtocolError as error:
            error.value += int(error.code == 7)
            raise


class IgnoresState(Module):
    def _carry_out(self, received: Received, request: Request) -> Any:
        row = replace(received.row, states=frozenset(S))
        return super()._carry_out(received._replace(row=row), request)


class ReadyUnaccepted(Module):
    def do_begin_contract(self, request: Any) -> power.PowerStatus:
        self.power.phase = PowerPhase.ACCEPTED
        return super().do_begin_contract(request)


class KeepsContract(Module):
    def do_revoke(self, request: Any) -> power.PowerStatus:
        limit = self.power.limit_ma
        status = super().do_revoke(request)
        return replace(status, limit_ma=limit)


class HelloAlwaysNew(Module):
    def _hello(self, received: Received, hello: link.Hello) -> None:
        self.connection.session = 0
        super()._hello(received, hello)


class ShortDescriptor(Module):
    def do_send_descriptor(self, request: Any) -> identity.DescriptorPart:
        part = super().do_send_descriptor(request)
        return replace(part, offset=part.offset + 1)


class EndsUnnamed(Module):
    def tell(self, event: Event) -> None:
        super().tell(replace(event, start_id=0) if isinstance(event, image.StreamEnded) else event)


class WrongPattern(Module):
    def images_to_send(self, lane: LaneKind, buffer: memoryview, now: int) -> int:
        count = super().images_to_send(lane, buffer, now)
        if count and buffer[3] == catalogue.BY_MESSAGE[diagnostics.Prbs31].type:
            sequence = int.from_bytes(buffer[12:16], "little")
            inverted = bytes(byte ^ 0xFF for byte in buffer[20 : count - 4])
            buffer[:count] = bytes(Frame(buffer[3], 0, self.connection.session, sequence, inverted))
        return count


def patched(owner: type, name: str, value: Any) -> Callable[[Any], VirtualLine]:
    """A module of which one function is another one, while the test lasts."""

    def make(monkeypatch: Any) -> VirtualLine:
        monkeypatch.setattr(owner, name, value)
        return line_of(Module, ONE_LANE)

    return make


def built(kind: type[Module], lanes: Any = ONE_LANE) -> Callable[[Any], VirtualLine]:
    """A module of this class."""
    return lambda monkeypatch: line_of(kind, lanes)


def altering(change: Callable[[bytes], bytes]) -> Callable[[Any], VirtualLine]:
    def make(monkeypatch: Any) -> VirtualLine:
        line = line_of()
        line.altered = change  # type: ignore[method-assign]
        return line

    return make


def _admitting(before: Admission, after: Admission) -> Any:
    admit = RequestServer.admit

    def changed(self: RequestServer, request_id: int) -> Admission:
        found = admit(self, request_id)
        return after if found is before else found

    return changed


def _greedy(self: Streams, stream: Any) -> bool:
    return stream.active and len(stream.jobs) < 2 and bool(stream.endless or stream.remaining)


_chunks_of = Streams._chunks_of
_special = Streams._special_frame
_send_event = Module._send_event


def _next_chunk(layout: Any, offset: int, length: int) -> tuple[int, int]:
    first, count = _chunks_of(layout, offset, length)
    return max(0, first - 1), count


def _wrong_digest(self: Streams, channel: int, job: Any, number: int) -> bytes:
    wire = _special(self, channel, job, number)
    if wire[3] != catalogue.BY_MESSAGE[image.ImageDigests].type:
        return wire
    session, sequence = int.from_bytes(wire[8:12], "little"), int.from_bytes(wire[12:16], "little")
    return bytes(Frame(wire[3], wire[4], session, sequence, wire[20:-5] + bytes([wire[-5] ^ 1])))


def _grant_last(self: Streams, channel: int, sequence: int) -> None:
    self._stream(channel).credit = sequence


def _once(self: EventSender, now: int, timeout_ns: int) -> None:
    self.due_ns = None


def _believing(self: EventSender, sequence: int, now: int, timeout_ns: int) -> None:
    while self._flight and sequence_is_newer(sequence, self._flight[0][0]):
        self._flight.popleft()
        self.due_ns = None
    self._pump(now, timeout_ns)


def _unflagged(self: Module, event: Event) -> tuple[int, bytes]:
    frame = replace(self.connection.frame(event), flags=0)
    self.connection.resend(bytes(frame))
    return frame.sequence, bytes(frame)


def _check_leniently(self: ControlStore, values: tuple[ControlValue, ...]) -> dict[int, Any]:
    return {item.id: self.controls[item.id].check(item) for item in values if item.id in self.controls}


def _check_nothing(self: Control, given: ControlValue) -> Any:
    return decode_value(self.type, given.value) if self.type is given.type else self.default


@dataclass(frozen=True)
class Mutant:
    """A broken module: how it is made, and which checks must fail, exactly."""

    name: str
    make: Callable[[Any], VirtualLine]
    expected: frozenset[str]


def _mutant(name: str, make: Callable[[Any], VirtualLine], *expected: str) -> Mutant:
    return Mutant(name, make, frozenset(expected))


REFUSES = tuple(
    f"states.{name}-refuses" for name in ("greeted", "negotiating", "contracted", "training", "identifying")
)
REPEATS = (
    "delivery.any-state",
    "delivery.counters",
    "delivery.once",
    "delivery.repeated",
    "delivery.repeated-refusal",
)

MUTANTS = (
    _mutant("wrong-crc", altering(lambda data: with_checks(data, crc32c)), "hello.first-word"),
    _mutant(
        "ignores-reserved-bits",
        built(connected(IgnoresReservedBits)),
        "delivery.error-id",
        "judging.channel-bits",
        "judging.flags",
        "judging.order",
    ),
    _mutant("ignores-version", built(connected(IgnoresVersion)), "judging.order", "judging.version"),
    _mutant(
        "ignores-session",
        built(connected(IgnoresSession)),
        "hello.resets",
        "hello.stale",
        "hello.stale-offence",
        "watched.sequence",
        "watched.session",
    ),
    _mutant(
        "answers-damage",
        built(connected(AnswersDamage)),
        "framing.check-over-check",
        "framing.frame-bits",
        "framing.header-bits",
        "framing.other-crcs",
        "resync.cut-header",
        "resync.damage-counted",
        "resync.damage-silent",
        "resync.noise",
    ),
    _mutant("floods-errors", built(connected(FloodsErrors)), "judging.error-rate"),
    _mutant("answers-errors", built(connected(AnswersErrors)), "judging.errors-unanswered"),
    _mutant("never-gives-up", built(connected(NeverGivesUp)), "resync.cut-then-frame"),
    _mutant("off-by-one-length", built(connected(OneByteLess)), "framing.sizes", "hello.smaller-offer"),
    _mutant(
        "silent-on-unknown-types",
        built(connected(SilentOnUnknownTypes)),
        "judging.counted",
        "judging.error-rate",
        "judging.order",
        "judging.unknown-type",
    ),
    _mutant("sequence-used-twice", built(connected(ForgetsSequences)), "watched.resend"),
    _mutant(
        "laser-before-contract",
        built(LaserBeforeContract, TWO_LANES),
        "hello.resets",
        "power.revoke",
        "training.dark-before",
        "training.hello-dark",
        "training.not-seated-dark",
        "training.revoke-dark",
        "training.unconfirmed",
        "training.unconfirmed-later",
    ),
    _mutant(
        "light-unconfirmed",
        built(NeverDarkens, TWO_LANES),
        "training.unconfirmed",
        "training.unconfirmed-later",
    ),
    _mutant("trains-for-ever", built(TrainsForEver), "training.limit"),
    _mutant(
        "no-beacon",
        built(BeaconsOnce),
        "hello.beacon",
        "hello.beacon-period",
        "hello.no-session",
        "hello.session-zero",
    ),
    _mutant("slow-beacon", built(BeaconsSlowly), "hello.beacon-period"),
    _mutant("ignores-state", built(IgnoresState), *REFUSES),
    _mutant("contract-unaccepted", built(ReadyUnaccepted), "power.ready-unaccepted"),
    _mutant("revoke-keeps-limit", built(KeepsContract), "power.revoke", "power.revoke-stream"),
    _mutant("hello-repeated-resets", built(HelloAlwaysNew), "hello.repeated", "watched.resend"),
    _mutant("descriptor-offset", built(ShortDescriptor), "identity.parts"),
    _mutant("wrong-pattern", built(WrongPattern), "training.pattern"),
    _mutant(
        "repeats-unanswered",
        patched(RequestServer, "admit", _admitting(Admission.REPEAT, Admission.STALE)),
        *REPEATS,
    ),
    _mutant(
        "repeats-carried-out",
        patched(RequestServer, "admit", _admitting(Admission.REPEAT, Admission.NEW)),
        *REPEATS,
    ),
    _mutant(
        "stale-ids-taken",
        patched(RequestServer, "admit", _admitting(Admission.STALE, Admission.NEW)),
        "delivery.older-id",
    ),
    _mutant(
        "credit-ignored",
        patched(Streams, "_may_expose", _greedy),
        "resends.gone",
        "resends.no-credit",
        "streams.credit",
        "streams.no-credit",
        "streams.whole-images",
    ),
    _mutant("old-credit-counts", patched(Streams, "grant", _grant_last), "streams.old-credit"),
    _mutant(
        "wrong-resend",
        patched(Streams, "_chunks_of", staticmethod(_next_chunk)),
        "resends.chunks",
        "resends.last-chunk",
        "resends.ranges",
    ),
    _mutant("wrong-digest", patched(Streams, "_special_frame", _wrong_digest), "streams.digests"),
    _mutant("acks-believed", patched(EventSender, "acknowledged", _believing), "delivery.event-resent"),
    _mutant("ends-unnamed", built(EndsUnnamed), "streams.ended"),
    _mutant("events-once", patched(EventSender, "on_deadline", _once), "delivery.event-resent"),
    _mutant(
        "events-unflagged", patched(Module, "_send_event", _unflagged), "delivery.event", "watched.header"
    ),
    _mutant(
        "set-not-atomic",
        patched(ControlStore, "check", _check_leniently),
        "controls.all-or-none",
        "controls.unknown",
    ),
    _mutant(
        "bounds-unchecked",
        patched(Control, "check", _check_nothing),
        "controls.out-of-range",
        "controls.read-only",
        "controls.wrong-type",
    ),
)


def mutants_of(*families: str) -> list[Mutant]:
    """The mutants whose faults show first in one of these families."""
    return [mutant for mutant in MUTANTS if min(mutant.expected).partition(".")[0] in families]


def verdict_on(mutant: Mutant, monkeypatch: Any) -> set[str]:
    """Which checks fail: of the families that the fault touches, of one more, and of the watch."""
    names = {name.partition(".")[0] for name in mutant.expected} | {"resync", "watched"}
    report = Runner(bench_of(mutant.make(monkeypatch)), "virtual:", names).run()
    assert not report.conforms and not any(result.blocked for result in report.results)
    return failures(report)
