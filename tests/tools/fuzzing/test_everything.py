"""laserlink.tools.fuzzing.everything: each target gets its part, and several processes are one report."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from laserlink.tools.fuzzing import everything
from laserlink.tools.fuzzing.engine import TARGETS, Finding, Limits, Seeded
from laserlink.tools.fuzzing.everything import WEIGHTS, Share, merge, next_engine, run_all, run_share


@pytest.fixture(autouse=True)
def usual_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    """The garbage of this process is collected as before."""
    monkeypatch.setattr(
        everything, "gc", type("Gc", (), {"freeze": lambda: 0, "set_threshold": lambda n: None})
    )


def engines(*facts: tuple[str, int, float]) -> list[Seeded]:
    found = []
    for name, runs, seconds in facts:
        engine = Seeded(TARGETS[name], 1)
        engine.runs, engine.cpu_seconds = runs, seconds
        found.append(engine)
    return found


def test_all_targets_have_a_weight() -> None:
    """No target is left out."""
    assert set(WEIGHTS) == set(TARGETS)


def test_who_is_behind_is_next() -> None:
    """A target that is behind what each must get comes first; then goes the one with the least time."""
    behind = engines(("framer", 9000, 1.0), ("session", 10, 9.0), ("host", 2000, 0.1))
    assert next_engine(behind).target.name == "session"
    enough = engines(("framer", 9000, 1.0), ("session", 5000, 9.0), ("host", 2000, 0.1))
    assert next_engine(enough).target.name == "host"
    assert next_engine(engines(("framer", 0, 0.0), ("host", 5, 0.0))).target.name == "framer"


def test_two_processes_are_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inputs, features and lines of all shares are in the whole; each target has had its inputs."""
    monkeypatch.setattr(everything, "WEIGHTS", {"framer": 1, "messages": 1})
    told: list[str] = []
    with ThreadPoolExecutor(1) as executor:
        whole, parts = run_all(executor, 2, Limits(runs=60), 5, tmp_path, told.append)
    assert [(part.target, part.runs) for part in parts] == [("framer", 60), ("messages", 60)]
    assert whole.runs == 120 and whole.findings == {}
    assert whole.coverage["count"] == sum(part.coverage["count"] for part in parts)
    lines = whole.coverage["lines"]["protocol"]["reached"]
    assert lines >= max(part.coverage["lines"]["protocol"]["reached"] for part in parts) > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["framer", "messages"]


def test_time_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a time, slices go round until it is over, and both targets have run."""
    monkeypatch.setattr(everything, "WEIGHTS", {"framer": 1, "messages": 1})
    monkeypatch.setattr(everything, "SLICE_SECONDS", 0.02)
    share = run_share(Limits(seconds=0.2), 1, None)
    assert all(report.runs > 0 for report in share.reports.values())


def test_findings_of_any_process_are_kept() -> None:
    """What failed in one process is in the report of its target."""
    shares: list[Share] = []
    for name in ("a", "b"):
        share = run_share(Limits(runs=1), 1, None) if not shares else shares[0]
        report = Seeded(TARGETS["framer"], 1).report()
        report.findings = {name: Finding(b"x", name, name)}
        shares.append(Share({**share.reports, "framer": report}, share.features, share.lines))
    assert set(merge("framer", 1, shares).findings) == {"a", "b"}
