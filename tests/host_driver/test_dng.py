"""host_driver/dng.py: do others read what we write? LibRaw (rawpy) and exiftool are the judges."""

import io
import json
import os
import shutil
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from laserlink.host_driver.develop import CFA_ORDERS, XYZ_FROM_SRGB, thumbnail
from laserlink.host_driver.dng import PREVIEW_SIDE_MAX, write_dng
from laserlink.host_driver.shot import METADATA, Gap, Shot

MOMENT = datetime(2025, 3, 4, 5, 6, 7, 890_000, timezone(timedelta(hours=-3, minutes=-30)))
FULL: dict[str, Any] = {
    "BitsPerPixel": 12,
    "WhiteLevel": 4000,
    "SensorBlackLevels": (256, 257, 258, 259),
    "CfaPattern": "RGGB",
    "ExposureTime": 10_000,
    "AnalogueGain": 2.0,
    "SensorTimestamp": 123_456_789_012,
    "SensorTimestampUncertainty": 1000,
    "ColorMatrix": (0.75, -0.25, -0.08, -0.45, 1.25, 0.22, -0.05, 0.18, 0.62),
    "ColorMatrixA": (0.8, -0.3, -0.08, -0.5, 1.3, 0.22, -0.05, 0.2, 0.7),
    "AsShotNeutral": (0.5, 1.0, 0.625),
    "NoiseProfile": (1e-4, 2.5e-7),
    "LensPosition": 0.5,
    "FNumber": 2.8,
    "LensFNumber": 1.8,
    "FocalLength": 25.0,
    "FocalLengthIn35mmFilm": 50,
    "ColourGains": (2.0, 1.6),
    "ColourTemperature": 4800,
    "AeState": 2,
    "AfState": 2,
    "FocusFoM": 12_345,
    "SensorTemperature": 31.5,
    "StackedImages": 4,
    "LensModel": "25 mm F1.8",
    "Make": "LaserLink",
    "Model": "mos-100mp",
    "SerialNumber": "00A1",
    "Software": "LaserLink 0.1.0",
    "ImageId": 7,
    "ControlSetId": 3,
    "ControlSetImageId": 6,
    "Mode": "still-full",
    "Format": "RAW12",
    "DateTime": MOMENT,
}
MINIMAL = {key: FULL[key] for key in ("BitsPerPixel", "WhiteLevel", "SensorBlackLevels", "CfaPattern")}


def noise(height: int = 64, width: int = 96, bits: int = 12) -> NDArray[np.uint16]:
    return np.random.default_rng(bits).integers(0, 1 << bits, (height, width), dtype=np.uint16)


def written(path: Path, shot: Shot, description: str = "") -> Path:
    with path.open("x+b") as file:
        write_dng(file, shot, description)
    return path


def exiftool(path: Path) -> dict[str, Any]:
    if shutil.which("exiftool") is None:
        reason = "exiftool is not installed (Debian: libimage-exiftool-perl)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    command = ["exiftool", "-validate", "-warning", "-error", "-a", "-json", "-n", str(path)]
    warnings = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)[0]
    assert warnings == {"SourceFile": str(path), "Validate": "0 0 0"}
    values = subprocess.run(["exiftool", "-json", "-n", str(path)], capture_output=True, check=True).stdout
    result: dict[str, Any] = json.loads(values)[0]
    return result


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("shape", [(24, 32), (62, 100), (66, 36), (23, 44), (1022, 1364)])
def test_libraw_reads_the_same_pixels(tmp_path: Path, bits: int, shape: tuple[int, int]) -> None:
    """LibRaw gets every pixel, the black and white levels and the Bayer order, at any depth and size."""
    rawpy = pytest.importorskip("rawpy")
    black = 1 << (bits - 5)
    levels = {"BitsPerPixel": bits, "WhiteLevel": (1 << bits) - 1, "SensorBlackLevels": (black,) * 4}
    shot = Shot(noise(*shape, bits), FULL | levels)
    with rawpy.imread(str(written(tmp_path / "x.dng", shot))) as read:
        np.testing.assert_array_equal(read.raw_image_visible, shot.raw)
        assert read.raw_image_visible.shape == shape
        assert read.black_level_per_channel == [black] * 4
        assert read.white_level == (1 << bits) - 1
        assert "".join("RGBG"[index] for index in read.raw_pattern.flat) == "RGGB"
        assert read.color_desc == b"RGBG"
        assert read.camera_whitebalance[:3] == pytest.approx([2.0, 1.0, 1.6])


