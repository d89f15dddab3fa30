"""The fuzz target with both machines: a session in virtual time, with hostile bytes going both ways.

What is injected arrives between the frames that are on the wires anyway; those may also be lost or damaged.
As long as nothing forged was injected, every image is exact outside its gaps. Whatever happened, a module
that is pulled off and snapped on again attaches, and its next image is exact.
"""

from contextlib import suppress
from zlib import adler32

import numpy as np

from laserlink.firmware_model import machine as module_machine
from laserlink.host_driver.actions import Attached
from laserlink.host_driver.assembly import ImageDone
from laserlink.protocol import catalogue
from laserlink.protocol.catalogue import Direction
from laserlink.protocol.errors import LocalProtocolError
from laserlink.protocol.frame import SYNC
from laserlink.protocol.messages import image
from laserlink.protocol.messages.layout import Request
from laserlink.protocol.states import HostState, LaneKind
from laserlink.protocol.timers import NS_PER_MS, NS_PER_S, NS_PER_US
from laserlink.tools.fuzzing import mutators
from laserlink.tools.fuzzing.machines import ASKED, DARK_NS, asked_message
from laserlink.tools.fuzzing.oracles import require
from laserlink.tools.fuzzing.programs import (
    Grammar,
    Kind,
    Op,
    Program,
    ask,
    frames_to,
    live_frame,
    number_of,
    requests_of,
    wait,
)
from laserlink.tools.fuzzing.target import Features, Target
from laserlink.tools.fuzzing.worlds import (
    CHANNEL,
    SESSION_BASES,
    SIDE_PIXELS,
    frozen_session,
    pixels_of,
    thaw,
)
from laserlink.tools.stepper import Stepper, Wire

SIDEBAND, OPTICAL = LaneKind.SIDEBAND, LaneKind.OPTICAL
# Most inputs have few steps of time, so that there can be many inputs; some have as many as images need.
FEW_STEPS, MANY_STEPS = 6, 300
LONG_OF = 96
WAIT_NS_MAX = 4 * NS_PER_S
WORLDS = 7
# A recovery costs as much as everything else: some inputs have it.
RECOVERED_OF = 256
PULLED_NS = 60 * NS_PER_MS
RECOVERY_NS = 8 * NS_PER_S
ROOM_CELSIUS = 25.0


class Faults:
    """A filter of a wire: the next frames are lost, or one is damaged."""

    def __init__(self) -> None:
        self.lost = 0
        self.damage: tuple[int, int] | None = None

    def __call__(self, data: bytes, now: int) -> list[bytes]:
        if self.lost:
            self.lost -= 1
            return []
        if self.damage is not None:
            at, value = self.damage[0] % len(data), self.damage[1] or 1
            self.damage = None
            return [data[:at] + bytes((data[at] ^ value,)) + data[at + 1 :]]
        return [data]


