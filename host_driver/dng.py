"""DNG 1.4: one uncompressed 16-bit CFA image, with everything that a raw developer needs to know of it.

tifffile writes the picture and its IFD. It refuses to write an Exif IFD, so that one is appended, and the
pointer to it is patched over a placeholder entry whose tag is one less (the order of the entries stays).

Sources: Adobe, Digital Negative Specification 1.4.0.0; CIPA DC-008 (Exif 2.31); TIFF 6.0.
"""

import json
import struct
from collections.abc import Callable, Mapping
from datetime import datetime
from fractions import Fraction
from typing import Any, BinaryIO

import numpy as np
import tifffile

from laserlink.host_driver.develop import XYZ_FROM_SRGB, Picture, white_balance

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SRATIONAL = 1, 2, 3, 4, 5, 7, 10

EXIF_POINTER = 34665
PLACEHOLDER = EXIF_POINTER - 1
"""No TIFF tag has this number; it never stays in a finished file."""

ISO_AT_UNITY_GAIN = 100
"""libcamera's habit, and picamera2's: ISO is 100 times AnalogueGain."""

D65 = 21
"""Exif LightSource code, which DNG uses for CalibrationIlluminant1."""

UNKNOWN_COLOUR = "Colour matrix unknown: camera colours are taken as linear sRGB."
UNKNOWN_MAKE, UNKNOWN_MODEL = "LaserLink", "unknown module"

DENOMINATOR_MAX = 1_000_000
NUMERATOR_MAX = 0x7FFFFFFF
DIOPTRES_MIN = 1e-6
"""Focused a thousand kilometres away, or further: infinity."""

IfdEntry = tuple[int, int, int, Any]
"""(tag, type, count, value); rationals are flat: numerator, denominator, numerator, ..."""

COMMENT_KEYS = (
    *("ExposureTime", "AnalogueGain", "SensorTimestamp", "SensorTimestampUncertainty", "LensPosition"),
    *("BitsPerPixel", "Mode", "Format", "ImageId", "ControlSetId"),
)
"""Metadata that no DNG or Exif tag holds exactly: it goes into UserComment, as JSON."""


def write_dng(file: BinaryIO, picture: Picture, description: str = "") -> None:
    """Write `picture` to `file`, an empty file open for reading and writing ("x+b").

    Metadata keys are those of `laserlink.host_driver.shot.METADATA`; SensorBlackLevels and WhiteLevel must be
    there. `description` is put first in ImageDescription. Raises OSError when the file cannot take it.
    """
    metadata = picture.metadata
    notes = [description] if description else []
    if metadata.get("ColorMatrix") is None:
        notes.append(UNKNOWN_COLOUR)
    with tifffile.TiffWriter(file, byteorder="<", bigtiff=False) as writer:
        writer.write(
            picture.raw,
            photometric="CFA",
            compression=None,
            rowsperstrip=picture.raw.shape[0],
            subfiletype=0,
            description=ascii_text(" ".join(notes)) or None,
            datetime=metadata.get("DateTime"),
            software=ascii_text(metadata.get("Software", "LaserLink")),
            metadata=None,
            extratags=[(*entry, True) for entry in _main_entries(picture)],
        )
    _append_exif(file, _exif_entries(metadata))


def ascii_text(text: str) -> str:
    """Text as a TIFF ASCII value can hold it: printable, 7 bits; anything else becomes a question mark."""
    return "".join(char if " " <= char <= "~" else "?" for char in text)


