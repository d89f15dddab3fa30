"""Firmware updates taken in order and checked by digest; small files handed out in parts."""

from dataclasses import dataclass

import numpy as np

from laserlink.protocol import _accel
from laserlink.protocol.digest import strip_digest
from laserlink.protocol.errors import NotFound, OutOfBounds, UpdateRefused
from laserlink.protocol.frame import OVERHEAD_BYTES
from laserlink.protocol.limits import UPDATE_BYTES_MAX
from laserlink.protocol.messages.bulk import FilePart, FileRead, UpdateBegin, UpdateData

PART_PREFIX_BYTES = 10


def digest_of(data: bytes) -> int:
    """The digest of a firmware image: that of an image of one strip."""
    sums = np.zeros(2, np.uint64)
    _accel.add(sums, data, 0)
    return strip_digest(sums, len(data))


@dataclass(frozen=True)
class UpdateInstalled:
    """Event: a firmware image came whole and its digest is right; the module restarts."""

    firmware: bytes


class Update:
    """A firmware image on its way. Nothing beyond the announced size is ever kept."""

    def __init__(self, begin: UpdateBegin) -> None:
        if not 0 < begin.total_bytes <= UPDATE_BYTES_MAX:
            raise UpdateRefused(f"an update has 1 to {UPDATE_BYTES_MAX} bytes", begin.total_bytes)
        self._total = begin.total_bytes
        self._digest = begin.digest
        self._image = bytearray()

    @property
    def received_bytes(self) -> int:
        return len(self._image)

    def take(self, data: UpdateData) -> None:
        """Append a piece. Raises OutOfBounds when it does not follow the last one or runs over the end."""
        if data.offset != len(self._image) or data.offset + len(data.piece) > self._total:
            raise OutOfBounds(f"expected the piece at {len(self._image)} of {self._total}", data.offset)
        self._image += data.piece

    def finish(self) -> bytes:
        """The whole image. Raises UpdateRefused when it is short, or its digest is not the announced one."""
        if len(self._image) != self._total:
            raise UpdateRefused(f"{len(self._image)} of {self._total} bytes came", len(self._image))
        if digest_of(bytes(self._image)) != self._digest:
            raise UpdateRefused("the digest of the update is wrong", self._digest)
        return bytes(self._image)


def file_part(files: dict[str, bytes], request: FileRead, frame_bytes_max: int) -> FilePart:
    """A part of a small file. Raises NotFound or OutOfBounds."""
    if request.name not in files:
        raise NotFound(f"there is no file {request.name!r}")
    content = files[request.name]
    if request.offset > len(content):
        raise OutOfBounds(f"{request.name} has {len(content)} bytes", request.offset)
    end = request.offset + frame_bytes_max - OVERHEAD_BYTES - PART_PREFIX_BYTES
    return FilePart(request.request_id, len(content), request.offset, content[request.offset : end])
