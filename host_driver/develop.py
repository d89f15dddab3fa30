"""From RAW to a picture that looks like the scene, by bands of rows, so that memory stays bounded.

The steps: black and white level; white balance; highlights clipped to a neutral white; bilinear demosaic;
camera colours to linear sRGB; a mild automatic exposure; the sRGB transfer curve. All in float32.

Sources: the DNG specification 1.4, chapter 6 (camera to XYZ), IEC 61966-2-1 (sRGB).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from laserlink.protocol.errors import LaserLinkError

Float = NDArray[np.float32]

BAND_ROWS = 64
"""Rows per band, even. A band of a 100 MP picture then takes 20 MB of work space."""

EXPOSURE_PERCENTILE = 99.5
EXPOSURE_GAIN_MAX = 4.0
"""Automatic exposure brings the 99.5th percentile of the brightest channel to white, by two stops at most."""

CLIPPED = 0.95
"""Part of the full scale above which a sample says nothing about the colour of the light."""

NEUTRAL_MIN = 0.05
"""The smallest estimated neutral component: a colour cast of 20 to 1 is noise or a filter, not a light."""

GREY_WORLD_SIDE = 256
BIN_SAMPLES = 3
"""Samples taken per axis, and per colour plane, in one bin of a thumbnail; more would only cost time."""

XYZ_FROM_SRGB = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
"""Linear sRGB to CIE XYZ, both at D65."""

PLANES = ((0, 0), (0, 1), (1, 0), (1, 1))
"""(row, column) of the colour planes in RGGB: red, green beside red, green beside blue, blue."""
RED, GREEN_R, GREEN_B, BLUE = range(4)
CHANNEL_PLANES = ((RED,), (GREEN_R, GREEN_B), (BLUE,))

# Which samples make a channel at each site of the pattern: (plane, rows down, columns right), in steps of
# the 2 x 2 pattern. One sample is the pixel's own; two or four are averaged: that is bilinear interpolation.
_R4 = ((RED, 0, 0), (RED, 0, 1), (RED, 1, 0), (RED, 1, 1))
_B4 = ((BLUE, 0, 0), (BLUE, 0, -1), (BLUE, -1, 0), (BLUE, -1, -1))
INTERPOLATION = {
    (0, 0): (((RED, 0, 0),), ((GREEN_R, 0, -1), (GREEN_R, 0, 0), (GREEN_B, -1, 0), (GREEN_B, 0, 0)), _B4),
    (0, 1): (((RED, 0, 0), (RED, 0, 1)), ((GREEN_R, 0, 0),), ((BLUE, -1, 0), (BLUE, 0, 0))),
    (1, 0): (((RED, 0, 0), (RED, 1, 0)), ((GREEN_B, 0, 0),), ((BLUE, 0, -1), (BLUE, 0, 0))),
    (1, 1): (_R4, ((GREEN_B, 0, 0), (GREEN_B, 0, 1), (GREEN_R, 0, 0), (GREEN_R, 1, 0)), ((BLUE, 0, 0),)),
}

CURVE_SIZE = 1 << 14


def _srgb_curve() -> NDArray[np.uint8]:
    linear: NDArray[np.float64] = np.linspace(0.0, 1.0, CURVE_SIZE)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(255 * encoded), dtype=np.uint8)


SRGB_CURVE = _srgb_curve()
"""Linear light in CURVE_SIZE steps to sRGB bytes (IEC 61966-2-1)."""


class BadColorMatrix(LaserLinkError, ValueError):
    """A ColorMatrix that no camera has: it maps white to nothing, or cannot be inverted."""


class Picture(Protocol):
    """What developing and writing need of a shot."""

    @property
    def raw(self) -> NDArray[np.uint16]: ...

    @property
    def metadata(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class _Recipe:
    """How samples become sRGB: one black level and gain per plane, then a 3 x 3 matrix, exposure included."""

    black_levels: Float
    gains: Float
    matrix: Float


def camera_to_srgb(color_matrix: Any) -> Float:
    """The 3 x 3 matrix from white-balanced camera colours to linear sRGB; white stays white.

    `color_matrix` is XYZ to camera at D65, 9 numbers in rows, as in DNG; None (unknown) gives identity.
    Raises `BadColorMatrix`.
    """
    if color_matrix is None:
        return np.eye(3, dtype=np.float32)
    camera_from_srgb = np.asarray(color_matrix, dtype=np.float64).reshape(3, 3) @ XYZ_FROM_SRGB
    white = camera_from_srgb.sum(axis=1)
    if not np.all(white > 1e-6):
        raise BadColorMatrix(f"ColorMatrix maps white to {white.round(6).tolist()}")
    camera_from_srgb /= white[:, np.newaxis]
    if not np.linalg.cond(camera_from_srgb) < 1e4:
        raise BadColorMatrix("ColorMatrix cannot be inverted")
    return np.linalg.inv(camera_from_srgb).astype(np.float32)


def white_balance(picture: Picture) -> tuple[float, float, float]:
    """AsShotNeutral, the camera's (R, G, B) of a neutral grey, largest 1: the metadata's, or grey world's."""
    given = picture.metadata.get("AsShotNeutral")
    neutral = _grey_world(picture) if given is None else np.asarray(given, dtype=np.float64)
    red, green, blue = (neutral / neutral.max()).tolist()
    return red, green, blue


