"""The one table of messages, checked for what it must and must not say."""

import pytest

from laserlink.protocol import catalogue
from laserlink.protocol.catalogue import BY_MESSAGE, BY_NAME, BY_TYPE, ROWS, Carrier, Channel, Direction, Row
from laserlink.protocol.delivery import ANSWERS
from laserlink.protocol.frame import OVERHEAD_BYTES
from laserlink.protocol.messages.layout import Record
from laserlink.protocol.states import HostState, ModuleState


def name_of(row: Row) -> str:
    return row.message.__name__


def test_lookups() -> None:
    """By type, message and name the same row comes out."""
    for row in ROWS:
        assert BY_TYPE[row.type] is BY_MESSAGE[row.message] is BY_NAME[name_of(row)] is row
    assert [row.type for row in ROWS] == sorted(BY_TYPE)


def test_reserved_types() -> None:
    """E0 to FF are free for authentication and vendors; 0 is no type."""
    assert 0 < min(BY_TYPE) <= max(BY_TYPE) < catalogue.FIRST_RESERVED_TYPE == 0xE0


def test_special_types() -> None:
    """The types that the session treats apart are those of the table."""
    names = {catalogue.BEACON: "Beacon", catalogue.HELLO: "Hello", catalogue.ERROR: "Error"}
    names[catalogue.IMAGE_DATA] = "ImageData"
    assert {kind: name_of(BY_TYPE[kind]) for kind in names} == names


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_row(row: Row) -> None:
    """Each row is consistent: role with direction and channel, states with the receiver."""
    assert row.message.__doc__
    roles = {"request": Direction.TO_MODULE, "reply": Direction.TO_HOST, "event": Direction.TO_HOST}
    assert roles.get(row.role, row.direction) is row.direction
    assert (row.role == "event") == (row.channel is Channel.EVENTS)
    assert row.carrier is Carrier.SIDEBAND or row.direction is Direction.TO_HOST
    receiver = ModuleState if row.direction is Direction.TO_MODULE else HostState
    assert row.states
    assert row.states <= set(receiver)
    if row.direction is Direction.TO_MODULE:
        assert not row.states & {ModuleState.DETACHED, ModuleState.FAULT}
    else:
        assert not row.states & {HostState.ABSENT, HostState.FAULT}


def test_channels() -> None:
    """Sixteen channels: control, events, thirteen streams, bulk; none is two things."""
    numbers = [number for channel in Channel for number in channel.value]
    assert sorted(numbers) == list(range(16))


def test_every_request_has_one_reply() -> None:
    """Requests and replies of the table are those that delivery pairs, on the same channel."""
    requests = {row.message for row in ROWS if row.role == "request"}
    replies = {row.message for row in ROWS if row.role == "reply"}
    assert set(ANSWERS) == requests
    assert set(ANSWERS.values()) == replies
    for request, reply in ANSWERS.items():
        assert BY_MESSAGE[request].channel is BY_MESSAGE[reply].channel


def test_only_hello_in_an_unlinked_module() -> None:
    """A powered module without a session listens to hello alone."""
    legal = [
        name_of(row)
        for row in ROWS
        if row.direction is Direction.TO_MODULE and ModuleState.POWERED in row.states
    ]
    assert legal == ["Hello"]


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_default_fits_the_smallest_frame(row: Row) -> None:
    """Every message with its defaults fits 256 bytes."""
    message: Record = row.message()
    assert len(bytes(message)) + OVERHEAD_BYTES <= 256
