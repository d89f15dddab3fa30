"""Saving a shot: the suffix of the name chooses the format. A file appears whole or not at all.

.dng   RAW with everything known of it (dng.py)        .npy   the uint16 array, for numpy.load
.raw   little-endian uint16 pixels, no header          .png   developed to 8-bit sRGB, full resolution
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
from PIL import Image, PngImagePlugin

from laserlink.host_driver.develop import Picture, develop
from laserlink.host_driver.dng import write_dng
from laserlink.host_driver.exif import ascii_text
from laserlink.protocol.errors import LaserLinkError

PNG_COMPRESS_LEVEL = 1
"""10 s for 100 MP; level 6 takes many times as long and saves a few per cent."""

TEMPORARY_NAMES_MAX = 100
"""Leftovers of crashed writers in one folder before we refuse to add another."""

WARNING_ROW_RANGES_MAX = 8


class UnknownFileType(LaserLinkError, ValueError):
    """The name's suffix is none of those that we write."""

    def __init__(self, path: Path) -> None:
        known = ", ".join(WRITERS)
        super().__init__(f"cannot save {path.name!r}: the name must end in one of {known}")
        self.path = path
        self.hint = f"Name the file {(path.stem.lstrip('.') or 'picture')}.dng; {known} are known."


class SavablePicture(Picture, Protocol):
    """What saving needs of a shot."""

    def missing_rows(self) -> list[tuple[int, int]]:
        """(first, last) of every run of rows with missing pixels, in order."""

    def missing_bytes(self) -> int:
        """Bytes of the packed image that are missing."""


@dataclass(frozen=True)
class SaveReport:
    """What was written. `geometry` reads 1920x1080-rggb12; `warning` is one line for the user, or None."""

    path: Path
    bytes: int
    geometry: str
    warning: str | None = None


def check_target(path: Path | str, *, overwrite: bool = True) -> Path:
    """Find out, before a capture, whether `save` could write `path`; return it as a Path.

    Raises `UnknownFileType`; FileExistsError when it is there and `overwrite` is false; any other OSError
    when it is a folder, or its folder is missing or not writable (tried with an empty temporary file).
    """
    path = Path(path)
    _writer_for(path)
    _refuse_existing(path, overwrite)
    file, temporary = _open_temporary(path)
    file.close()
    temporary.unlink()
    return path


def save(shot: SavablePicture, path: Path | str, *, overwrite: bool = True) -> SaveReport:
    """Write `shot` in the format that the suffix of `path` names.

    A shot with gaps is saved too, and the report's `warning` says what is missing. Raises as `check_target`,
    and OSError when the writing fails; then nothing is left behind and an older file is untouched.
    """
    path = Path(path)
    write = _writer_for(path)
    _refuse_existing(path, overwrite)
    gaps_text = describe_gaps(shot)
    with _whole_or_nothing(path, overwrite) as file:
        write(file, shot, gaps_text)
        size = file.seek(0, 2)
    return SaveReport(path, size, geometry(shot), describe_gaps(shot, WARNING_ROW_RANGES_MAX) or None)


def geometry(shot: Picture) -> str:
    """The part of a .raw file's name that tells how to read it: 1920x1080-rggb12."""
    height, width = shot.raw.shape
    metadata = shot.metadata
    return f"{width}x{height}-{str(metadata['CfaPattern']).lower()}{metadata['BitsPerPixel']}"


def describe_gaps(shot: SavablePicture, ranges_max: int | None = None) -> str:
    """One line that says incomplete and which rows have missing pixels; empty for a complete shot."""
    rows = shot.missing_rows()
    if not rows:
        return ""
    listed = rows[:ranges_max]
    shown = ", ".join(f"{first} to {last}" if last > first else f"{first}" for first, last in listed)
    more = len(rows) - len(listed)
    tail = f" and {more} more ranges" if more else ""
    return f"Incomplete image: {shot.missing_bytes()} bytes missing, in rows {shown}{tail}."


def _write_dng(file: BinaryIO, shot: SavablePicture, gaps_text: str) -> None:
    write_dng(file, shot, gaps_text)


def _write_npy(file: BinaryIO, shot: SavablePicture, gaps_text: str) -> None:
    np.save(file, shot.raw.astype("<u2", copy=False), allow_pickle=False)


def _write_raw(file: BinaryIO, shot: SavablePicture, gaps_text: str) -> None:
    shot.raw.astype("<u2", copy=False).tofile(file)


def _write_png(file: BinaryIO, shot: SavablePicture, gaps_text: str) -> None:
    """Bands are pasted into one Pillow image (4 bytes a pixel), which is the most memory that is needed."""
    height, width = shot.raw.shape
    image = Image.new("RGB", (width, height))
    top = 0
    for band in develop(shot):
        image.paste(Image.fromarray(band), (0, top))
        top += band.shape[0]
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Software", ascii_text(shot.metadata.get("Software", "LaserLink")))
    if gaps_text:
        notes.add_text("Description", gaps_text)
    image.save(file, format="PNG", compress_level=PNG_COMPRESS_LEVEL, pnginfo=notes)


WRITERS: dict[str, Callable[[BinaryIO, SavablePicture, str], None]] = {
    ".dng": _write_dng,
    ".npy": _write_npy,
    ".raw": _write_raw,
    ".png": _write_png,
}


def _writer_for(path: Path) -> Callable[[BinaryIO, SavablePicture, str], None]:
    writer = WRITERS.get(path.suffix.lower())
    if writer is None:
        raise UnknownFileType(path)
    return writer


def _refuse_existing(path: Path, overwrite: bool) -> None:
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder")
    if not overwrite and path.exists():
        raise FileExistsError(f"{path} is there already")


@contextmanager
def _whole_or_nothing(path: Path, overwrite: bool) -> Iterator[BinaryIO]:
    """A temporary file in the folder of `path`, which takes its name when the block ends well."""
    target = path.resolve()  # a symbolic link goes on pointing to the picture
    file, temporary = _open_temporary(path)
    try:
        with file:
            yield file
        _refuse_existing(target, overwrite)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _open_temporary(path: Path) -> tuple[BinaryIO, Path]:
    """An empty file beside the one that `path` leads to. An OSError names `path`, which is what the user
    knows."""
    folder = path.resolve().parent
    for number in range(TEMPORARY_NAMES_MAX):
        temporary = folder / f".laserlink-{number}.part"
        try:
            return temporary.open("x+b"), temporary
        except FileExistsError:
            continue
        except OSError as error:
            raise type(error)(error.errno, error.strerror, str(path)) from None
    raise FileExistsError(f"{folder} holds {TEMPORARY_NAMES_MAX} files called .laserlink-*.part; remove them")
