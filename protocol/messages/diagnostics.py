"""Diagnostics family: echo, log, and the training of the image lane with PRBS31."""

from dataclasses import dataclass

from laserlink.protocol.limits import LOG_TEXT_BYTES_MAX
from laserlink.protocol.messages.layout import Event, Record, Reply, Request, enum, rest, text, u8, u32, u64
from laserlink.protocol.states import LaneKind, Seating


@dataclass(frozen=True, slots=True)
class Echo(Request):
    """The host asks for its bytes back, to measure the line."""

    data: bytes = rest("at most 1024 bytes")


@dataclass(frozen=True, slots=True)
class EchoReply(Reply):
    """The same bytes."""

    data: bytes = rest("as they came")


@dataclass(frozen=True, slots=True)
class Log(Event):
    """A line of the module's log."""

    level: int = u8("0 debug, 1 information, 2 warning, 3 error", default=1)
    text: str = text(LOG_TEXT_BYTES_MAX, "one line for a person")


@dataclass(frozen=True, slots=True)
class Train(Request):
    """The host asks for light and PRBS31 on the image lane."""

    lane: LaneKind = enum(LaneKind, "which lane carries images", LaneKind.OPTICAL)


@dataclass(frozen=True, slots=True)
class TrainStarted(Reply):
    """The pattern runs, for the timer `training_max` at most."""

    lane: LaneKind = enum(LaneKind, "which lane is trained", LaneKind.OPTICAL)


@dataclass(frozen=True, slots=True)
class Prbs31(Record):
    """The pattern x^31 + x^28 + 1, LSB first, not inverted, its register seeded by the frame's sequence."""

    pattern: bytes = rest("bytes of the pattern")


@dataclass(frozen=True, slots=True)
class TrainResult(Request):
    """What the host measured; the pattern ends. Not seated: dark, and train again."""

    seating: Seating = enum(Seating, "what the error rate means", Seating.SEATED)
    frames: int = u32("whose header held", "frames")
    bits: int = u64("compared", "bits")
    bit_errors: int = u64("among them", "bits")


@dataclass(frozen=True, slots=True)
class TrainStatus(Reply):
    """Training is over."""

    resumed: int = u8("1: streams that were interrupted go on")
