"""The module as a machine: every state x every input, every message in every state, the interlock."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from rig import MS, OPTICAL, SIDEBAND, Rig, drain, module_in, pixels_of
from rig import S as SECOND

from laserlink.firmware_model.bulk import digest_of
from laserlink.firmware_model.machine import Broken, Contact, Module, RingTurned, Temperature
from laserlink.firmware_model.stream import ExposureWanted, ImageReady, PackedImage
from laserlink.firmware_model.table import TABLE, Input
from laserlink.firmware_model.timing import ModuleTimer
from laserlink.protocol import catalogue
from laserlink.protocol.catalogue import Direction, Row
from laserlink.protocol.errors import ErrorCode, IllegalInState
from laserlink.protocol.frame import Frame
from laserlink.protocol.limits import ERRORS_PER_SECOND
from laserlink.protocol.messages import bulk, diagnostics, identity, image, link, power
from laserlink.protocol.messages.layout import Record, Reply, Request
from laserlink.protocol.states import HostState, LaneKind, PowerCause, PowerPhase, Seating, TemperatureLevel
from laserlink.protocol.states import ModuleState as S

OFFERS = (power.PowerOffer(5000, 900),)
UPDATE = bytes(range(8))

# A message for each input that is one; None for what is no message.
MESSAGE: dict[Input, Record] = {
    Input.HELLO: link.Hello(lanes=()),
    Input.RESET: link.Reset(),
    Input.CAPABILITIES: power.PowerCapabilities(offers=OFFERS),
    Input.ACCEPT: power.PowerAccept(),
    Input.REJECT: power.PowerReject(),
    Input.WAIT: power.PowerWait(),
    Input.POWER_READY: power.PowerReady(),
    Input.DERATE: power.PowerDerate(limit_ma=600),
    Input.DERATE_BELOW_STREAM: power.PowerDerate(limit_ma=200),
    Input.REVOKE: power.PowerRevoke(),
    Input.TRAIN: diagnostics.Train(),
    Input.TRAINED: diagnostics.TrainResult(),
    Input.TRAINED_AGAIN: diagnostics.TrainResult(),
    Input.TRAINED_MID_STREAM: diagnostics.TrainResult(),
    Input.TRAINING_FAILED: diagnostics.TrainResult(seating=Seating.NOT_SEATED),
    Input.DESCRIPTOR_READ: identity.DescriptorRead(),
    Input.DESCRIPTOR_END: identity.DescriptorRead(),
    Input.STREAM_START: image.StreamStart(channel=3),
    Input.STREAM_STOP: image.StreamStop(channel=2),
    Input.STREAM_STOP_LAST: image.StreamStop(channel=2),
    Input.UPDATE_BEGIN: bulk.UpdateBegin(0, len(UPDATE), 0x1234),
    Input.UPDATE_DATA: bulk.UpdateData(0, 0, UPDATE),
    Input.UPDATE_END: bulk.UpdateEnd(),
}


def _configure(module: Module) -> None:
    """So that what a row asks for is there: streams 2 and 3 configured, power accepted, an update whole."""
    if module.power.contracted:
        for channel in (2, 3):
            if channel not in module.streams.active_channels:
                module.streams.configure(image.StreamConfigure(0, channel, 3, 8, 0, 0, 64, 64))
    if module.state is S.NEGOTIATING:
        module.power.accept()
    module.hello_session = 0x55AA


def _update_whole(module: Module) -> None:
    if module.state is S.UPDATING:
        module.do_begin_update(bulk.UpdateBegin(0, len(UPDATE), digest_of(UPDATE)))
        module.do_take_update(bulk.UpdateData(0, 0, UPDATE))


PREPARE: dict[Input, Callable[[Module], None]] = {Input.UPDATE_END: _update_whole}
CASES = [(state, happening) for state in S for happening in Input]


@pytest.mark.parametrize(("state", "happening"), CASES, ids=lambda value: value.name)
def test_a_row_acts_and_lands_and_a_missing_row_does_nothing(
    state: S, happening: Input, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every (state, input): the named action runs once and the state is the row's; else nothing changes."""
    module = module_in(state).module
    _configure(module)
    if happening in PREPARE:
        PREPARE[happening](module)
    called: list[str] = []
    for name in {f"do_{action}" for action, _ in TABLE.values()}:
        monkeypatch.setattr(Module, name, _spy(getattr(Module, name), name, called))
    row = TABLE.get((state, happening))
    message = MESSAGE.get(happening)
    if row is not None:
        module._step(happening, message)
        assert (called[:1], module.state) == ([f"do_{row[0]}"], row[1])
        return
    if message is None:
        assert module._step(happening, None) is None
    else:
        with pytest.raises(IllegalInState) as raised:
            module._step(happening, message)
        assert raised.value.value == state
    assert (called, module.state) == ([], state)


