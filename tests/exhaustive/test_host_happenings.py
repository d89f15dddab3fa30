"""What the world, the clock and the module do to a host, state by state, as it shows from outside.

What is expected stands here by hand, and no test looks into the table: a row that says something else fails.
The module is played: it answers what a test says, and nothing else.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest
from rig import MS, OPTICAL, SIDEBAND, Rig, drain, host_in
from rig import S as SECOND

from laserlink.host_driver.actions import HostTimer, Lost, NoDevice
from laserlink.host_driver.machine import Contact, Shorted
from laserlink.protocol import catalogue
from laserlink.protocol.delivery import EventReceiver
from laserlink.protocol.errors import ErrorCode
from laserlink.protocol.messages import bulk, diagnostics, identity, image, link, power
from laserlink.protocol.messages.layout import Event, Record, Request
from laserlink.protocol.states import HostState as H
from laserlink.protocol.states import (
    LaserOff,
    LossCause,
    ModuleState,
    PowerPhase,
    Seating,
    TemperatureLevel,
)

LIT = (H.TRAINING, H.IDENTIFYING, H.READY, H.STREAMING)
WITH_CONTRACT = (H.CONTRACTED, *LIT, H.UPDATING)
LINKED = (H.GREETED, H.NEGOTIATING, *WITH_CONTRACT, H.RECOVERING)
TICK_NS = 5 * MS

Answers = Callable[[Request], Record | None]


def each(*states: H) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("state", states, ids=lambda state: state.name)


def ended_in(state: H) -> Rig:
    """A rig whose host is in a state; what it said and told up to there is gone.

    Greeted as after a revoke: it knows which event comes next.
    """
    rig = host_in(state)
    rig.host.event_receiver = EventReceiver(rig.host.event_receiver.expected or 0)
    drain(rig.host, rig.now)
    rig.host.events.clear()
    return rig


def tell(rig: Rig, message: Record, now: int | None = None) -> None:
    """The module says something; an event in its order."""
    session = 0 if isinstance(message, link.Beacon) else rig.host.connection.session
    sequence = (rig.host.event_receiver.expected or 0) if isinstance(message, Event) else 0
    wire = rig.frame_to_module(message, session=session, sequence=sequence)
    rig.host.receive_data(SIDEBAND, wire, rig.now if now is None else now)


def said(rig: Rig) -> list[Record]:
    """What the host has said since it was looked at last."""
    return [
        catalogue.BY_TYPE[frame.type].message.decode(frame.payload) for frame in drain(rig.host, rig.host.now)
    ]


def losses(rig: Rig) -> list[LossCause]:
    return [event.cause for event in rig.host.events if isinstance(event, Lost)]


def answer(rig: Rig, request: Request, reply: Record) -> None:
    """Somebody asks for this, whatever the host was asking; the module answers."""
    rig.host.requests.drop()
    asked = rig.host.request(request, rig.now)
    said(rig)
    tell(rig, replace(reply, request_id=asked.request_id))


def play(rig: Rig, duration_ns: int, answers: Answers = lambda request: None, pongs: bool = True) -> list[H]:
    """Time passes for the host; the module answers each ping, and each request as it is told to.

    The states on the way.
    """
    states = [rig.host.state]
    for tick in range(duration_ns // TICK_NS + 1):
        now = rig.now + tick * TICK_NS
        rig.host.on_deadline(now)
        for message in said(rig):
            if isinstance(message, link.Ping) and pongs:
                tell(rig, link.Pong(message.number, message.host_sent_ns, now, now), now)
            elif isinstance(message, Request) and (reply := answers(message)) is not None:
                tell(rig, replace(reply, request_id=message.request_id), now)
            if rig.host.state is not states[-1]:
                states.append(rig.host.state)
        if rig.host.state is not states[-1]:
            states.append(rig.host.state)
    rig.stepper.now += duration_ns
    return states


# --- the world ---


def test_a_seated_module_gets_power_after_the_debounce() -> None:
    """100 ms of contact, then 100 mA, then three seconds for a first word."""
    rig = Rig()
    rig.host.on_input(Contact(True), 0)
    assert play(rig, 90 * MS) == [H.SEATING] and rig.host.outputs.rail_ma == 0
    assert play(rig, 20 * MS) == [H.SEATING, H.POWERED] and rig.host.outputs.rail_ma == 100
    assert play(rig, 4 * SECOND) == [H.POWERED, H.FAULT]
    assert NoDevice in [type(event) for event in rig.host.events]
    assert rig.host.outputs.rail_ma == 0


def test_a_short_gets_no_power() -> None:
    """It is told as a loss of power, and stays so until it is taken away."""
    rig = Rig()
    rig.host.on_input(Shorted(True), 0)
    rig.host.on_input(Contact(True), 0)
    assert play(rig, SECOND) == [H.SEATING, H.FAULT]
    assert (rig.host.outputs.rail_ma, losses(rig)) == (0, [LossCause.POWER])


@each(*H)
def test_removal_ends_everything(state: H) -> None:
    """From every state: no power, no session, and a loss by detach where there was something to lose."""
    rig = ended_in(state)
    rig.host.on_input(Contact(False), rig.now)
    play(rig, 20 * MS, pongs=False)
    assert (rig.host.state, rig.host.outputs.rail_ma, rig.host.connection.session) == (H.ABSENT, 0, 0)
    assert losses(rig) == [LossCause.DETACH] * (state not in (H.ABSENT, H.SEATING))
    assert rig.host.next_deadline(rig.now) is None
    assert play(rig, 6 * SECOND) == [H.ABSENT] and said(rig) == []


@each(*LINKED)
def test_a_fault_of_the_module_latches(state: H) -> None:
    """No power until it is removed; told by event, or by the beacons of a module without a session."""
    for message in (link.FaultEvent(text="broken"), link.Beacon(state=ModuleState.FAULT)):
        rig = ended_in(state)
        tell(rig, message)
        assert (rig.host.state, rig.host.outputs.rail_ma) == (H.FAULT, 0)
        assert losses(rig) == [LossCause.FIRMWARE]
        assert play(rig, 6 * SECOND) == [H.FAULT]


@each(*set(LINKED) - {H.GREETED})
def test_a_beacon_in_a_session_means_a_restart(state: H) -> None:
    """Another session begins at once, and the loss is the firmware's."""
    rig = ended_in(state)
    before = rig.host.connection.session
    tell(rig, link.Beacon(state=ModuleState.POWERED))
    assert (rig.host.state, losses(rig)) == (H.GREETED, [LossCause.FIRMWARE])
    assert rig.host.connection.session not in (0, before)
    assert [type(message) for message in said(rig)] == [link.Hello]


