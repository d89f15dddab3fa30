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
from collections.abc import Callable, Generator
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import replace
from types import TracebackType
from typing import Self, TypeVar

from laserlink.host_driver.actions import Lost, StateChanged
from laserlink.host_driver.auto_controls import AeState, AutoControls, HostValue
from laserlink.host_driver.auto_exposure import Exposure, Limits, as_controls, metered, next_exposure
from laserlink.host_driver.errors import NoDeviceFound
from laserlink.host_driver.identity import cfa_of, mode_named, suitable_mode
from laserlink.host_driver.lanes.driver import Ask, Driver, Question
from laserlink.host_driver.lanes.inbox import USABLE, Inbox, Received
from laserlink.host_driver.lanes.url import Target, open_target
from laserlink.host_driver.machine import Host
from laserlink.host_driver.power import Contract
from laserlink.host_driver.series import Series
from laserlink.host_driver.shot import Shot
from laserlink.host_driver.white_balance import balanced
from laserlink.protocol.errors import (
    LaserLinkError,
    LinkTimeout,
    LocalProtocolError,
    ModuleDetached,
)
from laserlink.protocol.image_layout import ImageLayout
from laserlink.protocol.messages.control import (
    ControlSetReply,
    ControlValues,
    decode_value,
)
from laserlink.protocol.messages.identity import Descriptor, SensorMode
from laserlink.protocol.messages.image import StreamConfigure, StreamStart, StreamStop
from laserlink.protocol.messages.layout import Record, Request
from laserlink.protocol.messages.link import Counters as ModuleCounters
from laserlink.protocol.messages.link import CountersRead
from laserlink.protocol.raw import WIDTHS
from laserlink.protocol.states import BITS_PER_BYTE, HostState, Seating
from laserlink.protocol.timers import NS_PER_S, line_time_ns

CHANNEL = 2
ATTACH_SECONDS = 10.0
REPLY_SECONDS = 5.0
# How long a port that was closed may take to be told as a detach; the debounce is a part of it.
DETACH_SECONDS = 1.0
# A virtual sensor may take seconds to render a hundred megapixels; a real one never takes this long.
EXPOSURE_SECONDS = 60.0
# Pictures that may wait for whoever takes them: this many bytes of them, but at least one picture.
WAITING_BYTES_MAX = 1 << 29
IMAGES_MAX = (1 << 32) - 1
# Small pictures that the exposure may take to settle; from a hundred times too bright it takes five.
SETTLING_IMAGES_MAX = 12
REGION_MAX = (1 << 16) - 1
# What a wait for the machine ends with that ends without its word.
UNHEARD = (FutureTimeout, CancelledError, LinkTimeout)

T = TypeVar("T")


