"""Automatic white balance: which light makes most of the picture grey?

Lights lie on a line, from lamps to the blue sky. For each of them it is known what the camera would make of
a grey card; the one is chosen under which the parts of the picture differ least from grey. A part that
differs much does not count by how much: a red wall is no light. Where the camera's matrix is unknown, the
mean of all is taken.

The samples of the RAW stay as they are: what is found goes with them as AsShotNeutral and ColourGains.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from laserlink.host_driver.auto_controls import AutoControls
from laserlink.host_driver.develop import (
    CHANNEL_PLANES,
    CLIPPED,
    NEUTRAL_MIN,
    Picture,
    binned,
    black_levels_of,
    white_balance,
)
from laserlink.host_driver.illuminant import KELVIN_MAX, Matrix, light_of, neutral_at

WARMEST_KELVIN = 2500.0
MIRED_STEP = 4.0
ZONES_SIDE = 96
DARK = 0.01
DIFFERENCE_MAX = 0.15
"""How much a part may differ from grey, in the ratio of two colours, before it counts as coloured."""

ZONES_MIN = 8
MIRED = 1e6


@dataclass(frozen=True)
class Balance:
    """The camera's (R, G, B) of grey, the largest 1; and the light's temperature, where it is known."""

    neutral: tuple[float, float, float]
    kelvin: int | None

    @property
    def colour_gains(self) -> tuple[float, float]:
        """libcamera's ColourGains: of red and of blue."""
        red, green, blue = self.neutral
        return green / red, green / blue


def balanced(picture: Picture, controls: AutoControls) -> dict[str, Any]:
    """The metadata of a picture's white balance: by hand, automatic, or else the module's own."""
    metadata = picture.metadata
    if controls.AwbEnable:
        balance = estimated(picture)
    elif controls.ColourGains is not None:
        red, blue = controls.ColourGains
        balance = _balance(np.array([1 / red, 1.0, 1 / blue]), metadata)
    elif metadata.get("AsShotNeutral") is not None:
        balance = _balance(np.asarray(metadata["AsShotNeutral"], dtype=np.float64), metadata)
    else:
        return {}
    return {
        "AsShotNeutral": balance.neutral,
        "ColourGains": balance.colour_gains,
        "ColourTemperature": balance.kelvin,
    }


def estimated(picture: Picture) -> Balance:
    """The light that a picture was taken in."""
    matrix, matrix_a = _matrices(picture.metadata)
    zones = _zones(picture)
    if matrix is None or len(zones) < ZONES_MIN:
        known = picture.metadata.get("AsShotNeutral") if matrix is not None else None
        neutral = white_balance(picture) if known is None else known
        return _balance(np.asarray(neutral, dtype=np.float64), picture.metadata)
    mireds = np.arange(MIRED / KELVIN_MAX, MIRED / WARMEST_KELVIN + MIRED_STEP, MIRED_STEP)
    lights = [neutral_at(MIRED / mired, matrix, matrix_a) for mired in mireds]
    costs = np.array([_colourfulness(zones, light) for light in lights])
    best = int(costs.argmin())
    neutral = _refined(zones, lights[best])
    return Balance(_largest_one(neutral), round(MIRED / mireds[best]))


def _matrices(metadata: Mapping[str, Any]) -> tuple[Matrix | None, Matrix | None]:
    found = (metadata.get(name) for name in ("ColorMatrix", "ColorMatrixA"))
    d65, a = (None if one is None else np.asarray(one, dtype=np.float64).reshape(3, 3) for one in found)
    return d65, a


def _zones(picture: Picture) -> NDArray[np.float64]:
    """The colours of small parts, (n, 3), without what is dark or clipped."""
    black_levels = black_levels_of(picture)[:, np.newaxis]
    planes = binned(picture, ZONES_SIDE).reshape(4, -1)
    planes = (planes - black_levels) / (picture.metadata["WhiteLevel"] - black_levels)
    useful = planes[:, (planes.max(axis=0) < CLIPPED) & (planes.min(axis=0) > DARK)]
    return np.stack([useful[list(group)].mean(axis=0) for group in CHANNEL_PLANES], axis=1)


def _differences(zones: NDArray[np.float64], neutral: Matrix) -> NDArray[np.float64]:
    """How far each zone is from grey under a light, squared."""
    colours = np.log(zones / neutral)
    ratios = colours[:, [0, 2]] - colours[:, 1:2]
    return np.asarray((ratios**2).sum(axis=1), dtype=np.float64)


def _colourfulness(zones: NDArray[np.float64], neutral: Matrix) -> float:
    return float(np.minimum(_differences(zones, neutral), DIFFERENCE_MAX**2).mean())


def _refined(zones: NDArray[np.float64], neutral: Matrix) -> NDArray[np.float64]:
    """The mean of what is grey: lights are near the line, not on it."""
    grey = zones[_differences(zones, neutral) < DIFFERENCE_MAX**2]
    if len(grey) < ZONES_MIN:
        return neutral
    return np.asarray(np.exp(np.log(grey / grey[:, 1:2]).mean(axis=0)), dtype=np.float64)


def _balance(neutral: NDArray[np.float64], metadata: Mapping[str, Any]) -> Balance:
    matrix, matrix_a = _matrices(metadata)
    light = None if matrix is None else light_of(neutral, matrix, matrix_a)
    return Balance(_largest_one(neutral), None if light is None else round(light[1]))


def _largest_one(neutral: NDArray[np.float64]) -> tuple[float, float, float]:
    red, green, blue = np.maximum(neutral / neutral.max(), NEUTRAL_MIN / 4).tolist()
    return red, green, blue
