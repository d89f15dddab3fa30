"""Both machines in virtual time: the attach timeline, the laser's rule, every frame lost once."""

import random
from dataclasses import dataclass, field

import numpy as np
import pytest
from rig import (
    ATTACH_NS,
    MS,
    OPTICAL,
    SIDEBAND,
    TWO_LANES,
    EachFrame,
    Monitor,
    Rig,
    Sessions,
    drop_number,
    host_in,
    one_lane,
)
from rig import S as SECOND

from laserlink.firmware_model.machine import Module, RingTurned, Temperature
from laserlink.firmware_model.profile import load_profile
from laserlink.firmware_model.stream import ExposureWanted, PackedImage
from laserlink.host_driver.actions import Attached, Lost, StateChanged
from laserlink.host_driver.assembly import ImageDone
from laserlink.host_driver.machine import Host
from laserlink.protocol import _accel
from laserlink.protocol.errors import LocalProtocolError
from laserlink.protocol.messages import bulk, control, image, link, power
from laserlink.protocol.states import HostState, ModuleState, TemperatureLevel
from laserlink.protocol.timers import LIGHT_CONFIRM_NS
from laserlink.tools.stepper import Stepper, Wire

FLAT_LEVEL = 1000


def _flat(wanted: ExposureWanted) -> PackedImage:
    """A flat picture: packing one strip is enough to know all of them."""
    layout = wanted.layout
    groups = np.full(layout.pixels, FLAT_LEVEL, np.uint16)
    return PackedImage.of(groups.reshape(layout.height, layout.width), layout)


def test_contact_to_the_last_verified_pixel_of_100_megapixels_takes_under_half_a_second() -> None:
    """Modelled time, with every floor: boot 30 ms, sensor 50 ms, training 10 ms, exposure 10 ms."""
    if _accel.receive_images is None:
        pytest.skip("100 megapixels need the kernels")
    profile = load_profile("mos-100mp")
    stepper = Stepper(Host(TWO_LANES, Sessions()), Module(profile, TWO_LANES), _flat)
    stepper.snap_on()
    assert stepper.run(lambda: stepper.host.state is HostState.READY, ATTACH_NS)
    stepper.host.request(image.StreamConfigure(0, 2, 0, 12), stepper.now)
    stepper.host.request(image.StreamStart(0, 2, 1), stepper.now)
    stepper.settle()
    assert stepper.run(lambda: any(isinstance(event, ImageDone) for event in stepper.events), SECOND)
    (done,) = [event for event in stepper.events if isinstance(event, ImageDone)]
    assert done.picture.shape == (8736, 11648) and not done.gaps and done.done_ns < 500 * MS
    assert int(done.picture.min()) == int(done.picture.max()) == FLAT_LEVEL
    at = {event.state: event.at_ns for event in reversed(stepper.events) if isinstance(event, StateChanged)}
    assert at[HostState.POWERED] - at[HostState.SEATING] >= 100 * MS
    assert at[HostState.GREETED] - at[HostState.POWERED] >= 30 * MS
    assert at[HostState.IDENTIFYING] - at[HostState.TRAINING] >= 10 * MS
    assert done.start is not None
    assert done.start.timestamp_ns >= at[HostState.CONTRACTED] + 50 * MS - MS
    assert done.first_ns >= done.start.timestamp_ns + 10 * MS
    assert done.done_ns - done.first_ns >= done.layout.coded_bytes * 8 / 10


def test_the_same_run_twice_is_the_same_to_the_nanosecond() -> None:
    """The stepper has no chance of its own."""

    def run() -> tuple[int, int, list[tuple[HostState, int]]]:
        rig = Rig()
        rig.stepper.snap_on()
        rig.until(lambda: bool(rig.told(Attached)))
        rig.capture(images=2)
        changes = [(event.state, event.at_ns) for event in rig.told(StateChanged)]
        return rig.now, rig.stepper.steps, changes

    assert run() == run()


# --- the laser's rule, under everything at once ---