def develop(picture: Picture, *, exposure_gain: float | None = None) -> Iterator[NDArray[np.uint8]]:
    """Yield the picture at full resolution, as sRGB bands of shape (rows, width, 3), top to bottom.

    `exposure_gain` multiplies linear light; None chooses between 1 and `EXPOSURE_GAIN_MAX` so that the
    brightest half percent just reaches white. Works for any height and even width of at least 2.
    Raises `BadColorMatrix`.
    """
    recipe = _recipe(picture, exposure_gain)
    height = picture.raw.shape[0]
    for top in range(0, height, BAND_ROWS):
        rows = min(BAND_ROWS, height - top)
        yield _develop_band(_with_border(picture.raw, top, rows), recipe)[:rows]


def thumbnail(picture: Picture, max_side: int) -> NDArray[np.uint8]:
    """A small sRGB picture, (height, width, 3), neither side over `max_side` pixels; half size at most.

    Each pixel is the mean of samples from one bin of 2 x 2 sensor pixels or more, so nothing is demosaiced.
    Raises `BadColorMatrix`; ValueError when `max_side` is not positive.
    """
    if max_side < 1:
        raise ValueError(f"max_side is {max_side}; it must be at least 1")
    recipe = _recipe(picture, None)
    means = _binned(picture, max_side)
    planes = [_levelled(means[plane], recipe, plane) for plane in range(4)]
    channels = [np.mean([planes[plane] for plane in group], axis=0) for group in CHANNEL_PLANES]
    out = np.empty((*channels[0].shape, 3), np.uint8)
    _encode(np.stack(channels), recipe.matrix, out)
    return out


def _recipe(picture: Picture, exposure_gain: float | None) -> _Recipe:
    black_levels = np.asarray(picture.metadata["SensorBlackLevels"], dtype=np.float32)
    red, green, blue = white_balance(picture)
    # The smallest gain is 1, so every saturated sample reaches 1.0: clipped there, highlights are neutral.
    balance = 1 / np.array([red, green, green, blue], dtype=np.float32)
    gains = balance / (picture.metadata["WhiteLevel"] - black_levels)
    recipe = _Recipe(black_levels, gains, camera_to_srgb(picture.metadata.get("ColorMatrix")))
    gain = _exposure_gain(picture, recipe) if exposure_gain is None else exposure_gain
    return _Recipe(black_levels, gains, recipe.matrix * np.float32(gain))


def _exposure_gain(picture: Picture, recipe: _Recipe) -> float:
    """At least 1: a gain below would turn clipped highlights grey."""
    means = _binned(picture, GREY_WORLD_SIDE)
    planes = np.stack([_levelled(means[plane], recipe, plane) for plane in (RED, GREEN_R, BLUE)])
    linear = np.tensordot(recipe.matrix, planes, axes=1)
    bright = float(np.percentile(linear.max(axis=0), EXPOSURE_PERCENTILE))
    return min(max(1 / max(bright, 1e-6), 1.0), EXPOSURE_GAIN_MAX)


def _grey_world(picture: Picture) -> NDArray[np.float64]:
    """The mean colour of the picture without its clipped parts; (1, 1, 1) when there is no light in it."""
    black_levels = np.asarray(picture.metadata["SensorBlackLevels"], dtype=np.float64)
    scale = picture.metadata["WhiteLevel"] - black_levels
    light = _binned(picture, GREY_WORLD_SIDE).reshape(4, -1)
    light = (light - black_levels[:, np.newaxis]) / scale[:, np.newaxis]
    useful = light[:, light.max(axis=0) < CLIPPED]
    if useful.size == 0:
        return np.ones(3)
    planes = useful.mean(axis=1)
    channels = np.array([planes[list(group)].mean() for group in CHANNEL_PLANES])
    if channels.max() < 0.5 / scale.max():  # under half a digital number: noise
        return np.ones(3)
    return np.asarray(np.maximum(channels / channels.max(), NEUTRAL_MIN), dtype=np.float64)


