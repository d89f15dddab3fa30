"""Bulk family: round trips, hostile payloads, and its own corners."""

from collections.abc import Callable

import pytest

from laserlink.protocol.errors import MalformedPayload
from laserlink.protocol.messages import bulk
from laserlink.protocol.messages.layout import Event, Record, Reply, Request

Check = Callable[[type[Record]], None]
BASES = {Record, Request, Reply, Event}
KINDS = [
    kind
    for kind in vars(bulk).values()
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


def test_file_name() -> None:
    """A name of 32 bytes is taken, one of 33 is not."""
    payload = bytes(bulk.FileRead(name="n" * 32))
    assert bulk.FileRead.decode(payload).name == "n" * 32
    with pytest.raises(MalformedPayload, match="32"):
        bulk.FileRead.decode(payload[:6] + b"\x21" + b"n" * 33)


def test_name_that_is_no_text() -> None:
    """Bytes that are no UTF-8 are malformed."""
    with pytest.raises(MalformedPayload):
        bulk.FileRead.decode(bytes(6) + b"\x02\xc3\x28")
