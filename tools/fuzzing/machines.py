"""The fuzz targets with one machine: the module and the host, each in any state, under any program.

A run copies a machine in some state, does what the program says, and looks after each operation: at all that
the machine sends, at its memory, at its outputs, and at its timers.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from zlib import adler32

from laserlink.firmware_model import machine as module_machine
from laserlink.firmware_model.machine import Module
from laserlink.firmware_model.stream import ExposureWanted, ImageReady
from laserlink.host_driver import machine as host_machine
from laserlink.host_driver.machine import Host
from laserlink.protocol import catalogue
from laserlink.protocol.catalogue import Direction
from laserlink.protocol.delivery import ANSWERS
from laserlink.protocol.errors import LocalProtocolError, MalformedPayload
from laserlink.protocol.frame import Frame
from laserlink.protocol.limits import FRAME_BYTES_MAX
from laserlink.protocol.messages import bulk, control, diagnostics, image, link, power
from laserlink.protocol.messages.layout import Record, Request
from laserlink.protocol.states import HostState, LaneKind
from laserlink.protocol.timers import LIGHT_CONFIRM_NS, NS_PER_MS
from laserlink.tools.fuzzing import mutators
from laserlink.tools.fuzzing.machine_run import SIDEBAND, Run
from laserlink.tools.fuzzing.oracles import check_sent, intact_frames, items_of, raw_of, require
from laserlink.tools.fuzzing.programs import (
    Grammar,
    Kind,
    Op,
    Program,
    deadlines,
    frames_to,
    live_frame,
    number_of,
    requests_of,
)
from laserlink.tools.fuzzing.target import Features, Target
from laserlink.tools.fuzzing.worlds import (
    EXPOSED_BYTES_MAX,
    HOST_BASES,
    MODULE_BASES,
    SIDE_PIXELS,
    expose,
    freeze,
    frozen_host,
    frozen_module,
    thaw,
)

IMAGE_FILLS_MAX = 64
# Shares of the inputs that are also run in pieces, and whose memory is measured.
CUT_OF = 16
MEASURED_OF = 32
GROWTH_BYTES_MAX = 64 << 10

# The rules of the module, as they are written down: not taken from the code under test.
PING = 0x04
HOT_CELSIUS, COOL_CELSIUS = 75, 68
DARK_NS = 350 * NS_PER_MS
MODULE_WORLDS = 5
# Newer than any id that the host used on the way to the state.
REQUEST_ID_FIRST = 0x4000

# The rules of the host.
OFFERED_MA = 900
RAIL_MA_MAX = {
    HostState.ABSENT: 0, HostState.SEATING: 0, HostState.FAULT: 0, HostState.POWERED: 100,
    HostState.GREETED: 100,
}  # fmt: skip
UNSPOKEN = (HostState.ABSENT, HostState.SEATING, HostState.POWERED)
HOST_WORLDS = 5
ANSWERED: dict[type[Record], type[Record]] = dict(ANSWERS.items())
# What a user asks for; the rest is asked by the machine itself.
ASKED = (
    link.Reset, link.CountersRead, power.PowerCapabilities, power.PowerDerate, power.PowerRevoke,
    control.ControlList, control.ControlGet, control.ControlSet, image.StreamConfigure, image.StreamStart,
    image.StreamStop, bulk.UpdateBegin, bulk.UpdateData, bulk.UpdateEnd, bulk.FileRead, diagnostics.Echo,
)  # fmt: skip


class ModuleRun(Run):
    """A module. It is told that it sees light only by pings that are in the program."""

    other = Direction.TO_MODULE

    def __init__(self, machine: Module, session: int, now: int) -> None:
        super().__init__(machine, session, now)
        self.contact = machine.contact
        self.hot, self.celsius = False, 0
        self.heard = b""
        self.lit = machine.laser
        self.lit_ns = self.ping_ns = now
        self.confirmed = self.lit
        self.request_id = REQUEST_ID_FIRST
        self._room = memoryview(bytearray(FRAME_BYTES_MAX))

    def answer(self, body: bytes) -> bytes:
        """A request with a new id; anything else as it is."""
        row = catalogue.BY_TYPE.get(number_of(body, 3))
        if row is None or row.role != "request":
            return live_frame(body, self.live_session)
        self.request_id += 1
        return live_frame(body, self.live_session, request_id=self.request_id)

    def receive(self, lane: LaneKind, data: bytes) -> None:
        if lane is SIDEBAND:
            self.heard = (self.heard + data)[-2 * FRAME_BYTES_MAX :]
            self._hear(data)
        super().receive(lane, data)

    def _hear(self, data: bytes) -> None:
        """Look for pings that end in what has just arrived."""
        session = self.machine.connection.session.to_bytes(4, "little")
        for at, end in intact_frames(self.heard):
            if self.heard[at + 3] == PING and self.heard[at + 8 : at + 12] == session:
                self.ping_ns = self.now
                payload = mutators.payload_of(self.heard[at:end])
                self.confirmed |= bool(payload) and bool(payload[0] & link.PingFlags.LIGHT)

    def world(self, which: int, amount: int) -> None:
        happening: module_machine.ModuleInput
        match which % MODULE_WORLDS:
            case 0 | 1:
                self.contact = bool(which & 1)
                self.hot = self.celsius >= HOT_CELSIUS
                happening = module_machine.Contact(self.contact)
            case 2:
                self.hot = amount >= (COOL_CELSIUS if self.hot else HOT_CELSIUS)
                self.celsius = amount
                happening = module_machine.Temperature(float(amount))
            case 3:
                happening = module_machine.RingTurned(amount / 100)
            case _:
                happening = module_machine.Broken("fuzzed")
        self.machine.on_input(happening, self.now)

    def take_event(self, event: object) -> None:
        super().take_event(event)
        if isinstance(event, ExposureWanted) and event.layout.coded_bytes <= EXPOSED_BYTES_MAX:
            self.machine.on_input(ImageReady(event.channel, event.image_id, expose(event)), self.now)

    def look(self) -> None:
        super().look()
        for lane in self.machine.connection.lanes:
            self._take_images(lane)

    def _take_images(self, lane: LaneKind) -> None:
        for _ in range(IMAGE_FILLS_MAX):
            count = self.machine.images_to_send(lane, self._room, self.now)
            if not count:
                return
            for item in items_of((bytes(self._room[:count]),)):
                check_sent(raw_of(item), self.other)
            self.take_events()

    def check_outputs(self) -> None:
        """The laser's rules, as far as they can be seen from outside; and the contract's."""
        outputs = self.machine.outputs
        if outputs.laser and not self.lit:
            self.lit_ns, self.confirmed = self.now, False
        self.lit = outputs.laser
        require(
            outputs.draw_ma <= outputs.limit_ma or not outputs.limit_ma, "no more is drawn than is allowed"
        )
        if not self.lit:
            return
        require(self.contact, "light only while there is contact")
        require(not self.hot, "no light while it is hot")
        alone_ns = self.now - self.lit_ns
        require(self.confirmed or alone_ns <= LIGHT_CONFIRM_NS, "light is confirmed within 50 ms", alone_ns)
        silent_ns = self.now - max(self.ping_ns, self.lit_ns)
        require(silent_ns <= DARK_NS, "dark within 350 ms of the last ping", silent_ns)


def asked_message(body: bytes) -> Request | None:
    """What a user asks for by the frame of a body; None for what no user asks for."""
    row = catalogue.BY_TYPE.get(number_of(body, 3))
    if row is None or row.message not in ASKED:
        return None
    try:
        message = row.message.decode(mutators.payload_of(body))
    except MalformedPayload:
        message = row.message()
    if isinstance(message, image.StreamConfigure):
        # The user of these hosts has little memory.
        width, height = message.width % SIDE_PIXELS or 4, message.height % SIDE_PIXELS or 2
        message = replace(message, width=width, height=height)
    return message if isinstance(message, Request) else None


class HostRun(Run):
    """A host. What it asks is seen on the wire, so that a program can answer it."""

    other = Direction.TO_HOST

    def __init__(self, machine: Host, session: int, now: int) -> None:
        super().__init__(machine, session, now)
        self.spoken = machine.state not in UNSPOKEN
        self.heard = b""
        self.request_id = 0
        self.reply: type[Record] = link.Pong

    def answer(self, body: bytes) -> bytes:
        """A reply to what was asked last, or the event that comes next; anything else as it is."""
        row = catalogue.BY_TYPE.get(number_of(body, 3))
        if row is None:
            return live_frame(body, self.live_session)
        if row.type == catalogue.BEACON:
            return live_frame(body, 0)
        if row.role == "event":
            return live_frame(body, self.live_session, sequence=self.machine.event_receiver.expected or 0)
        answers = row.role == "reply"
        return live_frame(body, self.live_session, request_id=self.request_id if answers else None)

    def awaited(self, body: bytes) -> bytes:
        row = catalogue.BY_MESSAGE[self.reply]
        if number_of(body, 3) == row.type:
            return body
        return bytes(Frame(row.type, min(row.channel.value), 0, 0, bytes(row.message())))

    def receive(self, lane: LaneKind, data: bytes) -> None:
        if not self.spoken:
            self.heard = (self.heard + data)[-2 * FRAME_BYTES_MAX :]
            self.spoken = any(True for _ in intact_frames(self.heard))
        super().receive(lane, data)

    def world(self, which: int, amount: int) -> None:
        happening: host_machine.HostInput
        match which % HOST_WORLDS:
            case 0 | 1:
                happening = host_machine.Contact(bool(which & 1))
            case 2 | 3:
                happening = host_machine.Light(bool(which & 1))
            case _:
                happening = host_machine.Shorted(bool(amount & 1))
        self.machine.on_input(happening, self.now)

    def ask(self, body: bytes) -> None:
        message = asked_message(body)
        with suppress(LocalProtocolError):
            if isinstance(message, power.PowerCapabilities):
                self.machine.renegotiate(self.now)
            elif message is not None:
                self.machine.request(message, self.now)

    def check_sent(self, wire: bytes) -> bool:
        require(self.spoken, "a host says nothing before the first word", wire[:20].hex())
        row = catalogue.BY_TYPE.get(wire[3])
        if row is not None and row.role == "request":
            self.request_id = int.from_bytes(mutators.payload_of(wire)[:2], "little")
            self.reply = ANSWERED[row.message]
        return super().check_sent(wire)

    def check_outputs(self) -> None:
        """No power for what is not seated, a little before a contract, and never more than was offered."""
        state, rail_ma = self.machine.state, self.machine.outputs.rail_ma
        require(rail_ma <= RAIL_MA_MAX.get(state, OFFERED_MA), f"power in state {state.name}", rail_ma)
        if state is HostState.ABSENT:
            self.spoken, self.heard = False, b""


# --- the targets ---


def run_program(data: bytes, run_type: type[Run], bases: int, frozen: Callable[[int], bytes]) -> Features:
    """Run a program; now and then again with its bytes in pieces, which must change nothing."""
    program = Program.parse(data)
    copy = frozen(program.base % bases)
    run = run_type(*thaw(copy))
    run.run(program.ops)
    seed = adler32(data)
    if seed % CUT_OF == 0:
        again = run_type(*thaw(copy))
        again.piece_bytes = 1 + seed // CUT_OF % 64
        again.run(program.ops)
        require(again.sent == run.sent, "any cut gets the same answers", again.piece_bytes)
        require(again.machine.state is run.machine.state, "any cut leads to the same state")
    if seed % MEASURED_OF == 0:
        check_memory(run.machine, copy)
    return frozenset(run.words)


def check_memory(machine: Module | Host, before: bytes) -> None:
    """What a peer can make a machine keep: with nothing to send, it is no more than its limits."""
    try:
        grown = len(freeze(machine)) - len(before)
    except TypeError:
        return  # An image is being put together, whose memory its layout bounds.
    require(grown <= GROWTH_BYTES_MAX, "memory is bounded", grown)


def run_module(data: bytes) -> Features:
    """A module under a program."""
    return run_program(data, ModuleRun, MODULE_BASES, frozen_module)


def run_host(data: bytes) -> Features:
    """A host under a program."""
    return run_program(data, HostRun, HOST_BASES, frozen_host)


COMMON = (
    Kind.BYTES,
    Kind.FRAME,
    Kind.ANSWER,
    Kind.ANSWER,
    Kind.WAIT,
    Kind.DEADLINE,
    Kind.WORLD,
    Kind.OPTICAL,
)
MODULE_GRAMMAR = Grammar(COMMON, frames_to(Direction.TO_MODULE), bases=MODULE_BASES, worlds=MODULE_WORLDS)
HOST_GRAMMAR = Grammar(
    (*COMMON, Kind.ASK, Kind.ASK, Kind.REPLY, Kind.REPLY),
    frames_to(Direction.TO_HOST),
    requests_of(ASKED),
    HOST_BASES,
    HOST_WORLDS,
)


def seeds_of(grammar: Grammar) -> list[bytes]:
    """Every message alone in every state."""
    return [
        bytes(Program(base, (Op(Kind.ANSWER, wire), deadlines(2))))
        for base in range(grammar.bases)
        for wire in grammar.frames
    ]


MACHINES = (
    Target("module", "a module in any state, under any bytes, times and happenings", run_module,
           lambda: seeds_of(MODULE_GRAMMAR), MODULE_GRAMMAR.mutate, is_program=True),
    Target("host", "a host in any state, under any bytes, times, happenings and wishes", run_host,
           lambda: seeds_of(HOST_GRAMMAR), HOST_GRAMMAR.mutate, is_program=True),
)  # fmt: skip
