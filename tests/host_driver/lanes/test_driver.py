"""laserlink.host_driver.lanes.driver: one thread runs the machine; others get futures, and all of them
end.
"""

import contextlib
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rig import TWO_LANES, Sessions, one_lane
from served import wait_until

from laserlink.cext import kernels
from laserlink.cext.ring import Ring
from laserlink.firmware_model.machine import Module
from laserlink.firmware_model.profile import load_profile
from laserlink.firmware_model.serve.shell import Shell
from laserlink.host_driver.actions import Answered, Lost, StateChanged, Unanswered
from laserlink.host_driver.lanes.driver import Crashed, Driver
from laserlink.host_driver.lanes.port import Port, in_process_pair
from laserlink.host_driver.lanes.url import Lanes
from laserlink.host_driver.machine import Host
from laserlink.protocol import _accel
from laserlink.protocol.errors import (
    LinkTimeout,
    LocalProtocolError,
    MalformedPayload,
    UnknownControl,
    UnknownMode,
)
from laserlink.protocol.messages.control import ControlGet, ControlId
from laserlink.protocol.messages.diagnostics import Echo, EchoReply
from laserlink.protocol.messages.image import StreamConfigure
from laserlink.protocol.messages.layout import Request
from laserlink.protocol.messages.link import Counters, CountersRead, Pong
from laserlink.protocol.states import HostState, LaneKind, LossCause
from laserlink.tools.virtual import AlwaysConnected, VirtualOptions, build_sensor


@dataclass
class Both:
    """A module in a thread and a host's driver over two sockets."""

    host: Host = field(default_factory=lambda: Host(one_lane(0), Sessions()))
    events: list[object] = field(default_factory=list)
    tells_answers: bool = True
    latency_us: int = 0

    def __post_init__(self) -> None:
        lanes = one_lane(0, self.latency_us)
        if self.latency_us:
            self.host = Host(lanes, Sessions())
        ours, theirs = in_process_pair()
        module = Module(load_profile("uart-1m"), lanes)
        self.shell = Shell(module, build_sensor(VirtualOptions("uart-1m")), AlwaysConnected(theirs))
        self.module_thread = threading.Thread(target=self.shell.run, daemon=True)
        self.module_thread.start()
        self.driver = Driver(
            self.host,
            Lanes(ours, None, lanes),
            lambda events, host: self.take(events),
            tells_answers=self.tells_answers,
        )

    def take(self, events: list[object]) -> None:
        self.events += events

    def attach(self) -> None:
        wait_until(lambda: self.host.state is HostState.READY and self.host.listed, "attached")

    def end_module(self) -> None:
        self.shell.stop()
        self.module_thread.join(20)


@pytest.fixture
def both(request: pytest.FixtureRequest) -> Iterator[Both]:
    """An attached pair."""
    both = Both(**getattr(request, "param", {}))
    both.attach()
    yield both
    both.driver.close()
    both.end_module()


def test_requests_from_many_threads_are_answered(both: Both) -> None:
    """Twenty threads ask at once, and each gets its own answer."""
    replies: list[bytes] = []

    def ask(index: int) -> None:
        replies.append(getattr(both.driver.request(Echo(data=bytes([index]))).result(20), "data", b""))

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(replies) == [bytes([index]) for index in range(20)]


def test_refusals_are_raised_by_their_type(both: Both) -> None:
    """What the module answers as an error is the exception of that code; what the host refuses is a
    local one.
    """
    with pytest.raises(UnknownMode):
        both.driver.request(StreamConfigure(0, 2, 99, 8)).result(20)

    def refuse(host: Host, now: int) -> Echo:
        raise LocalProtocolError("not like this")

    with pytest.raises(LocalProtocolError, match="not like this"):
        both.driver.ask(refuse).result(20)


