"""How sharp a window of a picture is, and where along the lens's way it was sharpest.

Sharpness is the energy of the gradients, at several scales: fine ones tell the last micrometres, coarse ones
still say something far from focus, where all fine detail is gone. Their logarithms add up to a score, so that
each scale counts by how much it changes and not by how large it is. Every disc of the blur takes energy from
every scale, so that the score falls evenly on both sides of the focus; light, vignetting and noise add what
is the same at every position.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Bayer cells, and twice, four and eight times as large.
SCALES = 4
# A scale with fewer cells along a side says nothing.
SIDE_MIN = 6
# The figure of merit is an integer: a white and black pattern of single cells gives some millions.
MERIT_SCALE = 1_000_000
MERIT_MAX = (1 << 31) - 1
# Widths of the peak that are tried, in dioptres; and how finely its place is.
WIDTHS = np.geomspace(0.02, 2.0, 16)
PLACES = 400
# A sample so far below the highest counts a third of it in the fit: the flanks of the peak differ by scene.
FLANK_SCORE = 4.0


@dataclass(frozen=True)
class Contrast:
    """The gradient energy of a window at each scale, relative to its mean brightness squared.

    `deviation` is what chance alone does to `score`, for the number of cells that were looked at.
    """

    energies: tuple[float, ...]
    deviation: float

    @property
    def score(self) -> float:
        """The sum of the energies' logarithms."""
        return sum(math.log(energy) for energy in self.energies)

    @property
    def merit(self) -> int:
        """FocusFoM as libcamera has it: larger is sharper, within one scene and window."""
        return min(MERIT_MAX, round(sum(self.energies) * MERIT_SCALE))


def contrast_of(pixels: NDArray[np.uint16], black: int) -> Contrast:
    """The contrast of a Bayer window, shape (height, width), both even; `black` in its DN."""
    signal = np.maximum(pixels.astype(np.float32) - np.float32(black), 0.0)
    cells = _halved(signal)
    cells = cells / max(float(cells.mean()), 1.0)
    energies, variance = [], 0.0
    for _ in range(SCALES):
        if min(cells.shape) < SIDE_MIN:
            break
        across, down = cells[:, 2:] - cells[:, :-2], cells[2:] - cells[:-2]
        energies.append(float((across * across).mean() + (down * down).mean()) + 1e-12)
        # Squares of Gaussians, two a cell of which neighbours share values.
        variance += 4.0 / cells.size
        cells = _halved(cells)
    return Contrast(tuple(energies), math.sqrt(variance))


def _halved(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means of 2 x 2; an odd last row or column is left out."""
    rows, columns = values.shape[0] // 2 * 2, values.shape[1] // 2 * 2
    even = values[:rows, :columns]
    means: NDArray[np.float32] = even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]
    return means * np.float32(0.25)


def peak_of(positions: list[float], scores: list[float], low: float, high: float) -> float:
    """Where between `low` and `high` the score is highest, in dioptres, from at least three samples.

    The fit is A - B log(1 + ((P - D) / W)^2): flat at the top, and falling with a power of the distance, as
    energies under a growing disc do. Every D and W is tried, and the best A and B worked out for it.
    """
    place, score = np.array(positions), np.array(scores)
    weight = np.exp((score - score.max()) / FLANK_SCORE)
    weight /= weight.sum()
    places = np.linspace(low, high, PLACES)
    far2 = (place - places[:, np.newaxis]) ** 2
    fall = np.log1p(far2 / WIDTHS[:, np.newaxis, np.newaxis] ** 2)
    mean_fall, mean_score = fall @ weight, float(score @ weight)
    fall -= mean_fall[..., np.newaxis]
    rest = score - mean_score
    common = (fall * rest) @ weight
    spread = (fall * fall) @ weight
    # A peak, no valley: what grows with the distance explains nothing.
    explained = np.where(common < 0, common**2 / np.maximum(spread, 1e-12), 0.0)
    best = int(np.argmax(explained.max(axis=0)))
    return float(places[best])
