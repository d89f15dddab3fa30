"""laserlink.firmware_model.serve.link: the link is where it was asked for, and gone when its process is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from served import entries

from laserlink.firmware_model.serve.link import TerminalLink, sweep_links


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ring folder of this test's own."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


def test_link_is_made_moved_and_removed(tmp_path: Path) -> None:
    """A link points where it was last told to, and nothing is left of it, however often it is removed."""
    link = TerminalLink(tmp_path / "camera")
    for target in ("/dev/pts/901", "/dev/pts/902"):
        link.point_to(target)
        assert os.readlink(tmp_path / "camera") == target
    assert len(entries(tmp_path)) == 1
    link.remove()
    link.remove()
    assert not os.path.lexists(tmp_path / "camera")
    assert entries(tmp_path) == []


def test_what_is_no_link_is_not_replaced(tmp_path: Path) -> None:
    """A file of the user with the name of the link stays as it is."""
    (tmp_path / "camera").write_text("mine")
    link = TerminalLink(tmp_path / "camera")
    with pytest.raises(FileExistsError, match="no symbolic link"):
        link.point_to("/dev/pts/901")
    link.remove()
    assert (tmp_path / "camera").read_text() == "mine"


def test_link_of_somebody_else_is_not_removed(tmp_path: Path) -> None:
    """Who took the link over keeps it."""
    link = TerminalLink(tmp_path / "camera")
    link.point_to("/dev/pts/901")
    (tmp_path / "camera").unlink()
    (tmp_path / "camera").symlink_to("/dev/pts/902")
    link.remove()
    assert os.readlink(tmp_path / "camera") == "/dev/pts/902"


def test_link_of_a_killed_process_is_swept(tmp_path: Path) -> None:
    """A killed process leaves its link, and the next sweep removes it; the link of a live one stays."""
    program = (
        "import os, signal; from pathlib import Path\n"
        "from laserlink.firmware_model.serve.link import TerminalLink\n"
        f"TerminalLink(Path({str(tmp_path / 'dead')!r})).point_to('/dev/pts/901')\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", program], timeout=30)
    alive = TerminalLink(tmp_path / "alive")
    alive.point_to("/dev/pts/902")
    assert os.path.lexists(tmp_path / "dead")
    assert sweep_links() == [str(tmp_path / "dead")]
    assert not os.path.lexists(tmp_path / "dead")
    assert os.path.lexists(tmp_path / "alive")
    assert sweep_links() == []
    alive.remove()
    assert entries(tmp_path) == []


@pytest.mark.parametrize("text", [b"", b"[]", b"[1, 2]", b"\xff", b'["/x"', b"{}"])
def test_records_that_are_none_are_left_alone(tmp_path: Path, text: bytes) -> None:
    """What cannot be understood removes nothing."""
    folder = tmp_path / "laserlink"
    folder.mkdir(mode=0o700)
    (folder / "1-a.link").write_bytes(text)
    assert sweep_links() == []
    assert entries(tmp_path) == ["1-a.link"]
