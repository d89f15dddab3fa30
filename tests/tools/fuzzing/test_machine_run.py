"""laserlink.tools.fuzzing.machine_run: operations do what they say, and what should not be is missed."""

from typing import Any

import pytest

from laserlink.protocol.frame import Frame
from laserlink.protocol.messages.image import ImageData
from laserlink.protocol.messages.link import Ping
from laserlink.protocol.states import LaneKind, ModuleState
from laserlink.protocol.timers import NS_PER_MS, NS_PER_S
from laserlink.tools.fuzzing.machine_run import WAIT_NS_MAX
from laserlink.tools.fuzzing.machines import ModuleRun
from laserlink.tools.fuzzing.oracles import Violation
from laserlink.tools.fuzzing.programs import Kind, Op, deadlines, wait
from laserlink.tools.fuzzing.worlds import frozen_module, thaw

PING = bytes(Frame(0x04, 0, 1, 1, bytes(Ping(1, 2, 3))))


def ready() -> ModuleRun:
    """A module that is ready, on two lanes."""
    return ModuleRun(*thaw(frozen_module(tuple(ModuleState).index(ModuleState.READY))))


def test_a_frame_is_answered_in_whatever_pieces_it_comes() -> None:
    """A frame gets the session that holds, and its answer is the same in pieces of any size."""
    answers = []
    for size in (0, 1, 7, 1000):
        run = ready()
        run.piece_bytes = size
        run.run((Op(Kind.FRAME, PING),))
        answers.append(run.sent)
    assert len(answers[0]) == 1 and answers[0][0][3] == 0x05
    assert answers == [answers[0]] * 4


def test_bytes_go_in_as_they_are() -> None:
    """Bytes of another session are stale on either lane; an empty operation is nothing."""
    run = ready()
    run.run((Op(Kind.BYTES, PING), Op(Kind.OPTICAL, PING), Op(Kind.BYTES)))
    assert run.machine.connection.counters.frames_stale == 2
    assert run.sent == []


def test_time_passes() -> None:
    """A wait takes its time, bounded; deadlines come one by one, each in its order."""
    run = ready()
    start = run.now
    run.do(wait(20_000))
    assert run.now == start + 20 * NS_PER_MS
    run.do(wait(0xFFFFFFFF))
    assert run.now < start + 20 * NS_PER_MS + WAIT_NS_MAX
    assert run.machine.state is not ModuleState.READY
    before, due = run.now, run.machine.next_deadline(run.now)
    run.do(deadlines(1))
    assert run.now == max(before, due)
    assert WAIT_NS_MAX == 10 * NS_PER_S


def test_frames_take_the_lane_that_the_catalogue_has() -> None:
    """Image data goes to the image lane, all else to the sideband, also what no row knows."""
    run = ready()
    data = bytes(Frame(0x42, 2, 1, 1, bytes(ImageData())))
    assert run.lane_of(data) is LaneKind.OPTICAL
    assert run.lane_of(PING) is run.lane_of(b"") is LaneKind.SIDEBAND


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("next_event", lambda: object(), "events come to an end"),
        ("data_to_send", lambda lane, now: PING, "what is sent goes the right way"),
        (
            "data_to_send",
            lambda lane, now: bytes(Frame(0x05, 0, 1, 1, bytes(28))),
            "what is sent comes to an end",
        ),
        ("next_deadline", lambda now: now, "time does not stand still"),
    ],
    ids=["events", "direction", "frames", "time"],
)
def test_what_never_ends_is_missed(name: str, value: Any, rule: str) -> None:
    """Events, frames and deadlines that never end, and frames that are not the machine's, are found."""
    run = ready()
    setattr(run.machine, name, value)
    with pytest.raises(Violation) as caught:
        run.run((wait(10),))
    assert caught.value.rule == rule
