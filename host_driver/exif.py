"""Exif and TIFF entries: how a metadata value becomes tags, and an IFD of them at the end of a file.

Sources: CIPA DC-008 (Exif 2.31); TIFF 6.0.
"""

import json
import math
import struct
from collections.abc import Callable, Mapping
from datetime import datetime
from fractions import Fraction
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SRATIONAL, DOUBLE = 1, 2, 3, 4, 5, 7, 10, 12

EXIF_POINTER = 34665

ISO_AT_UNITY_GAIN = 100
"""libcamera's habit, and picamera2's: ISO is 100 times AnalogueGain."""

DENOMINATOR_MAX = 1_000_000
NUMERATOR_MAX = 0x7FFFFFFF
DIOPTRES_MIN = 1e-6
"""Focused a thousand kilometres away, or further: infinity."""

IfdEntry = tuple[int, int, int, Any]
"""(tag, type, count, value); rationals are flat: numerator, denominator, numerator, ..."""

COMMENT_KEYS = (
    *("ExposureTime", "AnalogueGain", "SensorTimestamp", "SensorTimestampUncertainty", "LensPosition"),
    *("BitsPerPixel", "Mode", "Format", "ImageId", "ControlSetId", "ControlSetImageId", "NoiseProfile"),
    *(
        "ColourGains",
        "ColourTemperature",
        "AeState",
        "AfState",
        "FocusFoM",
        "SensorTemperature",
        "StackedImages",
    ),
)
"""Metadata that no DNG or Exif tag holds exactly: it goes into UserComment, as JSON."""


def ascii_text(text: str) -> str:
    """Text as a TIFF ASCII value can hold it: printable, 7 bits; anything else becomes a question mark."""
    return "".join(char if " " <= char <= "~" else "?" for char in text)


def text_entry(tag: int, text: str) -> IfdEntry:
    """Text with its closing NUL."""
    value = ascii_text(text).encode("ascii") + b"\0"
    return tag, ASCII, len(value), value


