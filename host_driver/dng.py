"""DNG 1.4: an uncompressed 16-bit CFA image, with everything that a raw developer needs to know of it.

As Adobe's converter lays it out: IFD 0 is a small picture for file browsers and says what camera and colours
these are; its SubIFD is the RAW; its Exif IFD says how the picture was taken. tifffile writes pictures and
their IFDs. It refuses to write an Exif IFD, so that one is appended, and the pointer to it is patched over a
placeholder entry whose tag is one less (the order of the entries stays). It gives the pointer to the SubIFD
the type of TIFF Technical Note 1, which readers of DNG need not know: that is patched to LONG.

Sources: Adobe, Digital Negative Specification 1.4.0.0; CIPA DC-008 (Exif 2.31); TIFF 6.0.
"""

import struct
from typing import Any, BinaryIO

import numpy as np
import tifffile

from laserlink.host_driver.develop import CFA_ORDERS, XYZ_FROM_SRGB, Picture, thumbnail, white_balance
from laserlink.host_driver.exif import (
    BYTE,
    DOUBLE,
    EXIF_POINTER,
    LONG,
    RATIONAL,
    SHORT,
    SRATIONAL,
    IfdEntry,
    append_exif,
    ascii_text,
    exif_entries,
    lens_range,
    rationals,
    text_entry,
)

SUBIFDS = 330
PLACEHOLDER = EXIF_POINTER - 1
"""No TIFF tag has this number; it never stays in a finished file."""

STANDARD_LIGHT_A, D65 = 17, 21
"""Exif LightSource codes, which DNG uses for CalibrationIlluminant1 and 2."""

SRGB = 2
"""DNG's code for the colours of the preview."""

PREVIEW_SIDE_MAX = 256
"""A thumbnail as file browsers show it: drawing a larger one would take longer than writing the RAW."""

REDUCED_RESOLUTION = 1
"""NewSubfileType of a preview; that of the RAW is 0."""

UNKNOWN_COLOUR = "Colour matrix unknown: camera colours are taken as linear sRGB."
UNKNOWN_MAKE, UNKNOWN_MODEL = "LaserLink", "unknown module"


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
            thumbnail(picture, PREVIEW_SIDE_MAX),
            photometric="RGB",
            subifds=1,
            subfiletype=REDUCED_RESOLUTION,
            description=ascii_text(" ".join(notes)) or None,
            datetime=metadata.get("DateTime"),
            software=ascii_text(metadata.get("Software", "LaserLink")),
            metadata=None,
            extratags=[(*entry, True) for entry in _camera_entries(picture)],
        )
        writer.write(
            picture.raw,
            photometric="CFA",
            compression=None,
            rowsperstrip=picture.raw.shape[0],
            subfiletype=0,
            software=False,
            metadata=None,
            extratags=[(*entry, True) for entry in _raw_entries(picture)],
        )
    placeholder, subifd = _entry_offsets(file, PLACEHOLDER, SUBIFDS)
    append_exif(file, exif_entries(metadata), placeholder)
    file.seek(subifd)
    file.write(struct.pack("<HH", SUBIFDS, LONG))


def _camera_entries(picture: Picture) -> list[IfdEntry]:
    """What tifffile does not write by itself, in IFD 0: the camera, its colours, and this light's."""
    metadata = picture.metadata
    make, model = metadata.get("Make", UNKNOWN_MAKE), metadata.get("Model", UNKNOWN_MODEL)
    entries: list[IfdEntry] = [
        text_entry(271, make),
        text_entry(272, model),
        (274, SHORT, 1, 1),  # Orientation: the first row is the top
        (PLACEHOLDER, LONG, 1, 0),
        (50706, BYTE, 4, bytes((1, 4, 0, 0))),  # DNGVersion
        (
            50707,
            BYTE,
            4,
            bytes((1, 1, 0, 0)),
        ),  # DNGBackwardVersion: no tag that must be understood is younger
        text_entry(50708, f"{make} {model}"),  # UniqueCameraModel
        *_colour_entries(metadata.get("ColorMatrix"), metadata.get("ColorMatrixA")),
        rationals(50728, RATIONAL, white_balance(picture)),  # AsShotNeutral
        (50970, LONG, 1, SRGB),  # PreviewColorSpace
    ]
    if metadata.get("SerialNumber"):
        entries.append(text_entry(50735, metadata["SerialNumber"]))  # CameraSerialNumber
    if metadata.get("FocalLength") is not None:
        entries.append((50736, *lens_range(metadata)[1:]))  # LensInfo
    return entries


def _colour_entries(matrix_d65: Any, matrix_a: Any) -> list[IfdEntry]:
    """ColorMatrix1 and 2 with their lights: the warmer light first, as everybody has it."""
    if matrix_d65 is None:
        matrix_d65, matrix_a = np.linalg.inv(XYZ_FROM_SRGB).ravel(), None
    known = [(light, m) for light, m in ((STANDARD_LIGHT_A, matrix_a), (D65, matrix_d65)) if m is not None]
    entries: list[IfdEntry] = []
    for number, (light, matrix) in enumerate(known):
        entries.append(rationals(50721 + number, SRATIONAL, np.ravel(matrix)))
        entries.append((50778 + number, SHORT, 1, light))  # CalibrationIlluminant1 and 2
    return entries


def _raw_entries(picture: Picture) -> list[IfdEntry]:
    """How to read the samples, in the IFD of the RAW."""
    metadata = picture.metadata
    height, width = picture.raw.shape
    pattern = metadata.get("CfaPattern", CFA_ORDERS[0])
    entries: list[IfdEntry] = [
        (33421, SHORT, 2, (2, 2)),  # CFARepeatPatternDim
        (33422, BYTE, 4, bytes("RGB".index(colour) for colour in pattern)),
        (50710, BYTE, 3, bytes((0, 1, 2))),  # CFAPlaneColor: red, green, blue
        (50711, SHORT, 1, 1),  # CFALayout: rectangular
        (50713, SHORT, 2, (2, 2)),  # BlackLevelRepeatDim
        (50714, SHORT, 4, tuple(int(level) for level in metadata["SensorBlackLevels"])),
        (50717, LONG, 1, int(metadata["WhiteLevel"])),  # without it LibRaw takes 65535
        (50718, RATIONAL, 2, (1, 1, 1, 1)),  # DefaultScale: square pixels
        (50719, LONG, 2, (0, 0)),  # DefaultCropOrigin
        (50720, LONG, 2, (width, height)),  # DefaultCropSize
        (50829, LONG, 4, (0, 0, height, width)),  # ActiveArea: top, left, bottom, right
    ]
    if metadata.get("NoiseProfile") is not None:
        entries.append((51041, DOUBLE, 2, tuple(float(value) for value in metadata["NoiseProfile"])))
    return entries


def _entry_offsets(file: BinaryIO, *tags: int) -> list[int]:
    """Where in the file the entries of IFD 0 stand that are to be patched."""
    file.seek(0)
    with tifffile.TiffFile(file) as tiff:
        return [int(tiff.pages.first.tags[tag].offset) for tag in tags]
