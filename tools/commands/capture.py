"""`laserlink capture`: take pictures and save them."""

from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import rich_click as click
from rich.console import Console
from rich.markup import escape

from laserlink.host_driver.auto_controls import HOST_CONTROLS, HostValue
from laserlink.host_driver.camera import Camera
from laserlink.host_driver.files import SaveReport, check_target
from laserlink.host_driver.shot import Shot
from laserlink.protocol.errors import LaserLinkError, LinkLost
from laserlink.protocol.raw import WIDTHS
from laserlink.tools.opening import open_camera
from laserlink.tools.session import CommandError, Exit, Session, exit_code_of, one_line

MODULES_CHOICE = "auto"
"""`--autofocus` without a point."""


def parse_settings(settings: tuple[str, ...]) -> dict[str, HostValue]:
    """NAME=VALUE as control values: numbers, true and false, or several numbers. Raises CommandError."""
    values: dict[str, HostValue] = {}
    for setting in settings:
        name, mark, text = setting.partition("=")
        if not mark or not name:
            raise CommandError(f"--set {setting} is not NAME=VALUE", "Write --set ExposureTime=10000.")
        parts = tuple(_value(setting, part) for part in text.split(","))
        values[name] = parts[0] if len(parts) == 1 else parts  # type: ignore[assignment]
    return values


def _value(setting: str, text: str) -> bool | int | float:
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


def parse_exposures(text: str | None) -> list[int]:
    """Microseconds with commas between them; none for None. Raises CommandError."""
    if text is None:
        return []
    try:
        exposures = [int(part) for part in text.split(",")]
    except ValueError:
        exposures = []
    if not exposures or min(exposures) < 1:
        raise CommandError(f"--bracket {text} is no list of exposures", "Write --bracket 2500,10000,40000.")
    return exposures


def parse_point(text: str | None) -> tuple[float, float] | None:
    """X,Y; None for the module's choice. Raises CommandError."""
    if text is None or text == MODULES_CHOICE:
        return None
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise CommandError(
            f"--autofocus {text} is no point", "Write --autofocus 0.5,0.5, or nothing behind it."
        ) from None
    return x, y


def numbered(path: Path, index: int, count: int) -> Path:
    """The name of the `index`-th of `count` pictures; a single one keeps its name."""
    return path if count == 1 else path.with_stem(f"{path.stem}-{index + 1:0{len(str(count))}d}")


class Plan:
    """Which pictures are to be taken, and how they follow each other. Raises CommandError for a
    contradiction."""

    def __init__(
        self, count: int | None, bracket: str | None, interval: float | None, stack: int | None
    ) -> None:
        self.exposures = parse_exposures(bracket)
        self.interval, self.stack = interval, stack
        chosen = [
            name
            for name, value in (("--bracket", bracket), ("--interval", interval), ("--stack", stack))
            if value is not None
        ]
        if len(chosen) > 1:
            raise CommandError(f"{' and '.join(chosen)} do not go together", "Choose one of them.")
        if bracket is not None and count is not None:
            raise CommandError("--bracket and --count do not go together", "The list says how many pictures.")
        if interval is not None and count is None:
            raise CommandError("--interval needs --count", "Write --count 10: so many pictures are taken.")
        self.count = len(self.exposures) or count or 1

    def shots(self, camera: Camera, timeout: float | None) -> Generator[Shot, None, None]:
        """Take them."""
        if self.exposures:
            return camera.bracket(self.exposures, timeout=timeout)
        if self.interval is not None:
            return camera.timelapse(self.interval, self.count, timeout=timeout)
        if self.stack is not None:
            return self._stacks(camera, self.stack, timeout)
        return camera.images(self.count, timeout=timeout)

    def _stacks(self, camera: Camera, images: int, timeout: float | None) -> Generator[Shot, None, None]:
        for _ in range(self.count):
            yield camera.capture_stack(images, timeout=timeout)


@click.command()
@click.argument("url")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), metavar="FILE",
              help="Where to: .dng, .npy, .raw or .png; several pictures are numbered.")  # fmt: skip
@click.option("--mode", help="A mode of the module; default: the first that the line carries in 10 s.")
@click.option("--format", "raw_format", metavar="RAWn", help="RAW8 to RAW16; default: what suits the mode.")
@click.option("--region", metavar="WxH+X+Y", help="A part of the mode.")
@click.option("--count", type=click.IntRange(1, 100_000), help="How many pictures; default: 1.")
@click.option("--bracket", metavar="US,US,...", help="One picture with each of these exposures.")
@click.option("--interval", type=click.FloatRange(0, min_open=True), metavar="SECONDS",
              help="Time from one picture to the next, with --count.")  # fmt: skip
@click.option("--stack", type=click.IntRange(1, 64), metavar="N",
              help="Make each picture out of N, in 16 bits and with less noise.")  # fmt: skip
@click.option("--autofocus", is_flag=False, flag_value=MODULES_CHOICE, metavar="[X,Y]",
              help="Focus first; on a point, in parts (0.5,0.5) or pixels of the sensor.")  # fmt: skip
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE",
              help="Set a control first, such as ExposureTime=10000 or AeEnable=true.")  # fmt: skip
