"""Floods: any amount of hostile bytes for one end, and how much it keeps of them, and how long it takes.

A flood is fed in pieces while the other end says nothing; what the machine has to say is taken, as a shell
does. What grows is the whole process, so that nothing is missed, whoever holds it.
"""

import gc
import mmap
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from laserlink.firmware_model.machine import Module
from laserlink.host_driver.machine import Host
from laserlink.protocol import catalogue
from laserlink.protocol.frame import HEADER_BYTES, SYNC, Frame
from laserlink.protocol.limits import PAYLOAD_BYTES_MAX
from laserlink.protocol.messages.link import Pong
from laserlink.protocol.states import LaneKind
from laserlink.protocol.timers import NS_PER_US
from laserlink.tools.fuzzing.mutators import examples
from laserlink.tools.fuzzing.programs import live_frame

PIECE_BYTES = 1 << 16
# Before anything is counted: what a machine may keep (a frame, a queue, counters by name) is then there.
WARM_BYTES = 1 << 19
# How often memory is looked at: eight times, and once for every 16 MB.
SAMPLES, SAMPLE_BYTES_MAX = 8, 1 << 24
Fill = Callable[[int], bytes]


def syncs(session: int) -> bytes:
    """Nothing but syncs: every second byte begins a header that is none."""
    return SYNC * (PIECE_BYTES // len(SYNC))


def noise(session: int) -> bytes:
    """Random bytes, the same every time."""
    return Random(1).randbytes(PIECE_BYTES)


def baits(session: int) -> bytes:
    """Headers that hold and promise the longest frame, in a row: each is believed, and all are false."""
    header = bytes(Frame(catalogue.BY_MESSAGE[Pong].type, 0, session, 0, bytes(PAYLOAD_BYTES_MAX)))[
        :HEADER_BYTES
    ]
    return header * (PIECE_BYTES // HEADER_BYTES)


def strangers(session: int) -> bytes:
    """Intact frames of another session."""
    wire = bytes(Frame(catalogue.BY_MESSAGE[Pong].type, 0, session ^ 1, 0, bytes(Pong())))
    return wire * (PIECE_BYTES // len(wire))


def offences(session: int) -> bytes:
    """Every message there is, in this session, in any order, the same again and again: most are illegal."""
    wires = [live_frame(wire, session) for wire in examples()]
    Random(2).shuffle(wires)
    return b"".join(wires)


FLOODS: dict[str, Fill] = {fill.__name__: fill for fill in (syncs, noise, baits, strangers, offences)}


@dataclass(frozen=True)
class Flooded:
    """What a flood came to: bytes fed, how much the process grew, and what each half took."""

    fed_bytes: int
    grown_bytes: int
    first_seconds: float
    second_seconds: float


def resident_bytes() -> int:
    """Memory of this process, by pages. Linux."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * mmap.PAGESIZE


def drain(machine: Host | Module, now: int) -> None:
    """Take all that a machine has to say."""
    while machine.next_event() is not None:
        pass
    for lane in machine.connection.lanes:
        while machine.data_to_send(lane, now):
            pass


def flood(machine: Any, session: int, now: int, fill: Fill, fed_bytes: int) -> Flooded:
    """Feed so many bytes to a machine, after some that warm it up. Its time passes with the bytes."""
    piece = fill(session)
    now = _feed(machine, piece, now, WARM_BYTES)
    gc.collect()
    before, grown, fed = resident_bytes(), 0, 0
    sample = min(SAMPLE_BYTES_MAX, -(-fed_bytes // SAMPLES))
    seconds = [0.0, 0.0]
    while fed < fed_bytes:
        count = min(sample, fed_bytes - fed)
        began = time.process_time()
        now = _feed(machine, piece, now, count)
        seconds[2 * fed >= fed_bytes] += time.process_time() - began
        fed += count
        gc.collect()
        grown = max(grown, resident_bytes() - before)
    return Flooded(fed, grown, *seconds)


def _feed(machine: Any, piece: bytes, now: int, at_least: int) -> int:
    """Feed a piece again and again, until it was so many bytes; the time then.

    The contexts of construct refer to themselves, so what it decoded is there until the collector runs. By
    itself that runs after 700 objects, once in 0.8 MB of offences: a peak of 260 kB that nobody keeps.
    """
    for _ in range(-(-at_least // len(piece))):
        now += len(piece) * NS_PER_US
        machine.receive_data(LaneKind.SIDEBAND, piece, now)
        drain(machine, now)
        gc.collect(0)
    return now
