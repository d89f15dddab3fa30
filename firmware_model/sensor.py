"""The virtual sensor: light to electrons to numbers, one band of rows after another.

The way of the light, step by step:

1. A white card in `lux` sends lux / pi cd/m2 to the lens, which throws
   lux x transmission / (4 N^2) onto the sensor (far focus; `optics.py` blurs it and darkens the corners).
2. A lux is 4092 photons/(s um^2) of 540 THz (from the candela's definition, 683 lm/W); the green filter is
   taken to pass as much of D65 as the eye does. A photosite turns its share into electrons by its quantum
   efficiency; red and blue ones collect what the profile's colour matrix says.
3. Photosites differ (`fixed_pattern.py`), dark current adds electrons, all arrive by chance and are read with
   an error (`noise.py`), up to the full well.
4. Gain multiplies what is read; the converter adds the black level, rounds and clips to its range.

Two conversion gains: from the gain `high_gain_from` on, the high one with its small read noise. Below it the
low one; but a format of `merged_from_bits` (RAW16) reads both and takes the high one where its well holds.
A binned pixel is the mean of its photosites (`mosaic.py`), not their sum, so all modes are equally bright.

Rows are read out one after another, `line_ns` apart: each band of a moving scene shows its own time.
An image's noise is its own: it is drawn for the seed, the mode, the image's id and `exposure_index`.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from laserlink.firmware_model.colour import D65_XYZ, SRGB_TO_XYZ
from laserlink.firmware_model.fixed_pattern import FixedPattern
from laserlink.firmware_model.mosaic import BORDER, binned_mosaic, mosaic
from laserlink.firmware_model.noise import Floats, read_electrons
from laserlink.firmware_model.optics import through_lens
from laserlink.firmware_model.patterns import OFF, PATTERNS
from laserlink.firmware_model.profile import HEIGHT_STEP, WIDTH_STEP, Mode, PixelArray, Profile
from laserlink.firmware_model.scene_kinds import BayerScene, LuminanceScene, Scene, Stage

PHOTONS_PER_LUX_S_UM2 = 1e-12 / (683.0 * 6.62607015e-34 * 540e12)
"""Photons on a square micrometre in a second of one lux: 683 lm/W, h x 540 THz each (SI Brochure)."""

_BAND_PIXELS = 1 << 18
_IMAGE_ID_MAX = 2**32 - 1
_NOISE = 4
"""What a seed is drawn for, beside the fixed pattern's."""


@dataclass(frozen=True)
class ExposureRequest:
    """One image to be taken. `region` is (x, y, width, height) in the mode's pixels.

    `f_number` None is the widest stop. `started_ns` is the module's time at the start of the exposure.
    `exposure_index` tells images apart that have the same id, as those of two sessions.
    """

    mode_id: int
    bits: int
    exposure_us: int
    analogue_gain: float
    test_pattern: int
    image_id: int
    region: tuple[int, int, int, int]
    focus_dioptres: float = 0.0
    f_number: float | None = None
    temperature_c: float = 25.0
    started_ns: int = 0
    exposure_index: int = 0


def fitted_profile(profile: Profile, scene: Scene) -> Profile:
    """The profile as it is in front of `scene`: a replayed file brings an array of its own."""
    if not isinstance(scene, BayerScene):
        return profile
    height, width = scene.pixels.shape
    return profile.with_array(
        width,
        height,
        cfa=scene.cfa,
        bits=scene.bits,
        black=scene.black,
        white=scene.white,
        xyz_to_camera=scene.xyz_to_camera,
    )


Spread = Callable[[Callable[[int], None], Iterable[int]], None]
"""Calls a function for each of some numbers, in any order, and returns when all is done."""


def one_after_another(work: Callable[[int], None], numbers: Iterable[int]) -> None:
    """The simplest `Spread`."""
    for number in numbers:
        work(number)


