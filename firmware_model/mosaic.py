"""From light to the mean electrons of RGGB pixels.

In the full mode a pixel is one photosite and sees the light at its place. In a binned mode a pixel is the
mean of n x n photosites of its colour, on every second row and column of a cell of 2n x 2n photosites. The
four pixels of a cell so see almost the same place: their middles are one photosite apart, not n. Binned light
comes with one sample for n x n photosites; each pixel takes the mean of what its photosites spread over.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

CFA_CHANNELS = (((0, 0), 0), ((0, 1), 1), ((1, 0), 1), ((1, 1), 2))
"""(row, column) of each site of the RGGB cell, and its channel: red 0, green 1, blue 2."""

BORDER = 2
"""Rows of light that a binned band needs above and below itself (the picture's edge goes on as it ends)."""


def mosaic(light: Floats, weights: Floats) -> Floats:
    """Mean electrons of the full mode's photosites; never below 0.

    `light` is linear sRGB, shape (rows, columns, 3), both even; `weights` (3, 3) is electrons of the red,
    green and blue photosites per unit of each primary.
    """
    electrons = np.empty(light.shape[:2], dtype=np.float32)
    for (down, right), channel in CFA_CHANNELS:
        mean = _mixed(light[down::2, right::2], weights[channel])
        np.maximum(mean, np.float32(0), out=electrons[down::2, right::2])
    return electrons


def binned_mosaic(light: Floats, weights: Floats, binning: int) -> Floats:
    """Mean electrons of one photosite of each binned pixel; never below 0.

    `light` has one sample for `binning` x `binning` photosites, and `BORDER` rows more above and below than
    the pixels asked for. Other arguments as in `mosaic`.
    """
    rows, columns = light.shape[0] - 2 * BORDER, light.shape[1]
    electrons = np.empty((rows, columns), dtype=np.float32)
    channels = [_mixed(light, weights[channel]) for channel in range(3)]
    for (down, right), channel in CFA_CHANNELS:
        tall = _spread(channels[channel], down, binning)
        sides = np.pad(tall, ((0, 0), (BORDER, BORDER)), mode="edge")
        mean = _spread(sides.T, right, binning).T
        np.maximum(mean, np.float32(0), out=electrons[down::2, right::2])
    return electrons


def _mixed(light: Floats, weights: Floats) -> Floats:
    mean: Floats = light[:, :, 0] * weights[0]
    mean += light[:, :, 1] * weights[1]
    mean += light[:, :, 2] * weights[2]
    return mean


def _spread(samples: Floats, odd: int, binning: int) -> Floats:
    """Along the first axis: the mean over the photosites of one parity in each cell of two samples.

    They cover two samples, half a photosite before the cell (even) or behind it (odd).
    """
    part = np.float32(0.5 / binning)
    first, second = (
        samples[BORDER : len(samples) - BORDER : 2],
        samples[BORDER + 1 : len(samples) - BORDER : 2],
    )
    if odd:
        outside = samples[BORDER + 2 :: 2][: len(first)]
        spread = first * (1 - part) + second + outside * part
    else:
        outside = samples[BORDER - 1 :: 2][: len(first)]
        spread = outside * part + first + second * (1 - part)
    spread *= np.float32(0.5)
    return spread
