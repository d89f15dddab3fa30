"""A message as one whole frame: the C kernel for those of which the layout is plain, as most are.

`Connection` frames every message, and says what is wrong with one; the kernel leaves to it all that is not
plain, or not legal.
"""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, TypeAlias

from laserlink.protocol import _accel, catalogue
from laserlink.protocol.frame import Flags
from laserlink.protocol.messages.layout import Record, flat_of

# By type, as an attribute of an enumeration is a call.
FLAGS = {row.type: int(Flags.ACK_REQUESTED) * (row.role == "event") for row in catalogue.ROWS}

# Message, channel, session, sequence, max_frame: the bytes of the frame, or None.
WholeFrame: TypeAlias = Callable[[Record, int, int, int, int], bytes | None]


def whole_frame() -> WholeFrame | None:
    """How a message becomes a frame at once; None without the kernel."""
    return None if _accel.Writer is None else writer().wire


@cache
def writer() -> Any:
    """The kernel with all shapes; one that is copied or pickled is this again."""
    return _accel.Writer(_shapes(), (writer, ()))


def _shapes() -> Iterable[tuple[Any, ...]]:
    """Message, type, legal channels, flags, layout: of the rows that have a plain one."""
    for row in catalogue.ROWS:
        layout = flat_of(row.message)
        if layout is not None:
            channels = sum(1 << channel for channel in row.channels)
            yield row.message, row.type, channels, FLAGS[row.type], layout
