"""A whole session, and every moment of it at which a module can be pulled off.

The session: attach, 20 settings, three images of 69 frames while settings go on, detach. Moments are the
arrival of each byte, in both directions and on both lanes, and each tick of a timer. At a moment both
machines are copied, and the copy loses its contact; nothing is replayed. Either no byte of the frames on the
wires arrives, or those that came by then do; then the contact is gone, and the rest never comes.
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rig import CHANNEL, MS, OPTICAL, SIDEBAND, Rig, pixels_of

from laserlink.firmware_model.controls import EXPOSURE_TIME
from laserlink.firmware_model.machine import Module
from laserlink.firmware_model.profile import Profile, load_profile
from laserlink.firmware_model.stream import ExposureWanted, PackedImage
from laserlink.host_driver.actions import Answered, Attached, Lost, Unanswered
from laserlink.host_driver.assembly import ImageDone
from laserlink.protocol import prbs
from laserlink.protocol.connection import Role
from laserlink.protocol.framer import Framer
from laserlink.protocol.limits import FRAME_BYTES_MAX, FRAME_BYTES_MIN_OFFER
from laserlink.protocol.messages import image
from laserlink.protocol.messages.control import ControlSet, decode_value
from laserlink.protocol.messages.layout import Record, Request
from laserlink.protocol.messages.link import LaneOffer
from laserlink.protocol.states import BITS_PER_BYTE, LaneDirection, LaneKind, LineCoding, LossCause
from laserlink.protocol.states import HostState as H
from laserlink.protocol.states import ModuleState as M
from laserlink.protocol.timers import NS_PER_S, REVOKE_NS, line_time_ns
from laserlink.tools.stepper import Wire

# Slow, so that frames are short (256 bytes, the smallest offer) and each byte has a moment of its own.
LANES = (
    LaneOffer(0, SIDEBAND, LaneDirection.BOTH, LineCoding.UART_8N1, 115_200, 0),
    LaneOffer(1, OPTICAL, LaneDirection.MODULE_TO_HOST, LineCoding.NONE, 500_000, 0),
)
IMAGES, SETTINGS = 3, 20
REGION = (0, 0, 128, 100)  # 67 chunks of at most 192 bytes
SMALL_REGION = (0, 0, 16, 12)  # one chunk
DEFAULT_MA = 100
# What an attach and an image take without a fault, and half as much again.
ATTACH_BOUND_NS = 450 * MS
ANSWER_BOUND_NS = 100 * MS
IMAGE_BOUND_NS = 200 * MS
STEPS_MAX = 1000
CODEC_ENTRIES = 4096

PROFILE = load_profile("mos-100mp")
OTHER_PROFILE: Profile = replace(
    PROFILE, identity=replace(PROFILE.identity, module_id=PROFILE.identity.module_id + 1)
)
DEFAULTS = dict(Module(PROFILE, LANES).controls.values)


@dataclass(frozen=True)
class Point:
    """One way to pull the module off. `before`: what is due at that moment does not happen any more."""

    number: int
    at_ns: int
    where: str
    started: bool
    other: bool

    def __str__(self) -> str:
        arrives = "with the beginning of frames" if self.started else "cut"
        module = "another module" if self.other else "the same module"
        return f"point {self.number}: {self.where} at {self.at_ns} ns, {arrives}, then {module}"


@dataclass
class Told:
    """What the host has told so far, of this session."""

    attached: list[Attached] = field(default_factory=list)
    losses: list[Lost] = field(default_factory=list)
    images: list[ImageDone] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    unanswered: int = 0
    exposure_us: int | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> "Told":
        """The lists are copied; what they hold never changes."""
        lists = (list(item) for item in (self.attached, self.losses, self.images, self.ended))
        return Told(*lists, self.unanswered, self.exposure_us)


class Pulled(Rig):
    """A rig that counts its sessions: no two of them have a picture in common."""

    def __init__(self) -> None:
        super().__init__(LANES)
        # One frame at a time on the optical lane, too.
        self.stepper._burst = bytearray(FRAME_BYTES_MIN_OFFER)
        self.session_number = 0
        self.session_before = 0
        self.told_of = Told()
        self.waiting: list[Request] = []
        self.stale_frames = 0
        self._framers = {(role, lane): Framer() for role in Role for lane in LaneKind}

    def expose(self, wanted: ExposureWanted) -> PackedImage:
        pixels = self.pixels(wanted)
        self.truth[wanted.channel, wanted.image_id] = pixels
        return PackedImage.of(pixels, wanted.layout)

    def pixels(self, wanted: ExposureWanted) -> NDArray[np.uint16]:
        mask = np.uint16((1 << wanted.request.bits) - 1)
        return (pixels_of(wanted) + np.uint16(101 * self.session_number)) & mask

    def note(self) -> None:
        """Take what the host told."""
        for event in self.events:
            match event:
                case Attached():
                    self.told_of.attached.append(event)
                case Lost():
                    self.told_of.losses.append(event)
                case ImageDone():
                    self.told_of.images.append(event)
                case Answered(request):
                    self._note_end(request, answered=True)
                case Unanswered(request):
                    self._note_end(request, answered=False)
                    self.told_of.unanswered += 1
        self.events.clear()

    def _note_end(self, request: Request, *, answered: bool) -> None:
        """A request has its end; one that was asked for here waits no more, and what it set is in force."""
        self.told_of.ended.append(request.request_id)
        if request in self.waiting:
            self.waiting.remove(request)
            if answered and isinstance(request, ControlSet):
                (item,) = request.values
                self.told_of.exposure_us = int(decode_value(item.type, item.value))

    def ask_for(self, request: Request) -> None:
        self.waiting.append(request)
        self.stepper.settle()

    def fork(self) -> "Pulled":
        """As a rig's, without copies of what never changes."""
        constants = [self.profile, self.lanes, *self.lanes, *self.module.controls.controls.values()]
        constants += [self.host.descriptor] * (self.host.descriptor is not None)
        return copy.deepcopy(self, {id(item): item for item in constants})

    def reach(self, condition: Callable[[], bool], bound_ns: int) -> None:
        """Let time pass until a condition holds; it must, in time, and without endless work."""
        end, steps = self.now + bound_ns, self.stepper.steps
        while not condition():
            at = self.stepper.next_time()
            assert at is not None and at <= end, f"hang: {self.module.state.name}, {self.host.state.name}"
            assert self.stepper.steps - steps < STEPS_MAX, "hang: endless work"
            self.stepper.step(at)
            self.note()


