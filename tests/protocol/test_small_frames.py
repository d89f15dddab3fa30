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
