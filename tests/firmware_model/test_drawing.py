import numpy as np
import pytest

from laserlink.firmware_model.drawing import BACKGROUND, Drawing, Fit, Mark, grey, srgb8
from laserlink.firmware_model.shapes import Disc, Rectangle

MARKS = (
    Mark(Rectangle(100.0, 60.0, 80.0, 50.0), (0.9, 0.5, 0.1)),
    Mark(Disc(180.0, 110.0, 30.3), grey(0.25)),
)


@pytest.mark.parametrize(("width", "height"), [(800, 600), (333, 100), (90, 200)])
@pytest.mark.parametrize("rows", [1, 7, 64])
def test_bands_join_to_the_whole(width: int, height: int, rows: int) -> None:
    """However it is cut, the very same picture comes out."""
    drawing = Drawing(MARKS)
    whole = drawing.band(width, height, 0, height)
    parts = [drawing.band(width, height, top, min(rows, height - top)) for top in range(0, height, rows)]
    assert np.array_equal(np.vstack(parts), whole)


def test_later_marks_lie_over_earlier_ones() -> None:
    """Where two shapes overlap the last one is seen, and each has its own light elsewhere."""
    picture = Drawing(MARKS).band(400, 300, 0, 300)
    assert picture[70, 110].tolist() == pytest.approx([0.9, 0.5, 0.1])
    assert picture[105, 175].tolist() == pytest.approx([0.25] * 3)
    assert picture[150, 200, 0] == pytest.approx(BACKGROUND[0], rel=0.01)


def test_nothing_drawn_is_the_ground() -> None:
    """Without marks there is dark ground, brightest in the middle, and darker in the corners."""
    ground = Drawing(()).band(40, 30, 0, 30)
    assert ground.shape == (30, 40, 3)
    assert ground.max() == ground[14:16, 19:21].max()
    assert ground[0, 0, 1] < 0.5 * ground[15, 20, 1]


def test_the_layout_is_centred() -> None:
    """A picture that is too wide has ground left and right, one that is too high above and below."""
    assert Fit.of(1000, 300) == Fit(1.0, 300.0, 0.0)
    assert Fit.of(800, 1000) == Fit(2.0, 0.0, 100.0)


def test_light_of_codes() -> None:
    """White is 1, half-way grey is a fifth."""
    assert srgb8(255, 0, 128) == pytest.approx((1.0, 0.0, 0.2159), abs=1e-4)
