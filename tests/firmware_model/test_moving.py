import numpy as np
import pytest
from numpy.typing import NDArray

from laserlink.firmware_model.moving import (
    CROSSING_NS,
    MARK_BITS,
    MARK_LEFT,
    MARK_PITCH,
    MARK_SIDE,
    MARK_TOP,
    TRACK_LEFT,
    TRACK_RIGHT,
    TRACK_Y,
    TURN_NS,
    Film,
    Smeared,
    runner_x,
)
from laserlink.firmware_model.shapes import Disc, Grid

NS_PER_MS = 1_000_000
FILM = Film()


def seen(started_ns: int, delay_ns: int = 0, exposure_ns: int = NS_PER_MS) -> NDArray[np.float32]:
    """The film at 800 x 600."""
    return FILM(started_ns, delay_ns, exposure_ns).band(800, 600, 0, 600)


def squares(picture: NDArray[np.float32]) -> int:
    """The number that the squares stand for."""
    row = round((MARK_TOP + MARK_SIDE / 2) * 2)
    columns = [round((MARK_LEFT + (bit + 0.5) * MARK_PITCH) * 2) for bit in range(MARK_BITS)]
    return sum(
        int(picture[row, column, 1] > 0.4) << (MARK_BITS - 1 - bit) for bit, column in enumerate(columns)
    )


@pytest.mark.parametrize("milliseconds", [0, 1, 999, 12_432, 2**24 - 1])
def test_the_squares_tell_the_time(milliseconds: int) -> None:
    """A program reads the time of the first row from the squares, in every row's own picture."""
    assert squares(seen(milliseconds * NS_PER_MS + 999_999)) == milliseconds
    assert squares(seen(milliseconds * NS_PER_MS, delay_ns=40 * NS_PER_MS)) == milliseconds


def test_the_squares_begin_again() -> None:
    """After 2^24 milliseconds, 4.7 hours, they start from 0."""
    assert squares(seen(2**24 * NS_PER_MS)) == 0


def test_the_digits_change_with_the_time() -> None:
    """One millisecond later the digits in the clock differ."""
    first, second = seen(12_432 * NS_PER_MS), seen(12_433 * NS_PER_MS)
    inside = (slice(200, 260), slice(300, 520))
    assert np.abs(first[inside] - second[inside]).max() > 0.5


def test_the_runner_goes_there_and_back() -> None:
    """At 0 at the left end, after a crossing at the right, and evenly between."""
    assert [runner_x(quarter * CROSSING_NS // 2) for quarter in range(5)] == pytest.approx(
        [TRACK_LEFT, 200.0, TRACK_RIGHT, 200.0, TRACK_LEFT]
    )


def runner_column(picture: NDArray[np.float32]) -> float:
    """The middle of the runner, in pixels, above the track's line."""
    row = picture[round((TRACK_Y - 6) * 2), :, 1]
    columns = np.flatnonzero(row > 0.4)
    return float(columns.mean())


def test_late_rows_see_the_runner_farther_on() -> None:
    """The rolling shutter: a row that is read 50 ms later sees it 16 units, 32 pixels, to the right."""
    at_once, later = seen(300 * NS_PER_MS), seen(300 * NS_PER_MS, delay_ns=50 * NS_PER_MS)
    assert runner_column(later) - runner_column(at_once) == pytest.approx(32, abs=1)


def test_a_long_exposure_smears() -> None:
    """Over 100 ms the runner is spread over 32 units more than over 1 ms."""
    row = round((TRACK_Y - 6) * 2)
    short = (seen(300 * NS_PER_MS)[row, :, 1] > 0.05).sum()
    long = (seen(300 * NS_PER_MS, exposure_ns=100 * NS_PER_MS)[row, :, 1] > 0.05).sum()
    assert (long - short) / 2 == pytest.approx(32 * 5 / 6, abs=3)


def test_the_hand_turns_clockwise_once_a_second() -> None:
    """The brightest red is at the top at 0, on the right after a quarter, at the top again after a turn."""

    def hand(time_ns: int) -> tuple[int, int]:
        red = seen(time_ns)[:440, :, 0] - seen(time_ns)[:440, :, 2]
        row, column = divmod(int(red.argmax()), red.shape[1])
        return column, row

    assert hand(0) == (pytest.approx(400, abs=10), pytest.approx(64, abs=10))
    assert hand(TURN_NS // 4) == (pytest.approx(568, abs=10), pytest.approx(232, abs=10))
    assert hand(TURN_NS) == hand(0)


def test_smeared_is_the_mean_of_its_places() -> None:
    """Half the coverage in each of two places that do not overlap, within bounds that hold both."""
    smeared = Smeared((Disc(5.0, 5.0, 2.0), Disc(15.0, 5.0, 2.0)))
    assert smeared.bounds == (3.0, 3.0, 17.0, 7.0)
    centres = (np.arange(20) + 0.5).astype(np.float32)
    coverage = smeared.coverage(Grid(centres[None, :], centres[:10, None], 1.0))
    assert coverage.dtype == np.float32
    assert coverage[4:6, [4, 5, 14, 15]] == pytest.approx(0.5)
    assert coverage[:, 10].max() == 0
