"""The sensor's test patterns: exact numbers without light or noise, to check a link pixel by pixel.

Each function takes the mode's width, the white level, and which rows (the first, and how many); it returns
uint16 of shape (rows, width). Numbers go from 0 to white, below the black level too, so that every bit of a
pixel is used.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

OFF = 0
COLOUR_BARS = 1
RAMP = 2
PRBS = 3

PRBS_BITS = 2**15 - 1
"""The bits after which the pseudo-random pattern comes again (x^15 + x^14 + 1, ITU-T O.150)."""

# White, yellow, cyan, green, magenta, red, blue, black: the order of falling luminance (SMPTE EG 1).
_BARS = np.array(
    [(1, 1, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 1), (0, 0, 0)],
    dtype=bool,
)


def colour_bars(width: int, white: int, top: int, rows: int) -> NDArray[np.uint16]:
    """Eight upright bars on RGGB sites: a site is at `white` where its bar has its colour, else at 0."""
    columns = np.arange(width)
    bar = columns * len(_BARS) // width
    cell = np.stack([_BARS[bar, columns % 2], _BARS[bar, columns % 2 + 1]])
    lit = np.zeros((rows, width), dtype=np.uint16)
    lit[cell[np.arange(top, top + rows) % 2]] = white
    return lit


def ramp(width: int, white: int, top: int, rows: int) -> NDArray[np.uint16]:
    """A straight ramp from 0 in the first column to `white` in the last."""
    columns = np.arange(width, dtype=np.int64)
    row = (columns * white // (width - 1)).astype(np.uint16)
    return np.tile(row, (rows, 1))


def prbs(width: int, white: int, top: int, rows: int) -> NDArray[np.uint16]:
    """PRBS15, which goes on from row to row: a pixel's lowest bit is its first.

    The register starts as all ones. Where `white` is not 2^bits - 1, it cuts off what lies above it.
    """
    bits = white.bit_length()
    first = np.arange(top, top + rows, dtype=np.int64)[:, None] * width + np.arange(width)
    words: NDArray[np.uint16] = _prbs_words(bits)[first * bits % PRBS_BITS]
    np.minimum(words, np.uint16(white), out=words)
    return words


@lru_cache(maxsize=8)
def _prbs_words(bits: int) -> NDArray[np.uint16]:
    """The `bits` bits from each place of the sequence on."""
    sequence = [1] * 15
    for index in range(15, PRBS_BITS):
        sequence.append(sequence[index - 15] ^ sequence[index - 14])
    stream = np.array(sequence, dtype=np.uint16)
    words = np.zeros(PRBS_BITS, dtype=np.uint16)
    for place in range(bits):
        words |= np.roll(stream, -place) << np.uint16(place)
    return words


PATTERNS = {COLOUR_BARS: colour_bars, RAMP: ramp, PRBS: prbs}
"""The patterns by their number in a request."""
