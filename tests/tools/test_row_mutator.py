"""laserlink.tools.row_mutator: every row is spoiled in each way, and a test that looks kills the mutant."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from served import WAIT_SECONDS

from laserlink.tools import row_mutator
from laserlink.tools.row_mutator import WatchedTable, mutants_of, rows_looked_up, table_of

# Looks at one row only, and not at its action.
TESTS = """
from laserlink.firmware_model.table import TABLE, Input
from laserlink.protocol.states import ModuleState

def test_row():
    assert TABLE[ModuleState.DETACHED, Input.POWER_UP][1] is ModuleState.POWERED
"""


@pytest.mark.parametrize("machine", row_mutator.FOLDERS)
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
        mutant.apply()
        (changed,) = [key for key in before if before[key] != table.get(key)]
        assert mutant.touched == ("module", changed[0].name, changed[1].name)
        now = table.get(changed)
        assert (now[0], now[1].name) == (mutant.action, mutant.target) if now else not mutant.target


def test_rows_that_are_looked_up_are_noted_and_others_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """In whichever way a machine looks; what was looked up before does not count."""
    tables = {machine: WatchedTable(table_of(machine)) for machine in row_mutator.FOLDERS}
    monkeypatch.setattr(row_mutator, "table_of", tables.get)
    keys = list(tables["host"])[:5]
    tables["host"].get(keys[4])
    with rows_looked_up() as touched:
        assert tables["host"][keys[0]] == tables["host"].get(keys[0])
        assert keys[1] in tables["host"]
        assert tables["host"].get(keys[2], None) is not None
    names = {("host", state.name, happening.name) for state, happening in keys[:3]}
    assert touched == names


def test_score_is_printed_and_written(tmp_path: Path) -> None:
    """The command names survivors and score, writes them, and exits by the score that was wanted."""
    (tmp_path / "test_one_row.py").write_text(TESTS)
    out = tmp_path / "score.json"
    options = ["--machine", "module", "--json", str(out), "--wanted", "100"]
    result = subprocess.run(
        [sys.executable, "-m", "laserlink.tools.row_mutator", *options, str(tmp_path / "test_one_row.py")],
        capture_output=True, text=True, timeout=WAIT_SECONDS, check=False,
    )  # fmt: skip
    assert result.returncode == 1, result.stderr
    document = json.loads(out.read_text())["module"]
    # The row is deleted, led to two other states, and robbed of its action, which the test does not look at.
    assert (document["mutants"], document["killed"]) == (len(list(mutants_of("module"))), 3)
    assert len(document["survivors"]) == document["mutants"] - 3
    assert f"module: 3 of {document['mutants']} killed" in result.stdout
    assert "survived: module (DETACHED, POWER_UP): ('nothing', POWERED)" in result.stdout
    assert result.stdout.count("survived:") == len(document["survivors"])
