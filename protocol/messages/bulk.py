"""Bulk family: firmware updates and small files, on channel 15, after everything else."""

from dataclasses import dataclass

from laserlink.protocol.limits import FILE_NAME_BYTES_MAX
from laserlink.protocol.messages.layout import Reply, Request, rest, text, u32, u64


@dataclass(frozen=True, slots=True)
class UpdateBegin(Request):
    """The host announces a firmware image; the laser goes off until the module has restarted."""

    total_bytes: int = u32("at most 1 MiB", "bytes", 1024)
    digest: int = u64("of the whole, as of a one-strip image")


@dataclass(frozen=True, slots=True)
class UpdateData(Request):
    """The next piece; pieces come in order."""

    offset: int = u32("of the piece", "bytes")
    piece: bytes = rest("bytes of the firmware image")


@dataclass(frozen=True, slots=True)
class UpdateEnd(Request):
    """All pieces were sent: the module checks the digest and restarts."""


@dataclass(frozen=True, slots=True)
class UpdateStatus(Reply):
    """How far the update has come."""

    received_bytes: int = u32("so far", "bytes")


@dataclass(frozen=True, slots=True)
class FileRead(Request):
    """The host reads a small file of the module (its log, its profile)."""

    offset: int = u32("where to begin", "bytes")
    name: str = text(FILE_NAME_BYTES_MAX, "a name, never a path", "log")


@dataclass(frozen=True, slots=True)
class FilePart(Reply):
    """As much of the file as fits the frame."""

    total_bytes: int = u32("of the whole file", "bytes")
    offset: int = u32("of this part", "bytes")
    part: bytes = rest("bytes of the file")
