"""Streams explained: every byte has a meaning, every rejection a reason."""

import json

import pytest

from laserlink.protocol.catalogue import ROWS, Channel, Row
from laserlink.protocol.errors import ErrorCode
from laserlink.protocol.frame import Frame
from laserlink.protocol.framer import BadReason
from laserlink.protocol.messages.link import Hello, LaneOffer, Ping
from laserlink.tools.explain import (
    ExplainedBad,
    ExplainedFrame,
    bad_document,
    channel_name,
    explain,
    explain_frame,
    frame_document,
)
from laserlink.tools.vectors import example

PING = Frame(0x04, 0, 7, 1, bytes(Ping(1, 2, 3)))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.message.__name__)
def test_every_byte_has_a_meaning(row: Row) -> None:
    """The parts of a frame are its bytes, in order and without a gap."""
    frame = Frame(row.type, max(row.channel.value), 1, 2, bytes(example(row.message, 5)))
    wire = bytes(frame)
    (found,) = explain(wire)
    assert isinstance(found, ExplainedFrame)
    assert b"".join(part.raw for part in found.parts) == wire
    assert [part.offset for part in found.parts] == [
        sum(len(part.raw) for part in found.parts[:index]) for index in range(len(found.parts))
    ]
    assert found.offence is None
    assert found.name == row.message.__name__
    json.dumps(frame_document(found))


def test_nested_fields() -> None:
    """Items of an array are named by their place."""
    wire = bytes(Frame(0x02, 0, 7, 0, bytes(Hello(lanes=(LaneOffer(), LaneOffer(1))))))
    (found,) = explain(wire)
    assert isinstance(found, ExplainedFrame)
    parts = {part.field: part for part in found.parts}
    assert parts["lanes count"].raw == b"\x02"
    assert parts["lanes[1].id"].value == "1"
    assert parts["lanes[0].kind"].value == "0 SIDEBAND"
    assert parts["to_host_bytes_max"].value == "4096 bytes"


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (Frame(0x04, 0, 7, 1, b"\1"), ErrorCode.MALFORMED_PAYLOAD),
        (Frame(0x3F, 0, 7, 1, b"?"), ErrorCode.UNKNOWN_TYPE),
        (Frame(0x04, 3, 7, 1, PING.payload), ErrorCode.WRONG_CHANNEL),
        (Frame(0x04, 0x40, 7, 1, PING.payload), ErrorCode.RESERVED_BIT),
        (Frame(0x04, 0, 7, 1, PING.payload, 0x0A), ErrorCode.RESERVED_BIT),
        (Frame(0x04, 0, 7, 1, PING.payload, version=0x23), ErrorCode.UNSUPPORTED_VERSION),
    ],
)
def test_offences(frame: Frame, code: ErrorCode) -> None:
    """An intact frame that is illegal anywhere says why, and its bytes are still all there."""
    found = explain_frame(frame, bytes(frame))
    assert found.offence is not None
    assert found.offence.code is code
    assert b"".join(part.raw for part in found.parts) == bytes(frame)
    assert frame_document(found)["offence"] == {"code": code.name, "text": str(found.offence)}


def test_stream() -> None:
    """Good frames and bad runs come in order, with their offsets in the stream."""
    wire = bytes(PING)
    data = b"AT\r\n" + wire + wire[:-1] + b"\x00" + wire
    found = list(explain(data))
    assert [item.offset for item in found] == [0, 4, 4 + len(wire), 4 + 2 * len(wire)]
    assert [type(item) for item in found] == [ExplainedBad, ExplainedFrame, ExplainedBad, ExplainedFrame]
    assert found[0].reason is BadReason.NO_SYNC  # type: ignore[union-attr]
    bad = found[2]
    assert isinstance(bad, ExplainedBad)
    document = bad_document(bad)
    assert document["reason"] == "frame-check"
    assert document["diagnoses"][0]["repaired"] == wire.hex()
    assert document["diagnoses"][0]["offset"] == bad.offset
    json.dumps(document)


def test_long_stream() -> None:
    """A stream longer than the framer's pieces loses nothing."""
    data = bytes(PING) * 1000 + bytes(9000)
    found = list(explain(data))
    assert sum(isinstance(item, ExplainedFrame) for item in found) == 1000
    assert [len(item.raw) for item in found if isinstance(item, ExplainedBad)] == [4096, 4096, 808]


def test_frame_in_two_runs() -> None:
    """A damaged frame that the framer gave in two runs is still diagnosed as one."""
    wire = bytearray(bytes(Frame(0x65, 0, 1, 2, bytes(4000))))
    wire[2000] ^= 1
    found = [item for item in explain(bytes(300) + bytes(wire)) if isinstance(item, ExplainedBad)]
    assert len(found) == 2
    assert [diagnosis.offset for diagnosis in found[0].diagnoses] == [300]
    assert "byte 2000" in found[0].diagnoses[0].text


def test_channel_names() -> None:
    """Each channel says what it carries."""
    assert [channel_name(number) for number in (0, 1, 2, 14, 15)] == [
        "control",
        "events",
        "stream",
        "stream",
        "bulk",
    ]
    assert channel_name(16) == "reserved bits are set"
    assert len(Channel) == 4
