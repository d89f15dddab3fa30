"""How an image lies on the wire: packed size, chunks, strips, frames. Pure arithmetic."""

from dataclasses import dataclass
from functools import cached_property

from laserlink.protocol.frame import OVERHEAD_BYTES
from laserlink.protocol.limits import IMAGE_BYTES_MAX, IMAGE_SIDE_MAX, SEAL_BYTES, STRIP_BYTES_MAX
from laserlink.protocol.raw import WIDTHS, packed_size

# 32 pixels unpack to one cache line of 64 bytes, and pack to a whole number of groups and of 64-bit words.
PIXELS_PER_LINE = 32
DATA_PREFIX_BYTES = 12
DIGESTS_PREFIX_BYTES = 15
DIGESTS_PER_FRAME_MAX = 255


@dataclass(frozen=True)
class ImageLayout:
    """The layout of a `width` x `height` image of RAW`bits` in frames of at most `frame_bytes_max`.

    Raises:
        ValueError: a size or format that no image may have; the text says which.
    """

    width: int
    height: int
    bits: int
    frame_bytes_max: int

    def __post_init__(self) -> None:
        if self.bits not in WIDTHS:
            raise ValueError(f"RAW{self.bits} is not one of {', '.join(f'RAW{bits}' for bits in WIDTHS)}")
        if not 4 <= self.width <= IMAGE_SIDE_MAX or self.width % 4:
            raise ValueError(f"a width of {self.width} is not a multiple of 4 from 4 to {IMAGE_SIDE_MAX}")
        if not 2 <= self.height <= IMAGE_SIDE_MAX or self.height % 2:
            raise ValueError(f"a height of {self.height} is not even, from 2 to {IMAGE_SIDE_MAX}")
        if self.decoded_bytes > IMAGE_BYTES_MAX:
            raise ValueError(f"an image of {self.decoded_bytes} bytes is over the limit of {IMAGE_BYTES_MAX}")

    @property
    def pixels(self) -> int:
        return self.width * self.height

    @property
    def decoded_bytes(self) -> int:
        return 2 * self.pixels

    @cached_property
    def coded_bytes(self) -> int:
        return packed_size(self.pixels, self.bits)

    @cached_property
    def chunk_bytes(self) -> int:
        """Bytes of every chunk but the last: whole cache lines when unpacked, with room for a seal."""
        line = PIXELS_PER_LINE * self.bits // 8
        return (self.frame_bytes_max - OVERHEAD_BYTES - DATA_PREFIX_BYTES - SEAL_BYTES) // line * line

    @cached_property
    def chunks(self) -> int:
        return -(-self.coded_bytes // self.chunk_bytes)

    @cached_property
    def strip_bytes(self) -> int:
        """Bytes of every strip but the last: a whole number of chunks, at most 1 MB."""
        return STRIP_BYTES_MAX // self.chunk_bytes * self.chunk_bytes

    @cached_property
    def strips(self) -> int:
        return -(-self.coded_bytes // self.strip_bytes)

    @property
    def digests_per_frame(self) -> int:
        room = (self.frame_bytes_max - OVERHEAD_BYTES - DIGESTS_PREFIX_BYTES - SEAL_BYTES) // 8
        return min(room, DIGESTS_PER_FRAME_MAX)

    @property
    def digest_frames(self) -> int:
        return -(-self.strips // self.digests_per_frame)

    @property
    def frames(self) -> int:
        """Start, chunks, digests: the sequences that one image takes."""
        return 1 + self.chunks + self.digest_frames

    def chunk_length(self, index: int) -> int:
        return min(self.chunk_bytes, self.coded_bytes - index * self.chunk_bytes)

    def wire_bytes(self, index: int, count: int) -> int:
        """Bytes of the frames of `count` chunks from one on."""
        size = count * (OVERHEAD_BYTES + DATA_PREFIX_BYTES + self.chunk_bytes)
        last = count > 0 and index + count == self.chunks
        return size - (self.chunk_bytes - self.chunk_length(self.chunks - 1)) * last

    def strip_length(self, index: int) -> int:
        return min(self.strip_bytes, self.coded_bytes - index * self.strip_bytes)

    def strip_chunks(self, index: int) -> slice:
        """The chunks that make up a strip."""
        per_strip = self.strip_bytes // self.chunk_bytes
        return slice(index * per_strip, min((index + 1) * per_strip, self.chunks))
