"""`laserlink serve`: a virtual module that stays up."""

import json
import os
import secrets
import signal
import sys
import threading
from pathlib import Path

import rich_click as click

from laserlink.firmware_model.serve.sensor import Exposed
from laserlink.firmware_model.serve.shell import Shell
from laserlink.tools.session import Session
from laserlink.tools.virtual import VirtualOptions, build_shell


def _prepare(shell: Shell, wanted: str) -> None:
    """Render the first image before anyone asks for it. `wanted` is MODE or MODE:BITS, or `default`."""
    from laserlink.tools.virtual import default_exposure

    request, layout = default_exposure(shell.module, wanted)
    shell.sensor.prepare(request, layout).result()


@click.command()
@click.argument("profile")
@click.option("--scene", metavar="FILE", help="What the sensor sees: a picture, a RAW file; default: the chart.")
@click.option("--port", metavar="URL", help="Serve on this pyserial URL instead of a pseudo-terminal.")
@click.option("--no-ring", is_flag=True, help="No optical lane: everything over the one port.")
@click.option("--line-rate", type=click.IntRange(0), metavar="BPS", help="Pace the port like a line of this rate; 0: not at all.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of the sensor's noise.")
@click.option("--prepare", metavar="MODE", help="Render this mode's image before serving; `default` is the first one.")
@click.option("--link", type=click.Path(path_type=Path), metavar="PATH", help="A symbolic link to the pseudo-terminal.")
@click.option("--sha256", is_flag=False, flag_value="yes", help="Tell the SHA-256 of every image's pixels.")
@click.option("--until-eof", is_flag=True, help="Leave when standard input ends.")
@click.pass_obj
def command(
    session: Session, profile: str, scene: str | None, port: str | None, no_ring: bool, line_rate: int | None,
    seed: int, prepare: str | None, link: Path | None, sha256: str | None, until_eof: bool,
) -> None:  # fmt: skip
    """Serve the virtual module PROFILE until interrupted; prints the URL that a host opens.

    Send it SIGUSR1 to pull the module off, and SIGUSR1 again to snap it on.
    """
    options = VirtualOptions(profile, scene, port, not no_ring, line_rate, seed, link, sha256 is not None)

    def on_event(event: object) -> None:
        if isinstance(event, Exposed) and event.sha256:
            wanted = event.wanted
            _say(session, event="exposed", channel=wanted.channel, image_id=wanted.image_id, sha256=event.sha256)

    shell, url = build_shell(options, secrets.randbits(32), on_event)
    try:
        if prepare is not None:
            _prepare(shell, prepare)
        _serve(session, shell, url, until_eof=until_eof)
    finally:
        shell.close()


def _serve(session: Session, shell: Shell, url: str, *, until_eof: bool) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: shell.stop())
    if until_eof:
        threading.Thread(target=_stop_at_eof, args=(shell,), daemon=True).start()
    if session.json:
        _say(session, event="serving", url=url, pid=os.getpid())
    else:
        session.console.print(url, soft_wrap=True)
        session.notes.print("Serving. Open that URL with `laserlink info` or `capture`; Ctrl-C ends.")
    shell.run()


def _stop_at_eof(shell: Shell) -> None:
    """The parent holds the other end of our input; when it is gone, so are we."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    shell.stop()


def _say(session: Session, **document: object) -> None:
    if session.json:
        print(json.dumps(document), flush=True)
    elif document.get("event") == "exposed":
        session.notes.print(f"image {document['image_id']} {document['sha256']}")
