"""What all commands share: how they print, how they fail, and what their exit code is."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from laserlink.protocol.errors import (
    LaserLinkError,
    LinkLost,
    ReadOnly,
    RemoteProtocolError,
    UnknownControl,
    UnknownMode,
    ValueOutOfRange,
    WrongValueType,
)

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
    INTERNAL = 70
    INTERRUPTED = 130


class CommandError(LaserLinkError):
    """One line for the user, a hint, and the exit code; with --json, what was done before goes along."""

    def __init__(
        self, text: str, hint: str = "", exit_code: int = Exit.USAGE, done: dict[str, Any] | None = None
    ) -> None:
        super().__init__(text)
        self.hint = hint
        self.exit_code = exit_code
        self.done = done or {}


LOSS_HINTS = {
    "ModuleDetached": "Snap it on again and repeat the command; nothing needs to be restarted.",
    "LinkTimeout": "Is the module still powered, and the line free? `laserlink info` tells how it sits.",
    "OpticalLost": "Clean the window, seat the module again.",
    "PowerLost": "The phone gives too little power for this.",
    "ThermalLost": "Let the module cool down.",
}

# What the module refuses because the user asked for what it does not have.
USERS_CHOICES = (ReadOnly, UnknownControl, UnknownMode, ValueOutOfRange, WrongValueType)

# What to try when an error does not say it itself.
HINTS = {
    Exit.USAGE: "`laserlink COMMAND --help` shows the options, `laserlink info` what the module offers.",
    Exit.NO_DEVICE: "`laserlink devices` lists what there is.",
    Exit.BUSY: "Close the other program, then try again.",
    Exit.PERMISSION: "Choose a place that you may use.",
    Exit.LINK_LOST: "Pull the module off and snap it on again.",
    Exit.PROTOCOL: "`laserlink info` shows what the module offers.",
    Exit.MISSING_EXTRA: "Install the extra with pip.",
    Exit.INTERNAL: "This is a bug. `laserlink -v` shows where it happened; please report that.",
}
SYSTEM_HINT = "Check the name, and the space on the disk."


def exit_code_of(error: Exception) -> tuple[int, str]:
    """The exit code and the hint of an error; INTERNAL for one that nobody has foreseen."""
    code = _code_of(error)
    hint = str(getattr(error, "hint", "")) or LOSS_HINTS.get(type(error).__name__, "")
    if not hint and isinstance(error, OSError) and code is Exit.USAGE:
        hint = SYSTEM_HINT
    return code, hint or HINTS[Exit(code)]


def _code_of(error: Exception) -> int:
    from laserlink.host_driver import errors as device

    if isinstance(error, CommandError):
        return error.exit_code
    kinds: tuple[tuple[type[Exception], Exit], ...] = (
        (device.BadUrl, Exit.USAGE),
        (device.PortBusy, Exit.BUSY),
        (device.PortDenied, Exit.PERMISSION),
        (device.MissingExtra, Exit.MISSING_EXTRA),
        (device.DeviceError, Exit.NO_DEVICE),
        (LinkLost, Exit.LINK_LOST),
        *((kind, Exit.USAGE) for kind in USERS_CHOICES),
        (RemoteProtocolError, Exit.PROTOCOL),
        (LaserLinkError, Exit.USAGE),
        (PermissionError, Exit.PERMISSION),
        (OSError, Exit.USAGE),
    )
    found = next((code for kind, code in kinds if isinstance(error, kind)), None)
    if found is None:
        # A usage error of a library of ours says so by its hint.
        return Exit.USAGE if getattr(error, "hint", "") else Exit.INTERNAL
    return found


def one_line(error: Exception) -> str:
    """What an error says, as one line that a terminal only shows: the text may be the module's."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename is not None else error.strerror
    if exit_code_of(error)[0] == Exit.INTERNAL:
        text = f"{type(error).__name__}: {text}"
    line = " ".join(text.split()) or type(error).__name__
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in line)


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
        """Where people read what goes on: standard error, so that results can be piped. Brackets are text."""
        from rich.console import Console

        return Console(stderr=True, highlight=False, markup=False, quiet=self.silent or self.json)

    def emit(self, document: dict[str, Any], render: "Callable[[Console], None]") -> None:
        """One JSON document with --json, and nothing else; otherwise what `render` draws."""
        if self.json:
            print(json.dumps(document), flush=True)
        else:
            render(self.console)

    @contextmanager
    def working(self, text: str) -> Iterator[Callable[[str], None]]:
        """Show that something goes on: a spinner on a terminal, else lines. Yields what changes the text."""
        from rich.text import Text

        notes = self.notes
        if self.progress and notes.is_terminal and not notes.quiet:
            # As Text: a URL or a file's name may hold what rich takes for markup.
            with notes.status(Text(text)) as status:
                yield lambda text: status.update(Text(text))
        else:
            notes.print(text)
            yield lambda text: notes.print(text)

    def set(self, other: "Session") -> None:
        """Take over all options, once they are parsed."""
        vars(self).update(vars(other))

    def fail(self, error: Exception) -> int:
        """Print an error as one line and a hint; its exit code."""
        code, hint = exit_code_of(error)
        text = one_line(error)
        if self.json:
            # There may be nowhere to print it to: that may be the error itself.
            with suppress(OSError):
                told = {"error": text, "hint": hint, "exit_code": int(code)}
                print(json.dumps(getattr(error, "done", {}) | told), flush=True)
        else:
            print(f"Error: {text}\nHint: {hint}", file=sys.stderr)
        if self.verbose:
            import traceback

            traceback.print_exception(error)
        return int(code)
