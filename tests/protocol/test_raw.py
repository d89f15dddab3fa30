"""The packing reference against layouts that are written out by hand, and against bit strings."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from laserlink.protocol import raw

ALL_BITS = sorted(raw.WIDTHS)

# One group of each width, by hand: pixels, then bytes.
BY_HAND = [
    (8, [0xA5], "a5"),
    (10, [0x3FF, 0x000, 0x001, 0x202], "ff 00 00 80 93"),
    (12, [0xABC, 0x123], "ab 12 3c"),
    (14, [0x3FFF, 0x0000, 0x0001, 0x2ABC], "ff 00 00 aa 3f 10 f0"),
    (16, [0xABCD], "cd ab"),
]


def pack_by_bits(pixels: list[int], bits: int) -> bytes:
    """One group at a time: high bytes, then all low parts as one number, the first pixel lowest."""
    if bits == 16:
        return b"".join(pixel.to_bytes(2, "little") for pixel in pixels)
    count, low_bits, out = raw.group_pixels(bits), bits - 8, bytearray()
    for start in range(0, len(pixels), count):
        group = pixels[start : start + count]
        low = sum((pixel % (1 << low_bits)) << (low_bits * place) for place, pixel in enumerate(group))
        out += bytes(pixel >> low_bits for pixel in group) + low.to_bytes(count * low_bits // 8, "little")
    return bytes(out)


@pytest.mark.parametrize(("bits", "pixels", "packed"), BY_HAND)
def test_by_hand(bits: int, pixels: list[int], packed: str) -> None:
    """One group of every width has the bytes that were worked out on paper, both ways."""
    octets = bytes.fromhex(packed)
    assert raw.pack(np.array(pixels, np.uint16), bits).tobytes() == octets
    assert raw.unpack(octets, bits).tolist() == pixels


@given(st.sampled_from(ALL_BITS), st.data())
def test_against_bits(bits: int, data: st.DataObject) -> None:
    """Any pixels are packed as the bitwise layout says, and come back."""
    groups = data.draw(st.integers(0, 9))
    size = groups * raw.group_pixels(bits)
    pixels = data.draw(st.lists(st.integers(0, (1 << bits) - 1), min_size=size, max_size=size))
    packed = raw.pack(np.array(pixels, np.uint16), bits)
    assert packed.tobytes() == pack_by_bits(pixels, bits)
    assert raw.unpack(packed, bits).tolist() == pixels
    assert packed.size == raw.packed_size(size, bits) == groups * raw.group_bytes(bits)


@pytest.mark.parametrize("bits", ALL_BITS)
def test_every_value_in_blocks(bits: int) -> None:
    """Every pixel value survives, also across the blocks in which large images are done."""
    values = np.arange(1 << bits, dtype=np.uint16)
    pixels = np.resize(np.append(values, values[-1::-1]), (1 << 18) * raw.group_pixels(bits) + 1024)
    assert np.array_equal(raw.unpack(raw.pack(pixels, bits), bits), pixels)


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
def test_out_of_range(bits: int) -> None:
    """A pixel above the range is refused, neither masked nor saturated."""
    pixels = np.full(8, (1 << bits) - 1, np.uint16)
    raw.pack(pixels, bits)
    pixels[5] += 1
    with pytest.raises(ValueError, match="above the range"):
        raw.pack(pixels, bits)


@pytest.mark.parametrize(("bits", "pixels", "octets"), [(10, 6, 9), (12, 3, 4), (14, 5, 8), (16, None, 3)])
def test_whole_groups_only(bits: int, pixels: int | None, octets: int) -> None:
    """What is no whole number of groups is refused."""
    if pixels is not None:
        with pytest.raises(ValueError, match="whole number"):
            raw.pack(np.zeros(pixels, np.uint16), bits)
        with pytest.raises(ValueError, match="whole number"):
            raw.packed_size(pixels, bits)
    with pytest.raises(ValueError, match="whole number"):
        raw.unpack(bytes(octets), bits)


@pytest.mark.parametrize("bits", [0, 7, 9, 11, 18, -8])
def test_unknown_width(bits: int) -> None:
    """A width that is none is refused everywhere."""
    for call in (raw.group_pixels, raw.group_bytes, lambda bits: raw.unpack(b"", bits)):
        with pytest.raises(ValueError, match="not one of"):
            call(bits)


def test_out_is_filled_and_returned() -> None:
    """The caller's array takes the result; an array of another kind or size is refused."""
    out = np.zeros(2, np.uint16)
    assert raw.unpack(b"\xab\x12\x3c", 12, out) is out
    assert out.tolist() == [0xABC, 0x123]
    packed = np.zeros(3, np.uint8)
    assert raw.pack(out, 12, packed) is packed
    assert packed.tobytes() == b"\xab\x12\x3c"
    wrong: Any
    for wrong in (np.zeros(4, np.uint16), np.zeros(2, np.int16), np.zeros(4, np.uint16)[::2]):
        with pytest.raises(ValueError, match="out is no"):
            raw.unpack(b"\xab\x12\x3c", 12, wrong)


def test_pixels_of_another_kind() -> None:
    """Only a flat contiguous uint16 array is packed."""
    wrong: Any
    for wrong in (np.zeros(4, np.int32), np.zeros((2, 2), np.uint16), np.zeros(8, np.uint16)[::2]):
        with pytest.raises(ValueError, match="one-dimensional"):
            raw.pack(wrong, 12)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: raw.group_bytes(9), "9 bits is not one of 8, 10, 12, 14, 16"),
        (lambda: raw.packed_size(3, 12), "3 pixels are no whole number of RAW12 groups"),
        (lambda: raw.packed_size(-2, 12), "-2 pixels are no whole number of RAW12 groups"),
        (lambda: raw.unpack(bytes(4), 12), "4 bytes are no whole number of RAW12 groups"),
        (
            lambda: raw.unpack(bytes(3), 12, np.zeros(3, np.uint16)),
            "out is no writable contiguous uint16 array of 2",
        ),
        (
            lambda: raw.pack(np.zeros(2, np.uint16), 12, np.zeros(2, np.uint8)),
            "out is no writable contiguous uint8 array of 3",
        ),
        (lambda: raw.pack(np.full(2, 4096, np.uint16), 12), "a pixel is above the range of RAW12"),
        (
            lambda: raw.pack(np.zeros((1, 2), np.uint16), 12),
            "pixels is no one-dimensional contiguous uint16 array",
        ),
    ],
)
def test_what_cannot_be_packed_is_told_why(call: Callable[[], object], text: str) -> None:
    """The number that is wrong, and what it should have been."""
    with pytest.raises(ValueError, match=rf"^{text}$"):
        call()


@pytest.mark.parametrize("bits", ALL_BITS)
def test_nothing_is_nothing(bits: int) -> None:
    """No pixels, no bytes, both ways; arrays of their own kinds."""
    assert raw.packed_size(0, bits) == 0
    packed, pixels = raw.pack(np.zeros(0, np.uint16), bits), raw.unpack(b"", bits)
    assert (packed.size, packed.dtype, pixels.size, pixels.dtype) == (0, np.uint8, 0, np.uint16)


def test_an_array_that_cannot_be_written_is_no_out() -> None:
    """Both ways."""
    pixels, packed = np.zeros(2, np.uint16), np.zeros(3, np.uint8)
    pixels.flags.writeable = packed.flags.writeable = False
    for call in (lambda: raw.unpack(bytes(3), 12, pixels), lambda: raw.pack(pixels, 12, packed)):
        with pytest.raises(ValueError, match="no writable"):
            call()
