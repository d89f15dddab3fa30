from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from laserlink.firmware_model.chart import Chart
from laserlink.firmware_model.colour import SRGB_TO_XYZ
from laserlink.firmware_model.picture import PictureScene
from laserlink.firmware_model.profile import load_profile
from laserlink.firmware_model.scene_kinds import BayerScene, LuminanceScene
from laserlink.firmware_model.sensor import ExposureRequest, Sensor, fitted_profile

MOS = load_profile("mos-100mp")
UART = load_profile("uart-1m")
GREENS = (slice(0, None, 2), slice(1, None, 2))


@dataclass(frozen=True)
class EvenLight:
    """A scene of the same light everywhere."""

    light: tuple[float, float, float]

    def band(self, width: int, height: int, top: int, rows: int) -> NDArray[np.float32]:
        assert 0 <= top < top + rows <= height
        return np.broadcast_to(np.array(self.light, np.float32), (rows, width, 3))


def even(level: float) -> EvenLight:
    """A neutral grey scene."""
    return EvenLight((level, level, level))


BASE = ExposureRequest(0, 12, 10_000, 1.0, 0, 1, (0, 0, 1456, 1092))


def uart_image(scene: Any, seed: int = 1, **changes: Any) -> NDArray[np.uint16]:
    """An image of the small sensor."""
    return Sensor(UART, scene, seed).expose(replace(BASE, **changes))


def test_white_fills_four_fifths_of_the_well() -> None:
    """10 ms at gain 1.0 put diffuse white at 80 % of full well, on both profiles, at the green sites."""
    for profile in (MOS, UART):
        sensor = Sensor(profile, even(1.0), 1)
        mode = profile.mode_named("thumbnail")
        image = sensor.expose(
            ExposureRequest(mode.id, 10, 10_000, 1.0, 0, 1, (0, 0, mode.width, mode.height))
        )
        span = sensor.white_level(10) - sensor.black_level(10)
        assert (image[GREENS].mean() - sensor.black_level(10)) / span == pytest.approx(0.8, abs=0.003)


@pytest.mark.parametrize(
    ("light", "exposure_us", "gain"),
    [(0.5, 10_000, 1.0), (0.25, 20_000, 1.0), (0.25, 5000, 4.0), (0.01, 10_000, 50.0)],
)
def test_the_signal_is_light_times_time_times_gain(light: float, exposure_us: int, gain: float) -> None:
    """The same product gives the same number above black."""
    profile = replace(UART, sensor=replace(UART.sensor, gain_max=100.0))
    request = replace(BASE, exposure_us=exposure_us, analogue_gain=gain)
    green = Sensor(profile, even(light), 2).expose(request)[GREENS].mean() - 256
    assert green == pytest.approx(0.8 * 3839 * light * exposure_us / 10_000 * gain, rel=0.005)


def test_white_has_the_colour_of_as_shot_neutral() -> None:
    """Red and blue sites see white in the proportions that the profile's AsShotNeutral says."""
    image = uart_image(even(0.8)).astype(float) - 256
    assert UART.colour is not None
    red, green, blue = image[::2, ::2].mean(), image[GREENS].mean(), image[1::2, 1::2].mean()
    assert (red / green, 1.0, blue / green) == pytest.approx(UART.colour.as_shot_neutral, rel=0.003)


def test_colours_go_through_the_camera_s_matrix() -> None:
    """A saturated light gives each kind of site the row of xyz_to_camera x sRGB-to-XYZ."""
    light = (0.2, 0.7, 0.1)
    image = uart_image(EvenLight(light)).astype(float) - 256
    assert UART.colour is not None
    camera = np.reshape(UART.colour.xyz_to_camera, (3, 3)) @ SRGB_TO_XYZ @ light
    sites = [image[::2, ::2].mean(), image[::2, 1::2].mean(), image[1::2, 1::2].mean()]
    assert sites / image[1::2, ::2].mean() == pytest.approx(camera / camera[1], rel=0.005)


