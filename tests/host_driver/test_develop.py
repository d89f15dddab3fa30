"""host_driver/develop.py: does the picture look like the scene?"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from laserlink.host_driver import develop as module
from laserlink.host_driver.develop import (
    CFA_ORDERS,
    BadColorMatrix,
    camera_to_srgb,
    develop,
    thumbnail,
    white_balance,
)
from laserlink.host_driver.illuminant import D65_WHITE, adaptation, white_at

COLOR_MATRIX = np.array([0.75, -0.25, -0.08, -0.45, 1.25, 0.22, -0.05, 0.18, 0.62])
NEUTRAL = (0.5, 1.0, 0.65)
BLACK, WHITE = 256, 4095


@dataclass
class Picture:
    raw: NDArray[np.uint16]
    metadata: Mapping[str, Any]


def scene(name: str) -> Path:
    folder = os.environ.get("LASERLINK_SCENES")
    if not folder:
        pytest.skip("LASERLINK_SCENES is not set")
    return Path(folder) / name


def to_linear(srgb: NDArray[Any]) -> NDArray[np.float64]:
    value: NDArray[np.float64] = srgb / 255.0
    return np.asarray(np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4))


def to_srgb(linear: Any) -> NDArray[np.float64]:
    light: NDArray[np.float64] = np.clip(linear, 0, 1)
    return np.asarray(255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055))


def mosaic(camera: NDArray[np.float64], **metadata: Any) -> Picture:
    """What a sensor makes of camera colours (height, width, 3), 1 being saturation."""
    light = np.empty(camera.shape[:2])
    for row, column, channel in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        light[row::2, column::2] = camera[row::2, column::2, channel]
    raw = np.clip(np.rint(BLACK + light * (WHITE - BLACK)), 0, WHITE).astype(np.uint16)
    return Picture(raw, {"SensorBlackLevels": (BLACK,) * 4, "WhiteLevel": WHITE, **metadata})


def photographed(srgb: NDArray[np.uint8], exposure: float = 1.0) -> Picture:
    """A photograph seen by a camera with COLOR_MATRIX, under a light that it sees as NEUTRAL."""
    camera_from_srgb = COLOR_MATRIX.reshape(3, 3) @ module.XYZ_FROM_SRGB
    camera_from_srgb /= camera_from_srgb.sum(axis=1, keepdims=True)
    camera = to_linear(srgb) @ camera_from_srgb.T * np.array(NEUTRAL) * exposure
    return mosaic(camera, ColorMatrix=COLOR_MATRIX, AsShotNeutral=NEUTRAL)


def flat(height: int, width: int, camera: tuple[float, float, float], **metadata: Any) -> Picture:
    return mosaic(np.broadcast_to(np.array(camera), (height, width, 3)).copy(), **metadata)


def developed(picture: Picture, exposure_gain: float | None = 1.0) -> NDArray[np.uint8]:
    return np.vstack(list(develop(picture, exposure_gain=exposure_gain)))


@pytest.mark.parametrize("height", [2, 3, 64, 65, 130])
@pytest.mark.parametrize("width", [2, 4, 12])
def test_grey_is_grey_up_to_the_border(height: int, width: int) -> None:
    """A grey card comes out neutral and as bright as the sRGB curve says, in every pixel and at any size."""
    red, green, blue = NEUTRAL
    camera = (0.18 * red, 0.18 * green, 0.18 * blue)
    picture = flat(height, width, camera, ColorMatrix=COLOR_MATRIX, AsShotNeutral=NEUTRAL)
    result = developed(picture)
    assert result.shape == (height, width, 3)
    assert np.abs(result - to_srgb(0.18)).max() <= 1.5


def test_interpolation_is_exact_on_a_plane_of_light() -> None:
    """Bilinear interpolation reproduces light that changes linearly, with another slope in each channel."""
    rows, columns = np.mgrid[0:40, 0:48] / 100.0
    scene_light = np.stack([0.1 + rows, 0.1 + columns, 0.6 - rows / 2 - columns / 2], axis=-1)
    result = developed(mosaic(scene_light, AsShotNeutral=(1, 1, 1)))
    assert np.abs(result - to_srgb(scene_light))[2:-2, 2:-2].max() < 1.5


@pytest.mark.parametrize("pattern", CFA_ORDERS)
@pytest.mark.parametrize("size", [(40, 48), (75, 20), (64, 2), (3, 4)])
def test_every_bayer_order_shows_the_same_scene(pattern: str, size: tuple[int, int]) -> None:
    """A plane of light comes out the same whichever colour the first pixel has, each black its own."""
    height, width = size
    rows, columns = np.mgrid[0:height, 0:width] / 200.0
    light = np.stack([0.1 + rows, 0.1 + columns, 0.6 - rows / 2 - columns / 2], axis=-1)
    raw, blacks = np.empty(size, np.uint16), (100, 200, 300, 400)
    for site, colour in enumerate(pattern):
        part = np.s_[site // 2 :: 2, site % 2 :: 2]
        raw[part] = np.rint(blacks[site] + (3400 - blacks[site]) * light[..., "RGB".index(colour)][part])
    metadata = {"SensorBlackLevels": blacks, "WhiteLevel": 3400, "CfaPattern": pattern}
    picture = Picture(raw, metadata | {"AsShotNeutral": (1, 1, 1)})
    result = developed(picture)
    assert result.shape == (height, width, 3)
    inside = np.s_[2 : height - 2, 2 : width - 2]
    assert np.abs(result - to_srgb(light))[inside].max(initial=0) < 1.5
    assert np.ptp(thumbnail(picture, 8).reshape(-1, 3), axis=0).max() < 120


@pytest.mark.parametrize("rows", [2, 6, 30, 1000])
def test_bands_leave_no_seam(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """The height of the bands changes nothing in the picture."""
    camera = np.random.default_rng(1).random((75, 20, 3))
    picture = mosaic(camera, AsShotNeutral=NEUTRAL, ColorMatrix=COLOR_MATRIX)
    whole = developed(picture)
    monkeypatch.setattr(module, "BAND_ROWS", rows)
    bands = list(develop(picture, exposure_gain=1.0))
    assert [len(band) for band in bands[:-1]] == [rows] * (75 // rows)
    np.testing.assert_array_equal(np.vstack(bands), whole)


def test_clipped_highlights_are_white() -> None:
    """A saturated area has no colour, whatever the white balance and the matrix are."""
    picture = flat(8, 8, (2.0, 2.0, 2.0), ColorMatrix=COLOR_MATRIX, AsShotNeutral=NEUTRAL)
    assert developed(picture).min() == 255
    assert developed(picture, None).min() == 255


def test_black_levels_are_taken_per_plane() -> None:
    """Four different black levels, nothing but black in the picture: it comes out black."""
    raw = np.tile(np.array([[100, 200], [300, 400]], np.uint16), (4, 4))
    picture = Picture(raw, {"SensorBlackLevels": (100, 200, 300, 400), "WhiteLevel": 1023})
    assert developed(picture).max() == 0


def test_matrix_brings_primaries_back() -> None:
    """camera_to_srgb undoes the camera's matrix for red, green and blue light; unknown is identity."""
    camera_from_srgb = COLOR_MATRIX.reshape(3, 3) @ module.XYZ_FROM_SRGB
    balanced = camera_from_srgb / camera_from_srgb.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(camera_to_srgb(COLOR_MATRIX) @ balanced, np.eye(3), atol=1e-6)
    np.testing.assert_allclose(camera_to_srgb(COLOR_MATRIX).sum(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(camera_to_srgb(None), np.eye(3))


def test_two_matrices_are_mixed_by_the_light() -> None:
    """Under lamp light the lamp's matrix counts, under daylight the other; what is white stays white."""
    other = COLOR_MATRIX * np.array([1.1, 1.2, 0.9] * 3)
    for kelvin, expected in ((2856.0, other), (6504.0, COLOR_MATRIX)):
        white = white_at(kelvin)
        neutral = expected.reshape(3, 3) @ white
        srgb = camera_to_srgb(COLOR_MATRIX, other, neutral)
        np.testing.assert_allclose(srgb.sum(axis=1), 1, atol=1e-5)
        seen = expected.reshape(3, 3) @ adaptation(D65_WHITE, white) @ module.XYZ_FROM_SRGB
        np.testing.assert_allclose(srgb @ (seen / seen.sum(axis=1, keepdims=True)), np.eye(3), atol=0.02)


def test_a_neutral_of_no_light_leaves_the_matrix_of_daylight() -> None:
    """A colour cast that no light has is not taken for one."""
    plain = camera_to_srgb(COLOR_MATRIX)
    np.testing.assert_array_equal(camera_to_srgb(COLOR_MATRIX, COLOR_MATRIX, (1, 1e-4, 1)), plain)


@pytest.mark.parametrize(
    "matrix",
    [[0.0] * 9, [1.0] * 9, [-1, 0, 0, 0, -1, 0, 0, 0, -1], [float("nan")] * 9, [1, 0, 0, 0, 1, 0, 1, 1, 0]],
)
def test_impossible_matrices_are_refused(matrix: list[float]) -> None:
    """A matrix without a usable inverse is a typed error, not a picture of infinities."""
    with pytest.raises(BadColorMatrix):
        camera_to_srgb(matrix)


def test_grey_world_finds_the_light() -> None:
    """Random colours that average to grey give the light's colour back, also with saturated areas around."""
    camera = np.random.default_rng(2).random((256, 256, 3)) * 0.7 * np.array(NEUTRAL)
    camera[:, :100] = 2.0
    assert white_balance(mosaic(camera)) == pytest.approx(NEUTRAL, rel=0.02)


@pytest.mark.parametrize("camera", [(0.0, 0.0, 0.0), (-0.05, -0.01, -0.03), (2.0, 2.0, 2.0)])
def test_grey_world_without_usable_light_is_neutral(camera: tuple[float, float, float]) -> None:
    """No light, less than black, or nothing but saturation: no colour is made up."""
    assert white_balance(flat(16, 16, camera)) == (1.0, 1.0, 1.0)


def test_neutral_of_the_metadata_wins() -> None:
    """A given AsShotNeutral is used, scaled so that its largest part is 1."""
    assert white_balance(flat(8, 8, (0.5, 0.5, 0.5), AsShotNeutral=(1, 2, 0.5))) == (0.5, 1.0, 0.25)


@pytest.mark.parametrize(("exposure", "gain"), [(0.5, 2.0), (0.8, 1.25), (0.01, 4.0)])
def test_automatic_exposure_is_mild(exposure: float, gain: float) -> None:
    """An underexposed picture is brought to white, by a factor of four at most."""
    camera = np.linspace(0, 1, 200)[:, np.newaxis, np.newaxis] * np.ones((200, 100, 3)) * exposure
    picture = mosaic(camera, AsShotNeutral=(1, 1, 1))
    difference = developed(picture, None).astype(int) - developed(picture, gain)
    assert np.abs(difference).max() <= 2


def test_automatic_exposure_never_darkens() -> None:
    """A picture that is white in most places is left as it is."""
    camera = np.full((64, 64, 3), 1.0)
    camera[:20] = 0.2
    picture = mosaic(camera, AsShotNeutral=(1, 1, 1))
    np.testing.assert_array_equal(developed(picture, None), developed(picture, 1.0))


def test_colours_beyond_srgb_do_not_darken_white() -> None:
    """A large patch brighter than sRGB can show does not lower the exposure: white paper stays 255."""
    camera = np.full((64, 64, 3), 1.0) * np.array(NEUTRAL)
    camera[:40] = (0.5, 0.1, 0.05)
    picture = mosaic(camera, ColorMatrix=COLOR_MATRIX, AsShotNeutral=NEUTRAL)
    assert developed(picture, None)[50:].min() == 255


@pytest.mark.parametrize("side", [8, 20, 40])
def test_thumbnail_samples_the_middle_of_its_bins(side: int) -> None:
    """On a ramp from black to white, every pixel of a thumbnail has the light of the middle of its bin.

    Two thirds of the tolerance are the steps of 8 bits near white; automatic exposure takes the rest.
    """
    width = 480
    ramp = np.arange(width)[np.newaxis, :, np.newaxis] / width * np.ones((16, width, 3))
    result = thumbnail(mosaic(ramp, AsShotNeutral=(1, 1, 1)), side)[0, :, 0]
    middles = (np.arange(side) + 0.5) / side
    assert np.abs(to_linear(result) - middles).max() < 0.015


@pytest.mark.parametrize(
    ("shape", "max_side", "expected"),
    [
        ((200, 300), 1000, (100, 150)),
        ((200, 300), 150, (100, 150)),
        ((200, 300), 149, (50, 75)),
        ((200, 300), 10, (6, 10)),
        ((2, 400), 5, (1, 5)),
        ((2, 2), 1, (1, 1)),
        ((201, 300), 30, (20, 30)),
    ],
)
def test_thumbnail_size(shape: tuple[int, int], max_side: int, expected: tuple[int, int]) -> None:
    """A thumbnail keeps within max_side, is never empty, and is half the size at most."""
    result = thumbnail(flat(*shape, (0.2, 0.2, 0.2)), max_side)
    assert result.shape == (*expected, 3)


def test_thumbnail_of_nothing_is_refused() -> None:
    """max_side below 1 has no picture."""
    with pytest.raises(ValueError, match="max_side is 0"):
        thumbnail(flat(8, 8, (0.2, 0.2, 0.2)), 0)


@pytest.mark.parametrize(("name", "error_max"), [("astronaut.png", 6.0), ("coffee.png", 9.0)])
def test_photograph_survives_the_camera(name: str, error_max: float) -> None:
    """A photograph made into a mosaic by a known camera is developed to nearly what it was (0 to 255)."""
    with Image.open(scene(name)) as image:
        original = np.asarray(image.convert("RGB"))
    result = developed(photographed(original))
    assert np.abs(result.astype(int) - original).mean() < error_max
    assert np.abs(result.mean(axis=(0, 1)) - original.mean(axis=(0, 1))).max() < 2


def test_thumbnail_shows_the_same_photograph() -> None:
    """The quick picture agrees with the developed one, reduced to the same size."""
    with Image.open(scene("astronaut.png")) as image:
        picture = photographed(np.asarray(image.convert("RGB")))
    small = thumbnail(picture, 64)
    full = Image.fromarray(developed(picture, None)).resize((64, 64), Image.Resampling.BOX)
    assert np.abs(small.astype(int) - np.asarray(full)).mean() < 12


def test_chart_has_neutral_greys_and_its_colours() -> None:
    """The photographed chart, of which no colour is known: greys are grey, and each patch has its colour."""
    raw = np.fromfile(scene("dynamic-range-chart-1920x1080-rggb10.raw"), "<u2").reshape(1080, 1920)
    result = developed(Picture(raw, {"SensorBlackLevels": (0,) * 4, "WhiteLevel": 1023}), None)

    def patch(top: int, left: int) -> NDArray[np.float64]:
        return np.asarray(result[top : top + 50, left : left + 30].mean(axis=(0, 1)))

    for top, left in ((200, 262), (850, 1440), (700, 1220), (700, 1340)):
        grey = patch(top, left)
        assert 60 < grey.mean() < 220
        assert np.ptp(grey) < 25
    for left, brightest in ((930, 2), (995, 1), (1060, 0)):  # blue, green, red
        colour = patch(340, left)
        assert colour.argmax() == brightest
        assert np.ptp(colour) > 25
    red, green, blue = patch(340, 740)  # orange
    assert red > green + 20 > blue + 40
    assert patch(20, 480).min() > 250  # the chart's paper is overexposed: white, with no cast
