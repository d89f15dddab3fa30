"""What the host's actions do beyond the state: hello, keep-alive, training, the descriptor."""

import itertools
from dataclasses import replace

import pytest
from rig import (
    MS,
    OPTICAL,
    SIDEBAND,
    TWO_LANES,
    EachFrame,
    Rig,
    Sessions,
    drain,
    drop_if,
    host_in,
    is_type,
)
from rig import S as SECOND

from laserlink.firmware_model.machine import Temperature
from laserlink.host_driver.actions import (
    LIGHT_REPEAT_NS,
    Identity,
    Lost,
    ModuleEvent,
    StateChanged,
    Training,
    Unanswered,
)
from laserlink.host_driver.machine import Host, Light
from laserlink.host_driver.power import Contract
from laserlink.host_driver.table import Input
from laserlink.host_driver.timing import HostTimer
from laserlink.protocol import catalogue
from laserlink.protocol.errors import ErrorCode, LimitExceeded, LocalProtocolError, MalformedPayload
from laserlink.protocol.frame import VERSION
from laserlink.protocol.limits import EVENTS_PENDING
from laserlink.protocol.messages import control, diagnostics, identity, image, link, power
from laserlink.protocol.messages.layout import Record, Request
from laserlink.protocol.prbs import pattern
from laserlink.protocol.states import HostState, LossCause, ModuleState, Seating


def part(total: int, offset: int, data: bytes) -> identity.DescriptorPart:
    return identity.DescriptorPart(0, total, offset, data)


def test_a_descriptor_is_put_together_in_order() -> None:
    """Whole when the last byte is there."""
    whole = Identity()
    assert not whole.take(part(5, 0, b"abc"))
    assert whole.take(part(5, 3, b"de")) and whole.buffer == b"abcde"


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (part(16_385, 0, b"a"), LimitExceeded),
        (part(5, 1, b"a"), MalformedPayload),
        (part(5, 0, b""), MalformedPayload),
        (part(5, 0, b"abcdef"), MalformedPayload),
    ],
)
def test_a_descriptor_part_that_lies_is_refused(bad: identity.DescriptorPart, error: type[Exception]) -> None:
    """Too large a whole, out of order, empty, or over the end; nothing of it is kept."""
    whole = Identity()
    with pytest.raises(error):
        whole.take(bad)
    assert not whole.buffer


def test_hello_is_repeated_with_the_same_bytes_until_it_is_answered() -> None:
    """One session, one hello, as often as it takes."""
    rig = Rig()
    seen: list[bytes] = []

    def swallow(frame: bytes, number: int) -> list[bytes]:
        if not is_type(frame, link.Hello):
            return [frame]
        seen.append(frame)
        return [frame] if len(seen) > 4 else []

    rig.stepper.to_module[SIDEBAND].filter = EachFrame(swallow)
    rig.attach()
    assert len(seen) == 5 and len(set(seen)) == 1


def test_each_attach_has_a_fresh_session_that_is_never_zero() -> None:
    """Whatever the source of chance returns."""
    rig = Rig()
    rig.host._draw_session = lambda: 0
    rig.attach()
    assert rig.host.connection.session == 1


def test_a_keep_alive_goes_out_every_100_ms() -> None:
    """With the light in it, once the light is known to be heard."""
    rig = host_in(HostState.READY)
    at: list[int] = []

    def note(frame: bytes, number: int) -> list[bytes]:
        if is_type(frame, link.Ping):
            at.append(rig.now)
            assert link.Ping.decode(frame[20:-4]).flags == link.PingFlags.LIGHT
        return [frame]

    rig.stepper.to_module[SIDEBAND].filter = EachFrame(note)
    rig.run_for(SECOND)
    assert {b - a for a, b in itertools.pairwise(at)} == {100 * MS}


