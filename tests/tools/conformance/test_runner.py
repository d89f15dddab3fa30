"""laserlink.tools.conformance.runner: a run goes on as long as it can, and tells why it ended."""

import pytest
from broken import bench_of, examine, line_of

from laserlink.firmware_model.machine import Module
from laserlink.protocol.errors import TooHot
from laserlink.protocol.frame import Frame
from laserlink.tools.conformance.check import Outcome
from laserlink.tools.conformance.runner import NoDevice, Runner, looks_like_frames


def test_port_without_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence for 3 s, or bytes that are no frames, are no device; nothing is sent to it."""
    line = line_of()
    line.altered = lambda data: b"login: "  # type: ignore[method-assign]
    monkeypatch.setattr(line, "write", None)
    with pytest.raises(NoDevice, match="no frame among them"):
        Runner(bench_of(line), "x").run()


def test_module_that_falls_silent() -> None:
    """The run ends early, tells in which check, and keeps what was found until then."""
    line = line_of()
    bench = bench_of(line)
    runner = Runner(bench, "x", ["resync", "judging"])
    run_one = runner._run_one

    def unplug(check: object) -> None:
        if len(runner.report.results) == 4:
            line._drain = lambda: None  # type: ignore[method-assign]
        run_one(check)  # type: ignore[arg-type]

    runner._run_one = unplug  # type: ignore[method-assign]
    report = runner.run()
    assert "fell silent" in report.ended_early and not report.conforms
    assert report.count(Outcome.PASSED) == 4


def test_port_that_closes() -> None:
    """A line that ends in mid-run ends the run, with its report."""
    line = line_of()
    line.closed_after = 4_000_000_000
    report = Runner(bench_of(line), "x").run()
    assert "closed" in report.ended_early and report.count(Outcome.PASSED) >= 1


def test_module_that_never_trains_is_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    """What begins behind a state that is not reached is skipped, and the module does not conform."""

    def refuse(self: Module, request: object) -> None:
        raise TooHot("too hot")

    monkeypatch.setattr(Module, "do_begin_training", refuse)
    report = examine(names=["controls", "states.attach"])
    assert any(result.blocked for result in report.results) and not report.conforms


def test_frames_with_wrong_checks_look_like_frames() -> None:
    """A wrong CRC is told from another protocol."""
    wire = bytearray(bytes(Frame(1, 0, 0, 0, bytes(15))))
    wire[16] ^= 1
    assert looks_like_frames(bytes(wire)) and not looks_like_frames(b"\xeb\x90AT+GCAP and more")
