"""The binding of construct to dataclasses, with a record that has every kind of field."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from random import Random

import pytest
from construct import ConstructError, Int32sl

from laserlink.protocol import catalogue
from laserlink.protocol.errors import MalformedPayload
from laserlink.protocol.messages.layout import (
    Kind,
    Record,
    _flat,
    array,
    enum,
    f64,
    fields_of,
    fixed_size,
    i16,
    i64,
    octets,
    record,
    rest,
    shape_of,
    text,
    u8,
    u16,
    u32,
    u64,
)
from laserlink.tools import vectors


class Fruit(IntEnum):
    """A word of the wire."""

    APPLE = 1
    PEAR = 5


@dataclass(frozen=True)
class Point(Record):
    """A record inside another."""

    x: int = i16("to the right", "mm", -1)
    y: int = u8("up")


@dataclass(frozen=True)
class Everything(Record):
    """Every kind of field."""

    small: int = u8("one byte", default=7)
    medium: int = u16("two bytes")
    large: int = u32("four bytes")
    huge: int = u64("eight bytes")
    signed: int = i64("eight bytes", default=-1)
    real: float = f64("a double", default=0.5)
    fruit: Fruit = enum(Fruit, "a word", Fruit.PEAR)
    key: bytes = octets(3, "three bytes")
    name: str = text(6, "a name", "µm")
    points: tuple[Point, ...] = array(Point, 2, "some points")
    numbers: tuple[int, ...] = array(Int32sl, 3, "some numbers", "1/10")
    tail: bytes = rest("what is left")


@dataclass(frozen=True)
class Points(Record):
    """An array of records at the end."""

    points: tuple[Point, ...] = array(Point, 2, "some points")


EXACT = (
    "07" "0000" "00000000" "0000000000000000" "ffffffffffffffff" "000000000000e03f" "05" "000000"
    "03c2b56d" "00" "00"
)  # fmt: skip


def test_exact_bytes() -> None:
    """The defaults, byte by byte: no padding, little-endian, lengths and counts of one byte."""
    assert bytes(Everything()).hex() == EXACT
    points = bytes(Everything(points=(Point(), Point(1, 2)), numbers=(-1,), tail=b"!"))
    assert points.hex() == EXACT[:-4] + "02ffff0001000201ffffffff21"


def test_round_trip() -> None:
    """What was built is read back, nested values too."""
    value = Everything(points=(Point(3, 4),), numbers=(1, -2, 3), tail=b"tail", name="", fruit=Fruit.APPLE)
    assert Everything.decode(bytes(value)) == value


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        bytes.fromhex(EXACT)[:-1],
        bytes.fromhex(EXACT.replace("05000000", "06000000")),
        bytes.fromhex(EXACT.replace("03c2b56d", "07" + "61" * 7)),
        bytes.fromhex(EXACT.replace("03c2b56d", "02c328")),
        bytes.fromhex(EXACT[:-4] + "03" + "ffff00" * 3 + "00"),
    ],
    ids=["empty", "cut", "no such word", "text too long", "no text", "too many items"],
)
def test_malformed(payload: bytes) -> None:
    """Each way to be wrong is a MalformedPayload that names the record and carries the length."""
    with pytest.raises(MalformedPayload, match="Everything") as caught:
        Everything.decode(payload)
    assert caught.value.value == len(payload)


def test_bytes_after_the_last_field() -> None:
    """Nothing may follow a record without a rest."""
    with pytest.raises(MalformedPayload, match="after the last field"):
        Point.decode(bytes(4))


@pytest.mark.parametrize(
    "value",
    [Everything(small=256), Everything(medium=-1), Everything(name="1234567"), Everything(key=b"12"),
     Everything(points=(Point(),) * 3), Everything(numbers=(1 << 31,)), Everything(small="x"),  # type: ignore[arg-type]
     Everything(fruit=2)],  # type: ignore[arg-type]
)  # fmt: skip
def test_values_that_do_not_fit(value: Everything) -> None:
    """A value that its field cannot hold is a ValueError, whatever construct calls it."""
    with pytest.raises(ValueError, match=r"."):
        bytes(value)


def test_fixed_size() -> None:
    """A record of fixed fields has a size; one with text, arrays or a rest has none."""
    assert fixed_size(Point) == 3
    assert fixed_size(Everything) is None


def test_fields() -> None:
    """The declaration can be read: offsets while they are fixed, shapes, units, meanings, defaults."""
    infos = {info.name: info for info in fields_of(Everything)}
    assert [info.offset for info in infos.values()] == [0, 1, 3, 7, 15, 23, 31, 32, 35, None, None, None]
    names = [
        "u8",
        "u16",
        "u32",
        "u64",
        "i64",
        "f64",
        "Fruit",
        "bytes[3]",
        "text",
        "array of Point",
        "array of i32",
        "rest",
    ]
    assert [info.shape.name for info in infos.values()] == names
    kinds = [Kind.INTEGER] * 5 + [
        Kind.FLOAT,
        Kind.ENUM,
        Kind.OCTETS,
        Kind.TEXT,
        Kind.ARRAY,
        Kind.ARRAY,
        Kind.REST,
    ]
    assert [info.shape.kind for info in infos.values()] == kinds
    assert (infos["small"].default, infos["small"].meaning, infos["numbers"].unit) == (7, "one byte", "1/10")
    assert infos["fruit"].shape.members is Fruit
    assert (infos["name"].shape.limit, infos["points"].shape.limit) == (6, 2)
    item = infos["points"].shape.item
    assert item
    assert (item.kind, item.record, item.size) == (Kind.RECORD, Point, 3)


def test_bounds() -> None:
    """The bounds of an integer are what its bytes can hold."""
    x, y = fields_of(Point)
    assert (x.shape.bounds, y.shape.bounds) == ((-32768, 32767), (0, 255))


def test_shape_builds() -> None:
    """A shape builds the bytes of one value, or says why not."""
    assert shape_of(record(Point)).build(Point(1, 2)) == b"\x01\x00\x02"
    assert fields_of(Everything)[8].shape.build("ab") == b"\x02ab"
    with pytest.raises(ValueError, match="256"):
        fields_of(Point)[1].shape.build(256)


@pytest.mark.parametrize("row", catalogue.ROWS, ids=lambda row: row.message.__name__)
def test_parts_make_the_whole(row: catalogue.Row) -> None:
    """The fields of each message, built one by one, are its payload."""
    message = row.message()
    parts = (info.shape.build(getattr(message, info.name)) for info in fields_of(row.message))
    assert b"".join(parts) == bytes(message)


def by_construct(kind: type[Record], payload: bytes) -> Record | None:
    """What the declaration alone makes of a payload; None: it refuses it."""
    try:
        value: Record = record(kind).parse(payload)
    except (ConstructError, UnicodeDecodeError):
        return None
    return value if record(kind).build(value) == payload else None


EXAMPLES = [bytes.fromhex(case["hex"]) for case in vectors.frames()["cases"]]


def near(payload: bytes, random: Random) -> Iterator[bytes]:
    """The payload, all that is cut from it, some that are longer, and many with one other byte."""
    yield from (payload[:size] for size in range(min(len(payload), 40)))
    yield from (payload, payload + b"\0", payload + b"\1\2")
    for at in range(min(len(payload), 40)):
        for value in (0xFF, random.randrange(256)):
            yield payload[:at] + bytes((value,)) + payload[at + 1 :]


@pytest.mark.parametrize("row", catalogue.ROWS, ids=lambda row: row.message.__name__)
def test_reading_at_once_is_reading_by_construct(row: catalogue.Row) -> None:
    """Of every message, bytes near those of its examples mean the same to both, and so do values."""
    random, kind = Random(1), row.message
    payloads = [wire[20:-4] for wire in EXAMPLES if wire[3] == row.type]
    assert payloads
    for payload in (changed for example in payloads for changed in near(example, random)):
        expected = by_construct(kind, payload)
        try:
            # Not compared by ==: what is not a number is not equal to itself.
            assert repr(kind.decode(payload)) == repr(expected)
            assert bytes(kind.decode(payload)) == payload
        except MalformedPayload:
            assert expected is None, payload.hex()


def test_messages_are_read_at_once() -> None:
    """Every message has the short cut but one, of an array of texts; what varies in its middle has none."""
    slow = [row.message.__name__ for row in catalogue.ROWS if _flat(row.message) is None]
    assert slow == ["ControlInfos"]
    assert _flat(Everything) is None


@pytest.mark.parametrize(
    "value",
    [
        Point(x=1 << 15),
        Point(x=0.5),
        Point(y=None),
        Points((Point(y=-1),)),
        Points((Point(),) * 3),
    ],
    ids=repr,
)  # type: ignore[arg-type]
def test_values_that_do_not_fit_are_refused_by_name(value: Record) -> None:
    """What the short cut cannot write, construct refuses, and says why."""
    with pytest.raises(ValueError, match=r"Points?: "):
        bytes(value)