def _spy(original: Callable[..., Any], name: str, called: list[str]) -> Callable[..., Any]:
    def action(self: Module, message: Any) -> Any:
        called.append(name)
        return original(self, message)

    return action


# --- every message in every state, as real frames ---

HEARING = [state for state in S if state is not S.DETACHED]


def _sample(row: Row, rig: Rig) -> Record:
    """A message of a type that is well-formed, with a fresh request id."""
    for message in MESSAGE.values():
        if type(message) is row.message and not isinstance(message, link.Hello):
            break
    else:
        message = row.message()
    if isinstance(message, Request):
        return replace(message, request_id=0x4000)
    return message


def _errors(frames: list[Frame]) -> list[link.Error]:
    return [link.Error.decode(frame.payload) for frame in frames if frame.type == catalogue.ERROR]


@pytest.mark.parametrize("state", HEARING, ids=lambda state: state.name)
@pytest.mark.parametrize("row", catalogue.ROWS, ids=lambda row: row.message.__name__)
def test_every_message_in_every_state_has_one_defined_answer(row: Row, state: S) -> None:
    """A legal one is answered as its role says; an illegal one gets exactly one error of the right code.

    In RECOVERING even an illegal one shows that the host is back.
    """
    rig = module_in(state)
    session = rig.host.connection.session or 0x77
    rig.module.connection.session = session
    rig.module.connection.features = link.Features(7)
    rig.module.request_server._last_id = None
    message = _sample(row, rig)
    answers = rig.feed_module(rig.frame_to_module(message, session=session))
    errors = _errors(answers)
    if message.__class__ is link.Beacon or row.message is link.Error:
        assert errors == [] if row.message is link.Error else len(errors) == 1
    elif row.direction is Direction.TO_HOST:
        assert [error.code for error in errors] == [ErrorCode.WRONG_DIRECTION]
    elif state not in row.states:
        assert [error.code for error in errors] == [ErrorCode.ILLEGAL_IN_STATE]
        assert rig.module.state is (S.CONTRACTED if state is S.RECOVERING else state)
    elif isinstance(message, Request):
        replies = [frame for frame in answers if issubclass(catalogue.BY_TYPE[frame.type].message, Reply)]
        assert len(replies) + len(errors) == 1
    else:
        assert len(errors) <= 1


@pytest.mark.parametrize("state", HEARING, ids=lambda state: state.name)
def test_intact_frames_with_garbage_in_them_never_raise(state: S) -> None:
    """Any type, channel, flags and payload: never an exception, at most one error each and ten a second."""
    chance = random.Random(state)
    for _ in range(12):
        rig = module_in(state)
        session = rig.module.connection.session or 0x77
        types = [chance.choice([*catalogue.BY_TYPE, chance.randrange(256)]) for _ in range(30)]
        frames = [
            Frame(
                kind,
                *_place(kind, chance),
                session,
                number,
                chance.randbytes(chance.choice([0, 2, 3, 6, 12, 40])),
            )
            for number, kind in enumerate(types)
        ]
        wires = [bytes(Frame(f.type, f.channel, f.session, f.sequence, f.payload)) for f in frames]
        answers = rig.feed_module(*wires)
        assert len(_errors(answers)) <= ERRORS_PER_SECOND + sum(_is_request(frame) for frame in frames)
        rig.module.on_deadline(rig.now + 10 * SECOND)


def _place(kind: int, chance: random.Random) -> tuple[int]:
    row = catalogue.BY_TYPE.get(kind)
    legal = sorted(row.channel.value) if row else [0]
    return (chance.choice([*legal, chance.randrange(16)]),)


def _is_request(frame: Frame) -> bool:
    row = catalogue.BY_TYPE.get(frame.type)
    return row is not None and issubclass(row.message, Request)


def test_a_module_that_is_off_or_boots_hears_nothing() -> None:
    """Bytes to a module without power, or in its first 30 ms, have no effect at all."""
    rig = Rig()
    wire = rig.frame_to_module(link.Hello(lanes=()), session=5)
    assert rig.feed_module(wire) == []
    rig.module.on_input(Contact(True), 0)
    assert rig.feed_module(wire) == [] and rig.module.state is S.POWERED


# --- hello ---


def test_the_same_hello_is_answered_again_with_the_same_bytes() -> None:
    """A repeated hello changes nothing; in the middle of streaming, the stream goes on."""
    rig = module_in(S.STREAMING)
    session = rig.module.connection.session
    hello = rig.frame_to_module(link.Hello(lanes=()), session=session)
    first, second = rig.feed_module(hello), rig.feed_module(hello)
    replies = [bytes(frame) for frame in (*first, *second) if frame.type == 0x03]
    assert len(replies) == 2 and len(set(replies)) == 1
    assert rig.module.state is S.STREAMING


