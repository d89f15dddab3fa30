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

from laserlink.host_driver.illuminant import D65_WHITE, adaptation, light_of, matrix_at
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
BIN_SAMPLES = 2
"""Samples taken per axis, and per colour plane, in one bin of a thumbnail; more would only cost time."""

XYZ_FROM_SRGB = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
"""Linear sRGB to CIE XYZ, both at D65."""

CFA_ORDERS = ("RGGB", "GRBG", "GBRG", "BGGR")
"""Bayer orders by their top-left 2 x 2 in reading order; the place of R is where RGGB begins in them."""

PLANES = ((0, 0), (0, 1), (1, 0), (1, 1))
"""(row, column) of the colour planes from a red pixel on: red, green beside red, green beside blue, blue."""
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
    """How samples become sRGB: one black level and gain per plane, then a 3 x 3 matrix, exposure included.

    Planes are in the order of `PLANES`, whatever the pattern begins with.
    """

    black_levels: Float
    gains: Float
    matrix: Float


def camera_to_srgb(color_matrix: Any, color_matrix_a: Any = None, neutral: Any = None) -> Float:
    """The 3 x 3 matrix from white-balanced camera colours to linear sRGB; white stays white.

    The matrices are XYZ to camera at D65 and at illuminant A, 9 numbers in rows, as in DNG; None is unknown,
    and at D65 gives identity. `neutral` is the camera's colour of white: with both matrices it tells which
    light the picture was taken in, and the matrix is the one for that light. Raises `BadColorMatrix`.
    """
    if color_matrix is None:
        return np.eye(3, dtype=np.float32)
    matrix = np.asarray(color_matrix, dtype=np.float64).reshape(3, 3)
    if color_matrix_a is not None and neutral is not None:
        other = np.asarray(color_matrix_a, dtype=np.float64).reshape(3, 3)
        light = light_of(np.asarray(neutral, dtype=np.float64), matrix, other)
        if light is not None:
            matrix = matrix_at(light[1], matrix, other) @ adaptation(D65_WHITE, light[0])
    camera_from_srgb = matrix @ XYZ_FROM_SRGB
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
    recipe = _recipe(picture, exposure_gain, None)
    height, width = picture.raw.shape
    down, right = red_site(picture)
    for top in range(0, height, BAND_ROWS):
        rows = min(BAND_ROWS, height - top)
        band = _develop_band(_with_border(picture.raw, top, rows, (down, right)), recipe)
        yield band[down : down + rows, right : right + width]


def thumbnail(picture: Picture, max_side: int) -> NDArray[np.uint8]:
    """A small sRGB picture, (height, width, 3), neither side over `max_side` pixels; half size at most.

    Each pixel is the mean of samples from one bin of 2 x 2 sensor pixels or more, so nothing is demosaiced.
    Raises `BadColorMatrix`; ValueError when `max_side` is not positive.
    """
    if max_side < 1:
        raise ValueError(f"max_side is {max_side}; it must be at least 1")
    means = binned(picture, max_side)
    # Enough bins tell the exposure too; binning twice would take twice as long.
    recipe = _recipe(picture, None, means if max_side >= GREY_WORLD_SIDE else None)
    planes = [_levelled(means[plane], recipe, plane) for plane in range(4)]
    channels = [np.mean([planes[plane] for plane in group], axis=0) for group in CHANNEL_PLANES]
    out = np.empty((*channels[0].shape, 3), np.uint8)
    _encode(np.stack(channels), recipe.matrix, out)
    return out


def red_site(picture: Picture) -> tuple[int, int]:
    """Row and column, 0 or 1, of the red pixel in the top-left 2 x 2."""
    row, column = divmod(str(picture.metadata.get("CfaPattern", CFA_ORDERS[0])).index("R"), 2)
    return row, column


def black_levels_of(picture: Picture) -> Float:
    """The black levels in the order of `PLANES`; the metadata has them in reading order."""
    down, right = red_site(picture)
    levels = np.asarray(picture.metadata["SensorBlackLevels"], dtype=np.float32).reshape(2, 2)
    return np.array([levels[row ^ down, column ^ right] for row, column in PLANES], dtype=np.float32)


