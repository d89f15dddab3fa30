"""What must hold in a simulated session, whatever happens: rules that watch both ends from outside.

Each checker sees every event of the host and looks at both ends after every step. It knows what was exposed
and what was asked for, which no machine does, and reports what is not as it should be.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from laserlink.firmware_model.controls import EXPOSURE_TIME
from laserlink.firmware_model.machine import Module
from laserlink.firmware_model.profile import Profile
from laserlink.firmware_model.stream import REPEATS_MAX
from laserlink.firmware_model.thermal import Hysteresis
from laserlink.host_driver.assembly import ImageDone
from laserlink.host_driver.events import Answered, Attached, Lost, ModuleEvent, StateChanged, Unanswered
from laserlink.host_driver.machine import Host
from laserlink.protocol.connection import Connection
from laserlink.protocol.judge import Received
from laserlink.protocol.limits import (
    EVENTS_PENDING,
    EVENTS_QUEUED,
    FRAME_BYTES_MAX,
    IMAGES_IN_FLIGHT,
    QUEUE_FRAMES_MAX,
)
from laserlink.protocol.messages import image
from laserlink.protocol.messages.control import ControlSet, ControlSetReply, decode_value
from laserlink.protocol.messages.layout import Reply, Request
from laserlink.protocol.messages.link import LaneOffer
from laserlink.protocol.states import HostState, LossCause, ModuleState, StreamEnd, TemperatureLevel
from laserlink.protocol.timers import LIGHT_CONFIRM_NS, NS_PER_MS
from laserlink.tools.simulated_app import App
from laserlink.tools.stepper import Stepper

DARK_NS = 350 * NS_PER_MS
HOT_C = Hysteresis.HOT.value[0]
DEFAULT_MA = 100
PIXELS_PERIOD = 65_521
# Buffers are looked at every so many steps: they cannot grow past a limit and back in between unnoticed.
BUFFERS_EVERY = 8


def exposure_us_of(request: ControlSet) -> int | None:
    """The exposure time that a request sets, if it does: what tells one set of the app from all others."""
    found = [item for item in request.values if item.id == EXPOSURE_TIME]
    return int(decode_value(found[-1].type, found[-1].value)) if found else None  # type: ignore[arg-type]


@dataclass(frozen=True)
class SetTaken:
    """A request that set controls and was carried out: what it set, and what was in force behind it."""

    boot: int
    session: int
    set_id: int
    exposure_us: int | None
    in_force_us: int


class WatchedModule(Module):
    """The module, with a window: which sets it carried out, and when it heard which keep-alive."""

    def __init__(
        self, profile: Profile, lanes: tuple[LaneOffer, ...], *, first_sequence: int = 0, number: int = 0
    ) -> None:
        super().__init__(profile, lanes, first_sequence=first_sequence)
        self.number = number
        self.ping_ns = 0
        self.light_confirmed = False
        self.sets_taken: list[SetTaken] = []

    def heard_ping(self, sees_light: bool) -> None:
        self.ping_ns = self.now
        self.light_confirmed |= sees_light
        super().heard_ping(sees_light)

    def _carry_out(self, received: Received, request: Request) -> Reply:
        reply = super()._carry_out(received, request)
        if isinstance(request, ControlSet):
            controls = self.controls
            in_force_us = int(controls.values[EXPOSURE_TIME])
            exposure_us = exposure_us_of(request)
            session = self.connection.session
            self.sets_taken.append(
                SetTaken(self.boot_count, session, controls.set_id, exposure_us, in_force_us)
            )
        return reply


@dataclass(frozen=True)
class Violation:
    """A rule that was broken, when (ns), and how."""

    rule: str
    at_ns: int
    text: str

    def __str__(self) -> str:
        return f"{self.rule} at {self.at_ns / NS_PER_MS:.3f} ms: {self.text}"


@dataclass(frozen=True)
class Exposure:
    """What was in front of the sensor: pixels that no other exposure of the session has.

    Made by its number when they are looked at, as a hundred megapixels are too many to keep.
    """

    number: int
    width: int
    height: int
    bits: int

    def pixels(self) -> NDArray[np.uint16]:
        """Shape (height, width). It repeats after a prime number of pixels, so no two chunks are alike."""
        count = min(PIXELS_PERIOD, self.height * self.width)
        places = np.arange(count, dtype=np.uint32) + np.uint32(self.number * 0x9E3779 % (1 << 32))
        levels = (places * np.uint32(2654435761) >> np.uint32(7)) & np.uint32((1 << self.bits) - 1)
        return np.resize(levels.astype(np.uint16), (self.height, self.width))


@dataclass
class Watched:
    """What the checkers look at. `truth` holds every exposure by (session, channel, image id)."""

    stepper: Stepper
    app: App
    truth: dict[tuple[int, int, int], Exposure] = field(default_factory=dict)
    happened: set[str] = field(default_factory=set)
    violations: list[Violation] = field(default_factory=list)
    images_exact: int = 0
    images_incomplete: int = 0
    image_bytes: int = 0
    streaming_ns: int = 0
    wrong_bytes: int = 0
    hangs: int = 0
    session: int = 0

    def report(self, rule: str, text: str) -> None:
        self.violations.append(Violation(rule, self.stepper.now, text))


class Checker:
    """One rule, or a few that belong together."""

    def __init__(self, watched: Watched) -> None:
        self.watched = watched

    @property
    def stepper(self) -> Stepper:
        return self.watched.stepper

    def on_event(self, event: object) -> None:
        """The host told something."""

    def on_step(self) -> None:
        """Something happened."""


class Images(Checker):
    """Every image once, exact outside of its gaps, black inside of them, and none that nobody took.

    An image without a start frame is one gap although its pixels are there; then they must be true.
    """

    def __init__(self, watched: Watched) -> None:
        super().__init__(watched)
        self._delivered: set[tuple[int, int, int]] = set()

    def on_event(self, event: object) -> None:
        if not isinstance(event, ImageDone):
            return
        key = (self.watched.session, event.channel, event.image_id)
        if key in self._delivered:
            self.watched.report("delivered once", f"image {key} came twice")
        self._delivered.add(key)
        missing = np.zeros(event.picture.size, bool)
        for gap in event.gaps:
            if gap.reason.startswith("no start frame"):
                continue
            first = gap.offset * 8 // event.layout.bits
            missing[first : first + gap.length * 8 // event.layout.bits] = True
        truth = self.watched.truth.get(key)
        if truth is None and not missing.all():
            self.watched.report("nothing stale", f"image {key} was never taken in this session")
        elif truth is not None:
            self._compare(event, truth.pixels(), missing)
        self.watched.image_bytes += 0 if event.gaps else event.layout.coded_bytes
        self.watched.images_exact += not event.gaps
        self.watched.images_incomplete += bool(event.gaps)

    def _compare(self, done: ImageDone, truth: NDArray[np.uint16], missing: NDArray[np.bool_]) -> None:
        pixels = done.picture.reshape(-1)
        if pixels.size != truth.size:
            self.watched.report("exact or a true gap", f"image {done.image_id} has another size")
            return
        wrong = int(np.count_nonzero((pixels != truth.reshape(-1)) & ~missing)) * 2
        self.watched.wrong_bytes += wrong
        if wrong:
            self.watched.report("exact or a true gap", f"image {done.image_id}: {wrong} wrong bytes")
        if pixels[missing].any():
            self.watched.report("exact or a true gap", f"image {done.image_id}: something lies in a gap")


@dataclass
class _Run:
    """A run of a stream: what began it, how many images were asked for (0: no end), were sent, and came."""

    session: int
    start_id: int
    images: int
    sent: int | None = None
    complete: bool = False
    came: int = 0


class Runs(Checker):
    """A stream that the host did not stop has delivered every image that was sent, whole or not.

    One that ended by itself has sent all that were asked for.
    """

    def __init__(self, watched: Watched) -> None:
        super().__init__(watched)
        self._runs: dict[int, _Run] = {}

    def on_event(self, event: object) -> None:
        match event:
            case Answered(image.StreamStart(channel=channel, images=images), image.StreamStarted() as reply):
                self._runs[channel] = _Run(self.watched.session, reply.request_id, images)
            case Answered(image.StreamStop(channel=channel) | image.StreamConfigure(channel=channel)):
                self._runs.pop(channel, None)
            case ModuleEvent(image.StreamEnded() as ended) if ended.channel in self._runs:
                run = self._runs[ended.channel]
                if ended.start_id == run.start_id:
                    run.sent, run.complete = ended.images, ended.end is StreamEnd.COMPLETE
            case ImageDone(channel=channel) if channel in self._runs:
                self._runs[channel].came += 1

    def on_step(self) -> None:
        host = self.stepper.host
        for channel, run in list(self._runs.items()):
            if host.connection.session != run.session:
                del self._runs[channel]
            elif run.sent is not None and not _is_active(host, channel):
                del self._runs[channel]
                if run.came < run.sent or (run.complete and not run.came == run.sent == run.images):
                    text = f"{run.came} of {run.sent} sent images on channel {channel}"
                    self.watched.report("every image delivered", text)


class Streaming(Checker):
    """How long the host streams: no rule, but the time against which image bytes are counted."""

    def __init__(self, watched: Watched) -> None:
        super().__init__(watched)
        self._since_ns: int | None = None

    def on_event(self, event: object) -> None:
        if not isinstance(event, StateChanged):
            return
        if event.state is HostState.STREAMING:
            self._since_ns = event.at_ns
        elif self._since_ns is not None:
            self.watched.streaming_ns += event.at_ns - self._since_ns
            self._since_ns = None


def _is_active(host: Host, channel: int) -> bool:
    stream = host.streams.by_channel.get(channel)
    return stream is not None and stream.active


class Controls(Checker):
    """Each set of controls takes effect once, on the module that it was meant for; what is answered did."""

    def __init__(self, watched: Watched) -> None:
        super().__init__(watched)
        self._last_id: dict[tuple[int, int], int] = {}
        self._taken: set[tuple[int, int, int, int]] = set()

    def on_event(self, event: object) -> None:
        match event:
            case Answered(ControlSet() as asked, ControlSetReply()):
                value = exposure_us_of(asked)
                taken = {(session, taken) for _, _, session, taken in self._taken}
                if value is not None and (self.watched.session, value) not in taken:
                    self.watched.report("controls once", f"{value} was answered, and is not in force")

    def on_step(self) -> None:
        module = self.stepper.module
        if isinstance(module, WatchedModule) and module.sets_taken:
            for taken in module.sets_taken:
                self._took(module, taken)
            module.sets_taken.clear()

    def _took(self, module: WatchedModule, taken: SetTaken) -> None:
        boot = (module.number, taken.boot)
        if taken.set_id <= self._last_id.get(boot, 0):
            self.watched.report("controls once", f"set {taken.set_id} follows {self._last_id[boot]}")
        self._last_id[boot] = taken.set_id
        if taken.exposure_us is None:
            return
        if taken.in_force_us != taken.exposure_us:
            self.watched.report("controls once", f"{taken.in_force_us} is in force, not {taken.exposure_us}")
        key = (*boot, taken.session, taken.exposure_us)
        if key in self._taken:
            self.watched.report("controls once", f"{taken.exposure_us} took effect twice")
        self._taken.add(key)
        meant_for = self.watched.app.settings.get(taken.exposure_us)
        if meant_for is not None and meant_for != module.profile.identity.module_id:
            self.watched.report("nothing stale", f"{taken.exposure_us} was meant for module {meant_for:x}")


class Answers(Checker):
    """A request is answered once, or said to be unanswered once; who is attached is who is there."""

    def __init__(self, watched: Watched) -> None:
        super().__init__(watched)
        self._over: dict[int, object] = {}

    def on_event(self, event: object) -> None:
        if isinstance(event, Answered | Unanswered):
            if id(event.request) in self._over:
                self.watched.report("answered once", type(event.request).__name__)
            self._over[id(event.request)] = event.request
        if isinstance(event, Attached):
            here = self.stepper.module.profile.identity.module_id
            if event.descriptor.module_id != here:
                self.watched.report("nothing stale", f"module {event.descriptor.module_id:x} is not here")


class Losses(Checker):
    """A loss has a cause, and the cause is something that happened."""

    CAUSES: ClassVar[dict[LossCause, set[str]]] = {
        LossCause.DETACH: {"contact"},
        LossCause.THERMAL: {"HEAT"},
        LossCause.POWER: {"DERATE", "REVOKE"},
        LossCause.NONE: set(),
    }

    def on_event(self, event: object) -> None:
        if isinstance(event, Lost):
            needed = self.CAUSES.get(event.cause)
            if needed is not None and not needed & self.watched.happened:
                self.watched.report("typed, true loss", f"{event.cause.name}: {event.text}")


class Laser(Checker):
    """Light only while contact and contract and keep-alive and not hot and not updating or in fault."""

    DARK_STATES = frozenset(ModuleState) - {
        ModuleState.TRAINING, ModuleState.IDENTIFYING, ModuleState.READY, ModuleState.STREAMING,
    }  # fmt: skip

    def __init__(self, watched: Watched) -> None:
        super().__init__(watched)
        self._lit_ns: int | None = None

    def on_step(self) -> None:
        module = self.stepper.module
        if not isinstance(module, WatchedModule) or self.stepper.module_stopped:
            return
        if not module.laser:
            self._lit_ns = None
            module.light_confirmed = False
            return
        now = self.stepper.module_clock.local(self.stepper.now)
        self._lit_ns = now if self._lit_ns is None else self._lit_ns
        unconfirmed_ns = 0 if module.light_confirmed else now - self._lit_ns
        for broken, text in (
            (not self.stepper.contact, "without contact"),
            (not module.power.contracted, "without a contract"),
            (module.celsius >= HOT_C, "while hot"),
            (module.temperature is TemperatureLevel.HOT, "before it has cooled"),
            (module.state in self.DARK_STATES, f"while {module.state.name.lower()}"),
            (unconfirmed_ns > LIGHT_CONFIRM_NS, "that nobody confirmed"),
            (now - max(module.ping_ns, self._lit_ns) > DARK_NS, "without a keep-alive"),
        ):
            if broken:
                self.watched.report("laser", f"light {text}")


class Power(Checker):
    """The module draws no more than it may; the phone gives nothing unseated, little without a contract."""

    UNPOWERED = frozenset({HostState.ABSENT, HostState.SEATING, HostState.FAULT})
    DEFAULT = frozenset({HostState.POWERED, HostState.GREETED})

    def __init__(self, watched: Watched) -> None:
        super().__init__(watched)
        self._seen: tuple[object, ...] = ()

    def on_step(self) -> None:
        """Judge what all of it depends on, when that has changed: `outputs` takes a while to work out."""
        module, host = self.stepper.module, self.stepper.host
        sink = module.power
        seen = (
            host.state, host.power.rail_ma, module.state, module.contact, module.temperature, sink.phase,
            sink.limit_ma, module.streams.gbps, module,
        )  # fmt: skip
        if seen != self._seen:
            self._seen = seen
            self._judge(module, host)

    def _judge(self, module: Module, host: Host) -> None:
        outputs = module.outputs
        rail_ma = host.outputs.rail_ma
        for broken, text in (
            (outputs.draw_ma > max(outputs.limit_ma, DEFAULT_MA), f"{outputs.draw_ma} mA are drawn"),
            (host.state in self.UNPOWERED and rail_ma > 0, f"{rail_ma} mA while {host.state.name.lower()}"),
            (host.state in self.DEFAULT and rail_ma > DEFAULT_MA, f"{rail_ma} mA without a contract"),
            (outputs.sensor and not module.power.contracted, "the sensor without a contract"),
        ):
            if broken:
                self.watched.report("power", text)


class Buffers(Checker):
    """Nothing grows beyond its limit."""

    def __init__(self, watched: Watched) -> None:
        super().__init__(watched)
        self._steps = 0

    def on_step(self) -> None:
        self._steps += 1
        if self._steps % BUFFERS_EVERY:
            return
        host, module = self.stepper.host, self.stepper.module
        sizes = [
            ("events of the host", len(host.events), EVENTS_PENDING),
            ("events of the module", len(module.event_sender._queue), EVENTS_QUEUED),
            *_connection_sizes(host.connection),
            *_connection_sizes(module.connection),
            *(
                ("open images", len(stream.open), IMAGES_IN_FLIGHT)
                for stream in host.streams.by_channel.values()
            ),
        ]
        for stream in module.streams.by_channel.values():
            sizes.append(("images on their way", len(stream.jobs), IMAGES_IN_FLIGHT))
            sizes.append(("images kept", len(stream.kept), IMAGES_IN_FLIGHT))
            sizes.append(("parts to repeat", len(stream.repeats), REPEATS_MAX))
        for name, size, limit in sizes:
            if size > limit:
                self.watched.report("buffers", f"{size} {name}, {limit} are allowed")


def _connection_sizes(connection: Connection) -> list[tuple[str, int, int]]:
    name = connection.role.name.lower()
    undecided = max(framer.pending for framer in connection._framers.values())
    queued = max(sum(map(len, queues)) for queues in connection._queues.values())
    return [
        (f"bytes undecided at the {name}", undecided, FRAME_BYTES_MAX),
        (f"frames queued at the {name}", queued, QUEUE_FRAMES_MAX),
    ]


CHECKERS: tuple[Callable[[Watched], Checker], ...] = (
    Images, Runs, Streaming, Controls, Answers, Losses, Laser, Power, Buffers,
)  # fmt: skip