def test_light_is_confirmed_again_until_the_module_has_heard_it() -> None:
    """The first confirmation is lost; the laser stays on, for the second comes in time."""
    rig = Rig()
    lost = drop_if(lambda frame, number: is_type(frame, link.Ping) and frame[20] == 1 and not lost.hit)
    rig.stepper.to_module[SIDEBAND].filter = lost
    rig.attach()
    rig.run_for(SECOND)
    assert lost.hit == 1 and [lit for _, lit in rig.stepper.laser_log] == [True]
    assert LIGHT_REPEAT_NS * 3 < 50 * MS


def test_light_that_goes_and_comes_is_told_at_once() -> None:
    """Each edge is a ping with the new word."""
    rig = host_in(HostState.READY)
    drain(rig.host, rig.now)
    flags = []
    for seen in (False, True):
        rig.host.on_input(Light(seen), rig.now)
        pings = [frame for frame in drain(rig.host, rig.now) if frame.type == 0x04]
        flags.append([link.Ping.decode(frame.payload).flags for frame in pings])
    assert flags == [[0], [1]]


def _trained(rig: Rig) -> list[diagnostics.TrainResult]:
    results: list[diagnostics.TrainResult] = []

    def note(frame: bytes, number: int) -> list[bytes]:
        if is_type(frame, diagnostics.TrainResult):
            results.append(diagnostics.TrainResult.decode(frame[20:-4]))
        return [frame]

    rig.stepper.to_module[SIDEBAND].filter = EachFrame(note)
    rig.stepper.snap_on()
    rig.run_for(SECOND)
    return results


def test_training_counts_the_bits_of_the_pattern() -> None:
    """Forty frames in the shortest training, over a million bits, none wrong: seated."""
    rig = Rig()
    (result,) = _trained(rig)
    assert result.frames >= 40 and result.bits > 1_000_000 and result.bit_errors == 0
    assert result.seating is Seating.SEATED is rig.host.seating


def test_a_lane_that_delivers_nothing_is_not_seated_and_is_told_as_an_optical_loss() -> None:
    """Light, and no frame gets through: three trainings, then the user is told, and it goes on trying."""
    rig = Rig()
    rig.stepper.to_host[OPTICAL].filter = lambda data, now: []
    results = _trained(rig)
    assert len(results) >= 3 and {result.seating for result in results} == {Seating.NOT_SEATED}
    assert Lost(LossCause.OPTICAL, "the module is not seated", False) in rig.told(Lost)
    rig.stepper.to_host[OPTICAL].filter = None
    rig.await_attached()


def test_the_modules_clock_is_known() -> None:
    """Pings of the stepper take a fraction of a millisecond: the offset is known to that."""
    rig = host_in(HostState.READY)
    rig.run_for(SECOND)
    assert rig.host.clock.known and abs(rig.host.clock.offset_ns) <= rig.host.clock.uncertainty_ns < MS
    assert abs(rig.host.clock.to_host(rig.now) - rig.now) <= rig.host.clock.uncertainty_ns + 1


def test_events_that_nobody_takes_are_bounded() -> None:
    """A flood of what the module tells is cut and counted; what is bounded by itself is never dropped."""
    host = host_in(HostState.READY).host
    for number in range(EVENTS_PENDING + 10):
        host.tell(ModuleEvent(diagnostics.Log(text=str(number))))
    changed = StateChanged(HostState.ABSENT, 7)
    host.tell(changed)
    events = list(iter(host.next_event, None))
    assert len(events) == EVENTS_PENDING + 1 and events[-1] == changed
    assert host.connection.counters.events_untold == 10


def test_an_event_is_taken_once_in_order_and_acknowledged_every_time() -> None:
    """A repeated event is acknowledged again and not told again; one that is early waits for its turn."""
    rig = host_in(HostState.READY)
    first = rig.host.event_receiver.expected
    wires = [rig.frame_to_module(diagnostics.Log(1, str(n)), sequence=first + n, flags=1) for n in range(3)]
    frames = rig.feed_host(wires[0], wires[0], wires[2], wires[1])
    acks = [link.Ack.decode(frame.payload).sequence - first for frame in frames if frame.type == 0x06]
    assert acks == [1, 1, 1, 2]
    assert rig.host.event_receiver.expected == first + 2


