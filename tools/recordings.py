"""Recordings read back: every packet with its time, its lane and its way, and what is in it."""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from laserlink.host_driver.lanes.pcapng import LINK_TYPE, Packet, PcapngError, read_packets
from laserlink.host_driver.lanes.recording import SOURCE_OF_NAME
from laserlink.protocol.messages.layout import Kind, Record, fields_of
from laserlink.protocol.timers import NS_PER_S
from laserlink.tools.explain import ExplainedBad, ExplainedFrame, explain
from laserlink.tools.plain import to_plain
from laserlink.tools.session import CommandError

MAGIC = bytes.fromhex("0a0d0d0a")
BYTES_SHOWN = 16


@dataclass(frozen=True)
class ReadPacket:
    """One packet: its number as Wireshark counts, nanoseconds since the first one, and what is in it."""

    number: int
    since_ns: int
    packet: Packet
    items: tuple[ExplainedFrame | ExplainedBad, ...]

    @property
    def way(self) -> str:
        """Lane and direction: the name of the interface."""
        return self.packet.interface.name

    @property
    def rejected(self) -> bool:
        """Whether anything in it is no frame, or an illegal one."""
        return any(isinstance(item, ExplainedBad) or item.offence is not None for item in self.items)


def packets_of_file(path: Path) -> Iterator[Packet]:
    """The packets of a file, which is mapped and not read as a whole.

    Raises:
        PcapngError: it is damaged or cut there; what came before was given.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        if not path.stat().st_size:
            raise PcapngError("the file is empty", 0)
        yield from read_packets(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))


def read_recording(packets: Iterator[Packet]) -> Iterator[ReadPacket]:
    """Every LaserLink packet, explained. Raises as the packets' reader does."""
    first: int | None = None
    for number, packet in enumerate(packets, 1):
        if packet.interface.link_type != LINK_TYPE:
            continue
        first = packet.time_ns if first is None else first
        yield ReadPacket(number, packet.time_ns - first, packet, tuple(explain(bytes(packet.data))))


def unreadable(error: PcapngError, done: dict[str, Any], packets: int) -> CommandError:
    """The error that ends a command, with what was read before it."""
    return CommandError(f"{error}; {packets} packets were read before", error.hint, done=done)


# --- one line for a frame ---


def seconds(since_ns: int) -> str:
    return f"{since_ns / NS_PER_S:.6f}"


def lane_of(packet: ReadPacket) -> dict[str, str | None]:
    """Lane and direction for JSON; None where the interface's name says neither."""
    source = SOURCE_OF_NAME.get(packet.way)
    if source is None:
        return {"lane": None, "direction": None}
    return {"lane": source[0].name.lower(), "direction": source[1].value}


def brief_fields(message: Record | None) -> dict[str, Any]:
    """The fields of a message, of long runs of bytes only how many they are."""
    if message is None:
        return {}
    found = {}
    for info in fields_of(type(message)):
        value = getattr(message, info.name)
        is_long = info.shape.kind is Kind.REST and len(value) > BYTES_SHOWN
        found[info.name] = f"{len(value)} bytes" if is_long else to_plain(value, info.shape)
    return found


def brief_document(item: ExplainedFrame | ExplainedBad) -> dict[str, Any]:
    """One item for `replay --json`: what was sent, not byte by byte."""
    if isinstance(item, ExplainedBad):
        return {"bytes": len(item.raw), "rejected": item.reason.value}
    frame, offence = item.frame, item.offence
    return {
        "bytes": len(item.wire),
        "name": item.name,
        "channel": frame.channel,
        "session": frame.session,
        "sequence": frame.sequence,
        "fields": brief_fields(item.message),
        "offence": None if offence is None else offence.code.name,
    }
