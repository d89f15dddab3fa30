"""How different two colours look: CIELAB and CIEDE2000.

Sources: CIE 15:2004 (CIELAB); CIE 142-2001 and Sharma, Wu and Dalal, Color Research and Application 30, 2005
(CIEDE2000, its test data, and what to do about hues of opposite sides); IEC 61966-2-1 (sRGB).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Colours = NDArray[np.float64]

XYZ_FROM_SRGB: Colours = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
D65_XYZ: Colours = XYZ_FROM_SRGB.sum(axis=1)

_LINEAR_UNTIL = (6 / 29) ** 3
_FAR_CHROMA = 25.0**7


def lab_of_linear_srgb(light: Any) -> Colours:
    """CIELAB under D65 of linear sRGB light, 1 = white; any shape that ends in 3."""
    return lab_of_xyz(np.asarray(light, dtype=np.float64) @ XYZ_FROM_SRGB.T, D65_XYZ)


def lab_of_xyz(xyz: Any, white: Any) -> Colours:
    """CIELAB of CIE XYZ, seen under `white`; any shape that ends in 3."""
    ratio = np.asarray(xyz, dtype=np.float64) / np.asarray(white, dtype=np.float64)
    root = np.where(ratio > _LINEAR_UNTIL, np.cbrt(ratio), ratio * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def ciede2000(first: Any, second: Any) -> Colours:
    """The difference of CIELAB colours, pair by pair; about 1 is just seen. Any shape that ends in 3."""
    lightness, a, b = (np.stack(pair) for pair in zip(_channels(first), _channels(second), strict=True))
    chroma = _far(np.hypot(a, b).mean(axis=0))
    a = a * (1.5 - 0.5 * chroma)
    chroma = np.hypot(a, b)
    hue = np.degrees(np.arctan2(b, a)) % 360
    hue_step = _hue_step(hue, chroma)
    terms = _weighted(lightness, chroma, hue, hue_step)
    light_term, chroma_term, hue_term, rotation = terms
    total = light_term**2 + chroma_term**2 + hue_term**2 + rotation * chroma_term * hue_term
    return np.sqrt(np.maximum(total, 0.0))


def _channels(lab: Any) -> Colours:
    """L, a and b in front."""
    return np.asarray(np.moveaxis(np.asarray(lab, dtype=np.float64), -1, 0), dtype=np.float64)


def _far(chroma: Colours) -> Colours:
    """From 0 at grey to 1 for saturated colours."""
    return np.asarray(np.sqrt(chroma**7 / (chroma**7 + _FAR_CHROMA)), dtype=np.float64)


def _hue_step(hue: Colours, chroma: Colours) -> Colours:
    """From the first to the second, in degrees, the shorter way round; none from or to a grey."""
    step: Colours = (hue[1] - hue[0] + 180) % 360 - 180
    # At exactly half a turn the way goes up where the first hue is the smaller.
    step = np.where((step == -180) & (hue[1] > hue[0]), 180.0, step)
    return np.where(chroma.min(axis=0) == 0, 0.0, step)


def _mean_hue(hue: Colours, chroma: Colours) -> Colours:
    """Between both, on the shorter way; the sum where one is grey."""
    total = hue.sum(axis=0)
    far = np.abs(hue[0] - hue[1]) > 180
    mean = np.where(far, np.where(total < 360, total + 360, total - 360), total) / 2
    return np.asarray(np.where(chroma.min(axis=0) == 0, total, mean), dtype=np.float64)


def _weighted(
    lightness: Colours, chroma: Colours, hue: Colours, hue_step: Colours
) -> tuple[Colours, Colours, Colours, Colours]:
    """The differences of lightness, chroma and hue as they are seen, and the factor of the rotation term."""
    middle_light, middle_chroma = lightness.mean(axis=0), chroma.mean(axis=0)
    angle = _mean_hue(hue, chroma)
    offset = (middle_light - 50) ** 2
    light_weight = 1 + 0.015 * offset / np.sqrt(20 + offset)
    chroma_weight = 1 + 0.045 * middle_chroma
    wave = (
        1
        - 0.17 * np.cos(np.radians(angle - 30))
        + 0.24 * np.cos(np.radians(2 * angle))
        + 0.32 * np.cos(np.radians(3 * angle + 6))
        - 0.20 * np.cos(np.radians(4 * angle - 63))
    )
    hue_weight = 1 + 0.015 * middle_chroma * wave
    turn = 30 * np.exp(-(((angle - 275) / 25) ** 2))
    rotation = -2 * _far(middle_chroma) * np.sin(np.radians(2 * turn))
    hue_difference = 2 * np.sqrt(chroma.prod(axis=0)) * np.sin(np.radians(hue_step / 2))
    return (
        (lightness[1] - lightness[0]) / light_weight,
        (chroma[1] - chroma[0]) / chroma_weight,
        hue_difference / hue_weight,
        rotation,
    )
