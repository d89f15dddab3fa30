from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from laserlink.firmware_model.chart import FINE_TEXT_HEIGHTS, Chart, compose, frame
from laserlink.firmware_model.colour import SRGB8_TO_LINEAR
from laserlink.firmware_model.drawing import BACKGROUND, LAYOUT_HEIGHT, LAYOUT_WIDTH
from laserlink.firmware_model.shapes import Lettering
from laserlink.firmware_model.targets import (
    COLORCHECKER_SRGB8,
    EDGE_DARK,
    EDGE_LIGHT,
    TARGETS,
    Kind,
    Target,
)

WIDTH, HEIGHT = 800, 600
SCALE = WIDTH / LAYOUT_WIDTH


@pytest.fixture(scope="module")
def picture() -> NDArray[np.float32]:
    """The whole chart at 800 x 600."""
    return Chart().band(WIDTH, HEIGHT, 0, HEIGHT)


def at(picture: NDArray[np.float32], x: float, y: float) -> list[float]:
    """The light at a place in chart units."""
    light: list[float] = picture[int(y * SCALE), int(x * SCALE)].tolist()
    return light


def test_is_linear_light_of_the_right_shape(picture: NDArray[np.float32]) -> None:
    """Float32 (rows, width, 3), nowhere negative, and at most a little above a white card."""
    assert picture.shape == (HEIGHT, WIDTH, 3)
    assert picture.dtype == np.float32
    assert picture.min() > 0
    assert 0.8 < picture.max() < 1.25


@pytest.mark.parametrize("rows", [1, 7, 44, 600])
def test_bands_join_to_the_whole(picture: NDArray[np.float32], rows: int) -> None:
    """However it is cut, the same picture comes out, but for the rounding of the lettering."""
    chart = Chart()
    tops = range(0, HEIGHT, rows)
    joined = np.vstack([chart.band(WIDTH, HEIGHT, top, min(rows, HEIGHT - top)) for top in tops])
    difference = np.abs(joined - picture).max(axis=(1, 2))
    assert difference.max() <= 2 / 255
    lettered = np.zeros(HEIGHT, bool)
    for mark in compose():
        if isinstance(mark.shape, Lettering):
            _, above, _, below = mark.shape.bounds
            lettered[int(above * SCALE) - 1 : int(below * SCALE) + 2] = True
    assert lettered.mean() < 0.5
    assert difference[~lettered].max() == 0


def test_the_colour_target_has_the_published_colours(picture: NDArray[np.float32]) -> None:
    """All 24 patches of the ColorChecker, row by row, in linear light, in the middle of the picture."""
    for index, (_, code) in enumerate(COLORCHECKER_SRGB8):
        row, column = divmod(index, 6)
        light = at(picture, 200.0 + (column - 2.5) * 21.8, 150.0 + (row - 1.5) * 21.8)
        assert light == pytest.approx(SRGB8_TO_LINEAR[list(code)].tolist(), abs=1e-6)


@pytest.mark.parametrize(
    "target",
    [target for target in TARGETS if target.kind in (Kind.PATCH, Kind.GREY, Kind.WEDGE, Kind.FLAT)],
    ids=lambda target: target.name,
)
def test_a_target_is_even_and_of_its_light(picture: NDArray[np.float32], target: Target) -> None:
    """All over the place that the table gives, the chart has the light that the table gives."""
    x, y, width, height = target.pixels(WIDTH, HEIGHT)
    part = picture[y : y + height, x : x + width]
    assert part.shape[0] * part.shape[1] >= 100
    assert target.light is not None
    assert np.abs(part / np.array(target.light, np.float32) - 1).max() < 1e-5


def test_the_greys_fall_by_a_tenth_of_density() -> None:
    """Twenty neutral steps from density 0.05, each 0.10 above the one before."""
    lights = np.array([target.light for target in TARGETS if target.kind is Kind.GREY])
    assert -np.log10(lights[:, 1]) == pytest.approx(0.05 + 0.10 * np.arange(20), abs=1e-5)
    assert np.ptp(lights, axis=1).max() == 0


def test_the_wedge_spans_sixteen_stops() -> None:
    """Seventeen neutral steps from a white card down, each half the one before."""
    lights = np.array([target.light for target in TARGETS if target.kind is Kind.WEDGE])
    assert np.log2(lights[:, 1]) == pytest.approx(-np.arange(17.0))
    assert np.ptp(lights, axis=1).max() == 0


