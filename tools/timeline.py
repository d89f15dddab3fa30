"""The way from contact to the first image, phase by phase: modelled in virtual time, and on the wall."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from laserlink.firmware_model.machine import Module
from laserlink.firmware_model.profile import Profile
from laserlink.firmware_model.stream import ExposureWanted, PackedImage
from laserlink.host_driver.actions import Attached, StateChanged
from laserlink.host_driver.assembly import ImageDone
from laserlink.host_driver.machine import Host
from laserlink.protocol import _accel
from laserlink.protocol.messages.image import StreamConfigure, StreamStart
from laserlink.protocol.messages.link import LaneOffer
from laserlink.protocol.states import HostState
from laserlink.protocol.timers import NS_PER_MS, NS_PER_S
from laserlink.tools.stepper import Stepper

CHANNEL = 2
MODEL_SECONDS = 3600

# What a person calls the time that the host spends in a state.
PHASES = {
    HostState.SEATING: "seating",
    HostState.POWERED: "boot",
    HostState.GREETED: "hello",
    HostState.NEGOTIATING: "power contract",
    HostState.CONTRACTED: "light",
    HostState.TRAINING: "training",
    HostState.IDENTIFYING: "identity",
    HostState.READY: "controls",
    HostState.STREAMING: "exposure and image",
}


@dataclass(frozen=True)
class Timeline:
    """Nanoseconds spent in each phase, and from contact to the last verified pixel."""

    phases: dict[str, int]
    total_ns: int


def timeline_of(changes: Iterable[StateChanged], image_ns: int) -> Timeline:
    """The time in each phase, from the first state to the moment of the first image."""
    phases = dict.fromkeys(PHASES.values(), 0)
    entered = [(change.at_ns, change.state) for change in changes if change.at_ns <= image_ns]
    if not entered:
        return Timeline(phases, 0)
    ends = [at for at, _ in entered[1:]] + [image_ns]
    for (start, state), end in zip(entered, ends, strict=True):
        if state in PHASES:
            phases[PHASES[state]] += end - start
    return Timeline(phases, image_ns - entered[0][0])


def _blank(wanted: ExposureWanted) -> PackedImage:
    """An image of black: what is on it makes no difference to when it arrives."""
    packed = np.zeros(wanted.layout.coded_bytes, np.uint8)
    return PackedImage(packed, tuple(_accel.strip_digests(packed, wanted.layout.strip_bytes)))


def modelled_first_image(
    profile: Profile, offers: tuple[LaneOffer, ...], mode_id: int, bits: int
) -> Timeline:
    """Snap a module on and take one image, in virtual time: both real machines, every byte.

    Raises:
        RuntimeError: the model did not come to an image, which is a bug.
    """
    numbers = iter(range(1, 1 << 16))
    stepper = Stepper(Host(offers, lambda: next(numbers)), Module(profile, offers), _blank)
    stepper.snap_on()
    _run_to(stepper, Attached)
    host = stepper.host
    host.request(StreamConfigure(0, CHANNEL, mode_id, bits), stepper.now)
    host.request(StreamStart(0, CHANNEL, 1), stepper.now)
    stepper.settle()
    done = _run_to(stepper, ImageDone)
    changes = [event for event in stepper.events if isinstance(event, StateChanged)]
    return timeline_of(changes, done.done_ns if isinstance(done, ImageDone) else 0)


def _run_to(stepper: Stepper, kind: type) -> object:
    stepper.run(lambda: any(isinstance(event, kind) for event in stepper.events), MODEL_SECONDS * NS_PER_S)
    for event in stepper.events:
        if isinstance(event, kind):
            return event
    raise RuntimeError(f"the model never came to {kind.__name__}")


def milliseconds(duration_ns: int) -> float:
    return round(duration_ns / NS_PER_MS, 3)