# --- the clock ---


@each(*LINKED)
def test_a_module_that_is_silent_is_waited_for_when_there_is_a_contract(state: H) -> None:
    """Before it, the session is over; with it, five seconds are for the module to come back."""
    rig = ended_in(state)
    tell(rig, link.Pong())
    start = rig.host.state
    states = play(rig, SECOND, pongs=False)
    early = state in (H.GREETED, H.NEGOTIATING)
    assert states == [start, H.POWERED if early else H.RECOVERING]
    assert losses(rig) == [LossCause.TIMEOUT]
    if not early:
        assert play(rig, 6 * SECOND, pongs=False)[:2] == [H.RECOVERING, H.POWERED]
        assert losses(rig)[:2] == [LossCause.TIMEOUT] * 2
    assert rig.host.connection.session == 0


def test_a_module_that_never_greets_back_is_given_up() -> None:
    """The hello is repeated until the attach watchdog ends: five seconds."""
    rig = ended_in(H.GREETED)
    assert play(rig, 4 * SECOND) == [H.GREETED]
    assert play(rig, 2 * SECOND) == [H.GREETED, H.POWERED]
    assert (losses(rig), rig.host.connection.session) == ([LossCause.TIMEOUT], 0)


def test_a_module_that_waits_for_ever_with_its_contract_is_given_up() -> None:
    """It lives, and answers, and gets nowhere: five seconds since the hello."""
    rig = ended_in(H.NEGOTIATING)
    answer(rig, power.PowerAccept(), power.PowerStatus(phase=PowerPhase.WAITING))
    assert play(rig, 6 * SECOND) == [H.NEGOTIATING, H.POWERED]
    assert (losses(rig), rig.host.connection.session) == ([LossCause.TIMEOUT], 0)


def train_forever(request: Request) -> Record | None:
    """Light whenever it is asked for, and a result that says that nothing was seen."""
    if isinstance(request, diagnostics.Train):
        return diagnostics.TrainStarted(lane=OPTICAL)
    return diagnostics.TrainStatus() if isinstance(request, diagnostics.TrainResult) else None


