"""Colour errors: none for a camera that does as it says, what was done for one that does not."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from laserlink.host_driver.develop import XYZ_FROM_SRGB
from laserlink.tools.measuring.chart_finding import Place
from laserlink.tools.measuring.colours import PATCHES, patches_of
from laserlink.tools.measuring.photon_transfer import NotMeasured
from laserlink.tools.measuring.still import Still

MATRIX = np.array([[0.9, -0.3, -0.1], [-0.4, 1.2, 0.2], [-0.1, 0.2, 0.6]])
HERE = Place(np.eye(3), 1.0)
BLACK, WHITE = 256.0, 4095


def chart(matrix: NDArray[np.float64] = MATRIX, level: float = 0.8) -> Still:
    """The patches as a camera of that matrix sees them, for one that says MATRIX."""
    raw = np.full((600, 800), BLACK)
    for patch in PATCHES:
        x, y, width, height = HERE.box(patch, 800, 600)
        camera = matrix @ XYZ_FROM_SRGB @ np.array(patch.light) * level
        samples = np.clip(camera, 0, 1) * (WHITE - BLACK) + BLACK
        for (row, column), colour in zip(((0, 0), (0, 1), (1, 0), (1, 1)), (0, 1, 1, 2), strict=True):
            raw[y + row : y + height : 2, x + column : x + width : 2] = samples[colour]
    return Still(np.rint(raw).astype(np.uint16), "RGGB", BLACK, WHITE, 1000, 12, (MATRIX.ravel(), None))


def test_a_camera_that_is_as_it_says_has_no_error() -> None:
    """All 24 patches, whatever the exposure and the light's colour."""
    for still in (chart(), chart(level=0.3), chart(np.diag([0.7, 1.0, 1.3]) @ MATRIX, 0.5)):
        patches = patches_of(still, HERE)
        assert len(patches) == 24
        assert max(patch.delta_e for patch in patches) < 1.0
    assert patches[18].name == "white"


def test_wrong_colours_are_an_error() -> None:
    """A camera that mixes its colours otherwise than it says is told so; greys stay grey."""
    mixed = np.array([[0.8, 0.2, 0.0], [0.1, 0.8, 0.1], [0.0, 0.2, 0.8]]) @ MATRIX
    patches = patches_of(chart(mixed), HERE)
    errors = {patch.name: patch.delta_e for patch in patches}
    assert np.mean(list(errors.values())) > 3
    assert errors["neutral 5"] < 1.5
    assert errors["red"] > 5


def test_what_cannot_be_told_is_said() -> None:
    """No matrix, no light, too much light."""
    with pytest.raises(NotMeasured, match="no colour matrix"):
        patches_of(replace(chart(), matrices=(None, None)), HERE)
    with pytest.raises(NotMeasured, match="too dark"):
        patches_of(chart(level=0.005), HERE)
    with pytest.raises(NotMeasured, match="white is saturated"):
        patches_of(chart(level=1.6), HERE)
    with pytest.raises(NotMeasured, match="ColorMatrix"):
        patches_of(replace(chart(), matrices=(np.zeros(9), None)), HERE)
