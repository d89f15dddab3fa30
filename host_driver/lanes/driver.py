"""One thread that runs the host's machine over open lanes: bytes, time and inputs in, events out.

One thread at a time touches the machine. That is this one, to which others hand work with `call` and get
futures; or one that waits for a reply in `exchange`, for as long as it waits. The user may be idle for
hours: the thread keeps the link alive.
"""

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import Any, TypeVar

from laserlink.cext.ring import RingError
from laserlink.host_driver.actions import Answered, Unanswered
from laserlink.host_driver.lanes.answer import Answer, Waiting, decide
from laserlink.host_driver.lanes.asking import UnderWay, asking
from laserlink.host_driver.lanes.lookout import Lookout
from laserlink.host_driver.lanes.port import PortClosed
from laserlink.host_driver.lanes.ring import RingLane
from laserlink.host_driver.lanes.url import Lanes
from laserlink.host_driver.lanes.watch import Watch
from laserlink.host_driver.machine import Contact, Host, Light
from laserlink.protocol.messages.layout import Record, Request
from laserlink.protocol.states import OPTICAL, SIDEBAND, HostState
from laserlink.protocol.timers import NS_PER_MS, NS_PER_S

# How much of the ring is worked on before the sideband is looked at again: 0.1 ms of work.
RING_BYTES = 1 << 18
IDLE_NS = 50 * NS_PER_MS
IDLE_SECONDS = IDLE_NS / NS_PER_S
# Ports without a descriptor are looked at this often.
POLL_NS = 2 * NS_PER_MS

NOTHING = memoryview(b"")

T = TypeVar("T")
Ask = Callable[[Host, int], Request]
Question = Callable[[Host], Request]
OnEvents = Callable[[list[object], Host], None]


@dataclass(frozen=True)
class Crashed:
    """Event: the thread has ended, for something failed that is none of the link's doing."""

    error: Exception


@dataclass(frozen=True)
class _Work:
    """What another thread wants done, and the future that waits for it."""

    run: Callable[[], None]
    future: Future[Any]


