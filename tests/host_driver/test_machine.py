"""The host as a machine: every state x every input, every message in every state, loss and recovery."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from rig import MS, OPTICAL, SIDEBAND, EachFrame, Rig, Sessions, drain, drop_if, host_in, is_type, one_lane
from rig import S as SECOND

from laserlink.firmware_model.bulk import UpdateInstalled, digest_of
from laserlink.firmware_model.machine import Broken, Temperature
from laserlink.host_driver import actions
from laserlink.host_driver.actions import (
    Answered,
    Attached,
    Lost,
    ModuleEvent,
    NoDevice,
    StateChanged,
    Unanswered,
)
from laserlink.host_driver.assembly import ImageDone
from laserlink.host_driver.machine import Contact, Host, Light, Shorted
from laserlink.host_driver.power import PowerSource
from laserlink.host_driver.table import TABLE, Input
from laserlink.protocol import _accel, catalogue
from laserlink.protocol.catalogue import Direction
from laserlink.protocol.clock import PeerClock
from laserlink.protocol.connection import Role
from laserlink.protocol.errors import ErrorCode, LocalProtocolError, MalformedPayload
from laserlink.protocol.frame import Frame
from laserlink.protocol.image_layout import ImageLayout
from laserlink.protocol.limits import EVENTS_PENDING
from laserlink.protocol.messages import bulk, control, diagnostics, identity, image, link, power
from laserlink.protocol.messages.control import Value, ValueType, encode_value
from laserlink.protocol.messages.layout import Event, Record, Request
from laserlink.protocol.prbs import pattern
from laserlink.protocol.states import HostState as S
from laserlink.protocol.states import (
    LaserOff,
    LossCause,
    ModuleState,
    PowerPhase,
    Seating,
    TemperatureLevel,
)

# What comes with an input; None for what carries nothing.
ARGUMENT: dict[Input, Record] = {
    Input.HELLO_REPLY: link.HelloReply(to_module_bytes_max=1024, first_sequence=0, lanes=()),
    Input.POWER_REQUEST: power.PowerRequest(),
    Input.POWER_TOO_MUCH: power.PowerRequest(),
    Input.POWER_REFUSED: power.PowerStatus(),
    Input.POWER_ENDED: power.PowerStatus(),
    Input.REFUSED: link.Error(code=ErrorCode.TOO_HOT),
    Input.BROKEN: link.FaultEvent(text="broken"),
    Input.DESCRIPTOR_PART: identity.DescriptorPart(total_bytes=9, part=b"x"),
    Input.DESCRIPTOR_END: identity.DescriptorPart(total_bytes=9, part=b"x"),
}


@pytest.mark.parametrize("state", S, ids=lambda state: state.name)
def test_a_row_acts_and_lands_and_a_missing_row_does_nothing(
    state: S, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every (state, input): the named action runs once and the state is the row's; else nothing changes."""
    called: list[str] = []
    for name in {f"do_{action}" for action, _ in TABLE.values()}:
        monkeypatch.setattr(Host, name, _spy(getattr(Host, name), name, called))
    for happening in Input:
        host = host_in(state).host
        called.clear()
        host._identity.buffer = bytearray(bytes(identity.Descriptor(modes=(identity.SensorMode(),))))
        row = TABLE.get((state, happening))
        assert host._step(happening, ARGUMENT.get(happening)) is (row is not None)
        if row is None:
            assert (called, host.state) == ([], state), happening
        else:
            assert (called[:1], host.state) == ([f"do_{row[0]}"], row[1]), happening


def _spy(original: Callable[..., Any], name: str, called: list[str]) -> Callable[..., Any]:
    def action(self: Host, message: Any) -> Any:
        called.append(name)
        return original(self, message)

    return action


# --- every message in every state, as real frames ---


def _errors(frames: list[Frame]) -> list[link.Error]:
    return [link.Error.decode(frame.payload) for frame in frames if frame.type == catalogue.ERROR]


@pytest.mark.parametrize("state", S, ids=lambda state: state.name)
def test_every_message_in_every_state_has_one_defined_answer(state: S) -> None:
    """An illegal one gets exactly one error of the right code; a legal one at most one."""
    for row in catalogue.ROWS:
        rig = host_in(state)
        session = rig.host.connection.session = rig.host.connection.session or 0x77
        rig.host.connection.features = link.Features(7)
        beacon = row.message is link.Beacon
        lane = OPTICAL if row.carrier is catalogue.Carrier.IMAGE else SIDEBAND
        wire = rig.frame_to_module(row.message(), session=0 if beacon else session)
        errors = [error.code for error in _errors(rig.feed_host(wire, lane=lane))]
        expected: list[list[ErrorCode]] = [[], errors[:1]]
        if row.message is link.Error or beacon:
            expected = [[]]
        elif row.direction is Direction.TO_MODULE:
            expected = [[ErrorCode.WRONG_DIRECTION]]
        elif state not in row.states:
            expected = [[ErrorCode.ILLEGAL_IN_STATE]]
        assert errors in expected, row.message.__name__


@pytest.mark.parametrize("state", S, ids=lambda state: state.name)
def test_intact_frames_with_garbage_in_them_never_raise(state: S) -> None:
    """Any type, channel and payload on either lane: never an exception, and nothing grows without bound."""
    chance = random.Random(state)
    for _ in range(12):
        rig = host_in(state)
        session = rig.host.connection.session or 0x77
        for number in range(40):
            kind = chance.choice([*catalogue.BY_TYPE, chance.randrange(256)])
            row = catalogue.BY_TYPE.get(kind)
            channel = chance.choice([*(sorted(row.channel.value) if row else [0]), chance.randrange(16)])
            payload = chance.randbytes(chance.choice([0, 2, 3, 6, 12, 40]))
            rig.feed_host(
                bytes(Frame(kind, channel, session, number, payload)), lane=chance.choice([SIDEBAND, OPTICAL])
            )
        rig.host.on_deadline(rig.now + 10 * SECOND)
        assert len(rig.host.events) <= EVENTS_PENDING


# --- contact and the first word ---


def test_a_module_that_spoke_before_it_was_seated_is_greeted_at_once() -> None:
    """A board with its own supply beacons during the debounce: hello does not wait for the next beacon."""
    rig = Rig()
    rig.host.on_input(Contact(True), 0)
    rig.feed_host(bytes(rig.module.connection.frame(link.Beacon(), session=0)))
    assert rig.host.state is S.SEATING and not rig.host.data_to_send(SIDEBAND, 0)
    rig.host.on_deadline(100 * MS)
    assert rig.host.state is S.GREETED and rig.host.data_to_send(SIDEBAND, 100 * MS)


def test_seating_waits_for_the_debounce_before_any_power() -> None:
    """No power before 100 ms of contact; a contact that opens again starts over."""
    host = Host(Rig().lanes, Sessions())
    host.on_input(Contact(True), 0)
    host.on_input(Contact(False), 99 * MS)
    assert host.state is S.ABSENT and host.next_deadline(99 * MS) is None
    host.on_input(Contact(True), 120 * MS)
    host.on_deadline(219 * MS)
    assert host.outputs.rail_ma == 0
    host.on_deadline(220 * MS)
    assert (host.state, host.outputs.rail_ma) == (S.POWERED, 100)


