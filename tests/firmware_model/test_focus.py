"""The lens's controls: libcamera's rules, the ring that wins, read-outs under the id of an image's set."""

import pytest
from rig import MS, Rig, S, module_in
from scenes import changes, focusing_rig, known, set_controls, texture

from laserlink.firmware_model.autofocus import focus_mode
from laserlink.firmware_model.controls import (
    AfMode,
    AfPause,
    AfPauseState,
    AfState,
    AfTrigger,
)
from laserlink.firmware_model.machine import RingTurned, Temperature
from laserlink.host_driver.assembly import ImageDone
from laserlink.protocol.errors import ErrorCode
from laserlink.protocol.messages import control, link, power
from laserlink.protocol.messages.control import ControlId, ControlValue, ValueType, encode_value
from laserlink.protocol.states import ModuleState

IDLE, SCANNING, FOCUSED, FAILED = AfState


def turn(rig: Rig, dioptres: float) -> None:
    rig.module.on_input(RingTurned(dioptres), rig.now)
    rig.stepper.settle()


def scanning_rig(mode: AfMode = AfMode.AUTO) -> Rig:
    """A rig in the middle of a scan, and the host knows."""
    rig, _ = focusing_rig(texture("leaves", 1, 2.0))
    set_controls(rig, AfMode=mode, AfTrigger=AfTrigger.START)
    rig.until(lambda: known(rig, "AfState") == SCANNING and rig.module.focus.drive.position(rig.now) > 0.4)
    return rig


def ask_values(rig: Rig, *names: str) -> list[control.Value]:
    """Get controls from the module."""
    ids = tuple(ControlId(rig.host.controls.known[name].id) for name in names)
    reply = rig.ask(control.ControlGet(0, ids))
    assert isinstance(reply, control.ControlValues)
    return [control.decode_value(value.type, value.value) for value in reply.values]


def test_a_position_is_where_the_lens_goes_at_its_speed() -> None:
    """What is read on the way is where it is; in the end, what was asked for."""
    rig = module_in(ModuleState.READY)
    set_controls(rig, LensPosition=2.0)
    (early,) = ask_values(rig, "LensPosition")
    assert isinstance(early, float) and 0.0 < early < 2.0
    rig.run_for(60 * MS)
    assert ask_values(rig, "LensPosition") == [2.0]


@pytest.mark.parametrize("mode", [AfMode.AUTO, AfMode.CONTINUOUS])
def test_a_position_is_ignored_unless_the_mode_is_manual(mode: AfMode) -> None:
    """libcamera's rule; the host, who took it for set, is told what is."""
    rig, _ = focusing_rig(texture("leaves", 2, 1.0))
    set_controls(rig, AfMode=mode, AfPause=AfPause.IMMEDIATE)
    rig.run_for(100 * MS)
    here = rig.module.focus.drive.position(rig.now)
    set_controls(rig, LensPosition=3.0)
    rig.run_for(200 * MS)
    assert rig.module.focus.drive.position(rig.now) == here == known(rig, "LensPosition")
    set_controls(rig, AfMode=AfMode.MANUAL, LensPosition=3.0)
    rig.run_for(200 * MS)
    assert rig.module.focus.drive.position(rig.now) == 3.0


def test_mode_and_trigger_in_one_set_begin_a_scan() -> None:
    """As libcamera has it: idle is left out."""
    rig, _ = focusing_rig(texture("leaves", 3, 1.0))
    set_controls(rig, AfMode=AfMode.AUTO, AfTrigger=AfTrigger.START)
    rig.until(lambda: bool(changes(rig, "AfState")))
    assert changes(rig, "AfState")[0][1] == SCANNING


@pytest.mark.parametrize("mode", [AfMode.MANUAL, AfMode.CONTINUOUS])
def test_the_trigger_is_heard_in_auto_only(mode: AfMode) -> None:
    """In manual nothing moves; in continuous nothing is cancelled."""
    rig, _ = focusing_rig(texture("leaves", 4, 1.0))
    set_controls(rig, AfMode=mode)
    set_controls(rig, AfTrigger=AfTrigger.START if mode is AfMode.MANUAL else AfTrigger.CANCEL)
    rig.run_for(S)
    assert known(rig, "AfState") == (IDLE if mode is AfMode.MANUAL else FOCUSED)


