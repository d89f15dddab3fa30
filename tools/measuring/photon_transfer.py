"""Photon transfer: gain, noise, full well, dynamic range and linearity from pairs of even light and of dark.

The method is that of EMVA Standard 1288, release 4.0 (linear model): two images at each exposure. Half the
variance of their difference is the temporal noise; what is the same in both is the fixed pattern. Noise grows
with the light, for photons come by chance: the slope of the variance over the mean is the conversion gain
in DN per electron, and turns all other figures from DN into electrons.

- read noise: the temporal noise in the dark, less the converter's rounding of 1/12 DN^2;
- full well: EMVA's saturation capacity, the signal at which the variance is largest (behind it, samples
  clip);
- dynamic range: saturation over the temporal noise in the dark, rounding included, as data sheets and
  photographers have it. EMVA 1288 divides by the least light that is told from none (signal to noise 1),
  which has shot noise of its own: `dynamic_range_snr1_ev`;
- linearity: a straight line through 5 to 95 % of saturation, fitted to the relative errors; EMVA's figure
  is the mean of their absolute values, the largest is told as well.

Only green samples are used: they are the most, and both planes of them see the same light.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from laserlink.tools.measuring.still import Floats, Still

QUANTISATION_DN2 = 1 / 12
LEAST_DARK_VARIANCE_DN2 = 0.24
"""Below it a converter's steps hide the noise; EMVA 1288 then gives the read noise as less than 0.40 DN."""
HIDDEN_NOISE_DN = 0.40

SLOPE_TO = 0.70
"""The slope is that of the signals up to this part of saturation (EMVA 1288)."""
STRAIGHT_FROM, STRAIGHT_TO = 0.05, 0.95
SLOPE_POINTS_MIN, STRAIGHT_POINTS_MIN = 5, 9
FALLEN = 0.5
"""Saturation was seen when the variance fell to this part of its maximum."""
TRIMMED = 0.01
SAME = 0.01
"""Signals that differ by less than this part of them are the same."""


class NotMeasured(Exception):
    """A figure that cannot be had, in one line that says why."""


@dataclass(frozen=True)
class Pair:
    """What two images of the same light tell, in DN: mean, variances of time and of place.

    `typical` is the mean without the outermost hundredth at each end: hot pixels do not move it.
    """

    exposure_us: int
    mean: float
    typical: float
    temporal_variance: float
    spatial_variance: float
    clipped: bool


def pair_of(first: Still, second: Still) -> Pair:
    """Two images of the same light and the same exposure. Raises NotMeasured when they are not alike."""
    if first.exposure_us is None or first.exposure_us != second.exposure_us:
        raise NotMeasured(
            f"two images of a pair were exposed for {first.exposure_us} and {second.exposure_us} us"
        )
    if first.raw.shape != second.raw.shape:
        raise NotMeasured("two images of a pair differ in size")
    figures = []
    for one, other in zip(first.planes("G"), second.planes("G"), strict=True):
        a, b = one.astype(np.float64), other.astype(np.float64)
        both = (a + b) / 2
        temporal = float((a - b).var()) / 2
        spatial = float(_even(both).var()) - temporal / 2
        figures.append((both.mean(), _trimmed_mean(both), temporal, spatial))
    mean, typical, temporal, spatial = np.mean(figures, axis=0).tolist()
    return Pair(first.exposure_us, mean, typical, temporal, spatial, first.clipped() or second.clipped())


def _even(image: Floats) -> Floats:
    """An image without what changes slowly across it: a surface of second order, the light's unevenness."""
    rows, columns = (np.linspace(-1, 1, side) for side in image.shape)
    # The terms are nearly orthogonal on the grid, one axis at a time; the mixed one too.
    left: Floats = image - image.mean()
    for row_term, column_term in ((rows, 1.0), (1.0, columns), (rows, columns), (_bow(rows), 1.0)):
        left = _without(left, row_term, column_term)
    return _without(left, 1.0, _bow(columns))


def _bow(axis: Floats) -> Floats:
    bow: Floats = axis**2 - np.mean(axis**2)
    return bow


