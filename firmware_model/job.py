"""One image on its way out of the module: wanted, exposed, packed, sent as it is read out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from laserlink.firmware_model.sensor import ExposureRequest
from laserlink.protocol import _accel
from laserlink.protocol.image_layout import ImageLayout
from laserlink.protocol.messages.image import ImageStart

# A sensor hands over lines in blocks; 64 of them keep the number of wake-ups per image small.
READOUT_BLOCKS = 64


@dataclass(frozen=True)
class PackedImage:
    """The packed bytes of an image and the digests of its strips. Never changes, so never copied."""

    data: NDArray[np.uint8]
    digests: tuple[int, ...]

    def __deepcopy__(self, memo: dict[int, Any]) -> "PackedImage":
        return self

    @classmethod
    def of(cls, pixels: NDArray[np.uint16], layout: ImageLayout) -> "PackedImage":
        """Pack a picture, shape (height, width), and digest it: what the sensor does as it reads out."""
        packed = _accel.pack(pixels.reshape(-1), layout.bits)
        return cls(packed, tuple(_accel.strip_digests(packed, layout.strip_bytes)))


@dataclass(frozen=True)
class ExposureWanted:
    """Event: the shutter opens now. The shell answers with `ImageReady` when it has the pixels.

    Of a stream that is `endless`, images may come again.
    """

    channel: int
    image_id: int
    request: ExposureRequest
    layout: ImageLayout
    endless: bool = False


@dataclass(frozen=True)
class ImageReady:
    """Input: the pixels of an exposure that was wanted."""

    channel: int
    image_id: int
    image: PackedImage


@dataclass
class Job:
    """One image on its way: when it was exposed, which sequences it takes, how far it was sent."""

    layout: ImageLayout
    start: ImageStart
    first_sequence: int
    exposed_ns: int
    readout_ns: int
    image: PackedImage | None = None
    next_frame: int = 0
    expires_ns: int = 0

    def frames_ready(self, now: int) -> int:
        """How many of the image's frames could be sent by now."""
        if self.image is None or now < self.exposed_ns:
            return 0
        elapsed = now - self.exposed_ns
        if elapsed >= self.readout_ns:
            return self.layout.frames
        block = elapsed * READOUT_BLOCKS // self.readout_ns
        return 1 + self.layout.chunks * block // READOUT_BLOCKS

    def next_ready_ns(self, now: int) -> int | None:
        """When frames become ready; None when some wait to be taken already, or the pixels are missing."""
        if self.image is None or self.frames_ready(now) > self.next_frame:
            return None
        # The first block with which one more frame is whole: a small image needs no wake-up for each block.
        block = min(READOUT_BLOCKS, -(-self.next_frame * READOUT_BLOCKS // self.layout.chunks))
        return self.exposed_ns - (-block * self.readout_ns // READOUT_BLOCKS)

    @property
    def sent(self) -> bool:
        return self.next_frame >= self.layout.frames
