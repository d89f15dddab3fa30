"""Where work runs: in this thread, in processes of this machine, or on a cluster; all by one interface.

An executor is what `concurrent.futures` calls one. Dask gives the same for machines, so that whoever spreads
work need not know where it goes.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, InvalidStateError
from contextlib import contextmanager
from importlib import import_module
from typing import Any, TypeVar

from laserlink.tools.session import CommandError, Exit

T = TypeVar("T")

CONNECT_S = 5
CLUSTER_HINT = "Install it with: pip install 'laserlink[cluster]'"


class InThisThread(Executor):
    """Does the work when its result is asked for: nothing to wait for, and an interrupt is one at once."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future

    def map(
        self,
        fn: Callable[..., T],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
    ) -> Iterator[T]:
        """One after the other, as they are taken; there is nobody who could look at the timeout meanwhile."""
        return map(fn, *iterables)


@contextmanager
def local_executor(jobs: int) -> Iterator[Executor]:
    """Processes, or this thread for one at a time; what still waits is dropped when the caller leaves."""
    if jobs == 1:
        yield InThisThread()
        return
    # Here, so that who asks for one process needs nothing of the system.
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    executor = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_end_when_interrupted)
    before = threading.excepthook

    def tell(failed: threading.ExceptHookArgs) -> None:
        # Interrupted processes end while their futures are being cancelled: the pool's own thread trips over
        # those, and there is nothing in it for anybody.
        if not issubclass(failed.exc_type, InvalidStateError):
            before(failed)

    threading.excepthook = tell
    try:
        yield executor
    finally:
        # An executor that is not waited for may be collected before it has dropped anything.
        executor.shutdown(wait=True, cancel_futures=True)
        threading.excepthook = before


def _end_when_interrupted() -> None:
    """Ctrl-C reaches all processes of a terminal: the parent says what is to be said."""
    signal.signal(signal.SIGINT, lambda number, frame: os._exit(128 + number))


@contextmanager
def cluster_executor(address: str) -> Iterator[Executor]:
    """The workers of a Dask scheduler, tcp://host:port; each needs this package.

    Raises:
        CommandError: Dask is not installed, or there is no scheduler.
    """
    try:
        distributed: Any = import_module("distributed")
    except ImportError:
        raise CommandError("--cluster needs Dask", CLUSTER_HINT, Exit.MISSING_EXTRA) from None
    try:
        client = distributed.Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        hint = "Start one with `dask scheduler`, and workers with `dask worker tcp://HOST:8786`."
        raise CommandError(f"no cluster at {address}: {error}", hint, Exit.NO_DEVICE) from None
    try:
        yield client.get_executor()
    finally:
        client.close()
