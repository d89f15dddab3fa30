import math
import pickle
from dataclasses import dataclass
from typing import Annotated, Any

import pytest

from laserlink.firmware_model.profile_table import (
    Each,
    OneOf,
    ProfileError,
    Range,
    Text,
    check_values,
    read_table,
)


@dataclass(frozen=True)
class Part:
    size: Annotated[int, Range(1, 9)]


@dataclass(frozen=True)
class Whole:
    name: Annotated[str, Text(5)]
    ratio: Annotated[float, Range(0.0, 1.0)]
    kind: Annotated[str, OneOf("a", "b")]
    numbers: Annotated[tuple[int, ...], Each(OneOf(8, 10))]
    part: Part
    parts: tuple[Part, ...]


GOOD: dict[str, Any] = {
    "name": "lens",
    "ratio": 1,
    "kind": "a",
    "numbers": [8, 10],
    "part": {"size": 3},
    "parts": [{"size": 1}, {"size": 9}],
}


def test_reads_every_kind_of_value() -> None:
    """A good table becomes nested frozen dataclasses, an integer where a number is due becomes a float."""
    whole = read_table(Whole, GOOD, "file")
    assert whole == Whole("lens", 1.0, "a", (8, 10), Part(3), (Part(1), Part(9)))
    assert isinstance(whole.ratio, float)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", ""),
        ("name", "longer"),
        ("name", "l\x07ns"),
        ("name", "l\u00e9ns"),
        ("name", 5),
        ("ratio", 1.01),
        ("ratio", -0.1),
        ("ratio", math.nan),
        ("ratio", math.inf),
        ("ratio", 10**400),
        ("ratio", True),
        ("ratio", "1"),
        ("kind", "c"),
        ("numbers", []),
        ("numbers", [9]),
        ("numbers", [True]),
        ("numbers", [8.0]),
        ("numbers", 8),
        ("part", 3),
        ("part.size", 0),
        ("part.size", 2.0),
        ("part.size", True),
        ("parts", []),
        ("parts", {"size": 1}),
        ("parts[1].size", 10),
    ],
)
def test_refuses_a_wrong_value_by_its_key(key: str, value: Any) -> None:
    """Every value of a wrong type or out of range is refused, and the error names file and key."""
    table: dict[str, Any] = GOOD | {"part": {"size": 3}, "parts": [{"size": 1}, {"size": 9}]}
    if key == "parts[1].size":
        table["parts"][1]["size"] = value
    elif key == "part.size":
        table["part"]["size"] = value
    else:
        table[key] = value
    with pytest.raises(ProfileError) as caught:
        read_table(Whole, table, "file")
    assert (caught.value.source, caught.value.key) == ("file", key)


def test_refuses_unknown_and_missing_keys() -> None:
    """A key too many or too few is an error at any depth."""
    for table, key in (
        (GOOD | {"nmae": "x"}, "nmae"),
        ({name: value for name, value in GOOD.items() if name != "kind"}, "kind"),
        (GOOD | {"part": {}}, "part.size"),
        (GOOD | {"parts": [{"size": 1, "colour": 2}]}, "parts[0].colour"),
    ):
        with pytest.raises(ProfileError) as caught:
            read_table(Whole, table, "file")
        assert caught.value.key == key


def test_count_of_a_list_is_kept() -> None:
    """A list of a fixed count refuses one item less and one more."""
    nine = Each(Range(0, 1), count=9)
    assert [nine.accepts([1.0] * count) for count in (8, 9, 10)] == [False, True, False]


def test_checks_an_instance() -> None:
    """A dataclass that was made without a table is held to the same annotations."""
    check_values(Part(9), "file", "part")
    with pytest.raises(ProfileError, match=r"part\.size: expected a value from 1 to 9, not 10"):
        check_values(Part(10), "file", "part")


def test_the_error_survives_pickling() -> None:
    """The error keeps its parts when it crosses a process boundary."""
    error = pickle.loads(pickle.dumps(ProfileError("file", "key", "a number")))
    assert (str(error), error.key) == ("file: key: expected a number", "key")