def test_a_beacon_of_a_module_that_recovers_is_no_restart() -> None:
    """It looks for the session that there is."""
    rig = host_in(HostState.READY)
    states = []
    for beacon in (link.Beacon(state=ModuleState.RECOVERING), link.Beacon()):
        rig.feed_host(rig.frame_to_module(beacon, session=0))
        states.append(rig.host.state)
    assert states == [HostState.READY, HostState.GREETED]


def test_a_module_in_a_fault_is_not_greeted() -> None:
    """Its beacons say so before any session."""
    rig = host_in(HostState.GREETED)
    rig.feed_host(rig.frame_to_module(link.Beacon(state=ModuleState.FAULT), session=0))
    assert rig.host.state is HostState.FAULT and rig.host.outputs.rail_ma == 0


def _texts(rig: Rig) -> list[tuple[LossCause, str, bool]]:
    """Cause, text and finality of each loss."""
    lost = [event for event in (*rig.events, *rig.host.events) if isinstance(event, Lost)]
    return [(event.cause, event.text, event.final) for event in lost]


def _refuse(rig: Rig, request: type[Request], code: ErrorCode) -> None:
    """The module answers the request that waits by an error."""
    waiting = rig.host.requests._outstanding
    assert waiting is not None and isinstance(waiting, request)
    rig.events.clear()
    error = link.Error(code=code, request_id=waiting.request_id, text="so it is")
    rig.feed_host(rig.frame_to_module(error, sequence=9))


@pytest.mark.parametrize(
    ("code", "cause"),
    [(ErrorCode.TOO_HOT, LossCause.THERMAL), (ErrorCode.POWER_BUDGET, LossCause.POWER),
     (ErrorCode.WRONG_LANE, LossCause.PROTOCOL)],
)  # fmt: skip
def test_light_that_is_refused_is_a_loss_with_the_modules_reason(code: ErrorCode, cause: LossCause) -> None:
    """Its code says which loss it is, its text is passed on; the session stays."""
    rig = host_in(HostState.CONTRACTED)
    _refuse(rig, diagnostics.Train, code)
    assert _texts(rig) == [(cause, "the module refused light: so it is", False)]
    assert rig.host.state is HostState.CONTRACTED and rig.host.connection.session


def test_a_descriptor_that_is_refused_ends_the_attach() -> None:
    """But for one that was asked for as the light went out: that is asked for again."""
    rig = host_in(HostState.IDENTIFYING)
    fork = rig.fork()
    _refuse(rig, identity.DescriptorRead, ErrorCode.OUT_OF_BOUNDS)
    assert _texts(rig) == [(LossCause.PROTOCOL, "the module refused: so it is", True)]
    assert rig.host.state is HostState.FAULT
    fork.host.state = HostState.CONTRACTED
    _refuse(fork, identity.DescriptorRead, ErrorCode.ILLEGAL_IN_STATE)
    assert _texts(fork) == [] and fork.host.state is HostState.CONTRACTED


def test_heat_and_a_fault_are_told_in_words() -> None:
    """A hot module, and one whose beacons say that it is in a fault."""
    rig = host_in(HostState.READY)
    rig.events.clear()
    rig.module.on_input(Temperature(80.0), rig.now)
    rig.stepper.settle()
    rig.run_for(10 * MS)
    assert _texts(rig) == [(LossCause.THERMAL, "the module is too hot to shine", False)]
    rig = host_in(HostState.GREETED)
    rig.feed_host(rig.frame_to_module(link.Beacon(state=ModuleState.FAULT), session=0))
    assert _texts(rig) == [(LossCause.FIRMWARE, "the module is in a fault", True)]


