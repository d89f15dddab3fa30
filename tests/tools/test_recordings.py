"""laserlink.tools.recordings: packets with their time, their lane, and what is in them."""

from pathlib import Path

import pytest

from laserlink.host_driver.lanes.pcapng import INBOUND, OUTBOUND, PcapngError, header, write_packet
from laserlink.host_driver.lanes.recording import SOURCES
from laserlink.protocol.frame import Frame
from laserlink.tools.recordings import (
    ReadPacket,
    brief_document,
    brief_fields,
    lane_of,
    packets_of_file,
    read_recording,
    seconds,
    unreadable,
)

ECHO = bytes(Frame(0x60, 0, 7, 1, b"\1\0" + bytes(100)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of a frame to the module, and of noise and an illegal frame to the host."""
    path = tmp_path / "file.pcapng"
    with path.open("wb") as file:
        file.write(header((*SOURCES.values(), "elsewhere"), "test"))
        write_packet(file, 0, 1_000, ECHO, OUTBOUND)
        write_packet(file, 1, 2_000_001_000, b"noise" + bytes(Frame(0x3F, 0, 7, 1)), INBOUND)
        write_packet(file, 3, 3_000, b"", INBOUND, "a comment")
    return path


def read(path: Path) -> list[ReadPacket]:
    return list(read_recording(packets_of_file(path)))


def test_packets(path: Path) -> None:
    """Number, time since the first, lane and direction, and whether something in it is rejected."""
    first, second, third = read(path)
    assert [packet.number for packet in (first, second, third)] == [1, 2, 3]
    assert (first.since_ns, seconds(second.since_ns)) == (0, "2.000000")
    assert lane_of(first) == {"lane": "sideband", "direction": "host to module"}
    assert lane_of(third) == {"lane": None, "direction": None}
    assert [packet.rejected for packet in (first, second, third)] == [False, True, False]


def test_brief(path: Path) -> None:
    """Long runs of bytes are told by their length, short values as they are; rejections by their reason."""
    first, second, _ = read(path)
    assert brief_document(first.items[0])["fields"] == {"request_id": 1, "data": "100 bytes"}
    noise, illegal = map(brief_document, second.items)
    assert noise == {"bytes": 5, "rejected": "no-sync"}
    assert illegal["offence"] == "UNKNOWN_TYPE"
    assert brief_fields(None) == {}


def test_an_empty_file(tmp_path: Path) -> None:
    """An empty file cannot be mapped; it is told as any other that is no recording."""
    (tmp_path / "empty").touch()
    with pytest.raises(PcapngError, match="empty") as caught:
        read(tmp_path / "empty")
    told = unreadable(caught.value, {"packets": []}, 0)
    assert (told.exit_code, told.done) == (2, {"packets": []})
    assert "0 packets were read" in str(told)


def test_other_link_types(path: Path) -> None:
    """Packets of another kind of link are passed over, and counted as Wireshark counts them."""
    data = bytearray(path.read_bytes())
    at = data.index(b"sideband to module") - 12
    data[at : at + 2] = (1).to_bytes(2, "little")
    path.write_bytes(data)
    assert [packet.number for packet in read(path)] == [2, 3]
