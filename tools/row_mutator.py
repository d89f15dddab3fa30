"""Spoils the machines' tables row by row, and runs the tests: which rows could be wrong unseen?

    python -m laserlink.tools.row_mutator [--machine host] [--jobs 2] [--json FILE]

mutmut does not touch module-level tables, and these tables are what the machines do. Each row is deleted, led
to another state, kept in its own, and robbed of its action, one at a time. A mutant that some test fails on,
or that hangs, is killed; the score is the part that is killed. Only what the machines do counts: a test that
compares a table with itself, with a list of its rows or with a file made from it is not among the tests.
"""

import argparse
import importlib
import json
import os
import sys
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from laserlink.tools.mutant_runner import Session, run

FOLDERS = {"module": "firmware_model", "host": "host_driver"}
TESTS = (
    *(f"tests/firmware_model/test_{name}.py" for name in
      ("actions", "bulk", "controls", "machine", "power", "services", "stream", "training")),
    *(f"tests/host_driver/test_{name}.py" for name in ("actions", "controls", "machine", "stream")),
    *(f"tests/exhaustive/test_{name}.py" for name in
      ("every_message", "host_happenings", "module_happenings")),
    "tests/tools/test_stepper.py",
    # These take what they expect from the tables.
    "--deselect=tests/firmware_model/test_machine.py::test_a_row_acts_and_lands_and_a_missing_row_does_nothing",
    "--deselect=tests/host_driver/test_machine.py::test_a_row_acts_and_lands_and_a_missing_row_does_nothing",
)  # fmt: skip
NO_ACTION = "nothing"

Key = tuple[Enum, Enum]
Row = tuple[str, Enum]


class WatchedTable(dict[Key, Row]):
    """A table that notes which of its rows are looked up."""

    def __init__(self, rows: dict[Key, Row]) -> None:
        super().__init__(rows)
        self.consulted: set[Key] = set()

    def __getitem__(self, key: Key) -> Row:
        self.consulted.add(key)
        return super().__getitem__(key)

    def get(self, key: Key, default: Any = None) -> Any:
        self.consulted.add(key)
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        self.consulted.add(key)  # type: ignore[arg-type]
        return super().__contains__(key)


@dataclass(frozen=True)
class RowMutant:
    """One row, spoiled: `action` and `target` are what it says now; both are empty when it is deleted."""

    machine: str
    state: str
    happening: str
    action: str = ""
    target: str = ""

    def __str__(self) -> str:
        change = f"({self.action!r}, {self.target})" if self.target else "deleted"
        return f"{self.machine} ({self.state}, {self.happening}): {change}"

    @property
    def touched(self) -> Hashable:
        """The row that a test must have looked up."""
        return self.machine, self.state, self.happening

    @property
    def homes(self) -> tuple[str, ...]:
        """What is written for the rows is asked first."""
        return (f"tests/exhaustive/test_{self.machine}_happenings.py",)

    def apply(self) -> None:
        """Change the table in place: the machine holds it already."""
        table = table_of(self.machine)
        (state, happening) = next(
            key for key in table if (key[0].name, key[1].name) == (self.state, self.happening)
        )
        if self.target:
            table[state, happening] = (self.action, type(state)[self.target])
        else:
            del table[state, happening]


def table_of(machine: str) -> dict[Key, Row]:
    """The table of a machine, which is the one that it looks into."""
    table: dict[Key, Row] = importlib.import_module(f"laserlink.{FOLDERS[machine]}.table").TABLE
    return table


def mutants_of(machine: str) -> Iterator[RowMutant]:
    """All mutants of a machine's table: up to four of each row."""
    for (state, happening), (action, target) in table_of(machine).items():
        row = (machine, state.name, happening.name)
        yield RowMutant(*row)
        states = list(type(state))
        following = (states.index(target) + 1) % len(states)
        others = {state, states[following], states[(following + 1) % len(states)]} - {target}
        for other in sorted(others, key=states.index)[:2]:
            yield RowMutant(*row, action, other.name)
        if action != NO_ACTION:
            yield RowMutant(*row, NO_ACTION, target.name)


def watch_tables() -> None:
    """Put tables that note what is looked up in place of the plain ones: before a machine is imported."""
    for folder in FOLDERS.values():
        module: Any = importlib.import_module(f"laserlink.{folder}.table")
        module.TABLE = WatchedTable(module.TABLE)


@contextmanager
def rows_looked_up() -> Iterator[set[Hashable]]:
    """The rows that are looked up meanwhile, as `RowMutant.touched` names them."""
    tables = {machine: table_of(machine) for machine in FOLDERS}
    touched: set[Hashable] = set()
    for table in tables.values():
        assert isinstance(table, WatchedTable)
        table.consulted.clear()
    yield touched
    for machine, table in tables.items():
        assert isinstance(table, WatchedTable)
        touched.update((machine, state.name, happening.name) for state, happening in table.consulted)


def score(outcomes: Sequence[tuple[RowMutant, str]]) -> dict[str, Any]:
    """The outcome of one machine's mutants, for people and JSON."""
    survivors = [mutant for mutant, killer in outcomes if not killer]
    killed = len(outcomes) - len(survivors)
    return {
        "mutants": len(outcomes), "killed": killed, "score_percent": round(100 * killed / len(outcomes), 1),
        "survivors": [asdict(mutant) for mutant in survivors],
    }  # fmt: skip


def measure(machines: Sequence[str], tests: Sequence[str], jobs: int) -> dict[str, Any]:
    """Print each survivor as it is found, and the score of each machine."""
    scores: dict[str, Any] = {}

    def work(session: Session) -> None:
        for machine in machines:
            outcomes = []
            for mutant, killer in session.survivors(list(mutants_of(machine))):
                outcomes.append((mutant, killer))
                if not killer:
                    print(f"survived: {mutant}", flush=True)
            scores[machine] = score(outcomes)
            print("{0}: {killed} of {mutants} killed, {score_percent} %".format(machine, **scores[machine]))

    watch_tables()
    run(tests, Session(rows_looked_up, jobs, work))
    return scores


def main(arguments: Sequence[str] | None = None) -> int:
    """Print survivors and scores; 1 when a score is below the wanted one."""
    parser = argparse.ArgumentParser(description="Spoil the machines' tables row by row, and run the tests.")
    parser.add_argument("--machine", choices=FOLDERS, action="append", help="only this one; default: both")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--wanted", type=float, default=90.0, help="the score in percent that is enough")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("tests", nargs="*", default=TESTS, help="what is run instead of the machines' tests")
    options = parser.parse_args(arguments)
    scores = measure(options.machine or list(FOLDERS), options.tests, options.jobs)
    if options.json:
        options.json.write_text(json.dumps(scores, indent=2) + "\n")
    return int(any(outcome["score_percent"] < options.wanted for outcome in scores.values()))


if __name__ == "__main__":
    sys.exit(main())
