"""One thread that runs the host's machine over open lanes: bytes, time and inputs in, events out.

Everything that touches the machine happens on this thread; others hand it work with `call` and get futures.
The user may be idle for hours: the thread keeps the link alive.
"""

import contextlib
import queue
import select
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from laserlink.cext.ring import RingError
from laserlink.host_driver.actions import Answered, Unanswered
from laserlink.host_driver.lanes.port import PortClosed
from laserlink.host_driver.lanes.ring import RingLane
from laserlink.host_driver.lanes.url import Lanes
from laserlink.host_driver.machine import Contact, Host, Light
from laserlink.protocol.errors import ERROR_OF_CODE, LinkTimeout
from laserlink.protocol.messages.layout import Record, Request
from laserlink.protocol.messages.link import Error
from laserlink.protocol.states import HostState, LaneKind
from laserlink.protocol.timers import NS_PER_S

# How much of the ring is worked on before the sideband is looked at again: 0.1 ms of work.
RING_BYTES = 1 << 18
IDLE_SECONDS = 0.05
# Ports without a descriptor are looked at this often.
POLL_SECONDS = 0.002

T = TypeVar("T")
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

    `on_events` is called on the thread, with all events of one moment, before the futures that they decide.
    """

    def __init__(self, host: Host, lanes: Lanes, on_events: OnEvents) -> None:
        self._host = host
        self._lanes = lanes
        self._on_events = on_events
        self._work: queue.SimpleQueue[_Work] = queue.SimpleQueue()
        self._waiting: dict[int, Future[Any]] = {}
        self._unwritten = memoryview(b"")
        self._stopping = False
        self._gone = False
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
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
        return self._submit(lambda host, now: host.request(message, now))

    def _submit(self, ask: Callable[[Host, int], Request]) -> "Future[Record]":
        answer: Future[Record] = Future()

        def submit() -> None:
            try:
                self._waiting[ask(self._host, time.monotonic_ns()).request_id] = answer
            except BaseException as error:
                answer.set_exception(error)

        self._put(_Work(submit, answer))
        return answer

    def _put(self, work: "_Work") -> None:
        self._work.put(work)
        self._wake()
        if not self._thread.is_alive():
            self._cancel_all()

    def ask(self, ask: Callable[[Host, int], Request]) -> "Future[Record]":
        """As `request`, for requests that the host makes itself (`Host.set_controls`)."""
        return self._submit(ask)

    def close(self) -> None:
        """Stop the thread and close the lanes. Twice is fine."""
        if self._stopping:
            return
        self._stopping = True
        self._wake()
        self._thread.join()
        self._lanes.close()
        self._wake_read.close()
        self._wake_write.close()

    @property
    def gone(self) -> bool:
        """Whether the port was closed by the other side, or the thread has ended."""
        return self._gone

    def _wake(self) -> None:
        # A full socket is readable already, a closed one has nobody to wake.
        with contextlib.suppress(OSError):
            self._wake_write.send(b"!")

    # --- the thread ---

    def _run(self) -> None:
        try:
            self._host.on_input(Contact(True), time.monotonic_ns())
            while not self._stopping:
                self._turn()
            # Closed first: the module has the debounce's time to see it, before we may be back.
            self._lanes.port.close()
            self._leave()
        except Exception as error:
            # Whoever takes events may be what failed.
            with contextlib.suppress(Exception):
                self._on_events([Crashed(error)], self._host)
        finally:
            self._gone = True
            self._cancel_all()

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

    def _turn(self) -> None:
        """Once around: take what is there, do what is due, send, tell, wait."""
        while not self._work.empty():
            self._work.get().run()
        busy = self._on_lanes(lambda: self._read_port() | (self._read_ring() > 0))
        now = time.monotonic_ns()
        due = self._host.next_deadline(now)
        if due is not None and due <= now:
            self._host.on_deadline(now)
        self._tell()
        self._on_lanes(self._write_port)
        if not busy:
            self._wait()

    def _on_lanes(self, work: Callable[[], bool | None]) -> bool:
        """Do something with the lanes, while there are any; whether anything came of it."""
        if self._gone:
            return False
        try:
            return bool(work())
        except (PortClosed, RingError):
            self._lose_port()
            return True

    def _lose_port(self) -> None:
        """The port ended: on a wire like this, that is the contact opening. What had come is kept."""
        self._gone = True
        self._unwritten = memoryview(b"")
        with contextlib.suppress(RingError):
            self._drain_ring()
        # Closed at once: a pseudo-terminal's name is free again only then.
        self._lanes.port.close()
        self._host.on_input(Contact(False), time.monotonic_ns())

    def _drain_ring(self) -> None:
        """Take what is left in the ring, and no more than fits, in case somebody still writes."""
        left = self._lanes.ring.data_bytes if self._lanes.ring is not None else 0
        while left > 0 and (count := self._read_ring()):
            left -= count

    def _read_port(self) -> bool:
        data = self._lanes.port.read()
        if data:
            self._host.receive_data(LaneKind.SIDEBAND, data, time.monotonic_ns())
        return bool(data)

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
            taken = self._host.receive_data(LaneKind.OPTICAL, data, time.monotonic_ns(), more=more)
        data.release()
        shown.release()
        ring.release(taken)
        return taken

    def _take_images(self, ring: RingLane) -> int:
        """What the kernel takes from the ring by itself; how many bytes."""
        slots = self._host.open_slots(LaneKind.OPTICAL) if ring.moves_images else None
        taken = ring.receive_images(*slots) if slots is not None else 0
        if taken:
            self._host.images_received(taken, time.monotonic_ns())
        return taken

    def _write_port(self) -> None:
        while True:
            if not self._unwritten:
                self._unwritten = memoryview(self._host.data_to_send(LaneKind.SIDEBAND, time.monotonic_ns()))
            if not self._unwritten:
                return
            written = self._lanes.port.write(self._unwritten)
            self._unwritten = self._unwritten[written:]
            if self._unwritten:
                return

    def _tell(self) -> None:
        events: list[object] = []
        while (event := self._host.next_event()) is not None:
            events.append(event)
        if events:
            self._on_events(events, self._host)
        for event in events:
            if isinstance(event, Answered):
                self._resolve(event)
            elif isinstance(event, Unanswered) and (
                future := self._waiting.pop(event.request.request_id, None)
            ):
                unheard = LinkTimeout(f"{type(event.request).__name__} was never answered")
                future.set_exception(event.fault or unheard)

    def _resolve(self, event: Answered) -> None:
        future = self._waiting.pop(event.request.request_id, None)
        if future is None:
            return
        if isinstance(event.reply, Error):
            future.set_exception(ERROR_OF_CODE[event.reply.code](event.reply.text, event.reply.value))
        else:
            future.set_result(event.reply)

    def _wait(self) -> None:
        """Sleep until a byte, a doorbell, a call, or the next deadline."""
        readable = [self._wake_read.fileno()]
        now = time.monotonic_ns()
        due = self._host.next_deadline(now)
        seconds = IDLE_SECONDS if due is None else min(max(0.0, (due - now) / NS_PER_S), IDLE_SECONDS)
        ring = None if self._gone else self._lanes.ring
        if ring is not None:
            if not ring.arm():
                return
            readable.append(ring.fileno())
        port = self._lanes.port.fileno()
        if not self._gone and port >= 0:
            readable.append(port)
        elif not self._gone:
            seconds = min(seconds, POLL_SECONDS)
        writable = [port] if self._unwritten and port >= 0 and not self._gone else []
        with contextlib.suppress(OSError, ValueError):
            select.select(readable, writable, [], seconds)
        with contextlib.suppress(BlockingIOError):
            self._wake_read.recv(4096)
        if ring is not None:
            ring.clear()
