"""laserlink.tools.conformance.bench: a small host that says what it is told, and keeps the link alive."""

import pytest
from broken import VirtualLine, bench_of, line_of

from laserlink.protocol.errors import ErrorCode
from laserlink.protocol.messages import diagnostics, link
from laserlink.tools.conformance.bench import OFFENCES, Bench
from laserlink.tools.conformance.check import Mismatch, NoAnswer, Skip


@pytest.fixture
def line() -> VirtualLine:
    """A module's."""
    return line_of()


@pytest.fixture
def bench(line: VirtualLine) -> Bench:
    """A greeted module."""
    made = bench_of(line)
    made.run_for(500)
    made.hello()
    return made


def test_pings_keep_a_module(bench: Bench) -> None:
    """Over a second, the habits of a host keep the session; without them it is lost."""
    mark = len(bench.heard)
    bench.run_for(1000)
    assert 9 <= len(bench.since(mark, link.Pong)) <= 12 and not bench.since(mark, link.Beacon)
    bench.habits.pings = False
    bench.run_for(1000)
    assert bench.since(mark, link.Beacon)


def test_late_pings_are_noticed(bench: Bench, line: VirtualLine) -> None:
    """A machine that stops the bench is told by its pings; pings that are not to be sent are never late."""
    bench.run_for(1000)
    bench.habits.pings = False
    bench.run_for(1000)
    bench.habits.pings = True
    bench.run_for(200)
    assert bench.ping_late_ns == 0
    line.stall(400_000_000)
    bench.run_for(1)
    assert 300_000_000 <= bench.ping_late_ns <= 400_000_000


def test_steps_say_what_was_demanded(bench: Bench) -> None:
    """A demand that holds is a step; one that does not is a step and stops the check."""
    bench.echo(b"data")
    assert bench.steps and all(step.holds for step in bench.steps)
    with pytest.raises(Mismatch, match="ILLEGAL_IN_STATE"):
        bench.refused(diagnostics.Echo(), ErrorCode.ILLEGAL_IN_STATE)
    assert not bench.steps[-1].holds and "EchoReply" in bench.steps[-1].came


def test_offences_are_answered_and_named(bench: Bench) -> None:
    """An illegal frame gets its error; a legal one is no offence."""
    assert bench.offended(bench.raw_frame(0x7F, 0), ErrorCode.UNKNOWN_TYPE, 0x7F).value == 0x7F
    with pytest.raises(Mismatch, match="nothing"):
        bench.offended(bench.frame(link.Ping()), ErrorCode.UNKNOWN_TYPE)


def test_one_bench_behind_another_is_answered(bench: Bench, line: VirtualLine) -> None:
    """The errors that the bench before provoked do not use up those of the next one."""
    for _ in range(2):
        for _ in range(OFFENCES):
            bench.offended(bench.raw_frame(0x7F, 0), ErrorCode.UNKNOWN_TYPE, 0x7F)
        bench = Bench(line, lambda: 4711)
        bench.hello()


def test_silence_is_told_from_an_answer(bench: Bench) -> None:
    """What nobody answers is ignored; what is answered is not."""
    bench.ignored(b"noise", "noise")
    frame = bench.frame(bench.numbered(diagnostics.Echo(data=b"1")))
    with pytest.raises(Mismatch, match="EchoReply"):
        bench.ignored(bytes(frame), "an echo")


def test_no_answer_at_all_is_an_error_of_its_own(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that has gone silent is not a wrong answer."""
    monkeypatch.setattr(type(bench.line), "_drain", lambda line: None)
    with pytest.raises(NoAnswer):
        bench.ask(diagnostics.Echo())


def test_what_is_not_there_is_skipped(bench: Bench) -> None:
    """One lane has no light."""
    with pytest.raises(Skip, match="no light"):
        bench.need_light()
