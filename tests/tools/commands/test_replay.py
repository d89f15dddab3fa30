"""`laserlink replay`: a recording, shown."""

import io
import json
from pathlib import Path

import pytest

from laserlink.host_driver.lanes.pcapng import INBOUND, OUTBOUND, header, write_packet
from laserlink.host_driver.lanes.recording import SOURCES
from laserlink.protocol.frame import Frame
from laserlink.protocol.messages.link import Ping
from laserlink.tools.cli import run

PING = bytes(Frame(0x04, 0, 7, 1, bytes(Ping(1, 2, 3))))


def recording(path: Path, *more: bytes) -> Path:
    """A ping to the module, the laser, and then packets to the host, a millisecond apart."""
    file = io.BytesIO()
    file.write(header(tuple(SOURCES.values()), "test"))
    write_packet(file, 0, 5_000_000, PING, OUTBOUND)
    write_packet(file, 2, 6_000_000, b"", INBOUND, "laser on")
    for index, data in enumerate(more):
        write_packet(file, 1, 7_000_000 + index * 1_000_000, data, INBOUND)
    path.write_bytes(file.getvalue())
    return path


def test_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line a frame: time, lane and direction, message, fields; rejections with their reason."""
    path = recording(tmp_path / "a.pcapng", b"noise", bytes(Frame(0x04, 0, 7, 1, b"")))
    assert run(["replay", str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:5] == ["0.000000", "sideband", "to", "module", "Ping"]
    assert lines[0].endswith("flags=1 number=2 host_sent_ns=3")
    assert lines[1].split() == ["0.001000", "optical", "to", "host", "laser", "on"]
    assert "rejected 5 bytes: no-sync" in lines[2]
    assert "refused: MALFORMED_PAYLOAD" in lines[3]
    assert lines[4] == "4 packets in 0.003000 s, 2 rejected"


def test_byte_by_byte(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --bytes a frame is explained as `decode` does, for people and for programs."""
    path = recording(tmp_path / "a.pcapng")
    assert run(["replay", "--bytes", str(path)]) == 0
    assert "Ping, 37 bytes at offset 0" in capsys.readouterr().out
    assert run(["--json", "replay", "--bytes", str(path)]) == 0
    (item,) = json.loads(capsys.readouterr().out)["packets"][0]["items"]
    assert item["hex"] == PING.hex()
    assert item["parts"]


def test_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each packet with number, time, lane and direction, and the fields of what is in it."""
    assert run(["--json", "replay", str(recording(tmp_path / "a.pcapng"))]) == 0
    ping, light = json.loads(capsys.readouterr().out)["packets"]
    assert (ping["number"], ping["time_ns"], ping["lane"], ping["direction"]) == (
        1,
        0,
        "sideband",
        "host to module",
    )
    assert ping["items"][0]["fields"] == {"flags": 1, "number": 2, "host_sent_ns": 3}
    assert (light["comment"], light["items"]) == ("laser on", [])


def test_a_cut_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What stands before the cut is shown; then one line, a hint, and the exit code."""
    path = recording(tmp_path / "a.pcapng", b"noise")
    path.write_bytes(path.read_bytes()[:-9])
    assert run(["replay", str(path)]) == 2
    shown = capsys.readouterr()
    assert "Ping" in shown.out
    assert "2 packets were read before" in shown.err
    assert shown.err.count("\n") == 2
    assert run(["--json", "replay", str(path)]) == 2
    document = json.loads(capsys.readouterr().out)
    assert len(document["packets"]) == 2
    assert document["exit_code"] == 2


@pytest.mark.parametrize("content", [b"", b"hello"])
def test_no_recording(content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is none is told in one line with a hint."""
    (tmp_path / "file").write_bytes(content)
    assert run(["replay", str(tmp_path / "file")]) == 2
    assert "Hint:" in capsys.readouterr().err
