"""A pseudo-terminal as the module's port. The contact is that somebody has the other side open."""

import os
import select
import sys
from pathlib import Path

if sys.platform != "win32":
    import tty

from laserlink.firmware_model.serve.link import TerminalLink

READ_BYTES = 1 << 16
# How many terminals are opened, at most, to come by the name that is wanted.
NAME_TRIES = 64


def open_terminal(wanted: str) -> tuple[int, str]:
    """A new pseudo-terminal: the master's descriptor, and the name; `wanted` when that name is free.

    The kernel gives the lowest free number, so those below the wanted one are held until it comes.
    """
    tries = NAME_TRIES if wanted and not os.path.exists(wanted) else 1
    opened: list[tuple[int, str]] = []
    while len(opened) < tries and (not opened or opened[-1][1] != wanted):
        master, slave = os.openpty()
        opened.append((master, os.ttyname(slave)))
        # Opened and closed once, so that "nobody has it open" shows as a hang-up from the start.
        os.close(slave)
    chosen = opened[-1] if opened[-1][1] == wanted else opened[0]
    for master, _ in opened:
        if master != chosen[0]:
            os.close(master)
    return chosen


class PtyPort:
    """The master's side. `name` is what a host opens.

    Until somebody opens it, and after they closed it, `connected` is False; that is all that tells a module
    on a pseudo-terminal of its contact. Raises FileExistsError when `link` is something else than a link.
    """

    gone = False
    plain = True

    def __init__(self, link: Path | None = None) -> None:
        self.name = ""
        self._master = -1
        self._raw = False
        self._link = TerminalLink(link) if link is not None else None
        try:
            self.snap_on()
        except BaseException:
            self.close()
            raise

    def snap_on(self) -> None:
        """Be there (again): under the name from before, unless somebody else has it by now."""
        if self._master >= 0:
            return
        self._master, self.name = open_terminal(self.name)
        os.set_blocking(self._master, False)
        self._raw = False
        self._poll = select.poll()
        self._poll.register(self._master, select.POLLHUP)
        if self._link is not None:
            self._link.point_to(self.name)

    def pull_off(self) -> None:
        """Hang up: the host's next read fails, and there is nothing to open until `snap_on`."""
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    def fileno(self) -> int:
        return self._master

    @property
    def connected(self) -> bool:
        """Whether somebody has the other side open."""
        if self._master < 0:
            return False
        open_now = not any(event & select.POLLHUP for _, event in self._poll.poll(0))
        if open_now and not self._raw:
            # The kernel forgets raw mode with the last close: echo and line editing must not meet frames.
            tty.setraw(self._master)
        self._raw = open_now
        return open_now

    def read(self) -> bytes:
        """What has arrived; b"" for nothing, or nobody."""
        try:
            return os.read(self._master, READ_BYTES)
        except OSError:
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
        """Hang up for good. Twice is fine."""
        self.pull_off()
        if self._link is not None:
            self._link.remove()
