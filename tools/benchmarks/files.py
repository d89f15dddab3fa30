"""Writing a 100-megapixel DNG against numpy.tofile of the same bytes."""

import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path
from statistics import median

from laserlink.host_driver.camera import Camera
from laserlink.tools.benchmarks.figure import Figure, Goal, seconds_of
from laserlink.tools.benchmarks.module_side import FULL, ModuleOptions, ModuleProcess

ROUNDS = 7


def dng_write(options: ModuleOptions | None = None, rounds: int = ROUNDS) -> Figure:
    """Bytes of pixels a second into a new DNG, over numpy.tofile into a new file of the same folder.

    New, for a file that replaces another is waited for by some file systems until it is on the disk.
    """
    with ModuleProcess(options or ModuleOptions()) as module, Camera(module.url) as camera:
        camera.configure(FULL, "RAW12")
        shot = camera.capture(60.0)
    with tempfile.TemporaryDirectory() as folder:
        names = count()

        def written(suffix: str, write: Callable[[Path], object]) -> float:
            path = Path(folder, f"{next(names)}{suffix}")
            seconds = seconds_of(lambda: write(path))
            path.unlink()
            return seconds

        turns = [(written(".dng", shot.save), written(".raw", shot.raw.tofile)) for _ in range(rounds + 1)]
    ours, theirs = (median(column) for column in zip(*turns[1:], strict=True))
    size = shot.raw.nbytes / 1e9
    return Figure("dng-write", size / ours, "GB/s", "numpy.tofile", size / theirs, Goal(0.7))
