"""Image streams at the host: credit, images being put together, resends, deadlines.

Credit is granted for as many images as there is memory for. What an image lacks is asked for; when its
deadline comes it is handed over as it is, with the map of its gaps.
"""

from collections import deque
from dataclasses import dataclass, field

from laserlink.host_driver.assembly import Assembly, ImageDone
from laserlink.host_driver.pictures import PicturePool
from laserlink.protocol import _accel
from laserlink.protocol.connection import Connection
from laserlink.protocol.errors import LocalProtocolError, MalformedPayload, OutOfBounds, UnknownStream
from laserlink.protocol.image_layout import ImageLayout
from laserlink.protocol.limits import IMAGES_IN_FLIGHT, PAYLOAD_BYTES_MAX
from laserlink.protocol.messages.image import (
    ImageData,
    ImageDigests,
    ImageGone,
    ImageStart,
    Resend,
    StreamChanged,
    StreamConfigure,
    StreamConfigured,
    StreamEnded,
    StreamStarted,
    StreamStopped,
    Wanted,
)
from laserlink.protocol.messages.link import Credit, Features
from laserlink.protocol.states import LaneKind
from laserlink.protocol.timers import RESEND_AGAIN_NS, RESEND_FIRST_NS, RETENTION_NS

SEQUENCES = 1 << 32
# Image ids count from 1, and begin with it again: 0 is none.
IDS = (1 << 32) - 1


def image_id_after(image_id: int, count: int = 1) -> int:
    """The id of the image that comes so many images after another."""
    return (image_id - 1 + count) % IDS + 1


@dataclass
class HostStream:
    """One stream as the host follows it."""

    channel: int
    layout: ImageLayout
    interval_us: int
    first_sequence: int = 0
    first_image_id: int = 1
    next_image_id: int = 1
    granted: int = 0
    active: bool = False
    ended: bool = False
    start_id: int | None = None
    images_wanted: int = 0
    images_sent: int = 0
    images_done: int = 0
    probe_ns: int = 0
    open: dict[int, Assembly] = field(default_factory=dict)

    @property
    def credit(self) -> int:
        """The highest sequence that the module may use."""
        return (self.first_sequence + self.granted * self.layout.frames - 1) % SEQUENCES

    @property
    def images_seen(self) -> int:
        """How many of this run's images were opened, or skipped over."""
        return (self.next_image_id - self.first_image_id) % IDS

    @property
    def images_settled(self) -> int:
        """How many images from the first one on are finished without one that is still open."""
        return min(
            ((image_id - self.first_image_id) % IDS for image_id in self.open), default=self.images_seen
        )

    @property
    def unseen(self) -> bool:
        """Whether images may have been sent of which nothing came."""
        return self.active and not self.open and self.images_seen < self.granted


