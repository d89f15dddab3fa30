"""One picture as measuring sees it: the right samples under each colour, and what is refused."""

import numpy as np
import pytest

from laserlink.host_driver.shot import Shot
from laserlink.tools.measuring.still import Still

METADATA = {
    "BitsPerPixel": 12,
    "WhiteLevel": 4095,
    "SensorBlackLevels": (256,) * 4,
    "CfaPattern": "RGGB",
    "ExposureTime": 500,
}


def mosaic(cfa: str) -> Still:
    """A picture whose red samples are 300, green 400, blue 500."""
    values = {"R": 300, "G": 400, "B": 500}
    cell = np.array([values[letter] for letter in cfa], np.uint16).reshape(2, 2)
    return Still(np.tile(cell, (4, 6)), cfa, 256.0, 4095, 500, 12)


@pytest.mark.parametrize("cfa", ["RGGB", "GRBG", "GBRG", "BGGR"])
def test_colours_are_found_in_every_bayer_order(cfa: str) -> None:
    """The samples of a colour are those under its filter, also after an odd cut."""
    for still in (mosaic(cfa), mosaic(cfa).part(3, 1, 5, 5)):
        for colour, value in (("R", 300), ("G", 400), ("B", 500)):
            planes = still.planes(colour)
            assert len(planes) == (2 if colour == "G" else 1)
            assert all((plane == value).all() for plane in planes)
            assert still.level(colour) == pytest.approx((value - 256) / 3839)


def test_one_colour_at_white_is_clipped() -> None:
    """Saturation is told by colour."""
    still = mosaic("RGGB")
    still.raw[::2, ::2] = 4095
    assert still.clipped("R")
    assert not still.clipped("G")


def test_a_shot_brings_its_levels() -> None:
    """Levels and exposure come from the metadata."""
    raw = np.full((4, 8), 300, np.uint16)
    still = Still.of(Shot(raw, METADATA))
    assert (still.black, still.white, still.exposure_us, still.bits) == (256.0, 4095, 500, 12)
