"""The vectors: they are what the framer gives, however they are fed, and they cover everything."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from laserlink.protocol import _accel, digest
from laserlink.protocol.catalogue import ROWS
from laserlink.protocol.crc import crc32
from laserlink.protocol.frame import Frame
from laserlink.protocol.framer import BadReason, Framer
from laserlink.protocol.messages.layout import Kind, fields_of
from laserlink.protocol.prbs import pattern
from laserlink.protocol.raw import WIDTHS, pack, unpack
from laserlink.tools import vectors
from laserlink.tools.plain import record_from_plain

FOLDER = Path(__file__).parents[1] / "vectors"
MARK = Frame(0x60, 0, 0x3A3A3A3A, 99, b"\0\0mark")
Case = dict[str, Any]


def load(name: str) -> Case:
    document: Case = json.loads((FOLDER / name).read_text())
    return document


FRAMES = load("frames.json")["cases"]
STREAMS = load("bad-frames.json")["cases"] + load("streams.json")["cases"]


def read(*pieces: bytes, abandoned: bytes = b"") -> list[Case]:
    """The items of a stream in pieces, then those of what comes after it was abandoned."""
    framer = Framer()
    items = []
    for piece in pieces:
        framer.feed(piece)
        items += [vectors.item_of(item) for item in framer.items()]
    framer.abandon()
    items += [vectors.item_of(item) for item in framer.items()]
    framer.feed(abandoned)
    return items + [vectors.item_of(item) for item in framer.items()]


def name_of(case: Case) -> str:
    return str(case["name"])


@pytest.mark.parametrize("case", FRAMES, ids=name_of)
def test_frame(case: Case) -> None:
    """Header and payload, put together from their fields, are the exact bytes; and so is what is read."""
    head, payload = case["header"], case["payload"]
    row = next(row for row in ROWS if row.message.__name__ == payload["message"])
    message = record_from_plain(row.message, payload["fields"])
    named = {field: head[field] for field in ("type", "channel", "session", "sequence", "flags", "version")}
    frame = Frame(payload=bytes(message), **named)
    data = bytes.fromhex(case["hex"])
    assert bytes(frame) == data
    assert int.from_bytes(data[16:20], "little") == head["header_check"]
    assert int.from_bytes(data[-4:], "little") == head["frame_check"]
    assert head["length"] == len(frame.payload)
    expected = {"frame": case["hex"]}
    junk, tail = b"\x90\xebgarbage\xeb", b"\xeb\x90tail"
    assert read(data) == read(*(data[at : at + 1] for at in range(len(data)))) == [expected]
    assert read(junk + data + tail) == [
        {"bad": "no-sync", "bytes": len(junk)}, expected, {"bad": "cut", "bytes": len(tail)},
    ]  # fmt: skip


@pytest.mark.parametrize("case", STREAMS, ids=name_of)
def test_stream(case: Case) -> None:
    """Whole, byte by byte, after garbage and with a tail, a stream gives its items."""
    data, items = bytes.fromhex(case["hex"]), case["items"]
    mark = {"frame": bytes(MARK).hex()}
    assert read(data) == items
    assert read(*(data[at : at + 1] for at in range(len(data)))) == items
    assert read(b"garbage" + bytes(MARK), data) == [{"bad": "no-sync", "bytes": 7}, mark, *items]
    assert read(data, abandoned=bytes(MARK)) == [*items, mark]


def test_coverage() -> None:
    """Every message stands there twice, once with no field as by default; and so does every reason."""
    named = {case["name"]: case for case in FRAMES}
    for row in ROWS:
        default = named[f"{row.message.__name__} default"]["payload"]["fields"]
        other = named[f"{row.message.__name__} other"]["payload"]["fields"]
        for info in fields_of(row.message):
            single = info.shape.kind is Kind.ENUM and info.shape.members and len(info.shape.members) == 1
            assert single or default[info.name] != other[info.name], info.name
    reasons = {item["bad"] for case in STREAMS for item in case["items"] if "bad" in item}
    assert reasons == {reason.value for reason in BadReason}
    names = [name_of(case) for case in FRAMES + STREAMS]
    assert len(names) == len(set(names))


PAYLOADS = load("payloads.json")


@pytest.mark.parametrize("case", PAYLOADS["crc"])
def test_crc(case: Case) -> None:
    """Both implementations of the CRC give the vector."""
    data = bytes.fromhex(case["data"])
    assert crc32(data) == _accel.crc32(data) == case["crc32"]


@pytest.mark.parametrize("case", PAYLOADS["raw"], ids=lambda case: f"RAW{case['bits']}")
def test_raw(case: Case) -> None:
    """Both implementations pack and unpack the vector."""
    pixels, packed = np.array(case["pixels"], np.uint16), bytes.fromhex(case["packed"])
    for packing, unpacking in ((pack, unpack), (_accel.pack, _accel.unpack)):
        assert packing(pixels, case["bits"]).tobytes() == packed
        assert unpacking(packed, case["bits"]).tolist() == case["pixels"]
    assert case["bits"] in WIDTHS


@pytest.mark.parametrize("case", PAYLOADS["prbs31"], ids=lambda case: str(case["sequence"]))
def test_prbs(case: Case) -> None:
    """The training pattern is the vector's."""
    assert pattern(case["sequence"], 24).hex() == case["pattern"]


@pytest.mark.parametrize("case", PAYLOADS["digests"], ids=lambda case: case["data"])
def test_digest(case: Case) -> None:
    """Strip and image digests are the vector's, by either implementation."""
    data = bytes.fromhex(case["data"])
    strips = digest.strip_digests(data, case["strip_bytes"])
    assert strips == _accel.strip_digests(data, case["strip_bytes"]) == case["strips"]
    assert digest.image_digest(strips, len(data)) == case["image"]


def test_render_is_stable_json() -> None:
    """What is written reads back the same, and short values stay on their line."""
    document = {"a": [1, 2], "b": {"c": "x" * 200, "d": [{"e": 1}] * 3}, "µ": []}
    text = vectors.render(document)
    assert json.loads(text) == document
    assert list(json.loads(text)) == list(document)
    assert '"a": [1, 2],' in text
    assert text.endswith("}\n")
