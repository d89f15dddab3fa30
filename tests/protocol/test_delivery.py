"""How messages arrive for certain: requests once each, events in order, whatever is lost."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laserlink.protocol.delivery import (
    REQUEST_IDS,
    Admission,
    EventOverflow,
    EventReceiver,
    EventSender,
    RequestClient,
    RequestServer,
)
from laserlink.protocol.errors import ErrorCode, IllegalInState, LocalProtocolError
from laserlink.protocol.limits import EVENTS_IN_FLIGHT, EVENTS_QUEUED, REQUEST_TRIES, REQUESTS_QUEUED
from laserlink.protocol.messages.diagnostics import Echo, EchoReply, Log
from laserlink.protocol.messages.layout import Event, Request
from laserlink.protocol.messages.link import Counters, CountersRead, Error

TIMEOUT = 30


class Client:
    """A request client and what it put on the wire."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.client = RequestClient(self._send, self.sent.append)

    def _send(self, request: Request) -> bytes:
        wire = bytes(request) + bytes((len(self.sent),))
        self.sent.append(wire)
        return wire


def test_stop_and_wait() -> None:
    """The second request goes out when the first is answered, and ids count up."""
    end = Client()
    first = end.client.submit(Echo(data=b"1"), 0, TIMEOUT)
    second = end.client.submit(CountersRead(), 0, TIMEOUT)
    assert (first.request_id, second.request_id) == (1, 2)
    assert len(end.sent) == 1
    assert end.client.answered(EchoReply(1, b"1")) == first
    end.client.pump(5, TIMEOUT)
    assert len(end.sent) == 2
    assert end.client.due_ns == 5 + TIMEOUT
    assert end.client.answered(Counters(2)) == second
    assert end.client.idle


def test_repeats_are_bit_identical_and_end() -> None:
    """An unanswered request is sent again unchanged, at most six times in all, then handed back."""
    end = Client()
    request = end.client.submit(Echo(), 0, TIMEOUT)
    assert end.client.on_deadline(TIMEOUT - 1, TIMEOUT) is None
    assert len(end.sent) == 1
    for turn in range(1, REQUEST_TRIES):
        assert end.client.on_deadline(turn * TIMEOUT, TIMEOUT) is None
    assert end.sent == end.sent[:1] * REQUEST_TRIES
    assert end.client.on_deadline(REQUEST_TRIES * TIMEOUT, TIMEOUT) == request
    assert end.client.idle
    assert end.client.on_deadline(1000, TIMEOUT) is None


def test_late_and_foreign_answers() -> None:
    """An answer to another id is late; one of the wrong type is an offence, and the request still waits."""
    end = Client()
    assert end.client.answered(EchoReply(1)) is None
    request = end.client.submit(Echo(), 0, TIMEOUT)
    assert end.client.answered(EchoReply(0)) is None
    with pytest.raises(IllegalInState, match="Counters"):
        end.client.answered(Counters(1))
    assert not end.client.idle
    assert end.client.answered(Error(ErrorCode.TOO_HOT, request_id=1)) == request


def test_ids_wrap_without_zero() -> None:
    """After 65,535 comes 1: an error that answers no request has 0."""
    client = RequestClient(lambda request: b"", lambda wire: None)
    ids = []
    for _ in range(REQUEST_IDS + 1):
        request = client.submit(Echo(), 0, TIMEOUT)
        ids.append(request.request_id)
        client.answered(EchoReply(request.request_id))
    assert ids[:2] == [1, 2]
    assert ids[-3:] == [REQUEST_IDS - 1, 1, 2]


def test_too_many_requests() -> None:
    """Nobody means more than 64 waiting requests."""
    end = Client()
    for _ in range(REQUESTS_QUEUED + 1):
        end.client.submit(Echo(), 0, TIMEOUT)
    with pytest.raises(LocalProtocolError):
        end.client.submit(Echo(), 0, TIMEOUT)
    assert len(end.client.drop()) == REQUESTS_QUEUED + 1
    assert end.client.idle
    assert end.client.due_ns is None


