"""Records whose fields have fixed sizes, perhaps all but their last, read and written at once.

The readable reference of the C kernel. It knows the good case only: what it answers with None is for
construct, which also says what is wrong.
"""

import operator
import struct
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

# A field of a fixed size: its name, its format in struct's words (one letter, or "8s"), and the members of
# its enumeration by their values, where it has one.
FlatField: TypeAlias = tuple[str, str, Mapping[int, Any] | None]
# A field of any size at the end: its name, what it is ("rest", "text", "items", or the letter of an array's
# numbers), the most bytes or items, and how each of the items is read.
FlatTail: TypeAlias = "tuple[str, str, int, Flat | None]"


class Flat:
    """How to read and write records of a `kind`, a dataclass with these fields in this order.

    Raises ValueError for items that vary in size themselves.
    """

    def __init__(self, kind: type, fields: tuple[FlatField, ...], tail: "FlatTail | None" = None) -> None:
        self.kind = kind
        self.tail = tail
        self._layout = struct.Struct("<" + "".join(format for _, format, _ in fields))
        self._read = _reader_of(tuple(name for name, _, _ in fields))
        self._enums = tuple((at, members) for at, (_, _, members) in enumerate(fields) if members is not None)
        self._octets = tuple(
            (at, struct.calcsize(format)) for at, (_, format, _) in enumerate(fields) if len(format) > 1
        )
        item = None if tail is None else tail[3]
        if item is not None and item.tail is not None:
            raise ValueError("items have a fixed size")

    def decode(self, payload: bytes) -> Any:
        """The record that these bytes are, or None."""
        size = self._layout.size
        if len(payload) < size or (len(payload) > size and self.tail is None):
            return None
        values: list[Any] = list(self._layout.unpack_from(payload))
        try:
            for index, members in self._enums:
                values[index] = members[values[index]]
            if self.tail is not None:
                values.append(_read_tail(self.tail, payload[size:]))
        except (KeyError, ValueError):
            return None
        return self.kind(*values)

    def encode(self, value: Any) -> bytes | None:
        """The bytes of a record of this kind, or None."""
        try:
            values = self._read(value)
            for index, members in self._enums:
                if values[index] not in members:
                    return None
            for index, size in self._octets:
                if len(values[index]) != size:
                    return None
            head = self._layout.pack(*values)
            return head if self.tail is None else head + _write_tail(self.tail, getattr(value, self.tail[0]))
        except (struct.error, TypeError, ValueError, AttributeError, OverflowError):
            return None

    def numbered(self, record: Any, number: int) -> Any:
        """The same record, but for its first field; of another kind, TypeError."""
        if type(record) is not self.kind:
            raise TypeError(f"a {type(record).__name__} is no {self.kind.__name__}")
        _, *others = self._read(record)
        tail = () if self.tail is None else (getattr(record, self.tail[0]),)
        return self.kind(number, *others, *tail)

    @property
    def item_bytes(self) -> int:
        """How many bytes the fields of fixed sizes take."""
        return self._layout.size


def _read_tail(layout: FlatTail, tail: bytes) -> Any:
    _, form, limit, item = layout
    if form == "rest":
        return tail
    if not tail or tail[0] > limit:
        raise ValueError
    if form == "text":
        if len(tail) - 1 != tail[0]:
            raise ValueError
        return tail[1:].decode()
    if item is None:
        numbers = struct.Struct(f"<{tail[0]}{form}")
        if len(tail) - 1 != numbers.size:
            raise ValueError
        return numbers.unpack(tail[1:])
    step = item.item_bytes
    if len(tail) - 1 != tail[0] * step:
        raise ValueError
    return tuple([_kept(item.decode(tail[at : at + step])) for at in range(1, len(tail), step)])


def _write_tail(layout: FlatTail, value: Any) -> bytes:
    _, form, limit, item = layout
    if form == "rest":
        return bytes(memoryview(value))
    items: bytes | tuple[Any, ...] = value.encode() if form == "text" else tuple(value)
    if len(items) > limit:
        raise ValueError
    count = bytes((len(items),))
    if isinstance(items, bytes):
        return count + items
    if item is None:
        return count + struct.pack(f"<{len(items)}{form}", *items)
    if {type(each) for each in items} - {item.kind}:
        raise ValueError
    return count + b"".join([_kept(item.encode(each)) for each in items])


def _reader_of(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """What reads so many attributes at once."""
    if len(names) > 1:
        return operator.attrgetter(*names)
    return lambda value: tuple([getattr(value, name) for name in names])


def _kept(value: Any) -> Any:
    """What an item is. Raises ValueError when it could not be read or written."""
    if value is None:
        raise ValueError
    return value
