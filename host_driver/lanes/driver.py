"""One thread that runs the host's machine over open lanes: bytes, time and inputs in, events out.

Everything that touches the machine happens on this thread; others hand it work with `call` and get futures.
The user may be idle for hours: the thread keeps the link alive.
"""

import contextlib
import os
import queue
import select
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from laserlink.cext.ring import RingError
from laserlink.host_driver.actions import Answered, Unanswered
from laserlink.host_driver.lanes.port import PortClosed
from laserlink.host_driver.lanes.url import Lanes
from laserlink.host_driver.machine import Contact, Host, Light
from laserlink.protocol.errors import ERROR_OF_CODE, LinkTimeout
from laserlink.protocol.messages.layout import Record, Request
from laserlink.protocol.messages.link import Error
from laserlink.protocol.states import LaneKind
from laserlink.protocol.timers import NS_PER_S

# How much of the ring is worked on before the sideband is looked at again: 0.1 ms of work.
RING_BYTES = 1 << 18
IDLE_SECONDS = 0.05
# Ports without a descriptor are looked at this often.
POLL_SECONDS = 0.002

T = TypeVar("T")
OnEvent = Callable[[object, Host], None]


class Driver:
    """Runs `host` over `lanes` until closed. `on_event` is called on the thread, for every event."""

    def __init__(self, host: Host, lanes: Lanes, on_event: OnEvent) -> None:
        self._host = host
        self._lanes = lanes
        self._on_event = on_event
        self._work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._waiting: dict[int, Future[Any]] = {}
        self._unwritten = memoryview(b"")
        self._stopping = False
        self._gone = False
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._thread = threading.Thread(target=self._run, name="laserlink-host", daemon=True)
        self._thread.start()

    # --- from any thread ---

    def call(self, work: Callable[[Host, int], T]) -> "Future[T]":
        """Run `work(host, now)` on the thread; its result, or what it raised."""
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(work(self._host, time.monotonic_ns()))
            except BaseException as error:
                future.set_exception(error)

        self._work.put(run)
        self._wake()
        return future

    def request(self, message: Request) -> "Future[Record]":
        """Send a request; the future has the reply, or the typed error that the module answered."""
        return self._submit(lambda host, now: host.request(message, now))

    def _submit(self, ask: Callable[[Host, int], Request]) -> "Future[Record]":
        answer: Future[Record] = Future()

        def submit(host: Host, now: int) -> None:
            try:
                self._waiting[ask(host, now).request_id] = answer
            except BaseException as error:
                answer.set_exception(error)

        self.call(submit)
        return answer

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
        os.close(self._wake_read)
        os.close(self._wake_write)

    @property
    def gone(self) -> bool:
        """Whether the port was closed by the other side."""
        return self._gone

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            os.write(self._wake_write, b"!")

    # --- the thread ---

    def _run(self) -> None:
        self._host.on_input(Contact(True), time.monotonic_ns())
        while not self._stopping:
            self._turn()
        self._host.on_input(Contact(False), time.monotonic_ns())
        for future in self._waiting.values():
            future.cancel()

    def _turn(self) -> None:
        """Once around: take what is there, do what is due, send, tell, wait."""
        while not self._work.empty():
            self._work.get()()
        busy = False
        if not self._gone:
            try:
                busy = self._read_port() | self._read_ring()
                self._write_port()
            except (PortClosed, RingError):
                self._lose_port()
        now = time.monotonic_ns()
        due = self._host.next_deadline(now)
        if due is not None and due <= now:
            self._host.on_deadline(now)
        self._tell()
        if not busy:
            self._wait()

    def _lose_port(self) -> None:
        """The port ended: on a wire like this, that is the contact opening."""
        self._gone = True
        self._unwritten = memoryview(b"")
        self._host.on_input(Contact(False), time.monotonic_ns())

    def _read_port(self) -> bool:
        data = self._lanes.port.read()
        if data:
            self._host.receive_data(LaneKind.SIDEBAND, data, time.monotonic_ns())
        return bool(data)

    def _read_ring(self) -> bool:
        ring = self._lanes.ring
        if ring is None:
            return False
        if ring.light != self._host.light:
            self._host.on_input(Light(ring.light), time.monotonic_ns())
        data = ring.data()[:RING_BYTES]
        count = len(data)
        if count:
            self._host.receive_data(LaneKind.OPTICAL, data, time.monotonic_ns())
            data.release()
            ring.release(count)
        return count > 0

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
        while (event := self._host.next_event()) is not None:
            if isinstance(event, Answered):
                self._resolve(event)
            elif isinstance(event, Unanswered) and (future := self._waiting.pop(event.request.request_id, None)):
                future.set_exception(LinkTimeout(f"{type(event.request).__name__} was never answered"))
            self._on_event(event, self._host)

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
        readable: list[int] = [self._wake_read]
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
            os.read(self._wake_read, 4096)
        if ring is not None:
            ring.clear()