def test_noise_is_shot_noise_and_read_noise() -> None:
    """The variance in electrons is signal + read noise squared: the photon transfer line."""
    e_per_dn = UART.sensor.low_gain_e_per_dn * 16
    for level in (0.02, 0.2, 0.9):
        electrons = (uart_image(even(level))[::2, 1::2].astype(float) - 256) * e_per_dn
        expected = electrons.mean() + UART.sensor.low_gain_read_noise_e**2 + e_per_dn**2 / 12
        assert electrons.var() == pytest.approx(expected, rel=0.02)


def test_darkness_is_black_level_and_read_noise() -> None:
    """Without light the mean is the black level, and noise goes to both sides of it."""
    dark = uart_image(even(0.0), analogue_gain=16.0).astype(float)
    assert dark.mean() == pytest.approx(256, abs=0.1)
    noise_dn = UART.sensor.high_gain_read_noise_e * 16 / (UART.sensor.low_gain_e_per_dn * 16)
    assert dark.std() == pytest.approx(noise_dn, rel=0.02)


def test_high_conversion_gain_shows_in_the_dark() -> None:
    """Above the switch-over the default module's noise in electrons is the lower one."""
    noise_e = []
    for gain in (3.9, 4.1):
        request = ExposureRequest(0, 16, 20, gain, 0, 1, (0, 0, 11648, 8))
        dark = Sensor(MOS, even(0.0), 1).expose(request).astype(float)
        noise_e.append(dark.std() * MOS.sensor.low_gain_e_per_dn / gain)
    assert noise_e == pytest.approx([3.0, 1.2], rel=0.03)


def test_binning_divides_the_noise() -> None:
    """A pixel of 4 x 4 photosites has a quarter of the noise of one."""
    full = uart_image(even(0.5), bits=10)[::2, 1::2].std()
    binned = uart_image(even(0.5), mode_id=2, bits=10, region=(0, 0, 364, 272))[::2, 1::2]
    # 1 / 12 is the variance of rounding, which binning does not divide.
    assert np.sqrt(binned.var() - 1 / 12) == pytest.approx(np.sqrt(full**2 - 1 / 12) / 4, rel=0.03)


def test_too_much_light_clips_at_white() -> None:
    """A burnt-out scene is exactly white everywhere, at every depth, without wrapping round."""
    for bits in (8, 10, 12):
        burnt = uart_image(even(50.0), bits=bits, exposure_us=1_000_000)
        assert (burnt.min(), burnt.max()) == (2**bits - 1, 2**bits - 1)


def test_the_same_request_gives_the_same_pixels() -> None:
    """Reproducible by seed and image id, across sensors; either one changes the noise."""
    first = uart_image(even(0.3))
    assert np.array_equal(first, uart_image(even(0.3)))
    assert (first != uart_image(even(0.3), seed=2)).mean() > 0.8
    assert (first != uart_image(even(0.3), image_id=2)).mean() > 0.8


def test_rows_and_columns_have_noise_of_their_own() -> None:
    """The noise table leaves no row-to-row or column-to-column likeness."""
    noise = uart_image(even(0.3))[::2, ::2].astype(float)
    assert len(np.unique(noise, axis=0)) == noise.shape[0]
    noise -= noise.mean()
    power = noise.var()
    assert abs((noise[1:] * noise[:-1]).mean()) < 0.02 * power
    assert abs((noise[:, 1:] * noise[:, :-1]).mean()) < 0.02 * power
    assert noise.mean(axis=1).std() == pytest.approx(np.sqrt(power / noise.shape[1]), rel=0.15)


PHOTO = PictureScene(np.random.default_rng(4).integers(0, 256, (123, 77, 3)).astype(np.uint8))


@pytest.mark.parametrize("region", [(0, 0, 4, 2), (2, 358, 16, 8), (400, 102, 700, 902), (1452, 1090, 4, 2)])
@pytest.mark.parametrize(("scene", "pattern"), [(Chart(), 0), (PHOTO, 0), (PHOTO, 1), (PHOTO, 2)])
def test_a_region_is_a_part_of_the_whole(
    region: tuple[int, int, int, int], scene: LuminanceScene, pattern: int
) -> None:
    """Any region has the very pixels that the whole image has there: noise, scene and patterns."""
    x, y, width, height = region
    whole = uart_image(scene, test_pattern=pattern)
    part = uart_image(scene, test_pattern=pattern, region=region)
    assert np.array_equal(part, whole[y : y + height, x : x + width])


