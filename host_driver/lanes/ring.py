"""The optical lane of a virtual module on this machine: the consumer's side of the shared-memory ring."""

import contextlib
import time
from collections.abc import Sequence
from typing import Any, Protocol

from laserlink.cext.ring import Ring, RingConsumer, RingError, sweep
from laserlink.host_driver.errors import NoDeviceFound

# The module makes a fresh ring for each attach; this is how long the last one's end may take.
OPEN_SECONDS = 1.0
RETRY_SECONDS = 0.01


class RingLane(Protocol):
    """What a host needs of an optical lane: the consumer's side of a ring, or what stands in for one."""

    @property
    def light(self) -> bool:
        """Does the laser shine? Raises RingError."""

    @property
    def session(self) -> int:
        """The session of the frames in it, 0 for none. Raises RingError."""

    @property
    def data_bytes(self) -> int:
        """The most that it holds."""

    @property
    def moves_images(self) -> bool:
        """Whether `receive_images` takes anything."""

    def data(self) -> memoryview:
        """What may be read now; empty for nothing. Raises RingError."""

    def release(self, size: int) -> None:
        """Give the first `size` bytes of the last `data()` back."""

    def receive_images(self, session: int, max_payload: int, slots: Sequence[Any]) -> int:
        """Place whole good chunks in their pictures; how many bytes were taken."""

    def fileno(self) -> int:
        """What becomes readable after `arm()` was True."""

    def arm(self, wanted: int = 1) -> bool:
        """Ask to be woken; False when `wanted` bytes are there already."""

    def stay_awake(self, until_ns: int, other: int = -1) -> bool:
        """Look for bytes until then, or until `other` is readable; whether there are any. False: sleep."""

    def clear(self) -> None:
        """Drain the doorbell."""

    def close(self) -> None:
        """Let go of it. Twice is fine."""


def open_ring(name: str) -> RingConsumer:
    """Open the ring `name` of this user; rings of dead modules are removed on the way.

    Raises:
        NoDeviceFound: there is none within a second, or it is not to be trusted.
    """
    with contextlib.suppress(RingError):
        sweep()
    end = time.monotonic() + OPEN_SECONDS
    while True:
        try:
            return Ring.open(name)
        except RingError as error:
            if time.monotonic() > end:
                hint = "Is the module still being served? Its URL is printed when it starts."
                raise NoDeviceFound(str(error), hint) from None
        time.sleep(RETRY_SECONDS)
