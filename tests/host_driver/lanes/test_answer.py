"""laserlink.host_driver.lanes.answer: what who waits for a reply gets, on this thread or another."""

from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeout

import pytest

from laserlink.host_driver.events import Answered, Unanswered
from laserlink.host_driver.lanes.answer import Answer, Waiting, decide
from laserlink.protocol.errors import ErrorCode, LinkTimeout, MalformedPayload, UnknownMode
from laserlink.protocol.messages.diagnostics import Echo, EchoReply
from laserlink.protocol.messages.link import Error


def outcome(waiting: Waiting) -> object:
    """The reply, or the error that came in its place."""
    try:
        return waiting.value() if isinstance(waiting, Answer) else waiting.result(0)
    except (CancelledError, Exception) as error:
        return error


@pytest.mark.parametrize("kind", [Answer, Future])
def test_who_waits_gets_what_was_told(kind: type) -> None:
    """The reply, the module's error by its type, the host's own fault, or that nothing came."""
    reply = EchoReply(1, b"x")
    refused = Error(code=ErrorCode.UNKNOWN_MODE, request_id=1, value=99, text="no such mode")
    fault = MalformedPayload("no answer to this")
    for event, expected in (
        (Answered(Echo(1), reply), reply),
        (Answered(Echo(1), refused), UnknownMode("no such mode", 99)),
        (Unanswered(Echo(1), fault), fault),
        (Unanswered(Echo(1)), LinkTimeout("Echo was never answered")),
    ):
        waiting: Waiting = kind()
        decide(waiting, event)
        found = outcome(waiting)
        assert (type(found), str(found)) == (type(expected), str(expected))
        if isinstance(found, UnknownMode):
            assert found.value == 99


@pytest.mark.parametrize("kind", [Answer, Future])
def test_without_an_answer_there_is_none(kind: type) -> None:
    """Too early, and when nobody will answer any more."""
    waiting: Waiting = kind()
    assert isinstance(outcome(waiting), FutureTimeout)
    waiting.cancel()
    assert isinstance(outcome(waiting), CancelledError)
