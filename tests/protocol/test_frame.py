"""Frames: exact bytes, the declaration against the code, and what the checks catch."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laserlink.protocol.crc import crc32
from laserlink.protocol.frame import (
    CHECKED_HEADER_BYTES,
    FRAME,
    HEADER,
    HEADER_BYTES,
    LEGAL_FLAGS,
    OVERHEAD_BYTES,
    VERSION,
    Flags,
    Frame,
    sequence_is_newer,
)
from laserlink.protocol.limits import FRAME_BYTES_MAX, PAYLOAD_BYTES_MAX

u8, u32 = st.integers(0, 0xFF), st.integers(0, 0xFFFFFFFF)
HEADER_BITS = 8 * HEADER_BYTES


def syndromes(covered_bytes: int) -> list[int]:
    """How each bit of `covered_bytes` and the check behind them changes computed xor stored check."""
    zero = crc32(bytes(covered_bytes))
    found = []
    for bit in range(8 * covered_bytes):
        data = bytearray(covered_bytes)
        data[bit // 8] = 1 << bit % 8
        found.append(crc32(data) ^ zero)
    return found + [1 << bit for bit in range(32)]


@given(u8, u8, u32, u32, st.binary(max_size=100), u8, u8)
def test_declaration(
    kind: int, channel: int, session: int, sequence: int, payload: bytes, flags: int, version: int
) -> None:
    """The bytes are what construct's declaration reads and builds."""
    frame = Frame(kind, channel, session, sequence, payload, flags, version)
    parsed = FRAME.parse(bytes(frame))
    head = parsed.header
    assert (head.type, head.channel, head.session, head.sequence) == (kind, channel, session, sequence)
    assert (head.flags, head.version, head.length, parsed.payload) == (flags, version, len(payload), payload)
    assert FRAME.build(parsed) == bytes(frame)
    assert len(bytes(frame)) == frame.wire_bytes == OVERHEAD_BYTES + len(payload)


def test_exact_bytes() -> None:
    """One frame, byte by byte, as the layout table says."""
    wire = bytes(Frame(0x04, 0, 0x11223344, 0x55667788, b"\x01\x02", 1))
    assert wire[:16].hex() == "eb901004000102004433221188776655"
    assert wire[16:20] == crc32(wire[:16]).to_bytes(4, "little")
    assert wire[20:22] == b"\x01\x02"
    assert wire[22:] == crc32(wire[:16] + wire[20:22]).to_bytes(4, "little")


def test_check_without_payload() -> None:
    """The frame check is present when the payload is empty, and is then the header check."""
    wire = bytes(Frame(0x04, 0, 1, 2))
    assert len(wire) == OVERHEAD_BYTES
    assert wire[16:20] == wire[20:]


def test_largest() -> None:
    """4072 bytes of payload make the largest frame; one more is refused."""
    assert len(bytes(Frame(1, 0, 1, 1, bytes(PAYLOAD_BYTES_MAX)))) == FRAME_BYTES_MAX
    with pytest.raises(ValueError, match="4073"):
        bytes(Frame(1, 0, 1, 1, bytes(PAYLOAD_BYTES_MAX + 1)))


@pytest.mark.parametrize("field", ["type", "channel", "session", "sequence", "flags", "version"])
@pytest.mark.parametrize("value", [-1, 1 << 32])
def test_field_that_does_not_fit(field: str, value: int) -> None:
    """A header field outside of its size is refused."""
    with pytest.raises(ValueError, match="header field"):
        bytes(Frame(**{"type": 1, "channel": 0, "session": 1, "sequence": 1, field: value}))


def test_flags_and_version() -> None:
    """Only ACK_REQUESTED is legal in version 1.0."""
    assert LEGAL_FLAGS == Flags.ACK_REQUESTED == 1
    assert (Flags.SEALED, Flags.KEY_PHASE) == (2, 4)
    assert VERSION == 0x10
    assert Frame(1, 0, 1, 1, version=0x21).version_major == 2


def test_every_header_error_of_one_or_two_bits() -> None:
    """All 160 single and 12,720 double bit errors of a header are caught, whatever the header."""
    bits = syndromes(CHECKED_HEADER_BYTES)
    assert len(bits) == HEADER_BITS
    assert 0 not in bits
    assert all(one ^ other for one, other in itertools.combinations(bits, 2))


def test_header_errors_of_three_bits() -> None:
    """All 669,920 triple bit errors of a header are caught: no third bit undoes two."""
    bits = syndromes(CHECKED_HEADER_BYTES)
    place = {syndrome: index for index, syndrome in enumerate(bits)}
    pairs = itertools.combinations(range(HEADER_BITS), 2)
    assert not any((bits[one] ^ bits[other]) in place for one, other in pairs)


def test_syndromes_are_what_damage_does() -> None:
    """The linear argument of the tests above holds for real headers: a damaged check is as predicted."""
    bits = syndromes(CHECKED_HEADER_BYTES)
    source = random.Random(1)
    for _ in range(500):
        wire = bytearray(bytes(Frame(*(source.randrange(256) for _ in range(4)))))[:HEADER_BYTES]
        chosen = source.sample(range(HEADER_BITS), source.randint(1, 7))
        expected = 0
        for bit in chosen:
            wire[bit // 8] ^= 1 << bit % 8
            expected ^= bits[bit]
        stored = int.from_bytes(wire[16:], "little")
        assert crc32(wire[:16]) ^ stored == expected != 0


def test_frame_errors_of_up_to_five_bits() -> None:
    """Sampled: up to five wrong bits of a frame of 540 bytes are caught."""
    bits = syndromes(CHECKED_HEADER_BYTES + 500)
    source = random.Random(2)
    for _ in range(20_000):
        syndrome = 0
        for bit in source.sample(range(len(bits)), source.randint(1, 5)):
            syndrome ^= bits[bit]
        assert syndrome


def test_header_declaration_is_twenty_bytes() -> None:
    """Offsets of the declaration are those of the layout table."""
    offsets, offset = {}, 0
    for field in HEADER.subcons:
        offsets[field.name] = offset
        offset += field.sizeof()
    assert list(offsets.values()) == [0, 2, 3, 4, 5, 6, 8, 12, 16]
    assert offset == HEADER_BYTES


@pytest.mark.parametrize(
    ("one", "other", "newer"),
    [(1, 0, True), (0, 1, False), (5, 5, False), (0, 0xFFFFFFFF, True), (0xFFFFFFFF, 0, False),
     (0x7FFFFFFF, 0, True), (0x80000000, 0, False), (0, 0x80000000, False)],
)  # fmt: skip
def test_sequence_is_newer(one: int, other: int, newer: bool) -> None:
    """RFC 1982: the nearer way round decides; the undefined middle is older."""
    assert sequence_is_newer(one, other) is newer


def test_sequence_of_sixteen_bits() -> None:
    """Request ids wrap at 2^16."""
    assert sequence_is_newer(1, 0xFFFF, bits=16)
    assert not sequence_is_newer(0x8001, 1, bits=16)