@pytest.mark.parametrize("pattern", CFA_ORDERS)
def test_libraw_develops_every_bayer_order(tmp_path: Path, pattern: str) -> None:
    """A red card is red, whichever colour the first pixel has: the pattern is that of the pixels."""
    rawpy = pytest.importorskip("rawpy")
    values = {"R": 2000, "G": 500, "B": 300}
    cell = np.array([values[colour] for colour in pattern], np.uint16).reshape(2, 2)
    levels = {"SensorBlackLevels": tuple(250 + site for site in range(4)), "CfaPattern": pattern}
    shot = Shot(np.tile(cell, (32, 48)), FULL | levels)
    with rawpy.imread(str(written(tmp_path / "x.dng", shot))) as read:
        np.testing.assert_array_equal(read.raw_image_visible, shot.raw)
        assert "".join("RGBG"[index] for index in read.raw_pattern.flat) == pattern
        planes = dict(zip(read.raw_pattern.flat, (250, 251, 252, 253), strict=True))
        assert read.black_level_per_channel == [planes[plane] for plane in range(4)]
        red, green, blue = read.postprocess(no_auto_bright=True)[20:40, 20:60].reshape(-1, 3).mean(axis=0)
    assert red > 1.5 * max(green, blue)


def test_libraw_keeps_the_four_black_levels_apart(tmp_path: Path) -> None:
    """Black levels are in the order of the pattern, which is not LibRaw's own R, G, B, G."""
    rawpy = pytest.importorskip("rawpy")
    with rawpy.imread(str(written(tmp_path / "x.dng", Shot(noise(), FULL)))) as read:
        assert read.black_level_per_channel == [256, 257, 259, 258]


def test_libraw_develops_a_grey_card_grey(tmp_path: Path) -> None:
    """Matrix and neutral fit together: LibRaw's own development of a grey card has no cast."""
    rawpy = pytest.importorskip("rawpy")
    red, green, blue = FULL["AsShotNeutral"]
    cell = np.array([[red, green], [green, blue]]) * 1000 + 256
    shot = Shot(np.tile(cell, (32, 32)).astype(np.uint16), FULL | {"SensorBlackLevels": (256,) * 4})
    with rawpy.imread(str(written(tmp_path / "x.dng", shot))) as read:
        picture = read.postprocess(use_camera_wb=True, no_auto_bright=True)
    assert np.ptp(picture[16:48, 16:48].reshape(-1, 3).mean(axis=0)) < 2


def test_exiftool_finds_every_value_and_no_fault(tmp_path: Path) -> None:
    """exiftool -validate is clean, and every piece of metadata is where photographers' tools look for it."""
    values = exiftool(written(tmp_path / "x.dng", Shot(noise(), FULL), "Two words."))
    expected = {
        "ImageDescription": "Two words.",
        "Make": "LaserLink",
        "Model": "mos-100mp",
        "UniqueCameraModel": "LaserLink mos-100mp",
        "Software": "LaserLink 0.1.0",
        "Orientation": 1,
        "DNGVersion": "1 4 0 0",
        "BlackLevel": "256 257 258 259",
        "WhiteLevel": 4000,
        "DefaultCropSize": "96 64",
        "ActiveArea": "0 0 64 96",
        "ColorMatrix1": "0.8 -0.3 -0.08 -0.5 1.3 0.22 -0.05 0.2 0.7",
        "CalibrationIlluminant1": 17,
        "ColorMatrix2": "0.75 -0.25 -0.08 -0.45 1.25 0.22 -0.05 0.18 0.62",
        "CalibrationIlluminant2": 21,
        "NoiseProfile": "0.0001 2.5e-07",
        "AsShotNeutral": "0.5 1 0.625",
        "CameraSerialNumber": "00A1",
        "ExposureTime": 0.01,
        "FNumber": 2.8,
        "ISO": 200,
        "FocalLength": 25,
        "FocalLengthIn35mmFormat": 50,
        "LensInfo": "25 25 1.8 1.8",
        "SubjectDistance": 2,
        "LensModel": "25 mm F1.8",
        "LensMake": "LaserLink",
        "DateTimeOriginal": "2025:03:04 05:06:07",
        "SubSecTimeOriginal": 890000,
        "OffsetTimeOriginal": "-03:30",
    }
    assert {key: values.get(key) for key in expected} == expected
    assert values["MaxApertureValue"] == pytest.approx(1.8)
    comment = json.loads(values["UserComment"])
    assert comment["StackedImages"] == 4
    assert comment["SensorTimestamp"] == 123_456_789_012
    assert comment["Mode"] == "still-full"


