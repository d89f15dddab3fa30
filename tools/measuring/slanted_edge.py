"""MTF from a slanted edge, after ISO 12233 (e-SFR), on the RAW mosaic itself.

A straight edge that leans a few degrees crosses the pixels at every phase, so that all samples, sorted by
their distance from it, show the edge four times finer than the pixels do. Its slope is the line spread, and
the Fourier transform of that the contrast that is left at each frequency. Green samples are used at the
places where they are, so that no demosaicing stands between; frequencies are in cycles per pixel of the
mosaic, along the edge's normal.

What the method itself takes away is put back: averaging within a bin and the difference between two bins each
multiply a frequency f by sinc(f / 4).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from laserlink.tools.measuring.photon_transfer import NotMeasured
from laserlink.tools.measuring.still import Floats, Still

BINS_PER_PIXEL = 4
REACH_MAX = 32.0
"""Pixels on either side of the edge that are looked at."""
REACH_MIN = 5.0
SIDE_MIN = 16
DEGREES_MIN, DEGREES_MAX = 1.0, 30.0
"""An edge that leans less does not meet all phases of the pixels; one that leans more is no slanted edge."""
CONTRAST_MIN = 0.02
"""The least step at the edge, as a part of black to white."""
STEP_OVER_NOISE_MIN = 6.0
FIT_ERROR_MAX = 2.0
"""Pixels that rows may be off the straight line, as a standard deviation."""
TRANSFORM_SIZE = 2048
FREQUENCIES_TO = 1.0


@dataclass(frozen=True, eq=False)
class EdgeResponse:
    """What an edge tells: `mtf` at `frequencies` (cycles per pixel), where it is a half, and how it leans.

    `upright` says whether the edge stands (sharpness across) or lies (sharpness down).
    """

    frequencies: Floats
    mtf: Floats
    mtf50: float
    degrees: float
    upright: bool


def edge_response(still: Still) -> EdgeResponse:
    """The response of a picture that one slanted edge crosses. Raises NotMeasured when there is none."""
    values = (still.raw.astype(np.float64) - still.black) / still.span
    if min(values.shape) < SIDE_MIN:
        raise NotMeasured(f"an edge in {values.shape[1]} x {values.shape[0]} pixels is too small to measure")
    if still.clipped():
        raise NotMeasured("the light side of the edge is saturated: use less light")
    rows, columns = np.indices(values.shape)
    green = np.array(list(still.cfa)).reshape(2, 2)[rows % 2, columns % 2] == "G"
    upright = _stands(values, green)
    if not upright:
        values, green = values.T, green.T
    offset, slope = _edge_line(values, green)
    degrees = math.degrees(math.atan(slope))
    if not DEGREES_MIN <= abs(degrees) <= DEGREES_MAX:
        raise NotMeasured(
            f"the edge leans by {abs(degrees):.1f} degrees; {DEGREES_MIN:g} to {DEGREES_MAX:g} is needed"
        )
    row, column = np.nonzero(green)
    distances: Floats = (column - offset - slope * row) * math.cos(math.atan(slope))
    reach = _reach(values.shape, offset, slope)
    spread = _line_spread(distances, values[green], reach)
    frequencies, mtf = _transformed(spread)
    return EdgeResponse(frequencies, mtf, half_contrast(frequencies, mtf), degrees, upright)


def _stands(values: Floats, green: NDArray[np.bool_]) -> bool:
    """Whether light changes more across than down, by the means of columns and of rows."""
    counts = [np.maximum(green.sum(axis=axis), 1) for axis in (0, 1)]
    profiles = [(values * green).sum(axis=axis) / count for axis, count in zip((0, 1), counts, strict=True)]
    across, down = (float(np.ptp(_smooth(profile))) for profile in profiles)
    return across >= down


def _smooth(profile: Floats) -> Floats:
    return np.convolve(profile, np.full(4, 0.25), mode="valid")


def _edge_line(values: Floats, green: NDArray[np.bool_]) -> tuple[float, float]:
    """The column of an upright edge in row 0, and columns per row. Raises NotMeasured."""
    low, high = np.percentile(values[green], (10, 90))
    noise = _noise(values, green)
    if high - low < max(CONTRAST_MIN, STEP_OVER_NOISE_MIN * noise / math.sqrt(values.shape[1] / 4)):
        raise NotMeasured(f"no edge was found: the picture's contrast is {100 * (high - low):.1f} %")
    crossings = np.array([_crossing(row, mask) for row, mask in zip(values, green, strict=True)])
    places = np.arange(len(crossings), dtype=np.float64)
    keep = np.isfinite(crossings)
    for _ in range(4):
        if keep.sum() < SIDE_MIN // 2:
            raise NotMeasured("no straight edge was found")
        slope, offset = np.polyfit(places[keep], crossings[keep], 1)
        errors = np.abs(crossings - offset - slope * places)
        spread = float(np.sqrt(np.mean(errors[keep] ** 2)))
        keep = np.isfinite(crossings) & (errors <= max(2.5 * spread, 0.05))
    if spread > FIT_ERROR_MAX:
        raise NotMeasured(f"no straight edge was found: rows are {spread:.1f} pixels off a line")
    return float(offset), float(slope)


def _noise(values: Floats, green: NDArray[np.bool_]) -> float:
    """A sample's noise, by samples two pixels apart, most of which see the same light."""
    steps = np.abs(values[:, 2:] - values[:, :-2])[green[:, 2:]]
    return float(np.median(steps)) / 0.954


