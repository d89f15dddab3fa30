"""laserlink.firmware_model.serve.sensor: exposing happens elsewhere, once for each exposure, and
failing is told.
"""

import hashlib
import threading
from typing import Any

import pytest
from served import wait_until

from laserlink.firmware_model.profile import load_profile
from laserlink.firmware_model.scenes import open_scene
from laserlink.firmware_model.sensor import ExposureRequest, Sensor
from laserlink.firmware_model.serve.sensor import Exposed, SensorThread
from laserlink.firmware_model.stream import ExposureWanted
from laserlink.protocol.image_layout import ImageLayout
from laserlink.protocol.limits import FRAME_BYTES_MAX
from laserlink.protocol.raw import unpack

THUMBNAIL = ImageLayout(180, 136, 8, FRAME_BYTES_MAX)


def wanted(image_id: int, exposure_us: int = 10_000) -> ExposureWanted:
    """A thumbnail, as the machine asks for it."""
    request = ExposureRequest(3, 8, exposure_us, 1.0, 0, image_id, (0, 0, 180, 136))
    return ExposureWanted(2, image_id, request, THUMBNAIL)


class CountingSensor(Sensor):
    """The real sensor, which counts its exposures and can be told to fail."""

    exposures = 0
    failing = False

    def expose(self, request: ExposureRequest) -> Any:
        self.exposures += 1
        if self.failing:
            raise MemoryError("no room for the picture")
        return super().expose(request)


@pytest.fixture
def sensor() -> CountingSensor:
    """A small sensor in front of the chart."""
    return CountingSensor(load_profile("uart-1m"), open_scene(None), 1)


def test_images_come_from_another_thread_with_their_digest(sensor: CountingSensor) -> None:
    """What is handed over is the packed picture, its SHA-256 that of the pixels, on a thread of its own."""
    exposed: list[tuple[Exposed, str]] = []
    thread = SensorThread(
        sensor, lambda item: exposed.append((item, threading.current_thread().name)), pytest.fail, sha256=True
    )
    thread.expose(wanted(7))
    wait_until(lambda: exposed, "the exposure")
    item, name = exposed[0]
    pixels = unpack(item.image.data, 8).astype("<u2")
    assert item.wanted.image_id == 7
    assert item.sha256 == hashlib.sha256(pixels.tobytes()).hexdigest()
    assert name != threading.current_thread().name
    thread.close()


def test_same_exposure_is_taken_once(sensor: CountingSensor) -> None:
    """A prepared exposure is used again for other images; another exposure is taken anew; without a
    digest none.
    """
    exposed: list[Exposed] = []
    thread = SensorThread(sensor, exposed.append, pytest.fail, sha256=False)
    thread.prepare(wanted(0).request, THUMBNAIL).result(30)
    for item in (wanted(1), wanted(2), wanted(3, exposure_us=20_000)):
        thread.expose(item)
    wait_until(lambda: len(exposed) == 3, "three images")
    assert sensor.exposures == 2
    assert [item.wanted.image_id for item in exposed] == [1, 2, 3]
    assert exposed[0].image is exposed[1].image
    assert exposed[0].sha256 is None
    thread.close()


def test_failure_is_told_and_the_next_exposure_works(sensor: CountingSensor) -> None:
    """An exposure that fails is told with its cause, a prepared one by its future, and the thread goes on."""
    exposed: list[Exposed] = []
    failures: list[str] = []
    thread = SensorThread(sensor, exposed.append, failures.append, sha256=False)
    sensor.failing = True
    thread.expose(wanted(1))
    with pytest.raises(MemoryError):
        thread.prepare(wanted(1).request, THUMBNAIL).result(30)
    assert failures == ["the sensor failed: no room for the picture"]
    sensor.failing = False
    thread.expose(wanted(2))
    wait_until(lambda: exposed, "the exposure after the failure")
    thread.close()


def test_closed_it_begins_nothing_more(sensor: CountingSensor) -> None:
    """What waits when it is closed is never exposed, and the thread ends."""
    blocked, go_on = threading.Event(), threading.Event()

    def hold(item: Exposed) -> None:
        blocked.set()
        go_on.wait(30)

    threads = threading.active_count()
    thread = SensorThread(sensor, hold, pytest.fail, sha256=False)
    thread.expose(wanted(1))
    assert blocked.wait(30)
    thread.expose(wanted(2, exposure_us=20_000))
    thread.close()
    thread.close()
    go_on.set()
    wait_until(lambda: threading.active_count() == threads, "the thread ended")
    assert sensor.exposures == 1
