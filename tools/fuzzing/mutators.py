"""Mutators for streams of frames: they know the wire format, so what they make gets past both checks.

A stream is taken apart into pieces: frames (by their syncs and lengths, whether or not the checks hold) and
the bytes between them. Pieces are changed, most of them are repaired, and some are damaged again. Chance is a
`random.Random` that the caller gives: the same one makes the same bytes.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

from laserlink.protocol import catalogue
from laserlink.protocol._accel import crc32
from laserlink.protocol.errors import MalformedPayload
from laserlink.protocol.frame import CHECK_BYTES, CHECKED_HEADER_BYTES, HEADER_BYTES, OVERHEAD_BYTES, SYNC
from laserlink.protocol.limits import FRAME_BYTES_MAX, FRAME_BYTES_MIN_OFFER, PAYLOAD_BYTES_MAX
from laserlink.protocol.messages.layout import Kind, Record, Shape, fields_of
from laserlink.tools import vectors

Pieces = list[bytes]
BytesMutation = Callable[[bytes, Random], bytes]
PieceMutation = Callable[[Pieces, int, Random], None]

SIZES = (
    0,
    1,
    2,
    11,
    12,
    255,
    FRAME_BYTES_MIN_OFFER,
    1023,
    1024,
    4031,
    4032,
    PAYLOAD_BYTES_MAX,
    FRAME_BYTES_MAX,
)
NOISE = (b"\xeb", SYNC, SYNC * 8, b"\xeb" * 7, b"AT\r", b"AT+CGMI\r\n", b"\0" * 16, b"\xff" * 16)
STACK_MAX = 4


# --- bytes, whatever they mean ---


def place_of(data: bytes, random: Random) -> int:
    """An index into data that is not empty; often one near an end."""
    return random.randrange(len(data)) if random.random() < 0.8 else random.choice((0, len(data) - 1))


def flip_bit(data: bytes, random: Random) -> bytes:
    at = place_of(data, random)
    return data[:at] + bytes((data[at] ^ 1 << random.randrange(8),)) + data[at + 1 :]


def set_bytes(data: bytes, random: Random) -> bytes:
    """An integer of 1, 2, 4 or 8 bytes becomes one of the corners of its range, or anything."""
    size = random.choice((1, 2, 4, 8))
    at = place_of(data, random)
    return data[:at] + corner(size, random).to_bytes(size, "little") + data[at + size :]


def insert_bytes(data: bytes, random: Random) -> bytes:
    at = random.randrange(len(data) + 1)
    extra = random.choice(NOISE) if random.random() < 0.5 else random.randbytes(random.randrange(1, 9))
    return data[:at] + extra + data[at:]


def delete_bytes(data: bytes, random: Random) -> bytes:
    at = place_of(data, random)
    return data[:at] + data[at + random.randrange(1, 1 + min(16, len(data) - at)) :]


def repeat_bytes(data: bytes, random: Random) -> bytes:
    at = place_of(data, random)
    end = at + random.randrange(1, 1 + min(32, len(data) - at))
    return data[:end] + data[at:end] * random.randrange(1, 4) + data[end:]


def truncate(data: bytes, random: Random) -> bytes:
    return data[: random.randrange(len(data))]


BYTES: tuple[BytesMutation, ...] = (flip_bit, set_bytes, insert_bytes, delete_bytes, repeat_bytes, truncate)


def mutate_bytes(data: bytes, random: Random) -> bytes:
    """One change to bytes that may be anything."""
    return random.choice(BYTES)(data, random) if data else random.randbytes(random.randrange(1, 9))


def corner(size: int, random: Random) -> int:
    """An unsigned integer of `size` bytes: a corner of its range, a size that the protocol knows, or any."""
    top = (1 << 8 * size) - 1
    choice = random.randrange(4)
    if choice == 0:
        return random.choice((0, 1, 2, top, top - 1, top >> 1, (top >> 1) + 1))
    if choice == 1:
        return random.choice(SIZES) & top
    return random.randrange(8) if choice == 2 else random.getrandbits(8 * size)


# --- frames ---


def split(data: bytes) -> Pieces:
    """Frames, and the bytes between them; by syncs and lengths, so that damaged frames are pieces too."""
    pieces, at = [], 0
    while at < len(data):
        start = data.find(SYNC, at)
        if start < 0 or start > at:
            end = len(data) if start < 0 else start
        else:
            length = int.from_bytes(data[at + 6 : at + 8], "little")
            end = at + OVERHEAD_BYTES + length if length <= PAYLOAD_BYTES_MAX else at + HEADER_BYTES
        pieces.append(data[at:end])
        at = end
    return pieces


def is_frame(piece: bytes) -> bool:
    """Whether a piece has all that a frame has, be it right or wrong."""
    return len(piece) >= OVERHEAD_BYTES and piece.startswith(SYNC)


def repair(piece: bytes, *, length: bool = True) -> bytes:
    """The same header fields and payload with both checks right, and the length, unless that is to stay."""
    payload = piece[HEADER_BYTES:-CHECK_BYTES][:PAYLOAD_BYTES_MAX]
    size = len(payload).to_bytes(2, "little") if length else piece[6:8]
    checked = piece[:6] + size + piece[8:CHECKED_HEADER_BYTES]
    check = crc32(checked)
    return checked + check.to_bytes(4, "little") + payload + crc32(payload, check).to_bytes(4, "little")


def set_payload(piece: bytes, payload: bytes) -> bytes:
    """The frame with another payload, repaired."""
    return repair(piece[:HEADER_BYTES] + payload + bytes(CHECK_BYTES))


def payload_of(piece: bytes) -> bytes:
    return piece[HEADER_BYTES:-CHECK_BYTES]


# Where the fields of the header stand: offset and size.
HEADER_FIELDS = {"version": (2, 1), "type": (3, 1), "channel": (4, 1), "flags": (5, 1), "length": (6, 2),
                 "session": (8, 4), "sequence": (12, 4)}  # fmt: skip
HEADER_VALUES: dict[str, tuple[int, ...]] = {
    "version": (0x10, 0x11, 0x1F, 0x20, 0x00, 0xFF),
    "type": (*catalogue.BY_TYPE, 0x00, 0x40, 0xDF, 0xE0, 0xF0, 0xFF),
    "channel": (*range(17), 0x20, 0x80, 0xFF),
    "flags": (0, 1, 2, 4, 8, 0x80, 0xFF),
    "length": (*SIZES, PAYLOAD_BYTES_MAX + 1, 0xFFFF),
    "session": (0, 1, 0xFFFFFFFF),
    "sequence": (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF),
}


def set_header(piece: bytes, random: Random) -> bytes:
    """Another value in one header field; the checks say that it is right."""
    name = random.choice(tuple(HEADER_FIELDS))
    at, size = HEADER_FIELDS[name]
    known = random.random() < 0.8
    value = random.choice(HEADER_VALUES[name]) if known else random.getrandbits(8 * size)
    if name == "sequence" and random.random() < 0.5:
        value = (int.from_bytes(piece[12:16], "little") + random.choice((-2, -1, 1, 2))) % (1 << 32)
    changed = piece[:at] + value.to_bytes(size, "little") + piece[at + size :]
    return repair(changed, length=name != "length")


def resize(piece: bytes, random: Random) -> bytes:
    """A payload of another size: the corners of what a frame holds, and of what messages take."""
    payload, size = payload_of(piece) or b"\0", min(random.choice(SIZES), PAYLOAD_BYTES_MAX)
    return set_payload(piece, (payload * (size // len(payload) + 1))[:size])


# --- fields ---


@cache
def offsets_of(kind: int) -> tuple[tuple[int, int], ...]:
    """Offset and size of the fields of a message whose place does not vary; none of an unknown type."""
    row = catalogue.BY_TYPE.get(kind)
    return (
        ()
        if row is None
        else tuple(
            (info.offset, info.shape.size or 1) for info in fields_of(row.message) if info.offset is not None
        )
    )


def poke_field(piece: bytes, random: Random) -> bytes:
    """Any bytes in one field of the message, legal there or not."""
    places = offsets_of(piece[3])
    if not places:
        return set_payload(piece, mutate_bytes(payload_of(piece), random))
    at, size = random.choice(places)
    payload = payload_of(piece)
    value = corner(min(size, 8), random).to_bytes(min(size, 8), "little")
    return set_payload(piece, payload[:at] + value + payload[at + len(value) :])


def set_field(piece: bytes, random: Random) -> bytes:
    """A message with another value in one field that the field allows; one of its type where it is none."""
    row = catalogue.BY_TYPE.get(piece[3])
    if row is None:
        return set_header(piece, random)
    try:
        message = row.message.decode(payload_of(piece))
    except MalformedPayload:
        message = row.message()
    return set_payload(piece, bytes(mutate_record(message, random)))


def mutate_record(record: Record, random: Random) -> Record:
    """The record with another legal value in one of its fields."""
    infos = fields_of(type(record))
    if not infos:
        return record
    info = random.choice(infos)
    return replace(record, **{info.name: mutate_value(getattr(record, info.name), info.shape, random)})


def mutate_value(value: Any, shape: Shape, random: Random) -> Any:
    """Another value that a field of this shape can hold."""
    match shape:
        case Shape(kind=Kind.ENUM, members=members) if members:
            return random.choice(tuple(members))
        case Shape(kind=Kind.RECORD):
            return mutate_record(value, random)
        case Shape(kind=Kind.ARRAY, item=Shape() as item):
            return _mutate_array(value, item, shape.limit, random)
        case Shape(kind=Kind.TEXT, limit=limit):
            return random.choice(("", "x" * limit, "\0", "µ" * (limit // 2), value[: len(value) // 2]))
        case Shape(kind=Kind.OCTETS, size=size):
            return random.randbytes(size or 0)
        case Shape(kind=Kind.REST):
            return mutate_bytes(value, random)
        case Shape(kind=Kind.FLOAT):
            return random.choice((0.0, -0.0, 1.5, -1.0, 1e300, float("inf"), float("-inf"), float("nan")))
    low, high = shape.bounds
    if random.random() < 0.3:
        return min(high, max(low, value + random.choice((-2, -1, 1, 2))))
    number = corner(shape.size or 1, random)
    return number if low == 0 else number + low


def _mutate_array(value: tuple[Any, ...], item: Shape, limit: int, random: Random) -> tuple[Any, ...]:
    """Fewer items, more of them, or one that differs."""
    if not value:
        first = item.record() if item.record else mutate_value(0, item, random)
        return (first,)
    at = random.randrange(len(value))
    match random.randrange(4):
        case 0:
            return value[:at] + value[at + 1 :]
        case 1:
            return (value + (value[at],) * random.choice((1, 2, limit)))[:limit]
        case 2:
            return ()
    return (*value[:at], mutate_value(value[at], item, random), *value[at + 1 :])


# --- pieces: what happens to a stream ---


@cache
def examples() -> tuple[bytes, ...]:
    """A frame of every kind, twice: with its defaults, and with other values."""
    return tuple(bytes.fromhex(case["hex"]) for case in vectors.frames()["cases"])


def _duplicate(pieces: Pieces, at: int, random: Random) -> None:
    pieces.insert(random.randrange(len(pieces) + 1), pieces[at])


def _drop(pieces: Pieces, at: int, random: Random) -> None:
    del pieces[at]


def _swap(pieces: Pieces, at: int, random: Random) -> None:
    other = random.randrange(len(pieces))
    pieces[at], pieces[other] = pieces[other], pieces[at]


def _splice(pieces: Pieces, at: int, random: Random) -> None:
    """The head of one and the tail of another, as when a byte slips; sometimes repaired."""
    head, tail = pieces[at], pieces[random.randrange(len(pieces))]
    pieces[at] = head[: random.randrange(len(head) + 1)] + tail[random.randrange(len(tail) + 1) :]


def _nest(pieces: Pieces, at: int, random: Random) -> None:
    """A frame in the payload of another."""
    outer = pieces[at] if is_frame(pieces[at]) else random.choice(examples())
    pieces[at] = set_payload(outer, payload_of(outer)[:12] + random.choice(pieces))


def _insert_example(pieces: Pieces, at: int, random: Random) -> None:
    """A frame of some kind, in the session of one that is here."""
    wire = random.choice(examples())
    if is_frame(pieces[at]):
        wire = repair(wire[:8] + pieces[at][8:12] + wire[12:])
    pieces.insert(at, wire)


def _insert_noise(pieces: Pieces, at: int, random: Random) -> None:
    pieces.insert(at, random.choice(NOISE))


def _damage(pieces: Pieces, at: int, random: Random) -> None:
    pieces[at] = mutate_bytes(pieces[at], random)


def _on_frame(change: BytesMutation) -> PieceMutation:
    def mutate(pieces: Pieces, at: int, random: Random) -> None:
        if is_frame(pieces[at]):
            pieces[at] = change(pieces[at], random)

    return mutate


def _payload_bytes(piece: bytes, random: Random) -> bytes:
    return set_payload(piece, mutate_bytes(payload_of(piece), random))


def _repair(piece: bytes, random: Random) -> bytes:
    return repair(piece)


STREAM: tuple[PieceMutation, ...] = (
    _duplicate, _drop, _swap, _splice, _nest, _insert_example, _insert_noise, _damage,
    *map(_on_frame, (set_header, set_header, poke_field, poke_field)),
    *map(_on_frame, (set_field, resize, _payload_bytes, _repair)),
)  # fmt: skip


def mutate_stream(data: bytes, random: Random, size_max: int) -> bytes:
    """One to four changes to a stream of frames; at most `size_max` bytes."""
    pieces = split(data)
    for _ in range(random.randrange(1, STACK_MAX + 1)):
        if not pieces:
            pieces.append(random.choice(examples()))
        random.choice(STREAM)(pieces, random.randrange(len(pieces)), random)
    return b"".join(pieces)[:size_max]


FRAME: tuple[BytesMutation, ...] = (set_header, poke_field, set_field, resize, _payload_bytes)


def mutate_frame(wire: bytes, random: Random) -> bytes:
    """One change to one frame, whose checks hold afterwards."""
    return random.choice(FRAME)(wire, random)
