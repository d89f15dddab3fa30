"""Finds frames in a stream of bytes that may hold anything. Sans-I/O; bad bytes are values.

The rules, which any cut of the stream obeys alike:

1. Bytes before a sync are bad (NO_SYNC).
2. A header whose check fails (HEADER_CHECK), or that asks for more than a frame holds (LENGTH), is a
   false sync: one bad byte, and the search goes on behind it.
3. A frame whose frame check fails (FRAME_CHECK) is a false sync too: the search goes on inside it, so
   that an intact frame in its payload, or behind a wrong length, is found.
4. Adjacent bad bytes are one `BadFrame` of at most 4096 bytes, with the reason of its first byte. It is
   given out when an intact frame follows, when it is full, or at `abandon()`.
5. `abandon()` gives up what was started and never finished (CUT) and searches its bytes again.

A header is believed only after its check held, so nothing is ever waited for on the word of a damaged
length; the buffer never holds more than one frame and the piece that was last fed. The work is linear:
a byte is checksummed once as part of an intact frame, and at most 4096 / 20 times as bait of false ones.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from laserlink.protocol._accel import bad_bytes, crc32, read_frame
from laserlink.protocol.frame import CHECK_BYTES, CHECKED_HEADER_BYTES, HEADER_BYTES, SYNC, Frame
from laserlink.protocol.limits import FRAME_BYTES_MAX, PAYLOAD_BYTES_MAX

_HEADER = struct.Struct("<2sBBBBHIII")
_CHECK = struct.Struct("<I")

if _HEADER.size != HEADER_BYTES:
    raise ImportError("the framer and the declaration disagree about the header")


class BadReason(StrEnum):
    """Why bytes are no frame."""

    NO_SYNC = "no-sync"
    HEADER_CHECK = "header-check"
    LENGTH = "length"
    FRAME_CHECK = "frame-check"
    CUT = "cut"


@dataclass(frozen=True, slots=True)
class BadFrame:
    """Adjacent bytes that are no frame; `reason` is why the first of them is not."""

    reason: BadReason
    raw: bytes


class Framer:
    """Feed bytes, take frames.

        framer.feed(data)
        while (item := framer.next_item()) is not None: ...    # Frame or BadFrame

    When `pending` is not zero and no byte comes for the gap time of the lane, call `abandon()` and take
    items again.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._position = 0
        self._bad = bytearray()
        self._bad_reason = BadReason.NO_SYNC
        self._cut = False

    @property
    def pending(self) -> int:
        """Bytes that were fed and are not decided yet."""
        return len(self._buffer) - self._position

    @property
    def idle(self) -> bool:
        """True when every byte was decided and given out."""
        return self._position == len(self._buffer) and not self._bad

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Append bytes of the stream."""
        del self._buffer[: self._position]
        self._position = 0
        self._buffer += data

    def take_back(self, count: int) -> int:
        """Forget up to `count` of the last undecided bytes, which the caller feeds again; how many it was."""
        count = min(count, self.pending)
        if count:
            del self._buffer[-count:]
        return count

    def abandon(self) -> None:
        """Declare the started frame cut: it will not be waited for. Take items until None afterwards."""
        self._cut = True

    def items(self) -> Iterator[Frame | BadFrame]:
        """Everything that the bytes so far decide, in the order of the stream."""
        return iter(self.next_item, None)

    def next_item(self) -> Frame | BadFrame | None:
        """The next frame, or run of bad bytes; None when more bytes are needed."""
        while True:
            if len(self._bad) >= FRAME_BYTES_MAX:
                return self._take_bad()
            found = self._decide()
            if found is None:
                return self._end()
            if isinstance(found, Frame):
                if self._bad:
                    return self._take_bad()
                self._position += found.wire_bytes
                return found
            self._reject(*found)

    def _end(self) -> BadFrame | None:
        """Nothing more can be decided; an abandoned stream also gives out its last bad run."""
        if self._cut and self._bad:
            return self._take_bad()
        self._cut = False
        return None

    def _decide(self) -> Frame | tuple[BadReason, int] | None:
        """A frame at the position, or bytes there that are none, or None: more bytes are needed."""
        buffer, start = self._buffer, self._position
        if start == len(buffer):
            return None
        if not buffer.startswith(SYNC, start):
            return self._search()
        found = _judge(buffer, start)
        if isinstance(found, BadReason):
            return found, self._bad_bytes()
        return found or self._wait()

    def _search(self) -> tuple[BadReason, int] | None:
        """Bytes that begin with no sync; a last one that may begin one is kept back."""
        if SYNC.startswith(self._buffer[self._position : self._position + len(SYNC)]):
            return self._wait()
        return BadReason.NO_SYNC, self._bad_bytes()

    def _bad_bytes(self) -> int:
        """How many bytes the bad one at the position makes bad with it, as far as the bad run has room.

        Those behind it would be decided one by one, alike: the reason of a run is that of its first byte.
        """
        return bad_bytes(self._buffer, self._position, FRAME_BYTES_MAX - len(self._bad))

    def _wait(self) -> tuple[BadReason, int] | None:
        return (BadReason.CUT, 1) if self._cut else None

    def _reject(self, reason: BadReason, count: int) -> None:
        """Move bytes to the bad run."""
        if not self._bad:
            self._bad_reason = reason
        self._bad += self._buffer[self._position : self._position + count]
        self._position += count

    def _take_bad(self) -> BadFrame:
        bad = BadFrame(self._bad_reason, bytes(self._bad))
        self._bad.clear()
        return bad


def _judge(data: bytearray, start: int) -> Frame | BadReason | None:
    """What begins with the sync at `start`: a frame, or why it is none; None when more bytes are needed."""
    if len(data) - start < HEADER_BYTES:
        return None
    fields = _HEADER.unpack_from(data, start)
    _, version, kind, channel, flags, length, session, sequence, header_check = fields
    crc = crc32(data[start : start + CHECKED_HEADER_BYTES])
    if crc != header_check:
        return BadReason.HEADER_CHECK
    if length > PAYLOAD_BYTES_MAX:
        return BadReason.LENGTH
    end = start + HEADER_BYTES + length
    if len(data) < end + CHECK_BYTES:
        return None
    payload = bytes(data[start + HEADER_BYTES : end])
    if crc32(payload, crc) != _CHECK.unpack_from(data, end)[0]:
        return BadReason.FRAME_CHECK
    return Frame(kind, channel, session, sequence, payload, flags, version)


def frame_at(data: bytes | bytearray | memoryview, start: int) -> Frame | None:
    """The whole good frame that begins at `start`, where a framer that is idle would find it; else None."""
    return read_frame(data, start, Frame)


def damaged_frames(raw: bytes) -> Iterator[Frame]:
    """The frames of a bad run whose header holds, not their payload: for counting bit errors only."""
    position = 0
    while (position := raw.find(SYNC, position)) >= 0 and position + HEADER_BYTES <= len(raw):
        fields = _HEADER.unpack_from(raw, position)
        _, version, kind, channel, flags, length, session, sequence, header_check = fields
        end = position + HEADER_BYTES + length
        holds = crc32(raw[position : position + CHECKED_HEADER_BYTES]) == header_check
        if holds and length <= PAYLOAD_BYTES_MAX and end <= len(raw):
            payload = raw[position + HEADER_BYTES : end]
            yield Frame(kind, channel, session, sequence, payload, flags, version)
            position = end
        else:
            position += 1