@pytest.mark.parametrize("state", [s for s in HEARING if s != S.FAULT], ids=lambda state: state.name)
def test_another_hello_resets_everything_and_the_laser_is_off(state: S) -> None:
    """A host that starts over gets a module that starts over, dark."""
    rig = module_in(state)
    rig.feed_module(rig.frame_to_module(link.Hello(lanes=()), session=0xABCD))
    assert rig.module.state is S.GREETED
    assert rig.module.connection.session == 0xABCD
    assert not rig.module.outputs.laser and not rig.module.power.contracted
    assert rig.module.streams.active_channels == []


def test_a_hello_of_versions_that_are_not_spoken_is_refused() -> None:
    """The error names the versions that are; the module stays as it was."""
    rig = module_in(S.POWERED)
    hello = link.Hello(version_first=0x20, version_last=0x2F, lanes=())
    (error,) = _errors(rig.feed_module(rig.frame_to_module(hello, session=9)))
    assert (error.code, error.version_first, error.version_last) == (
        ErrorCode.UNSUPPORTED_VERSION,
        0x10,
        0x10,
    )
    assert rig.module.state is S.POWERED and rig.module.connection.session == 0


def test_hello_takes_the_smaller_offer_for_each_direction() -> None:
    """max_frame is negotiated each way, never under 256."""
    rig = module_in(S.POWERED)
    hello = link.Hello(to_module_bytes_max=300, to_host_bytes_max=100, lanes=rig.lanes)
    (frame,) = rig.feed_module(rig.frame_to_module(hello, session=9))
    reply = link.HelloReply.decode(frame.payload)
    assert (reply.to_module_bytes_max, reply.to_host_bytes_max) == (300, 256)


# --- restart ---


def test_a_restart_hears_nothing_until_it_has_booted_and_forgets_what_was_set() -> None:
    """A hello right behind a reset, in the same bytes, is not taken by a module that is restarting."""
    rig = module_in(S.READY)
    rig.module.on_input(RingTurned(1.0), rig.now)
    reset = rig.frame_to_module(link.Reset(request_id=0x4000))
    hello = rig.frame_to_module(link.Hello(lanes=()), session=0xBEEF)
    answers = rig.feed_module(reset + hello)
    assert rig.module.state is S.POWERED and rig.module.booting
    assert [frame.type for frame in answers if frame.type != 0x36] == [0x0A]
    rig.module.on_deadline(rig.now + 30 * MS)
    assert not rig.module.booting and rig.module.controls.set_id == 0
    beacons = drain(rig.module, rig.now)
    assert [(frame.type, frame.session) for frame in beacons] == [(0x01, 0)]


def test_nothing_of_an_old_session_is_sent_after_a_restart() -> None:
    """Events that were never acknowledged die with the session."""
    rig = module_in(S.READY)
    rig.module.on_input(RingTurned(1.0), rig.now)
    rig.feed_module(rig.frame_to_module(link.Reset(request_id=0x4000)))
    for at in range(0, 400, 5):
        rig.module.on_deadline(rig.now + at * MS)
    assert {frame.session for frame in drain(rig.module, rig.now)} == {0}


# --- contact ---


@pytest.mark.parametrize("state", [s for s in S if s != S.DETACHED], ids=lambda state: state.name)
def test_removal_from_every_state_forgets_everything(state: S) -> None:
    """Ten milliseconds without contact: unpowered, no session, no draw; dark at once."""
    rig = module_in(state)
    rig.module.on_input(Contact(False), rig.now)
    assert not rig.module.outputs.laser
    states = []
    for wait_ms in (9, 10):
        rig.module.on_deadline(rig.now + wait_ms * MS)
        states.append(rig.module.state is S.DETACHED)
    assert states == [False, True]
    assert (rig.module.outputs.draw_ma, rig.module.connection.session) == (0, 0)
    assert rig.module.next_deadline(rig.now + 10 * MS) is None


@pytest.mark.parametrize("happening", [Input.ATTACH_EXPIRED, Input.BROKEN, Input.HELLO, Input.RESET])
def test_what_happens_while_the_contact_is_open_does_not_hide_the_removal(happening: Input) -> None:
    """A session that ends in the ten milliseconds of the debounce does not take the debounce with it."""
    module = module_in(S.CONTRACTED).module
    now = module.now
    module.on_input(Contact(False), now)
    _configure(module)
    module._step(happening, MESSAGE.get(happening))
    module.on_deadline(now + 10 * MS)
    assert module.state is S.DETACHED


def test_a_bounce_is_dark_at_once_and_must_be_confirmed_again() -> None:
    """The laser follows the contact; when it comes back, somebody must see it within 50 ms."""
    rig = module_in(S.READY)
    module, now = rig.module, rig.now
    module.on_input(Contact(False), now)
    assert not module.outputs.laser
    module.on_input(Contact(True), now + 5 * MS)
    assert module.outputs.laser and module.state is S.READY
    module.on_deadline(now + 54 * MS)
    assert module.outputs.laser
    module.on_deadline(now + 55 * MS)
    assert not module.outputs.laser and module.state is S.CONTRACTED


