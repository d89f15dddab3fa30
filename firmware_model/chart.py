"""The project's test chart: composed once in units, drawn at any size by bands of rows.

The layout is 400 x 300 units, fitted into the picture and centred; the background fills the rest.
Light is linear, in sRGB primaries, 1.0 = a diffuse white card. What it measures:

- resolution: Siemens stars (centre and corners) and line pairs;
- sharpness: edges slanted by 5 degrees at a contrast of 4:1 (ISO 12233:2014, e-SFR);
- tone: 20 grey steps of density 0.05 to 1.95, 0.10 apart (the pitch of the Kodak Q-13 grey scale);
- colour: the 24 patches of the ColorChecker Classic, by the 8-bit sRGB values that X-Rite publishes
  (the nominal values that BabelColor tabulates, D65);
- framing: corner brackets and ticks along the borders.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from laserlink.firmware_model.colour import SRGB8_TO_LINEAR
from laserlink.firmware_model.shapes import (
    Beam,
    Disc,
    Grid,
    Lettering,
    LinePairs,
    Rectangle,
    Shape,
    SiemensStar,
    TiltedSquare,
)

LAYOUT_WIDTH = 400.0
LAYOUT_HEIGHT = 300.0
GREY_STEPS = 20

# The line pairs and the greys share their left edge and their width.
_LEFT, _ACROSS = 82.0, 236.0

COLORCHECKER_SRGB8 = (
    ("dark skin", (115, 82, 68)),
    ("light skin", (194, 150, 130)),
    ("blue sky", (98, 122, 157)),
    ("foliage", (87, 108, 67)),
    ("blue flower", (133, 128, 177)),
    ("bluish green", (103, 189, 170)),
    ("orange", (214, 126, 44)),
    ("purplish blue", (80, 91, 166)),
    ("moderate red", (193, 90, 99)),
    ("purple", (94, 60, 108)),
    ("yellow green", (157, 188, 64)),
    ("orange yellow", (224, 163, 46)),
    ("blue", (56, 61, 150)),
    ("green", (70, 148, 73)),
    ("red", (175, 54, 60)),
    ("yellow", (231, 199, 31)),
    ("magenta", (187, 86, 149)),
    ("cyan", (8, 133, 161)),
    ("white", (243, 243, 242)),
    ("neutral 8", (200, 200, 200)),
    ("neutral 6.5", (160, 160, 160)),
    ("neutral 5", (122, 122, 121)),
    ("neutral 3.5", (85, 85, 85)),
    ("black", (52, 52, 52)),
)
"""ColorChecker Classic, row by row: name and 8-bit sRGB (X-Rite)."""

Light = tuple[float, float, float]


def _srgb8(red: int, green: int, blue: int) -> Light:
    return float(SRGB8_TO_LINEAR[red]), float(SRGB8_TO_LINEAR[green]), float(SRGB8_TO_LINEAR[blue])


BACKGROUND = _srgb8(30, 32, 38)
PANEL = _srgb8(42, 45, 53)
LINE = _srgb8(92, 97, 108)
PALE = _srgb8(232, 234, 238)
LASER = (0.92, 0.010, 0.022)
HOT_CORE = (1.10, 0.42, 0.36)
EDGE_LIGHT = (0.48, 0.48, 0.48)
EDGE_DARK = (0.12, 0.12, 0.12)


@dataclass(frozen=True)
class Mark:
    """A shape in a colour of light."""

    shape: Shape
    light: Light


def _frame() -> list[Mark]:
    marks = []
    inset, arm, stroke = 6.0, 15.0, 0.7
    far_x, far_y = LAYOUT_WIDTH - inset, LAYOUT_HEIGHT - inset
    for x, reach in ((inset, arm), (far_x - stroke, -arm + stroke)):
        for y, drop in ((inset, arm), (far_y - stroke, -arm + stroke)):
            marks.append(Rectangle(min(x, x + reach), y, abs(reach) + (stroke if reach < 0 else 0), stroke))
            marks.append(Rectangle(x, min(y, y + drop), stroke, abs(drop) + (stroke if drop < 0 else 0)))
    for step in range(3, 38):
        length = 3.2 if step % 5 == 0 else 1.6
        x = step * 10.0 - 0.15
        marks += [Rectangle(x, inset, 0.3, length), Rectangle(x, far_y - length, 0.3, length)]
        if step < 28:
            marks += [Rectangle(inset, x, length, 0.3), Rectangle(far_x - length, x, length, 0.3)]
    return [Mark(shape, LINE) for shape in marks]


def _star(x: float, y: float, radius: float, cycles: int) -> list[Mark]:
    return [
        Mark(Disc(x, y, radius), _srgb8(14, 15, 18)),
        Mark(SiemensStar(x, y, radius, cycles), PALE),
    ]


def _stars() -> list[Mark]:
    marks = []
    for x in (40.0, LAYOUT_WIDTH - 40.0):
        for y in (40.0, LAYOUT_HEIGHT - 40.0):
            marks += [Mark(Disc(x, y, 25.4, 25.0), LINE), *_star(x, y, 23.5, 36)]
    marks.append(Mark(Disc(200.0, 150.0, 61.2, 60.2), LASER))
    marks += _star(200.0, 150.0, 57.5, 72)
    marks += [Mark(Disc(200.0, 150.0, 1.7), BACKGROUND), Mark(Disc(200.0, 150.0, 0.9), LASER)]
    return marks


def _title() -> list[Mark]:
    return [
        Mark(Lettering("LaserLink", 200.0, 26.5, 26.0, 0.07), PALE),
        Mark(Beam(0.0, LAYOUT_WIDTH, 75.0, 1.1, 12.0, 60.0), LASER),
        Mark(Beam(0.0, LAYOUT_WIDTH, 75.0, 0.22, 1.6, 60.0), HOT_CORE),
    ]


def _colours() -> list[Mark]:
    marks = [Mark(Rectangle(20.0, 111.6, 112.0, 76.8), PANEL)]
    pitch, side = 17.6, 15.6
    for index, (_, code) in enumerate(COLORCHECKER_SRGB8):
        row, column = divmod(index, 6)
        patch = Rectangle(24.2 + column * pitch, 115.8 + row * pitch, side, side)
        marks.append(Mark(patch, _srgb8(*code)))
    return marks


def _edges() -> list[Mark]:
    return [
        Mark(Rectangle(268.0, 111.6, 112.0, 76.8), PANEL),
        Mark(Rectangle(272.2, 115.8, 103.6, 68.4), EDGE_LIGHT),
        Mark(TiltedSquare(298.1, 150.0, 38.0, 5.0), EDGE_DARK),
        Mark(TiltedSquare(349.9, 150.0, 38.0, -5.0), EDGE_DARK),
    ]


def _greys() -> list[Mark]:
    """Each step is painted over the rest of the wedge, so that no ground shows between two steps."""
    marks = [Mark(Rectangle(_LEFT - 1.2, 262.8, _ACROSS + 2.4, 20.4), PANEL)]
    for step in range(GREY_STEPS):
        reflectance = 10.0 ** -(0.05 + 0.10 * step)
        done = step * _ACROSS / GREY_STEPS
        patch = Rectangle(_LEFT + done, 264.0, _ACROSS - done, 18.0)
        marks.append(Mark(patch, (reflectance, reflectance, reflectance)))
    return marks


def _line_pairs() -> list[Mark]:
    """Groups of bars, each finer than the one before by the square root of 2.

    The last has a period of 1.7 pixels at 11648 pixels of width: past what the sensor can resolve.
    """
    periods = [5.2 * 2.0 ** (-group / 2) for group in range(14)]
    groups = [(period, max(3, round(12.5 / period)) - 0.5) for period in periods]
    gap = (_ACROSS - sum(period * pairs for period, pairs in groups)) / (len(groups) - 1)
    marks = []
    x = _LEFT
    for period, pairs in groups:
        marks.append(Mark(LinePairs(x, 240.0, 16.0, period, pairs), PALE))
        x += period * pairs + gap
    return marks


def compose() -> tuple[Mark, ...]:
    """The chart's marks, in the order in which they are painted."""
    parts = (_frame, _title, _stars, _colours, _edges, _line_pairs, _greys)
    return tuple(mark for part in parts for mark in part())


