"""Image family: round trips, hostile payloads, and its own corners."""

from collections.abc import Callable

import pytest

from laserlink.protocol.errors import MalformedPayload
from laserlink.protocol.messages import image
from laserlink.protocol.messages.layout import Event, Record, Reply, Request

Check = Callable[[type[Record]], None]
BASES = {Record, Request, Reply, Event}
KINDS = [
    kind
    for kind in vars(image).values()
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


def test_chunk_is_the_rest() -> None:
    """Image data: id, offset, and all that follows."""
    data = image.ImageData.decode(bytes.fromhex("07000000 0010000000000000 aabb"))
    assert (data.image_id, data.offset, data.chunk) == (7, 4096, b"\xaa\xbb")


def test_too_many_ranges() -> None:
    """Sixteen ranges are asked for at once, never seventeen."""
    payload = bytes(image.Resend(ranges=(image.Range(),) * 16))
    assert len(image.Resend.decode(payload).ranges) == 16
    with pytest.raises(MalformedPayload, match="16"):
        image.Resend.decode(payload[:5] + b"\x11" + payload[6:] + bytes(12))


def test_unknown_encoding() -> None:
    """An encoding that nobody speaks is malformed, not guessed."""
    payload = bytearray(bytes(image.ImageStart()))
    payload[10] = 1
    with pytest.raises(MalformedPayload, match="Encoding"):
        image.ImageStart.decode(bytes(payload))
