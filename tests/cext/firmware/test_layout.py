"""cext/firmware/layout.h: a payload is taken for legal exactly where its declaration takes it."""

import json
from pathlib import Path

from c_module import load_library
from hypothesis import given, settings
from hypothesis import strategies as st

from laserlink.protocol import catalogue
from laserlink.protocol.catalogue import Direction, Row
from laserlink.protocol.errors import MalformedPayload

VECTORS = Path(__file__).parents[2] / "vectors" / "frames.json"
RECEIVED = [row for row in catalogue.ROWS if row.direction is not Direction.TO_HOST]


def is_legal(row: Row, payload: bytes) -> bool:
    try:
        row.message.decode(payload)
    except MalformedPayload:
        return False
    return True


def fits(row: Row, payload: bytes) -> bool:
    return bool(load_library().lib_layout_fits(row.type, payload, len(payload)))


def vectors() -> list[tuple[Row, bytes]]:
    """What the vectors hold of the messages that a module receives."""
    cases = json.loads(VECTORS.read_text())["cases"]
    frames = [bytes.fromhex(case["hex"]) for case in cases]
    return [(row, wire[20:-4]) for row in RECEIVED for wire in frames if wire[3] == row.type]


def test_vectors_shorter_and_longer() -> None:
    """Every payload of the vectors, cut at every byte and with one more."""
    seen = set()
    for row, payload in vectors():
        seen.add(row.type)
        for piece in [payload[:end] for end in range(min(80, len(payload)) + 1)] + [payload, payload + b"x"]:
            assert fits(row, piece) == is_legal(row, piece), (row.message.__name__, piece)
    assert seen == {row.type for row in RECEIVED}


@given(st.sampled_from(vectors()), st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=3))
@settings(max_examples=300, deadline=None)
def test_damaged_vectors(vector: tuple[Row, bytes], changes: list[tuple[int, int]]) -> None:
    """Payloads with other bytes here and there: enumerations, counts, lengths of texts, UTF-8."""
    row, payload = vector
    damaged = bytearray(payload)
    for at, value in changes if damaged else []:
        damaged[at % len(damaged)] = value
    assert fits(row, bytes(damaged)) == is_legal(row, bytes(damaged))


@given(st.binary(max_size=8) | st.text(max_size=6).map(str.encode))
@settings(max_examples=300, deadline=None)
def test_texts(text: bytes) -> None:
    """A text is legal exactly where it is UTF-8."""
    row = catalogue.BY_NAME["Error"]
    payload = bytes(row.message())[:-1] + bytes((len(text),)) + text
    assert fits(row, payload) == is_legal(row, payload)
