"""Writer of tests/vectors/*.json: shared cases that drive the tests of every implementation.

Values are made from the declarations by fixed rules, so that the files change only when the wire does.
A stream's items are what a framer gives for it, in order, the last ones after it was told that nothing
follows (`abandon()`).
"""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from laserlink.protocol import catalogue
from laserlink.protocol.catalogue import Channel
from laserlink.protocol.crc import crc32
from laserlink.protocol.digest import image_digest, strip_digests
from laserlink.protocol.frame import CHECK_BYTES, CHECKED_HEADER_BYTES, HEADER_BYTES, Flags, Frame
from laserlink.protocol.framer import Framer
from laserlink.protocol.limits import FRAME_BYTES_MAX, PAYLOAD_BYTES_MAX
from laserlink.protocol.messages.layout import Kind, Record, Shape, fields_of
from laserlink.protocol.prbs import pattern
from laserlink.protocol.raw import WIDTHS, pack
from laserlink.tools.plain import record_to_plain

SESSION = 0x1A5E7114
WIDTH = 160
EXAMPLE_ITEMS = 2
EXAMPLE_REST = bytes(range(1, 14))
Case = dict[str, Any]
Document = dict[str, Any]


# --- JSON that people can read, and that does not change for nothing ---


def render(document: Document) -> str:
    """Pretty JSON: an object's members one a line, unless the whole fits a line."""
    return _pretty(document, "") + "\n"


def _pretty(value: Any, indent: str) -> str:
    flat = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(flat) <= WIDTH or not isinstance(value, (dict, list)):
        return flat
    deeper = indent + "  "
    if isinstance(value, list):
        if not any(isinstance(item, (dict, list)) for item in value):
            return flat
        return "[\n" + ",\n".join(deeper + _pretty(item, deeper) for item in value) + f"\n{indent}]"
    members = (f"{deeper}{json.dumps(name)}: {_pretty(item, deeper)}" for name, item in value.items())
    return "{\n" + ",\n".join(members) + f"\n{indent}}}"


# --- example values ---


def example(kind: type[Record], seed: int = 1) -> Record:
    """A record of which no field has its default; the same for the same seed."""
    return kind(
        **{info.name: _example_value(info.shape, seed + index, info.default)
           for index, info in enumerate(fields_of(kind))}
    )  # fmt: skip


def _example_value(shape: Shape, seed: int, default: Any = None) -> Any:
    match shape:
        case Shape(kind=Kind.ENUM, members=members) if members:
            others = [member for member in members if member != default]
            return others[seed % len(others)] if others else default
        case Shape(kind=Kind.TEXT, limit=limit):
            return f"text {seed}, µ"[:limit]
        case Shape(kind=Kind.OCTETS, size=size):
            return bytes((seed + index) % 256 for index in range(size or 0))
        case Shape(kind=Kind.REST):
            return EXAMPLE_REST
        case Shape(kind=Kind.ARRAY, item=Shape() as item):
            return tuple(_example_value(item, seed + index) for index in range(EXAMPLE_ITEMS))
        case Shape(kind=Kind.RECORD, record=record) if record:
            return example(record, seed)
        case Shape(kind=Kind.FLOAT):
            return seed + 0.5
    return _example_integer(shape, seed)


def _example_integer(shape: Shape, seed: int) -> int:
    """Bytes that all differ, so that a wrong order or place shows; negative where that is possible."""
    pattern_bytes = bytes((0x11 * (seed % 7 + 1) + index) % 256 for index in range(shape.size or 0))
    value = int.from_bytes(pattern_bytes, "little")
    return -value if shape.bounds[0] < 0 else value


# --- frames ---


