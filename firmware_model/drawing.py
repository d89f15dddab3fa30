"""Draws shapes in colours of light, at any size, by bands of rows.

A drawing is laid out on 400 x 300 units, fitted into the picture and centred; its ground fills the rest.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from laserlink.firmware_model.colour import SRGB8_TO_LINEAR
from laserlink.firmware_model.shapes import Grid, Shape

LAYOUT_WIDTH = 400.0
LAYOUT_HEIGHT = 300.0

Light = tuple[float, float, float]
"""Linear light in sRGB primaries, 1.0 = a diffuse white card."""


def srgb8(red: int, green: int, blue: int) -> Light:
    """The light of an 8-bit sRGB colour."""
    return float(SRGB8_TO_LINEAR[red]), float(SRGB8_TO_LINEAR[green]), float(SRGB8_TO_LINEAR[blue])


def grey(level: float) -> Light:
    """Neutral light."""
    return level, level, level


BACKGROUND = srgb8(30, 32, 38)
PANEL = srgb8(42, 45, 53)
LINE = srgb8(92, 97, 108)
PALE = srgb8(232, 234, 238)
LASER = (0.92, 0.010, 0.022)
HOT_CORE = (1.10, 0.42, 0.36)


@dataclass(frozen=True)
class Mark:
    """A shape in a colour of light."""

    shape: Shape
    light: Light


@dataclass(frozen=True)
class Fit:
    """How the layout lies in a picture: pixels a unit, and the units of ground to its left and above it."""

    scale: float
    left: float
    above: float

    @classmethod
    def of(cls, width: int, height: int) -> "Fit":
        """The whole layout, centred in a picture of that size in pixels."""
        scale = min(width / LAYOUT_WIDTH, height / LAYOUT_HEIGHT)
        return cls(scale, (width / scale - LAYOUT_WIDTH) / 2, (height / scale - LAYOUT_HEIGHT) / 2)


class Drawing:
    """Marks, in the order in which they are painted, on a dark ground: a scene, far away."""

    distance_dioptres = 0.0

    def __init__(self, marks: Sequence[Mark]) -> None:
        self.marks = tuple(marks)
        self._bounds = np.array([mark.shape.bounds for mark in self.marks]).reshape(-1, 4)

    def band(self, width: int, height: int, top: int, rows: int) -> NDArray[np.float32]:
        """Rows `top` to `top + rows` of the drawing at `width` x `height`.

        Returns linear sRGB light of shape (rows, width, 3), 1.0 = diffuse white, as a view on three
        planes. However the picture is cut into bands, the same pixels come out (lettering to
        within 1/255, its mask's rounding).
        """
        fit = Fit.of(width, height)
        scale = fit.scale
        x = ((np.arange(width) + 0.5) / scale - fit.left).astype(np.float32)
        y = ((np.arange(top, top + rows) + 0.5) / scale - fit.above).astype(np.float32)
        planes = _ground(x, y)
        skipped = fit.above - top / scale
        # A pixel more on each side, for the soft edge.
        first, last = (self._bounds[:, 1] + skipped) * scale - 2, (self._bounds[:, 3] + skipped) * scale + 2
        for index in np.flatnonzero((last > 0) & (first < rows)):
            x0, y0, x1, y1 = self._bounds[index]
            lines = _covered(y0 + skipped, y1 + skipped, scale, rows)
            columns = _covered(x0 + fit.left, x1 + fit.left, scale, width)
            if lines.start < lines.stop and columns.start < columns.stop:
                mark = self.marks[index]
                grid = Grid(x[None, columns], y[lines, None], scale)
                _paint(planes[:, lines, columns], mark.shape.coverage(grid), mark.light)
        return np.moveaxis(planes, 0, -1)


def _ground(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    """The dark ground, brightest in the middle: a product of a column and a row, so it costs one pass."""
    across = 1.0 - 0.42 * np.clip(np.abs(x - LAYOUT_WIDTH / 2) / (LAYOUT_WIDTH / 2), 0, 1.4) ** 2
    down = 1.0 - 0.42 * np.clip(np.abs(y - LAYOUT_HEIGHT / 2) / (LAYOUT_HEIGHT / 2), 0, 1.4) ** 2
    light = np.array(BACKGROUND)[:, None, None] * across[None, None, :]
    ground: NDArray[np.float32] = light.astype(np.float32) * down[None, :, None].astype(np.float32)
    return ground


def _covered(low: float, high: float, scale: float, count: int) -> slice:
    """The pixels of `count` that an interval touches, with one more on each side for the soft edge."""
    first = min(max(math.floor(low * scale) - 1, 0), count)
    last = min(max(math.ceil(high * scale) + 1, 0), count)
    return slice(first, last)


def _paint(planes: NDArray[np.float32], coverage: NDArray[np.float32], light: Light) -> None:
    """Lays light over the picture in place, as much of it as each pixel is covered."""
    for plane, level in zip(planes, light, strict=True):
        plane += coverage * (np.float32(level) - plane)
