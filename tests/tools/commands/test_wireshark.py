"""`laserlink wireshark`: install, status and uninstall, in a home of the test's own."""

import json
from pathlib import Path

import pytest
from wireshark import need_tshark, tshark, write_packets

from laserlink.tools.cli import run


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return tmp_path


def states(capsys: pytest.CaptureFixture[str], action: str, code: int = 0) -> dict[str, str]:
    assert run(["--json", "wireshark", action]) == code
    found: dict[str, str] = json.loads(capsys.readouterr().out)["files"]
    return found


def test_there_and_away_again(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both files are installed below the home, seen, found stale when changed, and removed."""
    assert set(states(capsys, "status", 1).values()) == {"missing"}
    installed = states(capsys, "install")
    assert set(installed.values()) == {"installed"}
    assert all(Path(name).is_relative_to(home) for name in installed)
    (script,) = (Path(name) for name in installed if name.endswith(".lua"))
    script.write_text(script.read_text() + "-- mine")
    assert states(capsys, "status", 1)[str(script)] == "stale"
    states(capsys, "install")
    assert set(states(capsys, "status").values()) == {"installed"}
    assert set(states(capsys, "uninstall").values()) == {"missing"}
    assert set(states(capsys, "uninstall").values()) == {"missing"}


def test_tshark_uses_what_is_installed(home: Path) -> None:
    """Without an option of its own, tshark dissects LaserLink after the installation."""
    need_tshark()
    write_packets(home / "file.pcapng", [b"noise"])
    before = tshark("-r", home / "file.pcapng", "-T", "fields", "-e", "_ws.col.Protocol")
    assert run(["wireshark", "install"]) == 0
    after = tshark("-r", home / "file.pcapng", "-T", "fields", "-e", "_ws.col.Protocol")
    assert "LaserLink" not in before
    assert after.strip() == "LaserLink"


def test_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """Each file is a line that says where it is."""
    assert run(["wireshark", "install"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["installed", "installed"]
