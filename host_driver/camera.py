"""The camera that people use. It reads like picamera2, and names things as libcamera does.

    with Camera("sim:mos-100mp") as camera:
        camera.configure("still-full", format="RAW12")
        camera.set_controls(ExposureTime=10_000, AnalogueGain=1.0)
        shot = camera.capture()
        shot.save("first-light.dng")
"""

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self, TypeVar

from laserlink.host_driver.actions import Answered, Attached, Lost, ModuleEvent, NoDevice, StateChanged
from laserlink.host_driver.assembly import ImageDone
from laserlink.host_driver.errors import NoDeviceFound
from laserlink.host_driver.lanes.driver import Driver
from laserlink.host_driver.lanes.url import Target, open_target
from laserlink.host_driver.machine import Host
from laserlink.host_driver.metadata import metadata_of
from laserlink.host_driver.power import Contract
from laserlink.host_driver.shot import Shot
from laserlink.protocol.errors import LOSS_OF_CAUSE, LinkLost, LinkTimeout, LocalProtocolError
from laserlink.protocol.image_layout import ImageLayout
from laserlink.protocol.messages.control import ControlChanged, ControlSet, ControlSetReply, Value
from laserlink.protocol.messages.identity import Descriptor, SensorMode
from laserlink.protocol.messages.image import StreamConfigure, StreamStart, StreamStop
from laserlink.protocol.messages.layout import Record, Request
from laserlink.protocol.messages.link import Counters as ModuleCounters
from laserlink.protocol.messages.link import CountersRead
from laserlink.protocol.raw import WIDTHS
from laserlink.protocol.states import BITS_PER_BYTE, HostState, LossCause, Seating
from laserlink.protocol.timers import NS_PER_S, line_time_ns

CHANNEL = 2
ATTACH_SECONDS = 10.0
REPLY_SECONDS = 5.0
# A virtual sensor may take seconds to render a hundred megapixels; a real one never takes this long.
EXPOSURE_SECONDS = 60.0
SETS_KEPT = 64

T = TypeVar("T")


@dataclass(frozen=True)
class Received:
    """How an image came: for those who measure the link."""

    image_id: int
    layout: ImageLayout
    chunks_received: int
    chunks_resent: int
    duplicates: int
    seconds: float
    done_ns: int

    @property
    def gbps(self) -> float:
        """Packed gigabits a second, from the first frame to the last."""
        return self.layout.coded_bytes * 8 / self.seconds / 1e9 if self.seconds else 0.0


@dataclass
class _Link:
    """What the driver's thread says and the user's thread waits for."""

    changed: threading.Condition = field(default_factory=threading.Condition)
    state: HostState = HostState.ABSENT
    timeline: list[StateChanged] = field(default_factory=list)
    descriptor: Descriptor | None = None
    failure: Exception | None = None
    losses: list[Lost] = field(default_factory=list)
    shots: deque[tuple[Shot, Received]] = field(default_factory=deque)
    sets: dict[int, dict[str, Value]] = field(default_factory=dict)