@dataclass
class LaserRule:
    """What must hold at every step while the laser is on."""

    lit_ns: int | None = None
    ping_ns: int = 0
    confirmed: bool = False
    lit_steps: int = 0
    seen: set[str] = field(default_factory=set)

    def watch(self, rig: Rig) -> None:
        """Keep the time of each ping that reaches the module, with and without light."""
        heard = rig.module.heard_ping

        def note(sees_light: bool) -> None:
            self.ping_ns = rig.now
            self.confirmed |= sees_light
            heard(sees_light)

        rig.module.heard_ping = note  # type: ignore[method-assign]

    def check(self, rig: Rig) -> None:
        module, outputs = rig.module, rig.module.outputs
        if outputs.draw_ma > 0:
            assert outputs.draw_ma <= max(outputs.limit_ma, 100)
        if not outputs.laser:
            self.lit_ns, self.confirmed = None, False
            return
        self.lit_steps += 1
        self.seen.add(module.state.name)
        if self.lit_ns is None:
            self.lit_ns = rig.now
        assert rig.stepper.contact, "light without contact"
        assert module.power.contracted, "light without a contract"
        assert module.celsius < 75.0 and module.temperature is not TemperatureLevel.HOT, "light while hot"
        assert module.state not in (ModuleState.UPDATING, ModuleState.FAULT, ModuleState.RECOVERING)
        assert self.confirmed or rig.now <= self.lit_ns + LIGHT_CONFIRM_NS, "light that nobody confirmed"
        since = max(self.ping_ns, self.lit_ns)
        assert rig.now - since <= 350 * MS, "light without a keep-alive"


def _bounce(monitor: Monitor, open_ms: int) -> None:
    """Open the contact for a while; the rule is looked at in between."""
    monitor.rig.stepper.pull_off()
    monitor.run_for(open_ms * MS)
    monitor.rig.stepper.snap_on()


def _happening(rig: Rig, chance: random.Random, monitor: Monitor) -> None:
    """One thing that may happen to a link, by chance."""
    wires = (rig.stepper.to_host[SIDEBAND], rig.stepper.to_module[SIDEBAND])
    match chance.randrange(12):
        case 0:
            _bounce(monitor, chance.choice([1, 5, 9, 30]))
        case 1:
            for _ in range(5):
                _bounce(monitor, chance.randrange(1, 4))
                monitor.run_for(chance.randrange(1, 4) * MS)
        case 2 | 3:
            rig.module.on_input(Temperature(chance.choice([25.0, 57.0, 62.0, 70.0, 80.0])), rig.now)
        case 4:
            rig.stepper.block_beam(chance.random() < 0.5)
        case 5 | 6:
            chance.choice(wires).filter = chance.choice([None, lambda data, now: []])
        case 7:
            rig.module.on_input(RingTurned(chance.uniform(-1, 1)), rig.now)
        case number:
            requests = [
                power.PowerRevoke(),
                power.PowerDerate(limit_ma=chance.choice([0, 150, 380, 450, 620])),
                power.PowerDerate(limit_ma=620),
                bulk.UpdateBegin(0, 8, 1),
                image.StreamConfigure(0, 2, 3, 8, 0, 0, 64, 64),
                image.StreamStart(0, 2, 0),
                image.StreamStop(0, 2),
            ]
            try:
                if number == 11:
                    rig.host.renegotiate(rig.now)
                else:
                    rig.host.request(chance.choice(requests), rig.now)
            except LocalProtocolError:
                pass
    rig.stepper.settle()


def _heal(rig: Rig, monitor: Monitor) -> None:
    """Take back all that may be wrong; a host that is latched needs the module pulled off."""
    for wire in (*rig.stepper.to_host.values(), *rig.stepper.to_module.values()):
        wire.filter = None
    rig.stepper.block_beam(False)
    rig.module.on_input(Temperature(25.0), rig.now)
    if rig.host.state is HostState.GREETED and rig.module.state is ModuleState.GREETED:
        rig.host.renegotiate(rig.now)
    if rig.host.state is HostState.UPDATING:
        rig.host.request(link.Reset(), rig.now)
    if rig.host.state is HostState.FAULT:
        rig.stepper.pull_off()
        monitor.run_for(20 * MS)
    if not rig.stepper.contact:
        rig.stepper.snap_on()
    rig.stepper.settle()