@pytest.mark.parametrize(
    ("last", "next_id", "admission"),
    [(1, 2, Admission.NEW), (1, 1, Admission.REPEAT), (2, 1, Admission.STALE), (0xFFFF, 1, Admission.NEW),
     (1, 0xFFFF, Admission.STALE), (1, 500, Admission.NEW)],
)  # fmt: skip
def test_admission(last: int, next_id: int, admission: Admission) -> None:
    """A request is new, repeated, or stale by its id alone."""
    server = RequestServer()
    assert server.admit(last) is Admission.NEW
    server.answer = b"answer"
    assert server.admit(next_id) is admission
    assert server.answer == (b"" if admission is Admission.NEW else b"answer")


@given(st.integers(0, 1 << 32), st.floats(0, 0.6))
def test_each_request_is_carried_out_once(seed: int, loss: float) -> None:
    """Over a line that loses any message, each request that is answered was carried out once, in order."""
    chance = random.Random(seed)
    end, server = Client(), RequestServer()
    carried_out: list[int] = []
    answered: list[int] = []
    given_up = 0
    for number in range(20):
        end.client.submit(Echo(data=bytes((number,))), 0, TIMEOUT)
    now = delivered = 0
    while not end.client.idle:
        for wire in end.sent[delivered:]:
            request_id = int.from_bytes(wire[:2], "little")
            if chance.random() < loss:
                continue
            if server.admit(request_id) is Admission.NEW:
                carried_out.append(request_id)
            if chance.random() >= loss and end.client.answered(EchoReply(request_id)):
                answered.append(request_id)
        delivered = len(end.sent)
        now += TIMEOUT
        given_up += end.client.on_deadline(now, TIMEOUT) is not None
        end.client.pump(now, TIMEOUT)
    assert carried_out == sorted(set(carried_out))
    assert set(answered) <= set(carried_out)
    assert len(answered) + given_up == 20


class Events:
    """An event sender and what it put on the wire."""

    def __init__(self, first: int = 0) -> None:
        self.next = first
        self.sent: list[tuple[int, bytes]] = []
        self.sender = EventSender(self._send, self._resend)

    def _send(self, event: Event) -> tuple[int, bytes]:
        sequence = self.next
        self.next = (self.next + 1) % (1 << 32)
        wire = sequence.to_bytes(4, "little") + bytes(event)
        self.sent.append((sequence, wire))
        return sequence, wire

    def _resend(self, wire: bytes) -> None:
        self.sent.append((int.from_bytes(wire[:4], "little"), wire))


def test_event_window() -> None:
    """Eight are in flight, 64 wait, and one more is an overflow."""
    end = Events()
    for _ in range(EVENTS_IN_FLIGHT + EVENTS_QUEUED):
        end.sender.submit(Log(), 0, TIMEOUT)
    assert len(end.sent) == EVENTS_IN_FLIGHT
    with pytest.raises(EventOverflow):
        end.sender.submit(Log(), 0, TIMEOUT)
    end.sender.acknowledged(3, 7, TIMEOUT)
    assert len(end.sent) == EVENTS_IN_FLIGHT + 3
    assert end.sender.due_ns == 7 + TIMEOUT


def test_event_resend() -> None:
    """What is not acknowledged in time is all sent again, unchanged, until it is."""
    end = Events()
    for level in range(3):
        end.sender.submit(Log(level), 0, TIMEOUT)
    end.sender.on_deadline(TIMEOUT - 1, TIMEOUT)
    assert len(end.sent) == 3
    end.sender.on_deadline(TIMEOUT, TIMEOUT)
    assert end.sent[3:] == end.sent[:3]
    end.sender.acknowledged(2, TIMEOUT, TIMEOUT)
    end.sender.on_deadline(2 * TIMEOUT, TIMEOUT)
    assert end.sent[6:] == end.sent[2:3]
    end.sender.acknowledged(3, 2 * TIMEOUT, TIMEOUT)
    assert end.sender.due_ns is None
    end.sender.on_deadline(9 * TIMEOUT, TIMEOUT)
    assert len(end.sent) == 7


def test_stale_acknowledgement() -> None:
    """An acknowledgement from before takes nothing away."""
    end = Events(100)
    end.sender.submit(Log(), 0, TIMEOUT)
    end.sender.acknowledged(100, 1, TIMEOUT)
    end.sender.acknowledged(50, 1, TIMEOUT)
    assert end.sender.due_ns == TIMEOUT


