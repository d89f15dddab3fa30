"""The module's state machine: bytes, inputs and time go in; bytes, events and outputs come out. Sans-I/O.

The shell (`serve/`) calls, with its own clock in nanoseconds:

    on_input(input, now)             something physical happened
    receive_data(lane, data, now)    bytes arrived
    on_deadline(now)                 `next_deadline(now)` has come

and after each of these `data_to_send`, `images_to_send` and `next_event` until they give nothing more,
and applies `outputs`. What may happen in which state stands in `table.py`; the actions that it names are in
`actions.py`.
"""

from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Any

from laserlink.firmware_model.actions import Actions
from laserlink.firmware_model.autofocus import FocusMeasured
from laserlink.firmware_model.profile import Profile
from laserlink.firmware_model.runs import ChunkRun
from laserlink.firmware_model.services import SERVICES
from laserlink.firmware_model.stream import ImageReady
from laserlink.firmware_model.table import TABLE, Input
from laserlink.firmware_model.thermal import level_of, slowdown_of
from laserlink.firmware_model.timing import ModuleTimer
from laserlink.protocol.delivery import REPEAT, STALE
from laserlink.protocol.errors import IllegalInState, RemoteProtocolError
from laserlink.protocol.judge import Received
from laserlink.protocol.messages import bulk, diagnostics, identity, image, link, power
from laserlink.protocol.messages.layout import Record, Reply, Request
from laserlink.protocol.messages.power import TemperatureEvent
from laserlink.protocol.states import OPTICAL, LaneKind, Seating, TemperatureLevel
from laserlink.protocol.states import ModuleState as S
from laserlink.protocol.timers import ATTACH_WATCHDOG_NS, DERATE_NOTICE_NS, DETACH_DEBOUNCE_NS, soonest

# What the field of a temperature event holds: a broken sensor reads as far as this.
CENTIDEGREES_MIN, CENTIDEGREES_MAX = -(1 << 15), (1 << 15) - 1


@dataclass(frozen=True)
class Contact:
    """Input: the module snaps on and the pins carry power, or it is pulled off."""

    made: bool


@dataclass(frozen=True)
class Temperature:
    """Input: the temperature at the sensor, in degrees Celsius."""

    celsius: float


@dataclass(frozen=True)
class RingTurned:
    """Input: someone turned the focus ring by so many dioptres."""

    dioptres: float


@dataclass(frozen=True)
class Broken:
    """Input: a self-test failed."""

    text: str


ModuleInput = Contact | Temperature | RingTurned | Broken | ImageReady | FocusMeasured


@dataclass(frozen=True)
class ModuleOutputs:
    """What the module does to the world."""

    laser: bool
    sensor: bool
    draw_ma: int
    limit_ma: int


# Messages that are always the same input; the others are told apart in `_input_of`.
INPUT_OF: dict[type[Record], Input] = {
    link.Reset: Input.RESET,
    power.PowerCapabilities: Input.CAPABILITIES,
    power.PowerAccept: Input.ACCEPT,
    power.PowerReject: Input.REJECT,
    power.PowerWait: Input.WAIT,
    power.PowerReady: Input.POWER_READY,
    power.PowerRevoke: Input.REVOKE,
    diagnostics.Train: Input.TRAIN,
    image.StreamStart: Input.STREAM_START,
    bulk.UpdateBegin: Input.UPDATE_BEGIN,
    bulk.UpdateData: Input.UPDATE_DATA,
    bulk.UpdateEnd: Input.UPDATE_END,
}


# Looked up for every message: an attribute of an enumeration is a call.
READY, STREAMING, TRAINING, RECOVERING, DETACHED = S.READY, S.STREAMING, S.TRAINING, S.RECOVERING, S.DETACHED
# The host knows the controls, and the lens moves by itself.
FOCUSING_STATES = (READY, STREAMING)


class _Expired(Enum):
    """Which input a timer is, when it is one."""

    BOOT = Input.BOOTED
    ATTACH = Input.ATTACH_EXPIRED
    SILENCE = Input.SILENT
    LIGHT = Input.UNLIT
    TRAINING = Input.TRAINING_EXPIRED
    DETACH = Input.REMOVED


