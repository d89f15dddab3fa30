"""What the threads of a driver sleep on: the port, the ring's doorbell, and a bell that any thread rings.

The driver's own thread sleeps here for hours. A thread that waits for an answer may take its place for that
long: while the port is held, its bytes wake whoever waits on purpose, and nobody else.
"""

import contextlib
import select
import socket

BELL_BYTES = 4096


class Watch:
    """Descriptors to sleep on; -1 for one that there is not.

    `shares`: whether a port can be held. That takes a set of descriptors which changes while somebody sleeps
    on it, as Linux has.
    """

    def __init__(self, port: int, ring: int) -> None:
        self._port, self._ring = port, ring
        self._bell, self._rope = socket.socketpair()
        self._bell.setblocking(False)
        self._rope.setblocking(False)
        self._descriptors = [self._bell.fileno(), *(each for each in (port, ring) if each >= 0)]
        self._bell_descriptor = self._bell.fileno()
        self._set: select.epoll | None = None
        # Whether a port can be held: not once it is forgotten.
        self.shares = False
        if hasattr(select, "epoll"):
            self._set = select.epoll()
            for each in self._descriptors:
                self._set.register(each, select.EPOLLIN)
            self.shares = port >= 0

    @property
    def others(self) -> tuple[int, ...]:
        """What wakes whoever waits, besides the port."""
        return tuple(each for each in self._descriptors if each != self._port)

    def fileno(self) -> int:
        """What is readable when there is a reason to end `sleep`; -1 where the system has no such thing."""
        return self._set.fileno() if self._set is not None else -1

    # --- from any thread ---

    def wake(self) -> None:
        """End the sleep of all who sleep here."""
        # A full bell is readable already, a closed one has nobody to wake.
        with contextlib.suppress(OSError):
            self._rope.send(b"!")

    # --- whoever has the machine ---

    def hold(self) -> None:
        """What comes from the port wakes only `wait`."""
        if self._set is not None:
            self._set.modify(self._port, 0)

    def resume(self) -> None:
        """What comes from the port, or has come, wakes `sleep` again; nothing, once it is forgotten."""
        if self._set is not None and self._port >= 0:
            self._set.modify(self._port, select.EPOLLIN)

    def forget_port(self) -> None:
        """The port is about to be closed."""
        if self._port < 0:
            return
        self._descriptors.remove(self._port)
        if self._set is not None:
            with contextlib.suppress(OSError):
                self._set.unregister(self._port)
        self._port = -1
        self.shares = False

    def wait(self, seconds: float, *, writable: bool = False) -> None:
        """Until a byte comes, also from a port that is held, or it takes more, or a bell rings."""
        if self._bell_descriptor in self._select(self._descriptors, seconds, writable):
            self.drain()

    def drain(self) -> None:
        """The bells that rang were heard. Only by who has the machine: they may be meant for him."""
        with contextlib.suppress(OSError):
            self._bell.recv(BELL_BYTES)

    # --- the thread that hands the machine over as it falls asleep ---

    def sleep(self, seconds: float, *, writable: bool = False) -> None:
        """Until a byte comes from a port that is not held, or it takes more, or a bell rings."""
        # By select, as the set by itself counts in milliseconds.
        self._select(self._descriptors if self._set is None else [self._set.fileno()], seconds, writable)

    def _select(self, readable: list[int], seconds: float, writable: bool) -> list[int]:
        port = self._port
        try:
            return select.select(readable, [port] if writable and port >= 0 else (), (), seconds)[0]
        except (OSError, ValueError):
            return []

    def close(self) -> None:
        """Let go of it. Twice is fine."""
        self._bell.close()
        self._rope.close()
        if self._set is not None:
            self._set.close()