def test_a_shorted_contact_gets_no_power() -> None:
    """The short check is before any power; the loss is of power, and final."""
    rig = Rig()
    rig.host.on_input(Shorted(True), 0)
    rig.stepper.snap_on()
    rig.run_for(SECOND)
    assert (rig.host.state, rig.host.outputs.rail_ma) == (S.FAULT, 0)
    assert [(lost.cause, lost.final) for lost in rig.told(Lost)] == [(LossCause.POWER, True)]
    rig.stepper.pull_off()
    rig.host.on_input(Shorted(False), rig.now)
    rig.run_for(SECOND)
    rig.attach()


@pytest.mark.parametrize("noise", [b"", b"AT\r\n", b"\xeb\x90" * 40], ids=["silence", "modem", "syncs"])
def test_no_device_after_three_seconds_and_nothing_was_sent(noise: bytes) -> None:
    """A stranger's device is never talked to, whatever it says."""
    host = Host(Rig().lanes, Sessions())
    host.on_input(Contact(True), 0)
    now = 0
    for now in range(0, 3200 * MS, 50 * MS):
        host.on_deadline(now)
        host.receive_data(SIDEBAND, noise, now)
        assert host.data_to_send(SIDEBAND, now) == b""
    told = [event for event in iter(host.next_event, None) if isinstance(event, NoDevice)]
    assert len(told) == 1 and host.state is S.FAULT and host.outputs.rail_ma == 0
    assert told[0].heard >= 59 * len(noise) and (told[0].heard > 0) == bool(noise)


def test_module_of_another_major_version_is_told_by_its_version() -> None:
    """Its beacon is intact, and not of a protocol that is spoken here: not greeted, and named."""
    host = Host(Rig().lanes, Sessions())
    host.on_input(Contact(True), 0)
    host.on_deadline(100 * MS)
    host.receive_data(SIDEBAND, bytes(Frame(catalogue.BEACON, 0, 0, 0, b"\x09", version=0x23)), 200 * MS)
    assert host.data_to_send(SIDEBAND, 200 * MS) == b""
    host.on_deadline(4 * SECOND)
    told = [event for event in iter(host.next_event, None) if isinstance(event, NoDevice)]
    assert told == [NoDevice(25, 0x23)]


def test_feature_that_was_not_agreed_on_is_not_asked_for() -> None:
    """A module without file reading is not asked to read: the caller is told at once."""
    rig = host_in(S.READY)
    rig.host.request(bulk.FileRead(), rig.now)
    rig.host.connection.features = link.Features.RESEND
    with pytest.raises(LocalProtocolError, match="FileRead"):
        rig.host.request(bulk.FileRead(), rig.now)


def test_answer_that_contradicts_itself_is_the_fault_of_its_request() -> None:
    """Whoever asked learns what was wrong with the answer, and the module is told of its offence."""
    rig = host_in(S.READY)
    asked = rig.host.request(image.StreamConfigure(0, 2, 0, 8), rig.now)
    drain(rig.host, rig.now)
    reply = image.StreamConfigured(asked.request_id, 2, 4, 4, 1, 1, 1)
    rig.feed_host(rig.frame_to_module(reply, session=rig.host.connection.session))
    (told,) = [event for event in iter(rig.host.next_event, None) if isinstance(event, Unanswered)]
    assert told.request == asked and isinstance(told.fault, MalformedPayload)


def test_no_device_counts_only_what_it_heard_this_time() -> None:
    """Bytes of an earlier session are not garbage of this one."""
    rig = Rig()
    rig.attach()
    rig.stepper.pull_off()
    rig.run_for(SECOND)
    rig.stepper.to_host[SIDEBAND].filter = lambda data, now: []
    rig.stepper.snap_on()
    rig.until(lambda: bool(rig.told(NoDevice)))
    assert rig.told(NoDevice) == [NoDevice(0)]


@pytest.mark.parametrize("state", [s for s in S if s is not S.ABSENT], ids=lambda state: state.name)
def test_removal_from_every_state_and_the_same_host_works_again(state: S) -> None:
    """Pulled off: absent within the debounce, no power, no deadline left; snapped on again: images again."""
    rig = host_in(state)
    rig.stepper.pull_off()
    rig.run_for(11 * MS)
    assert (rig.host.state, rig.host.outputs.rail_ma, rig.module.state) == (S.ABSENT, 0, ModuleState.DETACHED)
    assert rig.host.next_deadline(rig.now) is None and rig.host.connection.session == 0
    assert (rig.losses()[-1:] == ["DETACH"]) == (state is not S.SEATING)
    rig.run_for(SECOND)
    rig.events.clear()
    rig.attach()
    (done,) = rig.capture(region=(0, 0, 64, 64))
    assert rig.exact(done)


@pytest.mark.parametrize("timer", ["give-up", "restart"])
def test_what_happens_while_the_contact_is_open_does_not_hide_the_removal(timer: str) -> None:
    """A session that ends in the ten milliseconds of the debounce does not take the debounce with it."""
    rig = host_in(S.CONTRACTED)
    host, now = rig.host, rig.now
    host.on_input(Contact(False), now)
    if timer == "give-up":
        host._step(Input.ATTACH_EXPIRED)
    else:
        rig.feed_host(bytes(Frame(0x01, 0, 0, 0, bytes(link.Beacon()))))
    host.on_deadline(now + 10 * MS)
    assert host.state is S.ABSENT


def test_a_bounce_of_the_contact_is_no_removal() -> None:
    """Five milliseconds without contact while streaming: the session lives, and images go on, exact."""
    rig = host_in(S.STREAMING)
    rig.stepper.pull_off()
    rig.run_for(5 * MS)
    rig.stepper.snap_on()
    rig.events.clear()
    done = rig.await_images(4)
    assert S.ABSENT not in rig.states() and rig.losses() in ([], ["OPTICAL"])
    assert all(rig.exact(image) for image in done[1:])


# --- settings ---


def test_the_same_module_gets_its_settings_back_and_another_does_not() -> None:
    """What was set is remembered by the module's id, and only by that."""
    rig = Rig()
    assert rig.attach().again is False
    rig.host.set_controls({"ExposureTime": 5000, "AnalogueGain": 2.0}, rig.now)
    rig.until(lambda: rig.host.requests.idle)
    first = rig.module
    rig.stepper.pull_off()
    rig.run_for(SECOND)
    other = Rig(rig.lanes, "uart-1m").module
    rig.stepper.swap(other)
    assert rig.attach().again is False and other.controls.set_id == 0
    rig.stepper.pull_off()
    rig.run_for(SECOND)
    rig.stepper.swap(first)
    assert first.controls.values[1] == 10_000
    assert rig.attach().again is True
    assert (first.controls.values[1], first.controls.values[2]) == (5000, 2.0)
    assert rig.host.controls.current["ExposureTime"] == 5000


def test_controls_by_name_are_checked_before_they_are_sent() -> None:
    """An unknown name, a wrong type, too many at once and a wrong state are the caller's errors."""
    host = host_in(S.READY).host
    wrong: list[dict[str, Value]] = [{"Zoom": 2}, {"ExposureTime": 1.5}, {f"C{n}": 1 for n in range(17)}]
    for values in wrong:
        with pytest.raises(LocalProtocolError):
            host.set_controls(values, host.now)
    with pytest.raises(LocalProtocolError):
        host_in(S.ABSENT).host.request(image.StreamStart(), 0)


# --- silence, recovery, restart ---


def _mute(rig: Rig, direction: str, muted: bool) -> None:
    wires = rig.stepper.to_host if direction == "to host" else rig.stepper.to_module
    wires[SIDEBAND].filter = (lambda data, now: []) if muted else None