def _recipe(picture: Picture, exposure_gain: float | None, means: Float | None) -> _Recipe:
    """`means` are those of a small picture, for the automatic exposure; None has it make its own."""
    black_levels = black_levels_of(picture)
    red, green, blue = white_balance(picture)
    # The smallest gain is 1, so every saturated sample reaches 1.0: clipped there, highlights are neutral.
    balance = 1 / np.array([red, green, green, blue], dtype=np.float32)
    gains = balance / (picture.metadata["WhiteLevel"] - black_levels)
    matrices = (picture.metadata.get("ColorMatrix"), picture.metadata.get("ColorMatrixA"))
    recipe = _Recipe(black_levels, gains, camera_to_srgb(*matrices, (red, green, blue)))
    if exposure_gain is None:
        small = binned(picture, GREY_WORLD_SIDE) if means is None else means
        gain = _exposure_gain(small, recipe)
    else:
        gain = exposure_gain
    return _Recipe(black_levels, gains, recipe.matrix * np.float32(gain))


def _exposure_gain(means: Float, recipe: _Recipe) -> float:
    """At least 1: a gain below would turn clipped highlights grey."""
    planes = np.stack([_levelled(means[plane], recipe, plane) for plane in (RED, GREEN_R, BLUE)])
    linear = np.tensordot(recipe.matrix, planes, axes=1)
    bright = float(np.percentile(linear.max(axis=0), EXPOSURE_PERCENTILE))
    return min(max(1 / max(bright, 1e-6), 1.0), EXPOSURE_GAIN_MAX)


def _grey_world(picture: Picture) -> NDArray[np.float64]:
    """The mean colour of the picture without its clipped parts; (1, 1, 1) when there is no light in it."""
    black_levels = black_levels_of(picture)
    scale = picture.metadata["WhiteLevel"] - black_levels
    light = binned(picture, GREY_WORLD_SIDE).reshape(4, -1)
    light = (light - black_levels[:, np.newaxis]) / scale[:, np.newaxis]
    useful = light[:, light.max(axis=0) < CLIPPED]
    if useful.size == 0:
        return np.ones(3)
    planes = useful.mean(axis=1)
    channels = np.array([planes[list(group)].mean() for group in CHANNEL_PLANES])
    if channels.max() < 0.5 / scale.max():  # under half a digital number: noise
        return np.ones(3)
    return np.asarray(np.maximum(channels / channels.max(), NEUTRAL_MIN), dtype=np.float64)


def binned(picture: Picture, side_max: int) -> Float:
    """Means of each colour plane in square bins, (4, rows, columns), in digital numbers; planes as `PLANES`.

    Of large bins only `BIN_SAMPLES` x `BIN_SAMPLES` samples of each plane are read, evenly spaced.
    """
    raw = picture.raw
    height, width = raw.shape
    block = 2 * -(-max(height, width) // (2 * side_max))
    half_rows, half_columns = min(block, height) // 2, min(block, width) // 2
    rows, columns = height // (2 * half_rows), width // (2 * half_columns)
    means = np.zeros((4, rows, columns), np.float32)
    row_samples, column_samples = _sample_positions(half_rows), _sample_positions(half_columns)
    down, right = red_site(picture)
    for plane, (row, column) in enumerate((row ^ down, column ^ right) for row, column in PLANES):
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


def _with_border(
    raw: NDArray[np.uint16], top: int, rows: int, red: tuple[int, int] = (0, 0)
) -> NDArray[np.uint16]:
    """Rows from `top` on, with a mirrored border of 2 pixels, and more where it takes that to begin with red.

    Above and left, the border is 2 pixels and as many as `red` says; both sides of the result are even.
    """
    height, width = raw.shape
    above, left = 2 + red[0], 2 + red[1]
    shape = tuple((size + before + 3) & ~1 for size, before in ((rows, above), (width, left)))
    band = np.empty(shape, np.uint16)
    band[:, left : left + width] = raw[_mirrored(top - above, shape[0], height)]
    columns = _mirrored(-left, shape[1], width) + left
    outside = [*range(left), *range(left + width, shape[1])]
    band[:, outside] = band[:, columns[outside]]
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