def test_calls_run_on_the_thread_of_the_machine(both: Both) -> None:
    """A call sees the machine from its own thread, and gives back what it returned or raised."""
    name = both.driver.call(lambda host, now: threading.current_thread().name).result(20)
    assert name == "laserlink-host"
    with pytest.raises(ZeroDivisionError):
        both.driver.call(lambda host, now: 1 // 0).result(20)
    assert isinstance(both.driver.request(CountersRead()).result(20), Counters)


def test_end_of_the_port_is_a_detach(both: Both) -> None:
    """When the other side closes, the machine tells of a detach, and the port is let go at once."""
    both.end_module()
    wait_until(lambda: any(isinstance(event, Lost) for event in both.events), "lost")
    lost = next(event for event in both.events if isinstance(event, Lost))
    assert lost.cause is LossCause.DETACH
    assert both.driver.gone
    assert both.host.state is HostState.ABSENT


def test_events_come_before_the_futures_they_decide(both: Both) -> None:
    """Who has an answer in hand finds that its event was told already."""
    for _ in range(20):
        both.driver.request(Echo(data=b"x")).result(20)
        told = [
            event for event in both.events if isinstance(event, Answered) and isinstance(event.request, Echo)
        ]
        both.events.clear()
        assert len(told) == 1


def test_closed_driver_leaves_the_machine_ready_for_the_next(both: Both) -> None:
    """After closing, the same machine is absent, and tells nothing late; what is asked then is cancelled."""
    both.driver.close()
    both.driver.close()
    assert both.host.state is HostState.ABSENT
    assert both.host.next_event() is None
    with pytest.raises(CancelledError):
        both.driver.call(lambda host, now: None).result(20)
    with pytest.raises(CancelledError):
        both.driver.request(Echo()).result(20)


def test_same_machine_attaches_again_after_a_failure_of_any_kind() -> None:
    """A machine that latched on one contact starts afresh on the next one."""
    first = Both()
    first.attach()
    first.host.state = HostState.FAULT
    first.driver.close()
    first.end_module()
    second = Both(first.host)
    second.attach()
    states = [event.state for event in second.events if isinstance(event, StateChanged)]
    assert states[0] is HostState.SEATING
    second.driver.close()
    second.end_module()


def test_failure_on_the_thread_is_told_and_ends_the_wait(both: Both) -> None:
    """When whoever takes the events fails, the thread ends with `Crashed`, and nobody waits for ever."""
    taken: list[object] = []

    def fail(events: list[object]) -> None:
        taken.extend(events)
        if not isinstance(events[0], Crashed):
            raise OSError("the disk is full")

    both.take = fail  # type: ignore[method-assign]
    with pytest.raises(CancelledError):
        both.driver.request(Echo(data=b"x")).result(20)
    assert isinstance(taken[-1], Crashed)
    assert both.driver.gone


class Trickle:
    """A port that takes five bytes at a time, as a full buffer may."""

    def __init__(self, port: Port) -> None:
        self._port = port

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)

    def write(self, data: memoryview) -> int:
        """As of a port: how many bytes it took."""
        return self._port.write(data[:5])


def test_what_a_port_does_not_take_at_once_follows(both: Both) -> None:
    """Frames go out whole, whatever part of them a write takes: requests are answered, with nothing bad."""
    both.driver._lanes = replace(both.driver._lanes, port=Trickle(both.driver._lanes.port))
    for size in (0, 3, 40):
        reply = both.driver.request(Echo(data=bytes(size))).result(20)
        assert isinstance(reply, EchoReply) and len(reply.data) == size
    assert not both.shell.module.connection.counters.bad


def test_request_that_was_never_answered_ends_by_its_fault(both: Both) -> None:
    """The future of a request has what was wrong with the answer; without one, that there was none."""
    for fault, kind in ((MalformedPayload("no answer to this"), MalformedPayload), (None, LinkTimeout)):
        told = Unanswered(Echo(request_id=77), fault)
        waiting: Future[Any] = Future()

        both.driver._waiting[77] = waiting
        both.driver.call(lambda host, now, told=told: host.tell(told)).result(20)  # type: ignore[misc]
        with pytest.raises(kind):
            waiting.result(20)


