"""laserlink.host_driver.camera: the camera as its users meet it, with a real module in another process."""

import math
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from served import Program, entries, serving, small_profile, url_of, wait_until

from laserlink.host_driver.auto_controls import AeState, Metering
from laserlink.host_driver.auto_exposure import GREY, metered
from laserlink.host_driver.camera import Camera
from laserlink.host_driver.errors import BadUrl, NoDeviceFound, PortBusy
from laserlink.protocol.errors import (
    LinkLost,
    LinkTimeout,
    LocalProtocolError,
    ModuleDetached,
    ProtocolLost,
    RemoteProtocolError,
    ValueOutOfRange,
)
from laserlink.protocol.states import HostState, Seating


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A ring folder for these tests."""
    folder = tmp_path_factory.mktemp("runtime")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(folder))
        yield folder


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Program]:
    """A small module with a laser that goes on through these tests."""
    with serving(small_profile(folder), "--sha256", "yes") as served:
        yield served


@pytest.fixture
def camera(served: Program) -> Iterator[Camera]:
    """An attached camera, set to small pictures."""
    with Camera(url_of(served)) as camera:
        camera.configure("thumbnail")
        yield camera


def digest_of(served: Program, image_id: int) -> str:
    """What the module says of an image's pixels: the last image of that number."""
    return next(
        str(item["sha256"]) for item in reversed(served.told("exposed")) if item["image_id"] == image_id
    )


def test_camera_tells_who_the_module_is(camera: Camera) -> None:
    """Descriptor, modes, controls, contract, seating, counters and the way there."""
    assert camera.descriptor.product == "UART-1M"
    assert list(camera.modes) == ["still-full", "preview", "thumbnail"]
    assert camera.controls["ExposureTime"] == 10_000
    assert camera.contract is not None
    assert camera.contract.voltage_mv == 5000
    assert camera.seating is Seating.SEATED
    assert camera.counters().frames_received > 0
    assert camera.state is HostState.READY
    assert [change.state for change in camera.timeline][:2] == [HostState.SEATING, HostState.POWERED]
    assert camera.losses == []


def test_every_pixel_of_a_full_picture_is_the_sensors(camera: Camera, served: Program) -> None:
    """A picture of each depth through the laser equals what the sensor made, by SHA-256."""
    for name in ("RAW8", "raw10", "RAW12"):
        layout = camera.configure("still-full", format=name)
        shot = camera.capture()
        assert shot.complete
        assert shot.raw.shape == (1092, 1456) == (layout.height, layout.width)
        assert shot.raw.dtype == np.uint16
        assert shot.sha256() == digest_of(served, shot.metadata["ImageId"])
        assert camera.received is not None
        assert camera.received.gbps > 0


def test_region_is_the_part_of_the_whole(camera: Camera) -> None:
    """A region has its own size, and its pixels are those of the chart there: near the whole picture's
    mean.
    """
    camera.configure("still-full")
    whole = camera.capture().raw[100:340, 200:520].astype(float)
    layout = camera.configure("still-full", region=(200, 100, 320, 240))
    part = camera.capture().raw
    assert part.shape == (240, 320) == (layout.height, layout.width)
    # The noise of each exposure is its own; of what the sensor looks at, both are the same picture.
    assert np.corrcoef(whole.ravel(), part.ravel())[0, 1] > 0.9


@pytest.mark.parametrize(
    "region", [(-4, 0, 320, 240), (0, 0, 1 << 16, 240), (0.5, 0, 4, 4), (0, 0, 320), (1, 2, 3, "x")]
)
def test_regions_that_are_none_are_refused_here(camera: Camera, region: tuple[int, int, int, int]) -> None:
    """What the wire cannot even carry never leaves the host."""
    with pytest.raises(LocalProtocolError, match="no region"):
        camera.configure("still-full", region=region)
    assert camera.capture().complete


