"""Many small frames at once, for logs and floods of messages: the readable reference of the C batch decoder.

Both functions take whole good frames of at most 256 bytes from the start of a buffer, of any session, and
stop at the first byte that is none: a `Framer` goes on there. Frames are not judged beyond their two checks.
"""

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from laserlink.protocol import crc
from laserlink.protocol.octets import AnyBuffer, octets

SMALL_FRAME_BYTES_MAX = 256
_HEADER = struct.Struct("<2sBBBBHIII")
_CHECK = struct.Struct("<I")
_COVERED_BYTES = 16
_SYNC = b"\xeb\x90"

ROW = np.dtype(
    [
        ("payload_at", "<u8"),
        ("session", "<u4"),
        ("sequence", "<u4"),
        ("length", "<u2"),
        ("type", "u1"),
        ("channel", "u1"),
        ("flags", "u1"),
        ("version", "u1"),
        ("reserved", "<u2"),
    ]
)
"""A row of the table: the header's fields, and where in the buffer the payload begins. 24 bytes."""

if ROW.itemsize != 24:
    raise ImportError("a row of the table has not the size that the kernel writes")


class SmallFrame(NamedTuple):
    """A good frame, with the fields of `frame.Frame`."""

    type: int
    channel: int
    session: int
    sequence: int
    payload: bytes
    flags: int
    version: int


def _frames(data: AnyBuffer) -> Iterator[tuple[int, SmallFrame]]:
    """Whole good small frames from the start on, and where each begins."""
    view, at = octets(data), 0
    while len(view) - at >= _HEADER.size + _CHECK.size:
        fields = _HEADER.unpack_from(view, at)
        sync, version, kind, channel, flags, length, session, sequence, header_check = fields
        size = _HEADER.size + length + _CHECK.size
        if sync != _SYNC or size > min(SMALL_FRAME_BYTES_MAX, len(view) - at):
            return
        payload = bytes(view[at + _HEADER.size : at + size - _CHECK.size])
        check = crc.crc32(bytes(view[at : at + _COVERED_BYTES]))
        found = _CHECK.unpack_from(view, at + size - _CHECK.size)[0]
        if check != header_check or crc.crc32(payload, check) != found:
            return
        yield at, SmallFrame(kind, channel, session, sequence, payload, flags, version)
        at += size


def _frame_bytes(frame: SmallFrame) -> int:
    return _HEADER.size + len(frame.payload) + _CHECK.size


def decode_batch(data: AnyBuffer, rows: NDArray[Any]) -> tuple[int, int]:
    """Fill `rows`, of dtype ROW, from the start; how many were filled, and how many bytes they took.

    Raises:
        ValueError: `rows` has not the size of ROW.
    """
    if rows.dtype.itemsize != ROW.itemsize:
        raise ValueError(f"a row has {ROW.itemsize} bytes, on a multiple of 8")
    count = taken = 0
    for at, frame in _frames(data):
        if count == len(rows):
            break
        rows[count] = (
            at + _HEADER.size, frame.session, frame.sequence, len(frame.payload),
            frame.type, frame.channel, frame.flags, frame.version, 0,
        )  # fmt: skip
        count, taken = count + 1, at + _frame_bytes(frame)
    return count, taken


def decode_objects(data: AnyBuffer, kind: type[SmallFrame] = SmallFrame) -> tuple[list[SmallFrame], int]:
    """Every frame as an object, and how many bytes they took."""
    frames = [frame for _, frame in _frames(data)]
    return [kind(*frame) for frame in frames], sum(map(_frame_bytes, frames))
