"""A symbolic link to the module's pseudo-terminal, which is gone with the process, however that ends.

A record in the ring folder names the link and what it points to, and is locked while its process lives. Who
starts next removes the links whose records nobody holds. Without a ring folder (it needs Linux) there is no
record, and a killed process leaves its link.
"""

import contextlib
import json
import os
import secrets
import sys
from pathlib import Path

from laserlink.cext.ring_files import RingError, open_folder

if sys.platform != "win32":
    import fcntl

RECORD_SUFFIX = ".link"
RECORD_BYTES_MAX = 1 << 16


class TerminalLink:
    """A symbolic link at `path`. Raises FileExistsError when something else than a link is there."""

    def __init__(self, path: Path) -> None:
        self._path = Path(os.path.abspath(path))
        self._target = ""
        self._record = -1
        self._folder = -1
        self._name = f"{os.getpid()}-{secrets.token_hex(4)}{RECORD_SUFFIX}"

    def point_to(self, target: str) -> None:
        """Make the link, or let it point somewhere else."""
        if os.path.lexists(self._path) and not self._path.is_symlink():
            raise FileExistsError(f"{self._path} is there already, and is no symbolic link")
        temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(target)
        temporary.replace(self._path)
        self._target = target
        self._write_record()

    def _write_record(self) -> None:
        if self._record < 0:
            try:
                self._folder = open_folder()
            except RingError:
                return
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._record = os.open(self._name, flags, 0o600, dir_fd=self._folder)
            fcntl.flock(self._record, fcntl.LOCK_EX)
        text = json.dumps([str(self._path), self._target]).encode()
        os.ftruncate(self._record, 0)
        os.pwrite(self._record, text, 0)

    def remove(self) -> None:
        """Remove the link, unless it points to somebody else's by now. Twice is fine."""
        _remove_link(self._path, self._target)
        if self._record < 0:
            return
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._name, dir_fd=self._folder)
        os.close(self._record)
        os.close(self._folder)
        self._record = self._folder = -1


def _remove_link(path: Path, target: str) -> None:
    with contextlib.suppress(OSError):
        if os.readlink(path) == target:
            path.unlink()


def sweep_links() -> list[str]:
    """Remove the links of dead processes; returns their paths. Raises RingError as `open_folder` does."""
    folder = open_folder()
    try:
        names = [name for name in os.listdir(folder) if name.endswith(RECORD_SUFFIX)]
        return [path for name in names if (path := _sweep_one(folder, name))]
    finally:
        os.close(folder)


def _sweep_one(folder: int, name: str) -> str:
    """The path of the link that was removed with its record; empty when its process lives, or it has none."""
    try:
        record = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return ""
    try:
        fcntl.flock(record, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # A record that is being made is empty: its process lives.
        path, target = json.loads(os.read(record, RECORD_BYTES_MAX))
        _remove_link(Path(path), target)
        os.unlink(name, dir_fd=folder)
        return str(path)
    except (OSError, ValueError, TypeError):
        return ""
    finally:
        os.close(record)