class Camera:
    """A camera module behind a URL (`lanes/url.py` lists what a URL can be).

    Opening attaches: contact, power, light, identity. All methods may raise

        LinkLost          its leaves say why: ModuleDetached, OpticalLost, PowerLost, ...; `shot` of the exception
                          is what had come of an image, with its gaps, or None
        RemoteProtocolError  the module refused; its leaves say what
        LocalProtocolError   the call makes no sense in this state, or with these values

    After a loss, the next call attaches again: nothing needs to be restarted.

    Raises:
        DeviceError: there is no such device, it is busy, or does not speak LaserLink.
    """

    def __init__(
        self, url: str, *, timeout: float = ATTACH_SECONDS, on_event: Callable[[object], None] | None = None
    ) -> None:
        self._timeout = timeout
        self._on_user_event = on_event
        self._link = _Link()
        self._host: Host | None = None
        self._driver: Driver | None = None
        self._configured: tuple[str | None, str | None, tuple[int, int, int, int] | None] | None = None
        self.received: Received | None = None
        self.target: Target = open_target(url)
        try:
            self._attach()
        except BaseException:
            self.close()
            raise

    # --- attach and detach ---

    def _attach(self) -> None:
        """Open the lanes, and wait until the module is ready or will not be."""
        if self._driver is not None:
            self._driver.close()
            self._driver = None
        lanes = self.target.open_lanes()
        if self._host is None or set(self._host.connection.lanes) != {offer.kind for offer in lanes.offers}:
            self._host = Host(lanes.offers, lambda: secrets.randbits(32))
        with self._link.changed:
            self._link.failure = self._link.descriptor = None
            self._link.timeline.clear()
            self._link.losses.clear()
        self._configured = None
        self._driver = Driver(self._host, lanes, self._take)
        self._wait(lambda link: link.descriptor is not None, self._timeout, "the module did not attach")

    def close(self) -> None:
        """Let the module go. Twice is fine."""
        if self._driver is not None:
            self._driver.close()
            self._driver = None
        if self.target.module is not None:
            self.target.module.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ready(self) -> tuple[Driver, Descriptor]:
        """The driver and the descriptor of an attached module; attaches again when it was lost."""
        if self._driver is None or self._driver.gone or self._link.failure is not None:
            self._attach()
        else:
            self._wait(lambda link: link.descriptor is not None, self._timeout, "the module did not attach again")
        if self._driver is None or self._link.descriptor is None:
            raise LinkTimeout("the module did not attach")
        return self._driver, self._link.descriptor

    # --- the driver's thread ---

    def _take(self, event: object, host: Host) -> None:
        """Keep what the user's thread may ask for."""
        link = self._link
        with link.changed:
            match event:
                case StateChanged(state):
                    link.state = state
                    link.timeline.append(event)
                case Attached(descriptor):
                    link.descriptor = descriptor
                    link.sets[0] = dict(host.controls.current)
                case Lost():
                    self._lose(event)
                case NoDevice(heard):
                    link.failure = _no_device(heard)
                case Answered(ControlSet(), ControlSetReply(set_id=set_id)):
                    self._keep_set(set_id, host)
                case ModuleEvent(ControlChanged(set_id=set_id)):
                    self._keep_set(set_id, host)
                case ImageDone():
                    self._keep_image(event, host)
            link.changed.notify_all()
        if self._on_user_event is not None:
            self._on_user_event(event)

    def _lose(self, event: Lost) -> None:
        """A loss that ends the session; others are repaired by the machine, and only told."""
        link = self._link
        link.losses.append(event)
        ends_session = event.cause in (LossCause.DETACH, LossCause.FIRMWARE)
        if event.final or ends_session:
            link.descriptor = None
        if event.final or event.cause is LossCause.DETACH:
            link.failure = LOSS_OF_CAUSE[event.cause](event.text)

    def _keep_set(self, set_id: int, host: Host) -> None:
        self._link.sets[set_id] = dict(host.controls.current)
        while len(self._link.sets) > SETS_KEPT:
            del self._link.sets[min(self._link.sets)]

    def _keep_image(self, done: ImageDone, host: Host) -> None:
        descriptor = host.descriptor
        if descriptor is None:
            return
        set_id = done.start.control_set_id if done.start else 0
        values = self._link.sets.get(set_id, host.controls.current)
        metadata = metadata_of(done, descriptor, values, host.clock)
        if metadata["SensorTimestamp"] is not None:
            ago = timedelta(microseconds=(time.monotonic_ns() - metadata["SensorTimestamp"]) / 1000)
            metadata["DateTime"] = datetime.now().astimezone() - ago
        shot = Shot(done.picture, metadata, done.gaps)
        seconds = (done.done_ns - done.first_ns) / NS_PER_S
        received = Received(
            done.image_id, done.layout, done.chunks_received, done.chunks_resent, done.duplicates, seconds, done.done_ns
        )
        self._link.shots.append((shot, received))

    # --- waiting ---

    def _wait(self, condition: Callable[[_Link], bool], seconds: float, text: str) -> None:
        """Wait for the driver's thread. Raises what ended the link meanwhile, or LinkTimeout."""
        end = time.monotonic() + seconds
        link = self._link
        with link.changed:
            while not condition(link):
                if link.failure is not None:
                    raise link.failure
                left = end - time.monotonic()
                if left <= 0:
                    last = f" ({link.losses[-1].text})" if link.losses else ""
                    raise LinkTimeout(f"{text} within {seconds:g} s{last}")
                link.changed.wait(left)

    def _result(self, future: "Future[T]") -> T:
        """The result of a request. Raises what the module answered, or what ended the link."""
        try:
            return future.result(REPLY_SECONDS)
        except FutureTimeout:
            raise LinkTimeout("the module did not answer") from None

    def _request(self, message: Request) -> Record:
        driver, _ = self._ready()
        return self._result(driver.request(message))

    # --- what the camera is ---

    @property
    def descriptor(self) -> Descriptor:
        """Who the module is and what it can do."""
        return self._ready()[1]

    @property
    def modes(self) -> dict[str, SensorMode]:
        """The sensor modes by name."""
        return {mode.name: mode for mode in self.descriptor.modes}

    @property
    def state(self) -> HostState:
        """Where the host's machine is."""
        return self._link.state

    @property
    def timeline(self) -> list[StateChanged]:
        """Every state since the contact closed, with the time on this machine's monotonic clock."""
        with self._link.changed:
            return list(self._link.timeline)

    @property
    def losses(self) -> list[Lost]:
        """What was lost since the contact closed, and found again."""
        with self._link.changed:
            return list(self._link.losses)

    def inspect(self, look: Callable[[Host], T]) -> T:
        """Look at the machine on its own thread: contract, clock, counters."""
        driver, _ = self._ready()
        return self._result(driver.call(lambda host, now: look(host)))

    @property
    def contract(self) -> Contract | None:
        """What the module may draw."""
        return self.inspect(lambda host: host.power.contract)

    @property
    def seating(self) -> Seating:
        """How well the module sits, as training measured it."""
        return self.inspect(lambda host: host.seating)

    def counters(self) -> ModuleCounters:
        """What the module counted since it booted."""
        reply = self._request(CountersRead())
        if not isinstance(reply, ModuleCounters):
            raise LinkTimeout("the module did not answer")
        return reply

    # --- controls ---

    @property
    def controls(self) -> dict[str, Value]:
        """The controls of the module and their values, by libcamera's names."""
        return self.inspect(lambda host: dict(host.controls.current))

    def set_controls(self, **values: Value) -> int:
        """Set controls, all of them or none; they hold from the next exposure on. Returns the id of the set."""
        driver, _ = self._ready()
        reply = self._result(driver.ask(lambda host, now: host.set_controls(values, now)))
        return reply.set_id if isinstance(reply, ControlSetReply) else 0

    # --- images ---

    def configure(
        self, mode: str | None = None, format: str | None = None, region: tuple[int, int, int, int] | None = None
    ) -> ImageLayout:
        """Choose what is captured: a mode by name, a format (RAW12), a region (x, y, width, height) of the mode.

        What is None is the module's first mode, the mode's own format, the whole mode. Returns the layout of
        the images.
        """
        driver, descriptor = self._ready()
        chosen = self._mode(descriptor, mode)
        bits = _bits(format) if format is not None else chosen.default_bits
        x, y, width, height = region or (0, 0, 0, 0)
        self._result(driver.request(StreamConfigure(0, CHANNEL, chosen.id, bits, x, y, width, height)))
        self._configured = (mode, format, region)
        return self._result(driver.call(lambda host, now: host.streams.layout_of(CHANNEL)))

    @staticmethod
    def _mode(descriptor: Descriptor, name: str | None) -> SensorMode:
        if name is None:
            return descriptor.modes[0]
        for mode in descriptor.modes:
            if mode.name == name:
                return mode
        known = ", ".join(mode.name for mode in descriptor.modes)
        raise LocalProtocolError(f"{descriptor.product} has no mode {name!r}; it has {known}")

    def capture(self, timeout: float | None = None) -> Shot:
        """Take one picture.

        It may have gaps, which `shot.gaps` lists; `received` says how it came.
        """
        return next(self.images(1, timeout=timeout))

    def images(self, count: int | None = None, *, timeout: float | None = None) -> Iterator[Shot]:
        """Take `count` pictures, or without end until the iterator is closed.

        Each comes within `timeout` seconds (None: by the size of the image and the rate of the line).
        """
        if self._configured is None:
            self.configure()
        elif self._link.descriptor is None:
            wanted = self._configured
            self._ready()
            self.configure(*wanted)
        driver, _ = self._ready()
        seconds = timeout if timeout is not None else self._image_seconds(driver)
        with self._link.changed:
            self._link.shots.clear()
        self._result(driver.request(StreamStart(0, CHANNEL, count or 0)))
        taken = 0
        try:
            while count is None or taken < count:
                yield self._next_shot(seconds)
                taken += 1
        finally:
            if count is None or taken < count:
                self._stop(driver)

    def _image_seconds(self, driver: Driver) -> float:
        def line_ns(host: Host) -> int:
            offer = host.connection.lanes[host.connection.image_lane]
            size = host.streams.layout_of(CHANNEL).coded_bytes
            return line_time_ns(size, offer.rate_bps, BITS_PER_BYTE[offer.coding])

        return EXPOSURE_SECONDS + 2 * self._result(driver.call(lambda host, now: line_ns(host))) / NS_PER_S

    def _next_shot(self, seconds: float) -> Shot:
        link = self._link
        losses = len(link.losses)
        try:
            self._wait(lambda link: bool(link.shots) or link.descriptor is None, seconds, "no image came")
        except LinkLost as error:
            error.shot = self._take_shot()
            raise
        shot = self._take_shot()
        if shot is None or (link.descriptor is None and not shot.complete):
            lost = link.losses[losses:] or link.losses[-1:]
            raised = link.failure or LOSS_OF_CAUSE[lost[-1].cause](lost[-1].text)
            if isinstance(raised, LinkLost):
                raised.shot = shot
            raise raised
        return shot

    def _take_shot(self) -> Shot | None:
        with self._link.changed:
            if not self._link.shots:
                return None
            shot, self.received = self._link.shots.popleft()
            return shot

    def _stop(self, driver: Driver) -> None:
        """End a stream that was not taken to its end; on a lost link there is nothing to end."""
        try:
            self._result(driver.request(StreamStop(0, CHANNEL)))
        except (LinkLost, LocalProtocolError):
            return


def _bits(format: str) -> int:
    """The depth that a format names. Raises LocalProtocolError."""
    names = {f"RAW{bits}": bits for bits in WIDTHS}
    if format.upper() not in names:
        raise LocalProtocolError(f"{format!r} is no format; there are {', '.join(names)}")
    return names[format.upper()]


def _no_device(heard: int) -> NoDeviceFound:
    """Nothing there spoke LaserLink; what that may mean."""
    if heard:
        hint = "Is the baud rate right? Add ?baud=RATE to the device."
        return NoDeviceFound(f"{heard} bytes came, and none of them were LaserLink's", hint)
    return NoDeviceFound("nothing there speaks LaserLink", "Is the module powered, and its firmware running?")