@pytest.mark.parametrize("seed", range(12))
def test_the_laser_obeys_its_rule_whatever_happens(seed: int) -> None:
    """Contact, heat, silence, revokes, derates, updates, a blocked beam: never light out of order."""
    chance = random.Random(seed)
    rig = Rig()
    rig.attach()
    rule = LaserRule(ping_ns=rig.now, confirmed=True, lit_ns=rig.now)
    rule.watch(rig)
    monitor = Monitor(rig, rule.check)
    for number in range(24):
        _happening(rig, chance, monitor)
        rule.check(rig)
        monitor.run_for(chance.choice([1, 7, 40, 120, 400]) * MS)
        if number % 3 == 2:
            _heal(rig, monitor)
            rule.check(rig)
            monitor.run_for(300 * MS)
    assert rule.lit_steps > 50 and "READY" in rule.seen
    rig.stepper.pull_off()
    rig.run_for(20 * MS)
    _heal(rig, monitor)
    rig.stepper.pull_off()
    rig.run_for(20 * MS)
    rig.events.clear()
    rig.attach()
    (done,) = rig.capture(region=(0, 0, 64, 64))
    assert rig.exact(done)


# --- every frame lost, doubled, damaged ---


def _session(rig: Rig) -> list[ImageDone]:
    """Attach, set a control, take two images."""
    rig.stepper.snap_on()
    rig.until(lambda: bool(rig.told(Attached)), 20 * SECOND)
    rig.until_states(host=HostState.READY)
    rig.host.set_controls({"ExposureTime": 3000}, rig.now)
    rig.until(lambda: rig.host.requests.idle)
    rig.configure(region=(0, 0, 128, 64))
    rig.start(images=2)
    done = rig.await_images(2)
    rig.until_states(ModuleState.READY, HostState.READY)
    rig.run_for(200 * MS)
    return done


def _counts() -> dict[str, int]:
    rig = Rig()
    filters = {
        "to module": EachFrame(lambda frame, number: [frame]),
        "to host": EachFrame(lambda frame, number: [frame]),
    }
    rig.stepper.to_module[SIDEBAND].filter = filters["to module"]
    rig.stepper.to_host[SIDEBAND].filter = filters["to host"]
    _session(rig)
    return {name: each.count for name, each in filters.items()}


COUNTS = {"to module": 20, "to host": 19}


def _hurt(rig: Rig, direction: str, hurt: EachFrame) -> None:
    wires = rig.stepper.to_module if direction == "to module" else rig.stepper.to_host
    wires[SIDEBAND].filter = hurt


def test_a_session_has_about_as_many_frames_as_are_lost_below() -> None:
    """The loops over lost frames cover all of a session, and would notice when it grew."""
    counts = _counts()
    assert all(COUNTS[name] - 6 <= count <= COUNTS[name] + 6 for name, count in counts.items()), counts


@pytest.mark.parametrize("direction", COUNTS)
def test_any_frame_of_the_sideband_may_be_lost(direction: str) -> None:
    """Frame n is lost, for every n: the session comes to its end, exact, and what was set was set once."""
    for number in range(COUNTS[direction] + 6):
        rig = Rig()
        _hurt(rig, direction, drop_number(number))
        done = _session(rig)
        assert all(map(rig.exact, done)), number
        assert rig.module.controls.set_id == 1 and rig.losses() == [], number
        assert {item.start.exposure_us for item in done if item.start} == {3000}


@pytest.mark.parametrize("direction", COUNTS)
def test_any_two_frames_in_a_row_may_be_lost(direction: str) -> None:
    """The answer, and the first repetition of the question."""
    for number in range(0, COUNTS[direction] + 6, 2):
        rig = Rig()
        _hurt(rig, direction, EachFrame(lambda frame, at, n=number: [] if at in (n, n + 1) else [frame]))  # type: ignore[misc]
        assert all(map(rig.exact, _session(rig))), number
        assert rig.module.controls.set_id == 1


@pytest.mark.parametrize("direction", COUNTS)
def test_any_frame_of_the_sideband_may_come_twice(direction: str) -> None:
    """Every frame is doubled: requests are carried out once, events taken once, nobody is offended."""
    rig = Rig()
    _hurt(rig, direction, EachFrame(lambda frame, number: [frame, frame]))
    assert all(map(rig.exact, _session(rig)))
    assert rig.module.controls.set_id == 1 and rig.losses() == []
    assert not rig.host.connection.counters.offences and not rig.module.connection.counters.offences


