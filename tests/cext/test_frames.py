"""The batch decoder of the kernels against its readable reference, damage and hostile bytes included."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laserlink.cext import kernels
from laserlink.protocol import small_frames
from laserlink.protocol.frame import Frame
from laserlink.protocol.small_frames import ROW, SmallFrame

if kernels is None:
    pytest.skip("the C kernels are not in use", allow_module_level=True)


def check(data: bytes, room: int = 600) -> int:
    """Both ways give the same rows, objects and bytes; how many frames."""
    ours, theirs = np.zeros(room, ROW), np.zeros(room, ROW)
    count, taken = kernels.decode_batch(data, ours)
    assert (count, taken) == small_frames.decode_batch(data, theirs)
    assert (ours[:count] == theirs[:count]).all()
    assert kernels.decode_objects(data, SmallFrame) == small_frames.decode_objects(data)
    return int(count)


def frames(count: int) -> bytes:
    chance = random.Random(count)
    return b"".join(
        bytes(Frame(chance.randrange(256), chance.randrange(16), 5, number, chance.randbytes(number % 234)))
        for number in range(count)
    )


def test_every_size() -> None:
    """Frames of 24 to 256 bytes, many times what the kernel takes at once; the one of 257 bytes stops it."""
    assert check(frames(233)) == 233
    assert check(frames(300)) == 233
    assert check(b"".join(bytes(Frame(1, 0, 5, 7, b"x")) for _ in range(520))) == 520


def test_every_cut() -> None:
    """Cut anywhere, both see the whole frames before the cut."""
    data = frames(4)
    for cut in range(len(data) + 1):
        check(data[:cut])


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 7), st.integers(0, 40))
def test_flipped_bits(at: int, bit: int, count: int) -> None:
    """A wrong bit ends it before its frame, both ways."""
    data = bytearray(frames(count + 1))
    data[at % len(data)] ^= 1 << bit
    assert check(bytes(data)) <= count


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    """Bytes that nobody framed are never a frame, and never read beyond their end."""
    check(data)
    check(b"\xeb\x90" + data)


def test_little_room() -> None:
    """A table of no rows takes nothing, one of two takes two; another size is refused."""
    assert check(frames(5), 2) == 2
    assert check(frames(5), 0) == 0
    with pytest.raises(ValueError, match="24 bytes"):
        kernels.decode_batch(frames(2), np.zeros(3, np.uint64))
