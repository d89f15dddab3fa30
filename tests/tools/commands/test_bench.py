"""`laserlink bench`: what it measures, what it prints, and what it writes."""

import json
from pathlib import Path

import pytest

from laserlink.tools.benchmarks.figure import Figure, Goal
from laserlink.tools.cli import run
from laserlink.tools.commands import bench


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two benchmarks that take no time."""
    for name, ratio in (("crc", 2.0), ("unpack-raw12", 0.5)):
        figure = Figure(name, ratio, "GB/s", "memcpy", 1.0, Goal(1.0))
        monkeypatch.setitem(bench.BENCHMARKS, name, lambda figure=figure: figure)


@pytest.mark.usefixtures("quick")
def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Named figures, in the order of the names, and nothing else on standard output."""
    assert run(["--json", "bench", "unpack-raw12", "crc"]) == 0
    figures = json.loads(capsys.readouterr().out)["figures"]
    assert [figure["name"] for figure in figures] == ["unpack-raw12", "crc"]
    assert {"value", "unit", "against", "against_value", "ratio", "goal"} <= set(figures[0])


@pytest.mark.usefixtures("quick")
def test_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """A table says which goal was reached, and which was not."""
    assert run(["--no-progress", "bench", "crc", "unpack-raw12"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "reached" in line]
    assert "not reached" not in lines[0] and "not reached" in lines[1]


@pytest.mark.usefixtures("quick")
def test_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page and its plot are written where they should go."""
    monkeypatch.setattr(bench, "costs", lambda: [(1.0, 0.3, 2.0), (4.0, 0.3, 2.0)])
    assert run(["--json", "bench", "crc", "--report", "--out", str(tmp_path)]) == 0
    assert "| crc |" in (tmp_path / "performance.md").read_text()


def test_what_is_refused(tmp_path: Path) -> None:
    """A name that there is not, and a report into a folder that there is not, are usage errors."""
    assert run(["bench", "no-such-figure"]) == 2
    assert run(["bench", "crc", "--report", "--out", str(tmp_path / "missing")]) == 2