@pytest.mark.parametrize("region", [(0, 0, 2000, 240), (1, 0, 320, 240), (0, 0, 322, 240), (0, 0, 4, 3)])
def test_regions_that_do_not_fit_are_refused_by_the_module(
    camera: Camera, region: tuple[int, int, int, int]
) -> None:
    """Beyond the mode, odd, or of a wrong width: the module's own word, and the camera goes on."""
    with pytest.raises(RemoteProtocolError):
        camera.configure("still-full", region=region)
    camera.configure("thumbnail")
    assert camera.capture().complete


def test_modes_formats_and_counts_that_are_none(camera: Camera) -> None:
    """Each wrong value is typed, and the link is as good as before."""
    with pytest.raises(LocalProtocolError, match="no mode 'bogus'; it has still-full"):
        camera.configure("bogus")
    with pytest.raises(LocalProtocolError, match="'RAW9' is no format"):
        camera.configure(format="RAW9")
    with pytest.raises(RemoteProtocolError):
        camera.configure("thumbnail", format="RAW16")
    for count in (0, -1, 1 << 32):
        with pytest.raises(LocalProtocolError, match="images cannot be taken"):
            camera.images(count)
    assert camera.capture().complete


def test_controls_hold_for_the_next_picture(camera: Camera) -> None:
    """A picture tells the exposure and gain that it was taken with, and the set that they came in."""
    set_id = camera.set_controls(ExposureTime=3_000, AnalogueGain=2.0)
    shot = camera.capture()
    assert shot.metadata["ExposureTime"] == 3_000
    assert shot.metadata["AnalogueGain"] == 2.0
    assert shot.metadata["ControlSetId"] == set_id
    assert camera.controls["ExposureTime"] == 3_000
    camera.set_controls(ExposureTime=10_000, AnalogueGain=1.0)
    assert camera.capture().metadata["ExposureTime"] == 10_000


def test_controls_are_set_all_or_none(camera: Camera) -> None:
    """An unknown name, a wrong type and a value out of range are typed, and nothing has changed."""
    before = camera.controls
    with pytest.raises(LocalProtocolError, match="no control Bogus"):
        camera.set_controls(ExposureTime=5_000, Bogus=1)
    with pytest.raises(LocalProtocolError):
        camera.set_controls(ExposureTime=0.5)
    with pytest.raises(ValueOutOfRange):
        camera.set_controls(AnalogueGain=4.0, ExposureTime=2_000_000)
    assert camera.controls == before


def test_timestamps_rise_and_are_within_their_uncertainty(camera: Camera) -> None:
    """The exposure began after the request and before the picture came, on this machine's clock."""
    last = 0
    for _ in range(3):
        before = time.monotonic_ns()
        shot = camera.capture()
        after = time.monotonic_ns()
        at, slack = shot.metadata["SensorTimestamp"], shot.metadata["SensorTimestampUncertainty"]
        assert before - slack <= at <= after + slack
        assert at > last
        assert abs(shot.metadata["DateTime"].timestamp() - time.time()) < 60
        last = at


def test_counted_images_come_all(camera: Camera, served: Program) -> None:
    """Five images, five numbers in a row, each with the sensor's pixels; then the iterator is done."""
    shots = list(camera.images(5))
    numbers = [shot.metadata["ImageId"] for shot in shots]
    assert numbers == list(range(numbers[0], numbers[0] + 5))
    assert [shot.sha256() for shot in shots] == [digest_of(served, number) for number in numbers]


