"""Writer of docs/laserlink.lua: the dissector for Wireshark and tshark, from the declarations.

What a message holds is written down as Lua tables; one small engine (`dissector_engine.py`) walks them. It
judges a frame as `explain.py` does, and shows the same fields with the same bytes.
"""

import json
from collections.abc import Iterable, Iterator
from enum import IntEnum

from laserlink.protocol import catalogue, frame
from laserlink.protocol.catalogue import Row
from laserlink.protocol.crc import POLYNOMIAL
from laserlink.protocol.errors import ErrorCode
from laserlink.protocol.framer import BadReason
from laserlink.protocol.limits import PAYLOAD_BYTES_MAX
from laserlink.protocol.messages.layout import FieldInfo, Kind, Record, Shape, fields_of
from laserlink.tools.dissector_engine import ENGINE
from laserlink.tools.explain import REASONS
from laserlink.tools.wire_format import enumerations, snake

FILE = "docs/laserlink.lua"
REFLECTED_POLYNOMIAL = int(f"{POLYNOMIAL & 0xFFFFFFFF:032b}"[::-1], 2)

OPENING = """\
-- LaserLink for Wireshark and tshark: `laserlink wireshark install` puts this where they look.
-- Made by `laserlink generate` from the declarations in protocol/. Do not edit.
"""

# What each of our types is called by Wireshark's ProtoField.
FIELD_TYPES = {
    "u8": "uint8", "u16": "uint16", "u32": "uint32", "u64": "uint64", "i16": "int16", "i32": "int32",
    "i64": "int64", "f64": "double",
}  # fmt: skip


def render() -> str:
    """The whole file."""
    sections = (
        OPENING,
        constants(),
        table("enums", (f"{kind.__name__} = {values(kind)}" for kind in all_enumerations())),
        table("reasons", (f'["{reason}"] = {quoted(REASONS[reason])}' for reason in BadReason)),
        table("records", (line for kind in records() for line in record(kind))),
        table("messages", (message(row) for row in catalogue.ROWS)),
        ENGINE,
    )
    return "\n".join(sections)


def constants() -> str:
    """Numbers of the frame."""
    numbers = {
        "VERSION_MAJOR": frame.VERSION_MAJOR,
        "LEGAL_FLAGS": int(frame.LEGAL_FLAGS),
        "CHANNEL_MAX": frame.CHANNEL_MAX,
        "PAYLOAD_BYTES_MAX": PAYLOAD_BYTES_MAX,
        "POLYNOMIAL": f"0x{REFLECTED_POLYNOMIAL:08X}",
    }
    return f"local {', '.join(numbers)} = {', '.join(map(str, numbers.values()))}\n"


def all_enumerations() -> list[type[IntEnum]]:
    """Those of fields, and the codes of errors."""
    return [*enumerations(), ErrorCode]


def table(name: str, lines: Iterable[str]) -> str:
    return f"local {name} = {{\n" + "".join(f"  {line},\n" for line in lines) + "}\n"


def quoted(text: str) -> str:
    """A text of ours as Lua writes it."""
    return json.dumps(text, ensure_ascii=False)


def values(kind: type[IntEnum]) -> str:
    """The names of an enumeration by their numbers."""
    return "{" + ", ".join(f'[{int(item)}] = "{item.name}"' for item in kind) + "}"


def records() -> list[type[Record]]:
    """Every record that a message is or holds; what is held comes before what holds it."""
    found: list[type[Record]] = []

    def visit(kind: type[Record]) -> None:
        for info in fields_of(kind):
            inner = info.shape.item or info.shape
            if inner.record is not None:
                visit(inner.record)
        if kind not in found:
            found.append(kind)

    for row in catalogue.ROWS:
        visit(row.message)
    return found


def record(kind: type[Record]) -> Iterator[str]:
    """A record's entry: its name in filters, and its fields in the order of the wire."""
    fields = ", ".join(field(info) for info in fields_of(kind))
    yield f'{kind.__name__} = {{filter = "laserlink.{snake(kind.__name__)}", {fields}}}'.replace(", }", "}")


def field(info: FieldInfo) -> str:
    about = f"{info.meaning} ({info.unit})" if info.unit else info.meaning
    return f'{{name = "{info.name}", {shape(info.shape)}, about = {quoted(about)}}}'


def shape(shape_: Shape) -> str:
    """What the engine needs to read one value."""
    match shape_:
        case Shape(kind=Kind.ENUM, members=members) if members is not None:
            return f'kind = "enum", size = 1, enum = "{members.__name__}"'
        case Shape(kind=Kind.TEXT, limit=limit):
            return f'kind = "text", limit = {limit}'
        case Shape(kind=Kind.REST):
            return 'kind = "rest"'
        case Shape(kind=Kind.OCTETS, size=size):
            return f'kind = "octets", size = {size}'
        case Shape(kind=Kind.ARRAY, limit=limit, item=item) if item is not None:
            inner = f'kind = "record", record = "{item.record.__name__}"' if item.record else shape(item)
            return f'kind = "array", limit = {limit}, item = {{{inner}}}'
    return f'kind = "number", size = {shape_.size}, type = "{FIELD_TYPES[shape_.name]}"'


def message(row: Row) -> str:
    low, high = min(row.channel.value), max(row.channel.value)
    name = row.message.__name__
    return (
        f'[0x{row.type:02X}] = {{record = "{name}", role = "{row.role}", '
        f'direction = "{row.direction.value}", first = {low}, last = {high}}}'
    )
