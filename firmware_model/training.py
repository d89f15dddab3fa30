"""The training pattern on its way out: frames of PRBS31, paced, seeded by their own sequences."""

from laserlink.protocol import prbs
from laserlink.protocol.connection import Connection
from laserlink.protocol.frame import OVERHEAD_BYTES
from laserlink.protocol.messages.diagnostics import Prbs31
from laserlink.protocol.timers import NS_PER_US

# A frame of the pattern every quarter of a millisecond: 1.3 million bits in the shortest training.
FRAME_NS = 250 * NS_PER_US


class Pattern:
    """When the next frame of the pattern is due, and its bytes."""

    def __init__(self) -> None:
        self._due_ns: int | None = None

    def begin(self, now: int) -> None:
        self._due_ns = now

    def end(self) -> None:
        self._due_ns = None

    def next_ns(self, now: int) -> int | None:
        """When the next frame is due; one that waits for the lane already needs no wake-up."""
        return self._due_ns if self._due_ns is not None and self._due_ns > now else None

    def fill(self, connection: Connection, out: memoryview, now: int) -> int:
        """Write the frame that is due into `out` (at least max_frame), if there is one; how many bytes."""
        if self._due_ns is None or now < self._due_ns or len(out) < connection.out_bytes_max:
            return 0
        sequence = connection.peek_sequence(0)
        wire = bytes(
            connection.frame(Prbs31(prbs.pattern(sequence, connection.out_bytes_max - OVERHEAD_BYTES)))
        )
        out[: len(wire)] = wire
        connection.counters.bytes_sent += len(wire)
        self._due_ns = now + FRAME_NS
        return len(wire)
