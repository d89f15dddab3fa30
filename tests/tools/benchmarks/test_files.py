"""The benchmark of files, on a small image."""

import sys

import pytest

from laserlink.tools.benchmarks import files
from laserlink.tools.benchmarks.module_side import ModuleOptions


@pytest.mark.skipif(sys.platform != "linux", reason="a ring needs Linux")
def test_writing_has_a_figure() -> None:
    """A picture of the link is written both ways."""
    figure = files.dng_write(ModuleOptions(640, 480), rounds=1)
    assert figure.name == "dng-write" and figure.value > 0 and figure.ratio
