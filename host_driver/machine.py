"""The host's state machine: bytes, inputs and time go in; bytes, events and outputs come out. Sans-I/O.

The mirror of `firmware_model/machine.py`, with the same methods. The shell (`lanes/`) calls

    on_input(input, now)             contact, light, a short
    receive_data(lane, data, now)    bytes arrived
    on_deadline(now)                 `next_deadline(now)` has come
    request(message, now)            the user wants something

and after each of these `data_to_send` and `next_event` until they give nothing more.
"""

from dataclasses import dataclass
from typing import Any

from laserlink.host_driver.actions import Actions, Answered, Attached, ModuleEvent, StateChanged, Unanswered
from laserlink.host_driver.controls import batched
from laserlink.host_driver.table import TABLE, Input
from laserlink.host_driver.timing import HostTimer
from laserlink.protocol import catalogue
from laserlink.protocol._accel import Slot
from laserlink.protocol.errors import ErrorCode, LocalProtocolError, RemoteProtocolError
from laserlink.protocol.judge import Received
from laserlink.protocol.limits import CONTROLS_PER_REQUEST
from laserlink.protocol.messages import bulk, control, diagnostics, identity, image, link, power
from laserlink.protocol.messages.control import Value
from laserlink.protocol.messages.layout import Event, Record, Reply, Request
from laserlink.protocol.states import (
    SIDEBAND,
    LaneKind,
    LaserOff,
    LossCause,
    ModuleState,
    PowerPhase,
    Seating,
    TemperatureLevel,
)
from laserlink.protocol.states import HostState as S
from laserlink.protocol.timers import DETACH_DEBOUNCE_NS, soonest


@dataclass(frozen=True)
class Contact:
    """Input: the contact closed or opened; on a plain serial port, the port."""

    made: bool


@dataclass(frozen=True)
class Shorted:
    """Input: what the short check reads before any power is given."""

    shorted: bool


@dataclass(frozen=True)
class Light:
    """Input: the receiver sees the laser, or does not."""

    seen: bool


HostInput = Contact | Shorted | Light


@dataclass(frozen=True)
class HostOutputs:
    """What the host does to the world: the most that the pins carry."""

    rail_ma: int


# Replies whose input depends on nothing but their type; the others are told apart in `_input_of`.
INPUT_OF: dict[type[Record], Input] = {
    link.HelloReply: Input.HELLO_REPLY,
    link.ResetReply: Input.RESTARTING,
    diagnostics.TrainStarted: Input.TRAIN_STARTED,
    image.StreamStarted: Input.STREAM_STARTED,
}

PHASES = {
    PowerPhase.REFUSED: Input.POWER_REFUSED,
    PowerPhase.ACCEPTED: Input.POWER_ACCEPTED,
    PowerPhase.CONTRACTED: Input.POWER_CONTRACTED,
    PowerPhase.DEFAULT: Input.POWER_ENDED,
}

EXPIRED = {
    HostTimer.FIRST_WORD: Input.NO_DEVICE,
    HostTimer.ATTACH: Input.ATTACH_EXPIRED,
    HostTimer.RAIL: Input.RAIL_UP,
    HostTimer.TRAINING: Input.MEASURED,
    HostTimer.DETACH: Input.REMOVED,
}


# Looked up for every message: an attribute of an enumeration is a call.
STREAMING, RECOVERING, SILENCE = S.STREAMING, S.RECOVERING, HostTimer.SILENCE


