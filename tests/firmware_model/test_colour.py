import numpy as np
import pytest

from laserlink.firmware_model.colour import (
    D65_XYZ,
    SRGB8_TO_LINEAR,
    SRGB_TO_XYZ,
    linear_to_srgb,
    srgb_to_linear,
)


def test_white_is_d65() -> None:
    """Linear white maps onto the chromaticity of D65 (0.3127, 0.3290) with Y = 1."""
    x, y, _ = D65_XYZ / D65_XYZ.sum()
    assert (x, y) == pytest.approx((0.3127, 0.3290), abs=1e-4)
    assert D65_XYZ[1] == pytest.approx(1.0)
    assert np.allclose(SRGB_TO_XYZ @ np.ones(3), D65_XYZ)


def test_transfer_has_the_published_values() -> None:
    """Known points of IEC 61966-2-1: the ends, the joint of its two parts, and middle grey."""
    encoded = np.array([0.0, 0.04045, 0.5, 1.0])
    assert srgb_to_linear(encoded) == pytest.approx([0.0, 0.0031308, 0.2140411, 1.0], abs=1e-6)


def test_encoding_undoes_decoding() -> None:
    """Every 8-bit code comes back from its linear light, and the table holds the same light."""
    codes = np.arange(256) / 255.0
    assert linear_to_srgb(srgb_to_linear(codes)) == pytest.approx(codes, abs=1e-5)
    assert pytest.approx(srgb_to_linear(codes), abs=1e-6) == SRGB8_TO_LINEAR


def test_encoding_clips() -> None:
    """Light below black or above white is clipped, not wrapped or made NaN."""
    assert linear_to_srgb(np.array([-0.5, 1.5])).tolist() == pytest.approx([0.0, 1.0])
