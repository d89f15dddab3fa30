"""Checkers: each stays silent on a good session, and speaks when its rule is broken in front of it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from laserlink.firmware_model.controls import ControlStore
from laserlink.host_driver.assembly import ImageDone
from laserlink.host_driver.events import Answered, Attached, Lost, ModuleEvent, StateChanged
from laserlink.host_driver.shot import Gap
from laserlink.protocol import catalogue
from laserlink.protocol.frame import Frame
from laserlink.protocol.judge import Received
from laserlink.protocol.limits import EVENTS_PENDING
from laserlink.protocol.messages import image
from laserlink.protocol.messages.control import (
    ControlSet,
    ControlSetReply,
    ControlValue,
    ValueType,
    encode_value,
)
from laserlink.protocol.states import HostState, LaneKind, LossCause, ModuleState, StreamEnd
from laserlink.protocol.timers import NS_PER_MS
from laserlink.tools.checkers import (
    CHECKERS,
    Answers,
    Buffers,
    Checker,
    Controls,
    Exposure,
    Images,
    Laser,
    Losses,
    Power,
    Runs,
    Streaming,
    Violation,
)
from laserlink.tools.fault_profiles import PHONE, Plan, Wish, Wished
from laserlink.tools.simulator import Simulation


class Witness(Checker):
    """Keeps every event."""

    def __init__(self, simulation: Simulation) -> None:
        super().__init__(simulation.watched)
        self.events: list[Any] = []

    def on_event(self, event: object) -> None:
        self.events.append(event)


class Scene:
    """A session with three images and a setting, stopped while the module is ready."""

    def __init__(self, wish: Wish = Wish.CAPTURE) -> None:
        wishes = {0: Wished(Wish.SET, 0, 0, 0, 0), 1: Wished(wish, 64, 32, 8, 3)}
        self.simulation = Simulation(Plan(3, PHONE, False, 5, 0, 0, 0, wishes))
        self.witness = Witness(self.simulation)
        self.simulation.checkers.append(self.witness)
        self.stepper = self.simulation.stepper
        self.stepper.snap_on()
        self.simulation._run(self.simulation._is_ready, 10**9)
        self.watched = self.simulation.watched
        assert self.watched.violations == [] and self.watched.images_exact

    def checker(self, kind: type[Checker]) -> Any:
        return next(item for item in self.simulation.checkers if isinstance(item, kind))

    def told(self, kind: type) -> Any:
        return next(event for event in self.witness.events if isinstance(event, kind))

    def rules(self) -> list[str]:
        return [violation.rule for violation in self.watched.violations]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_every_checker_is_on_duty(scene: Scene) -> None:
    """Each kind of checker watches every session."""
    assert [type(item) for item in scene.simulation.checkers[:-1]] == list(CHECKERS)
    assert set(CHECKERS) == {Images, Runs, Streaming, Controls, Answers, Losses, Laser, Power, Buffers}


def test_an_image_twice(scene: Scene) -> None:
    """Delivered once, and once only."""
    scene.checker(Images).on_event(scene.told(ImageDone))
    assert scene.rules() == ["delivered once"]


def _fresh(scene: Scene) -> tuple[Any, ImageDone]:
    """A checker that has seen nothing, and a true image with a picture of its own."""
    done = scene.told(ImageDone)
    return Images(scene.watched), replace(done, picture=done.picture.copy())


def test_no_exposure_is_like_another_and_no_chunk_like_its_neighbours() -> None:
    """Bytes in the wrong place, or of another image, are wrong bytes."""
    first, second = (Exposure(number, 256, 512, 10).pixels() for number in (1, 2))
    assert first.shape == (512, 256) and first.dtype == np.uint16 and int(first.max()) == 1023
    assert np.count_nonzero(first != second) > 0.99 * first.size
    chunks = {first.reshape(-1)[at : at + 3072].tobytes() for at in range(0, first.size - 3072, 3072)}
    assert len(chunks) == len(range(0, first.size - 3072, 3072))
    assert np.array_equal(first, Exposure(1, 256, 512, 10).pixels())


def test_the_time_of_streams_is_counted(scene: Scene) -> None:
    """From the state streaming to the next one, and the bytes of exact images with it."""
    before = scene.watched.streaming_ns
    checker = Streaming(scene.watched)
    for state, at_ns in ((HostState.READY, 5), (HostState.STREAMING, 10), (HostState.READY, 25)):
        checker.on_event(StateChanged(state, at_ns))
    assert scene.watched.streaming_ns == before + 15 > 15
    assert scene.watched.image_bytes == scene.watched.images_exact * 64 * 32


def test_a_wrong_pixel(scene: Scene) -> None:
    """Two wrong bytes for a pixel, whether the image says that it is complete or has its gap elsewhere."""
    checker, done = _fresh(scene)
    done.picture[3, 4] ^= 1
    checker.on_event(done)
    assert scene.rules() == ["exact or a true gap"] and scene.watched.wrong_bytes == 2


def test_a_gap_that_is_true(scene: Scene) -> None:
    """Black where it says so, exact elsewhere: incomplete, and nothing wrong."""
    checker, done = _fresh(scene)
    done.picture[:2] = 0
    checker.on_event(replace(done, gaps=(Gap(0, 128, "missing"),)))
    assert scene.rules() == [] and scene.watched.images_incomplete == 1


def test_a_gap_with_something_in_it(scene: Scene) -> None:
    """What lies in a gap was never checked: it must be black."""
    checker, done = _fresh(scene)
    checker.on_event(replace(done, gaps=(Gap(0, 128, "missing"),)))
    assert scene.rules() == ["exact or a true gap"]


def test_an_image_without_a_start_must_be_true_all_the_same(scene: Scene) -> None:
    """Its pixels are there, and nobody vouches for their levels: still no pixel may be wrong."""
    checker, done = _fresh(scene)
    whole = (Gap(0, done.layout.coded_bytes, "no start frame: levels and time unknown"),)
    checker.on_event(replace(done, gaps=whole))
    assert scene.rules() == []
    done.picture[0, 0] ^= 1
    Images(scene.watched).on_event(replace(done, gaps=whole))
    assert scene.rules() == ["exact or a true gap"]


def test_an_image_of_another_session(scene: Scene) -> None:
    """Nothing stale: not a pixel of what was taken in another session."""
    checker, done = _fresh(scene)
    scene.watched.session += 1
    checker.on_event(done)
    assert scene.rules() == ["nothing stale"]
    black = (Gap(0, done.layout.coded_bytes, "missing"),)
    Images(scene.watched).on_event(replace(done, picture=np.zeros_like(done.picture), gaps=black))
    assert scene.rules() == ["nothing stale"]


@pytest.mark.parametrize(
    ("end", "images", "came", "owed"),
    [
        (StreamEnd.COMPLETE, 3, 3, False), (StreamEnd.COMPLETE, 3, 1, True), (StreamEnd.COMPLETE, 2, 2, True),
        (StreamEnd.COMPLETE, 3, 4, True), (StreamEnd.POWER, 1, 1, False), (StreamEnd.POWER, 1, 2, False),
        (StreamEnd.POWER, 2, 1, True), (StreamEnd.POWER, 0, 0, False),
    ],
)  # fmt: skip
def test_an_image_that_never_came(scene: Scene, end: StreamEnd, images: int, came: int, owed: bool) -> None:
    """A run of three owes every image when it ended by itself, and all that were sent when power ended it."""
    checker = Runs(scene.watched)
    scene.watched.session = scene.stepper.host.connection.session
    checker.on_event(Answered(image.StreamStart(9, 2, 3), image.StreamStarted(9, 2, 1, 1)))
    for _ in range(came):
        checker.on_event(scene.told(ImageDone))
    checker.on_step()
    checker.on_event(ModuleEvent(image.StreamEnded(2, end, 9, images)))
    checker.on_step()
    assert scene.rules() == ["every image delivered"] * owed


def test_a_run_that_was_stopped_owes_no_image(scene: Scene) -> None:
    """Nor does one for the end of another."""
    checker = Runs(scene.watched)
    scene.watched.session = scene.stepper.host.connection.session
    started = Answered(image.StreamStart(9, 2, 3), image.StreamStarted(9, 2, 1, 1))
    stopped = Answered(image.StreamStop(10, 2), image.StreamStopped(10, 2, 1))
    ended, other = (ModuleEvent(image.StreamEnded(2, StreamEnd.COMPLETE, id, 3)) for id in (9, 8))
    for events in ((started, stopped, ended), (started, other)):
        for event in events:
            checker.on_event(event)
        checker.on_step()
    assert scene.rules() == []


def _force(scene: Scene, value: int) -> None:
    """The module carries out a setting that nobody sent."""
    item = ControlValue(1, ValueType.INTEGER, encode_value(ValueType.INTEGER, value))
    request = ControlSet(99, (item,))
    frame = Frame(1, 0, 1, 1, bytes(request))
    row = catalogue.BY_MESSAGE[ControlSet]
    scene.stepper.module._carry_out(Received(LaneKind.SIDEBAND, frame, request, row), request)
    scene.checker(Controls).on_step()


def test_a_setting_that_takes_effect_twice(scene: Scene) -> None:
    """Once more is once too often."""
    _force(scene, 100)
    assert scene.rules() == ["controls once"]


def test_a_setting_for_another_module(scene: Scene) -> None:
    """Settings are given back to the module that they were meant for, and to no other."""
    scene.simulation.app.settings[101] = 42
    _force(scene, 101)
    assert scene.rules() == ["nothing stale"]


def test_an_id_that_comes_twice(scene: Scene) -> None:
    """The ids of sets grow, so that an image's id says which it was taken under."""
    scene.stepper.module.controls.set_id -= 1
    _force(scene, 200)
    assert scene.rules() == ["controls once"] and "follows" in scene.watched.violations[0].text


