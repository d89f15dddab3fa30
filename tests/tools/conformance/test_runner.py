"""laserlink.tools.conformance.runner: a run goes on as long as it can, and tells why it ended."""

import pytest
from broken import VirtualLine, bench_of, examine, line_of

from laserlink.firmware_model.machine import Module
from laserlink.protocol.connection import Connection
from laserlink.protocol.errors import TooHot
from laserlink.protocol.frame import Frame
from laserlink.protocol.limits import FRAME_BYTES_MAX
from laserlink.tools.conformance.check import Outcome, Result
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


class StalledLine(VirtualLine):
    """A machine that stops for half a second behind a frame of this size, as often as `stalls` says."""

    stalls = 0
    stopping_bytes = FRAME_BYTES_MAX

    def write(self, data: bytes) -> None:
        super().write(data)
        if len(data) == self.stopping_bytes and self.stalls:
            self.stalls -= 1
            self.stall(500_000_000)


def too_long_after(stalls: int) -> Result:
    """What comes of the check that sends the longest frame, on a machine that stops so often."""
    line = line_of(line=StalledLine)
    line.stalls = stalls  # type: ignore[attr-defined]
    return Runner(bench_of(line), "x", ["judging.too-long"]).run().results[-1]


def test_what_a_stalled_machine_spoils_is_tried_again() -> None:
    """Two late tries are no finding; a third is one, and its reason says that the bench was late."""
    results = [too_long_after(stalls) for stalls in range(4)]
    assert [result.outcome for result in results] == [Outcome.PASSED] * 3 + [Outcome.FAILED]
    assert "ms late)" in results[3].reason


def test_a_wrong_module_fails_on_a_stalled_machine_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong answer is a finding after one try when nothing was late, and after late tries as well."""
    offend = Connection.offend
    offences: list[Frame] = []

    def answer_wrong(self: Connection, frame: Frame, error: object, now: int, request_id: int = 0) -> None:
        offences.append(frame)
        offend(self, frame, TooHot("wrong"), now, request_id)

    monkeypatch.setattr(Connection, "offend", answer_wrong)
    assert too_long_after(0).outcome is Outcome.FAILED and len(offences) == 1
    monkeypatch.setattr(StalledLine, "stopping_bytes", 257)
    assert too_long_after(2).outcome is Outcome.FAILED and len(offences) == 4


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
