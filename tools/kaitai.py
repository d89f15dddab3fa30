"""Writer of docs/laserlink.ksy: the wire format for Kaitai Struct, which makes parsers for a dozen languages.

It describes a stream of intact frames. Checks are read and not computed, for Kaitai computes none; what is no
frame is for a framer to skip.
"""

import json
from collections.abc import Iterator
from enum import IntEnum

from laserlink.protocol import catalogue, frame
from laserlink.protocol.messages.layout import FieldInfo, Kind, Record, Shape, fields_of
from laserlink.tools.dissector import all_enumerations, records
from laserlink.tools.wire_format import HEADER_MEANINGS, prose_of, snake

FILE = "docs/laserlink.ksy"

OPENING = """\
# LaserLink for Kaitai Struct. Made by `laserlink generate` from the declarations in protocol/. Do not edit.
meta:
  id: laserlink
  title: LaserLink, the laser link between a phone and its snap-on camera
  license: Apache-2.0
  endian: le
  encoding: UTF-8
doc: |
  Intact frames, one after another. The two checks are CRC-32/AUTOSAR: of bytes 0 to 15, and of those and the
  payload; whoever reads frames from a wire checks both before believing anything.
seq:
  - id: frames
    type: frame
    repeat: eos
"""

# What our types of numbers are called by Kaitai.
NUMBERS = {
    "u8": "u1", "u16": "u2", "u32": "u4", "u64": "u8", "i16": "s2", "i32": "s4", "i64": "s8", "f64": "f8",
}  # fmt: skip
SIZES = {1: "u1", 2: "u2", 4: "u4"}


def render() -> str:
    """The whole file."""
    lines = [OPENING.rstrip("\n"), "types:", *indented(frame_type(), 1)]
    lines += indented(text_type(), 1)
    for kind in records():
        lines += indented(record_type(kind), 1)
    lines.append("enums:")
    lines += indented(
        enum("message_type", ((row.type, snake(row.message.__name__)) for row in catalogue.ROWS)), 1
    )
    for members in all_enumerations():
        lines += indented(enumeration(members), 1)
    return "\n".join(lines) + "\n"


def indented(lines: Iterator[str], depth: int) -> list[str]:
    return ["  " * depth + line for line in lines]


def quoted(text: str) -> str:
    """A text as YAML and JSON both write it."""
    return json.dumps(text, ensure_ascii=False)


def frame_type() -> Iterator[str]:
    """The frame: the fields of its header, then the payload that its type chooses."""
    yield "frame:"
    yield "  seq:"
    for field in frame.HEADER.subcons:
        size = field.sizeof()
        yield f"    - id: {field.name}"
        if field.name == "sync":
            yield f"      contents: [{', '.join(f'0x{byte:02x}' for byte in frame.SYNC)}]"
        else:
            yield f"      type: {SIZES[size]}"
        if field.name == "type":
            yield "      enum: message_type"
        yield f"      doc: {quoted(HEADER_MEANINGS[field.name])}"
    yield "    - id: payload"
    yield "      size: length"
    yield "      type:"
    yield "        switch-on: type"
    yield "        cases:"
    for row in catalogue.ROWS:
        name = snake(row.message.__name__)
        yield f"          message_type::{name}: {name}"
    yield "    - id: frame_check"
    yield "      type: u4"
    yield '      doc: "CRC-32/AUTOSAR of bytes 0 to 15, then the payload"'


def text_type() -> Iterator[str]:
    yield "text:"
    yield "  seq:"
    yield "    - id: length"
    yield "      type: u1"
    yield "    - id: value"
    yield "      type: str"
    yield "      size: length"


def record_type(kind: type[Record]) -> Iterator[str]:
    """A record: its fields in the order of the wire."""
    yield f"{snake(kind.__name__)}:"
    yield f"  doc: {quoted(prose_of(kind))}"
    infos = fields_of(kind)
    yield "  seq:" if infos else "  seq: []"
    for info in infos:
        if info.shape.kind is Kind.ARRAY:
            yield f"    - id: {info.name}_count"
            yield "      type: u1"
            yield f"      valid: {{max: {info.shape.limit}}}"
        yield f"    - id: {info.name}"
        yield from (f"      {line}" for line in field_lines(info))


def field_lines(info: FieldInfo) -> Iterator[str]:
    item = info.shape.item
    yield from shape_lines(item if item is not None else info.shape)
    if item is not None:
        yield "repeat: expr"
        yield f"repeat-expr: {info.name}_count"
    yield f"doc: {quoted(f'{info.meaning} ({info.unit})' if info.unit else info.meaning)}"


def shape_lines(shape: Shape) -> Iterator[str]:
    match shape:
        case Shape(kind=Kind.ENUM, members=members) if members is not None:
            yield "type: u1"
            yield f"enum: {snake(members.__name__)}"
        case Shape(kind=Kind.TEXT):
            yield "type: text"
        case Shape(kind=Kind.REST):
            yield "size-eos: true"
        case Shape(kind=Kind.OCTETS, size=size):
            yield f"size: {size}"
        case Shape(kind=Kind.RECORD, record=record) if record is not None:
            yield f"type: {snake(record.__name__)}"
        case _:
            yield f"type: {NUMBERS[shape.name]}"


def enumeration(kind: type[IntEnum]) -> Iterator[str]:
    return enum(snake(kind.__name__), ((int(item), item.name.lower()) for item in kind))


def enum(name: str, members: Iterator[tuple[int, str]]) -> Iterator[str]:
    yield f"{name}:"
    for number, member in members:
        # Quoted: YAML takes `no`, `on` and `off` for booleans.
        yield f"  {number}: {quoted(member)}"
