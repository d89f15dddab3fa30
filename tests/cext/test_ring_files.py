"""The ring folder: whose it is, what may be in it, and what is swept."""

import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from laserlink.cext import ring_files
from laserlink.cext.ring_files import RingError

if sys.platform != "linux":
    pytest.skip("rings need Linux", allow_module_level=True)

SIZE = 16384


@pytest.fixture
def folder_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runtime folder of the test's own."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "laserlink"


@pytest.fixture
def folder(folder_path: Path) -> Iterator[int]:
    descriptor = ring_files.open_folder()
    yield descriptor
    os.close(descriptor)


@pytest.mark.parametrize("name", ["a", "mos-100mp-0", "x" * 64])
def test_names(name: str) -> None:
    """Plain names are names."""
    assert ring_files.check_name(name) == name


@pytest.mark.parametrize("name", ["", "x" * 65, "../x", "a/b", "A", "a.data", "a\n", "a\0", "ä", " a"])
def test_what_is_no_name(name: str) -> None:
    """Whatever could be a path, a doorbell or a surprise is refused."""
    with pytest.raises(RingError, match="no ring name"):
        ring_files.check_name(name)


def test_where_the_folder_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The runtime folder when there is one, else one below the temporary folder with the user's number."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert ring_files.ring_folder() == str(tmp_path / "laserlink")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "missing"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert ring_files.ring_folder() == str(tmp_path / f"laserlink-{os.geteuid()}")
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr(os.path, "isdir", lambda path: path == f"/run/user/{os.geteuid()}")
    assert ring_files.ring_folder() == f"/run/user/{os.geteuid()}/laserlink"


def test_the_folder_is_closed_to_others(folder: int, folder_path: Path) -> None:
    """It is made with mode 0700."""
    assert folder_path.stat().st_mode & 0o7777 == 0o700


def test_a_folder_open_to_others_is_refused(folder_path: Path) -> None:
    """A folder that others may enter is not used."""
    folder_path.mkdir()
    folder_path.chmod(0o755)
    with pytest.raises(RingError, match="open to others"):
        ring_files.open_folder()


def test_a_linked_folder_is_refused(folder_path: Path, tmp_path: Path) -> None:
    """A link in the folder's place is not followed."""
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    folder_path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RingError, match="cannot be used"):
        ring_files.open_folder()


def test_another_users_folder_is_refused(folder_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that belongs to somebody else is not used."""
    folder_path.mkdir(mode=0o700)
    stranger = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: stranger)
    with pytest.raises(RingError, match="belongs to user"):
        ring_files.open_folder()


def test_entries_are_closed_to_others(folder: int, folder_path: Path) -> None:
    """The ring and its doorbells have mode 0600, and the ring has its space reserved."""
    descriptors = ring_files.create_entries(folder, "r", SIZE)
    for entry in ("r", "r.data", "r.space"):
        assert (folder_path / entry).stat().st_mode & 0o777 == 0o600
    info = (folder_path / "r").stat()
    assert info.st_size == SIZE
    assert info.st_blocks * 512 >= SIZE
    ring_files.close_all(descriptors)


def test_a_taken_name_is_refused_and_left_alone(folder: int, folder_path: Path) -> None:
    """A second ring of the same name is a RingError, and the first stays."""
    descriptors = ring_files.create_entries(folder, "r", SIZE)
    with pytest.raises(RingError, match="cannot be made"):
        ring_files.create_entries(folder, "r", SIZE)
    assert sorted(os.listdir(folder)) == ["r", "r.data", "r.space"]
    ring_files.close_all(descriptors)


def test_a_failed_creation_leaves_nothing(folder: int, folder_path: Path) -> None:
    """When a doorbell's name is taken the ring file goes again."""
    (folder_path / "r.space").write_bytes(b"")
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(RingError, match="cannot be made"):
        ring_files.create_entries(folder, "r", SIZE)
    assert not (folder_path / "r").exists()
    assert len(os.listdir("/proc/self/fd")) == before


def spoil_link(path: Path) -> None:
    path.rename(path.with_name("real"))
    path.symlink_to("real")


def spoil_mode(path: Path) -> None:
    path.chmod(0o644)


def spoil_size(path: Path) -> None:
    os.truncate(path, ring_files.RING_FILE_BYTES_MAX + 1)


def spoil_kind(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def spoil_absence(path: Path) -> None:
    path.unlink()


def spoil_socket(path: Path) -> None:
    path.unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
    path.chmod(0o600)


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (spoil_link, "cannot be opened"),
        (spoil_mode, "open to others"),
        (spoil_size, "at most"),
        (spoil_kind, "of another kind"),
        (spoil_absence, "cannot be opened"),
        (spoil_socket, "cannot be opened"),
    ],
)
def test_a_spoilt_ring_is_refused(
    folder: int, folder_path: Path, spoil: Callable[[Path], None], text: str
) -> None:
    """Links, open modes, wrong sizes and wrong kinds are refused, and no descriptor stays open."""
    ring_files.close_all(ring_files.create_entries(folder, "r", SIZE))
    spoil(folder_path / "r")
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(RingError, match=text):
        ring_files.open_entries(folder, "r")
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_spoilt_doorbell_is_refused(folder: int, folder_path: Path) -> None:
    """A plain file in a doorbell's place is refused, with the ring file closed again."""
    ring_files.close_all(ring_files.create_entries(folder, "r", SIZE))
    (folder_path / "r.space").unlink()
    (folder_path / "r.space").touch(0o600)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(RingError, match="of another kind"):
        ring_files.open_entries(folder, "r")
    assert len(os.listdir("/proc/self/fd")) == before


def test_locks(folder: int) -> None:
    """A side is alive while its open file is, and can be taken once."""
    descriptors = ring_files.create_entries(folder, "r", SIZE)
    other = ring_files.open_entry(folder, "r")
    assert ring_files.side_alive(other, 0)
    assert not ring_files.side_alive(other, 1)
    with pytest.raises(RingError, match="producer side of the ring is taken"):
        ring_files.lock_side(other, 0)
    ring_files.lock_side(other, 1)
    assert ring_files.side_alive(descriptors[0], 1)
    ring_files.close_all(descriptors)
    assert not ring_files.side_alive(other, 0)
    os.close(other)


def test_sweep(folder: int, folder_path: Path) -> None:
    """Rings of the dead, lone doorbells and links go; the living, and what is no ring, stay."""
    alive = ring_files.create_entries(folder, "alive", SIZE)
    ring_files.close_all(ring_files.create_entries(folder, "dead", SIZE))
    (folder_path / "lone.data").touch()
    (folder_path / "link").symlink_to("alive")
    (folder_path / "sub").mkdir()
    (folder_path / "README").touch()
    assert ring_files.sweep_entries(folder) == ["dead", "link", "lone"]
    assert sorted(os.listdir(folder)) == ["README", "alive", "alive.data", "alive.space", "sub"]
    ring_files.close_all(alive)
    assert ring_files.sweep_entries(folder) == ["alive"]


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_other_systems(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere a ring is a RingError that says what to use instead."""
    monkeypatch.setattr(sys, "platform", platform)
    with pytest.raises(RingError, match="64-bit Linux"):
        ring_files.open_folder()
