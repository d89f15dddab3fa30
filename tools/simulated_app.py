"""An app on a simulated phone: it wishes for settings and pictures, one wish after the other.

It does what a patient user would: asks only when the host allows it, goes on with the next wish when one
comes to nothing, offers power again after a revoke, and snaps the module off and on when the host is latched.
Nothing in here waits: `poll` is called after every step.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field

from laserlink.firmware_model.bulk import digest_of
from laserlink.host_driver.events import Answered, Lost, Unanswered
from laserlink.host_driver.machine import Host
from laserlink.protocol.errors import LocalProtocolError
from laserlink.protocol.messages import bulk, control, diagnostics, image, link
from laserlink.protocol.messages.layout import Record, Request
from laserlink.protocol.states import HostState, LossCause
from laserlink.protocol.timers import NS_PER_MS, NS_PER_S
from laserlink.tools.fault_profiles import Wish, Wished
from laserlink.tools.stepper import Stepper

WISH_NS = 3 * NS_PER_S
IMAGE_NS = 200 * NS_PER_MS
LATCHED_NS = 100 * NS_PER_MS
OFFER_AGAIN_NS = 50 * NS_PER_MS
UNPLUGGED_NS = 50 * NS_PER_MS
ENDLESS_NS = 60 * NS_PER_MS
CHANNELS = (2, 3)
EXPOSURE_US_FIRST = 100
FIRMWARE = bytes(range(256)) * 3

Condition = Callable[[], bool]
Doing = Generator[Condition, None, None]


@dataclass(eq=False)
class Asked:
    """A request on its way: its answer, or that there is none."""

    request: Request
    reply: Record | None = None
    over: bool = False


@dataclass
class App:
    """Carries out wishes. `settings`: to which module each exposure time was given; none comes twice.

    `refusals` counts what was asked for in vain: the host or the module refused it, or it was never answered.
    """

    stepper: Stepper
    wishes: Sequence[Wished]
    settings: dict[int, int] = field(default_factory=dict)
    done: int = 0
    refusals: int = 0
    _asked: list[Asked] = field(default_factory=list)
    _latched_ns: int | None = None
    _unplugged_ns: int | None = None
    _offer_ns: int | None = None
    _revoked_session: int = 0

    def __post_init__(self) -> None:
        self._doing = self._carry_out()
        self._until: Condition = next(self._doing)
        self._deadline_ns: int | None = None

    @property
    def host(self) -> Host:
        return self.stepper.host

    @property
    def idle(self) -> bool:
        """Whether every wish was carried out, or came to nothing."""
        return self.done == len(self.wishes)

    @property
    def _time(self) -> int:
        return self.stepper.host_clock.local(self.stepper.now)

    # --- what the simulator calls ---

    def note(self, event: object) -> None:
        """An event of the host."""
        if isinstance(event, Answered | Unanswered):
            for asked in [item for item in self._asked if item.request is event.request]:
                asked.over = True
                asked.reply = event.reply if isinstance(event, Answered) else None
                self.refusals += asked.reply is None or isinstance(asked.reply, link.Error)
                self._asked.remove(asked)
        if isinstance(event, Lost) and event.cause is LossCause.POWER and not event.final:
            self._offer_ns = self.stepper.now + OFFER_AGAIN_NS
            self._revoked_session = self.host.connection.session

    def forget(self) -> None:
        """The host restarted: what was asked is not answered any more."""
        for asked in self._asked:
            asked.over = True
        self._asked.clear()

    def poll(self) -> None:
        """Go on, as far as what is waited for has come."""
        if self.stepper.host_stopped:
            return
        self._tend()
        while self._until() or (self._deadline_ns is not None and self.stepper.now >= self._deadline_ns):
            self._until = next(self._doing)

    def next_time(self) -> int | None:
        """When `poll` wants to be called though nothing happens."""
        if self.stepper.host_stopped:
            return None
        due = [self._offer_ns, self._unplugged_ns, self._latched_ns, self._deadline_ns]
        return min((at for at in due if at is not None), default=None)

    # --- care ---

    def _tend(self) -> None:
        """Power after a revoke, a restart after half an update, and off and on again after a latch."""
        now = self.stepper.now
        if self._unplugged_ns is not None and now >= self._unplugged_ns:
            self._unplugged_ns = None
            self.stepper.snap_on()
        if self._offer_ns is not None and now >= self._offer_ns:
            self._offer_ns = None
            self._offer_power()
        if self._deadline_ns is None and self.host.state is HostState.STREAMING and self.host.requests.idle:
            self._stop_endless()
        if self.host.state is not HostState.FAULT or not self.stepper.contact:
            self._latched_ns = None
        elif self._latched_ns is None:
            self._latched_ns = now + LATCHED_NS
        elif now >= self._latched_ns:
            self._latched_ns, self._unplugged_ns = None, now + UNPLUGGED_NS
            self.stepper.pull_off()

    def _stop_endless(self) -> None:
        """A stream without an end, whose wish came to nothing before it could be stopped."""
        for channel in CHANNELS:
            stream = self.host.streams.by_channel.get(channel)
            if stream is not None and stream.active and not stream.images_wanted:
                self.ask(image.StreamStop(0, channel))

    def _offer_power(self) -> None:
        session = self.host.connection.session
        if self.host.state is HostState.GREETED and session == self._revoked_session != 0:
            self.host.renegotiate(self._time)
            self.stepper.settle()

    # --- wishes ---

    def _carry_out(self) -> Doing:
        while True:
            yield lambda: not self.idle and self._ready
            wished = self.wishes[self.done]
            self._deadline_ns = self.stepper.now + WISH_NS + wished.count * IMAGE_NS
            yield from WISHES[wished.kind](self, wished)
            self._deadline_ns = None
            self.done += 1

    @property
    def _ready(self) -> bool:
        return self.host.state is HostState.READY and self.host.requests.idle and self.host.listed

    def ask(self, message: Request) -> Asked:
        """Ask for something; `over` at once when the host refuses to."""
        asked = Asked(message)
        try:
            asked.request = self.host.request(message, self._time)
            self._asked.append(asked)
            self.stepper.settle()
        except LocalProtocolError:
            asked.over = True
            self.refusals += 1
        return asked

    def _set(self, wished: Wished) -> Doing:
        value = EXPOSURE_US_FIRST + len(self.settings)
        try:
            values = self.host.controls.encode({"ExposureTime": value})
        except LocalProtocolError:
            self.refusals += 1
            return
        self.settings[value] = self.host.module_id
        asked = self.ask(control.ControlSet(values=values))
        yield lambda: asked.over

    def _get(self, wished: Wished) -> Doing:
        asked = self.ask(control.ControlGet(0, (control.ControlId(1), control.ControlId(2))))
        yield lambda: asked.over

    def _echo(self, wished: Wished) -> Doing:
        asked = self.ask(diagnostics.Echo(data=b"echo"))
        yield lambda: asked.over

    def _start(self, wished: Wished, channel: int, images: int) -> Generator[Condition, None, bool]:
        layout = (wished.bits, 0, 0, wished.width, wished.height)
        configure = self.ask(image.StreamConfigure(0, channel, wished.mode_id, *layout))
        yield lambda: configure.over
        if not isinstance(configure.reply, image.StreamConfigured):
            return False
        start = self.ask(image.StreamStart(0, channel, images))
        yield lambda: start.over
        return isinstance(start.reply, image.StreamStarted)

    def _capture(self, wished: Wished) -> Doing:
        yield from self._start(wished, CHANNELS[0], wished.count)
        yield lambda: not self.host.streams.active

    def _pair(self, wished: Wished) -> Doing:
        for channel in CHANNELS:
            yield from self._start(wished, channel, wished.count)
        yield lambda: not self.host.streams.active

    def _endless(self, wished: Wished) -> Doing:
        if not (yield from self._start(wished, CHANNELS[0], 0)):
            return
        enough = self.stepper.now + ENDLESS_NS * wished.count
        yield lambda: self.stepper.now >= enough
        stop = self.ask(image.StreamStop(0, CHANNELS[0]))
        yield lambda: stop.over

    def _reset(self, wished: Wished) -> Doing:
        asked = self.ask(link.Reset())
        yield lambda: asked.over

    def _update(self, wished: Wished) -> Doing:
        pieces: list[Request] = [bulk.UpdateBegin(0, len(FIRMWARE), digest_of(FIRMWARE))]
        pieces += [bulk.UpdateData(0, at, FIRMWARE[at : at + 128]) for at in range(0, len(FIRMWARE), 128)]
        for piece in [*pieces, bulk.UpdateEnd()]:
            asked = self.ask(piece)
            yield lambda asked=asked: asked.over  # type: ignore[misc]
            if asked.reply is None or isinstance(asked.reply, link.Error):
                break
        if self.host.state is HostState.UPDATING:
            yield from self._reset(wished)


WISHES: dict[Wish, Callable[[App, Wished], Doing]] = {
    Wish.SET: App._set,
    Wish.GET: App._get,
    Wish.ECHO: App._echo,
    Wish.CAPTURE: App._capture,
    Wish.PAIR: App._pair,
    Wish.ENDLESS: App._endless,
    Wish.RESET: App._reset,
    Wish.UPDATE: App._update,
}
