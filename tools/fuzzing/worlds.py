"""Where fuzzing begins: both machines in every state, reached by a real session, and copied quickly.

A world is a stepper with a host and a module on it. It is made once, kept pickled, and unpickled for every
input: that takes a third of the time of a deep copy, and nothing of one input is left for the next.
"""

import io
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from laserlink.firmware_model.machine import Broken, Module
from laserlink.firmware_model.profile import Profile, load_profile
from laserlink.firmware_model.stream import ExposureWanted, PackedImage
from laserlink.host_driver.assembly import ImageDone
from laserlink.host_driver.machine import Host
from laserlink.host_driver.pictures import PicturePool
from laserlink.protocol.image_layout import ImageLayout
from laserlink.protocol.messages import bulk, image
from laserlink.protocol.messages.link import LaneOffer
from laserlink.protocol.states import HostState as H
from laserlink.protocol.states import LaneDirection, LaneKind, LineCoding
from laserlink.protocol.states import ModuleState as M
from laserlink.protocol.timers import NS_PER_S
from laserlink.tools.stepper import Stepper

PROFILE = "mos-100mp"
CHANNEL = 2
SIDE_PIXELS = 64
SIDEBAND = LaneOffer(0, LaneKind.SIDEBAND, LaneDirection.BOTH, LineCoding.UART_8N1, 3_000_000, 0)
OPTICAL = LaneOffer(1, LaneKind.OPTICAL, LaneDirection.MODULE_TO_HOST, LineCoding.NONE, 10_000_000_000, 0)
LANES = ((SIDEBAND, OPTICAL), (SIDEBAND,))
# More than this is never packed: an exposure that large stays on its way.
EXPOSED_BYTES_MAX = 1 << 16
REACHED_NS = 6 * NS_PER_S
SOON_STEPS = 1000


@dataclass
class Sessions:
    """What a host calls random: numbers in order, so that a run can be repeated."""

    last: int = 0x1000

    def __call__(self) -> int:
        self.last += 1
        return self.last


@cache
def pixels_of(layout: ImageLayout, image_id: int) -> NDArray[np.uint16]:
    """Pixels that differ from place to place and from image to image: shape (height, width)."""
    values = np.arange(layout.pixels, dtype=np.uint32) * np.uint32(2654435761) >> np.uint32(image_id % 13 + 3)
    pixels = (values & np.uint32((1 << layout.bits) - 1)).astype(np.uint16)
    return pixels.reshape(layout.height, layout.width)


@cache
def packed(layout: ImageLayout, image_id: int) -> PackedImage:
    return PackedImage.of(pixels_of(layout, image_id), layout)


def expose(wanted: ExposureWanted) -> PackedImage:
    """What the sensor of these worlds sees."""
    return packed(wanted.layout, wanted.image_id)


@cache
def profile() -> Profile:
    return load_profile(PROFILE)


def new_world(lanes: tuple[LaneOffer, ...], *, first_sequence: int = 0) -> Stepper:
    """A host and a module that have not met."""
    module = Module(profile(), lanes, first_sequence=first_sequence)
    return Stepper(Host(lanes, Sessions()), module, expose)


def _until(world: Stepper, condition: Callable[[], bool]) -> Stepper:
    if not world.run(condition, REACHED_NS):
        raise RuntimeError(f"not reached: {world.module.state.name}, {world.host.state.name}")
    return world


def _ready(world: Stepper) -> Stepper:
    world.snap_on()
    host, module = world.host, world.module
    return _until(
        world,
        lambda: host.state is H.READY and module.state is M.READY and host.listed and host.requests.idle,
    )


def _streaming(world: Stepper) -> Stepper:
    _ready(world)
    configure = image.StreamConfigure(0, CHANNEL, 3, 8, 0, 0, SIDE_PIXELS, SIDE_PIXELS)
    for request in (configure, image.StreamStart(0, CHANNEL, 0)):
        world.host.request(request, world.now)
    world.settle()
    return _until(world, lambda: any(isinstance(event, ImageDone) for event in world.events))


def _updating(world: Stepper) -> Stepper:
    _ready(world)
    world.host.request(bulk.UpdateBegin(0, 8, 1), world.now)
    world.settle()
    return _until(world, lambda: world.host.state is H.UPDATING and world.module.state is M.UPDATING)


def _deaf(world: Stepper, *, module: bool) -> Stepper:
    """One direction of the sideband is silent until that end recovers; and then it is heard again."""
    _streaming(world)
    wire = (world.to_module if module else world.to_host)[LaneKind.SIDEBAND]
    wire.filter = lambda data, now: []
    world.block_beam(not module)
    _until(
        world, lambda: (world.module.state is M.RECOVERING) if module else (world.host.state is H.RECOVERING)
    )
    wire.filter = None
    world.block_beam(False)
    return world


