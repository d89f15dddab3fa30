"""laserlink.tools.fuzzing.sessions: nothing falls in a short run, and what is broken is found."""

from pathlib import Path
from typing import Any

import pytest

from laserlink.firmware_model.machine import Module
from laserlink.host_driver.assembly import Assembly
from laserlink.host_driver.machine import Host
from laserlink.protocol.messages import image
from laserlink.protocol.states import ModuleState
from laserlink.tools.fuzzing import sessions
from laserlink.tools.fuzzing.engine import Limits, read_corpus, run_seeded
from laserlink.tools.fuzzing.oracles import Violation
from laserlink.tools.fuzzing.programs import Kind, Op, Program, ask, wait, world
from laserlink.tools.fuzzing.sessions import SESSION, request_wire, run_session
from laserlink.tools.fuzzing.worlds import CHANNEL, SIDE_PIXELS

CORPUS = Path(__file__).parents[2] / "corpus"
RUNS = 100
READY = 1
PICTURE = (
    ask(request_wire(image.StreamConfigure(0, CHANNEL, 3, 8, 0, 0, SIDE_PIXELS - 4, SIDE_PIXELS - 2))),
    ask(request_wire(image.StreamStart(0, CHANNEL, 1))),
)


@pytest.fixture
def thorough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every input has all the time it asks for, and ends in a recovery."""
    monkeypatch.setattr(sessions, "LONG_OF", 1)
    monkeypatch.setattr(sessions, "RECOVERED_OF", 1)


def test_nothing_falls() -> None:
    """A short seeded run finds nothing."""
    report = run_seeded(SESSION, Limits(runs=RUNS), seed=1)
    assert report.findings == {}


def test_the_corpus_passes() -> None:
    """Every input of the repository's corpus passes; there are some."""
    inputs = read_corpus(CORPUS / "session")
    assert len(inputs) >= 10
    for data in inputs:
        run_session(data)


@pytest.mark.usefixtures("thorough")
def test_a_picture_comes_through_losses() -> None:
    """A program of a user, who takes a picture while frames are lost and damaged, sees it done."""
    faults = (Op(Kind.DROP, b"\x32"), Op(Kind.SPOIL, b"\x05\x00\x10"))
    words = run_session(bytes(Program(READY, (*PICTURE, *faults, wait(1_000_000)))))
    assert {"ImageDone", "Answered"} <= words


@pytest.mark.usefixtures("thorough")
@pytest.mark.parametrize("base", range(sessions.SESSION_BASES))
def test_every_beginning_recovers(base: int) -> None:
    """From each beginning, after a fault and with the beam blocked, another contact is a new start."""
    run_session(bytes(Program(base, (wait(400_000), world(6, 0), world(2, 0), wait(50_000)))))


def lies_about_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    """An image that is said to be whole, and is not."""
    monkeypatch.setattr(Assembly, "_missing_runs", lambda self, apart_from: [])
    monkeypatch.setattr(Assembly, "all_here", property(lambda self: self.start is not None))
    monkeypatch.setattr(Assembly, "_strips_wrong", lambda self: [])


def shines_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Module, "laser", property(lambda self: self.state is ModuleState.READY))


def never_back(monkeypatch: pytest.MonkeyPatch) -> None:
    touch = Host._touch

    def once(self: Any, made: bool) -> None:
        touch(self, made and not self.connection.counters.frames_sent)

    monkeypatch.setattr(Host, "_touch", once)


CANARIES = {
    "an image is exact outside its gaps": (lies_about_gaps, (*PICTURE, wait(300_000))),
    "light only while there is contact": (shines_alone, (world(0, 0), wait(5_000))),
    "it attaches again": (never_back, ()),
}


@pytest.mark.usefixtures("thorough")
@pytest.mark.parametrize("rule", CANARIES)
def test_a_session_without_a_rule_is_found(monkeypatch: pytest.MonkeyPatch, rule: str) -> None:
    """The program passes; with the rule taken out, it does not."""
    patch, ops = CANARIES[rule]
    data = bytes(Program(READY, ops))
    run_session(data)
    patch(monkeypatch)
    with pytest.raises(Violation) as caught:
        run_session(data)
    assert caught.value.rule == rule
