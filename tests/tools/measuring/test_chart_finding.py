"""Finding the chart: it is where it was put, in any size, turn and light; and elsewhere it is not."""

from functools import lru_cache

import numpy as np
import pytest
from numpy.typing import NDArray

from laserlink.firmware_model.chart import Chart
from laserlink.firmware_model.targets import TARGETS, Target
from laserlink.tools.measuring.chart_finding import Place, find_chart
from laserlink.tools.measuring.photon_transfer import NotMeasured
from laserlink.tools.measuring.still import Still

BLACK, WHITE = 64.0, 1023
SIZE = (960, 720)


@lru_cache(maxsize=1)
def chart_light() -> NDArray[np.float64]:
    return Chart().band(800, 600, 0, 600)[..., 1].astype(np.float64)


def photograph(matrix: NDArray[np.float64], falloff: float = 0.0, noise: float = 0.005) -> Still:
    """The chart as a camera sees it whose picture's parts are `matrix` times the chart's."""
    width, height = SIZE
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    back = np.linalg.inv(matrix)
    w = back[2, 0] * x + back[2, 1] * y + back[2, 2]
    across = (back[0, 0] * x + back[0, 1] * y + back[0, 2]) / w * 800 - 0.5
    down = (back[1, 0] * x + back[1, 1] * y + back[1, 2]) / w * 600 - 0.5
    inside = (across > 0) & (across < 799) & (down > 0) & (down < 599)
    columns, rows = (
        np.clip(np.rint(place), 0, side).astype(int) for place, side in ((across, 799), (down, 599))
    )
    light = np.where(inside, chart_light()[rows, columns], 0.05)
    light = light * (1 - falloff * ((x - 0.5) ** 2 + (y - 0.5) ** 2)) * 0.6
    light += np.random.default_rng(1).normal(0, noise, light.shape)
    raw = np.clip(np.rint(light * (WHITE - BLACK) + BLACK), 0, WHITE)
    return Still(raw.astype(np.uint16), "RGGB", BLACK, WHITE, 1000, 10)


def placed(scale: float, turn: float, x: float, y: float, tilt: float = 0.0) -> NDArray[np.float64]:
    """A chart of that size in the middle, turned, shifted, and seen a little from the side."""
    cosine, sine = scale * np.cos(np.radians(turn)), scale * np.sin(np.radians(turn))
    centre = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]])
    turned = np.array([[cosine, -sine * 0.75, 0.5 + x], [sine / 0.75, cosine, 0.5 + y], [tilt, 0, 1]])
    return np.asarray(turned @ centre)


@pytest.mark.parametrize(
    "matrix",
    [
        placed(1.0, 0, 0, 0),
        placed(0.8, 1.5, 0.05, -0.03),
        placed(0.6, -2, -0.1, 0.1),
        placed(0.85, 1, 0.02, 0.0, tilt=0.06),
    ],
    ids=["filling", "turned", "small", "perspective"],
)
def test_the_chart_is_where_it_is(matrix: NDArray[np.float64]) -> None:
    """The corners are found within 0.2 % of the picture's width, in falling light and with noise."""
    place = find_chart(photograph(matrix, falloff=0.8))
    for x, y in ((0.1, 0.1), (0.9, 0.1), (0.5, 0.5), (0.1, 0.9), (0.9, 0.9)):
        meant = matrix @ (x, y, 1.0)
        assert place.point(x, y) == pytest.approx(tuple(meant[:2] / meant[2]), abs=0.002)
    assert place.likeness > 0.7


@pytest.mark.parametrize("kind", ["noise", "even", "stripes"])
def test_no_chart_is_no_chart(kind: str) -> None:
    """Noise, even light and stripes are not taken for the chart."""
    width, height = SIZE
    raw = np.full((height, width), 500.0)
    if kind == "noise":
        raw += np.random.default_rng(1).normal(0, 100, raw.shape)
    elif kind == "stripes":
        raw += 300 * np.sin(np.arange(width) / 9)
    with pytest.raises(NotMeasured, match="the chart was not found"):
        find_chart(Still(np.clip(raw, 0, WHITE).astype(np.uint16), "RGGB", BLACK, WHITE, 1000, 10))


def target_named(name: str) -> Target:
    return next(target for target in TARGETS if target.name == name)


def test_boxes_are_within_their_targets() -> None:
    """An upright chart's boxes are those of the table; outside and too small are said."""
    target = target_named("neutral 5")
    x, y, width, height = Place(np.eye(3), 1.0).box(target, 4000, 3000)
    assert target.left * 4000 <= x < x + width <= target.right * 4000
    assert target.top * 3000 <= y < y + height <= target.bottom * 3000
    assert (x % 2, y % 2, width % 2, height % 2) == (0, 0, 0, 0)
    assert min(width, height) > 100
    with pytest.raises(NotMeasured, match="outside"):
        Place(placed(1.0, 0, 0.9, 0), 1.0).box(target, 4000, 3000)
    with pytest.raises(NotMeasured, match="too small"):
        Place(np.eye(3), 1.0).box(target, 60, 44)
