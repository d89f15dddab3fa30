"""The shapes that the chart is made of, drawn from formulas at any size.

A shape has bounds in chart units and a coverage: how much of each pixel it fills, 0.0 to 1.0. Edges are
soft over one pixel, by the distance from the pixel's centre to the edge, so that a picture of any size
has no jagged edges and detail that is too fine fades to its mean instead of making moire.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Floats = NDArray[np.float32]

Bounds = tuple[float, float, float, float]
"""Left, top, right and bottom in chart units."""


@dataclass(frozen=True)
class Grid:
    """Pixel centres in chart units: `x` (1, columns), `y` (rows, 1); `scale` is pixels a unit."""

    x: Floats
    y: Floats
    scale: float


class Shape(Protocol):
    """Something that can be drawn on a part of the picture."""

    @property
    def bounds(self) -> Bounds: ...

    def coverage(self, grid: Grid) -> Floats:
        """How much of each pixel is covered; it broadcasts to (rows, columns)."""
        ...


def _inside(distance_px: Floats) -> Floats:
    """Coverage of a pixel whose centre lies that far inside an edge (negative: outside)."""
    coverage: Floats = np.clip(distance_px + np.float32(0.5), np.float32(0), np.float32(1))
    return coverage


def _span(values: Floats, low: float, high: float, scale: float) -> Floats:
    """Exact coverage of pixels by the interval from `low` to `high`, also when it is thinner than a pixel."""
    half_pixel = np.float32(0.5 / scale)
    end = np.minimum(values + half_pixel, np.float32(high))
    start = np.maximum(values - half_pixel, np.float32(low))
    coverage: Floats = np.clip((end - start) * np.float32(scale), np.float32(0), np.float32(1))
    return coverage


@dataclass(frozen=True)
class Rectangle:
    """An upright rectangle."""

    left: float
    top: float
    width: float
    height: float

    @property
    def bounds(self) -> Bounds:
        return self.left, self.top, self.left + self.width, self.top + self.height

    def coverage(self, grid: Grid) -> Floats:
        left, top, right, bottom = self.bounds
        return _span(grid.y, top, bottom, grid.scale) * _span(grid.x, left, right, grid.scale)


@dataclass(frozen=True)
class TiltedSquare:
    """A square turned by `degrees` about its centre: four slanted edges, as ISO 12233 measures them."""

    x: float
    y: float
    side: float
    degrees: float

    @property
    def bounds(self) -> Bounds:
        reach = self.side / 2 * (abs(math.cos(self._angle)) + abs(math.sin(self._angle)))
        return self.x - reach, self.y - reach, self.x + reach, self.y + reach

    @property
    def _angle(self) -> float:
        return math.radians(self.degrees)

    def coverage(self, grid: Grid) -> Floats:
        cosine, sine = np.float32(math.cos(self._angle)), np.float32(math.sin(self._angle))
        across, down = grid.x - np.float32(self.x), grid.y - np.float32(self.y)
        half, scale = np.float32(self.side / 2), np.float32(grid.scale)
        along_px = (half - np.abs(across * cosine + down * sine)) * scale
        upright_px = (half - np.abs(down * cosine - across * sine)) * scale
        return _inside(along_px) * _inside(upright_px)


@dataclass(frozen=True)
class Disc:
    """A filled circle; with `inner` above 0 a ring."""

    x: float
    y: float
    radius: float
    inner: float = 0.0

    @property
    def bounds(self) -> Bounds:
        return self.x - self.radius, self.y - self.radius, self.x + self.radius, self.y + self.radius

    def coverage(self, grid: Grid) -> Floats:
        radius = np.hypot(grid.x - np.float32(self.x), grid.y - np.float32(self.y))
        return _span(radius, self.inner if self.inner > 0 else -self.radius, self.radius, grid.scale)


@dataclass(frozen=True)
class SiemensStar:
    """The light sectors of a star of `cycles` light and dark pairs around its centre."""

    x: float
    y: float
    radius: float
    cycles: int

    @property
    def bounds(self) -> Bounds:
        return self.x - self.radius, self.y - self.radius, self.x + self.radius, self.y + self.radius

    def coverage(self, grid: Grid) -> Floats:
        across, down = grid.x - np.float32(self.x), grid.y - np.float32(self.y)
        radius = np.hypot(across, down)
        phase = np.arctan2(down, across) * np.float32(self.cycles)
        # To first order the sine, times radius over cycles, is the distance to the sector's edge.
        edge_px = np.sin(phase) * radius * np.float32(grid.scale / self.cycles)
        rim_px = (np.float32(self.radius) - radius) * np.float32(grid.scale)
        return _inside(edge_px) * _inside(rim_px)


@dataclass(frozen=True)
class LinePairs:
    """Upright light bars: `pairs` periods of `period` units, each half light and half dark.

    Half a pair at the end is a light bar, so that a group begins and ends with light.
    """

    left: float
    top: float
    height: float
    period: float
    pairs: float

    @property
    def bounds(self) -> Bounds:
        return self.left, self.top, self.left + self.period * self.pairs, self.top + self.height

    def coverage(self, grid: Grid) -> Floats:
        half_pixel = 0.5 / grid.scale
        light = self._light_before(grid.x + half_pixel) - self._light_before(grid.x - half_pixel)
        share = np.minimum(light * grid.scale, 1.0).astype(np.float32)
        rows = _span(grid.y, self.top, self.top + self.height, grid.scale)
        return rows * share

    def _light_before(self, x: Floats) -> NDArray[np.float64]:
        """The width of light to the left of `x`: its difference over a pixel is the exact coverage."""
        periods = np.clip((x.astype(np.float64) - self.left) / self.period, 0.0, self.pairs)
        whole = np.floor(periods)
        return self.period * (whole / 2 + np.minimum(periods - whole, 0.5))


@dataclass(frozen=True)
class Beam:
    """A level light beam that fades away from its line: a core of `core` units and a wide glow."""

    left: float
    right: float
    y: float
    core: float
    reach: float
    fade: float

    @property
    def bounds(self) -> Bounds:
        return self.left, self.y - self.reach, self.right, self.y + self.reach

    def coverage(self, grid: Grid) -> Floats:
        away = np.abs(grid.y - np.float32(self.y)) / np.float32(self.core)
        # Falls like a laser's halo and reaches exactly 0 at the bounds.
        edge = np.clip(1 - np.abs(grid.y - np.float32(self.y)) / np.float32(self.reach), 0, 1)
        glow = edge / (1 + away * away)
        ends = np.minimum(grid.x - np.float32(self.left), np.float32(self.right) - grid.x)
        coverage: Floats = glow * np.clip(ends / np.float32(self.fade), 0, 1)
        return coverage.astype(np.float32)


@dataclass(frozen=True)
class Lettering:
    """One line of text, `height` units from the top of its capitals to the baseline, in a given width.

    `tracking` is the extra space between letters, in heights. The text is centred on `x`.
    """

    text: str
    x: float
    top: float
    height: float
    tracking: float = 0.0

    @property
    def bounds(self) -> Bounds:
        mask = _letters(self.text, _REFERENCE_PX, self.tracking)
        width = self.height * mask.shape[1] / mask.shape[0]
        return self.x - width / 2, self.top, self.x + width / 2, self.top + self.height

    def coverage(self, grid: Grid) -> Floats:
        left, top, right, bottom = self.bounds
        cap_px = min(max(math.ceil(self.height * grid.scale), 4), _LARGEST_PX)
        mask = _letters(self.text, cap_px, self.tracking)
        x0, x1 = _fractions(grid.x[0], left, right, mask.shape[1], grid.scale)
        y0, y1 = _fractions(grid.y[:, 0], top, bottom, mask.shape[0], grid.scale)
        shape = (grid.y.shape[0], grid.x.shape[1])
        return _resample(mask, (x0, y0, x1, y1), shape)


_REFERENCE_PX = 256
_LARGEST_PX = 2048


def _fractions(centres: Floats, low: float, high: float, size: int, scale: float) -> tuple[float, float]:
    """Where the first and last pixel's outer edges lie on a mask of `size` samples from `low` to `high`."""
    samples_per_unit = size / (high - low)
    first = (float(centres[0]) - 0.5 / scale - low) * samples_per_unit
    last = (float(centres[-1]) + 0.5 / scale - low) * samples_per_unit
    return first, last


