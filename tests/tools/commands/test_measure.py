"""`laserlink measure` from end to end: through the link, from files, with every way to use it wrongly."""

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from quick_module import quick_profile
from served import laserlink, serving, url_of

from laserlink.firmware_model.optics import half_contrast
from laserlink.firmware_model.profile import Profile, load_profile
from laserlink.tools.cli import run
from laserlink.tools.commands.measure import CHART_SIZE, write_chart


@dataclass(frozen=True)
class Run:
    """A whole run on a virtual module: its profile, its JSON, its diagrams and its saved pictures."""

    profile: Profile
    document: dict[str, Any]
    plot: Path
    saved: Path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("measure")
    name = quick_profile(folder)
    plot, saved = folder / "figures.png", folder / "saved"
    done = laserlink("--json", "measure", f"sim:{name}?seed=5", "--plot", plot, "--save", saved)
    assert done.returncode == 0, done.stdout + done.stderr
    return Run(load_profile(name), json.loads(done.stdout), plot, saved)


def test_noise_gain_and_full_well_are_the_profiles(whole: Run) -> None:
    """Read noise, full well and conversion gain within 5 % of the profile, at RAW16 and base gain."""
    sensor, document = whole.profile.sensor, whole.document
    assert document["format"] == "RAW16" and document["analogue_gain"] == 1.0
    assert document["read_noise_e"] == pytest.approx(sensor.high_gain_read_noise_e, rel=0.05)
    assert document["full_well_e"] == pytest.approx(sensor.full_well_e, rel=0.05)
    assert document["conversion_gain_dn_per_e"] == pytest.approx(sensor.dn_per_e(16, 1.0), rel=0.05)
    assert document["prnu_percent"] == pytest.approx(100 * sensor.prnu_pixel, rel=0.15)


def test_sixteen_stops_and_a_straight_line(whole: Run) -> None:
    """Dynamic range 16 EV within 0.3; linearity error at most 0.5 %, also the largest."""
    assert whole.document["dynamic_range_ev"] == pytest.approx(16.0, abs=0.3)
    assert whole.document["linearity_error_percent"] <= whole.document["linearity_error_max_percent"] <= 0.5


def test_sharpness_is_the_lens_models(whole: Run) -> None:
    """MTF50 at best focus within 10 % of the lens model, across and down."""
    profile = whole.profile
    pixel_mm = profile.sensor.width_mm / profile.sensor.width
    meant = half_contrast(profile.lens, profile.lens.f_number, pixel_mm)
    for name in ("mtf50_cy_px", "mtf50_across_cy_px", "mtf50_down_cy_px"):
        assert whole.document[name] == pytest.approx(meant, rel=0.1), name
    assert len(whole.document["edges"]) == 4


def test_colours_are_those_of_the_chart(whole: Run) -> None:
    """The mean CIEDE2000 of 24 patches is at most 3, and no figure is missing."""
    assert whole.document["delta_e_mean"] <= 3
    assert len(whole.document["patches"]) == 24
    assert whole.document["missing"] == {}


def test_another_method_agrees(whole: Run) -> None:
    """From the same points by another way: the gain by a line fitted to all of them, noise by its offset."""
    lit = [point for point in whole.document["photon_transfer"] if point["light"]]
    dark = [point for point in whole.document["photon_transfer"] if not point["light"]]
    used = [point for point in lit if point["mean_dn"] < 40_000]
    slope, _ = np.polyfit([point["mean_dn"] for point in used], [point["variance_dn2"] for point in used], 1)
    assert whole.document["conversion_gain_dn_per_e"] == pytest.approx(float(slope), rel=0.02)
    noise_dn = math.sqrt(np.median([point["variance_dn2"] for point in dark[:4]]))
    brightest_dn = max(point["mean_dn"] for point in lit) - dark[0]["mean_dn"]
    assert whole.document["dynamic_range_ev"] == pytest.approx(math.log2(brightest_dn / noise_dn), abs=0.1)


def test_diagrams_are_a_picture(whole: Run) -> None:
    """The plot is a PNG with something on it."""
    with Image.open(whole.plot) as image:
        assert image.format == "PNG" and np.asarray(image.convert("L")).std() > 20


def test_saved_pictures_tell_the_same(whole: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """`--from` the saved DNG files, through LibRaw: the same figures as through the link."""
    pytest.importorskip("rawpy")
    assert run(["--json", "measure", "--from", str(whole.saved)]) == 0
    again = json.loads(capsys.readouterr().out)
    for name, slack in (
        ("dynamic_range_ev", 0.01), ("read_noise_e", 0.01), ("full_well_e", 0.01), ("mtf50_cy_px", 0.01),
        ("linearity_error_percent", 0.1), ("delta_e_mean", 0.5),
    ):  # fmt: skip
        assert again[name] == pytest.approx(whole.document[name], rel=slack, abs=0.005), name
    assert again["module"] == "LaserLink MOS-100MP"


def test_page_fits_a_terminal_and_says_what_is_missing(tmp_path: Path) -> None:
    """80 columns; without a picture of the chart in view, its figures are missing with the reason: exit 1."""
    name = quick_profile(tmp_path)
    done = laserlink(
        "measure", f"sim:{name}?scene=dark", "--only", "chart", env=os.environ | {"COLUMNS": "80"}
    )
    assert done.returncode == 1, done.stderr
    assert "Not measured: MTF50, across, down, colour error, at most" in done.stdout
    assert "the chart was not found" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_a_served_module_is_measured_as_it_stands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--only dark` on a port takes what is before the camera now, and asks nobody."""
    with serving(quick_profile(tmp_path), "--scene", "dark") as served:
        assert run(["--json", "measure", url_of(served), "--only", "dark"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert document["missing"]["read_noise_e"] == "left out: needs flat"
        assert len(document["photon_transfer"]) == 5
        assert run(["measure", url_of(served)]) == 2
    assert "nobody is at the terminal" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "takes one URL"),
        (["a", "b"], "takes one URL"),
        (["--from"], "needs files or folders"),
        (["--from", "nowhere"], "nowhere is not there"),
        (["--from", ".", "--mode", "still"], "--mode means nothing"),
        (["sim:mos-100mp", "--plot", "plot.jpg"], "no name of a PNG"),
        (["sim:mos-100mp", "--mode", "none", "--only", "dark"], "has no mode 'none'"),
        (["sim:mos-100mp", "--format", "RAW9", "--only", "dark"], "has no format 'RAW9'"),
        (["--chart", "chart.png", "sim:mos-100mp"], "URL means nothing"),
        (["sim:mos-100mp", "--only", "sky"], "sky"),
    ],
)
def test_wrong_use_is_a_line_and_a_hint(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Exit code 2, the cause, and what to do."""
    monkeypatch.chdir(tmp_path)
    assert run(["measure", *arguments]) == 2
    told = capsys.readouterr().err
    assert words in told and "Hint: " in told


def test_the_chart_is_written_for_printing(tmp_path: Path) -> None:
    """A PNG of A3 at 300 dots per inch, with a white and a black patch where they belong."""
    write_chart(tmp_path / "chart.png")
    with Image.open(tmp_path / "chart.png") as image:
        assert image.size == CHART_SIZE
        width, height = image.size
        white = image.getpixel((round(width * 0.3425), round(height * 0.609)))
        assert white == pytest.approx((243, 243, 242), abs=1)