@pytest.mark.parametrize("direction", ["to host", "to module"])
def test_silence_of_the_sideband_is_a_timeout_and_recovers(direction: str) -> None:
    """Half a second without a word, either way: the deaf end gives up, and the stream goes on afterwards."""
    rig = host_in(S.STREAMING)
    rig.events.clear()
    _mute(rig, direction, True)
    rig.run_for(500 * MS)
    assert rig.module.outputs.laser is (direction == "to host")
    assert rig.losses()[-1] == ("TIMEOUT" if direction == "to host" else "OPTICAL")
    _mute(rig, direction, False)
    rig.until_states(ModuleState.STREAMING, S.STREAMING)
    assert not any(lost.final for lost in rig.told(Lost))
    rig.events.clear()
    assert all(rig.exact(done) for done in rig.await_images(4)[2:])


def test_an_attach_that_is_interrupted_before_the_controls_still_ends_attached() -> None:
    """The list of controls is asked for again when the link was lost in the middle of it."""
    rig = Rig()
    rig.stepper.snap_on()
    rig.until_states(host=S.READY)
    _mute(rig, "to host", True)
    rig.until_states(host=S.RECOVERING)
    _mute(rig, "to host", False)
    rig.await_attached()


def test_more_than_five_recoveries_in_five_minutes_latch() -> None:
    """Five are repaired; the sixth is given up until the module is removed."""
    rig = Rig()
    rig.attach()
    for count in range(6):
        assert rig.host.state is S.READY, count
        _mute(rig, "to host", True)
        rig.until_states(host=S.RECOVERING if count < 5 else S.FAULT)
        _mute(rig, "to host", False)
        if count < 5:
            rig.until_states(host=S.READY)
    assert rig.told(Lost)[-1] == Lost(LossCause.FIRMWARE, "the link was lost too often", True)
    assert rig.host.outputs.rail_ma == 0
    rig.stepper.pull_off()
    rig.run_for(SECOND)
    rig.events.clear()
    rig.attach()


def test_requests_that_are_never_answered_count_as_recoveries_too() -> None:
    """A module that answers pings and nothing else is given up after five recoveries."""
    rig = Rig()
    rig.attach()
    answers = {row.type for row in catalogue.ROWS if row.role == "reply"}
    rig.stepper.to_host[SIDEBAND].filter = drop_if(lambda frame, number: frame[3] in answers)
    for _ in range(40):
        if rig.host.state is S.READY:
            rig.request(diagnostics.Echo())
        rig.run_for(500 * MS)
    assert rig.host.state is S.FAULT or "TIMEOUT" in rig.losses()
    assert rig.told(Unanswered)
    assert len([lost for lost in rig.told(Lost) if lost.text == "the module fell silent"]) <= 5


def test_a_restart_in_the_middle_of_a_session_is_told_and_attached_again() -> None:
    """A module that lost its memory beacons: Lost(FIRMWARE), a fresh session, the settings back."""
    rig = Rig(self_powered=True)
    rig.attach()
    rig.host.set_controls({"ExposureTime": 5000}, rig.now)
    rig.until(lambda: rig.host.requests.idle)
    session = rig.host.connection.session
    rig.module.do_give_up(None)
    rig.module.do_boot(None)
    rig.module.state = ModuleState.POWERED
    rig.stepper.settle()
    attached = rig.await_attached()
    assert attached.again and rig.host.connection.session != session
    assert rig.module.controls.values[1] == 5000


def test_a_reset_is_answered_and_attached_again_without_a_false_loss() -> None:
    """What the host asked for is no optical loss."""
    rig = Rig()
    rig.attach()
    rig.request(link.Reset())
    rig.until(lambda: bool(rig.told(Attached)))
    assert rig.losses() == []


def test_an_update_goes_through_and_the_module_comes_back() -> None:
    """Dark while updating, which is no optical loss; installed once; attached again."""
    rig = Rig()
    rig.attach()
    firmware = random.Random(1).randbytes(3000)
    rig.ask(bulk.UpdateBegin(0, len(firmware), digest_of(firmware)))
    assert (rig.host.state, rig.module.state) == (S.UPDATING, ModuleState.UPDATING)
    assert not rig.module.outputs.laser and rig.losses() == []
    for offset in range(0, len(firmware), 900):
        rig.ask(bulk.UpdateData(0, offset, firmware[offset : offset + 900]))
    rig.ask(bulk.UpdateEnd())
    assert rig.told(UpdateInstalled) == [UpdateInstalled(firmware)]
    rig.await_attached()
    assert rig.module.boot_count == 2


def test_a_module_that_left_an_update_because_it_heard_nothing_is_trained_again() -> None:
    """The module stops updating when the host is not heard; the host learns it, and waits no longer."""
    rig = host_in(S.READY)
    rig.ask(bulk.UpdateBegin(0, 8, 1))
    rig.stepper.to_module[SIDEBAND].filter = lambda data, now: []
    rig.until_states(ModuleState.RECOVERING, S.UPDATING)
    rig.stepper.to_module[SIDEBAND].filter = None
    rig.until_states(ModuleState.READY, S.READY)
    assert rig.module.boot_count == 1


@pytest.mark.parametrize("seating", [Seating.SEATED, Seating.NOT_SEATED])
def test_a_training_that_was_asked_for_while_ready_is_followed(seating: Seating) -> None:
    """A request to train that was queued twice is carried out late: the host follows, and nothing is lost."""
    rig = host_in(S.READY)
    rig.events.clear()
    rig.request(diagnostics.Train(lane=OPTICAL))
    rig.until_states(ModuleState.TRAINING, S.TRAINING)
    rig.request(diagnostics.TrainResult(seating=seating))
    rig.until_states(ModuleState.READY, S.READY)
    rig.run_for(SECOND)
    assert (rig.module.state, rig.host.state) == (ModuleState.READY, S.READY)
    assert rig.module.outputs.laser and rig.losses() == []


def test_a_fault_of_the_module_is_final() -> None:
    """Lost(FIRMWARE) with the module's own words, and no power until removal."""
    rig = host_in(S.READY)
    rig.module.on_input(Broken("self-test failed"), rig.now)
    rig.stepper.settle()
    rig.until_states(host=S.FAULT)
    assert rig.told(Lost)[-1] == Lost(LossCause.FIRMWARE, "self-test failed", True)
    assert rig.host.outputs.rail_ma == 0


def test_heat_darkens_is_told_and_light_comes_back_when_it_cools() -> None:
    """A hot module: Lost(THERMAL), nothing but the sideband; cooler again: the stream goes on."""
    rig = host_in(S.STREAMING)
    rig.events.clear()
    rig.module.on_input(Temperature(80.0), rig.now)
    rig.stepper.settle()
    rig.run_for(SECOND)
    assert rig.losses() == ["THERMAL"] and rig.host.state is S.CONTRACTED and not rig.module.outputs.laser
    rig.module.on_input(Temperature(50.0), rig.now)
    rig.stepper.settle()
    rig.until_states(ModuleState.STREAMING, S.STREAMING)
    rig.events.clear()
    assert all(rig.exact(done) for done in rig.await_images(4)[2:])