def test_a_set_that_is_not_in_force(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Carried out means that the value is there."""
    real = ControlStore.check
    monkeypatch.setattr(ControlStore, "check", lambda self, values: {**real(self, values), 1: 7})
    _force(scene, 300)
    assert [violation.text for violation in scene.watched.violations] == ["7 is in force, not 300"]


def test_a_setting_that_was_answered_and_never_made(scene: Scene) -> None:
    """An answer is a promise."""
    item = ControlValue(1, ValueType.INTEGER, encode_value(ValueType.INTEGER, 999))
    scene.checker(Controls).on_event(Answered(ControlSet(7, (item,)), ControlSetReply(7, 2)))
    assert scene.rules() == ["controls once"]


def test_an_answer_twice_and_a_stranger(scene: Scene) -> None:
    """A request is over once; and the module that is attached is the one that is there."""
    scene.checker(Answers).on_event(scene.told(Answered))
    attached = scene.told(Attached)
    stranger = replace(attached, descriptor=replace(attached.descriptor, module_id=42))
    scene.checker(Answers).on_event(stranger)
    assert scene.rules() == ["answered once", "nothing stale"]


@pytest.mark.parametrize(
    ("cause", "happened"),
    [(LossCause.DETACH, "contact"), (LossCause.THERMAL, "HEAT"), (LossCause.POWER, "REVOKE")],
)
def test_a_loss_whose_cause_never_happened(scene: Scene, cause: LossCause, happened: str) -> None:
    """True losses only: with the cause it is right, without it is not."""
    scene.watched.happened = {happened}
    scene.checker(Losses).on_event(Lost(cause, "text", False))
    assert scene.rules() == []
    scene.watched.happened = set()
    scene.checker(Losses).on_event(Lost(cause, "text", False))
    scene.checker(Losses).on_event(Lost(LossCause.NONE, "text", False))
    assert scene.rules() == ["typed, true loss"] * 2


def test_light_out_of_order(scene: Scene) -> None:
    """Each part of the interlock, broken behind the module's back while it shines."""
    checker, module = scene.checker(Laser), scene.stepper.module
    assert module.laser
    checker.on_step()
    assert scene.rules() == []
    for broken, text in (
        (lambda: setattr(scene.stepper, "contact", False), "without contact"),
        (lambda: setattr(module, "celsius", 80.0), "while hot"),
        (lambda: setattr(scene.stepper, "now", scene.stepper.now + 400 * NS_PER_MS), "without a keep-alive"),
        (lambda: setattr(module, "light_confirmed", False), "that nobody confirmed"),
    ):
        broken()
        checker.on_step()
        assert text in {violation.text.removeprefix("light ") for violation in scene.watched.violations}


def test_a_module_that_is_stopped_is_not_judged(scene: Scene) -> None:
    """Frozen firmware cannot obey; the contact pin gates the laser without it."""
    scene.stepper.contact, scene.stepper.module_stopped = False, True
    scene.checker(Laser).on_step()
    assert scene.rules() == []


def test_power_that_was_not_agreed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawn above the limit; given without contact; given in full without a contract."""
    host, module = scene.stepper.host, scene.stepper.module
    scene.checker(Power).on_step()
    assert scene.rules() == []
    monkeypatch.setattr(module.power, "draw_ma", lambda **parts: 300)
    module.power.limit_ma = 200
    host.state = HostState.ABSENT
    scene.checker(Power).on_step()
    host.state, module.power.limit_ma = HostState.GREETED, 620
    scene.checker(Power).on_step()
    texts = [violation.text for violation in scene.watched.violations]
    assert texts == ["300 mA are drawn", "620 mA while absent", "620 mA without a contract"]


def test_a_buffer_that_grows(scene: Scene) -> None:
    """Looked at every few steps: what is over its limit is told."""
    scene.stepper.host.events.extend([object()] * (EVENTS_PENDING + 1))
    for _ in range(20):
        scene.checker(Buffers).on_step()
    assert set(scene.rules()) == {"buffers"} and "events of the host" in scene.watched.violations[0].text
    scene.stepper.host.events.clear()


def test_a_violation_reads_like_a_sentence() -> None:
    """What a failure prints."""
    assert str(Violation("laser", 1_500_000, "light while hot")) == "laser at 1.500 ms: light while hot"
    assert ModuleState.READY not in Laser.DARK_STATES
