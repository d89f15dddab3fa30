"""What no wire error gets past: up to seven wrong bits of a header, every burst of up to 32 bits of a frame.

The CRC is linear, so an error is seen or not whatever stands in the frame. The syndrome of an error is what
it does to the check; it is unseen when that is zero. The syndromes of single bits are measured on the code
itself, and those of all patterns follow by XOR.
"""

import itertools
import os
import random
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from laserlink.protocol import _accel, prbs
from laserlink.protocol.catalogue import IMAGE_DATA
from laserlink.protocol.crc import POLYNOMIAL
from laserlink.protocol.crc import crc32 as reference_crc32
from laserlink.protocol.frame import CHECKED_HEADER_BYTES, HEADER_BYTES, OVERHEAD_BYTES, Frame
from laserlink.protocol.framer import BadFrame, Framer
from laserlink.protocol.image_layout import ImageLayout
from laserlink.protocol.limits import FRAME_BYTES_MAX, FRAME_BYTES_MIN_OFFER, PAYLOAD_BYTES_MAX
from laserlink.protocol.messages.image import ImageData

NIGHTLY = os.environ.get("LASERLINK_NIGHTLY") == "1"
HEADER_BITS = 8 * HEADER_BYTES
CHECK_BITS = 32
SESSION, CHANNEL, IMAGE_ID = 0x1A5E7114, 2, 7
CRCS = {"fast": _accel.crc32, "reference": reference_crc32}
Words = NDArray[np.uint32]


def sample(wire_bytes: int = FRAME_BYTES_MIN_OFFER) -> bytes:
    """An intact frame of so many bytes, in which nothing looks like another."""
    payload = prbs.pattern(wire_bytes, wire_bytes - OVERHEAD_BYTES)
    return bytes(Frame(0x65, 0, SESSION, 0x01020304, payload))


def flipped(data: bytes, bits: tuple[int, ...]) -> bytes:
    """`data` with these bits wrong; bit 8 n is the lowest of byte n, which goes first over a serial line."""
    mask = sum(1 << bit for bit in bits)
    return (int.from_bytes(data, "little") ^ mask).to_bytes(len(data), "little")