def frames() -> Document:
    """Every message, with its defaults and with other values, and the corners of the header."""
    cases = []
    for index, row in enumerate(catalogue.ROWS):
        legal = sorted(row.channel.value)
        flags = Flags.ACK_REQUESTED if row.channel is Channel.EVENTS else Flags.NONE
        session = 0 if row.type == catalogue.BEACON else SESSION
        default, other = row.message(), example(row.message, index)
        name = row.message.__name__
        cases.append(
            _frame_case(f"{name} default", Frame(row.type, legal[0], session, 0, bytes(default), flags))
        )
        sequence = 0x01020304 + index
        cases.append(
            _frame_case(f"{name} other", Frame(row.type, legal[-1], session, sequence, bytes(other), flags))
        )
    cases += [_frame_case(name, frame) for name, frame in _corner_frames()]
    return {
        "about": "Valid frames. hex: the exact bytes; header: its fields; payload: the message by fields; "
        "integers are exact up to 64 bits, enums are numbers, bytes are hexadecimal.",
        "cases": cases,
    }


def _corner_frames() -> Iterator[tuple[str, Frame]]:
    echo = catalogue.BY_NAME["Echo"].type
    pattern_type = catalogue.BY_NAME["Prbs31"].type
    yield "empty payload", Frame(pattern_type, 0, SESSION, 1)
    yield "largest payload", Frame(pattern_type, 0, SESSION, 2, pattern(2, PAYLOAD_BYTES_MAX))
    yield "largest fields", Frame(echo, 0, 0xFFFFFFFF, 0xFFFFFFFF, b"\xff" * 16)
    yield "syncs in the payload", Frame(echo, 0, SESSION, 3, b"\xeb\x90" * 16)
    inner = bytes(Frame(echo, 0, SESSION, 4, b"\0\0inner"))
    yield "a frame in the payload", Frame(echo, 0, SESSION, 5, b"\0\0" + inner)


def _frame_case(name: str, frame: Frame) -> Case:
    wire = bytes(frame)
    header = {
        "version": frame.version,
        "type": frame.type,
        "channel": frame.channel,
        "flags": int(frame.flags),
        "length": len(frame.payload),
        "session": frame.session,
        "sequence": frame.sequence,
        "header_check": int.from_bytes(wire[CHECKED_HEADER_BYTES:HEADER_BYTES], "little"),
        "frame_check": int.from_bytes(wire[-CHECK_BYTES:], "little"),
    }
    row = catalogue.BY_TYPE[frame.type]
    message = row.message.decode(frame.payload)
    payload = {"message": row.message.__name__, "fields": record_to_plain(message, numbers=True)}
    return {"name": name, "hex": wire.hex(), "header": header, "payload": payload}


# --- bytes that are no frames, and streams of everything ---


def bad_frames() -> Document:
    """Each way in which bytes are no frame, alone."""
    good = bytes(_echo(1))
    cases = [
        ("no sync", b"AT+CGMI\r\n"),
        ("half a sync", b"\xeb"),
        ("a sync and nothing else", b"\xeb\x90"),
        ("header check, one bit of the type", _damage(good, 3)),
        ("header check, one bit of the length", _damage(good, 6)),
        ("header check, one bit of the check", _damage(good, 19)),
        ("length 4073", _header(PAYLOAD_BYTES_MAX + 1)),
        ("length 65535", _header(0xFFFF)),
        ("frame check, one bit of the payload", _damage(good, HEADER_BYTES + 2)),
        ("frame check, one bit of the check", _damage(good, len(good) - 1)),
        ("frame check of the payload alone", good[:-4] + crc32(good[20:-4]).to_bytes(4, "little")),
        ("frame check that covers the header check", good[:-4] + crc32(good[:-4]).to_bytes(4, "little")),
        ("cut in the header", good[:12]),
        ("cut behind the header", good[:HEADER_BYTES]),
        ("cut in the payload", good[: HEADER_BYTES + 3]),
        ("cut in the frame check", good[:-1]),
    ]
    return {
        "about": "Bytes that are no frame, and the items that they give: reason and bytes of each bad run.",
        "cases": [_stream_case(name, data) for name, data in cases],
    }


