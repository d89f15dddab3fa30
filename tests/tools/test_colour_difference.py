"""tools/colour_difference.py: CIELAB and CIEDE2000 against published numbers, and the chart."""

from pathlib import Path

import numpy as np
import pytest
from served import serving, url_of

from laserlink.firmware_model.targets import TARGETS, Kind
from laserlink.host_driver.camera import Camera
from laserlink.tools.colour_difference import D65_XYZ, ciede2000, lab_of_linear_srgb, lab_of_xyz

# Sharma, Wu and Dalal 2005, table 1: pairs of L, a, b, and their difference.
SHARMA = """
50 2.6772 -79.7751 50 0 -82.7485 2.0425
50 3.1571 -77.2803 50 0 -82.7485 2.8615
50 2.8361 -74.0200 50 0 -82.7485 3.4412
50 -1.3802 -84.2814 50 0 -82.7485 1.0000
50 -1.1848 -84.8006 50 0 -82.7485 1.0000
50 -0.9009 -85.5211 50 0 -82.7485 1.0000
50 0 0 50 -1 2 2.3669
50 -1 2 50 0 0 2.3669
50 2.4900 -0.0010 50 -2.4900 0.0009 7.1792
50 2.4900 -0.0010 50 -2.4900 0.0010 7.1792
50 2.4900 -0.0010 50 -2.4900 0.0011 7.2195
50 2.4900 -0.0010 50 -2.4900 0.0012 7.2195
50 -0.0010 2.4900 50 0.0009 -2.4900 4.8045
50 -0.0010 2.4900 50 0.0010 -2.4900 4.8045
50 -0.0010 2.4900 50 0.0011 -2.4900 4.7461
50 2.5 0 50 0 -2.5 4.3065
50 2.5 0 73 25 -18 27.1492
50 2.5 0 61 -5 29 22.8977
50 2.5 0 56 -27 -3 31.9030
50 2.5 0 58 24 15 19.4535
50 2.5 0 50 3.1736 0.5854 1.0000
50 2.5 0 50 3.2972 0 1.0000
50 2.5 0 50 1.8634 0.5757 1.0000
50 2.5 0 50 3.2592 0.3350 1.0000
60.2574 -34.0099 36.2677 60.4626 -34.1751 39.4387 1.2644
63.0109 -31.0961 -5.8663 62.8187 -29.7946 -4.0864 1.2630
61.2901 3.7196 -5.3901 61.4292 2.2480 -4.9620 1.8731
35.0831 -44.1164 3.7933 35.0232 -40.0716 1.5901 1.8645
22.7233 20.0904 -46.6940 23.0331 14.9730 -42.5619 2.0373
36.4612 47.8580 18.3852 36.2715 50.5065 21.2231 1.4146
90.8027 -2.0831 1.4410 91.1528 -1.6435 0.0447 1.4441
90.9257 -0.5406 -0.9208 88.6381 -0.8985 -0.7239 1.5381
6.7747 -0.2908 -2.4247 5.8714 -0.0985 -2.2286 0.6377
2.0776 0.0795 -1.1350 0.9033 -0.0636 -0.5514 0.9082
"""
PAIRS = np.array([line.split() for line in SHARMA.split("\n") if line], dtype=float)


def test_ciede2000_is_the_published_one() -> None:
    """All 34 pairs of the published test data, to four decimals, in both directions."""
    first, second, expected = PAIRS[:, :3], PAIRS[:, 3:6], PAIRS[:, 6]
    np.testing.assert_allclose(ciede2000(first, second), expected, atol=1e-4)
    np.testing.assert_allclose(ciede2000(second, first), expected, atol=1e-4)
    assert ciede2000(first, first).max() == 0


def test_lab_of_what_is_known() -> None:
    """White, black, a middle grey and red, which everybody's tables have."""
    light = [[1, 1, 1], [0, 0, 0], [0.18418652, 0.18418652, 0.18418652], [1, 0, 0]]
    expected = [[100, 0, 0], [0, 0, 0], [50, 0, 0], [53.2408, 80.0925, 67.2032]]
    np.testing.assert_allclose(lab_of_linear_srgb(light), expected, atol=5e-3)
    np.testing.assert_allclose(lab_of_xyz(D65_XYZ, D65_XYZ), [100, 0, 0], atol=1e-9)


def test_the_charts_colours_come_out_of_libraw(tmp_path: Path) -> None:
    """The mean CIEDE2000 of the 24 patches, module to DNG to LibRaw, is at most 3."""
    rawpy = pytest.importorskip("rawpy")
    with serving("uart-1m", "--line-rate", "0") as served, Camera(url_of(served)) as camera:
        camera.configure("still-full", "RAW12")
        path = camera.capture().save(tmp_path / "chart.dng").path
    with rawpy.imread(str(path)) as raw:
        linear = {"gamma": (1, 1), "no_auto_bright": True, "output_bps": 16, "use_camera_wb": True}
        picture = raw.postprocess(**linear).astype(float) / 65535
    height, width = picture.shape[:2]
    patches = [target for target in TARGETS if target.kind is Kind.PATCH]
    seen = np.array([picture[box(target.pixels(width, height))].mean(axis=(0, 1)) for target in patches])
    meant = np.array([target.light for target in patches])
    # How bright the picture is, is the photographer's: one factor for all.
    seen *= (meant * seen).sum() / (seen * seen).sum()
    errors = ciede2000(lab_of_linear_srgb(seen), lab_of_linear_srgb(meant))
    assert len(errors) == 24
    assert errors.mean() <= 3, errors.round(1).tolist()


def box(place: tuple[int, int, int, int]) -> tuple[slice, slice]:
    """Rows and columns of (x, y, width, height)."""
    x, y, width, height = place
    return slice(y, y + height), slice(x, x + width)
