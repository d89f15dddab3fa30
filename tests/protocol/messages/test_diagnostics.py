"""Diagnostics family: round trips, hostile payloads, and its own corners."""

from collections.abc import Callable

import pytest

from laserlink.protocol.errors import MalformedPayload
from laserlink.protocol.messages import diagnostics
from laserlink.protocol.messages.layout import Event, Record, Reply, Request
from laserlink.protocol.prbs import pattern

Check = Callable[[type[Record]], None]
BASES = {Record, Request, Reply, Event}
KINDS = [
    kind
    for kind in vars(diagnostics).values()
    if isinstance(kind, type) and issubclass(kind, Record) and kind not in BASES
]


@pytest.mark.parametrize("kind", KINDS)
def test_round_trip(kind: type[Record], check_round_trip: Check) -> None:
    """Any values of any message of the family survive, and cut or over-long payloads are malformed."""
    check_round_trip(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_garbage(kind: type[Record], check_garbage: Check) -> None:
    """Any bytes are malformed, or exactly what the message builds."""
    check_garbage(kind)


def test_pattern_of_a_whole_frame() -> None:
    """The pattern fills the largest payload."""
    message = diagnostics.Prbs31(pattern(1, 4072))
    assert diagnostics.Prbs31.decode(bytes(message)) == message


def test_empty_echo() -> None:
    """An echo of nothing is an echo."""
    assert diagnostics.Echo.decode(b"\x01\x00") == diagnostics.Echo(1, b"")


def test_lane_that_is_none() -> None:
    """A lane that does not exist is malformed."""
    with pytest.raises(MalformedPayload, match="LaneKind"):
        diagnostics.Train.decode(b"\x01\x00\x07")
