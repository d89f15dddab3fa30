"""docs/laserlink.ksy: an interpreter of what it uses of Kaitai Struct reads every shared vector by it."""

import json
import struct
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest
import yaml

from laserlink.protocol import catalogue
from laserlink.protocol.errors import ErrorCode
from laserlink.tools import kaitai
from laserlink.tools.wire_format import enumerations, snake

VECTORS = Path(__file__).parents[1] / "vectors"
NUMBERS = {"u1": "B", "u2": "H", "u4": "I", "u8": "Q", "s1": "b", "s2": "h", "s4": "i", "s8": "q", "f8": "d"}
DOCUMENT: dict[str, Any] = yaml.safe_load(kaitai.render())


class Reader:
    """Reads types of the document from bytes, as a parser that Kaitai makes would."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, size: int) -> bytes:
        if self.at + size > len(self.data):
            raise EOFError
        self.at += size
        return self.data[self.at - size : self.at]

    def type(self, name: str) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for field in DOCUMENT["types"][name]["seq"]:
            if field.get("repeat") == "expr":
                count = values[field["repeat-expr"]]
                values[field["id"]] = [self.value(field, values) for _ in range(count)]
            else:
                values[field["id"]] = self.value(field, values)
        return values

    def value(self, field: dict[str, Any], values: dict[str, Any]) -> Any:
        if "contents" in field:
            assert self.take(len(field["contents"])) == bytes(field["contents"])
            return bytes(field["contents"]).hex()
        if field.get("size-eos"):
            return self.take(len(self.data) - self.at).hex()
        kind = field.get("type")
        if isinstance(kind, dict):
            inner = Reader(self.take(values[field["size"]]))
            member = DOCUMENT["enums"]["message_type"][values[kind["switch-on"]]]
            found = inner.type(kind["cases"][f"message_type::{member}"])
            assert inner.at == len(inner.data)
            return found
        if kind in NUMBERS:
            layout = struct.Struct("<" + NUMBERS[kind])
            number = layout.unpack(self.take(layout.size))[0]
            assert "enum" not in field or number in DOCUMENT["enums"][field["enum"]]
            return number
        if kind == "str":
            return self.take(values[field["size"]]).decode()
        if kind == "text":
            return self.type("text")["value"]
        return self.type(kind) if kind else self.take(field["size"]).hex()


def without_counts(values: Any) -> Any:
    """The values as the vectors hold them: there, an array's count is not a field."""
    if isinstance(values, list):
        return [without_counts(item) for item in values]
    if not isinstance(values, dict):
        return values
    counts = {f"{name}_count" for name, value in values.items() if isinstance(value, list)}
    return {name: without_counts(value) for name, value in values.items() if name not in counts}


CASES = json.loads((VECTORS / "frames.json").read_text())["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_vectors(case: dict[str, Any]) -> None:
    """Header, checks and every field of every vector are read as they are written there, to the last byte."""
    reader = Reader(bytes.fromhex(case["hex"]))
    found = reader.type("frame")
    assert reader.at == len(reader.data)
    for name, value in case["header"].items():
        assert found[name] == value
    assert without_counts(found["payload"]) == case["payload"]["fields"]


def test_a_stream_of_frames() -> None:
    """The document as a whole is frames until the end of the stream."""
    assert DOCUMENT["seq"] == [{"id": "frames", "type": "frame", "repeat": "eos"}]
    assert DOCUMENT["meta"]["endian"] == "le"


def test_enumerations() -> None:
    """Every enumeration of the wire has all of its members, by their numbers."""
    kinds: list[type[IntEnum]] = [*enumerations(), ErrorCode]
    for kind in kinds:
        assert DOCUMENT["enums"][snake(kind.__name__)] == {int(item): item.name.lower() for item in kind}
    types = DOCUMENT["enums"]["message_type"]
    assert types == {row.type: snake(row.message.__name__) for row in catalogue.ROWS}


def test_what_kaitai_demands_of_names() -> None:
    """Identifiers are lower case, and types that are used exist."""
    for name, body in DOCUMENT["types"].items():
        for field in body["seq"]:
            assert field["id"] == field["id"].lower().replace("-", "_")
            kind = field.get("type")
            if isinstance(kind, str):
                assert kind in NUMBERS or kind == "str" or kind in DOCUMENT["types"], name
            assert "enum" not in field or field["enum"] in DOCUMENT["enums"]