@click.pass_obj
def command(
    session: Session, url: str, output: Path, mode: str | None, raw_format: str | None, region: str | None,
    count: int | None, bracket: str | None, interval: float | None, stack: int | None, autofocus: str | None,
    settings: tuple[str, ...],
) -> int:  # fmt: skip
    """Take pictures with the module at URL and save them.

    Exit code 1 when a picture has gaps, or focus was not found; pictures are saved, and it says so.
    """
    values, area, point = parse_settings(settings), parse_region(region), parse_point(autofocus)
    plan = Plan(count, bracket, interval, stack)
    check_target(numbered(output, 0, plan.count))
    document: dict[str, Any] = {"images": []}
    with open_camera(session, url) as camera:
        check_choices(camera, mode, raw_format, values)
        if values:
            camera.set_controls(**_typed(camera, values))
        camera.configure(mode, raw_format, area)
        if autofocus is not None:
            with session.working("focusing"):
                document["focused"] = camera.autofocus(point)
        with session.working("taking pictures") as tell:
            for item in _taken(camera, plan, output, session.timeout, document["images"]):
                tell(f"{len(document['images'])} of {plan.count}: {item['file']}")
    session.emit(document, lambda console: _render(console, document))
    good = document.get("focused", True) and all(item["complete"] for item in document["images"])
    return Exit.OK if good else Exit.FINDING


def check_choices(
    camera: Camera, mode: str | None, raw_format: str | None, values: dict[str, HostValue]
) -> None:
    """Refuse what the module does not have, and list what it has. Raises CommandError."""
    modes, controls = camera.modes, camera.controls
    if mode is not None and mode not in modes:
        raise CommandError(f"{camera.descriptor.product} has no mode {mode!r}", f"It has {', '.join(modes)}.")
    offered = {f"RAW{bits}" for each in modes.values() for bits in WIDTHS if each.formats >> bits & 1}
    if mode is not None:
        offered = {f"RAW{bits}" for bits in WIDTHS if modes[mode].formats >> bits & 1}
    if raw_format is not None and raw_format.upper() not in offered:
        where = f"mode {mode}" if mode is not None else camera.descriptor.product
        listed = ", ".join(sorted(offered, key=lambda name: (len(name), name)))
        raise CommandError(f"{where} has no format {raw_format!r}", f"It has {listed}.")
    unknown = [name for name in values if name not in controls and name not in HOST_CONTROLS]
    if unknown:
        listed = ", ".join(sorted({*controls, *HOST_CONTROLS}))
        raise CommandError(f"this module has no control {', '.join(unknown)}", f"It has {listed}.")


def _taken(
    camera: Camera, plan: Plan, output: Path, timeout: float | None, pictures: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Take and save; what was saved is added to `pictures`, and told together with whatever ends it early."""
    try:
        with closing(plan.shots(camera, timeout)) as shots:
            for index, shot in enumerate(shots):
                report = shot.save(numbered(output, index, plan.count))
                pictures.append(_picture(camera, shot, report))
                yield pictures[-1]
    except (LaserLinkError, OSError) as error:
        part: Shot | None = error.shot if isinstance(error, LinkLost) else None
        if part is not None and _has_pixels(part):
            report = part.save(numbered(output, len(pictures), plan.count))
            pictures.append(_picture(camera, part, report))
        raise _ended(error, pictures) from error


def _has_pixels(shot: Shot) -> bool:
    return bool(shot.missing_bytes() < shot.raw.size * shot.metadata["BitsPerPixel"] // 8)


def _ended(error: Exception, pictures: list[dict[str, Any]]) -> CommandError:
    """The error with what was saved before it: with --json as a list, else in its line."""
    code, hint = exit_code_of(error)
    text = one_line(error)
    saved = [item["file"] for item in pictures if item["complete"]]
    if saved:
        text += f"; saved before: {', '.join(saved)}"
    text += "".join(
        f"; saved as far as it came: {item['file']}, incomplete, {item['missing_bytes']} bytes missing"
        for item in pictures
        if not item["complete"]
    )
    return CommandError(text, hint, code, {"images": pictures})


def _typed(camera: Camera, values: dict[str, HostValue]) -> dict[str, HostValue]:
    """Whole numbers are good floats where the control is one; the rest is the camera's to judge."""
    current = camera.controls
    return {
        name: float(value)
        if isinstance(current.get(name), float) and isinstance(value, int) and not isinstance(value, bool)
        else value
        for name, value in values.items()
    }


def _picture(camera: Camera, shot: Shot, report: SaveReport) -> dict[str, Any]:
    height, width = shot.raw.shape
    received, metadata = camera.received, shot.metadata
    return {
        "file": str(report.path), "bytes": report.bytes, "width": width, "height": height,
        "format": metadata["Format"], "black_level": int(min(metadata["SensorBlackLevels"])),
        "white_level": int(metadata["WhiteLevel"]), "complete": shot.complete,
        "missing_bytes": shot.missing_bytes(), "exposure_us": metadata.get("ExposureTime"),
        "analogue_gain": metadata.get("AnalogueGain"), "control_set": metadata.get("ControlSetId"),
        "image_id": metadata.get("ImageId"), "timestamp_ns": metadata.get("SensorTimestamp"),
        "stacked": metadata.get("StackedImages", 1), "dropped": camera.dropped,
        "resent": received.chunks_resent if received else 0, "gbps": received.gbps if received else 0.0,
        "sha256": shot.sha256(), "warning": report.warning,
    }  # fmt: skip


def _render(console: Console, document: dict[str, Any]) -> None:
    for item in document["images"]:
        stacked = f", {item['stacked']} stacked" if item["stacked"] > 1 else ""
        console.print(
            f"{escape(item['file'])}  {item['width']} x {item['height']} {item['format']}{stacked}, "
            f"{item['bytes']:,} bytes"
        )
        if item["warning"]:
            console.print(f"[yellow]{item['warning']}[/yellow]")
    if not document.get("focused", True):
        console.print("[yellow]The autofocus did not find focus.[/yellow]")
