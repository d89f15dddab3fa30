"""What the driver's thread tells of a link, kept for the threads of the user, who wait for it here."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from laserlink.host_driver.actions import Answered, Attached, Lost, ModuleEvent, NoDevice, StateChanged
from laserlink.host_driver.assembly import ImageDone
from laserlink.host_driver.errors import NoDeviceFound
from laserlink.host_driver.lanes.driver import Crashed
from laserlink.host_driver.machine import Host
from laserlink.host_driver.metadata import metadata_of
from laserlink.host_driver.shot import InvalidShot, Shot
from laserlink.protocol.clock import PeerClock
from laserlink.protocol.errors import (
    LOSS_OF_CAUSE,
    FirmwareLost,
    LaserLinkError,
    LinkLost,
    LinkTimeout,
    MalformedPayload,
    ModuleDetached,
    UnsupportedVersion,
)
from laserlink.protocol.frame import VERSION
from laserlink.protocol.image_layout import ImageLayout
from laserlink.protocol.messages.control import ControlChanged, ControlSet, ControlSetReply, Value
from laserlink.protocol.messages.identity import Descriptor
from laserlink.protocol.states import HostState, LossCause
from laserlink.protocol.timers import NS_PER_S

SETS_KEPT = 64

# In these states nothing is known of a module.
UNKNOWN = (HostState.ABSENT, HostState.POWERED, HostState.FAULT)
# In these it takes what users ask for.
USABLE = (HostState.READY, HostState.STREAMING, HostState.UPDATING)


@dataclass(frozen=True)
class Received:
    """How an image came: for those who measure the link."""

    image_id: int
    layout: ImageLayout
    chunks_received: int
    chunks_resent: int
    duplicates: int
    seconds: float
    done_ns: int

    @property
    def gbps(self) -> float:
        """Packed gigabits a second, from the first frame to the last."""
        return self.layout.coded_bytes * 8 / self.seconds / 1e9 if self.seconds else 0.0


class Inbox:
    """The state of a link as of now. All methods may be called from any thread; `take` is the driver's.

    `on_event` is called for every event on the thread that runs the machine: the driver's, or one that waits
    for a reply.
    """

    def __init__(self, on_event: Callable[[object], None] | None = None) -> None:
        self._on_event = on_event
        self.changed = threading.Condition()
        self.state = HostState.ABSENT
        self.timeline: list[StateChanged] = []
        self.descriptor: Descriptor | None = None
        self.attached = 0
        self.failure: Exception | None = None
        self.losses: list[Lost] = []
        self._clock = PeerClock()
        self._sets: dict[int, dict[str, Value]] = {}
        self._shots: deque[tuple[Shot, Received] | LaserLinkError] = deque()
        self._shots_max = 1
        self._first_images: dict[int, int] = {}
        self.dropped = 0

    @property
    def listened(self) -> bool:
        """Whether somebody wants to hear of every event."""
        return self._on_event is not None

    @property
    def set_id(self) -> int:
        """The newest set of controls that is known."""
        return max(self._sets, default=0)

    @property
    def ready(self) -> bool:
        """Whether the module is known, and takes requests."""
        return self.descriptor is not None and self.state in USABLE

    def begin(self) -> None:
        """Another contact: nothing of the one before holds."""
        with self.changed:
            self.failure = self.descriptor = None
            self.timeline.clear()
            self.losses.clear()
            self._sets.clear()
            self._first_images.clear()

    def fail(self, error: Exception) -> None:
        """End every wait with an error, unless there is one already."""
        with self.changed:
            self.failure = self.failure or error
            self.changed.notify_all()

    def await_failure(self, seconds: float) -> Exception | None:
        """What ended the link, which may still be on its way."""
        with self.changed:
            self.changed.wait_for(lambda: self.failure is not None, seconds)
            return self.failure

    def keep_shots(self, shots_max: int) -> None:
        """Let so many pictures wait; of more, the oldest are dropped."""
        self._shots_max = shots_max

    def drop_shots(self) -> None:
        """Forget the pictures that nobody took."""
        with self.changed:
            self._shots.clear()

    # --- the driver's thread ---

    def take(self, events: list[object], host: Host) -> None:
        """Keep all that was told in one moment at once: a cut image and its cause belong together."""
        only = events[0] if len(events) == 1 else None
        # Most answers are news to nobody but who asked.
        if not isinstance(only, Answered) or isinstance(only.reply, ControlSetReply):
            self._take(events, host)
        if self._on_event is not None:
            for event in events:
                self._on_event(event)

    def _take(self, events: list[object], host: Host) -> None:
        with self.changed:
            # Images first: what ends a session may be told before what is left of its images.
            kept = events
            if len(events) > 1:
                kept = sorted(events, key=lambda event: not isinstance(event, ImageDone))
            for event in kept:
                self._keep(event, host)
            self.changed.notify_all()

    def _keep(self, event: object, host: Host) -> None:
        match event:
            case StateChanged():
                self._enter(event)
            case Attached(descriptor):
                self.descriptor, self._clock = descriptor, host.clock
                self.attached += 1
                self._keep_set(0, host)
            case Lost():
                self._lose(event)
            case NoDevice(heard, version):
                self.failure = _no_device(heard, version)
            case Crashed(error):
                self.failure, self.descriptor = error, None
            case Answered(ControlSet(), ControlSetReply(set_id=set_id)):
                self._keep_set(set_id, host)
            case ModuleEvent(ControlChanged(set_id=set_id)):
                self._keep_set(set_id, host)
            case ImageDone():
                self._keep_image(event)

    def _enter(self, change: StateChanged) -> None:
        self.state = change.state
        self.timeline.append(change)
        if change.state in UNKNOWN:
            self.descriptor = None
        if change.state is HostState.ABSENT:
            self.failure = self.failure or ModuleDetached("the module was pulled off")

    def _lose(self, event: Lost) -> None:
        """A loss that ends the session; others are repaired by the machine, and only told."""
        self.losses.append(event)
        if event.final or event.cause in (LossCause.DETACH, LossCause.FIRMWARE):
            self.descriptor = None
        # What breaks the protocol on the way to ready does so again: nobody need wait for the timeout.
        broken = event.cause is LossCause.PROTOCOL and self.descriptor is None
        if event.final or broken or event.cause is LossCause.DETACH:
            self.failure = self.failure or LOSS_OF_CAUSE[event.cause](event.text)

    def _keep_set(self, set_id: int, host: Host) -> None:
        self._sets[set_id] = dict(host.controls.current)
        while len(self._sets) > SETS_KEPT:
            del self._sets[min(self._sets)]
        while len(self._first_images) > SETS_KEPT:
            del self._first_images[min(self._first_images)]

    def _keep_image(self, done: ImageDone) -> None:
        """With what was known of the module when it came: after a loss, the machine has forgotten it."""
        if self.descriptor is None:
            return
        set_id = done.start.control_set_id if done.start else 0
        values = self._sets.get(set_id) or self._sets[max(self._sets)]
        metadata = metadata_of(done, self.descriptor, values, self._clock)
        if done.start is not None:
            metadata["ControlSetImageId"] = self._first_images.setdefault(set_id, done.image_id)
        if metadata["SensorTimestamp"] is not None:
            ago = timedelta(microseconds=(time.monotonic_ns() - metadata["SensorTimestamp"]) / 1000)
            metadata["DateTime"] = datetime.now().astimezone() - ago
        seconds = (done.done_ns - done.first_ns) / NS_PER_S
        received = Received(
            done.image_id,
            done.layout,
            done.chunks_received,
            done.chunks_resent,
            done.duplicates,
            seconds,
            done.done_ns,
        )
        try:
            self._shots.append((Shot(done.picture, metadata, done.gaps), received))
        except InvalidShot as error:
            self._shots.append(MalformedPayload(f"image {done.image_id} is no picture: {error}"))
        while len(self._shots) > self._shots_max:
            self._shots.popleft()
            self.dropped += 1

    # --- waiting ---

    def wait(self, condition: Callable[["Inbox"], bool], seconds: float, text: str) -> None:
        """Wait for the driver's thread. Raises what ended the link meanwhile, or LinkTimeout."""
        end = time.monotonic() + seconds
        with self.changed:
            while not condition(self):
                if self.failure is not None:
                    raise self.failure
                left = end - time.monotonic()
                if left <= 0:
                    last = f" ({self.losses[-1].text})" if self.losses else ""
                    raise LinkTimeout(f"{text} within {seconds:g} s{last}")
                self.changed.wait(left)

    def next_shot(self, seconds: float) -> tuple[Shot, Received]:
        """The next picture. Raises LinkLost, with what had come of one as its `shot`, or why none came."""
        losses = len(self.losses)
        try:
            self.wait(lambda inbox: inbox._has_news(), seconds, "no image came")
        except LinkLost as error:
            error.shot, _ = self._take_shot() or (None, None)
            raise
        taken = self._take_shot()
        if taken is None or (self.descriptor is None and not taken[0].complete):
            raised = self.failure or self._loss_since(losses)
            if isinstance(raised, LinkLost):
                raised.shot = taken[0] if taken else None
            raise raised
        return taken

    def _has_news(self) -> bool:
        return bool(self._shots) or self.descriptor is None

    def _take_shot(self) -> tuple[Shot, Received] | None:
        with self.changed:
            taken = self._shots.popleft() if self._shots else None
        if isinstance(taken, LaserLinkError):
            raise taken
        return taken

    def _loss_since(self, losses: int) -> LinkLost:
        """Why there is no module any more: the last loss, best of those that are new."""
        told = self.losses[losses:] or self.losses[-1:]
        return LOSS_OF_CAUSE[told[-1].cause](told[-1].text) if told else FirmwareLost("the module restarts")


def _no_device(heard: int, version: int) -> LaserLinkError:
    """Nothing there spoke LaserLink as it is spoken here; what that may mean."""
    if version:
        spoken, ours = (f"{byte >> 4}.{byte & 0xF}" for byte in (version, VERSION))
        return UnsupportedVersion(f"the module speaks LaserLink {spoken}, this is {ours}", version)
    if heard:
        hint = "Is the baud rate right? Add ?baud=RATE to the device."
        return NoDeviceFound(f"{heard} bytes came, and none of them were LaserLink's", hint)
    return NoDeviceFound("nothing there speaks LaserLink", "Is the module powered, and its firmware running?")
