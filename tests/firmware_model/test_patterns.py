import numpy as np

from laserlink.firmware_model.patterns import COLOUR_BARS, PATTERNS, RAMP, colour_bars, ramp

# For each bar: are its red, green and blue sites lit?
BARS = ["rgb", "rg", "gb", "g", "rb", "r", "b", ""]


def test_bars_light_the_sites_of_their_colour() -> None:
    """Each of the eight bars has exactly its colours' sites at white in an RGGB cell."""
    cell = colour_bars(64, 1023)
    assert cell.shape == (2, 64)
    for index, colours in enumerate(BARS):
        red, green = cell[0, index * 8], cell[0, index * 8 + 1]
        green_too, blue = cell[1, index * 8], cell[1, index * 8 + 1]
        expected = [1023 * (colour in colours) for colour in "rggb"]
        assert [red, green, green_too, blue] == expected


def test_ramp_is_straight_and_full() -> None:
    """The ramp starts at 0, ends at white, never falls and has steps that differ by at most 1."""
    cell = ramp(728, 65_535)
    steps = np.diff(cell[0].astype(int))
    assert (cell[0, 0], cell[0, -1]) == (0, 65_535)
    assert steps.min() >= 90
    assert steps.max() <= 91
    assert np.array_equal(cell[0], cell[1])


def test_every_number_has_its_pattern() -> None:
    """The table holds what the request numbers mean."""
    assert {COLOUR_BARS: colour_bars, RAMP: ramp} == PATTERNS
