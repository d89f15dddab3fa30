import math

import numpy as np
import pytest

from laserlink.firmware_model.shapes import (
    Beam,
    Disc,
    Floats,
    Grid,
    Lettering,
    LinePairs,
    Rectangle,
    Shape,
    SiemensStar,
    TiltedSquare,
)

SHAPES = [
    Rectangle(3.3, 4.1, 5.7, 2.2),
    TiltedSquare(10.0, 10.0, 8.0, 5.0),
    Disc(10.0, 10.0, 6.0),
    Disc(10.0, 10.0, 6.0, 5.0),
    SiemensStar(10.0, 10.0, 7.0, 8),
    LinePairs(2.0, 3.0, 5.0, 2.0, 5.5),
    Beam(1.0, 19.0, 10.0, 0.5, 4.0, 3.0),
    Lettering("LaserLink", 10.0, 8.0, 3.0),
]


def drawn(shape: Shape, scale: float, side: float = 20.0) -> Floats:
    """The coverage of a shape over `side` x `side` units at `scale` pixels a unit."""
    centres = ((np.arange(round(side * scale)) + 0.5) / scale).astype(np.float32)
    return np.broadcast_to(
        shape.coverage(Grid(centres[None, :], centres[:, None], scale)), (len(centres), len(centres))
    )


def area(shape: Shape, scale: float) -> float:
    """The covered area in square units."""
    return float(drawn(shape, scale).sum(dtype=np.float64)) / scale**2


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: type(shape).__name__)
def test_covers_between_nothing_and_all_within_its_bounds(shape: Shape) -> None:
    """Coverage is a float32 share from 0 to 1, above a third somewhere, and nothing outside the bounds."""
    coverage = drawn(shape, 7.3)
    assert coverage.dtype == np.float32
    assert coverage.min() >= 0
    assert 0.33 < coverage.max() <= 1
    left, top, right, bottom = (edge * 7.3 for edge in shape.bounds)
    rows, columns = np.nonzero(coverage > 0.01)
    assert columns.min() >= left - 1.5
    assert columns.max() <= right + 0.5
    assert rows.min() >= top - 1.5
    assert rows.max() <= bottom + 0.5


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (Rectangle(3.3, 4.1, 5.7, 2.2), 5.7 * 2.2),
        (Rectangle(3.31, 4.13, 0.01, 6.0), 0.06),
        (TiltedSquare(10.0, 10.0, 8.0, 5.0), 64.0),
        (Disc(10.0, 10.0, 6.0), math.pi * 36),
        (Disc(10.0, 10.0, 6.0, 5.0), math.pi * 11),
        (SiemensStar(10.0, 10.0, 7.0, 8), math.pi * 49 / 2),
        (LinePairs(2.0, 3.0, 5.0, 2.0, 5.5), 6 * 5.0),
        (LinePairs(2.0, 3.0, 5.0, 0.13, 20), 20 * 0.065 * 5.0),
    ],
)
@pytest.mark.parametrize("scale", [3.0, 10.7])
def test_covers_the_shape_s_area_at_any_size(shape: Shape, expected: float, scale: float) -> None:
    """Soft edges keep the area: coarse or fine, also when a line is thinner than a pixel."""
    assert area(shape, scale) == pytest.approx(expected, rel=0.02)


def test_too_fine_lines_fade_to_their_mean() -> None:
    """Line pairs of half a pixel are an even grey: no moire."""
    inside = drawn(LinePairs(2.0, 3.0, 5.0, 0.1, 100), 5.0)[20:38, 12:58]
    assert np.abs(inside - 0.5).max() < 0.01


def test_the_edge_is_slanted_as_told() -> None:
    """The left edge of a square turned by 5 degrees moves by tan 5 degrees a row."""
    coverage = drawn(TiltedSquare(10.0, 10.0, 10.0, 5.0), 20.0)
    edges = 200 - coverage[150:250, :200].sum(axis=1)
    slope = np.polyfit(np.arange(100), edges, 1)[0]
    assert slope == pytest.approx(-math.tan(math.radians(5.0)), abs=2e-4)


def test_the_star_has_its_cycles() -> None:
    """A walk around the star's centre meets each light sector once."""
    coverage = drawn(SiemensStar(10.0, 10.0, 7.0, 8), 20.0)
    angles = np.linspace(0, 2 * math.pi, 2000, endpoint=False)
    rows = (200 + 100 * np.sin(angles)).astype(int)
    columns = (200 + 100 * np.cos(angles)).astype(int)
    light = coverage[rows, columns] > 0.5
    assert int((light & ~np.roll(light, 1)).sum()) == 8


def test_the_star_fades_to_grey_where_it_is_too_fine() -> None:
    """Where a light and dark pair is under half a pixel wide the star is an even grey: no moire."""
    centre = drawn(SiemensStar(10.0, 10.0, 7.0, 36), 5.0)[48:52, 48:52]
    assert np.abs(centre - 0.5).max() < 0.1


def test_letters_stand_on_one_line() -> None:
    """Every letter reaches down to the baseline, within the overshoot of round ones."""
    ink = drawn(Lettering("LaserLink", 10.0, 8.0, 2.0, 0.3), 20.0) > 0.5
    inked = ink.any(axis=0)
    starts = np.flatnonzero(inked & ~np.roll(inked, 1))
    ends = np.flatnonzero(inked & ~np.roll(inked, -1)) + 1
    lowest = [np.flatnonzero(ink[:, a:b].any(axis=1)).max() for a, b in zip(starts, ends, strict=True)]
    assert len(lowest) == len("LaserLink")
    assert min(lowest) >= 197


def test_lettering_is_the_same_in_parts() -> None:
    """Text that is drawn in two bands joins to within the rounding of its mask."""
    text = Lettering("LaserLink", 10.0, 8.0, 3.0, 0.1)
    scale = 9.0
    centres = ((np.arange(180) + 0.5) / scale).astype(np.float32)
    parts = [
        text.coverage(Grid(centres[None, :], centres[start:stop, None], scale))
        for start, stop in ((0, 83), (83, 180))
    ]
    assert np.abs(np.vstack(parts) - drawn(text, scale)).max() < 2.1 / 255


def test_lettering_is_centred_and_reads() -> None:
    """The ink lies evenly about its x, and fills the height from the top to the baseline."""
    coverage = drawn(Lettering("LaserLink", 10.0, 8.0, 2.0), 20.0)
    rows, columns = np.nonzero(coverage > 0.5)
    assert (columns.min() + columns.max() + 1) / 2 == pytest.approx(200, abs=1.5)
    assert (rows.min(), rows.max() + 1) == (pytest.approx(160, abs=1.5), pytest.approx(200, abs=1.5))
    assert 0.15 < coverage[rows.min() : rows.max(), columns.min() : columns.max()].mean() < 0.5
