"""What the module's actions do beyond the state: recovery, training, updates, max_frame, the interlock."""

import itertools

import pytest
from rig import MS, OPTICAL, SIDEBAND, TWO_LANES, drain, module_in, one_lane
from rig import S as SECOND

from laserlink.firmware_model.bulk import UpdateInstalled, digest_of
from laserlink.firmware_model.machine import Contact, Temperature
from laserlink.firmware_model.timing import ModuleTimer, frame_bytes_for
from laserlink.protocol import catalogue
from laserlink.protocol.errors import ErrorCode
from laserlink.protocol.frame import Frame
from laserlink.protocol.messages import bulk, diagnostics, image, link, power
from laserlink.protocol.states import (
    LaneKind,
    ModuleState,
    PowerPhase,
    Seating,
    StreamEnd,
    TemperatureLevel,
)

STREAM_ENDED = catalogue.BY_MESSAGE[image.StreamEnded].type
COUNTERS = catalogue.BY_MESSAGE[link.Counters].type


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


def _refused(frames: list[Frame]) -> list[tuple[str, int]]:
    """Text and value of each error."""
    errors = [link.Error.decode(frame.payload) for frame in frames if frame.type == catalogue.ERROR]
    return [(error.text, error.value) for error in errors]


def test_what_is_refused_is_named() -> None:
    """The text says what cannot be, and the value is what was wrong."""
    hello = link.Hello(version_first=0x20, version_last=0x2F, lanes=())
    rig = module_in(ModuleState.POWERED)
    refused = _refused(rig.feed_module(rig.frame_to_module(hello, session=9)))
    assert refused == [("versions 0x20 to 0x2f are not spoken here", 0x2F)]
    rig = module_in(ModuleState.CONTRACTED)
    rig.module.connection.use_lanes({SIDEBAND})
    refused = _refused(rig.feed_module(rig.frame_to_module(diagnostics.Train(0x4000, OPTICAL))))
    assert refused == [("images take the sideband lane", OPTICAL)]
    rig = module_in(ModuleState.CONTRACTED)
    rig.module.temperature = TemperatureLevel.HOT
    refused = _refused(rig.feed_module(rig.frame_to_module(diagnostics.Train(0x4000))))
    assert refused == [("the module is too hot to shine", TemperatureLevel.HOT)]


def test_light_that_went_out_is_not_waited_for() -> None:
    """A contact that bounces twice: what was to be confirmed of the first light does not end the second."""
    rig = module_in(ModuleState.READY)
    module, start = rig.module, rig.now
    module.timers.cancel(ModuleTimer.SILENCE)
    for made, at_ms in ((False, 0), (True, 5), (False, 50)):
        module.on_input(Contact(made), start + at_ms * MS)
    module.on_deadline(start + 56 * MS)
    module.on_input(Contact(True), start + 58 * MS)
    assert module.state is ModuleState.READY and module.laser
    module.on_deadline(start + 107 * MS)
    assert module.laser
    module.on_deadline(start + 108 * MS)
    assert not module.laser


def test_fresh_light_has_its_50_ms_though_a_keep_alive_does_not_see_it_yet() -> None:
    """The keep-alive was under way as the light came on: it takes nothing of the time to confirm it."""
    rig = module_in(ModuleState.READY)
    module, start = rig.module, rig.now
    module.on_input(Contact(False), start)
    module.on_input(Contact(True), start + 5 * MS)
    rig.stepper.now = start + 10 * MS
    rig.feed_module(rig.frame_to_module(link.Ping(0, 1, 0)))
    module.on_deadline(start + 54 * MS)
    assert module.laser
    module.on_deadline(start + 55 * MS)
    assert not module.laser


def test_the_uptime_of_a_beacon_wraps() -> None:
    """After 49.7 days it begins with zero again."""
    rig = module_in(ModuleState.POWERED)
    module = rig.module
    drain(module, rig.now)
    module.now = module.booted_ns + ((1 << 32) + 5) * MS
    module.send_beacon()
    (frame,) = drain(module, module.now)
    assert link.Beacon.decode(frame.payload).uptime_ms == 5


