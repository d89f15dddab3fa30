"""Binds construct (the layout) to frozen dataclasses (the meaning), field by field.

A message is a frozen dataclass whose fields are made by the functions here. Each knows its construct
type, its unit, its meaning and a default, so that parsing, building, the wire-format document and
`laserlink encode` all read the same declaration. `construct` has no types: this module is its one wrapper.
"""

import dataclasses
import io
from collections.abc import Callable
from enum import Enum, IntEnum
from functools import cache
from typing import Any, Self, TypeVar, cast

import construct
from construct import (
    Adapter,
    Bytes,
    Construct,
    ConstructError,
    Float64l,
    FormatField,
    GreedyBytes,
    Int8ul,
    Int16sl,
    Int16ul,
    Int32ul,
    Int64sl,
    Int64ul,
    ListContainer,
    PascalString,
    PrefixedArray,
    Struct,
)

from laserlink.protocol._accel import Flat
from laserlink.protocol.errors import MalformedPayload

LAYOUT, UNIT, MEANING = "layout", "unit", "meaning"


def _field(layout: Construct, meaning: str, unit: str, **default: Any) -> Any:
    return dataclasses.field(metadata={LAYOUT: layout, UNIT: unit, MEANING: meaning}, **default)


def _integer(layout: Construct) -> Callable[..., Any]:
    def make(meaning: str, unit: str = "", default: int = 0) -> Any:
        return _field(layout, meaning, unit, default=default)

    return make


u8 = _integer(Int8ul)
u16 = _integer(Int16ul)
u32 = _integer(Int32ul)
u64 = _integer(Int64ul)
i16 = _integer(Int16sl)
i64 = _integer(Int64sl)


def f64(meaning: str, unit: str = "", default: float = 0.0) -> Any:
    """An IEEE 754 double."""
    return _field(Float64l, meaning, unit, default=default)


def enum(kind: type[IntEnum], meaning: str, default: IntEnum) -> Any:
    """One byte that must be a member of `kind`."""
    return _field(_EnumAdapter(Int8ul, kind), meaning, "", default=default)


def text(limit: int, meaning: str, default: str = "") -> Any:
    """UTF-8 of at most `limit` bytes behind its length (one byte)."""
    layout = _TextAdapter(PascalString(Int8ul, "utf8"), limit)
    return _field(layout, meaning, f"at most {limit} bytes", default=default)


def rest(meaning: str, default: bytes = b"") -> Any:
    """All bytes to the end of the payload."""
    return _field(GreedyBytes, meaning, "", default=default)


def octets(count: int, meaning: str) -> Any:
    """Exactly `count` bytes."""
    return _field(Bytes(count), meaning, "", default=bytes(count))


def array(item: "Construct | type[Record]", limit: int, meaning: str, unit: str = "") -> Any:
    """At most `limit` items behind their count (one byte)."""
    layout = record(item) if isinstance(item, type) else item
    return _field(_ArrayAdapter(layout, limit), meaning, unit or f"at most {limit}", default=())


class _EnumAdapter(Adapter):  # type: ignore[misc]
    def __init__(self, subcon: Construct, kind: type[IntEnum]) -> None:
        super().__init__(subcon)
        self.kind = kind

    def _decode(self, obj: int, context: Any, path: Any) -> IntEnum:
        try:
            return self.kind(obj)
        except ValueError:
            raise construct.ValidationError(f"{obj} is no {self.kind.__name__}") from None

    def _encode(self, obj: int, context: Any, path: Any) -> int:
        return int(self.kind(obj))


class _TextAdapter(Adapter):  # type: ignore[misc]
    def __init__(self, subcon: Construct, limit: int) -> None:
        super().__init__(subcon)
        self.limit = limit

    def _decode(self, obj: str, context: Any, path: Any) -> str:
        if len(obj.encode()) > self.limit:
            raise construct.ValidationError(f"a text of more than {self.limit} bytes")
        return obj

    def _encode(self, obj: str, context: Any, path: Any) -> str:
        return self._decode(obj, context, path)