# --- the interlock ---

LIT = (S.TRAINING, S.IDENTIFYING, S.READY, S.STREAMING)


@pytest.mark.parametrize("state", LIT, ids=lambda state: state.name)
@pytest.mark.parametrize("fall", ["contact", "contract", "hot", "hello", "broken"])
def test_the_laser_goes_off_in_the_step_in_which_the_interlock_falls(state: S, fall: str) -> None:
    """No time passes between the cause and the dark, in every state that may be lit."""
    rig = module_in(state)
    module = rig.module
    assert module.outputs.laser
    match fall:
        case "contact":
            module.on_input(Contact(False), rig.now)
        case "hot":
            module.on_input(Temperature(80.0), rig.now)
        case "broken":
            module.on_input(Broken("self-test failed"), rig.now)
        case "contract":
            rig.feed_module(rig.frame_to_module(power.PowerRevoke(request_id=0x4000)))
            assert module.outputs.limit_ma == 100 and module.outputs.draw_ma <= 100
        case "hello":
            rig.feed_module(rig.frame_to_module(link.Hello(lanes=()), session=99))
    assert not module.outputs.laser
    assert module.data_to_send(LaneKind.OPTICAL, rig.now) == b""
    assert module.images_to_send(LaneKind.OPTICAL, memoryview(bytearray(4096)), rig.now) == 0


def _alone(rig: Rig, until_ns: int) -> int | None:
    """Run the module without any host; when the laser went off, or None."""
    module, now = rig.module, rig.now
    while (at := module.next_deadline(now)) is not None and at <= until_ns:
        now = max(at, now)
        module.on_deadline(now)
        if not module.outputs.laser:
            return now
        while module.images_to_send(LaneKind.OPTICAL, memoryview(bytearray(4096)), now):
            pass
    return None


@pytest.mark.parametrize("state", LIT, ids=lambda state: state.name)
def test_a_stopped_host_leaves_it_dark_within_350_ms(state: S) -> None:
    """Whenever the host stops: three keep-alives, and the line time of four frames."""
    for wait_ms in (0, 1, 17, 50, 99, 100, 101):
        rig = module_in(state)
        if state in (S.READY, S.STREAMING):
            rig.run_for(wait_ms * MS)
        assert rig.module.outputs.laser
        dark = _alone(rig, rig.now + SECOND)
        assert dark is not None and dark - rig.now <= 350 * MS


def test_light_that_nobody_confirms_goes_out_after_50_ms() -> None:
    """A host that pings and never sees light is believed."""
    rig = module_in(S.CONTRACTED)
    train = rig.frame_to_module(diagnostics.Train(request_id=0x4000))
    rig.feed_module(train)
    assert rig.module.outputs.laser
    assert _alone(rig, rig.now + SECOND) == rig.now + 50 * MS


def test_a_keep_alive_without_light_puts_it_out() -> None:
    """The confirmation is in every keep-alive, not in the first one only."""
    rig = module_in(S.READY)
    rig.feed_module(rig.frame_to_module(link.Ping(0, 1, 0)))
    rig.module.on_deadline(rig.now)
    assert not rig.module.outputs.laser and rig.module.state is S.CONTRACTED


def test_hot_and_warm_have_hysteresis() -> None:
    """Up at 60 and 75 degrees, down at 55 and 68."""
    module = module_in(S.READY).module
    seen = []
    for celsius in (59.9, 60.0, 55.1, 54.9, 74.9, 75.0, 68.1, 67.9, 55.0, 54.0):
        module.on_input(Temperature(celsius), module.now)
        seen.append(module.temperature.name)
    assert seen == ["NORMAL", "WARM", "WARM", "NORMAL", "WARM", "HOT", "HOT", "WARM", "WARM", "NORMAL"]


@pytest.mark.parametrize(("celsius", "told"), [(400.0, 32767), (1e6, 32767), (-1e6, -32768)])
def test_a_broken_temperature_sensor_is_told_as_far_as_the_event_goes(celsius: float, told: int) -> None:
    """A reading beyond what an event can say is no exception: it is told as the most that it can say."""
    rig = module_in(S.STREAMING)
    rig.module.on_input(Temperature(70.0), rig.now)
    rig.module.on_input(Temperature(celsius), rig.now)
    assert rig.module.outputs.laser == (celsius < 0)
    events = [power.TemperatureEvent.decode(frame.payload) for frame in drain(rig.module, rig.now)
              if frame.type == catalogue.BY_MESSAGE[power.TemperatureEvent].type]  # fmt: skip
    assert [event.temperature_centi_c for event in events] == [7000, told]


