"""laserlink.tools.fuzzing.oracles: each rule falls when it is broken."""

from dataclasses import replace

import pytest

from laserlink.protocol.catalogue import Direction
from laserlink.protocol.frame import Frame
from laserlink.protocol.framer import BadFrame, BadReason
from laserlink.protocol.messages.link import Ping
from laserlink.tools.fuzzing.oracles import (
    Violation,
    check_items,
    check_sent,
    first_frames,
    intact_frames,
    items_of,
    pieces_of,
    require,
)

PING = Frame(0x04, 0, 7, 1, bytes(Ping(1, 2, 3)))
STREAM = b"AT\r" + bytes(PING) + b"\xeb\x90"


def bad(data: bytes) -> BadFrame:
    return BadFrame(BadReason.NO_SYNC, data)


def test_a_rule_names_itself_without_numbers() -> None:
    """A violation says what offended, and its rule is the same for findings of one kind."""
    require(True, "rule", 1)
    with pytest.raises(Violation, match="rule: 7") as caught:
        require(False, "rule", 7)
    assert caught.value.rule == "rule"
    assert str(Violation("rule")) == "rule"


def test_items_of_a_stream() -> None:
    """The items of a stream in any pieces are the stream."""
    whole = items_of((STREAM,))
    assert whole == [bad(b"AT\r"), PING, BadFrame(BadReason.CUT, b"\xeb\x90")]
    assert items_of(pieces_of(STREAM, 1)) == whole
    check_items(STREAM, whole)
    check_items(b"", [])


@pytest.mark.parametrize(
    ("data", "items"),
    [
        (STREAM, items_of((STREAM,))[1:]),
        (b"", [bad(b"")]),
        (bytes(5000), [bad(bytes(5000))]),
        (b"AT", [bad(b"A"), bad(b"T")]),
    ],
    ids=["lost", "empty", "too long", "not one run"],
)
def test_items_that_are_not_the_stream(data: bytes, items: list[Frame | BadFrame]) -> None:
    """Lost bytes, empty runs, runs that are too long, and runs that should be one are found."""
    with pytest.raises(Violation):
        check_items(data, items)


def test_frames_are_found_at_any_place() -> None:
    """Intact frames are found behind noise and inside others; damaged and cut ones are not."""
    inner = bytes(PING)
    outer = bytes(Frame(0x60, 0, 7, 2, b"\0\0" + inner))
    end = 2 + len(outer)
    assert list(intact_frames(b"AT" + outer)) == [(2, end), (24, 24 + len(inner))]
    assert list(first_frames(b"AT" + outer + inner)) == [(2, end), (end, end + len(inner))]
    assert list(first_frames(b"AT" + outer[:-1])) == [(24, 24 + len(inner))]
    assert list(intact_frames(inner[:-1] + b"\0" + b"\xeb\x90" * 9 + inner[:-1])) == []


def test_a_frame_that_was_missed_is_found() -> None:
    """Items that are the stream, and call an intact frame bad, are not the right ones."""
    with pytest.raises(Violation, match="first intact frame"):
        check_items(bytes(PING), [bad(bytes(PING))])


def test_what_may_be_sent() -> None:
    """A legal frame passes; any other is named by the rule that it breaks."""
    frame, message = check_sent(bytes(PING), Direction.TO_HOST)
    assert (frame, message) == (PING, Ping(1, 2, 3))
    broken = {
        "what is sent goes the right way": (bytes(PING), Direction.TO_MODULE),
        "what is sent is on its channel": (bytes(replace(PING, channel=3)), Direction.TO_HOST),
        "what is sent is legal": (bytes(replace(PING, payload=b"")), Direction.TO_HOST),
        "what is sent is intact": (bytes(PING)[:-1] + b"\0", Direction.TO_HOST),
    }
    for rule, (wire, other) in broken.items():
        with pytest.raises(Violation) as caught:
            check_sent(wire, other)
        assert caught.value.rule == rule
    unknown = bytes(replace(PING, type=0xEE))
    with pytest.raises(Violation, match="legal"):
        check_sent(unknown, Direction.TO_HOST)
