"""Colour constants and the sRGB transfer function.

Source: IEC 61966-2-1:1999 (sRGB: primaries of ITU-R BT.709, white D65, the two-part transfer curve).
"""

import numpy as np
from numpy.typing import NDArray

SRGB_TO_XYZ: NDArray[np.float64] = np.array(
    [
        [0.4124, 0.3576, 0.1805],
        [0.2126, 0.7152, 0.0722],
        [0.0193, 0.1192, 0.9505],
    ]
)
"""Linear sRGB to CIE XYZ, relative to D65 with Y = 1 (IEC 61966-2-1, four decimals as published)."""

D65_XYZ: NDArray[np.float64] = SRGB_TO_XYZ.sum(axis=1)
"""The white of sRGB: the row sums, so that white (1, 1, 1) maps onto it exactly."""


def srgb_to_linear(encoded: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear light of sRGB-encoded values in 0.0 to 1.0; any shape."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """sRGB-encoded values of linear light, clipped to 0.0 to 1.0; any shape."""
    clipped = np.clip(linear, 0.0, 1.0)
    return np.where(clipped <= 0.0031308, clipped * 12.92, 1.055 * clipped ** (1 / 2.4) - 0.055)


SRGB8_TO_LINEAR: NDArray[np.float32] = srgb_to_linear(np.arange(256) / 255.0).astype(np.float32)
"""Linear light of each 8-bit sRGB code, shape (256,)."""