def test_pulling_it_off_does_not_cool_it() -> None:
    """A module that was hot when it was pulled off is hot when it boots again: no light."""
    rig = module_in(S.READY)
    module = rig.module
    module.on_input(Temperature(80.0), rig.now)
    module.on_input(Contact(False), rig.now)
    module.on_deadline(rig.now + 10 * MS)
    module.on_input(Contact(True), rig.now + 20 * MS)
    assert module.temperature.name == "HOT"


# --- trouble ---


def test_events_that_nobody_acknowledges_end_in_a_fault_not_in_an_exception() -> None:
    """A host that never acknowledges: 8 in flight, 64 queued, then latched."""
    rig = module_in(S.READY)
    for _ in range(200):
        rig.module.on_input(RingTurned(0.001), rig.now)
    assert rig.module.state is S.FAULT and rig.module.fault_text == "events overflow"


def test_a_long_fault_text_fits_its_message() -> None:
    """Text is cut by bytes, between characters."""
    rig = module_in(S.READY)
    rig.module.on_input(Broken("ü" * 200), rig.now)
    events = [frame for frame in drain(rig.module, rig.now) if frame.type == 0x0D]
    assert link.FaultEvent.decode(events[0].payload).text == "ü" * 40


def test_a_fault_is_told_once_and_beacons_say_it_until_removal() -> None:
    """At most 100 mA, and four beacons a second; nothing else goes out."""
    rig = module_in(S.FAULT)
    drain(rig.module, rig.now)
    for at in range(0, 1001, 10):
        rig.module.on_deadline(rig.now + at * MS)
    frames = drain(rig.module, rig.now)
    assert [frame.type for frame in frames] == [0x01] * 4
    assert {link.Beacon.decode(frame.payload).state for frame in frames} == {S.FAULT}
    assert rig.module.outputs.draw_ma <= 100


def test_a_beacon_comes_every_quarter_of_a_second_without_a_session() -> None:
    """The first word is repeated for a host that opens the port late."""
    rig = Rig(self_powered=True)
    rig.module.on_input(Contact(True), 0)
    times = []
    for at in range(0, 1300, 10):
        rig.module.on_deadline(at * MS)
        times += [at for _ in drain(rig.module, at * MS)]
    assert times == [30, 280, 530, 780, 1030, 1280]


def test_power_phases_before_the_contract() -> None:
    """Reject and wait lead back to greeted at 100 mA; ready without accept is refused."""
    for message, phase in (
        (power.PowerReject(), PowerPhase.REFUSED),
        (power.PowerWait(), PowerPhase.WAITING),
    ):
        rig = module_in(S.NEGOTIATING)
        early = rig.feed_module(rig.frame_to_module(power.PowerReady(request_id=0x4000)))
        assert [error.code for error in _errors(early)] == [ErrorCode.POWER_BUDGET]
        fresh = replace(message, request_id=0x4001)
        (frame,) = rig.feed_module(rig.frame_to_module(fresh))
        status = power.PowerStatus.decode(frame.payload)
        assert (status.phase, status.limit_ma, rig.module.state) == (phase, 100, S.GREETED)
    assert rig.host.state is not HostState.FAULT


def test_what_the_state_forbids_is_refused_by_name() -> None:
    """A message and the state that it met, in words and as a value."""
    rig = module_in(S.CONTRACTED)
    (error,) = _errors(rig.feed_module(rig.frame_to_module(image.StreamStart(0x4000))))
    assert (error.text, error.value) == ("StreamStart in state contracted", S.CONTRACTED)
    with pytest.raises(IllegalInState, match=r"^StreamStart in state contracted$") as raised:
        rig.module._step(Input.STREAM_START, image.StreamStart())
    assert raised.value.value == S.CONTRACTED


def test_a_hot_module_waits_until_it_has_cooled_and_then_five_seconds() -> None:
    """The watchdog of the attach goes on as long as it is hot, and begins anew when it is not."""
    module = module_in(S.CONTRACTED).module
    module.timers.cancel(ModuleTimer.SILENCE)
    module.on_input(Temperature(90.0), module.now)
    for _ in range(3):
        due = module.timers.at(ModuleTimer.ATTACH)
        assert due is not None
        module.on_deadline(due)
        assert module.state is S.CONTRACTED
    cooled = module.now + SECOND
    module.on_input(Temperature(30.0), cooled)
    module.on_deadline(cooled + 5 * SECOND - 1)
    states = [module.state]
    module.on_deadline(cooled + 5 * SECOND)
    assert [*states, module.state] == [S.CONTRACTED, S.POWERED]


def test_a_hot_module_notices_that_its_host_fell_silent() -> None:
    """Heat prolongs the attach, not the silence."""
    module = module_in(S.CONTRACTED).module
    module.on_input(Temperature(90.0), module.now)
    due = module.timers.at(ModuleTimer.SILENCE)
    assert due is not None
    module.on_deadline(due)
    assert module.state is S.RECOVERING


