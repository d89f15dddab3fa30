"""How far a camera's colours are from those of the chart: CIEDE2000 of the 24 patches.

The way from samples to colours is the one that a DNG's tags tell every developer: black level, white
balance (on the grey patches themselves, so that the light's colour does not count), the colour matrix for
that light. How bright the picture is, is the photographer's: one factor for all patches.
"""

from dataclasses import dataclass

import numpy as np

from laserlink.firmware_model.targets import TARGETS, Kind
from laserlink.host_driver.develop import BadColorMatrix, camera_to_srgb
from laserlink.tools.colour_difference import ciede2000, lab_of_linear_srgb
from laserlink.tools.measuring.chart_finding import Place
from laserlink.tools.measuring.photon_transfer import NotMeasured
from laserlink.tools.measuring.still import Floats, Still

PATCHES = tuple(target for target in TARGETS if target.kind is Kind.PATCH)
GREYS = ("neutral 8", "neutral 6.5", "neutral 5", "neutral 3.5")
"""The patches that white balance is made on: white may be bright, black is dim."""
SIGNAL_MIN = 0.01
"""The least level of a grey patch, as a part of the span, that tells a colour."""


@dataclass(frozen=True)
class Patch:
    """One patch: linear sRGB light as published and as seen, and the difference, CIEDE2000."""

    name: str
    meant: tuple[float, float, float]
    seen: tuple[float, float, float]
    delta_e: float


def patches_of(still: Still, place: Place) -> tuple[Patch, ...]:
    """The patches of a picture of the chart. Raises NotMeasured when they cannot be told."""
    if still.matrices[0] is None:
        raise NotMeasured("the module does not say how it sees colours: its descriptor has no colour matrix")
    height, width = still.raw.shape
    samples = np.array([_mean(still.part(*place.box(patch, width, height)), patch.name) for patch in PATCHES])
    names = [patch.name for patch in PATCHES]
    neutral = samples[[names.index(name) for name in GREYS]].mean(axis=0)
    if neutral.min() < SIGNAL_MIN:
        raise NotMeasured("the grey patches are too dark: use more light, or a longer exposure")
    try:
        matrix = camera_to_srgb(*still.matrices, neutral / neutral.max()).astype(np.float64)
    except BadColorMatrix as error:
        raise NotMeasured(str(error)) from None
    seen = (samples / neutral) @ matrix.T
    meant = np.array([patch.light for patch in PATCHES])
    seen *= (meant * seen).sum() / (seen * seen).sum()
    errors = ciede2000(lab_of_linear_srgb(seen), lab_of_linear_srgb(meant))
    return tuple(
        Patch(name, _triple(published), _triple(light), float(error))
        for name, published, light, error in zip(names, meant, seen, errors, strict=True)
    )


def _mean(part: Still, name: str) -> Floats:
    """Red, green and blue of a patch as parts of the span."""
    if any(part.clipped(colour) for colour in "RGB"):
        raise NotMeasured(f"the patch {name} is saturated: use less light, or a shorter exposure")
    return np.array([part.level(colour) for colour in "RGB"])


def _triple(light: Floats) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in light)
    return red, green, blue