class Camera(Series):
    """A camera module behind a URL (`lanes/url.py` lists what a URL can be).

    Opening attaches: contact, power, light, identity. A camera may be used from several threads; their
    captures take turns. All methods may raise

        LinkLost             its leaves say why: ModuleDetached, OpticalLost, PowerLost, ...; `shot` of the
                             exception is what had come of an image, with its gaps, or None
        RemoteProtocolError  the module refused; its leaves say what
        LocalProtocolError   the call makes no sense in this state (a closed camera), or with these values
        DeviceError          there is no such device (any more), it is busy, or does not speak LaserLink

    After a loss, the next call attaches again: nothing needs to be restarted, and the same module gets its
    settings back.
    """

    def __init__(
        self, url: str, *, timeout: float = ATTACH_SECONDS, on_event: Callable[[object], None] | None = None
    ) -> None:
        self._timeout = timeout
        self._inbox = Inbox(on_event)
        self._attaching = threading.RLock()
        self._capturing = threading.Lock()
        self._streaming = False
        self._closed = threading.Event()
        self._auto = AutoControls()
        self._host: Host | None = None
        self._driver: Driver | None = None
        self._configured: tuple[str | None, str | None, tuple[int, int, int, int] | None] | None = None
        # Which attach the module was configured in, and in which one a stream may still run; 0 for none.
        self._configured_for = 0
        self._running_for = 0
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
        self._inbox.begin()
        self._driver = Driver(self._host, lanes, self._inbox.take, tells_answers=self._inbox.listened)
        self._inbox.wait(lambda inbox: inbox.ready, self._timeout, "the module did not attach")

    def close(self) -> None:
        """Let the module go. Twice is fine; a call that is under way in another thread ends."""
        self._closed.set()
        self._inbox.fail(LocalProtocolError("the camera was closed"))
        with self._attaching:
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

    def _attach_again(self) -> None:
        """After a loss. Raises the loss again as long as a module that was pulled off is not back."""
        lost = self._inbox.await_failure(DETACH_SECONDS)
        try:
            self._attach()
        except NoDeviceFound as error:
            raise lost if isinstance(lost, ModuleDetached) else error from None

    def _ready(self) -> tuple[Driver, Descriptor]:
        """The driver and the descriptor of an attached module; attaches again when it was lost."""
        with self._attaching:
            driver, descriptor = self._driver, self._inbox.descriptor
            if driver is None or driver.gone or self._inbox.failure is not None:
                if self._closed.is_set():
                    raise LocalProtocolError("the camera is closed")
                self._attach_again()
            elif descriptor is not None and self._inbox.state in USABLE:
                return driver, descriptor
            else:
                self._inbox.wait(lambda inbox: inbox.ready, self._timeout, "the module did not attach again")
            driver, descriptor = self._driver, self._inbox.descriptor
        if driver is None or descriptor is None:
            raise self._inbox.failure or LinkTimeout("the module did not attach")
        return driver, descriptor

    def _unheard(self, error: Exception) -> Exception:
        """Why there is no answer: what ended the link, if anything did."""
        late = error if isinstance(error, LinkTimeout) else LinkTimeout("the module did not answer")
        return self._inbox.failure or late

    def _look(self, driver: Driver, look: Callable[[Host], T]) -> T:
        """What there is to see of the machine, between two steps of it."""
        try:
            return driver.look(look, REPLY_SECONDS)
        except UNHEARD as error:
            raise self._unheard(error) from None

    def _ask(self, driver: Driver, ask: Ask, question: Question | None = None) -> Record:
        """The reply to a request that the host makes. Raises what the module answered, or `_unheard`."""
        try:
            return driver.exchange(ask, REPLY_SECONDS, question)
        except UNHEARD as error:
            raise self._unheard(error) from None

    def _request(self, message: Request, driver: Driver | None = None) -> Record:
        driver = driver or self._ready()[0]
        return self._ask(driver, lambda host, now: host.request(message, now), lambda host: message)

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
        return self._inbox.state

    @property
    def timeline(self) -> list[StateChanged]:
        """Every state since the contact closed, with the time on this machine's monotonic clock."""
        with self._inbox.changed:
            return list(self._inbox.timeline)

    @property
    def losses(self) -> list[Lost]:
        """What was lost since the contact closed, and found again."""
        with self._inbox.changed:
            return list(self._inbox.losses)

    def inspect(self, look: Callable[[Host], T]) -> T:
        """Look at the machine, and change nothing: contract, clock, counters. No step of it is under way."""
        return self._look(self._ready()[0], look)

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
    def controls(self) -> dict[str, HostValue]:
        """The controls and their values, by libcamera's names: the module's, and the host's own."""
        return self.inspect(lambda host: dict(host.controls.current)) | self._auto.values()

    def set_controls(self, **values: HostValue) -> int:
        """Set controls, all of them or none; they hold from the next exposure on. The id of the set.

        The host's own are in `auto_controls.py`: AeEnable, AwbEnable, ColourGains, ExposureValue, ... A value
        that is set by hand makes that part manual.
        """
        driver, _ = self._ready()
        auto, theirs = self._auto.after(values)
        reply = self._ask(driver, lambda host, now: host.set_controls(theirs, now)) if theirs else None
        self._auto = auto
        return reply.set_id if isinstance(reply, ControlSetReply) else self._inbox.set_id

    def read_controls(self, *names: str) -> dict[str, HostValue]:
        """Values of the module's controls, as the module says now. Raises LocalProtocolError for unknown
        names."""
        driver, _ = self._ready()
        named: dict[int, str] = {}

        def question(host: Host) -> Request:
            nonlocal named
            asked, named = host.controls.question(names)
            return asked

        reply = self._ask(driver, lambda host, now: host.request(question(host), now), question)
        values: dict[str, HostValue] = {}
        for item in reply.values if isinstance(reply, ControlValues) else ():
            if item.id in named:
                values[named[item.id]] = decode_value(item.type, item.value)
        return values

    # --- images ---

    def configure(
        self,
        mode: str | None = None,
        format: str | None = None,
        region: tuple[int, int, int, int] | None = None,
    ) -> ImageLayout:
        """Choose what is taken: a mode by name, a format (RAW12), a region of it (x, y, width, height).

        What is None is the module's first mode that the line carries within ten seconds, the mode's own
        format, the whole mode. Returns the layout of the images.
        """
        self._begin()
        try:
            return self._configure(mode, format, region)
        finally:
            self._streaming = False

    def _configure(
        self, mode: str | None, format: str | None, region: tuple[int, int, int, int] | None
    ) -> ImageLayout:
        driver, descriptor = self._ready()
        attached = self._inbox.attached
        lane = self._look(driver, lambda host: host.connection.image_offer)
        cfa_of(descriptor)
        chosen = mode_named(descriptor, mode) if mode is not None else suitable_mode(descriptor, lane)
        bits = _bits(format) if format is not None else chosen.default_bits
        x, y, width, height = _checked(region) if region is not None else (0, 0, 0, 0)
        self._request(StreamConfigure(0, CHANNEL, chosen.id, bits, x, y, width, height), driver)
        self._configured = (mode, format, region)
        self._configured_for = attached
        return self._look(driver, lambda host: host.streams.layout_of(CHANNEL))

    def capture(self, timeout: float | None = None, *, after: int | None = None) -> Shot:
        """Take one picture, within `timeout` seconds as `images` counts them.

        It may have gaps, which `shot.gaps` lists; `received` says how it came. With `after`, a time of
        time.monotonic_ns(), its exposure began at that time or later: what is still to come is waited for,
        and a picture that may be older is taken again.
        """
        self.wait_until(0 if after is None else after)
        with self._capturing:
            while True:
                shot = next(self.images(1, timeout=timeout))
                began, error = (shot.metadata[f"SensorTimestamp{part}"] for part in ("", "Uncertainty"))
                if after is None or began is None or began - error >= after:
                    return shot

    def now_ns(self) -> int:
        """This machine's monotonic clock, which SensorTimestamp is given on."""
        return time.monotonic_ns()

    def wait_until(self, moment_ns: int) -> None:
        """Wait, while the link lives on by itself; closing the camera ends it."""
        while (left := moment_ns - time.monotonic_ns()) > 0 and not self._closed.wait(left / NS_PER_S):
            pass

    @property
    def dropped(self) -> int:
        """How many pictures came since the camera was opened that nobody took in time."""
        return self._inbox.dropped

    def images(
        self, count: int | None = None, *, timeout: float | None = None
    ) -> Generator[Shot, None, None]:
        """Take `count` pictures, or without end until the iterator is closed.

        Each comes within `timeout` seconds (None: by the size of the image and the rate of the line). Without
        a count, who is slow to take them misses some: half a gigabyte of the newest is kept.
        """
        if count is not None and not 1 <= count <= IMAGES_MAX:
            raise LocalProtocolError(f"{count} images cannot be taken; from 1 to {IMAGES_MAX} can")
        return self._stream(count, timeout)

    def _stream(self, count: int | None, timeout: float | None) -> Generator[Shot, None, None]:
        self._begin()
        try:
            driver = self._configured_driver()
            if self._auto.exposes:
                driver = self._settle(driver)
            waiting_max, seconds = self._look(driver, _budget)
            self._inbox.keep_shots(waiting_max)
            taken = 0
            while count is None or taken < count:
                images = min(count - taken, waiting_max) if count is not None else 0
                for shot in self._run(driver, images, seconds if timeout is None else timeout):
                    yield self._finished(shot)
                taken += images
        finally:
            self._streaming = False

    def _finished(self, shot: Shot) -> Shot:
        """A picture with what the host makes of it; the exposure of those to come follows its light."""
        state = self._follow_light(shot)
        return replace(shot, metadata={**shot.metadata, **balanced(shot, self._auto), "AeState": int(state)})

    def _settle(self, driver: Driver) -> Driver:
        """Let the exposure settle on the module's smallest pictures, before those that are wanted."""
        wanted = self._configured or (None, None, None)
        _, descriptor = self._ready()
        smallest = min(descriptor.modes, key=lambda mode: mode.width * mode.height)
        try:
            self._configure(smallest.name, None, None)
            for _ in range(SETTLING_IMAGES_MAX):
                if self._follow_light(next(self._run(driver, 1, EXPOSURE_SECONDS))) is AeState.CONVERGED:
                    break
        finally:
            self._configured, self._configured_for = wanted, 0
        return self._configured_driver()

    def _follow_light(self, shot: Shot) -> AeState:
        """Tell the module how to expose, after what a picture shows."""
        auto, metadata = self._auto, shot.metadata
        if not auto.exposes or None in (metadata["ExposureTime"], metadata["AnalogueGain"]):
            return AeState.IDLE
        driver, _ = self._ready()
        limits = self._look(driver, _limits)
        taken = Exposure(metadata["ExposureTime"], metadata["AnalogueGain"])
        wanted, state = next_exposure(metered(shot, auto.AeMeteringMode), taken, limits, auto)
        if wanted != taken:
            values = as_controls(wanted, auto)
            self._ask(driver, lambda host, now: host.set_controls(values, now))
        return state

    def _begin(self) -> None:
        with self._attaching:
            if self._streaming:
                raise LocalProtocolError("images are being taken; close their iterator first")
            self._streaming = True

    def _configured_driver(self) -> Driver:
        """The driver of an attached module that knows what to take; a new session has to be told again."""
        driver, _ = self._ready()
        if self._configured is None or self._configured_for != self._inbox.attached:
            self._configure(*(self._configured or (None, None, None)))
            driver, _ = self._ready()
        return driver

    def _run(self, driver: Driver, images: int, seconds: float) -> Generator[Shot, None, None]:
        """Take so many images in one run, 0 for one without end."""
        if self._running_for == self._inbox.attached:
            # An iterator was closed while the module did not listen.
            self._stop(driver)
        self._inbox.drop_shots()
        self._running_for = self._inbox.attached
        # On this thread, which has the time; the one that receives has not.
        streams = self._look(driver, lambda host: host.streams)
        if streams.active:
            # The run before was given up with gaps, and the module is still at it.
            self._stop(driver)
        streams.pictures.prepare(streams.layout_of(CHANNEL).pixels)
        self._request(StreamStart(0, CHANNEL, images), driver)
        taken = 0
        try:
            while not images or taken < images:
                shot, self.received = self._inbox.next_shot(seconds)
                yield shot
                taken += 1
        finally:
            if not images or taken < images:
                self._stop(driver)
            else:
                self._running_for = 0

    def _stop(self, driver: Driver) -> None:
        """End a stream that was not taken to its end; on a lost link there is nothing to end."""
        try:
            self._request(StreamStop(0, CHANNEL), driver)
            self._running_for = 0
        except LaserLinkError:
            return


