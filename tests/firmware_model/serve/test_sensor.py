"""laserlink.firmware_model.serve.sensor: exposing happens elsewhere, for each image that needs it, and
failing is told.
"""

import hashlib
import threading
from dataclasses import replace
from typing import Any

import pytest
from served import wait_until

from laserlink.firmware_model.autofocus import FocusMeasured, FocusWanted
from laserlink.firmware_model.profile import load_profile
from laserlink.firmware_model.scenes import open_scene
from laserlink.firmware_model.sensor import ExposureRequest, Sensor
from laserlink.firmware_model.serve.sensor import CYCLE_IMAGES, Exposed, SensorThread
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

    def expose(self, request: ExposureRequest, *options: Any) -> Any:
        self.exposures += 1
        if self.failing:
            raise MemoryError("no room for the picture")
        return super().expose(request, *options)


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


def taken(sensor: CountingSensor, wishes: list[ExposureWanted], prepared: int = 0) -> list[Exposed]:
    """What comes of the wishes, in order, after so many exposures ahead of time."""
    exposed: list[Exposed] = []
    thread = SensorThread(sensor, exposed.append, pytest.fail, sha256=False)
    for _ in range(prepared):
        thread.prepare(replace(wanted(0).request, f_number=None), THUMBNAIL).result(30)
    for wish in wishes:
        thread.expose(wish)
    wait_until(lambda: len(exposed) == len(wishes), "all images")
    thread.close()
    return exposed


def different(exposed: list[Exposed]) -> int:
    """How many of the images are different ones."""
    return len({item.image.data.tobytes() for item in exposed})


def test_each_image_of_a_burst_has_noise_of_its_own(sensor: CountingSensor) -> None:
    """Counted images are all exposed, also those with an id of a session before; no digest unasked."""
    exposed = taken(sensor, [wanted(1), wanted(2), wanted(1), wanted(3, exposure_us=20_000)])
    assert sensor.exposures == 4
    assert different(exposed) == 4
    assert [item.wanted.image_id for item in exposed] == [1, 2, 1, 3]
    assert exposed[0].sha256 is None


def test_a_prepared_exposure_is_the_first_image_and_no_other(sensor: CountingSensor) -> None:
    """What is prepared is used once; a named widest stop and a few kelvins make no other exposure of it."""
    wish = wanted(1)
    warmer = replace(wish, request=replace(wish.request, f_number=2.0, temperature_c=26.5, started_ns=9))
    exposed = taken(sensor, [warmer, wanted(2)], prepared=1)
    assert sensor.exposures == 2
    assert different(exposed) == 2


def test_an_endless_stream_goes_around_in_its_first_images(sensor: CountingSensor) -> None:
    """Eight images with noise of their own come again and again; the prepared one is the first."""
    exposed = taken(sensor, [replace(wanted(number), endless=True) for number in range(1, 21)], prepared=1)
    assert sensor.exposures == CYCLE_IMAGES
    assert different(exposed[:CYCLE_IMAGES]) == CYCLE_IMAGES
    for index in range(CYCLE_IMAGES, 20):
        assert exposed[index].image is exposed[index - CYCLE_IMAGES].image


