"""The slanted edge: MTF of blurs that are known, in every position; and what is no edge."""

import math

import numpy as np
import pytest

from laserlink.tools.measuring.photon_transfer import NotMeasured
from laserlink.tools.measuring.slanted_edge import edge_response, half_contrast
from laserlink.tools.measuring.still import Still

BLACK, WHITE = 256.0, 4095


def edge(
    sigma: float, degrees: float = 5.0, *, upright: bool = True, flip: bool = False, cfa: str = "RGGB",
    noise: float = 0.0, shape: tuple[int, int] = (160, 96), levels: tuple[float, float] = (0.12, 0.48),
) -> Still:  # fmt: skip
    """An edge blurred by a Gaussian and by pixels' width, drawn from the formula; red and blue are dimmer."""
    rows, columns = np.indices(shape, dtype=np.float64)
    across = columns - shape[1] / 2 - 0.3 - math.tan(math.radians(degrees)) * (rows - shape[0] / 2)
    across *= math.cos(math.radians(degrees)) * (-1 if flip else 1)
    # A pixel sees the mean over its width: of the error function, by nine samples.
    share = np.mean(
        [
            0.5 + 0.5 * np.vectorize(math.erf)((across + shift) / (sigma * math.sqrt(2)))
            for shift in (np.arange(9) - 4) / 9
        ],
        axis=0,
    )
    light = levels[0] + (levels[1] - levels[0]) * share
    light = light if upright else light.T
    tint = {"R": 0.5, "G": 1.0, "B": 0.7}
    light = light * np.tile(
        np.array([tint[letter] for letter in cfa]).reshape(2, 2), (light.shape[0] // 2, light.shape[1] // 2)
    )
    light += np.random.default_rng(1).normal(0, noise, light.shape) if noise else 0.0
    raw = np.clip(np.rint(light * (WHITE - BLACK) + BLACK), 0, WHITE)
    return Still(raw.astype(np.uint16), cfa, BLACK, WHITE, 1000, 12)


def expected(sigma: float) -> float:
    """Where the Gaussian's MTF times the pixel's is a half."""
    frequencies = np.linspace(0, 1, 4001)
    return half_contrast(
        frequencies, np.exp(-2 * (np.pi * sigma * frequencies) ** 2) * np.abs(np.sinc(frequencies))
    )


@pytest.mark.parametrize("sigma", [0.3, 0.65, 1.5])
@pytest.mark.parametrize(
    ("upright", "flip", "degrees"), [(True, False, 5), (True, True, -7), (False, False, 4)]
)
def test_known_blurs_come_out(sigma: float, upright: bool, flip: bool, degrees: float) -> None:
    """MTF50 within 3 % of theory: sharp and soft, standing and lying, from dark to light and back."""
    response = edge_response(edge(sigma, degrees, upright=upright, flip=flip))
    assert response.mtf50 == pytest.approx(expected(sigma), rel=0.03)
    assert response.upright is upright
    assert response.degrees == pytest.approx(degrees, abs=0.1)
    assert response.mtf[0] == pytest.approx(1.0)


@pytest.mark.parametrize("cfa", ["GRBG", "GBRG", "BGGR"])
def test_every_bayer_order_and_noise(cfa: str) -> None:
    """Only green samples count, wherever they are, and noise of 1 % of white does not move the figure."""
    response = edge_response(edge(0.65, cfa=cfa, noise=0.01, shape=(400, 96)))
    assert response.mtf50 == pytest.approx(expected(0.65), rel=0.06)


@pytest.mark.parametrize(
    ("still", "words"),
    [
        (edge(0.65, levels=(0.3, 0.3)), "contrast"),
        (edge(0.65, levels=(0.3, 0.3), noise=0.02), "no .*edge was found"),
        (edge(0.65, degrees=0.2), "leans by 0.2 degrees"),
        (edge(0.65, levels=(0.3, 1.2)), "saturated"),
        (edge(0.65, shape=(12, 96)), "too small"),
        (edge(0.65, shape=(400, 32), degrees=5), "leans by 85"),
    ],
)
def test_what_is_no_slanted_edge_is_said(still: Still, words: str) -> None:
    """Even light, noise, an edge without a slant, a saturated, a small and a lost one."""
    with pytest.raises(NotMeasured, match=words):
        edge_response(still)


def test_half_contrast_is_the_first_crossing() -> None:
    """Between two values by a straight line, at the first fall; never is an answer, too."""
    frequencies = np.array([0.0, 0.1, 0.2, 0.3, 0.4])
    assert half_contrast(frequencies, np.array([1.0, 0.6, 0.4, 0.7, 0.1])) == pytest.approx(0.15)
    with pytest.raises(NotMeasured, match="does not fall to a half"):
        half_contrast(frequencies, np.ones(5))