def _binned(picture: Picture, side_max: int) -> Float:
    """Means of each colour plane in square bins, (4, rows, columns), in digital numbers.

    Of large bins only `BIN_SAMPLES` x `BIN_SAMPLES` samples of each plane are read, evenly spaced.
    """
    raw = picture.raw
    height, width = raw.shape
    block = 2 * -(-max(height, width) // (2 * side_max))
    half_rows, half_columns = min(block, height) // 2, min(block, width) // 2
    rows, columns = height // (2 * half_rows), width // (2 * half_columns)
    means = np.zeros((4, rows, columns), np.float32)
    row_samples, column_samples = _sample_positions(half_rows), _sample_positions(half_columns)
    for plane, (row, column) in enumerate(PLANES):
        for i in row_samples:
            lines = raw[row + 2 * i :: 2 * half_rows][:rows]
            for j in column_samples:
                means[plane] += lines[:, column + 2 * j :: 2 * half_columns][:, :columns]
    means /= len(row_samples) * len(column_samples)
    return means


def _sample_positions(size: int) -> list[int]:
    count = min(size, BIN_SAMPLES)
    return [(2 * index + 1) * size // (2 * count) for index in range(count)]


def _mirrored(first: int, count: int, size: int) -> NDArray[np.intp]:
    """Indices first .. first + count - 1, reflected at 0 and size - 1; an index keeps its parity."""
    period = 2 * (size - 1)
    index = np.arange(first, first + count) % period
    return np.minimum(index, period - index)


def _with_border(raw: NDArray[np.uint16], top: int, rows: int) -> NDArray[np.uint16]:
    """An even number of rows, at least `rows`, from `top` on, with a mirrored border of 2 pixels."""
    height, width = raw.shape
    band = np.empty((rows + rows % 2 + 4, width + 4), np.uint16)
    band[:, 2:-2] = raw[_mirrored(top - 2, band.shape[0], height)]
    outside = _mirrored(-2, width + 4, width)[[0, 1, -2, -1]]
    band[:, [0, 1, -2, -1]] = band[:, outside + 2]
    return band


def _levelled(samples: NDArray[Any], recipe: _Recipe, plane: int) -> Float:
    """Samples of one plane, black at 0, balanced, clipped at white = 1."""
    light = samples.astype(np.float32)
    light -= recipe.black_levels[plane]
    light *= recipe.gains[plane]
    return np.minimum(light, np.float32(1), out=light)


def _develop_band(band: NDArray[np.uint16], recipe: _Recipe) -> NDArray[np.uint8]:
    """sRGB of a band that has a border of 2 pixels on every side."""
    planes = [_levelled(band[row::2, column::2], recipe, plane) for plane, (row, column) in enumerate(PLANES)]
    rows, columns = planes[0].shape[0] - 2, planes[0].shape[1] - 2
    out = np.empty((2 * rows, 2 * columns, 3), np.uint8)
    channels = np.empty((3, rows, columns), np.float32)
    for (row, column), sources in INTERPOLATION.items():
        for channel, samples in enumerate(sources):
            _average(planes, samples, channels[channel])
        _encode(channels, recipe.matrix, out[row::2, column::2])
    return out


def _average(planes: list[Float], samples: tuple[tuple[int, int, int], ...], out: Float) -> None:
    rows, columns = out.shape
    views = [planes[p][1 + down :, 1 + right :][:rows, :columns] for p, down, right in samples]
    out[:] = views[0]
    for view in views[1:]:
        out += view
    if len(views) > 1:
        out *= np.float32(1 / len(views))


def _encode(channels: Float, matrix: Float, out: NDArray[np.uint8]) -> None:
    """Camera channels (3, rows, columns), through `matrix` and curve, into `out` (rows, columns, 3)."""
    linear = (matrix * np.float32(CURVE_SIZE - 1)) @ channels.reshape(3, -1)
    np.clip(linear, 0, CURVE_SIZE - 1, out=linear)
    encoded = SRGB_CURVE[linear.astype(np.uint16)].reshape(channels.shape)
    for channel in range(3):
        out[..., channel] = encoded[channel]
