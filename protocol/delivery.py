"""How messages arrive for certain: requests by stop-and-wait, events in order by go-back-N.

Each end has its half of both. All four are pure bookkeeping: they hand out what is to be sent and say
when they want to be asked again; the session (`connection.py`) frames and sends it.
"""

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import TypeVar

from laserlink.protocol.errors import IllegalInState, LocalProtocolError
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


class RequestClient:
    """The host's half: one request at a time, sent again, bit-identical, until it is answered.

    `send` frames and queues a request and returns its bytes; `resend` queues bytes again.
    """

    def __init__(self, send: Callable[[Request], bytes], resend: Callable[[bytes], None]) -> None:
        self._send = send
        self._resend = resend
        # What is to be sent when that which is outstanding is answered.
        self.waiting: deque[Request] = deque()
        self._outstanding: Request | None = None
        self._wire = b""
        self._tries = 0
        self._last_id = 0
        # When the one that is outstanding is late; None without any.
        self.due_ns: int | None = None

    def submit(self, request: RequestT, now: int, timeout_ns: int) -> RequestT:
        """Queue a request; returns it with its id.

        Raises:
            LocalProtocolError: more requests are waiting than anyone could mean.
        """
        if len(self.waiting) >= REQUESTS_QUEUED:
            raise LocalProtocolError(f"{REQUESTS_QUEUED} requests are waiting already")
        self._last_id = (self._last_id + 1) % REQUEST_IDS or 1
        request = request.numbered(self._last_id)
        self.waiting.append(request)
        self.pump(now, timeout_ns)
        return request

    def pump(self, now: int, timeout_ns: int) -> None:
        """Send the next request, when none is outstanding."""
        if self._outstanding is None and self.waiting:
            request = self.waiting.popleft()
            self._wire = self._send(request)
            self._outstanding, self._tries, self.due_ns = request, 1, now + timeout_ns

    def answered(self, reply: Reply | link.Error) -> Request | None:
        """The request that this answers, or None for an answer that came late.

        Raises:
            IllegalInState: the id fits, but not the type.
        """
        asked = self._outstanding
        if asked is None or reply.request_id != asked.request_id:
            return None
        if not isinstance(reply, (ANSWERS[type(asked)], link.Error)):
            raise IllegalInState(f"{type(reply).__name__} does not answer {type(asked).__name__}")
        self._outstanding = self.due_ns = None
        return asked

    def on_deadline(self, now: int, timeout_ns: int) -> Request | None:
        """Send again what was not answered in time; the request itself when it was sent often enough."""
        if self.due_ns is None or now < self.due_ns:
            return None
        if self._tries >= REQUEST_TRIES:
            failed, self._outstanding, self.due_ns = self._outstanding, None, None
            return failed
        self._tries += 1
        self.due_ns = now + timeout_ns
        self._resend(self._wire)
        return None

    def drop(self) -> list[Request]:
        """Forget everything, as a lost session does; what was never answered."""
        dropped = [self._outstanding] if self._outstanding is not None else []
        dropped += self.waiting
        self.waiting.clear()
        self._outstanding = self.due_ns = None
        return dropped

    @property
    def idle(self) -> bool:
        return self._outstanding is None and not self.waiting


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
        # As serial numbers go (RFC 1982); the undefined middle counts as older.
        if self._last_id is not None and (request_id - self._last_id) % REQUEST_IDS >= REQUEST_IDS // 2:
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
        # When what is in flight is late; None without any.
        self.due_ns: int | None = None

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
            self.due_ns = None
        elif self.due_ns is None:
            self.due_ns = now + timeout_ns

    def acknowledged(self, sequence: int, now: int, timeout_ns: int) -> None:
        """Everything before `sequence` arrived; nothing did, where that is behind what was sent."""
        arrived = (sequence - self._flight[0][0]) % SEQUENCES if self._flight else 0
        if 0 < arrived <= len(self._flight):
            for _ in range(arrived):
                self._flight.popleft()
            self.due_ns = None
        self._pump(now, timeout_ns)

    def on_deadline(self, now: int, timeout_ns: int) -> None:
        """Send again what was not acknowledged in time."""
        if self.due_ns is not None and now >= self.due_ns:
            for _, wire in self._flight:
                self._resend(wire)
            self.due_ns = now + timeout_ns


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