def test_a_beam_that_stays_blocked_ends_the_session_after_the_watchdog(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Light that never comes back is not trained for ever: the host gives up, and attaches when it can."""
    monkeypatch.setattr(actions, "ATTACH_WATCHDOG_NS", 300 * MS)
    rig = host_in(S.STREAMING)
    rig.events.clear()
    rig.stepper.block_beam(True)
    rig.until(lambda: any(lost.text == "the module does not answer" for lost in rig.told(Lost)), 8 * SECOND)
    assert rig.losses()[0] == "OPTICAL"
    rig.stepper.block_beam(False)
    rig.events.clear()
    rig.until(lambda: bool(rig.told(Attached)), 20 * SECOND)


# --- hostile modules ---


@pytest.mark.parametrize("busy", [False, True], ids=["at once", "behind another"])
def test_a_request_that_no_frame_holds_is_refused_when_it_is_made(busy: bool) -> None:
    """One that is too long, or has a value that does not fit, is refused at once, also when it would wait,
    and the one before it is answered.
    """
    rig = host_in(S.READY)
    if busy:
        rig.host.request(link.CountersRead(), rig.now)
    for wrong in (diagnostics.Echo(data=bytes(1100)), control.ControlList(start=1 << 20)):
        with pytest.raises(LocalProtocolError):
            rig.host.request(wrong, rig.now)
    assert rig.ask(diagnostics.Echo(data=b"echo")) == diagnostics.EchoReply(
        rig.told(Answered)[-1].request.request_id, b"echo"
    )
    assert len(rig.told(Answered)) == 1 + busy


def test_an_answer_of_the_wrong_type_is_an_offence() -> None:
    """The id fits and the type does not: one error, Lost(PROTOCOL), and the request is asked again."""
    rig = host_in(S.READY)
    request = rig.host.request(diagnostics.Echo(data=b"x"), rig.now)
    drain(rig.host, rig.now)
    wrong = rig.frame_to_module(link.Counters(request.request_id))
    errors = _errors(rig.feed_host(wrong))
    assert [error.code for error in errors] == [ErrorCode.ILLEGAL_IN_STATE]
    assert _lost(rig)[-1] == LossCause.PROTOCOL
    rig.stepper.settle()
    rig.until(lambda: any(event.request == request for event in rig.told(Answered)))


def _lost(rig: Rig) -> list[LossCause]:
    return [event.cause for event in (*rig.events, *rig.host.events) if isinstance(event, Lost)]


def _hostile(rig: Rig, message: type[Record], make: Callable[[Record], Record]) -> None:
    """The module's messages of a type are replaced on the wire by what `make` makes of them."""

    def rule(frame: bytes, number: int) -> list[bytes]:
        if not is_type(frame, message):
            return [frame]
        row = catalogue.BY_TYPE[frame[3]]
        changed = make(row.message.decode(frame[20:-4]))
        session, sequence = (int.from_bytes(frame[at : at + 4], "little") for at in (8, 12))
        return [bytes(Frame(row.type, frame[4], session, sequence, bytes(changed), frame[5]))]

    rig.stepper.to_host[SIDEBAND].filter = EachFrame(rule)


def _with(**changes: Any) -> Callable[[Record], Record]:
    return lambda record: replace(record, **changes)


def _zeros(record: Record) -> Record:
    assert isinstance(record, identity.DescriptorPart)
    return replace(record, part=bytes(len(record.part)))


def _each_control(**changes: Any) -> Callable[[Record], Record]:
    def lie(record: Record) -> Record:
        assert isinstance(record, control.ControlInfos)
        return replace(record, controls=tuple(replace(item, **changes) for item in record.controls))

    return lie


LIES: list[tuple[type[Record], Callable[[Record], Record]]] = [
    (link.HelloReply, _with(version=0x20)),
    (link.HelloReply, _with(to_host_bytes_max=60_000)),
    (identity.DescriptorPart, _with(total_bytes=65_535)),
    (identity.DescriptorPart, _with(offset=999)),
    (identity.DescriptorPart, _with(part=b"")),
    (identity.DescriptorPart, _zeros),
    (control.ControlInfos, _with(total=255)),
    (control.ControlInfos, _with(start=3)),
    (control.ControlInfos, _with(controls=())),
    (control.ControlInfos, _each_control(minimum=b"\xff" * 8, type=ValueType.FLOAT)),
]


@pytest.mark.parametrize(("message", "lie"), LIES, ids=lambda value: getattr(value, "__name__", ""))
def test_lies_during_the_attach_are_protocol_losses(
    message: type[Record], lie: Callable[[Record], Record]
) -> None:
    """Typed, never an exception, never attached; and an honest module attaches afterwards."""
    rig = Rig()
    _hostile(rig, message, lie)
    rig.stepper.snap_on()
    rig.run_for(SECOND)
    assert "PROTOCOL" in rig.losses() and not rig.told(Attached)
    rig.stepper.to_host[SIDEBAND].filter = None
    rig.stepper.pull_off()
    rig.run_for(SECOND)
    rig.events.clear()
    rig.attach()


CONFIGURED_LIES = [
    _with(width=65_532, height=65_534),
    _with(width=7),
    _with(height=3),
    _with(chunk_bytes=1),
    _with(coded_bytes=1),
    _with(frames_per_image=2),
    _with(channel=3),
    _with(width=128, coded_bytes=8192),
]


@pytest.mark.parametrize("lie", CONFIGURED_LIES)
def test_impossible_sizes_of_a_stream_are_refused_and_the_next_request_goes_out(
    lie: Callable[[Record], Record],
) -> None:
    """Nothing is allocated for a stream that contradicts itself or the question."""
    rig = host_in(S.READY)
    _hostile(rig, image.StreamConfigured, lie)
    rig.host.request(image.StreamConfigure(0, 2, 3, 8, 0, 0, 64, 64), rig.now)
    echo = rig.host.request(diagnostics.Echo(data=b"still here"), rig.now)
    rig.stepper.settle()
    rig.until(lambda: any(event.request == echo for event in rig.told(Answered)))
    assert rig.losses() == ["PROTOCOL"]
    with pytest.raises(LocalProtocolError):
        rig.host.streams.layout_of(2)
    assert [type(event.request) for event in rig.told(Unanswered)] == [image.StreamConfigure]


def test_a_flood_of_errors_is_counted_and_not_answered() -> None:
    """Two thousand errors: no frame goes out, and what is kept is bounded."""
    rig = host_in(S.READY)
    wire = rig.frame_to_module(link.Error(text="no"))
    assert rig.feed_host(wire * 2000) == []
    assert len(rig.host.events) <= EVENTS_PENDING


def test_a_module_that_claims_other_types_for_its_controls_gets_no_settings() -> None:
    """Settings are replayed only to controls of the type that they were set with."""
    rig = Rig()
    rig.attach()
    rig.host.set_controls({"AnalogueGain": 2.0}, rig.now)
    rig.until(lambda: rig.host.requests.idle)
    rig.stepper.pull_off()
    rig.run_for(SECOND)
    bounds = {"minimum": bytes(8), "maximum": bytes(8), "default": bytes(8)}
    _hostile(rig, control.ControlInfos, _each_control(type=ValueType.INTEGER, **bounds))
    assert rig.attach().again is False


# --- power ---


def test_a_phone_that_offers_too_little_is_told_so() -> None:
    """The module refuses the offers; the loss is of power, final, and the pins are off."""
    for offer in (power.PowerOffer(5000, 300), power.PowerOffer(9000, 3000)):
        rig = Rig(host=Host(Rig().lanes, Sessions(), PowerSource((offer,))))
        rig.stepper.snap_on()
        rig.run_for(SECOND)
        assert rig.host.state is S.FAULT and rig.host.outputs.rail_ma == 0
        assert [(lost.cause, lost.final) for lost in rig.told(Lost)] == [(LossCause.POWER, True)]


@pytest.mark.parametrize(
    ("code", "cause"),
    [(ErrorCode.POWER_BUDGET, LossCause.POWER), (ErrorCode.ILLEGAL_IN_STATE, LossCause.PROTOCOL)],
)
def test_a_refusal_while_power_is_negotiated_is_told_by_its_reason(code: ErrorCode, cause: LossCause) -> None:
    """A module that restarted unheard is astray, and does not refuse power: the loss says what is true."""
    rig = host_in(S.NEGOTIATING)
    waiting = rig.host.requests._outstanding
    assert waiting is not None
    refusal = link.Error(code=code, request_id=waiting.request_id)
    row = catalogue.BY_MESSAGE[link.Error]
    rig.feed_host(bytes(Frame(row.type, 0, rig.host.connection.session, 9, bytes(refusal))))
    rig.stepper.settle()
    assert rig.host.state is S.FAULT and rig.host.outputs.rail_ma == 0
    assert [(lost.cause, lost.final) for lost in rig.told(Lost)] == [(cause, True)]


@pytest.mark.parametrize(
    "lie", [_with(operating_ma=60_000), _with(offer=9)], ids=["too much", "no such offer"]
)
def test_a_module_that_wants_too_much_is_rejected(lie: Callable[[Record], Record]) -> None:
    """The reject is answered, then the session ends; nobody is offended by what the other says."""
    rig = Rig(self_powered=True)
    _hostile(rig, power.PowerRequest, lie)
    rig.stepper.snap_on()
    rig.run_for(SECOND)
    assert rig.host.state is S.FAULT and rig.host.outputs.rail_ma == 0
    assert [(lost.cause, lost.final) for lost in rig.told(Lost)] == [(LossCause.POWER, True)]
    assert not rig.module.connection.counters.offences


def test_a_revoke_is_dark_and_power_can_be_negotiated_again() -> None:
    """Revoked while streaming: 100 mA at once, Lost(POWER), the session lives; renegotiated: images again."""
    rig = host_in(S.STREAMING)
    rig.events.clear()
    rig.request(power.PowerRevoke())
    rig.until_states(ModuleState.GREETED, S.GREETED)
    assert rig.losses() == ["POWER"] and rig.host.outputs.rail_ma == 100
    rig.run_for(10 * SECOND)
    assert (rig.module.state, rig.host.state) == (ModuleState.GREETED, S.GREETED)
    rig.host.renegotiate(rig.now)
    rig.stepper.settle()
    rig.until_states(ModuleState.READY, S.READY)
    rig.events.clear()
    (done,) = rig.capture(region=(0, 0, 64, 64))
    assert rig.exact(done)


def test_silence_after_a_revoke_ends_the_session() -> None:
    """Greeted without power is a session too: a module that is gone is noticed, and attached again."""
    rig = Rig(self_powered=True)
    rig.attach()
    rig.request(power.PowerRevoke())
    rig.until_states(host=S.GREETED)
    _mute(rig, "to host", True)
    rig.run_for(SECOND)
    _mute(rig, "to host", False)
    rig.await_attached(20 * SECOND)


# --- copies ---


def test_both_copies_of_a_session_in_the_middle_of_an_image_come_to_the_same_end() -> None:
    """A machine can be copied at any step, and the copy shares nothing with it."""
    rig = Rig()
    rig.attach()
    rig.configure(mode_id=2, bits=10)
    rig.start()
    rig.until(lambda: rig.stepper.to_host[OPTICAL].carried_bytes > 2_000_000)
    fork = rig.fork()
    ends = []
    for each in (rig, fork):
        (done,) = each.await_images(1)
        each.until_states(host=S.READY)
        assert each.exact(done)
        ends.append((each.now, each.stepper.steps, done.picture.tobytes(), each.states()))
    assert ends[0] == ends[1]


def test_a_copy_that_loses_its_module_leaves_the_other_alone() -> None:
    """Every continuation can be tried: one copy is pulled off, the other finishes its image."""
    rig = host_in(S.STREAMING)
    fork = rig.fork()
    fork.stepper.pull_off()
    fork.run_for(20 * MS)
    rig.events.clear()
    done = rig.await_images(2)
    assert fork.host.state is S.ABSENT
    assert all(map(rig.exact, done)) and all(isinstance(item, ImageDone) for item in done)


def test_light_that_the_contact_takes_away_is_no_optical_loss() -> None:
    """Darkness with an open contact is a removal, not a loss of light."""
    host = host_in(S.READY).host
    host.on_input(Contact(False), host.now)
    host.on_input(Light(False), host.now)
    assert host.state is S.READY


def test_a_value_of_a_control_that_changed_by_itself_is_current() -> None:
    """The focus ring was turned: the host knows, of controls that it knows."""
    rig = host_in(S.READY)
    value = encode_value(ValueType.FLOAT, 1.25)
    changed = control.ControlChanged(1, 3, ValueType.FLOAT, value)
    unknown = control.ControlChanged(2, 777, ValueType.FLOAT, value)
    first = rig.host.event_receiver.expected
    wires = [
        rig.frame_to_module(message, sequence=first + number, flags=1)
        for number, message in enumerate((changed, unknown))
    ]
    rig.feed_host(*wires)
    assert rig.host.controls.current["LensPosition"] == 1.25
    assert set(rig.host.controls.current) == set(rig.host.controls.known)


def test_an_event_that_comes_before_the_hello_reply_is_not_lost() -> None:
    """The reply was lost, and the module warms up: which event is the first, the host cannot know yet."""
    rig = Rig(first_sequence=(1 << 32) - 1)
    rig.stepper.to_host[SIDEBAND].filter = drop_if(lambda frame, number: is_type(frame, link.HelloReply))
    rig.stepper.snap_on()
    rig.until_states(ModuleState.GREETED, S.GREETED)
    rig.module.on_input(Temperature(66.0), rig.now)
    rig.run_for(200 * MS)
    assert rig.host.state is S.GREETED and not rig.told(ModuleEvent)
    rig.stepper.to_host[SIDEBAND].filter = None
    rig.until_states(ModuleState.READY, S.READY)
    rig.run_for(SECOND)
    felt = [event.message for event in rig.told(ModuleEvent)]
    assert power.TemperatureEvent(TemperatureLevel.WARM, 6600) in felt


@pytest.mark.parametrize(
    ("every", "flips", "seating"),
    [(0, 0, Seating.SEATED), (1, 1, Seating.MARGINAL), (5, 1, Seating.MARGINAL), (1, 40, Seating.NOT_SEATED)],
)
def test_training_counts_the_wrong_bits_of_frames_whose_header_holds(
    every: int, flips: int, seating: Seating
) -> None:
    """Damaged frames of the pattern are what training is for: a few wrong bits are marginal."""
    rig = Rig()

    def damage(frame: bytes, number: int) -> list[bytes]:
        if not is_type(frame, diagnostics.Prbs31) or not every or number % every:
            return [frame]
        payload = int.from_bytes(frame[20:-4], "little") ^ sum(1 << 96 * bit for bit in range(flips))
        return [frame[:20] + payload.to_bytes(len(frame) - 24, "little") + frame[-4:]]

    rig.stepper.to_host[OPTICAL].filter = EachFrame(damage)
    rig.stepper.snap_on()
    rig.until(lambda: rig.host.training.bits > 0 and rig.host.connection.damaged_type is None, SECOND)
    measured = rig.host.training
    assert rig.host.seating is seating
    damaged = 0 if not every else sum(number % every == 0 for number in range(measured.frames))
    assert abs(measured.bit_errors - flips * damaged) <= flips and measured.frames > 30


def test_a_module_that_is_astray_is_restarted() -> None:
    """An update began, and its answer was lost: the module refuses light, restarts, and is attached again."""
    rig = host_in(S.READY)
    rig.stepper.to_host[SIDEBAND].filter = lambda data, now: []
    rig.request(bulk.UpdateBegin(0, 8, 1))
    rig.until_states(ModuleState.UPDATING, S.RECOVERING)
    rig.stepper.to_host[SIDEBAND].filter = None
    rig.await_attached()
    assert rig.module.state is ModuleState.READY and rig.module.boot_count == 2


@pytest.mark.parametrize(("recoveries", "state"), [(4, S.CONTRACTED), (5, S.FAULT)])
def test_a_module_that_is_astray_too_often_is_given_up(recoveries: int, state: S) -> None:
    """Restarting helps or it does not: the sixth time in five minutes the host latches."""
    rig = host_in(S.CONTRACTED)
    rig.host._recoveries.extend([rig.now] * recoveries)
    waiting = rig.host.requests._outstanding
    assert waiting is not None and isinstance(waiting, diagnostics.Train)
    astray = link.Error(code=ErrorCode.ILLEGAL_IN_STATE, request_id=waiting.request_id)
    row = catalogue.BY_MESSAGE[link.Error]
    rig.feed_host(bytes(Frame(row.type, 0, rig.host.connection.session, 9, bytes(astray))))
    assert rig.host.state is state
    asked = rig.host.requests._outstanding
    assert (asked is not None and isinstance(asked, link.Reset)) == (state is S.CONTRACTED)


def test_a_stream_that_began_unheard_is_stopped() -> None:
    """The answer to a start was lost, and the link with it: afterwards both are ready, and images come."""
    rig = host_in(S.READY)
    rig.configure(region=(0, 0, 64, 64))
    rig.stepper.to_host[SIDEBAND].filter = lambda data, now: []
    rig.request(image.StreamStart(0, 2, 1))
    rig.until_states(ModuleState.STREAMING, S.RECOVERING)
    rig.stepper.to_host[SIDEBAND].filter = None
    rig.until_states(ModuleState.READY, S.READY)
    rig.run_for(SECOND)
    assert (rig.module.state, rig.host.state) == (ModuleState.READY, S.READY)
    rig.events.clear()
    (done,) = rig.capture(region=(0, 0, 64, 64))
    assert rig.exact(done)


def test_a_stream_that_was_stopped_unheard_is_stopped_again() -> None:
    """The module stood still while it was asked to stop, until it was given up: no image of it is awaited."""
    rig = host_in(S.READY)
    rig.configure(region=(0, 0, 64, 64))
    rig.start(images=0)
    rig.await_images(1)
    rig.stepper.stop(Role.MODULE)
    asked = rig.request(image.StreamStop())
    rig.until_states(host=S.RECOVERING)
    assert [event.request for event in rig.told(Unanswered)] == [asked]
    rig.stepper.stop(Role.MODULE, False)
    rig.until_states(ModuleState.READY, S.READY)
    rig.run_for(SECOND)
    assert not rig.host.streams.active
    assert [done.image_id for done in rig.told(ImageDone)] == [1, 2]  # the second was on its way
    rig.events.clear()
    (done,) = rig.capture(region=(0, 0, 64, 64))
    assert rig.exact(done)


# --- what the machine hands on ---


def test_chunks_of_open_images_take_the_fast_path_of_the_image_lane() -> None:
    """Of a whole image in one piece, the slow path sees the start and the digests; without a kernel, all."""
    rig = host_in(S.READY)
    held: list[bytes] = []
    rig.stepper.to_host[OPTICAL].filter = lambda data, now: held.append(data) or []  # type: ignore[func-returns-value]
    rig.configure(region=(0, 0, 256, 256))
    rig.start()
    rig.until(lambda: rig.module.streams.images_sent == 1)
    rig.run_for(MS)
    before = rig.host.connection.counters.frames_received
    data = b"".join(held)
    assert rig.host.receive_data(OPTICAL, data, rig.now) == len(data)
    taken = rig.host.connection.counters.frames_received - before
    assert taken == (2 if _accel.receive_images is not None else 19)
    (done,) = [event for event in rig.host.events if isinstance(event, ImageDone)]
    assert rig.exact(done)


def test_a_whole_mode_that_is_answered_by_another_size_is_refused() -> None:
    """The descriptor says how large the mode is; the answer agrees with itself, and not with that."""
    rig = host_in(S.READY)
    asked = rig.host.request(image.StreamConfigure(0, 2, 3, 8), rig.now)
    drain(rig.host, rig.now)
    layout = ImageLayout(256, 256, 8, rig.host.connection.in_bytes_max)
    reply = image.StreamConfigured(
        asked.request_id, 2, 256, 256, layout.coded_bytes, layout.chunk_bytes, layout.frames, 1000
    )
    rig.feed_host(rig.frame_to_module(reply))
    (told,) = [event for event in rig.host.events if isinstance(event, Unanswered)]
    assert str(told.fault) == "stream 2: 256 x 256 was not asked for"


@pytest.mark.parametrize("by", ["stop", "configure"])
def test_an_image_that_is_cut_short_is_handed_over_with_its_time(by: str) -> None:
    """What was on its way when its stream was stopped, or configured anew."""
    rig = host_in(S.STREAMING)
    rig.stepper.to_host[OPTICAL].filter = drop_if(lambda frame, number: number % 5 == 4)
    rig.until(lambda: any(stream.open for stream in rig.host.streams.by_channel.values()))
    rig.events.clear()
    if by == "stop":
        reply = rig.ask(image.StreamStop())
        assert isinstance(reply, image.StreamStopped)
    else:
        layout = ImageLayout(64, 64, 8, rig.host.connection.in_bytes_max)
        sizes = (64, 64, layout.coded_bytes, layout.chunk_bytes, layout.frames, 1000)
        asked = rig.host.submit(image.StreamConfigure(0, 2, 3, 8, 0, 0, 64, 64))
        rig.feed_host(rig.frame_to_module(image.StreamConfigured(asked.request_id, 2, *sizes)))
    done = [event for event in (*rig.events, *rig.host.events) if isinstance(event, ImageDone)]
    assert done and all(0 < item.done_ns <= rig.now for item in done)


def test_each_change_of_state_has_its_time() -> None:
    """From the contact to ready, in order; the first one as the contact is made, the last one long after."""
    rig = Rig()
    rig.run_for(7 * MS)
    rig.stepper.snap_on()
    rig.until_states(host=S.READY)
    changes = rig.told(StateChanged)
    assert (changes[0].state, changes[0].at_ns) == (S.SEATING, 7 * MS)
    assert (changes[1].state, changes[1].at_ns) == (S.POWERED, 107 * MS)
    assert [change.at_ns for change in changes] == sorted(change.at_ns for change in changes)


def test_a_list_of_controls_in_parts_is_asked_for_part_by_part() -> None:
    """A slow line takes short frames, and needs several: all controls are known, in order."""
    rig = Rig(one_lane(115_200), "uart-1m")
    asked: list[int] = []

    def note(frame: bytes, number: int) -> list[bytes]:
        if is_type(frame, control.ControlList):
            asked.append(control.ControlList.decode(frame[20:-4]).start)
        return [frame]

    rig.stepper.to_module[SIDEBAND].filter = EachFrame(note)
    rig.attach()
    names = [item.name for item in rig.module.controls.controls.values()]
    assert list(rig.host.controls.known) == names and len(asked) > 2
    assert asked == sorted(set(asked)) and asked[0] == 0


def test_a_list_that_is_asked_for_again_attaches_nobody_again() -> None:
    """The settings are given back once, and the module is attached once."""
    rig = host_in(S.READY)
    rig.until(lambda: rig.host.requests.idle)
    rig.events.clear()
    assert isinstance(rig.ask(control.ControlList()), control.ControlInfos)
    rig.run_for(100 * MS)
    assert not rig.told(Attached)


def test_word_of_heat_is_followed_by_its_level() -> None:
    """Hot: no light is asked for. Warm again: it is."""
    rig = host_in(S.READY)
    rig.events.clear()
    first = rig.host.event_receiver.expected
    told = []
    for number, level in enumerate((TemperatureLevel.HOT, TemperatureLevel.WARM)):
        event = power.TemperatureEvent(level, 7000)
        frames = rig.feed_host(rig.frame_to_module(event, sequence=first + number, flags=1))
        trains = [frame for frame in frames if frame.type == catalogue.BY_MESSAGE[diagnostics.Train].type]
        told.append((rig.host.state, len(trains)))
    assert told == [(S.CONTRACTED, 0), (S.CONTRACTED, 1)] and rig.host.power.celsius == 70.0


# --- what comes with a message ---


REFUSAL = link.Error(code=ErrorCode.TOO_HOT)
FOLLOWED: list[tuple[S, Request, Record]] = [
    (S.CONTRACTED, link.Reset(), link.ResetReply()),
    (S.NEGOTIATING, power.PowerCapabilities(), power.PowerRequest(0, 0, 100, 100)),
    (S.NEGOTIATING, power.PowerCapabilities(), power.PowerRequest(0, 9, 100, 100)),
    (S.NEGOTIATING, power.PowerAccept(), REFUSAL),
    (S.NEGOTIATING, power.PowerReady(), power.PowerStatus(phase=PowerPhase.CONTRACTED)),
    (S.CONTRACTED, diagnostics.Train(), diagnostics.TrainStarted()),
    (S.TRAINING, diagnostics.TrainResult(seating=Seating.SEATED), diagnostics.TrainStatus()),
    (S.TRAINING, diagnostics.TrainResult(seating=Seating.NOT_SEATED), diagnostics.TrainStatus()),
    (S.TRAINING, diagnostics.TrainResult(), REFUSAL),
    (S.IDENTIFYING, identity.DescriptorRead(), identity.DescriptorPart(0, 9, 0, b"part")),
    (S.READY, image.StreamStart(), image.StreamStarted()),
    (S.READY, bulk.UpdateBegin(), bulk.UpdateStatus()),
    (S.UPDATING, bulk.UpdateEnd(), bulk.UpdateStatus()),
]
TOLD: list[Event] = [
    power.LaserOffEvent(LaserOff.HOT), power.LaserOffEvent(LaserOff.KEEP_ALIVE), link.FaultEvent(),
    power.TemperatureEvent(TemperatureLevel.HOT, 7000),
]  # fmt: skip


def _given(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What the actions are called with from now on; none of them does anything."""
    given: list[object] = []
    for name in {f"do_{action}" for action, _ in TABLE.values()}:
        monkeypatch.setattr(Host, name, lambda self, message: given.append(message))
    return given


@pytest.mark.parametrize(("state", "request_", "reply"), FOLLOWED, ids=lambda value: type(value).__name__)
def test_an_action_is_given_the_answer_that_led_to_it(
    state: S, request_: Request, reply: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Replies and refusals reach the action as they came, whatever the row."""
    host = host_in(state).host
    host.streams.started = lambda images, reply, now: None  # type: ignore[method-assign]
    given = _given(monkeypatch)
    host._follow(request_, reply)
    assert given == [reply]


@pytest.mark.parametrize("event", TOLD, ids=repr)
def test_an_action_is_given_the_event_that_led_to_it(event: Event, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it came."""
    host = host_in(S.READY).host
    given = _given(monkeypatch)
    host._event(host.event_receiver.expected, event)
    assert given == [event]


def test_what_follows_a_cut_frame_is_taken_when_the_cut_one_is_given_up() -> None:
    """A header promises more than comes: after the gap time, the event behind it is told, and judged by the
    state that the host is in.
    """
    rig = host_in(S.READY)
    first = rig.host.event_receiver.expected
    cut = rig.frame_to_module(diagnostics.Echo(data=bytes(900)))[:40]
    log = diagnostics.Log(1, "still here")
    started = rig.frame_to_module(log, sequence=first, flags=1)
    rig.host.events.clear()
    rig.feed_host(cut + started)
    assert not rig.host.events
    due = rig.host.connection.gaps.next()
    assert due is not None and due > rig.now
    rig.host.on_deadline(due)
    assert list(rig.host.events) == [ModuleEvent(log)]


def test_bytes_that_a_lane_placed_by_itself_are_counted() -> None:
    """On top of those that were received before."""
    host = host_in(S.READY).host
    before = host.connection.counters.bytes_received
    host.images_received(5000, host.now + 3)
    host.images_received(70, host.now + 3)
    assert before > 0 and host.connection.counters.bytes_received == before + 5070


def test_bytes_of_a_frame_that_is_not_whole_are_shown_again() -> None:
    """When more is at hand; else all are taken, for nobody will show them again."""
    for more in (True, False):
        rig = host_in(S.READY)
        wire = rig.frame_to_module(link.Pong()) + rig.frame_to_module(link.Pong())[:30]
        taken = rig.host.receive_data(SIDEBAND, wire, rig.now, more=more)
        assert taken == (len(wire) - 30 if more else len(wire))


@pytest.mark.parametrize("state", [S.READY, S.STREAMING, S.CONTRACTED, S.TRAINING])
def test_light_that_comes_back_lets_images_go_on_where_they_may(state: S) -> None:
    """In the states in which images come; elsewhere the training decides. Each edge is said at once."""
    rig = host_in(state)
    rig.host.on_input(Light(True), rig.now)
    drain(rig.host, rig.now)
    rig.host.on_input(Light(False), rig.now)
    assert rig.host.streams.paused and not rig.host.light
    rig.host.on_input(Light(True), rig.now)
    assert rig.host.streams.paused is (state in (S.CONTRACTED, S.TRAINING))
    rig.host.on_input(Light(True), rig.now)
    pings = [frame for frame in drain(rig.host, rig.now) if is_type(bytes(frame), link.Ping)]
    assert len(pings) == 2


def test_light_without_a_session_is_nobodys_to_be_told() -> None:
    """Nothing is sent before the module is known to listen."""
    for state in (S.POWERED, S.GREETED):
        rig = host_in(state)
        drain(rig.host, rig.now)
        rig.host.on_input(Light(not rig.host.light), rig.now)
        assert drain(rig.host, rig.now) == []


def test_a_contact_is_known_as_it_is() -> None:
    """Closed and open, in every state."""
    for state in (S.ABSENT, S.SEATING, S.READY):
        host = host_in(state).host
        for made in (True, False):
            host.on_input(Contact(made), host.now)
            assert host.contact is made


def test_an_error_that_answers_nothing_is_told() -> None:
    """The module was offended, or answers late: whoever listens learns what it said."""
    rig = host_in(S.READY)
    rig.host.events.clear()
    error = link.Error(code=ErrorCode.WRONG_CHANNEL, request_id=0x7777, text="so it is")
    rig.feed_host(rig.frame_to_module(error, sequence=9))
    assert list(rig.host.events) == [ModuleEvent(error)]


def test_settings_are_remembered_by_the_module_that_took_them() -> None:
    """And only what it took."""
    rig = host_in(S.READY)
    rig.until(lambda: rig.host.requests.idle)
    rig.host.set_controls({"ExposureTime": 5000}, rig.now)
    assert rig.host.controls.to_replay(rig.host.module_id) == {}
    rig.until(lambda: rig.host.requests.idle)
    assert rig.host.controls.to_replay(rig.host.module_id) == {"ExposureTime": 5000}
    assert rig.host.module_id == rig.profile.identity.module_id
    reply = rig.ask(control.ControlSet(0, (rig.host.controls.known["ExposureTime"].encode(1 << 40),)))
    assert isinstance(reply, link.Error)
    assert rig.host.controls.to_replay(rig.host.module_id) == {"ExposureTime": 5000}


def test_what_cannot_be_asked_for_is_named() -> None:
    """The message and the state; how many controls, and how many may be."""
    host = host_in(S.READY).host
    many = {f"Control{number}": 1 for number in range(17)}
    with pytest.raises(LocalProtocolError, match=r"^17 controls at once, 16 are allowed$"):
        host.set_controls(many, host.now)
    with pytest.raises(LocalProtocolError, match=r"no control Focus, Zoom$"):
        host.set_controls({"Zoom": 1, "Focus": 1}, host.now)
    with pytest.raises(LocalProtocolError, match=r"^PowerReady in state ready$"):
        host.request(power.PowerReady(), host.now)
    host.connection.features = link.Features.NONE
    with pytest.raises(LocalProtocolError, match=r"^the module does not take FileRead$"):
        host.request(bulk.FileRead(), host.now)


def test_a_request_leaves_at_the_time_that_it_was_made() -> None:
    """Also when nothing happened for a while: the answer has its whole time."""
    for ask in (
        lambda host, now: host.request(diagnostics.Echo(data=b"x"), now),
        lambda host, now: host.set_controls({"ExposureTime": 77}, now),
    ):
        rig = host_in(S.READY)
        rig.until(lambda: rig.host.requests.idle)  # noqa: B023
        now = rig.now + 3 * MS
        ask(rig.host, now)
        assert rig.host.requests.due_ns == now + rig.host.response_ns


def test_power_is_negotiated_anew_with_the_phones_offers() -> None:
    """After a revoke, when there is power again; at once the host is negotiating, and says so."""
    rig = host_in(S.READY)
    rig.until(lambda: rig.host.requests.idle)
    rig.ask(power.PowerRevoke())
    assert rig.host.state is S.GREETED
    rig.host.power.offers = (power.PowerOffer(5000, 777),)
    drain(rig.host, rig.now)
    rig.host.events.clear()
    asked = rig.host.renegotiate(rig.now)
    assert list(rig.host.events) == [StateChanged(S.NEGOTIATING, rig.now)]
    (frame,) = drain(rig.host, rig.now)
    assert power.PowerCapabilities.decode(frame.payload) == asked == replace(
        power.PowerCapabilities(offers=rig.host.power.offers), request_id=asked.request_id
    )  # fmt: skip


def test_a_refusal_of_what_the_attach_does_not_need_is_no_loss() -> None:
    """In the middle of an attach, too: who asked learns of it, and the attach goes on."""
    refused = link.Error(code=ErrorCode.LIMIT_EXCEEDED, text="no")
    for request in (image.StreamConfigure(), control.ControlSet(), image.StreamStop(), diagnostics.Echo()):
        host = host_in(S.CONTRACTED).host
        host.events.clear()
        host._follow(request, refused)
        assert host.state is S.CONTRACTED and not host.events


def test_the_next_deadline_is_that_of_whatever_is_due_first() -> None:
    """A timer, a request that waits for its answer, a cut frame, an image that lacks something."""
    rig = host_in(S.READY)
    rig.until(lambda: rig.host.requests.idle)
    host, now = rig.host, rig.now
    host.timers.clear()
    assert host.next_deadline(now) is None
    host.receive_data(SIDEBAND, rig.frame_to_module(diagnostics.Log(1, "cut" * 9))[:30], now)
    host.timers.clear()
    gap = host.connection.gaps.next()
    assert gap is not None and host.next_deadline(now) == gap
    host.on_deadline(gap)
    host.timers.clear()
    host.request(diagnostics.Echo(data=b"x"), now)
    assert host.next_deadline(now) == now + host.response_ns
    rig = host_in(S.STREAMING)
    rig.stepper.to_host[OPTICAL].filter = drop_if(lambda frame, number: number == 1)
    rig.until(lambda: any(stream.open for stream in rig.host.streams.by_channel.values()))
    rig.host.timers.clear()
    rig.host.requests.drop()
    due = rig.host.streams.next_deadline()
    assert due is not None and rig.host.next_deadline(rig.now) == due


def test_a_module_that_is_attached_is_told_by_its_descriptor() -> None:
    """Who it is, before anybody asks."""
    attached = Rig().attach()
    assert attached.descriptor == Rig().attach().descriptor
    profile = Rig().profile
    assert attached.descriptor.module_id == profile.identity.module_id
    assert [mode.id for mode in attached.descriptor.modes] == [mode.id for mode in profile.modes]


@pytest.mark.parametrize(
    ("apart_s", "last_s", "too_many"), [(61, 0, True), (0, 299, True), (0, 300, False), (61, 62, False)]
)
def test_too_often_is_five_recoveries_within_five_minutes(apart_s: int, last_s: int, too_many: bool) -> None:
    """However many there were in the hours before."""
    host = host_in(S.READY).host
    for number in range(20):
        host.now = number * apart_s * SECOND
        host._recoveries.append(host.now)
    if not last_s and apart_s:
        host._recoveries.extend([host.now] * 5)
    host.now += last_s * SECOND
    assert host.too_many_recoveries() is too_many


def test_a_lane_that_places_chunks_itself_is_told_of_the_open_images() -> None:
    """The lane of images alone; the session, the longest payload, and a slot for each image."""
    rig = host_in(S.STREAMING)
    rig.stepper.to_host[OPTICAL].filter = drop_if(lambda frame, number: number == 1)
    rig.until(lambda: any(stream.open for stream in rig.host.streams.by_channel.values()))
    images = [item for stream in rig.host.streams.by_channel.values() for item in stream.open.values()]
    assert rig.host.open_slots(SIDEBAND) is None
    told = rig.host.open_slots(OPTICAL)
    assert told is not None and told[:2] == (rig.host.connection.session, 4072)
    assert [slot is item.slot for slot, item in zip(told[2], images, strict=True)] == [True] * len(images)


def test_each_word_of_the_module_reaches_whoever_it_is_for() -> None:
    """A pong the clock, the pattern the training, an image its stream."""
    rig = host_in(S.CONTRACTED)
    rig.host.clock = PeerClock()
    rig.feed_host(rig.frame_to_module(link.Pong(1, rig.now - 10, 500, 500)))
    assert rig.host.clock.known and rig.host.clock.uncertainty_ns == 5
    rig = host_in(S.TRAINING)
    before = rig.host.training.frames
    rig.feed_host(rig.frame_to_module(diagnostics.Prbs31(pattern(7, 64)), sequence=7), lane=OPTICAL)
    assert (rig.host.training.frames, rig.host.training.bit_errors) == (before + 1, 0)
    rig = host_in(S.STREAMING)
    (stream,) = rig.host.streams.by_channel.values()
    number = stream.next_image_id
    rig.feed_host(rig.frame_to_module(image.ImageGone(number), 2))
    done = [event for event in rig.host.events if isinstance(event, ImageDone)]
    assert [item.image_id for item in done] == [number]
