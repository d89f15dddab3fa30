"""`replay:FILE`: the module of a recording, for a host of today.

It answers what was asked in the recording with what was answered then, and sends the recorded pictures, bit
for bit, again and again in their order. Session, request ids, sequences, image ids and the time of an image
are of today; what was never asked in the recording is refused (NOT_FOUND).
"""

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from laserlink.host_driver.lanes.port import Port
from laserlink.host_driver.lanes.replay_file import (
    OFFSET_AT,
    RecordedModule,
    frames_of,
    key_of,
    read_module,
)
from laserlink.host_driver.lanes.ring import RingLane
from laserlink.protocol import catalogue
from laserlink.protocol.connection import Connection, Role
from laserlink.protocol.delivery import Admission, EventSender, RequestServer
from laserlink.protocol.errors import NotFound, RemoteProtocolError, UnknownStream
from laserlink.protocol.frame import OVERHEAD_BYTES, Frame
from laserlink.protocol.judge import Received
from laserlink.protocol.messages import diagnostics, image, link, power
from laserlink.protocol.messages.layout import Event, Record, Reply, Request
from laserlink.protocol.prbs import pattern
from laserlink.protocol.states import LaneDirection, LaneKind, LineCoding, ModuleState, StreamEnd
from laserlink.protocol.timers import BEACON_NS, NS_PER_MS, NS_PER_US, RESPONSE_NS

BURST_FRAMES = 64
SEQUENCES = 1 << 32
# What is asked of these differs from day to day, the answer does not.
ALIKE = (
    diagnostics.TrainResult, power.PowerCapabilities, power.PowerAccept, power.PowerReady, power.PowerDerate,
    power.PowerRevoke, power.PowerReject, power.PowerWait, link.Reset,
)  # fmt: skip


@dataclass
class _Run:
    """A stream that sends: `sent` images so far, of `wanted` (0: without end), as far as credit goes."""

    channel: int
    key: bytes
    configured: image.StreamConfigured
    first_sequence: int
    wanted: int
    started_ns: int
    start_id: int
    credit: int | None = None
    sent: int = 0

    def may_send(self, now: int) -> bool:
        """Whether the next image was granted, and its time has come."""
        if (self.wanted and self.sent >= self.wanted) or self.credit is None:
            return False
        last = self.first_sequence + (self.sent + 1) * self.configured.frames_per_image - 1
        granted = (self.credit - last) % SEQUENCES < SEQUENCES // 2
        return granted and now >= self.started_ns + self.sent * self.configured.interval_us * NS_PER_US


