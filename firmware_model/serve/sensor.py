"""The sensor on a thread of its own: exposing never holds up the machine. Prepared images are used again."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
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
    """Exposes on demand; `on_exposed` is called on the sensor's thread."""

    def __init__(self, sensor: Sensor, on_exposed: Callable[[Exposed], None], *, sha256: bool) -> None:
        self._sensor = sensor
        self._on_exposed = on_exposed
        self._sha256 = sha256
        self._prepared: OrderedDict[tuple[ExposureRequest, ImageLayout], tuple[PackedImage, str | None]] = OrderedDict()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="laserlink-sensor")

    def prepare(self, request: ExposureRequest, layout: ImageLayout) -> "Future[object]":
        """Expose ahead of time."""
        return self._pool.submit(self._image, request, layout)

    def expose(self, wanted: ExposureWanted) -> None:
        """Expose soon."""
        future = self._pool.submit(self._run, wanted)
        future.add_done_callback(Future.result)

    def _run(self, wanted: ExposureWanted) -> None:
        image, sha256 = self._image(wanted.request, wanted.layout)
        self._on_exposed(Exposed(wanted, image, sha256))

    def _image(self, request: ExposureRequest, layout: ImageLayout) -> tuple[PackedImage, str | None]:
        key = (replace(request, image_id=0), layout)
        if key in self._prepared:
            self._prepared.move_to_end(key)
            return self._prepared[key]
        pixels = self._sensor.expose(request)
        sha256 = hashlib.sha256(pixels.astype("<u2", copy=False)).hexdigest() if self._sha256 else None
        made = (PackedImage.of(pixels, layout), sha256)
        self._prepared[key] = made
        if len(self._prepared) > PREPARED_MAX:
            self._prepared.popitem(last=False)
        return made

    def close(self) -> None:
        """Stop; an exposure that has begun is let finish by the interpreter's end."""
        self._pool.shutdown(wait=False, cancel_futures=True)
