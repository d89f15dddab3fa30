"""Why bytes are no frame, and what the nearest frame would be.

For someone whose firmware sends something that is not accepted: a flipped bit is located, a length that
would fit is found, and a check that was computed in another common way is recognised.
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from laserlink.protocol._accel import crc32
from laserlink.protocol.crc import POLYNOMIAL
from laserlink.protocol.frame import CHECK_BYTES, CHECKED_HEADER_BYTES, HEADER_BYTES, OVERHEAD_BYTES, SYNC
from laserlink.protocol.limits import PAYLOAD_BYTES_MAX

STARTS_MAX = 8
LENGTH_AT = 6
HEADER_FIELDS = (
    (0, "sync"), (2, "version"), (3, "type"), (4, "channel"), (5, "flags"), (6, "length"), (8, "session"),
    (12, "sequence"), (16, "header check"), (20, "payload"),
)  # fmt: skip

_LENGTH = struct.Struct("<H")
_WORD = struct.Struct("<I")
_REFLECTED_AUTOSAR = int(f"{POLYNOMIAL & 0xFFFFFFFF:032b}"[::-1], 2)
_REFLECTED_CASTAGNOLI = 0x82F63B78


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong `offset` bytes into the run; `repaired` is the frame that was meant, or empty."""

    offset: int
    text: str
    repaired: bytes = b""


def diagnose(window: bytes, bad_bytes: int | None = None) -> list[Diagnosis]:
    """Look for damaged frames that start in the first `bad_bytes` of `window`, the first one first.

    `window` may go on behind the run that the framer gave, as a damaged frame may. A start inside a frame
    that was explained is not looked at. Empty: nothing here looks like the start of a frame.
    """
    found: list[Diagnosis] = []
    explained = 0
    for start in _starts(window, len(window) if bad_bytes is None else bad_bytes):
        if start < explained:
            continue
        diagnosis = _examine(window[start : start + OVERHEAD_BYTES + PAYLOAD_BYTES_MAX], start)
        if diagnosis is None:
            continue
        found.append(diagnosis)
        explained = start + (len(diagnosis.repaired) or 1)
        if len(found) == STARTS_MAX:
            break
    return found


def _starts(window: bytes, end: int) -> Iterator[int]:
    """Where a sync stands, or one bit away from it with a header that then holds."""
    syncs = {bytes(flipped) for flipped in _flips(SYNC)}
    for at in range(min(end, len(window) - 1)):
        pair = window[at : at + 2]
        if pair == SYNC or (pair in syncs and _header_holds(SYNC + window[at + 2 : at + HEADER_BYTES])):
            yield at


def _flips(data: bytes) -> Iterator[bytearray]:
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        yield flipped


def _header_holds(data: bytes | bytearray) -> bool:
    return len(data) >= HEADER_BYTES and crc32(data[:CHECKED_HEADER_BYTES]) == _word(
        data, CHECKED_HEADER_BYTES
    )


def _word(data: bytes | bytearray, at: int) -> int:
    return int(_WORD.unpack_from(data, at)[0])


def _frame_bytes(data: bytes) -> int:
    """Bytes of the frame, as its length field says."""
    return OVERHEAD_BYTES + int(_LENGTH.unpack_from(data, LENGTH_AT)[0])


def _frame_check(data: bytes) -> int:
    """The frame check that belongs to header and payload."""
    return crc32(data[HEADER_BYTES:-CHECK_BYTES], crc32(data[:CHECKED_HEADER_BYTES]))


def _frame_holds(data: bytes) -> bool:
    size = _frame_bytes(data)
    return len(data) >= size and _frame_check(data[:size]) == _word(data, size - CHECK_BYTES)


def _name_of(at: int, frame_bytes: int) -> str:
    if at >= frame_bytes - CHECK_BYTES:
        return "frame check"
    return next(name for offset, name in reversed(HEADER_FIELDS) if at >= offset)


def _sealed(checked: bytes, payload: bytes) -> bytes:
    """A frame of the given header fields and payload, with both checks right."""
    crc = crc32(checked)
    return checked + _WORD.pack(crc) + payload + _WORD.pack(crc32(payload, crc))


