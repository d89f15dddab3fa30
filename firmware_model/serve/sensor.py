"""The sensor on a thread of its own: exposing never holds up the machine. Prepared images are used again."""

import hashlib
import queue
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace

from laserlink.firmware_model.sensor import ExposureRequest, Sensor
from laserlink.firmware_model.stream import ExposureWanted, PackedImage
from laserlink.protocol.image_layout import ImageLayout

# The same exposure again is the same image: a stream of a still scene is sent from what is there.
PREPARED_MAX = 2


@dataclass(frozen=True)
class Exposed:
    """An image as the sensor made it; `sha256` is of its unpacked little-endian pixels, when asked for."""

    wanted: ExposureWanted
    image: PackedImage
    sha256: str | None


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
        self._prepared: OrderedDict[tuple[ExposureRequest, ImageLayout], tuple[PackedImage, str | None]] = (
            OrderedDict()
        )
        self._work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._closed = False
        # A daemon: exposing a hundred megapixels takes seconds, and must not hold up the end of the process.
        self._thread = threading.Thread(target=self._run, name="laserlink-sensor", daemon=True)
        self._thread.start()

    def prepare(self, request: ExposureRequest, layout: ImageLayout) -> "Future[None]":
        """Expose ahead of time; the future is done when it is, or has what went wrong."""
        future: Future[None] = Future()

        def work() -> None:
            try:
                self._image(request, layout)
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
            image, sha256 = self._image(wanted.request, wanted.layout)
        except Exception as error:
            self._on_failed(f"the sensor failed: {error or type(error).__name__}")
        else:
            self._on_exposed(Exposed(wanted, image, sha256))

    def _run(self) -> None:
        while True:
            work = self._work.get()
            if self._closed:
                return
            work()

    def _image(self, request: ExposureRequest, layout: ImageLayout) -> tuple[PackedImage, str | None]:
        key = (replace(request, image_id=0), layout)
        if key in self._prepared:
            self._prepared.move_to_end(key)
            return self._prepared[key]
        pixels = self._sensor.expose(request)
        sha256 = hashlib.sha256(pixels.astype("<u2", copy=False).data).hexdigest() if self._sha256 else None
        made = (PackedImage.of(pixels, layout), sha256)
        self._prepared[key] = made
        if len(self._prepared) > PREPARED_MAX:
            self._prepared.popitem(last=False)
        return made

    def close(self) -> None:
        """Begin nothing more. Twice is fine."""
        self._closed = True
        self._work.put(lambda: None)