class _ArrayAdapter(Adapter):  # type: ignore[misc]
    def __init__(self, item: Construct, limit: int) -> None:
        super().__init__(PrefixedArray(Int8ul, item))
        self.item = item
        self.limit = limit

    def _decode(self, obj: ListContainer, context: Any, path: Any) -> tuple[Any, ...]:
        if len(obj) > self.limit:
            raise construct.ValidationError(f"{len(obj)} items where {self.limit} are allowed")
        return tuple(obj)

    def _encode(self, obj: tuple[Any, ...], context: Any, path: Any) -> tuple[Any, ...]:
        return self._decode(ListContainer(obj), context, path)


class _RecordAdapter(Adapter):  # type: ignore[misc]
    def __init__(self, kind: "type[Record]") -> None:
        super().__init__(_struct(kind))
        self.kind = kind
        self.names = tuple(field.name for field in dataclasses.fields(kind))

    def _decode(self, obj: Any, context: Any, path: Any) -> "Record":
        return self.kind(**{name: obj[name] for name in self.names})

    def _encode(self, obj: "Record", context: Any, path: Any) -> dict[str, Any]:
        return {name: getattr(obj, name) for name in self.names}


F = TypeVar("F", bound=Callable[..., Any])


def _cached(function: F) -> F:
    """functools.cache, for functions of a class: mypy takes its instances' __hash__ for that of the class."""
    return cast(F, cache(function))


@_cached
def _struct(kind: "type[Record]") -> Struct:
    return Struct(*(field.name / field.metadata[LAYOUT] for field in dataclasses.fields(kind)))


@_cached
def record(kind: "type[Record]") -> Construct:
    """The construct declaration of a record, as it stands inside another."""
    return _RecordAdapter(kind)


@_cached
def flat_of(kind: "type[Record]") -> Flat | None:
    """How to read a record at once; None: a field before its last varies in size, or one within that."""
    infos = fields_of(kind)
    varies = bool(infos) and infos[-1].shape.size is None
    fixed = infos[:-1] if varies else infos
    if not all(info.shape.format for info in fixed):
        return None
    fields = tuple((info.name, info.shape.format, _members_of(info.shape)) for info in fixed)
    if not varies:
        return Flat(kind, fields)
    name, shape = infos[-1].name, infos[-1].shape
    if shape.item is None:
        return Flat(kind, fields, (name, shape.kind.value, shape.limit, None))
    if shape.item.kind in (Kind.INTEGER, Kind.FLOAT):
        return Flat(kind, fields, (name, shape.item.format, shape.limit, None))
    of_records = shape.item.record is not None and shape.item.size is not None
    item = flat_of(shape.item.record) if of_records and shape.item.record is not None else None
    return Flat(kind, fields, (name, "items", shape.limit, item)) if item is not None else None


