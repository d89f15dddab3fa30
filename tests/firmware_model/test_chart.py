import numpy as np
import pytest
from numpy.typing import NDArray

from laserlink.firmware_model.chart import (
    BACKGROUND,
    COLORCHECKER_SRGB8,
    EDGE_DARK,
    EDGE_LIGHT,
    GREY_STEPS,
    LAYOUT_HEIGHT,
    LAYOUT_WIDTH,
    Chart,
    compose,
)
from laserlink.firmware_model.colour import SRGB8_TO_LINEAR
from laserlink.firmware_model.shapes import Rectangle

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
    lettered = slice(int(26 * SCALE) - 1, int(53 * SCALE) + 1)
    assert np.delete(difference, np.r_[lettered]).max() == 0


def test_the_colour_target_has_the_published_colours(picture: NDArray[np.float32]) -> None:
    """All 24 patches of the ColorChecker, row by row, in linear light."""
    for index, (_, code) in enumerate(COLORCHECKER_SRGB8):
        row, column = divmod(index, 6)
        light = at(picture, 32.0 + column * 17.6, 123.6 + row * 17.6)
        assert light == pytest.approx(SRGB8_TO_LINEAR[list(code)].tolist(), abs=1e-6)


def test_the_greys_fall_by_a_tenth_of_density(picture: NDArray[np.float32]) -> None:
    """Twenty neutral steps from density 0.05, each 0.10 above the one before."""
    steps = [at(picture, 82.0 + (step + 0.5) * 236.0 / GREY_STEPS, 273.0) for step in range(GREY_STEPS)]
    densities = -np.log10(np.array(steps))
    assert densities[:, 1] == pytest.approx(0.05 + 0.10 * np.arange(GREY_STEPS), abs=1e-5)
    assert np.ptp(densities, axis=1).max() == 0


def test_the_slanted_edges_have_a_contrast_of_four(picture: NDArray[np.float32]) -> None:
    """Inside and outside of both tilted squares: 4 to 1, as e-SFR asks for."""
    for x in (298.1, 349.9):
        assert at(picture, x, 150.0) == pytest.approx(EDGE_DARK)
        assert at(picture, x, 122.0) == pytest.approx(EDGE_LIGHT)
    assert EDGE_LIGHT[0] / EDGE_DARK[0] == pytest.approx(4.0)


def test_five_stars_stand_in_the_centre_and_the_corners(picture: NDArray[np.float32]) -> None:
    """Around each centre light and dark alternate; elsewhere the ground is dark and even."""
    for x, y in ((200, 150), (40, 40), (360, 40), (40, 260), (360, 260)):
        ring = picture[int((y - 10) * SCALE) : int((y + 10) * SCALE), int((x + 14) * SCALE), 1]
        assert np.ptp(ring) > 0.5
    assert np.ptp(picture[int(215 * SCALE), int(150 * SCALE) : int(190 * SCALE), 1]) < 0.003


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
    thin = [mark.shape for mark in compose() if isinstance(mark.shape, Rectangle)]
    marks = {
        (round(s.left, 2), round(s.top, 2), round(s.width, 2), round(s.height, 2))
        for s in thin
        if min(s.width, s.height) < 1
    }
    mirrored = {(round(400 - left - w, 2), round(300 - top - h, 2), w, h) for left, top, w, h in marks}
    assert len(marks) > 100
    assert marks == mirrored


@pytest.mark.parametrize(("width", "height"), [(180, 136), (1000, 400), (364, 900)])
def test_fits_any_shape_of_picture(width: int, height: int) -> None:
    """The chart is contained and centred: the middle is the star's red dot, the border is ground."""
    picture = Chart().band(width, height, 0, height)
    middle = picture[height // 2 - 1 : height // 2 + 1, width // 2 - 1 : width // 2 + 1].mean(axis=(0, 1))
    assert middle[0] > 2 * middle[1]
    ground = picture[:, width // 2] if height > width else picture[height // 2]
    assert ground[0].max() < 0.05