class ReplayedModule:
    """The recorded module behind its lanes; `lanes` begins a new contact.

    One port, and a ring where the recording has an optical lane, both for one thread.
    """

    state = ModuleState.READY  # whatever the host asks: the recording has the answer, or it has none

    def __init__(self, recorded: RecordedModule, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self.recorded = recorded
        self._clock = clock
        hello = recorded.hello_reply or link.HelloReply()
        kinds = {offer.kind for offer in hello.lanes} | {LaneKind.SIDEBAND}
        self.offers = tuple(_offer(kind) for kind in sorted(kinds))
        self._begin()

    @classmethod
    def of_file(cls, path: Path) -> "ReplayedModule":
        """The module of a file. Raises DeviceError."""
        return cls(read_module(path))

    def lanes(self) -> tuple[Port, RingLane | None]:
        """The lanes of a new contact."""
        self._begin()
        has_laser = any(offer.kind is LaneKind.OPTICAL for offer in self.offers)
        return ReplayedPort(self), ReplayedRing(self) if has_laser else None

    def _begin(self) -> None:
        self.connection = Connection(Role.MODULE, self.offers)
        self.light = self.training = False
        self._begun_ns = self._clock()
        self._beacon_ns = self._begun_ns
        self._hello_wire = b""
        self._end_session()

    def _end_session(self) -> None:
        self._requests = RequestServer()
        self._events = EventSender(self._send_event, self.connection.resend)
        self._configured: dict[int, bytes] = {}
        self._runs: dict[int, _Run] = {}
        self._kept: deque[tuple[int, int, dict[int, bytes]]] = deque(maxlen=2)
        self._images: deque[Iterator[bytes]] = deque()
        self._image_ids: dict[int, int] = {}

    # --- the port ---

    def receive(self, data: bytes | memoryview) -> None:
        """Bytes of the host."""
        now = self._clock()
        for received in self.connection.receive(LaneKind.SIDEBAND, data, now, self):
            self._handle(received, now)

    def sideband(self) -> bytes:
        """What the sideband carries to the host now."""
        now = self._clock()
        if not self.connection.session and now >= self._beacon_ns:
            self._beacon_ns = now + BEACON_NS
            self._send_beacon(now)
        self._events.on_deadline(now, RESPONSE_NS)
        out = b"".join(iter(lambda: self.connection.next_frame(LaneKind.SIDEBAND), b""))
        if self.connection.image_lane is LaneKind.SIDEBAND:
            out += self.optical()
        return out

    def optical(self) -> bytes:
        """The next bytes of the lane that carries images."""
        now = self._clock()
        if self.training:
            return b"".join(self._pattern_frame() for _ in range(BURST_FRAMES // 4))
        for run in list(self._runs.values()):
            if not self._images and run.may_send(now):
                self._images.append(self._next_image(run, now))
        burst: list[bytes] = []
        while self._images and len(burst) < BURST_FRAMES:
            frame = next(self._images[0], None)
            if frame is None:
                self._images.popleft()
            else:
                burst.append(frame)
        if not self._images:
            self._end_runs(now)
        return b"".join(burst)

    def _end_runs(self, now: int) -> None:
        for run in list(self._runs.values()):
            if run.wanted and run.sent >= run.wanted:
                del self._runs[run.channel]
                ended = image.StreamEnded(run.channel, StreamEnd.COMPLETE, run.start_id, run.sent)
                self._events.submit(ended, now, RESPONSE_NS)

    def _pattern_frame(self) -> bytes:
        sequence = self.connection.reserve(catalogue.CONTROL_CHANNEL, 1)
        run = pattern(sequence, self.connection.out_bytes_max - OVERHEAD_BYTES)
        kind = catalogue.BY_MESSAGE[diagnostics.Prbs31].type
        return bytes(Frame(kind, catalogue.CONTROL_CHANNEL, self.connection.session, sequence, run))

    def _next_image(self, run: _Run, now: int) -> Iterator[bytes]:
        """The frames of the next image; they are kept, for resends."""
        pictures = self.recorded.pictures[run.key]
        picture = pictures[run.sent % len(pictures)]
        image_id = self._image_ids[run.channel] = self._image_ids.get(run.channel, 0) + 1
        first = self.connection.reserve(run.channel, run.configured.frames_per_image)
        kept: dict[int, bytes] = {}
        self._kept.append((run.channel, image_id, kept))
        run.sent += 1
        start_type = catalogue.BY_MESSAGE[image.ImageStart].type

        def frames() -> Iterator[bytes]:
            for place, kind, body in frames_of(picture, run.configured):
                payload = image_id.to_bytes(OFFSET_AT, "little") + body
                if kind == start_type:
                    payload = _dated(payload, now)
                sequence = (first + place) % SEQUENCES
                kept[place] = bytes(Frame(kind, run.channel, self.connection.session, sequence, payload))
                yield kept[place]

        return frames()

    # --- what the host says ---

    def _handle(self, received: Received, now: int) -> None:
        message, frame = received.message, received.frame
        match message:
            case link.Hello():
                self._greet(message, frame.session)
            case link.Ping():
                self.connection.send(link.Pong(message.number, message.host_sent_ns, now, now))
            case link.Ack():
                self._events.acknowledged(message.sequence, now, RESPONSE_NS)
            case link.Credit():
                if (run := self._runs.get(frame.channel)) is not None:
                    run.credit = message.sequence
            case image.Resend():
                self._resend(frame.channel, message)
            case Request():
                self._answer(received, message, now)

    def _greet(self, hello: link.Hello, session: int) -> None:
        if session == self.connection.session:
            self.connection.resend(self._hello_wire)
            return
        recorded = self.recorded.hello_reply or link.HelloReply()
        self.light = self.training = False
        self.connection.open(session, recorded.first_sequence)
        self._end_session()
        self.connection.use_lanes({offer.kind for offer in hello.lanes} | {LaneKind.SIDEBAND})
        reply = replace(
            recorded,
            features=recorded.features & hello.features,
            to_module_bytes_max=min(recorded.to_module_bytes_max, hello.to_module_bytes_max),
            to_host_bytes_max=min(recorded.to_host_bytes_max, hello.to_host_bytes_max),
        )
        self._hello_wire = self.connection.send(reply)
        self.connection.in_bytes_max = reply.to_module_bytes_max
        self.connection.out_bytes_max = reply.to_host_bytes_max
        self.connection.features = link.Features(reply.features)

    def _answer(self, received: Received, request: Request, now: int) -> None:
        admission = self._requests.admit(request.request_id)
        if admission is Admission.REPEAT:
            self.connection.resend(self._requests.answer)
        if admission is not Admission.NEW:
            return
        answer: Record
        try:
            answer = self._reply_to(request, now)
        except RemoteProtocolError as error:
            answer = self.connection.error_message(received.frame, error, request.request_id)
        self._requests.answer = self.connection.send(answer)

    def _reply_to(self, request: Request, now: int) -> Reply:
        """The answer. Raises NotFound for what was not asked in the recording."""
        match request:
            case image.StreamStart():
                return self._start(request, now)
            case image.StreamStop():
                run = self._runs.pop(request.channel, None)
                self._images.clear()
                return image.StreamStopped(request.request_id, request.channel, run.sent if run else 0)
            case link.CountersRead():
                return self._count(request, now)
            case diagnostics.Echo():
                return diagnostics.EchoReply(request.request_id, request.data)
        found = self.recorded.answers.get((type(request), key_of(request)))
        if found is None and isinstance(request, ALIKE):
            found = self.recorded.answer_of_kind(type(request))
        if found is None:
            raise NotFound(f"the recording answers no such {type(request).__name__}")
        if isinstance(request, image.StreamConfigure):
            self._configured[request.channel] = key_of(request)
        elif isinstance(request, diagnostics.Train | diagnostics.TrainResult):
            self.training = isinstance(request, diagnostics.Train)
            self.light = True
        return replace(found, request_id=request.request_id)

    def _start(self, request: image.StreamStart, now: int) -> image.StreamStarted:
        key = self._configured.get(request.channel)
        if key is None:
            raise UnknownStream(f"stream {request.channel} is not configured", request.channel)
        if not self.recorded.pictures.get(key):
            raise NotFound("the recording has no picture of this stream")
        first = self.connection.peek_sequence(request.channel)
        configured, wanted = self.recorded.configured[key], request.images
        run = _Run(request.channel, key, configured, first, wanted, now, request.request_id)
        self._runs[request.channel] = run
        next_id = self._image_ids.get(request.channel, 0) + 1
        return image.StreamStarted(request.request_id, request.channel, next_id, first)

    def _count(self, request: link.CountersRead, now: int) -> link.Counters:
        """Of this replay, not of the recording."""
        seen = self.connection.counters
        return link.Counters(
            request.request_id, frames_received=seen.frames_received, frames_sent=seen.frames_sent,
            frames_resent=seen.frames_resent, images=sum(self._image_ids.values()),
            uptime_ms=(now - self._begun_ns) // NS_PER_MS,
        )  # fmt: skip

    def _resend(self, channel: int, wanted: image.Resend) -> None:
        """Send again what is kept; what was not recorded is gone."""
        found = next((item for item in self._kept if item[:2] == (channel, wanted.image_id)), None)
        run = self.recorded.configured.get(self._configured.get(channel, b""))
        places: set[int] = set()
        if found is not None and run is not None:
            last = run.coded_bytes // run.chunk_bytes + 1
            places |= {0} if wanted.wanted & image.Wanted.START else set()
            if wanted.wanted & image.Wanted.DIGESTS:
                places |= {place for place in found[2] if place > last}
            for item in wanted.ranges:
                first = item.offset // run.chunk_bytes
                places |= set(range(1 + first, 1 + min(last, first - -item.length // run.chunk_bytes)))
        if found is None or not places <= set(found[2]):
            self.connection.send(image.ImageGone(wanted.image_id), channel)
        else:
            self._images.appendleft(iter([found[2][place] for place in sorted(places)]))

    def _send_beacon(self, now: int) -> None:
        recorded = self.recorded.hello_reply or link.HelloReply()
        uptime_ms = (now - self._begun_ns) // NS_PER_MS
        self.connection.send(link.Beacon(module_id=recorded.module_id, uptime_ms=uptime_ms), session=0)

    def _send_event(self, event: Event) -> tuple[int, bytes]:
        frame = self.connection.frame(event)
        self.connection.resend(bytes(frame))
        return frame.sequence, bytes(frame)


def _dated(start: bytes, now: int) -> bytes:
    """The start of an image that begins now."""
    return bytes(replace(image.ImageStart.decode(start), timestamp_ns=now))


def _offer(kind: LaneKind) -> link.LaneOffer:
    """A lane of ours: no line is as slow as the recorded one was."""
    direction = LaneDirection.MODULE_TO_HOST if kind is LaneKind.OPTICAL else LaneDirection.BOTH
    return link.LaneOffer(kind, kind, direction, LineCoding.NONE, 0, 0)


class ReplayedPort:
    """The sideband of a recorded module; asked again and again, for nothing wakes whoever waits for it."""

    name = "replay"

    def __init__(self, module: ReplayedModule) -> None:
        self._module = module

    def fileno(self) -> int:
        return -1

    def read(self) -> bytes:
        return self._module.sideband()

    def write(self, data: bytes | memoryview) -> int:
        self._module.receive(data)
        return len(data)

    def close(self) -> None:
        """Nothing of its own."""


class ReplayedRing:
    """The laser of a recorded module."""

    data_bytes = BURST_FRAMES * 4096
    moves_images = False

    def __init__(self, module: ReplayedModule) -> None:
        self._module = module
        self._held = b""
        # Never readable: whoever waits looks at the port soon enough.
        self._ends = os.pipe()

    @property
    def light(self) -> bool:
        return self._module.light

    @property
    def session(self) -> int:
        return self._module.connection.session

    def data(self) -> memoryview:
        self._held = self._held or (self._module.optical() if self.light else b"")
        return memoryview(self._held)

    def release(self, size: int) -> None:
        self._held = self._held[size:]

    def receive_images(self, session: int, max_payload: int, slots: Sequence[Any]) -> int:
        return 0

    def fileno(self) -> int:
        return self._ends[0]

    def arm(self, wanted: int = 1) -> bool:
        return len(self.data()) < wanted

    def stay_awake(self, until_ns: int, other: int = -1) -> bool:
        """Nobody writes here while we look."""
        return False

    def clear(self) -> None:
        """Nothing was rung."""

    def close(self) -> None:
        for end in self._ends:
            if end >= 0:
                os.close(end)
        self._ends = (-1, -1)
