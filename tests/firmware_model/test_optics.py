"""The lens in the pixels: blur as geometry says, sharp where it is focused, dark where it must be."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray
from scenes import Texture

from laserlink.firmware_model.optics import (
    contrast_at,
    convolved,
    disc_kernel,
    disc_mm,
    gaussian_taps,
    half_contrast,
    smeared,
    spot_mm,
    through_lens,
    transmission,
)
from laserlink.firmware_model.profile import load_profile

LENS = load_profile("mos-100mp").lens
PIXEL_MM = 17.3 / 11648
SIDE = 128


class Even:
    """White everywhere, at any size."""

    distance_dioptres = 0.0

    def band(self, width: int, height: int, top: int, rows: int) -> NDArray[np.float32]:
        return np.ones((rows, width, 3), np.float32)


def thrown(
    values: NDArray[np.float32], focus: float = 0.0, f_number: float = 1.4, distance: float = 0.0
) -> NDArray[np.float32]:
    """One channel of the whole drawing behind the lens, without its fall-off."""
    scene = through_lens(Texture(values, distance), LENS, focus, f_number, PIXEL_MM)
    even = through_lens(Even(), LENS, 0.0, f_number, PIXEL_MM)
    return np.asarray((scene.band(SIDE, SIDE, 0, SIDE) / even.band(SIDE, SIDE, 0, SIDE))[:, :, 1])


def point() -> NDArray[np.float32]:
    values = np.zeros((SIDE, SIDE), np.float32)
    values[64, 64] = 1.0
    return values


def edge() -> NDArray[np.float32]:
    values = np.zeros((SIDE, SIDE), np.float32)
    values[:, 64:] = 1.0
    return values


def width_of(spread: NDArray[np.float32]) -> float:
    """The standard deviation of light along the columns."""
    profile = spread.sum(axis=0) / spread.sum()
    place = np.arange(SIDE)
    mean = float((profile * place).sum())
    return float(np.sqrt((profile * (place - mean) ** 2).sum()))


def test_the_disc_is_that_of_the_thin_lens() -> None:
    """From the image distances of 1/f = 1/u + 1/v: two planes apart, seen through the aperture."""
    focus, distance, f_number = 1.5, 0.4, 2.8
    focal_m = LENS.focal_length_mm / 1000
    in_focus, thing = (1 / (1 / focal_m - dioptres) for dioptres in (focus, distance))
    expected_mm = 1000 * focal_m / f_number * abs(in_focus - thing) / thing
    assert disc_mm(LENS, focus, f_number, distance) == pytest.approx(expected_mm, rel=1e-9)
    assert disc_mm(LENS, focus, f_number, focus) == 0.0


@pytest.mark.parametrize("defocus", [0.0, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2])
def test_a_point_becomes_as_wide_as_disc_and_spot_say(defocus: float) -> None:
    """Sharp, by the Gaussian, by the disc, and drawn smaller: a quarter of the diameter, and the spot."""
    disc = disc_mm(LENS, defocus, 1.4, 0.0) / PIXEL_MM
    expected = np.hypot(disc / 4, spot_mm(LENS, 1.4) / PIXEL_MM)
    spread = thrown(point(), focus=defocus)
    assert spread.sum() == pytest.approx(1.0, abs=0.02)
    assert width_of(spread) == pytest.approx(expected, rel=0.15, abs=0.15)


def test_what_counts_is_the_distance_between_focus_and_scene() -> None:
    """A near scene is sharp where the lens is focused on it, and only there."""
    near = thrown(edge(), focus=2.0, distance=2.0)
    assert np.abs(near - thrown(edge())).max() < 1e-3
    far = thrown(edge(), focus=0.0, distance=2.0)
    assert np.abs(np.diff(far, axis=1)).max() < 0.1 * np.abs(np.diff(near, axis=1)).max()


def test_a_band_is_a_part_of_the_whole() -> None:
    """In focus and far out of it, rows are the same however they are asked for."""
    for focus in (0.0, 0.03, 0.3):
        scene = through_lens(Texture(edge().T.copy(), 0.0), LENS, focus, 1.4, PIXEL_MM)
        whole = scene.band(SIDE, SIDE, 0, SIDE)
        parts = [scene.band(SIDE, SIDE, top, 16) for top in range(0, SIDE, 16)]
        assert np.abs(np.concatenate(parts) - whole).max() < 1e-5


def test_contrast_at_best_focus_is_the_model() -> None:
    """A sine through the lens loses what the spot's MTF says, at any stop."""
    column = np.arange(SIDE)
    for f_number in (1.4, 2.8, 11.0):
        for cycles in (0.0625, 0.125, 0.25, 0.375):
            wave = (0.5 + 0.4 * np.cos(2 * np.pi * cycles * column)).astype(np.float32)
            seen = thrown(np.tile(wave, (SIDE, 1)), f_number=f_number)[64, 32:96]
            amplitude = 2 * np.abs((seen * np.exp(-2j * np.pi * cycles * column[32:96])).mean()) / 0.4 / 2
            # The drawing's own values have no pixel to be averaged over.
            expected = contrast_at(LENS, f_number, PIXEL_MM, cycles) / np.sinc(cycles)
            assert 2 * amplitude == pytest.approx(expected, abs=0.05), (f_number, cycles)


