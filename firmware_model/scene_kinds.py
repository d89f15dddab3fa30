"""The two kinds of scene that a sensor can look at, and the error of one that cannot be used."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from laserlink.firmware_model.profile import HEIGHT_STEP, RAW_BITS, WIDTH_STEP


class SceneError(Exception):
    """A scene that cannot be used: one line with the cause, and a `hint` at what to do."""

    def __init__(self, cause: str, hint: str) -> None:
        super().__init__(cause)
        self.cause = cause
        self.hint = hint

    def __reduce__(self) -> tuple[type["SceneError"], tuple[str, str]]:
        """Pickled by its two parts, so that the error crosses a process boundary."""
        return type(self), (self.cause, self.hint)


class LuminanceScene(Protocol):
    """Light in front of the lens."""

    @property
    def distance_dioptres(self) -> float:
        """How near the scene is: 1 / metres, 0.0 = far away."""
        ...

    def band(self, width: int, height: int, top: int, rows: int) -> NDArray[np.float32]:
        """Rows `top` to `top + rows` of the scene drawn at `width` x `height`.

        Returns linear light in sRGB primaries, shape (rows, width, 3), 1.0 = diffuse white.
        """
        ...


@dataclass(frozen=True)
class Stage:
    """A scene as it stands before the camera: how far away, in what light, and whether it moves.

    `lux` is the illuminance that falls on it (a white card then has lux / pi cd/m2); None: what the
    profile gives. Without `lens` the light falls on the bare sensor, as even as an integrating sphere's, and
    as strong as the lens would bring it wide open. `film` gives a moving scene, by the arguments of `at`.
    """

    scene: LuminanceScene
    distance_dioptres: float = 0.0
    lux: float | None = None
    lens: bool = True
    film: Callable[[int, int, int], LuminanceScene] | None = None

    def band(self, width: int, height: int, top: int, rows: int) -> NDArray[np.float32]:
        """The scene's own, see LuminanceScene."""
        return self.scene.band(width, height, top, rows)

    def at(self, started_ns: int, delay_ns: int, exposure_ns: int) -> "Stage":
        """What rows see that are exposed `delay_ns` after the start of the image, for `exposure_ns`."""
        return (
            self if self.film is None else replace(self, scene=self.film(started_ns, delay_ns, exposure_ns))
        )


@dataclass(frozen=True, eq=False)
class BayerScene:
    """A RAW picture that is replayed with its pixel values unchanged.

    `pixels` is uint16 (height, width), width a multiple of 4, height even, top-left 2x2 = `cfa`.
    `bits` is the wire's bit depth that holds them; `black` and `white` are in DN of `bits`.
    `xyz_to_camera` is the 3 x 3 matrix at D65, row by row, or None when the file does not say.
    """

    pixels: NDArray[np.uint16]
    cfa: str
    bits: int
    black: int
    white: int
    xyz_to_camera: tuple[float, ...] | None = None


Scene = LuminanceScene | Stage | BayerScene


def wire_bits(bits: int) -> int:
    """The smallest bit depth of the wire that holds `bits`, which is at most 16."""
    return next(depth for depth in RAW_BITS if depth >= bits)


def aligned_to_red(pixels: NDArray[np.uint16], cfa: str) -> NDArray[np.uint16]:
    """The part of a Bayer mosaic that starts at a red site, with a legal width and height.

    `cfa` names the top-left 2x2 of `pixels` in reading order. At most one row and one column are
    cropped at the start, then the end is cut to a width of a multiple of 4 and an even height. The
    result has memory of its own.
    """
    down, right = divmod(cfa.index("R"), 2)
    height = (pixels.shape[0] - down) // HEIGHT_STEP * HEIGHT_STEP
    width = (pixels.shape[1] - right) // WIDTH_STEP * WIDTH_STEP
    # Always a copy: LibRaw frees the memory that its pixels are a view of.
    return pixels[down : down + height, right : right + width].copy()
