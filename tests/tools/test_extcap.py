"""laserlink.tools.extcap: what Wireshark asks of a live capture, and a capture into a pipe."""

import os
import subprocess
import threading
from pathlib import Path

import pytest
from served import serving, small_profile, url_of

from laserlink.host_driver.lanes.pcapng import read_packets
from laserlink.protocol.frame import SYNC
from laserlink.tools import extcap


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--extcap-interfaces"], "interface {value=laserlink}"),
        (["--extcap-interfaces", "--extcap-version=4.0"], "extcap {version="),
        (["--extcap-dlts", "--extcap-interface", "laserlink"], "dlt {number=147}{name=USER0}"),
        (["--extcap-config", "--extcap-interface", "laserlink"], "{call=--url}"),
    ],
)
def test_questions(arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Interfaces, link types and options are told as extcap(4) wants them."""
    assert extcap.run(arguments) == 0
    assert expected in capsys.readouterr().out


def test_nothing_asked(capsys: pytest.CaptureFixture[str]) -> None:
    """Who runs it by hand is told how it is used."""
    assert extcap.run([]) == extcap.EXIT_FAILED
    assert "usage:" in capsys.readouterr().err


def test_the_script_runs_this_python() -> None:
    """What is installed is a program that runs this module, whatever the shell's path says."""
    text = extcap.script()
    assert text.startswith("#!/bin/sh\n")
    assert "laserlink.tools.extcap" in text


def test_capture_into_a_pipe(tmp_path: Path) -> None:
    """A live capture attaches, takes its picture, and ends in peace when the reader closes the pipe."""
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)
    codes: list[int] = []
    arguments = [
        "--capture",
        "--fifo",
        str(fifo),
        "--url",
        f"sim:{small_profile(tmp_path)}",
        "--pictures",
        "1",
    ]
    capturing = threading.Thread(target=lambda: codes.append(extcap.run(arguments)))
    capturing.start()
    data = b""
    with fifo.open("rb") as pipe:
        while len(data) < 500_000:
            data += pipe.read1(1 << 16)
    capturing.join(20)
    assert codes == [0]
    assert data.count(SYNC) > 20
    packets = read_packets(data)
    assert len([next(packets) for _ in range(20)]) == 20


def test_no_module(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Wireshark is told in one line why there is no capture."""
    arguments = ["--capture", "--fifo", str(tmp_path / "file"), "--url", "/dev/no-such-device"]
    assert extcap.run(arguments) == extcap.EXIT_FAILED
    assert capsys.readouterr().err.count("\n") == 1


def installed(home: Path) -> dict[str, str]:
    """The environment of a user for whom the live capture is installed; fails where tshark is needed."""
    from wireshark import need_tshark

    from laserlink.tools.wireshark_folders import find_folders

    need_tshark()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        folder = find_folders().extcap
    folder.mkdir(parents=True)
    (folder / extcap.FILE).write_text(extcap.script())
    (folder / extcap.FILE).chmod(0o755)
    return os.environ | {"HOME": str(home)}


def test_wireshark_sees_it(tmp_path: Path) -> None:
    """dumpcap's list of interfaces has it, once it is installed."""
    command, user = ["tshark", "-D"], installed(tmp_path)
    listed = subprocess.run(command, capture_output=True, text=True, timeout=60, env=user, check=False)
    assert "laserlink (LaserLink module)" in listed.stdout


def test_wireshark_captures_live(tmp_path: Path) -> None:
    """Started by tshark with a URL, the interface attaches to a module, and packets come while it runs."""
    user = installed(tmp_path)
    with serving("uart-1m") as served:
        wanted = ["-o", f"extcap.{extcap.INTERFACE}.url:{url_of(served)}", "-a", "packets:20", "-T", "fields"]
        shown = ["-e", "frame.len"]
        command = ["tshark", "-i", extcap.INTERFACE, *wanted, *shown]
        live = subprocess.run(command, capture_output=True, text=True, timeout=60, env=user, check=False)
    lines = live.stdout.splitlines()
    assert len(lines) >= 20, live.stderr
    assert int(lines[0]) == 24 + 15, "a beacon comes first"
