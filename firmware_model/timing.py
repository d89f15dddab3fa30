"""The names of the module's timers; their durations stand in `protocol/timers.py`."""

from enum import Enum, auto


class ModuleTimer(Enum):
    """What the module waits for."""

    BOOT = auto()
    BEACON = auto()
    ATTACH = auto()
    SILENCE = auto()
    LIGHT = auto()
    TRAINING = auto()
    DETACH = auto()
