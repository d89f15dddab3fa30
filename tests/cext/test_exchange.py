"""The kernels of an exchange: what they do is what the machines do step by step, to the last field."""

import contextlib
import select
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from enum import Enum
from typing import Any

import numpy as np
import pytest
from rig import SIDEBAND, Rig, one_lane

from laserlink.firmware_model.profile import Profile
from laserlink.firmware_model.serve.answering import answering
from laserlink.host_driver.events import Answered
from laserlink.host_driver.lanes.asking import UnderWay, asking
from laserlink.host_driver.lanes.port import SocketPort
from laserlink.host_driver.lanes.url import Lanes
from laserlink.host_driver.lanes.watch import Watch
from laserlink.host_driver.machine import Host
from laserlink.host_driver.timing import HostTimer
from laserlink.protocol import _accel, catalogue
from laserlink.protocol.delivery import ANSWERS
from laserlink.protocol.frame import Frame
from laserlink.protocol.messages.control import ControlChanged, ControlGet, ControlId, ControlList, ControlSet
from laserlink.protocol.messages.diagnostics import Echo, EchoReply, Train
from laserlink.protocol.messages.layout import Record, Request
from laserlink.protocol.messages.link import CountersRead, Error, Ping, Pong
from laserlink.protocol.states import HostState as H
from laserlink.protocol.states import ModuleState
from laserlink.protocol.timers import NS_PER_S
from laserlink.tools.vectors import example

if _accel.Asker is None:
    pytest.skip("the C kernels are not in use, or not on this system", allow_module_level=True)

EXPOSURE = ControlGet(0, (ControlId(1), ControlId(3)))
QUESTIONS = (EXPOSURE, ControlGet(), Echo(data=b"x" * 100), Echo(), CountersRead())


