"""Control family: list, get, set, and the event of a control that changed by itself (the focus ring).

Names, types and units are libcamera's. A value takes eight bytes whatever its type. Rectangles exist only
where hello agreed on them.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

from laserlink.protocol.errors import MalformedPayload
from laserlink.protocol.limits import CONTROLS_MAX, CONTROLS_PER_REQUEST
from laserlink.protocol.messages.layout import (
    Event,
    Record,
    Reply,
    Request,
    array,
    enum,
    octets,
    text,
    u8,
    u16,
    u32,
)

Rectangle = tuple[int, int, int, int]
Value = bool | int | float | Rectangle


class ValueType(IntEnum):
    """What the eight bytes of a value are."""

    BOOL = 1
    INTEGER = 2
    FLOAT = 3
    RECTANGLE = 4


# Looked up for every value: an attribute of an enumeration is a call.
_BOOL, _INTEGER, _FLOAT, _RECTANGLE = ValueType
_FORMATS = {
    _BOOL: struct.Struct("<q"),
    _INTEGER: struct.Struct("<q"),
    _FLOAT: struct.Struct("<d"),
    _RECTANGLE: struct.Struct("<HHHH"),
}


def encode_value(kind: ValueType, value: Value) -> bytes:
    """Eight bytes. Raises ValueError for a value that does not fit the type."""
    if isinstance(value, float) and kind is not _FLOAT:
        raise ValueError(f"{value} is not a whole number")
    if isinstance(value, tuple) is not (kind is _RECTANGLE):
        raise ValueError(f"{value} is no {kind.name.lower()}")
    try:
        return _FORMATS[kind].pack(*value) if isinstance(value, tuple) else _FORMATS[kind].pack(value)
    except struct.error as error:
        raise ValueError(str(error)) from None


def decode_value(kind: ValueType, raw: bytes) -> Value:
    """The value; MalformedPayload for a bool that is neither 0 nor 1, or a float that is no number."""
    if kind is _RECTANGLE:
        x, y, width, height = _FORMATS[kind].unpack(raw)
        return x, y, width, height
    value: int | float = _FORMATS[kind].unpack(raw)[0]
    if kind is _FLOAT and value != value:
        raise MalformedPayload("a control value is not a number")
    if kind is not _BOOL:
        return value
    if value not in (0, 1):
        raise MalformedPayload(f"a bool of {value}", int(value) % (1 << 64))
    return bool(value)


@dataclass(frozen=True, slots=True)
class ControlList(Request):
    """The host asks which controls there are, from the `start`-th on."""

    start: int = u8("index of the first one wanted")


@dataclass(frozen=True, slots=True)
class ControlInfo(Record):
    """One control: its type, unit and bounds (eight-byte values of its type)."""

    id: int = u16("used to get and set it", default=1)
    name: str = text(32, "libcamera's name", "ExposureTime")
    unit: str = text(16, "libcamera's unit", "us")
    type: ValueType = enum(ValueType, "of its values", ValueType.INTEGER)
    read_only: int = u8("1: cannot be set")
    minimum: bytes = octets(8, "smallest legal value")
    maximum: bytes = octets(8, "largest legal value")
    default: bytes = octets(8, "value after boot")


@dataclass(frozen=True, slots=True)
class ControlInfos(Reply):
    """As many controls as fit the frame."""

    total: int = u8("number of controls of this module")
    start: int = u8("index of the first one here")
    controls: tuple[ControlInfo, ...] = array(ControlInfo, CONTROLS_MAX, "in the order of their ids")


@dataclass(frozen=True, slots=True)
class ControlValue(Record):
    """The value of one control."""

    id: int = u16("of the control", default=1)
    type: ValueType = enum(ValueType, "of the value", ValueType.INTEGER)
    value: bytes = octets(8, "int64, or double; a bool is 0 or 1; a rectangle is x, y, width, height as u16")


@dataclass(frozen=True, slots=True)
class ControlId(Record):
    """Names one control."""

    id: int = u16("of the control", default=1)


@dataclass(frozen=True, slots=True)
class ControlGet(Request):
    """The host asks for values."""

    controls: tuple[ControlId, ...] = array(ControlId, CONTROLS_PER_REQUEST, "which ones")


@dataclass(frozen=True, slots=True)
class ControlValues(Reply):
    """The values that are in force, and the id of the set that put them there."""

    set_id: int = u32("counts accepted sets")
    values: tuple[ControlValue, ...] = array(ControlValue, CONTROLS_PER_REQUEST, "in the order asked")


@dataclass(frozen=True, slots=True)
class ControlSet(Request):
    """The host sets values: all of them, or none and an error."""

    values: tuple[ControlValue, ...] = array(ControlValue, CONTROLS_PER_REQUEST, "ids and values")


@dataclass(frozen=True, slots=True)
class ControlSetReply(Reply):
    """The values are in force from the next exposure on."""

    set_id: int = u32("named by every image that was taken with it")


@dataclass(frozen=True, slots=True)
class ControlChanged(Event):
    """A control changed without the host: the focus ring was turned, the autofocus is done, it got warmer.

    What is told before an image names it holds for that image.
    """

    set_id: int = u32("of the values now in force")
    id: int = u16("of the control", default=1)
    type: ValueType = enum(ValueType, "of the value", ValueType.INTEGER)
    value: bytes = octets(8, "int64, or double; a bool is 0 or 1; a rectangle is x, y, width, height as u16")
