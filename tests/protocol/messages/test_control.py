"""Control family: round trips, hostile payloads, and its own corners."""

from collections.abc import Callable

import pytest

from laserlink.protocol.errors import MalformedPayload
from laserlink.protocol.messages import control
from laserlink.protocol.messages.control import ValueType, decode_value, encode_value
from laserlink.protocol.messages.layout import Event, Record, Reply, Request

Check = Callable[[type[Record]], None]
BASES = {Record, Request, Reply, Event}
KINDS = [
    kind
    for kind in vars(control).values()
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


@pytest.mark.parametrize(
    ("kind", "value", "raw"),
    [
        (ValueType.BOOL, True, "0100000000000000"),
        (ValueType.INTEGER, -2, "feffffffffffffff"),
        (ValueType.INTEGER, (1 << 63) - 1, "ffffffffffffff7f"),
        (ValueType.FLOAT, 1.5, "000000000000f83f"),
        (ValueType.FLOAT, 2, "0000000000000040"),
        (ValueType.RECTANGLE, (1, 2, 640, 65535), "010002008002ffff"),
    ],
)
def test_values(kind: ValueType, value: control.Value, raw: str) -> None:
    """Values take eight bytes, low byte first, and come back."""
    assert encode_value(kind, value).hex() == raw
    assert decode_value(kind, bytes.fromhex(raw)) == value


@pytest.mark.parametrize(
    ("kind", "value"), [(ValueType.INTEGER, 1.5), (ValueType.BOOL, 0.0), (ValueType.INTEGER, 1 << 63)]
)
def test_values_that_do_not_fit(kind: ValueType, value: control.Value) -> None:
    """A fraction is no integer, and 2^63 does not fit."""
    with pytest.raises(ValueError, match=r"whole|range|format"):
        encode_value(kind, value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (ValueType.RECTANGLE, 7),
        (ValueType.INTEGER, (1, 2, 3, 4)),
        (ValueType.RECTANGLE, (1, 2, 3)),
        (ValueType.RECTANGLE, (1, 2, 3, 65_536)),
        (ValueType.RECTANGLE, (-1, 2, 3, 4)),
    ],
)
def test_rectangles_are_four_small_numbers(kind: ValueType, value: control.Value) -> None:
    """And nothing else is a rectangle."""
    with pytest.raises(ValueError, match=r"no |expected|format|range"):
        encode_value(kind, value)


@pytest.mark.parametrize(
    ("kind", "raw"), [(ValueType.BOOL, b"\x02" + bytes(7)), (ValueType.FLOAT, b"\xff" * 8)]
)
def test_malformed_values(kind: ValueType, raw: bytes) -> None:
    """A bool is 0 or 1, and a float is a number."""
    with pytest.raises(MalformedPayload):
        decode_value(kind, raw)


@pytest.mark.parametrize("number", [2, -1, -(1 << 63)])
def test_a_bool_that_is_none_is_named(number: int) -> None:
    """The text has the number, and the value its 64 bits."""
    with pytest.raises(MalformedPayload, match=f"a bool of {number}$") as raised:
        decode_value(ValueType.BOOL, number.to_bytes(8, "little", signed=True))
    assert raised.value.value == number % (1 << 64)
