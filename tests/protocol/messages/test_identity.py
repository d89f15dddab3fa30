"""Identity family: round trips, hostile payloads, and its own corners."""

from collections.abc import Callable

import pytest

from laserlink.protocol.limits import DESCRIPTOR_BYTES_MAX, MODES_MAX
from laserlink.protocol.messages import identity
from laserlink.protocol.messages.layout import Event, Record, Reply, Request

Check = Callable[[type[Record]], None]
BASES = {Record, Request, Reply, Event}
KINDS = [
    kind
    for kind in vars(identity).values()
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


def test_full_descriptor_is_within_its_limit() -> None:
    """The longest descriptor, with all modes and texts, is shorter than the limit."""
    mode = identity.SensorMode(name="x" * 32)
    full = identity.Descriptor(
        vendor="x" * 32, product="x" * 32, serial="x" * 32, firmware="x" * 32, colour_matrix=(-1,) * 9,
        neutral=(10_000,) * 3, modes=(mode,) * MODES_MAX,
    )  # fmt: skip
    assert len(bytes(full)) <= DESCRIPTOR_BYTES_MAX
    assert identity.Descriptor.decode(bytes(full)) == full


def test_part_takes_the_rest() -> None:
    """A part is what stands behind its offset, also nothing."""
    part = identity.DescriptorPart.decode(bytes.fromhex("0100 0a00 0200 61"))
    assert (part.request_id, part.total_bytes, part.offset, part.part) == (1, 10, 2, b"a")
    assert identity.DescriptorPart.decode(bytes(6)).part == b""
