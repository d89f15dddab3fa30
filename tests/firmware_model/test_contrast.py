"""How sharp a window is, and where a lens saw it sharpest."""

import math

import numpy as np
import pytest

from laserlink.firmware_model.contrast import MERIT_MAX, Contrast, contrast_of, peak_of

BLACK = 64


def noise(seed: int, deviation: float, size: tuple[int, int] = (96, 128)) -> np.ndarray:  # type: ignore[type-arg]
    values = BLACK + 400.0 + np.random.default_rng(seed).normal(0.0, deviation, size)
    return values.astype(np.uint16)


def test_detail_is_contrast_at_every_scale() -> None:
    """More of it is more at each of the four; the merit and the score say so too."""
    weak, strong = (contrast_of(noise(1, deviation), BLACK) for deviation in (10.0, 40.0))
    assert len(weak.energies) == len(strong.energies) == 4
    assert all(a < b for a, b in zip(weak.energies, strong.energies, strict=True))
    assert weak.merit < strong.merit and weak.score < strong.score


def test_contrast_is_relative_to_brightness() -> None:
    """Half the light of the same scene has the same contrast; the black level is no light."""
    scene = noise(2, 60.0).astype(np.float64) - BLACK
    full, half = (contrast_of((BLACK + part * scene).astype(np.uint16), BLACK) for part in (8.0, 4.0))
    assert half.energies == pytest.approx(full.energies, rel=0.01)


def test_chance_varies_the_score_as_much_as_is_said() -> None:
    """Over thirty pictures of nothing but noise, within a factor of two."""
    contrasts = [contrast_of(noise(seed, 20.0), BLACK) for seed in range(30)]
    found = float(np.std([contrast.score for contrast in contrasts]))
    assert 0.5 < found / contrasts[0].deviation < 2.0


@pytest.mark.parametrize("size", [(2, 4), (12, 16), (30, 400)])
def test_small_windows_have_fewer_scales(size: tuple[int, int]) -> None:
    """And never fail, whatever is in them."""
    seen = contrast_of(np.full(size, 10, np.uint16), BLACK)
    assert len(seen.energies) < 4
    assert math.isfinite(seen.score) and 0 <= seen.merit <= MERIT_MAX


def test_the_merit_fits_its_control() -> None:
    """However large the energies are."""
    assert Contrast((1e9, 1e9), 0.1).merit == MERIT_MAX


@pytest.mark.parametrize("place", [-0.05, 0.0, 0.7, 1.61, 3.33])
@pytest.mark.parametrize("width", [0.05, 0.3])
def test_the_peak_of_a_fitting_curve_is_found(place: float, width: float) -> None:
    """Between samples, and a little behind the ends."""
    positions = [0.476 * index for index in range(8)] + [place + part for part in (-0.1, -0.03, 0.04, 0.11)]
    scores = [5.0 - 2.0 * math.log1p(((position - place) / width) ** 2) for position in positions]
    assert peak_of(positions, scores, -0.2, 3.53) == pytest.approx(place, abs=0.02)
