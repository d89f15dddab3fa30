"""One frame, read and written: the reference, and the kernel beside it, hostile bytes included."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from laserlink.cext import kernels
from laserlink.protocol import wire
from laserlink.protocol.frame import Frame
from laserlink.protocol.framer import Framer
from laserlink.protocol.limits import FRAME_BYTES_MAX, PAYLOAD_BYTES_MAX

WAYS: list[Any] = [wire] if kernels is None else [wire, kernels]
u8, u32 = st.integers(0, 0xFF), st.integers(0, 0xFFFFFFFF)
SAMPLE = bytes(Frame(0x32, 3, 7, 0xFFFFFFFE, b"payload", 1, 0x1F))

either = pytest.mark.parametrize("way", WAYS, ids=lambda way: str(way.__name__.rpartition(".")[2]))


def read(data: bytes | memoryview, start: int = 0) -> Frame | None:
    """What all ways agree on."""
    found, *others = (way.read_frame(data, start, Frame) for way in WAYS)
    assert all(repr(other) == repr(found) for other in others)
    return found


@given(u8, u8, u32, u32, st.binary(max_size=300), u8, u8)
def test_what_is_written_is_read(
    kind: int, channel: int, session: int, sequence: int, payload: bytes, flags: int, version: int
) -> None:
    """Every field comes back, behind whatever stands before it, and both ways write the same bytes."""
    fields = (kind, channel, session, sequence, payload, flags, version)
    first, *others = (way.wire_of(*fields) for way in WAYS)
    assert all(other == first for other in others)
    assert read(b"abc" + first + b"x", 3) == Frame(*fields)


def test_the_largest() -> None:
    """A payload of 4072 bytes makes a frame of 4096; one byte more is refused, by either way."""
    for way in WAYS:
        whole = way.wire_of(1, 0, 7, 1, bytes(PAYLOAD_BYTES_MAX))
        assert len(whole) == FRAME_BYTES_MAX
        assert read(whole) == Frame(1, 0, 7, 1, bytes(PAYLOAD_BYTES_MAX))
        with pytest.raises(ValueError, match="4073 bytes"):
            way.wire_of(1, 0, 7, 1, bytes(PAYLOAD_BYTES_MAX + 1))


@either
@pytest.mark.parametrize("at", range(6))
@pytest.mark.parametrize("value", [-1, 1 << 32, 0.5, None])
def test_fields_that_do_not_fit(way: Any, at: int, value: Any) -> None:
    """A number that its field does not hold, and what is no number, is a ValueError."""
    fields: list[Any] = [1, 0, 7, 1, 0, 0x10]
    fields[at] = value
    with pytest.raises(ValueError, match="does not fit"):
        way.wire_of(*fields[:4], b"", *fields[4:])


def test_every_cut() -> None:
    """A frame that is not whole is none."""
    for end in range(len(SAMPLE)):
        assert read(SAMPLE[:end]) is None
    assert read(SAMPLE) is not None


def test_every_wrong_bit() -> None:
    """A frame with one wrong bit is none."""
    for bit in range(8 * len(SAMPLE)):
        wrong = bytearray(SAMPLE)
        wrong[bit // 8] ^= 1 << bit % 8
        assert read(bytes(wrong)) is None


@pytest.mark.parametrize("start", [-1, -len(SAMPLE), len(SAMPLE), 1 << 40])
def test_places_where_nothing_is(start: int) -> None:
    """Before the first byte and behind the last there is no frame."""
    assert read(SAMPLE, start) is None


def with_checks(data: bytes) -> bytes:
    """A header whose check holds, whatever it says."""
    return data[:16] + wire.crc32(data[:16]).to_bytes(4, "little") + data[20:]


@settings(deadline=None)
@given(st.binary(max_size=80), st.integers(0, 20))
@example(b"\xeb\x90" + bytes(22), 0)
@example(b"\xeb\x90\x10\x01\x00\x00\xff\xff" + bytes(40), 0)
def test_any_bytes(data: bytes, start: int) -> None:
    """Bytes that nobody framed are what the framer takes them for, also behind a header that holds."""
    for bait in (data, b"\xeb\x90" + data, with_checks(b"\xeb\x90" + data.ljust(30))):
        found = read(memoryview(bait), start)
        framer = Framer()
        framer.feed(bait[start:])
        assert found == (item if isinstance(item := framer.next_item(), Frame) else None)


def test_lengths_over_the_limit() -> None:
    """A header that holds and asks for 4073 bytes begins no frame, though all of them are there."""
    for length in (PAYLOAD_BYTES_MAX + 1, 0xFFFF):
        header = b"\xeb\x90\x10\x01\x00\x00" + length.to_bytes(2, "little") + bytes(8)
        check = wire.crc32(header)
        payload = bytes(length)
        whole = with_checks(header + bytes(4)) + payload + wire.crc32(payload, check).to_bytes(4, "little")
        assert read(whole) is None


@either
def test_any_buffer(way: Any) -> None:
    """A frame is read from whatever holds bytes, and its payload is a copy."""
    buffer = bytearray(SAMPLE)
    makers: tuple[Callable[[bytearray], Any], ...] = (bytearray, bytes, memoryview)
    for make in makers:
        assert way.read_frame(make(buffer), 0, Frame) == Frame(0x32, 3, 7, 0xFFFFFFFE, b"payload", 1, 0x1F)
    found = way.read_frame(memoryview(buffer), 0, Frame)
    buffer[:] = bytes(len(buffer))
    assert found.payload == b"payload"


PIECES = st.sampled_from(
    [
        SAMPLE, SAMPLE[:-1], SAMPLE[:19], SAMPLE[:7] + b"\x10" + SAMPLE[8:], SAMPLE[:-1] + b"\0",
        bytes(Frame(1, 0, 7, 1, SAMPLE)), bytes(Frame(1, 0, 7, 1, SAMPLE))[:-9], b"\xeb", b"\xeb\x90",
        b"\x90", bytes(3), b"\xeb\x90" * 30,
    ]
)  # fmt: skip


@given(st.lists(PIECES, min_size=1, max_size=6), st.integers(1, 200))
def test_bad_bytes_end_where_a_frame_may_begin(pieces: list[bytes], limit: int) -> None:
    """From every byte on: at the first that may begin a frame, at the limit or at the end, by either way."""
    data = b"".join(pieces)
    begins = [at for at in range(len(data)) if wire.may_begin(data, at)]
    for start in range(len(data)):
        ends = [at for at in begins if at > start] + [len(data)]
        expected = min(ends[0], start + limit) - start
        assert [way.bad_bytes(data, start, limit) for way in WAYS] == [expected] * len(WAYS)


@pytest.mark.parametrize(
    ("data", "may"),
    [
        (b"\xeb", True), (b"\x90", False), (b"\xeb\x90", True), (b"\xebx", False),
        (SAMPLE, True), (SAMPLE[:-1], True), (SAMPLE[:20], True), (SAMPLE[:19], True),
        (SAMPLE[:19] + b"x", False), (SAMPLE[:-1] + b"x", False),
        (SAMPLE[:20] + b"?" + SAMPLE[21:], False), (SAMPLE[:20] + b"?" + SAMPLE[21:-1], True),
    ],
)  # fmt: skip
def test_what_may_begin_a_frame(data: bytes, may: bool) -> None:
    """An intact one, and one of which what is there holds."""
    assert wire.may_begin(data, 0) is may
    assert [way.bad_bytes(b"?" + data, 0, 99) for way in WAYS] == [1 if may else len(data) + 1] * len(WAYS)


def test_a_length_that_no_frame_has_begins_none() -> None:
    """The header's check holds, and the length does not: nothing is waited for."""
    header = bytes((0xEB, 0x90, 0x10, 1, 0, 0)) + (4073).to_bytes(2, "little") + bytes(8)
    header += wire.crc32(header).to_bytes(4, "little")
    assert not wire.may_begin(header, 0)
    assert [way.bad_bytes(b"?" + header, 0, 99) for way in WAYS] == [21] * len(WAYS)


@pytest.mark.skipif(kernels is None, reason="the C kernels are not in use")
@pytest.mark.parametrize(("start", "limit"), [(-1, 1), (3, 1), (0, 0), (0, -1)])
def test_the_kernel_judges_no_bytes_that_are_not_there(start: int, limit: int) -> None:
    """It reads nothing outside of what it was given."""
    assert kernels is not None
    with pytest.raises(ValueError, match="no bytes"):
        kernels.bad_bytes(b"abc", start, limit)
