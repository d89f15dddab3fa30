"""The sensor on a thread of its own: exposing never holds up the machine.

Each image that was counted out (a still, a burst) is exposed for itself, with noise of its own; what was
prepared is the first of them. A stream without end exposes its first `CYCLE_IMAGES` images, as far as they
fit into `CYCLE_BYTES`, and then goes around in them: exposing 100 million pixels takes seconds, sending them
a tenth of one. Two streams at once, a full image and its preview, each have their own round. A moving scene
is never sent twice.
"""

import hashlib
import queue
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

from laserlink.firmware_model.autofocus import FocusMeasured, FocusWanted, measured
from laserlink.firmware_model.sensor import ExposureRequest, Sensor
from laserlink.firmware_model.serve.spread import in_threads
from laserlink.firmware_model.stream import ExposureWanted, PackedImage
from laserlink.protocol.image_layout import ImageLayout

CYCLE_IMAGES = 8
CYCLE_BYTES = 400_000_000
CYCLES_MAX = 2

WARMTH_K = 5.0
"""Exposures that differ by less count as the same: a module that warms up does not begin anew."""


@dataclass(frozen=True)
class Exposed:
    """An image as the sensor made it; `sha256` is of its unpacked little-endian pixels, when asked for."""

    wanted: ExposureWanted
    image: PackedImage
    sha256: str | None


Made = tuple[PackedImage, str | None]
Key = tuple[ExposureRequest, ImageLayout]
# What tells two streams apart, however each of them is exposed: mode, region, and how it goes out.
View = tuple[int, tuple[int, int, int, int], ImageLayout]


@dataclass
class _Cycle:
    """The images of one exposure, and those of them that were prepared and not yet sent."""

    key: Key
    images: deque[Made] = field(default_factory=deque)
    unsent: deque[Made] = field(default_factory=deque)

    @property
    def full(self) -> bool:
        held_bytes = sum(image.data.nbytes for image, _ in self.images)
        next_bytes = held_bytes + self.images[0][0].data.nbytes if self.images else 0
        return len(self.images) >= CYCLE_IMAGES or next_bytes > CYCLE_BYTES

    def turn(self) -> Made:
        """The image whose turn it is."""
        self.images.rotate(-1)
        return self.images[-1]


class SensorThread:
    """Exposes on demand; `on_exposed`, or `on_failed` with what went wrong, is called on its thread."""

    def __init__(
        self,
        sensor: Sensor,
        on_exposed: Callable[[Exposed], None],
        on_failed: Callable[[str], None],
        *,
        sha256: bool,
    ) -> None:
        self._sensor = sensor
        self._on_exposed = on_exposed
        self._on_failed = on_failed
        self._sha256 = sha256
        self._exposures = 0
        self._cycles: dict[View, _Cycle] = {}
        self._work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._closed = False
        # A daemon: exposing a hundred megapixels takes seconds, and must not hold up the end of the process.
        self._thread = threading.Thread(target=self._run, name="laserlink-sensor", daemon=True)
        self._thread.start()

    def prepare(self, request: ExposureRequest, layout: ImageLayout) -> "Future[None]":
        """Expose the next such image ahead of time; the future is done when it is, or has what went wrong."""
        future: Future[None] = Future()

        def work() -> None:
            try:
                cycle = self._cycle_of(request, layout)
                cycle.unsent.append(self._made(request, layout))
            except Exception as error:
                future.set_exception(error)
            else:
                future.set_result(None)

        self._work.put(work)
        return future

    def expose(self, wanted: ExposureWanted) -> None:
        """Expose soon."""
        self._work.put(lambda: self._expose(wanted))

    def _expose(self, wanted: ExposureWanted) -> None:
        try:
            image, sha256 = self._image(wanted)
        except Exception as error:
            self._on_failed(f"the sensor failed: {error or type(error).__name__}")
        else:
            self._on_exposed(Exposed(wanted, image, sha256))

    def look(self, wanted: FocusWanted, on_measured: Callable[[FocusMeasured], None]) -> None:
        """Expose a window soon, and call `on_measured`, on the sensor's thread, with its contrast."""
        self._work.put(lambda: self._look(wanted, on_measured))

    def _look(self, wanted: FocusWanted, on_measured: Callable[[FocusMeasured], None]) -> None:
        try:
            image, _ = self._made(wanted.exposure.request, wanted.exposure.layout)
            seen = measured(wanted, image)
        except Exception as error:
            self._on_failed(f"the sensor failed: {error or type(error).__name__}")
        else:
            on_measured(seen)

    def _run(self) -> None:
        while True:
            work = self._work.get()
            if self._closed:
                return
            work()

    def _image(self, wanted: ExposureWanted) -> Made:
        if self._sensor.moves:
            return self._made(wanted.request, wanted.layout)
        cycle = self._cycle_of(wanted.request, wanted.layout)
        if not wanted.endless:
            return cycle.unsent.popleft() if cycle.unsent else self._made(wanted.request, wanted.layout)
        if not cycle.full:
            cycle.images.append(
                cycle.unsent.popleft() if cycle.unsent else self._made(wanted.request, wanted.layout)
            )
            return cycle.images[-1]
        return cycle.turn()

    def _cycle_of(self, request: ExposureRequest, layout: ImageLayout) -> _Cycle:
        """The images of this exposure; those of another of the same view are forgotten."""
        widest = self._sensor.profile.lens.f_number
        alike = replace(
            request,
            image_id=0,
            started_ns=0,
            f_number=widest if request.f_number is None else request.f_number,
            temperature_c=round(request.temperature_c / WARMTH_K) * WARMTH_K,
        )
        view = (request.mode_id, request.region, layout)
        cycle = self._cycles.pop(view, None)
        if cycle is None or cycle.key != (alike, layout):
            cycle = _Cycle((alike, layout))
        if len(self._cycles) >= CYCLES_MAX:
            del self._cycles[next(iter(self._cycles))]
        self._cycles[view] = cycle  # the last: it was used last
        return cycle

    def _made(self, request: ExposureRequest, layout: ImageLayout) -> Made:
        request = replace(request, exposure_index=self._exposures)
        self._exposures += 1
        pixels = self._sensor.expose(request, in_threads)
        sha256 = hashlib.sha256(pixels.astype("<u2", copy=False).data).hexdigest() if self._sha256 else None
        return PackedImage.of(pixels, layout), sha256

    def close(self) -> None:
        """Begin nothing more. Twice is fine."""
        self._closed = True
        self._work.put(lambda: None)
