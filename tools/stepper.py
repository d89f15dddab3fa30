"""Both real machines in one thread, in virtual time: the same code as on a wire, and no waiting.

The stepper is the physics between the two ends: the contact, the power on the pins, the laser, and wires
that take as long as their rate says. Computing takes no time. Whatever happens, happens at the nanosecond
at which something was due; the same inputs give the same run.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from laserlink.firmware_model.machine import Contact as ModuleContact
from laserlink.firmware_model.machine import Module
from laserlink.firmware_model.stream import ExposureWanted, ImageReady, PackedImage
from laserlink.host_driver.machine import Contact, Host, Light
from laserlink.protocol.limits import FRAME_BYTES_MAX
from laserlink.protocol.messages.link import LaneOffer
from laserlink.protocol.states import BITS_PER_BYTE, LaneKind
from laserlink.protocol.timers import NS_PER_US, line_time_ns

# What a fast wire carries at once: 52 us of a 10 Gb/s lane, so that an image takes thousands of steps, not
# tens of thousands.
BURST_BYTES = 1 << 16

# A machine may want to act again at once, but not for ever.
STEPS_STANDING_MAX = 10_000

Filter = Callable[[bytes, int], list[bytes]]
Expose = Callable[[ExposureWanted], PackedImage]


@dataclass
class Wire:
    """One direction of a lane. `filter` may change, drop or add what goes in (bytes, now)."""

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
        pieces = self.filter(data, now) if self.filter else [data]
        arrival = self.free_ns + self.offer.latency_us * NS_PER_US
        self.flight.extend((arrival, piece) for piece in pieces)

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
    development board has; otherwise it lives off the pins. A stepper can be copied by copy.deepcopy in the
    middle of anything, and both go on.
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
        lanes = module.connection.lanes
        self.to_module = {LaneKind.SIDEBAND: Wire(lanes[LaneKind.SIDEBAND])}
        self.to_host = {kind: Wire(offer) for kind, offer in lanes.items()}
        self._burst = bytearray(BURST_BYTES)

    # --- the world ---

    def snap_on(self) -> None:
        """The magnets catch."""
        self.contact = True
        self.host.on_input(Contact(True), self.now)
        self.settle()

    def pull_off(self) -> None:
        """Someone takes the module away: contact, power and wires are gone at once."""
        self.contact = False
        for wire in (*self.to_module.values(), *self.to_host.values()):
            wire.cut()
        self.host.on_input(Contact(False), self.now)
        self.settle()

    def swap(self, module: Module) -> None:
        """Another module takes the place of this one; call while pulled off."""
        self.module = module
        self._module_on = False

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
        due = [self.host.next_deadline(self.now), self.module.next_deadline(self.now)]
        for wire in (*self.to_module.values(), *self.to_host.values()):
            due.append(wire.flight[0][0] if wire.flight else None)
            due.append(wire.free_ns if wire.free_ns > self.now else None)
        return min((at for at in due if at is not None), default=None)

    def step(self) -> bool:
        """Go to the next moment at which something happens; False when nothing ever will."""
        at = self.next_time()
        if at is None:
            return False
        self._standing = self._standing + 1 if at <= self.now else 0
        if self._standing > STEPS_STANDING_MAX:
            raise RuntimeError(f"time stands still at {self.now} ns: a machine wants what it never takes")
        self.now = max(self.now, at)
        self.steps += 1
        self._deliver()
        for machine in (self.host, self.module):
            due = machine.next_deadline(self.now)
            if due is not None and due <= self.now:
                machine.on_deadline(self.now)
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
            self.step()
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
        for lane, wire in self.to_host.items():
            while (data := wire.take(self.now)) is not None:
                self.host.receive_data(lane, data, self.now)
        for lane, wire in self.to_module.items():
            while (data := wire.take(self.now)) is not None:
                self.module.receive_data(lane, data, self.now)

    def settle(self) -> None:
        """Apply the outputs of both ends to each other, and let them send, until nothing changes."""
        while self._couple() or self._collect() or self._send():
            pass

    def _couple(self) -> bool:
        """Contact, power and light; whether any of them changed."""
        powered = self.contact and (self._self_powered or self.host.outputs.rail_ma > 0)
        light = self.contact and self.module.outputs.laser and not self._beam.blocked
        changed = False
        if powered != self._module_on:
            self._module_on = powered
            self.module.on_input(ModuleContact(powered), self.now)
            changed = True
        if light != self.host.light:
            self.laser_log.append((self.now, light))
            self.host.on_input(Light(light), self.now)
            changed = True
        return changed

    def _collect(self) -> bool:
        """Events of both ends; whether there were any."""
        before = len(self.events)
        while (event := self.host.next_event()) is not None:
            self.events.append(event)
        served = 0
        while (event := self.module.next_event()) is not None:
            served += 1
            if isinstance(event, ExposureWanted):
                ready = ImageReady(event.channel, event.image_id, self._expose(event))
                self.module.on_input(ready, self.now)
            else:
                self.events.append(event)
        return served > 0 or len(self.events) > before

    def _send(self) -> bool:
        """Fill the wires that are free; whether anything was sent."""
        sent = False
        for lane, wire in self.to_module.items():
            sent |= self._send_frame(self.host, lane, wire)
        for lane, wire in self.to_host.items():
            sent |= self._send_frame(self.module, lane, wire) or self._send_images(lane, wire)
        return sent

    def _send_frame(self, machine: Host | Module, lane: LaneKind, wire: Wire) -> bool:
        if wire.free_ns > self.now or not (data := machine.data_to_send(lane, self.now)):
            return False
        if self.contact:
            wire.put(data, self.now)
        return True

    def _send_images(self, lane: LaneKind, wire: Wire) -> bool:
        if wire.free_ns > self.now or not self.contact:
            return False
        size = BURST_BYTES if lane is LaneKind.OPTICAL else FRAME_BYTES_MAX
        count = self.module.images_to_send(lane, memoryview(self._burst)[:size], self.now)
        if not count:
            return False
        wire.put(bytes(self._burst[:count]), self.now)
        return True
