"""One session over one or two lanes, as either end sees it: framing, judging, sequencing, queueing.

Shared by both machines. Bytes go in, `Received` messages come out, and every rule of DESIGN's "rules that
two independent implementations must share" that does not need a machine's state is kept here: damage is
counted and never answered, frames of another session are counted and dropped, an offence is answered once.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Protocol

from laserlink.protocol import catalogue
from laserlink.protocol.catalogue import Channel, Direction, Row
from laserlink.protocol.errors import (
    FrameTooLong,
    IllegalInState,
    LocalProtocolError,
    RemoteProtocolError,
    UnknownType,
    WrongChannel,
    WrongDirection,
    WrongLane,
)
from laserlink.protocol.frame import (
    OVERHEAD_BYTES,
    VERSION_MAJOR,
    Frame,
    wire_of,
)
from laserlink.protocol.framer import BadFrame, BadReason, Framer, damaged_frames, frame_at
from laserlink.protocol.judge import IMAGE, UNNEGOTIATED, Received, lone_frame, row_of
from laserlink.protocol.limits import (
    ERROR_TEXT_BYTES_MAX,
    ERRORS_PER_SECOND,
    FRAME_BYTES_MAX,
    FRAME_BYTES_MIN_OFFER,
    QUEUE_FRAMES_MAX,
)
from laserlink.protocol.messages.layout import Record
from laserlink.protocol.messages.link import Error, Features, LaneOffer
from laserlink.protocol.states import BITS_PER_BYTE, OPTICAL, SIDEBAND, LaneKind
from laserlink.protocol.timers import GAP_NS, LINE_TIMES_ADDED, NS_PER_S, NS_PER_US, Deadlines, line_time_ns
from laserlink.protocol.writer import FLAGS, whole_frame

SEQUENCES = 1 << 32
# More than a whole training has; they are looked at after each piece of the stream.
DAMAGED_FRAMES_MAX = 64


class Role(Enum):
    """Which end of the link this is."""

    HOST = Direction.TO_MODULE
    MODULE = Direction.TO_HOST


@dataclass
class Counters:
    """What a connection saw; `bad` counts by reason, `offences` by error code."""

    frames_received: int = 0
    frames_sent: int = 0
    frames_resent: int = 0
    frames_stale: int = 0
    frames_unsent: int = 0
    errors_unsent: int = 0
    events_untold: int = 0
    bytes_received: int = 0
    bytes_sent: int = 0
    bad: Counter[str] = field(default_factory=Counter)
    offences: Counter[str] = field(default_factory=Counter)


# Control before events, events before images, images before bulk: as the channels are declared.
_PRIORITY = {row.type: tuple(Channel).index(row.channel) for row in catalogue.ROWS}
TakeImages = Callable[[memoryview], int]


class Machine(Protocol):
    """Who asks, as far as a connection cares: handling one message may change what the next may be."""

    @property
    def state(self) -> IntEnum: ...


class Connection:
    """The session layer of one end.

    The lanes are those of this end; without an optical lane, images take the sideband. `session` 0 means
    that there is none. `foreign_version` is the last version byte heard that is not spoken here, or 0;
    `features` are those that hello agreed on.
    """

    def __init__(self, role: Role, lanes: tuple[LaneOffer, ...]) -> None:
        if LaneKind.SIDEBAND not in {offer.kind for offer in lanes}:
            raise LocalProtocolError("a link needs a sideband (or plain serial) lane")
        self.role = role
        self._sends: Direction = role.value
        self._lone_frame = lone_frame(self._sends)
        self._whole_frame = whole_frame()
        self.lanes = {offer.kind: offer for offer in lanes}
        self._share(frozenset(self.lanes))
        self._extended: dict[tuple[int, LaneKind, int], tuple[LaneOffer, int]] = {}
        self.untaken = 0
        self.damaged_type: int | None = None
        self.damaged: deque[Frame] = deque(maxlen=DAMAGED_FRAMES_MAX)
        self.counters = Counters()
        self.session = 0
        self.foreign_version = 0
        self.features = Features.NONE
        self.out_bytes_max = FRAME_BYTES_MIN_OFFER
        self.in_bytes_max = FRAME_BYTES_MIN_OFFER
        self._framers = {kind: Framer() for kind in self.lanes}
        self.gaps: Deadlines[LaneKind] = Deadlines()
        self._next_sequence: dict[int, int] = {}
        self._first_sequence = 0
        self._errors_at: deque[int] = deque(maxlen=ERRORS_PER_SECOND)
        self._queues: dict[LaneKind, tuple[deque[bytes], ...]] = {
            kind: tuple(deque() for _ in Channel) for kind in self.lanes
        }
        # How many frames wait for each lane.
        self.queued = dict.fromkeys(self.lanes, 0)

    # --- the session ---

    def _share(self, kinds: frozenset[LaneKind]) -> None:
        """Use these lanes; `image_lane` is the one that carries images."""
        self._shared_lanes = kinds
        self.image_lane = OPTICAL if OPTICAL in kinds else SIDEBAND

    @property
    def image_offer(self) -> LaneOffer:
        """What is known of the lane that carries images."""
        return self.lanes[self.image_lane]

    @property
    def session_lanes(self) -> tuple[LaneOffer, ...]:
        """The lanes that both ends have; before hello, those of this end."""
        return tuple(offer for kind, offer in self.lanes.items() if kind in self._shared_lanes)

    def open(self, session: int, first_sequence: int) -> None:
        """Begin a session: nothing of an earlier one is sent or believed any more."""
        self.close()
        self.session = session
        self._first_sequence = first_sequence

    def close(self) -> None:
        """Forget the session, and what was queued for it. Bytes that were received but not decided stay."""
        self.session = 0
        self.features = Features.NONE
        self.out_bytes_max = self.in_bytes_max = FRAME_BYTES_MIN_OFFER
        self._share(frozenset(self.lanes))
        self._extended.clear()
        self._next_sequence.clear()
        for lane in self.lanes:
            self.forget_queue(lane)

    def use_lanes(self, kinds: set[LaneKind]) -> None:
        """Use only the lanes that both ends have, until the session ends."""
        self._share(frozenset(kinds & set(self.lanes)))

    def reset_lanes(self) -> None:
        """Forget bytes that were received and not decided: the wires were cut."""
        self.gaps.clear()
        self._framers = {kind: Framer() for kind in self.lanes}

    # --- time ---

    def extended(self, timer_ns: int, lane: LaneKind, frame_bytes: int | None = None) -> int:
        """A timer plus four line times of the lane's largest frame plus the lane's declared latency."""
        offer = self.lanes[lane]
        size = frame_bytes
        if not size:
            size = self.out_bytes_max if self.out_bytes_max > self.in_bytes_max else self.in_bytes_max
        known = self._extended.get((timer_ns, lane, size))
        if known is not None and known[0] is offer:
            return known[1]
        line = line_time_ns(size, offer.rate_bps, BITS_PER_BYTE[offer.coding])
        extended = timer_ns + LINE_TIMES_ADDED * line + offer.latency_us * NS_PER_US
        self._extended[timer_ns, lane, size] = offer, extended
        return extended

    def on_deadline(self, now: int, machine: Machine) -> Iterator[Received]:
        """Give up frames that were started and never finished; what their bytes hold comes out."""
        while (lane := self.gaps.pop_due(now)) is not None:
            framer = self._framers[lane]
            framer.abandon()
            while (item := framer.next_item()) is not None:
                if (received := self._judge(lane, item, now, machine)) is not None:
                    yield received

    # --- receiving ---

    def receive(
        self,
        lane: LaneKind,
        data: bytes | bytearray | memoryview,
        now: int,
        machine: Machine,
        take_images: TakeImages | None = None,
        *,
        more: bool = False,
    ) -> Iterable[Received]:
        """Every legal message that the bytes complete, in order; the rest is counted, or answered.

        The state of `machine` is asked for each frame. `take_images` is
        the fast path: it is shown whole undecided bytes and returns how many it took. With `more`, the caller
        has further bytes of the stream at hand, and will show again the last `untaken` of these.
        """
        framer = self._framers.get(lane)
        if framer is None:
            raise LocalProtocolError(f"this link has no {lane.name.lower()} lane")
        size = len(data)
        self.counters.bytes_received += size
        if self._lone_frame is not None and framer.idle:
            received = self._lone_frame(
                data, lane, self.image_lane, self.session, self.in_bytes_max, self.features, machine.state
            )
            if received is not None:
                self.untaken = 0
                if self.gaps:
                    self.gaps.pop(lane, None)
                self.counters.frames_received += 1
                return (received,)
        return self._receive_pieces(lane, memoryview(data), now, machine, take_images, more=more)

    def _receive_pieces(
        self,
        lane: LaneKind,
        view: memoryview,
        now: int,
        machine: Machine,
        take_images: TakeImages | None,
        *,
        more: bool,
    ) -> Iterator[Received]:
        """As `receive`, whatever the bytes are."""
        framer = self._framers[lane]
        size, position = len(view), 0
        while position < size or not framer.idle:
            if framer.idle:
                if take_images is not None:
                    position += take_images(view[position:] if position else view)
                frame = frame_at(view, position)
                if frame is not None:
                    position += OVERHEAD_BYTES + len(frame.payload)
                    received = self._judge(lane, frame, now, machine)
                    if received is not None:
                        yield received
                    continue
                if position == size:
                    break
            piece = view[position : position + FRAME_BYTES_MAX]
            framer.feed(piece)
            position += len(piece)
            item = framer.next_item()
            if item is None:
                if position == size:
                    break
                continue
            if (received := self._judge(lane, item, now, machine)) is not None:
                yield received
            position -= framer.take_back(position)
        if more:
            position -= framer.take_back(position)
        self.untaken = size - position
        self.counters.bytes_received -= self.untaken
        self._watch_gap(lane, now)

    def between_frames(self, lane: LaneKind) -> bool:
        """Whether the next byte of a lane begins a frame, for all that is known."""
        return self._framers[lane].idle

    def _watch_gap(self, lane: LaneKind, now: int) -> None:
        if self._framers[lane].pending:
            self.gaps.set(lane, now + self.extended(GAP_NS, lane))
        elif self.gaps:
            self.gaps.pop(lane, None)

    def _judge(self, lane: LaneKind, item: Frame | BadFrame, now: int, machine: Machine) -> Received | None:
        if isinstance(item, BadFrame):
            self.counters.bad[item.reason] += 1
            self._look_into(item)
            return None
        if not self._is_ours(item):
            self.counters.frames_stale += 1
            return None
        try:
            received = self._check(lane, item, machine.state)
        except RemoteProtocolError as error:
            self.offend(item, error, now, _request_id(item))
            return None
        self.counters.frames_received += 1
        return received

    def _look_into(self, bad: BadFrame) -> None:
        """Keep frames of the wanted type whose header holds: training counts their wrong bits."""
        if self.damaged_type is not None and bad.reason is BadReason.FRAME_CHECK:
            self.damaged.extend(
                frame
                for frame in damaged_frames(bad.raw)
                if frame.type == self.damaged_type and frame.session == self.session
            )

    def _is_ours(self, frame: Frame) -> bool:
        """Only hello may carry a session that is not known; only a beacon carries none."""
        if frame.type in UNNEGOTIATED:
            if self.role is Role.MODULE and frame.type == catalogue.HELLO:
                return frame.session != 0
            if self.role is Role.HOST and frame.type == catalogue.BEACON:
                return frame.session == 0
        return frame.session == self.session != 0

    def _check(self, lane: LaneKind, frame: Frame, state: IntEnum) -> Received:
        row, kind, payload = row_of(frame), frame.type, frame.payload
        if row.direction is self._sends:
            raise WrongDirection(f"{row.message.__name__} goes {row.direction.value}", kind)
        if frame.channel not in row.channels:
            raise WrongChannel(f"{row.message.__name__} on channel {frame.channel}", frame.channel)
        expected = self.image_lane if row.carrier is IMAGE else SIDEBAND
        if lane is not expected:
            raise WrongLane(f"{row.message.__name__} on the {lane.name.lower()} lane", lane)
        wire_bytes = OVERHEAD_BYTES + len(payload)
        bytes_max = FRAME_BYTES_MIN_OFFER if kind in UNNEGOTIATED else self.in_bytes_max
        if wire_bytes > bytes_max:
            raise FrameTooLong(f"{wire_bytes} bytes, {bytes_max} are allowed", wire_bytes)
        if state not in row.states and row.role != "request":
            raise IllegalInState(f"{row.message.__name__} in state {state.name.lower()}", state)
        if row.feature and row.feature not in self.features:
            raise UnknownType(f"{row.message.__name__} was not negotiated", kind)
        return Received(lane, frame, row.message.decode(payload), row)

    # --- offences ---

    def offend(self, frame: Frame, error: RemoteProtocolError, now: int, request_id: int = 0) -> None:
        """Count an offence and answer it once; an error is never answered, and never answered too often."""
        self.counters.offences[error.code.name] += 1
        if frame.version_major != VERSION_MAJOR:
            self.foreign_version = frame.version
        if frame.type == catalogue.ERROR or not frame.session:
            return
        if len(self._errors_at) == ERRORS_PER_SECOND and now - self._errors_at[0] < NS_PER_S:
            self.counters.errors_unsent += 1
            return
        self._errors_at.append(now)
        self.send(self.error_message(frame, error, request_id), session=frame.session)

    @staticmethod
    def error_message(frame: Frame, error: RemoteProtocolError, request_id: int = 0) -> Error:
        """The error that answers `frame`."""
        return Error(
            code=error.code,
            request_id=request_id,
            offending_type=frame.type,
            offending_channel=frame.channel,
            offending_sequence=frame.sequence,
            value=error.value % (1 << 64),
            text=str(error).encode()[:ERROR_TEXT_BYTES_MAX].decode(errors="ignore"),
        )

    # --- sending ---

    def reserve(self, channel: int, count: int) -> int:
        """Take `count` sequences of a channel; the first of them."""
        first = self._next_sequence.get(channel, self._first_sequence)
        self._next_sequence[channel] = (first + count) % SEQUENCES
        return first

    def peek_sequence(self, channel: int) -> int:
        """The sequence of the next new frame on a channel."""
        return self._next_sequence.get(channel, self._first_sequence)

    def frame(
        self,
        message: Record,
        channel: int | None = None,
        *,
        session: int | None = None,
        sequence: int | None = None,
    ) -> Frame:
        """A new frame around a message, judged by the same table as what is received."""
        return Frame(*self._fields(message, channel, session, sequence))

    def _fields(
        self, message: Record, channel: int | None, session: int | None, sequence: int | None = None
    ) -> tuple[int, int, int, int, bytes, int]:
        """Type, channel, session, sequence, payload and flags of a new frame."""
        row = catalogue.BY_MESSAGE[type(message)]
        if channel is None:
            channel = row.first_channel
        elif channel not in row.channels:
            raise LocalProtocolError(f"{row.message.__name__} does not go on channel {channel}")
        payload = bytes(message)
        if len(payload) + OVERHEAD_BYTES > self.out_bytes_max:
            raise LocalProtocolError(f"{row.message.__name__} of {len(payload)} bytes is over max_frame")
        if sequence is None:
            sequence = self._next_sequence.get(channel, self._first_sequence)
            self._next_sequence[channel] = (sequence + 1) % SEQUENCES
        session = self.session if session is None else session
        return row.type, channel, session, sequence, payload, FLAGS[row.type]

    def send(self, message: Record, channel: int | None = None, *, session: int | None = None) -> bytes:
        """Frame a message and queue it on its lane; its exact bytes, for a resend."""
        row, wire = catalogue.BY_MESSAGE[type(message)], None
        if self._whole_frame is not None:
            where = row.first_channel if channel is None else channel
            whose = self.session if session is None else session
            sequence = self._next_sequence.get(where, self._first_sequence)
            wire = self._whole_frame(message, where, whose, sequence, self.out_bytes_max)
        if wire is None:
            wire = wire_of(*self._fields(message, channel, session))
        else:
            self._next_sequence[where] = (sequence + 1) % SEQUENCES
        if self._queue(row, wire):
            self.counters.frames_sent += 1
        return wire

    def resend(self, wire: bytes) -> None:
        """Queue bytes that were sent before, unchanged."""
        if self._queue(catalogue.BY_TYPE[wire[3]], wire):
            self.counters.frames_resent += 1

    def _queue(self, row: Row, wire: bytes) -> bool:
        lane = self.image_lane if row.carrier is IMAGE else SIDEBAND
        if self.queued[lane] >= QUEUE_FRAMES_MAX:
            self.counters.frames_unsent += 1
            return False
        self._queues[lane][_PRIORITY[row.type]].append(wire)
        self.queued[lane] += 1
        return True

    def next_frame(self, lane: LaneKind) -> bytes:
        """The most urgent whole frame that waits for a lane, or nothing."""
        if self.queued.get(lane):
            for queue in self._queues[lane]:
                if queue:
                    wire = queue.popleft()
                    self.queued[lane] -= 1
                    self.counters.bytes_sent += len(wire)
                    return wire
        return b""

    def forget_queue(self, lane: LaneKind) -> None:
        """Drop what waits for a lane that went dark."""
        for queue in self._queues.get(lane, ()):
            queue.clear()
        self.queued[lane] = 0


def _request_id(frame: Frame) -> int:
    """The id of a request, so that whoever waits for its answer learns that it was refused; else 0."""
    row = catalogue.BY_TYPE.get(frame.type)
    is_request = row is not None and row.role == "request"
    return int.from_bytes(frame.payload[:2], "little") if is_request else 0