def _without(image: Floats, row_term: Floats | float, column_term: Floats | float) -> Floats:
    down = np.broadcast_to(row_term, image.shape[0])
    across = np.broadcast_to(column_term, image.shape[1])
    size = float((down**2).sum() * (across**2).sum())
    share = float(down @ image @ across) / size if size else 0.0
    flat: Floats = image - share * np.outer(down, across)
    return flat


def _trimmed_mean(image: Floats) -> float:
    cut = int(image.size * TRIMMED)
    ordered = np.sort(image, axis=None)
    return float(ordered[cut : ordered.size - cut].mean())


@dataclass(frozen=True)
class Transfer:
    """Pairs in the dark and in rising light, in the order of their exposures, and what follows from them.

    Each figure is a property; NotMeasured, with the reason, when the pairs do not have it.
    """

    dark: tuple[Pair, ...]
    light: tuple[Pair, ...]

    @classmethod
    def of(cls, dark: Sequence[Pair], light: Sequence[Pair]) -> "Transfer":
        """From pairs in any order."""
        return cls(tuple(sorted(dark, key=_exposure)), tuple(sorted(light, key=_exposure)))

    def _shortest_dark(self) -> list[Pair]:
        if not self.dark:
            raise NotMeasured("no pictures in the dark were taken")
        return [pair for pair in self.dark if pair.exposure_us == self.dark[0].exposure_us]

    @property
    def dark_variance(self) -> float:
        """Temporal variance in the dark at the shortest exposure, DN^2."""
        return float(np.mean([pair.temporal_variance for pair in self._shortest_dark()]))

    @property
    def dark_rate(self) -> float:
        """How the dark grows with the exposure, DN per microsecond; 0 when only one exposure was taken."""
        first, last = self._shortest_dark()[0], self.dark[-1]
        longer_us = last.exposure_us - first.exposure_us
        return (last.typical - self.black_at(0, rate=0.0)) / longer_us if longer_us else 0.0

    def black_at(self, exposure_us: float, rate: float | None = None) -> float:
        """The mean without light after an exposure, DN."""
        shortest = self._shortest_dark()
        level = float(np.mean([pair.typical for pair in shortest]))
        slope = self.dark_rate if rate is None else rate
        return level + slope * max(0.0, exposure_us - shortest[0].exposure_us)

    def signals(self) -> Floats:
        """Each pair's mean above the dark, DN."""
        return np.array([pair.mean - self.black_at(pair.exposure_us) for pair in self.light])

    def variances(self) -> Floats:
        """Each pair's temporal variance above that of the dark, DN^2."""
        return np.array([pair.temporal_variance - self.dark_variance for pair in self.light])

    def _brightest(self) -> int:
        if not self.light:
            raise NotMeasured("no pictures of even light were taken")
        at = int(np.argmax([pair.temporal_variance for pair in self.light]))
        # Wells can be full below white, too: then nothing changes and nothing varies any more.
        still = np.ptp(self.signals()) < SAME * self.signals().max()
        if self.light[0].clipped or (still and self.light[at].temporal_variance <= self.dark_variance):
            raise NotMeasured("all pictures of even light are saturated: use less light")
        return at

    @property
    def saturation_dn(self) -> float:
        """The signal at which the temporal variance is largest, DN above the dark."""
        at = self._brightest()
        behind = [pair.temporal_variance for pair in self.light[at:]]
        if min(behind) > FALLEN * behind[0]:
            raise NotMeasured("the light never filled the wells: use more light, or longer exposures")
        return float(self.signals()[at])

    def slope_points(self) -> NDArray[np.bool_]:
        """Which pairs make the slope of the variance: those up to 70 % of saturation."""
        try:
            limit = SLOPE_TO * self.saturation_dn
        except NotMeasured:
            limit = math.inf
        signals = self.signals()
        kept: NDArray[np.bool_] = (signals > 0) & (signals < limit)
        kept &= np.array([not pair.clipped for pair in self.light])
        return kept

    @property
    def dn_per_e(self) -> float:
        """The conversion gain: how fast the variance grows with the signal."""
        self._brightest()
        used = self.slope_points()
        if used.sum() < SLOPE_POINTS_MIN:
            raise NotMeasured(
                f"{used.sum()} exposures of even light are too few: {SLOPE_POINTS_MIN} are needed"
            )
        signals, variances = self.signals()[used], self.variances()[used]
        # A variance is known to the same part of itself everywhere, so that is what each point weighs.
        weights = 1 / (variances + self.dark_variance) ** 2
        slope = float((weights * signals * variances).sum() / (weights * signals**2).sum())
        if slope <= 0:
            raise NotMeasured("the noise does not grow with the light: this is no linear sensor's RAW")
        return slope

    @property
    def read_noise_e(self) -> float:
        """Temporal noise in the dark without the converter's rounding, electrons."""
        if self.dark_variance < LEAST_DARK_VARIANCE_DN2:
            most_e = HIDDEN_NOISE_DN / self.dn_per_e
            raise NotMeasured(
                f"less than {most_e:.2g} e-: the converter's steps hide it; use more gain or bits"
            )
        return math.sqrt(self.dark_variance - QUANTISATION_DN2) / self.dn_per_e

    @property
    def dark_noise_dn(self) -> float:
        """Temporal noise in the dark, rounding included, DN."""
        # Where every sample is the same, rounding is what is left.
        return math.sqrt(max(self.dark_variance, QUANTISATION_DN2))

    @property
    def full_well_e(self) -> float:
        """Saturation capacity, electrons."""
        return self.saturation_dn / self.dn_per_e

    @property
    def dynamic_range_ev(self) -> float:
        """Saturation over the temporal noise in the dark, in powers of two."""
        return math.log2(self.saturation_dn / self.dark_noise_dn)

    @property
    def dynamic_range_snr1_ev(self) -> float:
        """Saturation over the light whose signal is as large as its noise (EMVA 1288), in powers of two."""
        dark_noise_e = self.dark_noise_dn / self.dn_per_e
        return math.log2(self.full_well_e / (0.5 + math.sqrt(0.25 + dark_noise_e**2)))

    @property
    def snr_max_db(self) -> float:
        """The best signal to noise that a pixel can have: that of its photons at saturation."""
        return 10 * math.log10(self.full_well_e)

    def line(self) -> tuple[Floats, Floats]:
        """Signals from 5 to 95 % of saturation as parts of it, and their relative errors from a line."""
        signals = self.signals()
        exposures = np.array([pair.exposure_us for pair in self.light], dtype=np.float64)
        saturation = self.saturation_dn
        used = (signals >= STRAIGHT_FROM * saturation) & (signals <= STRAIGHT_TO * saturation)
        if used.sum() < STRAIGHT_POINTS_MIN:
            raise NotMeasured(
                f"{used.sum()} exposures from 5 to 95 % of saturation are too few: "
                f"{STRAIGHT_POINTS_MIN} are needed"
            )
        exposures, signals = exposures[used], signals[used]
        fitted = np.polyval(np.polyfit(exposures, signals, 1, w=1 / signals), exposures)
        return signals / saturation, signals / fitted - 1

    @property
    def linearity_error_percent(self) -> float:
        """The mean of the absolute errors from a straight line, percent (EMVA 1288)."""
        return 100 * float(np.abs(self.line()[1]).mean())

    @property
    def linearity_error_max_percent(self) -> float:
        """The largest of them, percent."""
        return 100 * float(np.abs(self.line()[1]).max())

    @property
    def dsnu_e(self) -> float:
        """How much pixels differ in the dark, electrons."""
        return math.sqrt(max(0.0, self._dark_spatial_variance())) / self.dn_per_e

    def _dark_spatial_variance(self) -> float:
        return float(np.mean([pair.spatial_variance for pair in self._shortest_dark()]))

    @property
    def prnu_percent(self) -> float:
        """How much pixels differ in light of half saturation, percent of the signal."""
        signals = self.signals()
        at = int(np.argmin(np.abs(signals - self.saturation_dn / 2)))
        variance = self.light[at].spatial_variance - self._dark_spatial_variance()
        return 100 * math.sqrt(max(0.0, variance)) / float(signals[at])

    @property
    def dark_current_e_per_s(self) -> float:
        """Electrons that gather in the dark, per second."""
        if len({pair.exposure_us for pair in self.dark}) < 2:
            raise NotMeasured("pictures in the dark with two exposures are needed")
        return self.dark_rate * 1e6 / self.dn_per_e


def _exposure(pair: Pair) -> int:
    return pair.exposure_us