@each(H.CONTRACTED, H.TRAINING)
def test_light_that_never_comes_is_given_up(state: H) -> None:
    """It trains again and again, says once that it is the optics, and after five seconds starts over."""
    rig = ended_in(state)
    play(rig, 0, train_forever)
    states = play(rig, 6 * SECOND, train_forever)
    assert set(states) == {H.CONTRACTED, H.TRAINING, H.POWERED} and states[-1] is H.POWERED
    assert losses(rig) == [LossCause.OPTICAL, LossCause.TIMEOUT]
    assert rig.host.connection.session == 0


@each(H.CONTRACTED, H.TRAINING, H.IDENTIFYING)
def test_an_attach_that_stands_still_is_given_up(state: H) -> None:
    """Nothing is asked any more and nothing comes; the module pongs. The watchdog ends it."""
    rig = ended_in(state)
    rig.host.requests.drop()
    if state is H.TRAINING:
        rig.host.timers.cancel(HostTimer.TRAINING)
    assert play(rig, 4 * SECOND) == [state]
    assert play(rig, 2 * SECOND) == [state, H.POWERED]
    assert (losses(rig), rig.host.connection.session) == ([LossCause.TIMEOUT], 0)


def test_a_hello_is_repeated_as_often_as_a_request() -> None:
    """Every 30 ms and four frames' line time: not at once, and the same bytes each time."""
    rig = Rig()
    rig.stepper.snap_on()
    rig.until_states(host=H.GREETED)
    begun, repeats = rig.now, []
    while rig.host.state is H.GREETED and len(repeats) < 3:
        now = rig.host.next_deadline(rig.now)
        assert now is not None
        rig.host.on_deadline(now)
        repeats += [(now - begun, bytes(frame)) for frame in drain(rig.host, now)]
    assert len({wire for _, wire in repeats}) == 1
    assert [at for at, _ in repeats] == [rig.host.response_ns * number for number in (1, 2, 3)]


# --- power ---


def test_a_contract_is_made_step_by_step() -> None:
    """Request, accept, the rail rises, ready; then it trains."""
    rig = ended_in(H.NEGOTIATING)
    steps: dict[type[Request], Record] = {
        power.PowerCapabilities: power.PowerRequest(operating_ma=400, reserve_ma=100),
        power.PowerAccept: power.PowerStatus(phase=PowerPhase.ACCEPTED),
        power.PowerReady: power.PowerStatus(phase=PowerPhase.CONTRACTED, limit_ma=500),
    }
    asked: list[type[Request]] = []

    def answers(request: Request) -> Record | None:
        asked.append(type(request))
        return steps.get(type(request))

    rig.host.requests.drop()
    rig.host.renegotiate(rig.now)
    assert play(rig, 20 * MS, answers) == [H.NEGOTIATING] and rig.host.outputs.rail_ma > 100
    assert play(rig, SECOND, answers)[:2] == [H.NEGOTIATING, H.CONTRACTED]
    assert asked[:4] == [*steps, diagnostics.Train] and losses(rig) == [LossCause.TIMEOUT]


def test_a_module_that_wants_too_much_is_told_and_ends_the_attach() -> None:
    """Rejected; as it takes note, the rail is off, and the loss is final."""
    rig = ended_in(H.NEGOTIATING)
    asked: list[type[Request]] = []

    def answers(request: Request) -> Record | None:
        asked.append(type(request))
        if isinstance(request, power.PowerCapabilities):
            return power.PowerRequest(operating_ma=60_000)
        return power.PowerStatus(phase=PowerPhase.REFUSED)

    rig.host.requests.drop()
    rig.host.renegotiate(rig.now)
    assert play(rig, SECOND, answers) == [H.NEGOTIATING, H.FAULT]
    assert asked == [power.PowerCapabilities, power.PowerReject]
    assert (losses(rig), rig.host.outputs.rail_ma) == ([LossCause.POWER], 0)


@each(*WITH_CONTRACT)
def test_a_contract_that_ends_leaves_the_session(state: H) -> None:
    """Revoked: at most 100 mA, and a loss by power; the session goes on without light."""
    rig = ended_in(state)
    session = rig.host.connection.session
    answer(rig, power.PowerRevoke(), power.PowerStatus(phase=PowerPhase.DEFAULT))
    assert (rig.host.state, rig.host.outputs.rail_ma) == (H.GREETED, 100)
    assert (losses(rig), rig.host.connection.session) == ([LossCause.POWER], session)


# --- light ---