def test_a_cancelled_scan_leaves_the_lens_where_it_is() -> None:
    """Idle again, and no word of focus."""
    rig = scanning_rig()
    set_controls(rig, AfTrigger=AfTrigger.CANCEL)
    rig.run_for(MS)
    here = rig.module.focus.drive.position(rig.now)
    rig.run_for(S)
    assert known(rig, "AfState") == IDLE
    assert rig.module.focus.drive.position(rig.now) == here > 0.0


@pytest.mark.parametrize("mode", [AfMode.AUTO, AfMode.CONTINUOUS])
def test_the_ring_wins_over_the_autofocus(mode: AfMode) -> None:
    """The scan ends, the lens goes where the hand turns it, and continuous has become manual."""
    rig = scanning_rig(mode)
    before = rig.module.focus.drive.position(rig.now)
    rig.events.clear()
    turn(rig, 0.25)
    rig.run_for(2 * S)
    assert known(rig, "AfState") == IDLE
    assert known(rig, "AfMode") == (AfMode.MANUAL if mode is AfMode.CONTINUOUS else AfMode.AUTO)
    assert known(rig, "LensPosition") == rig.module.focus.drive.position(rig.now)
    assert rig.module.focus.drive.position(rig.now) == pytest.approx(before + 0.25, abs=0.05)


def test_turns_of_the_ring_add_up_while_the_lens_still_moves() -> None:
    """And stop at the end of the lens's way."""
    rig = module_in(ModuleState.READY)
    for _ in range(5):
        turn(rig, 0.5)
    rig.run_for(100 * MS)
    assert known(rig, "LensPosition") == rig.module.focus.drive.position(rig.now) == 2.5
    turn(rig, 9.0)
    rig.run_for(100 * MS)
    assert known(rig, "LensPosition") == 3.33


def test_a_pause_holds_the_lens_and_resuming_lets_it_go() -> None:
    """Immediate stops a scan in the middle; deferred lets it end first."""
    rig = scanning_rig(AfMode.CONTINUOUS)
    set_controls(rig, AfPause=AfPause.IMMEDIATE)
    rig.run_for(MS)
    here = rig.module.focus.drive.position(rig.now)
    rig.run_for(2 * S)
    assert rig.module.focus.drive.position(rig.now) == here
    assert (known(rig, "AfPauseState"), known(rig, "AfState")) == (AfPauseState.PAUSED, SCANNING)
    set_controls(rig, AfPause=AfPause.RESUME)
    set_controls(rig, AfPause=AfPause.DEFERRED)
    rig.until(lambda: known(rig, "AfPauseState") == AfPauseState.PAUSING)
    rig.until(lambda: known(rig, "AfPauseState") == AfPauseState.PAUSED)
    assert known(rig, "AfState") == FOCUSED


def test_the_iris_reads_as_the_stop_that_it_has() -> None:
    """What was asked for is rounded to a stop, and the host is told of it."""
    rig = module_in(ModuleState.READY)
    set_controls(rig, LensAperture=3.0)
    rig.run_for(100 * MS)
    assert known(rig, "LensAperture") == 2.8 == rig.module.focus.drive.f_number(rig.now)
    reply = rig.ask(
        control.ControlSet(0, (ControlValue(6, ValueType.FLOAT, encode_value(ValueType.FLOAT, 22.0)),))
    )
    assert isinstance(reply, link.Error) and reply.code is ErrorCode.VALUE_OUT_OF_RANGE


