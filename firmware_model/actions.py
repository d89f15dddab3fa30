"""What the module does on each row of `table.py`: one method `do_<action>` each, and the parts they use.

An action runs before the state changes. One that answers a request returns the reply; one that refuses
raises a RemoteProtocolError, and then nothing has changed.
"""

from collections import deque
from collections.abc import Iterator

from laserlink.firmware_model.bulk import Update, UpdateInstalled
from laserlink.firmware_model.controls import ROOM_TEMPERATURE_C, ControlStore
from laserlink.firmware_model.focus import Focus
from laserlink.firmware_model.identity import descriptor_of, is_last_part, part_of
from laserlink.firmware_model.power import PowerSink
from laserlink.firmware_model.profile import Profile
from laserlink.firmware_model.stream import Streams
from laserlink.firmware_model.thermal import level_of, slowdown_of
from laserlink.firmware_model.timing import ModuleTimer, frame_bytes_for
from laserlink.firmware_model.training import Pattern
from laserlink.protocol.connection import Connection, Counters, Role
from laserlink.protocol.delivery import EventOverflow, EventSender, RequestServer
from laserlink.protocol.errors import TooHot, UnsupportedVersion, WrongLane
from laserlink.protocol.frame import VERSION
from laserlink.protocol.limits import (
    ERROR_TEXT_BYTES_MAX,
    FRAME_BYTES_MAX,
    FRAME_BYTES_MIN_OFFER,
    RECOVERIES_MAX,
    TO_MODULE_BYTES_MAX,
)
from laserlink.protocol.messages import bulk, control, diagnostics, identity, image, link, power
from laserlink.protocol.messages.layout import Event
from laserlink.protocol.states import (
    OPTICAL,
    SIDEBAND,
    LaneKind,
    LaserOff,
    PowerPhase,
    StreamEnd,
    TemperatureLevel,
)
from laserlink.protocol.states import ModuleState as S
from laserlink.protocol.timers import (
    ATTACH_WATCHDOG_NS,
    BEACON_NS,
    KEEP_ALIVE_NS,
    KEEP_ALIVES_MISSED_MAX,
    LIGHT_CONFIRM_NS,
    NS_PER_MS,
    RECOVERY_WINDOW_NS,
    RESPONSE_NS,
    TRAINING_MAX_NS,
    Deadlines,
)

FEATURES = link.Features.RESEND | link.Features.UPDATE | link.Features.FILES | link.Features.RECTANGLES

# States in which the laser may shine, when the rest of the interlock holds.
LIT_STATES = frozenset({S.TRAINING, S.IDENTIFYING, S.READY, S.STREAMING})
FAULT_CODE_OF = {"too many recoveries": 1, "events overflow": 3}
SELF_TEST_FAULT = 2
LOG_LINES_MAX = 64
LIGHT = ModuleTimer.LIGHT  # asked after every message: an attribute of an enumeration is a call


