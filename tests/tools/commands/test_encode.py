"""`laserlink encode`, through the command line."""

import json
from pathlib import Path
from typing import Any

import pytest

from laserlink.protocol.catalogue import ROWS, Row
from laserlink.protocol.frame import Frame
from laserlink.protocol.messages.image import ImageStart
from laserlink.protocol.messages.link import Hello, LaneOffer
from laserlink.protocol.messages.power import TemperatureEvent
from laserlink.protocol.states import LaneKind, TemperatureLevel
from laserlink.tools.cli import run
from laserlink.tools.commands.encode import hyphenated


def encode(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert run(["--json", "encode", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.message.__name__)
def test_defaults(row: Row, capsys: pytest.CaptureFixture[str]) -> None:
    """Every message can be had with its defaults alone, and what is encoded decodes without a finding."""
    document = encode(capsys, hyphenated(row.message.__name__))
    assert document["type"] == row.message.__name__
    assert run(["--json", "decode", document["hex"]]) == 0
    (frame,) = json.loads(capsys.readouterr().out)["frames"]
    assert frame["fields"] == document["fields"]
    assert (frame["session"] == 0) == (row.message.__name__ == "Beacon")


@pytest.mark.parametrize("name", ["image-start", "ImageStart", "IMAGE_START", "0x41", "65", "imagestart"])
def test_names(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A type is found by any spelling of its name, or by its number."""
    assert encode(capsys, name)["hex"] == bytes(Frame(0x41, 2, 1, 0, bytes(ImageStart()))).hex()


def test_fields(capsys: pytest.CaptureFixture[str]) -> None:
    """Fields take numbers, names of enums, and JSON for what is nested."""
    lanes = encode(capsys, "hello", 'lanes=[{"id": 1, "kind": "optical"}]', "first-sequence=0x10")
    expected = Hello(first_sequence=16, lanes=(LaneOffer(1, LaneKind.OPTICAL),))
    assert lanes["hex"] == bytes(Frame(0x02, 0, 1, 0, bytes(expected))).hex()
    event = encode(capsys, "temperature-event", "level=hot", "temperature_centi_c=-10")
    assert (
        event["hex"]
        == bytes(Frame(0x19, 1, 1, 0, bytes(TemperatureEvent(TemperatureLevel.HOT, -10)), 1)).hex()
    )


def test_header(capsys: pytest.CaptureFixture[str]) -> None:
    """Header fields can be anything that fits, legal or not."""
    options = ("--session", "0xCAFE", "--sequence", "9", "--channel", "3", "--flags", "128")
    assert encode(capsys, "ping", *options)["hex"] == bytes(Frame(4, 3, 0xCAFE, 9, bytes(13), 128)).hex()


def test_raw(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--raw writes the bytes; people get one line of hexadecimal text."""
    path = tmp_path / "ping.bin"
    assert run(["encode", "ping", "--raw", str(path)]) == 0
    assert capsys.readouterr().out == path.read_bytes().hex() + "\n"


@pytest.mark.parametrize(
    ("arguments", "says", "hint"),
    [
        (["png"], "no message is called 'png'", "ping"),
        (["0xF0"], "no message", "ping"),
        (["ping", "nmber=1"], "Ping has no field 'nmber'", "number"),
        (["ping", "number"], "is not FIELD=VALUE", "number (u32)"),
        (["ping", "number=many"], "number: 'many' is no whole number", "number (u32)"),
        (["hello", 'lanes=[{"speed": 1}]'], "LaneOffer has no field 'speed'", "rate_bps"),
        (["ping", "--session", "many"], "no whole number", "--help"),
        (["ping", "--channel", "256"], "header field does not fit", "number"),
        (["ping", "--raw", "/no/such/folder/file"], "cannot write", "--raw"),
        (["echo", "data=" + "00" * 5000], "does not fit a frame", "data"),
    ],
)
def test_usage(arguments: list[str], says: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is wrong is one line, the hint says what would be right, and the exit code is 2."""
    assert run(["encode", *arguments]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert says in lines[0]
    assert lines[1].startswith("Hint:")
    assert hint in lines[1]
