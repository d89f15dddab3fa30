"""The bytes of one frame, read and written: the readable reference of the C kernel, and where each field is.

Layout and reasons: docs/wire-format.md. All integers are little-endian.
"""

import struct
from typing import Protocol, TypeVar

from laserlink.protocol.crc import crc32
from laserlink.protocol.limits import PAYLOAD_BYTES_MAX
from laserlink.protocol.octets import AnyBuffer, octets

SYNC = b"\xeb\x90"
VERSION_MAJOR = 1
VERSION_MINOR = 0
VERSION = VERSION_MAJOR << 4 | VERSION_MINOR
HEADER_BYTES = 20
CHECK_BYTES = 4
OVERHEAD_BYTES = HEADER_BYTES + CHECK_BYTES
CHECKED_HEADER_BYTES = 16

_CHECKED = struct.Struct("<2sBBBBHII")
_CHECK = struct.Struct("<I")

if _CHECKED.size != CHECKED_HEADER_BYTES:
    raise ImportError("16 bytes of the frame header are checked")

FrameT = TypeVar("FrameT", covariant=True)


class FrameKind(Protocol[FrameT]):
    """What is made of the fields of a frame; the kernel sets them by these names."""

    def __call__(
        self, type: int, channel: int, session: int, sequence: int, payload: bytes, flags: int, version: int
    ) -> FrameT: ...


def read_frame(data: AnyBuffer, start: int, kind: FrameKind[FrameT]) -> FrameT | None:
    """The whole good frame that begins at `start`, as a `kind`; None where none does, whatever is there."""
    view = octets(data)
    if not 0 <= start <= len(view) - OVERHEAD_BYTES:
        return None
    checked = bytes(view[start : start + CHECKED_HEADER_BYTES])
    sync, version, type, channel, flags, length, session, sequence = _CHECKED.unpack(checked)
    begin = start + HEADER_BYTES
    end = begin + length
    if sync != SYNC or length > PAYLOAD_BYTES_MAX or len(view) < end + CHECK_BYTES:
        return None
    payload, check = bytes(view[begin:end]), crc32(checked)
    checks = _CHECK.unpack_from(view, begin - CHECK_BYTES) + _CHECK.unpack_from(view, end)
    if (check, crc32(payload, check)) != checks:
        return None
    return kind(type, channel, session, sequence, payload, flags, version)


def may_begin(data: AnyBuffer, start: int) -> bool:
    """Whether a frame begins at `start`, or may, as far as the bytes go: what is there of it holds."""
    view = octets(data)
    head = bytes(view[start : start + HEADER_BYTES])
    if not SYNC.startswith(head[: len(SYNC)]):
        return False
    if len(head) < HEADER_BYTES:
        return True
    length = _CHECKED.unpack_from(head)[5]
    check = crc32(head[:CHECKED_HEADER_BYTES])
    if check != _CHECK.unpack_from(head, CHECKED_HEADER_BYTES)[0] or length > PAYLOAD_BYTES_MAX:
        return False
    begin = start + HEADER_BYTES
    end = begin + length
    return len(view) < end + CHECK_BYTES or _CHECK.unpack_from(view, end) == (crc32(view[begin:end], check),)


def bad_bytes(data: AnyBuffer, start: int, limit: int) -> int:
    """How many bytes from `start` on are no frame, where none begins at `start`: up to where one may begin.

    At least 1, at most `limit`, and no more than there are.
    """
    end = min(start + limit, len(octets(data)))
    at = start + 1
    while at < end and not may_begin(data, at):
        at += 1
    return at - start


def wire_of(
    type: int,
    channel: int,
    session: int,
    sequence: int,
    payload: bytes,
    flags: int = 0,
    version: int = VERSION,
) -> bytes:
    """The bytes of a frame of these fields.

    Raises:
        ValueError: the payload is longer than 4072 bytes, or a field does not fit.
    """
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise ValueError(f"a payload of {len(payload)} bytes does not fit a frame ({PAYLOAD_BYTES_MAX})")
    try:
        header = _CHECKED.pack(SYNC, version, type, channel, flags, len(payload), session, sequence)
    except struct.error as error:
        raise ValueError(f"a header field does not fit: {error}") from None
    header_check = crc32(header)
    return b"".join((header, _CHECK.pack(header_check), payload, _CHECK.pack(crc32(payload, header_check))))
