"""laserlink.tools.fuzzing.mutators: what they make gets past both checks; the same chance makes the same."""

from random import Random

import pytest

from laserlink.protocol import catalogue
from laserlink.protocol.frame import Frame
from laserlink.protocol.messages import identity, image, link
from laserlink.protocol.messages.layout import Record, fields_of
from laserlink.protocol.messages.power import PowerCapabilities, PowerOffer
from laserlink.tools.fuzzing import mutators
from laserlink.tools.fuzzing.oracles import items_of

ROUNDS = 200
ECHO = bytes(Frame(0x60, 0, 7, 9, b"\1\0payload"))


def is_intact(wire: bytes) -> bool:
    return [type(item) for item in items_of((wire,))] == [Frame]


@pytest.mark.parametrize("mutation", mutators.BYTES, ids=lambda item: item.__name__)
def test_bytes_change(mutation: mutators.BytesMutation) -> None:
    """Each change to bytes changes them, at any size, and never fails."""
    random = Random(1)
    changed = [mutation(data, random) != data for data in (b"x", ECHO) for _ in range(ROUNDS)]
    assert sum(changed) > ROUNDS
    assert mutators.mutate_bytes(b"", random)


def test_a_stream_is_split_into_its_frames() -> None:
    """Frames are pieces, whether or not their checks hold; so are the bytes between, and nothing is lost."""
    damaged = ECHO[:25] + b"\0" + ECHO[26:]
    stream = b"AT\r" + ECHO + damaged + b"\xeb\x90" + ECHO[:5]
    assert mutators.split(stream)[:3] == [b"AT\r", ECHO, damaged]
    assert b"".join(mutators.split(stream)) == stream
    assert mutators.split(b"") == []


def test_repair_makes_both_checks_right() -> None:
    """A frame with any field changed is intact after the repair; a length that is to stay does."""
    for at in range(2, 16):
        wire = ECHO[:at] + bytes((ECHO[at] ^ 0x55,)) + ECHO[at + 1 :]
        assert not is_intact(wire)
        assert is_intact(mutators.repair(wire))
    longer = mutators.repair(ECHO[:6] + b"\x20\x00" + ECHO[8:], length=False)
    assert [item.reason.value for item in items_of((longer,)) if not isinstance(item, Frame)] == ["cut"]


@pytest.mark.parametrize("change", [mutators.poke_field, mutators.set_field], ids=lambda item: item.__name__)
def test_fields_change_and_frames_stay_intact(change: mutators.BytesMutation) -> None:
    """For every message, a changed field leaves one intact frame; and most changes are changes."""
    random = Random(2)
    changed = 0
    for wire in mutators.examples():
        mutated = change(wire, random)
        assert is_intact(mutated), wire.hex()
        changed += mutated != wire
    assert changed > len(mutators.examples()) // 2


def test_headers_reach_every_field() -> None:
    """Each header field is changed at some time; the header check always holds, the length alone may lie."""
    random = Random(3)
    seen = set()
    for _ in range(ROUNDS):
        wire = mutators.set_header(ECHO, random)
        seen |= {
            name
            for name, (at, size) in mutators.HEADER_FIELDS.items()
            if wire[at : at + size] != ECHO[at : at + size]
        }
        assert is_intact(wire) or wire[6:8] != ECHO[6:8]
    assert seen == set(mutators.HEADER_FIELDS)


@pytest.mark.parametrize("row", catalogue.ROWS, ids=lambda row: row.message.__name__)
def test_records_keep_to_their_fields(row: catalogue.Row) -> None:
    """A mutated record of any message still encodes, and every one of its fields changes at some time."""
    random = Random(4)
    record, changed = row.message(), set()
    for _ in range(ROUNDS):
        other = mutators.mutate_record(record, random)
        bytes(other)
        changed |= {
            info.name
            for info in fields_of(row.message)
            if getattr(other, info.name) != getattr(record, info.name)
        }
    alone = {
        info.name for info in fields_of(row.message) if info.shape.members and len(info.shape.members) == 1
    }
    assert changed == {info.name for info in fields_of(row.message)} - alone


@pytest.mark.parametrize(
    "record",
    [
        PowerCapabilities(0, (PowerOffer(5000, 900),) * 3),
        link.Hello(lanes=(link.LaneOffer(),)),
        image.Resend(1, 0, (image.Range(0, 1),)),
        identity.Descriptor(),
    ],
    ids=lambda record: type(record).__name__,
)
def test_arrays_grow_and_shrink(record: Record) -> None:
    """Arrays of records lose items, gain them up to their limit, and change inside."""
    random = Random(5)
    name = next(info.name for info in fields_of(type(record)) if info.shape.kind.value == "array")
    shape = next(info.shape for info in fields_of(type(record)) if info.name == name)
    before = getattr(record, name)
    seen = [mutators.mutate_value(before, shape, random) for _ in range(ROUNDS)]
    sizes = {len(value) for value in seen}
    assert max(sizes) == shape.limit or not before
    assert {bool(size) for size in sizes} >= {True}
    assert any(len(value) == len(before) and value != before for value in seen) or not before


def test_streams_are_the_same_for_the_same_chance() -> None:
    """The same seed makes the same bytes; another one makes others; no stream is longer than it may be."""

    def made(seed: int) -> list[bytes]:
        random = Random(seed)
        return [mutators.mutate_stream(wire, random, 300) for wire in mutators.examples() for _ in range(3)]

    first = made(6)
    assert first == made(6)
    assert first != made(7)
    assert max(map(len, first)) == 300


def test_many_mutated_streams_hold_intact_frames() -> None:
    """A mutator whose frames all fail their checks would test the framer alone: most hold an intact one."""
    random = Random(8)
    streams = [mutators.mutate_stream(ECHO + ECHO, random, 4096) for _ in range(ROUNDS)]
    intact = sum(any(isinstance(item, Frame) for item in items_of((stream,))) for stream in streams)
    changed = sum(
        any(isinstance(item, Frame) and bytes(item) != ECHO for item in items_of((s,))) for s in streams
    )
    assert intact > ROUNDS * 0.9
    assert changed > ROUNDS * 0.4
