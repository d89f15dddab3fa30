"""Link family: round trips, hostile payloads, and its own corners."""

from collections.abc import Callable

import pytest

from laserlink.protocol.errors import MalformedPayload
from laserlink.protocol.messages import link
from laserlink.protocol.messages.layout import Event, Record, Reply, Request

Check = Callable[[type[Record]], None]
BASES = {Record, Request, Reply, Event}
KINDS = [
    kind
    for kind in vars(link).values()
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


def test_largest_error_text() -> None:
    """80 bytes of text are an error, 81 are malformed or not built."""
    payload = bytes(link.Error(text="x" * 80))
    assert link.Error.decode(payload).text == "x" * 80
    with pytest.raises(ValueError, match="80"):
        bytes(link.Error(text="x" * 81))
    with pytest.raises(MalformedPayload, match="80"):
        link.Error.decode(payload[:-81] + b"\x51" + b"x" * 81)


def test_unknown_feature_bits_are_kept() -> None:
    """Bits that nobody knows are read, so that they can be ignored."""
    assert link.Hello.decode(bytes(link.Hello(features=1 << 63))).features == 1 << 63


def test_ping_layout() -> None:
    """A ping, byte by byte."""
    assert bytes(link.Ping(1, 2, 3)).hex() == "01020000000300000000000000"
