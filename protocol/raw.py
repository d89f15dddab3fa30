"""RAW packing: how pixels of 8 to 16 bits stand in bytes. The readable reference of the C kernel.

After MIPI CSI-2: a group holds the high 8 bits of each of its pixels, then their low bits as one
little-endian number, the first pixel lowest:

    RAW8    1 pixel    1 byte
    RAW10   4 pixels   4 high bytes, 1 byte of four 2-bit parts
    RAW12   2 pixels   2 high bytes, 1 byte of two 4-bit parts
    RAW14   4 pixels   4 high bytes, 3 bytes of four 6-bit parts
    RAW16   1 pixel    2 bytes, low byte first (ours: CSI-2 has the high byte first)
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from laserlink.protocol.octets import AnyBuffer, octets

# Groups that are worked on at once, so that the temporaries of a 100-megapixel image stay small.
_BLOCK_GROUPS = 1 << 18


@dataclass(frozen=True)
class RawWidth:
    """One pixel width: the smallest number of pixels that fills whole bytes, and those bytes."""

    bits: int
    group_pixels: int
    group_bytes: int


WIDTHS = {
    8: RawWidth(8, 1, 1),
    10: RawWidth(10, 4, 5),
    12: RawWidth(12, 2, 3),
    14: RawWidth(14, 4, 7),
    16: RawWidth(16, 1, 2),
}
if any(width.group_pixels * width.bits != 8 * width.group_bytes for width in WIDTHS.values()):
    raise ImportError("a group of pixels does not fill its bytes")


def _width(bits: int) -> RawWidth:
    if bits not in WIDTHS:
        raise ValueError(f"{bits} bits is not one of 8, 10, 12, 14, 16")
    return WIDTHS[bits]


def group_pixels(bits: int) -> int:
    """Pixels in one group. ValueError for a width that is not one of WIDTHS."""
    return _width(bits).group_pixels


def group_bytes(bits: int) -> int:
    """Bytes of one group. ValueError for a width that is not one of WIDTHS."""
    return _width(bits).group_bytes


def packed_size(pixels: int, bits: int) -> int:
    """Bytes that `pixels` pixels take. ValueError when they are no whole number of groups."""
    width = _width(bits)
    groups, rest = divmod(pixels, width.group_pixels)
    if rest or pixels < 0:
        raise ValueError(f"{pixels} pixels are no whole number of RAW{bits} groups")
    return groups * width.group_bytes


def _checked_out(out: NDArray[Any] | None, size: int, kind: type[np.uint8] | type[np.uint16]) -> NDArray[Any]:
    """`out`, or a new array, of exactly `size` items. ValueError when `out` is anything else."""
    if out is None:
        return np.empty(size, kind)
    if out.dtype != kind or out.shape != (size,) or not out.flags.c_contiguous or not out.flags.writeable:
        raise ValueError(f"out is no writable contiguous {kind.__name__} array of {size}")
    return out


def unpack(packed: AnyBuffer, bits: int, out: NDArray[np.uint16] | None = None) -> NDArray[np.uint16]:
    """The pixels of packed bytes: uint16, one-dimensional, 0 to 2**bits - 1.

    `out`, when given, takes them and is returned: contiguous uint16 of exactly their number. ValueError:
    not a whole number of groups, an unknown width, or another `out`.
    """
    width = _width(bits)
    data = np.frombuffer(octets(packed), np.uint8)
    if data.size % width.group_bytes:
        raise ValueError(f"{data.size} bytes are no whole number of RAW{bits} groups")
    groups = data.reshape(-1, width.group_bytes)
    pixels = _checked_out(out, len(groups) * width.group_pixels, np.uint16)
    target = pixels.reshape(-1, width.group_pixels)
    for start in range(0, len(groups), _BLOCK_GROUPS):
        block = slice(start, start + _BLOCK_GROUPS)
        target[block] = _unpack_groups(groups[block], width)
    return pixels


def _unpack_groups(groups: NDArray[np.uint8], width: RawWidth) -> NDArray[np.uint16]:
    if width.bits == 16:
        return groups.view("<u2").astype(np.uint16)
    low_bits = width.bits - 8
    low = np.zeros(len(groups), np.uint32)
    for index, column in enumerate(groups[:, width.group_pixels :].T):
        low |= column.astype(np.uint32) << (8 * index)
    places = np.arange(width.group_pixels, dtype=np.uint32) * low_bits
    low_parts = (low[:, np.newaxis] >> places) & ((1 << low_bits) - 1)
    high_parts = groups[:, : width.group_pixels].astype(np.uint16) << low_bits
    return (high_parts | low_parts).astype(np.uint16)


def pack(pixels: NDArray[np.uint16], bits: int, out: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
    """The packed bytes of pixels: uint8, one-dimensional.

    `pixels` is one-dimensional contiguous uint16. `out`, when given, takes the bytes and is returned.
    ValueError: not a whole number of groups, an unknown width, another `out`, or a pixel above
    2**bits - 1 (then `out` is undefined).
    """
    width = _width(bits)
    if pixels.dtype != np.uint16 or pixels.ndim != 1 or not pixels.flags.c_contiguous:
        raise ValueError("pixels is no one-dimensional contiguous uint16 array")
    packed = _checked_out(out, packed_size(pixels.size, bits), np.uint8)
    if pixels.size and int(pixels.max()) >> bits:
        raise ValueError(f"a pixel is above the range of RAW{bits}")
    groups = pixels.reshape(-1, width.group_pixels)
    target = packed.reshape(-1, width.group_bytes)
    for start in range(0, len(groups), _BLOCK_GROUPS):
        block = slice(start, start + _BLOCK_GROUPS)
        _pack_groups(groups[block], width, target[block])
    return packed


def _pack_groups(groups: NDArray[np.uint16], width: RawWidth, target: NDArray[np.uint8]) -> None:
    if width.bits == 16:
        target[:, 0], target[:, 1] = groups[:, 0] & 0xFF, groups[:, 0] >> 8
        return
    low_bits = width.bits - 8
    target[:, : width.group_pixels] = groups >> low_bits
    low = np.zeros(len(groups), np.uint32)
    for index in range(width.group_pixels):
        low |= (groups[:, index] & ((1 << low_bits) - 1)).astype(np.uint32) << (low_bits * index)
    for index in range(width.group_bytes - width.group_pixels):
        target[:, width.group_pixels + index] = low >> (8 * index) & 0xFF
