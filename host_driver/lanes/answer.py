"""What becomes of a request: a future for another thread, or what the thread at hand waits for."""

from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, TypeAlias

from laserlink.host_driver.events import Answered, Unanswered
from laserlink.protocol.errors import ERROR_OF_CODE, LinkTimeout
from laserlink.protocol.messages.layout import Record
from laserlink.protocol.messages.link import Error


class Answer:
    """The answer that the thread at hand waits for: what a future would be that nobody else looks at."""

    done = False
    _reply: Any = None
    _error: BaseException | None = None

    def set_result(self, reply: Record) -> None:
        self._reply, self.done = reply, True

    def set_exception(self, error: BaseException | None) -> None:
        self._error, self.done = error, True

    def cancel(self) -> None:
        self.set_exception(CancelledError())

    def value(self) -> Record:
        """The reply. Raises what came in its place."""
        if self._error is not None:
            raise self._error
        if not self.done:
            raise FutureTimeout
        reply: Record = self._reply
        return reply


Waiting: TypeAlias = Future[Any] | Answer


def decide(waiting: Waiting, event: Answered | Unanswered) -> None:
    """Give what the machine told of a request to who waits for it: the reply, or the error of its code."""
    if isinstance(event, Unanswered):
        unheard = LinkTimeout(f"{type(event.request).__name__} was never answered")
        waiting.set_exception(event.fault or unheard)
    elif isinstance(event.reply, Error):
        error = ERROR_OF_CODE[event.reply.code]
        waiting.set_exception(error(event.reply.text, event.reply.value))
    else:
        waiting.set_result(event.reply)
