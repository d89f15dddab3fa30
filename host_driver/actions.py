"""What the host does on each row of `table.py`: one method `do_<action>` each, and the parts they use.

An action runs before the state changes.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from laserlink.host_driver.controls import HostControls
from laserlink.host_driver.events import (
    Answered,
    Attached,
    Lost,
    ModuleEvent,
    NoDevice,
    StateChanged,
    Unanswered,
)
from laserlink.host_driver.identity import Identity
from laserlink.host_driver.power import PowerSource
from laserlink.host_driver.stream import HostStreams
from laserlink.host_driver.timing import HostTimer
from laserlink.protocol import catalogue
from laserlink.protocol.clock import PeerClock
from laserlink.protocol.connection import Connection, Role
from laserlink.protocol.delivery import EventReceiver, RequestClient
from laserlink.protocol.errors import (
    ErrorCode,
    LocalProtocolError,
    MalformedPayload,
    UnsupportedVersion,
)
from laserlink.protocol.frame import OVERHEAD_BYTES, VERSION
from laserlink.protocol.limits import (
    EVENTS_PENDING,
    FRAME_BYTES_MAX,
    FRAME_BYTES_MIN_OFFER,
    RECOVERIES_MAX,
    TO_MODULE_BYTES_MAX,
)
from laserlink.protocol.messages import control, diagnostics, identity, image, link, power
from laserlink.protocol.messages.layout import Request
from laserlink.protocol.prbs import bit_errors
from laserlink.protocol.states import SIDEBAND, LossCause, PowerCause, Seating, seating_of
from laserlink.protocol.states import HostState as S
from laserlink.protocol.timers import (
    ATTACH_DEBOUNCE_NS,
    ATTACH_WATCHDOG_NS,
    FIRST_WORD_NS,
    KEEP_ALIVE_NS,
    KEEP_ALIVES_MISSED_MAX,
    LIGHT_CONFIRM_NS,
    NS_PER_MS,
    RECOVERY_WINDOW_NS,
    RESPONSE_NS,
    TRAINING_MAX_NS,
    TRAINING_MIN_NS,
    Deadlines,
)

__all__ = ["Actions", "Answered", "Attached", "Lost", "ModuleEvent", "NoDevice", "StateChanged", "Unanswered"]

FEATURES = link.Features.RESEND | link.Features.UPDATE | link.Features.FILES | link.Features.RECTANGLES
# How long the phone's rail takes to its new current; USB PD allows half a second, load switches take this.
RAIL_RAMP_NS = 20 * NS_PER_MS
TRAININGS_MAX = 3
# Light is confirmed so often until the module has heard it: one lost ping does not put it out.
LIGHT_REPEAT_NS = LIGHT_CONFIRM_NS // 4


@dataclass
class Training:
    """What was measured of the pattern."""

    frames: int = 0
    bits: int = 0
    bit_errors: int = 0
    attempts: int = 0

    def add(self, message: diagnostics.Prbs31, sequence: int) -> None:
        self.frames += 1
        self.bits += 8 * len(message.pattern)
        self.bit_errors += bit_errors(message.pattern, sequence)


class Actions:
    """The host's parts and its actions; `machine.Host` drives them."""

    def __init__(
        self,
        lanes: tuple[link.LaneOffer, ...],
        draw_session: Callable[[], int],
        source: PowerSource | None = None,
    ) -> None:
        self.state = S.ABSENT
        self.now = 0
        self.light = False
        self.contact = False
        self.shorted = False
        self.spoken = False
        self.heard_ns = 0
        self._silent_bytes = 0
        self.timers: Deadlines[HostTimer] = Deadlines()
        self.connection = Connection(Role.HOST, lanes)
        self.streams = HostStreams(self.connection)
        self.power = source or PowerSource()
        self.controls = HostControls()
        self.events: deque[object] = deque()
        self._draw_session = draw_session
        self._recoveries: deque[int] = deque(maxlen=RECOVERIES_MAX)
        self._renew_session()

    def _renew_session(self) -> None:
        """Everything that a new session forgets."""
        self.requests = RequestClient(self.connection.send, self.connection.resend)
        self.event_receiver = EventReceiver()
        self.clock = PeerClock()
        self.training = Training()
        self.seating = Seating.NOT_SEATED
        self.descriptor: identity.Descriptor | None = None
        self.module_id = 0
        self.listed = False
        self._identity = Identity()
        self._hello_wire = b""
        self._ping_number = 0
        self._light_ping: int | None = None
        self.controls.clear()
        self.streams.reset()

    # --- telling ---

    def tell(self, event: object) -> None:
        """Queue an event for the caller.

        A flood of them is cut: what the module told is counted then, and dropped. What is bounded by itself,
        images above all, is never.
        """
        if len(self.events) >= EVENTS_PENDING and isinstance(event, (ModuleEvent, Lost)):
            self.connection.counters.events_untold += 1
        else:
            self.events.append(event)

    def lose(self, cause: LossCause, text: str, *, final: bool = False) -> None:
        self.tell(Lost(cause, text, final))

    # --- time ---

    @property
    def response_ns(self) -> int:
        return self.connection.extended(RESPONSE_NS, SIDEBAND)

    @property
    def silence_ns(self) -> int:
        return KEEP_ALIVES_MISSED_MAX * self.connection.extended(KEEP_ALIVE_NS, SIDEBAND)

    def give_up_request(self, request: Request) -> None:
        """Never answered, and carried out perhaps: a stream that may run unheard is stopped on resuming."""
        if isinstance(request, (image.StreamStart, image.StreamStop)):
            self.streams.unheard.add(request.channel)
        self.tell(Unanswered(request))

    def submit(self, request: Request) -> Request:
        """Send a request when those before it are answered.

        Raises:
            LocalProtocolError: no frame holds it, or too many wait. Later, there is nobody to be told.
        """
        try:
            # One that need not wait is sent now, and what is wrong with it found out on the way.
            size = 0 if self.requests.idle else OVERHEAD_BYTES + len(bytes(request))
            if size > self.connection.out_bytes_max:
                raise LocalProtocolError(f"{type(request).__name__} takes {size} bytes, over max_frame")
            return self.requests.submit(request, self.now, self.response_ns)
        except ValueError as error:
            raise LocalProtocolError(str(error)) from None

    def send_ping(self) -> None:
        """Keep-alive, and the word on whether the laser is seen."""
        flags = link.PingFlags.LIGHT if self.light else link.PingFlags.NONE
        self._ping_number = (self._ping_number + 1) % (1 << 32)
        self.connection.send(link.Ping(flags, self._ping_number, self.now))
        self.streams.repeat_grants()
        hurried = self.light and self._light_ping is not None
        self.timers.set(HostTimer.PING, self.now + (LIGHT_REPEAT_NS if hurried else KEEP_ALIVE_NS))

    def confirm_light(self) -> None:
        """Light came or went: say so now, and light soon again, until the module has heard it."""
        self._light_ping = (self._ping_number + 1) % (1 << 32)
        self.send_ping()

    def take_pong(self, pong: link.Pong) -> None:
        """Learn of the module's clock, and that it heard of the light."""
        self.clock.add(pong.host_sent_ns, pong.module_received_ns, pong.module_sent_ns, self.now)
        if self._light_ping is not None and (pong.number - self._light_ping) % (1 << 32) < 1 << 31:
            self._light_ping = None

    def watch_silence(self) -> None:
        """Look again when the module may have been silent too long; light does not show that it listens."""
        if self.connection.session and self.state is not S.POWERED:
            self.timers.set(HostTimer.SILENCE, self.heard_ns + self.silence_ns)

    # --- actions: contact ---

    def do_nothing(self, message: object) -> None:
        """The row changes the state, or nothing at all."""

    def do_debounce(self, message: None) -> None:
        self.spoken = False
        self.timers.set(HostTimer.SEATING, self.now + ATTACH_DEBOUNCE_NS)

    def do_leave(self, message: None) -> None:
        """It was never seated."""
        self.timers.clear()

    def do_power_up(self, message: None) -> None:
        """Seated, and no short: 100 mA, and the module has three seconds for its first word."""
        self.power.on()
        self._await_first_word()

    def _await_first_word(self) -> None:
        self._silent_bytes = self.connection.counters.bytes_received
        self.connection.foreign_version = 0
        self.timers.set(HostTimer.FIRST_WORD, self.now + FIRST_WORD_NS)

    def _clear_timers(self) -> None:
        """All but the one that says that the contact is open: nothing that happens meanwhile closes it."""
        self.timers.cancel(*(timer for timer in HostTimer if timer is not HostTimer.DETACH))

    def do_refuse_short(self, message: None) -> None:
        self.power.off()
        self.lose(LossCause.POWER, "the contact pins are shorted", final=True)

    def do_report_no_device(self, message: None) -> None:
        self.power.off()
        heard = self.connection.counters.bytes_received - self._silent_bytes
        self.tell(NoDevice(heard, self.connection.foreign_version))

    def do_detach(self, message: None) -> None:
        """Pulled off: what was complete is kept, everything else forgotten."""
        self._end_session()
        self.timers.cancel(HostTimer.DETACH)
        self._recoveries.clear()
        self.power.off()
        self.connection.reset_lanes()
        self.lose(LossCause.DETACH, "the module was pulled off")

    def _end_session(self) -> None:
        self._clear_timers()
        self.streams.abandon_all(self.now)
        self.take_done_images()
        for request in self.requests.drop():
            self.tell(Unanswered(request))
        self.connection.close()
        self.power.end()
        self._renew_session()

    def take_done_images(self) -> None:
        while (done := self.streams.take_done()) is not None:
            self.tell(done)

    # --- actions: hello and power ---

    def do_greet(self, message: object) -> None:
        """The port speaks LaserLink: a fresh session."""
        self._end_session()
        session = self._draw_session() % (1 << 32) or 1
        first_sequence = self._draw_session() % (1 << 32)
        self.connection.open(session, first_sequence)
        hello = link.Hello(
            features=FEATURES,
            to_module_bytes_max=TO_MODULE_BYTES_MAX,
            to_host_bytes_max=FRAME_BYTES_MAX,
            first_sequence=first_sequence,
            lanes=tuple(self.connection.lanes.values()),
        )
        self._hello_wire = self.connection.send(hello)
        self.timers.set(HostTimer.HELLO, self.now + self.response_ns)
        self.timers.set(HostTimer.ATTACH, self.now + ATTACH_WATCHDOG_NS)

    def repeat_hello(self) -> None:
        """Not answered yet: the same hello again."""
        self.connection.resend(self._hello_wire)
        self.timers.set(HostTimer.HELLO, self.now + self.response_ns)

    def do_greet_again(self, message: object) -> None:
        """The module beacons in the middle of a session: it has restarted."""
        self.lose(LossCause.FIRMWARE, "the module restarted")
        self.do_greet(message)

    def do_offer_power(self, reply: link.HelloReply) -> None:
        """The session stands. Raises UnsupportedVersion or MalformedPayload for an answer that is none."""
        if reply.version != VERSION:
            raise UnsupportedVersion(f"the module wants version {reply.version:#04x}", reply.version)
        sizes = (reply.to_module_bytes_max, reply.to_host_bytes_max)
        offered = (TO_MODULE_BYTES_MAX, FRAME_BYTES_MAX)
        if not all(FRAME_BYTES_MIN_OFFER <= size <= most for size, most in zip(sizes, offered, strict=True)):
            raise MalformedPayload(f"max_frame of {sizes} was not offered", max(sizes))
        self.timers.cancel(HostTimer.HELLO)
        self._take_lanes(reply.lanes)
        self.connection.out_bytes_max, self.connection.in_bytes_max = sizes
        self.connection.features = link.Features(reply.features & FEATURES)
        self.module_id = reply.module_id
        self.event_receiver = EventReceiver(reply.first_sequence)
        self.send_ping()
        self.submit(power.PowerCapabilities(offers=self.power.offers))

    def _take_lanes(self, lanes: tuple[link.LaneOffer, ...]) -> None:
        """The module knows its lines: its rates and codings hold where ours say nothing."""
        told = {offer.kind: offer for offer in lanes}
        self.connection.use_lanes(set(told) | {SIDEBAND})
        for kind, offer in told.items():
            ours = self.connection.lanes.get(kind)
            if ours is not None and not ours.rate_bps:
                self.connection.lanes[kind] = offer

    def do_accept_power(self, reply: power.PowerRequest) -> None:
        self.submit(power.PowerAccept())

    def do_reject_power(self, reply: power.PowerRequest) -> None:
        self.submit(power.PowerReject(cause=PowerCause.RAIL))

    def do_end_refused(self, status: power.PowerStatus) -> None:
        self._end_session()
        self.power.off()
        self.lose(LossCause.POWER, "the module wants more power than the phone gives", final=True)

    def do_raise_rail(self, status: power.PowerStatus) -> None:
        self.power.raise_rail()
        self.timers.set(HostTimer.RAIL, self.now + RAIL_RAMP_NS)

    def do_report_rail(self, message: None) -> None:
        self.submit(power.PowerReady())

    def do_lose_power(self, status: power.PowerStatus) -> None:
        """The contract was revoked: at most 100 mA, and the session goes on without light."""
        self.power.end()
        self.streams.abandon_all(self.now)
        self.lose(LossCause.POWER, "power was revoked")

    def do_report_refusal(self, error: link.Error) -> None:
        cause = ERROR_CAUSES.get(error.code.name, LossCause.PROTOCOL)
        self._end_session()
        self.power.off()
        self.lose(cause, f"the module refused: {error.text}", final=True)

    # --- actions: light ---

    def do_train(self, message: object) -> None:
        """Ask for light and the pattern; the first time as soon as the contract stands."""
        if self.state is S.NEGOTIATING:
            self.power.begin()
        self.timers.cancel(HostTimer.ATTACH)
        self.timers.set(HostTimer.ATTACH, self.now + ATTACH_WATCHDOG_NS)
        self._request_training()

    def _request_training(self) -> None:
        self.timers.cancel(HostTimer.TRAINING)
        self.streams.pause()
        if self.requests.idle:
            self.training = Training(attempts=self.training.attempts)
        self.submit(diagnostics.Train(lane=self.connection.image_lane))

    def do_await_light(self, reply: diagnostics.TrainStarted) -> None:
        self.training = Training(attempts=self.training.attempts + 1)
        self.connection.damaged.clear()
        self.connection.damaged_type = catalogue.BY_MESSAGE[diagnostics.Prbs31].type
        limit = self.connection.extended(TRAINING_MAX_NS, self.connection.image_lane)
        self.timers.set(HostTimer.TRAINING, self.now + limit * 4 // 5)

    def take_pattern(self, message: diagnostics.Prbs31, sequence: int) -> None:
        """Count a frame of the pattern; the first one says when there was enough of it."""
        if self.state is not S.TRAINING:
            return
        if not self.training.frames:
            self.timers.set(HostTimer.TRAINING, self.now + TRAINING_MIN_NS)
        self.training.add(message, sequence)

    def take_damaged_pattern(self) -> None:
        """Count the frames of the pattern that failed their check: what errors there are, are in these."""
        while self.connection.damaged:
            frame = self.connection.damaged.popleft()
            self.take_pattern(diagnostics.Prbs31(frame.payload), frame.sequence)

    def do_report_training(self, message: None) -> None:
        self.connection.damaged_type = None
        measured = self.training
        self.seating = seating_of(measured.bit_errors, measured.bits)
        self.submit(
            diagnostics.TrainResult(
                seating=self.seating,
                frames=measured.frames,
                bits=measured.bits,
                bit_errors=measured.bit_errors,
            )
        )

    def do_train_again(self, message: object) -> None:
        """Dark, or not seated: try again until the watchdog ends it. The third time it is told, once."""
        if self.training.attempts == TRAININGS_MAX:
            seated = self.seating is not Seating.NOT_SEATED
            self.lose(LossCause.OPTICAL, "the laser is not seen" if seated else "the module is not seated")
        self._request_training()

    def do_lose_light(self, event: object) -> None:
        """Optical loss: dark, train again, and images in the middle resume by resend."""
        self.lose(LossCause.OPTICAL, "the laser is not seen")
        self.training.attempts = 0
        self.timers.set(HostTimer.ATTACH, self.now + ATTACH_WATCHDOG_NS)
        self._request_training()

    def do_lose_to_heat(self, event: object) -> None:
        self.lose(LossCause.THERMAL, "the module is too hot to shine")
        self.training.attempts = 0
        self.timers.cancel(HostTimer.ATTACH, HostTimer.TRAINING)
        self.streams.pause()

    def do_await_cooling(self, error: link.Error) -> None:
        """Light was refused: the module says when it has cooled down. One that is astray must restart."""
        self.timers.cancel(HostTimer.ATTACH)
        if error.code is ErrorCode.ILLEGAL_IN_STATE:
            # It carried out what was given up here, as the begin of an update: only a restart brings both
            # ends together again. Counted as a recovery, for it may be to no avail.
            self._recoveries.append(self.now)
            self.submit(link.Reset())
        self.lose(
            ERROR_CAUSES.get(error.code.name, LossCause.PROTOCOL), f"the module refused light: {error.text}"
        )

    def do_resume(self, status: diagnostics.TrainStatus) -> None:
        self.timers.cancel(HostTimer.ATTACH, HostTimer.TRAINING)
        self.training.attempts = 0
        self.streams.resume(self.now)
        for channel in self.streams.take_unheard():
            self.submit(image.StreamStop(channel=channel))
        if not self.listed:
            self.submit(control.ControlList(start=0))

    # --- actions: identity ---

    def do_identify(self, status: diagnostics.TrainStatus) -> None:
        self.timers.cancel(HostTimer.TRAINING)
        self.training.attempts = 0
        self.streams.resume(self.now)
        self._identity = Identity()
        self.submit(identity.DescriptorRead(offset=0))

    def do_take_part(self, part: identity.DescriptorPart) -> None:
        self.submit(identity.DescriptorRead(offset=part.offset + len(part.part)))

    def do_take_last_part(self, part: identity.DescriptorPart) -> None:
        self.descriptor = self._identity.descriptor
        self.timers.cancel(HostTimer.ATTACH)
        self.submit(control.ControlList(start=0))

    def take_descriptor_part(self, part: identity.DescriptorPart) -> bool:
        return self._identity.take(part)

    # --- actions: streams, restarts, losses ---

    def do_follow_stream(self, message: object) -> None:
        """The streams follow the answer by themselves; the state says that one runs."""

    def do_await_restart(self, reply: object) -> None:
        """The module restarts because it was asked to: it beacons when it is up."""
        self._end_session()
        self._await_first_word()

    def do_recover(self, message: object) -> None:
        """The module fell silent: keep asking until the watchdog ends."""
        self._recoveries.append(self.now)
        self.streams.pause()
        for request in self.requests.drop():
            self.give_up_request(request)
        self.timers.cancel(HostTimer.TRAINING, HostTimer.RAIL)
        self.timers.set(HostTimer.ATTACH, self.now + ATTACH_WATCHDOG_NS)
        self.lose(LossCause.TIMEOUT, "the module fell silent")
        self.send_ping()

    def too_many_recoveries(self) -> bool:
        """Whether one more recovery would be more than five in five minutes."""
        return len(self._recoveries) == RECOVERIES_MAX and self.now - self._recoveries[0] < RECOVERY_WINDOW_NS

    def do_give_up(self, message: object) -> None:
        """Nothing came of it: the session is over; the module's next word begins another."""
        self._end_session()
        self.lose(LossCause.TIMEOUT, "the module does not answer")
        self._await_first_word()

    def do_latch(self, event: object) -> None:
        """The module is in a fault, or was lost too often: no power until it is removed."""
        text = event.text if isinstance(event, link.FaultEvent) else "the link was lost too often"
        self._end_session()
        self.power.off()
        self.lose(LossCause.FIRMWARE, text, final=True)


ERROR_CAUSES = {"TOO_HOT": LossCause.THERMAL, "POWER_BUDGET": LossCause.POWER}