class Actions:
    """The module's parts and its actions; `machine.Module` drives them."""

    def __init__(self, profile: Profile, lanes: tuple[link.LaneOffer, ...], first_sequence: int) -> None:
        self.profile = profile
        self.state = S.DETACHED
        self.now = 0
        self.contact = False
        self.celsius = ROOM_TEMPERATURE_C
        self.connection = Connection(Role.MODULE, lanes)
        self._first_sequence = first_sequence
        self.boot_count = 0
        self.timers: Deadlines[ModuleTimer] = Deadlines()
        self._installed: deque[UpdateInstalled] = deque()
        self._recoveries: deque[int] = deque(maxlen=RECOVERIES_MAX)
        self.recovery_count = 0
        self._log: deque[str] = deque(maxlen=LOG_LINES_MAX)
        self.was_lit = False
        self._renew()

    def _renew(self) -> None:
        """Everything that power-off forgets."""
        self.connection.close()
        self.connection.reset_lanes()
        self.connection.counters = Counters()
        rate = self.connection.image_offer.rate_bps
        self.power = PowerSink(self.profile.power, rate, has_laser=LaneKind.OPTICAL in self.connection.lanes)
        self.controls = ControlStore(self.profile)
        self.focus = Focus(self.profile, self.controls, self.tell_control_changed)
        self.streams = Streams(self.connection, self.profile, self.power, self.controls, self.focus.drive)
        self.temperature = TemperatureLevel.NORMAL
        self.slowdown = 1
        self._feel_again()
        self.booting = False
        self.booted_ns = 0
        self.fault_text = ""
        self._renew_session()

    def _renew_session(self) -> None:
        """Everything that a new session forgets."""
        self.request_server = RequestServer()
        self.event_sender = EventSender(self._send_event, self.connection.resend)
        self.overflowed = False
        self.hello_session = 0
        self.hello_wire = b""
        self.identified = False
        self.pattern = Pattern()
        self._descriptor = b""
        self._update: Update | None = None
        self.streams.reset()
        self.streams.slowdown = self.slowdown
        self.focus.rest(self.now)
        self.power.end()

    def _feel_again(self) -> None:
        """The temperature is the world's: neither power-off nor a restart makes a module cooler."""
        self.controls.feel(self.celsius)
        self.temperature = level_of(self.celsius, self.temperature)
        self.slowdown = self.streams.slowdown = slowdown_of(self.celsius, self.slowdown)

    def _clear_timers(self) -> None:
        """All but the one that says that the contact is open: nothing that happens meanwhile closes it."""
        self.timers.cancel(*(timer for timer in ModuleTimer if timer is not ModuleTimer.DETACH))

    # --- the interlock ---

    @property
    def laser(self) -> bool:
        """Light only while contact and contract and keep-alive and not hot and not updating or in fault."""
        return (
            self.contact
            and self.state in LIT_STATES
            and self.connection.image_lane is OPTICAL
            and self.power.contracted
            and self.temperature is not TemperatureLevel.HOT
        )

    @property
    def shining(self) -> bool:
        """Whether the image lane carries anything: light, or a wire that needs none."""
        return self.laser or self.connection.image_lane is SIDEBAND

    @property
    def response_ns(self) -> int:
        return self.connection.extended(RESPONSE_NS, SIDEBAND)

    @property
    def silence_ns(self) -> int:
        """Three keep-alives; only what the host sends can hold one up."""
        one = self.connection.extended(KEEP_ALIVE_NS, SIDEBAND, self.connection.in_bytes_max)
        return KEEP_ALIVES_MISSED_MAX * one

    def watch_light(self) -> None:
        """The laser went on: somebody must confirm it soon. It went off: nobody need."""
        lit = self.laser
        if lit and not self.was_lit:
            self.timers.set(ModuleTimer.LIGHT, self.now + LIGHT_CONFIRM_NS)
        elif not lit:
            self.timers.pop(LIGHT, None)
        self.was_lit = lit

    def heard_ping(self, sees_light: bool) -> None:
        """A keep-alive came; light that it does not confirm goes out."""
        self.timers.set(ModuleTimer.SILENCE, self.now + self.silence_ns)
        if not self.laser:
            return
        if sees_light:
            self.timers.cancel(ModuleTimer.LIGHT)
        elif self.timers.at(ModuleTimer.LIGHT) is None:
            self.timers.set(ModuleTimer.LIGHT, self.now)

    # --- telling ---

    def log(self, text: str) -> None:
        """Keep a line of the module's log, which the host can read as the file `log`."""
        self._log.append(f"{(self.now - self.booted_ns) // NS_PER_MS:8d} ms {text}")

    def files(self) -> dict[str, bytes]:
        """The small files that a host may read."""
        return {"log": "".join(f"{line}\n" for line in self._log).encode()}

    def _send_event(self, event: Event) -> tuple[int, bytes]:
        frame = self.connection.frame(event)
        wire = bytes(frame)
        self.connection.resend(wire)
        return frame.sequence, wire

    def tell(self, event: Event) -> None:
        """Send an event, in order and for certain, when there is a session to send it in.

        One too many is a fault, but not in the middle of a step: the machine looks at `overflowed` after it.
        """
        if not self.connection.session or self.state in (S.POWERED, S.FAULT):
            return
        try:
            self.event_sender.submit(event, self.now, self.response_ns)
        except EventOverflow:
            self.overflowed = True

    def tell_control_changed(self, value: control.ControlValue) -> None:
        self.tell(control.ControlChanged(self.controls.set_id, value.id, value.type, value.value))

    def send_beacon(self) -> None:
        """The first word, every 250 ms, while there is no session, or none that is heard."""
        uptime = (self.now - self.booted_ns) // NS_PER_MS % (1 << 32)
        beacon = link.Beacon(module_id=self.profile.identity.module_id, state=self.state, uptime_ms=uptime)
        self.connection.send(beacon, session=0)
        self.timers.set(ModuleTimer.BEACON, self.now + BEACON_NS)

    def adjust_streams(self) -> None:
        """Fit the streams to what the contract and the temperature allow, and say so."""
        if self.power.contracted and self.power.covers_stream(self.power.limit_ma):
            for change in self.streams.adjust():
                self.tell(change)

    def slow_down(self) -> None:
        """What the heat asks for, after it was announced; or less, at once."""
        self.timers.cancel(ModuleTimer.DERATE)
        self.streams.slowdown = self.slowdown
        self.adjust_streams()

    def take_installed(self) -> Iterator[UpdateInstalled]:
        while self._installed:
            yield self._installed.popleft()

    # --- actions: life ---

    def do_nothing(self, message: None) -> None:
        """The row changes the state, or nothing at all."""

    def do_boot(self, message: object) -> None:
        self._renew()
        self._boot()

    def _boot(self) -> None:
        self.boot_count += 1
        self.booting = True
        self.booted_ns = self.now
        self.controls.reset()
        self.focus.reset(self.now)
        self._feel_again()
        self._clear_timers()
        self.timers.set(ModuleTimer.BOOT, self.now + self.profile.timing.boot_ms * NS_PER_MS)

    def do_begin_beacons(self, message: None) -> None:
        self.connection.close()
        self.connection.reset_lanes()
        self._renew_session()
        self.booting = False
        self.log("booted")
        self.send_beacon()

    def do_forget(self, message: None) -> None:
        """Pulled off: unpowered, nothing remembered but the count of boots and recoveries' end."""
        self.timers.clear()
        self._recoveries.clear()
        self._renew()

    def do_latch(self, message: None) -> None:
        """Dark, at most 100 mA, until removal. One event goes out, then beacons say it."""
        self.log(f"fault: {self.fault_text}")
        self.streams.end_all(StreamEnd.FAULT)
        self.power.end()
        if self.connection.session:
            code = FAULT_CODE_OF.get(self.fault_text, SELF_TEST_FAULT)
            text = self.fault_text.encode()[:ERROR_TEXT_BYTES_MAX].decode(errors="ignore")
            self.connection.send(link.FaultEvent(code, text))
        self.event_sender = EventSender(self._send_event, self.connection.resend)
        self._clear_timers()
        self.timers.set(ModuleTimer.BEACON, self.now + BEACON_NS)

    def do_restart(self, request: link.Reset) -> link.ResetReply:
        self.streams.end_all(StreamEnd.FAULT)
        self.power.end()
        self._boot()
        return link.ResetReply(request.request_id)

    def do_give_up(self, message: None) -> None:
        """The host did not finish what it began: forget the session and beacon again."""
        self.log("gave the session up")
        self._end_session()
        self.timers.set(ModuleTimer.BEACON, self.now)

    def _end_session(self) -> None:
        self._clear_timers()
        self.connection.close()
        self._renew_session()

    # --- actions: hello and power ---

    def do_greet(self, hello: link.Hello) -> None:
        """Adopt the session of a hello; everything of an earlier one is reset."""
        if not hello.version_first <= VERSION <= hello.version_last:
            text = f"versions {hello.version_first:#04x} to {hello.version_last:#04x} are not spoken here"
            raise UnsupportedVersion(text, hello.version_last)
        session = self.hello_session
        self._end_session()
        self.connection.open(session, self._first_sequence)
        self._answer_hello(hello)
        self.timers.set(ModuleTimer.ATTACH, self.now + ATTACH_WATCHDOG_NS)
        self.timers.set(ModuleTimer.SILENCE, self.now + self.silence_ns)
        self.log(f"greeted in session {session:08x}")

    def _answer_hello(self, hello: link.Hello) -> None:
        theirs = {offer.kind for offer in hello.lanes} | {LaneKind.SIDEBAND}
        self.connection.use_lanes(theirs)
        sideband = self.connection.lanes[LaneKind.SIDEBAND]
        to_host = min(hello.to_host_bytes_max, frame_bytes_for(sideband, FRAME_BYTES_MAX))
        to_module = min(hello.to_module_bytes_max, frame_bytes_for(sideband, TO_MODULE_BYTES_MAX))
        reply = link.HelloReply(
            features=link.Features(hello.features & FEATURES),
            to_module_bytes_max=max(FRAME_BYTES_MIN_OFFER, to_module),
            to_host_bytes_max=max(FRAME_BYTES_MIN_OFFER, to_host),
            first_sequence=self.connection.peek_sequence(0),
            module_id=self.profile.identity.module_id,
            lanes=self.connection.session_lanes,
        )
        self.hello_wire = self.connection.send(reply)
        self.connection.in_bytes_max = reply.to_module_bytes_max
        self.connection.out_bytes_max = reply.to_host_bytes_max
        self.connection.features = link.Features(reply.features)

    def do_request_power(self, request: power.PowerCapabilities) -> power.PowerRequest:
        return self.power.request(request.request_id, request.offers)

    def _power_status(self, request_id: int) -> power.PowerStatus:
        return self.power.status(request_id, laser=self.laser, gbps=self.streams.gbps)

    def do_accept_power(self, request: power.PowerAccept) -> power.PowerStatus:
        self.power.accept()
        return self._power_status(request.request_id)

    def do_refuse_power(self, request: power.PowerReject) -> power.PowerStatus:
        self.power.end(PowerPhase.REFUSED)
        return self._power_status(request.request_id)

    def do_wait_for_power(self, request: power.PowerWait) -> power.PowerStatus:
        self.power.end(PowerPhase.WAITING)
        return self._power_status(request.request_id)

    def do_begin_contract(self, request: power.PowerReady) -> power.PowerStatus:
        self.power.begin()
        self._power_sensor()
        self.adjust_streams()
        return self._power_status(request.request_id)

    def _power_sensor(self) -> None:
        self.streams.sensor_ready_ns = self.now + self.profile.timing.sensor_power_up_ms * NS_PER_MS

    def do_derate(self, request: power.PowerDerate) -> power.PowerStatus:
        """A limit that covers a stream; the sensor comes back when the one before did not."""
        was_on = self.power.sensor_on
        self.power.derate(request.limit_ma)
        if not was_on:
            self._power_sensor()
        self.adjust_streams()
        return self._power_status(request.request_id)

    def do_derate_to_stop(self, request: power.PowerDerate) -> power.PowerStatus:
        """What is left does not cover any stream."""
        self._end_streams()
        self.power.derate(request.limit_ma)
        return self._power_status(request.request_id)

    def do_revoke(self, request: power.PowerRevoke) -> power.PowerStatus:
        """Dark in this very step: without a contract the interlock does not hold."""
        self._end_streams()
        self.power.end()
        self.timers.cancel(ModuleTimer.TRAINING, ModuleTimer.LIGHT)
        self.log(f"power revoked: {request.cause.name.lower()}")
        return self._power_status(request.request_id)

    def _end_streams(self) -> None:
        """There is no power for them."""
        for end in self.streams.end_all(StreamEnd.POWER):
            self.tell(end)

    # --- actions: light ---

    def do_begin_training(self, request: diagnostics.Train) -> diagnostics.TrainStarted:
        if self.temperature is TemperatureLevel.HOT:
            raise TooHot("the module is too hot to shine", self.temperature)
        if request.lane is not self.connection.image_lane:
            raise WrongLane(f"images take the {self.connection.image_lane.name.lower()} lane", request.lane)
        limit = self.connection.extended(TRAINING_MAX_NS, self.connection.image_lane)
        self.timers.set(ModuleTimer.TRAINING, self.now + limit)
        self.pattern.begin(self.now)
        return diagnostics.TrainStarted(request.request_id, request.lane)

    def _training_status(self, request: diagnostics.TrainResult) -> diagnostics.TrainStatus:
        self.timers.cancel(ModuleTimer.TRAINING)
        self.pattern.end()
        self.log(
            f"trained: {request.seating.name.lower()}, {request.bit_errors} of {request.bits} bits wrong"
        )
        return diagnostics.TrainStatus(request.request_id, int(bool(self.streams.active_channels)))

    def do_end_training(self, request: diagnostics.TrainResult) -> diagnostics.TrainStatus:
        return self._training_status(request)

    def do_resume_streams(self, request: diagnostics.TrainResult) -> diagnostics.TrainStatus:
        return self._training_status(request)

    def do_await_cooling(self, message: None) -> None:
        """Too hot to shine: the host waits as well, for the event that says that it is not any more."""
        self.timers.set(ModuleTimer.ATTACH, self.now + ATTACH_WATCHDOG_NS)

    def do_fail_training(self, request: diagnostics.TrainResult) -> diagnostics.TrainStatus:
        return self._training_status(request)

    def _darken(self, cause: LaserOff) -> None:
        """The state that follows is dark; say why it went out."""
        self.timers.cancel(ModuleTimer.TRAINING, ModuleTimer.LIGHT)
        self.pattern.end()
        self.connection.forget_queue(LaneKind.OPTICAL)
        self.log(f"dark: {cause.name.lower()}")
        self.tell(power.LaserOffEvent(cause))

    def do_darken_untrained(self, message: None) -> None:
        self._darken(LaserOff.TRAINING_OVER)

    def do_darken_unlit(self, message: None) -> None:
        self._darken(LaserOff.NO_LIGHT_CONFIRMED)

    def do_darken_hot(self, message: None) -> None:
        self._darken(LaserOff.HOT)

    def do_recover(self, message: None) -> None:
        """The host fell silent: dark; what was streaming waits for it to come back."""
        self._recoveries.append(self.now)
        self.recovery_count += 1
        self.timers.set(ModuleTimer.ATTACH, self.now + ATTACH_WATCHDOG_NS)
        self.timers.set(ModuleTimer.BEACON, self.now + BEACON_NS)
        self._darken(LaserOff.KEEP_ALIVE)

    def too_many_recoveries(self) -> bool:
        """Whether one more recovery would be more than five in five minutes."""
        return len(self._recoveries) == RECOVERIES_MAX and self.now - self._recoveries[0] < RECOVERY_WINDOW_NS

    def do_resume_contact(self, message: None) -> None:
        self.timers.set(ModuleTimer.SILENCE, self.now + self.silence_ns)
        self.timers.cancel(ModuleTimer.ATTACH, ModuleTimer.BEACON)

    # --- actions: identity, streams, updates ---

    def _descriptor_bytes(self) -> bytes:
        if not self._descriptor:
            self._descriptor = bytes(descriptor_of(self.profile, self.power, self.boot_count))
        return self._descriptor

    def is_descriptor_end(self, offset: int) -> bool:
        return is_last_part(self._descriptor_bytes(), offset, self.connection.out_bytes_max)

    def do_send_descriptor(self, request: identity.DescriptorRead) -> identity.DescriptorPart:
        return part_of(
            self._descriptor_bytes(), request.request_id, request.offset, self.connection.out_bytes_max
        )

    def do_end_identifying(self, request: identity.DescriptorRead) -> identity.DescriptorPart:
        self.identified = True
        return self.do_send_descriptor(request)

    def do_start_stream(self, request: image.StreamStart) -> image.StreamStarted:
        started = self.streams.start(request, self.now)
        self.adjust_streams()
        return started

    def do_stop_stream(self, request: image.StreamStop) -> image.StreamStopped:
        images = self.streams.stop(request.channel)
        self.adjust_streams()
        return image.StreamStopped(request.request_id, request.channel, images)

    def do_begin_update(self, request: bulk.UpdateBegin) -> bulk.UpdateStatus:
        self._update = Update(request)
        return bulk.UpdateStatus(request.request_id, 0)

    def do_take_update(self, request: bulk.UpdateData) -> bulk.UpdateStatus:
        update = self._running_update()
        update.take(request)
        return bulk.UpdateStatus(request.request_id, update.received_bytes)

    def do_end_update(self, request: bulk.UpdateEnd) -> bulk.UpdateStatus:
        """The whole image is checked, handed to the shell, and the module restarts."""
        firmware = self._running_update().finish()
        self._installed.append(UpdateInstalled(firmware))
        self.power.end()
        self._boot()
        return bulk.UpdateStatus(request.request_id, len(firmware))

    def _running_update(self) -> Update:
        if self._update is None:
            raise RuntimeError("the state is updating, and there is no update")
        return self._update
