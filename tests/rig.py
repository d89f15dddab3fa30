"""Shared builders: both machines on one stepper, and filters that hurt single frames on a wire."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from laserlink.firmware_model.machine import Broken, Module
from laserlink.firmware_model.profile import Profile, load_profile
from laserlink.firmware_model.stream import ExposureWanted, PackedImage
from laserlink.host_driver.actions import Answered, Attached, Lost, StateChanged
from laserlink.host_driver.assembly import ImageDone
from laserlink.host_driver.machine import Host
from laserlink.protocol import catalogue
from laserlink.protocol.frame import OVERHEAD_BYTES, Frame
from laserlink.protocol.framer import Framer
from laserlink.protocol.messages import bulk, image
from laserlink.protocol.messages.layout import Record, Request
from laserlink.protocol.messages.link import LaneOffer
from laserlink.protocol.states import HostState as H
from laserlink.protocol.states import LaneDirection, LaneKind, LineCoding
from laserlink.protocol.states import ModuleState as M
from laserlink.protocol.timers import NS_PER_MS, NS_PER_S
from laserlink.tools.stepper import Stepper, Wire

SIDEBAND, OPTICAL = LaneKind.SIDEBAND, LaneKind.OPTICAL
CHANNEL = 2
ATTACH_NS = 6 * NS_PER_S
MS, S = NS_PER_MS, NS_PER_S
Event = TypeVar("Event")

TWO_LANES = (
    LaneOffer(0, SIDEBAND, LaneDirection.BOTH, LineCoding.UART_8N1, 3_000_000, 0),
    LaneOffer(1, OPTICAL, LaneDirection.MODULE_TO_HOST, LineCoding.NONE, 10_000_000_000, 0),
)


def one_lane(rate_bps: int = 3_000_000, latency_us: int = 0) -> tuple[LaneOffer, ...]:
    """One serial lane that carries everything."""
    return (LaneOffer(0, SIDEBAND, LaneDirection.BOTH, LineCoding.UART_8N1, rate_bps, latency_us),)


@dataclass
class Sessions:
    """Session numbers in order: what a test calls random."""

    last: int = 0x1000

    def __call__(self) -> int:
        self.last += 1
        return self.last


def pixels_of(wanted: ExposureWanted) -> NDArray[np.uint16]:
    """Pixels that differ everywhere, and from one image to the next: shape (height, width)."""
    _, _, width, height = wanted.request.region
    seed = np.uint32((wanted.image_id * 977 + wanted.channel * 131) % (1 << 32))
    values = (np.arange(width * height, dtype=np.uint32) + seed) * np.uint32(2654435761) >> np.uint32(7)
    return (values & np.uint32((1 << wanted.request.bits) - 1)).astype(np.uint16).reshape(height, width)


class Rig:
    """A host and a module on a stepper. `truth` holds the pixels of every exposure by (channel, image id)."""

    def __init__(
        self,
        lanes: tuple[LaneOffer, ...] = TWO_LANES,
        profile: str | Profile = "mos-100mp",
        *,
        self_powered: bool = False,
        host: Host | None = None,
        first_sequence: int = 0,
    ) -> None:
        self.profile = load_profile(profile) if isinstance(profile, str) else profile
        self.lanes = lanes
        self.host = host or Host(lanes, Sessions())
        self.module = Module(self.profile, lanes, first_sequence=first_sequence)
        self.truth: dict[tuple[int, int], NDArray[np.uint16]] = {}
        self.exposures: list[tuple[int, ExposureWanted]] = []
        self.stepper = Stepper(self.host, self.module, self.expose, self_powered=self_powered)

    def expose(self, wanted: ExposureWanted) -> PackedImage:
        pixels = pixels_of(wanted)
        self.exposures.append((self.stepper.now, wanted))
        self.truth[wanted.channel, wanted.image_id] = pixels
        return PackedImage.of(pixels, wanted.layout)

    def fork(self) -> "Rig":
        """The same rig at the same moment, going its own way from here."""
        return copy.deepcopy(self, {id(self.profile): self.profile})

    # --- time and events ---

    @property
    def now(self) -> int:
        return self.stepper.now

    @property
    def events(self) -> list[object]:
        return self.stepper.events

    def told(self, kind: type[Event]) -> list[Event]:
        """Every event of a kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    def losses(self) -> list[str]:
        return [lost.cause.name for lost in self.told(Lost)]

    def states(self) -> list[H]:
        return [event.state for event in self.told(StateChanged)]

    def until(self, condition: Callable[[], bool], timeout_ns: int = ATTACH_NS) -> None:
        """Let time pass until a condition holds; it must, within the time."""
        if not self.stepper.run(condition, timeout_ns):
            recent = [event for event in self.events if not isinstance(event, Answered)][-12:]
            raise AssertionError(
                f"not reached: module {self.module.state.name}, host {self.host.state.name}, "
                f"{self.now / MS:.3f} ms, {recent}"
            )

    def run_for(self, duration_ns: int) -> None:
        self.stepper.run_for(duration_ns)

    def until_states(
        self, module: M | None = None, host: H | None = None, timeout_ns: int = ATTACH_NS
    ) -> None:
        """Let time pass until the machines are in these states."""
        self.until(
            lambda: (
                (module is None or self.module.state is module) and (host is None or self.host.state is host)
            ),
            timeout_ns,
        )

    # --- sessions ---

    def attach(self) -> Attached:
        """Snap the module on, and wait until it is known; the events up to there are taken."""
        self.stepper.snap_on()
        return self.await_attached()

    def await_attached(self, timeout_ns: int = ATTACH_NS) -> Attached:
        self.until(lambda: bool(self.told(Attached)), timeout_ns)
        self.until(lambda: self.host.requests.idle and self.host.state is H.READY, timeout_ns)
        attached = self.told(Attached)[-1]
        self.events.clear()
        return attached

    def request(self, message: Request) -> Request:
        request = self.host.request(message, self.now)
        self.stepper.settle()
        return request

    def ask(self, message: Request, timeout_ns: int = S) -> Record:
        """Send a request and wait for its answer."""
        request = self.request(message)
        self.until(lambda: any(event.request == request for event in self.told(Answered)), timeout_ns)
        return next(event.reply for event in self.told(Answered) if event.request == request)

    def configure(
        self,
        mode_id: int = 3,
        bits: int = 8,
        region: tuple[int, int, int, int] = (0, 0, 0, 0),
        channel: int = CHANNEL,
    ) -> image.StreamConfigured:
        x, y, width, height = region
        reply = self.ask(image.StreamConfigure(0, channel, mode_id, bits, x, y, width, height))
        assert isinstance(reply, image.StreamConfigured), reply
        return reply

    def start(self, images: int = 1, channel: int = CHANNEL) -> image.StreamStarted:
        reply = self.ask(image.StreamStart(0, channel, images))
        assert isinstance(reply, image.StreamStarted), reply
        return reply

    def await_images(self, count: int, timeout_ns: int = 5 * S) -> list[ImageDone]:
        self.until(lambda: len(self.told(ImageDone)) >= count, timeout_ns)
        return self.told(ImageDone)

    def capture(self, images: int = 1, timeout_ns: int = 5 * S, **configuration: Any) -> list[ImageDone]:
        """Configure, start, and wait for so many images and for the end of the stream."""
        self.configure(**configuration)
        self.start(images)
        done = self.await_images(images, timeout_ns)
        self.until_states(M.READY, H.READY, timeout_ns)
        return done

    def exact(self, done: ImageDone) -> bool:
        """Whether every pixel is what was exposed."""
        truth = self.truth[done.channel, done.image_id]
        return not done.gaps and bool(np.array_equal(done.picture, truth))

    # --- raw frames ---

    def frame_to_module(self, message: Record, channel: int | None = None, **fields: int) -> bytes:
        """A frame as the host would send it in this session."""
        row = catalogue.BY_MESSAGE[type(message)]
        number = min(row.channel.value) if channel is None else channel
        values = {"session": self.host.connection.session, "sequence": 0x7000_0000, **fields}
        return bytes(Frame(row.type, number, payload=bytes(message), **values))

    def feed_module(self, *wires: bytes) -> list[Frame]:
        """Give bytes to the module, past the host; the frames that it answers on the sideband."""
        while self.module.data_to_send(SIDEBAND, self.now):
            pass
        for wire in wires:
            self.module.receive_data(SIDEBAND, wire, self.now)
        return drain(self.module, self.now)

    def feed_host(self, *wires: bytes, lane: LaneKind = SIDEBAND) -> list[Frame]:
        """Give bytes to the host, past the module; the frames that it answers."""
        while self.host.data_to_send(SIDEBAND, self.now):
            pass
        for wire in wires:
            self.host.receive_data(lane, wire, self.now)
        return drain(self.host, self.now)