def test_frames_of_a_size_that_was_not_offered_are_told() -> None:
    """Both sizes in the text, the larger as the value."""
    rig = host_in(HostState.GREETED)
    rig.events.clear()
    reply = link.HelloReply(to_module_bytes_max=1024, to_host_bytes_max=60_000, lanes=())
    frames = rig.feed_host(rig.frame_to_module(reply))
    errors = [link.Error.decode(frame.payload) for frame in frames if frame.type == catalogue.ERROR]
    text = "max_frame of (1024, 60000) was not offered"
    assert [(error.text, error.value) for error in errors] == [(text, 60_000)]
    assert _texts(rig) == [(LossCause.PROTOCOL, text, False)]


def test_what_chance_draws_is_cut_to_32_bits() -> None:
    """Whatever the source of chance returns."""
    rig = Rig()
    rig.host._draw_session = lambda: (1 << 32) + 5
    rig.attach()
    assert rig.host.connection.session == 5


def _sent_at(rig: Rig, *messages: type[Record]) -> list[tuple[str, int]]:
    """Notes which of these messages the host sends, and when; hello is lost."""
    sent: list[tuple[str, int]] = []

    def note(frame: bytes, number: int) -> list[bytes]:
        sent.extend((kind.__name__, rig.now) for kind in messages if is_type(frame, kind))
        return [] if is_type(frame, link.Hello) and link.Hello in messages else [frame]

    rig.stepper.to_module[SIDEBAND].filter = EachFrame(note)
    rig.stepper.snap_on()
    return sent


def test_hello_waits_for_an_answer_before_it_is_repeated() -> None:
    """The first time, too: 30 ms and what the line takes."""
    rig = Rig()
    sent = _sent_at(rig, link.Hello)
    rig.run_for(400 * MS)
    waits = {after - before for (_, before), (_, after) in itertools.pairwise(sent)}
    assert waits == {rig.host.response_ns} and rig.host.response_ns >= 30 * MS


def test_the_rail_has_its_time_to_rise() -> None:
    """Twenty milliseconds after the module accepted; then the module is told, and the contract stands."""
    rig = Rig()
    sent = _sent_at(rig, power.PowerAccept, power.PowerReady)
    rig.until_states(host=HostState.NEGOTIATING)
    assert rig.host.power.contract is None
    rig.await_attached()
    times = dict(sent)
    assert 20 * MS <= times["PowerReady"] - times["PowerAccept"] < 25 * MS
    assert rig.host.power.contract == Contract(5000, 470, 150)


def test_what_is_not_answered_any_more_is_told() -> None:
    """The module was pulled off: whoever waits, for the one under way or the one behind it, learns it."""
    rig = host_in(HostState.READY)
    asked = [rig.host.request(diagnostics.Echo(data=text), rig.now) for text in (b"one", b"two")]
    rig.events.clear()
    rig.stepper.pull_off()
    rig.stepper.settle()
    rig.run_for(11 * MS)
    assert [event.request for event in rig.told(Unanswered)] == asked


@pytest.mark.parametrize("first", [5, (1 << 32) - 1])
def test_only_a_pong_that_knows_of_the_light_ends_the_hurry(first: int) -> None:
    """Pings come four times as often until one that says so is answered; numbers wrap."""
    host = host_in(HostState.READY).host
    host._ping_number = first
    host.on_input(Light(False), host.now)
    host.on_input(Light(True), host.now)
    for number, every_ns in ((first, LIGHT_REPEAT_NS), (first - 9, LIGHT_REPEAT_NS), (first + 2, 100 * MS)):
        host.take_pong(link.Pong(number % (1 << 32), 0, 0, 0))
        due = host.timers.at(HostTimer.PING)
        assert due is not None
        host.on_deadline(due)
        assert host.timers.at(HostTimer.PING) == due + every_ns, number


def test_eight_bits_a_byte_are_measured() -> None:
    """Of each frame, with its wrong ones."""
    measured = Training()
    for sequence in (0, 1):
        wire = bytearray(pattern(sequence, 1000))
        wire[500] ^= 0b101 * sequence
        measured.add(diagnostics.Prbs31(bytes(wire)), sequence)
    assert (measured.frames, measured.bits, measured.bit_errors) == (2, 16_000, 2)


