"""One picture as measuring sees it: samples, levels, exposure, and what is known of its colours."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from laserlink.host_driver.shot import Shot

Floats = NDArray[np.float64]

CLIPPED_SHARE = 0.001
"""A picture is clipped when more than this part of its samples is at white."""


@dataclass(frozen=True, eq=False)
class Still:
    """A mosaic of samples. `raw` is uint16 (height, width), its top-left 2 x 2 is `cfa` (RGGB and so on).

    `black` and `white` are in DN. `matrices` are XYZ to camera at D65 and at illuminant A, 9 numbers in
    rows, each None when unknown. None is unknown in the others, too.
    """

    raw: NDArray[np.uint16]
    cfa: str
    black: float
    white: int
    exposure_us: int | None
    bits: int
    matrices: tuple[Any, Any] = (None, None)
    gain: float | None = None
    temperature_c: float | None = None
    f_number: float | None = None

    @classmethod
    def of(cls, shot: Shot) -> "Still":
        """A shot of a camera, which must be complete: gaps would measure as noise."""
        metadata = shot.metadata
        return cls(
            raw=shot.raw,
            cfa=metadata["CfaPattern"],
            black=float(np.mean(metadata["SensorBlackLevels"])),
            white=int(metadata["WhiteLevel"]),
            exposure_us=metadata.get("ExposureTime"),
            bits=int(metadata["BitsPerPixel"]),
            matrices=(metadata.get("ColorMatrix"), metadata.get("ColorMatrixA")),
            gain=metadata.get("AnalogueGain"),
            temperature_c=metadata.get("SensorTemperature"),
            f_number=metadata.get("FNumber"),
        )

    @property
    def span(self) -> float:
        """From black to white, in DN."""
        return self.white - self.black

    def planes(self, colour: str) -> list[NDArray[np.uint16]]:
        """The samples under the filters of one colour, "R", "G" or "B": one array, or two for green."""
        places = [divmod(index, 2) for index, letter in enumerate(self.cfa) if letter == colour]
        return [self.raw[row::2, column::2] for row, column in places]

    def clipped(self, colour: str = "G") -> bool:
        """Whether light of that colour was too much for it."""
        return any((plane >= self.white).mean() > CLIPPED_SHARE for plane in self.planes(colour))

    def level(self, colour: str = "G") -> float:
        """The mean of a colour above black, as a part of the span."""
        return float(np.mean([plane.mean() for plane in self.planes(colour)]) - self.black) / self.span

    def part(self, x: int, y: int, width: int, height: int) -> "Still":
        """A rectangle of it, cut to whole cells of the mosaic, with the same pattern."""
        x, y = x & ~1, y & ~1
        return replace(self, raw=self.raw[y : y + (height & ~1), x : x + (width & ~1)])
