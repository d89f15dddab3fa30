"""laserlink.host_driver.lanes.pcapng: what is written is read back, and what is damaged is told where."""

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laserlink.host_driver.lanes.pcapng import (
    INBOUND,
    LINK_TYPE,
    OUTBOUND,
    Packet,
    PcapngError,
    header,
    read_packets,
    write_packet,
)


def recording(*packets: tuple[int, int, bytes, str]) -> bytes:
    """A file of two interfaces with these packets: interface, time, bytes, comment."""
    file = io.BytesIO()
    file.write(header(("one", "two"), "test"))
    for interface, time_ns, data, comment in packets:
        write_packet(file, interface, time_ns, data, INBOUND if interface else OUTBOUND, comment)
    return file.getvalue()


def block(order: str, kind: int, body: bytes) -> bytes:
    size = 12 + len(body)
    return struct.pack(f"{order}II", kind, size) + body + struct.pack(f"{order}I", size)


@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 2**64 - 1), st.binary(max_size=40), st.text(max_size=9))
    )
)
def test_round_trip(packets: list[tuple[int, int, bytes, str]]) -> None:
    """Interface, time to the nanosecond, bytes and comment of every packet come back in order."""
    found = list(read_packets(recording(*packets)))
    assert [
        (("one", "two").index(item.interface.name), item.time_ns, bytes(item.data), item.comment)
        for item in found
    ] == packets
    assert all(item.interface.link_type == LINK_TYPE for item in found)


def test_every_cut_is_told() -> None:
    """A file that is cut anywhere gives the packets before the cut, then says where it is cut."""
    whole = recording((0, 1, b"first", ""), (1, 2, b"second", "with a comment"))
    ends = [len(recording()), len(recording((0, 1, b"first", ""))), len(whole)]
    for size in range(1, len(whole)):
        found, error = read_all(whole[:size])
        assert len(found) == sum(size >= end for end in ends[1:])
        if error is None:
            assert size in ends or size < len(recording())
        else:
            assert error.offset <= size
            assert error.hint


def read_all(data: bytes) -> tuple[list[Packet], PcapngError | None]:
    """The packets of a file, and what ended it early."""
    found: list[Packet] = []
    try:
        found.extend(iter(read_packets(data)))
    except PcapngError as error:
        return found, error
    return found, None


@given(st.binary(max_size=80), st.integers(0, 200))
def test_hostile_bytes(noise: bytes, at: int) -> None:
    """Whatever bytes stand in a file, reading gives packets or a PcapngError, nothing else."""
    whole = recording((0, 1, b"first", ""), (1, 2, b"second", "comment"))
    for data in (noise, whole[:at] + noise + whole[at + len(noise) :]):
        try:
            list(read_packets(data))
        except PcapngError:
            continue


def test_other_writers() -> None:
    """The other byte order, microseconds, simple packets and unknown blocks are read too."""
    section = block(">", 0x0A0D0D0A, struct.pack(">IHHq", 0x1A2B3C4D, 1, 0, -1))
    interface = block(">", 1, struct.pack(">HHI", 147, 0, 0))
    packet = block(">", 6, struct.pack(">IIIII", 0, 0, 7, 2, 2) + b"ab\0\0")
    simple = block(">", 3, struct.pack(">I", 3) + b"xyz\0")
    found = list(read_packets(section + interface + block(">", 0x0BAD, b"unkn") + packet + simple))
    assert [(item.time_ns, bytes(item.data)) for item in found] == [(7000, b"ab"), (0, b"xyz")]


@pytest.mark.parametrize(
    "data", [b"\xd4\xc3\xb2\xa1" + bytes(20), b"hello, world", b"\x0a\x0d\x0d\x0a" + bytes(30)]
)
def test_other_files(data: bytes) -> None:
    """A file that is no pcapng, an old pcap for one, is refused at its beginning."""
    with pytest.raises(PcapngError) as caught:
        list(read_packets(data))
    assert caught.value.offset == 0