class Chart:
    """The chart as a scene of linear light."""

    def __init__(self) -> None:
        self._marks = tuple((mark, mark.shape.bounds) for mark in compose())

    def band(self, width: int, height: int, top: int, rows: int) -> NDArray[np.float32]:
        """Rows `top` to `top + rows` of the chart at `width` x `height`.

        Returns linear sRGB light of shape (rows, width, 3), 1.0 = diffuse white, as a view on three
        planes. However the picture is cut into bands, the same pixels come out (the lettering to
        within 1/255, its mask's rounding).
        """
        scale = min(width / LAYOUT_WIDTH, height / LAYOUT_HEIGHT)
        left = (width / scale - LAYOUT_WIDTH) / 2
        above = (height / scale - LAYOUT_HEIGHT) / 2
        skipped = above - top / scale
        x = ((np.arange(width) + 0.5) / scale - left).astype(np.float32)
        y = ((np.arange(top, top + rows) + 0.5) / scale - above).astype(np.float32)
        planes = _background(x, y)
        for mark, (x0, y0, x1, y1) in self._marks:
            lines = _covered(y0 + skipped, y1 + skipped, scale, rows)
            columns = _covered(x0 + left, x1 + left, scale, width)
            if lines.start < lines.stop and columns.start < columns.stop:
                grid = Grid(x[None, columns], y[lines, None], scale)
                _paint(planes[:, lines, columns], mark.shape.coverage(grid), mark.light)
        return np.moveaxis(planes, 0, -1)


def _background(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
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
