"""host_driver/series.py: brackets, time lapse, stacks and focusing, with a camera that is counted."""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from served import Program, serving, small_profile, url_of

from laserlink.host_driver.auto_controls import HostValue
from laserlink.host_driver.camera import Camera
from laserlink.host_driver.series import FOCUS_WINDOW_PART, STACKED_IMAGES_MAX, Series, focus_window
from laserlink.host_driver.shot import Shot
from laserlink.protocol.errors import LocalProtocolError
from laserlink.protocol.messages.identity import Descriptor, SensorMode
from laserlink.protocol.timers import NS_PER_MS, NS_PER_S

METADATA: dict[str, Any] = {
    "BitsPerPixel": 12, "WhiteLevel": 4095, "SensorBlackLevels": (256,) * 4, "CfaPattern": "RGGB",
}  # fmt: skip
DESCRIPTOR = Descriptor(modes=(SensorMode(width=2912, height=2184, binning=4),))


class Clockwork(Series):
    """A camera in its own time: every picture takes as long as it is told."""

    descriptor = DESCRIPTOR

    def __init__(self, *takes_ns: int) -> None:
        self.now = 5 * NS_PER_S
        self.takes_ns = list(takes_ns)
        self.states: list[int] = []
        self.set: list[dict[str, HostValue]] = []

    @property
    def controls(self) -> dict[str, HostValue]:
        return {"ExposureTimeMode": 1, "AnalogueGainMode": 1, "AwbEnable": False}

    def read_controls(self, *names: str) -> dict[str, HostValue]:
        return {"AfState": self.states.pop(0) if len(self.states) > 1 else self.states[0]}

    def set_controls(self, **values: HostValue) -> int:
        self.set.append(values)
        return len(self.set)

    def capture(self, timeout: float | None = None, *, after: int | None = None) -> Shot:
        shot = Shot(np.full((4, 4), 300, np.uint16), METADATA | {"SensorTimestamp": self.now})
        self.now += self.takes_ns.pop(0)
        return shot

    def images(
        self, count: int | None = None, *, timeout: float | None = None
    ) -> Generator[Shot, None, None]:
        for _ in range(count or 0):
            yield self.capture()

    def now_ns(self) -> int:
        return self.now

    def wait_until(self, moment_ns: int) -> None:
        self.now = max(self.now, moment_ns)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A small module with a laser."""
    folder = tmp_path_factory.mktemp("runtime")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(folder))
        with serving(small_profile(folder)) as served:
            yield served


@pytest.fixture
def camera(served: Program) -> Iterator[Camera]:
    """An attached camera, set to small pictures."""
    with Camera(url_of(served)) as camera:
        camera.configure("thumbnail", "RAW10")
        yield camera


def moments(camera: Clockwork, interval: float, count: int) -> list[int]:
    """When the pictures of a time lapse were taken, in milliseconds from its start."""
    start = camera.now
    return [
        (shot.metadata["SensorTimestamp"] - start) // NS_PER_MS for shot in camera.timelapse(interval, count)
    ]


def test_time_lapse_does_not_drift() -> None:
    """Pictures that take 70 to 130 ms come every 200 ms all the same: nothing adds up."""
    times = [ms * NS_PER_MS for ms in (70, 130, 110, 90, 70)]
    assert moments(Clockwork(*times), 0.2, 5) == [0, 200, 400, 600, 800]


def test_time_lapse_leaves_out_what_it_missed() -> None:
    """A picture that takes two intervals and a half costs two moments; the others stay where they were."""
    times = [ms * NS_PER_MS for ms in (10, 500, 10, 200, 10)]
    assert moments(Clockwork(*times), 0.2, 5) == [0, 200, 800, 1000, 1200]


@pytest.mark.parametrize("interval", [0, -1, float("nan"), float("inf")])
def test_intervals_that_are_none(interval: float) -> None:
    """No time, no number, no end."""
    with pytest.raises(LocalProtocolError, match="every"):
        next(Clockwork().timelapse(interval))


def test_bracket_carries_its_own_controls(camera: Camera) -> None:
    """Each picture has its exposure, its set and its brightness; then all is as before, also left early."""
    camera.set_controls(ExposureTime=10_000, AnalogueGain=1.0)
    shots = list(camera.bracket([500, 2_000, {"ExposureTime": 2_000, "AnalogueGain": 4.0}]))
    found = [(shot.metadata["ExposureTime"], shot.metadata["AnalogueGain"]) for shot in shots]
    assert found == [(500, 1.0), (2_000, 1.0), (2_000, 4.0)]
    sets = [shot.metadata["ControlSetId"] for shot in shots]
    assert sets == sorted(set(sets))
    light = [shot.raw.mean() - shot.metadata["SensorBlackLevels"][0] for shot in shots]
    assert light[1] / light[0] == pytest.approx(4, rel=0.1) == light[2] / light[1]
    steps = camera.bracket([500, 2_000])
    next(steps)
    steps.close()
    for name, value in {"ExposureTime": 10_000, "AnalogueGain": 1.0, "ExposureTimeMode": 1}.items():
        assert camera.controls[name] == value


def test_bracket_gives_the_automatic_back(camera: Camera) -> None:
    """What was automatic before is so again, although the bracket's exposures were set by hand."""
    camera.set_controls(AeEnable=True)
    assert [shot.metadata["ExposureTime"] for shot in camera.bracket([700, 900])] == [700, 900]
    assert (camera.controls["ExposureTimeMode"], camera.controls["AnalogueGainMode"]) == (0, 0)
    camera.set_controls(ExposureTime=10_000, AnalogueGain=1.0)


