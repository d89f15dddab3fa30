"""`laserlink record`: sessions in a file, however they end."""

import json
import signal
from pathlib import Path

import pytest
from served import program, small_profile, wait_until

from laserlink.host_driver.lanes.pcapng import read_packets
from laserlink.tools.cli import run


def test_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A session with pictures is recorded, and replays without a rejection."""
    path = tmp_path / "session.pcapng"
    url = f"sim:{small_profile(tmp_path)}"
    assert run(["--json", "record", url, str(path), "--capture", "2", "--mode", "thumbnail"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["images"] == [True, True]
    assert document["packets"] == sum(1 for _ in read_packets(path.read_bytes()))
    assert run(["--json", "replay", str(path)]) == 0
    replayed = json.loads(capsys.readouterr().out)
    names = [item["name"] for packet in replayed["packets"] for item in packet["items"]]
    assert names.count("ImageDigests") == 2
    assert replayed["count"] == document["packets"]


def test_until_interrupted(tmp_path: Path) -> None:
    """Without pictures it stays attached, with keep-alives, until Ctrl-C, which is no failure."""
    path = tmp_path / "session.pcapng"
    with program("record", f"sim:{small_profile(tmp_path)}", path) as recording:
        wait_until(lambda: path.is_file() and path.stat().st_size > 12_000, "keep-alives are in the file")
        code, _ = recording.end(signal.SIGINT)
    assert code == 0
    assert recording.documents[-1]["packets"] == sum(1 for _ in read_packets(path.read_bytes()))


def test_what_cannot_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No device, no place to write to, and options without pictures: one line, a hint, the exit code."""
    for code, arguments in (
        (3, ["/dev/no-such-device", str(tmp_path / "a.pcapng")]),
        (3, ["sim:uart-1m", str(tmp_path / "no-folder" / "a.pcapng")]),
        (2, ["sim:uart-1m", str(tmp_path / "a.pcapng"), "--mode", "preview"]),
    ):
        assert run(["record", *arguments]) == code
        lines = capsys.readouterr().err.splitlines()
        assert [line.partition(":")[0] for line in lines[-2:]] == ["Error", "Hint"]