def seen(thing: Any) -> Any:
    """All that is in a machine, however deep, as values that can be compared."""
    if isinstance(thing, np.ndarray):
        return thing.tolist()
    if isinstance(thing, dict):
        return {key: seen(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple | deque):
        return [seen(item) for item in thing]
    if callable(thing) or isinstance(thing, Profile):
        return None
    if type(thing).__module__.startswith("laserlink") and hasattr(thing, "__dict__"):
        return thing if isinstance(thing, Enum) else (type(thing).__name__, seen(vars(thing)))
    return thing


class Line:
    """Two ends of a line, a bell for who sleeps at ours, and whoever sleeps there otherwise."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.theirs.setblocking(False)
        self.watch = Watch(self.ours.fileno(), -1)
        self.asking = asking(Lanes(SocketPort("", self.ours), None, ()), self.watch)
        self.answer = answering(self.watch.others[0])

    def ask(self, host: Host, message: Request, seconds: float) -> Record | UnderWay | None:
        """By the kernel; what it says of itself holds after each."""
        assert self.asking is not None and self.asking.whole
        found = self.asking.ask(host, message, seconds)
        held = isinstance(found, tuple) and bool(found[1] or found[2])
        assert self.asking.whole is not held
        return found

    def fill(self) -> None:
        """Until it takes nothing more."""
        with contextlib.suppress(BlockingIOError):
            while self.ours.send(bytes(1 << 16)):
                pass

    def arrived(self) -> bytes:
        """What the other end has."""
        return self.theirs.recv(1 << 16) if select.select([self.theirs], [], [], 0)[0] else b""

    @property
    def wakes(self) -> bool:
        """Whether a byte that comes wakes who sleeps on the watch."""
        self.theirs.send(b"!")
        woken = select.select([self.watch.fileno()], [], [], 0)[0]
        self.ours.recv(1)
        return bool(woken)

    def close(self) -> None:
        self.watch.close()
        self.ours.close()
        self.theirs.close()


@pytest.fixture
def line() -> Iterator[Line]:
    """A line, closed at the end."""
    line = Line()
    yield line
    line.close()


@pytest.fixture(scope="module")
def attached() -> Rig:
    """Both machines, ready, on one lane; to be forked."""
    rig = Rig(one_lane())
    rig.attach()
    return rig


# --- the host's ---


def next_id(host: Host) -> int:
    """The id of the next request."""
    return (host.requests._last_id + 1) % (1 << 16) or 1


def reply_frame(host: Host, reply: Record, **fields: int) -> bytes:
    """A frame as the module would send it now."""
    row = catalogue.BY_MESSAGE[type(reply)]
    values = {"session": host.connection.session, "sequence": 99, **fields}
    return bytes(Frame(row.type, row.first_channel, payload=bytes(reply), **values))


def answer_to(host: Host, message: Request, **fields: int) -> Record:
    """An answer to the next request, when that is this message."""
    reply: Record = replace(example(ANSWERS[type(message)], 3), request_id=next_id(host), **fields)
    return reply


def frame_by_reference(host: Host, message: Request, now: int) -> bytes:
    """The frame of the same request, asked step by step."""
    host.request(message, now)
    return host.data_to_send(SIDEBAND, now)


@pytest.mark.parametrize("last_id", [0, 41, 0xFFFE, 0xFFFF])
@pytest.mark.parametrize("message", QUESTIONS, ids=lambda message: type(message).__name__)
def test_answer_leaves_the_host_as_the_reference_does(
    attached: Rig, line: Line, message: Request, last_id: int
) -> None:
    """Every kind of question: its frame, the reply, and all of the machine afterwards."""
    rig, twin = attached.fork(), attached.fork()
    for host in (rig.host, twin.host):
        host.requests._last_id = last_id
        host.connection._next_sequence[0] = 0xFFFF_FFFF
    reply = answer_to(rig.host, message)
    question = replace(message, request_id=next_id(rig.host))
    came = reply_frame(rig.host, reply)
    line.theirs.send(came)
    began = time.monotonic_ns()
    assert line.ask(rig.host, message, 0.0) == reply
    assert began <= rig.host.now == rig.host.heard_ns <= time.monotonic_ns()
    assert line.arrived() == frame_by_reference(twin.host, message, rig.host.now)
    twin.host.receive_data(SIDEBAND, came, rig.host.now)
    assert twin.host.next_event() == Answered(question, reply)
    assert seen(rig.host) == seen(twin.host)
    assert line.wakes


def at_work(rig: Rig) -> None:
    rig.host.request(Echo(), rig.now)
    rig.host.data_to_send(SIDEBAND, rig.now)


def with_a_piece(rig: Rig) -> None:
    rig.host.receive_data(SIDEBAND, reply_frame(rig.host, Pong())[:9], rig.now)
    rig.host.connection.gaps.clear()


OCCUPIED: dict[str, Callable[[Rig], object]] = {
    "an event is to be told": lambda rig: rig.host.events.append("news"),
    "a request is under way": at_work,
    "a request waits": lambda rig: rig.host.requests.waiting.append(Echo()),
    "a frame is to be sent": lambda rig: rig.host.connection.send(Ping()),
    "a frame has begun": with_a_piece,
    "a gap is watched": lambda rig: rig.host.connection.gaps.set(SIDEBAND, 1),
    "bad bytes are not decided": lambda rig: rig.host.receive_data(SIDEBAND, b"x", rig.now),
    "a pattern is measured": lambda rig: rig.host.connection.damaged.append(Frame(0, 0, 0, 0)),
    "a stream is open": lambda rig: rig.configure(),
    "nobody watches for silence": lambda rig: rig.host.timers.cancel(HostTimer.SILENCE),
    "received frames have no kernel": lambda rig: setattr(rig.host.connection, "_lone_frame", None),
    "sent frames have no kernel": lambda rig: setattr(rig.host.connection, "_whole_frame", None),
    **{
        f"in state {state.name.lower()}": lambda rig, state=state: setattr(rig.host, "state", state)
        for state in H
        if state is not H.READY
    },
}


@pytest.mark.parametrize("occupied", OCCUPIED)
def test_host_that_is_occupied_is_left_alone(attached: Rig, line: Line, occupied: str) -> None:
    """When there is anything else to do, nothing is sent, and nothing changed."""
    rig = attached.fork()
    OCCUPIED[occupied](rig)
    before = seen(rig.host)
    assert line.ask(rig.host, EXPOSURE, 0.0) is None
    assert seen(rig.host) == before
    assert line.arrived() == b"" and line.wakes


@pytest.mark.parametrize(
    "message",
    [
        Train(),
        ControlSet(),
        ControlList(),
        ControlGet(0, (ControlId(1 << 16),)),
        Echo(data=bytes(5000)),
        Ping(),
    ],
    ids=str,
)
def test_what_is_no_question_is_left_alone(attached: Rig, line: Line, message: Any) -> None:
    """Requests that the host follows, and such that no frame holds, are for the machine to ask, or refuse."""
    rig = attached.fork()
    before = seen(rig.host)
    assert line.ask(rig.host, message, 0.0) is None
    assert seen(rig.host) == before and line.arrived() == b""


def others(host: Host) -> dict[str, bytes]:
    """What may come in place of an answer."""
    reply = answer_to(host, EXPOSURE)
    frame = reply_frame(host, reply)
    return {
        "nothing": b"",
        "another's answer": reply_frame(host, replace(reply, request_id=next_id(host) ^ 1)),
        "another kind of answer": reply_frame(host, EchoReply(next_id(host), b"")),
        "an error": reply_frame(host, Error(request_id=next_id(host))),
        "an event": reply_frame(host, ControlChanged()),
        "a pong": reply_frame(host, Pong()),
        "an event before the answer": reply_frame(host, ControlChanged()) + frame,
        "the answer twice": frame * 2,
        "a part of the answer": frame[:-1],
        "a damaged answer": frame[:-1] + bytes((frame[-1] ^ 1,)),
        "an answer of another session": reply_frame(host, reply, session=7),
        "a long answer": frame + bytes(4096),
        "noise": bytes(range(256)),
    }


@pytest.mark.parametrize("kind", others(Host(one_lane(), lambda: 1)))
def test_whatever_else_comes_is_left_to_the_machine(attached: Rig, line: Line, kind: str) -> None:
    """The request is under way then, as the reference leaves it, and what came is in the caller's hands."""
    rig, twin = attached.fork(), attached.fork()
    came = others(rig.host)[kind]
    line.theirs.send(came)
    request_id = next_id(rig.host)
    found = line.ask(rig.host, EXPOSURE, 0.0)
    assert isinstance(found, tuple)
    assert found[0] == request_id and found[1] == came[:4096] and not found[2]
    assert line.arrived() == frame_by_reference(twin.host, EXPOSURE, rig.host.now)
    for host in (rig.host, twin.host):
        host.receive_data(SIDEBAND, found[1], rig.host.now)
    assert seen(rig.host) == seen(twin.host)
    if len(came) <= 4096:
        assert not line.wakes


def under_way(line: Line, host: Host, seconds: float = 0.0) -> UnderWay:
    """A request that the kernel has sent, and that has no answer yet."""
    found = line.ask(host, EXPOSURE, seconds)
    assert isinstance(found, tuple)
    return found


def test_bell_comes_before_an_answer(attached: Rig, line: Line) -> None:
    """Whoever rings has something to do for who has the machine: the answer stays where it is."""
    host = attached.fork().host
    frame = reply_frame(host, answer_to(host, EXPOSURE))
    line.theirs.send(frame)
    line.watch.wake()
    assert under_way(line, host)[1] == b""
    assert line.ours.recv(1 << 16) == frame


@pytest.mark.parametrize("seconds", [-1e300, -1.0, 0.0, threading.TIMEOUT_MAX, 1e300, float("inf")])
def test_any_number_of_seconds_is_a_time(attached: Rig, line: Line, seconds: float) -> None:
    """None at all, or until something is due; never less than nothing, nor without an end."""
    host = attached.fork().host
    be_patient(host)
    host.timers.set(HostTimer.PING, time.monotonic_ns() + NS_PER_S // 100)
    assert under_way(line, host, seconds)[1] == b""
    assert (time.monotonic_ns() >= host.timers[HostTimer.PING]) is (seconds > 0)


def be_patient(host: Host) -> None:
    """Let nothing be due for a minute, nor an answer be late: only what a test does ends a wait."""
    host.connection.lanes = {SIDEBAND: one_lane(300)[0]}
    for timer in host.timers:
        host.timers.set(timer, time.monotonic_ns() + 60 * NS_PER_S)


@pytest.mark.parametrize("gone", [False, True])
def test_request_that_does_not_go_out_is_still_to_be_written(attached: Rig, line: Line, gone: bool) -> None:
    """Into a line that takes nothing, or has no other end any more; and nobody waits for its answer."""
    host = attached.fork().host
    be_patient(host)
    if gone:
        line.theirs.close()
    else:
        line.fill()
    began = time.monotonic_ns()
    _, came, rest = under_way(line, host, 20.0)
    assert came == b"" and bytes(rest) == host.requests._wire
    assert time.monotonic_ns() - began < 10 * NS_PER_S


@pytest.mark.parametrize("what", ["the caller", "the answer", "a ping"])
def test_it_waits_until_something_is_due(attached: Rig, line: Line, what: str) -> None:
    """For as long as the caller says, or until the request is late, or something else is due."""
    host = attached.fork().host
    lanes = host.connection.lanes
    be_patient(host)
    late_ns = NS_PER_S // 100
    if what == "the answer":
        host.connection.lanes, late_ns = lanes, attached.host.response_ns
    began = time.monotonic_ns()
    if what == "a ping":
        host.timers.set(HostTimer.PING, began + late_ns)
    assert under_way(line, host, 0.01 if what == "the caller" else 20.0)[1] == b""
    assert late_ns <= time.monotonic_ns() - began < 10 * NS_PER_S


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no alarms")
@pytest.mark.parametrize("raises", [True, False])
def test_signal_ends_the_wait(attached: Rig, line: Line, raises: bool) -> None:
    """What its handler raises is raised, and the request is under way; or it goes on as without an answer."""
    rig, twin = attached.fork(), attached.fork()
    be_patient(rig.host)
    twin.host.timers.update(rig.host.timers)
    twin.host.connection.lanes = rig.host.connection.lanes
    rang = []

    def ring(number: int, frame: object) -> None:
        rang.append(number)
        if raises:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        if raises:
            with pytest.raises(KeyboardInterrupt):
                under_way(line, rig.host, 20.0)
        else:
            assert under_way(line, rig.host, 20.0)[1] == b""
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert rang
    assert line.arrived() == frame_by_reference(twin.host, EXPOSURE, rig.host.now)
    assert seen(rig.host) == seen(twin.host)
    assert not line.wakes


# --- the module's ---

REQUESTS = [row for row in catalogue.ROWS if row.role == "request"]


def asked_of(rig: Rig, message: Record, **fields: int) -> bytes:
    """A frame as the host would send it, with a request id that is new."""
    if isinstance(message, Request):
        message = message.numbered((rig.module.request_server._last_id or 0) + 1)
    return rig.frame_to_module(message, **fields)


def answered(rig: Rig, line: Line, data: bytes) -> bytes | memoryview | None:
    """What the kernel makes of these bytes."""
    if data:
        line.theirs.send(data)
    assert line.answer is not None
    return line.answer(rig.module, line.ours.fileno(), 0.0)


def check_answer(attached: Rig, line: Line, data: bytes, prepare: Callable[[Rig], object]) -> bool:
    """The module answers the same, and is the same afterwards; whether the kernel took the request."""
    rig, twin = attached.fork(), attached.fork()
    for each in (rig, twin):
        prepare(each)
    before, began = seen(rig.module), time.monotonic_ns()
    left = answered(rig, line, data)
    if not isinstance(left, memoryview):
        assert left == data and seen(rig.module) == before and line.arrived() == b""
        return False
    now = rig.module.now
    assert began <= now <= time.monotonic_ns()
    twin.module.receive_data(SIDEBAND, data, now)
    assert line.arrived() + bytes(left) == twin.module.data_to_send(SIDEBAND, now)
    assert rig.module.data_to_send(SIDEBAND, now) == twin.module.data_to_send(SIDEBAND, now)
    assert seen(rig.module) == seen(twin.module)
    return True


@pytest.mark.parametrize("row", REQUESTS, ids=lambda row: row.message.__name__)
def test_every_request_is_answered_as_by_the_reference(attached: Rig, line: Line, row: catalogue.Row) -> None:
    """With defaults, with values that may be wrong, carried out or refused: reply and module are the same."""
    for message in (row.message(), *(example(row.message, seed) for seed in range(1, 4))):
        taken = check_answer(attached, line, asked_of(attached, message), lambda rig: None)
        # Such as have parts of many sizes are for the machine to read.
        assert taken == (_judged(attached, message) is not None)


def _judged(rig: Rig, message: Record) -> object:
    connection = rig.module.connection
    assert connection._lone_frame is not None
    return connection._lone_frame(
        asked_of(rig, message), SIDEBAND, connection.image_lane, connection.session, connection.in_bytes_max,
        connection.features, rig.module.state,
    )  # fmt: skip


@pytest.mark.parametrize("state", ModuleState)
def test_request_in_each_state(attached: Rig, line: Line, state: ModuleState) -> None:
    """Refused where it is not legal; a module that is off, or believes the host gone, is left alone."""
    taken = check_answer(
        attached, line, asked_of(attached, EXPOSURE), lambda rig: setattr(rig.module, "state", state)
    )
    assert taken is (state not in (ModuleState.DETACHED, ModuleState.RECOVERING))


def with_a_piece_of_a_word(rig: Rig) -> None:
    rig.module.receive_data(SIDEBAND, asked_of(rig, Ping())[:9], rig.now)
    rig.module.connection.gaps.clear()


BUSY: dict[str, Callable[[Rig], object]] = {
    "it boots": lambda rig: setattr(rig.module, "booting", True),
    "a frame is to be sent": lambda rig: rig.module.connection.send(Pong()),
    "a frame has begun": with_a_piece_of_a_word,
    "bad bytes are not decided": lambda rig: rig.module.receive_data(SIDEBAND, b"x", rig.now),
    "a gap is watched": lambda rig: rig.module.connection.gaps.set(SIDEBAND, 1),
    "received frames have no kernel": lambda rig: setattr(rig.module.connection, "_lone_frame", None),
    "sent frames have no kernel": lambda rig: setattr(rig.module.connection, "_whole_frame", None),
}


@pytest.mark.parametrize("busy", BUSY)
def test_module_that_is_busy_is_left_alone(attached: Rig, line: Line, busy: str) -> None:
    """What was read is handed on, and nothing changed."""
    assert not check_answer(attached, line, asked_of(attached, EXPOSURE), BUSY[busy])


def test_module_that_becomes_busy_is_left_alone(attached: Rig, line: Line) -> None:
    """What was found of it for one request does not hold for the next."""
    rig = attached.fork()
    assert isinstance(answered(rig, line, asked_of(rig, EXPOSURE)), memoryview)
    line.arrived()
    rig.module.state = ModuleState.RECOVERING
    data = asked_of(rig, EXPOSURE)
    assert answered(rig, line, data) == data and line.arrived() == b""
    rig.module.state = ModuleState.READY
    rig.module.connection.session ^= 1
    assert answered(rig, line, data) == data and line.arrived() == b""


def test_word_that_comes_before_an_answer_is_sent_before_it(attached: Rig, line: Line) -> None:
    """When carrying a request out says something else as well, the order is that of the reference."""

    def make_chatty(rig: Rig) -> None:
        carry_out, connection = rig.module._carry_out, rig.module.connection

        def chatty(*words: Any) -> Any:
            connection.send(Pong(number=7))
            return carry_out(*words)

        rig.module._carry_out = chatty  # type: ignore[method-assign]

    assert check_answer(attached, line, asked_of(attached, EXPOSURE), make_chatty)


def words(rig: Rig) -> dict[str, bytes]:
    """What may come besides a new request."""
    frame = asked_of(rig, EXPOSURE)
    last = rig.module.request_server._last_id or 0
    return {
        "a ping": asked_of(rig, Ping()),
        "an error": asked_of(rig, Error()),
        "the last request again": rig.frame_to_module(EXPOSURE.numbered(last)),
        "an older one": rig.frame_to_module(EXPOSURE.numbered((last - 1) % (1 << 16))),
        "one of the undefined middle": rig.frame_to_module(EXPOSURE.numbered((last + 0x8000) % (1 << 16))),
        "two requests": frame * 2,
        "a part of one": frame[:-1],
        "a damaged one": frame[:-1] + bytes((frame[-1] ^ 1,)),
        "one of another session": asked_of(rig, EXPOSURE, session=7),
        "one that is too long": asked_of(rig, Echo(data=bytes(2000))),
        "one on another channel": rig.frame_to_module(EXPOSURE.numbered(last + 1), 1),
        "noise": bytes(range(256)),
    }


@pytest.mark.parametrize("kind", words(Rig(one_lane())))
def test_whatever_else_is_said_is_left_to_the_module(attached: Rig, line: Line, kind: str) -> None:
    """Only a request that is new is answered here."""
    assert not check_answer(attached, line, words(attached)[kind], lambda rig: None)


@pytest.mark.parametrize("ahead", [1, 2, 0x7FFF])
@pytest.mark.parametrize("last_id", [None, 0, 5, 0x8000, 0xFFFF])
def test_new_requests_are_those_of_the_reference(
    attached: Rig, line: Line, last_id: int | None, ahead: int
) -> None:
    """As serial numbers count, and any after a hello."""
    request = EXPOSURE.numbered(((last_id or 0) + ahead) % (1 << 16))
    data = attached.frame_to_module(request)
    assert check_answer(
        attached, line, data, lambda rig: setattr(rig.module.request_server, "_last_id", last_id)
    )


def test_answer_that_does_not_go_out_is_still_to_be_written(attached: Rig, line: Line) -> None:
    """Into a line that takes nothing, the whole frame is left."""
    rig = attached.fork()
    line.fill()
    left = answered(rig, line, asked_of(rig, EXPOSURE))
    assert isinstance(left, memoryview) and bytes(left) == rig.module.request_server.answer


def test_without_a_word_nothing_is_read(attached: Rig, line: Line) -> None:
    """Nor when the bell rings, which comes first, nor when the other side is gone."""
    rig = attached.fork()
    before = seen(rig.module)
    assert answered(rig, line, b"") is None
    line.watch.wake()
    assert answered(rig, line, b"word") is None
    assert line.ours.recv(10) == b"word"
    line.watch.drain()
    line.theirs.close()
    assert answered(rig, line, b"") is None
    assert seen(rig.module) == before
