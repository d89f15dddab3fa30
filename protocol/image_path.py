"""The image data path in Python: the readable reference of the C kernel, and what runs without it.

A sender turns a packed image into frames by `frame_images`; a receiver holds a `Slot` for every image
that it expects, and places chunks as they come. Without the kernel the framer finds the frames.
"""

import copy
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from laserlink.protocol import crc, digest, raw
from laserlink.protocol.octets import AnyBuffer, octets

CHUNK_BYTES_MAX = 4060  # the longest payload, less the 12 bytes in front of the chunk
CHANNEL_MAX = 15
_WORD_MAX = 0xFFFFFFFF
_CACHE_LINE_BYTES = 64

_HEADER = struct.Struct("<2sBBBBHII")
_PREFIX = struct.Struct("<IQ")
_CHECK = struct.Struct("<I")
_SYNC = b"\xeb\x90"
_VERSION = 0x10
_IMAGE_DATA = 0x42
FRAME_OVERHEAD_BYTES = _HEADER.size + _CHECK.size + _PREFIX.size + _CHECK.size
if (_HEADER.size, FRAME_OVERHEAD_BYTES) != (16, 36):
    raise ImportError("the layout of an image frame is not that of the specification")


def empty_picture(pixels: int) -> NDArray[np.uint16]:
    """`pixels` uninitialised pixels that start on a cache line: unpacking into them is fastest."""
    space = np.empty(pixels + _CACHE_LINE_BYTES // 2, np.uint16)
    start = -space.ctypes.data % _CACHE_LINE_BYTES // 2
    return space[start : start + pixels]


def _checked(value: int, name: str, largest: int) -> int:
    if not 0 <= value <= largest:
        raise ValueError(f"{name} is {value}, not in 0 to {largest}")
    return value


def _check_array(array: NDArray[Any], name: str, kind: type[np.generic], shape: tuple[int, ...]) -> None:
    flags = array.flags
    if array.dtype != kind or array.shape != shape or not flags.c_contiguous or not flags.writeable:
        raise ValueError(f"{name} is no writable contiguous {kind.__name__} array of shape {shape}")


class Slot:
    """One image that is being received: where its pixels go, and what has come.

    channel, image_id   which frames are meant
    bits                8, 10, 12, 14 or 16 a pixel
    chunk_bytes         packed bytes in every chunk but the last: whole 8-byte words and whole pixel groups
    coded_bytes         packed bytes of the image: whole pixel groups
    strip_bytes         packed bytes in every strip but the last: whole chunks
    picture             uint16 (pixels,): written
    present             uint8 (chunks,): 1 when the chunk has come; clear an entry to take it again, but
                        then its strip's sums must start again from zero
    sums                uint64 (strips, 2): the digest's sums of each strip

    Counters: `frames` (new chunks), `duplicates`, `last_sequence` (of the last frame for this slot).
    ValueError for sizes that do not belong together. Can be copied by copy.deepcopy, arrays and all.
    """

    def __init__(
        self,
        channel: int,
        image_id: int,
        bits: int,
        chunk_bytes: int,
        coded_bytes: int,
        strip_bytes: int,
        picture: NDArray[np.uint16],
        present: NDArray[np.uint8],
        sums: NDArray[np.uint64],
    ) -> None:
        group_bytes = raw.group_bytes(bits)
        self.channel = _checked(channel, "channel", CHANNEL_MAX)
        self.image_id = _checked(image_id, "image_id", _WORD_MAX)
        self.bits = bits
        self.chunk_bytes = _checked(chunk_bytes, "chunk_bytes", CHUNK_BYTES_MAX)
        if chunk_bytes == 0 or chunk_bytes % digest.WORD_BYTES or chunk_bytes % group_bytes:
            raise ValueError(f"chunk_bytes is {chunk_bytes}, not whole 8-byte words and RAW{bits} groups")
        if coded_bytes <= 0 or coded_bytes % group_bytes:
            raise ValueError(f"coded_bytes is {coded_bytes}, not whole RAW{bits} groups")
        if strip_bytes <= 0 or strip_bytes % chunk_bytes:
            raise ValueError(f"strip_bytes is {strip_bytes}, not whole chunks of {chunk_bytes}")
        self.coded_bytes, self.strip_bytes = coded_bytes, strip_bytes
        _check_array(picture, "picture", np.uint16, (coded_bytes // group_bytes * raw.group_pixels(bits),))
        _check_array(present, "present", np.uint8, (-(-coded_bytes // chunk_bytes),))
        _check_array(sums, "sums", np.uint64, (-(-coded_bytes // strip_bytes), 2))
        self.picture, self.present, self.sums = picture, present, sums
        self.frames = self.duplicates = self.last_sequence = 0

    def __deepcopy__(self, memo: dict[int, Any]) -> "Slot":
        other = copy.copy(self)
        other.picture = copy.deepcopy(self.picture, memo)
        other.present = copy.deepcopy(self.present, memo)
        other.sums = copy.deepcopy(self.sums, memo)
        return other

    def place(self, offset: int, chunk: AnyBuffer) -> bool:
        """Takes the chunk at byte `offset` of the packed image; False when it had come before.

        A repeated chunk is counted, not compared. ValueError: not a chunk of this image, or not whole.
        """
        view = octets(chunk)
        size = min(self.chunk_bytes, self.coded_bytes - offset)
        if not 0 <= offset < self.coded_bytes or offset % self.chunk_bytes or len(view) != size:
            raise ValueError(f"{len(view)} bytes at {offset} are no chunk of this image")
        if self.present[offset // self.chunk_bytes]:
            self.duplicates += 1
            return False
        digest.add(self.sums[offset // self.strip_bytes], view, offset)
        group_bytes, group_pixels = raw.group_bytes(self.bits), raw.group_pixels(self.bits)
        first = offset // group_bytes * group_pixels
        raw.unpack(view, self.bits, self.picture[first : first + size // group_bytes * group_pixels])
        self.present[offset // self.chunk_bytes] = 1
        self.frames += 1
        return True


def frame_images(
    out: AnyBuffer,
    packed: AnyBuffer,
    first_chunk: int,
    chunk_count: int,
    session: int,
    channel: int,
    first_sequence: int,
    image_id: int,
    chunk_bytes: int,
) -> int:
    """Writes whole frames for the chunks from `first_chunk` on while they fit into `out`; returns how many.

    `packed` is the whole image. Chunk i is `chunk_bytes` from byte i * chunk_bytes (the last may be shorter),
    its sequence is first_sequence + i modulo 2**32, and its frame takes FRAME_OVERHEAD_BYTES more.
    ValueError: a value out of its range, or chunks that are not in the image.
    """
    for value, name, largest in (
        (session, "session", _WORD_MAX),
        (channel, "channel", CHANNEL_MAX),
        (first_sequence, "first_sequence", _WORD_MAX),
        (image_id, "image_id", _WORD_MAX),
        (chunk_bytes, "chunk_bytes", CHUNK_BYTES_MAX),
    ):
        _checked(value, name, largest)
    target, image = octets(out), octets(packed)
    if chunk_bytes == 0 or first_chunk < 0 or chunk_count < 0:
        raise ValueError("chunk_bytes is zero, or a count is negative")
    if first_chunk + chunk_count > -(-len(image) // chunk_bytes):
        raise ValueError(f"{chunk_count} chunks from {first_chunk} on are not all in the image")
    written = 0
    for index in range(first_chunk, first_chunk + chunk_count):
        offset = index * chunk_bytes
        payload = _PREFIX.pack(image_id, offset) + bytes(image[offset : offset + chunk_bytes])
        sequence = (first_sequence + index) & _WORD_MAX
        frame = _frame(channel, session, sequence, payload)
        if written + len(frame) > len(target):
            return index - first_chunk
        target[written : written + len(frame)] = frame
        written += len(frame)
    return chunk_count


def _frame(channel: int, session: int, sequence: int, payload: bytes) -> bytes:
    header = _HEADER.pack(_SYNC, _VERSION, _IMAGE_DATA, channel, 0, len(payload), session, sequence)
    check = crc.crc32(header)
    return b"".join((header, _CHECK.pack(check), payload, _CHECK.pack(crc.crc32(payload, check))))