def test_the_chart_shows_its_laser_red() -> None:
    """In the middle of the default module's preview stands the chart's red dot, at red sites only."""
    image = Sensor(MOS, Chart(), 1).expose(ExposureRequest(2, 10, 10_000, 1.0, 0, 1, (1448, 1084, 16, 16)))
    red, green = image[6:10:2, 6:10:2].mean() - 64, image[6:10:2, 7:11:2].mean() - 64
    assert red > 2.5 * green


def test_patterns_have_no_noise_and_full_range() -> None:
    """Bars and ramp go from 0 to white whatever the light, at every depth."""
    for bits in (8, 10, 12):
        for pattern in (1, 2):
            image = uart_image(even(0.5), test_pattern=pattern, bits=bits)
            assert (image.min(), image.max(), image.shape) == (0, 2**bits - 1, (1092, 1456))
            assert np.array_equal(image[:2], image[-2:])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mode_id", 1),
        ("bits", 14),
        ("bits", 9),
        ("exposure_us", 29),
        ("exposure_us", 1_000_001),
        ("analogue_gain", 0.99),
        ("analogue_gain", 16.01),
        ("analogue_gain", float("nan")),
        ("test_pattern", 3),
        ("test_pattern", -1),
        ("image_id", -1),
        ("image_id", 2**32),
        ("region", (1, 0, 4, 2)),
        ("region", (0, 1, 4, 2)),
        ("region", (-2, 0, 4, 2)),
        ("region", (0, 0, 6, 2)),
        ("region", (0, 0, 4, 3)),
        ("region", (0, 0, 0, 2)),
        ("region", (0, 0, 1460, 2)),
        ("region", (1454, 0, 4, 2)),
        ("region", (0, 1092, 4, 2)),
    ],
)
def test_refuses_an_impossible_request_by_its_field(field: str, value: Any) -> None:
    """Each field is checked, and the error begins with its name."""
    with pytest.raises(ValueError, match=f"^{field}: "):
        uart_image(even(0.5), **{field: value})


def test_refuses_a_negative_seed() -> None:
    """A seed that numpy would refuse later is refused at once."""
    with pytest.raises(ValueError, match=r"^seed: "):
        Sensor(UART, even(0.5), -1)


def replay() -> BayerScene:
    """A recorded mosaic of 10 bits with a black level of 16."""
    pixels = np.random.default_rng(9).integers(0, 1001, (40, 60)).astype(np.uint16)
    return BayerScene(pixels, "RGGB", 10, black=16, white=1000)


def test_a_replay_is_unchanged_by_exposure_and_gain() -> None:
    """A recorded mosaic comes out with its own pixels, whole or in part, whatever the request says."""
    scene = replay()
    sensor = Sensor(MOS, scene, 1)
    request = ExposureRequest(0, 10, 20, 16.0, 0, 7, (0, 0, 60, 40))
    image = sensor.expose(request)
    assert np.array_equal(image, scene.pixels)
    part = sensor.expose(replace(request, region=(2, 4, 8, 6)))
    assert np.array_equal(part, scene.pixels[4:10, 2:10])
    image[:] = 0
    assert scene.pixels.any(), "the caller got the scene's own memory"


def test_a_replay_brings_its_own_array() -> None:
    """The profile in force has the file's size, depth and levels, and only the full mode."""
    sensor = Sensor(MOS, replay(), 1)
    assert (sensor.profile.sensor.width, sensor.profile.sensor.height) == (60, 40)
    assert (sensor.black_level(10), sensor.white_level(10)) == (16, 1000)
    with pytest.raises(ValueError, match=r"^mode_id: "):
        sensor.expose(ExposureRequest(2, 10, 20, 1.0, 0, 7, (0, 0, 60, 40)))
    assert fitted_profile(MOS, Chart()) is MOS


def test_a_replay_still_has_test_patterns() -> None:
    """A pattern takes the place of the file, up to the file's white level."""
    image = Sensor(MOS, replay(), 1).expose(ExposureRequest(0, 10, 20, 1.0, 2, 7, (0, 0, 60, 40)))
    assert (image[0, 0], image[0, -1]) == (0, 1000)
