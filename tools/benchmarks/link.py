"""Images through the whole protocol: another process, framing, both checks, digests, pixels in place."""

import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from statistics import median

from laserlink.host_driver.actions import Attached
from laserlink.host_driver.assembly import ImageDone
from laserlink.host_driver.camera import Camera
from laserlink.host_driver.lanes.driver import Driver
from laserlink.host_driver.lanes.url import open_target
from laserlink.host_driver.machine import Host
from laserlink.protocol.errors import LaserLinkError
from laserlink.protocol.messages.image import StreamConfigure, StreamStart, StreamStop
from laserlink.protocol.messages.layout import Request
from laserlink.protocol.states import HostState
from laserlink.tools.benchmarks.figure import Figure, Goal, seconds_of
from laserlink.tools.benchmarks.kernels import copier
from laserlink.tools.benchmarks.module_side import BITS, FULL, PREVIEW, ModuleOptions, ModuleProcess

ROUNDS = 5
IMAGES = 6
# The module's first images are made while the stream runs; then they come again.
WARM_UP_IMAGES = 4
WAIT_SECONDS = 60.0
TRIES = 5
FULL_CHANNEL, PREVIEW_CHANNEL = 2, 3
MODE_IDS = {FULL: 0, PREVIEW: 2}


class Receiver:
    """A host on a driver's thread that counts images and drops them. RuntimeError when none come.

    `lost` counts those that did not come whole: a machine that has no time for us loses some.
    """

    def __init__(self, url: str) -> None:
        self._changed = threading.Condition()
        self._attached = False
        self.lost = 0
        self.done: list[tuple[int, int, int, int]] = []
        lanes = open_target(url).open_lanes()
        numbers = iter(int.from_bytes(os.urandom(4), "little") or 1 for _ in range(1 << 16))
        self._host = Host(lanes.offers, lambda: next(numbers))
        self._driver = Driver(self._host, lanes, self._take)
        self._wait(lambda: self._attached and self._host.state is HostState.READY, "attach")
        self._driver.ask(lambda host, now: host.set_controls({"ExposureTime": 20}, now)).result(WAIT_SECONDS)

    def _take(self, events: list[object], host: Host) -> None:
        with self._changed:
            for event in events:
                self._attached |= isinstance(event, Attached)
                # What is on its way when a stream is stopped comes with gaps, and counts for nothing.
                if isinstance(event, ImageDone) and not event.gaps:
                    size = event.layout.decoded_bytes
                    self.done.append((event.channel, event.image_id, event.done_ns, size))
            self._changed.notify_all()

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        with self._changed:
            if not self._changed.wait_for(condition, WAIT_SECONDS):
                raise RuntimeError(f"no {what} within {WAIT_SECONDS:g} s")

    def _ask(self, message: Request) -> None:
        """Ask for something; while a loss is being repaired, again."""
        for _ in range(TRIES):
            self._wait(lambda: self._host.state in (HostState.READY, HostState.STREAMING), "module")
            try:
                self._driver.request(message).result(WAIT_SECONDS)
                return
            except LaserLinkError as error:
                refused = error
        raise refused

    def configure(self, channel: int, mode: str, bits: int) -> None:
        """Choose what a channel carries."""
        asked = StreamConfigure(0, channel, MODE_IDS[mode], bits, 0, 0, 0, 0)
        self._ask(asked)
        pixels = self._host.streams.layout_of(channel).pixels
        for _ in range(2):
            self._host.streams.pictures.prepare(pixels)

    def rate(self, channels: tuple[int, ...], warm_up: int, count: int) -> float:
        """Unpacked gigabytes a second of endless streams, from one full image's end to a later one's."""
        self.done.clear()
        for channel in channels:
            self._ask(StreamStart(0, channel, 0))
        self._wait(lambda: self._fulls() > warm_up + count, "image")
        for channel in channels:
            self._ask(StreamStop(0, channel))
        fulls = [(number, end) for channel, number, end, _ in self.done if channel == channels[0]]
        (first, begin), (last, end) = fulls[warm_up], fulls[warm_up + count]
        self.lost += (last - first) - count
        size = sum(size for _, _, at, size in self.done if begin < at <= end)
        return size / (end - begin)

    def _fulls(self) -> int:
        return sum(channel == FULL_CHANNEL for channel, *_ in self.done)

    def close(self) -> None:
        """Let the module go."""
        self._driver.close()


def link(options: ModuleOptions | None = None, rounds: int = ROUNDS, images: int = IMAGES) -> Figure:
    """Unpacked bytes a second from another process, over memcpy of as many in one core."""
    options = options or ModuleOptions()
    size = options.width * options.height * 2
    copy = copier(size)
    speeds, copies = [], []
    with ModuleProcess(options) as module:
        receiver = Receiver(module.url)
        try:
            receiver.configure(FULL_CHANNEL, FULL, BITS)
            receiver.rate((FULL_CHANNEL,), WARM_UP_IMAGES, images)
            for _ in range(rounds):
                copies.append(size / seconds_of(copy) / 1e9)
                speeds.append(receiver.rate((FULL_CHANNEL,), 1, images))
                copies.append(size / seconds_of(copy) / 1e9)
        finally:
            receiver.close()
    value = median(speeds)
    details = {"packed_gbps": value * BITS / 2, "packed_gbps_goal": 50, "images_lost": receiver.lost}
    return Figure("link", value, "GB/s", "memcpy", median(copies), Goal(0.75), details)


def link_two_streams(
    options: ModuleOptions | None = None, rounds: int = ROUNDS, images: int = IMAGES
) -> Figure:
    """A full image and a preview interleaved, unpacked bytes a second, over the full image alone."""
    alone, both = [], []
    with ModuleProcess(options or ModuleOptions()) as module:
        receiver = Receiver(module.url)
        try:
            receiver.configure(FULL_CHANNEL, FULL, BITS)
            receiver.configure(PREVIEW_CHANNEL, PREVIEW, BITS)
            receiver.rate((FULL_CHANNEL, PREVIEW_CHANNEL), WARM_UP_IMAGES, images)
            for _ in range(rounds):
                alone.append(receiver.rate((FULL_CHANNEL,), 1, images))
                both.append(receiver.rate((FULL_CHANNEL, PREVIEW_CHANNEL), 1, images))
        finally:
            receiver.close()
    return Figure("link-two-streams", median(both), "GB/s", "link", median(alone), Goal(0.9))


def resident_bytes(field: str) -> int:
    """VmRSS or VmHWM of this process. Linux only."""
    found = re.search(rf"^{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def host_memory(options: ModuleOptions | None = None, images: int = 12) -> Figure:
    """Peak memory of the host while it takes pictures one after another, above one unpacked image."""
    options = options or ModuleOptions()
    size = options.width * options.height * 2
    with ModuleProcess(options) as module, Camera(module.url) as camera:
        camera.configure(FULL, f"RAW{BITS}")
        Path("/proc/self/clear_refs").write_text("5")
        before = resident_bytes("VmRSS")
        for _ in range(images):
            camera.capture(WAIT_SECONDS)
        peak = resident_bytes("VmHWM") - before
    return Figure(
        "host-memory", (peak - size) / 1e6, "MB", "one unpacked image", size / 1e6,
        Goal(32.0, at_most=True, of_value=True), {"images": images},
    )  # fmt: skip


def cost(options: ModuleOptions) -> tuple[float, float]:
    """Nanoseconds for an unpacked byte, and the host's peak memory in bytes, for images of a size."""
    before = resident_bytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    figure = link(options, rounds=3, images=3)
    return 1 / figure.value, float(resident_bytes("VmHWM") - before)
