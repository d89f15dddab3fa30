"""laserlink.tools.row_mutator: every row is spoiled in each way, and a test that looks kills the mutant."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from served import WAIT_SECONDS

from laserlink.tools import row_mutator
from laserlink.tools.row_mutator import Mutant, mutants_of, spoil, survivors_of, table_of

STRUCTURE = "tests/firmware_model/test_table.py"


@pytest.fixture(autouse=True)
def root(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests that are run are named from the project's folder."""
    monkeypatch.chdir(request.config.rootpath)


@pytest.mark.parametrize("machine", row_mutator.TABLES)
def test_every_row_is_deleted_and_led_elsewhere(machine: str) -> None:
    """Each row has its deletion and at least one other state; no mutant is the row itself, or comes twice."""
    table = {(state.name, happening.name): row for (state, happening), row in table_of(machine).items()}
    mutants = list(mutants_of(machine))
    assert len(set(mutants)) == len(mutants)
    for key, (action, target) in table.items():
        own = [mutant for mutant in mutants if (mutant.state, mutant.happening) == key]
        assert sum(not mutant.target for mutant in own) == 1
        assert any(mutant.target not in ("", target.name) for mutant in own)
        assert (action, target.name) not in [(mutant.action, mutant.target) for mutant in own]


def test_spoiled_table_says_what_the_mutant_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """The change is made in place, for whoever holds the table already."""
    table = dict(table_of("module"))
    monkeypatch.setattr(row_mutator, "table_of", lambda machine: table)
    before = dict(table)
    mutants = list(mutants_of("module"))
    for mutant in (mutants[0], next(mutant for mutant in mutants if mutant.target)):
        table.clear()
        table.update(before)
        spoil(mutant)
        (changed,) = [key for key in before if before[key] != table.get(key)]
        assert (changed[0].name, changed[1].name) == (mutant.state, mutant.happening)
        now = table.get(changed)
        assert (now[0], now[1].name) == (mutant.action, mutant.target) if now else not mutant.target


def test_removal_that_leads_elsewhere_is_killed_and_what_nobody_looks_at_survives() -> None:
    """Real runs: the structure test sees a removal that does not detach, and no action that is gone."""
    caught = Mutant("module", "READY", "REMOVED", "detach", "READY")
    unseen = next(
        mutant for mutant in mutants_of("module") if mutant.happening == "STREAM_START" and mutant.target
    )
    same = table_of("module")
    assert dict(survivors_of([caught, unseen], [STRUCTURE], 2)) == {caught: False, unseen: True}
    assert table_of("module") is same


def test_tests_that_fail_anyway_prove_nothing(tmp_path: Path) -> None:
    """Without a mutant, the tests must pass."""
    broken = tmp_path / "test_broken.py"
    broken.write_text("def test_broken():\n    assert False\n")
    with pytest.raises(RuntimeError, match="without any mutant"):
        list(survivors_of([], [str(broken)], 1))


def test_a_hanging_mutant_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mutant on which the tests never end is one that they notice."""
    hanging = tmp_path / "test_hanging.py"
    hanging.write_text(
        "import time\nfrom laserlink.firmware_model.table import TABLE\n"
        f"def test_hangs():\n    time.sleep({WAIT_SECONDS} * (len(TABLE) < {len(table_of('module'))}))\n"
    )
    monkeypatch.setattr(row_mutator, "SECONDS_MAX", 3.0)
    (mutant,) = [mutant for mutant in mutants_of("module") if not mutant.target][:1]
    assert list(survivors_of([mutant], [str(hanging)], 1)) == [(mutant, False)]


def test_score_is_printed_and_written(tmp_path: Path) -> None:
    """The command names survivors and score, writes them, and exits by the score that was wanted."""
    program = (
        "import sys; from laserlink.tools import row_mutator as r;"
        f"r.TESTS['module'] = ({STRUCTURE!r},); whole = r.mutants_of;"
        "r.mutants_of = lambda machine: list(whole(machine))[:3];"
        "sys.exit(r.main(sys.argv[1:]))"
    )
    out = tmp_path / "score.json"
    result = subprocess.run(
        [sys.executable, "-c", program, "--machine", "module", "--json", str(out), "--wanted", "100.1"],
        capture_output=True, text=True, timeout=WAIT_SECONDS,
    )  # fmt: skip
    assert result.returncode == 1, result.stderr
    document = json.loads(out.read_text())["module"]
    assert document["mutants"] == 3 and document["killed"] + len(document["survivors"]) == 3
    assert f"{document['killed']} of 3 killed" in result.stdout
    assert result.stdout.count("survived:") == len(document["survivors"])
