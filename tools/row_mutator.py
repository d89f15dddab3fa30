"""Spoils the machines' tables row by row, and runs the tests: which rows could be wrong unseen?

    python -m laserlink.tools.row_mutator [--machine host] [--jobs 2] [--json FILE]

mutmut does not touch module-level tables, and these tables are what the machines do. Each row is deleted, led
to another state, kept in its own, and robbed of its action, one at a time. A mutant that some test fails on,
or that hangs, is killed; the score is the part that is killed.
"""

import argparse
import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any

TABLES = {"module": "laserlink.firmware_model.table", "host": "laserlink.host_driver.table"}
# The machine's own tests first: the sooner one fails, the sooner the next mutant has its turn. None of these
# compares the tables with a file that was made from them.
TESTS = {
    "module": ("tests/firmware_model/test_table.py", "tests/firmware_model/test_machine.py",
               "tests/firmware_model/test_actions.py", "tests/firmware_model/test_stream.py",
               "tests/firmware_model/test_services.py", "tests/host_driver/test_machine.py",
               "tests/host_driver/test_actions.py", "tests/exhaustive/test_every_message.py"),
    "host": ("tests/host_driver/test_table.py", "tests/host_driver/test_machine.py",
             "tests/host_driver/test_actions.py", "tests/host_driver/test_stream.py",
             "tests/firmware_model/test_machine.py", "tests/exhaustive/test_every_message.py"),
}  # fmt: skip
NO_ACTION = "nothing"
SECONDS_MAX = 120.0
PASSED = 0

Table = dict[tuple[Enum, Enum], tuple[str, Enum]]


@dataclass(frozen=True)
class Mutant:
    """One row, spoiled: `action` and `target` are what it says now; both are empty when it is deleted."""

    machine: str
    state: str
    happening: str
    action: str = ""
    target: str = ""

    def __str__(self) -> str:
        change = f"({self.action!r}, {self.target})" if self.target else "deleted"
        return f"{self.machine} ({self.state}, {self.happening}): {change}"


def table_of(machine: str) -> Table:
    """The table of a machine, which is the one that it looks into."""
    table: Table = importlib.import_module(TABLES[machine]).TABLE
    return table


def mutants_of(machine: str) -> Iterator[Mutant]:
    """All mutants of a machine's table: up to four of each row."""
    for (state, happening), (action, target) in table_of(machine).items():
        row = (machine, state.name, happening.name)
        yield Mutant(*row)
        states = list(type(state))
        following = (states.index(target) + 1) % len(states)
        others = {state, states[following], states[(following + 1) % len(states)]} - {target}
        for other in sorted(others, key=states.index)[:2]:
            yield Mutant(*row, action, other.name)
        if action != NO_ACTION:
            yield Mutant(*row, NO_ACTION, target.name)


def spoil(mutant: Mutant) -> None:
    """Change the table in place, for good: meant for a process that ends after it."""
    table = table_of(mutant.machine)
    (state, happening) = next(
        key for key in table if (key[0].name, key[1].name) == (mutant.state, mutant.happening)
    )
    if mutant.target:
        table[state, happening] = (mutant.action, type(state)[mutant.target])
    else:
        del table[state, happening]


def run_tests(mutant: Mutant | None, tests: Sequence[str]) -> int:
    """Start the tests in a process of their own, spoiled or not; its id."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.setpgid(0, 0)
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        if mutant is not None:
            spoil(mutant)
        import pytest

        code = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *tests]))
    finally:
        os._exit(code)


def await_one(running: dict[int, tuple[Mutant | None, float]]) -> tuple[Mutant | None, bool]:
    """Wait for one of the processes; its mutant, and whether it survived. One that hangs is ended."""
    while True:
        child, status = os.waitpid(-1, os.WNOHANG)
        if child in running:
            mutant, _ = running.pop(child)
            return mutant, os.waitstatus_to_exitcode(status) == PASSED
        for pid, (mutant, began) in running.items():
            # The tests on the table as it is may take as long as they take.
            if mutant is not None and time.monotonic() - began > SECONDS_MAX:
                os.killpg(pid, signal.SIGKILL)
        time.sleep(0.02)


def survivors_of(mutants: Sequence[Mutant], tests: Sequence[str], jobs: int) -> Iterator[tuple[Mutant, bool]]:
    """Run the tests on each mutant, `jobs` at a time; each with whether it survived.

    RuntimeError when the tests fail on the table as it is.
    """
    running: dict[int, tuple[Mutant | None, float]] = {run_tests(None, tests): (None, time.monotonic())}
    if not await_one(running)[1]:
        raise RuntimeError(f"the tests fail without any mutant: pytest {' '.join(tests)}")
    waiting = list(reversed(mutants))
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            running[run_tests(mutant, tests)] = (mutant, time.monotonic())
        done, survived = await_one(running)
        if done is not None:
            yield done, survived


def _preload() -> None:
    """What the tests import, imported once: children begin with it."""
    for name in ("pytest", "numpy", "laserlink.tools.stepper", "laserlink.tools.virtual"):
        importlib.import_module(name)
    for machine in TABLES:
        table_of(machine)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print each survivor as it is found, and the score at the end; 1 when it is below the wanted one."""
    parser = argparse.ArgumentParser(description="Spoil the machines' tables row by row, and run the tests.")
    parser.add_argument("--machine", choices=TABLES, action="append", help="only this one; default: both")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--wanted", type=float, default=90.0, help="the score in percent that is enough")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    _preload()
    outcomes: dict[str, dict[str, Any]] = {}
    for machine in options.machine or TABLES:
        survivors: list[Mutant] = []
        mutants = list(mutants_of(machine))
        for mutant, survived in survivors_of(mutants, TESTS[machine], options.jobs):
            if survived:
                survivors.append(mutant)
                print(f"survived: {mutant}", flush=True)
        killed = len(mutants) - len(survivors)
        score = 100 * killed / len(mutants)
        outcomes[machine] = {
            "mutants": len(mutants), "killed": killed, "score_percent": round(score, 1),
            "survivors": [asdict(mutant) for mutant in survivors],
        }  # fmt: skip
        print(f"{machine}: {killed} of {len(mutants)} killed, {score:.1f} %", flush=True)
    if options.json:
        options.json.write_text(json.dumps(outcomes, indent=2) + "\n")
    return int(any(outcome["score_percent"] < options.wanted for outcome in outcomes.values()))


if __name__ == "__main__":
    sys.exit(main())