class Module(Actions):
    """A camera module. `lanes` are the pipes that its shell has; `first_sequence` is where it counts from."""

    def __init__(
        self, profile: Profile, lanes: tuple[link.LaneOffer, ...], *, first_sequence: int = 0
    ) -> None:
        super().__init__(profile, lanes, first_sequence)
        self._events: deque[object] = deque()

    # --- what the shell calls ---

    def on_input(self, happening: ModuleInput, now: int) -> None:
        """Something physical happened."""
        self.now = now
        match happening:
            case Contact(made):
                self._touch(made)
            case Temperature(celsius):
                self._feel(celsius)
            case RingTurned(dioptres):
                self.focus.turn_ring(dioptres, now)
            case Broken(text):
                self.fault_text = text
                self._step(Input.BROKEN)
            case ImageReady():
                self.streams.image_ready(happening)
            case FocusMeasured():
                self.focus.take(happening)
        self._advance()

    def receive_data(self, lane: LaneKind, data: bytes | bytearray | memoryview, now: int) -> None:
        """Bytes arrived on a lane. A module that is off, or still boots, hears nothing."""
        self.now = now
        if self.state is DETACHED or self.booting:
            return
        for received in self.connection.receive(lane, data, now, self):
            if not self.booting:
                self._handle(received)
        self._advance()

    def data_to_send(self, lane: LaneKind, now: int) -> bytes:
        """The next whole frame for a lane, or nothing. Ask again when it has been written."""
        if lane is OPTICAL and not self.laser:
            return b""
        return self.connection.next_frame(lane)

    def images_to_send(self, lane: LaneKind, buffer: memoryview, now: int) -> int:
        """Write whole frames of images or training into `buffer` (at least max_frame); how many bytes.

        To be called when `data_to_send` has nothing for the lane.
        """
        self.now = now
        if lane not in self.connection.lanes or lane is not self.connection.image_lane or not self.shining:
            return 0
        if self.state is S.TRAINING:
            return self.pattern.fill(self.connection, buffer, now)
        if not self._sends_images:
            return 0
        written = self.streams.fill(buffer, now)
        if written:
            self._advance()
        return written

    @property
    def _sends_images(self) -> bool:
        return self.state is S.STREAMING or (self.state is S.READY and self.identified)

    def chunks_to_send(self, lane: LaneKind, now: int) -> ChunkRun | None:
        """Chunks that may go on a lane which frames them itself; tell `chunks_sent` how many did.

        None: see what `images_to_send` has.
        """
        self.now = now
        if lane is not self.connection.image_lane or not self.shining or not self._sends_images:
            return None
        return self.streams.next_run(now)

    def chunks_sent(self, run: ChunkRun, count: int) -> None:
        """So many chunks of a run have gone."""
        self.connection.counters.bytes_sent += run.sent(count)

    def next_event(self) -> object | None:
        """The next thing that the shell must do or may show: `ExposureWanted`, `UpdateInstalled`."""
        return self._events.popleft() if self._events else None

    def next_deadline(self, now: int) -> int | None:
        """When `on_deadline` wants to be called; None: not before something happens."""
        return soonest(
            self.timers.next(),
            self.connection.gaps.next() if self.connection.gaps else None,
            self.event_sender.due_ns,
            self.streams.next_deadline(now, lit=self.state is STREAMING and self.shining),
            self.pattern.next_ns(now) if self.state is TRAINING else None,
            self._focus_deadline(now) if self.state in FOCUSING_STATES and not self.focus.at_rest else None,
        )

    def _focus_deadline(self, now: int) -> int | None:
        ready_ns = self._sensor_ready_ns if self.focus.looks else None
        return self.focus.next_deadline(now, ready_ns)

    def on_deadline(self, now: int) -> None:
        """Time has passed."""
        self.now = now
        while (timer := self.timers.pop_due(now)) is not None:
            if timer is ModuleTimer.BEACON:
                self.send_beacon()
            elif timer is ModuleTimer.DERATE:
                self.slow_down()
            else:
                self._expire(_Expired[timer.name].value)
        for received in self.connection.on_deadline(now, self):
            self._handle(received)
        self.event_sender.on_deadline(now, self.response_ns)
        self._advance()

    @property
    def outputs(self) -> ModuleOutputs:
        """What the module does to the world now; the interlock is worked out at every look."""
        draw = self.power.draw_ma(
            laser=self.laser,
            gbps=self.streams.gbps if self.laser else 0.0,
            booting=self.booting,
            motor=self.focus.drive.is_moving(self.now),
        )
        powered = self.state is not S.DETACHED
        return ModuleOutputs(self.laser, self.power.sensor_on, draw * powered, self.power.limit_ma * powered)

    # --- inputs ---

    def _step(self, happening: Input, message: Record | None = None) -> Any:
        """Look up the row and follow it; what its action returned (the reply, for a request)."""
        row = TABLE.get((self.state, happening))
        if row is None:
            if message is None:
                return None
            raise IllegalInState(f"{type(message).__name__} in state {self.state.name.lower()}", self.state)
        action, state = row
        result = getattr(self, f"do_{action}")(message)
        self.state = state
        self._after_step()
        return result

    def _after_step(self) -> None:
        if self.state is S.READY or (self.state is S.CONTRACTED and self.identified):
            self.timers.cancel(ModuleTimer.ATTACH)
        self.watch_light()

    def _expire(self, happening: Input) -> None:
        if happening is Input.SILENT and self.too_many_recoveries():
            self.fault_text = "too many recoveries"
            happening = Input.BROKEN
        hot = self.temperature is TemperatureLevel.HOT
        if happening is Input.ATTACH_EXPIRED and hot and (self.state, Input.STILL_HOT) in TABLE:
            happening = Input.STILL_HOT
        self._step(happening)

    def _touch(self, made: bool) -> None:
        """The laser follows the contact at once; everything else waits until it stopped bouncing."""
        self.contact = made
        if not made:
            self.timers.set(ModuleTimer.DETACH, self.now + DETACH_DEBOUNCE_NS)
            return
        self.timers.cancel(ModuleTimer.DETACH)
        if self.state is S.DETACHED:
            self._step(Input.POWER_UP)

    def _feel(self, celsius: float) -> None:
        self.celsius = celsius
        self.controls.feel(celsius)
        before, slowdown_before = self.temperature, self.slowdown
        self.temperature = level_of(celsius, before)
        self.slowdown = slowdown_of(celsius, slowdown_before)
        if (self.temperature, self.slowdown) == (before, slowdown_before):
            return
        if self.temperature is TemperatureLevel.HOT is not before:
            self._step(Input.HOT)
        elif before is TemperatureLevel.HOT is not self.temperature and self.timers.at(ModuleTimer.ATTACH):
            self.timers.set(ModuleTimer.ATTACH, self.now + ATTACH_WATCHDOG_NS)
        centidegrees = max(CENTIDEGREES_MIN, min(CENTIDEGREES_MAX, round(celsius * 100)))
        self.tell(TemperatureEvent(self.temperature, centidegrees))
        if self.slowdown > self.streams.slowdown:
            self.timers.set(ModuleTimer.DERATE, self.now + DERATE_NOTICE_NS)
        else:
            self.slow_down()

    def _advance(self) -> None:
        """Let the lens and the streams go on, and tell when they are done."""
        lit = self.state is STREAMING and self.shining
        # An image names the set that holds what is read of the lens as its exposure begins.
        if self.state in FOCUSING_STATES and (lit or not self.focus.at_rest):
            self._advance_lens(lit)
        if self.streams.by_channel:
            self._events.extend(self.streams.advance(self.now, lit=lit))
            finished = self.streams.take_finished()
            for end in finished:
                self.tell(end)
            if finished:
                self.adjust_streams()
        if self.state is STREAMING and not self.streams.active_channels:
            self._step(Input.STREAMS_DONE)
        if self.overflowed:
            self.overflowed = False
            self.fault_text = "events overflow"
            self._step(Input.BROKEN)
        # A link without an optical lane has no light to watch.
        if self.was_lit or self.connection.image_lane is OPTICAL:
            self.watch_light()
        if self._installed:
            self._events.extend(self.take_installed())

    @property
    def _sensor_ready_ns(self) -> int | None:
        """From when on the sensor can look; None without power for it."""
        return self.streams.sensor_ready_ns if self.power.sensor_on else None

    def _advance_lens(self, lit: bool) -> None:
        ready_ns = self._sensor_ready_ns if self.focus.looks else None
        ready = ready_ns is not None and ready_ns <= self.now
        self._events.extend(self.focus.advance(self.now, sensor_ready=ready))
        if lit and self.streams.is_due(self.now, lit=lit):
            self.focus.tell_changes(self.now)

    # --- messages ---

    def _handle(self, received: Received) -> None:
        message = received.message
        if isinstance(message, link.Hello):
            self._hello(received, message)
            return
        if self.state is RECOVERING:
            self._step(Input.ALIVE)
        if isinstance(message, Request):
            self._serve(received, message)
            return
        try:
            SERVICES[type(message)](self, received, message)
        except RemoteProtocolError as error:
            self.connection.offend(received.frame, error, self.now)

    def _hello(self, received: Received, hello: link.Hello) -> None:
        """The same session again is answered again; another one resets everything."""
        if received.frame.session == self.connection.session and self.state is not S.POWERED:
            self.connection.resend(self.hello_wire)
            return
        self.hello_session = received.frame.session
        try:
            self._step(Input.HELLO, hello)
        except RemoteProtocolError as error:
            self.connection.offend(received.frame, error, self.now)

    def _serve(self, received: Received, request: Request) -> None:
        """Carry a request out once, and answer it as often as it comes."""
        admission = self.request_server.admit(request.request_id)
        if admission is REPEAT:
            if self.request_server.answer:
                self.connection.resend(self.request_server.answer)
            return
        if admission is STALE:
            self.connection.counters.frames_stale += 1
            return
        answer: Record
        try:
            answer = self._carry_out(received, request)
        except RemoteProtocolError as error:
            answer = self._refused(received, request, error)
        self.request_server.answer = self.connection.send(answer)

    def _refused(self, received: Received, request: Request, error: RemoteProtocolError) -> link.Error:
        """Count a refusal; the answer that says it."""
        self.connection.counters.offences[error.code.name] += 1
        return self.connection.error_message(received.frame, error, request.request_id)

    def _carry_out(self, received: Received, request: Request) -> Reply:
        if self.state not in received.row.states:
            raise IllegalInState(f"{type(request).__name__} in state {self.state.name.lower()}", self.state)
        service = SERVICES.get(type(request))
        reply: Reply = (
            service(self, received, request) if service else self._step(self._input_of(request), request)
        )
        return reply

    def _input_of(self, request: Request) -> Input:
        """Which input a request is, given what the module knows besides its state."""
        match request:
            case power.PowerDerate(limit_ma=limit):
                return Input.DERATE if self.power.covers_stream(limit) else Input.DERATE_BELOW_STREAM
            case diagnostics.TrainResult(seating=Seating.NOT_SEATED):
                return Input.TRAINING_FAILED
            case diagnostics.TrainResult():
                if not self.identified:
                    return Input.TRAINED
                return Input.TRAINED_MID_STREAM if self.streams.active_channels else Input.TRAINED_AGAIN
            case identity.DescriptorRead(offset=offset):
                return Input.DESCRIPTOR_END if self.is_descriptor_end(offset) else Input.DESCRIPTOR_READ
            case image.StreamStop(channel=channel):
                others = set(self.streams.active_channels) - {channel}
                return Input.STREAM_STOP if others else Input.STREAM_STOP_LAST
        return INPUT_OF[type(request)]
