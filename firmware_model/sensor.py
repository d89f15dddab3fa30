"""The virtual sensor: light to electrons to numbers, one band of rows after another.

A photosite collects electrons in proportion to light, exposure time and quantum efficiency, up to its
full well. They arrive by chance (shot noise, variance = mean) and are read with an error (read noise,
smaller at the high conversion gain); both are drawn as one Gaussian, which is right above some 20
electrons and too symmetric below. Gain multiplies what is read; the converter adds the black level,
rounds and clips to its range.

Two trades buy speed, since 100 million Gaussian draws take seconds. Noise comes from a table of 2^20
values: each row starts at a random place of it, so the same run of noise comes back in far rows,
shifted. And a binned pixel is drawn at its own site, as the mean of its photosites: binning divides the
noise, not the picture's aliasing.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from laserlink.firmware_model.colour import D65_XYZ, SRGB_TO_XYZ
from laserlink.firmware_model.patterns import OFF, PATTERNS
from laserlink.firmware_model.profile import HEIGHT_STEP, WIDTH_STEP, Mode, PixelArray, Profile
from laserlink.firmware_model.scene_kinds import BayerScene, LuminanceScene, Scene

_NOISE_VALUES = 1 << 20
_BAND_PIXELS = 1 << 19
_IMAGE_ID_MAX = 2**32 - 1
_CFA_SITES = ((0, 0), (0, 1), (1, 0), (1, 1))


@dataclass(frozen=True)
class ExposureRequest:
    """One image to be taken. `region` is (x, y, width, height) in the mode's pixels."""

    mode_id: int
    bits: int
    exposure_us: int
    analogue_gain: float
    test_pattern: int
    image_id: int
    region: tuple[int, int, int, int]


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


