"""`laserlink record`: a session with a module, every byte of it, in a file that Wireshark opens."""

import threading
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import rich_click as click
from rich.console import Console
from rich.markup import escape

from laserlink.host_driver.camera import Camera
from laserlink.protocol.errors import LaserLinkError
from laserlink.tools.opening import open_camera
from laserlink.tools.recordings import packets_of_file
from laserlink.tools.session import CommandError, Exit, Session, exit_code_of, one_line
from laserlink.tools.signals import END_SIGNALS, handled

LOOK_SECONDS = 0.2


@click.command()
@click.argument("url")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--capture", "pictures", type=click.IntRange(0, 100_000), metavar="N",
              help="Take N pictures and end; without it, stay attached until Ctrl-C.")  # fmt: skip
@click.option("--mode", help="A mode of the module, for --capture.")
@click.option("--format", "raw_format", metavar="RAWn", help="RAW8 to RAW16, for --capture.")
@click.pass_obj
def command(
    session: Session, url: str, file: Path, pictures: int | None, mode: str | None, raw_format: str | None
) -> int:
    """Attach to the module at URL as a host, and record every byte of both lanes in FILE (pcapng).

    Any other command records too when its URL is record:FILE,URL. Exit code 1 when a picture has gaps.
    """
    if not pictures and (mode is not None or raw_format is not None):
        raise CommandError("--mode and --format are for pictures", "Add --capture N.")
    document: dict[str, Any] = {"file": str(file), "packets": 0, "bytes": 0, "images": []}
    ending = threading.Event()
    try:
        with handled(END_SIGNALS, ending.set), opened(session, url, file) as camera:
            if pictures is None:
                stay(session, camera, ending)
            else:
                take(camera, pictures, (mode, raw_format), ending, document["images"])
    except LaserLinkError as error:
        code, hint = exit_code_of(error)
        raise CommandError(one_line(error), hint, code, measured(document, file)) from error
    measured(document, file)
    session.emit(document, lambda console: render(console, document))
    return Exit.OK if all(document["images"]) else Exit.FINDING


def opened(session: Session, url: str, file: Path) -> AbstractContextManager[Camera]:
    return open_camera(session, f"record:{file},{url}", f"attaching to {url.partition('?')[0]}")


def stay(session: Session, camera: Camera, ending: threading.Event) -> None:
    """Keep the link alive until somebody ends us. Raises what ends it before."""
    with session.working("recording; Ctrl-C ends"):
        while not ending.wait(LOOK_SECONDS):
            camera.inspect(lambda host: host.state)


def take(
    camera: Camera, count: int, chosen: tuple[str | None, str | None], ending: threading.Event,
    complete: list[bool],
) -> None:  # fmt: skip
    """Take pictures; whether each is complete is added to `complete`."""
    if not count:
        return
    camera.configure(*chosen)
    for _ in range(count):
        if ending.is_set():
            break
        complete.append(camera.capture().complete)


def measured(document: dict[str, Any], file: Path) -> dict[str, Any]:
    """The document, with what is in the file by now."""
    if file.is_file():
        document["bytes"] = file.stat().st_size
        document["packets"] = sum(1 for _ in packets_of_file(file))
    return document


def render(console: Console, document: dict[str, Any]) -> None:
    pictures = f", {len(document['images'])} pictures" if document["images"] else ""
    console.print(
        f"{escape(document['file'])}: {document['packets']:,} packets, {document['bytes']:,} bytes{pictures}"
    )
    incomplete = document["images"].count(False)
    if incomplete:
        console.print(f"[yellow]{incomplete} pictures have gaps.[/yellow]")