def test_an_image_names_the_set_of_what_the_lens_was_at() -> None:
    """On its way from far to near, each image has its own position, as it was when its exposure began."""
    rig = module_in(ModuleState.STREAMING)
    rig.events.clear()
    set_controls(rig, LensPosition=3.0, LensAperture=11.0)
    rig.run_for(200 * MS)
    places = {}
    set_id, place = 0, 3.0
    told = dict(changes(rig, "LensPosition"))
    for done in rig.told(ImageDone):
        assert done.start is not None
        set_id = done.start.control_set_id
        places[done.image_id] = told.get(set_id)
    exposures = {wanted.image_id: wanted.request for _, wanted in rig.exposures}
    on_the_way = [number for number, at in places.items() if at is not None]
    assert len(on_the_way) >= 3
    assert all(places[number] == exposures[number].focus_dioptres for number in on_the_way)
    assert exposures[max(exposures)].f_number == 11.0 and known(rig, "LensPosition") == place


def test_an_image_is_taken_at_the_temperature_and_time_of_the_module() -> None:
    """The sensor's physics get both."""
    rig = module_in(ModuleState.STREAMING)
    rig.module.on_input(Temperature(41.5), rig.now)
    rig.run_for(100 * MS)
    at, wanted = rig.exposures[-1]
    assert (wanted.request.temperature_c, wanted.request.started_ns) == (41.5, at)
    assert known(rig, "SensorTemperature") == 41.5


def test_a_small_change_of_temperature_is_not_told() -> None:
    """A degree is; so a thermometer does not fill the sideband."""
    rig = module_in(ModuleState.STREAMING)
    for celsius in (25.5, 25.9, 26.1, 26.5):
        rig.module.on_input(Temperature(celsius), rig.now)
        rig.run_for(50 * MS)
    assert [value for _, value in changes(rig, "SensorTemperature")] == [26.1]


def test_autofocus_waits_for_a_sensor_without_power() -> None:
    """No look is wanted of a sensor that is off, and time does not stand still; with power it goes on."""
    rig, looker = focusing_rig(texture("leaves", 5, 1.0))
    rig.ask(power.PowerDerate(limit_ma=200))
    set_controls(rig, AfMode=AfMode.AUTO, AfTrigger=AfTrigger.START)
    rig.run_for(S)
    assert not looker.requests and not rig.module.outputs.sensor
    rig.ask(power.PowerDerate(limit_ma=620))
    rig.until(lambda: known(rig, "AfState") == FOCUSED, 2 * S)


def test_a_new_session_ends_a_scan() -> None:
    """The host that asked for it is gone; what the next one reads is idle."""
    rig = scanning_rig()
    rig.stepper.pull_off()
    rig.run_for(100 * MS)
    rig.events.clear()
    rig.attach()
    rig.run_for(S)
    assert ask_values(rig, "AfState", "LensPosition", "AfMode") == [IDLE, 0.0, AfMode.AUTO]


def test_a_trigger_is_not_given_back() -> None:
    """A module that was pulled off and comes back in auto does not begin to scan by itself."""
    rig, looker = focusing_rig(texture("leaves", 6, 1.0))
    set_controls(rig, AfMode=AfMode.AUTO, AfTrigger=AfTrigger.START)
    rig.until(lambda: known(rig, "AfState") == FOCUSED, S)
    rig.stepper.pull_off()
    rig.run_for(100 * MS)
    looker.requests.clear()
    rig.attach()
    rig.run_for(S)
    assert known(rig, "AfMode") == AfMode.AUTO and not looker.requests


def test_a_touch_at_the_rim_is_a_window_within_the_picture() -> None:
    """Moved inside, of some size, and legal for the sensor, wherever the finger was."""
    rig = module_in(ModuleState.READY)
    for window in ((11_648, 8736, 400, 400), (0, 0, 1, 1), (11_000, 0, 11_648, 8736), (5, 7, 333, 555)):
        set_controls(rig, AfMetering=1, AfWindows=window)
        x, y, width, height = rig.module.focus.window
        assert x % 2 == y % 2 == width % 4 == height % 2 == 0
        assert x + width <= 2912 and y + height <= 2184 and min(width, height) >= 32
    set_controls(rig, AfWindows=(0, 0, 0, 0))
    assert rig.module.focus.window == (1212, 954, 484, 272)


