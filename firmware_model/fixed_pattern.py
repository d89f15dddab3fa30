"""What is wrong with this one sensor: the same in each of its images, another in each other sensor.

- PRNU: pixels and columns differ in how strongly they answer to light;
- DSNU: pixels and columns differ in what they say in the dark;
- hot pixels: a few leak, each at its own rate, which doubles with the temperature as dark current does.

Binning averages them: n x n photosites have 1/n of the spread of one, a hot one is diluted by n x n. Columns
and hot pixels are the photosites' own in each mode; the pixels' spread is drawn for each mode, for nobody
holds 100 million values to average a preview.
"""

import numpy as np
from numpy.typing import NDArray

from laserlink.firmware_model.noise import Floats, normal_values
from laserlink.firmware_model.profile import Mode, PixelArray

_COLUMNS, _HOT, _PIXELS = 1, 2, 3
"""What a seed is drawn for."""


class FixedPattern:
    """The fixed pattern of a sensor with that seed in one mode."""

    def __init__(self, sensor: PixelArray, mode: Mode, seed: int) -> None:
        self._mode = mode
        self._seed = seed
        self._pixel_gains = (1 + sensor.prnu_pixel / mode.binning * normal_values(256)).astype(np.float32)
        self._pixel_offsets_e = (sensor.dsnu_pixel_e / mode.binning * normal_values(256)).astype(np.float32)
        chance = np.random.default_rng((seed, _COLUMNS))
        columns = chance.standard_normal((2, sensor.width))
        binned = _of_binned(columns, mode)
        self._column_gains = (1 + sensor.prnu_column * binned[0]).astype(np.float32)
        self._column_offsets_e = (sensor.dsnu_column_e * binned[1]).astype(np.float32)
        self._hot = _hot_pixels(sensor, mode, seed)

    def apply(self, mean_e: Floats, leak_s: float, top: int) -> Floats:
        """Gives mean electrons the spread of the answer to light and the hot pixels, in place.

        `mean_e` holds whole rows from row `top` on, a band of the same rows each time. `leak_s` is the
        exposure in seconds, stretched as the temperature quickens the leak. Returns the offsets of the dark,
        in electrons, for after the shot noise: they are the readout's, and carry none.
        """
        mean_e *= self._column_gains
        chance = np.random.Generator(
            np.random.SFC64(np.random.SeedSequence((self._seed, _PIXELS, self._mode.binning, top)))
        )
        mean_e *= _picked(self._pixel_gains, mean_e.shape, chance)
        rows, columns, rates = self._hot
        first, last = np.searchsorted(rows, (top, top + len(mean_e)))
        np.add.at(
            mean_e, (rows[first:last] - top, columns[first:last]), rates[first:last] * np.float32(leak_s)
        )
        offsets = _picked(self._pixel_offsets_e, mean_e.shape, chance)
        offsets += self._column_offsets_e
        return offsets


def _picked(values: Floats, shape: tuple[int, ...], chance: np.random.Generator) -> Floats:
    """One of 256 equally likely values for each pixel."""
    picks = np.frombuffer(chance.bytes(shape[0] * shape[1]), dtype=np.uint8)
    return np.take(values, picks, mode="wrap").reshape(shape)


def _of_binned(columns: NDArray[np.float64], mode: Mode) -> NDArray[np.float64]:
    """Values of photosites' columns as those of the mode's: the mean over a cell's columns of one colour."""
    cells = columns[:, : mode.width * mode.binning].reshape(2, mode.width // 2, mode.binning, 2)
    means: NDArray[np.float64] = cells.mean(axis=2).reshape(2, mode.width)
    return means


def _hot_pixels(
    sensor: PixelArray, mode: Mode, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """Rows (rising), columns and electrons a second of the mode's pixels that have a hot photosite."""
    chance = np.random.default_rng((seed, _HOT))
    count = chance.poisson(sensor.hot_pixels_ppm * 1e-6 * sensor.width * sensor.height)
    down = chance.integers(0, sensor.height, count)
    right = chance.integers(0, sensor.width, count)
    rates = chance.exponential(sensor.hot_pixel_e_per_s, count)
    cell = 2 * mode.binning
    rows, columns = down // cell * 2 + down % 2, right // cell * 2 + right % 2
    order = np.argsort(rows, kind="stable")
    order = order[(rows[order] < mode.height) & (columns[order] < mode.width)]
    return rows[order], columns[order], (rates[order] / mode.binning**2).astype(np.float32)
