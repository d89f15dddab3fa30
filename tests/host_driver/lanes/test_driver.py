"""laserlink.host_driver.lanes.driver: one thread runs the machine; others get futures, and all of them
end.
"""

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from rig import TWO_LANES, Sessions, one_lane
from served import wait_until

from laserlink.cext.ring import Ring
from laserlink.firmware_model.machine import Module
from laserlink.firmware_model.profile import load_profile
from laserlink.firmware_model.serve.shell import Shell
from laserlink.host_driver.actions import Answered, Lost, StateChanged, Unanswered
from laserlink.host_driver.lanes.driver import Crashed, Driver
from laserlink.host_driver.lanes.port import Port, in_process_pair
from laserlink.host_driver.lanes.url import Lanes
from laserlink.host_driver.machine import Host
from laserlink.protocol.errors import LinkTimeout, LocalProtocolError, MalformedPayload, UnknownMode
from laserlink.protocol.messages.diagnostics import Echo, EchoReply
from laserlink.protocol.messages.image import StreamConfigure
from laserlink.protocol.messages.link import Counters, CountersRead
from laserlink.protocol.states import HostState, LossCause
from laserlink.tools.virtual import AlwaysConnected, VirtualOptions, build_sensor


@dataclass
class Both:
    """A module in a thread and a host's driver over two sockets."""

    host: Host = field(default_factory=lambda: Host(one_lane(0), Sessions()))
    events: list[object] = field(default_factory=list)

    def __post_init__(self) -> None:
        ours, theirs = in_process_pair()
        module = Module(load_profile("uart-1m"), one_lane(0))
        self.shell = Shell(module, build_sensor(VirtualOptions("uart-1m")), AlwaysConnected(theirs))
        self.module_thread = threading.Thread(target=self.shell.run, daemon=True)
        self.module_thread.start()
        self.driver = Driver(
            self.host, Lanes(ours, None, one_lane(0)), lambda events, host: self.take(events)
        )

    def take(self, events: list[object]) -> None:
        self.events += events

    def attach(self) -> None:
        wait_until(lambda: self.host.state is HostState.READY and self.host.listed, "attached")

    def end_module(self) -> None:
        self.shell.stop()
        self.module_thread.join(20)


@pytest.fixture
def both() -> Iterator[Both]:
    """An attached pair."""
    both = Both()
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
