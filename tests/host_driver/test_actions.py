"""What the host's actions do beyond the state: hello, keep-alive, training, the descriptor."""

import itertools

import pytest
from rig import MS, OPTICAL, SIDEBAND, EachFrame, Rig, drain, drop_if, host_in, is_type
from rig import S as SECOND

from laserlink.host_driver.actions import LIGHT_REPEAT_NS, Identity, Lost, ModuleEvent, StateChanged
from laserlink.host_driver.machine import Light
from laserlink.protocol.errors import LimitExceeded, MalformedPayload
from laserlink.protocol.limits import EVENTS_PENDING
from laserlink.protocol.messages import diagnostics, identity, link
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
