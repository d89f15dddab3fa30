"""Where rings live on the disk: the folder, names, doorbells, and the locks that say who is alive.

A ring NAME is three entries of one folder: the ring file NAME, and two FIFOs, NAME.data and NAME.space.
Every entry is reached through the folder's descriptor, never followed when it is a link, and believed
only when it is ours and closed to others. Linux only.
"""

import contextlib
import errno
import os
import re
import stat
import struct
import sys
import tempfile
from collections.abc import Iterable

if sys.platform == "linux":
    import fcntl

RING_FILE_BYTES_MAX = 16 << 20
DOORBELL_SUFFIXES = (".data", ".space")

_NAME = re.compile(r"[a-z0-9-]{1,64}")
_FLOCK = struct.Struct("@hhqqi0q")  # struct flock of 64-bit Linux: type, whence, start, length, pid


class RingError(Exception):
    """A ring that cannot be made, opened or believed; the text says why."""


def check_platform() -> None:
    """RingError when this is not a 64-bit Linux."""
    if sys.platform != "linux" or sys.maxsize < 1 << 32:
        raise RingError("rings need a 64-bit Linux; use the serial, TCP or in-process lanes here")


def check_name(name: str) -> str:
    """`name`, when it may name a ring: 1 to 64 of a-z, 0-9 and '-'. It is never a path."""
    if not _NAME.fullmatch(name):
        raise RingError(f"{name[:80]!r} is no ring name: 1 to 64 of a-z, 0-9 and '-'")
    return name


def ring_folder() -> str:
    """The folder of this user's rings: below XDG_RUNTIME_DIR, /run/user/UID, or the temporary folder."""
    uid = os.geteuid()
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{uid}"
    if os.path.isdir(runtime):
        return os.path.join(runtime, "laserlink")
    return os.path.join(tempfile.gettempdir(), f"laserlink-{uid}")


def _check_ours(info: os.stat_result, what: str) -> None:
    if info.st_uid != os.geteuid():
        raise RingError(f"{what} belongs to user {info.st_uid}")
    if info.st_mode & 0o077:
        raise RingError(f"{what} is open to others (mode {stat.S_IMODE(info.st_mode):o})")


def open_folder() -> int:
    """A descriptor of the ring folder, made when it was missing. RingError unless it is ours alone."""
    check_platform()
    path = ring_folder()
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise RingError(f"the ring folder {path} cannot be used: {error.strerror}") from error
    try:
        _check_ours(os.fstat(folder), f"the ring folder {path}")
    except RingError:
        os.close(folder)
        raise
    return folder


def create_entries(folder: int, name: str, size: int) -> tuple[int, int, int]:
    """Makes the ring file of `size` bytes, its space reserved, and both doorbells; returns the descriptors.

    The producer's lock is taken before `sweep_entries` can see the ring. RingError when the name is taken.
    """
    made: list[int] = []
    fcntl.flock(folder, fcntl.LOCK_EX)
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        made.append(os.open(name, flags, 0o600, dir_fd=folder))
        lock_side(made[0], 0)
        os.posix_fallocate(made[0], 0, size)
        for suffix in DOORBELL_SUFFIXES:
            os.mkfifo(name + suffix, 0o600, dir_fd=folder)
            made.append(open_entry(folder, name + suffix))
    except (OSError, RingError) as error:
        if made:
            remove_entries(folder, name)
        close_all(made)
        raise RingError(f"the ring {name} cannot be made: {error}") from error
    finally:
        fcntl.flock(folder, fcntl.LOCK_UN)
    return made[0], made[1], made[2]


def open_entry(folder: int, entry: str) -> int:
    """A descriptor of a ring file or a doorbell. RingError unless it is ours alone, and of its kind."""
    flags = os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(entry, flags, dir_fd=folder)
    except OSError as error:
        raise RingError(f"the ring entry {entry} cannot be opened: {error.strerror}") from error
    try:
        info = os.fstat(descriptor)
        _check_ours(info, f"the ring entry {entry}")
        is_kind = stat.S_ISFIFO if entry.endswith(DOORBELL_SUFFIXES) else stat.S_ISREG
        if not is_kind(info.st_mode):
            raise RingError(f"the ring entry {entry} is of another kind")
        if info.st_size > RING_FILE_BYTES_MAX:
            raise RingError(f"the ring {entry} has {info.st_size} bytes, at most {RING_FILE_BYTES_MAX}")
    except RingError:
        os.close(descriptor)
        raise
    return descriptor


def open_entries(folder: int, name: str) -> tuple[int, int, int]:
    """Descriptors of the ring file and both doorbells of a ring that another process made."""
    opened: list[int] = []
    try:
        for entry in (name, *(name + suffix for suffix in DOORBELL_SUFFIXES)):
            opened.append(open_entry(folder, entry))
    except RingError:
        close_all(opened)
        raise
    return opened[0], opened[1], opened[2]


def close_all(descriptors: Iterable[int]) -> None:
    """Closes every one of them."""
    for descriptor in descriptors:
        os.close(descriptor)


def remove_entries(folder: int, name: str) -> None:
    """Removes the names of a ring; those that are gone already are fine."""
    for entry in (name, *(name + suffix for suffix in DOORBELL_SUFFIXES)):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(entry, dir_fd=folder)


def lock_side(descriptor: int, side: int) -> None:
    """Takes the lock of one side (0 producer, 1 consumer) for the life of this open file.

    An open-file-description lock on one byte: the system frees it when the process ends, however that
    happens (a child that was forked without exec holds it too). RingError when it is taken.
    """
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, side, 1, 0))
    except OSError as error:
        raise RingError(f"the {('producer', 'consumer')[side]} side of the ring is taken") from error


def unlock_side(descriptor: int, side: int) -> None:
    """Gives the lock of one side back, if we hold it. Closing is not enough: a map keeps the file open."""
    fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_UNLCK, os.SEEK_SET, side, 1, 0))


def side_alive(descriptor: int, side: int) -> bool:
    """Does another open file hold the lock of this side?"""
    asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, side, 1, 0)
    kind: int = _FLOCK.unpack(fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, asked))[0]
    return kind != fcntl.F_UNLCK


def sweep_entries(folder: int) -> list[str]:
    """Removes the rings whose producer is dead, and doorbells without a ring; returns their names, sorted."""
    removed = []
    fcntl.flock(folder, fcntl.LOCK_EX)
    try:
        present = set(os.listdir(folder))
        names = {entry.partition(".")[0] for entry in present if entry.endswith(DOORBELL_SUFFIXES)} | present
        for name in sorted(filter(_NAME.fullmatch, names)):
            if _is_dead(folder, name):
                remove_entries(folder, name)
                removed.append(name)
    finally:
        fcntl.flock(folder, fcntl.LOCK_UN)
    return removed


def _is_dead(folder: int, name: str) -> bool:
    try:
        descriptor = os.open(name, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        # Doorbells alone, or a link. What fails otherwise is not ours to judge.
        return error.errno in (errno.ENOENT, errno.ELOOP)
    try:
        return not side_alive(descriptor, 0)
    finally:
        os.close(descriptor)
