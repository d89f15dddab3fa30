"""Several pictures of one scene as one, with less noise: aligned, averaged, without what differs too much.

Pictures are moved by whole Bayer cells only, so that every pixel keeps its colour. What a picture shows that
the others do not (a passer-by, a cosmic ray) is left out, pixel by pixel: further from the middle of all
than chance explains, by the noise that the pictures themselves show at that brightness.

Source: Kuglin and Hines, "The phase correlation image alignment method", IEEE Cybernetics and Society, 1975.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from laserlink.host_driver.develop import binned, red_site
from laserlink.host_driver.shot import Shot
from laserlink.protocol.errors import LaserLinkError

Float = NDArray[np.float32]
Shift = tuple[int, int]

BITS = 16
"""Of the result: the mean of whole numbers is none, and rounding it again would add noise."""

BAND_ROWS = 32
"""A band of a 100 MP picture is then 1.5 MB, which caches hold."""

COARSE_SIDE, FINE_SIDE = 512, 1024
SHIFT_PART_MAX = 0.25
"""Pictures that have less than three quarters in common are no stack."""

PEAK_MIN = 8.0
"""How far a correlation must stand out of its surroundings, in their standard deviations, to be believed."""

REJECT_SIGMAS = 4.0
"""Of Gaussian noise, one pixel in 16,000 is further out."""

NOISE_SAMPLES_MAX = 1 << 20
NOISE_LEVELS = 32
MAD_TO_SIGMA = 1.4826
SIGMA_DN_MIN = 0.5
REJECTING_IMAGES_MIN = 3


class CannotStack(LaserLinkError, ValueError):
    """Pictures that make no stack: of different kinds, or too few that are complete."""


def stack(shots: Sequence[Shot]) -> Shot:
    """One picture out of several of the same mode, format and controls; n of them have 1/sqrt(n) of the
    noise.

    It lies where the first complete one lies, has its metadata, and 16 bits a sample: levels rise with the
    samples. Incomplete pictures are left out; StackedImages says how many were used. Where a picture that was
    moved does not reach the border, the first one stands in for it. Raises `CannotStack`.
    """
    complete = [shot for shot in shots if shot.complete]
    if not complete:
        raise CannotStack(f"none of {len(shots)} pictures is complete")
    first = complete[0]
    if any(_kind(shot) != _kind(first) for shot in complete):
        raise CannotStack("pictures of different size, format or levels make no stack")
    shifts = [(0, 0), *(shift_between(first, shot) for shot in complete[1:])]
    bits = first.metadata["BitsPerPixel"]
    mean = _mean([shot.raw for shot in complete], shifts, 1 << (BITS - bits))
    return replace(first, raw=mean, metadata=_metadata(first, len(complete)))


def _kind(shot: Shot) -> tuple[object, ...]:
    names = ("BitsPerPixel", "WhiteLevel", "SensorBlackLevels", "CfaPattern")
    return (shot.raw.shape, *(shot.metadata[name] for name in names))


def _metadata(first: Shot, count: int) -> dict[str, object]:
    metadata = dict(first.metadata)
    scale = 1 << (BITS - metadata["BitsPerPixel"])
    metadata |= {
        "BitsPerPixel": BITS,
        "Format": f"RAW{BITS}",
        "WhiteLevel": metadata["WhiteLevel"] * scale,
        "SensorBlackLevels": tuple(level * scale for level in metadata["SensorBlackLevels"]),
        "StackedImages": count,
    }
    if metadata.get("NoiseProfile") is not None:
        metadata["NoiseProfile"] = tuple(value / count for value in metadata["NoiseProfile"])
    return metadata


# --- align ---


def shift_between(reference: Shot, other: Shot) -> Shift:
    """Rows down and columns right, both even, by which `other` shows the scene further than `reference`.

    (0, 0) where nothing is seen that tells.
    """
    small, small_other = (_small(shot) for shot in (reference, other))
    scale = max(2, 2 * round(reference.raw.shape[0] / small.shape[0] / 2))
    coarse = _correlated(small, small_other)
    down, right = (scale * part for part in coarse)
    fine_down, fine_right = _correlated(*_middles(reference, other, (down, right)))
    down, right = down + 2 * fine_down, right + 2 * fine_right
    height, width = reference.raw.shape
    if abs(down) > SHIFT_PART_MAX * height or abs(right) > SHIFT_PART_MAX * width:
        return 0, 0
    return down, right


def _small(shot: Shot) -> Float:
    means = binned(shot, COARSE_SIDE)
    return np.asarray(means[1] + means[2], dtype=np.float32)


def _middles(reference: Shot, other: Shot, shift: Shift) -> tuple[Float, Float]:
    """One green plane of the middle of both, the other one's moved back by a shift that is known roughly."""
    row, column = red_site(reference)
    planes = [shot.raw[row::2, 1 - column :: 2] for shot in (reference, other)]
    down, right = shift[0] // 2, shift[1] // 2
    height, width = planes[0].shape
    rows = min(FINE_SIDE, height - 2 * abs(down))
    columns = min(FINE_SIDE, width - 2 * abs(right))
    top, left = (height - rows) // 2, (width - columns) // 2
    if rows < 2 or columns < 2:
        return planes[0].astype(np.float32), planes[0].astype(np.float32)
    at_rest = planes[0][top : top + rows, left : left + columns]
    moved = planes[1][top + down : top + down + rows, left + right : left + right + columns]
    return at_rest.astype(np.float32), moved.astype(np.float32)


