"""Questions that only whoever asks cares for, asked while nothing else happens: the C kernel asks such a one,
and takes the answer, by itself. Without it, or on a port that is not the system's own, the driver does.
"""

from collections.abc import Iterable
from typing import Protocol, TypeAlias

from laserlink.host_driver.lanes.port import is_plain
from laserlink.host_driver.lanes.url import Lanes
from laserlink.host_driver.lanes.watch import Watch
from laserlink.host_driver.machine import ASIDE, Host
from laserlink.host_driver.timing import HostTimer
from laserlink.protocol import _accel, catalogue
from laserlink.protocol.catalogue import Direction
from laserlink.protocol.delivery import ANSWERS
from laserlink.protocol.judge import judge_of
from laserlink.protocol.messages.layout import Record, Request
from laserlink.protocol.states import SIDEBAND, HostState
from laserlink.protocol.writer import writer

# A request that is under way: its id, the bytes that came, and what of its frame is still to be written.
UnderWay: TypeAlias = tuple[int, bytes, memoryview]


class Asking(Protocol):
    """What asks over one port, for whoever has the machine."""

    @property
    def whole(self) -> bool:
        """Whether the machine knows all that was done; else it is in pieces, if `ask` did not return."""

    def ask(self, host: Host, message: Request, seconds: float) -> Record | UnderWay | None:
        """The reply; or a request that is under way; None: nothing was done."""


# In these, an answer changes nothing of the host.
STATES = frozenset({HostState.READY, HostState.UPDATING})


def asking(lanes: Lanes, watch: Watch) -> Asking | None:
    """How to ask over open lanes; None: as everything else is asked."""
    if _accel.Asker is None or not watch.shares or not is_plain(lanes.port):
        return None
    rules = (judge_of(Direction.TO_MODULE), writer(), _kinds(), SIDEBAND, HostTimer.SILENCE)
    kernel: Asking = _accel.Asker(*rules, lanes.port.fileno(), watch.fileno(), watch.others)
    return kernel


def _kinds() -> Iterable[tuple[type[Request], tuple[type[Record], int]]]:
    """Of each such question of the control channel: the type of its answer, a bit for each legal state."""
    for kind in ASIDE:
        row = catalogue.BY_MESSAGE[kind]
        if row.first_channel == catalogue.CONTROL_CHANNEL and not row.feature:
            # The module's states have the numbers of the host's.
            states = sum(1 << state for state in STATES if state in row.states)
            yield kind, (ANSWERS[kind], states)
