"""What the host makes of a descriptor: modes by name, and the mode that suits a line."""

import pytest

from laserlink.host_driver.identity import mode_named, suitable_mode, transfer_ns
from laserlink.protocol.errors import LocalProtocolError
from laserlink.protocol.messages.identity import Descriptor, SensorMode
from laserlink.protocol.messages.link import LaneOffer
from laserlink.protocol.states import LaneKind, LineCoding
from laserlink.protocol.timers import NS_PER_MS

FULL = SensorMode(id=0, name="still-full", width=11648, height=8736, default_bits=12)
SMALL = SensorMode(id=1, name="preview", width=728, height=546, default_bits=10)
TINY = SensorMode(id=2, name="thumbnail", width=64, height=48, default_bits=8)
DESCRIPTOR = Descriptor(modes=(FULL, SMALL, TINY))


def line(rate_bps: int) -> LaneOffer:
    """A serial line of a rate."""
    return LaneOffer(kind=LaneKind.SIDEBAND, coding=LineCoding.UART_8N1, rate_bps=rate_bps)


def test_the_time_of_a_transfer_counts_ten_bits_a_byte() -> None:
    """64 x 48 pixels of RAW8 are 3,072 bytes: 30.72 ms at 1 Mb/s; a line without a rate takes no time."""
    assert transfer_ns(TINY, line(1_000_000)) == 30_720_000 and transfer_ns(FULL, line(0)) == 0


@pytest.mark.parametrize(
    ("rate_bps", "expected"),
    [(0, FULL), (10_000_000_000, FULL), (1_000_000, SMALL), (115_200, TINY), (100, TINY)],
)
def test_the_mode_that_suits_a_line_is_the_first_it_carries_in_ten_seconds(
    rate_bps: int, expected: SensorMode
) -> None:
    """The full frame on the laser, a smaller mode on a serial line, the quickest when all are slow."""
    assert suitable_mode(DESCRIPTOR, line(rate_bps)) is expected


def test_exactly_ten_seconds_suit_and_a_millisecond_more_does_not() -> None:
    """The bound is ten seconds, not about ten."""
    rate = 728 * 546 * 10 // 8
    assert abs(transfer_ns(SMALL, line(rate)) - 10_000 * NS_PER_MS) < NS_PER_MS
    assert suitable_mode(DESCRIPTOR, line(rate)) is SMALL
    assert suitable_mode(DESCRIPTOR, line(rate - rate // 5_000)) is TINY


def test_a_mode_that_is_not_there_is_a_mistake_of_the_caller() -> None:
    """The error lists the modes that there are; a module without modes says so."""
    assert mode_named(DESCRIPTOR, "preview") is SMALL
    with pytest.raises(LocalProtocolError, match="still-full, preview, thumbnail"):
        mode_named(DESCRIPTOR, "video")
    with pytest.raises(LocalProtocolError, match="no modes"):
        suitable_mode(Descriptor(modes=()), line(0))