def _correlated(reference: Float, other: Float) -> Shift:
    """By how many samples `other` is further down and right; (0, 0) where no shift stands out."""
    window = np.outer(np.hanning(reference.shape[0]), np.hanning(reference.shape[1]))
    first, second = (np.fft.rfft2((plane - plane.mean()) * window) for plane in (reference, other))
    cross = second * np.conj(first)
    cross /= np.maximum(np.abs(cross), 1e-12)
    surface = np.fft.irfft2(cross, reference.shape)
    peak = int(surface.argmax())
    if surface.flat[peak] < PEAK_MIN * float(surface.std()):
        return 0, 0
    down, right = (int(index) for index in np.unravel_index(peak, surface.shape))
    height, width = surface.shape
    return (down + height // 2) % height - height // 2, (right + width // 2) % width - width // 2


# --- average ---


def _mean(pictures: list[NDArray[np.uint16]], shifts: list[Shift], scale: int) -> NDArray[np.uint16]:
    height, width = pictures[0].shape
    result = np.empty((height, width), np.uint16)
    reach = _reach_by_level(*noise_curve(pictures, shifts))
    for top in range(0, height, BAND_ROWS):
        rows = min(BAND_ROWS, height - top)
        bands = [_moved(pictures, index, shifts[index], top, rows) for index in range(len(pictures))]
        mean = _without_outliers(bands, reach)
        mean *= np.float32(scale)
        mean += np.float32(0.5)
        result[top : top + rows] = mean
    return result


def _reach_by_level(levels: Float, sigmas: Float) -> Float:
    """How far from the middle of all a sample may be, for each whole number that the middle may be near."""
    samples = np.arange(1 << BITS)
    return np.asarray(REJECT_SIGMAS * np.interp(samples, levels, sigmas), dtype=np.float32)


def _moved(pictures: list[NDArray[np.uint16]], index: int, shift: Shift, top: int, rows: int) -> Float:
    """Rows of a picture as they would lie in the first one."""
    band = pictures[0][top : top + rows].astype(np.float32)
    height, width = pictures[0].shape
    down, right = shift
    first, last = max(top, -down), min(top + rows, height - down)
    left, end = max(0, -right), min(width, width - right)
    if index and first < last:
        source = pictures[index][first + down : last + down, left + right : end + right]
        band[first - top : last - top, left:end] = source
    return band


def _without_outliers(bands: list[Float], reach_by_level: Float) -> Float:
    """The mean of what agrees; of less than three pictures, of all."""
    total = bands[0].copy()
    for band in bands[1:]:
        total += band
    if len(bands) < REJECTING_IMAGES_MIN:
        total /= np.float32(len(bands))
        return total
    middle = _middle(bands, total)
    reach = reach_by_level[middle.astype(np.uint16)]
    count = np.full(middle.shape, len(bands), np.float32)
    for band in bands:
        stray = np.flatnonzero(np.abs(band - middle) > reach)
        total.flat[stray] -= band.flat[stray]
        count.flat[stray] -= 1
    # Where none agrees with the middle, the middle it is.
    alone = np.flatnonzero(count == 0)
    total.flat[alone], count.flat[alone] = middle.flat[alone], 1
    total /= count
    return total


def _middle(bands: list[Float], total: Float) -> Float:
    """The mean without the least and the greatest: one stray picture cannot move it."""
    least, greatest = np.minimum(bands[0], bands[1]), np.maximum(bands[0], bands[1])
    for band in bands[2:]:
        np.minimum(least, band, out=least)
        np.maximum(greatest, band, out=greatest)
    middle = total - least
    middle -= greatest
    middle /= np.float32(len(bands) - 2)
    return middle


def noise_curve(pictures: list[NDArray[np.uint16]], shifts: list[Shift]) -> tuple[Float, Float]:
    """The noise of one picture by brightness, both in digital numbers: levels, and standard deviations.

    From the differences of two pictures, by their medians, so that what moved does not count.
    """
    if len(pictures) < 2:
        return np.zeros(1, np.float32), np.full(1, SIGMA_DN_MIN, np.float32)
    height, width = pictures[0].shape
    step = max(1, int(np.sqrt(height * width / NOISE_SAMPLES_MAX))) | 1
    rows = range(0, height, step)
    first = np.stack([pictures[0][row, ::step] for row in rows]).astype(np.float32).ravel()
    second = np.stack([_moved(pictures, 1, shifts[1], row, 1)[0, ::step] for row in rows]).ravel()
    level, difference = (first + second) / 2, np.abs(first - second)
    order = np.argsort(level)
    groups = [group for group in np.array_split(order, NOISE_LEVELS) if len(group)]
    levels = np.array([level[group].mean() for group in groups], np.float32)
    sigmas = [MAD_TO_SIGMA * float(np.median(difference[group])) / np.sqrt(2) for group in groups]
    return levels, np.maximum(np.array(sigmas, np.float32), np.float32(SIGMA_DN_MIN))
