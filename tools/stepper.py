"""Both real machines in one thread, in virtual time: the same code as on a wire, and no waiting.

The stepper is the physics between the two ends: the contact, the power on the pins, the laser, and wires
that take as long as their rate says. Computing takes no time. Whatever happens, happens at the nanosecond
at which something was due; the same inputs give the same run. Each end has a clock of its own, may be stopped
as a process is, and may be put in another's place.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from laserlink.firmware_model.autofocus import FocusWanted, measured
from laserlink.firmware_model.machine import Contact as ModuleContact
from laserlink.firmware_model.machine import Module, Temperature
from laserlink.firmware_model.stream import ExposureWanted, ImageReady, PackedImage
from laserlink.firmware_model.thermal import Heat
from laserlink.host_driver.machine import Contact, Host, Light
from laserlink.protocol.connection import Role
from laserlink.protocol.limits import FRAME_BYTES_MAX
from laserlink.protocol.messages.link import LaneOffer
from laserlink.protocol.states import BITS_PER_BYTE, LaneKind
from laserlink.protocol.timers import NS_PER_US, line_time_ns
from laserlink.tools.faults import Piece

# What a fast wire carries at once: 52 us of a 10 Gb/s lane, so that an image takes thousands of steps, not
# tens of thousands.
BURST_BYTES = 1 << 16

# A machine may want to act again at once, but not for ever.
STEPS_STANDING_MAX = 10_000

# In the place of a deadline: it is not known, so that the end must be asked.
ASK = -1

PPM = 1_000_000

Filter = Callable[[bytes, int], Sequence[bytes | Piece]]
Expose = Callable[[ExposureWanted], PackedImage]
Tap = Callable[[Role, LaneKind, bytes], None]


@dataclass
class Clock:
    """One end's clock: it runs `skew_ppm` faster than the stepper's, and is `offset_ns` ahead of it.

    Monotonic, as the clocks of both shells are: it may jump ahead, by adding to the offset, and never back.
    """

    skew_ppm: int = 0
    offset_ns: int = 0

    def local(self, now: int) -> int:
        """This end's time at the stepper's time `now`."""
        return self.offset_ns + now * (PPM + self.skew_ppm) // PPM

    def world(self, at: int) -> int:
        """The stepper's first moment at which it is `at` here."""
        return -(-(at - self.offset_ns) * PPM // (PPM + self.skew_ppm))


@dataclass
class Wire:
    """One direction of a lane. `filter` may change, drop, add or delay what goes in (bytes, now)."""

    offer: LaneOffer
    filter: Filter | None = None
    blocked: bool = False
    free_ns: int = 0
    carried_bytes: int = 0
    flight: deque[tuple[int, bytes]] = field(default_factory=deque)

    def put(self, data: bytes, now: int) -> None:
        """Begin to send: it arrives when its last bit does, and the line's latency is over."""
        start = max(now, self.free_ns)
        took = line_time_ns(len(data), self.offer.rate_bps, BITS_PER_BYTE[self.offer.coding])
        self.free_ns = start + took
        self.carried_bytes += len(data)
        if self.blocked:
            return
        arrival = self.free_ns + self.offer.latency_us * NS_PER_US
        for piece in self.filter(data, now) if self.filter else (data,):
            if isinstance(piece, Piece):
                self._fly(arrival + piece.delay_ns, piece.data)
            else:
                self._fly(arrival, piece)

    def _fly(self, arrival: int, data: bytes) -> None:
        """In the order of arrival; what arrives together stays in the order in which it was sent."""
        index = len(self.flight)
        while index and self.flight[index - 1][0] > arrival:
            index -= 1
        self.flight.insert(index, (arrival, data))

    def take(self, now: int) -> bytes | None:
        """What has arrived by now, in order."""
        if self.flight and self.flight[0][0] <= now:
            return self.flight.popleft()[1]
        return None

    def cut(self) -> None:
        """What is on the wire is gone."""
        self.flight.clear()
        self.free_ns = 0


class Stepper:
    """Runs a host and a module against each other.

    `expose` gives the pixels of an exposure. `self_powered` is a module with a supply of its own, as a
    development board has; otherwise it lives off the pins. `tap` is shown whatever reaches an end. A stepper
    can be copied by copy.deepcopy in the middle of anything, and both go on. With `heat` set, the
    module warms itself by what it draws.
    """

    def __init__(self, host: Host, module: Module, expose: Expose, *, self_powered: bool = False) -> None:
        self.host = host
        self.module = module
        self.now = 0
        self.contact = False
        self.steps = 0
        self._standing = 0
        self.events: list[object] = []
        self.laser_log: list[tuple[int, bool]] = []
        self._expose = expose
        self._self_powered = self_powered
        self._module_on = False
        self._host_contact = False
        self.host_clock, self.module_clock = Clock(), Clock()
        self.host_stopped = self.module_stopped = False
        self.tap: Tap | None = None
        self.heat: Heat | None = None
        lanes = module.connection.lanes
        self.to_module = {LaneKind.SIDEBAND: Wire(lanes[LaneKind.SIDEBAND])}
        self.to_host = {kind: Wire(offer) for kind, offer in lanes.items()}
        self._burst = bytearray(BURST_BYTES)
        self._host_due: int | None = ASK
        self._module_due: int | None = ASK

    # --- the world ---

    def snap_on(self) -> None:
        """The magnets catch."""
        self.contact = True
        self.settle()

    def pull_off(self) -> None:
        """Someone takes the module away: contact, power and wires are gone at once."""
        self.contact = False
        for wire in (*self.to_module.values(), *self.to_host.values()):
            wire.cut()
        self.settle()

    def swap(self, module: Module) -> None:
        """Another module takes the place of this one, or itself without memory; with power it boots."""
        self.module = module
        self._module_on = False
        self.module_stopped = False

    def swap_host(self, host: Host) -> None:
        """Another host takes the place of this one, or itself without memory; it finds what is there."""
        self.host = host
        self._host_contact = False
        self.host_stopped = False

    def stop(self, role: Role, stopped: bool = True) -> None:
        """Stop one end, as SIGSTOP stops a process: what reaches it waits on the wires. Or let it go on.

        It is then late for everything that became due meanwhile.
        """
        if role is Role.HOST:
            self.host_stopped = stopped
        else:
            self.module_stopped = stopped
        self.settle()

    def is_stopped(self, role: Role) -> bool:
        return self.host_stopped if role is Role.HOST else self.module_stopped

    def clock(self, role: Role) -> Clock:
        return self.host_clock if role is Role.HOST else self.module_clock

    @property
    def _beam(self) -> Wire:
        """The laser's way; on a link without a laser, the wire that carries all."""
        return self.to_host.get(LaneKind.OPTICAL, self.to_host[LaneKind.SIDEBAND])

    def block_beam(self, blocked: bool) -> None:
        """Something comes between the laser and its receiver, or goes away: contact and power stay."""
        self._beam.blocked = blocked
        if blocked:
            self._beam.cut()
        self.settle()

    # --- time ---

    def next_time(self) -> int | None:
        """When something happens next; None: never, unless someone acts."""
        due = []
        self._host_due = self._module_due = None
        if not self.host_stopped:
            self._host_due = self._deadline(self.host, self.host_clock)
        if not self.module_stopped:
            self._module_due = self._deadline(self.module, self.module_clock)
        for at in (self._host_due, self._module_due):
            if at is not None:
                due.append(at)
        for wires, sender_stopped, receiver_stopped in (
            (self.to_module, self.host_stopped, self.module_stopped),
            (self.to_host, self.module_stopped, self.host_stopped),
        ):
            for wire in wires.values():
                if wire.flight and not receiver_stopped:
                    due.append(wire.flight[0][0])
                if wire.free_ns > self.now and not sender_stopped:
                    due.append(wire.free_ns)
        return min(due) if due else None

    def _deadline(self, machine: Host | Module, clock: Clock) -> int | None:
        """When an end wants to be woken, in the stepper's time."""
        local = machine.next_deadline(clock.local(self.now))
        return None if local is None else clock.world(local)

    def step(self, at: int | None = None) -> bool:
        """Go to the next moment at which something happens; False when nothing ever will.

        `at` is that moment, for a caller who has asked for it already.
        """
        at = self.next_time() if at is None else at
        if at is None:
            return False
        self._standing = self._standing + 1 if at <= self.now else 0
        if self._standing > STEPS_STANDING_MAX:
            raise RuntimeError(f"time stands still at {self.now} ns: a machine wants what it never takes")
        self.now = max(self.now, at)
        self.steps += 1
        self._deliver()
        self._warm()
        if not self.host_stopped:
            self._wake(self.host, self.host_clock, self._host_due)
        if not self.module_stopped:
            self._wake(self.module, self.module_clock, self._module_due)
        self._host_due = self._module_due = ASK
        self.settle()
        return True

    def run(self, until: Callable[[], bool], timeout_ns: int) -> bool:
        """Step until a condition holds; False when it does not within the time."""
        end = self.now + timeout_ns
        while not until():
            at = self.next_time()
            if at is None or at > end:
                self.now = end
                return until()
            self.step(at)
        return True

    def run_for(self, duration_ns: int) -> None:
        """Let time pass."""
        self.run(lambda: False, duration_ns)

    def event(self, kind: type) -> object | None:
        """The first event of a kind that the host has told and nobody has taken; it is taken."""
        for index, event in enumerate(self.events):
            if isinstance(event, kind):
                return self.events.pop(index)
        return None

    # --- what lies between ---

    def _deliver(self) -> None:
        """Hand over what has arrived. Whoever hears something is to be asked when it wants to be woken."""
        if not self.host_stopped and self._deliver_to(Role.HOST, self.host, self.to_host):
            self._host_due = ASK
        if not self.module_stopped and self._deliver_to(Role.MODULE, self.module, self.to_module):
            self._module_due = ASK

    def _deliver_to(self, role: Role, machine: Host | Module, wires: dict[LaneKind, Wire]) -> bool:
        heard = False
        for lane, wire in wires.items():
            while (data := wire.take(self.now)) is not None:
                heard = True
                if self.tap is not None:
                    self.tap(role, lane, data)
                machine.receive_data(lane, data, self.clock(role).local(self.now))
        return heard

    def _warm(self) -> None:
        """What the module draws warms it; its thermometer says so as soon as it runs."""
        if self.heat is None or self.module_stopped or self.heat.next_deadline() > self.now:
            return
        celsius = self.heat.advance(self.module.outputs.draw_ma, self.now)
        if celsius is not None:
            self.module.on_input(Temperature(celsius), self.module_clock.local(self.now))
            self._module_due = ASK

    def _wake(self, machine: Host | Module, clock: Clock, due_ns: int | None) -> None:
        """Tell an end that time has passed, if it wants to know."""
        if due_ns is None or due_ns > self.now:
            return
        local = clock.local(self.now)
        due = machine.next_deadline(local)
        if due is not None and due <= local:
            machine.on_deadline(local)

    def settle(self) -> None:
        """Apply the outputs of both ends to each other, and let them send, until nothing changes."""
        while self._couple() or self._collect() or self._send():
            pass

    def _couple(self) -> bool:
        """Contact, power and light; whether any of them changed."""
        changed = False
        if self.contact != self._host_contact and not self.host_stopped:
            self._host_contact = self.contact
            self.host.on_input(Contact(self.contact), self.host_clock.local(self.now))
            changed = True
        powered = self.contact and (self._self_powered or self.host.power.rail_ma > 0)
        if powered != self._module_on:
            # Who loses power does not stay stopped; and who gets it starts.
            self.module_stopped = False
            self._module_on = powered
            self.module.on_input(ModuleContact(powered), self.module_clock.local(self.now))
            changed = True
        light = self.contact and self.module.laser and not self._beam.blocked
        if light != self.host.light and not self.host_stopped:
            self.laser_log.append((self.now, light))
            self.host.on_input(Light(light), self.host_clock.local(self.now))
            changed = True
        return changed

    def _collect(self) -> bool:
        """Events of both ends; whether there were any."""
        before = len(self.events)
        while not self.host_stopped and (event := self.host.next_event()) is not None:
            self.events.append(event)
        served = 0
        while not self.module_stopped and (happened := self.module.next_event()) is not None:
            served += 1
            if isinstance(happened, ExposureWanted):
                ready = ImageReady(happened.channel, happened.image_id, self._expose(happened))
                self.module.on_input(ready, self.module_clock.local(self.now))
            elif isinstance(happened, FocusWanted):
                seen = measured(happened, self._expose(happened.exposure))
                self.module.on_input(seen, self.module_clock.local(self.now))
            else:
                self.events.append(happened)
        return served > 0 or len(self.events) > before

    def _send(self) -> bool:
        """Fill the wires that are free; whether anything was sent."""
        sent = False
        if not self.host_stopped:
            local = self.host_clock.local(self.now)
            for lane, wire in self.to_module.items():
                if wire.free_ns <= self.now:
                    sent |= self._send_frame(self.host, local, lane, wire)
        if not self.module_stopped:
            local = self.module_clock.local(self.now)
            for lane, wire in self.to_host.items():
                if wire.free_ns <= self.now:
                    sent |= self._send_frame(self.module, local, lane, wire) or self._send_images(
                        local, lane, wire
                    )
        return sent

    def _send_frame(self, machine: Host | Module, local: int, lane: LaneKind, wire: Wire) -> bool:
        data = machine.data_to_send(lane, local)
        if data and self.contact:
            wire.put(data, self.now)
        return bool(data)

    def _send_images(self, local: int, lane: LaneKind, wire: Wire) -> bool:
        if not self.contact or lane is not self.module.connection.image_lane:
            return False
        size = BURST_BYTES if lane is LaneKind.OPTICAL else FRAME_BYTES_MAX
        count = self.module.images_to_send(lane, memoryview(self._burst)[:size], local)
        if count:
            wire.put(bytes(self._burst[:count]), self.now)
        return count > 0
