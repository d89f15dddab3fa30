import pytest

from laserlink.firmware_model.targets import TARGETS, Box, Kind, Target


def test_there_is_all_that_is_measured() -> None:
    """24 patches, 20 greys, 17 steps of a wedge, two squares of four edges, two even fields, five stars."""
    kinds = [target.kind for target in TARGETS]
    counts = [
        kinds.count(kind) for kind in (Kind.PATCH, Kind.GREY, Kind.WEDGE, Kind.EDGE, Kind.FLAT, Kind.STAR)
    ]
    assert counts == [24, 20, 17, 8, 2, 5]
    assert len({target.name for target in TARGETS}) == len(TARGETS)


def test_targets_lie_on_the_chart_and_apart() -> None:
    """Every place is within 0 and 1, and no two of them overlap (but those of one square's edges)."""
    for target in TARGETS:
        assert 0 <= target.left < target.right <= 1
        assert 0 <= target.top < target.bottom <= 1

    def apart(one: Target, other: Target) -> bool:
        beside = one.right <= other.left or other.right <= one.left
        return beside or one.bottom <= other.top or other.bottom <= one.top

    assert all(apart(one, other) for index, one in enumerate(TARGETS) for other in TARGETS[index + 1 :])


@pytest.mark.parametrize(("width", "height"), [(11648, 8736), (5824, 4368), (1456, 1092), (2000, 1000)])
def test_pixels_are_whole_bayer_cells_inside(width: int, height: int) -> None:
    """A place in pixels starts at a red site, is even in size, and never reaches past the target."""
    scale = min(width / 400, height / 300)
    left, above = (width - 400 * scale) / 2, (height - 300 * scale) / 2
    for target in TARGETS:
        x, y, columns, rows = target.pixels(width, height)
        assert not (x % 2 or y % 2 or columns % 2 or rows % 2)
        assert x >= target.left * 400 * scale + left - 1e-6
        assert y >= target.top * 300 * scale + above - 1e-6
        assert x + columns <= target.right * 400 * scale + left + 1e-6
        assert y + rows <= target.bottom * 300 * scale + above + 1e-6
        assert columns >= (target.right - target.left) * 400 * scale - 4


def test_inset_takes_the_same_from_all_sides() -> None:
    """A box that is inset by a tenth has four fifths of its width and height, about the same middle."""
    box = Box(10.0, 20.0, 30.0, 40.0).inset(0.1)
    assert (box.left, box.top, box.width, box.height) == pytest.approx((13.0, 24.0, 24.0, 32.0))