def syndromes(crc: object, bits: int) -> Words:
    """What each bit of the covered bytes, and then each of the check, does to the check."""
    assert callable(crc)
    covered = bytes(bits // 8)
    zero = crc(covered)
    of_data = [crc(flipped(covered, (bit,))) ^ zero for bit in range(bits)]
    return np.array([*of_data, *(1 << bit for bit in range(CHECK_BITS))], np.uint32)


HEADER_SYNDROMES = syndromes(_accel.crc32, 8 * CHECKED_HEADER_BYTES)


def sums_of_up_to_three(words: Words) -> Iterator[Words]:
    """The syndromes of all patterns of one, two and three bits, and that of none."""
    yield np.zeros(1, np.uint32)
    yield words
    pairs = np.array([*itertools.combinations(range(len(words)), 2)])
    yield words[pairs[:, 0]] ^ words[pairs[:, 1]]
    for first in range(len(words) - 2):
        later = pairs[pairs[:, 0] > first]
        yield words[first] ^ words[later[:, 0]] ^ words[later[:, 1]]


def items_of(wire: bytes) -> list[object]:
    framer = Framer()
    framer.feed(wire)
    framer.abandon()
    return list(framer.items())


def refused(wire: bytes) -> bool:
    return all(isinstance(item, BadFrame) for item in items_of(wire))


# --- the code is linear, and this is what it does to single bits ---


@pytest.mark.parametrize("name", CRCS)
def test_the_syndrome_of_a_pattern_is_that_of_its_bits(name: str) -> None:
    """On real headers, an error changes the check by the XOR of its bits' syndromes: all rests on it."""
    crc, chance = CRCS[name], random.Random(1)
    assert np.array_equal(syndromes(crc, 128), HEADER_SYNDROMES)
    for _ in range(500):
        head = chance.randbytes(CHECKED_HEADER_BYTES)
        bits = tuple(chance.sample(range(8 * CHECKED_HEADER_BYTES), chance.randrange(1, 60)))
        expected = int(np.bitwise_xor.reduce(HEADER_SYNDROMES[list(bits)]))
        assert crc(flipped(head, bits)) ^ crc(head) == expected


def test_up_to_seven_wrong_bits_of_a_header_are_seen() -> None:
    """All patterns of up to three bits have different syndromes: no sum of two is zero, nor any odd one."""
    found = np.concatenate(list(sums_of_up_to_three(HEADER_SYNDROMES)))
    assert len(found) == 1 + 160 + 12_720 + 669_920
    assert len(np.unique(found)) == len(found)
    # The polynomial has an even number of terms: x + 1 divides it, and no odd number of bits is divisible.
    assert POLYNOMIAL.bit_count() % 2 == 0


# --- through the real framer and the real kernel ---


@pytest.mark.parametrize("count", [1, 2])
def test_the_framer_refuses_every_one_and_two_wrong_bits(count: int) -> None:
    """A real frame with each such error in its header gives no frame at all."""
    wire = sample(48)
    assert not refused(wire)
    for bits in itertools.combinations(range(HEADER_BITS), count):
        assert refused(flipped(wire, bits)), bits


def test_the_check_refuses_every_three_wrong_bits() -> None:
    """All 669,920 patterns on a real header, by the comparison that the framer makes."""
    head = int.from_bytes(sample()[:HEADER_BYTES], "little")
    crc32, tried = _accel.crc32, 0
    masks = [1 << bit for bit in range(HEADER_BITS)]
    for one, other in itertools.combinations(range(HEADER_BITS), 2):
        pair = head ^ masks[one] ^ masks[other]
        for mask in masks[other + 1 :]:
            damaged = (pair ^ mask).to_bytes(HEADER_BYTES, "little")
            tried += 1
            assert crc32(damaged[:16]).to_bytes(4, "little") != damaged[16:]
    assert tried == 669_920


@pytest.mark.skipif(_accel.receive_images is None, reason="the kernels are not built")
def test_the_kernel_refuses_every_wrong_bits_up_to_three() -> None:
    """The fast path takes the intact image frame, and not a byte of it with one, two or three wrong bits."""
    receive = _accel.receive_images
    assert receive is not None
    layout = ImageLayout(16, 12, 8, FRAME_BYTES_MIN_OFFER)
    chunk = prbs.pattern(9, layout.chunk_bytes)
    wire = bytes(Frame(IMAGE_DATA, CHANNEL, SESSION, 5, bytes(ImageData(IMAGE_ID, 0, chunk))))
    slots = [slot_of(layout)]
    assert receive(wire, SESSION, PAYLOAD_BYTES_MAX, [slot_of(layout)]) == len(wire)
    head, rest = int.from_bytes(wire[:HEADER_BYTES], "little"), wire[HEADER_BYTES:]
    for count in (1, 2, 3):
        for bits in itertools.combinations(range(HEADER_BITS), count):
            damaged = head
            for bit in bits:
                damaged ^= 1 << bit
            data = damaged.to_bytes(HEADER_BYTES, "little") + rest
            assert receive(data, SESSION, PAYLOAD_BYTES_MAX, slots) == 0, bits
    assert slots[0].frames == 0


def slot_of(layout: ImageLayout) -> _accel.Slot:
    return _accel.Slot(
        CHANNEL,
        IMAGE_ID,
        layout.bits,
        layout.chunk_bytes,
        layout.coded_bytes,
        layout.strip_bytes,
        np.zeros(layout.pixels, np.uint16),
        np.zeros(layout.chunks, np.uint8),
        np.zeros((layout.strips, 2), np.uint64),
    )


# --- bursts ---


def all_sums(words: Words) -> Words:
    """The syndromes of all patterns of a window whose first bit is wrong."""
    sums = words[:1]
    for word in words[1:]:
        sums = np.concatenate([sums, sums ^ word])
    return sums


@pytest.mark.parametrize("order", ["lowest bit first", "highest bit first"])
def test_every_burst_of_up_to_16_bits_of_a_header_is_seen(order: str) -> None:
    """Every pattern in every window of 16 bits, one by one: over 5 million, in either order of bits."""
    words = HEADER_SYNDROMES
    if order == "highest bit first":
        words = words.reshape(HEADER_BYTES, 8)[:, ::-1].reshape(-1)
    tried = 0
    for start in range(HEADER_BITS):
        sums = all_sums(words[start : start + 16])
        assert sums.all(), start
        tried += len(sums)
    assert tried > 4_700_000


def ranks(words: Words, window: int) -> NDArray[np.int64]:
    """The rank over GF(2) of each run of `window` syndromes: when it is full, no pattern in it is zero."""
    rows = np.lib.stride_tricks.sliding_window_view(words, window).T.copy()
    rank = np.zeros(rows.shape[1], np.int64)
    for row in range(window):
        pivot = rows[row]
        rank += pivot != 0
        lowest = pivot & -pivot
        rows[row + 1 :] ^= np.where(rows[row + 1 :] & lowest, pivot, 0).astype(np.uint32)
    return rank


def test_rank_is_what_it_should_be() -> None:
    """The elimination finds a sum that is zero, and nothing where there is none."""
    assert ranks(np.array([1, 2, 3, 4, 8], np.uint32), 3).tolist() == [2, 3, 3]


def test_every_burst_of_up_to_32_bits_of_a_header_is_seen() -> None:
    """Any 32 neighbouring syndromes are independent, so no pattern of theirs, of 2^32 - 1, is unseen."""
    found = ranks(HEADER_SYNDROMES, CHECK_BITS)
    assert len(found) == HEADER_BITS - CHECK_BITS + 1
    assert set(found.tolist()) == {CHECK_BITS}


def frame_syndromes() -> Words:
    """Of the largest frame: the bits that the frame check covers, and its own.

    Each is the one behind it, gone on by one bit: checked against the code, and quicker than asking it.
    """
    bits = 8 * (CHECKED_HEADER_BYTES + PAYLOAD_BYTES_MAX)
    reflected = int(f"{POLYNOMIAL & 0xFFFFFFFF:032b}"[::-1], 2)
    words = np.empty(bits + CHECK_BITS, np.uint32)
    words[bits:] = [1 << bit for bit in range(CHECK_BITS)]
    for bit in reversed(range(bits)):
        word = int(words[bit + 1])
        words[bit] = word >> 1 ^ (reflected if word & 1 else 0)
    covered = bytes(bits // 8)
    zero = _accel.crc32(covered)
    for bit in (0, 1, 77, bits // 2, bits - 1):
        assert words[bit] == _accel.crc32(flipped(covered, (bit,))) ^ zero
    return words


def test_every_burst_of_up_to_32_bits_of_the_largest_frame_is_seen() -> None:
    """Any 32 neighbours of all 32,736 bits are independent; and no two bits have one syndrome.

    A burst that meets the header check, which the frame check leaves out, is one of the header.
    """
    words = frame_syndromes()
    assert len(words) == 32_736
    assert set(ranks(words, CHECK_BITS).tolist()) == {CHECK_BITS}
    assert len(np.unique(words)) == len(words)


@pytest.mark.skipif(not NIGHTLY, reason="535 million sums: LASERLINK_NIGHTLY=1")
def test_up_to_five_wrong_bits_of_the_largest_frame_are_seen() -> None:
    """No four bits of 32,736 have syndromes whose sum is zero; two have not, and odd numbers never."""
    words = frame_syndromes()
    in_order = np.sort(words)
    slots = np.zeros(1 << 24, bool)
    slots[words & 0xFFFFFF] = True
    for first in range(1, len(words) - 2):
        # The code is cyclic: the first of the four bits may be taken for the first of all.
        sums = words[0] ^ words[first] ^ words[first + 1 :]
        maybe = sums[slots[sums & 0xFFFFFF]]
        places = np.searchsorted(in_order[:-1], maybe)
        assert not (in_order[places] == maybe).any(), first


@pytest.mark.parametrize("wire_bytes", [OVERHEAD_BYTES, 64, FRAME_BYTES_MIN_OFFER])
def test_the_framer_refuses_bursts_anywhere_in_real_frames(wire_bytes: int) -> None:
    """From every bit on, a seeded burst of each of some lengths of 1 to 32 bits: no frame comes out."""
    wire, chance = sample(wire_bytes), random.Random(wire_bytes)
    for start in range(8 * wire_bytes):
        for length in (1, *chance.sample(range(2, 17), 3), *chance.sample(range(17, 33), 3)):
            assert refused(flipped(wire, burst(start, length, 8 * wire_bytes, chance))), (start, length)


def test_the_framer_refuses_bursts_anywhere_in_the_largest_frame() -> None:
    """Every ninth bit of 4,096 bytes begins a burst of up to 32 bits."""
    wire, chance = sample(FRAME_BYTES_MAX), random.Random(4)
    for start in range(0, 8 * FRAME_BYTES_MAX, 9):
        length = chance.randrange(1, 33)
        assert refused(flipped(wire, burst(start, length, 8 * FRAME_BYTES_MAX, chance))), (start, length)


def burst(start: int, length: int, end: int, chance: random.Random) -> tuple[int, ...]:
    """Wrong bits from `start` on: the first and the last of so many, and any between them."""
    last = min(start + length, end) - 1
    return tuple(sorted({start, last} | {bit for bit in range(start, last) if chance.getrandbits(1)}))
