"""What a recording knows of its module: its answers, and its pictures, found again by what was asked.

Pixels stay in the file, which is mapped; only where they stand is kept.
"""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from laserlink.host_driver.errors import DeviceError, NoDeviceFound
from laserlink.host_driver.lanes.pcapng import LINK_TYPE, PcapngError, read_packets
from laserlink.protocol import catalogue
from laserlink.protocol.catalogue import Direction
from laserlink.protocol.delivery import ANSWERS
from laserlink.protocol.errors import RemoteProtocolError
from laserlink.protocol.frame import CHECK_BYTES, HEADER_BYTES, Frame
from laserlink.protocol.framer import Framer
from laserlink.protocol.judge import row_of
from laserlink.protocol.messages.image import (
    ImageData,
    ImageDigests,
    ImageStart,
    StreamConfigure,
    StreamConfigured,
)
from laserlink.protocol.messages.layout import Record, Reply, Request
from laserlink.protocol.messages.link import Hello, HelloReply

ID_BYTES = 2
OFFSET_AT, CHUNK_AT = 4, 12
_HINT = "`laserlink record URL FILE --capture 1` records a session from its beginning."


@dataclass
class RecordedPicture:
    """One image: its start, where its chunks stand by their offset, and its digests in order."""

    start: bytes = b""
    chunks: dict[int, memoryview] = field(default_factory=dict)
    digests: dict[int, bytes] = field(default_factory=dict)


@dataclass
class RecordedModule:
    """What there is to answer with. Keys are the bytes of a request without its id."""

    hello: Hello | None = None
    hello_reply: HelloReply | None = None
    answers: dict[tuple[type[Request], bytes], Reply] = field(default_factory=dict)
    configured: dict[bytes, StreamConfigured] = field(default_factory=dict)
    pictures: dict[bytes, list[RecordedPicture]] = field(default_factory=dict)

    def answer_of_kind(self, kind: type[Request]) -> Reply | None:
        """The first answer to any request of a kind."""
        return next((reply for (asked, _), reply in self.answers.items() if asked is kind), None)


def key_of(request: Request) -> bytes:
    """A request as it is found again: without its id."""
    return bytes(request)[ID_BYTES:]


def read_module(path: Path) -> RecordedModule:
    """The module of a recording.

    Raises:
        DeviceError: the file cannot be read, or is no whole recording of a session.
    """
    try:
        with path.open("rb") as file:
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        scan = _Scan()
        for packet in read_packets(data):
            if packet.interface.link_type == LINK_TYPE:
                scan.take(packet.data)
    except (OSError, ValueError) as error:
        text = error.strerror if isinstance(error, OSError) and error.strerror else "the file is empty"
        raise NoDeviceFound(f"{path} cannot be replayed: {text}", _HINT) from None
    except PcapngError as error:
        raise DeviceError(f"{path} cannot be replayed: {error}", _HINT) from None
    if scan.module.hello_reply is None:
        raise NoDeviceFound(f"{path} holds no module: nothing in it answers a hello", _HINT)
    return scan.module


class _Scan:
    """Reads a session in the order in which it was recorded."""

    def __init__(self) -> None:
        self.module = RecordedModule()
        self._asked: Request | None = None
        self._streams: dict[int, bytes] = {}
        self._open: dict[tuple[int, int], RecordedPicture] = {}

    def take(self, data: memoryview) -> None:
        """One packet; what is no legal message is no help to anyone."""
        framer = Framer()
        framer.feed(data)
        offset = 0
        for item in framer.items():
            if isinstance(item, Frame):
                wire = data[offset : offset + item.wire_bytes]
                offset += item.wire_bytes
                self._take_frame(item, wire[HEADER_BYTES : len(wire) - CHECK_BYTES])
            else:
                offset += len(item.raw)

    def _take_frame(self, frame: Frame, payload: memoryview) -> None:
        if frame.type == catalogue.IMAGE_DATA and len(payload) >= CHUNK_AT:
            offset = int.from_bytes(payload[OFFSET_AT:CHUNK_AT], "little")
            self._picture(frame.channel, payload).chunks[offset] = payload[CHUNK_AT:]
            return
        try:
            row = row_of(frame)
            message = row.message.decode(frame.payload)
        except RemoteProtocolError:
            return
        if row.direction is Direction.TO_MODULE:
            self._take_request(message)
        else:
            self._take_answer(frame, message)

    def _take_request(self, message: Record) -> None:
        if isinstance(message, Hello):
            self.module.hello = message
        elif isinstance(message, Request):
            self._asked = message

    def _take_answer(self, frame: Frame, message: Record) -> None:
        match message:
            case HelloReply():
                self.module.hello_reply = self.module.hello_reply or message
            case ImageStart():
                self._picture(frame.channel, frame.payload).start = frame.payload
            case ImageDigests(first_strip=first):
                self._picture(frame.channel, frame.payload).digests[first] = frame.payload
            case Reply():
                self._take_reply(message)

    def _take_reply(self, reply: Reply) -> None:
        asked = self._asked
        if (
            asked is None
            or asked.request_id != reply.request_id
            or not isinstance(reply, ANSWERS[type(asked)])
        ):
            return
        if isinstance(asked, StreamConfigure) and isinstance(reply, StreamConfigured):
            if not reply.chunk_bytes or not reply.frames_per_image:
                return
            self._streams[asked.channel] = key_of(asked)
            self.module.configured[key_of(asked)] = reply
            self._open = {key: value for key, value in self._open.items() if key[0] != asked.channel}
        self.module.answers[type(asked), key_of(asked)] = reply

    def _picture(self, channel: int, payload: memoryview | bytes) -> RecordedPicture:
        """The picture that a frame belongs to: a new one for an id that is new since the configuration."""
        image_id = int.from_bytes(payload[:OFFSET_AT], "little")
        found = self._open.get((channel, image_id))
        if found is None:
            found = self._open[channel, image_id] = RecordedPicture()
            configured = self._streams.get(channel)
            if configured is not None:
                self.module.pictures.setdefault(configured, []).append(found)
        return found


def frames_of(picture: RecordedPicture, configured: StreamConfigured) -> Iterator[tuple[int, int, bytes]]:
    """Place in the image, type and payload of each frame that was recorded, in order, without the image id.

    A chunk that stands nowhere in the image is left out.
    """
    if picture.start:
        yield 0, catalogue.BY_MESSAGE[ImageStart].type, picture.start[OFFSET_AT:]
    for offset in sorted(picture.chunks):
        place, rest = divmod(offset, configured.chunk_bytes)
        if not rest and offset < configured.coded_bytes:
            body = offset.to_bytes(CHUNK_AT - OFFSET_AT, "little") + bytes(picture.chunks[offset])
            yield 1 + place, catalogue.BY_MESSAGE[ImageData].type, body
    first = configured.frames_per_image - len(picture.digests)
    for index, strip in enumerate(sorted(picture.digests)):
        yield first + index, catalogue.BY_MESSAGE[ImageDigests].type, picture.digests[strip][OFFSET_AT:]
