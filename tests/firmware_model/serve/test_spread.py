"""laserlink.firmware_model.serve.spread: each number once, whatever fails, and pixels do not depend on it."""

import os
import threading
import time

import numpy as np
import pytest

from laserlink.firmware_model.profile import load_profile
from laserlink.firmware_model.scenes import open_scene
from laserlink.firmware_model.sensor import ExposureRequest, Sensor
from laserlink.firmware_model.serve.spread import in_threads


def test_each_number_is_worked_on_once() -> None:
    """All of them, by no thread twice, on as many threads as there are cores."""
    done: list[int] = []
    threads: set[int] = set()

    def work(number: int) -> None:
        threads.add(threading.get_ident())
        time.sleep(0.002)
        done.append(number)

    in_threads(work, range(50))
    assert sorted(done) == list(range(50))
    assert len(threads) == min(50, os.cpu_count() or 1)
    in_threads(work, [])


def test_error_of_any_thread_ends_the_work_and_is_raised() -> None:
    """What fails is the caller's to know, and not much is done in vain behind it."""
    done: list[int] = []

    def work(number: int) -> None:
        if number == 5:
            raise MemoryError("no room")
        time.sleep(0.001)
        done.append(number)

    with pytest.raises(MemoryError, match="no room"):
        in_threads(work, range(10_000))
    assert len(done) < 100


@pytest.mark.parametrize("scene", [None, "moving", "flat?level=0.5"])
def test_pixels_are_the_same_however_the_bands_are_spread(scene: str | None) -> None:
    """Bands know their own chance: threads make the image that one after another makes."""
    sensor = Sensor(load_profile("mos-100mp"), open_scene(scene), 3)
    request = ExposureRequest(2, 10, 10_000, 1.0, 0, 7, (0, 0, 2912, 2184))
    assert np.array_equal(sensor.expose(request, in_threads), sensor.expose(request))