def _with_length(data: bytes, length: int) -> bytes:
    return data[:LENGTH_AT] + _LENGTH.pack(length) + data[LENGTH_AT + 2 : CHECKED_HEADER_BYTES]


def _examine(data: bytes, start: int) -> Diagnosis | None:
    if len(data) < HEADER_BYTES:
        return Diagnosis(start, f"cut: a header has {HEADER_BYTES} bytes, {len(data)} are here")
    examine = _with_good_header if _header_holds(data) else _with_bad_header
    return examine(data, start)


# --- the header holds ---


def _with_good_header(data: bytes, start: int) -> Diagnosis | None:
    size = _frame_bytes(data)
    if size > OVERHEAD_BYTES + PAYLOAD_BYTES_MAX:
        return Diagnosis(
            start, f"a length of {size - OVERHEAD_BYTES}, at most {PAYLOAD_BYTES_MAX} is allowed"
        )
    if _frame_holds(data):
        return None
    fitting = _fitting_length(data)
    if fitting is not None:
        repaired = _sealed(_with_length(data, fitting), data[HEADER_BYTES : HEADER_BYTES + fitting])
        return Diagnosis(
            start, f"the length says {size - OVERHEAD_BYTES}, the frame check fits {fitting}", repaired
        )
    if len(data) < size:
        return Diagnosis(start, f"cut: {size - len(data)} of {size} bytes are missing")
    return _with_bad_frame_check(data[:size], start)


def _fitting_length(data: bytes) -> int | None:
    """The payload length at which four bytes are the frame check of what stands before them."""
    crc = crc32(data[:CHECKED_HEADER_BYTES])
    for at in range(HEADER_BYTES, len(data) - CHECK_BYTES + 1):
        if crc == _word(data, at):
            return at - HEADER_BYTES
        crc = crc32(data[at : at + 1], crc)
    return None


def _with_bad_frame_check(data: bytes, start: int) -> Diagnosis:
    expected, stored = _frame_check(data), _word(data, len(data) - CHECK_BYTES)
    bit = _flipped_bit(expected ^ stored, len(data) - HEADER_BYTES - CHECK_BYTES)
    if bit is not None:
        at = HEADER_BYTES + bit // 8
        repaired = bytearray(data)
        repaired[at] ^= 1 << bit % 8
        where = f"bit {bit % 8} of byte {at} ({_name_of(at, len(data))})"
        return Diagnosis(
            start, f"{where} is flipped: {data[at]:02x} should be {repaired[at]:02x}", bytes(repaired)
        )
    repaired_bytes = data[:-CHECK_BYTES] + _WORD.pack(expected)
    for mistake, compute in FRAME_MISTAKES.items():
        if compute(data) == stored:
            return Diagnosis(start, f"the frame check {mistake}; it should be {expected:08x}", repaired_bytes)
    text = f"the frame check is {stored:08x}; for this header and payload it should be {expected:08x}"
    return Diagnosis(start, text, repaired_bytes)


def _flipped_bit(syndrome: int, payload_bytes: int) -> int | None:
    """Which bit of payload and frame check, flipped alone, changes the CRC by `syndrome`.

    A CRC is linear: a flipped bit adds the same whatever the other bits are, so the difference of a bit is
    carried from the last byte to the first, one table step a byte.
    """
    if syndrome.bit_count() == 1:
        return 8 * payload_bytes + syndrome.bit_length() - 1
    table = _table(_REFLECTED_AUTOSAR)
    differences = [table[1 << bit] for bit in range(8)]
    for at in reversed(range(payload_bytes)):
        if syndrome in differences:
            return 8 * at + differences.index(syndrome)
        differences = [difference >> 8 ^ table[difference & 0xFF] for difference in differences]
    return None


# --- the header does not hold ---


