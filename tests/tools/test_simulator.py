"""Simulated sessions: hundreds of seeds, the same again from the same seed, and rules that bite."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from laserlink.firmware_model.machine import Module
from laserlink.firmware_model.stream import Streams
from laserlink.host_driver.assembly import Assembly
from laserlink.protocol import _accel, connection, framer
from laserlink.protocol.connection import Connection, Role
from laserlink.protocol.delivery import Admission, RequestServer
from laserlink.protocol.errors import LaserLinkError
from laserlink.protocol.states import LaneKind, ModuleState
from laserlink.protocol.timers import NS_PER_MS
from laserlink.tools.checkers import Checker, Watched
from laserlink.tools.fault_profiles import (
    PHONE,
    Plan,
    WireFault,
    Wish,
    Wished,
    World,
    WorldFault,
    draw_plan,
)
from laserlink.tools.simulator import LAST_WISHES, STRIKES, Report, Simulation, run_plan, run_seed, run_seeds

# 520 sessions in all; parametrized in parts, so that pytest-xdist spreads them.
PART = 20
PARTS = [("all", first) for first in range(0, 240, PART)]
PARTS += [
    (faults, first)
    for faults in ("none", "noise", "loss", "detach", "power", "hostile", "storm")
    for first in range(0, 40, PART)
]


def plan_of(*items: Any, **changes: Any) -> Plan:
    """A phone and its module, and nothing but these items."""
    values: dict[str, Any] = {
        "seed": 1, "link": PHONE, "self_powered": False, "first_sequence": 5, "host_skew_ppm": 0,
        "module_skew_ppm": 0, "window_ns": 1500 * NS_PER_MS, **changes,
    }  # fmt: skip
    return Plan(**values, items=dict(enumerate(items)))


class Watch(Checker):
    """Keeps the time of every step."""

    def __init__(self, watched: Watched) -> None:
        super().__init__(watched)
        self.times: list[int] = []

    def on_step(self) -> None:
        self.times.append(self.stepper.now)


CAPTURE = Wished(Wish.CAPTURE, 96, 64, 8, 3)


@pytest.mark.parametrize(("faults", "first"), PARTS)
def test_seeds_break_no_rule(faults: str, first: int) -> None:
    """Whatever goes wrong: images true, settings once, no hang, the laser's rule, buffers within limits."""
    reports = [run_seed(seed, faults) for seed in range(first, first + PART)]
    assert [(report.seed, report.violations) for report in reports if report.failed] == []
    assert sum(report.images_exact for report in reports) >= PART
    assert (sum(report.faults_injected for report in reports) > 0) == (faults != "none")


def test_the_sessions_are_five_hundred() -> None:
    """What is promised for every run of the tests."""
    assert len(PARTS) * PART >= 500 and len(set(PARTS)) == len(PARTS)


def test_images_of_64_frames_through_two_percent_of_loss_and_damage() -> None:
    """Both directions, both lanes, from the first word on: every image is exact."""
    reports = [run_seed(seed, "two-percent") for seed in range(2)]
    assert not any(report.failed for report in reports)
    assert [(report.images_exact, report.images_incomplete) for report in reports] == [(33, 0)] * 2
    assert all(report.faults_injected > 50 for report in reports)


def test_a_hundred_megapixels_through_a_laser_that_errs() -> None:
    """A bit of a million is wrong, so that each image takes more than a thousand resends: it is exact."""
    if _accel.receive_images is None:
        pytest.skip("100 megapixels need the kernels")
    plan = draw_plan(0, "laser-1e-6")
    whole = {
        number: replace(item, count=1) if isinstance(item, Wished) else item
        for number, item in plan.items.items()
    }
    report = run_plan(replace(plan, items=whole))
    assert not report.failed and report.faults_injected > 1000
    assert (report.images_exact, report.images_incomplete) == (2, 0)
    assert report.image_bytes > 11648 * 8736 * 3 // 2