def test_continuous_that_is_paused_stays_paused_when_it_is_chosen_again() -> None:
    """The mode is the same: only resuming lets the lens go."""
    rig, _ = focusing_rig(texture("leaves", 6, 1.0))
    set_controls(rig, AfMode=AfMode.CONTINUOUS)
    rig.until(lambda: known(rig, "AfState") == FOCUSED)
    set_controls(rig, AfPause=AfPause.IMMEDIATE)
    set_controls(rig, AfMode=AfMode.CONTINUOUS)
    assert known(rig, "AfPauseState") == AfPauseState.PAUSED
    assert rig.module.focus._auto.resting and not rig.module.focus.looks
    set_controls(rig, AfPause=AfPause.RESUME)
    assert not rig.module.focus._auto.resting


@pytest.mark.parametrize(
    ("window", "looked_at"),
    [
        ((400, 800, 400, 400), (100, 200, 100, 100)),
        ((0, 0, 4, 4), (0, 0, 32, 32)),
        ((11_648, 8736, 400, 408), (2812, 2082, 100, 102)),
        ((8, 12, 333, 555), (2, 2, 80, 138)),
        ((0, 0, 11_648, 8736), (0, 0, 2912, 2184)),
        ((4000, 4000, 0, 400), (1212, 954, 484, 272)),
        ((4000, 4000, 400, 0), (1212, 954, 484, 272)),
    ],
)
def test_a_window_is_looked_at_in_pixels_of_the_mode(
    window: tuple[int, int, int, int], looked_at: tuple[int, int, int, int]
) -> None:
    """A quarter of the array's, even and within the picture; the middle unless there is a window."""
    rig = module_in(ModuleState.READY)
    set_controls(rig, AfWindows=window)
    assert rig.module.focus.window == (1212, 954, 484, 272)
    set_controls(rig, AfMetering=1)
    assert rig.module.focus.window == looked_at


@pytest.mark.parametrize(
    ("exposure_us", "gain", "looks_us", "looks_gain"),
    [(2000, 2.0, 2000, 2.0), (33_334, 1.0, 16_667, 2.0), (1_000_000, 4.0, 16_667, 16.0)],
)
def test_a_look_is_taken_as_the_pictures_are_but_within_its_time(
    exposure_us: int, gain: float, looks_us: int, looks_gain: float
) -> None:
    """What is too long for an image of the mode becomes gain, as far as there is any."""
    rig, looker = focusing_rig(texture("leaves", 1, 2.0))
    rig.module.on_input(Temperature(31.5), rig.now)
    set_controls(rig, ExposureTime=exposure_us, AnalogueGain=gain, TestPatternMode=1, LensAperture=2.8)
    rig.run_for(100 * MS)
    set_controls(rig, AfMode=AfMode.AUTO, AfTrigger=AfTrigger.START)
    rig.until(lambda: len(looker.requests) > 1)
    mode = focus_mode(rig.profile)
    assert mode.frame_duration_us == 16_667
    for number, wanted in enumerate(looker.requests):
        request = wanted.request
        assert (wanted.channel, wanted.image_id, wanted.endless) == (0, request.image_id, False)
        assert (request.mode_id, request.bits, request.test_pattern) == (mode.id, mode.default_bits, 1)
        assert request.exposure_us == looks_us
        assert request.analogue_gain == pytest.approx(looks_gain, rel=1e-4)
        assert request.region == rig.module.focus.window
        assert (wanted.layout.width, wanted.layout.height) == request.region[2:]
        assert wanted.layout.bits == mode.default_bits
        assert (request.f_number, request.temperature_c) == (2.8, 31.5)
        assert 0 < request.started_ns <= rig.now
        assert (
            looker.requests[number - 1] is wanted or request.image_id != looker.requests[number - 1].image_id
        )
    assert len({wanted.request.focus_dioptres for wanted in looker.requests}) == len(looker.requests)


