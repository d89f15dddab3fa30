"""What a frame is to the end that it came to: the row of the catalogue, and what is legal of it.

`Connection` judges every frame by these rules, and says what is wrong with one. Most frames come alone and
are legal in every respect: the C kernel judges and reads one of those at once, and leaves all others alone.
"""

from collections.abc import Callable, Iterable
from enum import IntEnum
from functools import cache
from typing import Any, NamedTuple, TypeAlias

from laserlink.protocol import _accel, catalogue
from laserlink.protocol.catalogue import Carrier, Direction, Row
from laserlink.protocol.errors import ReservedBitSet, UnknownType, UnsupportedVersion
from laserlink.protocol.frame import CHANNEL_MAX, LEGAL_FLAGS, VERSION_MAJOR, Frame
from laserlink.protocol.messages.layout import Record, flat_of
from laserlink.protocol.octets import AnyBuffer
from laserlink.protocol.states import SIDEBAND, LaneKind


class Received(NamedTuple):
    """A legal message of this session (or a beacon, or a hello).

    Of a request, the state has not been judged: one that is repeated is answered as it was, whatever the
    state is by now, and only a new one must be legal in it.
    """

    lane: LaneKind
    frame: Frame
    message: Record
    row: Row


# Judged by the limit that holds before any hello, also when a session has agreed on a larger one.
UNNEGOTIATED = frozenset({catalogue.HELLO, catalogue.BEACON})
# Looked up for every frame: an attribute of an enumeration is a call.
IMAGE = Carrier.IMAGE
# As a number: inverting flags forgets the bits that have no name.
_RESERVED_FLAGS = ~int(LEGAL_FLAGS)
_ANY_STATE = (1 << 64) - 1

# The bytes that came, their lane, the lane of images, the session, max_frame, the features, the state: what
# they are when they are one whole good frame that is legal here; else None.
LoneFrame: TypeAlias = Callable[[AnyBuffer, LaneKind, LaneKind, int, int, int, IntEnum], Received | None]


def row_of(frame: Frame) -> Row:
    """What the catalogue says of a frame, whoever sent it.

    Raises:
        UnsupportedVersion, ReservedBitSet, UnknownType: nothing, and why.
    """
    if frame.version >> 4 != VERSION_MAJOR:
        raise UnsupportedVersion(f"version {frame.version_major} is not spoken here", frame.version)
    if frame.flags & _RESERVED_FLAGS:
        raise ReservedBitSet(f"flags {frame.flags:#04x} are reserved", frame.flags)
    if frame.channel > CHANNEL_MAX:
        raise ReservedBitSet(f"channel {frame.channel:#04x} has reserved bits", frame.channel)
    row = catalogue.BY_TYPE.get(frame.type)
    if row is None:
        raise UnknownType(f"type {frame.type:#04x} is unknown", frame.type)
    return row


def lone_frame(sends: Direction) -> LoneFrame | None:
    """How the end that sends this way takes a frame that comes alone; None without the kernel."""
    return None if _accel.Judge is None else judge_of(sends).received


@cache
def judge_of(sends: Direction) -> Any:
    """The kernel with the rules of one end; one that is copied or pickled is this again."""
    return _accel.Judge(Frame, Received, SIDEBAND, list(_rules(sends)), (judge_of, (sends,)))


def _rules(sends: Direction) -> Iterable[tuple[Any, ...]]:
    """Type, row, layout, channels, whether it goes on the lane of images, states, features.

    Not what comes before a session, and not pixels: those have a way of their own.
    """
    for row in catalogue.ROWS:
        layout = flat_of(row.message)
        if row.direction is sends or row.type in UNNEGOTIATED | {catalogue.IMAGE_DATA} or layout is None:
            continue
        # A request's state is judged when it is found to be new.
        states = _ANY_STATE if row.role == "request" else _bits(row.states)
        yield row.type, row, layout, _bits(row.channels), row.carrier is IMAGE, states, int(row.feature)


def _bits(numbers: Iterable[int]) -> int:
    return sum(1 << number for number in numbers)
