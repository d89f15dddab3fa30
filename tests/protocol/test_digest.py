"""The digest: its definition word by word, order, place, length, and what it must notice."""

import re
import struct
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from laserlink.protocol import digest

MASK = (1 << 64) - 1


def halves(word: int) -> int:
    """The product of the two halves of a word."""
    return (word & 0xFFFFFFFF) * (word >> 32)


def sums_by_words(data: bytes, offset: int) -> list[int]:
    """The two sums in plain integers, as the module's opening text defines them."""
    first = second = 0
    for start in range(0, len(data), 8):
        word = int.from_bytes(data[start : start + 8], "little")
        counter = ((offset + start) // 8 + 1) * 0x9E3779B97F4A7C15 & MASK
        mixed = word ^ (counter + halves(counter) & MASK)
        first += halves(mixed)
        second += word
    return [first & MASK, second & MASK]


def digest_of(data: bytes) -> int:
    """The digest of one strip that starts the image."""
    sums = np.zeros(2, np.uint64)
    digest.add(sums, data, 0)
    return digest.strip_digest(sums, len(data))


@given(st.binary(max_size=100), st.integers(0, 1 << 40))
def test_definition(data: bytes, index: int) -> None:
    """The sums are what the definition gives, at any place of an image."""
    sums = np.zeros(2, np.uint64)
    digest.add(sums, data, index * 8)
    assert sums.tolist() == sums_by_words(data, index * 8)


def test_large_piece() -> None:
    """A piece that is worked on in several blocks has the same sums as its halves together."""
    data = np.random.default_rng(3).bytes(3_000_000)
    whole, halves = np.zeros(2, np.uint64), np.zeros(2, np.uint64)
    digest.add(whole, data, 80)
    digest.add(halves, data[1_600_000:], 80 + 1_600_000)
    digest.add(halves, data[:1_600_000], 80)
    assert whole.tolist() == halves.tolist() != [0, 0]


@given(st.binary(min_size=1, max_size=300), st.randoms(use_true_random=False))
def test_any_order(data: bytes, random: Random) -> None:
    """Pieces give the same digest in any order of arrival."""
    pieces = [(start, data[start : start + 16]) for start in range(0, len(data), 16)]
    random.shuffle(pieces)
    sums = np.zeros(2, np.uint64)
    for offset, piece in pieces:
        digest.add(sums, piece, offset)
    assert digest.strip_digest(sums, len(data)) == digest_of(data)


@pytest.mark.parametrize("fill", [0x00, 0xFF, 0x5A])
def test_every_bit_counts(fill: int) -> None:
    """On flat data every single bit, every pair of bits and every length gives a digest of its own."""
    clean = int.from_bytes(bytes([fill]) * 16, "little")
    changed = {clean ^ (1 << first) ^ (1 << second) for first in range(128) for second in range(first)}
    changed |= {clean, *(clean ^ 1 << bit for bit in range(128))}
    assert len({digest_of(value.to_bytes(16, "little")) for value in changed}) == len(changed)
    assert len({digest_of(bytes([fill]) * length) for length in range(65)}) == 65


def test_swaps_are_noticed() -> None:
    """Any two words changed places: the plain sum cannot see it, the digest does."""
    words = list(range(1, 41))
    clean = np.array(words, "<u8").tobytes()
    found = {digest_of(clean)}
    for first in range(40):
        for second in range(first):
            swapped = words.copy()
            swapped[first], swapped[second] = swapped[second], swapped[first]
            found.add(digest_of(np.array(swapped, "<u8").tobytes()))
    assert len(found) == 1 + 40 * 39 // 2


def test_cancelling_halves_are_noticed() -> None:
    """A carry moved from one word to another keeps the plain sum; the product sees it at every distance."""
    base = np.zeros(1 << 12, "<u8")
    seen = set()
    for distance in range(1, 1 << 12):
        words = base.copy()
        words[0], words[distance] = 1, np.uint64(MASK)
        seen.add(digest_of(words.tobytes()))
    assert len(seen | {digest_of(base.tobytes())}) == 1 << 12


@pytest.mark.parametrize("half_bit", [0, 32])
def test_moved_differences_are_noticed(half_bit: int) -> None:
    """Of flat data, +1 -1 at one place and -1 +1 at another: sum and first moment stay, the digest does not.

    With keys that are linear in the place, two of five such changes cancel.
    """
    one = 1 << half_bit
    clean = digest_of(bytes(8 * 200))
    for distance in range(1, 20):
        for shift in range(distance + 1, 150):
            words = [0] * 200
            for place, change in ((0, one), (distance, -one), (shift, -one), (shift + distance, one)):
                words[place] = change & MASK
            assert digest_of(struct.pack("<200Q", *words)) != clean


def test_strips_and_image() -> None:
    """Strip digests are those of their bytes at their place; the image's binds their order and length."""
    data = np.random.default_rng(4).bytes(1000)
    strips = digest.strip_digests(data, 336)
    for index, value in enumerate(strips):
        piece = data[index * 336 : index * 336 + 336]
        sums = np.zeros(2, np.uint64)
        digest.add(sums, piece, index * 336)
        assert value == digest.strip_digest(sums, len(piece))
    whole = digest.image_digest(strips, len(data))
    assert whole == digest_of_words(strips, len(data))
    others = {digest.image_digest(*wrong) for wrong in ((strips, 1001), (strips[::-1], 1000), ([], 0))}
    assert whole not in others
    assert len(others) == 3


@given(st.lists(st.tuples(*[st.integers(0, (1 << 64) - 1)] * 2, st.integers(0, 1 << 20)), min_size=1))
def test_many_strips_at_once(strips: list[tuple[int, int, int]]) -> None:
    """All digests of an image in one go are those of its strips one by one, wrapping sums included."""
    sums = np.array([strip[:2] for strip in strips], np.uint64)
    lengths = [strip[2] for strip in strips]
    found = digest.digests_of_sums(sums, np.array(lengths, np.uint64))
    assert found == [digest.strip_digest(*pair) for pair in zip(sums, lengths, strict=True)]


def digest_of_words(words: list[int], length: int) -> int:
    """The finish over the plain sums of some words."""
    sums = sums_by_words(b"".join(word.to_bytes(8, "little") for word in words), 0)
    return digest.strip_digest(np.array(sums, np.uint64), length)


def test_pinned_values() -> None:
    """The digest on the wire never changes unnoticed."""
    assert digest_of(b"") == 0x0
    assert digest_of(b"LaserLink") == 0x312AE662DB5615AD
    assert digest.image_digest([1, 2, 3], 24) == 0x41A33C557FB63309


@pytest.mark.parametrize("offset", [-8, 1, 7, 12])
def test_unaligned_offset(offset: int) -> None:
    """A place that is no whole word is refused."""
    with pytest.raises(ValueError, match="no multiple of 8"):
        digest.add(np.zeros(2, np.uint64), b"12345678", offset)


def test_wrong_sums() -> None:
    """Only a writable uint64 pair takes sums; strips are whole words."""
    locked = np.zeros(2, np.uint64)
    locked.flags.writeable = False
    wrong: Any
    for wrong in (np.zeros(3, np.uint64), np.zeros(2, np.int64), locked):
        with pytest.raises(ValueError, match="sums is no"):
            digest.add(wrong, b"", 0)
    for strip_bytes in (0, -8, 12):
        with pytest.raises(ValueError, match="whole words"):
            digest.strip_digests(b"12345678", strip_bytes)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: digest.add(np.zeros((1, 2), np.uint64), b"", 0),
            "sums is no writable uint64 array of shape (2,)",
        ),
        (lambda: digest.add(np.zeros(2, np.uint64), b"", -8), "the offset -8 is no multiple of 8"),
        (lambda: digest.add(np.zeros(2, np.uint64), b"", 4), "the offset 4 is no multiple of 8"),
        (lambda: digest.strip_digests(b"", 12), "strips of 12 bytes are no whole words"),
        (lambda: digest.strip_digests(b"", 0), "strips of 0 bytes are no whole words"),
    ],
)
def test_what_cannot_be_summed_is_told_why(call: Callable[[], object], text: str) -> None:
    """What was given, and what must be."""
    with pytest.raises(ValueError, match=rf"^{re.escape(text)}$"):
        call()


def test_the_smallest_strips_are_words() -> None:
    """Eight bytes each, the last one what is left; of nothing there are none."""
    data = bytes(range(20))
    assert digest.strip_digests(b"", 8) == []
    strips = digest.strip_digests(data, 8)
    for index, start in enumerate(range(0, 20, 8)):
        sums = np.zeros(2, np.uint64)
        digest.add(sums, data[start : start + 8], start)
        assert strips[index] == digest.strip_digest(sums, len(data[start : start + 8]))
    assert len(strips) == 3
