"""Frames in a few words, for reports."""

from dataclasses import fields

from laserlink.protocol import catalogue
from laserlink.protocol.errors import RemoteProtocolError
from laserlink.protocol.frame import Frame
from laserlink.protocol.messages.layout import Record

TEXT_MAX = 220
HEX_BYTES_MAX = 96


def describe(frame: Frame) -> str:
    """The message and its fields, or why it is none; with what is unusual about its header."""
    row = catalogue.BY_TYPE.get(frame.type)
    if row is None:
        return f"type {frame.type:02X} on channel {frame.channel}, {len(frame.payload)} bytes"
    try:
        text = describe_message(row.message.decode(frame.payload))
    except RemoteProtocolError as error:
        text = f"{row.message.__name__} of {len(frame.payload)} bytes ({error})"
    return shortened(text if frame.channel in (0, 1) else f"{text} on channel {frame.channel}")


def describe_message(message: Record) -> str:
    """Name(field value, ...)."""
    parts = (f"{item.name} {_value(getattr(message, item.name))}" for item in fields(message))
    return f"{type(message).__name__}({', '.join(parts)})"


def _value(value: object) -> str:
    match value:
        case bytes():
            return f"{value[:8].hex()}{'...' if len(value) > 8 else ''} [{len(value)}]"
        case tuple():
            return f"[{len(value)}]"
        case int() if hasattr(value, "name"):
            return str(value.name)
    return repr(value)


def shortened(text: str, limit: int = TEXT_MAX) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."


def hex_of(wire: bytes) -> str:
    """The first bytes, two digits each."""
    more = f" ... {len(wire)} bytes" if len(wire) > HEX_BYTES_MAX else ""
    return wire[:HEX_BYTES_MAX].hex(" ") + more
