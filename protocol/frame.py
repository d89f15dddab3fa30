"""One wire frame: its layout (declared in construct, the oracle) and its two checks.

Layout and reasons: docs/wire-format.md. All integers are little-endian.
"""

from dataclasses import dataclass
from enum import IntFlag

from construct import Bytes, Const, Int8ul, Int16ul, Int32ul, Struct

from laserlink.protocol._accel import wire_of
from laserlink.protocol.wire import (
    CHECK_BYTES,
    CHECKED_HEADER_BYTES,
    HEADER_BYTES,
    OVERHEAD_BYTES,
    SYNC,
    VERSION,
    VERSION_MAJOR,
    VERSION_MINOR,
)

__all__ = [
    "CHANNEL_MAX",
    "CHECKED_HEADER_BYTES",
    "CHECK_BYTES",
    "FRAME",
    "HEADER",
    "HEADER_BYTES",
    "LEGAL_FLAGS",
    "OVERHEAD_BYTES",
    "SYNC",
    "VERSION",
    "VERSION_MAJOR",
    "VERSION_MINOR",
    "Flags",
    "Frame",
    "sequence_is_newer",
    "wire_of",
]

# The declaration. Headers are read with `struct` or in C for speed; a test holds them together.
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

if HEADER.sizeof() != HEADER_BYTES:
    raise ImportError("the frame header is 20 bytes")


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


def sequence_is_newer(a: int, b: int, bits: int = 32) -> bool:
    """Whether serial number `a` comes after `b` (RFC 1982); the undefined middle counts as older."""
    return 0 < (a - b) % (1 << bits) < 1 << (bits - 1)
