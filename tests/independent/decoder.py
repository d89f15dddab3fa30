"""A second decoder, written from the text of the wire format alone; it imports nothing of LaserLink.

It works on a whole recorded stream, not on pieces, and prefers plainness to speed.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass


def make_table() -> list[int]:
    """CRC-32/AUTOSAR, a byte at a time: F4ACFB13 with its bits reversed."""
    reversed_polynomial = 0
    for bit in range(32):
        if 0xF4ACFB13 >> bit & 1:
            reversed_polynomial |= 1 << 31 - bit
    table = []
    for byte in range(256):
        register = byte
        for _ in range(8):
            register = (register >> 1) ^ reversed_polynomial if register & 1 else register >> 1
        table.append(register)
    return table


TABLE = make_table()


def register_after(data: bytes, register: int = 0xFFFFFFFF) -> int:
    """The register of the CRC before its final inversion."""
    for byte in data:
        register = TABLE[(register ^ byte) & 0xFF] ^ register >> 8
    return register


@dataclass(frozen=True)
class WireFrame:
    """One intact frame and where it stands."""

    at: int
    version: int
    type: int
    channel: int
    flags: int
    session: int
    sequence: int
    payload: bytes

    @property
    def end(self) -> int:
        return self.at + 24 + len(self.payload)


def frame_at(data: bytes, at: int) -> tuple[WireFrame | None, str]:
    """The frame at a place, or the reason why there is none."""
    if data[at : at + 2] != b"\xeb\x90":
        return None, "cut" if data[at:] == b"\xeb" else "no-sync"
    if len(data) - at < 20:
        return None, "cut"
    version, kind, channel, flags, length, session, sequence, check = struct.unpack_from(
        "<4BHIII", data, at + 2
    )
    register = register_after(data[at : at + 16])
    if register ^ 0xFFFFFFFF != check:
        return None, "header-check"
    if length > 4072:
        return None, "length"
    if len(data) - at < 24 + length:
        return None, "cut"
    payload = data[at + 20 : at + 20 + length]
    (frame_check,) = struct.unpack_from("<I", data, at + 20 + length)
    if register_after(payload, register) ^ 0xFFFFFFFF != frame_check:
        return None, "frame-check"
    return WireFrame(at, version, kind, channel, flags, session, sequence, payload), ""


def items(data: bytes) -> Iterator[WireFrame | tuple[str, bytes]]:
    """Frames, and runs of bad bytes with the reason of the first, of a stream after which nothing follows."""
    at = run = 0
    reason = ""
    while at < len(data):
        frame, why = frame_at(data, at)
        if frame is None:
            reason = why if run == at else reason
            at += 1
            if at - run == 4096:
                yield reason, data[run:at]
                run = at
            continue
        if run < at:
            yield reason, data[run:at]
        yield frame
        at = run = frame.end
    if run < at:
        yield reason, data[run:at]


def frames(data: bytes) -> list[WireFrame]:
    """The frames of a stream."""
    return [item for item in items(data) if isinstance(item, WireFrame)]


def unpack_raw(packed: bytes, bits: int) -> list[int]:
    """Pixels of RAW10, RAW12 or RAW14: high bytes first, then the low bits as one little-endian number."""
    pixels, size = {10: (4, 5), 12: (2, 3), 14: (4, 7)}[bits]
    found = []
    for start in range(0, len(packed), size):
        group = packed[start : start + size]
        low = int.from_bytes(group[pixels:], "little")
        for index in range(pixels):
            part = low >> index * (bits - 8) & (1 << bits - 8) - 1
            found.append(group[index] << bits - 8 | part)
    return found