def test_half_contrast_is_where_the_model_says_half() -> None:
    """Between 0.2 and 0.4 cycles a pixel wide open; diffraction takes over when it is stopped down."""
    found = half_contrast(LENS, 1.4, PIXEL_MM)
    assert contrast_at(LENS, 1.4, PIXEL_MM, found) == pytest.approx(0.5, abs=1e-6)
    assert 0.2 < found < 0.4
    assert half_contrast(LENS, 2.0, PIXEL_MM) > found > half_contrast(LENS, 11.0, PIXEL_MM)


def test_each_stop_halves_the_light() -> None:
    """Whole stops are factors of two, as far as their rounded names go."""
    light = [transmission(LENS, stop) for stop in LENS.stops]
    assert light[0] == 1.0
    assert [a / b for a, b in itertools.pairwise(light)] == pytest.approx([2.0] * 6, rel=0.06)


def test_corners_fall_off_with_the_cosine_and_the_barrel() -> None:
    """Four times the cosine, and wide open half a stop more; the middle has it all."""
    width, height = 2912, 2184
    pixel_mm = PIXEL_MM * 4

    for f_number, barrel_ev in ((1.4, 0.5), (2.8, 0.0)):
        scene = through_lens(Even(), LENS, 0.0, f_number, pixel_mm)
        corner, middle = scene.band(width, height, 0, 1)[0, 0], scene.band(width, height, 1092, 1)[0, 1456]
        slope2 = (width**2 + height**2) / 4 * (pixel_mm / LENS.focal_length_mm) ** 2
        expected = 1 / (1 + slope2) ** 2 / 2**barrel_ev
        assert corner / middle == pytest.approx([expected] * 3, rel=2e-3)
        assert middle == pytest.approx([transmission(LENS, f_number)] * 3, rel=1e-5)


def test_the_fall_off_between_worked_out_rows_is_the_model() -> None:
    """Straight lines over four of the largest pixels there are: no step is seen."""
    pixel_mm, width, height = PIXEL_MM * 16, 728, 546
    scene = through_lens(Even(), LENS, 0.0, 1.4, pixel_mm)
    column = scene.band(width, height, 0, height)[:, 7, 1].astype(np.float64)
    slope2 = ((np.arange(height) - 272.5) ** 2 + 356.5**2) * (pixel_mm / LENS.focal_length_mm) ** 2
    corner2 = (width**2 + height**2) / 4 * (pixel_mm / LENS.focal_length_mm) ** 2
    expected = 1 / (1 + slope2) ** 2 / (1 + (2**0.5 - 1) * (slope2 / corner2) ** 2)
    assert np.abs(column / expected - 1).max() < 1e-4


@pytest.mark.parametrize("variance", [0.0, 0.02, 0.1, 0.4, 1.0, 6.0])
def test_taps_have_a_sum_of_one_and_the_contrast_of_a_gaussian(variance: float) -> None:
    """Also of spots smaller than a pixel."""
    taps = gaussian_taps(variance)
    assert taps[0] + 2 * sum(taps[1:]) == pytest.approx(1.0)
    for cycles in (0.05, 0.1, 0.2, 0.3):
        waves = [tap * np.cos(2 * np.pi * cycles * distance) for distance, tap in enumerate(taps)]
        expected = np.exp(-2 * np.pi**2 * variance * cycles**2)
        assert 2 * sum(waves) - waves[0] == pytest.approx(expected, abs=0.04)


def test_kernels_leave_even_light_as_it_is() -> None:
    """And make it smaller by their reach."""
    even = np.full((20, 24, 3), 0.25, np.float32)
    disc = disc_kernel(4.0)
    assert convolved(even, disc).shape == (20 - len(disc) + 1, 24 - len(disc) + 1, 3)
    assert np.abs(convolved(even, disc) - 0.25).max() < 1e-6
    taps = gaussian_taps(1.0)
    assert smeared(even, taps).shape == (20 - 2 * (len(taps) - 1), 24 - 2 * (len(taps) - 1), 3)
    assert np.abs(smeared(even, taps) - 0.25).max() < 1e-6
