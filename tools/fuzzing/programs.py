"""Programs: inputs for the targets with a machine. Any bytes are a program, and any program is bytes.

Byte 0 chooses the state to begin in. Then come operations: kind (u8, modulo the number of kinds), size of the
body (u16, at most what is left), body. What an operation does is for the target to say.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from random import Random

from laserlink.protocol import catalogue
from laserlink.protocol.catalogue import Direction
from laserlink.protocol.frame import CHECK_BYTES, HEADER_BYTES
from laserlink.protocol.messages.layout import Record
from laserlink.tools.fuzzing import mutators
from laserlink.tools.fuzzing.target import short_of

_OP = struct.Struct("<BH")
OPS_MAX = 24
# Most mutated programs have no more than these, so that there can be many of them.
OPS_FEW = 8


class Kind(IntEnum):
    """What an operation is."""

    BYTES = 0  # body: bytes for the sideband, as they are
    OPTICAL = 1  # body: bytes for the optical lane, as they are
    FRAME = 2  # body: a frame; it gets the session in force, and both checks
    ANSWER = 3  # as FRAME; and the request id or event sequence that is waited for
    WAIT = 4  # body: u32, microseconds
    DEADLINE = 5  # body: u8, so many deadlines pass
    WORLD = 6  # body: u8 which, i16 how much: something physical
    ASK = 7  # body: a frame whose message the host's user asks for
    DROP = 8  # body: u8, so many frames on their way to the host (low nibble) and to the module are lost
    SPOIL = 9  # body: u16 where and u8 what: so the next frame on its way to the host is damaged
    REPLY = 10  # as ANSWER, but of the type that is waited for, whatever the body's


@dataclass(frozen=True)
class Op:
    """One operation."""

    kind: Kind
    body: bytes = b""

    def __bytes__(self) -> bytes:
        return _OP.pack(self.kind, len(self.body)) + self.body


@dataclass(frozen=True)
class Program:
    """Where to begin, and what happens then."""

    base: int
    ops: tuple[Op, ...]

    def __bytes__(self) -> bytes:
        return bytes((self.base,)) + b"".join(map(bytes, self.ops))

    @classmethod
    def parse(cls, data: bytes) -> "Program":
        """The program that any bytes are; what is over after the last operation is not used."""
        if not data:
            return cls(0, ())
        ops: list[Op] = []
        at = 1
        while at + _OP.size <= len(data) and len(ops) < OPS_MAX:
            kind, size = _OP.unpack_from(data, at)
            at += _OP.size
            ops.append(Op(Kind(kind % len(Kind)), data[at : at + size]))
            at += size
        return cls(data[0], tuple(ops))


def wait(microseconds: int) -> Op:
    return Op(Kind.WAIT, microseconds.to_bytes(4, "little"))


def deadlines(count: int) -> Op:
    return Op(Kind.DEADLINE, bytes((count,)))


def world(which: int, amount: int) -> Op:
    return Op(Kind.WORLD, bytes((which,)) + amount.to_bytes(2, "little", signed=True))


def ask(wire: bytes) -> Op:
    return Op(Kind.ASK, wire)


def number_of(body: bytes, at: int = 0, size: int = 1, *, signed: bool = False) -> int:
    """An integer in a body that may be too short for it."""
    return int.from_bytes(body[at : at + size], "little", signed=signed)


def live_frame(
    body: bytes, session: int, sequence: int | None = None, request_id: int | None = None
) -> bytes:
    """The frame of a body in a session, with both checks; b"" for a body that is too short to be one."""
    wire = body.ljust(HEADER_BYTES + CHECK_BYTES, b"\0")
    if not mutators.is_frame(wire):
        wire = b"\xeb\x90\x10" + wire[3:]
    tail = wire[12:] if sequence is None else sequence.to_bytes(4, "little") + wire[16:]
    wire = wire[:8] + session.to_bytes(4, "little") + tail
    if request_id is not None:
        payload = request_id.to_bytes(2, "little") + mutators.payload_of(wire)[2:]
        return mutators.set_payload(wire, payload)
    return mutators.repair(wire)


# --- mutation ---


def frames_to(direction: Direction) -> tuple[bytes, ...]:
    """An example of every message that goes one way, with its defaults and with other values."""
    rows = [row for row in catalogue.ROWS if row.direction in (direction, Direction.BOTH)]
    types = {row.type for row in rows}
    return tuple(wire for wire in mutators.examples() if wire[3] in types and len(wire) < 512)


def requests_of(messages: tuple[type[Record], ...]) -> tuple[bytes, ...]:
    """An example of each of these messages, with its defaults and with other values."""
    types = {catalogue.BY_MESSAGE[message].type for message in messages}
    return tuple(wire for wire in mutators.examples() if wire[3] in types and len(wire) < 512)


@dataclass(frozen=True)
class Grammar:
    """Which operations a target has, and which frames go to it."""

    kinds: tuple[Kind, ...]
    frames: tuple[bytes, ...]
    requests: tuple[bytes, ...] = ()
    bases: int = 1
    worlds: int = 1

    def draw(self, random: Random) -> Op:
        """A new operation."""
        kind = random.choice(self.kinds)
        match kind:
            case Kind.BYTES | Kind.OPTICAL | Kind.FRAME | Kind.ANSWER | Kind.REPLY:
                wire = random.choice(self.frames)
                return Op(kind, mutators.mutate_frame(wire, random) if random.random() < 0.7 else wire)
            case Kind.WAIT:
                return wait(
                    random.choice((0, 1, 1_000, 20_000, 60_000, 120_000, 400_000, 3_100_000, 6_000_000))
                )
            case Kind.DEADLINE:
                return deadlines(random.randrange(1, 9))
            case Kind.WORLD:
                return world(random.randrange(self.worlds), random.choice((0, 1, -1, 30, 70, 90, 110, 200)))
            case Kind.ASK:
                wire = random.choice(self.requests)
                return ask(mutators.mutate_frame(wire, random) if random.random() < 0.5 else wire)
        return Op(kind, random.randbytes(3))

    def change(self, op: Op, random: Random) -> Op:
        """The same kind of operation with another body."""
        match op.kind:
            case Kind.BYTES | Kind.OPTICAL:
                return Op(op.kind, mutators.mutate_stream(op.body, random, 1024))
            case Kind.FRAME | Kind.ANSWER | Kind.ASK | Kind.REPLY:
                wire = op.body if mutators.is_frame(op.body) else random.choice(self.frames)
                return Op(op.kind, mutators.mutate_frame(wire, random))
        return Op(op.kind, mutators.mutate_bytes(op.body, random))

    def mutate(self, data: bytes, random: Random, size_max: int) -> bytes:
        """One to four changes to a program."""
        program = Program.parse(data)
        base, ops = program.base, list(program.ops)
        for _ in range(random.randrange(1, 5)):
            base = random.choice(CHANGES)(self, base, ops, random)
        ops = _window(ops, short_of(OPS_MAX, OPS_FEW, random), random)
        return bytes(Program(base % 256, tuple(ops)))[:size_max]


def _window(ops: list[Op], count: int, random: Random) -> list[Op]:
    """So many operations in a row; all, when there are no more."""
    first = random.randrange(max(0, len(ops) - count) + 1)
    return ops[first : first + count]


Change = Callable[[Grammar, int, list[Op], Random], int]


def _insert(grammar: Grammar, base: int, ops: list[Op], random: Random) -> int:
    if len(ops) < OPS_MAX:
        ops.insert(random.randrange(len(ops) + 1), grammar.draw(random))
    return base


def _append(grammar: Grammar, base: int, ops: list[Op], random: Random) -> int:
    if len(ops) < OPS_MAX:
        ops.append(grammar.draw(random))
    return base


def _delete(grammar: Grammar, base: int, ops: list[Op], random: Random) -> int:
    if ops:
        del ops[random.randrange(len(ops))]
    return base


def _repeat(grammar: Grammar, base: int, ops: list[Op], random: Random) -> int:
    if ops and len(ops) < OPS_MAX:
        ops.insert(random.randrange(len(ops) + 1), random.choice(ops))
    return base


def _alter(grammar: Grammar, base: int, ops: list[Op], random: Random) -> int:
    if ops:
        at = random.randrange(len(ops))
        ops[at] = grammar.change(ops[at], random)
    return base


def _join(grammar: Grammar, base: int, ops: list[Op], random: Random) -> int:
    """Two operations in a row become one piece of the stream, so that frames meet in one call."""
    for at in range(len(ops) - 1):
        if ops[at].kind is ops[at + 1].kind is Kind.BYTES:
            ops[at : at + 2] = [Op(Kind.BYTES, ops[at].body + ops[at + 1].body)]
            break
    return base


def _rebase(grammar: Grammar, base: int, ops: list[Op], random: Random) -> int:
    return random.randrange(grammar.bases)


CHANGES: tuple[Change, ...] = (
    _insert, _insert, _append, _append, _append, _delete, _repeat, _alter, _alter, _join, _rebase,
)  # fmt: skip
