"""The kernel that reads and writes payloads against its reference, for every message of the protocol."""

import dataclasses
from collections.abc import Iterator
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from laserlink.cext import kernels
from laserlink.protocol import catalogue
from laserlink.protocol.messages import flat, layout
from laserlink.tools import vectors

if kernels is None:
    pytest.skip("the C kernels are not in use", allow_module_level=True)

EXAMPLES = [bytes.fromhex(case["hex"]) for case in vectors.frames()["cases"]]


@pytest.fixture(scope="module")
def references() -> Iterator[dict[type, Any]]:
    """How the reference reads every message."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "Flat", flat.Flat)
        layout.flat_of.cache_clear()  # type: ignore[attr-defined]
        yield {row.message: layout.flat_of(row.message) for row in catalogue.ROWS}
    layout.flat_of.cache_clear()  # type: ignore[attr-defined]


def kernel_of(kind: type, reference: Any) -> Any:
    """The kernel's layout of the same fields."""
    fields = tuple(
        (info.name, info.shape.format, layout._members_of(info.shape))
        for info in layout.fields_of(kind)
        if info.shape.size is not None
    )
    if reference.tail is None:
        return kernels.Flat(kind, fields)
    *tail, item = reference.tail
    return kernels.Flat(kind, fields, (*tail, None if item is None else kernel_of(item.kind, item)))


def near(payload: bytes, random: Random) -> Iterator[bytes]:
    """The payload, cut anywhere, too long, and with one other byte anywhere."""
    yield from (payload[:size] for size in range(len(payload)))
    yield from (payload, payload + b"\0", payload + random.randbytes(30))
    for at in range(len(payload)):
        for value in (0, 0xFF, random.randrange(256)):
            yield payload[:at] + bytes((value,)) + payload[at + 1 :]


@pytest.mark.parametrize("row", catalogue.ROWS, ids=lambda row: row.message.__name__)
def test_every_message(row: catalogue.Row, references: dict[type, Any]) -> None:
    """Bytes near those of its examples, and any others, are the same message to both, or none."""
    reference = references[row.message]
    if reference is None:
        assert row.message.__name__ == "ControlInfos"
        return
    kernel, random = kernel_of(row.message, reference), Random(row.type)
    examples = [wire[20:-4] for wire in EXAMPLES if wire[3] == row.type]
    hostile = [random.randbytes(random.randrange(80)) for _ in range(200)]
    assert examples
    for payload in (*hostile, *(changed for example in examples for changed in near(example, random))):
        found = kernel.decode(payload)
        # Not compared by ==: what is not a number is not equal to itself.
        assert repr(found) == repr(reference.decode(payload))
        if found is not None:
            assert kernel.encode(found) == reference.encode(found) == payload


def test_more_fields_than_there_is_room_for() -> None:
    """The kernel's table has an end, and says so."""
    with pytest.raises(ValueError, match="48 fields"):
        kernels.Flat(catalogue.Row, tuple((f"field_{at}", "B", None) for at in range(49)))


def test_a_tail_with_a_longer_count_than_a_byte() -> None:
    """What no count holds is refused as the layout is made."""
    with pytest.raises(ValueError, match="at most 255"):
        kernels.Flat(catalogue.Row, (), ("tail", "B", 256, None))


@dataclasses.dataclass(frozen=True)
class Loose:
    """A record without slots: its fields are found by their names."""

    number: int = 0
    rest: bytes = b""


@dataclasses.dataclass(frozen=True, slots=True)
class Tight(Loose):
    """One with a dictionary all the same, and a slot that hides a field."""

    rest: bytes = b""


@pytest.mark.parametrize("kind", [Loose, Tight])
def test_records_with_slots_and_without(kind: type[Any]) -> None:
    """Read, written and numbered as by the reference, also as another kind that has the same names."""
    fields, tail = (("number", "H", None),), ("rest", "rest", 0, None)
    both = kernels.Flat(kind, fields, tail), flat.Flat(kind, fields, tail)
    for made in both:
        record = made.decode(b"\x07\x00abc")
        assert record == kind(7, b"abc") and made.encode(record) == b"\x07\x00abc"
        assert made.numbered(record, 9) == kind(9, b"abc") and record == kind(7, b"abc")
        assert made.encode(SimpleNamespace(number=1, rest=b"")) == b"\x01\x00"
        assert made.encode(SimpleNamespace(number=1)) is None
        with pytest.raises(TypeError, match="is no"):
            made.numbered(SimpleNamespace(number=1, rest=b""), 9)


def test_a_slot_of_another_kind_is_not_believed() -> None:
    """Its place is no place in this one: the field is set by its name, which the descriptor refuses."""

    class Borrower:
        rest = Tight.rest

    with pytest.raises(TypeError):
        kernels.Flat(Borrower, (), ("rest", "rest", 0, None)).decode(b"x")


def test_a_record_that_was_never_filled() -> None:
    """A field that is not there is no field: nothing is written, nothing is copied."""
    (row,) = (row for row in catalogue.ROWS if row.message.__name__ == "ControlGet")
    made = layout.flat_of(row.message)
    empty = object.__new__(row.message)
    assert made is not None and made.encode(empty) is None
    with pytest.raises(AttributeError):
        made.numbered(empty, 1)
