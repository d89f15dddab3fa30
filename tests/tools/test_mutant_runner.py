"""laserlink.tools.mutant_runner: a mutant meets the tests that touch what it changes, in its own process."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from served import WAIT_SECONDS

from laserlink.tools.mutant_runner import in_forks

# A program of three lights, tests of two of them, and mutants that switch one off, or never end.
PROGRAM = """
import contextlib, sys
from dataclasses import dataclass
from laserlink.tools import mutant_runner

lights = {"red": True, "green": True, "blue": True}
looked: set = set()


def look(name):
    looked.add(name)
    return lights[name]


@contextlib.contextmanager
def watch():
    looked.clear()
    touched = set()
    yield touched
    touched.update(looked)


@dataclass(frozen=True)
class Switch:
    touched: str
    homes: tuple = ("test_lights.py",)
    hangs: bool = False

    def apply(self):
        while self.hangs:
            pass
        lights[self.touched] = False


sys.modules["program"] = sys.modules["__main__"]


def work(session):
    print("touched", [sorted(test.touched) for test in session.tests])
    mutants = [Switch("red"), Switch("green"), Switch("blue"), Switch("red", hangs=True)]
    for mutant, killer in session.survivors(mutants):
        print(mutant.touched, mutant.hangs, killer or "survived", flush=True)


mutant_runner.LEAST_SECONDS = 1
mutant_runner.run([sys.argv[1]], mutant_runner.Session(watch, 2, work))
print("unchanged", all(lights.values()))
"""
TESTS = """
import program
import pytest


@pytest.mark.parametrize("name", ["red", "green"])
def test_light(name):
    assert program.look(name) or name == "green"


def test_any():
    assert program.look("red")
"""


def run_program(folder: Path, tests: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_lights.py").write_text(tests)
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder / "test_lights.py")],
        cwd=folder, capture_output=True, text=True, timeout=WAIT_SECONDS, check=False,
    )  # fmt: skip


def test_mutants_meet_the_tests_that_touch_them(tmp_path: Path) -> None:
    """One is killed, one survives its test, one has no test, and one that never ends meets its limit."""
    done = run_program(tmp_path, TESTS)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "touched [['green', 'red'], ['green', 'red'], ['red']]"
    met = sorted(line.split("[")[0] for line in lines[1:5])
    assert met[:2] + met[3:] == [
        "blue False survived",
        "green False survived",
        "red True its limit of time or memory",
    ]
    assert met[2] in ("red False test_lights.py::test_light", "red False test_lights.py::test_any")
    assert lines[-1] == "unchanged True"


@pytest.mark.parametrize("tests", ["def test_broken():\n    assert False\n", "import nothing_of_the_kind\n"])
def test_tests_that_fail_anyway_prove_nothing(tmp_path: Path, tests: str) -> None:
    """Without a mutant, the tests must pass."""
    done = run_program(tmp_path, tests)
    assert done.returncode and "RuntimeError" in done.stderr


def test_each_work_is_done_apart_from_the_others() -> None:
    """What it returns comes back; one that dies, by itself or by an exception, says nothing."""

    def fail() -> int:
        raise ValueError

    works = [os.getpid, lambda: os._exit(3), fail, os.getpid]
    found = dict(in_forks([(work, 10.0) for work in works], 2))
    assert sorted(found) == [0, 1, 2, 3]
    assert found[1] is None and found[2] is None
    assert len({found[0], found[3], os.getpid()}) == 3


def test_so_many_work_at_the_same_time() -> None:
    """Two wait for each other's time."""
    began = time.perf_counter()
    list(in_forks([(lambda: time.sleep(0.3), 10.0)] * 2, 2))
    assert time.perf_counter() - began < 0.59