def drain(machine: Host | Module, now: int) -> list[Frame]:
    """Every frame that a machine has for the sideband."""
    framer = Framer()
    while data := machine.data_to_send(SIDEBAND, now):
        framer.feed(data)
    return [item for item in framer.items() if isinstance(item, Frame)]


def split_frames(data: bytes) -> list[bytes]:
    """Whole frames that lie back to back, apart; by their lengths, for a machine wrote them."""
    frames = []
    while data:
        size = OVERHEAD_BYTES + int.from_bytes(data[6:8], "little")
        frames.append(data[:size])
        data = data[size:]
    return frames


Rule = Callable[[bytes, int], list[bytes]]


@dataclass
class EachFrame:
    """A wire filter that shows each frame and its number to a rule, which says what goes on."""

    rule: Rule
    count: int = 0
    hit: int = 0

    def __call__(self, data: bytes, now: int) -> list[bytes]:
        pieces: list[bytes] = []
        for frame in split_frames(data):
            out = self.rule(frame, self.count)
            self.hit += out != [frame]
            self.count += 1
            pieces += out
        return [b"".join(pieces)] if pieces else []


def drop_if(condition: Callable[[bytes, int], bool]) -> EachFrame:
    """Lose the frames for which a condition on (bytes, number) holds."""
    return EachFrame(lambda frame, number: [] if condition(frame, number) else [frame])


