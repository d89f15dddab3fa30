"""`laserlink decode`, through the command line."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from wireshark import write_packets

from laserlink.protocol.frame import Frame
from laserlink.protocol.messages.link import Ping
from laserlink.tools.cli import run
from laserlink.tools.commands.decode import hex_bytes

WIRE = bytes(Frame(0x04, 0, 7, 1, bytes(Ping(1, 2, 3))))


class Stdin:
    """Standard input with some bytes."""

    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)


def decode(capsys: pytest.CaptureFixture[str], source: str, code: int = 0) -> Any:
    assert run(["--json", "decode", source]) == code
    return json.loads(capsys.readouterr().out)


def test_hex(capsys: pytest.CaptureFixture[str]) -> None:
    """Hexadecimal text is decoded: one frame, all of its fields, nothing rejected."""
    document = decode(capsys, WIRE.hex(" "))
    (frame,) = document["frames"]
    assert document["rejected"] == []
    assert (frame["name"], frame["session"], frame["hex"]) == ("Ping", 7, WIRE.hex())
    assert frame["fields"] == {"flags": 1, "number": 2, "host_sent_ns": 3}


@pytest.mark.parametrize(
    "content", [WIRE, WIRE.hex().encode(), b"0x" + WIRE.hex(" ").replace(" ", ",\n0x").encode()]
)
def test_file(content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file holds bytes, or hexadecimal text in any common form."""
    path = tmp_path / "frame"
    path.write_bytes(content)
    assert len(decode(capsys, str(path))["frames"]) == 1


def test_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A dash is standard input."""
    monkeypatch.setattr("sys.stdin", Stdin(WIRE + WIRE))
    assert len(decode(capsys, "-")["frames"]) == 2


def test_rejection(capsys: pytest.CaptureFixture[str]) -> None:
    """Anything rejected is a finding: exit code 1, the reason, and the nearest frame."""
    damaged = bytearray(WIRE)
    damaged[21] ^= 4
    document = decode(capsys, bytes(damaged).hex(), 1)
    (rejected,) = document["rejected"]
    assert rejected["reason"] == "frame-check"
    assert rejected["diagnoses"][0]["repaired"] == WIRE.hex()


def test_offence(capsys: pytest.CaptureFixture[str]) -> None:
    """An intact frame that is illegal anywhere is a finding too."""
    (frame,) = decode(capsys, bytes(Frame(0x3F, 0, 7, 1)).hex(), 1)["frames"]
    assert frame["offence"]["code"] == "UNKNOWN_TYPE"


def test_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """Without --json every byte is shown beside its meaning, and rejections with their fix."""
    damaged = bytearray(WIRE)
    damaged[21] ^= 4
    data = b"noise" * 20 + WIRE + bytes(damaged) + bytes(Frame(0x04, 0, 7, 1, b""))
    assert run(["decode", data.hex()]) == 1
    text = capsys.readouterr().out
    assert "Ping, 37 bytes at offset 100" in text
    assert "host_sent_ns" in text
    assert "rejected 100 bytes at offset 0: no-sync" in text
    assert "and 52 more" in text
    assert "bit 2 of byte 21 (payload) is flipped" in text
    assert "refused: MALFORMED_PAYLOAD" in text
    assert "intact frames: 2, rejected runs of bytes: 2" in text
    shown = [line[8:31].strip() for line in text.splitlines() if line[:6].strip().isdigit()]
    assert WIRE[8:12].hex(" ") in shown


def test_neither_file_nor_hex(capsys: pytest.CaptureFixture[str]) -> None:
    """A source that is nothing is a usage error with a hint."""
    assert run(["decode", "no-such-file"]) == 2
    error = capsys.readouterr().err
    assert "neither a file nor hexadecimal" in error
    assert "Hint:" in error


def test_hex_bytes() -> None:
    """Common ways to write bytes are understood; an odd digit is not."""
    assert hex_bytes("0xEB, 0x90\n10:20") == b"\xeb\x90\x10\x20"
    assert hex_bytes("eb9") is None
    assert hex_bytes("hello") is None


def test_pcapng(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A recording is decoded packet by packet, with its number, its time and its lane."""
    path = tmp_path / "a.pcapng"
    write_packets(path, [WIRE, b"noise"])
    document = decode(capsys, str(path), 1)
    (frame,), (rejected,) = document["frames"], document["rejected"]
    assert (frame["packet"], frame["lane"], frame["direction"]) == (1, "sideband", "module to host")
    assert (rejected["packet"], rejected["time_ns"], rejected["reason"]) == (2, 1, "no-sync")
    assert run(["decode", str(path)]) == 1
    assert "packet 1, 0.000000 s, sideband to host" in capsys.readouterr().out


def test_cut_pcapng(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What stands before a cut is decoded; then one line, a hint, and the exit code."""
    path = tmp_path / "a.pcapng"
    write_packets(path, [WIRE, WIRE])
    path.write_bytes(path.read_bytes()[:-5])
    document = decode(capsys, str(path), 2)
    assert len(document["frames"]) == 1
    assert "1 packets were read before" in document["error"]
    assert run(["decode", str(path)]) == 2
    assert "Ping" in capsys.readouterr().out
