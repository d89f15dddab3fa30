"""Where on the chart to measure what: one table for who draws it and who measures it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from laserlink.firmware_model.drawing import LAYOUT_HEIGHT, LAYOUT_WIDTH, Fit, Light, grey, srgb8

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
"""ColorChecker Classic, row by row: name and 8-bit sRGB (X-Rite's nominal values, in BabelColor's table)."""

WEDGE_STEPS = 17
"""Steps of the 16 EV wedge, from a white card down, each half as bright as the one before."""

GREY_STEPS = 20
"""Steps of the grey scale, of density 0.05 to 1.95, 0.10 apart (the pitch of the Kodak Q-13)."""

EDGE_LIGHT, EDGE_DARK = 0.48, 0.12
EDGE_DEGREES = 5.0

# What the greys, the wedge and the line pairs have in common: their left edge and their width.
BAND_LEFT, BAND_WIDTH = 82.0, 236.0


class Kind(Enum):
    """What a target is for."""

    PATCH = "patch"
    GREY = "grey"
    WEDGE = "wedge"
    EDGE = "edge"
    FLAT = "flat"
    STAR = "star"


@dataclass(frozen=True)
class Box:
    """A rectangle in the layout's units."""

    left: float
    top: float
    width: float
    height: float

    def inset(self, share: float) -> "Box":
        """What is left when `share` of the width and the height is taken from each side."""
        across, down = self.width * share, self.height * share
        return Box(self.left + across, self.top + down, self.width - 2 * across, self.height - 2 * down)


@dataclass(frozen=True)
class Target:
    """One thing to measure.

    `left`, `top`, `right` and `bottom` are parts (0 to 1) of the chart's width and height: what is safe to
    measure, clear of the border. `light` is linear sRGB, 1.0 = diffuse white (of an edge its light side, of a
    star None). `dark` and `degrees` are an edge's: its dark side, and how far it leans from upright
    (`upright`) or level, clockwise in the picture.
    """

    name: str
    kind: Kind
    left: float
    top: float
    right: float
    bottom: float
    light: Light | None = None
    dark: Light | None = None
    degrees: float = 0.0
    upright: bool = True

    def pixels(self, width: int, height: int) -> tuple[int, int, int, int]:
        """(x, y, width, height) in a picture of that size: whole Bayer cells within the target."""
        fit = Fit.of(width, height)
        x0 = _up((self.left * LAYOUT_WIDTH + fit.left) * fit.scale)
        y0 = _up((self.top * LAYOUT_HEIGHT + fit.above) * fit.scale)
        x1 = _down((self.right * LAYOUT_WIDTH + fit.left) * fit.scale)
        y1 = _down((self.bottom * LAYOUT_HEIGHT + fit.above) * fit.scale)
        return x0, y0, max(0, x1 - x0), max(0, y1 - y0)