def streams() -> Document:
    """Good frames, damage and garbage in a row: what is found, and what is not."""
    first, second, third = (bytes(_echo(number)) for number in (1, 2, 3))
    carrier = bytes(_echo(4, second + third))
    claims_too_much = _header(200)
    cases = [
        ("nothing", b""),
        ("one frame", first),
        ("three frames", first + second + third),
        ("garbage between frames", first + b"garbage" + second),
        ("a modem's greeting", b"AT\r\nATZ\r\n" + first),
        ("a run of syncs before a frame", b"\xeb\x90" * 20 + first),
        ("half a sync before a frame", b"\xeb" + first),
        ("many half syncs before a frame", b"\xeb" * 7 + first),
        ("a damaged frame between good ones", first + _damage(second, HEADER_BYTES) + third),
        ("a damaged length between good ones", first + _damage(second, 6) + third),
        ("frames inside a damaged frame", _damage(carrier, HEADER_BYTES) + first),
        ("frames inside an intact frame", carrier + first),
        ("an intact header that claims what follows", claims_too_much + second + third),
        ("a cut frame, then good ones that fill it", first[:30] + second + third),
        ("the same frame twice", first + first),
        ("header and payload of two frames swapped", first[:HEADER_BYTES] + second[HEADER_BYTES:] + third),
        ("a bad run of exactly the limit", bytes(FRAME_BYTES_MAX) + first),
        ("a bad run of one more than the limit", bytes(FRAME_BYTES_MAX + 1) + first),
    ]
    return {
        "about": "Streams, and the items that they give, in order. In any pieces, the items are the same; "
        "the last ones come when the stream is abandoned.",
        "cases": [_stream_case(name, data) for name, data in cases],
    }


def _echo(number: int, data: bytes = b"") -> Frame:
    return Frame(
        catalogue.BY_NAME["Echo"].type, 0, SESSION, number, bytes((number, 0)) + (data or b"echo" * number)
    )


def _damage(wire: bytes, at: int) -> bytes:
    return wire[:at] + bytes((wire[at] ^ 0x10,)) + wire[at + 1 :]


def _header(length: int) -> bytes:
    """A header whose check holds, with any length."""
    checked = bytes(_echo(9))[:CHECKED_HEADER_BYTES]
    checked = checked[:6] + length.to_bytes(2, "little") + checked[8:]
    return checked + crc32(checked).to_bytes(4, "little")


def _stream_case(name: str, data: bytes) -> Case:
    framer = Framer()
    framer.feed(data)
    found = [*framer.items()]
    framer.abandon()
    found += framer.items()
    return {"name": name, "hex": data.hex(), "items": [item_of(item) for item in found]}


def item_of(item: Any) -> Case:
    """One item of a stream as the vectors hold it."""
    if isinstance(item, Frame):
        return {"frame": bytes(item).hex()}
    return {"bad": item.reason.value, "bytes": len(item.raw)}


# --- payloads ---


def payloads() -> Document:
    """RAW packing, digests, the training pattern, and the CRC."""
    return {
        "about": "What stands in payloads. packed, data, pattern: hexadecimal; digests and CRCs: numbers.",
        "crc": [
            {"data": data.hex(), "crc32": crc32(data)}
            for data in (b"", b"\0", b"123456789", b"\xeb\x90", bytes(range(64)))
        ],
        "raw": [_raw_case(bits) for bits in WIDTHS],
        "prbs31": [
            {"sequence": sequence, "pattern": pattern(sequence, 24).hex()}
            for sequence in (0, 1, 2, 0x12345678, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
        ],
        "digests": [
            _digest_case(data, 16)
            for data in (b"\0", b"12345678", b"123456789", bytes(40), bytes(range(40)), bytes(range(33)))
        ],
    }


def _raw_case(bits: int) -> Case:
    largest = (1 << bits) - 1
    pixels = [0, largest, 1, largest - 1, 1 << bits - 1, 0x55 & largest, 0x5AA5 & largest, 0xC35A & largest]
    packed = pack(np.array(pixels, np.uint16), bits).tobytes()
    return {"bits": bits, "pixels": pixels, "packed": packed.hex()}


def _digest_case(data: bytes, strip_bytes: int) -> Case:
    digests = strip_digests(data, strip_bytes)
    return {
        "data": data.hex(),
        "strip_bytes": strip_bytes,
        "strips": digests,
        "image": image_digest(digests, len(data)),
    }