def _faulty(world: Stepper, *, told: bool) -> Stepper:
    _ready(world)
    world.module.on_input(Broken("self-test failed"), world.now)
    if told:
        world.settle()
        _until(world, lambda: world.host.state is H.FAULT)
    return world


MODULE_MAKERS: dict[M, Callable[[Stepper], Stepper]] = {
    M.DETACHED: lambda world: world,
    M.READY: _ready,
    M.STREAMING: _streaming,
    M.UPDATING: _updating,
    M.RECOVERING: lambda world: _deaf(world, module=True),
    M.FAULT: lambda world: _faulty(world, told=False),
}
HOST_MAKERS: dict[H, Callable[[Stepper], Stepper]] = {
    H.ABSENT: lambda world: world,
    H.READY: _ready,
    H.STREAMING: _streaming,
    H.UPDATING: _updating,
    H.RECOVERING: lambda world: _deaf(world, module=False),
    H.FAULT: lambda world: _faulty(world, told=True),
}


def _attaching(world: Stepper, reached: Callable[[], bool]) -> Stepper:
    world.snap_on()
    return _until(world, reached)


def _module_world(state: M, lanes: tuple[LaneOffer, ...]) -> Stepper:
    world = new_world(lanes)
    if state in MODULE_MAKERS:
        return MODULE_MAKERS[state](world)
    return _attaching(world, lambda: world.module.state is state and not world.module.booting)


def _host_world(state: H, lanes: tuple[LaneOffer, ...]) -> Stepper:
    world = new_world(lanes)
    if state in HOST_MAKERS:
        return HOST_MAKERS[state](world)
    return _attaching(world, lambda: world.host.state is state)


# What never changes and is the same in every copy: the profile, lanes, classes, members of enums.
_shared: list[Any] = []
_numbers: dict[int, int] = {}


def _share(value: Any) -> int:
    """The number under which a copy finds this very value again."""
    if id(value) not in _numbers:
        _numbers[id(value)] = len(_shared)
        _shared.append(value)
    return _numbers[id(value)]


class _Pickler(pickle.Pickler):
    """Leaves what is shared out of the copies: making one then takes half the time."""

    def persistent_id(self, obj: Any) -> int | None:
        is_shared = isinstance(obj, type | Enum | LaneOffer | Profile)
        return _share(obj) if is_shared else None

    def reducer_override(self, obj: Any) -> Any:
        return (PicturePool, ()) if isinstance(obj, PicturePool) else NotImplemented


class _Unpickler(pickle.Unpickler):
    persistent_load = staticmethod(_shared.__getitem__)


def freeze(value: object) -> bytes:
    """A value of a world as bytes, to make any number of copies from."""
    buffer = io.BytesIO()
    _Pickler(buffer, pickle.HIGHEST_PROTOCOL).dump(value)
    return buffer.getvalue()


def freeze_soon(world: Stepper, what: Callable[[], object]) -> bytes:
    """As `freeze`, at the first moment at which no image is being put together: those cannot be pickled."""
    for _ in range(SOON_STEPS):
        try:
            return freeze(what())
        except TypeError:
            world.step()
    raise RuntimeError("an image is never done")


def thaw(frozen: bytes) -> Any:
    """A copy of what was frozen."""
    return _Unpickler(io.BytesIO(frozen)).load()


@cache
def frozen_module(index: int) -> bytes:
    """(module, session, now), frozen: every state on two lanes, then every state on one."""
    states = tuple(M)
    world = _module_world(states[index % len(states)], LANES[index // len(states)])
    return freeze((world.module, world.module.connection.session or world.host.connection.session, world.now))


@cache
def frozen_host(index: int) -> bytes:
    """(host, session, now), frozen: as for the module."""
    states = tuple(H)
    world = _host_world(states[index % len(states)], LANES[index // len(states)])
    return freeze_soon(world, lambda: (world.host, world.host.connection.session, world.now))


SESSION_STATES = (M.DETACHED, M.READY, M.STREAMING, M.UPDATING)


@cache
def frozen_session(index: int) -> bytes:
    """A stepper, frozen: before the attach, ready, streaming, updating; on two lanes, then on one."""
    world = _module_world(SESSION_STATES[index % len(SESSION_STATES)], LANES[index // len(SESSION_STATES)])
    world.events.clear()
    return freeze_soon(world, lambda: world)


MODULE_BASES = len(M) * len(LANES)
HOST_BASES = len(H) * len(LANES)
SESSION_BASES = len(SESSION_STATES) * len(LANES)