def test_a_clean_session_delivers_every_image_exactly() -> None:
    """Without faults: three images and the last one, all exact."""
    report = run_plan(plan_of(CAPTURE))
    assert (report.images_exact, report.images_incomplete, report.faults_injected) == (4, 0, 0)
    assert not report.failed


def test_the_same_seed_is_the_same_run_in_another_process() -> None:
    """The whole report, with the hash over every byte: also where hashes of strings are salted otherwise."""
    program = "from laserlink.tools.simulator import run_seed; print([run_seed(n, 'all') for n in range(3)])"
    again = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    here = [run_seed(number, "all") for number in range(3)]
    assert again.stdout.strip() == str(here)
    assert len({report.trace_hash for report in here}) == 3


def test_seeds_are_run_in_order_wherever_that_is() -> None:
    """An executor of any kind; the reports come in the order of the seeds."""
    with ThreadPoolExecutor(1) as executor:
        reports = list(run_seeds(range(3, 13), "none", executor))
    assert [report.seed for report in reports] == list(range(3, 13))
    assert reports[4] == run_seed(7, "none")


@pytest.mark.parametrize("kind", list(World))
def test_everything_that_may_happen_happens(kind: World) -> None:
    """Each fault of the world, alone, in the middle of a stream: it strikes, and everything works again."""
    assert set(STRIKES) == set(World)
    amount = {World.HEAT: 85, World.DERATE: 120}.get(kind, kind.value[1] and kind.value[2] // 4)
    faults = [WorldFault(at_ms * NS_PER_MS, kind, amount) for at_ms in (150, 350, 420, 900)]
    wishes = [Wished(Wish.ENDLESS, 256, 128, 10, 3), CAPTURE]
    report = run_plan(plan_of(*wishes, *faults))
    assert not report.failed, report.violations
    assert report.faults_injected >= 4 and report.images_exact


@pytest.mark.parametrize("seed", [28828, 28919])
def test_what_is_refused_in_the_wake_of_a_fault_is_wished_for_again(seed: int) -> None:
    """Both ends were ready, and one did not know yet that there was no light, or no keep-alive, any more."""
    simulation = Simulation(draw_plan(seed, "all"))
    report = simulation.run()
    assert not report.failed, report.violations
    last = [wish for wish in simulation.app.wishes if wish in LAST_WISHES]
    assert simulation.app.refusals and len(last) > len(LAST_WISHES)


def test_time_never_runs_backwards() -> None:
    """Stops, jumps and skewed clocks move the ends' times, never the stepper's."""
    for seed in range(8):
        simulation = Simulation(draw_plan(seed, "hostile"))
        clock = Watch(simulation.watched)
        simulation.checkers.append(clock)
        simulation.run()
        assert clock.times == sorted(clock.times) and len(clock.times) > 50


# --- canaries: a rule is taken away, and the simulator must say so ---


def first_failure(faults: str, seeds: range) -> Report:
    return next((report for seed in seeds if (report := run_seed(seed, faults)).failed), run_seed(0, "none"))


def _no_frame_check(self: framer.Framer) -> Any:
    """A framer that takes any payload at its word."""
    found = _decide(self)
    if not isinstance(found, tuple) or found[0] is not framer.BadReason.FRAME_CHECK:
        return found
    _, version, kind, channel, flags, length, session, sequence, _ = framer._HEADER.unpack_from(
        self._buffer, self._position
    )
    start = self._position + framer.HEADER_BYTES
    payload = bytes(self._buffer[start : start + length])
    return framer.Frame(kind, channel, session, sequence, payload, flags, version)


_decide = framer.Framer._decide
_write_chunks = Streams._write_chunks


def _wrong_resend(self: Any, channel: int, job: Any, index: int, count: int, out: memoryview) -> Any:
    """A resend that answers with the chunk behind the one that is wanted, labelled as wanted, and lies in
    its digests as a module does whose memory is wrong."""
    if index + 1 < job.next_frame and job.image is not None and not hasattr(job, "wrong"):
        wrong = np.roll(job.image.data, 1)
        job.image = type(job.image)(wrong, tuple(_accel.strip_digests(wrong, job.layout.strip_bytes)))
        job.wrong = True
    return _write_chunks(self, channel, job, index, count, out)


def _admit_always(self: RequestServer, request_id: int) -> Admission:
    return Admission.NEW


def _lit_with_power(self: Module) -> bool:
    return self.connection.image_lane is LaneKind.OPTICAL and self.state is not ModuleState.DETACHED


def _padded(self: Assembly, apart_from: list[int]) -> list[Any]:
    return []


CANARIES: list[tuple[str, type, str, Any, str, str]] = [
    ("check skipped", framer.Framer, "_decide", _no_frame_check, "storm", "typed, true loss"),
    ("wrong resend", Streams, "_write_chunks", _wrong_resend, "loss", "exact or a true gap"),
    ("laser rule removed", Module, "laser", property(_lit_with_power), "none", "laser"),
    ("requests carried out again", RequestServer, "admit", _admit_always, "loss", "controls once"),
    ("gaps hidden", Assembly, "_missing_runs", _padded, "loss", "exact or a true gap"),
]


@pytest.mark.parametrize(("name", "owner", "attribute", "broken", "faults", "rule"), CANARIES)
def test_a_broken_rule_is_seen(
    name: str, owner: type, attribute: str, broken: Any, faults: str, rule: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """With the rule patched away, some seed fails; and by the checker that is there for it."""
    monkeypatch.setattr(_accel, "receive_images", None)
    monkeypatch.setattr(owner, attribute, broken)
    report = first_failure(faults, range(150))
    assert rule in {violation.rule for violation in report.violations}, (name, report.violations)


class _Anything:
    """Equal to everything, so that a comparison with it is no check."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]


class _AnyHeader:
    """The layout of a header whose check always holds."""

    def unpack_from(self, buffer: bytes, offset: int) -> tuple[Any, ...]:
        return (*_header.unpack_from(buffer, offset)[:-1], _Anything())


_header = framer._HEADER


def test_a_length_that_is_not_checked_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a damaged header says is believed and waited for: more bytes are held than a frame can have."""
    monkeypatch.setattr(_accel, "receive_images", None)
    # The shortcut for whole frames would only hand them to the framer.
    monkeypatch.setattr(connection, "frame_at", lambda data, start: None)
    monkeypatch.setattr(framer, "_HEADER", _AnyHeader())
    monkeypatch.setattr(framer, "PAYLOAD_BYTES_MAX", 0xFFFF)
    # Each byte is judged by the framer, not skipped over.
    monkeypatch.setattr(framer, "bad_bytes", lambda data, start, limit: 1)
    report = first_failure("storm", range(60))
    assert "buffers" in {violation.rule for violation in report.violations}, report.violations


def test_a_stale_session_that_is_believed_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames of another session let through: the old answer to a request is taken for that to a new one."""
    pulls = [WorldFault(at_ms * NS_PER_MS, World.PULL, 20) for at_ms in (230, 450, 700)]
    replays = [WireFault("storm-replay", role, LaneKind.SIDEBAND, 5) for role in Role]
    wishes = [Wished(Wish.SET, 0, 0, 0, 0)] * 120
    plan = plan_of(*wishes, *replays, *pulls)
    assert not run_plan(plan).failed
    monkeypatch.setattr(Connection, "_is_ours", lambda self, frame: True)
    assert "controls once" in {violation.rule for violation in run_plan(plan).violations}


def test_whatever_an_end_raises_is_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception ends the session, and is reported with its place."""

    def fail(*arguments: Any) -> None:
        raise LaserLinkError("planted")

    monkeypatch.setattr(Module, "heard_ping", fail)
    report = run_seed(0, "none")
    assert [violation.rule for violation in report.violations] == ["no exception"]
    assert "planted" in report.violations[0].text and ".py:" in report.violations[0].text
