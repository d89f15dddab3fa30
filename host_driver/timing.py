"""The names of the host's timers; their durations stand in `protocol/timers.py`."""

from enum import Enum, auto


class HostTimer(Enum):
    """What the host waits for."""

    __hash__ = object.__hash__  # each look at a table asks: Enum's own is a call of Python

    SEATING = auto()
    DETACH = auto()
    FIRST_WORD = auto()
    HELLO = auto()
    ATTACH = auto()
    PING = auto()
    SILENCE = auto()
    RAIL = auto()
    TRAINING = auto()
