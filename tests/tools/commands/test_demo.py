"""`laserlink demo`: the whole way, with every figure it promises, and a picture that others can read."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from served import laserlink, small_profile

from laserlink.tools.cli import run
from laserlink.tools.commands.demo import _render

KEYS = {
    "module",
    "width",
    "height",
    "format",
    "dng",
    "png",
    "images",
    "frames",
    "frames_lost",
    "frames_resent",
    "attach_to_first_frame_ms",
    "wall_ms",
    "phases",
    "optical_gbps",
    "sha256_module",
    "sha256_host",
    "contract",
    "seating",
    "losses",
    "gaps",
    "bad_runs",
    "image_bytes",
    "dng_bytes",
    "png_bytes",
    "tour_s",
}
SCENE = "dynamic-range-chart-1920x1080-rggb10.raw"


def test_tour_of_a_small_module(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All keys are there; the digests agree; nothing is lost; the model keeps its half second; both
    files are read.
    """
    rawpy = pytest.importorskip("rawpy")
    assert (
        run(["--json", "demo", "--profile", small_profile(tmp_path), "--out", str(tmp_path / "new" / "out")])
        == 0
    )
    document = json.loads(capsys.readouterr().out)
    assert set(document) == KEYS
    assert document["sha256_module"] == document["sha256_host"] != ""
    assert (document["width"], document["height"], document["images"]) == (1456, 1092, 1)
    assert (document["frames_lost"], document["gaps"], document["losses"]) == (0, 0, [])
    assert document["attach_to_first_frame_ms"] < 500
    assert document["wall_ms"] > document["attach_to_first_frame_ms"] / 2
    assert sum(phase["modelled_ms"] for phase in document["phases"]) == pytest.approx(
        document["attach_to_first_frame_ms"], abs=0.1
    )
    with rawpy.imread(document["dng"]) as raw:
        assert raw.raw_image.shape == (1092, 1456)
    assert os.path.getsize(document["png"]) == document["png_bytes"]


def test_scene_of_real_pixels_arrives_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A RAW file in front of the module: the DNG, read by another library, holds the file's pixels."""
    rawpy = pytest.importorskip("rawpy")
    scenes = os.environ.get("LASERLINK_SCENES")
    if not scenes or not (Path(scenes) / SCENE).is_file():
        pytest.skip("LASERLINK_SCENES names no folder with the chart")
    assert run(["--json", "demo", "--scene", str(Path(scenes) / SCENE), "--out", str(tmp_path)]) == 0
    document = json.loads(capsys.readouterr().out)
    pixels = np.fromfile(Path(scenes) / SCENE, "<u2").reshape(1080, 1920)
    with rawpy.imread(document["dng"]) as raw:
        assert np.array_equal(raw.raw_image, pixels)


def test_page_fits_80_columns(tmp_path: Path) -> None:
    """For people: the table with its bars, whole at 80 columns."""
    profile = small_profile(tmp_path)
    result = laserlink("demo", "--profile", profile, "--out", tmp_path, env=os.environ | {"COLUMNS": "80"})
    assert result.returncode == 0
    assert "from contact to first image" in result.stdout
    assert "every one as the sensor sent it" in result.stdout
    assert "\u2026" not in result.stdout
    table = [line for line in result.stdout.splitlines() if " ms " in line]
    assert len(table) >= 8
    assert max(len(line) for line in table) <= 80


def document_of(phases: list[tuple[str, float]], **changes: object) -> dict[str, object]:
    """A document as the tour makes it."""
    return {
        "module": "x",
        "width": 4,
        "height": 2,
        "format": "RAW8",
        "attach_to_first_frame_ms": 300.0,
        "wall_ms": 9.0,
        "phases": [{"name": name, "modelled_ms": took, "wall_ms": took} for name, took in phases],
        "contract": None,
        "sha256_module": "aa",
        "sha256_host": "aa",
        "frames_lost": 0,
        "frames": 10,
        "frames_resent": 0,
        "seating": "seated",
        "optical_gbps": 1.0,
        "dng": "d",
        "png": "p",
        "losses": [],
    } | changes


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_bars_end_where_the_next_begins(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    """At every width the bars fit; the last ends where the time ends; a short phase has a bar of its own."""
    phases = [("seating", 100.0), ("blink", 0.01), ("exposure and image", 199.99)]
    _render(Console(width=width), document_of(phases))
    lines = [line for line in capsys.readouterr().out.splitlines() if "\u2501" in line]
    starts = [line.index("\u2501") for line in lines]
    ends = [line.rindex("\u2501") + 1 for line in lines]
    assert len(lines) == 3
    assert starts[0] < starts[1] <= starts[2]
    assert max(ends) == ends[2] <= width


def test_wrong_pixels_and_lost_frames_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """What went wrong is said where people look."""
    losses = [{"cause": "optical", "text": "the laser is not seen"}]
    _render(
        Console(width=100), document_of([("seating", 300.0)], sha256_host="bb", frames_lost=3, losses=losses)
    )
    text = capsys.readouterr().out
    assert "NOT what the sensor sent" in text
    assert "3 of 10 frames" in text
    assert "optical: the laser is not seen" in text


def test_place_that_cannot_be_written_is_told_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file where the folder should be: exit code 2 before anything is rendered."""
    (tmp_path / "file").write_text("mine")
    assert run(["--json", "demo", "--out", str(tmp_path / "file" / "out")]) == 2
    assert json.loads(capsys.readouterr().out)["exit_code"] == 2
