"""What all commands share: how they print, how they fail, and what their exit code is."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from laserlink.protocol.errors import LaserLinkError, LinkLost, LocalProtocolError, RemoteProtocolError

if TYPE_CHECKING:
    from rich.console import Console


class Exit(IntEnum):
    """Exit codes of the command line."""

    OK = 0
    FINDING = 1
    USAGE = 2
    NO_DEVICE = 3
    BUSY = 4
    PERMISSION = 5
    LINK_LOST = 6
    PROTOCOL = 7
    MISSING_EXTRA = 8
    INTERRUPTED = 130


class CommandError(LaserLinkError):
    """One line for the user, a hint, and the exit code."""

    def __init__(self, text: str, hint: str = "", exit_code: int = Exit.USAGE) -> None:
        super().__init__(text)
        self.hint = hint
        self.exit_code = exit_code


LOSS_HINTS = {
    "ModuleDetached": "Snap it on again and repeat the command; nothing needs to be restarted.",
    "LinkTimeout": "Is the module still powered, and the line free? `laserlink info` tells how it sits.",
    "OpticalLost": "Clean the window, seat the module again.",
    "PowerLost": "The phone gives too little power for this.",
    "ThermalLost": "Let the module cool down.",
}


def exit_code_of(error: Exception) -> tuple[int, str]:
    """The exit code and the hint of an error; (-1, "") for one that is a bug."""
    from laserlink.host_driver import errors as device

    hint = str(getattr(error, "hint", ""))
    match error:
        case CommandError():
            return error.exit_code, hint
        case device.BadUrl():
            return Exit.USAGE, hint
        case device.PortBusy():
            return Exit.BUSY, hint
        case device.PortDenied():
            return Exit.PERMISSION, hint
        case device.MissingExtra():
            return Exit.MISSING_EXTRA, hint
        case device.DeviceError():
            return Exit.NO_DEVICE, hint
        case LinkLost():
            return Exit.LINK_LOST, LOSS_HINTS.get(type(error).__name__, "Pull the module off and snap it on again.")
        case RemoteProtocolError():
            return Exit.PROTOCOL, "`laserlink info` shows what the module offers."
        case LocalProtocolError():
            return Exit.USAGE, hint
        case PermissionError():
            return Exit.PERMISSION, "Choose a place that you may write to."
        case OSError():
            return Exit.USAGE, "Check the name, and the space on the disk."
        case LaserLinkError():
            return Exit.USAGE, hint
    return (Exit.USAGE, hint) if hint else (-1, "")


@dataclass
class Session:
    """The global options, and where the output goes."""

    json: bool = False
    verbose: int = 0
    silent: bool = False
    progress: bool = True
    timeout: float | None = None
    trace: str | None = None

    @property
    def console(self) -> "Console":
        """Where people read results."""
        from rich.console import Console

        return Console(highlight=False, quiet=self.silent)

    @property
    def notes(self) -> "Console":
        """Where people read what goes on: standard error, so that results can be piped."""
        from rich.console import Console

        return Console(stderr=True, highlight=False, quiet=self.silent or self.json)

    def emit(self, document: dict[str, Any], render: "Callable[[Console], None]") -> None:
        """One JSON document with --json, and nothing else; otherwise what `render` draws."""
        if self.json:
            print(json.dumps(document), flush=True)
        else:
            render(self.console)

    @contextmanager
    def working(self, text: str) -> Iterator[Callable[[str], None]]:
        """Show that something goes on: a spinner on a terminal, a plain line elsewhere. Yields a way to change the text."""
        notes = self.notes
        if self.progress and notes.is_terminal and not notes.quiet:
            with notes.status(text) as status:
                yield status.update
        else:
            notes.print(text)
            yield lambda text: notes.print(text)

    def fail(self, error: Exception) -> int:
        """Print an error as one line and a hint; its exit code. A bug is raised again."""
        code, hint = exit_code_of(error)
        if code < 0:
            raise error
        if self.json:
            print(json.dumps({"error": str(error), "hint": hint, "exit_code": int(code)}), flush=True)
        else:
            print(f"Error: {error}", file=sys.stderr)
            if hint:
                print(f"Hint: {hint}", file=sys.stderr)
        if self.verbose:
            import traceback

            traceback.print_exception(error)
        return int(code)