def test_a_module_that_is_pulled_off_while_it_boots_does_not_go_on_booting() -> None:
    """Without power nothing boots; with it, it boots from the beginning."""
    module = Rig().module
    booting = []
    for made, at_ms in ((True, 0), (False, 5), (True, 40)):
        module.on_input(Contact(made), at_ms * MS)
        module.on_deadline((at_ms + 10) * MS)
        booting.append((module.booting, module.boot_count))
    assert booting == [(True, 1), (False, 1), (True, 2)]


# --- chunks for a lane that frames them itself ---


def _exposed(images: int = 1) -> Rig:
    """A rig whose module has exposed an image of 17 chunks, and sent its start; all of it is read out."""
    rig = module_in(S.READY)
    module = rig.module
    rig.feed_module(
        rig.frame_to_module(image.StreamConfigure(0x4000, 2, 3, 8, 0, 0, 256, 256)),
        rig.frame_to_module(image.StreamStart(0x4001, 2, images)),
        rig.frame_to_module(link.Credit(18), 2),
    )
    module.timers.clear()
    while not (wanted := list(iter(module.next_event, None))):
        rig.stepper.now = module.next_deadline(rig.now) or rig.now
        module.on_deadline(rig.now)
    (exposure,) = wanted
    assert isinstance(exposure, ExposureWanted)
    packed = PackedImage.of(pixels_of(exposure), exposure.layout)
    module.on_input(ImageReady(exposure.channel, exposure.image_id, packed), rig.now)
    rig.stepper.now += 100 * MS
    buffer = memoryview(bytearray(5000))
    assert module.images_to_send(OPTICAL, buffer, rig.now) > 0 and module.state is S.STREAMING
    return rig


def test_chunks_go_by_the_lane_of_images_while_it_shines() -> None:
    """By no other, not in the dark, and in no state without images; those that went are counted."""
    rig = _exposed()
    module = rig.module
    run = module.chunks_to_send(OPTICAL, rig.now)
    assert run is not None and (run.channel, run.session) == (2, module.connection.session)
    assert module.chunks_to_send(SIDEBAND, rig.now) is None
    for state in (S.CONTRACTED, S.TRAINING, S.RECOVERING):
        module.state = state
        assert module.chunks_to_send(OPTICAL, rig.now) is None
    module.state = S.STREAMING
    module.on_input(Contact(False), rig.now)
    assert module.chunks_to_send(OPTICAL, rig.now) is None
    module.on_input(Contact(True), rig.now)
    run = module.chunks_to_send(OPTICAL, rig.now + MS)
    assert run is not None and module.now == rig.now + MS
    before = module.connection.counters.bytes_sent
    module.chunks_sent(run, 1)
    assert before > 0 and module.connection.counters.bytes_sent - before == run.chunk_bytes + 36


def test_a_ready_module_sends_what_is_left_of_its_images_once_it_is_known() -> None:
    """The stream is over and its last image still on its way: it goes on, but not before the attach ends."""
    rig = _exposed()
    rig.module.state = S.READY
    assert rig.module.chunks_to_send(OPTICAL, rig.now) is not None
    assert rig.module.images_to_send(OPTICAL, memoryview(bytearray(9000)), rig.now) > 0
    rig.module.identified = False
    assert rig.module.chunks_to_send(OPTICAL, rig.now) is None
    assert rig.module.images_to_send(OPTICAL, memoryview(bytearray(9000)), rig.now) == 0


# --- what comes with a message, and what is due ---


