"""Contrast autofocus: it finds the focus of what is in the window, in time, or says that it has not."""

from dataclasses import dataclass

import numpy as np
import pytest
from rig import MS, Rig, S
from scenes import TEXTURES, WINDOW, Looker, changes, focusing_rig, known, set_controls, texture

from laserlink.firmware_model.autofocus import Autofocus, diagonal_mm, focus_mode
from laserlink.firmware_model.controls import AfMode, AfState, AfTrigger
from laserlink.firmware_model.lens import LensDrive, field_dioptres
from laserlink.firmware_model.profile import load_profile

PROFILE = load_profile("mos-100mp")
IDLE, SCANNING, FOCUSED, FAILED = AfState
KINDS = [kind for kind in TEXTURES if kind != "fog"]
# The goal: a touch is answered within this, contact of the finger to the word that it is sharp.
FOCUS_NS = 600 * MS


@dataclass(frozen=True)
class Outcome:
    """What came of one touch."""

    state: int
    error_dioptres: float
    took_ns: int


def touch(rig: Rig, x: int = 5000, y: int = 4000) -> int:
    """Focus on a point; how long it took."""
    set_controls(rig, AfMode=AfMode.AUTO, AfMetering=1, AfWindows=(x, y, *WINDOW))
    begun = rig.now
    set_controls(rig, AfTrigger=AfTrigger.START)
    rig.until(lambda: known(rig, "AfState") in (FOCUSED, FAILED), 3 * S)
    return rig.now - begun


def scene_of(chance: np.random.Generator, kind: str, f_number: float) -> tuple[Rig, float]:
    """A module in front of a scene at any distance, its lens anywhere; and the scene's distance."""
    distance = float(chance.uniform(0.0, 3.33))
    contrast = float(chance.uniform(0.15, 0.6))
    rig, _ = focusing_rig(texture(kind, int(chance.integers(1 << 30)), distance, contrast))
    set_controls(rig, LensPosition=float(chance.uniform(0.0, 3.33)), LensAperture=f_number)
    rig.run_for(150 * MS)
    return rig, distance


def outcome_of(chance: np.random.Generator, kind: str, f_number: float = 1.4) -> Outcome:
    rig, distance = scene_of(chance, kind, f_number)
    took_ns = touch(rig, int(chance.integers(11_000)), int(chance.integers(8_300)))
    return Outcome(int(known(rig, "AfState")), rig.module.focus.drive.position(rig.now) - distance, took_ns)  # type: ignore[call-overload]


def test_fifty_scenes_at_fifty_distances_are_found_within_the_depth_of_field() -> None:
    """Forty-nine of them at least, wide open, each within 600 ms of modelled time, host to host."""
    chance = np.random.default_rng(20250303)
    half = field_dioptres(PROFILE.lens, 1.4, diagonal_mm(PROFILE))
    outcomes = [outcome_of(chance, KINDS[number % len(KINDS)]) for number in range(50)]
    sharp = [item.state == FOCUSED and abs(item.error_dioptres) <= half for item in outcomes]
    assert sum(sharp) >= 49, [item for item, is_sharp in zip(outcomes, sharp, strict=True) if not is_sharp]
    assert max(item.took_ns for item in outcomes) < FOCUS_NS
    assert float(np.median([abs(item.error_dioptres) for item in outcomes])) < half / 5


@pytest.mark.parametrize("f_number", [2.8, 11.0])
def test_a_stopped_down_lens_focuses_as_well(f_number: float) -> None:
    """Within what is its depth of field then, and in the same time."""
    chance = np.random.default_rng(round(f_number * 10))
    half = field_dioptres(PROFILE.lens, f_number, diagonal_mm(PROFILE))
    for kind in ("leaves", "boxes"):
        outcome = outcome_of(chance, kind, f_number)
        assert outcome.state == FOCUSED and abs(outcome.error_dioptres) <= half
        assert outcome.took_ns < FOCUS_NS


@pytest.mark.parametrize("distance", [0.0, 3.33])
def test_the_ends_of_the_lens_are_found(distance: float) -> None:
    """Far away, and as near as it goes."""
    rig, _ = focusing_rig(texture("leaves", 3, distance))
    touch(rig)
    assert known(rig, "AfState") == FOCUSED
    assert rig.module.focus.drive.position(rig.now) == pytest.approx(distance, abs=0.03)


@pytest.mark.parametrize(("kind", "distance"), [("fog", 1.0), ("leaves", 5.0)])
def test_what_cannot_be_focused_fails_and_the_lens_goes_back(kind: str, distance: float) -> None:
    """Nothing to see, or nearer than the lens goes: AfState says so, in time, and nothing has moved."""
    rig, _ = focusing_rig(texture(kind, 4, distance))
    set_controls(rig, LensPosition=1.25)
    rig.run_for(100 * MS)
    assert touch(rig) < FOCUS_NS
    assert known(rig, "AfState") == FAILED
    assert rig.module.focus.drive.position(rig.now) == known(rig, "LensPosition") == 1.25


