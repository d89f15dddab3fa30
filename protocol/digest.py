"""The image digest: 64 bits for a strip or an image, in any order of arrival, independent of the CRC.

The readable reference of the C kernel. The packed image is cut into 64-bit little-endian words w[i],
i = byte offset / 8; a short last word is filled with zeros. Two sums modulo 2**64 are kept:

    c[i] = (i + 1) * STEP                            (a Weyl sequence)
    k[i] = c[i] + low half of c[i] * high half of c[i]
    x[i] = w[i] ^ k[i]
    S1  += low half of x[i] * high half of x[i]      (the NH step of UMAC, Black et al. 1999)
    S2  += w[i]

S1 binds each word to its place, S2 catches what a product can hide (a half that meets a zero). The keys
must not be linear in i, or S1 of flat data is a first moment. Sums have no order, so chunks are added as
they come. docs/decisions/0001-image-digest.md has the measurements,
and what it is not: a defence against an attacker.
"""

import struct
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from laserlink.protocol.octets import AnyBuffer, octets

WORD_BYTES = 8
STEP = 0x9E3779B97F4A7C15  # 2**64 / golden ratio, odd
LENGTH_FACTOR = 0xC2B2AE3D27D4EB4F

_MASK = (1 << 64) - 1
# Words that are worked on at once, so that the temporaries of a large image stay small.
_BLOCK_WORDS = 1 << 17


def _fmix64(value: int) -> int:
    """The 64-bit finaliser of MurmurHash3 (Appleby, public domain): a bijection; every bit moves all."""
    value = (value ^ value >> 33) * 0xFF51AFD7ED558CCD & _MASK
    value = (value ^ value >> 33) * 0xC4CEB9FE1A85EC53 & _MASK
    return value ^ value >> 33


def add(sums: NDArray[np.uint64], data: AnyBuffer, offset: int) -> None:
    """Adds the bytes that stand at byte `offset` of the image to `sums`, uint64 of shape (2,).

    Only the image's last piece may have a length that is no multiple of 8. ValueError: the offset is no
    multiple of 8, or `sums` is anything else.
    """
    if sums.dtype != np.uint64 or sums.shape != (2,) or not sums.flags.writeable:
        raise ValueError("sums is no writable uint64 array of shape (2,)")
    if offset < 0 or offset % WORD_BYTES:
        raise ValueError(f"the offset {offset} is no multiple of {WORD_BYTES}")
    view = octets(data)
    whole = len(view) // WORD_BYTES * WORD_BYTES
    _add_words(sums, np.frombuffer(view[:whole], "<u8"), offset // WORD_BYTES)
    if whole < len(view):
        last = bytes(view[whole:]).ljust(WORD_BYTES, b"\0")
        _add_words(sums, np.frombuffer(last, "<u8"), (offset + whole) // WORD_BYTES)


def _halves(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The products of the two halves of each word."""
    return (words & np.uint64(0xFFFFFFFF)) * (words >> np.uint64(32))


def _add_words(sums: NDArray[np.uint64], words: NDArray[np.uint64], index: int) -> None:
    for start in range(0, len(words), _BLOCK_WORDS):
        block = words[start : start + _BLOCK_WORDS]
        first = np.uint64(index + start + 1)
        counters = (np.arange(len(block), dtype=np.uint64) + first) * np.uint64(STEP)
        keys = counters + _halves(counters)
        sums += np.array([_halves(block ^ keys).sum(), block.sum()], np.uint64)


def strip_digest(sums: NDArray[np.uint64], length: int) -> int:
    """The 64-bit digest of a strip of `length` bytes whose bytes were all added, each once."""
    first, second = (int(value) for value in sums)
    return _fmix64((first + _fmix64(second ^ (length * LENGTH_FACTOR & _MASK))) & _MASK)


def _fmix64_each(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """`_fmix64` of each."""
    half = np.uint64(33)
    values = (values ^ values >> half) * np.uint64(0xFF51AFD7ED558CCD)
    values = (values ^ values >> half) * np.uint64(0xC4CEB9FE1A85EC53)
    return values ^ values >> half


def digests_of_sums(sums: NDArray[np.uint64], lengths: NDArray[np.uint64]) -> list[int]:
    """`strip_digest` of each row of `sums`, uint64 (strips, 2), and its length, uint64 (strips,)."""
    inner = _fmix64_each(sums[:, 1] ^ lengths * np.uint64(LENGTH_FACTOR))
    digests: list[int] = _fmix64_each(sums[:, 0] + inner).tolist()
    return digests


def image_digest(strip_digests: Sequence[int], length: int) -> int:
    """The 64-bit digest of an image of `length` packed bytes: that of its strips' digests, taken as words."""
    sums = np.zeros(2, np.uint64)
    add(sums, struct.pack(f"<{len(strip_digests)}Q", *strip_digests), 0)
    return strip_digest(sums, length)


AddFunction = Callable[[NDArray[np.uint64], AnyBuffer, int], None]


def strip_digests(packed: AnyBuffer, strip_bytes: int, add: AddFunction = add) -> list[int]:
    """The digests of all strips of a packed image, by `add` (the kernel's or this module's).

    ValueError: `strip_bytes` is no positive multiple of 8.
    """
    if strip_bytes <= 0 or strip_bytes % WORD_BYTES:
        raise ValueError(f"strips of {strip_bytes} bytes are no whole words")
    view = octets(packed)
    digests = []
    for offset in range(0, len(view), strip_bytes):
        sums = np.zeros(2, np.uint64)
        strip = view[offset : offset + strip_bytes]
        add(sums, strip, offset)
        digests.append(strip_digest(sums, len(strip)))
    return digests
