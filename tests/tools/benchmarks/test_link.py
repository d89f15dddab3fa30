"""The benchmarks of the link, on small images."""

import sys

import pytest

from laserlink.tools.benchmarks import link
from laserlink.tools.benchmarks.module_side import ModuleOptions

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a ring needs Linux")
SMALL = ModuleOptions(2048, 1024)


def test_the_link_has_a_figure() -> None:
    """Images come whole from the other process, and both figures are of the same run."""
    figure = link.link(SMALL, rounds=1, images=2)
    assert figure.name == "link" and figure.value > 0 and figure.ratio
    assert figure.details["packed_gbps"] == pytest.approx(figure.value * 6)


def test_two_streams_have_a_figure() -> None:
    """A full image and a preview come interleaved, beside the full image alone."""
    figure = link.link_two_streams(SMALL, rounds=1, images=2)
    assert figure.name == "link-two-streams" and figure.value > 0 and figure.against == "link"


def test_memory_is_measured() -> None:
    """The peak above one image is told in megabytes, and is no image more."""
    figure = link.host_memory(SMALL, images=3)
    assert figure.unit == "MB" and figure.value < 32


def test_cost_of_a_size() -> None:
    """A size has its time for a byte, and its peak of memory."""
    seconds, peak = link.cost(SMALL)
    assert seconds > 0 and peak > 0
