"""Many small frames at once, by the readable reference. The kernel's side is in tests/cext/test_frames.py."""

import numpy as np
import pytest

from laserlink.protocol.frame import Frame
from laserlink.protocol.small_frames import ROW, SmallFrame, decode_batch, decode_objects

FRAMES = [Frame(0x70, number % 16, 7, number, bytes(number)) for number in (0, 1, 40, 232)]
WIRE = b"".join(map(bytes, FRAMES))


def test_rows_say_what_the_frames_say() -> None:
    """Each row has the header's fields, and finds the payload in the buffer."""
    rows = np.zeros(8, ROW)
    assert decode_batch(WIRE, rows) == (4, len(WIRE))
    for row, frame in zip(rows, FRAMES, strict=False):
        begin = int(row["payload_at"])
        assert WIRE[begin : begin + int(row["length"])] == frame.payload
        assert (row["type"], row["channel"], row["sequence"]) == (frame.type, frame.channel, frame.sequence)


def test_objects_are_frames() -> None:
    """Each object has the fields of its frame."""
    found, taken = decode_objects(WIRE)
    expected = [
        SmallFrame(item.type, item.channel, item.session, item.sequence, item.payload, 0, item.version)
        for item in FRAMES
    ]
    assert (found, taken) == (expected, len(WIRE))


def test_it_stops_when_the_table_is_full() -> None:
    """No more rows than there is room for, and the bytes of those."""
    rows = np.zeros(2, ROW)
    assert decode_batch(WIRE, rows) == (2, 24 + 25)


def test_frames_that_are_not_small_stop_it() -> None:
    """A good frame of 257 bytes is the framer's."""
    assert decode_objects(bytes(Frame(0x70, 0, 7, 1, bytes(233)))) == ([], 0)


def test_rows_of_another_size_are_refused() -> None:
    """A table of something else is a ValueError."""
    with pytest.raises(ValueError, match="24 bytes"):
        decode_batch(WIRE, np.zeros(2, np.uint64))


def test_every_field_of_a_row_is_that_of_its_frame() -> None:
    """Session, flags and version as well; what is reserved is zero."""
    frame = Frame(0x71, 3, 0x01020304, 0x05060708, b"payload", flags=0xA1, version=0x1F)
    rows = np.full(2, 0xFF, np.uint8).repeat(ROW.itemsize // 1)[: 2 * ROW.itemsize].view(ROW)
    assert decode_batch(bytes(frame) * 2, rows) == (2, 2 * frame.wire_bytes)
    first = (20, 0x01020304, 0x05060708, 7, 0x71, 3, 0xA1, 0x1F, 0)
    assert [row.item() for row in rows] == [first, (20 + frame.wire_bytes, *first[1:])]
    objects, _ = decode_objects(bytes(frame))
    assert objects == [SmallFrame(0x71, 3, 0x01020304, 0x05060708, b"payload", 0xA1, 0x1F)]


@pytest.mark.parametrize("at", [0, 1, 2, 6, 16, 19, 20, 25, 30])
def test_a_damaged_frame_stops_it(at: int) -> None:
    """Sync, header, its check, payload or its check; also when there is too little of it."""
    wire = bytearray(bytes(Frame(0x71, 3, 7, 9, b"payload")))
    good = bytes(wire)
    wire[at] ^= 1
    for bad in (bytes(wire), good[: at + 1 if at < 30 else 29]):
        assert decode_objects(good + bad) == (decode_objects(good)[0], len(good))
        assert decode_batch(good + bad, np.zeros(4, ROW)) == (1, len(good))


@pytest.mark.parametrize(("size", "count"), [(0, 1), (232, 1), (233, 0)])
def test_small_is_256_bytes(size: int, count: int) -> None:
    """On the wire, from the empty one on."""
    wire = bytes(Frame(0x70, 0, 7, 1, bytes(size)))
    assert (len(wire) <= 256) is bool(count)
    assert decode_objects(wire)[1] == count * len(wire)
    assert decode_batch(wire, np.zeros(3, ROW)) == (count, count * len(wire))
    with pytest.raises(ValueError, match=r"^a row has 24 bytes, on a multiple of 8$"):
        decode_batch(wire, np.zeros(2, np.uint64))
