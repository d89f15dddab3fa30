"""Photon transfer by an outsider: only pixel values and exposure times go in.

The method is EMVA 1288's: pairs of images of even light at rising exposure times, and of darkness. The
variance of a pair's difference is twice the temporal noise; its slope over the mean is the gain, its offset
in the dark the read noise, the largest mean the saturation. What comes out is held against the profile.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from laserlink.firmware_model.profile import PixelArray, Profile, load_profile
from laserlink.firmware_model.scenes import open_scene
from laserlink.firmware_model.sensor import ExposureRequest, Sensor

WIDTH, HEIGHT = 1024, 128


def cut_out() -> Profile:
    """The default module with a small piece of its array."""
    whole = load_profile("mos-100mp")
    sensor = replace(
        whole.sensor,
        width=WIDTH,
        height=HEIGHT,
        width_mm=whole.sensor.width_mm * WIDTH / whole.sensor.width,
        height_mm=whole.sensor.height_mm * HEIGHT / whole.sensor.height,
    )
    return replace(whole, sensor=sensor, modes=(replace(whole.modes[0], width=WIDTH, height=HEIGHT),))


MOS = cut_out()
REGION = (0, 0, WIDTH, HEIGHT)
QUANTISATION = 1 / 12


@dataclass(frozen=True)
class Measured:
    """What photon transfer tells of a sensor."""

    dn_per_e: float
    dark_noise_dn: float
    read_noise_e: float
    full_well_e: float
    dynamic_range_ev: float
    linearity_error_percent: float


def pair(sensor: Sensor, request: ExposureRequest) -> tuple[float, float]:
    """Mean, and temporal variance, of the green sites beside red in two images."""
    images: list[NDArray[np.float64]] = []
    for image_id in (1, 2):
        image = sensor.expose(replace(request, image_id=image_id))
        images.append(image[::2, 1::2].astype(np.float64))
    return float((images[0] + images[1]).mean() / 2), float((images[0] - images[1]).var() / 2)


def transferred(bits: int, gain: float) -> Measured:
    """The figures at a bit depth and an analogue gain."""
    request = ExposureRequest(0, bits, 20, gain, 0, 0, REGION)
    lit, dark = (Sensor(MOS, open_scene(spec), 3) for spec in ("flat?level=1", "dark"))
    black, dark_variance = pair(dark, request)
    times_us = np.unique(np.geomspace(20, 16_000 / gain, 20).astype(int))
    points = [pair(lit, replace(request, exposure_us=int(time_us))) for time_us in times_us]
    signal = np.array([mean - black for mean, _ in points])
    variance = np.array([variance - dark_variance for _, variance in points])
    saturation = signal.max()
    used = signal < 0.7 * saturation
    # Each point's variance is known to the same part of itself, so that the ratio's mean is the best slope.
    dn_per_e = float((variance[used] / signal[used]).mean())
    straight = (signal > 0.05 * saturation) & (signal < 0.95 * saturation)
    line = np.polyfit(times_us[straight], signal[straight], 1, w=1 / signal[straight])
    errors = np.polyval(line, times_us[straight]) / signal[straight] - 1
    dark_noise_dn = math.sqrt(dark_variance)
    return Measured(
        dn_per_e=dn_per_e,
        dark_noise_dn=dark_noise_dn,
        read_noise_e=math.sqrt(max(dark_variance - QUANTISATION, 0.0)) / dn_per_e,
        full_well_e=saturation / dn_per_e,
        dynamic_range_ev=math.log2(saturation / dark_noise_dn),
        linearity_error_percent=100 * float(np.abs(errors).max()),
    )


@pytest.mark.parametrize(
    ("bits", "gain", "read_noise_e"), [(16, 1.0, 1.0), (14, 1.0, 8.0), (12, 4.0, 1.0), (12, 16.0, 1.0)]
)
def test_the_profile_is_recovered(bits: int, gain: float, read_noise_e: float) -> None:
    """Gain, read noise and full well within 5 % of the profile, and linear to half a percent."""
    sensor: PixelArray = MOS.sensor
    measured = transferred(bits, gain)
    assert measured.dn_per_e == pytest.approx(sensor.dn_per_e(bits, gain), rel=0.05)
    assert measured.full_well_e == pytest.approx(sensor.full_well_e / gain, rel=0.05)
    assert measured.linearity_error_percent < 0.5
    if sensor.dn_per_e(bits, gain) * read_noise_e > 0.4:
        # Below, rounding hides it: a converter's step is several times the noise.
        assert measured.read_noise_e == pytest.approx(read_noise_e, rel=0.05)


def test_sixteen_bits_at_base_gain_reach_sixteen_stops() -> None:
    """RAW16 at base gain: 16 EV within 0.3 from saturation to dark temporal noise, at most 1.2 DN."""
    measured = transferred(16, 1.0)
    assert measured.dynamic_range_ev == pytest.approx(16.0, abs=0.3)
    assert measured.dark_noise_dn <= 1.2
    assert measured.full_well_e == pytest.approx(65_000, rel=0.05)


def test_single_images_show_the_fixed_pattern() -> None:
    """A single flat varies by more than a pair's difference says: by PRNU, in proportion to the signal."""
    sensor = Sensor(MOS, open_scene("flat?level=1"), 3)
    request = ExposureRequest(0, 16, 10_000, 1.0, 0, 1, REGION)
    mean, temporal = pair(sensor, request)
    spatial = float(sensor.expose(request)[::2, 1::2].astype(np.float64).var()) - temporal
    prnu = math.hypot(MOS.sensor.prnu_pixel, MOS.sensor.prnu_column)
    assert math.sqrt(spatial) / (mean - 4096) == pytest.approx(prnu, rel=0.05)
