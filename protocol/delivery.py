"""How messages arrive for certain: requests by stop-and-wait, events in order by go-back-N.

Each end has its half of both. All four are pure bookkeeping: they hand out what is to be sent and say
when they want to be asked again; the session (`connection.py`) frames and sends it.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from laserlink.protocol.errors import IllegalInState, LocalProtocolError
from laserlink.protocol.frame import sequence_is_newer
from laserlink.protocol.limits import EVENTS_IN_FLIGHT, EVENTS_QUEUED, REQUEST_TRIES, REQUESTS_QUEUED
from laserlink.protocol.messages import bulk, control, diagnostics, identity, image, link, power
from laserlink.protocol.messages.layout import Event, Reply, Request

REQUEST_IDS = 1 << 16
SEQUENCES = 1 << 32

# Which reply answers which request; an error answers any.
ANSWERS: dict[type[Request], type[Reply]] = {
    link.Reset: link.ResetReply,
    link.CountersRead: link.Counters,
    power.PowerCapabilities: power.PowerRequest,
    power.PowerAccept: power.PowerStatus,
    power.PowerReject: power.PowerStatus,
    power.PowerWait: power.PowerStatus,
    power.PowerReady: power.PowerStatus,
    power.PowerDerate: power.PowerStatus,
    power.PowerRevoke: power.PowerStatus,
    identity.DescriptorRead: identity.DescriptorPart,
    control.ControlList: control.ControlInfos,
    control.ControlGet: control.ControlValues,
    control.ControlSet: control.ControlSetReply,
    image.StreamConfigure: image.StreamConfigured,
    image.StreamStart: image.StreamStarted,
    image.StreamStop: image.StreamStopped,
    bulk.UpdateBegin: bulk.UpdateStatus,
    bulk.UpdateData: bulk.UpdateStatus,
    bulk.UpdateEnd: bulk.UpdateStatus,
    bulk.FileRead: bulk.FilePart,
    diagnostics.Echo: diagnostics.EchoReply,
    diagnostics.Train: diagnostics.TrainStarted,
    diagnostics.TrainResult: diagnostics.TrainStatus,
}

RequestT = TypeVar("RequestT", bound=Request)


@dataclass(slots=True)
class _Outstanding:
    request: Request
    wire: bytes
    tries: int
    due_ns: int


class RequestClient:
    """The host's half: one request at a time, sent again, bit-identical, until it is answered.

    `send` frames and queues a request and returns its bytes; `resend` queues bytes again.
    """

    def __init__(self, send: Callable[[Request], bytes], resend: Callable[[bytes], None]) -> None:
        self._send = send
        self._resend = resend
        self._queue: deque[Request] = deque()
        self._outstanding: _Outstanding | None = None
        self._last_id = 0

    def submit(self, request: RequestT, now: int, timeout_ns: int) -> RequestT:
        """Queue a request; returns it with its id.

        Raises:
            LocalProtocolError: more requests are waiting than anyone could mean.
        """
        if len(self._queue) >= REQUESTS_QUEUED:
            raise LocalProtocolError(f"{REQUESTS_QUEUED} requests are waiting already")
        self._last_id = (self._last_id + 1) % REQUEST_IDS or 1
        request = request.numbered(self._last_id)
        if self._outstanding is None and not self._queue:
            self._outstanding = _Outstanding(request, self._send(request), 1, now + timeout_ns)
        else:
            self._queue.append(request)
            self.pump(now, timeout_ns)
        return request

    def pump(self, now: int, timeout_ns: int) -> None:
        """Send the next request, when none is outstanding."""
        if self._outstanding is None and self._queue:
            request = self._queue.popleft()
            self._outstanding = _Outstanding(request, self._send(request), 1, now + timeout_ns)

    def answered(self, reply: Reply | link.Error) -> Request | None:
        """The request that this answers, or None for an answer that came late.

        Raises:
            IllegalInState: the id fits, but not the type.
        """
        waiting = self._outstanding
        if waiting is None or reply.request_id != waiting.request.request_id:
            return None
        if not isinstance(reply, (ANSWERS[type(waiting.request)], link.Error)):
            raise IllegalInState(f"{type(reply).__name__} does not answer {type(waiting.request).__name__}")
        self._outstanding = None
        return waiting.request

    def next_deadline(self) -> int | None:
        return self._outstanding.due_ns if self._outstanding else None

    def on_deadline(self, now: int, timeout_ns: int) -> Request | None:
        """Send again what was not answered in time; the request itself when it was sent often enough."""
        waiting = self._outstanding
        if waiting is None or now < waiting.due_ns:
            return None
        if waiting.tries >= REQUEST_TRIES:
            self._outstanding = None
            return waiting.request
        waiting.tries += 1
        waiting.due_ns = now + timeout_ns
        self._resend(waiting.wire)
        return None

    def drop(self) -> list[Request]:
        """Forget everything, as a lost session does; what was never answered."""
        dropped = [self._outstanding.request] if self._outstanding else []
        dropped += self._queue
        self._queue.clear()
        self._outstanding = None
        return dropped

    @property
    def idle(self) -> bool:
        return self._outstanding is None and not self._queue


class Admission(Enum):
    """What to do with a request."""

    NEW = "carry it out"
    REPEAT = "answer again, with the same bytes"
    STALE = "drop it"


# Looked up for every request: an attribute of an enumeration is a call.
NEW, REPEAT, STALE = Admission.NEW, Admission.REPEAT, Admission.STALE


class RequestServer:
    """The module's half: each request is carried out once, however often it comes."""

    def __init__(self) -> None:
        self._last_id: int | None = None
        self.answer = b""

    def admit(self, request_id: int) -> Admission:
        """Judge a request by its id; a new one becomes the last, without an answer yet."""
        if request_id == self._last_id:
            return REPEAT
        if self._last_id is not None and not sequence_is_newer(request_id, self._last_id, bits=16):
            return STALE
        self._last_id = request_id
        self.answer = b""
        return NEW


