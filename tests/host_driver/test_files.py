"""host_driver/files.py: every format holds the picture, and a file is whole or absent."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from laserlink.host_driver.develop import develop
from laserlink.host_driver.files import (
    TEMPORARY_NAMES_MAX,
    WARNING_ROW_RANGES_MAX,
    UnknownFileType,
    check_target,
    save,
)
from laserlink.host_driver.shot import Gap, Shot

METADATA = {"BitsPerPixel": 12, "WhiteLevel": 4095, "SensorBlackLevels": (256,) * 4, "CfaPattern": "RGGB"}
RAW = np.random.default_rng(1).integers(0, 4096, (130, 100), dtype=np.uint16)
SHOT = Shot(RAW, METADATA)
ROW_BYTES = 150
SUFFIXES = (".dng", ".npy", ".raw", ".png")


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".DNG", ".Png"])
def test_report_tells_what_was_written(tmp_path: Path, suffix: str) -> None:
    """The report has the path, the size on disk, the geometry and no warning; nothing else is left behind."""
    report = save(SHOT, tmp_path / f"x{suffix}")
    assert report.path == tmp_path / f"x{suffix}"
    assert report.bytes == report.path.stat().st_size > 1000
    assert report.geometry == "100x130-rggb12"
    assert report.warning is None
    assert names_in(tmp_path) == [f"x{suffix}"]


def test_npy_and_raw_hold_the_pixels(tmp_path: Path) -> None:
    """.npy is read by numpy.load, .raw by its geometry as little-endian uint16, also from a strided view."""
    shot = Shot(np.repeat(RAW, 2, axis=1)[:, ::2], METADATA)
    np.testing.assert_array_equal(np.load(shot.save(tmp_path / "x.npy").path, allow_pickle=False), RAW)
    report = shot.save(str(tmp_path / "x.raw"))
    assert report.path.read_bytes() == RAW.astype("<u2").tobytes()


def test_png_is_the_developed_picture(tmp_path: Path) -> None:
    """The PNG has exactly the pixels that develop yields, in all bands."""
    with Image.open(save(SHOT, tmp_path / "x.png").path) as image:
        assert image.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(image), np.vstack(list(develop(SHOT))))
        assert image.info["Software"] == "LaserLink"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_incomplete_shot_is_saved_with_a_warning(tmp_path: Path, suffix: str) -> None:
    """A shot with gaps is written in every format, and the user is told what is missing."""
    shot = Shot(RAW, METADATA, (Gap(0, 1, "never came"), Gap(5 * ROW_BYTES, 3 * ROW_BYTES, "digest")))
    report = save(shot, tmp_path / f"x{suffix}")
    assert report.warning == "Incomplete image: 451 bytes missing, in rows 0, 5 to 7."
    assert report.path.exists()


def test_many_gaps_make_a_short_warning_and_a_full_description(tmp_path: Path) -> None:
    """The warning lists a few ranges and counts the rest; the PNG's text lists them all."""
    shot = Shot(RAW, METADATA, tuple(Gap(row * ROW_BYTES, 1, "never came") for row in range(0, 60, 2)))
    report = save(shot, tmp_path / "x.png")
    assert report.warning is not None
    assert report.warning.endswith(f"14 and {30 - WARNING_ROW_RANGES_MAX} more ranges.")
    with Image.open(report.path) as image:
        assert image.info["Description"].endswith("54, 56, 58.")


@pytest.mark.parametrize("name", ["x.jpg", "x", "x.dng.gz", ".dng", "x."])
def test_unknown_suffix(tmp_path: Path, name: str) -> None:
    """A name without a known suffix is refused before anything is touched, and the error lists all four."""
    for attempt in (lambda: save(SHOT, tmp_path / name), lambda: check_target(tmp_path / name)):
        with pytest.raises(UnknownFileType, match=r"\.dng, \.npy, \.raw, \.png") as caught:
            attempt()
        assert isinstance(caught.value, ValueError)
    assert names_in(tmp_path) == []


def test_overwriting(tmp_path: Path) -> None:
    """An older file is replaced, unless the caller says no: then it stays as it was."""
    path = tmp_path / "x.raw"
    path.write_bytes(b"old")
    for attempt in (save, lambda _shot, path, **options: check_target(path, **options)):
        with pytest.raises(FileExistsError):
            attempt(SHOT, path, overwrite=False)
    assert path.read_bytes() == b"old"
    assert save(SHOT, path).bytes == path.stat().st_size == RAW.nbytes
    assert names_in(tmp_path) == ["x.raw"]


def test_refusal_comes_before_the_work(tmp_path: Path) -> None:
    """An existing file is refused before anything is written: there is no room for a temporary file here."""
    for name in ["x.raw", *(f".laserlink-{number}.part" for number in range(TEMPORARY_NAMES_MAX))]:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(FileExistsError, match="is there already"):
        save(SHOT, tmp_path / "x.raw", overwrite=False)


def test_targets_that_cannot_be_written(tmp_path: Path) -> None:
    """A missing folder, a file for a folder, and a folder for a file are OSErrors, before and at saving."""
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder.png").mkdir()
    cases = {
        "missing/x.png": FileNotFoundError,
        "file/x.png": NotADirectoryError,
        "folder.png": IsADirectoryError,
    }
    for name, error in cases.items():
        for attempt in (lambda path: save(SHOT, path), check_target):
            with pytest.raises(error):
                attempt(tmp_path / name)
    assert names_in(tmp_path) == ["file", "folder.png"]


def test_check_target_leaves_nothing(tmp_path: Path) -> None:
    """A good target is returned as a path; neither it nor a temporary file exists afterwards."""
    assert check_target(str(tmp_path / "x.dng")) == tmp_path / "x.dng"
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_failed_write_leaves_the_old_file(tmp_path: Path, suffix: str) -> None:
    """When the disk refuses in the middle, the error comes through, the old file stays, the new one goes."""
    resource = pytest.importorskip("resource")
    path = tmp_path / f"x{suffix}"
    path.write_bytes(b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))
    try:
        with pytest.raises(OSError):  # noqa: PT011 - numpy's message has no errno
            save(SHOT, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == [path.name]


def test_symbolic_link_stays_one(tmp_path: Path) -> None:
    """Saving to a link writes the file that it points to."""
    (tmp_path / "real").mkdir()
    link = tmp_path / "x.raw"
    link.symlink_to(tmp_path / "real" / "y.raw")
    save(SHOT, link)
    assert link.is_symlink()
    assert names_in(tmp_path / "real") == ["y.raw"]


def test_leftovers_of_crashes_do_not_stop_us_until_they_are_many(tmp_path: Path) -> None:
    """Temporary files of others are neither used nor removed; a folder full of them is an error."""
    for number in range(TEMPORARY_NAMES_MAX - 1):
        (tmp_path / f".laserlink-{number}.part").write_bytes(b"theirs")
    save(SHOT, tmp_path / "x.raw")
    assert (tmp_path / ".laserlink-0.part").read_bytes() == b"theirs"
    (tmp_path / f".laserlink-{TEMPORARY_NAMES_MAX - 1}.part").write_bytes(b"theirs")
    with pytest.raises(FileExistsError, match="remove them"):
        save(SHOT, tmp_path / "y.raw")
