"""Signals, for commands that stay up until somebody ends them and have something to clean up then."""

import contextlib
import signal
from collections.abc import Callable, Iterator, Sequence

# Windows has no SIGHUP.
END_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextlib.contextmanager
def handled(numbers: Sequence[int], act: Callable[[], None]) -> Iterator[None]:
    """Signals call `act` for as long as the block runs; then they do again what they did before."""
    before = {number: signal.signal(number, lambda *_: act()) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