# --- the session ---


def script(rig: Pulled) -> Iterator[Callable[[], bool]]:
    """The session, act by act; each gives the condition on which the next one follows."""
    rig.stepper.snap_on()
    yield lambda: bool(rig.told_of.attached) and rig.host.requests.idle and rig.host.state is H.READY
    settings = iter(range(SETTINGS))
    for _ in range(5):
        yield _set(rig, next(settings))
    rig.ask_for(rig.host.request(image.StreamConfigure(0, CHANNEL, 3, 8, *REGION), rig.now))
    yield lambda: not rig.waiting
    rig.ask_for(rig.host.request(image.StreamStart(0, CHANNEL, IMAGES), rig.now))
    yield lambda: not rig.waiting
    for number in range(10):
        due = rig.now + number * 2 * MS
        yield lambda due=due: rig.now >= due
        yield _set(rig, next(settings))
    yield lambda: len(rig.told_of.images) == IMAGES and rig.host.state is H.READY
    for number in settings:
        yield _set(rig, number)
    rig.stepper.pull_off()
    yield lambda: bool(rig.told_of.losses) and rig.module.state is M.DETACHED


def _set(rig: Pulled, number: int) -> Callable[[], bool]:
    rig.ask_for(rig.host.set_controls({"ExposureTime": 1000 + 37 * number}, rig.now))
    return lambda: not rig.waiting


