"""What every message must do, whatever its family: checks made from the declarations."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laserlink.protocol.errors import MalformedPayload
from laserlink.protocol.limits import PAYLOAD_BYTES_MAX
from laserlink.protocol.messages.layout import Kind, Record, Shape, fields_of

Check = Callable[[type[Record]], None]
EXAMPLES = 15
LETTERS = "aZ 9\0µ€\U0001f600"  # of one to four bytes


def values(shape: Shape) -> st.SearchStrategy[Any]:
    """Every value that a field may hold."""
    match shape:
        case Shape(kind=Kind.ENUM, members=members) if members:
            return st.sampled_from(list(members))
        case Shape(kind=Kind.TEXT, limit=limit):
            return st.text(st.sampled_from(LETTERS), max_size=limit).filter(
                lambda text: len(text.encode()) <= limit
            )
        case Shape(kind=Kind.OCTETS, size=size):
            return st.binary(min_size=size or 0, max_size=size)
        case Shape(kind=Kind.REST):
            return st.binary(max_size=60)
        case Shape(kind=Kind.ARRAY, item=Shape() as item, limit=limit):
            return st.lists(values(item), max_size=min(limit, 4)).map(tuple)
        case Shape(kind=Kind.RECORD, record=record) if record:
            return records(record)
    return st.integers(*shape.bounds)


def records(kind: type[Record]) -> st.SearchStrategy[Record]:
    """Every record of a kind."""
    return st.builds(kind, **{info.name: values(info.shape) for info in fields_of(kind)})


def only_malformed(kind: type[Record], payload: bytes) -> Record | None:
    """The record that a hostile payload holds, or None; nothing but MalformedPayload comes out."""
    try:
        return kind.decode(payload)
    except MalformedPayload:
        return None


@pytest.fixture(scope="session")
def check_round_trip() -> Check:
    """Any values survive, the defaults too, and a truncated or over-long payload never passes unnoticed."""

    def check(kind: type[Record]) -> None:
        assert kind.decode(bytes(kind())) == kind()
        open_ended = any(info.shape.kind is Kind.REST for info in fields_of(kind))

        @given(records(kind), st.integers(0, 1 << 12), st.binary(min_size=1, max_size=5))
        @settings(max_examples=EXAMPLES)
        def round_trip(record: Record, cut: int, more: bytes) -> None:
            payload = bytes(record)
            assert len(payload) <= PAYLOAD_BYTES_MAX
            assert kind.decode(payload) == record
            shorter = only_malformed(kind, payload[: cut % max(1, len(payload))])
            longer = only_malformed(kind, payload + more)
            assert open_ended or longer is None
            assert open_ended or shorter is None or not payload

        round_trip()

    return check


@pytest.fixture(scope="session")
def check_garbage() -> Check:
    """Any bytes are either malformed, or a record that builds these very bytes."""

    def check(kind: type[Record]) -> None:
        @given(st.binary(max_size=120))
        @settings(max_examples=EXAMPLES)
        def garbage(payload: bytes) -> None:
            record = only_malformed(kind, payload)
            assert record is None or bytes(record) == payload

        garbage()

    return check