def test_light_that_came_before_the_port_ended_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the port closes, what the ring still holds belongs to the session that ends: it is read."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    ours, theirs = in_process_pair()
    host = Host(TWO_LANES, Sessions())
    with Ring.create("left", 1 << 14) as producer:
        consumer = Ring.open("left")
        producer.space()[:3000] = bytes(3000)
        producer.commit(3000)
        theirs.close()
        driver = Driver(host, Lanes(ours, consumer, TWO_LANES), lambda events, host: None)
        wait_until(lambda: driver.gone, "the port's end is seen")
        wait_until(lambda: host.connection.counters.bytes_received == 3000, "the ring is read")
        driver.close()
        producer.unlink()


class Due:
    """A lookout to which bytes are always due."""

    def came(self, now: int) -> None:
        """So they are."""

    def rest(self, now: int, end: int) -> int:
        return end

    def awake_until(self, now: int) -> int:
        return now + 10**10


@pytest.mark.skipif(kernels is None, reason="only a kernel looks without the GIL")
def test_thread_looks_for_what_is_due(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it looks, it leaves the machine to others, hears their bell, and takes what comes in the ring."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    looks: list[bool] = []
    ours, theirs = in_process_pair()
    host = Host(TWO_LANES, Sessions())
    with Ring.create("due", 1 << 14) as producer, Ring.open("due") as consumer:
        looking = consumer.stay_awake
        monkeypatch.setattr(consumer, "stay_awake", lambda *words: looks.append(looking(*words)) or looks[-1])
        driver = Driver(host, Lanes(ours, consumer, TWO_LANES), lambda events, host: None)
        assert driver.call(lambda host, now: now).result(20) and not looks
        driver._lookout = Due()  # type: ignore[assignment]
        monkeypatch.setattr(driver._watch, "sleep", lambda *_, **__: None)
        wait_until(lambda: bool(looks), "it looks")
        assert driver.look(lambda host: host.state, 20) is not None
        assert driver.call(lambda host, now: now).result(20) and not any(looks)

        def found() -> bool:
            producer.space()[:8] = bytes(8)
            producer.commit(8)
            return any(looks)

        wait_until(found, "it finds something")
        wait_until(lambda: producer.free_bytes == producer.data_bytes, "the ring is read")
        driver.close()
        theirs.close()
        producer.unlink()


def test_idle_pair_takes_no_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is due in a ring of which nothing came: the thread sleeps, and burns no core."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    ours, theirs = in_process_pair()
    with Ring.create("idle", 1 << 14) as producer, Ring.open("idle") as consumer:
        driver = Driver(Host(TWO_LANES, Sessions()), Lanes(ours, consumer, TWO_LANES), lambda *_: None)
        clock = time.pthread_getcpuclockid(driver._thread.ident or 0)
        before = time.clock_gettime(clock)
        time.sleep(0.5)
        assert time.clock_gettime(clock) - before < 0.1
        driver.close()
        theirs.close()
        producer.unlink()


def echoed(both: Both, data: bytes = b"x", seconds: float = 20) -> bytes:
    """What comes back of an echo, waited for by this thread."""
    echo = Echo(data=data)
    reply = both.driver.exchange(lambda host, now: host.request(echo, now), seconds, lambda host: echo)
    return getattr(reply, "data", b"")


def unanswered(host: Host, now: int) -> Echo:
    """A request that is never sent, so that nothing answers it."""
    return Echo(request_id=77)


class NotHere(Exception):
    """The driver's thread was quicker."""


def unanswered_here(both: Both, *, echo_too: bool = False) -> object:
    """Wait on this thread for what is never answered, when the driver's does not have the machine."""

    def ask(host: Host, now: int) -> Echo:
        if threading.current_thread().name == "laserlink-host":
            raise NotHere
        return unanswered(host, now)

    while True:
        with contextlib.suppress(NotHere):
            return both.driver.exchange(ask, 20, (lambda host: Echo()) if echo_too else None)


def in_thread(work: Callable[[], object]) -> Future[Any]:
    """Run something on another thread."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="other", daemon=True).start()
    return future


def test_who_waits_for_a_reply_runs_the_machine(both: Both) -> None:
    """An exchange takes no other thread: what it leads to is told on this one."""
    tellers: list[str] = []
    both.take = lambda events: tellers.append(threading.current_thread().name)  # type: ignore[method-assign]
    assert [echoed(both, bytes([index])) for index in range(20)] == [bytes([index]) for index in range(20)]
    assert tellers.count(threading.current_thread().name) >= 15


def test_without_a_set_of_descriptors_the_thread_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a port cannot be shared, an exchange is a request to the thread, with the same outcome."""
    monkeypatch.delattr(select, "epoll", raising=False)
    both = Both()
    both.attach()
    tellers: set[str] = set()
    both.take = lambda events: tellers.add(threading.current_thread().name)  # type: ignore[method-assign]
    assert echoed(both) == b"x"
    assert tellers == {"laserlink-host"}
    both.driver.close()
    both.end_module()


def test_exchange_raises_what_went_wrong(both: Both) -> None:
    """The module's error, the host's own, and that nothing came; the link goes on after each."""
    with pytest.raises(UnknownMode):
        both.driver.exchange(lambda host, now: host.request(StreamConfigure(0, 2, 99, 8), now), 20)

    def refuse(host: Host, now: int) -> Echo:
        raise LocalProtocolError("not like this")

    with pytest.raises(LocalProtocolError, match="not like this"):
        both.driver.exchange(refuse, 20)
    with pytest.raises(FutureTimeout):
        both.driver.exchange(unanswered, 0.05)
    assert echoed(both) == b"x"
    assert not [event for event in both.events if isinstance(event, Lost)]


def test_exchanges_of_many_threads_are_answered(both: Both) -> None:
    """Ten threads wait at once, some of them running the machine, and each gets its own answers."""

    def ask(index: int) -> list[bytes]:
        return [echoed(both, bytes([index, count])) for count in range(10)]

    answers = [in_thread(lambda index=index: ask(index)) for index in range(10)]  # type: ignore[misc]
    for index, answer in enumerate(answers):
        assert answer.result(20) == [bytes([index, count]) for count in range(10)]


def test_who_runs_the_machine_does_what_others_want(both: Both) -> None:
    """While one thread waits for a reply, the calls and requests of others are served, on that thread."""
    waiting = in_thread(lambda: unanswered_here(both))
    wait_until(lambda: both.driver._leader is not None, "the other thread runs the machine")
    assert both.driver.call(lambda host, now: threading.current_thread().name).result(20) == "other"
    assert both.driver.look(lambda host: host.state, 20) is HostState.READY
    assert echoed(both) == b"x"
    both.driver.close()
    with pytest.raises(CancelledError):
        waiting.result(20)


def test_link_lives_on_after_an_exchange(both: Both) -> None:
    """The thread takes over again: pings go out and are answered, as if nobody else had been there."""
    assert echoed(both) == b"x"
    before = both.host.connection.counters.frames_received
    wait_until(lambda: both.host.connection.counters.frames_received >= before + 3, "pongs came")
    assert both.host.state is HostState.READY


def test_look_sees_the_machine_until_it_ends(both: Both) -> None:
    """What is looked at is the machine of the driver; after its end there is nothing to see."""
    assert both.driver.look(lambda host: host, 20) is both.host
    both.driver.close()
    for ask in (lambda: both.driver.look(lambda host: host, 20), lambda: echoed(both)):
        with pytest.raises(CancelledError):
            ask()


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signals to a thread")
def test_interrupted_wait_leaves_the_link_alone(both: Both) -> None:
    """Ctrl-C while a reply is waited for reaches who waits, and nothing is lost."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR1, interrupt)
    main = threading.get_ident()

    def later() -> None:
        wait_until(lambda: both.driver._leader is not None, "this thread runs the machine")
        time.sleep(0.1)
        signal.pthread_kill(main, signal.SIGUSR1)

    try:
        in_thread(later)
        with pytest.raises(KeyboardInterrupt):
            unanswered_here(both)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert echoed(both) == b"x" and not both.driver.gone
    assert not [event for event in both.events if isinstance(event, Lost)]


def test_interrupted_step_ends_the_link(both: Both) -> None:
    """Ctrl-C in the middle of a step leaves half of one: the machine is not gone on with, but detached."""

    def interrupt(events: list[object]) -> None:
        both.events += events
        if threading.current_thread().name != "laserlink-host":
            both.take = both.events.extend  # type: ignore[method-assign, assignment]
            raise KeyboardInterrupt

    def ask_on() -> None:
        while True:
            echoed(both)

    both.take = interrupt  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        ask_on()
    wait_until(lambda: both.host.state is HostState.ABSENT, "detached")
    assert both.driver.gone
    assert [event.cause for event in both.events if isinstance(event, Lost)] == [LossCause.DETACH]


def test_failure_in_an_exchange_is_that_of_the_thread(both: Both) -> None:
    """When whoever takes the events fails on a waiting thread, that one learns of it, and so do others."""

    def fail(events: list[object]) -> None:
        both.events += events
        if not isinstance(events[0], Crashed):
            raise OSError("the disk is full")

    both.take = fail  # type: ignore[method-assign]
    with pytest.raises((OSError, CancelledError)):
        echoed(both)
    wait_until(lambda: both.driver.gone, "the thread has ended")
    assert isinstance(both.events[-1], Crashed)
    with pytest.raises(CancelledError):
        echoed(both)


def test_who_is_told_cannot_close(both: Both) -> None:
    """Closing waits for the thread that runs the machine: from within its own step, that would not end."""
    refused: list[RuntimeError] = []

    def close(events: list[object]) -> None:
        try:
            both.driver.close()
        except RuntimeError as error:
            refused.append(error)

    both.take = close  # type: ignore[method-assign]
    assert echoed(both) == b"x"
    assert refused


# --- questions that the kernel asks ---

by_kernel = pytest.mark.parametrize("both", [{"tells_answers": False}], indirect=True)
# Here an answer is late only after five seconds more: until then, nothing but what a test does ends a wait.
by_patient_kernel = pytest.mark.parametrize(
    "both", [{"tells_answers": False, "latency_us": 5_000_000}], indirect=True
)


class Slow:
    """A module that takes so long to carry a request out, or until it may."""

    def __init__(self, both: Both, seconds: float = 2.0) -> None:
        self._carry_out = both.shell.module._carry_out
        self._seconds = seconds
        self.begun, self.may = threading.Event(), threading.Event()
        both.shell.module._carry_out = self  # type: ignore[method-assign, assignment]

    def __call__(self, *arguments: Any) -> Any:
        self.begun.set()
        self.may.wait(self._seconds)
        return self._carry_out(*arguments)


@by_kernel
def test_answer_that_the_kernel_takes_is_told_to_nobody_else(both: Both) -> None:
    """Who asked has it; nothing waits for it any more, and the thread watches the port again."""
    both.events.clear()
    assert [echoed(both, bytes([index])) for index in range(20)] == [bytes([index]) for index in range(20)]
    if _accel.Asker is not None:
        # Whenever the thread was at work, it was asked by the machine.
        assert sum(isinstance(event, Answered) for event in both.events) <= 5
    assert not both.driver._waiting and both.host.requests.idle
    before = both.host.connection.counters.frames_received
    wait_until(lambda: both.host.connection.counters.frames_received >= before + 3, "pongs came")


@by_kernel
def test_kernel_and_machine_ask_at_once(both: Both) -> None:
    """Many threads, questions of both kinds: each gets its own answer, and the link stays as it was."""

    def ask(index: int) -> list[bytes]:
        replies = []
        for count in range(30):
            data = bytes([index, count])
            way = both.driver.request(Echo(data=data)).result(20) if count % 5 == 0 else None
            replies.append(echoed(both, data) if way is None else getattr(way, "data", b""))
        return replies

    answers = [in_thread(lambda index=index: ask(index)) for index in range(8)]  # type: ignore[misc]
    for index, answer in enumerate(answers):
        assert answer.result(60) == [bytes([index, count]) for count in range(30)]
    assert not both.host.connection.counters.offences and not both.shell.module.connection.counters.offences


@by_kernel
def test_answer_that_comes_late_is_waited_for(both: Both) -> None:
    """The kernel asks and goes; the machine asks again, and takes the answer that comes."""
    slow = Slow(both, 0.05)
    assert echoed(both, b"late") == b"late"
    assert slow.begun.is_set()
    assert not [event for event in both.events if isinstance(event, Lost)]


@by_kernel
def test_kernel_raises_what_the_module_refuses(both: Both) -> None:
    """An error is for the machine to follow: it is raised by its type."""
    request = ControlGet(0, (ControlId(9999),))
    with pytest.raises(UnknownControl):
        both.driver.exchange(lambda host, now: host.request(request, now), 20, lambda host: request)
    assert echoed(both) == b"x"


@by_patient_kernel
def test_closing_ends_a_wait_of_the_kernel(both: Both) -> None:
    """Whoever waits learns that the driver ended, long before the answer would have come."""
    slow = Slow(both)
    waiting = in_thread(lambda: echoed(both))
    assert slow.begun.wait(20)
    both.driver.close()
    with pytest.raises(CancelledError):
        waiting.result(20)
    slow.may.set()


@by_patient_kernel
def test_what_others_want_ends_a_wait_of_the_kernel(both: Both) -> None:
    """It is done by whoever waits, who then goes on waiting."""
    slow = Slow(both)
    waiting = in_thread(lambda: echoed(both, b"after"))
    assert slow.begun.wait(20)
    assert both.driver.look(lambda host: host.state, 20) is HostState.READY
    slow.may.set()
    assert waiting.result(20) == b"after"


@by_patient_kernel
def test_port_that_ends_ends_a_wait_of_the_kernel(both: Both) -> None:
    """As it ends any other: the module was pulled off, and there is no answer."""
    slow = Slow(both)
    waiting = in_thread(lambda: echoed(both))
    assert slow.begun.wait(20)
    both.shell.stop()
    both.shell.port.close()
    slow.may.set()
    with pytest.raises((LinkTimeout, CancelledError)):
        waiting.result(20)
    assert both.driver.gone


@by_patient_kernel
@pytest.mark.skipif(_accel.Asker is None, reason="without the kernel it may come in the middle of a step")
def test_interrupted_wait_of_the_kernel_leaves_the_link_alone(both: Both) -> None:
    """Ctrl-C reaches who waits; the answer, when it comes, is nobody's, and the next ones are right."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    def ask_on() -> None:
        echoed(both, b"never")
        time.sleep(20)

    def interrupted(slow: Slow) -> None:
        if slow.begun.wait(20):
            signal.pthread_kill(main, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, interrupt)
    main = threading.get_ident()
    try:
        for _ in range(10):
            slow = Slow(both)
            in_thread(lambda slow=slow: interrupted(slow))  # type: ignore[misc]
            with pytest.raises(KeyboardInterrupt):
                ask_on()
            slow.may.set()
            both.shell.module._carry_out = slow._carry_out  # type: ignore[method-assign]
            assert echoed(both, b"next") == b"next"
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert not both.driver.gone
    assert not [event for event in both.events if isinstance(event, Lost)]


@dataclass
class Breaking:
    """A kernel that something breaks, before or after it has done what it should."""

    asking: Any
    error: BaseException
    whole: bool
    after: bool

    def ask(self, host: Host, message: Request, seconds: float) -> Any:
        """As of `asking`."""
        if self.after:
            self.asking.ask(host, message, seconds)
        raise self.error


@by_kernel
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("whole", [False, True])
def test_interrupted_kernel_ends_the_link_when_the_machine_is_in_pieces(
    both: Both, whole: bool, after: bool
) -> None:
    """Ctrl-C between two things that belong together, as in any step; else nothing is lost by it."""
    asking = both.driver._asking
    both.driver._asking = Breaking(asking, KeyboardInterrupt(), whole, after and asking is not None)
    with pytest.raises(KeyboardInterrupt):
        unanswered_here(both, echo_too=True)
    both.driver._asking = asking
    if whole:
        assert echoed(both) == b"x" and not both.driver.gone
        assert not [event for event in both.events if isinstance(event, Lost)]
    else:
        wait_until(lambda: both.host.state is HostState.ABSENT, "detached")
        assert both.driver.gone
        assert [event.cause for event in both.events if isinstance(event, Lost)] == [LossCause.DETACH]


@by_kernel
def test_kernel_that_fails_fails_the_thread(both: Both) -> None:
    """As what fails on a waiting thread does: that one learns of it, and so do others."""
    both.driver._asking = Breaking(None, ZeroDivisionError(), whole=False, after=False)
    with pytest.raises(ZeroDivisionError):
        unanswered_here(both, echo_too=True)
    wait_until(lambda: any(isinstance(event, Crashed) for event in both.events), "crashed")
    with pytest.raises(CancelledError):
        echoed(both)


@by_kernel
def test_what_the_kernel_leaves_and_the_machine_refuses_is_no_failure(both: Both) -> None:
    """The question cannot be asked: the caller learns why, and the link goes on."""
    long = Echo(data=bytes(5000))
    with pytest.raises(LocalProtocolError, match="over max_frame"):
        both.driver.exchange(lambda host, now: host.request(long, now), 20, lambda host: long)
    assert echoed(both) == b"x"
    assert not [event for event in both.events if isinstance(event, Lost | Crashed)]


class Stop(Exception):
    """What a handler of an alarm raises that is to end a call."""


@pytest.mark.parametrize("both", [{"tells_answers": True}, {"tells_answers": False}], indirect=True)
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no alarms")
def test_error_of_a_handler_ends_a_wait_and_nothing_else(both: Both) -> None:
    """An alarm that raises, as one sets it to limit a call: who waits has it, and the link goes on."""

    def stop(number: int, frame: object) -> None:
        raise Stop

    slow = Slow(both)
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 0.015)
    try:
        with pytest.raises(Stop):
            echoed(both, b"never")
    finally:
        signal.signal(signal.SIGALRM, before)
        slow.may.set()
    both.shell.module._carry_out = slow._carry_out  # type: ignore[method-assign]
    assert echoed(both) == b"x"
    assert not [event for event in both.events if isinstance(event, Lost | Crashed)]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no alarms")
