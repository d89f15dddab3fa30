"""Every timer of the protocol, each with its reason, and the small clockwork that both machines share.

Time is integer nanoseconds on the caller's clock; nothing here reads one.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TypeVar

NS_PER_US = 1_000
NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000


@dataclass(frozen=True)
class Timer:
    """One duration: its value in nanoseconds, whether line time is added to it, and why it is this long."""

    name: str
    value_ns: int
    plus_line_time: bool
    reason: str


TIMERS: dict[str, Timer] = {}


def _timer(name: str, value_ms: int, reason: str, *, plus_line_time: bool = False) -> int:
    TIMERS[name] = Timer(name, value_ms * NS_PER_MS, plus_line_time, reason)
    return value_ms * NS_PER_MS


ATTACH_DEBOUNCE_NS = _timer("attach_debounce", 100, "USB PD's tCCDebounce is 100 to 200 ms")
DETACH_DEBOUNCE_NS = _timer(
    "detach_debounce", 10, "USB PD's tPDDebounce is 10 to 20 ms; the laser does not wait for it"
)
FIRST_WORD_NS = _timer(
    "first_word", 3_000, "a module boots and beacons well within this; then there is no device"
)
BEACON_NS = _timer("beacon", 250, "a host that opens a port late waits a quarter of a second at most")
RESPONSE_NS = _timer("response", 30, "USB PD's tSenderResponse is 24 to 30 ms", plus_line_time=True)
POWER_TRANSITION_NS = _timer("power_transition", 500, "USB PD's tPSTransition is 450 to 550 ms")
POWER_WAIT_NS = _timer(
    "power_wait", 100, "USB PD's tSinkRequest: a sink told to wait asks again after 100 ms"
)
DERATE_NOTICE_NS = _timer(
    "derate_notice", 500, "warmth is told before images take longer; meanwhile it rises by less than 0.2 K"
)
REVOKE_NS = _timer(
    "revoke", 15, "at most 100 mA within this after a revoke; the laser is dark in the same step"
)
KEEP_ALIVE_NS = _timer(
    "keep_alive",
    100,
    "three missed are a loss: a stopped host leaves the laser dark in 350 ms",
    plus_line_time=True,
)
LIGHT_CONFIRM_NS = _timer("light_confirm", 50, "light that nobody confirms goes out")
TRAINING_MIN_NS = _timer(
    "training_min", 10, "what a clock recovery takes to lock and a bit error rate to mean something"
)
TRAINING_MAX_NS = _timer("training_max", 50, "light without a purpose goes out", plus_line_time=True)
ATTACH_WATCHDOG_NS = _timer(
    "attach_watchdog", 5_000, "an attach takes half a second; ten times that is a failure"
)
RECOVERY_WINDOW_NS = _timer(
    "recovery_window", 300_000, "recoveries are counted over five minutes (Moto Mods)"
)
RESEND_FIRST_NS = _timer("resend_first", 1, "Aravis' initial packet timeout", plus_line_time=True)
RESEND_AGAIN_NS = _timer("resend_again", 20, "Aravis' packet timeout", plus_line_time=True)
RETENTION_NS = _timer(
    "retention",
    100,
    "Aravis' frame retention: how long the module keeps an image for resends",
    plus_line_time=True,
)
GAP_NS = _timer("gap", 20, "a started frame that gets no byte for this long was cut", plus_line_time=True)
LINE_TIME_PER_FRAME_NS = _timer(
    "line_time_per_frame", 20, "max_frame is chosen so that one frame takes at most this"
)

KEEP_ALIVES_MISSED_MAX = 3
LINE_TIMES_ADDED = 4


def line_time_ns(frame_bytes: int, rate_bps: int, bits_per_byte: int) -> int:
    """How long `frame_bytes` take on a line of `rate_bps`; a line without a rate takes no time."""
    return -(-frame_bytes * bits_per_byte * NS_PER_S // rate_bps) if rate_bps else 0


def soonest(*moments: int | None) -> int | None:
    """The first of the moments that there are; None without any."""
    first = None
    for at in moments:
        if at is not None and (first is None or at < first):
            first = at
    return first


Key = TypeVar("Key", bound=Hashable)


class Deadlines(dict[Key, int]):
    """Named points in time: set, cancelled, and taken in order when they are due.

    A dictionary, so that what is done with every message is no call of Python.
    """

    set = dict.__setitem__
    at = dict.get

    def cancel(self, *names: Key) -> None:
        for name in names:
            self.pop(name, None)

    def next(self) -> int | None:
        """The earliest deadline, or None when there is none."""
        return min(self.values()) if self else None

    def pop_due(self, now: int) -> Key | None:
        """Take the earliest deadline that is not after `now`, or None."""
        if not self or min(self.values()) > now:
            return None
        name = min(self, key=self.__getitem__)
        del self[name]
        return name
