"""What must hold whatever comes in: the rules that fuzz targets check, and the error that says which fell."""

from collections.abc import Iterable, Iterator
from functools import lru_cache

from laserlink.protocol._accel import crc32
from laserlink.protocol.catalogue import Direction
from laserlink.protocol.errors import LaserLinkError, RemoteProtocolError
from laserlink.protocol.frame import OVERHEAD_BYTES, SYNC, Frame
from laserlink.protocol.framer import BadFrame, Framer
from laserlink.protocol.judge import row_of
from laserlink.protocol.limits import FRAME_BYTES_MAX, PAYLOAD_BYTES_MAX
from laserlink.protocol.messages.layout import Record

Items = list[Frame | BadFrame]
# Machines say much the same in every run.
SENT_KEPT = 4096


class Violation(LaserLinkError):
    """A rule does not hold. `rule` names it, without numbers, so that findings of one kind look alike."""

    def __init__(self, rule: str, detail: object = "") -> None:
        super().__init__(f"{rule}: {detail}" if detail != "" else rule)
        self.rule = rule


def require(condition: bool, rule: str, detail: object = "") -> None:
    """Raises Violation when the condition does not hold."""
    if not condition:
        raise Violation(rule, detail)


def items_of(pieces: Iterable[bytes]) -> Items:
    """What the framer gives for a stream in pieces, after which nothing follows; its memory is watched."""
    framer = Framer()
    found: Items = []
    for piece in pieces:
        framer.feed(piece)
        found += framer.items()
    require(framer.pending < FRAME_BYTES_MAX, "the framer keeps less than a frame", framer.pending)
    framer.abandon()
    found += framer.items()
    require(framer.idle, "an abandoned framer keeps nothing", framer.pending)
    return found


def raw_of(item: Frame | BadFrame) -> bytes:
    return bytes(item) if isinstance(item, Frame) else item.raw


def check_items(data: bytes, items: Items) -> None:
    """The items are the stream: no byte lost, none made up, bad runs of legal lengths, the right frames.

    The right ones are those that come first after damage, by a search that shares nothing with the framer.
    """
    raws = list(map(raw_of, items))
    require(b"".join(raws) == data, "the items are the bytes of the stream")
    at, before, frames = 0, 0, []
    for item, raw in zip(items, raws, strict=True):
        if isinstance(item, Frame):
            frames.append((at, at + len(raw)))
        else:
            require(0 < len(raw) <= FRAME_BYTES_MAX, "a bad run is of 1 to 4096 bytes", len(raw))
            require(before in (0, FRAME_BYTES_MAX), "adjacent bad bytes are one run", before)
        before = 0 if isinstance(item, Frame) else len(raw)
        at += len(raw)
    require(frames == list(first_frames(data)), "after damage, the first intact frame", len(frames))


def pieces_of(data: bytes, size: int) -> list[bytes]:
    """The data in pieces of a size; the last may be shorter."""
    return [data[at : at + size] for at in range(0, len(data), size)]


def first_frames(data: bytes) -> Iterator[tuple[int, int]]:
    """Start and end of the first intact frame, of the first behind it, and so on: tried at every byte."""
    at = data.find(SYNC)
    while at >= 0:
        end = intact_end(data, at)
        if end:
            yield at, end
        at = data.find(SYNC, end or at + 1)


def intact_end(data: bytes, at: int) -> int:
    """The end of the intact frame at a place in the data; 0 where there is none. By the written format."""
    length = int.from_bytes(data[at + 6 : at + 8], "little")
    end = at + OVERHEAD_BYTES + length
    if end > len(data) or length > PAYLOAD_BYTES_MAX:
        return 0
    header = crc32(data[at : at + 16])
    if header.to_bytes(4, "little") != data[at + 16 : at + 20]:
        return 0
    return end if crc32(data[at + 20 : end - 4], header).to_bytes(4, "little") == data[end - 4 : end] else 0


def intact_frames(data: bytes) -> Iterator[tuple[int, int]]:
    """Start and end of every intact frame that begins anywhere in the data, also inside another."""
    at = data.find(SYNC)
    while at >= 0:
        if end := intact_end(data, at):
            yield at, end
        at = data.find(SYNC, at + 1)


@lru_cache(maxsize=SENT_KEPT)
def check_sent(wire: bytes, other: Direction) -> tuple[Frame, Record]:
    """Bytes that one of our own ends sends are one frame that the catalogue allows it to send; what it is.

    `other` is the direction in which that end may not send.
    """
    (frame,) = items_of((wire,))
    if not isinstance(frame, Frame):
        raise Violation("what is sent is intact", frame.reason.value)
    try:
        row = row_of(frame)
        message = row.message.decode(frame.payload)
    except RemoteProtocolError as error:
        raise Violation("what is sent is legal", error) from None
    require(row.direction is not other, "what is sent goes the right way", row.message.__name__)
    require(frame.channel in row.channel.value, "what is sent is on its channel", frame.channel)
    require(bytes(frame) == wire, "what is sent is one whole frame", len(wire))
    return frame, message
