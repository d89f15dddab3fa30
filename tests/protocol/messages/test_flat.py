"""Records at once: reference and kernel read and write alike, also what does not fit."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laserlink.cext import kernels
from laserlink.protocol.messages import flat

WAYS: list[Any] = [flat.Flat] if kernels is None else [flat.Flat, kernels.Flat]


class Fruit(IntEnum):
    """A word of the wire."""

    APPLE = 1
    PEAR = 5


@dataclass(frozen=True)
class Head:
    """Every kind of field of a fixed size."""

    small: int = 7
    medium: int = 300
    large: int = 1 << 31
    huge: int = 1 << 63
    short: int = -2
    middle: int = -3
    long: int = -4
    real: float = 0.5
    fruit: Fruit = Fruit.PEAR
    key: bytes = b"abc"


@dataclass(frozen=True)
class Tailed:
    """A number, and something behind it."""

    number: int
    tail: Any


MEMBERS = {int(member): member for member in Fruit}
HEAD = tuple(zip(
    ("small", "medium", "large", "huge", "short", "middle", "long", "real", "fruit", "key"),
    ("B", "H", "L", "Q", "h", "l", "q", "d", "B", "3s"),
    (None,) * 8 + (MEMBERS, None),
    strict=True,
))  # fmt: skip
TAILS = ("rest", "text", "B", "l", "d", "items")


def layouts(form: str | None) -> list[Any]:
    """The layout of `Head`, or of `Tailed` with such a tail, by every way."""
    if form is None:
        return [way(Head, HEAD) for way in WAYS]
    fields = (("number", "H", None),)
    items = [way(Head, HEAD) if form == "items" else None for way in WAYS]
    return [way(Tailed, fields, ("tail", form, 3, item)) for way, item in zip(WAYS, items, strict=True)]


LAYOUTS = {form: layouts(form) for form in (None, *TAILS)}
HEAD_BYTES = 1 + 2 + 4 + 8 + 2 + 4 + 8 + 8 + 1 + 3


def decode(form: str | None, payload: bytes) -> Any:
    """What all ways read. Not compared by ==: what is not a number is not equal to itself."""
    found, *others = (layout.decode(payload) for layout in LAYOUTS[form])
    assert all(repr(other) == repr(found) for other in others)
    return found


def encode(form: str | None, value: Any) -> Any:
    """What all ways write."""
    found, *others = (layout.encode(value) for layout in LAYOUTS[form])
    assert all(other == found for other in others)
    return found


SAMPLES = {
    None: Head(),
    "rest": Tailed(1, b"anything"),
    "text": Tailed(1, "µ"),
    "B": Tailed(1, (1, 2, 255)),
    "l": Tailed(1, (-1, 7)),
    "d": Tailed(1, (0.5, -1e300)),
    "items": Tailed(1, (Head(), Head(small=8, fruit=Fruit.APPLE))),
}


def test_exact_bytes() -> None:
    """Little-endian, in the order of the fields."""
    assert encode(None, Head()).hex() == (
        "07" "2c01" "00000080" "0000000000000080" "feff" "fdffffff" "fcffffffffffffff" "000000000000e03f"
        "05" "616263"
    )  # fmt: skip
    assert encode("text", SAMPLES["text"]) == b"\x01\x00\x02\xc2\xb5"


@pytest.mark.parametrize("form", SAMPLES)
def test_back_and_forth(form: str | None) -> None:
    """What is written is read again, hashes and all; one byte less, or more, is not read."""
    value = SAMPLES[form]
    payload = encode(form, value)
    found = decode(form, payload)
    assert found == value
    assert hash(found) == hash(value)
    if form != "rest":
        assert decode(form, payload[:-1]) is decode(form, payload + b"\0") is None
    assert decode(form, payload[:1]) is None


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(list(SAMPLES)), st.integers(0, 120), st.integers(0, 255), st.binary(max_size=4))
def test_bytes_near_good_ones(form: str | None, at: int, value: int, more: bytes) -> None:
    """Any byte changed, cut or followed by others: all read the same, and what is read is those bytes."""
    payload = bytearray(encode(form, SAMPLES[form]))
    payload[at % len(payload)] = value
    for data in (bytes(payload), bytes(payload) + more, bytes(payload[: at % len(payload)])):
        found = decode(form, data)
        assert found is None or encode(form, found) == data


@settings(deadline=None)
@given(st.sampled_from(list(SAMPLES)), st.binary(max_size=2 + 1 + 3 * HEAD_BYTES + 1))
def test_any_bytes(form: str | None, data: bytes) -> None:
    """Bytes that nobody wrote."""
    found = decode(form, data)
    assert found is None or encode(form, found) == data


class Index:
    """Stands for a number, as those of numpy do."""

    def __index__(self) -> int:
        return 9


ODD: list[Any] = [
    -1, 0, 1, 5, 255, 256, -129, 1 << 15, -(1 << 15) - 1, 1 << 16, 1 << 31, -(1 << 31) - 1, 1 << 32, 1 << 63,
    -(1 << 63) - 1, 1 << 64, 10**400, True, 0.5, 2.0, float("inf"), None, "text", b"abc", b"abcd",
    bytearray(b"xyz"), memoryview(b"abc"), Fruit.APPLE, Index(), (), [1, 2], ["x"],
]  # fmt: skip


@pytest.mark.parametrize("odd", ODD, ids=[f"{type(odd).__name__}-{at}" for at, odd in enumerate(ODD)])
def test_odd_values(odd: Any) -> None:
    """Whatever stands in whichever field: the same bytes, or None, by all ways; never another exception."""
    for field, _, _ in HEAD:
        encode(None, Head(**{field: odd}))
    for form in TAILS:
        encode(form, Tailed(1, odd))
        encode(form, Tailed(1, (odd,)))
        encode(form, Tailed(odd, ()))
    assert encode("text", Tailed(1, "\ud800")) is None


def test_what_is_refused() -> None:
    """Numbers out of range, unknown words, octets of another size, too many items, items of another kind."""
    for field, value in (("small", 256), ("huge", -1), ("long", 1 << 63), ("fruit", 2), ("key", b"ab")):
        assert encode(None, Head(**{field: value})) is None  # type: ignore[arg-type]
    for form, tail in (("text", "four"), ("B", (1,) * 4), ("items", (Head(),) * 4), ("items", (1,))):
        assert encode(form, Tailed(1, tail)) is None
    assert encode(None, object()) is None


def test_items_have_a_fixed_size() -> None:
    """A record that varies in size is no item."""
    for way in WAYS:
        texts = way(Tailed, (("number", "H", None),), ("tail", "text", 3, None))
        with pytest.raises(ValueError, match="fixed size"):
            way(Tailed, (("number", "H", None),), ("tail", "items", 3, texts))
