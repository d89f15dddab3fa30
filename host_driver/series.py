"""What a camera does beside single pictures: brackets, time lapse, stacks, and focusing before them.

It is all made of captures and controls: `Camera` has these, and the clock.
"""

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress

from laserlink.host_driver.auto_controls import HostValue
from laserlink.host_driver.shot import Shot
from laserlink.host_driver.stack import stack
from laserlink.protocol.errors import LaserLinkError, LocalProtocolError
from laserlink.protocol.messages.control import Rectangle
from laserlink.protocol.messages.identity import Descriptor
from laserlink.protocol.timers import NS_PER_MS, NS_PER_S

STACKED_IMAGES_MAX = 64
# A virtual sensor may take a second to render each of the views; a real module is done within one.
FOCUS_SECONDS = 60.0
FOCUS_POLL_NS = 20 * NS_PER_MS
FOCUS_WINDOW_PART = 8
"""A touched point is a window of this part of the sensor's width."""

# libcamera's AfMode, AfMetering, AfTrigger and AfState, as far as they are used here.
AF_MODE_AUTO, AF_METERING_AUTO, AF_METERING_WINDOWS = 1, 0, 1
AF_TRIGGER_START, AF_TRIGGER_CANCEL = 0, 1
AF_STATE_SCANNING, AF_STATE_FOCUSED = 1, 2


class Series(ABC):
    """The part of a camera that is made of its other parts."""

    @property
    @abstractmethod
    def descriptor(self) -> Descriptor: ...

    @property
    @abstractmethod
    def controls(self) -> dict[str, HostValue]: ...

    @abstractmethod
    def read_controls(self, *names: str) -> dict[str, HostValue]: ...

    @abstractmethod
    def set_controls(self, **values: HostValue) -> int: ...

    @abstractmethod
    def capture(self, timeout: float | None = None, *, after: int | None = None) -> Shot: ...

    @abstractmethod
    def images(
        self, count: int | None = None, *, timeout: float | None = None
    ) -> Generator[Shot, None, None]: ...

    @abstractmethod
    def now_ns(self) -> int: ...

    @abstractmethod
    def wait_until(self, moment_ns: int) -> None: ...

    def bracket(
        self, exposures: Sequence[int | Mapping[str, HostValue]], *, timeout: float | None = None
    ) -> Generator[Shot, None, None]:
        """Take one picture with each of several exposures: microseconds, or controls by name.

        The metadata of each has its own ExposureTime and ControlSetId. The controls are as before at the end.
        """
        steps = [item if isinstance(item, Mapping) else {"ExposureTime": item} for item in exposures]
        before = self.controls
        kept = {name: before[name] for step in steps for name in step if name in before}
        automatic = {name: before[name] for name in ("ExposureTimeMode", "AnalogueGainMode", "AwbEnable")}
        try:
            for step in steps:
                self.set_controls(**step)
                yield self.capture(timeout)
        finally:
            # On a lost link there is nobody to tell, and the loss is what counts.
            with suppress(LaserLinkError):
                self.set_controls(**kept)
                self.set_controls(**automatic)

    def timelapse(
        self, interval: float, count: int | None = None, *, timeout: float | None = None
    ) -> Generator[Shot, None, None]:
        """Take a picture every `interval` seconds, `count` of them or without end until closed.

        The moments are counted from the first one, so that nothing adds up; one that passes while a picture
        is still being taken is left out.
        """
        if not 0 < interval < float("inf"):
            raise LocalProtocolError(f"pictures cannot be taken every {interval} s")
        interval_ns = max(1, round(interval * NS_PER_S))
        start = self.now_ns()
        slot = taken = 0
        while count is None or taken < count:
            self.wait_until(start + slot * interval_ns)
            yield self.capture(timeout)
            taken += 1
            slot = max(slot + 1, -(-(self.now_ns() - start) // interval_ns))

    def capture_stack(self, count: int, *, timeout: float | None = None) -> Shot:
        """Take `count` pictures in a row and make one of them, with less noise; see `stack.stack`.

        All of them are in memory at once. Raises CannotStack when none came whole.
        """
        if not 1 <= count <= STACKED_IMAGES_MAX:
            raise LocalProtocolError(f"{count} pictures make no stack; 1 to {STACKED_IMAGES_MAX} do")
        return stack(list(self.images(count, timeout=timeout)))

    def autofocus(self, point: tuple[float, float] | None = None, *, timeout: float = FOCUS_SECONDS) -> bool:
        """Let the module focus, and wait for it; whether it found focus. The lens stays where it went.

        `point` is what to focus on: across and down, each a part of the sensor from 0 to 1, or above that in
        pixels of the unbinned sensor; None is the module's choice. A module that goes on looking is told to
        end. Raises LocalProtocolError when it has no autofocus, or the point is outside.
        """
        settings: dict[str, HostValue] = {"AfMode": AF_MODE_AUTO, "AfMetering": AF_METERING_AUTO}
        if point is not None:
            settings |= {"AfMetering": AF_METERING_WINDOWS, "AfWindows": focus_window(self.descriptor, point)}
        self.set_controls(**settings, AfTrigger=AF_TRIGGER_START)
        end = self.now_ns() + round(timeout * NS_PER_S)
        while (state := self.read_controls("AfState")["AfState"]) == AF_STATE_SCANNING:
            if self.now_ns() > end:
                self.set_controls(AfTrigger=AF_TRIGGER_CANCEL)
                return False
            self.wait_until(self.now_ns() + FOCUS_POLL_NS)
        return state == AF_STATE_FOCUSED


def focus_window(descriptor: Descriptor, point: tuple[float, float]) -> Rectangle:
    """AfWindows around a point, as `Series.autofocus` takes it: x, y, width, height in unbinned pixels."""
    size = [
        max((mode.width * mode.binning for mode in descriptor.modes), default=0),
        max((mode.height * mode.binning for mode in descriptor.modes), default=0),
    ]
    # Not `> size`: what is no number must not pass.
    if not all(0 <= part <= side for part, side in zip(point, size, strict=True)):
        raise LocalProtocolError(f"the point {point} is not on the sensor of {size[0]} x {size[1]} pixels")
    in_parts = max(point) <= 1
    side = min(max(size[0] // FOCUS_WINDOW_PART, 2), *size)
    centre = [part * length if in_parts else part for part, length in zip(point, size, strict=True)]
    x, y = (round(min(max(at - side / 2, 0), length - side)) for at, length in zip(centre, size, strict=True))
    return x, y, side, side