def test_stack_halves_the_noise_of_the_module(camera: Camera) -> None:
    """Four pictures through the link: against the mean of many, a half of the noise, within 10 %."""
    truth = np.mean([shot.raw.astype(float) for shot in camera.images(40)], axis=0)
    single = camera.capture().raw - truth
    stacked = camera.capture_stack(4)
    scale = 1 << (16 - 10)
    assert stacked.metadata["StackedImages"] == 4
    gained = (stacked.raw / scale - truth).std() / single.std()
    # The mean of forty has noise of its own: of 1/40 of the variance.
    expected = np.sqrt((1 / 4 + 1 / 40) / (1 + 1 / 40))
    assert gained == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("count", [0, -1, STACKED_IMAGES_MAX + 1])
def test_stacks_that_are_none(count: int) -> None:
    """Fewer than one, or more than memory should hold."""
    with pytest.raises(LocalProtocolError, match="no stack"):
        Clockwork().capture_stack(count)


@pytest.fixture(scope="module")
def chart_camera() -> Iterator[Camera]:
    """The module that nobody has told what to look at."""
    with Camera("sim:mos-100mp") as camera:
        yield camera


def test_autofocus_waits_for_the_module() -> None:
    """Asked until the module is done; found, not found, and never done."""
    for states, found in (([1, 1, 2], True), ([1, 3], False), ([2], True)):
        camera = Clockwork()
        camera.states = states
        assert camera.autofocus((0.5, 0.25)) is found
        assert camera.set == [
            {"AfMode": 1, "AfMetering": 1, "AfWindows": (5096, 1456, 1456, 1456), "AfTrigger": 0}
        ]
    endless = Clockwork()
    endless.states = [1]
    assert not endless.autofocus(timeout=2.0)
    assert endless.set == [{"AfMode": 1, "AfMetering": 0, "AfTrigger": 0}, {"AfTrigger": 1}]


@pytest.mark.parametrize("point", [None, (0.5, 0.5), (0.2, 0.5)])
def test_autofocus_of_the_default_module_finds_its_chart_at_infinity(
    point: tuple[float, float] | None, chart_camera: Camera
) -> None:
    """The end of the lens's way is a focus as any other: nothing lies beyond infinity."""
    assert chart_camera.autofocus(point)
    assert chart_camera.read_controls("LensPosition")["LensPosition"] < 0.05


def test_autofocus_of_a_module(camera: Camera) -> None:
    """The chart is far away: touched in its middle, the lens finds it."""
    assert camera.autofocus((0.5, 0.5))
    assert abs(float(camera.read_controls("LensPosition")["LensPosition"])) < 0.5  # type: ignore[arg-type]


def test_window_is_around_the_point_and_on_the_sensor() -> None:
    """In parts or in pixels, the same window; at the border it is pushed inwards."""
    side = 11648 // FOCUS_WINDOW_PART
    assert focus_window(DESCRIPTOR, (0.5, 0.5)) == focus_window(DESCRIPTOR, (5824, 4368))
    assert focus_window(DESCRIPTOR, (0, 0)) == (0, 0, side, side)
    assert focus_window(DESCRIPTOR, (1, 1)) == (11648 - side, 8736 - side, side, side)


@pytest.mark.parametrize("point", [(-0.1, 0.5), (0.5, 8737.0), (float("nan"), 0.5), (12_000, 1)])
def test_points_off_the_sensor_are_refused(point: tuple[float, float]) -> None:
    """What is not on it cannot be focused on."""
    with pytest.raises(LocalProtocolError, match="not on the sensor"):
        focus_window(DESCRIPTOR, point)


def test_pictures_of_a_time_lapse_are_on_time(camera: Camera, tmp_path: Path) -> None:
    """With a real clock: four pictures 150 ms apart, by their own timestamps."""
    stamps = [shot.metadata["SensorTimestamp"] for shot in camera.timelapse(0.15, 4)]
    assert np.array(stamps) - stamps[0] == pytest.approx(np.arange(4) * 150e6, abs=60e6)
