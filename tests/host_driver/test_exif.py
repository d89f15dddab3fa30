"""host_driver/exif.py: entries, rationals and the IFD; that others read them is test_dng's to show."""

import io
import math
import struct
from datetime import datetime
from fractions import Fraction

import numpy as np
import pytest

from laserlink.host_driver.exif import (
    ASCII,
    EXIF,
    EXIF_POINTER,
    LONG,
    RATIONAL,
    SRATIONAL,
    append_exif,
    ascii_text,
    exif_entries,
    lens_range,
    rationals,
    text_entry,
)


def test_ascii_text() -> None:
    """Printable ASCII stays, each other character becomes one question mark."""
    assert ascii_text("Az ~\x7f\t\u00e9\0") == "Az ~????"


def test_text_ends_with_a_nul() -> None:
    """Exif counts the NUL; what is no ASCII is replaced."""
    assert text_entry(271, "M\u00fcller") == (271, ASCII, 7, b"M?ller\0")


@pytest.mark.parametrize("value", [0.0, 1e-4, 0.1, math.pi, 54321.1234567, 2147483647.0, -100.0, -math.e])
def test_rationals_are_near(value: float) -> None:
    """A number comes back to a part in a million, or to a millionth, within 32 signed bits."""
    _, kind, count, (numerator, denominator) = rationals(1, SRATIONAL, [value])
    assert (kind, count) == (SRATIONAL, 1)
    assert abs(numerator) < 1 << 31 and 0 < denominator < 1 << 31
    assert float(Fraction(numerator, denominator)) == pytest.approx(value, rel=1e-6, abs=1e-6)


def test_unknown_is_left_out() -> None:
    """Of nothing, nothing is said but the version and an empty comment; None is as good as absent."""
    tags = [entry[0] for entry in exif_entries({})]
    assert tags == [36864, 37510]
    assert [entry[0] for entry in exif_entries(dict.fromkeys(EXIF))] == tags


def test_entries_are_in_order() -> None:
    """TIFF wants rising tags, whatever the order of the metadata."""
    metadata = {
        "DateTime": datetime(2026, 1, 2), "FNumber": 2.0, "ExposureTime": 10, "AnalogueGain": 1.0,
        "FocalLength": 17.5, "NoiseProfile": np.array([1e-4, 1e-6]),
    }  # fmt: skip
    tags = [entry[0] for entry in exif_entries(metadata)]
    assert tags == sorted(set(tags)) and 42034 in tags


def test_lens_range_without_a_widest_stop() -> None:
    """An unknown f-number is 0 / 0, as Exif has it."""
    assert lens_range({"FocalLength": 17.5}) == (42034, RATIONAL, 4, (35, 2, 35, 2, 0, 0, 0, 0))


def test_the_pointer_leads_to_the_entries() -> None:
    """The IFD stands at the end of the file, and the entry that was patched says where."""
    file = io.BytesIO(bytes(40))
    append_exif(file, [(1, LONG, 1, 7), (2, RATIONAL, 1, (3, 4))], 8)
    data = file.getvalue()
    tag, kind, count, offset = struct.unpack_from("<HHII", data, 8)
    assert (tag, kind, count, offset) == (EXIF_POINTER, LONG, 1, 40)
    assert struct.unpack_from("<HHHII", data, offset) == (2, 1, LONG, 1, 7)
    where = struct.unpack_from("<I", data, offset + 2 + 12 + 8)[0]
    assert where % 2 == 0 and struct.unpack_from("<II", data, where) == (3, 4)
