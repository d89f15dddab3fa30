"""Chance in the sensor: photons arrive one by one, and reading them is never exact.

Electrons of a mean m are Poisson: variance m, and lopsided when there are few. Up to `FEW` electrons they are
drawn as Poisson numbers; above, as a Gaussian whose third moment is mended (the first terms of the
Cornish-Fisher expansion), which differs from Poisson by a few parts in a thousand. Read noise is Gaussian.

Both are looked up: a 16-bit random number picks one of 65,536 equally likely values, of a Gaussian out to 4.3
standard deviations. That costs a third of numpy's own draws, and the same seed gives the same values whatever
numpy's methods are.
"""

import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

FEW = 12.0
"""Electrons in a pixel (of all its photosites) up to which they are drawn as Poisson numbers."""

_DRAWS = 1 << 16
_STEPS = 128
_COUNTS = 64


@lru_cache(maxsize=4)
def normal_values(count: int) -> Floats:
    """`count` equally likely values of a Gaussian with mean 0 and standard deviation 1, rising."""
    gauss = NormalDist()
    upper = np.array([gauss.inv_cdf((index + 0.5) / count) for index in range(count // 2, count)])
    values = np.concatenate([-upper[::-1], upper])
    normed: Floats = (values / values.std()).astype(np.float32)
    normed.setflags(write=False)
    return normed


def gaussian(shape: tuple[int, int], chance: np.random.Generator) -> Floats:
    """Gaussian values of mean 0 and standard deviation 1, each its own."""
    count = shape[0] * shape[1]
    picks = np.frombuffer(chance.bytes(2 * count), dtype="<u2")
    # The table has a value for every index; "wrap" only spares numpy the check.
    return np.take(normal_values(_DRAWS), picks, mode="wrap").reshape(shape)


def read_electrons(
    mean_e: Floats, read_variance: Floats | np.float32, photosites: int, chance: np.random.Generator
) -> Floats:
    """Electrons as they are read: `mean_e` (used up) with shot noise and read noise; may be below 0.

    A pixel is the mean of `photosites` photosites, each with a mean of `mean_e` electrons and a read noise of
    the variance `read_variance` (one value, or one a pixel).
    """
    noise = gaussian((mean_e.shape[0], mean_e.shape[1]), chance)
    few = mean_e < np.float32(FEW / photosites)
    if not few.any():
        return _many(mean_e, read_variance, noise, photosites)
    if few.all():
        return _few(mean_e, read_variance, noise, photosites, chance)
    variance = np.broadcast_to(read_variance, mean_e.shape)[few]
    drawn = _few(mean_e[few], variance, noise[few], photosites, chance)
    electrons = _many(mean_e, read_variance, noise, photosites)
    electrons[few] = drawn
    return electrons


def _many(mean_e: Floats, read_variance: Floats | np.float32, noise: Floats, photosites: int) -> Floats:
    """Many electrons: a Gaussian for both noises, and a share of its square for the third moment."""
    variance = mean_e + read_variance
    lopsided = noise * noise
    lopsided -= np.float32(1)
    lopsided *= mean_e
    lopsided /= variance
    lopsided *= np.float32(1 / (6 * photosites))
    np.sqrt(variance, out=variance)
    noise *= variance
    noise *= np.float32(photosites**-0.5)
    mean_e += noise
    mean_e += lopsided
    return mean_e


def _few(
    mean_e: Floats,
    read_variance: Floats | np.float32,
    noise: Floats,
    photosites: int,
    chance: np.random.Generator,
) -> Floats:
    """Few electrons: whole ones, and the noise of reading them."""
    noise *= np.sqrt(read_variance / np.float32(photosites))
    means = np.clip(mean_e * np.float32(photosites), np.float32(0), np.float32(FEW))
    counts = poisson(means, chance)
    counts *= np.float32(1 / photosites)
    counts += noise
    return counts


def poisson(means: Floats, chance: np.random.Generator) -> Floats:
    """Whole electrons of those means, which are 0 to `FEW`; any shape.

    Looked up, too: the table has `_STEPS` means, as (step / `_STEPS`)^2 of `FEW`, and for each 65,536
    equally likely counts. A mean between two steps takes either, so that it is met on average; that adds less
    than a thousandth to the variance.
    """
    picks = np.frombuffer(chance.bytes(4 * means.size), dtype="<u2").reshape(2, *means.shape)
    unit = FEW / _STEPS**2
    steps = np.sqrt(means * np.float32(1 / unit)).astype(np.int32)
    part = means * np.float32(1 / unit)
    part -= (steps * steps).astype(np.float32)
    part *= np.float32(_DRAWS)
    part /= (2 * steps + 1).astype(np.float32)
    steps += picks[0] < part
    steps <<= 16
    steps += picks[1]
    counts: NDArray[np.uint8] = np.take(_poisson_counts(), steps, mode="clip")
    return counts.astype(np.float32)


@lru_cache(maxsize=1)
def _poisson_counts() -> NDArray[np.uint8]:
    """For each step, one after another, the counts of 65,536 equally likely draws, rising."""
    rows = []
    for step in range(_STEPS + 2):
        mean = FEW * (step / _STEPS) ** 2
        shares = [math.exp(-mean)]
        for count in range(1, _COUNTS):
            shares.append(shares[-1] * mean / count)
        ends = np.rint(np.cumsum(shares) * _DRAWS).astype(np.int64)
        ends[-1] = _DRAWS
        rows.append(np.repeat(np.arange(_COUNTS, dtype=np.uint8), np.diff(ends, prepend=0)))
    return np.concatenate(rows)