class Driver:
    """Runs `host` over `lanes` until closed.

    `on_events` is called with all events of one moment, before the futures that they decide, on the thread
    that runs the machine: the driver's, or one that waits in `exchange`. Without `tells_answers`, it may miss
    answers that are nobody's business but who waits for them.
    """

    def __init__(self, host: Host, lanes: Lanes, on_events: OnEvents, *, tells_answers: bool = True) -> None:
        self._host = host
        self._lanes = lanes
        self._on_events = on_events
        self._work: queue.SimpleQueue[_Work] = queue.SimpleQueue()
        self._waiting: dict[int, Waiting] = {}
        self._unwritten = NOTHING
        self._stopping = False
        # Whether the port was closed by the other side, or the thread has ended.
        self.gone = False
        self._ended = False
        self._error: Exception | None = None
        self._torn = self._held = False
        self._leader: int | None = None
        # Whoever runs the machine has it. It knows whose it is: only he can give it back.
        self._machine = threading.RLock()
        # What the machine waits for next, when that is known; and how long the thread sleeps by itself.
        self._due: int | None = None
        self._due_known = False
        self._asleep_until = 0
        self._lookout = Lookout()
        self._ring = lanes.ring
        self._polled = lanes.port.fileno() < 0
        self._watch = Watch(lanes.port.fileno(), lanes.ring.fileno() if lanes.ring is not None else -1)
        self._asking = None if tells_answers else asking(lanes, self._watch)
        self._thread = threading.Thread(target=self._run, name="laserlink-host", daemon=True)
        self._thread.start()

    # --- from any thread ---

    def call(self, work: Callable[[Host, int], T]) -> "Future[T]":
        """Run `work(host, now)` on the thread; its result, or what it raised.

        Cancelled when the thread ends first.
        """
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(work(self._host, time.monotonic_ns()))
            except BaseException as error:
                future.set_exception(error)

        self._put(_Work(run, future))
        return future

    def request(self, message: Request) -> "Future[Record]":
        """Send a request; the future has the reply, or the typed error that the module answered."""
        return self.ask(lambda host, now: host.request(message, now))

    def ask(self, ask: Ask) -> "Future[Record]":
        """As `request`, for requests that the host makes itself (`Host.set_controls`)."""
        answer: Future[Record] = Future()
        self._put(_Work(lambda: self._begin(ask, answer), answer))
        return answer

    def _begin(self, ask: Ask, answer: Waiting) -> None:
        try:
            self._waiting[ask(self._host, time.monotonic_ns()).request_id] = answer
        except Exception as error:
            answer.set_exception(error)

    def _put(self, work: "_Work") -> None:
        self._work.put(work)
        self._watch.wake()
        if not self._thread.is_alive():
            self._cancel_all()

    def look(self, look: Callable[[Host], T], seconds: float) -> T:
        """What `look(host)` finds, between two steps of the machine; it may change nothing.

        Raises:
            CancelledError, TimeoutError: the thread has ended, or has no time.
        """
        # As in `exchange`: an interrupt may come as the lock is taken.
        try:
            if self._machine.acquire(blocking=False):
                if self._ended:
                    raise CancelledError
                return look(self._host)
        finally:
            try:  # noqa: SIM105
                self._machine.release()
            except RuntimeError:
                pass
        return self.call(lambda host, now: look(host)).result(seconds)

    def exchange(self, ask: Ask, seconds: float, question: Question | None = None) -> Record:
        """Send the request that `ask(host, now)` makes, and wait for its reply.

        With `question(host)`, which is what `ask` asks, the kernel may do both when nothing else is at hand.

        When nobody else runs the machine, this thread does it while it waits: handing the question to the
        other one and the answer back takes longer than both machines take for it. Whoever is interrupted in
        the middle of a step (Ctrl-C) leaves a machine of which nothing is known: the link ends then.

        Raises:
            CancelledError, TimeoutError: the thread ends, or no reply came.
        """
        if self._watch.shares and threading.get_ident() not in (self._leader, self._thread.ident):
            # An interrupt may come after any call, also that which takes the lock: whatever it ends, the
            # machine is given back.
            try:
                # Is there a link, and nothing wrong with it that the thread has not seen yet?
                if self._machine.acquire(blocking=False) and not (
                    self.gone or self._stopping or self._torn or self._error is not None
                ):
                    try:
                        return self._lead(ask, seconds, question)
                    finally:
                        try:
                            if self._held or not self._due_known:
                                self._hand_over()
                        finally:
                            self._leader = None
            finally:
                try:  # noqa: SIM105
                    self._machine.release()
                except RuntimeError:
                    pass  # somebody else has it
        return self.ask(ask).result(seconds)

    def _lead(self, ask: Ask, seconds: float, question: Question | None) -> Record:
        """Run the machine on this thread until the answer is there."""
        begun: UnderWay | None = None
        asked = resting = alone = False
        began, came, asking = time.monotonic_ns(), b"", self._asking
        try:
            self._leader = threading.get_ident()
            if question is not None and asking is not None and not self._unwritten:
                message, at_most, known = question(self._host), min(seconds, IDLE_SECONDS), self._due_known
                # No call between these and the kernel's: what it says of itself is of the last time.
                self._held, self._due_known, asked, resting, alone = True, False, True, True, True
                found = asking.ask(self._host, message, at_most)
                if isinstance(found, Record):
                    self._held, self._due_known = False, known
                    return found
                begun = found
                asked = self._held = begun is not None
                resting = alone = False
            self._due_known = False
            if begun is None:
                request_id = ask(self._host, began).request_id
                asked = self._held = True
                self._watch.hold()
                self._write_port()
            else:
                request_id, came, self._unwritten = begun
            # What can wait until the module is at work.
            answer = self._waiting[request_id] = Answer()
            end = began + int(seconds * NS_PER_S)
            if came:
                self._host.receive_data(SIDEBAND, came, time.monotonic_ns())
                self._turn()
            while not answer.done:
                now = time.monotonic_ns()
                if self._stopping:
                    answer.cancel()
                elif now >= end:
                    break
                else:
                    until = min(end, self._rest_until(now))
                    resting = True
                    if until > now:
                        self._watch.wait((until - now) / NS_PER_S, writable=bool(self._unwritten))
                        if self._ring is not None:
                            self._ring.clear()
                    resting = False
                    self._turn()
        except BaseException as error:
            # A question that cannot be asked is no broken step; nor is a wait, when the machine knows all.
            whole = resting and not (alone and asking is not None and not asking.whole)
            if not whole and (asked or not isinstance(error, Exception)):
                self._tear(error)
            raise
        return answer.value()

    def _hand_over(self) -> None:
        """Let the thread watch again; wake it when it sleeps longer than the machine may wait."""
        if self._held:
            self._watch.resume()
            self._held = False
        due, ring = self._due, self._ring
        sleeps_well = self._due_known and (due is None or due >= self._asleep_until)
        armed = ring is None or ring.arm()
        if self._unwritten or not sleeps_well or not armed or not self._work.empty():
            self._watch.wake()

    def _tear(self, error: BaseException) -> None:
        """A step was not ended: what failed in it fails the thread; an interrupted one ends the link."""
        if isinstance(error, Exception):
            self._error = error
        else:
            self._torn = True
        self._due_known = False

    def close(self) -> None:
        """Stop the thread and close the lanes. Twice is fine. RuntimeError from within `on_events`."""
        if self._stopping:
            return
        if threading.get_ident() in (self._leader, self._thread.ident):
            raise RuntimeError("who is told of events cannot close the driver that waits for him")
        self._stopping = True
        self._watch.wake()
        self._thread.join()
        self._lanes.close()
        self._watch.close()

    # --- the thread ---

    def _run(self) -> None:
        try:
            with self._machine:
                self._host.on_input(Contact(True), time.monotonic_ns())
            while not self._stopping:
                if self._step() > 0:
                    self._sleep()
            with self._machine:
                # Closed first: the module has the debounce's time to see it, before we may be back.
                self._close_port()
                self._leave()
        except Exception as error:
            # Whoever takes events may be what failed.
            with contextlib.suppress(Exception):
                self._on_events([Crashed(error)], self._host)
        finally:
            self.gone = self._ended = True
            self._ring = None
            self._cancel_all()

    def _step(self) -> int:
        """Once around, on the thread; how many nanoseconds it may sleep."""
        with self._machine:
            try:
                self._watch.drain()
                if self._ring is not None:
                    self._ring.clear()
                self._mend()
                busy = self._turn()
                now = time.monotonic_ns()
                self._asleep_until = now if busy else self._rest_until(now)
                return self._asleep_until - now
            except Exception as error:
                self._error = error
                raise

    def _sleep(self) -> None:
        """Sleep as long as the last step allows; while the next image is due, look for it instead.

        Nobody waits for this: the machine is free, and whatever ends a sleep ends the looking.
        """
        ring, now = self._ring, time.monotonic_ns()
        until = self._lookout.awake_until(now) if ring is not None else None
        if ring is not None and until is not None:
            if ring.stay_awake(min(until, self._asleep_until), self._watch.fileno()):
                return
            now = time.monotonic_ns()
        self._watch.sleep(max(0, self._asleep_until - now) / NS_PER_S, writable=bool(self._unwritten))

    def _mend(self) -> None:
        """What failed on another thread fails here; a machine that it left in pieces begins anew."""
        if self._error is not None:
            raise self._error
        if self._held:
            self._watch.resume()
            self._held = False
        if self._torn:
            self._torn = False
            if not self.gone:
                self._lose_port()

    def _close_port(self) -> None:
        self._watch.forget_port()
        self._lanes.port.close()

    def _leave(self) -> None:
        """Let the machine see the removal through, so that the same one can be attached again."""
        self._host.on_input(Contact(False), time.monotonic_ns())
        while self._host.state is not HostState.ABSENT:
            now = time.monotonic_ns()
            due = self._host.next_deadline(now)
            if due is None or due <= now:
                self._host.on_deadline(now)
            else:
                time.sleep((due - now) / NS_PER_S)
        while self._host.next_event() is not None:
            pass

    def _cancel_all(self) -> None:
        for future in self._waiting.values():
            future.cancel()
        self._waiting.clear()
        with contextlib.suppress(queue.Empty):
            while True:
                self._work.get_nowait().future.cancel()

    def _turn(self) -> bool:
        """Once around: take what is there, do what is due, send, tell; whether there may be more."""
        while not self._work.empty():
            self._work.get().run()
        busy = self._read_lanes()
        now = time.monotonic_ns()
        self._due, self._due_known = self._host.next_deadline(now), True
        if self._due is not None and self._due <= now:
            self._host.on_deadline(now)
            self._due_known = False
        if self._host.events:
            self._tell()
        if self._unwritten or self._host.connection.queued[SIDEBAND]:
            self._write_port()
        return busy

    def _read_lanes(self) -> bool:
        """Take what has come, while there are lanes; whether anything did."""
        if self.gone:
            return False
        try:
            data = self._lanes.port.read()
            if data:
                self._host.receive_data(SIDEBAND, data, time.monotonic_ns())
            if self._ring is None:
                return bool(data)
            now = time.monotonic_ns()
            if self._read_ring() == 0:
                return bool(data)
        except (PortClosed, RingError):
            self._lose_port()
            return True
        self._lookout.came(now)
        return True

    def _lose_port(self) -> None:
        """The port ended: on a wire like this, that is the contact opening. What had come is kept."""
        self.gone = True
        self._ring = None
        self._unwritten = NOTHING
        with contextlib.suppress(RingError):
            self._drain_ring()
        # Closed at once: a pseudo-terminal's name is free again only then.
        self._close_port()
        self._host.on_input(Contact(False), time.monotonic_ns())

    def _drain_ring(self) -> None:
        """Take what is left in the ring, and no more than fits, in case somebody still writes."""
        left = self._lanes.ring.data_bytes if self._lanes.ring is not None else 0
        while left > 0 and (count := self._read_ring()):
            left -= count

    def _read_ring(self) -> int:
        """How many bytes were taken."""
        ring = self._lanes.ring
        if ring is None:
            return 0
        if ring.light != self._host.light:
            self._host.on_input(Light(ring.light), time.monotonic_ns())
        if taken := self._take_images(ring):
            return taken
        shown = ring.data()
        data = shown[:RING_BYTES]
        taken = len(data)
        if taken:
            more = len(shown) > taken
            taken = self._host.receive_data(OPTICAL, data, time.monotonic_ns(), more=more)
        data.release()
        shown.release()
        ring.release(taken)
        return taken

    def _take_images(self, ring: RingLane) -> int:
        """What the kernel takes from the ring by itself; how many bytes."""
        slots = self._host.open_slots(OPTICAL) if ring.moves_images else None
        taken = ring.receive_images(*slots) if slots is not None else 0
        if taken:
            self._host.images_received(taken, time.monotonic_ns())
        return taken

    def _write_port(self) -> None:
        """Send what there is, as far as the port takes it, while there is one."""
        host, queued = self._host, self._host.connection.queued
        data: bytes | memoryview = self._unwritten
        while not self.gone and (data or queued[SIDEBAND]):
            data = data or host.data_to_send(SIDEBAND, time.monotonic_ns())
            try:
                written = self._lanes.port.write(data)
            except PortClosed:
                self._lose_port()
                return
            if written < len(data):
                self._unwritten = memoryview(data)[written:]
                return
            self._unwritten = data = NOTHING

    def _tell(self) -> None:
        events = list(self._host.events)
        self._host.events.clear()
        self._on_events(events, self._host)
        for event in events:
            if isinstance(event, Answered | Unanswered):
                waiting = self._waiting.pop(event.request.request_id, None)
                if waiting is not None:
                    decide(waiting, event)

    def _rest_until(self, now: int) -> int:
        """When the machine or the port must be looked at again, whatever comes."""
        ring = self._ring
        if ring is not None and not ring.arm():
            return now
        if not self._due_known:
            self._due, self._due_known = self._host.next_deadline(now), True
        end = now + (POLL_NS if self._polled and not self.gone else IDLE_NS)
        if ring is not None:
            end = self._lookout.rest(now, end)
        return end if self._due is None else max(now, min(end, self._due))
