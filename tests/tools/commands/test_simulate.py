"""`laserlink simulate`, through the command line."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from typing import Any

import pytest

from laserlink.firmware_model.machine import Module
from laserlink.protocol.states import LaneKind, ModuleState
from laserlink.tools import simulator
from laserlink.tools.cli import run
from laserlink.tools.commands.simulate import goodput_bps, parse_seeds
from laserlink.tools.fault_profiles import Plan
from laserlink.tools.session import CommandError

FIGURES = {
    "sessions", "images_exact", "images_incomplete", "wrong_bytes", "hangs", "violations", "faults_injected",
    "goodput_bps", "trace_hash", "virtual_seconds", "failures", "not_repeatable",
}  # fmt: skip


def document(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:
    assert run(["--json", "simulate", *words]) == code
    return json.loads(capsys.readouterr().out)


def test_figures(capsys: pytest.CaptureFixture[str]) -> None:
    """One document: sessions run, images true, nothing broken."""
    found = document(capsys, "--seeds", "0:12", "--faults", "noise", "--jobs", "1")
    assert set(found) == FIGURES
    assert found["sessions"] == 12 and found["images_exact"] >= 12 and found["faults_injected"] > 0
    assert not any(
        found[name] for name in ("wrong_bytes", "hangs", "violations", "failures", "not_repeatable")
    )


def test_processes_come_to_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """Spread over two processes or in this one: the same figures and the same hash over all traces."""
    words = ("--seeds", "3:15", "--faults", "loss", "--jobs")
    assert document(capsys, *words, "1") == document(capsys, *words, "2")


def test_one_seed_again(capsys: pytest.CaptureFixture[str]) -> None:
    """--repro runs a seed alone and names its items."""
    assert run(["simulate", "--faults", "detach", "--repro", "7"]) == 0
    text = capsys.readouterr().out
    assert "the user wishes" in text and "1 sessions" in text
    found = document(capsys, "--faults", "detach", "--repro", "7")
    assert found["sessions"] == 1
    assert found["trace_hash"] == document(capsys, "--faults", "detach", "--seeds", "7")["trace_hash"]


def _break_the_laser(monkeypatch: pytest.MonkeyPatch) -> None:
    def lit(self: Module) -> bool:
        return self.connection.image_lane is LaneKind.OPTICAL and self.state is not ModuleState.DETACHED

    monkeypatch.setattr(Module, "laser", property(lit))


def test_a_failure_is_cut_down_and_can_be_repeated(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 1; the seed, what it takes, the command and the test that repeat it."""
    _break_the_laser(monkeypatch)
    found = document(capsys, "--seeds", "0:4", "--jobs", "1", code=1)
    failure = found["failures"][0]
    assert failure["items"] == [] and failure["violations"][0].startswith("laser at ")
    assert failure["command"] == f"laserlink simulate --faults all --repro {failure['seed']}"
    assert f'draw_plan({failure["seed"]}, "all").only([])' in failure["pytest"]
    assert run(["simulate", "--repro", str(failure["seed"])]) == 1
    text = capsys.readouterr().out
    assert "these items suffice" in text and "def test_seed_" in text


def test_a_session_that_does_not_repeat_is_a_finding(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sample is run again: another trace is told, and the exit code is 1."""
    numbers = itertools.count()
    draw = simulator.draw_plan

    def drift(seed: int, faults: str) -> Plan:
        return replace(draw(seed, faults), first_sequence=next(numbers))

    monkeypatch.setattr(simulator, "draw_plan", drift)
    found = document(capsys, "--seeds", "0:20", "--faults", "none", "--jobs", "1", code=1)
    assert found["not_repeatable"] == [0, 16] and not found["failures"]


def test_goodput_counts_exact_images_only() -> None:
    """Bits of images over the time in which streams ran, of all sessions together."""
    one = replace(simulator.run_seed(0, "none"), image_bytes=1000, streaming_ns=10**6)
    assert goodput_bps([one, replace(one, image_bytes=0)]) == 1000 * 8 * 500
    assert goodput_bps([]) == 0


def test_without_dask(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """--cluster needs an extra: exit code 8, and its name; and it is not for processes of this machine."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert run(["simulate", "--cluster", "tcp://127.0.0.1:8786"]) == 8
    assert "laserlink[cluster]" in capsys.readouterr().err
    assert run(["simulate", "--cluster", "tcp://127.0.0.1:8786", "--jobs", "2"]) == 2


def test_an_interrupt_ends_it_at_once() -> None:
    """Ctrl-C in the middle of a thousand sessions: exit code 130, no traceback, no process left."""
    words = ["-m", "laserlink.tools", "simulate", "--seeds", "0:5000", "--jobs", "2"]
    with subprocess.Popen(
        [sys.executable, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        told = [process.stderr.readline(), process.stderr.readline()]
        os.killpg(process.pid, signal.SIGINT)
        output, errors = process.communicate(timeout=20)
        assert process.returncode == 130 and " of 5000, 0 failed" in told[1]
        assert "Traceback" not in output + errors
    deadline = time.monotonic() + 10
    while _is_alive(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _is_alive(process.pid)


def _is_alive(group: int) -> bool:
    """Whether any process of a group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("text", ["", "a:b", "5:5", "9:3", "-3:4", "1:2:3"])
def test_seeds_that_are_none(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line and a hint, exit code 2."""
    with pytest.raises(CommandError, match="no seeds"):
        parse_seeds(text)
    assert run(["simulate", f"--seeds={text}"]) == 2
    assert "Hint: Write --seeds" in capsys.readouterr().err


def test_seeds() -> None:
    """From A to B - 1, or one alone."""
    assert parse_seeds("2:5") == range(2, 5) and parse_seeds("7") == range(7, 8)