def test_counted_images_come_all_to_a_slow_taker(camera: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    """When only two pictures may wait, a slow taker of five gets all five."""
    monkeypatch.setattr("laserlink.host_driver.camera.WAITING_BYTES_MAX", 2 * 180 * 136 * 2)
    taken = 0
    for shot in camera.images(5):
        assert shot.complete
        taken += 1
        if taken < 5:
            # Whatever the module may still send of this run has come before the next one is asked for.
            wait_until(lambda: camera.state in (HostState.READY, HostState.STREAMING), "the link is up")
            time.sleep(0.05)
    assert taken == 5


def test_endless_images_close_early(camera: Camera) -> None:
    """Without a count they go on until closed; then the stream has stopped, and the camera takes others."""
    images = camera.images()
    assert [next(images).complete for _ in range(3)] == [True] * 3
    images.close()
    wait_until(lambda: camera.state is HostState.READY, "the stream stopped")
    assert camera.capture().complete


def test_one_stream_at_a_time(camera: Camera) -> None:
    """While an iterator is open, another capture and a configuration are refused; closed, they are not."""
    images = camera.images()
    next(images)
    with pytest.raises(LocalProtocolError, match="close their iterator first"):
        camera.capture()
    with pytest.raises(LocalProtocolError, match="close their iterator first"):
        camera.configure("preview")
    camera.set_controls(ExposureTime=10_000)
    next(images)
    images.close()
    camera.configure("preview")
    assert camera.capture().raw.shape == (272, 364)


def test_two_threads_take_turns(camera: Camera) -> None:
    """Captures from two threads, with controls from a third, all come out whole."""
    done: list[bool] = []

    def take() -> None:
        done.extend(camera.capture().complete for _ in range(5))

    threads = [threading.Thread(target=take) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        camera.set_controls(ExposureTime=10_000)
    for thread in threads:
        thread.join(60)
    assert done == [True] * 10


def test_capture_after_a_moment_is_never_stale(camera: Camera) -> None:
    """Its exposure began at that moment or later, now or half a second ahead, also while pictures wait."""
    images = camera.images()
    next(images)
    time.sleep(0.2)
    images.close()
    for ahead_ns in (0, 500_000_000, -5_000_000_000):
        after = time.monotonic_ns() + ahead_ns
        shot = camera.capture(after=after)
        began, slack = shot.metadata["SensorTimestamp"], shot.metadata["SensorTimestampUncertainty"]
        assert began - slack >= after
        assert time.monotonic_ns() >= began - slack


def test_set_names_the_image_that_it_took_effect_in(camera: Camera) -> None:
    """Each image says since which one its controls hold."""
    camera.set_controls(ExposureTime=2_000)
    first, second = (camera.capture().metadata for _ in range(2))
    assert first["ControlSetImageId"] == second["ControlSetImageId"] == first["ImageId"]
    camera.set_controls(ExposureTime=10_000)
    assert camera.capture().metadata["ControlSetImageId"] > first["ImageId"]


def test_dropped_pictures_are_counted(camera: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is slow to take endless pictures misses some, and is told how many; counted ones all come."""
    assert len(list(camera.images(3))) == 3
    before = camera.dropped
    monkeypatch.setattr("laserlink.host_driver.camera.WAITING_BYTES_MAX", 2 * 180 * 136 * 2)
    images = camera.images()
    first = next(images).metadata["ImageId"]
    time.sleep(0.6)
    missed = next(images).metadata["ImageId"] - first - 1
    images.close()
    assert missed > 0
    assert camera.dropped - before >= missed


def test_controls_of_the_host_are_shown_beside_the_modules(camera: Camera) -> None:
    """Set together, all or none: a wrong value of either side leaves both as they were."""
    camera.set_controls(AwbEnable=True, ExposureTime=7_000)
    assert (camera.controls["AwbEnable"], camera.controls["ExposureTime"]) == (True, 7_000)
    for wrong in ({"ExposureTime": 9_000_000}, {"AeMeteringMode": 9}):
        with pytest.raises((LocalProtocolError, ValueOutOfRange)):
            camera.set_controls(**({"AwbEnable": False, "AnalogueGain": 2.0} | wrong))
        assert (camera.controls["AwbEnable"], camera.controls["AnalogueGain"]) == (True, 1.0)
    assert camera.set_controls(AwbEnable=False) <= camera.set_controls(ExposureTime=10_000)


def test_controls_are_read_from_the_module(camera: Camera) -> None:
    """Values as the module has them now; what it does not have is refused."""
    camera.set_controls(ExposureTime=6_000)
    assert camera.read_controls("ExposureTime", "AnalogueGain") == {
        "ExposureTime": 6_000,
        "AnalogueGain": 1.0,
    }
    with pytest.raises(LocalProtocolError, match="no control Bogus"):
        camera.read_controls("Bogus")
    camera.set_controls(ExposureTime=10_000)


@pytest.mark.parametrize("lux", [4.49, 449.0, 44_900.0])
def test_exposure_settles_in_any_light(lux: float) -> None:
    """From a hundredth to a hundredfold of an office's light: the same brightness, and each part by hand
    wins."""
    with (
        serving("uart-1m", "--line-rate", "0", "--scene", f"chart?lux={lux}") as dim,
        Camera(url_of(dim)) as camera,
    ):
        camera.configure("preview", "RAW10")
        camera.set_controls(AeEnable=True, AwbEnable=True)
        shot = camera.capture()
        assert shot.metadata["AeState"] == AeState.CONVERGED
        level = metered(shot, Metering.CENTRE_WEIGHTED).level
        assert abs(math.log2(level / GREY)) < 0.35
        daylight = camera.descriptor.neutral
        expected = [part / max(daylight) for part in daylight]
        assert shot.metadata["AsShotNeutral"] == pytest.approx(expected, rel=0.05)
        camera.set_controls(ExposureTime=1_234)
        by_hand = camera.capture()
        assert by_hand.metadata["ExposureTime"] == 1_234
        assert (camera.controls["ExposureTimeMode"], camera.controls["AnalogueGainMode"]) == (1, 0)
        camera.set_controls(AeEnable=False, AnalogueGain=2.0, ColourGains=(2.0, 1.5))
        fixed = camera.capture().metadata
        assert (fixed["ExposureTime"], fixed["AnalogueGain"], fixed["AeState"]) == (1_234, 2.0, AeState.IDLE)
        assert fixed["ColourGains"] == pytest.approx((2.0, 1.5))


def test_exposure_follows_a_stream(camera: Camera) -> None:
    """In a stream that runs, what is automatic moves from picture to picture, and ends where it is right."""
    camera.set_controls(ExposureTime=200, AnalogueGain=1.0)
    images = camera.images()
    next(images)
    camera.set_controls(AeEnable=True)
    states = [next(images).metadata["AeState"] for _ in range(12)]
    images.close()
    assert states[-1] == AeState.CONVERGED
    camera.set_controls(ExposureTime=10_000, AnalogueGain=1.0)


def test_closed_camera_says_so(served: Program) -> None:
    """Closing twice is fine; then every method says that the camera is closed, and attaches nothing."""
    camera = Camera(url_of(served))
    camera.close()
    camera.close()
    for use in (
        camera.capture,
        camera.counters,
        camera.configure,
        lambda: camera.controls,
        lambda: camera.descriptor,
    ):
        with pytest.raises(LocalProtocolError, match="camera is closed"):
            use()


def test_closing_ends_what_another_thread_waits_for(served: Program) -> None:
    """A capture that is under way when another thread closes the camera ends with a typed error."""
    camera = Camera(url_of(served))
    camera.configure("thumbnail")
    camera.set_controls(ExposureTime=1_000_000)
    errors: list[Exception] = []

    def take() -> None:
        try:
            for _ in camera.images():
                pass
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=take)
    thread.start()
    wait_until(lambda: camera.state is HostState.STREAMING, "streaming")
    camera.close()
    thread.join(20)
    assert not thread.is_alive()
    assert isinstance(errors[0], LocalProtocolError | LinkLost)


def test_second_host_is_told_that_it_is_busy(camera: Camera, served: Program) -> None:
    """While one camera is attached, another one is refused as busy, and disturbs nothing."""
    with pytest.raises(PortBusy):
        Camera(url_of(served))
    assert camera.capture().complete


def test_settings_come_back_to_the_same_module(served: Program) -> None:
    """Pulled off in a stream and snapped on: ModuleDetached, then the same camera has its settings and
    mode again.
    """
    with Camera(url_of(served)) as camera:
        camera.configure("preview")
        camera.set_controls(ExposureTime=4_321)
        images = camera.images()
        next(images)
        served.send(signal.SIGUSR1)
        with pytest.raises(ModuleDetached):
            for _ in images:
                pass
        with pytest.raises(ModuleDetached):
            camera.capture()
        snapped = len(served.told("snapped_on"))
        served.send(signal.SIGUSR1)
        wait_until(lambda: len(served.told("snapped_on")) > snapped, "snapped on")
        shot = camera.capture()
        assert shot.raw.shape == (272, 364)
        assert shot.metadata["ExposureTime"] == 4_321
        assert camera.state is not HostState.ABSENT
        camera.set_controls(ExposureTime=10_000)


def test_pulled_off_in_the_middle_of_a_picture_keeps_what_came(folder: Path) -> None:
    """On a slow line, a killed module leaves the part of the picture that came, with its gaps listed."""
    with (
        serving("uart-1m", "--line-rate", "2000000", "--sha256", "yes") as served,
        Camera(url_of(served)) as camera,
    ):
        camera.configure("preview")
        whole = camera.capture().raw
        camera.configure("still-full", "RAW8")
        images = camera.images(1)
        counters = camera.inspect(lambda host: host.connection.counters)
        enough = counters.bytes_received + 300_000

        def kill_midway() -> None:
            wait_until(lambda: counters.bytes_received > enough, "a fifth of the picture")
            os.kill(served.pid, signal.SIGKILL)

        threading.Thread(target=kill_midway).start()
        with pytest.raises(ModuleDetached) as caught:
            next(images)
        shot = caught.value.shot
        assert shot is not None
        assert not shot.complete
        assert 0 < shot.missing_bytes() < 1456 * 1092
        assert shot.metadata["Mode"] == "still-full"
        assert shot.metadata["SensorTimestamp"] is not None
        # The rows that came are picture, those that did not are zero.
        first_missing = shot.missing_rows()[0][0]
        assert shot.raw[: first_missing - 1].mean() == pytest.approx(
            whole[: first_missing // 4].mean(), rel=0.3
        )
        assert not shot.raw[shot.missing_rows()[-1][1]].any()


def test_silent_module_is_a_timeout_that_names_the_cause(served: Program) -> None:
    """A module that is stopped: the capture ends with a typed loss within its time; woken up, the
    camera goes on.
    """
    with Camera(url_of(served)) as camera:
        camera.configure("thumbnail")
        os.kill(served.pid, signal.SIGSTOP)
        try:
            with pytest.raises(LinkLost) as caught:
                camera.capture(timeout=3)
        finally:
            os.kill(served.pid, signal.SIGCONT)
        assert isinstance(caught.value, LinkTimeout | ProtocolLost)
        assert camera.capture().complete


def test_nothing_is_left_when_all_are_gone(folder: Path, served: Program) -> None:
    """Between hosts there is one ring, that of the module which waits for the next one."""
    wait_until(lambda: len(entries(folder)) == 3, "one ring")


@pytest.mark.parametrize(
    ("url", "kind"), [("sim:", BadUrl), ("/dev/null", NoDeviceFound), ("auto:", NoDeviceFound)]
)
def test_what_cannot_be_opened_leaves_no_thread(url: str, kind: type[Exception]) -> None:
    """A camera that never came to be leaves no thread behind."""
    before = threading.active_count()
    with pytest.raises(kind):
        Camera(url)
    assert threading.active_count() == before