def test_no_metadata_is_lost(tmp_path: Path) -> None:
    """Every key of METADATA changes the file."""
    shot = Shot(noise(), FULL)
    whole = written(tmp_path / "whole.dng", shot).read_bytes()
    changed = {int: 300, float: 0.75, str: "other", datetime: datetime(1999, 1, 1)}
    for key in METADATA:
        value = {"BitsPerPixel": 10, "CfaPattern": "BGGR", "AeState": 1, "AfState": 1}.get(
            key.name, changed[key.kind]
        )
        if key.count > 1:
            value = tuple(np.array(FULL[key.name]) * 2)
        other = Shot(shot.raw, FULL | {key.name: value})
        if key.name == "AsShotNeutral":
            other = Shot(shot.raw, FULL | {key.name: (0.25, 1, 1)})
        assert written(tmp_path / f"{key.name}.dng", other).read_bytes() != whole, key.name


@pytest.mark.parametrize(
    ("minutes", "text"), [(330, "+05:30"), (-210, "-03:30"), (345, "+05:45"), (0, "+00:00"), (-480, "-08:00")]
)
def test_time_zones_keep_their_minutes(tmp_path: Path, minutes: int, text: str) -> None:
    """Half and quarter hours, east and west, as Exif writes them: sign, hours, colon, minutes."""
    moment = MOMENT.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    values = exiftool(written(tmp_path / "x.dng", Shot(noise(), FULL | {"DateTime": moment})))
    assert [values[key] for key in ("OffsetTime", "OffsetTimeOriginal", "OffsetTimeDigitized")] == [text] * 3
    assert values["DateTimeOriginal"] == "2025:03:04 05:06:07"


def test_one_matrix_stands_alone(tmp_path: Path) -> None:
    """Where the matrix at illuminant A is unknown, that at D65 is the only one, and the file is valid."""
    values = exiftool(written(tmp_path / "x.dng", Shot(noise(), FULL | {"ColorMatrixA": None})))
    assert values["CalibrationIlluminant1"] == 21
    assert not {"ColorMatrix2", "CalibrationIlluminant2"} & set(values)


@pytest.mark.parametrize("shape", [(64, 96), (1022, 1364)])
def test_the_first_picture_is_a_preview(tmp_path: Path, shape: tuple[int, int]) -> None:
    """What a file browser opens is the developed picture, small; the RAW lies in a SubIFD."""
    shot = Shot(noise(*shape), FULL)
    path = written(tmp_path / "x.dng", shot)
    with Image.open(path) as preview:
        assert preview.mode == "RGB" and max(preview.size) <= PREVIEW_SIDE_MAX
        np.testing.assert_array_equal(np.asarray(preview), thumbnail(shot, PREVIEW_SIDE_MAX))
    with tifffile.TiffFile(path) as tiff:
        preview_page, (raw_page,) = tiff.pages.first, tiff.pages.first.pages
        assert (preview_page.tags[254].value, raw_page.tags[254].value) == (1, 0)
        assert raw_page.shape == shape
    assert path.read_bytes()[preview_page.tags[330].offset + 2 :][:2] == b"\4\0"  # LONG: old readers know it


def test_unknown_colour_is_said_and_estimated(tmp_path: Path) -> None:
    """Without matrix and neutral the file says so, takes sRGB's matrix and grey world, and stays valid."""
    path = written(tmp_path / "x.dng", Shot(noise(), MINIMAL))
    values = exiftool(path)
    assert values["ImageDescription"].startswith("Colour matrix unknown")
    matrix = np.array([float(number) for number in values["ColorMatrix1"].split()]).reshape(3, 3)
    np.testing.assert_allclose(matrix @ XYZ_FROM_SRGB, np.eye(3), atol=1e-4)
    assert max(float(number) for number in values["AsShotNeutral"].split()) == 1
    assert "ExposureTime" not in values


