"""The sensor's test patterns: exact numbers without light or noise, to check a link pixel by pixel.

Each function returns one Bayer cell of rows, uint16 of shape (2, width), which repeats down the image.
Numbers go from 0 to `white`, below the black level too, so that every bit of a pixel is used.
"""

import numpy as np
from numpy.typing import NDArray

OFF = 0
COLOUR_BARS = 1
RAMP = 2

# White, yellow, cyan, green, magenta, red, blue, black: the order of falling luminance (SMPTE EG 1).
_BARS = np.array(
    [(1, 1, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 1), (0, 0, 0)],
    dtype=bool,
)


def colour_bars(width: int, white: int) -> NDArray[np.uint16]:
    """Eight upright bars on RGGB sites: a site is at `white` where its bar has its colour, else at 0."""
    columns = np.arange(width)
    bar = columns * len(_BARS) // width
    red_row = _BARS[bar, columns % 2]
    blue_row = _BARS[bar, columns % 2 + 1]
    return np.where(np.stack([red_row, blue_row]), white, 0).astype(np.uint16)


def ramp(width: int, white: int) -> NDArray[np.uint16]:
    """A straight ramp from 0 in the first column to `white` in the last."""
    columns = np.arange(width, dtype=np.int64)
    row = (columns * white // (width - 1)).astype(np.uint16)
    return np.stack([row, row])


PATTERNS = {COLOUR_BARS: colour_bars, RAMP: ramp}
"""The patterns by their number in a request."""