def test_what_was_announced_and_is_over_is_not_waited_for() -> None:
    """Cool again before the notice was over: no derate is due any more. Dark: no pattern is."""
    rig = module_in(ModuleState.STREAMING)
    rig.module.on_input(Temperature(64.0), rig.now)
    assert rig.module.timers.at(ModuleTimer.DERATE) is not None
    rig.module.on_input(Temperature(30.0), rig.now)
    assert rig.module.timers.at(ModuleTimer.DERATE) is None
    rig = module_in(ModuleState.TRAINING)
    assert rig.module.timers.at(ModuleTimer.TRAINING) is not None
    rig.module.on_input(Temperature(90.0), rig.now)
    assert rig.module.state is ModuleState.CONTRACTED
    assert rig.module.timers.at(ModuleTimer.TRAINING) is None


def test_a_derate_that_leaves_the_sensor_on_costs_no_power_up() -> None:
    """Only a sensor that was off needs its 50 ms."""
    rig = module_in(ModuleState.READY)
    before = rig.module.streams.sensor_ready_ns
    for number, limit_ma, fresh in ((0, 500, False), (1, 200, False), (2, 620, True)):
        rig.feed_module(rig.frame_to_module(power.PowerDerate(0x4000 + number, limit_ma)))
        ready_ns = rig.module.streams.sensor_ready_ns
        assert ready_ns == (rig.now + 50 * MS if fresh else before), limit_ma


def test_a_stream_that_power_ends_says_how_many_images_it_sent() -> None:
    """A host counts them, and asks for those that it lacks."""
    rig = module_in(ModuleState.STREAMING)
    rig.run_for(100 * MS)
    sent = rig.module.streams.by_channel[2].images_sent
    frames = rig.feed_module(rig.frame_to_module(power.PowerDerate(0x4000, 200)))
    (end,) = [image.StreamEnded.decode(frame.payload) for frame in frames if frame.type == STREAM_ENDED]
    assert (end.channel, end.end, end.images) == (2, StreamEnd.POWER, sent) and sent > 3


def test_each_recovery_counts_once() -> None:
    """The counters say how often the host fell silent."""
    rig = module_in(ModuleState.RECOVERING)
    rig.feed_module(rig.frame_to_module(link.Ping()))
    frames = rig.feed_module(rig.frame_to_module(link.CountersRead(0x4000)))
    (counters,) = [link.Counters.decode(f.payload) for f in frames if f.type == COUNTERS]
    assert counters.recoveries == 1


def test_the_answer_to_hello_says_what_was_agreed_on() -> None:
    """The features that both know, the smaller sizes, where it counts from, who it is, and the lanes."""
    ours = link.Features.RESEND | link.Features.UPDATE | link.Features.FILES | link.Features.RECTANGLES
    sizes = {"to_module_bytes_max": 1000, "to_host_bytes_max": 3000}
    offers = (
        (link.Hello(features=link.Features((1 << 64) - 1), lanes=TWO_LANES, **sizes), ours, TWO_LANES),
        (link.Hello(features=ours, lanes=TWO_LANES[:1], **sizes), ours, TWO_LANES[:1]),
        (link.Hello(features=link.Features.FILES, lanes=(), **sizes), link.Features.FILES, TWO_LANES[:1]),
    )
    for number, (hello, features, lanes) in enumerate(offers):
        rig = module_in(ModuleState.POWERED)
        (frame,) = rig.feed_module(rig.frame_to_module(hello, session=7 + number))
        first = rig.module._first_sequence
        assert (frame.session, frame.sequence) == (7 + number, first)
        assert link.HelloReply.decode(frame.payload) == link.HelloReply(
            features=features, to_module_bytes_max=hello.to_module_bytes_max,
            to_host_bytes_max=hello.to_host_bytes_max, first_sequence=first,
            module_id=rig.profile.identity.module_id, lanes=lanes,
        )  # fmt: skip
        connection = rig.module.connection
        assert connection.features == features
        assert connection.in_bytes_max == hello.to_module_bytes_max
        assert connection.out_bytes_max == hello.to_host_bytes_max
        assert rig.module.timers.at(ModuleTimer.ATTACH) == rig.now + 5 * SECOND
        assert rig.module.timers.at(ModuleTimer.SILENCE) == rig.now + rig.module.silence_ns


