"""laserlink.protocol.writer: each message is the same frame by the kernel and without, or the same error."""

from dataclasses import replace
from typing import Any

import pytest

from laserlink.protocol import catalogue
from laserlink.protocol.connection import Connection, Role
from laserlink.protocol.errors import LocalProtocolError
from laserlink.protocol.frame import Flags
from laserlink.protocol.messages.link import LaneOffer, Ping
from laserlink.protocol.states import LaneDirection, LaneKind, LineCoding
from laserlink.protocol.writer import FLAGS
from laserlink.tools.vectors import example

SIDE = LaneOffer(0, LaneKind.SIDEBAND, LaneDirection.BOTH, LineCoding.UART_8N1, 3_000_000, 0)
SESSION = 0x5E551011


def connection(*, fast: bool, bytes_max: int = 4096) -> Connection:
    """One end with an open session; without the kernel when it is not `fast`."""
    made = Connection(Role.HOST, (SIDE,))
    made.open(SESSION, 0xFFFF_FFFF)
    made.out_bytes_max = bytes_max
    if not fast:
        made._whole_frame = None
    return made


def outcome(end: Connection, message: Any, channel: int | None, session: int | None) -> Any:
    """What is queued, and what is left in the connection; or the error."""
    try:
        wire = end.send(message, channel, session=session)
    except (ValueError, TypeError, AttributeError, OverflowError, LocalProtocolError) as error:
        return type(error), str(error), end._next_sequence
    queued = list(iter(lambda: end.next_frame(LaneKind.SIDEBAND), b""))
    return wire, queued, end.counters, end._next_sequence


@pytest.mark.parametrize("row", catalogue.ROWS, ids=lambda row: row.message.__name__)
def test_with_the_kernel_and_without(row: catalogue.Row) -> None:
    """On each channel, legal or not, in frames that hold it or not, and with values that no field holds."""
    if row.type == catalogue.IMAGE_DATA:
        return
    messages = [example(row.message, seed) for seed in range(1, 6)] + [row.message()]
    for name in row.message.__slots__:
        messages += [replace(messages[0], **{name: odd}) for odd in (-1, 1 << 64, None, "x", (1, 2))]
    for message in messages:
        for channel in (None, 0, 1, 2, 14, 15, 16, -1, 300):
            for bytes_max, session in ((4096, None), (4096, 7), (64, None), (40, None), (23, None)):
                ways = [connection(fast=fast, bytes_max=bytes_max) for fast in (True, False)]
                first, second = (outcome(end, message, channel, session) for end in ways)
                assert first == second, (message, channel, bytes_max)


def test_sequences_count_on() -> None:
    """Over the end of their numbers, each channel for itself, by either way of framing."""
    end = connection(fast=True)
    end.send(Ping())
    end._whole_frame = None
    end.send(Ping())
    assert end.peek_sequence(0) == 1 and end.peek_sequence(1) == 0xFFFF_FFFF


def test_events_want_to_be_acknowledged() -> None:
    """Nothing else does."""
    wanting = {row.type for row in catalogue.ROWS if FLAGS[row.type] == Flags.ACK_REQUESTED}
    assert wanting == {row.type for row in catalogue.ROWS if row.role == "event"}
    assert set(FLAGS.values()) == {0, 1}