@pytest.mark.parametrize("direction", COUNTS)
def test_any_frame_of_the_sideband_may_be_damaged(direction: str) -> None:
    """A bit of every seventh frame is flipped: counted, never answered, and made up for."""
    chance = random.Random(11)

    def rule(frame: bytes, number: int) -> list[bytes]:
        if number % 7 != 3:
            return [frame]
        at = chance.randrange(len(frame))
        return [frame[:at] + bytes([frame[at] ^ 1 << chance.randrange(8)]) + frame[at + 1 :]]

    rig = Rig()
    _hurt(rig, direction, EachFrame(rule))
    done = _session(rig)
    assert all(map(rig.exact, done)) and rig.module.controls.set_id == 1
    assert not rig.host.connection.counters.offences and not rig.module.connection.counters.offences
    assert rig.module.connection.counters.bad or rig.host.connection.counters.bad


@pytest.mark.parametrize("seed", range(6))
def test_a_tenth_of_everything_lost_ends_ready_or_in_a_typed_loss(seed: int) -> None:
    """All lanes, both ways: images are exact or have gaps that are named; losses have causes."""
    chance = random.Random(seed)
    rig = Rig()

    def lose(frame: bytes, number: int) -> list[bytes]:
        return [] if chance.random() < 0.1 else [frame]

    for wire in (*rig.stepper.to_module.values(), *rig.stepper.to_host.values()):
        wire.filter = EachFrame(lose)
    for image_done in _session(rig):
        assert rig.exact(image_done) or image_done.gaps
    assert rig.module.controls.set_id == 1
    assert not any(lost.final for lost in rig.told(Lost))


# --- other lines ---


@pytest.mark.parametrize(
    ("rate_bps", "latency_us"), [(1_000_000, 0), (1_000_000, 16_000), (3_000_000, 0), (115_200, 0)]
)
def test_one_serial_lane_carries_everything(rate_bps: int, latency_us: int) -> None:
    """From a slow USB bridge to a fast UART: attached, a control set, an exact image, no loss told."""
    rig = Rig(one_lane(rate_bps, latency_us), "uart-1m")
    rig.attach()
    rig.ask(control.ControlGet(0, (control.ControlId(1),)))
    (done,) = rig.capture(region=(0, 0, 64, 64), timeout_ns=30 * SECOND)
    assert rig.exact(done) and rig.losses() == []
    assert not rig.host.connection.counters.offences and not rig.module.connection.counters.offences
    rig.run_for(2 * SECOND)
    assert rig.losses() == [] and rig.host.state is HostState.READY


def test_a_host_without_a_receiver_talks_to_a_module_with_a_laser() -> None:
    """Only the lanes that both ends have are used: images take the sideband, and the laser stays off."""
    rig = Rig(TWO_LANES, host=Host(TWO_LANES[:1], Sessions()))
    rig.stepper.to_host.pop(OPTICAL)
    rig.attach()
    (done,) = rig.capture(region=(0, 0, 64, 64))
    assert rig.exact(done) and rig.stepper.laser_log == []


# --- the stepper itself ---


def test_a_wire_takes_the_time_that_its_rate_and_latency_say() -> None:
    """Bits on the line, one frame after the other, and the latency once for each."""
    wire = Wire(one_lane(1_000_000, 16_000)[0])
    wire.put(bytes(100), 0)
    wire.put(bytes(50), 0)
    assert wire.free_ns == 1_500_000
    assert wire.take(16_999_999) is None
    assert wire.take(17_000_000) == bytes(100)
    assert wire.take(17_000_000) is None and wire.take(17_500_000) == bytes(50)


def test_a_blocked_wire_loses_what_is_put_on_it_and_takes_its_time() -> None:
    """The sender does not notice."""
    wire = Wire(TWO_LANES[1], blocked=True)
    wire.put(bytes(1000), 0)
    assert wire.free_ns == 800 and wire.take(SECOND) is None


def test_time_goes_on_when_nothing_happens() -> None:
    """An empty rig has nothing to do, and `run_for` still lets time pass."""
    rig = Rig()
    assert rig.stepper.next_time() is None and not rig.stepper.step()
    rig.run_for(SECOND)
    assert rig.now == SECOND


def test_events_are_taken_one_by_one() -> None:
    """`event` takes the first of a kind, and leaves the others."""
    rig = host_in(HostState.READY)
    first = len(rig.told(StateChanged))
    rig.stepper.pull_off()
    rig.run_for(20 * MS)
    assert isinstance(rig.stepper.event(Lost), Lost)
    assert rig.stepper.event(Lost) is None and len(rig.told(StateChanged)) == first + 1
