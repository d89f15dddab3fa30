"""host_driver/white_balance.py: the light of a scene is found, and goes with the picture."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from laserlink.host_driver.auto_controls import AutoControls
from laserlink.host_driver.develop import CFA_ORDERS
from laserlink.host_driver.illuminant import adaptation, matrix_at, neutral_at, white_at
from laserlink.host_driver.shot import Shot
from laserlink.host_driver.white_balance import balanced, estimated

D65_MATRIX = np.array([[0.9, -0.3, -0.1], [-0.4, 1.2, 0.2], [-0.1, 0.2, 0.6]])
A_MATRIX = np.array([[0.98, -0.34, -0.08], [-0.44, 1.24, 0.23], [-0.12, 0.24, 0.66]])
XYZ_FROM_SRGB = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
METADATA: dict[str, Any] = {
    "BitsPerPixel": 12, "WhiteLevel": 4095, "SensorBlackLevels": (95,) * 4, "CfaPattern": "RGGB",
    "ColorMatrix": tuple(D65_MATRIX.ravel()), "ColorMatrixA": tuple(A_MATRIX.ravel()),
    "AsShotNeutral": (0.43, 1.0, 0.73),
}  # fmt: skip
AUTO = AutoControls(AwbEnable=True)


def scene(kelvin: float, greys: float, seed: int = 1) -> NDArray[np.float64]:
    """Camera colours (64, 96, 3) of tiles, a part of them grey, under a light; the brightest near 0.8."""
    chance = np.random.default_rng(seed)
    tiles = chance.uniform(0.05, 0.9, (8, 12, 3))
    is_grey = chance.random((8, 12)) < greys
    tiles[is_grey] = tiles[is_grey][:, :1]
    srgb = np.kron(tiles, np.ones((8, 8, 1)))
    white = white_at(kelvin)
    camera = (
        srgb
        @ (
            matrix_at(kelvin, D65_MATRIX, A_MATRIX) @ adaptation(XYZ_FROM_SRGB.sum(1), white) @ XYZ_FROM_SRGB
        ).T
    )
    return np.clip(camera, 0, None) / camera.max() * 0.8


def photographed(camera: NDArray[np.float64], **changes: Any) -> Shot:
    """As a mosaic, with a little noise."""
    metadata = METADATA | changes
    raw = np.empty(camera.shape[:2])
    for site, colour in enumerate(metadata["CfaPattern"]):
        raw[site // 2 :: 2, site % 2 :: 2] = camera[site // 2 :: 2, site % 2 :: 2, "RGB".index(colour)]
    noise = np.random.default_rng(3).normal(0, 0.003, raw.shape)
    return Shot(np.clip(np.rint(95 + 4000 * (raw + noise)), 0, 4095).astype(np.uint16), metadata)


@pytest.mark.parametrize("kelvin", [2700, 3200, 4200, 5500, 6504, 7500])
@pytest.mark.parametrize("greys", [1.0, 0.5])
def test_the_light_is_found(kelvin: float, greys: float) -> None:
    """Lamps to sky, a scene of greys or half of colours: the neutral within 4 %, the temperature within 6
    %."""
    balance = estimated(photographed(scene(kelvin, greys)))
    expected = neutral_at(kelvin, D65_MATRIX, A_MATRIX)
    found = np.array(balance.neutral) / balance.neutral[1]
    np.testing.assert_allclose(found, expected, rtol=0.04)
    assert balance.kelvin == pytest.approx(kelvin, rel=0.06)


@pytest.mark.parametrize("pattern", CFA_ORDERS)
def test_any_bayer_order(pattern: str) -> None:
    """Red and blue are not taken for each other."""
    found = estimated(photographed(scene(3200, 1.0), CfaPattern=pattern)).neutral
    assert np.array(found) / found[1] == pytest.approx(neutral_at(3200, D65_MATRIX, A_MATRIX), rel=0.04)


def test_a_red_wall_is_no_light() -> None:
    """Three quarters of a scene in one colour, under daylight: the rest tells the light all the same."""
    camera = scene(6000, 1.0)
    camera[:, :72] = np.array([0.5, 0.25, 0.15])
    found = np.array(estimated(photographed(camera)).neutral)
    assert found / found[1] == pytest.approx(neutral_at(6000, D65_MATRIX, A_MATRIX), rel=0.08)


def test_nothing_to_see_leaves_the_modules_own() -> None:
    """In the dark and in glare no light is made up."""
    for level in (0.0, 2.0):
        neutral = estimated(photographed(np.full((64, 96, 3), level))).neutral
        assert neutral == pytest.approx((0.43, 1.0, 0.73))


def test_unknown_matrix_is_grey_world() -> None:
    """Without the camera's matrix the mean of the picture is grey, and no temperature is told."""
    camera = np.broadcast_to(np.array([0.3, 0.6, 0.4]), (64, 96, 3)).copy()
    shot = photographed(camera, ColorMatrix=None, ColorMatrixA=None, AsShotNeutral=None)
    balance = estimated(shot)
    assert balance.neutral == pytest.approx((0.5, 1.0, 0.667), rel=0.02)
    assert balance.kelvin is None


def test_gains_make_the_neutral_grey() -> None:
    """ColourGains and AsShotNeutral are two words for the same thing, whichever way it was chosen."""
    shot = photographed(scene(4200, 1.0))
    for controls in (AUTO, AutoControls(), AutoControls(ColourGains=(2.0, 1.25))):
        found = balanced(shot, controls)
        red, green, blue = found["AsShotNeutral"]
        assert max(red, green, blue) == 1
        assert found["ColourGains"] == pytest.approx((green / red, green / blue))
        assert Shot(shot.raw, shot.metadata | found).metadata["ColourTemperature"] > 2000
    assert found["ColourGains"] == pytest.approx((2.0, 1.25))
    assert balanced(shot, AutoControls())["AsShotNeutral"] == pytest.approx((0.43, 1.0, 0.73))


def test_unknown_stays_unknown() -> None:
    """A module that tells no neutral, and nobody asked for one: nothing is said."""
    assert balanced(photographed(scene(4200, 1.0), AsShotNeutral=None), AutoControls()) == {}