def _with_bad_header(data: bytes, start: int) -> Diagnosis:
    expected, stored = crc32(data[:CHECKED_HEADER_BYTES]), _word(data, CHECKED_HEADER_BYTES)
    for bit, flipped in enumerate(_flips(data[:HEADER_BYTES])):
        if flipped.startswith(SYNC) and _header_holds(flipped):
            where = f"bit {bit % 8} of byte {bit // 8} ({_name_of(bit // 8, len(data) + CHECK_BYTES)})"
            text = f"{where} is flipped: {data[bit // 8]:02x} should be {flipped[bit // 8]:02x}"
            return _with_repaired_header(data, bytes(flipped), text, start)
    header = data[:CHECKED_HEADER_BYTES] + _WORD.pack(expected)
    for mistake, compute in HEADER_MISTAKES.items():
        if compute(header) == stored:
            text = f"the header check {mistake}; it should be {expected:08x}"
            return _with_repaired_header(data, header, text, start)
    for length in range(PAYLOAD_BYTES_MAX + 1):
        checked = _with_length(data, length)
        if crc32(checked) == stored:
            text = f"the length says {_frame_bytes(data) - OVERHEAD_BYTES}, the header check fits {length}"
            return _with_repaired_header(data, checked + _WORD.pack(stored), text, start)
    text = f"the header check is {stored:08x}; for this header it should be {expected:08x}"
    whole = header + data[HEADER_BYTES:]
    return _with_repaired_header(data, header, text, start) if _frame_holds(whole) else Diagnosis(start, text)


def _with_repaired_header(data: bytes, header: bytes, text: str, start: int) -> Diagnosis:
    """Goes on to the rest of the frame, with the header put right."""
    whole = header + data[HEADER_BYTES:]
    rest = _with_good_header(whole, start)
    if rest is None:
        return Diagnosis(start, f"{text}; then the frame holds", whole[: _frame_bytes(whole)])
    return Diagnosis(start, f"{text}; then {rest.text}", rest.repaired)


# --- checks computed in another way ---


@cache
def _table(polynomial: int) -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (polynomial if value & 1 else 0)
        table.append(value)
    return tuple(table)


def _crc32c(data: bytes) -> int:
    register = 0xFFFFFFFF
    for byte in data:
        register = register >> 8 ^ _table(_REFLECTED_CASTAGNOLI)[(register ^ byte) & 0xFF]
    return register ^ 0xFFFFFFFF


def _swapped(value: int) -> int:
    return int.from_bytes(value.to_bytes(4, "little"), "big")


def _covered(frame: bytes) -> bytes:
    """What the frame check covers: the header without its check, and the payload."""
    return frame[:CHECKED_HEADER_BYTES] + frame[HEADER_BYTES:-CHECK_BYTES]


Compute = Callable[[bytes], int]
HEADER_MISTAKES: dict[str, Compute] = {
    "stands high byte first": lambda header: _swapped(crc32(header[:CHECKED_HEADER_BYTES])),
    "is zlib's CRC-32, not CRC-32/AUTOSAR": lambda header: zlib.crc32(header[:CHECKED_HEADER_BYTES]),
    "is CRC-32C, not CRC-32/AUTOSAR": lambda header: _crc32c(header[:CHECKED_HEADER_BYTES]),
    "lacks the final inversion": lambda header: crc32(header[:CHECKED_HEADER_BYTES]) ^ 0xFFFFFFFF,
    "leaves the sync out": lambda header: crc32(header[2:CHECKED_HEADER_BYTES]),
}
FRAME_MISTAKES: dict[str, Compute] = {
    "stands high byte first": lambda frame: _swapped(_frame_check(frame)),
    "is zlib's CRC-32, not CRC-32/AUTOSAR": lambda frame: zlib.crc32(_covered(frame)),
    "is CRC-32C, not CRC-32/AUTOSAR": lambda frame: _crc32c(_covered(frame)),
    "lacks the final inversion": lambda frame: _frame_check(frame) ^ 0xFFFFFFFF,
    "covers the header check too": lambda frame: crc32(frame[:-CHECK_BYTES]),
    "covers the payload alone": lambda frame: crc32(frame[HEADER_BYTES:-CHECK_BYTES]),
}