class SessionRun:
    """Both machines under one program."""

    def __init__(self, world: Stepper, steps: int) -> None:
        self.world = world
        self.steps_left = steps
        self.session = world.host.connection.session
        self.forged = False
        self.words: set[str] = set()
        self.to_host, self.to_module = Faults(), Faults()
        self._wire(self.to_host, world.to_host)
        self._wire(self.to_module, world.to_module)

    @staticmethod
    def _wire(faults: Faults, wires: dict[LaneKind, Wire]) -> None:
        for wire in wires.values():
            wire.filter = faults

    def run(self, ops: tuple[Op, ...]) -> None:
        """Do everything; raises Violation, or whatever a machine should not raise."""
        for op in ops:
            self.do(op)
            self.world.settle()
            self.look()
            self.words.add(f"{op.kind.name} {self.world.module.state.name} {self.world.host.state.name}")

    def do(self, op: Op) -> None:
        """One operation; bytes and frames go to the module, optical bytes and answers to the host."""
        match op.kind:
            case Kind.BYTES:
                self._inject_module(op.body)
            case Kind.FRAME:
                self._inject_module(live_frame(op.body, self.world.module.connection.session or self.session))
            case Kind.OPTICAL:
                self._inject_host(op.body, self.world.host.connection.image_lane)
            case Kind.ANSWER:
                self._inject_host(
                    live_frame(op.body, self.world.host.connection.session), self._lane_of(op.body)
                )
            case Kind.WAIT:
                self._wait(number_of(op.body, size=4) * NS_PER_US % WAIT_NS_MAX)
            case Kind.DEADLINE:
                self._steps(number_of(op.body) % 64)
            case Kind.WORLD:
                self._world(number_of(op.body), number_of(op.body, 1, 2, signed=True))
            case Kind.ASK:
                self._ask(op.body)
            case Kind.DROP:
                self.to_host.lost, self.to_module.lost = number_of(op.body) & 15, number_of(op.body) >> 4
            case Kind.SPOIL:
                self.to_host.damage = (number_of(op.body, size=2), number_of(op.body, 2))

    def _lane_of(self, body: bytes) -> LaneKind:
        row = catalogue.BY_TYPE.get(number_of(body, 3))
        on_images = row is not None and row.carrier is catalogue.Carrier.IMAGE
        return self.world.host.connection.image_lane if on_images else SIDEBAND

    def _inject_module(self, data: bytes) -> None:
        self.forged |= SYNC in data
        self.world.module.receive_data(SIDEBAND, data, self.world.now)

    def _inject_host(self, data: bytes, lane: LaneKind) -> None:
        self.forged |= SYNC in data
        self.world.host.receive_data(lane, data, self.world.now)

    def _wait(self, duration_ns: int) -> None:
        end = self.world.now + duration_ns
        while self.steps_left:
            at = self.world.next_time()
            if at is None or at > end:
                self.world.now = end
                return
            self._step(at)

    def _steps(self, count: int) -> None:
        for _ in range(min(count, self.steps_left)):
            at = self.world.next_time()
            if at is None:
                return
            self._step(at)

    def _step(self, at: int) -> None:
        self.steps_left -= 1
        self.world.step(at)
        self.check_light()

    def _world(self, which: int, amount: int) -> None:
        world = self.world
        match which % WORLDS:
            case 0:
                world.pull_off()
            case 1:
                world.snap_on()
            case 2 | 3:
                world.block_beam(bool(which & 1))
            case 4:
                world.module.on_input(module_machine.Temperature(float(amount)), world.now)
            case 5:
                world.module.on_input(module_machine.RingTurned(amount / 100), world.now)
            case _:
                world.module.on_input(module_machine.Broken("fuzzed"), world.now)

    def _ask(self, body: bytes) -> None:
        message = asked_message(body)
        if message is not None:
            with suppress(LocalProtocolError):
                self.world.host.request(message, self.world.now)

    # --- what is looked at ---

    def look(self) -> None:
        """Events of both ends: images are what was exposed."""
        self.check_light()
        for event in self.world.events:
            self.words.add(type(event).__name__)
            if isinstance(event, ImageDone) and not self.forged:
                check_picture(event)
        self.world.events.clear()

    def check_light(self) -> None:
        """Light only with contact; and where there is light, a host that was heard."""
        if self.world.module.laser:
            require(self.world.contact, "light only while there is contact")
            heard = self.world.to_module[SIDEBAND]
            require(self.world.now - heard.free_ns <= 2 * DARK_NS, "no light for a silent host")

    def recover(self) -> None:
        """When all is over, another contact gives another session, and an exact image."""
        world = self.world
        for faults in (self.to_host, self.to_module):
            faults.lost, faults.damage = 0, None
        world.block_beam(False)
        world.module.on_input(module_machine.Temperature(ROOM_CELSIUS), world.now)
        world.pull_off()
        world.run_for(PULLED_NS)
        self.look()
        self.forged = False
        world.snap_on()
        require(self._told(Attached), "it attaches again", world.host.state.name)
        requests: tuple[Request, ...] = (
            image.StreamConfigure(0, CHANNEL, 3, 8, 0, 0, SIDE_PIXELS, SIDE_PIXELS),
            image.StreamStart(0, CHANNEL, 1),
        )
        for request in requests:
            world.host.request(request, world.now)
        world.settle()
        require(self._told(ImageDone), "an image comes again", world.host.state.name)
        done = world.event(ImageDone)
        require(isinstance(done, ImageDone) and not done.gaps, "the image after it is complete")
        if isinstance(done, ImageDone):
            check_picture(done)

    def _told(self, kind: type) -> bool:
        """Whether an event comes in time, and the host is ready."""
        world = self.world
        return world.run(
            lambda: (
                any(isinstance(event, kind) for event in world.events)
                and world.host.state in (HostState.READY, HostState.STREAMING)
                and world.host.requests.idle
            ),
            RECOVERY_NS,
        )


def check_picture(done: ImageDone) -> None:
    """Every pixel outside the gaps is what was exposed; those inside are zero."""
    expected = pixels_of(done.layout, done.image_id).copy()
    flat = expected.reshape(-1)
    for gap in done.gaps:
        first = gap.offset * 8 // done.layout.bits
        flat[first : first + gap.length * 8 // done.layout.bits] = 0
    require(np.array_equal(done.picture, expected), "an image is exact outside its gaps", done.image_id)


def run_session(data: bytes) -> Features:
    """A session under a program; some of them are ended by a recovery."""
    program = Program.parse(data)
    seed = adler32(data)
    steps = FEW_STEPS if seed % LONG_OF else MANY_STEPS
    run = SessionRun(thaw(frozen_session(program.base % SESSION_BASES)), steps)
    run.run(program.ops)
    if seed % RECOVERED_OF == 0:
        run.recover()
    return frozenset(run.words)


GRAMMAR = Grammar(
    (Kind.BYTES, Kind.FRAME, Kind.OPTICAL, Kind.ANSWER, Kind.WAIT, Kind.WAIT, Kind.DEADLINE, Kind.WORLD,
     Kind.ASK, Kind.DROP, Kind.SPOIL),
    (*frames_to(Direction.TO_MODULE), *frames_to(Direction.TO_HOST)),
    requests_of(ASKED),
    SESSION_BASES,
    WORLDS,
)  # fmt: skip


def session_seeds() -> list[bytes]:
    """A picture, a control and a wait, from every beginning; and each message once, one way or the other."""
    configure = image.StreamConfigure(0, CHANNEL, 3, 8, 0, 0, SIDE_PIXELS, SIDE_PIXELS)
    picture = [ask(request_wire(message)) for message in (configure, image.StreamStart(0, CHANNEL, 1))]
    found = [Program(base, (wait(400_000), *picture, wait(200_000))) for base in range(SESSION_BASES)]
    for index, wire in enumerate(GRAMMAR.frames):
        kind = (Kind.FRAME, Kind.ANSWER)[index % 2]
        found.append(Program(index % SESSION_BASES, (*picture, wait(3_000), Op(kind, wire), wait(50_000))))
    return [bytes(program) for program in found]


def request_wire(message: Request) -> bytes:
    """A request as the body of an operation."""
    wire = mutators.examples()[0]
    row = catalogue.BY_MESSAGE[type(message)]
    return mutators.set_payload(wire[:3] + bytes((row.type,)) + wire[4:], bytes(message))


SESSION = Target(
    "session",
    "both ends, with hostile bytes between them",
    run_session,
    session_seeds,
    GRAMMAR.mutate,
    is_program=True,
)