def test_large_images_go_around_in_fewer(sensor: CountingSensor, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many are kept as fit into the memory for them, at least one."""
    bytes_each = THUMBNAIL.coded_bytes
    for room, count in ((3 * bytes_each, 3), (bytes_each // 2, 1)):
        monkeypatch.setattr("laserlink.firmware_model.serve.sensor.CYCLE_BYTES", room)
        exposed = taken(sensor, [replace(wanted(number), endless=True) for number in range(1, 8)])
        assert different(exposed) == count


def test_two_streams_at_once_each_go_around(sensor: CountingSensor) -> None:
    """Images of two views in turns: each view's come again, as if it were alone; of a third, one more."""
    narrow = ImageLayout(176, 136, 8, FRAME_BYTES_MAX)
    first = replace(wanted(1), endless=True)
    second = replace(first, request=replace(first.request, region=(0, 0, 176, 136)), layout=narrow)
    exposed = taken(sensor, [first, second] * 10)
    assert sensor.exposures == 2 * CYCLE_IMAGES
    for index in range(2 * CYCLE_IMAGES, 20):
        assert exposed[index].image is exposed[index - 2 * CYCLE_IMAGES].image


def test_the_view_that_was_used_longest_ago_is_forgotten(sensor: CountingSensor) -> None:
    """Memory is kept for two streams: a third takes the place of the one that rested."""
    views = []
    for width in (180, 176, 172):
        wish = replace(wanted(1), endless=True, layout=ImageLayout(width, 136, 8, FRAME_BYTES_MAX))
        views.append(replace(wish, request=replace(wish.request, region=(0, 0, width, 136))))
    thread = SensorThread(sensor, lambda exposed: None, pytest.fail, sha256=False)
    kept = [thread._cycle_of(view.request, view.layout) for view in views]
    assert thread._cycle_of(views[1].request, views[1].layout) is kept[1]
    assert thread._cycle_of(views[0].request, views[0].layout) is not kept[0]
    assert thread._cycle_of(views[1].request, views[1].layout) is kept[1]
    assert thread._cycle_of(views[2].request, views[2].layout) is not kept[2]
    thread.close()


def test_another_exposure_begins_anew(sensor: CountingSensor) -> None:
    """When the exposure changes, no image of the one before is sent; heat of many kelvins changes it, too."""
    first = replace(wanted(1), endless=True)
    longer = replace(wanted(2, exposure_us=20_000), endless=True)
    hotter = replace(first, request=replace(first.request, temperature_c=60.0))
    exposed = taken(sensor, [first, longer, first, hotter])
    assert sensor.exposures == 4
    assert different(exposed) == 4


def test_a_moving_scene_is_never_sent_twice() -> None:
    """Each image shows its own time, also without end."""
    sensor = CountingSensor(load_profile("uart-1m"), open_scene("moving"), 1)
    wish = replace(wanted(1), endless=True)
    times = [replace(wish, request=replace(wish.request, started_ns=time_ns)) for time_ns in (0, 5, 10)]
    assert different(taken(sensor, times)) == 3
    assert sensor.exposures == 3


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


def looked(thread: SensorThread, seen: list[FocusMeasured], dioptres: float) -> FocusMeasured:
    """What a look through a lens that is focused there sees."""
    request = replace(
        wanted(3).request, region=(400, 300, 160, 96), bits=8, mode_id=0, focus_dioptres=dioptres
    )
    layout = ImageLayout(160, 96, 8, FRAME_BYTES_MAX)
    count = len(seen)
    thread.look(FocusWanted(ExposureWanted(0, 3, request, layout), 16), seen.append)
    wait_until(lambda: len(seen) > count, "the look")
    return seen[-1]


def test_a_look_sees_more_contrast_where_the_scene_is(sensor: CountingSensor) -> None:
    """The chart hangs far away; a look is no image of any stream, and one that fails is told."""
    exposed: list[Exposed] = []
    failures: list[str] = []
    thread = SensorThread(sensor, exposed.append, failures.append, sha256=False)
    seen: list[FocusMeasured] = []
    sharp, blurred = looked(thread, seen, 0.0), looked(thread, seen, 3.0)
    assert sharp.number == 3 and sharp.contrast.score > blurred.contrast.score + 1.0
    assert exposed == [] == failures
    bad = replace(wanted(4).request, mode_id=77)
    thread.look(
        FocusWanted(ExposureWanted(0, 4, bad, ImageLayout(160, 96, 8, FRAME_BYTES_MAX)), 16), seen.append
    )
    wait_until(lambda: failures, "the failure")
    assert "mode_id" in failures[0]
    thread.close()
