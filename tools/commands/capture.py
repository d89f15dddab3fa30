"""`laserlink capture`: take pictures and save them."""

from pathlib import Path
from typing import Any

import rich_click as click
from rich.console import Console
from rich.markup import escape

from laserlink.host_driver.camera import Camera
from laserlink.host_driver.files import SaveReport, check_target
from laserlink.host_driver.shot import Shot
from laserlink.protocol.messages.control import Value
from laserlink.tools.opening import open_camera
from laserlink.tools.session import CommandError, Exit, Session


def parse_settings(settings: tuple[str, ...]) -> dict[str, Value]:
    """NAME=VALUE as control values: whole numbers, numbers, true and false. Raises CommandError."""
    values: dict[str, Value] = {}
    for setting in settings:
        name, mark, text = setting.partition("=")
        if not mark or not name:
            raise CommandError(f"--set {setting} is not NAME=VALUE", "Write --set ExposureTime=10000.")
        values[name] = _value(setting, text)
    return values


def _value(setting: str, text: str) -> Value:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    raise CommandError(f"--set {setting}: {text!r} is no number", "Values are numbers, true or false.")


def parse_region(text: str | None) -> tuple[int, int, int, int] | None:
    """WIDTHxHEIGHT+X+Y, as X11 writes it. Raises CommandError."""
    if text is None:
        return None
    try:
        size, x, y = text.split("+")
        width, height = size.split("x")
        return int(x), int(y), int(width), int(height)
    except ValueError:
        raise CommandError(f"--region {text} is no region", "Write --region 640x480+100+50.") from None


def numbered(path: Path, index: int, count: int) -> Path:
    """The name of the `index`-th of `count` pictures; a single one keeps its name."""
    return path if count == 1 else path.with_stem(f"{path.stem}-{index + 1:0{len(str(count))}d}")


@click.command()
@click.argument("url")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), metavar="FILE",
              help="Where to: .dng, .npy, .raw or .png.")  # fmt: skip
@click.option("--mode", help="A mode of the module; default: the first that the line carries in 10 s.")
@click.option("--format", "raw_format", metavar="RAWn", help="RAW8 to RAW16; default: what suits the mode.")
@click.option("--region", metavar="WxH+X+Y", help="A part of the mode.")
@click.option(
    "--count", type=click.IntRange(1, 100_000), default=1, show_default=True, help="How many pictures."
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set a control first, such as ExposureTime=10000.",
)
@click.pass_obj
def command(
    session: Session, url: str, output: Path, mode: str | None, raw_format: str | None, region: str | None,
    count: int, settings: tuple[str, ...],
) -> int:  # fmt: skip
    """Take pictures with the module at URL and save them.

    Exit code 1 when a picture has gaps; it is saved, and says so.
    """
    values, area = parse_settings(settings), parse_region(region)
    check_target(numbered(output, 0, count))
    pictures: list[dict[str, Any]] = []
    with open_camera(session, url) as camera:
        if values:
            camera.set_controls(**_typed(camera, values))
        camera.configure(mode, raw_format, area)
        with session.working("taking pictures") as tell:
            for index, shot in enumerate(camera.images(count, timeout=session.timeout)):
                report = shot.save(numbered(output, index, count))
                pictures.append(_picture(camera, shot, report))
                tell(f"{index + 1} of {count}: {report.path}")
    session.emit({"images": pictures}, lambda console: _render(console, pictures))
    return Exit.OK if all(item["complete"] for item in pictures) else Exit.FINDING


def _typed(camera: Camera, values: dict[str, Value]) -> dict[str, Value]:
    """Whole numbers are good floats where the control is one; the rest is the camera's to judge."""
    current = camera.controls
    return {
        name: float(value) if isinstance(current.get(name), float) and not isinstance(value, bool) else value
        for name, value in values.items()
    }


def _picture(camera: Camera, shot: Shot, report: SaveReport) -> dict[str, Any]:
    height, width = shot.raw.shape
    received = camera.received
    return {
        "file": str(report.path), "bytes": report.bytes, "width": width, "height": height,
        "format": shot.metadata["Format"], "complete": shot.complete, "missing_bytes": shot.missing_bytes(),
        "resent": received.chunks_resent if received else 0, "gbps": received.gbps if received else 0.0,
        "sha256": shot.sha256(), "warning": report.warning,
    }  # fmt: skip


def _render(console: Console, pictures: list[dict[str, Any]]) -> None:
    for item in pictures:
        console.print(
            f"{escape(item['file'])}  {item['width']} x {item['height']} {item['format']}, "
            f"{item['bytes']:,} bytes"
        )
        if item["warning"]:
            console.print(f"[yellow]{item['warning']}[/yellow]")
