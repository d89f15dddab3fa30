"""laserlink.tools.wireshark_folders: the user's folders, as Wireshark tells them or as it would."""

from pathlib import Path

import pytest

from laserlink.tools import wireshark_folders
from laserlink.tools.wireshark_folders import Folders, defaults, find_folders


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (
            {"Personal configuration": "/c", "Personal Plugins": "/p/4.0", "Personal Lua Plugins": "/p",
             "Extcap path": "/usr/extcap"},
            Folders(Path("/p"), Path("/c/extcap")),
        ),
        (
            {"Personal configuration": "/c", "Personal Lua Plugins": "/p", "Personal Extcap path": "/e"},
            Folders(Path("/p"), Path("/e")),
        ),
        ({"Personal configuration": "/c", "Personal Plugins": "/p"}, Folders(Path("/p"), Path("/c/extcap"))),
    ],
)  # fmt: skip
def test_what_is_told(told: dict[str, str], expected: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of Lua before that of binaries; a user's own live captures, never those of the machine."""
    monkeypatch.setattr(wireshark_folders, "ask", lambda: told)
    assert find_folders() == expected


def test_without_wireshark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where there is no Wireshark yet, a recent one will look below the user's home."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert wireshark_folders.ask() == {}
    assert find_folders() == defaults()
    assert defaults().plugins.is_relative_to(tmp_path)
