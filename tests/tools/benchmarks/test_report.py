"""The page of figures and its plot."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from laserlink.tools.benchmarks.figure import Figure, Goal
from laserlink.tools.benchmarks.report import PLOT_NAME, write

FIGURES = [
    Figure("link", 3.0, "GB/s", "memcpy", 4.0, Goal(0.75)),
    Figure("crc", 3.0, "GB/s", "packages, which are missing", None, Goal(1.5)),
]


def test_page_and_plot(tmp_path: Path) -> None:
    """The page has a row for every figure and every size, and the plot is an XML that it shows."""
    write(tmp_path, FIGURES, [(1.0, 0.3, 2.1), (4.0, 0.31, 2.0)])
    text = (tmp_path / "performance.md").read_text()
    assert "| link | 3.00 GB/s | memcpy: 4.00 | 0.75 | at least 0.75 x | reached |" in text
    assert "which are missing: - | - | at least 1.5 x | not known |" in text
    assert "| 4 | 0.310 | 2.00 |" in text and PLOT_NAME in text
    plot = ElementTree.fromstring((tmp_path / PLOT_NAME).read_text())
    assert sum(item.tag.endswith("circle") for item in plot) == 4