def test_interrupts_at_any_place_give_the_machine_back(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also as it is taken, and as it is given back: hundreds of them, and the thread still has its turns."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    def ask_on(end: float) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.0003)
        while time.monotonic() < end:
            echoed(both)
            both.driver.look(lambda host: None, 20)

    before = signal.signal(signal.SIGALRM, interrupt)
    interrupts, end = 0, time.monotonic() + 1.0
    with monkeypatch.context() as patched:
        # Nothing but the taking and giving: a future of the standard library does not stand interrupts.
        patched.setattr(both.driver, "_lead", lambda *_: EchoReply())
        for name in ("ask", "call"):
            patched.setattr(both.driver, name, lambda *_: SimpleNamespace(result=lambda _: EchoReply()))
        while time.monotonic() < end:
            try:
                ask_on(end)
                signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                interrupts += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)
    assert interrupts > 50
    assert both.driver.call(lambda host, now: host.state).result(20) is HostState.READY


@by_patient_kernel
def test_piece_that_the_kernel_read_late_is_no_older_than_it_is(both: Both) -> None:
    """A frame that begins long after the question is not cut before its end can come."""
    taken: list[int] = []
    said: list[int] = []
    receive = both.host.receive_data

    def receive_data(lane: LaneKind, data: bytes, now: int, *, more: bool = False) -> int:
        taken.append(now)
        return receive(lane, data, now, more=more)

    both.host.receive_data = receive_data  # type: ignore[method-assign, assignment]
    slow = Slow(both, 0.03)
    carry_out = both.shell.module._carry_out

    def chatty(*words: Any) -> Any:
        reply = carry_out(*words)
        said.append(time.monotonic_ns())
        both.shell.module.connection.send(Pong())
        return reply

    both.shell.module._carry_out = chatty  # type: ignore[method-assign]
    assert echoed(both, b"late") == b"late"
    # Before the first of these there may have been a word of the module's own.
    assert slow.begun.is_set() and taken[-1] >= said[0]
