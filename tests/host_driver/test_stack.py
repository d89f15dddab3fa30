"""host_driver/stack.py: several pictures are one with less noise, and without what only one of them shows."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from laserlink.host_driver.shot import Gap, Shot
from laserlink.host_driver.stack import BITS, CannotStack, noise_curve, shift_between, stack

BLACK, WHITE, BITS_IN = 256, 4095, 12
SCALE = 1 << (BITS - BITS_IN)
METADATA: dict[str, Any] = {
    "BitsPerPixel": BITS_IN, "WhiteLevel": WHITE, "SensorBlackLevels": (BLACK,) * 4, "CfaPattern": "RGGB",
    "NoiseProfile": (4e-4, 1e-6), "Format": "RAW12", "ImageId": 7,
}  # fmt: skip


def scene(height: int, width: int, seed: int = 1) -> NDArray[np.float64]:
    """Something to look at: blocks of many sizes, as a Bayer mosaic of a warm light."""
    chance = np.random.default_rng(seed)
    light = np.full((height, width), 0.3)
    for _ in range(120):
        top, left = chance.integers(0, height), chance.integers(0, width)
        rows, columns = chance.integers(4, height // 4), chance.integers(4, width // 4)
        light[top : top + rows, left : left + columns] = chance.uniform(0.05, 0.9)
    light[::2, ::2] *= 0.6
    light[1::2, 1::2] *= 0.8
    return light


def photographed(light: NDArray[np.float64], seed: int, **changes: Any) -> Shot:
    """With shot noise of 2500 electrons at white and read noise of a tenth of a per mille of it."""
    chance = np.random.default_rng((2, seed))
    signal = light + chance.normal(size=light.shape) * np.sqrt(4e-4 * light + 1e-6)
    raw = np.clip(np.rint(BLACK + signal * (WHITE - BLACK)), 0, WHITE).astype(np.uint16)
    return Shot(raw, METADATA | changes)


def noise_of(shot: Shot, light: NDArray[np.float64]) -> float:
    """The standard deviation of what should not be there, as a part of the scale."""
    black, white = shot.metadata["SensorBlackLevels"][0], shot.metadata["WhiteLevel"]
    return float(((shot.raw.astype(float) - black) / (white - black) - light).std())


@pytest.mark.parametrize("count", [2, 3, 4, 9])
def test_noise_falls_with_the_root_of_the_number(count: int) -> None:
    """Of n pictures the noise is 1/sqrt(n) of that of one, within a few per cent; four halve it."""
    light = scene(256, 320)
    shots = [photographed(light, seed) for seed in range(count)]
    gained = noise_of(stack(shots), light) / noise_of(shots[0], light)
    assert gained == pytest.approx(1 / np.sqrt(count), rel=0.05)


def test_noise_falls_in_the_dark_where_rounding_is_most_of_it() -> None:
    """The stack keeps the fractions: it is not rounded back to the bits of its pictures."""
    light = np.full((256, 256), 0.002)
    shots = [photographed(light, seed) for seed in range(4)]
    result = stack(shots)
    assert result.metadata["BitsPerPixel"] == 16
    assert noise_of(result, light) / noise_of(shots[0], light) == pytest.approx(0.5, rel=0.1)


def test_metadata_say_what_it_is() -> None:
    """16 bits with levels to match, the number of pictures, and the noise profile of their mean."""
    light = scene(64, 64)
    metadata = stack([photographed(light, seed) for seed in range(4)]).metadata
    assert metadata["SensorBlackLevels"] == (BLACK * SCALE,) * 4
    assert (metadata["WhiteLevel"], metadata["Format"]) == (WHITE * SCALE, "RAW16")
    assert (metadata["StackedImages"], metadata["ImageId"]) == (4, 7)
    assert metadata["NoiseProfile"] == (1e-4, 2.5e-7)


@pytest.mark.parametrize("shift", [(0, 0), (2, -4), (-34, 18), (0, 60), (-2, 0)])
@pytest.mark.parametrize("pattern", ["RGGB", "GBRG"])
def test_shifted_pictures_are_aligned(shift: tuple[int, int], pattern: str) -> None:
    """A shake by whole cells is found to the pixel, in any Bayer order, and the noise falls as when still."""
    wide = scene(512, 640)
    down, right = shift
    rest = wide[100:400, 100:500]
    moved = wide[100 - down : 400 - down, 100 - right : 500 - right]
    shots = [photographed(moved if seed == 2 else rest, seed, CfaPattern=pattern) for seed in range(4)]
    assert shift_between(shots[0], shots[2]) == shift
    result = stack(shots)
    inner = np.s_[40:-40, 70:-70]
    gained = noise_of(Shot(result.raw[inner], result.metadata), rest[inner]) / noise_of(shots[0], rest)
    assert gained == pytest.approx(0.5, rel=0.08)
    assert noise_of(result, rest) < 0.7 * noise_of(shots[0], rest)


def test_large_shifts_of_large_pictures() -> None:
    """A shift of hundreds of pixels is found roughly in the small, then exactly in the middle."""
    wide = scene(2600, 3400)
    shots = [photographed(wide[200:2200, 300:3100], 1), photographed(wide[62:2062, 534:3334], 2)]
    assert shift_between(*shots) == (138, -234)


def test_nothing_to_see_does_not_move() -> None:
    """Flat fields and darkness give no shift, whatever their noise looks like."""
    for level in (0.0, 0.4):
        flats = [photographed(np.full((300, 400), level), seed) for seed in range(6)]
        assert [shift_between(flats[0], flat) for flat in flats[1:]] == [(0, 0)] * 5
    assert shift_between(*[Shot(np.full((4, 4), 300, np.uint16), METADATA)] * 2) == (0, 0)


@pytest.mark.parametrize("stray", range(4))
def test_what_only_one_shows_is_left_out(stray: int) -> None:
    """A bright thing that walks through one of four pictures, also through the first, leaves no ghost."""
    light = scene(200, 240)
    shots = [photographed(light, seed) for seed in range(4)]
    raw = shots[stray].raw.copy()
    raw[50:90, 60:100] = WHITE
    shots[stray] = Shot(raw, METADATA)
    part = stack(shots).raw[50:90, 60:100] / SCALE
    expected = BLACK + light[50:90, 60:100] * (WHITE - BLACK)
    assert abs(part.mean() - expected.mean()) < 3
    assert np.abs(part - expected).max() < 200


def test_noise_is_measured_in_the_pictures() -> None:
    """The curve by brightness is that of the sensor, although a third of the scene has moved."""
    light = np.linspace(0.02, 0.9, 400)[np.newaxis, :] * np.ones((400, 1))
    pictures = [photographed(light, seed).raw for seed in range(2)]
    pictures[1][:130] = 3000
    levels, sigmas = noise_curve(pictures, [(0, 0), (0, 0)])
    signal = (levels - BLACK) / (WHITE - BLACK)
    expected = np.sqrt(4e-4 * signal + 1e-6) * (WHITE - BLACK)
    useful = (signal > 0.1) & (signal < 0.3)
    np.testing.assert_allclose(sigmas[useful], expected[useful], rtol=0.25)


def test_incomplete_pictures_are_left_out() -> None:
    """Two of three are used, and it says so; of none that is complete there is no stack."""
    light = scene(64, 64)
    shots = [photographed(light, seed) for seed in range(3)]
    broken = Shot(np.zeros_like(shots[0].raw), METADATA, (Gap(0, 10, "never came"),))
    assert stack([broken, shots[0], shots[1]]).metadata["StackedImages"] == 2
    with pytest.raises(CannotStack, match="none of 1"):
        stack([broken])
    with pytest.raises(CannotStack):
        stack([])


def test_different_pictures_are_no_stack() -> None:
    """Another size, depth or level is refused."""
    light = scene(64, 64)
    shot = photographed(light, 1)
    for other in (photographed(scene(64, 68), 2), photographed(light, 2, WhiteLevel=4000)):
        with pytest.raises(CannotStack, match="different"):
            stack([shot, other])


def test_one_picture_is_itself() -> None:
    """In 16 bits."""
    shot = photographed(scene(64, 64), 1)
    np.testing.assert_array_equal(stack([shot]).raw, shot.raw * SCALE)
