"""Bytes to and from a module, with the time at which they came: a port, and maybe a ring, or a stand-in."""

import select
import time
from typing import Protocol

from laserlink.cext.ring import RingError
from laserlink.host_driver.lanes.port import PortClosed
from laserlink.host_driver.lanes.url import Lanes
from laserlink.protocol.messages.link import LaneOffer
from laserlink.protocol.states import LaneKind
from laserlink.protocol.timers import NS_PER_S

# A port without a descriptor is asked this often.
POLL_SECONDS = 0.002
# A port that takes no byte for this long is as good as closed.
WRITE_SECONDS = 5.0
# The light is looked at this often, at least.
LOOK_NS = 5_000_000


class Line(Protocol):
    """What the bench needs of a line; time is integer nanoseconds, whatever clock it is."""

    offers: tuple[LaneOffer, ...]

    @property
    def light(self) -> bool | None:
        """Whether the laser shines; None where there is no laser."""

    def now(self) -> int:
        """The time."""

    def write(self, data: bytes) -> None:
        """Send all of it on the sideband. Raises PortClosed."""

    def wait(self, until: int) -> list[tuple[LaneKind, bytes]]:
        """What has come, as soon as something has, and no later than `until`. Raises PortClosed."""


class LanesLine:
    """Open lanes as a line."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self.offers = lanes.offers

    @property
    def light(self) -> bool | None:
        ring = self._lanes.ring
        return None if ring is None else ring.light

    def now(self) -> int:
        return time.monotonic_ns()

    def write(self, data: bytes) -> None:
        port, end = self._lanes.port, time.monotonic() + WRITE_SECONDS
        left = memoryview(data)
        while left:
            count = port.write(left)
            left = left[count:]
            if count:
                end = time.monotonic() + WRITE_SECONDS
            elif time.monotonic() > end:
                raise PortClosed(f"{port.name} takes no bytes any more")
            elif port.fileno() < 0:
                time.sleep(POLL_SECONDS)
            else:
                select.select([], [port.fileno()], [], POLL_SECONDS)

    def wait(self, until: int) -> list[tuple[LaneKind, bytes]]:
        if found := self._take():
            return found
        now = self.now()
        if self.light is not None:
            until = min(until, now + LOOK_NS)
        if until > now:
            self._sleep((until - now) / NS_PER_S)
        return self._take()

    def _take(self) -> list[tuple[LaneKind, bytes]]:
        # The ring first: what was sent on it before an answer on the sideband is to be seen before that.
        found = [(LaneKind.OPTICAL, self._take_ring()), (LaneKind.SIDEBAND, self._lanes.port.read())]
        return [item for item in found if item[1]]

    def _take_ring(self) -> bytes:
        ring = self._lanes.ring
        if ring is None:
            return b""
        try:
            shown = ring.data()
            data = bytes(shown)
            shown.release()
            ring.release(len(data))
        except RingError as error:
            raise PortClosed(f"the ring: {error}") from None
        return data

    def _sleep(self, seconds: float) -> None:
        descriptor, ring = self._lanes.port.fileno(), self._lanes.ring
        if descriptor < 0:
            time.sleep(min(seconds, POLL_SECONDS))
            return
        readable = [descriptor]
        if ring is not None:
            if not ring.arm():
                return
            readable.append(ring.fileno())
        select.select(readable, [], [], seconds)
        if ring is not None:
            ring.clear()