def test_what_darkens_it_ends_what_was_timed_of_the_light() -> None:
    """A pattern, and light that was to be confirmed: heat, a revoke, silence."""
    for darken in ("heat", "revoke", "silence"):
        rig = module_in(ModuleState.TRAINING)
        module = rig.module
        module.timers.set(ModuleTimer.LIGHT, rig.now + 9 * MS)
        if darken == "heat":
            module.on_input(Temperature(90.0), rig.now)
        elif darken == "revoke":
            rig.feed_module(rig.frame_to_module(power.PowerRevoke(0x4000)))
        else:
            module.do_recover(None)
            assert module.timers.at(ModuleTimer.BEACON) == module.now + 250 * MS
            assert module.timers.at(ModuleTimer.ATTACH) == module.now + 5 * SECOND
        assert module.timers.at(ModuleTimer.TRAINING) is module.timers.at(ModuleTimer.LIGHT) is None, darken


def test_a_training_has_its_time_and_its_pattern_begins_at_once() -> None:
    """Fifty milliseconds, and what the laser takes for four frames; each time anew."""
    rig = module_in(ModuleState.CONTRACTED)
    module = rig.module
    for number in range(2):
        rig.stepper.now += 3 * MS
        rig.feed_module(rig.frame_to_module(diagnostics.Train(0x4000 + number)))
        limit = module.connection.extended(50 * MS, OPTICAL)
        assert module.timers.at(ModuleTimer.TRAINING) == rig.now + limit
        out = memoryview(bytearray(4096))
        assert module.images_to_send(OPTICAL, out, rig.now) == module.connection.out_bytes_max


@pytest.mark.parametrize(("count", "apart_s", "last_s", "too_many"), [
    (5, 0, 299, True), (5, 0, 300, False), (4, 0, 0, False), (20, 61, 0, False), (20, 59, 0, True),
])  # fmt: skip
def test_too_often_is_five_recoveries_within_five_minutes(
    count: int, apart_s: int, last_s: int, too_many: bool
) -> None:
    """However many there were in the hours before; each is counted."""
    module = module_in(ModuleState.READY).module
    start = module.now
    for number in range(count):
        module.now = start + number * apart_s * SECOND
        module.do_recover(None)
    assert module.recovery_count == count
    module.now += last_s * SECOND + (61 if apart_s == 61 else apart_s) * SECOND
    assert module.too_many_recoveries() is too_many


def test_an_update_says_how_much_of_it_is_here() -> None:
    """Nothing, each piece, all of it; each answer names its request."""
    rig = module_in(ModuleState.READY)
    firmware = bytes(range(200))
    requests = (
        (bulk.UpdateBegin(0x4000, 200, digest_of(firmware)), 0),
        (bulk.UpdateData(0x4001, 0, firmware[:150]), 150),
        (bulk.UpdateData(0x4002, 150, firmware[150:]), 200),
        (bulk.UpdateEnd(0x4003), 200),
    )
    for request, count in requests:
        (frame,) = rig.feed_module(rig.frame_to_module(request))
        assert bulk.UpdateStatus.decode(frame.payload) == bulk.UpdateStatus(request.request_id, count)
    assert rig.module.outputs.limit_ma == 100 and rig.module.booting


def test_a_stream_that_is_stopped_says_how_many_images_it_sent() -> None:
    """And which it was."""
    rig = module_in(ModuleState.STREAMING)
    rig.run_for(100 * MS)
    sent = rig.module.streams.by_channel[2].images_sent
    frames = rig.feed_module(rig.frame_to_module(image.StreamStop(0x4000, 2)))
    kind = catalogue.BY_MESSAGE[image.StreamStopped].type
    (stopped,) = [image.StreamStopped.decode(frame.payload) for frame in frames if frame.type == kind]
    assert stopped == image.StreamStopped(0x4000, 2, sent) and sent > 3


def test_a_host_that_is_heard_again_is_not_timed_any_more() -> None:
    """Neither watchdog nor beacons go on; silence is watched from now."""
    rig = module_in(ModuleState.RECOVERING)
    rig.module.identified = False
    assert rig.module.timers.at(ModuleTimer.ATTACH) is not None
    rig.feed_module(rig.frame_to_module(link.Ping()))
    assert rig.module.timers.at(ModuleTimer.ATTACH) is rig.module.timers.at(ModuleTimer.BEACON) is None
    assert rig.module.timers.at(ModuleTimer.SILENCE) == rig.now + rig.module.silence_ns