class Host(Actions):
    """The phone's end of the link. `draw_session` returns random numbers; it is the only chance in here."""

    # --- what the shell calls ---

    def on_input(self, happening: HostInput, now: int) -> None:
        """Something physical happened."""
        self.now = now
        match happening:
            case Contact(made):
                self._touch(made)
            case Shorted(shorted):
                self.shorted = shorted
            case Light(seen):
                self._see(seen)
        self._advance()

    def receive_data(
        self, lane: LaneKind, data: bytes | bytearray | memoryview, now: int, *, more: bool = False
    ) -> int:
        """Bytes arrived on a lane; how many were taken.

        All of them, unless the caller has `more` of the stream at hand: then what is not taken (less than a
        frame) must be shown again, with what follows it.
        """
        self.now = now
        take_images = self.streams.take_images if lane is self.connection.image_lane else None
        for received in self.connection.receive(lane, data, now, self, take_images, more=more):
            self._handle(received)
        if self.connection.damaged:
            self.take_damaged_pattern()
        self._advance()
        return len(data) - self.connection.untaken

    def open_slots(self, lane: LaneKind) -> tuple[int, int, list[Slot]] | None:
        """Session, longest payload, open images: for a lane that places chunks by the kernel itself.

        None: not now. Tell `images_received`; what it does not take goes to `receive_data`.
        """
        return self.streams.open_slots(lane)

    def images_received(self, size: int, now: int) -> None:
        """So many bytes of image frames were placed."""
        self.now = now
        self.connection.counters.bytes_received += size
        self._advance()

    def data_to_send(self, lane: LaneKind, now: int) -> bytes:
        """The next whole frame for a lane, or nothing. Ask again when it has been written."""
        return self.connection.next_frame(lane)

    def next_event(self) -> object | None:
        """The next thing that the caller may want to know."""
        return self.events.popleft() if self.events else None

    def next_deadline(self, now: int) -> int | None:
        """When `on_deadline` wants to be called; None: not before something happens."""
        due = min(self.timers.values()) if self.timers else None
        if self.requests.due_ns is not None and (due is None or self.requests.due_ns < due):
            due = self.requests.due_ns
        if self.connection.gaps or self.streams.by_channel:
            return soonest(due, self.connection.gaps.next(), self.streams.next_deadline())
        return due

    def on_deadline(self, now: int) -> None:
        """Time has passed."""
        self.now = now
        while (timer := self.timers.pop_due(now)) is not None:
            self._expire(timer)
        for received in self.connection.on_deadline(now, self):
            self._handle(received)
        failed = self.requests.on_deadline(now, self.response_ns)
        if failed is not None:
            self.give_up_request(failed)
            self._fall_silent()
        self._advance()

    def request(self, message: Request, now: int) -> Request:
        """Ask the module for something; returns the request with its id, which `Answered` will name.

        Raises:
            LocalProtocolError: the module would refuse it in this state, or too many are waiting.
        """
        self.now = now
        row = catalogue.BY_MESSAGE[type(message)]
        if row.feature and row.feature not in self.connection.features:
            raise LocalProtocolError(f"the module does not take {type(message).__name__}")
        # The module's states have the numbers of the host's; what it has none for is in no row.
        if self.state not in row.states:
            raise LocalProtocolError(f"{type(message).__name__} in state {self.state.name.lower()}")
        return self.submit(message)

    def set_controls(self, values: dict[str, Value], now: int) -> Request:
        """Set controls by name, all or none.

        Raises:
            LocalProtocolError: an unknown name, a wrong type, more than 16 at once, or a wrong state.
        """
        if len(values) > CONTROLS_PER_REQUEST:
            raise LocalProtocolError(f"{len(values)} controls at once, {CONTROLS_PER_REQUEST} are allowed")
        return self.request(control.ControlSet(values=self.controls.encode(values)), now)

    def renegotiate(self, now: int) -> Request:
        """Offer power again, after a revoke. Raises LocalProtocolError."""
        request = self.request(power.PowerCapabilities(offers=self.power.offers), now)
        self._enter(S.NEGOTIATING)
        return request

    @property
    def outputs(self) -> HostOutputs:
        return HostOutputs(self.power.rail_ma)

    # --- inputs ---

    def _step(self, happening: Input, message: Any = None) -> bool:
        """Look up the row and follow it; False when there is none."""
        row = TABLE.get((self.state, happening))
        if row is None:
            return False
        action, state = row
        getattr(self, f"do_{action}")(message)
        self._enter(state)
        return True

    def _enter(self, state: S) -> None:
        if state is not self.state:
            self.state = state
            self.tell(StateChanged(state, self.now))

    def _touch(self, made: bool) -> None:
        """A contact that opens must stay open for a while before it means removal."""
        self.contact = made
        if self.state in (S.ABSENT, S.SEATING):
            self._step(Input.CONTACT if made else Input.REMOVED)
        elif made:
            self.timers.cancel(HostTimer.DETACH)
        else:
            self.timers.set(HostTimer.DETACH, self.now + DETACH_DEBOUNCE_NS)

    def _see(self, seen: bool) -> None:
        """Tell the module at once what is seen.

        Light that is missed makes the module go dark, if it is not yet, and say why: only that says whether
        it is optics, heat or power, so the loss is told when that event comes. A module that says nothing
        more is silent, which is another loss.
        """
        if seen == self.light:
            return
        self.light = seen
        if self.connection.session and self.state is not S.GREETED:
            self.confirm_light()
        if not seen:
            self.streams.pause()
        elif self.state in (S.READY, S.STREAMING):
            self.streams.resume(self.now)

    def _expire(self, timer: HostTimer) -> None:
        match timer:
            case HostTimer.SEATING:
                self._step(Input.SHORTED if self.shorted else Input.SEATED)
                if self.spoken:
                    self._step(Input.FIRST_WORD)
            case HostTimer.HELLO:
                self.repeat_hello()
            case HostTimer.PING:
                self.send_ping()
            case HostTimer.SILENCE if self.now < self.heard_ns + self.silence_ns:
                self.watch_silence()
            case HostTimer.SILENCE:
                self._fall_silent()
            case _:
                self._step(EXPIRED[timer])

    def _fall_silent(self) -> None:
        """The module is not heard, or does not answer; too often, and it is given up."""
        self._step(Input.BROKEN if self.too_many_recoveries() else Input.SILENT)

    def _advance(self) -> None:
        """Let images go on, and tell of those that are done."""
        if self.streams.by_channel:
            if self.streams.advance(self.now, self.heard_ns):
                self.send_ping()
            self.take_done_images()
        if self.state is STREAMING and not self.streams.active:
            self._step(Input.STREAMS_DONE)

    # --- messages ---

    def _handle(self, received: Received) -> None:
        message = received.message
        try:
            if isinstance(message, link.Beacon):
                self._beacon(message)
                return
            if received.lane is SIDEBAND:
                self.heard_ns = self.now
                # It is not set again with each word: it goes on when it is due.
                if SILENCE not in self.timers:
                    self.watch_silence()
                if self.state is RECOVERING:
                    self._step(Input.ALIVE)
            if isinstance(message, (Reply, link.Error)):
                self._answer(message)
            elif isinstance(message, Event):
                self._event(received.frame.sequence, message)
            else:
                self._datagram(received, message)
        except RemoteProtocolError as error:
            self.connection.offend(received.frame, error, self.now)
            self.lose(LossCause.PROTOCOL, str(error))

    def _beacon(self, beacon: link.Beacon) -> None:
        """The first word; in the middle of a session it means that the module restarted."""
        lost_us = beacon.state is ModuleState.RECOVERING and self.connection.session
        if self.state is S.SEATING:
            # One with a supply of its own speaks before it is seated: it need not say it again.
            self.spoken = True
        if self.state is S.SEATING or lost_us:
            return
        if beacon.state is ModuleState.FAULT:
            self._step(Input.BROKEN, link.FaultEvent(text="the module is in a fault"))
        elif not self._step(Input.FIRST_WORD):
            self._step(Input.RESTARTED)

    def _datagram(self, received: Received, message: Record) -> None:
        match message:
            case link.HelloReply():
                self._step(Input.HELLO_REPLY, message)
            case link.Pong():
                self.take_pong(message)
            case diagnostics.Prbs31():
                self.take_pattern(message, received.frame.sequence)
            case image.ImageStart() | image.ImageData() | image.ImageDigests() | image.ImageGone():
                self.streams.take(received.frame.channel, message, self.now)

    def _event(self, sequence: int, message: Event) -> None:
        """Take an event that is the next one, and acknowledge what came so far either way.

        One that comes before the hello reply, which was lost, comes again after it.
        """
        accepted = self.event_receiver.accept(sequence)
        if self.event_receiver.expected is not None:
            self.connection.send(link.Ack(catalogue.EVENT_CHANNEL, self.event_receiver.expected))
        if not accepted:
            return
        match message:
            case image.StreamEnded():
                self.streams.ended(message, self.now)
            case control.ControlChanged():
                self.controls.note(message)
            case power.LaserOffEvent(cause=LaserOff.HOT):
                self._step(Input.HOT, message)
            case power.LaserOffEvent():
                self._step(Input.DARK, message)
            case image.StreamChanged():
                self.streams.changed(message)
            case power.TemperatureEvent(level=level):
                self.power.feel(message)
                self._step(Input.HOT if level is TemperatureLevel.HOT else Input.COOLED, message)
            case link.FaultEvent():
                self._step(Input.BROKEN, message)
        self.tell(ModuleEvent(message))

    def _answer(self, message: Reply | link.Error) -> None:
        """Match an answer with its request, follow it, and send the next request."""
        request = self.requests.answered(message)
        if request is None:
            if isinstance(message, link.Error):
                self.tell(ModuleEvent(message))
            return
        try:
            if not isinstance(request, ASIDE):
                self._follow(request, message)
            self.events.append(Answered(request, message))
        except RemoteProtocolError as error:
            self.tell(Unanswered(request, error))
            raise
        finally:
            if self.requests.waiting:
                self.requests.pump(self.now, self.response_ns)

    def _follow(self, request: Request, reply: Record) -> None:
        """What an answer means for the host's own parts, and for its state."""
        match request, reply:
            case diagnostics.TrainResult(), link.Error():
                self._step(Input.TRAINING_FAILED, reply)
            case _, link.Error():
                # A descriptor that was asked for as light went out is asked for again when it is back.
                late = isinstance(request, identity.DescriptorRead) and self.state is S.CONTRACTED
                if isinstance(request, ATTACH_REQUESTS) and not late:
                    self._refused(reply)
            case control.ControlList(), control.ControlInfos():
                self._take_controls(request, reply)
            case control.ControlSet(values=values), _:
                self.controls.remember(self.module_id, values)
            case image.StreamConfigure(), image.StreamConfigured():
                self.streams.configured(request, reply, self._mode_size(request.mode_id), self.now)
            case image.StreamStart(images=images), image.StreamStarted():
                self.streams.started(images, reply, self.now)
                self._step(Input.STREAM_STARTED, reply)
            case image.StreamStop(), image.StreamStopped():
                self.streams.stopped(reply, self.now)
            case bulk.UpdateBegin(), _:
                self._step(Input.UPDATE_BEGUN, reply)
            case bulk.UpdateEnd(), _:
                self._step(Input.RESTARTING, reply)
            case _:
                if (happening := self._input_of(request, reply)) is not None:
                    self._step(happening, reply)

    def _refused(self, error: link.Error) -> None:
        """The module cannot do what the attach needs; one that is astray too often is given up."""
        astray = error.code is ErrorCode.ILLEGAL_IN_STATE and self.too_many_recoveries()
        self._step(Input.BROKEN if astray else Input.REFUSED, error)

    def _input_of(self, request: Request, reply: Record) -> Input | None:
        """Which input a reply is, given what the host knows besides its state."""
        match request, reply:
            case _, power.PowerRequest():
                return Input.POWER_REQUEST if self.power.judge(reply) else Input.POWER_TOO_MUCH
            case _, power.PowerStatus():
                self.power.status = reply
                return PHASES.get(reply.phase)
            case diagnostics.TrainResult(seating=Seating.NOT_SEATED), _:
                return Input.TRAINING_FAILED
            case _, diagnostics.TrainStatus(resumed=resumed):
                if self.descriptor is None:
                    return Input.TRAINED
                return Input.TRAINED_MID_STREAM if resumed else Input.TRAINED_AGAIN
            case _, identity.DescriptorPart():
                if self.state is not S.IDENTIFYING:
                    return None
                return Input.DESCRIPTOR_END if self.take_descriptor_part(reply) else Input.DESCRIPTOR_PART
        return INPUT_OF.get(type(reply))

    def _mode_size(self, mode_id: int) -> tuple[int, int] | None:
        """Width and height of a mode of the descriptor."""
        modes = self.descriptor.modes if self.descriptor else ()
        return next(((mode.width, mode.height) for mode in modes if mode.id == mode_id), None)

    def _take_controls(self, request: control.ControlList, reply: control.ControlInfos) -> None:
        """The last thing to know of a module; then it is attached, with the settings it had before."""
        following = self.controls.take(request, reply)
        if following is not None:
            self.submit(control.ControlList(start=following))
            return
        if self.listed or self.descriptor is None:
            return
        self.listed = True
        replay = self.controls.to_replay(self.module_id)
        for values in batched(self.controls.encode(replay), CONTROLS_PER_REQUEST):
            self.submit(control.ControlSet(values=values))
        self.tell(Attached(self.descriptor, bool(replay)))


# Requests that only whoever asked cares for.
ASIDE = (control.ControlGet, diagnostics.Echo, link.CountersRead, bulk.FileRead)

# Requests that the host makes by itself on the way to ready; a refusal of one ends the attach.
ATTACH_REQUESTS = (
    power.PowerCapabilities, power.PowerAccept, power.PowerReady, diagnostics.Train,
    identity.DescriptorRead,
)  # fmt: skip