class Sensor:
    """A sensor in front of a scene; the same seed and request always give the same pixels.

    `profile` is the profile that is in force, which for a replayed file is not the one given (see
    `fitted_profile`, which raises ProfileError when the file is no legal array). ValueError for a
    negative seed. The same pixels need the same numpy as well: its Gaussian draws may change.
    """

    def __init__(self, profile: Profile, scene: Scene, seed: int) -> None:
        self.profile = fitted_profile(profile, scene)
        self._scene = scene
        self._seed = _checked_seed(seed)
        self._noise: NDArray[np.float32] | None = None

    def black_level(self, bits: int) -> int:
        """The DN of no light at that bit depth."""
        return self.profile.sensor.black_level(bits)

    def white_level(self, bits: int) -> int:
        """The largest DN at that bit depth."""
        return self.profile.sensor.white_level(bits)

    def expose(self, request: ExposureRequest) -> NDArray[np.uint16]:
        """Takes one image: uint16 of shape (height, width) of the request's region.

        A region's pixels are those of the whole image. A replayed file ignores exposure and gain.
        ValueError names the field of a request that cannot be met.
        """
        mode = self._checked(request)
        x, y, width, height = request.region
        if request.test_pattern != OFF:
            cell = PATTERNS[request.test_pattern](mode.width, self.white_level(request.bits))
            return np.tile(cell[:, x : x + width], (height // 2, 1))
        if isinstance(self._scene, BayerScene):
            return self._scene.pixels[y : y + height, x : x + width].copy()
        return self._read_out(self._scene, mode, request)

    def _checked(self, request: ExposureRequest) -> Mode:
        modes = {mode.id: mode for mode in self.profile.modes}
        mode = modes.get(request.mode_id)
        if mode is None:
            raise ValueError(f"mode_id: {request.mode_id} is none of {sorted(modes)}")
        for field, holds in _rules(self.profile.sensor, mode, request):
            if not holds:
                value = getattr(request, field)
                raise ValueError(f"{field}: {value} is not possible in mode {mode.name}")
        return mode

    def _read_out(self, scene: LuminanceScene, mode: Mode, request: ExposureRequest) -> NDArray[np.uint16]:
        x, y, width, height = request.region
        image = np.empty((height, width), dtype=np.uint16)
        weights = self._electrons_per_light(request.exposure_us)
        chance = np.random.default_rng((self._seed, request.image_id))
        offsets = chance.integers(0, _NOISE_VALUES - mode.width, size=mode.height)
        windows = sliding_window_view(self._noise_table(), mode.width)
        conversion = Conversion.of(self.profile.sensor, mode, request)
        step = max(2, (_BAND_PIXELS // mode.width) & ~1)
        # Bands start at fixed rows of the mode, so that a region has the pixels of the whole image.
        for top in range(y // step * step, y + height, step):
            rows = min(step, mode.height - top)
            light = scene.band(mode.width, mode.height, top, rows)
            electrons = _mosaic(light, weights)
            pixels = conversion.apply(electrons, windows[offsets[top : top + rows]])
            first, last = max(top, y), min(top + rows, y + height)
            image[first - y : last - y] = pixels[first - top : last - top, x : x + width]
        return image

    def _electrons_per_light(self, exposure_us: int) -> NDArray[np.float32]:
        """Electrons of the red, green and blue photosites per unit of linear sRGB light: shape (3, 3).

        White gives its photons times the quantum efficiency at the green sites, less at the others:
        the sensor's own white balance, as `xyz_to_camera` has it.
        """
        colour = self.profile.colour
        if colour is None:
            raise ValueError("scene: the profile has no colour response")
        xyz_to_camera = np.reshape(colour.xyz_to_camera, (3, 3))
        green_of_white = float(xyz_to_camera[1] @ D65_XYZ)
        sensor = self.profile.sensor
        white_e = sensor.white_photons_per_ms * sensor.quantum_efficiency * exposure_us / 1000.0
        weights: NDArray[np.float64] = xyz_to_camera @ SRGB_TO_XYZ * (white_e / green_of_white)
        return weights.astype(np.float32)

    def _noise_table(self) -> NDArray[np.float32]:
        if self._noise is None:
            self._noise = np.random.default_rng(self._seed).standard_normal(_NOISE_VALUES, dtype=np.float32)
        return self._noise


@dataclass(frozen=True)
class Conversion:
    """From electrons to numbers: what is the same for every pixel of an image."""

    full_well_e: float
    read_variance: float
    noise_share: float
    dn_per_e: float
    black: int
    white: int

    @classmethod
    def of(cls, sensor: PixelArray, mode: Mode, request: ExposureRequest) -> "Conversion":
        """The conversion of one request."""
        dn16_per_e = request.analogue_gain / sensor.low_gain_e_per_dn
        return cls(
            full_well_e=sensor.full_well_e,
            read_variance=sensor.read_noise_e(request.analogue_gain) ** 2,
            # The mean of n x n photosites has 1/n of the noise of one.
            noise_share=1.0 / mode.binning,
            dn_per_e=dn16_per_e / (1 << (16 - request.bits)),
            black=sensor.black_level(request.bits),
            white=sensor.white_level(request.bits),
        )

    def apply(self, electrons: NDArray[np.float32], noise: NDArray[np.float32]) -> NDArray[np.uint16]:
        """The pixel values of mean electrons and unit noise of the same shape; both arrays are used up."""
        deviation = np.sqrt(electrons + np.float32(self.read_variance))
        noise *= deviation
        noise *= np.float32(self.noise_share)
        electrons += noise
        np.minimum(electrons, np.float32(self.full_well_e), out=electrons)
        electrons *= np.float32(self.dn_per_e)
        electrons += np.float32(self.black + 0.5)
        np.clip(electrons, np.float32(0), np.float32(self.white), out=electrons)
        return electrons.astype(np.uint16)


def _checked_seed(seed: int) -> int:
    if seed < 0:
        raise ValueError(f"seed: {seed} is negative")
    return seed


def _rules(sensor: PixelArray, mode: Mode, request: ExposureRequest) -> Iterator[tuple[str, bool]]:
    """Each field of a request, and whether its value is possible."""
    x, y, width, height = request.region
    yield "bits", request.bits in mode.formats
    yield "exposure_us", sensor.exposure_us_min <= request.exposure_us <= sensor.exposure_us_max
    yield "analogue_gain", sensor.gain_min <= request.analogue_gain <= sensor.gain_max
    yield "test_pattern", request.test_pattern in (OFF, *PATTERNS)
    yield "image_id", 0 <= request.image_id <= _IMAGE_ID_MAX
    yield "region", _fits(x, width, mode.width, WIDTH_STEP)
    yield "region", _fits(y, height, mode.height, HEIGHT_STEP)


def _fits(start: int, size: int, limit: int, step: int) -> bool:
    return start >= 0 and start % 2 == 0 and size >= step and size % step == 0 and start + size <= limit


def _mosaic(light: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean electrons of RGGB sites from light of shape (rows, columns, 3); never below 0."""
    electrons = np.empty(light.shape[:2], dtype=np.float32)
    for (down, right), channel in zip(_CFA_SITES, (0, 1, 1, 2), strict=True):
        site = light[down::2, right::2]
        mean = site[:, :, 0] * weights[channel, 0]
        mean += site[:, :, 1] * weights[channel, 1]
        mean += site[:, :, 2] * weights[channel, 2]
        np.maximum(mean, np.float32(0), out=electrons[down::2, right::2])
    return electrons