class Sensor:
    """A sensor in front of a scene; the same seed and request always give the same pixels.

    `profile` is the profile that is in force, which for a replayed file is not the one given (see
    `fitted_profile`, which raises ProfileError when the file is no legal array). ValueError for a
    negative seed.
    """

    def __init__(self, profile: Profile, scene: Scene, seed: int) -> None:
        self.profile = fitted_profile(profile, scene)
        self.scene = scene if isinstance(scene, BayerScene | Stage) else Stage(scene, scene.distance_dioptres)
        self._seed = _checked_seed(seed)
        self._fixed_patterns = lru_cache(maxsize=2)(self._fixed_pattern)

    @property
    def moves(self) -> bool:
        """Whether the scene looks different at another time."""
        return isinstance(self.scene, Stage) and self.scene.film is not None

    def black_level(self, bits: int) -> int:
        """The DN of no light at that bit depth."""
        return self.profile.sensor.black_level(bits)

    def white_level(self, bits: int) -> int:
        """The largest DN at that bit depth."""
        return self.profile.sensor.white_level(bits)

    def expose(self, request: ExposureRequest, spread: Spread = one_after_another) -> NDArray[np.uint16]:
        """Takes one image: uint16 of shape (height, width) of the request's region.

        `spread` does the work of the bands, in any order or at once: the pixels are the same. A region's
        pixels are those of the whole image. A replayed file ignores exposure, gain and lens.
        ValueError names the field of a request that cannot be met.
        """
        mode = self._checked(request)
        x, y, width, height = request.region
        if request.test_pattern != OFF:
            pattern = PATTERNS[request.test_pattern]
            return pattern(mode.width, self.white_level(request.bits), y, height)[:, x : x + width].copy()
        if isinstance(self.scene, BayerScene):
            return self.scene.pixels[y : y + height, x : x + width].copy()
        return self._read_out(self.scene, mode, request, spread)

    def _checked(self, request: ExposureRequest) -> Mode:
        modes = {mode.id: mode for mode in self.profile.modes}
        mode = modes.get(request.mode_id)
        if mode is None:
            raise ValueError(f"mode_id: {request.mode_id} is none of {sorted(modes)}")
        for field, holds in _rules(self.profile, mode, request):
            if not holds:
                value = getattr(request, field)
                raise ValueError(f"{field}: {value} is not possible in mode {mode.name}")
        return mode

    def _read_out(
        self, stage: Stage, mode: Mode, request: ExposureRequest, spread: Spread
    ) -> NDArray[np.uint16]:
        x, y, width, height = request.region
        image = np.empty((height, width), dtype=np.uint16)
        weights = self._electrons_per_light(stage, request.exposure_us)
        pixels_of = Conversion.of(self.profile.sensor, mode, request, self._fixed_patterns(mode.id))
        step = max(2, (_BAND_PIXELS // mode.width) & ~1)

        def read_band(top: int) -> None:
            rows = min(step, mode.height - top)
            mean_e = self._mean_electrons(stage, mode, request, weights, top, rows)
            noise = np.random.SeedSequence(
                (self._seed, _NOISE, mode.id, request.image_id, request.exposure_index, top)
            )
            pixels = pixels_of.band(mean_e, top, np.random.Generator(np.random.SFC64(noise)))
            first, last = max(top, y), min(top + rows, y + height)
            image[first - y : last - y] = pixels[first - top : last - top, x : x + width]

        # Bands start at fixed rows of the mode, so that a region has the pixels of the whole image.
        spread(read_band, range(y // step * step, y + height, step))
        return image

    def _mean_electrons(
        self, stage: Stage, mode: Mode, request: ExposureRequest, weights: Floats, top: int, rows: int
    ) -> Floats:
        """What light brings each photosite of a band on average, as if all were alike."""
        sensor = self.profile.sensor
        seen = stage.at(request.started_ns, round(top * sensor.line_ns), request.exposure_us * 1000)
        scene = self._thrown(seen, mode, request)
        if mode.binning == 1:
            return mosaic(scene.band(mode.width, mode.height, top, rows), weights)
        first, last = max(0, top - BORDER), min(mode.height, top + rows + BORDER)
        light = scene.band(mode.width, mode.height, first, last - first)
        missing = (first - (top - BORDER), top + rows + BORDER - last)
        return binned_mosaic(np.pad(light, (missing, (0, 0), (0, 0)), mode="edge"), weights, mode.binning)

    def _thrown(self, stage: Stage, mode: Mode, request: ExposureRequest) -> LuminanceScene:
        lens, sensor = self.profile.lens, self.profile.sensor
        if not stage.lens:
            return stage
        f_number = lens.f_number if request.f_number is None else request.f_number
        pixel_mm = sensor.width_mm / sensor.width * mode.binning
        return through_lens(stage, lens, request.focus_dioptres, f_number, pixel_mm)

    def _electrons_per_light(self, stage: Stage, exposure_us: int) -> Floats:
        """Electrons of the red, green and blue photosites per unit of linear sRGB light: shape (3, 3).

        White gives its photons times the quantum efficiency at the green sites, less at the others:
        the sensor's own white balance, as `xyz_to_camera` has it.
        """
        colour = self.profile.colour
        if colour is None:
            raise ValueError("scene: the profile has no colour response")
        xyz_to_camera = np.reshape(colour.xyz_to_camera, (3, 3))
        green_of_white = float(xyz_to_camera[1] @ D65_XYZ)
        white_e = self.white_electrons(exposure_us, stage.lux)
        weights: NDArray[np.float64] = xyz_to_camera @ SRGB_TO_XYZ * (white_e / green_of_white)
        return weights.astype(np.float32)

    def white_electrons(self, exposure_us: int, lux: float | None = None) -> float:
        """What white in `lux` (None: the profile's) brings a green photosite, wide open on the axis."""
        sensor, lens = self.profile.sensor, self.profile.lens
        sensor_lux = (sensor.scene_lux if lux is None else lux) * lens.transmission / (4 * lens.f_number**2)
        photons = sensor_lux * PHOTONS_PER_LUX_S_UM2 * sensor.pixel_um2 * exposure_us * 1e-6
        return photons * sensor.quantum_efficiency

    def _fixed_pattern(self, mode_id: int) -> FixedPattern:
        return FixedPattern(self.profile.sensor, self.profile.mode(mode_id), self._seed)


@dataclass(frozen=True)
class Conversion:
    """From mean electrons to numbers: what is the same for all bands of an image.

    `read_variance` and `merged_variance` are in electrons squared: of the gain that is read, and, up to
    `merged_to_e` electrons, of the high conversion gain.
    """

    fixed: FixedPattern
    leak_s: float
    dark_e: float
    full_well_e: float
    read_variance: float
    merged_variance: float
    merged_to_e: float
    photosites: int
    dn_per_e: float
    black: int
    white: int

    @classmethod
    def of(
        cls, sensor: PixelArray, mode: Mode, request: ExposureRequest, fixed: FixedPattern
    ) -> "Conversion":
        """The conversion of one request."""
        gain, bits = request.analogue_gain, request.bits
        leak_s = sensor.leak(request.temperature_c) * request.exposure_us * 1e-6
        merges = sensor.merges(bits, gain)
        return cls(
            fixed=fixed,
            leak_s=leak_s,
            dark_e=sensor.dark_current_e_per_s * leak_s,
            full_well_e=sensor.full_well_e,
            read_variance=sensor.read_noise_e(gain) ** 2,
            merged_variance=sensor.high_gain_read_noise_e**2,
            # The high conversion gain fills its range with so many electrons.
            merged_to_e=sensor.full_well_e / sensor.high_gain_from if merges else -math.inf,
            photosites=mode.binning**2,
            dn_per_e=sensor.dn_per_e(bits, gain),
            black=sensor.black_level(bits),
            white=sensor.white_level(bits),
        )

    def band(self, mean_e: Floats, top: int, chance: np.random.Generator) -> NDArray[np.uint16]:
        """The pixel values of mean electrons, which are used up."""
        offsets_e = self.fixed.apply(mean_e, self.leak_s, top)
        mean_e += np.float32(self.dark_e)
        electrons = read_electrons(mean_e, self._variance(mean_e), self.photosites, chance)
        electrons += offsets_e
        np.minimum(electrons, np.float32(self.full_well_e), out=electrons)
        electrons *= np.float32(self.dn_per_e)
        electrons += np.float32(self.black)
        electrons += self._rounding(electrons, chance)
        np.clip(electrons, np.float32(0), np.float32(self.white), out=electrons)
        return electrons.astype(np.uint16)

    def _rounding(self, electrons: Floats, chance: np.random.Generator) -> Floats | np.float32:
        """What is added before the fraction is cut off: half a number, or for a binned mean any part of one.

        A mean has less noise than a step; chance rounds it, as its converters' noise would, or contours show.
        """
        if self.photosites == 1:
            return np.float32(0.5)
        picks = np.frombuffer(chance.bytes(electrons.size), dtype=np.uint8).reshape(electrons.shape)
        return (picks + np.float32(0.5)) * np.float32(1 / 256)

    def _variance(self, mean_e: Floats) -> Floats | np.float32:
        if self.merged_to_e < 0:
            return np.float32(self.read_variance)
        low, high = np.float32(self.read_variance), np.float32(self.merged_variance)
        return np.where(mean_e < np.float32(self.merged_to_e), high, low)


def _checked_seed(seed: int) -> int:
    if seed < 0:
        raise ValueError(f"seed: {seed} is negative")
    return seed


def _rules(profile: Profile, mode: Mode, request: ExposureRequest) -> Iterator[tuple[str, bool]]:
    """Each field of a request, and whether its value is possible."""
    sensor, (x, y, width, height) = profile.sensor, request.region
    yield "bits", request.bits in mode.formats
    yield "exposure_us", sensor.exposure_us_min <= request.exposure_us <= sensor.exposure_us_max
    yield "analogue_gain", sensor.gain_min <= request.analogue_gain <= sensor.gain_max
    yield "test_pattern", request.test_pattern in (OFF, *PATTERNS)
    yield "image_id", 0 <= request.image_id <= _IMAGE_ID_MAX
    yield "exposure_index", request.exposure_index >= 0
    yield "f_number", request.f_number is None or request.f_number >= profile.lens.f_number
    yield "focus_dioptres", 0.0 <= request.focus_dioptres <= profile.lens.position_max_dioptres
    yield "temperature_c", -100.0 <= request.temperature_c <= 200.0
    yield "region", _fits(x, width, mode.width, WIDTH_STEP)
    yield "region", _fits(y, height, mode.height, HEIGHT_STEP)


def _fits(start: int, size: int, limit: int, step: int) -> bool:
    return start >= 0 and start % 2 == 0 and size >= step and size % step == 0 and start + size <= limit
