from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from laserlink.firmware_model.fixed_pattern import FixedPattern
from laserlink.firmware_model.profile import Mode, PixelArray, load_profile

UART = load_profile("uart-1m")
FULL, BINNED = UART.mode_named("still-full"), UART.mode_named("preview")
NOTHING: dict[str, Any] = dict.fromkeys(
    ("prnu_pixel", "prnu_column", "dsnu_pixel_e", "dsnu_column_e", "hot_pixels_ppm"), 0.0
)


def only(**changes: float) -> PixelArray:
    """The sensor with no faults but these."""
    return replace(UART.sensor, **{**NOTHING, **changes})


def applied(
    sensor: PixelArray,
    mode: Mode = FULL,
    seed: int = 1,
    *,
    light: float = 1000.0,
    leak_s: float = 0.0,
    top: int = 0,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean electrons and offsets of a whole image in even light."""
    electrons = np.full((mode.height, mode.width), light, np.float32)
    offsets = FixedPattern(sensor, mode, seed).apply(electrons, leak_s, top)
    return electrons, offsets


def test_a_perfect_sensor_has_none() -> None:
    """Without faults light stays as it is, and the dark is 0."""
    electrons, offsets = applied(only())
    assert (electrons == 1000.0).all()
    assert not offsets.any()


@pytest.mark.parametrize("mode", [FULL, BINNED])
def test_pixels_answer_differently(mode: Mode) -> None:
    """The spread of the answer to light is what the profile says, and binning averages it."""
    electrons, _ = applied(only(prnu_pixel=0.01), mode)
    assert electrons.mean() == pytest.approx(1000.0, rel=1e-3)
    assert electrons.std() == pytest.approx(10.0 / mode.binning, rel=0.02)


def test_pixels_differ_in_the_dark() -> None:
    """Offsets do not depend on light, have the profile's spread and a mean of 0."""
    electrons, offsets = applied(only(dsnu_pixel_e=2.0), light=0.0)
    assert not electrons.any()
    assert offsets.std() == pytest.approx(2.0, rel=0.01)
    assert offsets.mean() == pytest.approx(0.0, abs=0.02)


def test_a_column_is_alike_from_top_to_bottom() -> None:
    """Column faults are the same in each row, and differ from column to column as told."""
    electrons, offsets = applied(only(prnu_column=0.01, dsnu_column_e=3.0))
    assert np.ptp(electrons, axis=0).max() == 0
    assert np.ptp(offsets, axis=0).max() == 0
    assert electrons[0].std() == pytest.approx(10.0, rel=0.1)
    assert offsets[0].std() == pytest.approx(3.0, rel=0.1)


def test_a_binned_column_is_the_mean_of_its_photosites() -> None:
    """A red pixel of the binned mode averages the columns of the red photosites in its cell."""
    sensor = only(dsnu_column_e=3.0)
    full, binned = applied(sensor)[1][0], applied(sensor, BINNED)[1][0]
    cell = 2 * BINNED.binning
    for column in (0, 1, 50, 361):
        first = column // 2 * cell + column % 2
        assert binned[column] == pytest.approx(full[first : first + cell : 2].mean(), abs=1e-5)


def test_hot_pixels_leak_where_they_are() -> None:
    """A few pixels get brighter with time, in proportion, always the same ones; light does not matter."""
    sensor = only(hot_pixels_ppm=100.0)
    short, _ = applied(sensor, light=0.0, leak_s=0.01)
    long, _ = applied(sensor, light=0.0, leak_s=0.1)
    count = np.count_nonzero(long)
    assert count == pytest.approx(100e-6 * long.size, rel=0.3)
    assert np.allclose(long, 10 * short, rtol=1e-5)
    assert long[long > 0].mean() == pytest.approx(sensor.hot_pixel_e_per_s * 0.1, rel=0.3)


def test_a_hot_photosite_is_diluted_in_its_binned_pixel() -> None:
    """Binned, the same electrons a second are shared by all photosites of the pixel, of the same colour."""
    sensor = only(hot_pixels_ppm=20.0)
    full, _ = applied(sensor, light=0.0, leak_s=1.0)
    binned, _ = applied(sensor, BINNED, light=0.0, leak_s=1.0)
    cell = 2 * BINNED.binning
    expected = np.zeros_like(binned)
    for row, column in zip(*np.nonzero(full), strict=True):
        place = row // cell * 2 + row % 2, column // cell * 2 + column % 2
        if place[0] < BINNED.height and place[1] < BINNED.width:
            expected[place] += full[row, column] / BINNED.binning**2
    assert np.allclose(binned, expected, rtol=1e-5)


def test_the_pattern_belongs_to_the_seed() -> None:
    """The same sensor has the same pattern in each image; another one another."""
    first, again, other = (applied(UART.sensor, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first[0], again[0]) and np.array_equal(first[1], again[1])
    assert (first[0] != other[0]).mean() > 0.9


def test_bands_do_not_repeat() -> None:
    """The pixels of another band are others."""
    sensor = only(prnu_pixel=0.01)
    assert (applied(sensor, top=0)[0] != applied(sensor, top=360)[0]).mean() > 0.9