def test_incomplete_shot_says_so(tmp_path: Path) -> None:
    """The rows that lack pixels stand in ImageDescription."""
    row = 96 * 3 // 2
    shot = Shot(noise(), FULL, (Gap(3 * row, 10, "never came"), Gap(9 * row, 2 * row, "digest")))
    report = shot.save(tmp_path / "x.dng")
    with tifffile.TiffFile(report.path) as tiff:
        text = tiff.pages.first.description
    assert text == "Incomplete image: 298 bytes missing, in rows 3, 9 to 10."


@pytest.mark.parametrize("end", ["low", "high"])
def test_extreme_values_fit(tmp_path: Path, end: str) -> None:
    """Every number at its least or greatest legal value can be written, and the file stays valid."""
    metadata = {
        key.name: getattr(key, end) for key in METADATA if key.kind in (int, float) and key.count == 1
    }
    metadata |= {key: FULL[key] for key in ("CfaPattern", "SensorBlackLevels", "ColorMatrix")}
    metadata |= {"WhiteLevel": 65535, "AsShotNeutral": (1e-4, 100, 1.0)}
    values = exiftool(written(tmp_path / "x.dng", Shot(noise(), metadata)))
    assert values["ExposureTime"] == pytest.approx(metadata["ExposureTime"] / 1e6)
    assert values["FocalLength"] == pytest.approx(metadata["FocalLength"])
    infinity = 0xFFFFFFFF  # Exif's, over 1
    assert values["SubjectDistance"] == (infinity if end == "low" else pytest.approx(1e-4))


def test_rationals_are_as_fine_as_32_bits_allow(tmp_path: Path) -> None:
    """Large and small numbers with many digits keep their value, within the numerator's 32 bits."""
    metadata = FULL | {"FocalLength": 54321.1234567, "FNumber": 2.828427, "LensPosition": 1.1e-6}
    values = exiftool(written(tmp_path / "x.dng", Shot(noise(), metadata)))
    assert values["FocalLength"] == pytest.approx(54321.1234567, rel=1e-9)
    assert values["FNumber"] == pytest.approx(2.828427, rel=1e-6)
    assert values["SubjectDistance"] == pytest.approx(1 / 1.1e-6, rel=1e-6)


def test_hostile_names_do_no_harm(tmp_path: Path) -> None:
    """Names come from the module: NUL, line ends, other scripts and 60 kB are written as plain text."""
    names = {
        "Make": "A\0B\n",
        "Model": "模块",
        "SerialNumber": "",
        "LensModel": "x" * 60_000,
        "Software": "é",
    }
    values = exiftool(written(tmp_path / "x.dng", Shot(noise(), FULL | names)))
    assert values["Make"] == "A?B?"
    assert values["Model"] == "??"
    assert values["LensModel"] == "x" * 60_000


def test_numpy_numbers_are_numbers() -> None:
    """Metadata in numpy's types gives the same file as Python's."""
    arrays = {
        key: np.array(value)[()] if isinstance(value, int | float | tuple) else value
        for key, value in FULL.items()
    }
    files = [io.BytesIO(), io.BytesIO()]
    for file, metadata in zip(files, (FULL, arrays), strict=True):
        write_dng(file, Shot(noise(), metadata))
    assert files[0].getvalue() == files[1].getvalue()


def test_every_offset_is_even_and_one_strip_holds_all(tmp_path: Path) -> None:
    """TIFF wants even offsets, LibRaw is safest with one strip; the pixels of an odd size keep to both."""
    path = written(tmp_path / "x.dng", Shot(noise(23, 30, 16)[:, :30], FULL | {"LensModel": "odd"}))
    with tifffile.TiffFile(path) as tiff:
        first, (page,) = tiff.pages.first, tiff.pages.first.pages
        assert len(page.dataoffsets) == 1
        assert page.dataoffsets[0] % 2 == 0
        assert page.databytecounts == (23 * 30 * 2,)
        assert first.tags[34665].value["LensModel"] == "odd"
        exif_pointer = first.tags[34665]
        assert int.from_bytes(path.read_bytes()[exif_pointer.offset + 8 :][:4], "little") % 2 == 0
        for ifd in (first, page):
            assert list(ifd.tags.keys()) == sorted(ifd.tags.keys())
