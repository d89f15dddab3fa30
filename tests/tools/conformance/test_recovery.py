"""laserlink.tools.conformance.recovery: losing and finding the host."""

import pytest
from broken import ONE_LANE, bench_of, examine, failures, line_of

from laserlink.firmware_model.machine import Module
from laserlink.tools.conformance import recovery
from laserlink.tools.conformance.check import Outcome
from laserlink.tools.conformance.runner import Runner


def test_sound_module_passes_when_named() -> None:
    """All checks of the family run and pass."""
    report = examine(names=["recovery"], lanes=ONE_LANE)
    assert report.count(Outcome.PASSED) == len(recovery.CHECKS) + 1 and report.conforms


def test_module_that_forgets_its_session_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that never waits for a lost host is found out."""
    monkeypatch.setattr(Module, "do_recover", Module.do_give_up)
    report = Runner(bench_of(line_of(Module)), "virtual:", ["recovery.found-again"]).run()
    assert failures(report) == {"recovery.found-again"}


def test_module_that_misses_no_host_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """One with a keep-alive that is much too patient is found out."""
    monkeypatch.setattr(Module, "silence_ns", 10**9)
    report = Runner(bench_of(line_of(Module)), "virtual:", ["recovery.silence"]).run()
    assert failures(report) == {"recovery.silence"}