class HostStreams:
    """All streams of a host."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.pictures = PicturePool()
        self.by_channel: dict[int, HostStream] = {}
        self._done: deque[ImageDone] = deque()
        self._slots: list[_accel.Slot] = []
        self.paused = False
        self.unheard: set[int] = set()

    # --- what the host asked and the module answered ---

    def configured(
        self, asked: StreamConfigure, reply: StreamConfigured, mode_size: tuple[int, int] | None, now: int
    ) -> None:
        """Take the answer to a configuration; `mode_size` is width and height of the mode, when it is known.

        Raises:
            MalformedPayload: the answer does not fit the question, or contradicts itself.
        """
        whole = mode_size or (reply.width, reply.height)
        if (reply.width, reply.height) != (asked.width or whole[0], asked.height or whole[1]):
            raise MalformedPayload(
                f"stream {reply.channel}: {reply.width} x {reply.height} was not asked for"
            )
        try:
            layout = ImageLayout(reply.width, reply.height, asked.bits, self._connection.in_bytes_max)
        except ValueError as error:
            raise MalformedPayload(f"stream {reply.channel}: {error}", reply.channel) from None
        told = (reply.channel, reply.coded_bytes, reply.chunk_bytes, reply.frames_per_image)
        if told != (asked.channel, layout.coded_bytes, layout.chunk_bytes, layout.frames):
            raise MalformedPayload(f"stream {reply.channel}: sizes contradict each other", reply.channel)
        stream = HostStream(reply.channel, layout, reply.interval_us)
        if (before := self.by_channel.get(reply.channel)) is not None:
            self._abandon(before, now)
        self.by_channel[reply.channel] = stream

    def started(self, images: int, reply: StreamStarted, now: int) -> None:
        """The first exposure begins: grant the images that there is memory for.

        Raises:
            UnknownStream: it was never configured.
            MalformedPayload: its first image is none.
        """
        stream = self._find(reply.channel)
        if not reply.first_image_id:
            raise MalformedPayload(f"stream {reply.channel}: there is no image 0", reply.channel)
        self._abandon(stream, now)
        stream.start_id = reply.request_id
        stream.active, stream.ended, stream.images_sent = True, False, 0
        self.pictures.use(item.layout.pixels for item in self.by_channel.values() if item.active)
        stream.images_wanted, stream.images_done, stream.granted = images, 0, 0
        stream.first_sequence = reply.first_sequence
        stream.first_image_id = stream.next_image_id = reply.first_image_id
        stream.probe_ns = now + self._probe_every_ns
        self._grant(stream)

    def _grant(self, stream: HostStream) -> None:
        """Grant what there is memory for, as far as it is wanted.

        In order: the image that is being repaired must still be kept by the module, which keeps no more
        than are in flight.
        """
        granted = stream.images_settled + IMAGES_IN_FLIGHT
        granted = min(granted, stream.images_wanted) if stream.images_wanted else granted
        if granted > stream.granted:
            stream.granted = granted
            self._connection.send(Credit(stream.credit), stream.channel)

    def repeat_grants(self) -> None:
        """Say the credit of all running streams again: a lost grant is harmless."""
        for stream in self.by_channel.values():
            if stream.active and stream.granted:
                self._connection.send(Credit(stream.credit), stream.channel)

    def ended(self, event: StreamEnded, now: int) -> None:
        """The module has sent all it will; what never showed is asked for. Raises UnknownStream.

        A run that was lost before its end was heard is not asked for: what never showed is handed over as
        missing. The end of an earlier run, which comes late, is none of this one.
        """
        stream = self._find(event.channel)
        if event.start_id != stream.start_id:
            return
        stream.ended = True
        stream.images_sent = min(event.images, stream.granted)
        if stream.images_seen < stream.images_sent:
            self._open_to(stream, image_id_after(stream.first_image_id, stream.images_sent - 1), now)
            if not stream.active:
                self._abandon(stream, now)

    def changed(self, event: StreamChanged) -> None:
        """Images come at another pace from now on. Raises UnknownStream."""
        self._find(event.channel).interval_us = event.interval_us

    def stopped(self, reply: StreamStopped, now: int) -> None:
        """The host stopped the stream: what was on its way is handed over as it is. Raises UnknownStream."""
        stream = self._find(reply.channel)
        stream.start_id = None
        self._abandon(stream, now)

    def abandon_all(self, now: int) -> None:
        """The session is lost: what was complete is kept, the rest is handed over with its gaps."""
        for stream in self.by_channel.values():
            self._abandon(stream, now)

    def _abandon(self, stream: HostStream, now: int) -> None:
        stream.active = False
        for assembly in list(stream.open.values()):
            self._close(stream, assembly, now)

    def reset(self) -> None:
        """Forget all streams, as a new session does."""
        self.by_channel.clear()
        self._slots = []
        self.paused = False
        self.unheard.clear()

    def take_unheard(self) -> list[int]:
        """Channels whose start was never answered, to be stopped now."""
        channels = sorted(self.unheard)
        self.unheard.clear()
        return channels

    def _find(self, channel: int) -> HostStream:
        if channel not in self.by_channel:
            raise UnknownStream(f"stream {channel} is not configured", channel)
        return self.by_channel[channel]

    def layout_of(self, channel: int) -> ImageLayout:
        """The layout of a configured stream. Raises LocalProtocolError."""
        if channel not in self.by_channel:
            raise LocalProtocolError(f"stream {channel} is not configured")
        return self.by_channel[channel].layout

    def interval_us(self, channel: int) -> int:
        """From one image of a configured stream to the next, as it is now. Raises UnknownStream."""
        return self._find(channel).interval_us

    @property
    def active(self) -> bool:
        return any(stream.active for stream in self.by_channel.values())

    # --- what arrives ---

    def take_images(self, view: memoryview) -> int:
        """The fast path: place whole good chunks of open images from the start of `view`; bytes taken."""
        if _accel.receive_images is None or not self._slots:
            return 0
        return _accel.receive_images(view, self._connection.session, PAYLOAD_BYTES_MAX, self._slots)

    def open_slots(self, lane: LaneKind) -> tuple[int, int, list[_accel.Slot]] | None:
        """What the fast path of a lane needs: session, longest payload, open images; None: not now."""
        if not self._slots or lane is not self._connection.image_lane:
            return None
        if not self._connection.between_frames(lane):
            return None
        return self._connection.session, PAYLOAD_BYTES_MAX, self._slots

    def take(
        self, channel: int, message: ImageStart | ImageData | ImageDigests | ImageGone, now: int
    ) -> None:
        """The slow path: any image message. Raises UnknownStream, MalformedPayload or OutOfBounds."""
        stream = self._find(channel)
        assembly = stream.open.get(message.image_id) or self._open(stream, message.image_id, now)
        if assembly is None:
            return
        if isinstance(message, ImageGone):
            self._close(stream, assembly, now)
            return
        assembly.progressed(now)
        match message:
            case ImageStart():
                assembly.take_start(message)
            case ImageData():
                assembly.place(message)
            case ImageDigests():
                assembly.take_digests(message)

    def _open(self, stream: HostStream, image_id: int, now: int) -> Assembly | None:
        """Room for an image that begins, and for those before it of which nothing came.

        None for one that is over.

        Raises:
            OutOfBounds: the image was not granted.
        """
        if not stream.active or (image_id and (image_id - stream.next_image_id) % IDS >= IDS // 2):
            return None
        if not image_id or (image_id - stream.first_image_id) % IDS >= stream.granted:
            raise OutOfBounds(f"image {image_id} was not granted", image_id)
        self._open_to(stream, image_id, now)
        return stream.open[image_id]

    def _open_to(self, stream: HostStream, image_id: int, now: int) -> None:
        while image_id not in stream.open:
            assembly = Assembly(stream.channel, stream.next_image_id, stream.layout, now, self.pictures)
            assembly.check_ns = now + self._first_ns
            stream.open[stream.next_image_id] = assembly
            stream.next_image_id = image_id_after(stream.next_image_id)
        self._update_slots()

    def _update_slots(self) -> None:
        self._slots = [item.slot for stream in self.by_channel.values() for item in stream.open.values()]

    # --- time ---

    def _lane_time(self, timer_ns: int) -> int:
        return self._connection.extended(timer_ns, self._connection.image_lane)

    @property
    def _resends(self) -> bool:
        """Whether the module takes requests for what is missing; else it stays missing, and is told so."""
        return Features.RESEND in self._connection.features

    @property
    def _first_ns(self) -> int:
        return self._lane_time(RESEND_FIRST_NS)

    def pause(self) -> None:
        """The image lane is dark: nothing is asked for, and no deadline runs."""
        self.paused = True

    def resume(self, now: int) -> None:
        """The image lane carries again: images in the middle go on from here."""
        self.paused = False
        for stream in self.by_channel.values():
            stream.probe_ns = now
            for assembly in stream.open.values():
                assembly.progressed(now)
                assembly.check_ns = now + self._lane_time(RESEND_AGAIN_NS)

    def advance(self, now: int, heard_ns: int) -> bool:
        """Finish images that are whole, ask for what others lack, give up those whose time is over.

        `heard_ns` is when the module was last heard: while it is silent, no image is given up, for the
        keep-alive decides what that silence means. True: a word of the module is wanted now.
        """
        word_wanted = False
        for stream in self.by_channel.values():
            for assembly in list(stream.open.values()):
                word_wanted |= self._advance_one(stream, assembly, now, heard_ns)
            self._probe(stream, now)
            stream.active = stream.active and not self._is_over(stream)
        return word_wanted

    def _advance_one(self, stream: HostStream, assembly: Assembly, now: int, heard_ns: int) -> bool:
        """Whether all that keeps the image from being asked for is that the module may stand still."""
        if assembly.seen_progress():
            assembly.progressed(now)
            assembly.check_ns = now + self._first_ns
        elif assembly.asked_ns is not None and assembly.answered_ns is None and heard_ns > assembly.asked_ns:
            assembly.answered_ns = heard_ns
        if assembly.all_here and (assembly.verify() or assembly.all_here):
            self._close(stream, assembly, now)
            return False
        if self.paused or now < assembly.check_ns:
            return False
        # A module that stood still speaks before it sends on, for words go first.
        deadline = assembly.progress_ns + self._lane_time(RETENTION_NS)
        answered_ns = assembly.answered_ns
        if answered_ns is not None and now >= max(deadline, answered_ns + self._lane_time(RESEND_AGAIN_NS)):
            self._close(stream, assembly, now)
            return False
        quiet = now - assembly.progress_ns >= self._lane_time(RESEND_AGAIN_NS)
        # What follows the last chunk seen is missed when the module has said that all is sent, or has spoken
        # since; else it stands still.
        spoken = heard_ns > assembly.progress_ns
        request = assembly.request(tail=stream.ended or (quiet and spoken)) if self._resends else None
        if request is not None:
            self._connection.send(request, stream.channel)
        if request is not None or quiet:
            assembly.asked_ns = assembly.asked_ns or now
        assembly.check_ns = now + self._lane_time(RESEND_AGAIN_NS)
        return quiet and not spoken

    @property
    def _probe_every_ns(self) -> int:
        """Twice within the time that the module keeps an image."""
        return self._lane_time(RETENTION_NS) // 2

    def _probe(self, stream: HostStream, now: int) -> None:
        """Ask for the start of the next image, in case all of it was lost with the credit that it took.

        The module says nothing when it is still to come, sends it when it has it, and says when it is gone.
        """
        if self.paused or not self._resends or not stream.unseen or now < stream.probe_ns:
            return
        self._connection.send(Resend(stream.next_image_id, Wanted.START, ()), stream.channel)
        stream.probe_ns = now + self._probe_every_ns

    def _is_over(self, stream: HostStream) -> bool:
        """Whether every image that the module sent has been handed over."""
        return stream.ended and not stream.open and stream.images_done >= stream.images_sent

    def next_deadline(self) -> int | None:
        if self.paused or not self.by_channel:
            return None
        due = [item.check_ns for stream in self.by_channel.values() for item in stream.open.values()]
        unseen = [stream.probe_ns for stream in self.by_channel.values() if stream.unseen]
        if unseen and self._resends:
            due += unseen
        return min(due) if due else None

    def _close(self, stream: HostStream, assembly: Assembly, now: int) -> None:
        """Hand an image over, and grant the next one."""
        del stream.open[assembly.image_id]
        self._update_slots()
        stream.images_done += 1
        stream.probe_ns = now + self._probe_every_ns
        self._done.append(assembly.finish(now))
        if stream.active and not stream.ended:
            self._grant(stream)

    def take_done(self) -> ImageDone | None:
        """The next finished image."""
        return self._done.popleft() if self._done else None