@pytest.mark.parametrize("first", [100, 0xFFFFFFFF])
@pytest.mark.parametrize(("ahead", "left"), [(-1, 2), (0, 2), (1, 1), (2, 0), (3, 2), (1000, 2)])
def test_an_acknowledgement_of_what_was_never_sent_takes_nothing_away(
    first: int, ahead: int, left: int
) -> None:
    """Of two events in flight, so many are sent again, also across the wrap."""
    end = Events(first)
    for _ in range(2):
        end.sender.submit(Log(), 0, TIMEOUT)
    end.sender.acknowledged((first + ahead) % (1 << 32), 1, TIMEOUT)
    end.sender.on_deadline(1 + TIMEOUT, TIMEOUT)
    assert len(end.sent) == 2 + left


def test_a_receiver_that_was_not_told_where_events_begin_takes_none() -> None:
    """Nor does it know what to acknowledge."""
    receiver = EventReceiver()
    assert not receiver.accept(0) and receiver.expected is None


@given(st.integers(0, 1 << 32), st.floats(0, 0.7), st.sampled_from([0, 0xFFFFFFFA]))
def test_events_in_order(seed: int, loss: float, first: int) -> None:
    """Over a line that loses anything, also across the wrap, every event arrives once and in order."""
    chance = random.Random(seed)
    end, receiver = Events(first), EventReceiver(first)
    taken: list[bytes] = []
    for number in range(30):
        end.sender.submit(Log(number), 0, TIMEOUT)
    now = delivered = 0
    for _ in range(3000):
        if end.sender.due_ns is None:
            break
        for sequence, wire in end.sent[delivered:]:
            delivered += 1
            if chance.random() < loss:
                continue
            if receiver.accept(sequence):
                taken.append(wire[4:])
            if chance.random() >= loss:
                end.sender.acknowledged(receiver.expected, now, TIMEOUT)
        now += TIMEOUT
        end.sender.on_deadline(now, TIMEOUT)
    assert taken == [bytes(Log(number)) for number in range(30)]


def test_an_answer_of_another_type_is_refused_by_name() -> None:
    """The text says what came and what it does not answer."""
    client = RequestClient(lambda request: bytes(request), lambda wire: None)
    asked = client.submit(Echo(), 0, 10)
    with pytest.raises(IllegalInState, match="Counters does not answer Echo"):
        client.answered(Counters(asked.request_id))


def test_a_request_that_is_repeated_has_its_whole_time_again() -> None:
    """From when it was sent again, however late that was; the same goes for events."""
    end = Client()
    end.client.submit(Echo(), 7, TIMEOUT)
    assert end.client.due_ns == 7 + TIMEOUT
    end.client.on_deadline(500, TIMEOUT)
    assert end.client.due_ns == 500 + TIMEOUT
    sender = EventSender(lambda event: (4, b"wire"), lambda wire: None)
    sender.submit(Log(1, "line"), 7, TIMEOUT)
    assert sender.due_ns == 7 + TIMEOUT
    sender.on_deadline(500, TIMEOUT)
    assert sender.due_ns == 500 + TIMEOUT


def test_what_is_dropped_is_told_in_its_order() -> None:
    """What was under way first; nothing when nobody waits."""
    end = Client()
    assert end.client.drop() == []
    asked = [end.client.submit(Echo(data=text), 0, TIMEOUT) for text in (b"1", b"2", b"3")]
    assert end.client.drop() == asked and end.client.drop() == []
    assert end.client.on_deadline(1000, TIMEOUT) is None


def test_too_many_requests_are_counted_in_words() -> None:
    """How many wait; the one under way is not among them."""
    end = Client()
    for _ in range(REQUESTS_QUEUED + 1):
        end.client.submit(Echo(), 0, TIMEOUT)
    with pytest.raises(LocalProtocolError, match=rf"^{REQUESTS_QUEUED} requests are waiting already$"):
        end.client.submit(Echo(), 0, TIMEOUT)


def test_a_new_request_has_no_answer_yet() -> None:
    """That of the one before is not given for it."""
    server = RequestServer()
    assert server.answer == b""
    for number in (5, 6):
        assert server.admit(number) is Admission.NEW and server.answer == b""
        server.answer = b"answer"
        assert server.admit(number) is Admission.REPEAT and server.answer == b"answer"
    assert server.admit(5) is Admission.STALE and server.answer == b"answer"