def points(rig: Pulled) -> Iterator[Point]:
    """Run the session; at each point the rig stands where its copy is to be pulled off."""
    number = 0
    for condition in script(rig):
        while not condition():
            at = rig.stepper.next_time()
            assert at is not None
            moments = [*_bytes_before(rig, at), (at, "before a tick")]
            after = [] if at <= rig.now else moments
            for at_ns, where in after:
                for started in (False, True):
                    yield Point(number, at_ns, where, started, other=(number // 2 + number) % 2 == 1)
                    number += 1
            rig.stepper.step(at)
            rig.note()
            yield Point(number, rig.now, "after a tick", False, other=number % 2 == 1)
            number += 1


def _bytes_before(rig: Pulled, at: int) -> Iterator[tuple[int, str]]:
    """When each byte arrives that is on a wire, from now on until `at`."""
    for name, wire in _wires(rig):
        for arrival, data in wire.flight:
            bits = BITS_PER_BYTE[wire.offer.coding]
            start = arrival - line_time_ns(len(data), wire.offer.rate_bps, bits)
            for count in range(_arrived(wire, rig.now - start), len(data)):
                at_ns = start + line_time_ns(count + 1, wire.offer.rate_bps, bits)
                if at_ns > at:
                    break
                yield at_ns, f"byte {count} of {len(data)} {name}"


def _wires(rig: Pulled) -> Iterator[tuple[str, Wire]]:
    for name, wires in (("to the module", rig.stepper.to_module), ("to the host", rig.stepper.to_host)):
        for lane, wire in wires.items():
            yield f"{name}, {lane.name.lower()}", wire


def _arrived(wire: Wire, since_ns: int) -> int:
    """How many bytes arrive in a time."""
    return max(0, since_ns) * wire.offer.rate_bps // (BITS_PER_BYTE[wire.offer.coding] * NS_PER_S)


# --- one point ---


@contextmanager
def quick_codec() -> Iterator[None]:
    """Let messages be encoded and decoded once each: they are values, and most come at every point again."""
    decode, encode = Record.decode.__func__, Record.__bytes__  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Record, "decode", classmethod(lru_cache(CODEC_ENTRIES)(decode)))
        patch.setattr(Record, "__bytes__", lru_cache(CODEC_ENTRIES)(encode))
        patch.setattr(prbs, "pattern", lru_cache(CODEC_ENTRIES)(prbs.pattern))
        yield


def pull(base: Pulled, point: Point) -> None:
    """Pull a copy's module off, snap one on again, and take a picture. Raises AssertionError at any wrong."""
    rig = base.fork()
    rig.stepper.now = point.at_ns
    if point.started:
        _deliver_started(rig)
    rig.note()
    causes = [loss.cause for loss in rig.told_of.losses]
    causes += [LossCause.DETACH] * (rig.host.state not in (H.ABSENT, H.SEATING))
    images = len(rig.told_of.images) + sum(len(item.open) for item in rig.host.streams.by_channel.values())
    rig.session_before = rig.host.connection.session
    rig.stepper.pull_off()
    _check_dark(rig)
    rig.run_for(REVOKE_NS)
    rig.note()
    _check_gone(rig, causes, images)
    exposure_us = rig.told_of.exposure_us
    _attach_again(rig, other=point.other)
    _check_settings(rig, None if point.other else exposure_us)
    _take_picture(rig)


def _deliver_started(rig: Pulled) -> None:
    """What came by now of frames that are on their way reaches their receivers."""
    for machine, wires in ((rig.module, rig.stepper.to_module), (rig.host, rig.stepper.to_host)):
        for lane, wire in wires.items():
            for arrival, data in list(wire.flight):
                bits = BITS_PER_BYTE[wire.offer.coding]
                start = arrival - line_time_ns(len(data), wire.offer.rate_bps, bits)
                if begun := data[: _arrived(wire, rig.now - start)]:
                    machine.receive_data(lane, begun, rig.now)
    rig.stepper.settle()


def _check_dark(rig: Pulled) -> None:
    """In the step in which the contact opened."""
    assert not rig.module.laser and not rig.module.outputs.laser, "light without contact"
    assert not rig.host.light
    assert not rig.stepper.laser_log or rig.stepper.laser_log[-1][1] is False
    for connection in (rig.host.connection, rig.module.connection):
        assert all(framer.pending <= FRAME_BYTES_MAX for framer in connection._framers.values())


def _check_gone(rig: Pulled, causes: list[LossCause], images: int) -> None:
    """15 ms later: no power, nothing remembered, everything told, and told once."""
    assert rig.host.outputs.rail_ma <= DEFAULT_MA and rig.module.outputs.draw_ma <= DEFAULT_MA, "power"
    assert (rig.host.state, rig.module.state) == (H.ABSENT, M.DETACHED)
    assert rig.host.outputs.rail_ma == rig.module.outputs.draw_ma == 0
    assert [loss.cause for loss in rig.told_of.losses] == causes, rig.told_of.losses
    assert rig.waiting == [] and rig.host.requests.idle, "a request without an end"
    assert len(rig.told_of.ended) == len(set(rig.told_of.ended)), "a request with two ends"
    assert [done.image_id for done in rig.told_of.images] == [*range(1, images + 1)]
    for done in rig.told_of.images:
        _check_image(rig, done)
    for machine in (rig.host, rig.module):
        assert machine.next_deadline(rig.now) is None, "something is still due"
        assert machine.connection.session == 0
        assert all(framer.idle for framer in machine.connection._framers.values()), "bytes were kept"
        assert not any(machine.data_to_send(lane, rig.now) for lane in LaneKind), "frames were kept"


def _check_image(rig: Pulled, done: ImageDone) -> None:
    """Exact where it has no gap, and black where it has one."""
    missing = np.zeros(done.picture.size, bool)
    for gap in done.gaps:
        first = gap.offset * 8 // done.layout.bits
        missing[first : first + gap.length * 8 // done.layout.bits] = True
    pixels = done.picture.reshape(-1)
    truth = rig.truth[done.channel, done.image_id].reshape(-1)
    assert np.array_equal(pixels[~missing], truth[~missing]), "wrong pixels"
    assert not pixels[missing].any(), "something lies in a gap"


def _attach_again(rig: Pulled, *, other: bool) -> None:
    """A new session, in which nothing of the old one is left; the events of the old one are taken."""
    rig.told_of, rig.waiting = Told(), []
    rig.truth.clear()
    rig.session_number += 1
    if other:
        rig.module = Module(OTHER_PROFILE, LANES)
        rig.stepper.swap(rig.module)
    rig.stepper.tap = _stale_counter(rig)
    rig.stepper.snap_on()
    rig.reach(
        lambda: bool(rig.told_of.attached) and rig.host.requests.idle and rig.host.state is H.READY,
        ATTACH_BOUND_NS,
    )
    (attached,) = rig.told_of.attached
    assert rig.host.connection.session != rig.session_before, "a session twice"
    assert attached.descriptor.module_id == rig.module.profile.identity.module_id


def _stale_counter(rig: Pulled) -> Callable[[Role, LaneKind, bytes], None]:
    """Every frame that reaches an end belongs to the session that it is in, or to none."""

    def tap(role: Role, lane: LaneKind, data: bytes) -> None:
        session = int.from_bytes(data[8:12], "little")
        rig.stale_frames += session not in (0, rig.host.connection.session)

    return tap


def _check_settings(rig: Pulled, exposure_us: int | None) -> None:
    """The same module has what was set and answered; another one never."""
    expected: dict[Any, Any] = dict(DEFAULTS)
    if exposure_us is not None:
        expected[EXPOSURE_TIME] = exposure_us
    assert rig.module.controls.values == expected, "settings"
    assert rig.told_of.attached[0].again is (exposure_us is not None)


def _take_picture(rig: Pulled) -> None:
    """The new session works, and delivers what was exposed in it and nothing else."""
    for message in (
        image.StreamConfigure(0, CHANNEL, 3, 8, *SMALL_REGION),
        image.StreamStart(0, CHANNEL, 1),
    ):
        rig.ask_for(rig.host.request(message, rig.now))
        rig.reach(lambda: not rig.waiting, ANSWER_BOUND_NS)
    rig.reach(lambda: rig.host.state is H.READY, IMAGE_BOUND_NS)
    (done,) = rig.told_of.images
    assert done.image_id == 1 and not done.gaps and done.start is not None
    assert done.start.exposure_us == rig.module.controls.values[EXPOSURE_TIME]
    _check_image(rig, done)
    assert rig.told_of.losses == [] and rig.told_of.unanswered == 0
    assert rig.stale_frames == 0, "stale frames"
    assert rig.host.connection.counters.frames_stale == rig.module.connection.counters.frames_stale == 0