def _up(place: float) -> int:
    return -int(-place // 2) * 2


def _down(place: float) -> int:
    return int(place // 2) * 2


_PITCH, _SIDE = 21.8, 19.4

COLOURS = Box(
    200.0 - (5 * _PITCH + _SIDE) / 2, 150.0 - (3 * _PITCH + _SIDE) / 2, 5 * _PITCH + _SIDE, 3 * _PITCH + _SIDE
)
"""The colour target, in the middle, where the lens darkens nothing."""


def patch_boxes() -> Iterator[Box]:
    """The colour target's patches, row by row."""
    for index in range(len(COLORCHECKER_SRGB8)):
        row, column = divmod(index, 6)
        yield Box(COLOURS.left + column * _PITCH, COLOURS.top + row * _PITCH, _SIDE, _SIDE)


def step_boxes(steps: int, top: float, height: float) -> Iterator[Box]:
    """Steps side by side over the whole of the band's width."""
    pitch = BAND_WIDTH / steps
    for step in range(steps):
        yield Box(BAND_LEFT + step * pitch, top, pitch, height)


def grey_light(step: int) -> Light:
    """The light of a step of the grey scale."""
    return grey(10.0 ** -(0.05 + 0.10 * step))


def wedge_light(step: int) -> Light:
    """The light of a step of the wedge."""
    return grey(2.0**-step)


GREYS = Box(BAND_LEFT, 241.0, BAND_WIDTH, 12.0)
WEDGE = Box(BAND_LEFT, 259.0, BAND_WIDTH, 15.0)
FLATS = ((Box(279.6, 203.4, 96.8, 12.6), 0.18), (Box(23.6, 203.4, 96.8, 12.6), 0.5))
"""Even fields, and their light."""
EDGE_GROUND = Box(279.6, 107.6, 96.8, 84.8)
EDGE_SIDE = 40.0
EDGE_SQUARES = ((304.0, 150.0, EDGE_DEGREES), (352.0, 150.0, -EDGE_DEGREES))
"""Centre and turn of the dark squares."""
STARS = ((72.0, 150.0, 45.0, 72), (40.0, 40.0, 23.5, 36), (360.0, 40.0, 23.5, 36), (40.0, 260.0, 23.5, 36),
         (360.0, 260.0, 23.5, 36))  # fmt: skip
"""Centre, radius and cycles of the Siemens stars."""

_EDGE_REACH, _EDGE_LENGTH = 3.5, 24.0


def _target(name: str, kind: Kind, box: Box, light: Light | None = None) -> Target:
    return Target(
        name, kind, box.left / LAYOUT_WIDTH, box.top / LAYOUT_HEIGHT,
        (box.left + box.width) / LAYOUT_WIDTH, (box.top + box.height) / LAYOUT_HEIGHT, light,
    )  # fmt: skip


def _edges() -> Iterator[Target]:
    """The four edges of each dark square."""
    for number, (x, y, degrees) in enumerate(EDGE_SQUARES, start=1):
        half, reach, length = EDGE_SIDE / 2, _EDGE_REACH, _EDGE_LENGTH
        for side, across, down in (
            ("left", -half, 0.0),
            ("right", half, 0.0),
            ("top", 0.0, -half),
            ("bottom", 0.0, half),
        ):
            upright = down == 0.0
            width, height = (2 * reach, length) if upright else (length, 2 * reach)
            # The middle of a side turns with the square, about its centre.
            cosine, sine = _turn(degrees)
            middle_x, middle_y = x + across * cosine - down * sine, y + across * sine + down * cosine
            box = Box(middle_x - width / 2, middle_y - height / 2, width, height)
            base = _target(f"edge {number} {side}", Kind.EDGE, box, grey(EDGE_LIGHT))
            yield Target(
                base.name, base.kind, base.left, base.top, base.right, base.bottom, base.light,
                grey(EDGE_DARK), degrees, upright,
            )  # fmt: skip


def _turn(degrees: float) -> tuple[float, float]:
    return math.cos(math.radians(degrees)), math.sin(math.radians(degrees))


def _all() -> Iterator[Target]:
    for (name, code), box in zip(COLORCHECKER_SRGB8, patch_boxes(), strict=True):
        yield _target(name, Kind.PATCH, box.inset(0.15), srgb8(*code))
    for step, box in enumerate(step_boxes(GREY_STEPS, GREYS.top, GREYS.height)):
        yield _target(f"density {0.05 + 0.10 * step:.2f}", Kind.GREY, box.inset(0.15), grey_light(step))
    for step, box in enumerate(step_boxes(WEDGE_STEPS, WEDGE.top, WEDGE.height)):
        yield _target(f"-{step} EV" if step else "0 EV", Kind.WEDGE, box.inset(0.15), wedge_light(step))
    yield from _edges()
    for box, level in FLATS:
        yield _target(f"{level * 100:.0f} % grey", Kind.FLAT, box.inset(0.05), grey(level))
    for number, (x, y, radius, _) in enumerate(STARS, start=1):
        yield _target(f"star {number}", Kind.STAR, Box(x - radius, y - radius, 2 * radius, 2 * radius))


TARGETS = tuple(_all())
"""All that can be measured on the chart."""
