"""laserlink.tools.fuzzing.programs: any bytes are a program, and mutations make other programs."""

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laserlink.protocol.catalogue import Direction
from laserlink.protocol.frame import Frame
from laserlink.protocol.messages import image, link
from laserlink.tools.fuzzing import mutators
from laserlink.tools.fuzzing.oracles import items_of
from laserlink.tools.fuzzing.programs import (
    CHANGES,
    OPS_MAX,
    Grammar,
    Kind,
    Op,
    Program,
    ask,
    deadlines,
    frames_to,
    live_frame,
    number_of,
    requests_of,
    wait,
    world,
)

GRAMMAR = Grammar(tuple(Kind), frames_to(Direction.TO_MODULE), requests_of((link.Reset,)), bases=5, worlds=3)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_program(data: bytes) -> None:
    """Whatever the bytes, they are a program, which is the same again from its own bytes."""
    program = Program.parse(data)
    assert Program.parse(bytes(program)) == program
    assert len(program.ops) <= OPS_MAX


def test_operations_keep_their_numbers() -> None:
    """What the makers of operations put in comes out; a body that is too short is read as far as it goes."""
    ops = (wait(70_000), deadlines(3), world(2, -40), ask(b"abc"))
    program = Program.parse(bytes(Program(4, ops)))
    assert (program.base, program.ops) == (4, ops)
    assert number_of(ops[0].body, size=4) == 70_000
    assert number_of(ops[2].body, 1, 2, signed=True) == -40
    assert number_of(b"", 3, 2) == 0


@pytest.mark.parametrize("body", [b"", b"\xeb\x90", bytes(40), mutators.examples()[4]], ids=len)
def test_live_frames_are_intact(body: bytes) -> None:
    """Any body becomes one intact frame of the session, with the sequence and request id that are wanted."""
    (frame,) = items_of((live_frame(body, 0xABCD, sequence=77),))
    assert isinstance(frame, Frame)
    assert (frame.session, frame.sequence) == (0xABCD, 77)
    (frame,) = items_of((live_frame(body, 1, request_id=0x1234),))
    assert isinstance(frame, Frame)
    assert frame.payload[:2] == b"\x34\x12"


def test_frames_go_one_way() -> None:
    """Examples for the module hold a ping and no pong, and the other way round for the host."""
    to_module = {wire[3] for wire in frames_to(Direction.TO_MODULE)}
    to_host = {wire[3] for wire in frames_to(Direction.TO_HOST)}
    assert (0x04 in to_module, 0x05 in to_module) == (True, False)
    assert (0x04 in to_host, 0x05 in to_host) == (False, True)
    assert {wire[3] for wire in requests_of((image.StreamStart,))} == {0x48}


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.name)
def test_every_kind_is_drawn_and_changed(kind: Kind) -> None:
    """Each kind of operation can be drawn; changing one keeps its kind, and changes its body at some time."""
    grammar = Grammar((kind,), GRAMMAR.frames, GRAMMAR.requests, worlds=3)
    random = Random(1)
    drawn = [grammar.draw(random) for _ in range(20)]
    changed = [grammar.change(op, random) for op in drawn]
    assert {op.kind for op in (*drawn, *changed)} == {kind}
    assert any(a.body != b.body for a, b in zip(drawn, changed, strict=True))


def test_programs_grow_shrink_and_repeat() -> None:
    """The same chance makes the same programs, within their size; every base is reached."""

    def made(seed: int) -> list[bytes]:
        random = Random(seed)
        data, found = b"", []
        for _ in range(300):
            data = GRAMMAR.mutate(data, random, 600)
            found.append(data)
        return found

    first = made(1)
    assert first == made(1)
    assert max(map(len, first)) <= 600
    assert {data[0] for data in first} == set(range(5))
    sizes = [len(Program.parse(data).ops) for data in first]
    assert any(after < before for before, after in pairwise(sizes))
    assert max(sizes) > 5


@pytest.mark.parametrize("change", set(CHANGES), ids=lambda item: item.__name__)
def test_changes_survive_an_empty_program(change: object) -> None:
    """No change needs an operation to be there; and joining makes one of two."""
    assert callable(change)
    ops: list[Op] = []
    assert 0 <= change(GRAMMAR, 0, ops, Random(1)) < 5
    assert len(ops) <= 1
    if change.__name__ == "_join":
        ops = [Op(Kind.BYTES, b"a"), Op(Kind.BYTES, b"b")]
        change(GRAMMAR, 0, ops, Random(1))
        assert ops == [Op(Kind.BYTES, b"ab")]
