"""The lens in the light's way: what is not at its focus is blurred, corners are darker, and so is all when
the aperture closes.

A thin lens of focal length f and f-number N that is focused at P dioptres throws a point at D dioptres as a
disc of diameter f^2 / N x |P - D| / (1 - f P) (from 1/f = 1/u + 1/v, twice). At best focus a point is still
a spot: diffraction, a Gaussian of 0.42 x wavelength x N (the nearest to the Airy pattern: B. Zhang et al.,
Applied Optics 46, 2007), and the aberrations that the profile gives wide open, which shrink with the
aperture.

Light falls off to the corners with the fourth power of the cosine, and the barrel takes some more of it until
the aperture is two stops down.

A wide disc holds no fine detail, so a scene that is far out of focus is drawn smaller, blurred there, and
drawn up again: a 100-megapixel band never meets a kernel of hundreds of pixels.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from laserlink.firmware_model.profile import Lens
from laserlink.firmware_model.scene_kinds import LuminanceScene

GREEN_MM = 0.55e-3
DIFFRACTION_SIGMA = 0.42
# The barrel is out of the way when the aperture is so many stops down.
CLEAR_STOPS = 2.0
# A disc of a diameter of d has the variance d^2 / 16 along each axis; up to this many pixels it is drawn as
# the Gaussian of that variance, for the spot is as large.
DISC_VARIANCE = 1 / 16
GAUSSIAN_DISC_PIXELS = 3.0
# A wider disc is drawn at a scale at which it is about so wide: a small one has little shape to see, and
# much to draw.
DISC_PIXELS, LARGE_DISC_PIXELS = 3.0, 6.0
LARGE_DISC_FROM_PIXELS = 12.0
# Drawing smaller and up again blurs by itself, in small pixels squared: by their width, and between them.
ENLARGED_VARIANCE = 1 / 12 + 1 / 6
# Taps of a blur below this are left out: a hundredth of the light.
LEAST_TAP = 0.01
# Rows that are worked on together: they stay in the cache.
BLOCK_ROWS = 4
RGB = 3

Light = NDArray[np.float32]


def disc_mm(lens: Lens, focus_dioptres: float, f_number: float, distance_dioptres: float) -> float:
    """The diameter of the disc, in mm on the sensor, that a point at `distance_dioptres` becomes."""
    focal_m = lens.focal_length_mm / 1000.0
    reach = focal_m * lens.focal_length_mm / f_number / (1.0 - focal_m * focus_dioptres)
    return reach * abs(focus_dioptres - distance_dioptres)


def spot_mm(lens: Lens, f_number: float) -> float:
    """The standard deviation, in mm, of the spot at best focus: diffraction and aberrations."""
    aberration = lens.spot_um / 1000.0 * lens.f_number / f_number
    return math.hypot(DIFFRACTION_SIGMA * GREEN_MM * f_number, aberration)


def transmission(lens: Lens, f_number: float) -> float:
    """The light at `f_number` as a part of the light wide open."""
    return (lens.f_number / f_number) ** 2


def contrast_at(lens: Lens, f_number: float, pixel_mm: float, cycles_per_pixel: float) -> float:
    """The MTF at best focus: the spot's, times that of a pixel as wide as its pitch (ISO 12233 sees both)."""
    sigma = spot_mm(lens, f_number) / pixel_mm
    spot = math.exp(-2.0 * (math.pi * sigma * cycles_per_pixel) ** 2)
    return spot * float(np.sinc(cycles_per_pixel))


def half_contrast(lens: Lens, f_number: float, pixel_mm: float) -> float:
    """The MTF50 at best focus, in cycles per pixel."""
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if contrast_at(lens, f_number, pixel_mm, middle) > 0.5 else (low, middle)
    return low


def through_lens(
    scene: LuminanceScene, lens: Lens, focus_dioptres: float, f_number: float, pixel_mm: float
) -> LuminanceScene:
    """The scene as the lens throws it onto pixels of `pixel_mm`: blurred, vignetted, and dimmed by the stop.

    `f_number` is the stop in use, `focus_dioptres` where the lens is focused. `pixel_mm` is the pitch of the
    pixels that `band` will be asked for: of a binned mode, that of its large pixels.
    """
    distance = scene.distance_dioptres
    return ThrownScene(
        scene,
        lens,
        f_number,
        pixel_mm,
        disc_pixels=disc_mm(lens, focus_dioptres, f_number, distance) / pixel_mm,
        spot_pixels=spot_mm(lens, f_number) / pixel_mm,
        distance_dioptres=distance,
    )