def rationals(tag: int, kind: int, values: Any) -> IfdEntry:
    """As fine as 32 bits allow."""
    flat: list[int] = []
    for value in values:
        largest = min(DENOMINATOR_MAX, NUMERATOR_MAX // (int(abs(value)) + 1))
        ratio = Fraction(float(value)).limit_denominator(max(largest, 1))
        flat += (ratio.numerator, ratio.denominator)
    return tag, kind, len(flat) // 2, tuple(flat)


# How a metadata value becomes Exif entries; keys that are absent are left out.
def _exposure(value: int) -> list[IfdEntry]:
    ratio = Fraction(int(value), 1_000_000)
    return [(33434, RATIONAL, 1, (ratio.numerator, ratio.denominator))]


def _iso(value: float) -> list[IfdEntry]:
    iso = min(round(ISO_AT_UNITY_GAIN * value), 0xFFFF)
    return [(34855, SHORT, 1, iso), (34864, SHORT, 1, 0)]  # SensitivityType 0: no standard's measurement


def _subject_distance(dioptres: float) -> list[IfdEntry]:
    if dioptres < DIOPTRES_MIN:
        return [(37382, RATIONAL, 1, (0xFFFFFFFF, 1))]  # Exif's infinity
    return [rationals(37382, RATIONAL, [1 / dioptres])]


def _dates(moment: datetime) -> list[IfdEntry]:
    """DateTimeOriginal and DateTimeDigitized, their fractions, and the offset from UTC where it is known."""
    entries = [text_entry(tag, f"{moment:%Y:%m:%d %H:%M:%S}") for tag in (36867, 36868)]
    entries += [text_entry(tag, f"{moment.microsecond:06d}") for tag in (37521, 37522)]
    if moment.utcoffset() is not None:
        zone = f"{moment:%z}"
        entries += [text_entry(tag, f"{zone[:3]}:{zone[3:5]}") for tag in (36880, 36881, 36882)]
    return entries


EXIF: Mapping[str, Callable[[Any], list[IfdEntry]]] = {
    "ExposureTime": _exposure,
    "AnalogueGain": _iso,
    "LensPosition": _subject_distance,
    "DateTime": _dates,
    "FNumber": lambda value: [rationals(33437, RATIONAL, [value])],
    # MaxApertureValue is in APEX units: 2 log2 of the f-number.
    "LensFNumber": lambda value: [rationals(37381, RATIONAL, [max(0.0, 2 * math.log2(value))])],
    "FocalLength": lambda value: [rationals(37386, RATIONAL, [value])],
    "FocalLengthIn35mmFilm": lambda value: [(41989, SHORT, 1, int(value))],
    "Make": lambda value: [text_entry(42035, value)],  # LensMake: lens and module are one
    "SerialNumber": lambda value: [text_entry(42033, value)],
    "LensModel": lambda value: [text_entry(42036, value)],
}


def _plain(value: np.generic | NDArray[Any]) -> Any:
    """numpy's numbers, which json does not know, as Python's."""
    return value.tolist()


def lens_range(metadata: Mapping[str, Any]) -> IfdEntry:
    """LensSpecification: shortest and longest focal length, and the widest stop at each (0 / 0: unknown)."""
    length = rationals(42034, RATIONAL, [metadata["FocalLength"]])[3]
    widest = metadata.get("LensFNumber")
    stop = (0, 0) if widest is None else rationals(42034, RATIONAL, [widest])[3]
    return 42034, RATIONAL, 4, (*length, *length, *stop, *stop)


def exif_entries(metadata: Mapping[str, Any]) -> list[IfdEntry]:
    """The Exif IFD's entries in order; values that are not known are left out."""
    entries: list[IfdEntry] = [(36864, UNDEFINED, 4, b"0231")]  # ExifVersion
    for key, make_entries in EXIF.items():
        if metadata.get(key) is not None:
            entries += make_entries(metadata[key])
    if metadata.get("FocalLength") is not None:
        entries.append(lens_range(metadata))
    rest = {key: metadata[key] for key in COMMENT_KEYS if metadata.get(key) is not None}
    comment = b"ASCII\0\0\0" + json.dumps(rest, default=_plain).encode("ascii")
    entries.append((37510, UNDEFINED, len(comment), comment))  # UserComment
    return sorted(entries)


_PACK_CODES = {SHORT: "H", LONG: "I", RATIONAL: "I", SRATIONAL: "i"}


def _packed(kind: int, value: Any) -> bytes:
    if kind in (ASCII, UNDEFINED):
        return bytes(value)
    numbers = value if isinstance(value, tuple) else (value,)
    return struct.pack(f"<{len(numbers)}{_PACK_CODES[kind]}", *numbers)


def _ifd(entries: list[IfdEntry], start: int) -> bytes:
    """A TIFF directory for file offset `start`, followed by the values that do not fit in it."""
    table = struct.pack("<H", len(entries))
    values = b""
    values_start = start + 2 + 12 * len(entries) + 4
    for tag, kind, count, value in entries:
        packed = _packed(kind, value)
        if len(packed) > 4:
            values += b"\0" * (len(values) % 2)  # offsets are even in TIFF
            field = struct.pack("<I", values_start + len(values))
            values += packed
        else:
            field = packed.ljust(4, b"\0")
        table += struct.pack("<HHI", tag, kind, count) + field
    return table + struct.pack("<I", 0) + values


def append_exif(file: BinaryIO, entries: list[IfdEntry], pointer_offset: int) -> None:
    """Put an IFD at the end, and the entry that points to it over the one at `pointer_offset`."""
    start = file.seek(0, 2)  # even, as TIFF wants it: the pixels come last, from an even offset
    file.write(_ifd(entries, start))
    file.seek(pointer_offset)
    file.write(struct.pack("<HHII", EXIF_POINTER, LONG, 1, start))
