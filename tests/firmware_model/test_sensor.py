from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from laserlink.firmware_model.chart import Chart
from laserlink.firmware_model.colour import D65_XYZ, SRGB_TO_XYZ
from laserlink.firmware_model.optics import through_lens, transmission
from laserlink.firmware_model.picture import PictureScene
from laserlink.firmware_model.profile import Profile, load_profile
from laserlink.firmware_model.scene_kinds import BayerScene, LuminanceScene, Stage
from laserlink.firmware_model.scenes import open_scene
from laserlink.firmware_model.sensor import (
    PHOTONS_PER_LUX_S_UM2,
    ExposureRequest,
    Sensor,
    fitted_profile,
)

MOS = load_profile("mos-100mp")
UART = load_profile("uart-1m")
CHART = Chart()
PHOTO = PictureScene(np.random.default_rng(4).integers(0, 256, (123, 77, 3)).astype(np.uint8))
GREENS = (slice(0, None, 2), slice(1, None, 2))


@dataclass(frozen=True)
class EvenLight:
    """A scene of the same light everywhere."""

    light: tuple[float, float, float]
    distance_dioptres: float = 0.0

    def band(self, width: int, height: int, top: int, rows: int) -> NDArray[np.float32]:
        assert 0 <= top < top + rows <= height
        return np.tile(np.array(self.light, np.float32), (rows, width, 1))


def even(level: float) -> Stage:
    """Neutral light on the bare sensor."""
    return Stage(EvenLight((level, level, level)), lens=False)


def faultless(profile: Profile) -> Profile:
    """The module with photosites that are all alike, without dark current."""
    faults = dict.fromkeys(
        (
            "prnu_pixel",
            "prnu_column",
            "dsnu_pixel_e",
            "dsnu_column_e",
            "hot_pixels_ppm",
            "dark_current_e_per_s",
        ),
        0.0,
    )
    return replace(profile, sensor=replace(profile.sensor, **faults))  # type: ignore[arg-type]


def cut_out(profile: Profile, width: int, height: int) -> Profile:
    """The module with a piece of its array, and only the full mode."""
    sensor = replace(
        profile.sensor,
        width=width,
        height=height,
        width_mm=profile.sensor.width_mm * width / profile.sensor.width,
        height_mm=profile.sensor.height_mm * height / profile.sensor.height,
    )
    return replace(profile, sensor=sensor, modes=(replace(profile.modes[0], width=width, height=height),))


SMALL = cut_out(MOS, 1024, 128)
BASE = ExposureRequest(0, 12, 10_000, 1.0, 0, 1, (0, 0, 1456, 1092))
CORNER = (0, 0, 512, 128)


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


def test_photons_are_counted_from_the_candela() -> None:
    """By hand: lux, transmission, f-number, photons a lux, area, time and efficiency make the electrons."""
    assert abs(PHOTONS_PER_LUX_S_UM2 - 4092) < 1
    lux_on_sensor = 1000.0 * 0.90 / (4 * 1.4**2)
    electrons = lux_on_sensor * 4092 * (17.3e3 / 11648) * (13.0e3 / 8736) * 0.02 * 0.75
    assert Sensor(MOS, even(1.0), 1).white_electrons(20_000, 1000.0) == pytest.approx(electrons, rel=1e-3)


def test_lux_is_the_light_on_the_scene() -> None:
    """Twice the lux are twice the electrons; without a word it is what the profile says."""
    greens = [
        uart_image(replace(even(0.5), lux=lux), region=CORNER)[GREENS].mean() - 256
        for lux in (None, UART.sensor.scene_lux, UART.sensor.scene_lux / 2)
    ]
    assert greens[1] == greens[0]
    assert greens[2] == pytest.approx(greens[0] / 2, rel=0.003)


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
    image = uart_image(Stage(EvenLight(light), lens=False)).astype(float) - 256
    assert UART.colour is not None
    camera = np.reshape(UART.colour.xyz_to_camera, (3, 3)) @ SRGB_TO_XYZ @ light
    sites = [image[::2, ::2].mean(), image[::2, 1::2].mean(), image[1::2, 1::2].mean()]
    assert sites / image[1::2, ::2].mean() == pytest.approx(camera / camera[1], rel=0.005)


