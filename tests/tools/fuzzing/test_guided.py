"""laserlink.tools.fuzzing.guided: a child that fuzzes under libFuzzer, and what is read from its words."""

import os
import platform
import sys
from pathlib import Path

import pytest

from laserlink.tools.fuzzing import guided

LINES = """INFO: Running with entropic power schedule (0xFF, 100).
#2	INITED cov: 41 ft: 42 corp: 1/1b exec/s: 0 rss: 58Mb
#1024	NEW    cov: 90 ft: 165 corp: 22/5239b lim: 4096 exec/s: 6566 rss: 59Mb L: 25/1765 MS: 1 Custom-
#3000	DONE   cov: 91 ft: 170 corp: 23/5300b lim: 4096 exec/s: 4932 rss: 59Mb
Done 3000 runs in 4 second(s)
stat::number_of_executed_units: 3001
"""


def needs_atheris() -> None:
    """Skip where there is no atheris, and say so; in CI it is there."""
    if guided.is_installed():
        return
    expected = sys.platform == "linux" and platform.machine() == "x86_64" and sys.version_info < (3, 14)
    if os.environ.get("CI") and expected:
        pytest.fail("atheris is not installed")
    pytest.skip("atheris is not installed")


def test_what_libfuzzer_says() -> None:
    """Runs, edges, features and corpus are read from its lines, and told as they come."""
    told: list[str] = []
    facts = guided.follow(LINES.splitlines(keepends=True), "framer", told.append)
    assert (facts["runs"], facts["edges"], facts["features"], facts["corpus"]) == (3001, 91, 170, 23)
    assert told[-1] == "framer: 3000 runs, 91 edges"
    assert guided.follow(["ModuleNotFoundError: atheris\n"], "framer", told.append)["last"].startswith(
        "Module"
    )


@pytest.mark.parametrize(("seconds", "runs"), [(2.4, None), (None, 50), (0.2, 9)])
def test_options_become_arguments(seconds: float | None, runs: int | None) -> None:
    """Times are whole seconds of at least one, no seed is 0, and both folders are named, new inputs first."""
    options = {
        "seed": 0,
        "bytes_max": 9,
        "folder": "f",
        "seconds": seconds,
        "runs": runs,
        "corpus": "c",
        "seeds": "s",
    }
    found = guided.arguments_of(options)
    assert found[-2:] == ["c", "s"]
    assert "-seed=1" in found and "-max_len=9" in found and "-artifact_prefix=f/" in found
    assert [item for item in found if "total_time" in item] == (
        [f"-max_total_time={max(1, round(seconds))}"] if seconds else []
    )
    assert [item for item in found if "-runs" in item] == ([f"-runs={runs}"] if runs else [])


def test_a_run_under_atheris(tmp_path: Path) -> None:
    """The child starts, sees edges of the code under test, adds to the corpus, and ends at its limit."""
    needs_atheris()
    told: list[str] = []
    facts, failed = guided.run_atheris("framer", 512, None, 300, 7, tmp_path / "corpus", told.append)
    assert failed == []
    assert facts["runs"] >= 300
    assert facts["edges"] > 20
    assert list((tmp_path / "corpus").iterdir())
    assert told


def test_a_child_that_does_not_run_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that ends before its first input says why."""
    monkeypatch.setattr(guided.sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match="did not run"):
        guided.run_atheris("framer", 512, None, 1, 7, None, lambda text: None)
