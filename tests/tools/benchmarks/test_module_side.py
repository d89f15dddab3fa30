"""The module in a process of its own."""

import sys

import numpy as np
import pytest

from laserlink.firmware_model.sensor import ExposureRequest
from laserlink.tools.benchmarks.module_side import (
    FULL,
    ModuleOptions,
    ModuleProcess,
    PlainSensor,
    unhurried_profile,
)


def test_the_profile_takes_no_time() -> None:
    """No read-out, no boot to speak of, and the size that was asked for."""
    profile = unhurried_profile(ModuleOptions(64, 32))
    mode = profile.mode_named(FULL)
    assert (mode.width, mode.height) == (64, 32)
    assert profile.sensor.readout_ms == 0 and profile.timing.boot_ms == 1


def test_pixels_fit_their_bits() -> None:
    """Pixels of 8 bits are of 8 bits, and of the size of their mode."""
    sensor = PlainSensor(unhurried_profile(ModuleOptions(64, 32)))
    pixels = sensor.expose(ExposureRequest(0, 8, 20, 1.0, 0, 1, (0, 0, 64, 32)))
    assert pixels.shape == (32, 64) and pixels.dtype == np.uint16 and 128 < pixels.max() < 256


@pytest.mark.skipif(sys.platform != "linux", reason="a ring needs Linux")
def test_the_process_ends_with_its_parent() -> None:
    """It names a URL with a ring, and closing its input ends it."""
    with ModuleProcess(ModuleOptions(64, 32)) as module:
        assert module.pid > 0 and "?ring=" in module.url
    assert module._process.returncode == 0
