"""What no module may ever say: every frame that comes during a run is judged by the catalogue."""

from collections import OrderedDict
from dataclasses import dataclass

from laserlink.protocol import catalogue
from laserlink.protocol.catalogue import Carrier, Channel, Direction, Row
from laserlink.protocol.errors import RemoteProtocolError
from laserlink.protocol.frame import Flags, Frame, sequence_is_newer
from laserlink.protocol.framer import BadFrame
from laserlink.protocol.judge import row_of
from laserlink.protocol.limits import FRAME_BYTES_MIN_OFFER
from laserlink.protocol.messages.image import ImageGone
from laserlink.protocol.states import LaneKind
from laserlink.tools.conformance.telling import describe, hex_of

# Frames that are remembered, to see that a sequence never stands for two of them.
REMEMBERED = 4096
STORIES_MAX = 8
IMAGE_GONE = catalogue.BY_MESSAGE[ImageGone].type


@dataclass(frozen=True)
class Heard:
    """A frame that came, on which lane and when."""

    lane: LaneKind
    frame: Frame
    at_ns: int


class Watch:
    """Judges frames, and keeps what was wrong with them by the name of the check that says so."""

    def __init__(self) -> None:
        self.violations: dict[str, list[str]] = {}
        self.frames = 0
        self.bad_runs = 0
        self._sent: OrderedDict[tuple[int, int, int], bytes] = OrderedDict()
        self._next: dict[tuple[int, int], int] = {}
        self.session = 0
        self.former_session = 0
        self.in_bytes_max = FRAME_BYTES_MIN_OFFER
        self.image_lane = LaneKind.SIDEBAND

    def blame(self, check: str, story: str) -> None:
        stories = self.violations.setdefault(check, [])
        if len(stories) < STORIES_MAX:
            stories.append(story)

    def open(self, session: int) -> None:
        """A hello was sent: frames of the session before may still be on their way."""
        self.former_session, self.session = self.session, session
        self.in_bytes_max = FRAME_BYTES_MIN_OFFER

    def bad(self, item: BadFrame) -> None:
        """Bytes that are no frame. Those before the first frame are the rest of one that was not all ours."""
        if self.frames:
            self.bad_runs += 1
            self.blame("watched.intact", f"{item.reason}: {hex_of(item.raw)}")

    def frame(self, heard: Heard) -> Row | None:
        """Judge a frame; its row, when it has one."""
        self.frames += 1
        frame = heard.frame
        try:
            row = row_of(frame)
        except RemoteProtocolError as error:
            self.blame("watched.header", f"{error} ({hex_of(bytes(frame)[:20])})")
            return None
        self._judge_header(heard, row)
        self._judge_session(heard)
        self._judge_sequence(heard, row)
        try:
            row.message.decode(frame.payload)
        except RemoteProtocolError as error:
            self.blame("watched.payload", str(error))
        return row

    def _judge_header(self, heard: Heard, row: Row) -> None:
        frame, name = heard.frame, row.message.__name__
        wanted = Flags.ACK_REQUESTED if row.channel is Channel.EVENTS else Flags.NONE
        if frame.flags != wanted:
            self.blame("watched.header", f"{name} with flags {frame.flags:#04x}, not {int(wanted):#04x}")
        if row.direction is Direction.TO_MODULE:
            self.blame("watched.header", f"{name}, which goes from host to module")
        if frame.channel not in row.channel.value:
            self.blame("watched.header", f"{name} on channel {frame.channel}")
        expected = self.image_lane if row.carrier is Carrier.IMAGE else LaneKind.SIDEBAND
        if heard.lane is not expected:
            self.blame("watched.header", f"{name} on the {heard.lane.name.lower()} lane")
        limit = FRAME_BYTES_MIN_OFFER if frame.type == catalogue.BEACON else self.in_bytes_max
        if frame.wire_bytes > limit and frame.session == self.session:
            self.blame("watched.length", f"{name} of {frame.wire_bytes} bytes, {limit} were agreed")

    def _judge_session(self, heard: Heard) -> None:
        frame = heard.frame
        if (frame.session == 0) is not (frame.type == catalogue.BEACON):
            self.blame("watched.session", f"{describe(frame)} with session {frame.session:08X}")
        elif frame.session not in (0, self.session, self.former_session):
            self.blame("watched.session", f"session {frame.session:08X}, not {self.session:08X}")

    def _judge_sequence(self, heard: Heard, row: Row) -> None:
        """No sequence stands for two frames, and where all frames take one lane, none is left out."""
        frame = heard.frame
        if frame.type == catalogue.BEACON:
            # Its own sequence means nothing; whether it uses one of the session's up is not said.
            self._next.pop((self.session, frame.channel), None)
        if frame.session != self.session or frame.type in (catalogue.BEACON, IMAGE_GONE):
            return
        key, wire = (frame.session, frame.channel, frame.sequence), bytes(frame)
        before = self._sent.setdefault(key, wire)
        if len(self._sent) > REMEMBERED:
            self._sent.popitem(last=False)
        if before != wire:
            story = f"sequence {frame.sequence} of channel {frame.channel} came twice, with different bytes"
            self.blame("watched.resend", f"{story}: {describe(frame)}")
        at = (frame.session, frame.channel)
        expected = self._next.get(at, frame.sequence)
        newer = frame.sequence == expected or sequence_is_newer(frame.sequence, expected)
        one_lane = self.image_lane is LaneKind.SIDEBAND or row.channel is Channel.EVENTS
        ordered = row.channel in (Channel.CONTROL, Channel.EVENTS) and one_lane
        if ordered and newer and frame.sequence != expected:
            self.blame(
                "watched.sequence", f"channel {frame.channel} went from {expected - 1} to {frame.sequence}"
            )
        if newer:
            self._next[at] = (frame.sequence + 1) % (1 << 32)