def test_an_action_is_given_the_request_that_led_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kind of request in a state that has a row for it; what the action returns is the reply."""
    cases = {
        happening: (module_in(next(state for state, found in TABLE if found is happening)).module, message)
        for happening, message in MESSAGE.items()
    }
    given: list[object] = []
    reply = object()
    for name in {f"do_{action}" for action, _ in TABLE.values()}:
        monkeypatch.setattr(Module, name, lambda self, message: (given.append(message), reply)[1])
    for happening, (module, message) in cases.items():
        given.clear()
        assert module._step(happening, message) is reply
        assert given == [message]


@pytest.mark.parametrize(
    ("request_", "identified", "active", "happening"),
    [
        (diagnostics.TrainResult(seating=Seating.NOT_SEATED), True, [2], Input.TRAINING_FAILED),
        (diagnostics.TrainResult(seating=Seating.MARGINAL), False, [], Input.TRAINED),
        (diagnostics.TrainResult(seating=Seating.SEATED), False, [2], Input.TRAINED),
        (diagnostics.TrainResult(seating=Seating.SEATED), True, [], Input.TRAINED_AGAIN),
        (diagnostics.TrainResult(seating=Seating.MARGINAL), True, [2], Input.TRAINED_MID_STREAM),
        (image.StreamStop(channel=2), True, [2], Input.STREAM_STOP_LAST),
        (image.StreamStop(channel=2), True, [2, 3], Input.STREAM_STOP),
        (image.StreamStop(channel=9), True, [2], Input.STREAM_STOP),
        (image.StreamStop(channel=9), True, [], Input.STREAM_STOP_LAST),
        (power.PowerDerate(limit_ma=370), True, [2], Input.DERATE_BELOW_STREAM),
        (power.PowerDerate(limit_ma=371), True, [], Input.DERATE),
        (identity.DescriptorRead(offset=0), True, [], Input.DESCRIPTOR_END),
    ],
)
def test_a_request_means_what_the_module_knows(
    request_: Request, identified: bool, active: list[int], happening: Input
) -> None:
    """The same message is another input by what streams, what was identified, and what power there is."""
    module = module_in(S.READY).module
    for channel in active:
        module.streams.configure(image.StreamConfigure(0, channel, 3, 8, 0, 0, 64, 64))
        module.streams.start(image.StreamStart(0, channel, 1), module.now)
    module.identified = identified
    assert module._input_of(request_) is happening


def test_what_follows_a_cut_frame_is_served_when_the_cut_one_is_given_up() -> None:
    """A header promises more than comes: after the gap time, the request behind it is answered."""
    rig = module_in(S.READY)
    cut = rig.frame_to_module(diagnostics.Echo(data=bytes(900)))[:40]
    assert rig.feed_module(cut + rig.frame_to_module(diagnostics.Echo(0x4000, b"still here"))) == []
    due = rig.module.connection.gaps.next()
    assert due is not None
    rig.module.on_deadline(due)
    (frame,) = [
        f for f in drain(rig.module, due) if f.type == catalogue.BY_MESSAGE[diagnostics.EchoReply].type
    ]
    assert diagnostics.EchoReply.decode(frame.payload).data == b"still here"


def test_the_next_deadline_is_that_of_whatever_is_due_first() -> None:
    """A timer, a cut frame, an event to be repeated, the pattern, an exposure, a lens that comes to rest."""
    rig = module_in(S.READY)
    module, now = rig.module, rig.now
    module.timers.clear()
    module.event_sender.acknowledged(1 << 30, now, MS)
    assert module.next_deadline(now) is None
    module.timers.set(ModuleTimer.BEACON, now + 9 * SECOND)
    assert module.next_deadline(now) == now + 9 * SECOND
    module.timers.clear()
    module.receive_data(SIDEBAND, rig.frame_to_module(diagnostics.Echo(data=bytes(99)))[:40], now)
    gap = module.connection.gaps.next()
    assert gap is not None and module.next_deadline(now) == gap
    module.on_deadline(gap)
    module.tell(diagnostics.Log(1, "line"))
    assert module.next_deadline(now) == module.now + module.response_ns
    module.event_sender.acknowledged(module.connection.peek_sequence(1), now, MS)
    assert module.next_deadline(module.now) is None
    module.focus.drive.focus(3.0, module.now)
    rest = module.focus.drive.next_rest(module.now)
    assert rest is not None and module.next_deadline(module.now) == rest
    module.state = S.CONTRACTED
    assert module.next_deadline(module.now) is None
    module.state = S.TRAINING
    module.pattern.begin(module.now + 5)
    assert module.next_deadline(module.now) == module.now + 5


# --- heat and trouble, in the words of the module ---


def test_heat_is_told_when_its_level_changes_and_at_once_when_it_falls() -> None:
    """Hundredths of a degree; rising, the streams have half a second of notice."""
    rig = module_in(S.READY)
    told: list[tuple[TemperatureLevel, int]] = []
    notices = []
    for celsius in (30.0, 61.234, 61.5, 80.0, 30.0):
        rig.module.on_input(Temperature(celsius), rig.now)
        events = [frame for frame in drain(rig.module, rig.now) if frame.channel == 1]
        kind = catalogue.BY_MESSAGE[power.TemperatureEvent].type
        seen = [power.TemperatureEvent.decode(frame.payload) for frame in events if frame.type == kind]
        told += [(event.level, event.temperature_centi_c) for event in seen]
        due = rig.module.timers.at(ModuleTimer.DERATE)
        notices.append(None if due is None else due - rig.now)
    levels = [level for level, _ in told]
    assert levels[-2:] == [TemperatureLevel.HOT, TemperatureLevel.NORMAL] and told[-1][1] == 3000
    assert told[0] == (TemperatureLevel.WARM, 6123)
    assert notices[0] is None is notices[-1] and notices[1] == 500 * MS


def test_each_fault_has_its_code_and_its_words() -> None:
    """Those that the module finds by itself; any other is the self-test's."""
    for text, code in (("too many recoveries", 1), ("no sensor", 2), ("events overflow", 3)):
        rig = module_in(S.READY)
        drain(rig.module, rig.now)
        rig.module.on_input(Broken(text), rig.now)
        kind = catalogue.BY_MESSAGE[link.FaultEvent].type
        (frame,) = [frame for frame in drain(rig.module, rig.now) if frame.type == kind]
        assert link.FaultEvent.decode(frame.payload) == link.FaultEvent(code, text)
        assert rig.module.outputs.limit_ma == 100 and not rig.module.outputs.laser
        assert rig.module.timers.at(ModuleTimer.BEACON) == rig.now + 250 * MS


