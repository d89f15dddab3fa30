"""Diagrams on a Pillow image: axes, curves, points and text, drawn larger than shown, so edges are soft."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from PIL import Image, ImageDraw, ImageFont

Colour = str
Point = tuple[float, float]

PAPER, INK, FAINT, GRID, FRAME = "#ffffff", "#1d2027", "#6d7480", "#e6e8ec", "#b4bac4"
OVERSAMPLED = 2
TICKS_WANTED = 6


@lru_cache(maxsize=32)
def _font(size: int) -> Any:
    return ImageFont.load_default(size)


class Canvas:
    """A page of `width` x `height` units, which become pixels of the finished picture."""

    def __init__(self, width: int, height: int) -> None:
        self.size = (width, height)
        self._image = Image.new("RGB", (width * OVERSAMPLED, height * OVERSAMPLED), PAPER)
        self._draw = ImageDraw.Draw(self._image)

    def finished(self) -> Image.Image:
        """The page at its own size."""
        return self._image.resize(self.size, Image.Resampling.LANCZOS)

    def line(self, points: Sequence[Point], colour: Colour, width: float = 1.5) -> None:
        """A line through points."""
        scaled = [(x * OVERSAMPLED, y * OVERSAMPLED) for x, y in points]
        self._draw.line(scaled, fill=colour, width=max(1, round(width * OVERSAMPLED)), joint="curve")

    def dashes(self, start: Point, end: Point, colour: Colour, width: float = 1.5) -> None:
        """A straight line of dashes."""
        length = math.dist(start, end)
        for place in range(0, int(length), 9):
            ends = (place / length, min(1.0, (place + 5) / length))
            self.line([_between(start, end, part) for part in ends], colour, width)

    def box(
        self, x0: float, y0: float, x1: float, y1: float, fill: Colour | None, edge: Colour | None = None
    ) -> None:
        """A rectangle."""
        corners = [side * OVERSAMPLED for side in (x0, y0, x1, y1)]
        self._draw.rectangle(corners, fill=fill, outline=edge, width=OVERSAMPLED)

    def dot(self, at: Point, colour: Colour, radius: float = 3.0) -> None:
        """A disc."""
        x, y, r = (value * OVERSAMPLED for value in (*at, radius))
        self._draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)

    def text(self, at: Point, text: str, size: int = 15, colour: Colour = INK, anchor: str = "la") -> None:
        """Text; `anchor` is Pillow's."""
        x, y = at
        font = _font(size * OVERSAMPLED)
        self._draw.text((x * OVERSAMPLED, y * OVERSAMPLED), text, fill=colour, font=font, anchor=anchor)

    def upward_text(self, at: Point, text: str, size: int, colour: Colour) -> None:
        """Text that reads upwards; its middle is at `at`."""
        font = _font(size * OVERSAMPLED)
        left, top, right, bottom = (int(side) for side in font.getbbox(text))
        label = Image.new("L", (right - left + 4, bottom - top + 4))
        ImageDraw.Draw(label).text((2 - left, 2 - top), text, fill=255, font=font)
        label = label.rotate(90, expand=True)
        x, y = round(at[0] * OVERSAMPLED - label.width / 2), round(at[1] * OVERSAMPLED - label.height / 2)
        self._image.paste(Image.new("RGB", label.size, colour), (x, y), label)


def _between(start: Point, end: Point, part: float) -> Point:
    return start[0] + (end[0] - start[0]) * part, start[1] + (end[1] - start[1]) * part


@dataclass(frozen=True)
class Scale:
    """An axis: from `low` to `high`, straight or logarithmic."""

    low: float
    high: float
    label: str
    logarithmic: bool = False

    def part(self, value: float) -> float:
        """Where a value is, from 0 to 1; beyond for one that is off the axis."""
        if self.logarithmic:
            floor = self.low / 10
            return math.log(max(value, floor) / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self) -> Iterator[tuple[float, str]]:
        """Round values, and how they are written."""
        if self.logarithmic:
            for power in range(
                math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9) + 1
            ):
                yield 10.0**power, f"{10.0**power:,g}" if power < 6 else f"1e{power}"
            return
        step = _round_step((self.high - self.low) / TICKS_WANTED)
        for number in range(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1):
            yield number * step, f"{number * step:.10g}"


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= step * 0.999)


class Axes:
    """A diagram in the rectangle `left`, `top`, `right`, `bottom` of a canvas; curves end at its frame."""

    def __init__(self, canvas: Canvas, box: tuple[float, float, float, float], x: Scale, y: Scale) -> None:
        self.canvas, self.box, self.x, self.y = canvas, box, x, y
        left, top, right, bottom = box
        for value, text in x.ticks():
            at = self.at(value, y.low)[0]
            canvas.line([(at, top), (at, bottom)], GRID, 1)
            canvas.text((at, bottom + 7), text, 13, FAINT, "ma")
        for value, text in y.ticks():
            at = self.at(x.low, value)[1]
            canvas.line([(left, at), (right, at)], GRID, 1)
            canvas.text((left - 8, at), text, 13, FAINT, "rm")
        canvas.box(left, top, right, bottom, None, FRAME)
        canvas.text(((left + right) / 2, bottom + 28), x.label, 14, FAINT, "ma")
        canvas.upward_text((left - 62, (top + bottom) / 2), y.label, 14, FAINT)

    def at(self, x: float, y: float) -> Point:
        """Where a point is on the canvas."""
        left, top, right, bottom = self.box
        return left + (right - left) * self.x.part(x), bottom - (bottom - top) * self.y.part(y)

    def holds(self, x: float, y: float) -> bool:
        """Whether a point is inside of the frame."""
        return -1e-9 <= self.x.part(x) <= 1 + 1e-9 and -1e-9 <= self.y.part(y) <= 1 + 1e-9

    def curve(self, points: Sequence[Point], colour: Colour, width: float = 2.0) -> None:
        """A curve through the points that are inside; one that leaves and comes back is drawn in pieces."""
        piece: list[Point] = []
        for x, y in [*points, (math.inf, 0.0)]:
            if math.isfinite(x) and self.holds(x, y):
                piece.append(self.at(x, y))
                continue
            if len(piece) > 1:
                self.canvas.line(piece, colour, width)
            piece = []

    def points(self, points: Sequence[Point], colour: Colour, radius: float = 3.0) -> None:
        """Those of the points that are inside."""
        for x, y in points:
            if self.holds(x, y):
                self.canvas.dot(self.at(x, y), colour, radius)

    def dashes(self, start: Point, end: Point, colour: Colour) -> None:
        """A straight line of dashes between two points."""
        self.canvas.dashes(self.at(*start), self.at(*end), colour)

    def band(self, low: float, high: float, colour: Colour) -> None:
        """A level stripe."""
        (left, top), (right, bottom) = self.at(self.x.low, high), self.at(self.x.high, low)
        self.canvas.box(left + 1, top, right - 1, bottom, colour)

    def text(
        self, x: float, y: float, text: str, colour: Colour = INK, anchor: str = "la", size: int = 14
    ) -> None:
        """Text at a point."""
        self.canvas.text(self.at(x, y), text, size, colour, anchor)
