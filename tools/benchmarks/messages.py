"""Small frames of 64 bytes, into objects and into a table, against what pymavlink makes of as many."""

import os
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from laserlink.protocol import _accel
from laserlink.protocol.frame import OVERHEAD_BYTES, Frame
from laserlink.protocol.small_frames import ROW, SmallFrame
from laserlink.tools.benchmarks.figure import Figure, Goal, alternate

FRAME_BYTES = 64
FRAMES = 20_000
# pymavlink takes as long for these as we for ten times as many.
PEER_FRAMES = 2_000
PEER = "pymavlink parse_buffer"
DIAGNOSTICS_ECHO = 0x70


def stream_of(count: int) -> bytes:
    """So many good frames of 64 bytes, one behind the other."""
    payload = bytes(range(FRAME_BYTES - OVERHEAD_BYTES))
    return b"".join(bytes(Frame(DIAGNOSTICS_ECHO, 0, 7, number, payload)) for number in range(count))


def peer_work() -> tuple[Callable[[], object], int] | None:
    """Parse PEER_FRAMES messages of about 64 bytes by pymavlink; None when it is missing."""
    os.environ.setdefault("MAVLINK20", "1")
    try:
        dialect: Any = import_module("pymavlink.dialects.v20.common")
    except ImportError:
        return None
    sender = dialect.MAVLink(None, srcSystem=1, srcComponent=1)
    # STATUSTEXT is 51 bytes of payload and 12 of framing: the nearest to 64 bytes.
    message = dialect.MAVLink_statustext_message(6, b"x" * 50)
    data = b"".join(message.pack(sender) for _ in range(PEER_FRAMES))

    def parse() -> object:
        found = dialect.MAVLink(None).parse_buffer(data)
        if found is None or len(found) != PEER_FRAMES:
            raise RuntimeError("pymavlink did not find its own messages")
        return found

    return parse, PEER_FRAMES


def decode_objects() -> Figure:
    """Millions of frames a second as Python objects."""
    data = stream_of(FRAMES)
    works: list[Callable[[], object]] = [lambda: _accel.decode_objects(data, SmallFrame)]
    peer = peer_work()
    if peer is not None:
        works.append(peer[0])
    ours, *others = alternate(works)
    theirs = PEER_FRAMES / others[0] / 1e6 if others else None
    against = PEER if others else f"{PEER}, which is missing"
    return Figure("decode-objects", FRAMES / ours / 1e6, "million/s", against, theirs, Goal(10.0))


def decode_batch() -> Figure:
    """Millions of frames a second as rows of a table."""
    data, rows = stream_of(FRAMES), np.zeros(FRAMES, ROW)
    batch, objects = alternate(
        [lambda: _accel.decode_batch(data, rows), lambda: _accel.decode_objects(data, SmallFrame)]
    )
    return Figure(
        "decode-batch", FRAMES / batch / 1e6, "million/s", "decode-objects", FRAMES / objects / 1e6,
        Goal(10.0, of_value=True),
    )  # fmt: skip
