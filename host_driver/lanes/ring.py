"""The optical lane of a virtual module on this machine: the consumer's side of the shared-memory ring."""

import contextlib
import time

from laserlink.cext.ring import Ring, RingConsumer, RingError, sweep
from laserlink.host_driver.errors import NoDeviceFound

# The module makes a fresh ring for each attach; this is how long the last one's end may take.
OPEN_SECONDS = 1.0
RETRY_SECONDS = 0.01


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
