"""Diagrams: places, ticks, and that what is drawn is on the page."""

import numpy as np
import pytest

from laserlink.tools.measuring.drawing import Axes, Canvas, Scale


def test_scales_put_values_in_place() -> None:
    """Straight and logarithmic: ends at the ends, the middle in the middle."""
    assert [Scale(-1, 1, "").part(value) for value in (-1, 0, 1)] == [0, 0.5, 1]
    assert [Scale(1, 100, "", logarithmic=True).part(value) for value in (1, 10, 100)] == pytest.approx(
        [0, 0.5, 1]
    )


def test_ticks_are_round_numbers_within_the_axis() -> None:
    """Steps of 1, 2, 2.5 or 5; powers of ten on a logarithmic axis."""
    assert [text for _, text in Scale(0, 100, "").ticks()] == ["0", "20", "40", "60", "80", "100"]
    assert [text for _, text in Scale(-1, 1, "").ticks()] == ["-1", "-0.5", "0", "0.5", "1"]
    assert [text for _, text in Scale(0.1, 1000, "", logarithmic=True).ticks()] == [
        "0.1",
        "1",
        "10",
        "100",
        "1,000",
    ]


def test_curves_stay_in_their_frame() -> None:
    """What leaves the axes is not drawn outside, and a curve that comes back has a hole, no bridge."""
    canvas = Canvas(400, 300)
    axes = Axes(canvas, (100, 50, 300, 250), Scale(0, 1, "x"), Scale(0, 1, "y"))
    axes.curve([(0.1, 0.5), (0.3, 0.5), (0.5, 9.0), (0.7, 0.5), (0.9, 0.5)], "#ff0000")
    axes.points([(2.0, 0.5), (0.5, 0.9)], "#0000ff", 4)
    page = np.asarray(canvas.finished()).astype(int)
    red = (page[..., 0] > 200) & (page[..., 1] < 80)
    rows, columns = np.nonzero(red)
    assert set(rows) <= set(range(147, 154))
    assert columns.min() >= 118 and columns.max() <= 282
    assert not red[:, 170:230].any()
    blue = np.nonzero((page[..., 2] > 200) & (page[..., 0] < 80))
    assert blue[0].mean() == pytest.approx(70, abs=1) and blue[1].mean() == pytest.approx(200, abs=1)


def test_text_is_dark_on_the_page_both_ways() -> None:
    """Level text and upward text leave ink where they should, with the longer side along their way."""
    canvas = Canvas(200, 200)
    canvas.text((20, 20), "level words", 15)
    canvas.upward_text((150, 120), "upward words", 15, "#000000")
    page = np.asarray(canvas.finished()).mean(axis=2) < 128
    level, upward = (np.nonzero(part) for part in (page[:60, :120], page[:, 120:]))
    assert np.ptp(level[1]) > 3 * np.ptp(level[0])
    assert np.ptp(upward[0]) > 3 * np.ptp(upward[1])
