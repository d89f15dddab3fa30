"""The training pattern against its definition, bit by bit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laserlink.protocol.prbs import bit_errors, pattern


def pattern_by_bits(sequence: int, count: int) -> bytes:
    """A 31-bit shift register, one step a bit."""
    register = sequence & 0x7FFFFFFF or 0x7FFFFFFF
    data = bytearray(count)
    for index in range(8 * count):
        bit = register & 1
        data[index // 8] |= bit << index % 8
        register = register >> 1 | (bit ^ register >> 3 & 1) << 30
    return bytes(data)


@given(st.integers(0, 0xFFFFFFFF), st.integers(0, 300))
def test_definition(sequence: int, count: int) -> None:
    """Any sequence and length give what the shift register gives."""
    assert pattern(sequence, count) == pattern_by_bits(sequence, count)


def test_largest_payload() -> None:
    """A whole frame of the pattern is right to its last byte."""
    assert pattern(12345, 4072) == pattern_by_bits(12345, 4072)


@pytest.mark.parametrize("sequence", [0, 0x80000000])
def test_zero_register(sequence: int) -> None:
    """A sequence that would stop the register starts it with all ones."""
    assert pattern(sequence, 8) == pattern(0x7FFFFFFF, 8)
    assert pattern(sequence, 4) == b"\xff\xff\xff\x7f"


@given(st.integers(0, 0xFFFFFFFF), st.sets(st.integers(0, 799)))
def test_bit_errors(sequence: int, flipped: set[int]) -> None:
    """Exactly the flipped bits are counted."""
    received = bytearray(pattern(sequence, 100))
    for bit in flipped:
        received[bit // 8] ^= 1 << bit % 8
    assert bit_errors(bytes(received), sequence) == len(flipped)


def test_no_bits() -> None:
    """Nothing received is nothing wrong."""
    assert bit_errors(b"", 1) == 0
