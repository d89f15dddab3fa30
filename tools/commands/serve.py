"""`laserlink serve`: a virtual module that stays up."""

import contextlib
import json
import os
import secrets
import signal
import sys
import threading
from concurrent.futures import wait
from pathlib import Path

import rich_click as click

from laserlink.cext.ring import RingError, sweep
from laserlink.firmware_model.serve.link import sweep_links
from laserlink.firmware_model.serve.sensor import Exposed
from laserlink.firmware_model.serve.shell import PulledOff, Shell, SnappedOn
from laserlink.tools.session import CommandError, Exit, Session
from laserlink.tools.signals import END_SIGNALS, handled
from laserlink.tools.virtual import VirtualOptions, build_shell, default_exposure

# Windows has no such signal.
PULL_SIGNALS = [signal.SIGUSR1] if sys.platform != "win32" else []
# While an image is rendered ahead, this is how often we look whether we shall end.
LOOK_SECONDS = 0.05


@click.command()
@click.argument("profile")
@click.option(
    "--scene", metavar="FILE", help="What the sensor sees: a picture, a RAW file; default: the chart."
)
@click.option("--port", metavar="URL", help="Serve on this pyserial URL instead of a pseudo-terminal.")
@click.option("--no-ring", is_flag=True, help="No optical lane: everything over the one port.")
@click.option(
    "--line-rate",
    type=click.IntRange(0),
    metavar="BPS",
    help="Pace the port like a line of this rate; 0: not at all.",
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of the sensor's noise.")
@click.option(
    "--prepare", metavar="MODE", help="Render this mode's image before serving; `default` is the first one."
)
@click.option(
    "--link", type=click.Path(path_type=Path), metavar="PATH", help="A symbolic link to the pseudo-terminal."
)
@click.option(
    "--sha256",
    is_flag=False,
    flag_value="yes",
    default="no",
    type=click.Choice(["yes", "no"]),
    help="Tell the SHA-256 of every image's pixels.",
)
@click.option("--until-eof", is_flag=True, help="Leave when standard input ends.")
@click.pass_obj
def command(
    session: Session, profile: str, scene: str | None, port: str | None, no_ring: bool, line_rate: int | None,
    seed: int, prepare: str | None, link: Path | None, sha256: str, until_eof: bool,
) -> None:  # fmt: skip
    """Serve the virtual module PROFILE until interrupted; prints the URL that a host opens.

    Send it SIGUSR1 to pull the module off, and SIGUSR1 again to snap it on. A pseudo-terminal is hung up, and
    comes back under its name if that is still free, else the new URL is printed; another port falls silent.
    """
    options = VirtualOptions(profile, scene, port, not no_ring, line_rate, seed, link, sha256 == "yes")
    with contextlib.suppress(RingError):
        sweep()
        sweep_links()
    ending = _Ending()
    with handled(END_SIGNALS, ending):
        if until_eof:
            threading.Thread(target=_end_at_eof, daemon=True).start()
        _build_and_serve(session, options, prepare, ending)


class _Ending:
    """Whether somebody wants us to end. A handler that raised could leave behind what is just being made."""

    def __init__(self) -> None:
        self.wanted = False
        self.shell: Shell | None = None

    def __call__(self) -> None:
        self.wanted = True
        if self.shell is not None:
            self.shell.stop()


def _build_and_serve(session: Session, options: VirtualOptions, prepare: str | None, ending: _Ending) -> None:
    shell, ring_query = build_shell(options, secrets.randbits(32), lambda event: teller(event))
    teller = _Teller(session, ring_query)
    ending.shell = shell
    if ending.wanted:
        shell.stop()
    try:
        if prepare is not None:
            _prepare(shell, prepare, ending)
        with handled(PULL_SIGNALS, shell.toggle_contact):
            teller.serving(shell.port.name)
            shell.run()
        if shell.port.gone:
            hint = "Plug it in again, and start serving again."
            raise CommandError(f"{shell.port.name} was closed by the other side", hint, Exit.LINK_LOST)
    finally:
        shell.close()


def _prepare(shell: Shell, wanted: str, ending: _Ending) -> None:
    """Render the first image before anyone asks for it. Raises KeyboardInterrupt when we shall end."""
    future = shell.sensor.prepare(*default_exposure(shell.module, wanted))
    while not wait([future], LOOK_SECONDS).done:
        if ending.wanted:
            raise KeyboardInterrupt
    future.result()


class _Teller:
    """Prints what happens to the module, as it happens."""

    def __init__(self, session: Session, ring_query: str) -> None:
        self._session = session
        self._ring_query = ring_query

    def __call__(self, event: object) -> None:
        """Tell of an event that people or the parent process want to know."""
        match event:
            case Exposed(wanted, _, str(sha256)):
                document = {"channel": wanted.channel, "image_id": wanted.image_id, "sha256": sha256}
                self._say(f"image {wanted.image_id} {sha256}", event="exposed", **document)
            case PulledOff():
                self._say("Pulled off.", event="pulled_off")
            case SnappedOn(port):
                self._say(
                    f"Snapped on: {port}{self._ring_query}", event="snapped_on", url=port + self._ring_query
                )

    def serving(self, port: str) -> None:
        """Say where the module is: the first line."""
        url = port + self._ring_query
        if not self._session.json:
            self._session.console.print(url, soft_wrap=True)
        self._say("Serving. Open that URL with `laserlink info` or `capture`; Ctrl-C ends.",
                  event="serving", url=url, pid=os.getpid())  # fmt: skip

    def _say(self, text: str, **document: object) -> None:
        if self._session.json:
            print(json.dumps(document), flush=True)
        else:
            self._session.notes.print(text, soft_wrap=True)


def _end_at_eof() -> None:
    """The parent holds the other end of our input; when it is gone, so are we."""
    with contextlib.suppress(OSError):
        while os.read(sys.stdin.fileno(), 4096):
            pass
    if sys.platform == "win32":
        signal.raise_signal(signal.SIGTERM)
    else:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