class EventOverflow(Exception):
    """More events are waiting than the host can have missed."""


class EventSender:
    """The module's half: events in order, a window of them in flight, all sent again when one is late."""

    def __init__(self, send: Callable[[Event], tuple[int, bytes]], resend: Callable[[bytes], None]) -> None:
        self._send = send
        self._resend = resend
        self._queue: deque[Event] = deque()
        self._flight: deque[tuple[int, bytes]] = deque()
        self._due_ns: int | None = None

    def submit(self, event: Event, now: int, timeout_ns: int) -> None:
        """Queue an event. Raises EventOverflow when 64 are waiting."""
        if len(self._queue) >= EVENTS_QUEUED:
            raise EventOverflow
        self._queue.append(event)
        self._pump(now, timeout_ns)

    def _pump(self, now: int, timeout_ns: int) -> None:
        while self._queue and len(self._flight) < EVENTS_IN_FLIGHT:
            self._flight.append(self._send(self._queue.popleft()))
        if not self._flight:
            self._due_ns = None
        elif self._due_ns is None:
            self._due_ns = now + timeout_ns

    def acknowledged(self, sequence: int, now: int, timeout_ns: int) -> None:
        """Everything before `sequence` arrived; nothing did, where that is behind what was sent."""
        arrived = (sequence - self._flight[0][0]) % SEQUENCES if self._flight else 0
        if 0 < arrived <= len(self._flight):
            for _ in range(arrived):
                self._flight.popleft()
            self._due_ns = None
        self._pump(now, timeout_ns)

    def next_deadline(self) -> int | None:
        return self._due_ns

    def on_deadline(self, now: int, timeout_ns: int) -> None:
        """Send again what was not acknowledged in time."""
        if self._due_ns is not None and now >= self._due_ns:
            for _, wire in self._flight:
                self._resend(wire)
            self._due_ns = now + timeout_ns


class EventReceiver:
    """The host's half: takes events in order, and knows what to acknowledge.

    Nothing, until it was told where the module begins to count.
    """

    def __init__(self, first_sequence: int | None = None) -> None:
        self.expected = first_sequence

    def accept(self, sequence: int) -> bool:
        """Whether this is the next event; the caller acknowledges `expected` either way."""
        if sequence != self.expected:
            return False
        self.expected = (self.expected + 1) % SEQUENCES
        return True