@each(*set(H) - {H.ABSENT, H.SEATING, H.POWERED, H.FAULT})
def test_a_module_that_goes_dark_is_trained_again(state: H) -> None:
    """Where light was it is a loss of optics; in training it is one more attempt; elsewhere it is nothing."""
    rig = ended_in(state)
    rig.host.requests.drop()
    tell(rig, power.LaserOffEvent(LaserOff.NO_LIGHT_CONFIRMED))
    lost = state in (H.IDENTIFYING, H.READY, H.STREAMING, H.UPDATING)
    trains = [message for message in said(rig) if isinstance(message, diagnostics.Train)]
    again = lost or state is H.TRAINING
    expected = H.CONTRACTED if again or state is H.RECOVERING else state
    assert (rig.host.state, losses(rig)) == (expected, [LossCause.OPTICAL] * lost)
    assert len(trains) == (again or state is H.RECOVERING)


@each(*WITH_CONTRACT)
def test_a_hot_module_is_left_alone_until_it_has_cooled_down(state: H) -> None:
    """A loss by heat where there was light; the next training waits for the event."""
    for message in (power.LaserOffEvent(LaserOff.HOT), power.TemperatureEvent(TemperatureLevel.HOT, 8000)):
        rig = ended_in(state)
        rig.host.requests.drop()
        tell(rig, message)
        assert losses(rig) == [LossCause.THERMAL] * (state in LIT)
        if state not in LIT:
            assert rig.host.state is state
            continue
        assert play(rig, 6 * SECOND) == [H.CONTRACTED]
        tell(rig, power.TemperatureEvent(TemperatureLevel.NORMAL, 2000))
        assert play(rig, 10 * MS, train_forever) == [H.CONTRACTED, H.TRAINING]


def test_light_that_is_refused_for_heat_is_asked_for_when_it_is_cool() -> None:
    """The attach waits as long as it takes, and nothing ends it."""
    rig = ended_in(H.CONTRACTED)
    answer(rig, diagnostics.Train(), link.Error(code=ErrorCode.TOO_HOT))
    assert (rig.host.state, losses(rig)) == (H.CONTRACTED, [LossCause.THERMAL])
    assert play(rig, 6 * SECOND) == [H.CONTRACTED]
    tell(rig, power.TemperatureEvent(TemperatureLevel.WARM, 6500))
    assert rig.host.state is H.CONTRACTED
    assert [type(message) for message in said(rig)][-1] is diagnostics.Train


@each(H.CONTRACTED, H.IDENTIFYING, H.READY, H.STREAMING)
def test_light_may_be_asked_for_wherever_there_is_a_contract(state: H) -> None:
    """When it shines, the pattern is measured, and the result is told."""
    rig = ended_in(state)
    answer(rig, diagnostics.Train(), diagnostics.TrainStarted(lane=OPTICAL))
    assert rig.host.state is H.TRAINING
    asked: list[Request] = []
    play(rig, 100 * MS, lambda request: asked.append(request))
    assert {type(request) for request in asked} == {diagnostics.TrainResult}


@pytest.mark.parametrize("reply", [link.Error(), diagnostics.TrainStatus()], ids=["refused", "not seated"])
def test_a_training_without_success_is_begun_again(reply: Record) -> None:
    """Light is asked for again at once."""
    rig = ended_in(H.TRAINING)
    result = diagnostics.TrainResult(seating=Seating.NOT_SEATED)
    answer(rig, result, reply)
    assert rig.host.state is H.CONTRACTED
    assert [type(message) for message in said(rig)][-1] is diagnostics.Train


def test_light_that_is_refused_in_the_middle_of_training_is_asked_for_again() -> None:
    """Whoever asked: the state is that of a module that is dark."""
    rig = ended_in(H.TRAINING)
    answer(rig, diagnostics.Train(), link.Error(code=ErrorCode.ILLEGAL_IN_STATE))
    assert rig.host.state is H.CONTRACTED
    assert [type(message) for message in said(rig)][-1] is diagnostics.Train