def _resample(mask: NDArray[np.uint8], box: Bounds, shape: tuple[int, int]) -> Floats:
    """The mask's part in `box` (samples, may reach past the mask by a margin) at `shape` pixels."""
    margin = math.ceil(max(0.0, -box[0], -box[1], box[2] - mask.shape[1], box[3] - mask.shape[0])) + 2
    top = max(0, math.floor(box[1]) - margin)
    rows = mask[top : math.ceil(box[3]) + margin]
    padded = np.pad(rows, margin)
    moved = (box[0] + margin, box[1] - top + margin, box[2] + margin, box[3] - top + margin)
    image = Image.fromarray(padded)
    resized = image.resize((shape[1], shape[0]), Image.Resampling.BILINEAR, box=moved)
    return np.asarray(resized, dtype=np.float32) * np.float32(1 / 255)


@lru_cache(maxsize=128)
def _letters(text: str, cap_px: int, tracking: float) -> NDArray[np.uint8]:
    """The text as an 8-bit mask of `cap_px` rows, trimmed to its ink, in Pillow's own font."""
    # Aileron's capitals are 0.7 of its size.
    font = ImageFont.load_default(size=cap_px / 0.7)
    gap = tracking * cap_px
    advances = [font.getlength(letter) + gap for letter in text]
    canvas = Image.new("L", (math.ceil(sum(advances)) + cap_px, cap_px * 3))
    draw = ImageDraw.Draw(canvas)
    x = cap_px / 2
    for letter, advance in zip(text, advances, strict=True):
        draw.text((x, cap_px * 2), letter, fill=255, font=font, anchor="ls")
        x += advance
    box = canvas.getbbox()
    ink = canvas if box is None else canvas.crop(box)
    return np.asarray(ink.resize((max(1, round(ink.width * cap_px / ink.height)), cap_px)))