H, HOT = HostState, link.Error(code=ErrorCode.TOO_HOT, text="61 degrees")
LOSSES: list[tuple[HostState, Input, Record | None, LossCause, str, bool]] = [
    (H.SEATING, Input.SHORTED, None, LossCause.POWER, "contact pins shorted", True),
    (H.GREETED, Input.SILENT, None, LossCause.TIMEOUT, "module does not answer", False),
    (H.GREETED, Input.BROKEN, None, LossCause.FIRMWARE, "link lost too often", True),
    (H.GREETED, Input.BROKEN, link.FaultEvent(text="no sensor"), LossCause.FIRMWARE, "no sensor", True),
    (H.NEGOTIATING, Input.POWER_REFUSED, power.PowerStatus(), LossCause.POWER, "module phone gives", True),
    (H.NEGOTIATING, Input.REFUSED, HOT, LossCause.THERMAL, "module refused: 61 degrees", True),
    (H.CONTRACTED, Input.REFUSED, HOT, LossCause.THERMAL, "refused light: 61 degrees", False),
    (H.CONTRACTED, Input.ATTACH_EXPIRED, None, LossCause.TIMEOUT, "module does not answer", False),
    (H.TRAINING, Input.HOT, None, LossCause.THERMAL, "module too hot to shine", False),
    (H.READY, Input.DARK, None, LossCause.OPTICAL, "laser not seen", False),
    (H.READY, Input.HOT, None, LossCause.THERMAL, "module too hot to shine", False),
    (H.READY, Input.POWER_ENDED, power.PowerStatus(), LossCause.POWER, "power was revoked", False),
    (H.READY, Input.RESTARTED, None, LossCause.FIRMWARE, "module restarted", False),
    (H.READY, Input.REMOVED, None, LossCause.DETACH, "module pulled off", False),
    (H.STREAMING, Input.SILENT, None, LossCause.TIMEOUT, "module fell silent", False),
]


@pytest.mark.parametrize(
    ("state", "happening", "message", "cause", "words", "final"),
    LOSSES,
    ids=[f"{state.name}-{happening.name}" for state, happening, *_ in LOSSES],
)
def test_a_loss_says_its_cause_in_words_and_whether_it_is_final(
    state: HostState, happening: Input, message: Record | None, cause: LossCause, words: str, final: bool
) -> None:
    """What a user reads names the part that failed, and the module's own reason where it gave one."""
    host = host_in(state).host
    host.events.clear()
    assert host._step(happening, message)
    (lost,) = [event for event in host.events if isinstance(event, Lost)]
    assert (lost.cause, lost.final) == (cause, final)
    assert set(words.split()) <= set(lost.text.split())
    if final:
        assert host.outputs.rail_ma == 0 and not host.connection.session


@pytest.mark.parametrize(
    ("seating", "words"), [(Seating.NOT_SEATED, "module not seated"), (Seating.SEATED, "laser not seen")]
)
def test_the_third_training_that_fails_is_told_and_no_other(seating: Seating, words: str) -> None:
    """Once, with what was measured: a lens that hangs loose is another matter than a covered one."""
    host = host_in(HostState.TRAINING).host
    host.seating = seating
    told = []
    for _ in range(5):
        host.events.clear()
        host._step(Input.DARK)
        told.append([event.text.split() for event in host.events if isinstance(event, Lost)])
        host._step(Input.TRAIN_STARTED, diagnostics.TrainStarted())
    assert told[:2] == told[3:] == [[], []]
    ((text,),) = [texts for texts in told if texts]
    assert set(words.split()) <= set(text)


def test_after_light_was_lost_the_trainings_are_counted_from_the_start() -> None:
    """Heat and darkness end what was tried before; no pattern is measured any more."""
    for happening in (Input.HOT, Input.DARK):
        host = host_in(HostState.READY).host
        host.training.attempts = 2
        host.timers.set(HostTimer.TRAINING, host.now + MS)
        host._step(happening)
        assert (host.training.attempts, host.timers.at(HostTimer.TRAINING)) == (0, None)
        watched = host.timers.at(HostTimer.ATTACH)
        assert watched == (host.now + 5 * SECOND if happening is Input.DARK else None)
        assert host.streams.paused


