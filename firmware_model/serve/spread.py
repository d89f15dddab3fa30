"""Spreads numpy's work over the cores: it lets go of Python's lock, so threads are enough.

The threads are daemons: exposing takes seconds, and must not hold up the end of the process.
"""

import os
import threading
from collections.abc import Callable, Iterable


def in_threads(work: Callable[[int], None], numbers: Iterable[int]) -> None:
    """Call `work` for each number, on as many threads as there are cores; raises the first error of any."""
    waiting = iter(numbers)
    taking = threading.Lock()
    errors: list[BaseException] = []

    def run() -> None:
        while not errors:
            with taking:
                number = next(waiting, None)
            if number is None:
                return
            try:
                work(number)
            except BaseException as error:
                errors.append(error)

    helpers = [threading.Thread(target=run, daemon=True) for _ in range((os.cpu_count() or 1) - 1)]
    for helper in helpers:
        helper.start()
    run()
    for helper in helpers:
        helper.join()
    if errors:
        raise errors[0]