@pytest.mark.parametrize(("focus_dioptres", "f_number"), [(0.0, None), (2.0, None), (0.0, 5.6)])
def test_the_lens_is_in_the_pixels(focus_dioptres: float, f_number: float | None) -> None:
    """What the sensor sees is the scene as the optics throw it: focus and stop of the request."""
    scene, region = Stage(CHART, distance_dioptres=0.5), (2096, 4368, 64, 64)
    request = ExposureRequest(
        0, 16, 10_000, 1.0, 0, 1, region, focus_dioptres=focus_dioptres, f_number=f_number
    )
    image = Sensor(faultless(MOS), scene, 1).expose(request)[GREENS].astype(float) - 4096
    stop = MOS.lens.f_number if f_number is None else f_number
    thrown = through_lens(scene, MOS.lens, focus_dioptres, stop, 17.3 / 11648)
    light = thrown.band(11648, 8736, 4368, 64)[:, 2096:2160]
    assert MOS.colour is not None
    response = np.reshape(MOS.colour.xyz_to_camera, (3, 3))[1]
    green = light @ (response @ SRGB_TO_XYZ) / (response @ D65_XYZ)
    expected = green[GREENS] * Sensor(MOS, scene, 1).white_electrons(10_000) * 0.94527
    deviation = np.sqrt(expected * 0.94527 + 64)
    assert np.abs(image.mean() / expected.mean() - 1) < 0.01
    assert np.abs((image - expected) / deviation).max() < 6


def test_a_smaller_stop_dims_the_centre() -> None:
    """On the axis f/2.8 brings a quarter of the light of f/1.4; the bare sensor knows no stop."""
    middle = (5760, 4352, 64, 32)
    request = ExposureRequest(0, 16, 10_000, 1.0, 0, 1, middle)
    for scene, share in ((Stage(EvenLight((0.8,) * 3)), transmission(MOS.lens, 2.8)), (even(0.8), 1.0)):
        wide, closed = (
            Sensor(MOS, scene, 1).expose(replace(request, f_number=stop)).mean() - 4096
            for stop in (None, 2.8)
        )
        assert closed / wide == pytest.approx(share, rel=0.01)


