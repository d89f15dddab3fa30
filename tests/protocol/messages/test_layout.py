"""The binding of construct to dataclasses, with a record that has every kind of field."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from random import Random
from typing import Any

import pytest
from construct import ConstructError, Int32sl

from laserlink.protocol import catalogue
from laserlink.protocol.errors import MalformedPayload
from laserlink.protocol.messages import layout
from laserlink.protocol.messages.layout import (
    Kind,
    Record,
    Request,
    array,
    enum,
    f64,
    fields_of,
    fixed_size,
    flat_of,
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
    slow = [row.message.__name__ for row in catalogue.ROWS if flat_of(row.message) is None]
    assert slow == ["ControlInfos"]
    assert flat_of(Everything) is None


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


@pytest.mark.parametrize("row", catalogue.ROWS, ids=lambda row: row.message.__name__)
def test_a_message_that_has_the_short_cut_takes_it(row: catalogue.Row) -> None:
    """Its examples and its defaults need no construct, which takes a hundred times as long."""
    flat = flat_of(row.message)
    payloads = [*(wire[20:-4] for wire in EXAMPLES if wire[3] == row.type), bytes(row.message())]
    for payload in payloads if flat is not None else ():
        read = flat.decode(payload)
        assert repr(read) == repr(row.message.decode(payload)) and flat.encode(read) == payload


@dataclass(frozen=True)
class Named(Record):
    """A word, bytes, and a text at the end."""

    fruit: Fruit = enum(Fruit, "a word", Fruit.PEAR)
    key: bytes = octets(2, "two bytes")
    name: str = text(3, "a name")


@dataclass(frozen=True)
class Numbers(Record):
    """Numbers at the end."""

    first: int = u8("one")
    numbers: tuple[int, ...] = array(Int32sl, 2, "some numbers")


@dataclass(frozen=True)
class Nothing(Record):
    """No field at all."""


REFUSED: list[tuple[Record | type[Record], bytes, list[str]]] = [
    (Named, b"\x06ab\0", ["Named:", "6 is no Fruit"]),
    (Named, b"\x01ab\x04abcd", ["Named:", "a text of more than 3 bytes"]),
    (Named, b"\x01ab\x03ab", ["Named:"]),
    (Named, b"\x01ab\x01abc", ["Named: bytes after the last field"]),
    (Named, b"\x01ab", ["Named:"]),
    (Named, b"\x01ab\x01\xff", ["Named:"]),
    (Numbers, b"\x01\x03" + bytes(12), ["Numbers:", "3 items where 2 are allowed"]),
    (Numbers, b"\x01\x02" + bytes(7), ["Numbers:"]),
    (Numbers, b"\x01\x02" + bytes(9), ["Numbers: bytes after the last field"]),
    (Points, b"\x03" + bytes(9), ["Points:", "3 items where 2 are allowed"]),
    (Points, b"\x01" + bytes(4), ["Points: bytes after the last field"]),
    (Nothing, b"x", ["Nothing: bytes after the last field"]),
]


@pytest.mark.parametrize(("kind", "payload", "words"), REFUSED, ids=lambda value: repr(value)[:40])
def test_a_payload_that_is_refused_is_told_why(kind: type[Record], payload: bytes, words: list[str]) -> None:
    """The record, the value, and how much would have been allowed; its length is the value."""
    with pytest.raises(MalformedPayload) as raised:
        kind.decode(payload)
    assert all(word in str(raised.value) for word in words) and "\n" not in str(raised.value)
    assert raised.value.value == len(payload)


@pytest.mark.parametrize(
    ("value", "payload"),
    [
        (Named(Fruit.APPLE, b"ab", "µm"), b"\x01ab\x03\xc2\xb5m"),
        (Named(Fruit.PEAR, b"ab", ""), b"\x05ab\x00"),
        (Numbers(7, (-1, 2)), b"\x07\x02\xff\xff\xff\xff\x02\0\0\0"),
        (Numbers(7), b"\x07\x00"),
        (Points((Point(1, 2), Point(-1, 255))), b"\x02\x01\0\x02\xff\xff\xff"),
        (Point(258, 3), b"\x02\x01\x03"),
        (Nothing(), b""),
    ],
    ids=repr,
)
def test_the_short_cut_reads_and_writes_what_stands_in_the_declaration(value: Record, payload: bytes) -> None:
    """Both ways, each in one go, as the declaration does."""
    kind = type(value)
    flat = flat_of(kind)
    assert flat is not None
    assert flat.encode(value) == payload == record(kind).build(value) == bytes(value)
    assert flat.decode(payload) == value == record(kind).parse(payload) == kind.decode(payload)
    assert flat.decode(payload + b"\0") is None and (not payload or flat.decode(payload[:-1]) is None)


@pytest.mark.parametrize(
    "value",
    [
        Named(key=b"abc"),
        Named(key=b"a"),
        Named(name="abcd"),
        Named(name="µµ"),
        Numbers(numbers=(1, 2, 3)),
        Numbers(numbers=(1 << 31,)),
        Numbers(numbers=7),  # type: ignore[arg-type]
        Points((Point(x=1 << 15),)),
    ],
    ids=repr,
)
def test_the_short_cut_writes_nothing_that_does_not_fit(value: Record) -> None:
    """It leaves it to the declaration, which says by name what is wrong."""
    flat = flat_of(type(value))
    assert flat is not None and flat.encode(value) is None
    with pytest.raises(ValueError, match=rf"^{type(value).__name__}: \S"):
        bytes(value)


def test_the_short_cut_writes_nothing_of_another_kind() -> None:
    """No word of that number, no text, no such record, no record at all."""
    wrong: list[tuple[type[Record], Any]] = [
        (Named, Named(fruit=2)),  # type: ignore[arg-type]
        (Named, Named(name=7)),  # type: ignore[arg-type]
        (Points, Points((Numbers(),))),  # type: ignore[arg-type]
        (Points, Point()),
        (Point, Named()),
    ]
    for kind, value in wrong:
        flat = flat_of(kind)
        assert flat is not None and flat.encode(value) is None


def test_a_word_may_be_given_as_its_number() -> None:
    """Where it is one; a list does for a tuple."""
    assert bytes(Named(fruit=1)) == b"\x01\0\0\0"  # type: ignore[arg-type]
    assert bytes(Numbers(numbers=[1])) == b"\0\x01\x01\0\0\0"  # type: ignore[arg-type]
    assert bytes(Everything(fruit=1, points=[Point()])) == bytes(  # type: ignore[arg-type]
        Everything(fruit=Fruit.APPLE, points=(Point(),))
    )


def test_units_and_defaults_are_as_declared() -> None:
    """What has no unit has none; texts and arrays say how much they hold."""
    infos = {info.name: info for info in fields_of(Everything)}
    assert {info.unit for name, info in infos.items() if name not in ("name", "points", "numbers")} == {""}
    assert [infos[name].unit for name in ("name", "points", "numbers")] == [
        "at most 6 bytes", "at most 2", "1/10",
    ]  # fmt: skip
    assert [info.meaning for info in infos.values()] == [
        "one byte", "two bytes", "four bytes", "eight bytes", "eight bytes", "a double", "a word",
        "three bytes", "a name", "some points", "some numbers", "what is left",
    ]  # fmt: skip
    assert [info.default for info in infos.values()] == [
        7, 0, 0, 0, -1, 0.5, Fruit.PEAR, bytes(3), "µm", (), (), b"",
    ]  # fmt: skip
    assert [info.unit for info in fields_of(Point)] == ["mm", ""]
    assert infos["numbers"].shape.item is not None
    assert (infos["numbers"].shape.item.format, infos["key"].shape.format) == ("l", "3s")
    assert [info.shape.size for info in infos.values()] == [1, 2, 4, 8, 8, 8, 1, 3, None, None, None, None]


def test_every_width_of_integer_has_its_bounds() -> None:
    """Of one to eight bytes, with and without a sign; at its bounds a value fits, beyond it does not."""
    bounds = {
        info.name: info.shape.bounds for info in fields_of(Everything) if info.shape.kind is Kind.INTEGER
    }
    assert bounds == {
        "small": (0, 255), "medium": (0, 65_535), "large": (0, (1 << 32) - 1), "huge": (0, (1 << 64) - 1),
        "signed": (-(1 << 63), (1 << 63) - 1),
    }  # fmt: skip
    for name, (least, most) in bounds.items():
        for value in (least, most):
            assert getattr(Everything.decode(bytes(Everything(**{name: value}))), name) == value
        for value in (least - 1, most + 1):
            with pytest.raises(ValueError, match=r"^Everything: \S"):
                bytes(Everything(**{name: value}))


def test_a_request_is_the_same_under_another_id() -> None:
    """And the first one is left as it is."""
    for row in catalogue.ROWS:
        if issubclass(row.message, Request):
            first = row.message()
            again = first.numbered(0x1234)
            assert (again.request_id, first.request_id, type(again)) == (0x1234, 0, row.message)
            assert replace(again, request_id=0) == first


def test_what_a_shape_cannot_build_is_named() -> None:
    """The value itself, and why."""
    with pytest.raises(ValueError, match=r"^256: \S"):
        fields_of(Point)[1].shape.build(256)
    with pytest.raises(ValueError, match=r"^'x': \S"):
        fields_of(Point)[0].shape.build("x")


def test_nothing_that_has_the_short_cut_asks_construct(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages are read and written for every frame; construct is there for what is wrong with them."""
    messages = [row.message() for row in catalogue.ROWS if flat_of(row.message) is not None]
    monkeypatch.delattr(layout, "record")
    for message in messages:
        assert type(message).decode(bytes(message)) == message
