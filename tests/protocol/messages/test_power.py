"""Power family: round trips, hostile payloads, and its own corners."""

from collections.abc import Callable

import pytest

from laserlink.protocol.errors import MalformedPayload
from laserlink.protocol.messages import power
from laserlink.protocol.messages.layout import Event, Record, Reply, Request

Check = Callable[[type[Record]], None]
BASES = {Record, Request, Reply, Event}
KINDS = [
    kind
    for kind in vars(power).values()
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


def test_too_many_offers() -> None:
    """Seven offers are taken, an eighth is not."""
    seven = power.PowerCapabilities(offers=(power.PowerOffer(),) * 7)
    payload = bytes(seven)
    assert power.PowerCapabilities.decode(payload) == seven
    with pytest.raises(MalformedPayload, match="7"):
        power.PowerCapabilities.decode(payload[:2] + b"\x08" + payload[3:] + payload[-4:])


def test_negative_temperature() -> None:
    """Cold is a negative number."""
    assert power.TemperatureEvent.decode(b"\x00\x9c\xff").temperature_centi_c == -100


def test_unknown_cause() -> None:
    """A cause that is none is malformed."""
    with pytest.raises(MalformedPayload, match="PowerCause"):
        power.PowerRevoke.decode(b"\x01\x00\x09")