@dataclass(frozen=True)
class ThrownScene:
    """A scene behind a lens; drawn like any other."""

    scene: LuminanceScene
    lens: Lens
    f_number: float
    pixel_mm: float
    disc_pixels: float
    spot_pixels: float
    distance_dioptres: float

    def band(self, width: int, height: int, top: int, rows: int) -> Light:
        """As `LuminanceScene.band`: float32 (rows, width, 3), linear light, 1.0 = diffuse white."""
        large = self.disc_pixels >= LARGE_DISC_FROM_PIXELS
        scale = max(1, round(self.disc_pixels / (LARGE_DISC_PIXELS if large else DISC_PIXELS)))
        light = (
            self._blurred(width, height, top, rows, 1.0)
            if scale == 1
            else self._enlarged(width, height, top, rows, scale)
        )
        self._fall_off(light, width, height, top)
        return light

    def _enlarged(self, width: int, height: int, top: int, rows: int, scale: int) -> Light:
        """Drawn smaller, where the disc is of a handy size, and drawn up between its pixels."""
        small_width, small_height = -(-width // scale), -(-height // scale)
        upper, lower, share = _between(height, small_height, top, rows)
        first, last = int(upper[0]), int(lower[-1]) + 1
        small = self._blurred(small_width, small_height, first, last - first, width / small_width)
        left, right, part = _between(width, small_width, 0, width)
        wide = small[:, left] * (1 - part)[:, np.newaxis]
        wide += small[:, right] * part[:, np.newaxis]
        light = np.empty((rows, width, RGB), np.float32)
        for row in range(rows):
            np.multiply(wide[upper[row] - first], 1 - share[row], out=light[row])
            light[row] += wide[lower[row] - first] * share[row]
        return light

    def _blurred(self, width: int, height: int, top: int, rows: int, scale: float) -> Light:
        """Rows of the scene drawn `scale` times smaller, with disc and spot; edges go on as they end."""
        disc_pixels, variance = self.disc_pixels / scale, (self.spot_pixels / scale) ** 2
        disc = None
        if disc_pixels <= GAUSSIAN_DISC_PIXELS and scale == 1.0:
            variance += disc_pixels**2 * DISC_VARIANCE
        else:
            spread = disc_pixels**2 - (scale > 1.0) * ENLARGED_VARIANCE / DISC_VARIANCE
            disc = disc_kernel(math.sqrt(max(spread, 0.0)))
        taps = gaussian_taps(variance)
        reach = len(taps) - 1 + (len(disc) // 2 if disc is not None else 0)
        first, last = max(0, top - reach), min(height, top + rows + reach)
        light = self.scene.band(width, height, first, last - first)
        if not reach:
            return np.array(light, np.float32)
        around = ((first - (top - reach), top + rows + reach - last), (reach, reach), (0, 0))
        light = np.pad(light, around, mode="edge")
        light = light if disc is None else convolved(light, disc)
        return smeared(light, taps)

    def _fall_off(self, light: Light, width: int, height: int, top: int) -> None:
        """Multiply each pixel by the light there as a part of that on the axis wide open."""
        rows = light.reshape(len(light), -1)
        before = self._share(width, height, top)
        for start in range(0, len(rows), BLOCK_ROWS):
            after = self._share(width, height, top + start + BLOCK_ROWS)
            # Straight lines from one row to the one four rows on: 2e-5 off where pixels are largest.
            step = (after - before) / np.float32(BLOCK_ROWS)
            for row in rows[start : start + BLOCK_ROWS]:
                row *= before
                before += step
            before = after

    def _share(self, width: int, height: int, row: int) -> Light:
        """The light of each value of a row, shape (3 x width), as a part of that on the axis wide open."""
        per_pixel = self.pixel_mm / self.lens.focal_length_mm
        corner2 = (width**2 + height**2) / 4 * per_pixel**2
        stops = 2.0 * math.log2(self.f_number / self.lens.f_number)
        barrel_ev = self.lens.vignetting_ev * max(0.0, 1.0 - stops / CLEAR_STOPS)
        slope2 = ((np.arange(width) - (width - 1) / 2) * per_pixel) ** 2
        slope2 += ((row - (height - 1) / 2) * per_pixel) ** 2
        loss = (1.0 + slope2) ** 2 * (1.0 + (2.0**barrel_ev - 1.0) * (slope2 / corner2) ** 2)
        return np.repeat((transmission(self.lens, self.f_number) / loss).astype(np.float32), RGB)


def _between(
    size: int, small_size: int, start: int, count: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], Light]:
    """For `count` pixels from `start`: the smaller drawing's pixels around each, and the later one's part."""
    place = np.clip((np.arange(start, start + count) + 0.5) * (small_size / size) - 0.5, 0, small_size - 1)
    before = np.floor(place).astype(np.intp)
    return before, np.minimum(before + 1, small_size - 1), (place - before).astype(np.float32)


def gaussian_taps(variance: float) -> list[float]:
    """Half of a symmetric blur, its centre first: the Gaussian of a variance in pixels squared.

    Made in the frequency domain, so that it is right for a spot that is smaller than a pixel.
    """
    size = 4 * math.ceil(4 * math.sqrt(variance) + 2)
    frequency = np.fft.rfftfreq(size)
    taps = np.fft.irfft(np.exp(-2.0 * np.pi**2 * variance * frequency**2), size)[: size // 2]
    kept = max((index for index, tap in enumerate(taps) if abs(tap) >= LEAST_TAP), default=0)
    half = taps[: kept + 1] / (taps[0] + 2 * taps[1 : kept + 1].sum())
    return [float(tap) for tap in half]


def disc_kernel(diameter: float) -> Light:
    """A disc of even light, its edge softened over a pixel: square, with an odd side and a sum of 1."""
    reach = math.ceil(diameter / 2)
    axis = np.arange(-reach, reach + 1)
    radius = np.hypot(axis, axis[:, np.newaxis])
    disc = np.clip(diameter / 2 + 0.5 - radius, 0.0, 1.0)
    normal: Light = (disc / disc.sum()).astype(np.float32)
    return normal


def convolved(light: Light, kernel: Light) -> Light:
    """Light (rows, columns, 3) under a square kernel; smaller by the kernel's side less one."""
    side = len(kernel)
    rows, columns = light.shape[0] - side + 1, light.shape[1] - side + 1
    out = np.zeros((rows, columns * RGB), np.float32)
    flat = light.reshape(len(light), -1)
    places = [(down, across) for down in range(side) for across in range(side) if kernel[down, across]]
    for start in range(0, rows, BLOCK_ROWS):
        block = out[start : start + BLOCK_ROWS]
        for down, across in places:
            part = flat[start + down : start + down + len(block), RGB * across : RGB * (across + columns)]
            block += part * kernel[down, across]
    return out.reshape(rows, columns, RGB)


def smeared(light: Light, taps: list[float]) -> Light:
    """Light (rows, columns, 3) under the blur of which `taps` are one half, along both axes.

    Smaller by twice the number of taps less one; rows first, then columns, a few rows at a time.
    """
    reach = len(taps) - 1
    rows, columns = light.shape[0] - 2 * reach, light.shape[1] - 2 * reach
    out = np.empty((rows, columns * RGB), np.float32)
    flat = light.reshape(len(light), -1)
    for start in range(0, rows, BLOCK_ROWS):
        count = min(BLOCK_ROWS, rows - start)
        down = _weighted(
            [
                flat[start + reach + shift : start + reach + shift + count]
                for shift in range(-reach, reach + 1)
            ],
            taps,
        )
        across = [down[:, RGB * shift : RGB * (shift + columns)] for shift in range(2 * reach + 1)]
        out[start : start + count] = _weighted(across, taps)
    return out.reshape(rows, columns, RGB)


def _weighted(shifted: list[Light], taps: list[float]) -> Light:
    """The sum of arrays, of which those at the same distance from the middle one share a tap."""
    middle = len(taps) - 1
    total: Light = shifted[middle] * np.float32(taps[0])
    for distance, tap in enumerate(taps[1:], 1):
        pair = shifted[middle - distance] + shifted[middle + distance]
        pair *= np.float32(tap)
        total += pair
    return total