def test_hello_says_what_the_phone_can() -> None:
    """Versions, features, the largest frames, where it counts from, and every lane."""
    rig = Rig()
    rig.host._draw_session = Sessions(0x2000)
    rig.host.state, rig.host.now = HostState.POWERED, rig.now
    rig.host._step(Input.FIRST_WORD, link.Beacon())
    (hello,) = drain(rig.host, rig.now)
    assert (hello.type, hello.session) == (catalogue.BY_MESSAGE[link.Hello].type, 0x2001)
    features = link.Features.RESEND | link.Features.UPDATE | link.Features.FILES | link.Features.RECTANGLES
    assert link.Hello.decode(hello.payload) == link.Hello(
        version_first=VERSION, version_last=VERSION, features=features, to_module_bytes_max=1024,
        to_host_bytes_max=4096, first_sequence=0x2002, lanes=TWO_LANES,
    )  # fmt: skip


def test_only_what_both_ends_know_is_agreed_on() -> None:
    """A module that claims more than was offered gets no more than was offered."""
    for claimed in (link.Features.RESEND, link.Features((1 << 64) - 1)):
        rig = host_in(HostState.GREETED)
        offered = link.Hello.decode(rig.host._hello_wire[20:-4]).features
        reply = link.HelloReply(
            features=claimed, to_module_bytes_max=256, to_host_bytes_max=4096, first_sequence=77,
            lanes=TWO_LANES, module_id=0xABCD,
        )  # fmt: skip
        rig.feed_host(rig.frame_to_module(reply))
        assert rig.host.connection.features == offered & claimed
        assert (rig.host.connection.out_bytes_max, rig.host.connection.in_bytes_max) == (256, 4096)
        assert (rig.host.module_id, rig.host.event_receiver.expected) == (0xABCD, 77)
        assert rig.host.timers.at(HostTimer.HELLO) is None


def test_a_line_without_a_rate_has_the_one_that_the_module_knows() -> None:
    """What the phone says of its own lines holds; what it leaves open, the module says."""
    open_rates = tuple(replace(offer, rate_bps=0) for offer in TWO_LANES)
    module_says = tuple(replace(offer, rate_bps=77_000_000) for offer in TWO_LANES)
    for ours, expected in (
        (open_rates, module_says),
        (TWO_LANES, TWO_LANES),
        (open_rates[:1], module_says[:1]),
    ):
        host = Host(ours, Sessions())
        host._take_lanes(module_says)
        assert tuple(host.connection.lanes.values()) == expected


def test_a_module_that_needs_no_light_leaves_the_sideband_for_images() -> None:
    """Lanes that it did not name are not used, though the phone has them."""
    host = Host(TWO_LANES, Sessions())
    host._take_lanes(TWO_LANES[:1])
    assert host.connection.image_lane is SIDEBAND
    host._take_lanes(TWO_LANES)
    assert host.connection.image_lane is OPTICAL


def test_a_request_that_was_never_answered_is_told_and_a_start_is_remembered() -> None:
    """The module may have carried it out: a stream that runs unheard is stopped once there is light again."""
    host = host_in(HostState.READY).host
    host.events.clear()
    for request in (diagnostics.Echo(5, b"x"), image.StreamStart(6, 4, 1)):
        host.give_up_request(request)
        assert host.events.pop() == Unanswered(request)
    assert host.streams.unheard == {4}


def test_a_request_that_no_frame_holds_is_named_with_its_size() -> None:
    """Behind others, too: the size on the wire, and that it is over max_frame."""
    host = host_in(HostState.READY).host
    host.connection.out_bytes_max = 256
    host.request(diagnostics.Echo(data=b""), host.now)
    room = 256 - 24 - len(bytes(diagnostics.Echo(data=b"")))
    host.request(diagnostics.Echo(data=bytes(room)), host.now)
    with pytest.raises(LocalProtocolError, match=r"^Echo takes 257 bytes, over max_frame$"):
        host.request(diagnostics.Echo(data=bytes(room + 1)), host.now)