@pytest.mark.parametrize(
    "target", [target for target in TARGETS if target.kind is Kind.EDGE], ids=lambda target: target.name
)
def test_an_edge_goes_through_the_middle_of_its_place(target: Target) -> None:
    """Half of an edge's place is light and half dark, and the edge leans as the table says."""
    width, height = 1600, 1200
    x, y, columns, rows = target.pixels(width, height)
    part = Chart().band(width, height, y, rows)[:, x : x + columns, 1].astype(float)
    along = part if target.upright else part.T
    assert target.light is not None and target.dark is not None
    assert (part.min(), part.max()) == pytest.approx((target.dark[1], target.light[1]))
    shares = (along - target.dark[1]).mean(axis=1) / (target.light[1] - target.dark[1])
    assert shares.mean() == pytest.approx(0.5, abs=0.05)
    slope = np.polyfit(np.arange(len(shares)), shares * along.shape[1], 1)[0]
    assert abs(slope) == pytest.approx(np.tan(np.radians(abs(target.degrees))), rel=0.03)


def test_fine_text_gets_ever_finer() -> None:
    """Each line is smaller than the one above it, and none touches the next."""
    lines = [mark.shape.bounds for mark in compose() if isinstance(mark.shape, Lettering)]
    text = [bounds for bounds in lines if 200 < bounds[1] < 222 and bounds[0] < 200 < bounds[2]]
    heights = [bottom - top for _, top, _, bottom in text]
    assert heights == pytest.approx(FINE_TEXT_HEIGHTS)
    assert list(FINE_TEXT_HEIGHTS) == sorted(FINE_TEXT_HEIGHTS, reverse=True)
    for (_, _, _, bottom), (_, top, _, _) in pairwise(text):
        assert bottom < top


def test_the_slanted_edges_have_a_contrast_of_four(picture: NDArray[np.float32]) -> None:
    """Inside and outside of both tilted squares: 4 to 1, as e-SFR asks for."""
    for x in (304.0, 352.0):
        assert at(picture, x, 150.0) == pytest.approx([EDGE_DARK] * 3)
        assert at(picture, x, 118.0) == pytest.approx([EDGE_LIGHT] * 3)
    contrast = EDGE_LIGHT / EDGE_DARK
    assert contrast == pytest.approx(4.0)


def test_five_stars_stand_at_the_left_and_in_the_corners(picture: NDArray[np.float32]) -> None:
    """Around each centre light and dark alternate; elsewhere the ground is dark and even."""
    for x, y in ((72, 150), (40, 40), (360, 40), (40, 260), (360, 260)):
        ring = picture[int((y - 10) * SCALE) : int((y + 10) * SCALE), int((x + 14) * SCALE), 1]
        assert np.ptp(ring) > 0.5
    assert np.ptp(picture[int(90 * SCALE), int(150 * SCALE) : int(190 * SCALE), 1]) < 0.003


def test_the_beam_is_red(picture: NDArray[np.float32]) -> None:
    """The laser's line crosses the picture: bright in the middle, red in its glow."""
    core, glow = at(picture, 60.0, 75.0), at(picture, 200.0, 77.0)
    assert core[0] > 0.7
    assert glow[0] > 8 * glow[1]
    assert at(picture, 200.0, 87.1)[0] == pytest.approx(BACKGROUND[0], rel=0.35)


def test_everything_lies_within_the_layout() -> None:
    """No mark is cut off by the border."""
    for mark in compose():
        left, top, right, bottom = mark.shape.bounds
        assert left >= 0
        assert top >= 0
        assert right <= LAYOUT_WIDTH
        assert bottom <= LAYOUT_HEIGHT


def test_the_frame_is_symmetric() -> None:
    """The corner brackets and ticks are mirrored left to right and top to bottom."""
    bounds = [mark.shape.bounds for mark in frame()]
    marks = {(round(x0, 2), round(y0, 2), round(x1 - x0, 2), round(y1 - y0, 2)) for x0, y0, x1, y1 in bounds}
    mirrored = {(round(400 - left - w, 2), round(300 - top - h, 2), w, h) for left, top, w, h in marks}
    assert len(marks) > 100
    assert marks == mirrored


@pytest.mark.parametrize(("width", "height"), [(180, 136), (1000, 400), (364, 900)])
def test_fits_any_shape_of_picture(width: int, height: int) -> None:
    """The chart is contained and centred: a red patch is where it should be, the border is ground."""
    picture = Chart().band(width, height, 0, height)
    scale = min(width / LAYOUT_WIDTH, height / LAYOUT_HEIGHT)
    patch = picture[int(height / 2 - 10.9 * scale), int(width / 2 - 10.9 * scale)]
    assert patch == pytest.approx(SRGB8_TO_LINEAR[[193, 90, 99]], rel=1e-5)
    ground = picture[:, width // 2] if height > width else picture[height // 2]
    assert ground[0].max() < 0.05
