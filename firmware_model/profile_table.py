"""Reads a TOML table into a frozen dataclass whose type annotations are the checks.

`Annotated[int, Range(1, 100)]` is an integer from 1 to 100; a dataclass is a table, a tuple of
dataclasses a list of tables. Every key is required and no other key is allowed.
"""

from dataclasses import dataclass, fields, is_dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Protocol, TypeVar, Union, cast, get_args, get_origin, get_type_hints

Table = TypeVar("Table")


class ProfileError(Exception):
    """A profile that cannot be used: `source` (file or name), `key`, and what was `expected` there."""

    def __init__(self, source: str, key: str, expected: str) -> None:
        super().__init__(f"{source}: {key}: expected {expected}")
        self.source = source
        self.key = key
        self.expected = expected

    def __reduce__(self) -> tuple[type["ProfileError"], tuple[str, str, str]]:
        """Pickled by its three parts, so that the error crosses a process boundary."""
        return type(self), (self.source, self.key, self.expected)


class Check(Protocol):
    """Whether a value of the right type is allowed, and the words for what is."""

    def accepts(self, value: Any) -> bool: ...

    def __str__(self) -> str: ...


@dataclass(frozen=True)
class Range:
    """A number from `low` to `high`, both allowed; never a NaN."""

    low: float
    high: float

    def accepts(self, value: Any) -> bool:
        return _is_number(value) and self.low <= value <= self.high

    def __str__(self) -> str:
        return f"from {self.low} to {self.high}"


class OneOf:
    """One of a few values."""

    def __init__(self, *values: int | str) -> None:
        self.values = values

    def accepts(self, value: Any) -> bool:
        # True == 1 and 8.0 == 8, so the type counts as well.
        return any(type(value) is type(each) and value == each for each in self.values)

    def __str__(self) -> str:
        return "out of " + ", ".join(str(value) for value in self.values)


@dataclass(frozen=True)
class Text:
    """Printable ASCII of 1 to `longest` characters: it travels in messages of bounded length."""

    longest: int

    def accepts(self, value: Any) -> bool:
        return 1 <= len(value) <= self.longest and value.isascii() and value.isprintable()

    def __str__(self) -> str:
        return f"of 1 to {self.longest} printable ASCII characters"


@dataclass(frozen=True)
class Each:
    """A list, not empty, of `count` items (None: any number) that all pass `item`."""

    item: Range | OneOf
    count: int | None = None

    def accepts(self, value: Any) -> bool:
        whole = len(value) > 0 if self.count is None else len(value) == self.count
        return whole and all(self.item.accepts(each) for each in value)

    def __str__(self) -> str:
        number = "one or more" if self.count is None else str(self.count)
        return f"of {number} numbers {self.item}"


def read_table(shape: type[Table], table: Any, source: str, where: str = "") -> Table:
    """An instance of the dataclass `shape` from a TOML table; ProfileError for the first wrong key."""
    if not isinstance(table, dict):
        raise ProfileError(source, where, "a table")
    prefix = f"{where}." if where else ""
    hints = get_type_hints(shape, include_extras=True)
    names = [field.name for field in fields(cast(Any, shape))]
    for key in table:
        if key not in names:
            raise ProfileError(source, f"{prefix}{key}", f"no such key; the keys are {', '.join(names)}")
    values = {}
    for name in names:
        if name not in table:
            raise ProfileError(source, f"{prefix}{name}", "a value; the key is missing")
        values[name] = _read_value(hints[name], table[name], source, f"{prefix}{name}")
    return shape(**values)


def check_values(instance: Any, source: str, where: str) -> None:
    """ProfileError for the first value of a dataclass that its annotation does not allow."""
    for name, hint in get_type_hints(type(instance), include_extras=True).items():
        if get_origin(hint) is Annotated:
            check, value = get_args(hint)[1], getattr(instance, name)
            if not check.accepts(value):
                raise ProfileError(source, f"{where}.{name}", f"a value {check}, not {value!r}")


def _read_value(hint: Any, value: Any, source: str, where: str) -> Any:
    if get_origin(hint) in (UnionType, Union):
        (hint,) = (part for part in get_args(hint) if part is not NoneType)
    if get_origin(hint) is Annotated:
        base, check = get_args(hint)
        return _read_checked(base, check, value, source, where)
    if is_dataclass(hint):
        return read_table(cast(type[Any], hint), value, source, where)
    if not isinstance(value, list) or not value:
        raise ProfileError(source, where, "one or more tables")
    shape = get_args(hint)[0]
    return tuple(read_table(shape, each, source, f"{where}[{index}]") for index, each in enumerate(value))


def _read_checked(base: Any, check: Check, value: Any, source: str, where: str) -> Any:
    name, is_kind, convert = _KINDS[get_origin(base) or base]
    if not is_kind(value) or not check.accepts(value):
        raise ProfileError(source, where, f"{name} {check}, not {value!r}")
    return convert(value)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_KINDS = {
    int: ("an integer", _is_integer, int),
    float: ("a number", _is_number, float),
    str: ("text", lambda value: isinstance(value, str), str),
    tuple: ("a list", lambda value: isinstance(value, list), tuple),
}
