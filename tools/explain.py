"""A stream of bytes explained: every frame byte by byte, and every rejection with its reason.

`explain` needs neither a session nor a state: it says what can be said of bytes alone. What depends on who
sent them, when, and on which lane, is judged by the connection.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from laserlink.protocol import catalogue
from laserlink.protocol.catalogue import Channel, Row
from laserlink.protocol.errors import MalformedPayload, RemoteProtocolError, WrongChannel
from laserlink.protocol.frame import CHECK_BYTES, HEADER_BYTES, Flags, Frame
from laserlink.protocol.framer import BadFrame, BadReason, Framer
from laserlink.protocol.judge import row_of
from laserlink.protocol.limits import FRAME_BYTES_MAX
from laserlink.protocol.messages.layout import FieldInfo, Kind, Record, Shape, fields_of
from laserlink.tools.diagnose import Diagnosis, diagnose
from laserlink.tools.plain import record_to_plain

REASONS = {
    BadReason.NO_SYNC: "no sync (EB 90) stands here",
    BadReason.HEADER_CHECK: "the header check does not hold",
    BadReason.LENGTH: "the header asks for more than a frame holds",
    BadReason.FRAME_CHECK: "the frame check does not hold",
    BadReason.CUT: "the frame was started and never finished",
}


@dataclass(frozen=True)
class Part:
    """Some bytes of a frame, `offset` bytes into it, and what they mean."""

    offset: int
    raw: bytes
    field: str
    value: str
    meaning: str


@dataclass(frozen=True)
class ExplainedFrame:
    """An intact frame at `offset` of the stream; `offence` is what makes it illegal anywhere."""

    offset: int
    frame: Frame
    wire: bytes
    name: str
    parts: tuple[Part, ...]
    message: Record | None
    offence: RemoteProtocolError | None


@dataclass(frozen=True)
class ExplainedBad:
    """Adjacent bytes at `offset` of the stream that are no frame, and what they may have been meant to be."""

    offset: int
    raw: bytes
    reason: BadReason
    diagnoses: tuple[Diagnosis, ...]


def explain(data: bytes) -> Iterator[ExplainedFrame | ExplainedBad]:
    """Everything in `data`, in order; what is started and never finished counts as cut."""
    offset = 0
    for item in _items(data):
        if isinstance(item, BadFrame):
            window = data[offset : offset + len(item.raw) + FRAME_BYTES_MAX]
            yield ExplainedBad(offset, item.raw, item.reason, tuple(diagnose(window, len(item.raw))))
            offset += len(item.raw)
        else:
            yield explain_frame(item, data[offset : offset + item.wire_bytes], offset)
            offset += item.wire_bytes


def _items(data: bytes) -> Iterator[Frame | BadFrame]:
    framer = Framer()
    for start in range(0, len(data), FRAME_BYTES_MAX):
        framer.feed(data[start : start + FRAME_BYTES_MAX])
        yield from framer.items()
    framer.abandon()
    yield from framer.items()


def explain_frame(frame: Frame, wire: bytes, offset: int = 0) -> ExplainedFrame:
    """One intact frame and its exact bytes."""
    row = catalogue.BY_TYPE.get(frame.type) if frame.version_major == 1 else None
    message, offence = None, None
    try:
        message = _judge(frame)
    except RemoteProtocolError as error:
        offence = error
    parts = list(_header_parts(frame, wire, row))
    if message is not None:
        parts += _record_parts(message, HEADER_BYTES, "")
    elif frame.payload:
        meaning = str(offence) if isinstance(offence, MalformedPayload) else "not decoded"
        parts.append(Part(HEADER_BYTES, frame.payload, "payload", f"{len(frame.payload)} bytes", meaning))
    parts.append(
        Part(
            len(wire) - CHECK_BYTES,
            wire[-CHECK_BYTES:],
            "frame check",
            "holds",
            "CRC-32/AUTOSAR of bytes 0 to 15 and the payload",
        )
    )
    name = row.message.__name__ if row else f"type {frame.type:#04x}"
    return ExplainedFrame(offset, frame, wire, name, tuple(parts), message, offence)


def _judge(frame: Frame) -> Record:
    """The message of a frame. Raises the RemoteProtocolError that makes it illegal anywhere."""
    row = row_of(frame)
    if frame.channel not in row.channel.value:
        raise WrongChannel(f"{row.message.__name__} on channel {frame.channel}", frame.channel)
    return row.message.decode(frame.payload)


def _header_parts(frame: Frame, wire: bytes, row: Row | None) -> Iterator[Part]:
    yield Part(0, wire[0:2], "sync", "EB 90", "a frame starts here")
    yield Part(2, wire[2:3], "version", f"{frame.version >> 4}.{frame.version & 15}", "major, minor")
    yield Part(3, wire[3:4], "type", f"{frame.type:#04x}", _type_meaning(row))
    yield Part(4, wire[4:5], "channel", str(frame.channel), channel_name(frame.channel))
    yield Part(5, wire[5:6], "flags", f"{frame.flags:#04x}", _flag_names(frame.flags))
    yield Part(6, wire[6:8], "length", str(len(frame.payload)), "bytes of payload")
    session = "no session: a beacon" if not frame.session else "chosen by the host at attach"
    yield Part(8, wire[8:12], "session", f"{frame.session:#010x}", session)
    yield Part(12, wire[12:16], "sequence", str(frame.sequence), "counts new frames of the channel")
    yield Part(16, wire[16:20], "header check", "holds", "CRC-32/AUTOSAR of bytes 0 to 15")


def _type_meaning(row: Row | None) -> str:
    return f"{row.message.__name__}, {row.role}, {row.direction.value}" if row else "unknown"


def channel_name(channel: int) -> str:
    """What a channel carries."""
    found = next((kind for kind in Channel if channel in kind.value), None)
    return found.name.lower() if found else "reserved bits are set"


def _flag_names(flags: int) -> str:
    names = [flag.name or "" for flag in Flags if flag and flags & flag]
    if flags & ~sum(Flags):
        names.append(f"unknown bits {flags & ~sum(Flags):#04x}")
    return ", ".join(names) or "none"


def _record_parts(record: Record, offset: int, prefix: str) -> Iterator[Part]:
    for info in fields_of(type(record)):
        value = getattr(record, info.name)
        yield from _value_parts(value, info.shape, info, offset, prefix + info.name)
        offset += len(info.shape.build(value))


def _value_parts(value: Any, shape: Shape, info: FieldInfo, offset: int, name: str) -> Iterator[Part]:
    if shape.kind is Kind.RECORD:
        yield from _record_parts(value, offset, f"{name}.")
    elif shape.kind is Kind.ARRAY and shape.item is not None:
        yield Part(offset, shape.build(value)[:1], f"{name} count", str(len(value)), info.meaning)
        offset += 1
        for index, item in enumerate(value):
            yield from _value_parts(item, shape.item, info, offset, f"{name}[{index}]")
            offset += len(shape.item.build(item))
    else:
        yield Part(offset, shape.build(value), name, _show(value, shape, info.unit), info.meaning)


def _show(value: Any, shape: Shape, unit: str) -> str:
    match shape.kind:
        case Kind.ENUM:
            return f"{int(value)} {value.name}"
        case Kind.TEXT:
            return f'"{value}"'
        case Kind.OCTETS | Kind.REST:
            return f"{len(value)} bytes"
    return f"{value} {unit}".rstrip()


def frame_document(explained: ExplainedFrame) -> dict[str, Any]:
    """One frame for `decode --json`."""
    frame, offence = explained.frame, explained.offence
    return {
        "offset": explained.offset,
        "bytes": len(explained.wire),
        "hex": explained.wire.hex(),
        "name": explained.name,
        "version": frame.version,
        "type": frame.type,
        "channel": frame.channel,
        "flags": frame.flags,
        "session": frame.session,
        "sequence": frame.sequence,
        "payload": frame.payload.hex(),
        "fields": None if explained.message is None else record_to_plain(explained.message),
        "offence": None if offence is None else {"code": offence.code.name, "text": str(offence)},
        "parts": [
            {"offset": part.offset, "hex": part.raw.hex(), "field": part.field, "value": part.value,
             "meaning": part.meaning}
            for part in explained.parts
        ],
    }  # fmt: skip


def bad_document(explained: ExplainedBad) -> dict[str, Any]:
    """One rejection for `decode --json`."""
    return {
        "offset": explained.offset,
        "bytes": len(explained.raw),
        "hex": explained.raw.hex(),
        "reason": explained.reason.value,
        "text": REASONS[explained.reason],
        "diagnoses": [
            {"offset": explained.offset + diagnosis.offset, "text": diagnosis.text,
             "repaired": diagnosis.repaired.hex()}
            for diagnosis in explained.diagnoses
        ],
    }  # fmt: skip
