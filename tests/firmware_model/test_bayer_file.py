import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from laserlink.firmware_model.bayer_file import open_camera_raw, open_headerless
from laserlink.firmware_model.scene_kinds import SceneError


def mosaic(height: int, width: int, white: int) -> NDArray[np.uint16]:
    """Seeded pixels from 0 to `white`, both of which occur."""
    pixels = np.random.default_rng(5).integers(0, white + 1, (height, width)).astype(np.uint16)
    pixels[0, 0], pixels[-1, -1] = 0, white
    return pixels


def written(path: Path, pixels: NDArray[np.uint16]) -> Path:
    """The path, after the pixels were written to it without a header."""
    pixels.astype("<u2").tofile(path)
    return path


def test_the_name_describes_the_file(tmp_path: Path) -> None:
    """Size, order and bits come from the name; the pixels are the file's own."""
    pixels = mosaic(6, 8, 1023)
    scene = open_headerless(written(tmp_path / "lab-8x6-rggb10.raw", pixels), {})
    assert np.array_equal(scene.pixels, pixels)
    assert (scene.cfa, scene.bits, scene.black, scene.white) == ("RGGB", 10, 0, 1023)
    assert scene.xyz_to_camera is None


def test_a_query_describes_the_file(tmp_path: Path) -> None:
    """The same by a description, for a file with a plain name, in another order and odd bits."""
    pixels = mosaic(9, 11, 2047)
    query = {"size": "11x9", "cfa": "bggr", "bits": "11"}
    scene = open_headerless(written(tmp_path / "dump.raw", pixels), query)
    assert np.array_equal(scene.pixels, pixels[1:9, 1:9])
    assert (scene.cfa, scene.bits, scene.white) == ("RGGB", 12, 2047)


@pytest.mark.parametrize(
    ("name", "query", "cause"),
    [
        ("dump.raw", {}, "does not say its size"),
        ("dump-8x6.raw", {}, "does not say its size"),
        ("dump-8x6-rggb7.raw", {}, "bit depth of 7"),
        ("dump-8x6-rggb17.raw", {}, "bit depth of 17"),
        ("dump-8x6-rgbb10.raw", {}, "Bayer order rgbb"),
        ("dump-4x6-rggb10.raw", {}, "size of 4x6"),
        ("dump-8x0-rggb10.raw", {}, "size of 8x0"),
        ("dump-99999x6-rggb10.raw", {}, "size of 99999x6"),
        ("dump-8x7-rggb10.raw", {}, "has 96 bytes, but 8x7 in 16-bit pixels is 112"),
        ("dump-8x6-rggb8.raw", {}, "pixels up to 1023, above 255"),
        ("dump.raw", {"size": "8x6"}, "bits, cfa is missing"),
        ("dump.raw", {"size": "8x6", "cfa": "rggb", "bits": "10", "gain": "2"}, "gain is not known"),
        ("dump.raw", {"size": "8*6", "cfa": "rggb", "bits": "10"}, "no size and bit depth"),
        ("dump.raw", {"size": "8x6", "cfa": "rggb", "bits": "ten"}, "no size and bit depth"),
    ],
)
def test_refuses_what_cannot_be_true(tmp_path: Path, name: str, query: dict[str, str], cause: str) -> None:
    """Each wrong description is one line with the cause, and has a hint."""
    path = written(tmp_path / name, mosaic(6, 8, 1023))
    with pytest.raises(SceneError, match=cause) as caught:
        open_headerless(path, query)
    assert "\n" not in str(caught.value)
    assert caught.value.hint.endswith(".")


def test_a_file_that_is_gone_is_a_scene_error(tmp_path: Path) -> None:
    """What the file system refuses becomes one line with a hint."""
    with pytest.raises(SceneError, match=r"gone-8x6-rggb10\.raw cannot be read: No such file"):
        open_headerless(tmp_path / "gone-8x6-rggb10.raw", {})


MATRIX = (0.9, -0.3, -0.1, -0.4, 1.2, 0.2, -0.1, 0.2, 0.6)


def write_dng(path: Path, pixels: NDArray[np.uint16], cfa: bytes, black: int, white: int) -> None:
    """A minimal DNG (Adobe DNG 1.4) by tifffile, uncompressed."""
    tags = [
        (50706, "B", 4, (1, 4, 0, 0), True),
        (50708, "s", 0, "LaserLink MOS-100MP", True),
        (33421, "H", 2, (2, 2), True),
        (33422, "B", 4, cfa, True),
        (50714, "H", 1, black, True),
        (50717, "H", 1, white, True),
        (50721, "2i", 9, [part for value in MATRIX for part in (round(value * 10_000), 10_000)], True),
        (50778, "H", 1, 21, True),
    ]
    tifffile.imwrite(path, pixels, photometric=32803, extratags=tags, metadata=None)


@pytest.mark.parametrize("cfa", [b"\0\1\1\2", b"\2\1\1\0"])
def test_a_camera_file_brings_levels_and_colour(tmp_path: Path, cfa: bytes) -> None:
    """A DNG's pixels, order, black, white and XYZ-to-camera matrix arrive through LibRaw."""
    pytest.importorskip("rawpy", reason="the extra [raw] is not installed")
    pixels = mosaic(64, 96, 4000)
    write_dng(tmp_path / "shot.dng", pixels, cfa, 200, 4000)
    scene = open_camera_raw(tmp_path / "shot.dng")
    start = 0 if cfa[0] == 0 else 1
    expected = pixels[start : start + (64 - start) // 2 * 2, start : start + (96 - start) // 4 * 4]
    assert np.array_equal(scene.pixels, expected)
    assert (scene.cfa, scene.bits, scene.black, scene.white) == ("RGGB", 12, 200, 4000)
    assert scene.xyz_to_camera == pytest.approx(MATRIX, abs=1e-3)


def test_a_camera_file_without_a_matrix_claims_no_colour(tmp_path: Path) -> None:
    """A DNG that says nothing about colour is replayed without a matrix, not with an invented one."""
    pytest.importorskip("rawpy", reason="the extra [raw] is not installed")
    tags = [
        (50706, "B", 4, (1, 4, 0, 0), True),
        (50708, "s", 0, "LaserLink MOS-100MP", True),
        (33421, "H", 2, (2, 2), True),
        (33422, "B", 4, b"\0\1\1\2", True),
    ]
    pixels = mosaic(64, 96, 1000)
    tifffile.imwrite(tmp_path / "plain.dng", pixels, photometric=32803, extratags=tags, metadata=None)
    scene = open_camera_raw(tmp_path / "plain.dng")
    assert np.array_equal(scene.pixels, pixels)
    assert scene.xyz_to_camera is None


def test_a_damaged_camera_file_is_a_scene_error(tmp_path: Path) -> None:
    """LibRaw's refusal becomes one line with a hint."""
    pytest.importorskip("rawpy", reason="the extra [raw] is not installed")
    (tmp_path / "bad.dng").write_bytes(b"not a picture at all")
    with pytest.raises(SceneError, match=r"bad\.dng cannot be read"):
        open_camera_raw(tmp_path / "bad.dng")


def test_a_missing_rawpy_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without rawpy the error says what to install."""
    monkeypatch.setitem(sys.modules, "rawpy", None)
    with pytest.raises(SceneError, match="needs rawpy") as caught:
        open_camera_raw(tmp_path / "any.dng")
    assert "laserlink[raw]" in caught.value.hint
