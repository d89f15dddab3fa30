"""A scene for video: a clock whose hand is a point of light, a runner on a track, and the time to read.

Everything follows the module's time. The hand goes around once a second; the runner crosses the track in a
second and comes back in another; the digits show seconds with three decimals; the row of squares is the same
number of milliseconds in binary, 24 bits, the highest on the left, for programs to read.

Hand and runner are smeared over the exposure, and each row sees them in its own time, as a rolling shutter
does. Digits and squares stand for the time at which the image's first row began, or nobody could read them.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from laserlink.firmware_model.chart import frame
from laserlink.firmware_model.drawing import (
    HOT_CORE,
    LASER,
    LINE,
    PALE,
    PANEL,
    Drawing,
    Light,
    Mark,
    grey,
)
from laserlink.firmware_model.shapes import Bounds, Disc, Floats, Grid, Lettering, Rectangle, Shape

TURN_NS = 1_000_000_000
CROSSING_NS = 1_000_000_000

MARK_BITS = 24
MARK_TOP, MARK_SIDE, MARK_PITCH = 262.0, 9.0, 13.0
MARK_LEFT = 200.0 - MARK_BITS * MARK_PITCH / 2

CENTRE_X, CENTRE_Y, RADIUS = 200.0, 116.0, 84.0
TRACK_LEFT, TRACK_RIGHT, TRACK_Y = 40.0, 360.0, 234.0

# Each digit takes the same room, so that none moves when another changes.
_ADVANCE = {**dict.fromkeys("0123456789", 18.0), ".": 9.0}
_NS_PER_MS = 1_000_000
_SMEARS = 6
_TAIL = 14
_TAIL_NS = 12_000_000


@dataclass(frozen=True)
class Smeared:
    """A shape that was in several places, equally long in each."""

    places: tuple[Shape, ...]

    @property
    def bounds(self) -> Bounds:
        left, top, right, bottom = zip(*(shape.bounds for shape in self.places), strict=True)
        return min(left), min(top), max(right), max(bottom)

    def coverage(self, grid: Grid) -> Floats:
        total = self.places[0].coverage(grid)
        for shape in self.places[1:]:
            total = total + shape.coverage(grid)
        return total * np.float32(1 / len(self.places))


class Film:
    """The moving scene: called with a time, it gives the picture of it."""

    def __init__(self) -> None:
        self._still = tuple(_still())

    def __call__(self, started_ns: int, delay_ns: int, exposure_ns: int) -> Drawing:
        """What rows see that are exposed `delay_ns` after the image's first row, for `exposure_ns`."""
        seen_ns = started_ns + delay_ns
        return Drawing((*self._still, *_mark(started_ns), *_movers(seen_ns, exposure_ns)))


def _still() -> Iterator[Mark]:
    yield from frame()
    yield Mark(Disc(CENTRE_X, CENTRE_Y, RADIUS + 7.6, RADIUS + 7.0), LINE)
    for tick in range(100):
        x, y = _around(tick * TURN_NS // 100, RADIUS)
        yield Mark(Disc(x, y, 1.5 if tick % 10 == 0 else 0.6), PALE if tick % 10 == 0 else LINE)
    yield Mark(Rectangle(TRACK_LEFT, TRACK_Y - 0.2, TRACK_RIGHT - TRACK_LEFT, 0.4), LINE)
    for tick in range(11):
        x = TRACK_LEFT + (TRACK_RIGHT - TRACK_LEFT) * tick / 10
        yield Mark(Rectangle(x - 0.2, TRACK_Y - 4.0, 0.4, 8.0), LINE)
    yield Mark(Lettering("SECONDS", CENTRE_X, CENTRE_Y + 22.0, 3.4, 0.35), LINE)


def _mark(time_ns: int) -> Iterator[Mark]:
    """The time to read: digits in the clock, squares below."""
    milliseconds = time_ns // _NS_PER_MS
    text = f"{milliseconds // 1000}.{milliseconds % 1000:03d}"
    x = CENTRE_X - sum(_ADVANCE[letter] for letter in text) / 2
    for letter in text:
        x += _ADVANCE[letter] / 2
        point = Disc(x, CENTRE_Y + 9.4, 1.6)
        yield Mark(point if letter == "." else Lettering(letter, x, CENTRE_Y - 11.0, 22.0), PALE)
        x += _ADVANCE[letter] / 2
    for bit in range(MARK_BITS):
        lit = milliseconds >> (MARK_BITS - 1 - bit) & 1
        square = Rectangle(MARK_LEFT + bit * MARK_PITCH + 2.0, MARK_TOP, MARK_SIDE, MARK_SIDE)
        yield Mark(square, PALE if lit else PANEL)


def _movers(time_ns: int, exposure_ns: int) -> Iterator[Mark]:
    for lag in range(_TAIL, 0, -1):
        fading = 1 - lag / (_TAIL + 1)
        tail = _smeared(_hand(1.0 + 2.4 * fading), time_ns - lag * _TAIL_NS, exposure_ns)
        yield Mark(tail, _dimmed(LASER, fading**2))
    yield Mark(_smeared(_hand(5.0), time_ns, exposure_ns), LASER)
    yield Mark(_smeared(_hand(2.6), time_ns, exposure_ns), HOT_CORE)
    yield Mark(_smeared(_runner(9.0), time_ns, exposure_ns), grey(0.75))
    yield Mark(_smeared(_runner(4.0), time_ns, exposure_ns), LASER)


def _smeared(place: Callable[[int], Shape], time_ns: int, exposure_ns: int) -> Smeared:
    """A shape over an exposure, which begins at `time_ns`."""
    return Smeared(
        tuple(place(time_ns + exposure_ns * (2 * step + 1) // (2 * _SMEARS)) for step in range(_SMEARS))
    )


def _hand(radius: float) -> Callable[[int], Shape]:
    return lambda time_ns: Disc(*_around(time_ns, RADIUS), radius)


def _runner(radius: float) -> Callable[[int], Shape]:
    return lambda time_ns: Disc(runner_x(time_ns), TRACK_Y, radius)


def runner_x(time_ns: int) -> float:
    """Where the runner's middle is, in units: at the left end at 0, at the right end after a crossing."""
    phase = time_ns % (2 * CROSSING_NS) / CROSSING_NS
    return TRACK_LEFT + (TRACK_RIGHT - TRACK_LEFT) * (phase if phase <= 1 else 2 - phase)


def _around(time_ns: int, radius: float) -> tuple[float, float]:
    """A place on the clock: at the top at 0, then clockwise."""
    angle = 2 * math.pi * (time_ns % TURN_NS) / TURN_NS
    return CENTRE_X + radius * math.sin(angle), CENTRE_Y - radius * math.cos(angle)


def _dimmed(light: Light, share: float) -> Light:
    return light[0] * share, light[1] * share, light[2] * share
