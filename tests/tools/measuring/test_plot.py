"""The picture of the figures: it is drawn with all, with some, and with none of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from laserlink.tools.measuring.colours import PATCHES, Patch
from laserlink.tools.measuring.figures import Findings, Report, Subject
from laserlink.tools.measuring.photon_transfer import Pair
from laserlink.tools.measuring.plot import HEIGHT, WIDTH, draw
from laserlink.tools.measuring.slanted_edge import EdgeResponse


def full() -> Findings:
    """Findings for all four diagrams."""
    findings = Findings("LaserLink TEST", "still", 16, 1.0, 25.0, 1.4)
    findings.dark = [Pair(20, 1000.0, 1000.0, 1.0, 0.01, False)]
    for us in range(1000, 43_000, 1000):
        mean = 1000 + 0.5 * min(us, 40_000)
        findings.light.append(Pair(us, mean, mean, 0.25 * us if us <= 40_000 else 0.1, 1.0, False))
    frequencies = np.linspace(0, 1, 100)
    findings.edges = {"edge 1 left": EdgeResponse(frequencies, np.exp(-9 * frequencies**2), 0.277, 5.0, True)}
    findings.patches = tuple(Patch(patch.name, patch.light or (0, 0, 0), (1, 0, 0), 3.0) for patch in PATCHES)
    return findings


def drawn(findings: Findings, path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    draw(findings, Report.of(findings, tuple(Subject)), path)
    with Image.open(path) as image:
        assert image.size == (WIDTH, HEIGHT)
        return np.asarray(image.convert("RGB")).astype(int)


def test_all_four_diagrams_are_drawn(tmp_path: Path) -> None:
    """Each quarter of the page has its own curves, and the patches as seen are inside of those as meant."""
    page = drawn(full(), tmp_path / "f.png")
    red = (page[..., 0] > 170) & (page[..., 1] < 60) & (page[..., 2] < 90)
    for rows in (slice(250, 640), slice(760, 1150)):
        for columns in (slice(0, 790), slice(830, 1600)):
            assert red[rows, columns].sum() > 100
    without = drawn(replace(full(), patches=()), tmp_path / "g.png")
    assert (page[:750] == without[:750])[200:].all() and (page[760:, 830:] != without[760:, 830:]).any()


@pytest.mark.parametrize("findings", [Findings(), Findings(why=dict.fromkeys(Subject, "no light " * 30))])
def test_nothing_measured_is_a_page_that_says_so(tmp_path: Path, findings: Findings) -> None:
    """No figures make no error: each diagram's place tells why it is empty, also at length."""
    page = drawn(findings, tmp_path / "f.png")
    assert (page[300:600, 150:750].mean(axis=2) < 160).sum() > 50
