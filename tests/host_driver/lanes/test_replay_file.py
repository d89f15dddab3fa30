"""laserlink.host_driver.lanes.replay_file: answers and pictures of a recording, found by what was asked."""

import io
from pathlib import Path

import pytest

from laserlink.host_driver.errors import NoDeviceFound
from laserlink.host_driver.lanes.pcapng import INBOUND, OUTBOUND, header, write_packet
from laserlink.host_driver.lanes.recording import SOURCES
from laserlink.host_driver.lanes.replay_file import frames_of, key_of, read_module
from laserlink.protocol import catalogue
from laserlink.protocol.catalogue import Direction
from laserlink.protocol.frame import Frame
from laserlink.protocol.messages.diagnostics import Echo, EchoReply
from laserlink.protocol.messages.image import (
    ImageData,
    ImageDigests,
    ImageStart,
    StreamConfigure,
    StreamConfigured,
)
from laserlink.protocol.messages.layout import Record
from laserlink.protocol.messages.link import Counters, HelloReply

CONFIGURED = StreamConfigured(2, 2, 8, 2, coded_bytes=24, chunk_bytes=12, frames_per_image=4)


def recording(folder: Path, *messages: Record) -> Path:
    """A file of these messages, each on its lowest channel."""
    file = io.BytesIO()
    file.write(header(tuple(SOURCES.values()), "test"))
    for number, message in enumerate(messages):
        row = catalogue.BY_MESSAGE[type(message)]
        wire = bytes(Frame(row.type, min(row.channel.value), 7, number, bytes(message)))
        to_module = row.direction is Direction.TO_MODULE
        write_packet(file, 0 if to_module else 1, number, wire, OUTBOUND if to_module else INBOUND)
    path = folder / "file.pcapng"
    path.write_bytes(file.getvalue())
    return path


def test_answers(tmp_path: Path) -> None:
    """A reply belongs to the request of its id before it, and is found by what was asked, not by id."""
    path = recording(
        tmp_path, HelloReply(module_id=5), Echo(1, b"a"), EchoReply(1, b"a"), Echo(2, b"b"),
        EchoReply(9, b"x"),
        Echo(3, b"c"), Counters(3),
    )  # fmt: skip
    module = read_module(path)
    assert module.hello_reply == HelloReply(module_id=5)
    assert module.answers == {(Echo, key_of(Echo(77, b"a"))): EchoReply(1, b"a")}
    assert module.answer_of_kind(Echo) == EchoReply(1, b"a")
    assert module.answer_of_kind(StreamConfigure) is None


def test_pictures(tmp_path: Path) -> None:
    """Chunks stand at their place in whatever order they came; a foreign one stands nowhere."""
    asked = StreamConfigure(2)
    path = recording(
        tmp_path, HelloReply(), asked, CONFIGURED, ImageData(1, 12, b"second chunk"), ImageStart(1),
        ImageData(1, 0, b"first  chunk"), ImageData(1, 12, b"second chunk"), ImageData(1, 5, b"nowhere"),
        ImageData(1, 24, b"behind"), ImageDigests(1, 2, 0, (3,)), ImageStart(2),
    )  # fmt: skip
    module = read_module(path)
    first, second = module.pictures[key_of(asked)]
    found = [(place, body[-6:]) for place, _, body in frames_of(first, CONFIGURED)]
    assert [place for place, _ in found] == [0, 1, 2, 3]
    assert [body for _, body in found[1:3]] == [b" chunk", b" chunk"]
    assert bytes(first.chunks[0]) == b"first  chunk"
    assert [place for place, _, _ in frames_of(second, CONFIGURED)] == [0]


def test_sizes_that_cannot_be(tmp_path: Path) -> None:
    """A configuration without chunks or frames is no answer, for nothing could be placed by it."""
    asked = StreamConfigure(2)
    module = read_module(
        recording(tmp_path, HelloReply(), asked, StreamConfigured(2, chunk_bytes=0), ImageStart(1))
    )
    assert module.configured == {} == module.pictures


def test_no_module(tmp_path: Path) -> None:
    """A recording in which nobody answers a hello has no module."""
    with pytest.raises(NoDeviceFound, match="answers a hello"):
        read_module(recording(tmp_path, Echo(1)))