def test_a_look_knows_the_black_of_its_format() -> None:
    """Contrast is reckoned from there."""
    rig, _ = focusing_rig(texture("leaves", 1, 2.0))
    rig.module.focus.set((integer("AfMode", 1, rig), integer("AfTrigger", 0, rig)), rig.now)
    wanted = []
    now = rig.now
    while not wanted:
        now += MS
        wanted = list(rig.module.focus.advance(now, sensor_ready=True))
    assert wanted[0].black == rig.profile.sensor.black_level(focus_mode(rig.profile).default_bits)
    assert wanted[0].exposure.request.started_ns == now
    assert list(rig.module.focus.advance(now + S, sensor_ready=False)) == []


def integer(name: str, value: int, rig: Rig) -> ControlValue:
    """A value as it stands on the wire."""
    return rig.host.controls.known[name].encode(value)


def test_the_ring_turns_on_from_where_the_lens_was_to_be() -> None:
    """Not from where it is on its way; out of a scan, from where the scan has it."""
    rig = module_in(ModuleState.READY)
    set_controls(rig, LensPosition=3.0)
    turn(rig, -1.0)
    rig.run_for(100 * MS)
    assert known(rig, "LensPosition") == 2.0 == rig.module.focus.drive.position(rig.now)
    rig = scanning_rig()
    here = rig.module.focus.drive.position(rig.now)
    turn(rig, 0.0)
    assert rig.module.focus.drive.target == pytest.approx(here)
    assert not rig.module.focus.looks


def test_a_turn_of_the_ring_is_told_at_once_with_what_it_ended() -> None:
    """The position that it leads to; and that continuous has become manual, no longer paused."""
    rig, _ = focusing_rig(texture("leaves", 6, 1.0))
    set_controls(rig, AfMode=AfMode.CONTINUOUS)
    rig.until(lambda: known(rig, "AfState") == FOCUSED)
    set_controls(rig, AfPause=AfPause.IMMEDIATE)
    rig.run_for(20 * MS)
    before = rig.module.focus.drive.position(rig.now)
    rig.events.clear()
    turn(rig, 0.5)
    rig.run_for(MS)
    ((_, position),) = changes(rig, "LensPosition")[:1]
    assert position == pytest.approx(before + 0.5)
    assert [value for _, value in changes(rig, "AfMode")] == [AfMode.MANUAL]
    rig.run_for(100 * MS)
    assert known(rig, "AfPauseState") == AfPauseState.RUNNING
    assert rig.module.controls.values[8 + 5] == AfPauseState.RUNNING


def test_what_has_changed_is_told_once_under_one_new_set() -> None:
    """All that is read otherwise than the host takes it to be shares an id; then there is nothing to tell."""
    rig = module_in(ModuleState.READY)
    rig.module.focus.drive.focus(1.0, rig.now)
    rig.module.focus.drive.open_to(4.0, rig.now)
    rig.run_for(200 * MS)
    rig.events.clear()
    before = rig.module.controls.set_id
    rig.module.focus.forget_told()
    for _ in range(2):
        rig.module.focus.tell_changes(rig.now)
    rig.stepper.settle()
    rig.run_for(MS)
    assert changes(rig, "LensPosition") == [(before + 1, 1.0)]
    assert changes(rig, "LensAperture") == [(before + 1, 4.0)]
    assert rig.module.controls.set_id == before + 1


def test_a_lens_that_moves_by_less_than_it_is_told_for_is_not_told() -> None:
    """Five thousandths of a dioptre; a degree."""
    rig = module_in(ModuleState.READY)
    rig.run_for(100 * MS)
    told = []
    for dioptres in (0.004, 0.0045, 0.0051, 0.009, 0.0102):
        rig.events.clear()
        rig.module.focus.drive.focus(dioptres, rig.now)
        rig.module.focus.advance(rig.now, sensor_ready=True)
        rig.run_for(100 * MS)
        rig.module.focus.tell_changes(rig.now)
        rig.run_for(MS)
        told.append([value for _, value in changes(rig, "LensPosition")])
    assert told == [[], [], [0.0051], [], [0.0102]]