@pytest.mark.parametrize(
    ("state", "resumed", "following", "next_request"),
    [
        (H.CONTRACTED, 0, H.IDENTIFYING, identity.DescriptorRead),
        (H.READY, 0, H.READY, None),
        (H.STREAMING, 1, H.STREAMING, None),
    ],
    ids=["first", "again", "in mid-stream"],
)
def test_after_training_goes_on_what_was_interrupted(
    state: H, resumed: int, following: H, next_request: type[Request] | None
) -> None:
    """The first time the module is read; later it is ready at once, or its streams go on."""
    rig = ended_in(state)
    answer(rig, diagnostics.Train(), diagnostics.TrainStarted(lane=OPTICAL))
    answer(rig, diagnostics.TrainResult(), diagnostics.TrainStatus(resumed=resumed))
    assert rig.host.state is following
    asked = [type(message) for message in said(rig) if isinstance(message, Request)]
    assert (next_request in asked) if next_request else (diagnostics.Train not in asked)
    assert not losses(rig) or state is H.STREAMING


# --- identity, streams, restarts ---


def test_a_descriptor_is_read_part_by_part() -> None:
    """The next part is asked for until the last one came; then the module is ready."""
    rig = ended_in(H.IDENTIFYING)
    whole = bytes(identity.Descriptor(modes=(identity.SensorMode(),)))
    half = len(whole) // 2
    answer(rig, identity.DescriptorRead(offset=0), identity.DescriptorPart(0, len(whole), 0, whole[:half]))
    assert rig.host.state is H.IDENTIFYING
    (asked,) = [message for message in said(rig) if isinstance(message, identity.DescriptorRead)][-1:]
    assert asked.offset == half
    answer(rig, asked, identity.DescriptorPart(0, len(whole), half, whole[half:]))
    assert rig.host.state is H.READY


@pytest.mark.parametrize(
    ("state", "request_"),
    [(H.NEGOTIATING, power.PowerAccept()), (H.IDENTIFYING, identity.DescriptorRead(offset=0))],
    ids=["power", "descriptor"],
)
def test_an_attach_that_is_refused_ends(state: H, request_: Request) -> None:
    """No power; what the module said is the cause."""
    rig = ended_in(state)
    answer(rig, request_, link.Error(code=ErrorCode.POWER_BUDGET, text="no"))
    assert (rig.host.state, rig.host.outputs.rail_ma, losses(rig)) == (H.FAULT, 0, [LossCause.POWER])


@each(H.READY, H.STREAMING)
def test_a_stream_that_starts_is_followed(state: H) -> None:
    """It streams until the last stream has ended."""
    rig = ended_in(state)
    rig.host.requests.drop()
    rig.configure(region=(0, 0, 64, 64), channel=3)
    rig.start(channel=3)
    assert rig.host.state is H.STREAMING
    rig.ask(image.StreamStop(channel=3))
    assert rig.host.state is state


@each(*WITH_CONTRACT)
def test_a_restart_that_was_asked_for_is_no_loss(state: H) -> None:
    """The session ends in silence, and the next word of the module begins another."""
    rig = ended_in(state)
    answer(rig, link.Reset(), link.ResetReply())
    assert (rig.host.state, rig.host.connection.session, losses(rig)) == (H.POWERED, 0, [])
    tell(rig, link.Beacon(state=ModuleState.POWERED))
    assert rig.host.state is H.GREETED and rig.host.connection.session


def test_an_update_ends_with_a_restart() -> None:
    """Begun, it is updating; ended, it waits for the module's first word."""
    rig = ended_in(H.READY)
    answer(rig, bulk.UpdateBegin(0, 8, 1), bulk.UpdateStatus())
    assert rig.host.state is H.UPDATING
    answer(rig, bulk.UpdateEnd(), bulk.UpdateStatus(0, 8))
    assert (rig.host.state, losses(rig)) == (H.POWERED, [])


def test_a_module_that_comes_back_is_trained_again() -> None:
    """Its first word leads out of recovering, within the five seconds."""
    rig = ended_in(H.RECOVERING)
    tell(rig, link.Pong())
    assert rig.host.state is H.CONTRACTED
    assert diagnostics.Train in [type(message) for message in said(rig)]


def test_a_module_that_is_lost_too_often_is_given_up() -> None:
    """Five recoveries in five minutes; at the sixth there is no power until it is removed."""
    rig = ended_in(H.READY)
    for _ in range(5):
        assert play(rig, SECOND, pongs=False)[-1] is H.RECOVERING
        tell(rig, link.Pong())
        assert rig.host.state is H.CONTRACTED
    assert play(rig, SECOND, pongs=False)[-1] is H.FAULT
    assert (rig.host.outputs.rail_ma, losses(rig)) == (0, [LossCause.TIMEOUT] * 5 + [LossCause.FIRMWARE])