def test_the_attach_is_watched_from_hello_to_the_descriptor() -> None:
    """Five seconds for hello, five for light; once the descriptor is here nothing is waited for."""
    host = host_in(HostState.GREETED).host
    due = host.timers.at(HostTimer.ATTACH)
    assert due is not None and 4900 * MS < due - host.now <= 5 * SECOND
    host = host_in(HostState.CONTRACTED).host
    host.now += SECOND
    host.do_train(None)
    assert host.timers.at(HostTimer.ATTACH) == host.now + 5 * SECOND
    assert host_in(HostState.READY).host.timers.at(HostTimer.ATTACH) is None


def test_a_module_that_is_astray_is_told_to_restart_and_no_other() -> None:
    """It carried out what was given up here; that counts as a recovery, at its time."""
    for code, astray in ((ErrorCode.TOO_HOT, False), (ErrorCode.ILLEGAL_IN_STATE, True)):
        host = host_in(HostState.CONTRACTED).host
        for request in host.requests.drop():
            assert isinstance(request, diagnostics.Train)
        host.now += 7
        before = list(host._recoveries)
        host._step(Input.REFUSED, link.Error(code=code))
        sent = {frame.type for frame in drain(host, host.now)}
        assert (catalogue.BY_MESSAGE[link.Reset].type in sent) is astray
        assert list(host._recoveries) == [*before, *([host.now] if astray else [])]


def test_an_offer_of_power_names_its_offers_and_a_list_begins_with_the_first_control() -> None:
    """What the host asks for by itself on the way to ready, in its order."""
    rig = Rig()
    asked: list[Record] = []

    def note(frame: bytes, number: int) -> list[bytes]:
        message = catalogue.BY_TYPE[frame[3]].message
        if issubclass(message, Request):
            asked.append(replace(message.decode(frame[20:-4]), request_id=0))
        return [frame]

    rig.stepper.to_module[SIDEBAND].filter = EachFrame(note)
    rig.attach()
    assert asked[:4] == [
        power.PowerCapabilities(offers=rig.host.power.offers), power.PowerAccept(), power.PowerReady(),
        diagnostics.Train(lane=OPTICAL),
    ]  # fmt: skip
    reads = [item.offset for item in asked if isinstance(item, identity.DescriptorRead)]
    pages = [item.start for item in asked if isinstance(item, control.ControlList)]
    assert reads[0] == pages[0] == 0 and reads == sorted(set(reads)) and pages == sorted(set(pages))
    assert len(asked) == 5 + len(reads) + len(pages)


def test_a_training_reports_what_was_measured() -> None:
    """Frames, bits and wrong bits, and the seating that follows from them."""
    for wrong, seating in ((0, Seating.SEATED), (400_000, Seating.NOT_SEATED)):
        host = host_in(HostState.TRAINING).host
        drain(host, host.now)
        host.training = Training(frames=40, bits=1_000_000, bit_errors=wrong, attempts=1)
        host._step(Input.MEASURED)
        (frame,) = drain(host, host.now)
        result = diagnostics.TrainResult.decode(frame.payload)
        assert (result.seating, result.frames) == (seating, 40)
        assert (result.bits, result.bit_errors) == (1_000_000, wrong)
        assert host.seating is seating


def test_silence_ends_what_was_waited_for() -> None:
    """A training and a rail that rises: when the module is back, both begin again."""
    host = host_in(HostState.TRAINING).host
    for timer in (HostTimer.TRAINING, HostTimer.RAIL):
        host.timers.set(timer, host.now + MS)
    host.requests.drop()
    waiting = [host.submit(diagnostics.Echo(data=text)) for text in (b"one", b"two")]
    host.events.clear()
    host._step(Input.SILENT)
    assert host.timers.at(HostTimer.TRAINING) is host.timers.at(HostTimer.RAIL) is None
    assert host.timers.at(HostTimer.ATTACH) == host.now + 5 * SECOND and host.streams.paused
    assert [event.request for event in host.events if isinstance(event, Unanswered)] == waiting


