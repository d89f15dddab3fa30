"""host_driver/shot.py: a shot is legal or refused, and knows what it lacks."""

import hashlib
import math
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from laserlink.host_driver.shot import METADATA, Gap, InvalidShot, Shot, metadata_problems

MINIMAL: dict[str, Any] = {
    "BitsPerPixel": 10,
    "WhiteLevel": 1023,
    "SensorBlackLevels": (64, 64, 64, 64),
    "CfaPattern": "RGGB",
}
RAW = np.arange(8 * 16, dtype=np.uint16).reshape(8, 16)
ROW_BYTES = 20


def test_table_is_sound() -> None:
    """Names are unique, types are ones that we check, and every entry says what it means."""
    assert len({key.name for key in METADATA}) == len(METADATA)
    assert {key.kind for key in METADATA} <= {int, float, str, datetime}
    assert all(key.meaning and key.low < key.high and key.count >= 1 for key in METADATA)
    assert {key.name for key in METADATA if key.required} == set(MINIMAL)


def test_complete_shot() -> None:
    """A shot without gaps is complete, lacks nothing, and keeps keys that the table does not know."""
    shot = Shot(RAW, MINIMAL | {"VendorKey": 1, "Make": None})
    assert shot.complete
    assert shot.missing_bytes() == 0
    assert shot.missing_rows() == []
    assert shot.metadata["VendorKey"] == 1


def test_metadata_is_a_copy() -> None:
    """What the caller does to the mapping afterwards does not change the shot."""
    metadata = dict(MINIMAL)
    shot = Shot(RAW, metadata)
    metadata["WhiteLevel"] = 5
    assert shot.metadata["WhiteLevel"] == 1023


@pytest.mark.parametrize("name", MINIMAL)
def test_required_keys(name: str) -> None:
    """Without any one of the required keys there is no shot, and the error names the key."""
    metadata = {key: value for key, value in MINIMAL.items() if key != name}
    with pytest.raises(InvalidShot, match=f"{name} is missing"):
        Shot(RAW, metadata)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ExposureTime", -1),
        ("ExposureTime", 1.5),
        ("ExposureTime", True),
        ("ExposureTime", 2**32),
        ("AnalogueGain", math.nan),
        ("AnalogueGain", math.inf),
        ("AnalogueGain", "2"),
        ("WhiteLevel", 0),
        ("WhiteLevel", 64),
        ("WhiteLevel", 65536),
        ("BitsPerPixel", 7),
        ("BitsPerPixel", 17),
        ("SensorBlackLevels", 64),
        ("SensorBlackLevels", (64, 64, 64)),
        ("SensorBlackLevels", (64, 64, 64, 64.5)),
        ("SensorBlackLevels", (0, 0, 0, 1023)),
        ("SensorBlackLevels", "RGGB"),
        ("CfaPattern", "RGBG"),
        ("CfaPattern", b"RGGB"),
        ("ColorMatrix", (0.0,) * 9),
        ("ColorMatrix", np.zeros((3, 3))),
        ("ColorMatrix", (1.0,) * 8),
        ("ColorMatrix", (math.nan,) * 9),
        ("AsShotNeutral", (0.5, 0, 0.5)),
        ("AsShotNeutral", (0.5, 1.0)),
        ("FNumber", 0),
        ("FocalLength", -25.0),
        ("LensPosition", -0.1),
        ("Make", 3),
        ("DateTime", "2025-01-01"),
    ],
)
def test_illegal_values_are_refused_by_name(name: str, value: Any) -> None:
    """Wrong types and counts, numbers out of range and contradictions are errors that name the key."""
    with pytest.raises(InvalidShot, match=name):
        Shot(RAW, MINIMAL | {name: value})


def test_all_problems_are_listed() -> None:
    """One error tells everything that is wrong."""
    problems = metadata_problems(MINIMAL | {"FNumber": -1, "Make": 1})
    assert [problem.split()[0] for problem in problems] == ["FNumber", "Make"]
    with pytest.raises(InvalidShot) as caught:
        Shot(RAW.astype(np.int32), MINIMAL | {"FNumber": -1}, (Gap(-1, 1, "?"), Gap(0, 0, "?")))
    assert len(caught.value.problems) == 4


@pytest.mark.parametrize(
    "raw",
    [
        np.zeros(16, np.uint16),
        np.zeros((4, 4, 3), np.uint16),
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4), ">u2"),
        np.zeros((4, 5), np.uint16),
        np.zeros((1, 4), np.uint16),
        np.zeros((4, 0), np.uint16),
    ],
)
def test_other_arrays_are_refused(raw: Any) -> None:
    """Only native uint16 of (height, even width) is a picture."""
    with pytest.raises(InvalidShot, match=r"^raw is"):
        Shot(raw, MINIMAL)


def test_sha256_is_of_the_pixels_in_reading_order() -> None:
    """The digest is that of little-endian samples, for a strided view as for a plain array."""
    expected = hashlib.sha256(b"".join(int(value).to_bytes(2, "little") for value in RAW.flat)).hexdigest()
    assert Shot(RAW, MINIMAL).sha256() == expected
    assert Shot(np.repeat(RAW, 3, axis=0)[::3], MINIMAL).sha256() == expected
    assert Shot(RAW[::-1], MINIMAL).sha256() != expected


@pytest.mark.parametrize(
    ("ranges", "rows"),
    [
        ([(0, 1)], [(0, 0)]),
        ([(ROW_BYTES - 1, 1)], [(0, 0)]),
        ([(ROW_BYTES - 1, 2)], [(0, 1)]),
        ([(ROW_BYTES, ROW_BYTES)], [(1, 1)]),
        ([(0, 8 * ROW_BYTES)], [(0, 7)]),
        ([(5 * ROW_BYTES, 3), (0, 2)], [(0, 0), (5, 5)]),
        ([(0, 2), (ROW_BYTES, 2)], [(0, 1)]),
        ([(0, 5 * ROW_BYTES), (ROW_BYTES, 2)], [(0, 4)]),
        ([(7 * ROW_BYTES, 10**12)], [(7, 7)]),
    ],
)
def test_missing_rows(ranges: list[tuple[int, int]], rows: list[tuple[int, int]]) -> None:
    """Gaps in packed bytes (10 bits a sample) become runs of rows: sorted, joined, inside the picture."""
    shot = Shot(RAW, MINIMAL, tuple(Gap(offset, length, "never came") for offset, length in ranges))
    assert not shot.complete
    assert shot.missing_rows() == rows
    assert shot.missing_bytes() == sum(length for _, length in ranges)


def test_save_writes_and_reports(tmp_path: Path) -> None:
    """Shot.save hands over to files.save, with its option."""
    report = Shot(RAW, MINIMAL).save(tmp_path / "x.npy")
    np.testing.assert_array_equal(np.load(report.path), RAW)
    with pytest.raises(FileExistsError):
        Shot(RAW, MINIMAL).save(tmp_path / "x.npy", overwrite=False)
