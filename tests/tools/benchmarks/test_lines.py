"""The benchmarks of lines, short ones."""

import sys

import pytest

from laserlink.tools.benchmarks import lines

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="rings and pseudo-terminals need Linux")


def test_a_round_trip_has_a_figure() -> None:
    """Both ways of asking are timed in turns."""
    figure = lines.control_round_trip(trips=5)
    assert figure.value > 0 and figure.ratio and figure.unit == "us"


def test_the_first_line_has_a_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines come through the ring one by one; without ZeroMQ that is said."""
    monkeypatch.setattr(lines, "zeromq_us", lambda messages: None)
    figure = lines.first_line(lines=5)
    assert figure.ratio is None and "missing" in figure.against
    assert 0 < figure.value <= figure.details["from_begin_us"]


def test_a_paced_line_has_a_figure() -> None:
    """No more comes over a paced line than it carries."""
    figure = lines.serial(12_000_000, seconds=0.3)
    assert figure.name == "serial-12m" and figure.ratio is not None and 0.1 < figure.ratio < 1.1
