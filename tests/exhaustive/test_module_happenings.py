"""What the world, the clock and the host do to a module, state by state, as it shows from outside.

What is expected stands here by hand, and no test looks into the table: a row that says something else fails.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from rig import MS, OPTICAL, SIDEBAND, TWO_LANES, Rig, drain, module_in
from rig import S as SECOND

from laserlink.firmware_model.bulk import digest_of
from laserlink.firmware_model.machine import Broken, Contact, Module, Temperature
from laserlink.protocol import catalogue
from laserlink.protocol.messages import bulk, diagnostics, identity, image, link, power
from laserlink.protocol.messages.layout import Record, Reply, Request
from laserlink.protocol.states import LaserOff, PowerPhase, Seating, StreamEnd
from laserlink.protocol.states import ModuleState as M

LIGHT, NO_LIGHT = link.Ping(link.PingFlags.LIGHT), link.Ping()
LIT = (M.TRAINING, M.IDENTIFYING, M.READY, M.STREAMING)
WITH_CONTRACT = (M.CONTRACTED, *LIT, M.UPDATING)
LINKED = (M.GREETED, M.NEGOTIATING, *WITH_CONTRACT, M.RECOVERING)
TICK_NS = 5 * MS
UPDATE = bytes(range(8))


def each(*states: M) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("state", states, ids=lambda state: state.name)


def said(rig: Rig) -> list[Record]:
    """What the module has said on the sideband since it was looked at last."""
    frames = drain(rig.module, rig.module.now)
    return [catalogue.BY_TYPE[frame.type].message.decode(frame.payload) for frame in frames]


def ask(rig: Rig, request: Request, number: int = 0) -> Any:
    """The one reply to a request that is new to the module, which has nothing else to say at once."""
    said(rig)
    numbered = replace(request, request_id=0x4000 + number)
    rig.module.receive_data(SIDEBAND, rig.frame_to_module(numbered), rig.now)
    (reply,) = [message for message in said(rig) if isinstance(message, Reply)]
    return reply


def alone(
    rig: Rig, duration_ns: int, *pings: Record, more: Callable[[int], Request] | None = None
) -> list[M]:
    """Time passes for the module only, which hears these every 20 ms: the states on its way."""
    states = [rig.module.state]
    for tick in range(duration_ns // TICK_NS + 1):
        now = rig.now + tick * TICK_NS
        rig.module.on_deadline(now)
        if tick % 4 == 0:
            requests = [replace(more(tick), request_id=0x5000 + tick)] if more else []
            for message in (*pings, *requests):
                rig.module.receive_data(SIDEBAND, rig.frame_to_module(message), now)
        if rig.module.state is not states[-1]:
            states.append(rig.module.state)
    return states


def dark_causes(rig: Rig) -> list[LaserOff]:
    return [message.cause for message in said(rig) if isinstance(message, power.LaserOffEvent)]


def is_off_the_session(module: Module) -> bool:
    return not module.connection.session and not module.power.contracted and not module.outputs.laser


# --- the world ---


@each(*set(M) - {M.DETACHED, M.FAULT})
def test_a_failed_self_test_latches_and_is_told(state: M) -> None:
    """Dark, at most 100 mA, one event to whoever listens; then beacons say it, and nothing leads out."""
    rig = module_in(state)
    session = rig.module.connection.session
    said(rig)
    rig.module.on_input(Broken("self-test failed"), rig.now)
    assert (rig.module.state, rig.module.outputs.laser, rig.module.outputs.limit_ma) == (M.FAULT, False, 100)
    told = [message.text for message in said(rig) if isinstance(message, link.FaultEvent)]
    assert told == ["self-test failed"] * bool(session)
    assert alone(rig, 6 * SECOND) == [M.FAULT]
    assert {(type(message), message.state) for message in said(rig)} == {(link.Beacon, M.FAULT)}


def test_a_self_test_that_fails_while_booting_is_told_by_beacons() -> None:
    """A module that breaks before its first word still says that it is broken."""
    rig = Rig()
    rig.module.on_input(Contact(True), 0)
    rig.module.on_input(Broken("self-test failed"), MS)
    assert alone(rig, SECOND) == [M.FAULT]
    assert {type(message) for message in said(rig)} == {link.Beacon}


def test_what_is_off_stays_off() -> None:
    """Without power, neither a bouncing contact nor a failed test nor heat leads anywhere."""
    rig = Rig()
    rig.module.on_input(Contact(False), 0)
    rig.module.on_input(Broken("self-test failed"), 0)
    rig.module.on_input(Temperature(90.0), 0)
    assert alone(rig, SECOND) == [M.DETACHED]
    assert (rig.module.outputs.draw_ma, said(rig)) == (0, [])


@each(*set(M) - {M.DETACHED})
def test_heat_darkens_what_is_lit_and_says_so(state: M) -> None:
    """At 80 degrees a lit module is contracted and dark; what is dark anyway stays what it is."""
    rig = module_in(state)
    said(rig)
    rig.module.on_input(Temperature(80.0), rig.now)
    lit = state in LIT
    assert rig.module.state is (M.CONTRACTED if lit else state)
    assert (rig.module.outputs.laser, dark_causes(rig)) == (False, [LaserOff.HOT] * lit)


# --- the clock ---


@each(*LINKED)
def test_a_host_that_is_silent_is_waited_for_when_there_is_a_contract(state: M) -> None:
    """Before it, the session is forgotten; with it, five seconds are for the host to come back."""
    rig = module_in(state)
    states = alone(rig, 400 * MS)
    early = state in (M.GREETED, M.NEGOTIATING)
    assert states[-1] is (M.POWERED if early else M.RECOVERING)
    assert is_off_the_session(rig.module) is early and not rig.module.outputs.laser
    if not early:
        assert LaserOff.KEEP_ALIVE in dark_causes(rig)
        assert alone(rig, 6 * SECOND) == [M.RECOVERING, M.POWERED]
        assert is_off_the_session(rig.module)
    assert any(isinstance(message, link.Beacon) for message in said(rig))


@each(M.IDENTIFYING, M.READY, M.STREAMING)
def test_a_lit_module_recovers_from_silence_in_one_step(state: M) -> None:
    """It is dark for want of a keep-alive, and does not pass through another state."""
    rig = module_in(state)
    rig.feed_module(rig.frame_to_module(LIGHT))
    assert alone(rig, 400 * MS) == [state, M.RECOVERING]
    assert LaserOff.KEEP_ALIVE in dark_causes(rig)


def test_silence_in_a_long_training_is_a_silence() -> None:
    """On a lane of great latency training may last longer than a host may be silent."""
    slow = replace(TWO_LANES[1], latency_us=2_000_000)
    rig = Rig((TWO_LANES[0], slow))
    rig.stepper.snap_on()
    rig.until_states(module=M.TRAINING)
    rig.feed_module(rig.frame_to_module(LIGHT))
    assert alone(rig, 400 * MS) == [M.TRAINING, M.RECOVERING]
    assert dark_causes(rig) == [LaserOff.KEEP_ALIVE]


@each(M.GREETED, M.NEGOTIATING, M.CONTRACTED, M.IDENTIFYING)
def test_a_host_that_pings_and_never_goes_on_is_given_up(state: M) -> None:
    """The attach watchdog: five seconds, then the session is forgotten and a beacon comes at once."""
    rig = module_in(state)
    assert alone(rig, 4 * SECOND, LIGHT) == [state]
    said(rig)
    assert alone_from(rig, 4 * SECOND, 2 * SECOND) == [state, M.POWERED]
    assert is_off_the_session(rig.module)
    assert any(isinstance(message, link.Beacon) for message in said(rig))


def alone_from(rig: Rig, after_ns: int, duration_ns: int) -> list[M]:
    """As `alone`, with pings that see light, later."""
    rig.stepper.now += after_ns
    return alone(rig, duration_ns, LIGHT)


def test_a_host_that_trains_for_ever_is_given_up() -> None:
    """Training again and again does not stop the watchdog; it ends in the middle of one."""
    rig = module_in(M.TRAINING)
    states = alone(rig, 6 * SECOND, LIGHT, more=lambda tick: diagnostics.Train(lane=OPTICAL))
    assert states == [M.TRAINING, M.POWERED]
    assert is_off_the_session(rig.module)


@each(M.READY, M.STREAMING, M.UPDATING)
def test_an_attached_host_may_do_nothing_for_as_long_as_it_pings(state: M) -> None:
    """The attach watchdog has ended with the attach."""
    rig = module_in(state)
    assert alone(rig, 6 * SECOND, LIGHT) == [state]


def test_a_hot_module_waits_to_cool_down_and_gives_up_after_that() -> None:
    """Too hot to train, the watchdog begins anew, again and again, and once more as it has cooled down."""
    rig = module_in(M.CONTRACTED)
    rig.module.on_input(Temperature(80.0), rig.now)
    assert alone(rig, 12 * SECOND, NO_LIGHT) == [M.CONTRACTED]
    rig.stepper.now += 12 * SECOND
    rig.module.on_input(Temperature(20.0), rig.now)
    assert alone(rig, 4 * SECOND, NO_LIGHT) == [M.CONTRACTED]
    rig.stepper.now += 4 * SECOND
    assert alone(rig, 2 * SECOND, NO_LIGHT) == [M.CONTRACTED, M.POWERED]


@each(*LIT)
def test_light_that_is_not_seen_goes_out_and_it_is_said_why(state: M) -> None:
    """A keep-alive without light: contracted and dark."""
    rig = module_in(state)
    said(rig)
    rig.feed_module(rig.frame_to_module(NO_LIGHT))
    assert alone(rig, 50 * MS, NO_LIGHT) == [state, M.CONTRACTED]
    assert LaserOff.NO_LIGHT_CONFIRMED in dark_causes(rig)


def test_training_that_nobody_ends_goes_dark_and_it_is_said_why() -> None:
    """The light is seen, and the result does not come within 50 ms and four frames."""
    rig = module_in(M.TRAINING)
    said(rig)
    assert alone(rig, 100 * MS, LIGHT) == [M.TRAINING, M.CONTRACTED]
    assert LaserOff.TRAINING_OVER in dark_causes(rig)


# --- power ---


@each(M.GREETED, M.NEGOTIATING, M.CONTRACTED)
def test_an_offer_is_answered_with_a_request_and_leads_to_a_contract(state: M) -> None:
    """Power may be offered before the contract, again while it is made, and once more when it stands."""
    rig = module_in(state)
    wanted = ask(rig, power.PowerCapabilities(offers=(power.PowerOffer(5000, 900),)))
    assert isinstance(wanted, power.PowerRequest) and wanted.operating_ma > 100
    assert rig.module.state is M.NEGOTIATING
    assert ask(rig, power.PowerAccept(), 1).phase is PowerPhase.ACCEPTED
    assert rig.module.state is M.NEGOTIATING and not rig.module.power.contracted
    assert ask(rig, power.PowerReady(), 2).phase is PowerPhase.CONTRACTED
    assert rig.module.state is M.CONTRACTED and rig.module.power.contracted


@each(*WITH_CONTRACT)
def test_a_derate_is_a_limit_and_not_a_state(state: M) -> None:
    """Everything goes on, within the new limit."""
    rig = module_in(state)
    status = ask(rig, power.PowerDerate(limit_ma=600))
    assert (status.phase, status.limit_ma) == (PowerPhase.CONTRACTED, 600)
    assert (rig.module.state, rig.module.outputs.limit_ma) == (state, 600)
    assert rig.module.outputs.laser is (state in LIT)


@each(*WITH_CONTRACT)
def test_a_derate_below_what_a_stream_takes_ends_the_streams(state: M) -> None:
    """A stream ends and says that power ended it; whatever is no stream goes on."""
    rig = module_in(state)
    said(rig)
    rig.module.receive_data(
        SIDEBAND, rig.frame_to_module(power.PowerDerate(request_id=0x4000, limit_ma=200)), rig.now
    )
    messages = said(rig)
    ends = [message.end for message in messages if isinstance(message, image.StreamEnded)]
    limits = [message.limit_ma for message in messages if isinstance(message, power.PowerStatus)]
    assert (ends, limits) == ([StreamEnd.POWER] * (state is M.STREAMING), [200])
    assert rig.module.state is (M.READY if state is M.STREAMING else state)
    assert (rig.module.outputs.limit_ma, rig.module.outputs.sensor) == (200, False)


@each(*WITH_CONTRACT)
def test_a_revoke_leads_back_to_before_the_contract(state: M) -> None:
    """Dark, at most 100 mA; the session stands, and power may be offered again."""
    rig = module_in(state)
    session = rig.module.connection.session
    status = ask(rig, power.PowerRevoke())
    assert (status.phase, status.limit_ma) == (PowerPhase.DEFAULT, 100)
    assert (rig.module.state, rig.module.connection.session) == (M.GREETED, session)
    assert not rig.module.outputs.laser and rig.module.outputs.draw_ma <= 100


# --- light ---


@each(M.CONTRACTED, *LIT)
def test_training_begins_wherever_there_is_a_contract(state: M) -> None:
    """The light is on and the pattern goes out, whatever went on before."""
    rig = module_in(state)
    assert isinstance(ask(rig, diagnostics.Train(lane=OPTICAL)), diagnostics.TrainStarted)
    assert rig.module.state is M.TRAINING and rig.module.outputs.laser
    buffer = memoryview(bytearray(4096))
    assert rig.module.images_to_send(OPTICAL, buffer, rig.now + MS) > 0
    assert buffer[3] == catalogue.BY_MESSAGE[diagnostics.Prbs31].type


@pytest.mark.parametrize(
    ("state", "following"),
    [(M.CONTRACTED, M.IDENTIFYING), (M.READY, M.READY), (M.STREAMING, M.STREAMING)],
    ids=lambda state: state.name,
)
def test_after_training_goes_on_what_was_interrupted(state: M, following: M) -> None:
    """The first time the module is identified; later it is ready at once, or its stream resumes."""
    rig = module_in(state)
    ask(rig, diagnostics.Train(lane=OPTICAL))
    status = ask(rig, diagnostics.TrainResult(), 1)
    assert (type(status), status.resumed) == (diagnostics.TrainStatus, state is M.STREAMING)
    assert rig.module.state is following and rig.module.outputs.laser


def test_a_training_that_failed_leaves_it_dark() -> None:
    """Not seated: the result is taken, and the light goes out."""
    rig = module_in(M.TRAINING)
    status = ask(rig, diagnostics.TrainResult(seating=Seating.NOT_SEATED))
    assert isinstance(status, diagnostics.TrainStatus)
    assert rig.module.state is M.CONTRACTED and not rig.module.outputs.laser


# --- identity, streams, updates ---


@each(M.IDENTIFYING, M.READY, M.STREAMING)
def test_the_descriptor_is_read_in_parts_and_the_last_one_ends_identifying(state: M) -> None:
    """In small frames it takes several parts, and may be read again whenever there is light."""
    rig = module_in(state)
    rig.module.connection.out_bytes_max = 256
    whole, number = b"", 0
    while True:
        part = ask(rig, identity.DescriptorRead(offset=len(whole)), number)
        whole, number = whole + part.part, number + 1
        if len(whole) == part.total_bytes:
            break
        assert rig.module.state is state
    assert number > 1 and identity.Descriptor.decode(whole).module_id == rig.profile.identity.module_id
    assert rig.module.state is (M.READY if state is M.IDENTIFYING else state)


def test_streams_start_and_stop_one_by_one() -> None:
    """It streams from the first start to the last stop; a stop of what has ended is answered as well."""
    rig = module_in(M.READY)
    states = []
    for number, channel in enumerate((2, 3)):
        ask(rig, image.StreamConfigure(0, channel, 3, 8, 0, 0, 64, 64), number)
    requests = [image.StreamStart(channel=2), image.StreamStart(channel=3)]
    requests += [image.StreamStop(channel=channel) for channel in (2, 3, 3)]
    for number, request in enumerate(requests, 2):
        assert ask(rig, request, number).channel == request.channel
        states.append((rig.module.state, rig.module.streams.active_channels))
    assert states == [
        (M.STREAMING, [2]), (M.STREAMING, [2, 3]), (M.STREAMING, [3]), (M.READY, []), (M.READY, []),
    ]  # fmt: skip


def test_an_update_is_taken_in_the_dark_and_restarts_the_module() -> None:
    """Begun, taken and ended; then it boots, and remembers no session."""
    rig = module_in(M.READY)
    assert ask(rig, bulk.UpdateBegin(0, len(UPDATE), digest_of(UPDATE))).received_bytes == 0
    assert rig.module.state is M.UPDATING and not rig.module.outputs.laser
    assert ask(rig, bulk.UpdateData(0, 0, UPDATE), 1).received_bytes == len(UPDATE)
    assert rig.module.state is M.UPDATING
    assert ask(rig, bulk.UpdateEnd(), 2).received_bytes == len(UPDATE)
    assert (rig.module.state, rig.module.booting, rig.module.outputs.limit_ma) == (M.POWERED, True, 100)
    assert alone(rig, SECOND) == [M.POWERED]
    assert is_off_the_session(rig.module)


# --- the session ---


@each(*LINKED)
def test_a_reset_restarts_wherever_there_is_a_session(state: M) -> None:
    """It is answered; then the module boots at 100 mA, and its next word is a beacon."""
    rig = module_in(state)
    assert isinstance(ask(rig, link.Reset()), link.ResetReply)
    assert (rig.module.state, rig.module.booting, rig.module.outputs.laser) == (M.POWERED, True, False)
    assert rig.module.outputs.limit_ma == 100
    alone(rig, 40 * MS)
    assert is_off_the_session(rig.module)
    assert [type(message) for message in said(rig)] == [link.Beacon]


@each(*set(LINKED) - {M.RECOVERING})
def test_a_ping_leads_nowhere(state: M) -> None:
    """A host that is heard all the time changes nothing."""
    rig = module_in(state)
    rig.feed_module(rig.frame_to_module(LIGHT))
    assert rig.module.state is state


def test_a_host_that_comes_back_finds_its_contract() -> None:
    """Its first word leads out of recovering, and no watchdog goes on from there."""
    rig = module_in(M.RECOVERING)
    rig.feed_module(rig.frame_to_module(NO_LIGHT))
    assert rig.module.state is M.CONTRACTED and rig.module.power.contracted
    assert alone(rig, 6 * SECOND, NO_LIGHT) == [M.CONTRACTED]
    assert not any(isinstance(message, link.Beacon) for message in said(rig))


def test_a_host_that_comes_back_for_one_word_is_missed_again() -> None:
    """The keep-alive counts from its word on."""
    rig = module_in(M.RECOVERING)
    rig.feed_module(rig.frame_to_module(NO_LIGHT))
    assert alone(rig, 400 * MS) == [M.CONTRACTED, M.RECOVERING]
