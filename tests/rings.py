"""Shared by the tests of the ring: writing, and two threads that sleep whenever they can."""

import select
import threading
from collections.abc import Callable

from laserlink.cext.ring import Ring, RingConsumer, RingProducer


def readable(side: Ring, seconds: float = 0.0) -> bool:
    """Whether a side's doorbell rings within a time."""
    return bool(select.select([side], [], [], seconds)[0])


def put(producer: RingProducer, data: bytes) -> int:
    """Write what fits without a wrap; how many bytes."""
    with producer.space() as space:
        count = min(len(space), len(data))
        space[:count] = data[:count]
    producer.commit(count)
    return count


def move_asleep(size: int, looks: Callable[[RingConsumer], bool]) -> None:
    """Move so many bytes through 8 kB between two threads, each of which sleeps whenever it can.

    `looks` is asked before the consumer sleeps; True: it need not. AssertionError when one sleeps too long.
    """
    late: list[Ring] = []
    with Ring.create("r", 8192) as producer, Ring.open("r") as consumer:

        def sleep(side: Ring) -> None:
            if not side.arm() or (side is consumer and looks(consumer)):
                return
            if not readable(side, 5):
                late.append(side)
            side.clear()

        def produce() -> None:
            left = size
            while left > 0 and not late:
                written = put(producer, bytes(min(left, 5000)))
                left -= written
                if written == 0:
                    sleep(producer)

        thread = threading.Thread(target=produce)
        thread.start()
        got = 0
        while got < size and not late:
            shown = len(consumer.data())
            consumer.release(shown)
            got += shown
            if shown == 0:
                sleep(consumer)
        thread.join()
    assert not late
    assert got == size
