"""Writing a 100-megapixel DNG against numpy.tofile of the same bytes."""

import tempfile
from pathlib import Path

from laserlink.host_driver.camera import Camera
from laserlink.tools.benchmarks.figure import Figure, Goal, alternate
from laserlink.tools.benchmarks.module_side import FULL, ModuleOptions, ModuleProcess

ROUNDS = 3


def dng_write(options: ModuleOptions | None = None, rounds: int = ROUNDS) -> Figure:
    """Bytes of pixels a second into a DNG, over numpy.tofile in the same folder."""
    with ModuleProcess(options or ModuleOptions()) as module, Camera(module.url) as camera:
        camera.configure(FULL, "RAW12")
        shot = camera.capture(60.0)
    with tempfile.TemporaryDirectory() as folder:
        dng, plain = Path(folder, "shot.dng"), Path(folder, "shot.raw")
        ours, theirs = alternate([lambda: shot.save(dng), lambda: shot.raw.tofile(plain)], rounds)
    size = shot.raw.nbytes / 1e9
    return Figure("dng-write", size / ours, "GB/s", "numpy.tofile", size / theirs, Goal(0.7))
