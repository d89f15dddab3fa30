"""What the module's actions do beyond the state: recovery, training, updates, max_frame, the interlock."""

import itertools

import pytest
from rig import MS, OPTICAL, SIDEBAND, TWO_LANES, drain, module_in, one_lane
from rig import S as SECOND

from laserlink.firmware_model.bulk import UpdateInstalled, digest_of
from laserlink.firmware_model.timing import frame_bytes_for
from laserlink.protocol import catalogue
from laserlink.protocol.errors import ErrorCode
from laserlink.protocol.messages import bulk, diagnostics, link
from laserlink.protocol.states import LaneKind, ModuleState, PowerPhase, Seating, TemperatureLevel


@pytest.mark.parametrize(
    ("rate_bps", "expected"),
    [(3_000_000, 4096), (1_000_000, 2000), (115_200, 256), (9_600, 256), (0, 4096), (10_000_000_000, 4096)],
)
def test_max_frame_takes_at_most_20_ms_of_the_line(rate_bps: int, expected: int) -> None:
    """Where 256 bytes allow that; a line without a rate allows all."""
    offer = link.LaneOffer(0, SIDEBAND, coding=one_lane()[0].coding, rate_bps=rate_bps)
    assert frame_bytes_for(offer, 4096) == expected


def test_training_of_the_wrong_lane_is_refused() -> None:
    """Images take the optical lane here."""
    rig = module_in(ModuleState.CONTRACTED)
    train = diagnostics.Train(0x4000, LaneKind.SIDEBAND)
    (frame,) = rig.feed_module(rig.frame_to_module(train))
    assert link.Error.decode(frame.payload).code is ErrorCode.WRONG_LANE
    assert not rig.module.outputs.laser


@pytest.mark.parametrize("state", ModuleState)
def test_the_interlock_is_the_conjunction_of_its_parts(state: ModuleState) -> None:
    """Over every combination: light where contact, contract, state, lane and temperature all allow it.

    A lost keep-alive, an update and a fault are states.
    """
    module = module_in(ModuleState.READY).module
    one_line = module_in(ModuleState.READY).module.__class__(module.profile, one_lane())
    lit_states = {"TRAINING", "IDENTIFYING", "READY", "STREAMING"}
    for contact, phase, level in itertools.product((False, True), PowerPhase, TemperatureLevel):
        for subject, optical in ((module, True), (one_line, False)):
            subject.state, subject.contact, subject.temperature = state, contact, level
            subject.power.phase = phase
            parts = (
                contact,
                phase is PowerPhase.CONTRACTED,
                level is not TemperatureLevel.HOT,
                state.name in lit_states,
                optical,
            )
            assert subject.laser is all(parts), (contact, phase, level, optical)
            assert subject.outputs.laser is subject.laser


def test_a_hot_module_does_not_train() -> None:
    """TOO_HOT, and dark."""
    rig = module_in(ModuleState.CONTRACTED)
    rig.module.celsius, rig.module.temperature = 80.0, TemperatureLevel.HOT
    (frame,) = rig.feed_module(rig.frame_to_module(diagnostics.Train(0x4000)))
    assert link.Error.decode(frame.payload).code is ErrorCode.TOO_HOT
    assert not rig.module.outputs.laser


def test_a_host_that_measured_no_seat_darkens_it() -> None:
    """Training failed: contracted, and dark in the same step."""
    rig = module_in(ModuleState.TRAINING)
    result = diagnostics.TrainResult(0x4000, Seating.NOT_SEATED, 0, 0, 0)
    rig.feed_module(rig.frame_to_module(result))
    assert rig.module.state is ModuleState.CONTRACTED and not rig.module.outputs.laser


def test_a_module_that_loses_its_host_six_times_in_five_minutes_is_latched() -> None:
    """Five times it recovers."""
    rig = module_in(ModuleState.READY)
    module, now = rig.module, rig.now
    for count in range(6):
        while module.state not in (ModuleState.RECOVERING, ModuleState.FAULT):
            now = module.next_deadline(now) or now + MS
            module.on_deadline(now)
            drain(module, now)
        assert module.state is (ModuleState.FAULT if count == 5 else ModuleState.RECOVERING)
        rig.stepper.now = now
        rig.feed_module(rig.frame_to_module(link.Ping(0, 1, 0)))
    assert module.fault_text == "too many recoveries"


def test_five_minutes_later_the_count_starts_again() -> None:
    """Recoveries that are far apart are no fault."""
    rig = module_in(ModuleState.READY)
    module = rig.module
    for count in range(12):
        module.now = rig.now + count * 61 * SECOND
        assert not module.too_many_recoveries()
        module.do_recover(None)
        module.do_resume_contact(None)


def test_a_session_that_is_never_finished_is_given_up_after_the_watchdog() -> None:
    """Greeted, kept alive, and nothing else for five seconds: back to beacons."""
    rig = module_in(ModuleState.GREETED)
    module, start, now = rig.module, rig.now, rig.now
    while module.state is ModuleState.GREETED:
        now += 50 * MS
        rig.stepper.now = now
        rig.feed_module(rig.frame_to_module(link.Ping(0, 1, 0)))
        module.on_deadline(now)
    assert module.state is ModuleState.POWERED and 4900 * MS <= now - start <= 5100 * MS
    module.on_deadline(now)
    assert [frame.session for frame in drain(module, now)] == [0]


def test_an_update_is_installed_once_and_only_when_it_is_true() -> None:
    """Dark from the first word; a wrong digest is refused and the module goes on updating."""
    rig = module_in(ModuleState.READY)
    module = rig.module
    firmware = bytes(range(200))
    begin = bulk.UpdateBegin(0x4000, 200, digest_of(firmware) ^ 1)
    rig.feed_module(rig.frame_to_module(begin))
    assert module.state is ModuleState.UPDATING and not module.outputs.laser
    rig.feed_module(rig.frame_to_module(bulk.UpdateData(0x4001, 0, firmware)))
    (refused,) = rig.feed_module(rig.frame_to_module(bulk.UpdateEnd(0x4002)))
    assert link.Error.decode(refused.payload).code is ErrorCode.UPDATE_REFUSED
    assert module.state is ModuleState.UPDATING
    rig = module_in(ModuleState.READY)
    rig.feed_module(rig.frame_to_module(bulk.UpdateBegin(0x4000, 200, digest_of(firmware))))
    rig.feed_module(rig.frame_to_module(bulk.UpdateData(0x4001, 0, firmware)))
    end = rig.frame_to_module(bulk.UpdateEnd(0x4002))
    answers = rig.feed_module(end, end)
    assert [frame.type for frame in answers] == [catalogue.BY_MESSAGE[bulk.UpdateStatus].type]
    assert [rig.module.next_event(), rig.module.next_event()] == [UpdateInstalled(firmware), None]
    assert rig.module.booting and not rig.module.outputs.laser


def test_the_lanes_of_the_session_are_those_of_both_ends() -> None:
    """A host without a receiver gets its images by the sideband."""
    rig = module_in(ModuleState.POWERED)
    rig.feed_module(rig.frame_to_module(link.Hello(lanes=TWO_LANES[:1]), session=5))
    assert rig.module.connection.image_lane is SIDEBAND
    rig.feed_module(rig.frame_to_module(link.Hello(lanes=TWO_LANES), session=6))
    assert rig.module.connection.image_lane is OPTICAL