def drop_number(number: int) -> EachFrame:
    """Lose one frame."""
    return drop_if(lambda _, index: index == number)


def is_type(frame: bytes, message: type[Record]) -> bool:
    return frame[3] == catalogue.BY_MESSAGE[message].type


@dataclass
class Monitor:
    """Steps a rig and checks a rule at every step."""

    rig: Rig
    check: Callable[[Rig], None]
    steps: int = field(default=0)

    def run_for(self, duration_ns: int) -> None:
        end = self.rig.now + duration_ns
        while (at := self.rig.stepper.next_time()) is not None and at <= end:
            self.rig.stepper.step()
            self.check(self.rig)
            self.steps += 1
        self.rig.stepper.now = end
        self.check(self.rig)


# --- a rig in every state, reached by a real session ---


def _attaching() -> Rig:
    rig = Rig()
    rig.stepper.snap_on()
    return rig


def _ready() -> Rig:
    rig = Rig()
    rig.attach()
    return rig


def _streaming() -> Rig:
    rig = _ready()
    rig.configure(region=(0, 0, 64, 64))
    rig.start(images=0)
    rig.await_images(1)
    rig.until_states(M.STREAMING, H.STREAMING)
    return rig


def _updating() -> Rig:
    rig = _ready()
    rig.ask(bulk.UpdateBegin(0, 8, 1))
    rig.until_states(M.UPDATING, H.UPDATING)
    return rig


def _silence(wire: Wire) -> None:
    wire.filter = lambda data, now: []


def _module_recovering() -> Rig:
    rig = _streaming()
    _silence(rig.stepper.to_module[SIDEBAND])
    rig.until_states(module=M.RECOVERING)
    rig.stepper.to_module[SIDEBAND].filter = None
    return rig


def _host_recovering() -> Rig:
    rig = _streaming()
    _silence(rig.stepper.to_host[SIDEBAND])
    rig.stepper.block_beam(True)
    rig.until_states(host=H.RECOVERING)
    rig.stepper.block_beam(False)
    rig.stepper.to_host[SIDEBAND].filter = None
    return rig


def _fault() -> Rig:
    rig = _ready()
    rig.module.on_input(Broken("self-test failed"), rig.now)
    rig.stepper.settle()
    rig.until_states(host=H.FAULT)
    return rig


def _module_fault() -> Rig:
    rig = _ready()
    rig.module.on_input(Broken("self-test failed"), rig.now)
    return rig


_ATTACH_STATES = ("POWERED", "GREETED", "NEGOTIATING", "CONTRACTED", "TRAINING", "IDENTIFYING")


@cache
def _module_base(state: M) -> Rig:
    makers = {
        M.DETACHED: Rig, M.READY: _ready, M.STREAMING: _streaming, M.UPDATING: _updating,
        M.RECOVERING: _module_recovering, M.FAULT: _module_fault,
    }  # fmt: skip
    rig = makers.get(state, _attaching)()
    if state.name in _ATTACH_STATES:
        rig.until(lambda: rig.module.state is state and not rig.module.booting)
    assert rig.module.state is state
    return rig


@cache
def _host_base(state: H) -> Rig:
    makers = {
        H.ABSENT: Rig, H.READY: _ready, H.STREAMING: _streaming, H.UPDATING: _updating,
        H.RECOVERING: _host_recovering, H.FAULT: _fault,
    }  # fmt: skip
    rig = makers.get(state, _attaching)()
    if state is H.SEATING or state.name in _ATTACH_STATES:
        rig.until_states(host=state)
    assert rig.host.state is state
    return rig


def module_in(state: M) -> Rig:
    """A rig of its own whose module is in a state."""
    return _module_base(state).fork()


def host_in(state: H) -> Rig:
    """A rig of its own whose host is in a state."""
    return _host_base(state).fork()
