"""One wire frame: its layout (declared in construct, the oracle) and its two checks.

Layout and reasons: docs/wire-format.md. All integers are little-endian.
"""

import struct
from dataclasses import dataclass
from enum import IntFlag

from construct import Bytes, Const, Int8ul, Int16ul, Int32ul, Struct

from laserlink.protocol._accel import crc32
from laserlink.protocol.limits import PAYLOAD_BYTES_MAX

SYNC = b"\xeb\x90"
VERSION_MAJOR = 1
VERSION_MINOR = 0
VERSION = VERSION_MAJOR << 4 | VERSION_MINOR
HEADER_BYTES = 20
CHECK_BYTES = 4
OVERHEAD_BYTES = HEADER_BYTES + CHECK_BYTES
CHECKED_HEADER_BYTES = 16

# The declaration. The framer reads headers with `struct` for speed; a test holds the two together.
HEADER = Struct(
    "sync" / Const(SYNC),
    "version" / Int8ul,
    "type" / Int8ul,
    "channel" / Int8ul,
    "flags" / Int8ul,
    "length" / Int16ul,
    "session" / Int32ul,
    "sequence" / Int32ul,
    "header_check" / Int32ul,
)
FRAME = Struct("header" / HEADER, "payload" / Bytes(lambda this: this.header.length), "frame_check" / Int32ul)

_CHECKED = struct.Struct("<2sBBBBHII")
_CHECK = struct.Struct("<I")

if HEADER.sizeof() != HEADER_BYTES or _CHECKED.size != CHECKED_HEADER_BYTES:
    raise ImportError("the frame header is 20 bytes, 16 of them checked")


class Flags(IntFlag):
    """Bits of the flags field; SEALED and KEY_PHASE are reserved in this version."""

    NONE = 0
    ACK_REQUESTED = 1
    SEALED = 2
    KEY_PHASE = 4


LEGAL_FLAGS = Flags.ACK_REQUESTED
CHANNEL_MAX = 15


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame whose two checks hold. Whether it is legal is for the session to say."""

    type: int
    channel: int
    session: int
    sequence: int
    payload: bytes = b""
    flags: int = 0
    version: int = VERSION

    def __bytes__(self) -> bytes:
        """The exact bytes on the wire.

        Raises:
            ValueError: the payload is longer than 4072 bytes, or a field does not fit.
        """
        return wire_of(
            self.type, self.channel, self.session, self.sequence, self.payload, self.flags, self.version
        )

    @property
    def version_major(self) -> int:
        return self.version >> 4

    @property
    def wire_bytes(self) -> int:
        return OVERHEAD_BYTES + len(self.payload)


def wire_of(
    type: int,
    channel: int,
    session: int,
    sequence: int,
    payload: bytes,
    flags: int = 0,
    version: int = VERSION,
) -> bytes:
    """The bytes of a frame of these fields. Raises ValueError as `bytes(Frame(...))` does."""
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise ValueError(f"a payload of {len(payload)} bytes does not fit a frame ({PAYLOAD_BYTES_MAX})")
    try:
        header = _CHECKED.pack(SYNC, version, type, channel, flags, len(payload), session, sequence)
    except struct.error as error:
        raise ValueError(f"a header field does not fit: {error}") from None
    header_check = crc32(header)
    return b"".join((header, _CHECK.pack(header_check), payload, _CHECK.pack(crc32(payload, header_check))))


def sequence_is_newer(a: int, b: int, bits: int = 32) -> bool:
    """Whether serial number `a` comes after `b` (RFC 1982); the undefined middle counts as older."""
    return 0 < (a - b) % (1 << bits) < 1 << (bits - 1)
