"""What bad bytes were meant to be: flips located, lengths found, other checks recognised."""

import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laserlink.protocol.crc import crc32
from laserlink.protocol.frame import HEADER_BYTES, Frame
from laserlink.tools.diagnose import diagnose

FRAME = Frame(0x60, 0, 0xCAFE, 7, b"\x01\x00a payload of some length")
WIRE = bytes(FRAME)
HEADER = WIRE[:16]


def word(value: int) -> bytes:
    return value.to_bytes(4, "little")


def with_checks(header_check: int, frame_check: int) -> bytes:
    return HEADER + word(header_check) + WIRE[20:-4] + word(frame_check)


@given(st.integers(0, 8 * len(WIRE) - 1))
@settings(max_examples=60)
def test_flipped_bit(bit: int) -> None:
    """Any single flipped bit is located, and the frame that was meant comes back."""
    damaged = bytearray(WIRE)
    damaged[bit // 8] ^= 1 << bit % 8
    (found,) = diagnose(bytes(damaged))
    assert found.offset == 0
    assert found.repaired == WIRE
    if not 48 <= bit < 64:
        assert f"bit {bit % 8} of byte {bit // 8} " in found.text


def test_flipped_bit_of_the_largest_frame() -> None:
    """Also in 4096 bytes, within the blink of an eye."""
    wire = bytes(Frame(0x65, 0, 1, 2, random.Random(1).randbytes(4072)))
    damaged = bytearray(wire)
    damaged[3000] ^= 0x20
    (found,) = diagnose(bytes(damaged))
    assert "bit 5 of byte 3000 (payload)" in found.text
    assert found.repaired == wire


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (
            WIRE[:6] + b"\x03\x00" + WIRE[8:],
            "the length says 3, the header check fits 26; then the frame holds",
        ),
        (with_checks(crc32(HEADER), zlib.crc32(HEADER + WIRE[20:-4])), "frame check is zlib's CRC-32"),
        (with_checks(zlib.crc32(HEADER), zlib.crc32(HEADER + WIRE[20:-4])), "header check is zlib's CRC-32"),
        (WIRE[:16] + WIRE[19:15:-1] + WIRE[20:], "header check stands high byte first"),
        (WIRE[:-4] + WIRE[:-5:-1], "frame check stands high byte first"),
        (with_checks(crc32(HEADER), crc32(WIRE[:-4])), "covers the header check too"),
        (with_checks(crc32(HEADER), crc32(WIRE[20:-4])), "covers the payload alone"),
        (with_checks(crc32(HEADER) ^ 0xFFFFFFFF, crc32(HEADER + WIRE[20:-4])), "lacks the final inversion"),
        (with_checks(crc32(HEADER[2:]), crc32(HEADER + WIRE[20:-4])), "leaves the sync out"),
        (with_checks(0x12345678, crc32(HEADER + WIRE[20:-4])), "header check is 12345678; for this header"),
        (with_checks(crc32(HEADER), 0x12345678), "frame check is 12345678; for this header and payload"),
    ],
)
def test_mistakes(bad: bytes, says: str) -> None:
    """Common mistakes of a new sender are named, and the right frame is given."""
    (found,) = diagnose(bad)
    assert says in found.text
    assert found.repaired == WIRE


def test_crc32c() -> None:
    """CRC-32C is recognised: its check value is E3069283."""
    from laserlink.tools.diagnose import _crc32c

    assert _crc32c(b"123456789") == 0xE3069283
    (found,) = diagnose(with_checks(crc32(HEADER), _crc32c(HEADER + WIRE[20:-4])))
    assert "CRC-32C" in found.text


def test_consistent_but_wrong_length() -> None:
    """A sender that miscounts and then checks its own header: the frame check shows the length."""
    checked = WIRE[:6] + b"\x20\x00" + WIRE[8:16]
    payload = WIRE[20:-4]
    bad = checked + word(crc32(checked)) + payload + word(crc32(payload, crc32(checked)))
    (found,) = diagnose(bad + bytes(20))
    assert found.text == "the length says 32, the frame check fits 26"
    assert found.repaired == WIRE


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (WIRE[:12], "cut: a header has 20 bytes, 12 are here"),
        (WIRE[:30], f"cut: {len(WIRE) - 30} of {len(WIRE)} bytes are missing"),
        (b"junk" + WIRE[:30], "bytes are missing"),
    ],
)
def test_cut(bad: bytes, says: str) -> None:
    """A cut frame says how much is missing."""
    (found,) = diagnose(bad)
    assert says in found.text
    assert found.repaired == b""


def test_too_long() -> None:
    """A length over the limit is named, though the header holds."""
    checked = HEADER[:6] + b"\xff\xff" + HEADER[8:]
    (found,) = diagnose(checked + word(crc32(checked)))
    assert "65535" in found.text
    assert "4072" in found.text


def test_nothing_to_say() -> None:
    """Noise without a sync gets no guess."""
    assert diagnose(b"AT+CGMI\r\n" * 20) == []
    assert diagnose(b"") == []


@given(st.binary(max_size=300))
@settings(max_examples=50)
def test_any_bytes(data: bytes) -> None:
    """Anything can be looked at, and what is called repaired is a frame that holds."""
    for found in diagnose(b"\xeb\x90" + data + WIRE[:-3]):
        repaired = found.repaired
        assert not repaired or crc32(repaired[HEADER_BYTES:-4], crc32(repaired[:16])) == int.from_bytes(
            repaired[-4:], "little"
        )


def test_only_starts_in_the_run() -> None:
    """What begins behind the bad run is not explained with it."""
    assert diagnose(b"junk" + WIRE[:30], 4) == []