def pair(profile: Profile, scene: Any, **changes: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The green sites beside red of two images of the same."""
    sensor = Sensor(profile, scene, 1)
    requests = (replace(BASE, image_id=image_id, **changes) for image_id in (1, 2))
    first, second = (sensor.expose(request)[GREENS].astype(float) for request in requests)
    return first, second


def test_noise_is_shot_noise_and_read_noise() -> None:
    """The temporal variance in electrons is signal + read noise squared: the photon transfer line."""
    e_per_dn = UART.sensor.low_gain_e_per_dn * 16
    for level in (0.02, 0.2, 0.9):
        first, second = pair(UART, even(level))
        electrons = ((first + second) / 2 - 256) * e_per_dn
        expected = electrons.mean() + UART.sensor.low_gain_read_noise_e**2 + e_per_dn**2 / 12
        assert (first - second).var() / 2 * e_per_dn**2 == pytest.approx(expected, rel=0.02)


def test_darkness_is_black_level_and_read_noise() -> None:
    """Without light the mean is the black level, and noise goes to both sides of it."""
    first, second = pair(UART, even(0.0), analogue_gain=16.0)
    assert first.mean() == pytest.approx(256 + 0.04 / 0.1626, abs=0.1)
    noise_dn = UART.sensor.high_gain_read_noise_e / UART.sensor.low_gain_e_per_dn
    assert (first - second).std() / np.sqrt(2) == pytest.approx(noise_dn, rel=0.02)


@pytest.mark.parametrize(
    ("bits", "gain", "read_noise_e"),
    [(14, 1.0, 8.0), (14, 3.9, 8.0), (14, 4.1, 1.0), (16, 1.0, 1.0), (16, 4.1, 1.0)],
)
def test_read_noise_is_that_of_the_gain_that_is_read(bits: int, gain: float, read_noise_e: float) -> None:
    """The low conversion gain below the switch-over, the high one above it; 16 bits merge both."""
    first, second = pair(
        SMALL, even(0.0), bits=bits, analogue_gain=gain, exposure_us=20, region=(0, 0, 1024, 128)
    )
    dn_per_e = MOS.sensor.dn_per_e(bits, gain)
    noise_e = np.sqrt((first - second).var() / 2 - 1 / 12) / dn_per_e
    assert noise_e == pytest.approx(read_noise_e, rel=0.02)


def test_merging_hands_over_where_the_high_gain_is_full() -> None:
    """At 16 bits the read noise steps at a quarter of the well, and no signal is lost there."""
    profile = faultless(replace(SMALL, sensor=replace(SMALL.sensor, low_gain_read_noise_e=100.0)))
    per_white = 65_000 / Sensor(profile, even(1.0), 1).white_electrons(10_000)
    for share, read_noise_e in ((0.24, 1.0), (0.26, 100.0)):
        first, second = pair(profile, even(share * per_white), bits=16, region=(0, 0, 1024, 128))
        electrons = (first.mean() - 4096) / 0.94527
        assert electrons == pytest.approx(65_000 * share, rel=0.002)
        assert (first - second).var() / 2 / 0.94527**2 == pytest.approx(electrons + read_noise_e**2, rel=0.03)


def test_dark_current_grows_with_time_and_temperature() -> None:
    """In the dark a second brings what the profile says, twice that a doubling hotter."""
    for temperature_c, doublings in ((25.0, 0), (25.0 + 3 * MOS.sensor.dark_doubling_k, 3)):
        request = replace(
            BASE, bits=16, exposure_us=1_000_000, temperature_c=temperature_c, region=(0, 0, 1024, 128)
        )
        sites = Sensor(SMALL, even(0.0), 1).expose(request).astype(float) - 4096
        expected = MOS.sensor.dark_current_e_per_s * 2**doublings
        assert np.median(sites) / 0.94527 == pytest.approx(expected, abs=0.6)
        assert sites[sites < 100].mean() / 0.94527 == pytest.approx(expected, rel=0.05)


def test_hot_pixels_are_the_same_in_each_image() -> None:
    """After a second in the dark a few pixels stand out, at the same places in each image and session."""
    dark = {"exposure_us": 1_000_000}
    first = uart_image(even(0.0), **dark)
    hot = first > 256 + 500
    assert 10 < np.count_nonzero(hot) < 60
    for image_id, index in ((2, 0), (1, 7)):
        other = uart_image(even(0.0), image_id=image_id, exposure_index=index, **dark)
        assert other[hot] == pytest.approx(first[hot], rel=0.1)
        assert (other != first).mean() > 0.5


def test_binning_divides_the_noise() -> None:
    """A pixel of 4 x 4 photosites has a quarter of the noise of one."""
    full, other = pair(UART, even(0.5), bits=10)
    binned, again = pair(UART, even(0.5), bits=10, mode_id=2, region=(0, 0, 364, 272))
    # Rounding is not divided: its variance is 1 / 12 to the nearest number, 1 / 6 where chance rounds.
    full_dn = np.sqrt((full - other).var() / 2 - 1 / 12)
    assert np.sqrt((binned - again).var() / 2 - 1 / 6) == pytest.approx(full_dn / 4, rel=0.03)


def test_binned_means_fall_between_numbers() -> None:
    """A binned pixel's mean over many images is right to a tenth of a number, so that no contours show."""
    sensor = Sensor(faultless(MOS), even(1.0), 1)
    request = replace(BASE, mode_id=3, bits=8, region=(0, 0, 728, 546))
    # A number of 8 bits is 272 electrons here, a red pixel's noise two.
    for exposure_us in (700, 717, 734):
        greens = sensor.expose(replace(request, exposure_us=exposure_us))[GREENS].mean() - 16
        expected = sensor.white_electrons(exposure_us) * MOS.sensor.dn_per_e(8, 1.0)
        assert greens == pytest.approx(expected, abs=0.03)


def test_modes_see_the_same_picture() -> None:
    """The binned mode shows what the mean over the full mode's photosites of a colour shows."""
    sensor = Sensor(faultless(MOS), CHART, 1)
    full = sensor.expose(replace(BASE, region=(1296, 4096, 512, 64))).astype(float)
    binned = sensor.expose(replace(BASE, mode_id=1, region=(648, 2048, 256, 32))).astype(float)
    assert full.std() > 500
    for down in range(2):
        for right in range(2):
            sites = full[down::2, right::2].reshape(16, 2, 128, 2).mean(axis=(1, 3))
            difference = binned[down::2, right::2] - sites
            assert abs(difference.mean()) < 3
            assert difference.std() < 0.08 * full.std()


def test_too_much_light_clips_at_white() -> None:
    """A burnt-out scene is exactly white everywhere, at every depth, without wrapping round."""
    for bits in (8, 10, 12):
        burnt = uart_image(even(50.0), bits=bits, exposure_us=1_000_000)
        assert (burnt.min(), burnt.max()) == (2**bits - 1, 2**bits - 1)


def test_the_same_request_gives_the_same_pixels() -> None:
    """Reproducible by seed, image id and exposure; each of them changes the noise."""
    first = uart_image(even(0.3))
    assert np.array_equal(first, uart_image(even(0.3)))
    assert (first != uart_image(even(0.3), seed=2)).mean() > 0.8
    assert (first != uart_image(even(0.3), image_id=2)).mean() > 0.8
    assert (first != uart_image(even(0.3), exposure_index=1)).mean() > 0.8


def test_two_images_share_the_fixed_pattern_only() -> None:
    """The mean of many pairs keeps it, their difference has none: images correlate as the pattern's share."""
    first, second = pair(UART, even(0.9))
    fixed = np.cov(first.ravel(), second.ravel())[0, 1]
    signal = (first.mean() - 256) ** 2
    expected = signal * (UART.sensor.prnu_pixel**2 + UART.sensor.prnu_column**2)
    expected += (UART.sensor.dsnu_pixel_e**2 + UART.sensor.dsnu_column_e**2) * UART.sensor.dn_per_e(
        12, 1.0
    ) ** 2
    assert fixed == pytest.approx(expected, rel=0.1)


def test_rows_and_columns_have_noise_of_their_own() -> None:
    """No row is like another at any distance, and means over rows and columns fall as they should."""
    first, second = pair(UART, even(0.3))
    noise = first - second
    noise -= noise.mean()
    power = noise.var()
    alike = np.fft.ifft2(np.abs(np.fft.fft2(noise)) ** 2).real / noise.size / power
    alike[0, 0] = 0
    assert np.abs(alike).max() < 6 / np.sqrt(noise.size)
    assert noise.mean(axis=1).std() == pytest.approx(np.sqrt(power / noise.shape[1]), rel=0.15)
    assert noise.mean(axis=0).std() == pytest.approx(np.sqrt(power / noise.shape[0]), rel=0.15)


@lru_cache
def whole_image(scene: LuminanceScene, pattern: int) -> NDArray[np.uint16]:
    """The small sensor's whole image of a scene."""
    return uart_image(scene, test_pattern=pattern)


@pytest.mark.parametrize("region", [(0, 0, 4, 2), (2, 358, 16, 8), (400, 102, 700, 902), (1452, 1090, 4, 2)])
@pytest.mark.parametrize(("scene", "pattern"), [(CHART, 0), (PHOTO, 0), (PHOTO, 1), (PHOTO, 2), (PHOTO, 3)])
def test_a_region_is_a_part_of_the_whole(
    region: tuple[int, int, int, int], scene: LuminanceScene, pattern: int
) -> None:
    """Any region has the very pixels that the whole image has there: noise, scene and patterns."""
    x, y, width, height = region
    whole = whole_image(scene, pattern)
    part = uart_image(scene, test_pattern=pattern, region=region)
    assert np.array_equal(part, whole[y : y + height, x : x + width])


@pytest.mark.parametrize("mode_id", [2, 3])
def test_a_binned_region_is_a_part_of_the_whole(mode_id: int) -> None:
    """The same in the binned modes, whose pixels reach over the edges of bands."""
    mode = UART.mode(mode_id)
    whole = uart_image(PHOTO, mode_id=mode_id, bits=10, region=(0, 0, mode.width, mode.height))
    part = uart_image(PHOTO, mode_id=mode_id, bits=10, region=(8, 12, 40, 20))
    assert np.array_equal(part, whole[12:32, 8:48])


def test_the_chart_shows_its_laser_red() -> None:
    """In the left star's middle the default module's preview has a red dot, at red sites only."""
    image = Sensor(MOS, CHART, 1).expose(ExposureRequest(2, 10, 10_000, 1.0, 0, 1, (516, 1084, 16, 16)))
    red, green = image[6:10:2, 6:10:2].mean() - 64, image[6:10:2, 7:11:2].mean() - 64
    assert red > 2.5 * green


def test_a_moving_scene_is_seen_in_its_time() -> None:
    """Another start shows another picture; the film hears of start, each band's delay, and the exposure."""
    heard: list[tuple[int, int, int]] = []

    def film(started_ns: int, delay_ns: int, exposure_ns: int) -> LuminanceScene:
        heard.append((started_ns, delay_ns, exposure_ns))
        return EvenLight((0.5, 0.5, 0.5))

    sensor = Sensor(UART, Stage(EvenLight((0.5, 0.5, 0.5)), film=film), 1)
    sensor.expose(replace(BASE, started_ns=77))
    assert sensor.moves
    assert not Sensor(UART, CHART, 1).moves
    assert {(started_ns, exposure_ns) for started_ns, _, exposure_ns in heard} == {(77, 10_000_000)}
    delays = [delay_ns for _, delay_ns, _ in heard]
    assert delays[0] == 0
    assert np.diff(delays) == pytest.approx(180 * 15e6 / 1092, abs=2)
    moving = Sensor(UART, open_scene("moving"), 1)
    assert (moving.expose(BASE) != moving.expose(replace(BASE, started_ns=500_000_000))).mean() > 0.001


def test_patterns_have_no_noise_and_full_range() -> None:
    """Bars, ramp and PRBS go from 0 to white whatever the light, at every depth."""
    for bits in (8, 10, 12):
        for pattern in (1, 2, 3):
            image = uart_image(even(0.5), test_pattern=pattern, bits=bits)
            assert (image.min(), image.max(), image.shape) == (0, 2**bits - 1, (1092, 1456))
            assert pattern == 3 or np.array_equal(image[:2], image[-2:])


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
        ("test_pattern", 4),
        ("test_pattern", -1),
        ("image_id", -1),
        ("image_id", 2**32),
        ("exposure_index", -1),
        ("f_number", 1.9),
        ("focus_dioptres", -0.1),
        ("focus_dioptres", 5.1),
        ("temperature_c", float("nan")),
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