def _budget(host: Host) -> tuple[int, float]:
    """How many images may wait for whoever takes them, and how many seconds one may take at most."""
    layout = host.streams.layout_of(CHANNEL)
    offer = host.connection.image_offer
    line_ns = line_time_ns(layout.coded_bytes, offer.rate_bps, BITS_PER_BYTE[offer.coding])
    waiting_max = max(1, WAITING_BYTES_MAX // layout.decoded_bytes)
    return waiting_max, EXPOSURE_SECONDS + 2 * line_ns / NS_PER_S


def _limits(host: Host) -> Limits:
    """What the module's exposure and gain can be."""
    exposure, gain = host.controls.known["ExposureTime"], host.controls.known["AnalogueGain"]
    return Limits.of(exposure.minimum, exposure.maximum, gain.minimum, gain.maximum)


def _checked(region: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """A region that the wire can carry; the module judges the rest. Raises LocalProtocolError."""
    if len(region) != 4 or not all(isinstance(value, int) and 0 <= value <= REGION_MAX for value in region):
        raise LocalProtocolError(
            f"{region} is no region; it is x, y, width and height, from 0 to {REGION_MAX}"
        )
    return region


def _bits(format: str) -> int:
    """The depth that a format names. Raises LocalProtocolError."""
    names = {f"RAW{bits}": bits for bits in WIDTHS}
    if format.upper() not in names:
        raise LocalProtocolError(f"{format!r} is no format; there are {', '.join(names)}")
    return names[format.upper()]
