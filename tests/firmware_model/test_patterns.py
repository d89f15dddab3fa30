import numpy as np
import pytest
from numpy.typing import NDArray

from laserlink.firmware_model.patterns import (
    COLOUR_BARS,
    PATTERNS,
    PRBS,
    PRBS_BITS,
    RAMP,
    colour_bars,
    prbs,
    ramp,
)

# For each bar: are its red, green and blue sites lit?
BARS = ["rgb", "rg", "gb", "g", "rb", "r", "b", ""]


def test_bars_light_the_sites_of_their_colour() -> None:
    """Each of the eight bars has exactly its colours' sites at white in an RGGB cell."""
    cell = colour_bars(64, 1023, 0, 2)
    assert cell.shape == (2, 64)
    for index, colours in enumerate(BARS):
        red, green = cell[0, index * 8], cell[0, index * 8 + 1]
        green_too, blue = cell[1, index * 8], cell[1, index * 8 + 1]
        expected = [1023 * (colour in colours) for colour in "rggb"]
        assert [red, green, green_too, blue] == expected


def test_ramp_is_straight_and_full() -> None:
    """The ramp starts at 0, ends at white, never falls and has steps that differ by at most 1."""
    cell = ramp(728, 65_535, 4, 2)
    steps = np.diff(cell[0].astype(int))
    assert (cell[0, 0], cell[0, -1]) == (0, 65_535)
    assert steps.min() >= 90
    assert steps.max() <= 91
    assert np.array_equal(cell[0], cell[1])


def bits_of(pixels: NDArray[np.uint16], bits: int) -> NDArray[np.int64]:
    """The pixels' bits, lowest first, one after another."""
    return (pixels.reshape(-1, 1).astype(np.int64) >> np.arange(bits) & 1).reshape(-1)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_prbs_is_one_sequence_over_all_rows(bits: int) -> None:
    """From all ones on, each bit is the sum of those 15 and 14 before it, across pixels and rows."""
    stream = bits_of(prbs(364, 2**bits - 1, 0, 40), bits)
    assert stream[:15].all()
    assert np.array_equal(stream[15:], stream[:-15] ^ stream[1:-14])
    period = stream[:PRBS_BITS]
    assert int(period.sum()) == (PRBS_BITS + 1) // 2


def test_a_part_of_prbs_is_the_same_as_in_the_whole() -> None:
    """Rows from the middle are those of the whole picture, and neighbours differ."""
    whole = prbs(364, 4095, 0, 100)
    assert np.array_equal(prbs(364, 4095, 31, 9), whole[31:40])
    assert len(np.unique(whole, axis=0)) == 100
    assert np.array_equal(prbs(364, 1000, 0, 100), np.minimum(prbs(364, 1023, 0, 100), 1000))


def test_bars_know_which_row_they_are_in() -> None:
    """A part that begins in a row of blue sites begins with those."""
    assert np.array_equal(colour_bars(64, 1023, 3, 5), colour_bars(64, 1023, 0, 10)[3:8])


def test_every_number_has_its_pattern() -> None:
    """The table holds what the request numbers mean."""
    assert {COLOUR_BARS: colour_bars, RAMP: ramp, PRBS: prbs} == PATTERNS
