"""`laserlink devices`: lists and opens nothing, and cleans up after the dead."""

import json
import os
import signal
from pathlib import Path

import pytest
from served import entries, serving

from laserlink.host_driver.lanes.url import SerialDevice
from laserlink.tools.cli import run


def test_devices_are_listed_for_people_and_scripts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Serial ports as the system lists them, and every profile as a URL."""
    found = [SerialDevice("/dev/ttyUSB7", "a bridge", "0403:6001")]
    monkeypatch.setattr("laserlink.tools.commands.devices.list_devices", lambda: found)
    assert run(["--json", "devices"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["serial"] == [{"url": "/dev/ttyUSB7", "description": "a bridge", "usb_id": "0403:6001"}]
    assert [item["url"] for item in document["virtual"]] == ["sim:mos-100mp", "sim:uart-1m"]
    assert run(["devices"]) == 0
    text = capsys.readouterr().out
    assert "/dev/ttyUSB7" in text
    assert "sim:mos-100mp" in text


def test_devices_sweeps_what_a_killed_module_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A served module killed while idle leaves ring and link; listing devices removes them."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with serving("mos-100mp", "--link", tmp_path / "camera") as served:
        served.end(signal.SIGKILL)
    assert len(entries(tmp_path)) == 4
    assert os.path.lexists(tmp_path / "camera")
    assert run(["devices"]) == 0
    assert entries(tmp_path) == []
    assert not os.path.lexists(tmp_path / "camera")