def _members_of(shape: "Shape") -> dict[int, IntEnum] | None:
    return None if shape.members is None else {int(member): member for member in shape.members}


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """A run of fields with a meaning; the base of all messages and of the items of their arrays."""

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Read a whole payload.

        Raises:
            MalformedPayload: too short, too long, or a value that its field does not allow.
        """
        flat = flat_of(cls)
        found: Self | None = None if flat is None else flat.decode(payload)
        if found is not None:
            return found
        stream = io.BytesIO(payload)
        try:
            value: Self = record(cls).parse_stream(stream)
        except (ConstructError, UnicodeDecodeError) as error:
            raise MalformedPayload(f"{cls.__name__}: {_last_line(error)}", len(payload)) from None
        if stream.tell() != len(payload):
            raise MalformedPayload(f"{cls.__name__}: bytes after the last field", len(payload))
        return value

    def __bytes__(self) -> bytes:
        """The exact payload.

        Raises:
            ValueError: a value that does not fit its field.
        """
        flat = flat_of(type(self))
        found = None if flat is None else flat.encode(self)
        if found is not None:
            return found
        try:
            return bytes(record(type(self)).build(self))
        except (ConstructError, TypeError) as error:
            raise ValueError(f"{type(self).__name__}: {_last_line(error)}") from None


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1]


def fixed_size(kind: type[Record]) -> int | None:
    """Bytes that a record always takes, or None when it varies."""
    try:
        return int(record(kind).sizeof())
    except construct.SizeofError:
        return None


@dataclasses.dataclass(frozen=True, slots=True)
class Request(Record):
    """What the host asks; answered by exactly one reply or error with the same id.

    The id counts up by one modulo 2^16. A repeated id is answered again with the very same bytes and never
    carried out twice (RFC 1982 decides what is older).
    """

    request_id: int = u16("counts requests; repeated when the answer did not come")

    def numbered(self, request_id: int) -> Self:
        """The same request under another id."""
        flat = flat_of(type(self))
        if flat is None:
            return dataclasses.replace(self, request_id=request_id)
        other: Self = flat.numbered(self, request_id)
        return other


@dataclasses.dataclass(frozen=True, slots=True)
class Reply(Record):
    """What the module answers to a request."""

    request_id: int = u16("the request that this answers")


@dataclasses.dataclass(frozen=True, slots=True)
class Event(Record):
    """What the module tells unasked: kept in order, sent again until it is acknowledged."""


# --- what the declarations say, for documents, examples and text input ---


class Kind(Enum):
    """What sort of value a field holds."""

    INTEGER = "integer"
    FLOAT = "float"
    ENUM = "enum"
    TEXT = "text"
    OCTETS = "bytes"
    REST = "rest"
    ARRAY = "array"
    RECORD = "record"


_FORMAT_NAMES = {
    "B": "u8", "H": "u16", "L": "u32", "Q": "u64", "h": "i16", "l": "i32", "q": "i64", "d": "f64",
}  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Shape:
    """What a field is on the wire: `size` in bytes is None where it varies, `limit` counts bytes or items."""

    kind: Kind
    name: str
    size: int | None
    layout: Construct
    format: str = ""  # that of struct, where there is one
    limit: int = 0
    members: type[IntEnum] | None = None
    item: "Shape | None" = None
    record: "type[Record] | None" = None

    @property
    def bounds(self) -> tuple[int, int]:
        """Smallest and largest value of an integer."""
        bits = 8 * (self.size or 0)
        return (-(1 << bits - 1), (1 << bits - 1) - 1) if self.name.startswith("i") else (0, (1 << bits) - 1)

    def build(self, value: Any) -> bytes:
        """The bytes of one value. Raises ValueError when it does not fit."""
        try:
            return bytes(self.layout.build(value))
        except (ConstructError, TypeError) as error:
            raise ValueError(f"{value!r}: {_last_line(error)}") from None


def shape_of(layout: Construct) -> Shape:
    """The shape of a declaration that one of the functions above has made."""
    match layout:
        case _EnumAdapter(kind=members):
            return Shape(Kind.ENUM, members.__name__, 1, layout, "B", members=members)
        case _TextAdapter(limit=limit):
            return Shape(Kind.TEXT, "text", None, layout, limit=limit)
        case _ArrayAdapter(limit=limit):
            item = shape_of(layout.item)
            return Shape(Kind.ARRAY, f"array of {item.name}", None, layout, limit=limit, item=item)
        case _RecordAdapter(kind=kind):
            return Shape(Kind.RECORD, kind.__name__, fixed_size(kind), layout, record=kind)
        case Bytes(length=length):
            return Shape(Kind.OCTETS, f"bytes[{length}]", length, layout, f"{length}s")
        case FormatField(fmtstr=format):
            name = _FORMAT_NAMES[format[-1]]
            number = Kind.FLOAT if name == "f64" else Kind.INTEGER
            return Shape(number, name, layout.sizeof(), layout, format[-1])
    return Shape(Kind.REST, "rest", None, layout)


@dataclasses.dataclass(frozen=True, slots=True)
class FieldInfo:
    """One declared field; `offset` is that in the record, None behind a field whose size varies."""

    name: str
    offset: int | None
    shape: Shape
    unit: str
    meaning: str
    default: Any


@_cached
def fields_of(kind: type[Record]) -> tuple[FieldInfo, ...]:
    """All fields of a record, in the order of the wire."""
    found = []
    offset: int | None = 0
    for field in dataclasses.fields(kind):
        shape = shape_of(field.metadata[LAYOUT])
        found.append(
            FieldInfo(field.name, offset, shape, field.metadata[UNIT], field.metadata[MEANING], field.default)
        )
        offset = None if offset is None or shape.size is None else offset + shape.size
    return tuple(found)
