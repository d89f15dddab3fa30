"""Field values as plain JSON values, and back: what `decode --json` shows and `encode` accepts.

Integers stay integers, enums are their names (or numbers), bytes are hexadecimal text, arrays are lists, and
records are objects.
"""

import json
from typing import Any

from laserlink.protocol.messages.layout import FieldInfo, Kind, Record, Shape, fields_of


class UnknownField(ValueError):
    """A name that is no field of the record; `known` holds those that are."""

    def __init__(self, record: str, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"{record} has no field {name!r}")
        self.known = known


def to_plain(value: Any, shape: Shape, *, numbers: bool = False) -> Any:
    """One field's value as JSON holds it; `numbers`: enums by number instead of name."""
    match shape.kind:
        case Kind.ENUM:
            return int(value) if numbers else value.name
        case Kind.OCTETS | Kind.REST:
            return bytes(value).hex()
        case Kind.ARRAY:
            return [to_plain(item, _item(shape), numbers=numbers) for item in value]
        case Kind.RECORD:
            return record_to_plain(value, numbers=numbers)
    return value


def record_to_plain(record: Record, *, numbers: bool = False) -> dict[str, Any]:
    """All fields of a record, in the order of the wire."""
    return {
        info.name: to_plain(getattr(record, info.name), info.shape, numbers=numbers)
        for info in fields_of(type(record))
    }


def from_plain(value: Any, shape: Shape) -> Any:
    """The value of a field, from JSON or from the text of a command line.

    Raises:
        ValueError: it is no value of this field; the text says why.
    """
    return _READERS[shape.kind](value, shape)


def record_from_plain(kind: type[Record], values: dict[str, Any]) -> Record:
    """A record; fields that are not named have their defaults.

    Raises:
        UnknownField, ValueError: a name or a value that does not belong to it.
    """
    infos = {info.name: info for info in fields_of(kind)}
    for name in values:
        if name not in infos:
            raise UnknownField(kind.__name__, name, tuple(infos))
    return kind(**{name: _named(infos[name], value) for name, value in values.items()})


def _named(info: FieldInfo, value: Any) -> Any:
    try:
        return from_plain(value, info.shape)
    except UnknownField:
        raise
    except ValueError as error:
        raise ValueError(f"{info.name}: {error}") from None


def _item(shape: Shape) -> Shape:
    if shape.item is None:
        raise ValueError(f"{shape.name} has no items")
    return shape.item


def _integer(value: Any, shape: Shape) -> int:
    try:
        number = int(value, 0) if isinstance(value, str) else value
    except ValueError:
        number = None
    if type(number) is not int:
        raise ValueError(f"{value!r} is no whole number")
    low, high = shape.bounds
    if not low <= number <= high:
        raise ValueError(f"{number} is not within {low} to {high} ({shape.name})")
    return number


def _float(value: Any, shape: Shape) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{value!r} is no number") from None


def _enum(value: Any, shape: Shape) -> Any:
    members = shape.members
    if members is None:
        raise ValueError(f"{shape.name} has no members")
    by_name = {member.name: member for member in members}
    by_value = {str(int(member)): member for member in members}
    text = str(value).strip().upper().replace("-", "_")
    found = by_name.get(text, by_value.get(text))
    if found is None:
        raise ValueError(f"{value!r} is none of {', '.join(by_name)}")
    return found


def _text(value: Any, shape: Shape) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    if len(value.encode()) > shape.limit:
        raise ValueError(f"{len(value.encode())} bytes of text, {shape.limit} are allowed")
    return value


def _octets(value: Any, shape: Shape) -> bytes:
    try:
        raw = bytes.fromhex(value.removeprefix("0x"))
    except (AttributeError, ValueError):
        raise ValueError(f"{value!r} is no hexadecimal text") from None
    if shape.size is not None and len(raw) != shape.size:
        raise ValueError(f"{len(raw)} bytes, {shape.size} are needed")
    return raw


def _parsed(value: Any, kind: type) -> Any:
    """JSON text of a command line becomes what it says."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise ValueError(f"{value!r} is no JSON") from None
    if not isinstance(value, kind):
        raise ValueError(f"{value!r} is no JSON {'array' if kind is list else 'object'}")
    return value


def _array(value: Any, shape: Shape) -> tuple[Any, ...]:
    values = _parsed(value, list)
    if len(values) > shape.limit:
        raise ValueError(f"{len(values)} items, {shape.limit} are allowed")
    return tuple(from_plain(item, _item(shape)) for item in values)


def _record(value: Any, shape: Shape) -> Record:
    if shape.record is None:
        raise ValueError(f"{shape.name} is no record")
    return record_from_plain(shape.record, _parsed(value, dict))


_READERS = {
    Kind.INTEGER: _integer,
    Kind.FLOAT: _float,
    Kind.ENUM: _enum,
    Kind.TEXT: _text,
    Kind.OCTETS: _octets,
    Kind.REST: _octets,
    Kind.ARRAY: _array,
    Kind.RECORD: _record,
}
