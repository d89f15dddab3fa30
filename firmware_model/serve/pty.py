"""A pseudo-terminal as the module's port. The contact is that somebody has the other side open."""

import contextlib
import os
import select
import tty
from pathlib import Path

READ_BYTES = 1 << 16


class PtyPort:
    """The master's side. `name` is what a host opens.

    Until somebody opens it, and after they closed it, `connected` is False; that is all that tells a module
    on a pseudo-terminal of its contact.
    """

    def __init__(self, link: Path | None = None) -> None:
        self._master, slave = os.openpty()
        self.name = os.ttyname(slave)
        # Opened and closed once, so that "nobody has it open" shows as a hang-up from the start.
        os.close(slave)
        os.set_blocking(self._master, False)
        self._poll = select.poll()
        self._poll.register(self._master, select.POLLHUP)
        self._raw = False
        self._link = link
        if link is not None:
            link.unlink(missing_ok=True)
            link.symlink_to(self.name)

    def fileno(self) -> int:
        return self._master

    @property
    def connected(self) -> bool:
        """Whether somebody has the other side open."""
        open_now = not any(event & select.POLLHUP for _, event in self._poll.poll(0))
        if open_now and not self._raw:
            # The kernel forgets raw mode with the last close: echo and line editing must not meet frames.
            tty.setraw(self._master)
        self._raw = open_now
        return open_now

    def read(self) -> bytes:
        """What has arrived; b"" for nothing, or nobody."""
        with contextlib.suppress(OSError):
            return os.read(self._master, READ_BYTES)
        return b""

    def write(self, data: bytes | memoryview) -> int:
        """Send as much as goes now; what nobody reads is lost, as on a wire."""
        try:
            return os.write(self._master, data)
        except BlockingIOError:
            return 0
        except OSError:
            return len(data)

    def close(self) -> None:
        """Hang up. Twice is fine."""
        if self._master < 0:
            return
        os.close(self._master)
        self._master = -1
        if self._link is not None:
            self._link.unlink(missing_ok=True)
