"""Saved pictures: sorted by name, paired by exposure, and what is wrong with them is said."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from laserlink.host_driver.shot import Shot
from laserlink.tools.measuring.figures import Subject
from laserlink.tools.measuring.saved import measured, open_still, pictures_in
from laserlink.tools.session import CommandError

pytest.importorskip("rawpy")

METADATA: dict[str, Any] = {
    "BitsPerPixel": 12, "WhiteLevel": 4095, "SensorBlackLevels": (256,) * 4, "CfaPattern": "RGGB",
    "ExposureTime": 500, "AnalogueGain": 2.0, "FNumber": 2.8, "Make": "LaserLink", "Model": "TEST",
    "ColorMatrix": (0.9, -0.3, -0.1, -0.4, 1.2, 0.2, -0.1, 0.2, 0.6),
}  # fmt: skip


def write(folder: Path, name: str, level: float, **changes: Any) -> None:
    """A grey picture with a little noise."""
    noise = np.random.default_rng(len(list(folder.iterdir()))).normal(level, 3, (64, 96))
    Shot(np.rint(noise).astype(np.uint16), METADATA | changes).save(folder / f"{name}.dng")


def test_a_saved_picture_comes_back(tmp_path: Path) -> None:
    """Pixels, levels, exposure, gain and stop of a DNG."""
    write(tmp_path, "dark-1", 300)
    still = open_still(tmp_path / "dark-1.dng")
    assert (still.raw.shape, still.black, still.white) == ((64, 96), 256, 4095)
    assert (still.exposure_us, still.gain, still.f_number) == (500, 2.0, 2.8)
    np.testing.assert_allclose(
        np.ravel(still.matrices[0]) * 10, np.multiply(METADATA["ColorMatrix"], 10), atol=0.01
    )


def test_pictures_are_paired_by_exposure(tmp_path: Path) -> None:
    """Two of each exposure make a pair, a single one none; the subjects are those of the names."""
    for name, exposure in (
        ("flat-a", 500),
        ("flat-b", 500),
        ("flat-c", 900),
        ("flat-d", 1300),
        ("flat-e", 1300),
    ):
        write(tmp_path, name, exposure, ExposureTime=exposure)
    (tmp_path / "notes.txt").write_text("not a picture")
    findings, subjects = measured(pictures_in([tmp_path]))
    assert [pair.exposure_us for pair in findings.light] == [500, 1300]
    assert subjects == (Subject.FLAT,)
    assert findings.module == "LaserLink TEST"


def test_what_is_wrong_with_files_is_said(tmp_path: Path) -> None:
    """Names that say nothing, an empty folder, a broken file, no pair, no exposure, no chart."""
    with pytest.raises(CommandError, match="nothing to measure"):
        pictures_in([tmp_path])
    write(tmp_path, "other", 300)
    with pytest.raises(CommandError, match="does not say what it shows"):
        pictures_in([tmp_path / "other.dng"])
    (tmp_path / "edge-1.dng").write_bytes(b"no picture")
    with pytest.raises(CommandError, match="cannot be read"):
        measured(pictures_in([tmp_path]))
    (tmp_path / "edge-1.dng").unlink()
    for name in ("dark-1", "chart-1"):
        write(tmp_path, name, 300)
    write(tmp_path, "flat-1", 300, ExposureTime=None)
    findings, _ = measured(pictures_in([tmp_path]))
    assert "pairs are needed" in findings.why[Subject.DARK]
    assert "does not say how long" in findings.why[Subject.FLAT]
    assert "chart was not found" in findings.why[Subject.CHART]
