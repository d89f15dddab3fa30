"""The names of the module's timers (durations: `protocol/timers.py`), and how long its frames may be."""

from enum import Enum, auto

from laserlink.protocol.limits import FRAME_BYTES_MIN_OFFER
from laserlink.protocol.messages import link
from laserlink.protocol.states import BITS_PER_BYTE
from laserlink.protocol.timers import LINE_TIME_PER_FRAME_NS, NS_PER_S


class ModuleTimer(Enum):
    """What the module waits for."""

    __hash__ = object.__hash__  # each look at a table asks: Enum's own is a call of Python

    BOOT = auto()
    BEACON = auto()
    ATTACH = auto()
    SILENCE = auto()
    LIGHT = auto()
    TRAINING = auto()
    DETACH = auto()
    DERATE = auto()


def frame_bytes_for(offer: link.LaneOffer, bound: int) -> int:
    """The largest frame of a lane: at most 20 ms of its time where 256 bytes allow that, at most `bound`."""
    if not offer.rate_bps:
        return bound
    fitting = LINE_TIME_PER_FRAME_NS * offer.rate_bps // (BITS_PER_BYTE[offer.coding] * NS_PER_S)
    return max(FRAME_BYTES_MIN_OFFER, min(bound, fitting))