def test_the_log_says_what_happened_and_when() -> None:
    """Milliseconds since boot, and in words what was done: what a developer reads after a bad night."""
    rig = module_in(S.READY)
    module = rig.module
    session = module.connection.session
    module.on_input(Temperature(90.0), rig.now)
    module.on_input(Temperature(20.0), rig.now)
    rig.feed_module(rig.frame_to_module(power.PowerRevoke(0x4000, PowerCause.BATTERY)))
    module.timers.set(ModuleTimer.ATTACH, rig.now + 7 * MS)
    module.on_deadline(rig.now + 7 * MS)
    module.on_input(Broken("no sensor"), module.now)
    lines = module.files()["log"].decode().splitlines()
    at = [int(line[:8]) for line in lines]
    assert at == sorted(at) and all(line[8:12] == " ms " for line in lines)
    assert at[-1] == (module.now - module.booted_ns) // MS == at[-3] + 7
    words = [line[12:] for line in lines]
    assert words[:2] == ["booted", f"greeted in session {session:08x}"]
    assert words[2].startswith("trained: seated, 0 of ") and words[2].endswith(" bits wrong")
    assert int(words[2].split()[4]) > 1_000_000
    assert words[3:] == [
        "dark: hot", "power revoked: battery", "gave the session up", "fault: no sensor",
    ]  # fmt: skip


def test_a_beacon_says_who_speaks_since_when_and_in_which_state() -> None:
    """Without a session, whatever session there is."""
    for state in (S.POWERED, S.RECOVERING, S.FAULT):
        rig = module_in(state)
        drain(rig.module, rig.now)
        rig.module.now = rig.module.booted_ns + 1234 * MS
        rig.module.send_beacon()
        (frame,) = drain(rig.module, rig.module.now)
        assert frame.session == 0
        expected = link.Beacon(module_id=rig.profile.identity.module_id, state=state, uptime_ms=1234)
        assert link.Beacon.decode(frame.payload) == expected
        assert rig.module.timers.at(ModuleTimer.BEACON) == rig.module.now + 250 * MS


def test_a_request_that_comes_late_is_dropped_and_counted() -> None:
    """Each time; one that is refused counts as an offence, once."""
    rig = module_in(S.READY)
    counters = rig.module.connection.counters
    stale, offences = counters.frames_stale, counters.offences.total()
    rig.feed_module(rig.frame_to_module(diagnostics.Echo(0x4000, b"x")))
    for count in (1, 2):
        assert rig.feed_module(rig.frame_to_module(diagnostics.Echo(0x3FFF, b"x"))) == []
        assert counters.frames_stale == stale + count
    wrong = rig.frame_to_module(image.StreamStart(0x4001, 9))
    answers = [rig.feed_module(wrong), rig.feed_module(wrong)]
    assert [[error.request_id for error in _errors(frames)] for frames in answers] == [[0x4001]] * 2
    assert counters.offences.total() == offences + 1 and counters.offences["UNKNOWN_STREAM"] == 1
    rig.feed_module(rig.frame_to_module(image.StreamStart(0x4002, 9)))
    assert counters.offences["UNKNOWN_STREAM"] == 2


def test_a_host_that_is_offended_is_counted_by_the_code() -> None:
    """And never answered."""
    rig = module_in(S.READY)
    for count in (1, 2):
        assert rig.feed_module(rig.frame_to_module(link.Error(code=ErrorCode.WRONG_LANE))) == []
        assert rig.module.connection.counters.offences["PEER_WRONG_LANE"] == count


@pytest.mark.parametrize(
    ("state", "identified", "watched"),
    [
        (S.IDENTIFYING, False, True),
        (S.READY, True, False),
        (S.CONTRACTED, True, False),
        (S.CONTRACTED, False, True),
    ],
)
def test_the_watchdog_ends_with_the_attach(state: S, identified: bool, watched: bool) -> None:
    """Five seconds are for those who never got ready; whoever did may be without light for longer."""
    module = module_in(state).module
    module.identified = identified
    module.timers.set(ModuleTimer.ATTACH, module.now + SECOND)
    module._after_step()
    assert (module.timers.at(ModuleTimer.ATTACH) is not None) is watched