def test_a_deferred_pause_lets_a_scan_end_and_none_begin() -> None:
    """While nothing is scanned, it is a pause at once."""
    rig, looker = focusing_rig(texture("leaves", 6, 1.0))
    set_controls(rig, AfMode=AfMode.CONTINUOUS)
    rig.until(lambda: known(rig, "AfState") == FOCUSED)
    set_controls(rig, AfPause=AfPause.DEFERRED)
    rig.run_for(20 * MS)
    assert known(rig, "AfPauseState") == AfPauseState.PAUSED
    looker.requests.clear()
    rig.run_for(2 * S)
    assert not looker.requests
    set_controls(rig, AfMode=AfMode.AUTO)
    rig.run_for(20 * MS)
    assert known(rig, "AfPauseState") == AfPauseState.RUNNING
    set_controls(rig, AfPause=AfPause.IMMEDIATE)
    rig.run_for(20 * MS)
    assert known(rig, "AfPauseState") == AfPauseState.RUNNING


def test_a_trigger_in_the_middle_of_a_scan_does_not_begin_another() -> None:
    """And a cancel when nothing is scanned leaves what was found."""
    rig = scanning_rig()
    focus = rig.module.focus
    before = focus.next_deadline(rig.now, rig.now), focus.drive.target
    focus.set((integer("AfTrigger", AfTrigger.START, rig),), rig.now)
    assert (focus.next_deadline(rig.now, rig.now), focus.drive.target) == before
    rig.until(lambda: known(rig, "AfState") == FOCUSED, 2 * S)
    set_controls(rig, AfTrigger=AfTrigger.CANCEL)
    rig.run_for(50 * MS)
    assert known(rig, "AfState") == FOCUSED


def test_the_lens_rests_before_it_is_looked_through_by_a_sensor_that_is_ready() -> None:
    """What is due next: the look, not before the sensor is up; without power for it, only the lens."""
    rig, _ = focusing_rig(texture("leaves", 6, 1.0))
    focus, now = rig.module.focus, rig.now
    assert focus.next_deadline(now, now) is None
    focus.set((integer("AfMode", 1, rig), integer("AfTrigger", 0, rig)), now)
    look, rest = focus._auto.next_deadline(), focus.drive.next_rest(now)
    assert focus.looks and look is not None
    assert focus.next_deadline(now, None) == rest
    assert focus.next_deadline(now, look + 7 * S) == (look + 7 * S if rest is None else rest)
    assert focus.next_deadline(now, 0) == min(item for item in (look, rest) if item is not None)


def test_a_lens_at_rest_is_left_alone_until_something_happens() -> None:
    """It is at rest when all is told and nothing moves; a set, the ring and the temperature each end that."""
    rig = module_in(ModuleState.READY)
    focus = rig.module.focus
    rig.run_for(100 * MS)
    assert focus.at_rest and ask_values(rig, "LensPosition") == [0.0]
    set_controls(rig, LensPosition=1.0)
    assert not focus.at_rest
    rig.run_for(200 * MS)
    assert focus.at_rest and ask_values(rig, "LensPosition") == [1.0]
    turn(rig, 0.5)
    assert not focus.at_rest
    rig.run_for(200 * MS)
    assert focus.at_rest and known(rig, "LensPosition") == 1.5
    rig.module.controls.feel(41.5)
    assert not focus.at_rest
    rig.module.on_input(Temperature(41.5), rig.now)
    assert focus.at_rest


def test_after_a_pause_the_lens_follows_the_scene_again() -> None:
    """What comes nearer while it is paused, or later, is focused once it was resumed."""
    rig, looker = focusing_rig(texture("leaves", 6, 1.0))
    set_controls(rig, AfMode=AfMode.CONTINUOUS)
    rig.until(lambda: known(rig, "AfState") == FOCUSED)
    set_controls(rig, AfPause=AfPause.IMMEDIATE)
    set_controls(rig, AfPause=AfPause.RESUME)
    rig.run_for(S)
    looker.scene = texture("leaves", 6, 2.5)
    rig.until(lambda: known(rig, "AfState") == SCANNING, 2 * S)
    rig.until(lambda: known(rig, "AfState") == FOCUSED, 2 * S)
    looker.scene = texture("leaves", 6, 0.5)
    rig.until(lambda: known(rig, "AfState") == SCANNING, 2 * S)