def test_the_pattern_is_measured_from_its_first_frame_on() -> None:
    """Ten milliseconds of it are enough; before the first one the module has nearly its whole time."""
    host = host_in(HostState.TRAINING).host
    assert (due := host.timers.at(HostTimer.TRAINING)) is not None and due > host.now + 30 * MS
    for number in range(2):
        host.now += MS
        host.take_pattern(diagnostics.Prbs31(pattern(number, 100)), number)
        assert host.timers.at(HostTimer.TRAINING) == host.now + (10 - number) * MS
    assert (host.training.frames, host.training.bits, host.training.bit_errors) == (2, 1600, 0)
    idle = host_in(HostState.READY).host
    before = replace(idle.training)
    idle.take_pattern(diagnostics.Prbs31(bytes(100)), 1)
    assert idle.training == before and idle.timers.at(HostTimer.TRAINING) is None


def test_a_request_that_does_not_fit_says_why() -> None:
    """The words of whoever found out."""
    host = host_in(HostState.READY).host
    with pytest.raises(LocalProtocolError, match=r"5000|5002|5004"):
        host.request(diagnostics.Echo(data=bytes(5000)), host.now)


def test_light_that_came_is_not_counted_as_a_training_that_failed() -> None:
    """Neither the first time nor any other: three more may fail before it is told."""
    for happening in (Input.TRAINED, Input.TRAINED_AGAIN, Input.TRAINED_MID_STREAM):
        host = host_in(HostState.TRAINING).host
        host.training.attempts = 2
        host.streams.paused = True
        host.timers.set(HostTimer.ATTACH, host.now + SECOND)
        host._step(happening, diagnostics.TrainStatus())
        assert host.training.attempts == 0 and host.timers.at(HostTimer.TRAINING) is None
        assert not host.streams.paused
        assert (host.timers.at(HostTimer.ATTACH) is None) is (happening is not Input.TRAINED)


def test_pings_are_counted_from_one_in_each_session() -> None:
    """So that a pong of an earlier one answers none of this."""
    host = host_in(HostState.GREETED).host
    drain(host, host.now)
    for number in (1, 2):
        host.send_ping()
        (frame,) = drain(host, host.now)
        assert link.Ping.decode(frame.payload) == link.Ping(link.PingFlags.NONE, number, host.now)
    host.light = True
    host.send_ping()
    (frame,) = drain(host, host.now)
    assert link.Ping.decode(frame.payload) == link.Ping(link.PingFlags.LIGHT, 3, host.now)


@pytest.mark.parametrize(
    ("confirmed_by", "answered", "heard"),
    [(5, 5, True), (5, 4, False), (5, 6, True), ((1 << 32) - 1, 1, True), (1, (1 << 32) - 1, False)],
)
def test_a_pong_of_an_earlier_ping_does_not_say_that_the_light_was_heard(
    confirmed_by: int, answered: int, heard: bool
) -> None:
    """Numbers begin again behind 2^32: what is later is what is ahead by less than half of it."""
    host = host_in(HostState.READY).host
    host.light, host._light_ping, host._ping_number = True, confirmed_by, confirmed_by
    host.take_pong(link.Pong(answered, 0, 0, 0))
    host.send_ping()
    assert host.timers.at(HostTimer.PING) == host.now + (100 * MS if heard else LIGHT_REPEAT_NS)


def test_a_module_of_another_version_is_told_by_it() -> None:
    """In its answer to hello: the version as the value, and in words."""
    rig = host_in(HostState.GREETED)
    rig.events.clear()
    frames = rig.feed_host(rig.frame_to_module(link.HelloReply(version=0x21, lanes=TWO_LANES)))
    (error,) = [link.Error.decode(frame.payload) for frame in frames if frame.type == catalogue.ERROR]
    assert (error.text, error.value) == ("the module wants version 0x21", 0x21)