def _crossing(row: Floats, mask: NDArray[np.bool_]) -> float:
    """Where a row crosses the edge: the centre of its slope, looked for ever closer around the last one."""
    places = np.nonzero(mask)[0].astype(np.float64)
    slope = np.diff(row[mask])
    middles = (places[1:] + places[:-1]) / 2
    # A wide step finds the edge also in noise; its sign is the row's.
    ends = row[mask]
    third = max(1, len(ends) // 4)
    slope = slope * math.copysign(1.0, float(ends[-third:].mean() - ends[:third].mean()))
    window = np.hanning(len(slope) + 2)[1:-1]
    centre = (
        float((slope * window * middles).sum() / total)
        if (total := float((slope * window).sum())) > 0
        else math.nan
    )
    for width in (24.0, 12.0, 12.0):
        near = (
            np.clip(1 - ((middles - centre) / width) ** 2, 0, None) if math.isfinite(centre) else 0 * middles
        )
        total = float((slope * near).sum())
        centre = float((slope * near * middles).sum() / total) if total > 0 else math.nan
    return centre


def _reach(shape: tuple[int, ...], offset: float, slope: float) -> float:
    """How far on both sides every row has samples."""
    ends = (offset, offset + slope * (shape[0] - 1))
    reach = min(min(ends), shape[1] - 1 - max(ends), REACH_MAX) * math.cos(math.atan(slope))
    if reach < REACH_MIN:
        raise NotMeasured("the edge runs out of the picture's side")
    return reach


def _line_spread(distances: Floats, values: Floats, reach: float) -> Floats:
    """The edge's slope in steps of a quarter of a pixel, its peak in the middle, faded at the ends."""
    count = 2 * int(reach * BINS_PER_PIXEL)
    places = np.floor(distances * BINS_PER_PIXEL).astype(np.intp) + count // 2
    inside = (places >= 0) & (places < count)
    sums = np.bincount(places[inside], values[inside], count)
    found = np.bincount(places[inside], minlength=count)
    bins = np.arange(count)
    profile = np.interp(bins, bins[found > 0], sums[found > 0] / found[found > 0])
    spread = np.diff(profile)
    return spread * _tukey(len(spread))


def _tukey(count: int) -> Floats:
    """1 in the middle half, faded to 0 by a cosine on either side."""
    place = np.abs(np.linspace(-1, 1, count))
    fade: Floats = 0.5 * (1 + np.cos(np.pi * np.clip(2 * place - 1, 0, 1)))
    return fade


def _transformed(spread: Floats) -> tuple[Floats, Floats]:
    frequencies = np.fft.rfftfreq(TRANSFORM_SIZE, 1 / BINS_PER_PIXEL)
    used = np.asarray(frequencies <= FREQUENCIES_TO)
    size = np.abs(np.fft.rfft(spread, TRANSFORM_SIZE))[used]
    kept = np.asarray(frequencies[used], dtype=np.float64)
    mtf: Floats = size / size[0] / np.sinc(kept / BINS_PER_PIXEL) ** 2
    return kept, mtf


def half_contrast(frequencies: Floats, mtf: Floats) -> float:
    """The frequency at which the MTF first falls to a half. Raises NotMeasured when it never does."""
    below = np.nonzero(mtf < 0.5)[0]
    if not len(below) or below[0] == 0:
        raise NotMeasured("the edge is sharper than a pixel: the MTF does not fall to a half")
    last = int(below[0])
    first = last - 1
    share = (mtf[first] - 0.5) / (mtf[first] - mtf[last])
    return float(frequencies[first] + share * (frequencies[last] - frequencies[first]))
