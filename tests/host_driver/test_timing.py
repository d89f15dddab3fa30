"""The host's timers have names, and each is one that the machine knows what to do with."""

from laserlink.host_driver.machine import EXPIRED
from laserlink.host_driver.timing import HostTimer


def test_every_timer_is_an_input_or_something_that_the_host_does_itself() -> None:
    """What expires is never unknown."""
    itself = {HostTimer.SEATING, HostTimer.HELLO, HostTimer.PING, HostTimer.SILENCE}
    assert set(EXPIRED) | itself == set(HostTimer)
    assert not set(EXPIRED) & itself
