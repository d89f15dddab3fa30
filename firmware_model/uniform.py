"""Even light, and none: what photon transfer is measured with (EMVA 1288: an integrating sphere)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Uniform:
    """The same neutral light everywhere; `level` is linear, 1.0 = diffuse white."""

    level: float
    distance_dioptres: float = 0.0

    def band(self, width: int, height: int, top: int, rows: int) -> NDArray[np.float32]:
        """See LuminanceScene; the result has memory of its own."""
        return np.full((rows, width, 3), self.level, dtype=np.float32)
