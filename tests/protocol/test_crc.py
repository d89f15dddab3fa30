"""The CRC reference against its definition, bit by bit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laserlink.protocol.crc import CHECK_VALUE, crc32


def crc32_by_bits(data: bytes) -> int:
    """CRC-32/AUTOSAR as the catalogue defines it: poly F4ACFB13, everything reflected."""
    reflected_polynomial = int(f"{0xF4ACFB13:032b}"[::-1], 2)
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (reflected_polynomial if register & 1 else 0)
    return register ^ 0xFFFFFFFF


def test_check_value() -> None:
    """The catalogue's check value comes out."""
    assert crc32(b"123456789") == CHECK_VALUE == 0x1697D06A


@given(st.binary(max_size=200))
def test_definition(data: bytes) -> None:
    """Any bytes give what the bitwise definition gives."""
    assert crc32(data) == crc32_by_bits(data)


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_continuation(first: bytes, second: bytes) -> None:
    """A CRC can be continued, as zlib's can."""
    assert crc32(second, crc32(first)) == crc32(first + second)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer(kind: type) -> None:
    """Every kind of byte buffer is taken."""
    assert crc32(kind(b"123456789")) == CHECK_VALUE


def test_empty() -> None:
    """No bytes leave the CRC as it was."""
    assert crc32(b"") == 0
    assert crc32(b"", 0x12345678) == 0x12345678