def test_a_scan_tells_each_of_its_looks() -> None:
    """Scanning, a merit for every place, the highest where it ends; and then focused, there."""
    rig, looker = focusing_rig(texture("boxes", 5, 1.8))
    touch(rig)
    states = [value for _, value in changes(rig, "AfState")]
    assert states == [SCANNING, FOCUSED]
    places = dict(changes(rig, "LensPosition"))
    merits = {set_id: value for set_id, value in changes(rig, "FocusFoM") if set_id in places or value}
    assert len(merits) == len(looker.requests)
    best = max(merits, key=lambda set_id: merits[set_id])  # type: ignore[arg-type, return-value]
    before = max((set_id for set_id in places if set_id <= best), default=0)
    assert abs(places[before] - 1.8) < 0.1  # type: ignore[operator]
    assert abs(known(rig, "LensPosition") - 1.8) < 0.03  # type: ignore[operator]


def test_looks_are_of_the_window_that_was_touched() -> None:
    """In pixels of the AF mode; exposures that are too long for one image become gain."""
    rig, looker = focusing_rig(texture("leaves", 6, 1.0))
    set_controls(rig, ExposureTime=50_001, AnalogueGain=2.0)
    touch(rig, 400, 800)
    requests = [wanted.request for wanted in looker.requests]
    assert {request.region for request in requests} == {(100, 200, WINDOW[0] // 4, WINDOW[1] // 4)}
    assert {request.exposure_us for request in requests} == {16_667}
    assert {round(request.analogue_gain, 2) for request in requests} == {6.0}


def test_a_look_takes_the_way_the_settling_and_one_image() -> None:
    """No two looks are nearer in time than that."""
    rig, looker = focusing_rig(texture("leaves", 7, 2.0))
    touch(rig)
    times = [wanted.request.started_ns for wanted in looker.requests]
    places = [wanted.request.focus_dioptres for wanted in looker.requests]
    for earlier in range(len(times) - 1):
        way = abs(places[earlier + 1] - places[earlier]) / 40.0 * S
        assert times[earlier + 1] - times[earlier] == pytest.approx(way + 5 * MS + 16_667_000, abs=2000)


def test_continuous_follows_the_scene() -> None:
    """It scans at once, watches, and scans again when what it looks at has moved; not when nothing has."""
    rig, looker = focusing_rig(texture("leaves", 8, 0.5))
    set_controls(rig, AfMode=AfMode.CONTINUOUS)
    rig.until(lambda: known(rig, "AfState") == FOCUSED, S)
    rig.events.clear()
    rig.run_for(3 * S)
    assert changes(rig, "AfState") == []
    looker.scene = texture("leaves", 8, 2.5)
    rig.run_for(2 * S)
    assert [value for _, value in changes(rig, "AfState")] == [SCANNING, FOCUSED]
    assert rig.module.focus.drive.position(rig.now) == pytest.approx(2.5, abs=0.03)


def test_continuous_begins_when_there_is_something_to_see() -> None:
    """Fog fails; when it lifts, the next look begins a scan."""
    rig, looker = focusing_rig(texture("fog", 9, 1.0))
    set_controls(rig, AfMode=AfMode.CONTINUOUS)
    rig.until(lambda: known(rig, "AfState") == FAILED, S)
    looker.scene = texture("boxes", 9, 0.2)
    rig.until(lambda: known(rig, "AfState") == FOCUSED, 3 * S)
    assert rig.module.focus.drive.position(rig.now) == pytest.approx(0.2, abs=0.05)


def test_the_mode_of_the_looks_resolves_a_circle_of_confusion() -> None:
    """The coarsest such: 4 x 4 of the large sensor, the full mode of the small one."""
    assert focus_mode(PROFILE).name == "preview"
    assert focus_mode(load_profile("uart-1m")).name == "still-full"


def test_an_answer_that_nobody_waits_for_has_no_effect() -> None:
    """Of another look, or after the scan was cancelled."""
    rig, looker = focusing_rig(texture("leaves", 10, 1.0))
    set_controls(rig, AfMode=AfMode.AUTO, AfTrigger=AfTrigger.START)
    rig.until(lambda: len(looker.requests) == 3)
    set_controls(rig, AfTrigger=AfTrigger.CANCEL)
    seen = len(looker.requests)
    rig.run_for(S)
    assert len(looker.requests) == seen and known(rig, "AfState") == IDLE


def test_a_module_that_does_not_look_waits() -> None:
    """Without an answer there is no next deadline, and no busy waiting."""
    drive = LensDrive(PROFILE.lens)
    autofocus = Autofocus(PROFILE, drive)
    autofocus.start(0)
    due = autofocus.next_deadline()
    assert due is not None
    assert list(autofocus.advance(due)) == [1]
    assert autofocus.next_deadline() is None and list(autofocus.advance(due + S)) == []


def test_a_replaced_scene_is_what_the_looker_sees() -> None:
    """The rig's looker is the one that the stepper asks."""
    rig, looker = focusing_rig(texture("leaves", 11, 1.0))
    assert isinstance(looker, Looker) and rig.stepper._expose is looker