def _main_entries(picture: Picture) -> list[IfdEntry]:
    """What tifffile does not write by itself, in IFD 0."""
    metadata = picture.metadata
    height, width = picture.raw.shape
    make, model = metadata.get("Make", UNKNOWN_MAKE), metadata.get("Model", UNKNOWN_MODEL)
    color_matrix = metadata.get("ColorMatrix")
    if color_matrix is None:
        color_matrix = np.linalg.inv(XYZ_FROM_SRGB).ravel()
    entries: list[IfdEntry] = [
        _text(271, make),
        _text(272, model),
        (274, SHORT, 1, 1),  # Orientation: the first row is the top
        (33421, SHORT, 2, (2, 2)),  # CFARepeatPatternDim
        (33422, BYTE, 4, bytes("RGB".index(colour) for colour in metadata.get("CfaPattern", "RGGB"))),
        (PLACEHOLDER, LONG, 1, 0),
        (50706, BYTE, 4, bytes((1, 4, 0, 0))),  # DNGVersion
        (50707, BYTE, 4, bytes((1, 1, 0, 0))),  # DNGBackwardVersion: no tag here is younger
        _text(50708, f"{make} {model}"),  # UniqueCameraModel
        (50710, BYTE, 3, bytes((0, 1, 2))),  # CFAPlaneColor: red, green, blue
        (50711, SHORT, 1, 1),  # CFALayout: rectangular
        (50713, SHORT, 2, (2, 2)),  # BlackLevelRepeatDim
        (50714, SHORT, 4, tuple(int(level) for level in metadata["SensorBlackLevels"])),
        (50717, LONG, 1, int(metadata["WhiteLevel"])),  # without it LibRaw takes 65535
        (50719, LONG, 2, (0, 0)),  # DefaultCropOrigin
        (50720, LONG, 2, (width, height)),  # DefaultCropSize
        _rationals(50721, SRATIONAL, color_matrix),  # ColorMatrix1
        _rationals(50728, RATIONAL, white_balance(picture)),  # AsShotNeutral
        (50778, SHORT, 1, D65),  # CalibrationIlluminant1
        (50829, LONG, 4, (0, 0, height, width)),  # ActiveArea: top, left, bottom, right
    ]
    if metadata.get("SerialNumber"):
        entries.append(_text(50735, metadata["SerialNumber"]))  # CameraSerialNumber
    return entries


def _text(tag: int, text: str) -> IfdEntry:
    value = ascii_text(text).encode("ascii") + b"\0"
    return tag, ASCII, len(value), value


def _rationals(tag: int, kind: int, values: Any) -> IfdEntry:
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
    return [_rationals(37382, RATIONAL, [1 / dioptres])]


def _dates(moment: datetime) -> list[IfdEntry]:
    """DateTimeOriginal and DateTimeDigitized, their fractions, and the offset from UTC where it is known."""
    entries = [_text(tag, f"{moment:%Y:%m:%d %H:%M:%S}") for tag in (36867, 36868)]
    entries += [_text(tag, f"{moment.microsecond:06d}") for tag in (37521, 37522)]
    if moment.utcoffset() is not None:
        zone = f"{moment:%z}"
        entries += [_text(tag, f"{zone[:3]}:{zone[3:5]}") for tag in (36880, 36881, 36882)]
    return entries


EXIF: Mapping[str, Callable[[Any], list[IfdEntry]]] = {
    "ExposureTime": _exposure,
    "AnalogueGain": _iso,
    "LensPosition": _subject_distance,
    "DateTime": _dates,
    "FNumber": lambda value: [_rationals(33437, RATIONAL, [value])],
    "FocalLength": lambda value: [_rationals(37386, RATIONAL, [value])],
    "SerialNumber": lambda value: [_text(42033, value)],
    "LensModel": lambda value: [_text(42036, value)],
}


def _plain(value: np.generic) -> Any:
    """numpy's numbers, which json does not know, as Python's."""
    return value.item()


def _exif_entries(metadata: Mapping[str, Any]) -> list[IfdEntry]:
    entries: list[IfdEntry] = [(36864, UNDEFINED, 4, b"0231")]  # ExifVersion
    for key, make_entries in EXIF.items():
        if metadata.get(key) is not None:
            entries += make_entries(metadata[key])
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


def _append_exif(file: BinaryIO, entries: list[IfdEntry]) -> None:
    file.seek(0)
    with tifffile.TiffFile(file) as tiff:
        placeholder = tiff.pages.first.tags[PLACEHOLDER].offset
    start = file.seek(0, 2)  # even, as TIFF wants it: the pixels come last, from an even offset
    file.write(_ifd(entries, start))
    file.seek(placeholder)
    file.write(struct.pack("<HHII", EXIF_POINTER, LONG, 1, start))
