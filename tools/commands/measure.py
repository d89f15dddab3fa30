"""`laserlink measure`: the camera's figures, from pictures of the dark, of even light and of the chart."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import rich_click as click
from PIL import Image
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from laserlink.firmware_model.chart import Chart
from laserlink.host_driver.develop import CURVE_SIZE, SRGB_CURVE
from laserlink.host_driver.files import check_target
from laserlink.host_driver.shot import Shot
from laserlink.tools.measuring import saved
from laserlink.tools.measuring.figures import FIGURES, Findings, Report, Subject, document_of, headline
from laserlink.tools.measuring.plot import draw
from laserlink.tools.measuring.setups import stage_of
from laserlink.tools.measuring.taking import Choice, Taker, subjects_in_order
from laserlink.tools.session import CommandError, Exit, Session

CHART_SIZE = (4960, 3720)
"""A sheet of A3, less its margins, at 300 dots per inch."""
CHART_BAND = 120
DOTS_PER_INCH = 300


@click.command()
@click.argument("sources", nargs=-1, metavar="[URL]")
@click.option("--from", "from_files", is_flag=True,
              help="Measure saved RAW files instead: the arguments are files or folders.")  # fmt: skip
@click.option("--only", type=click.Choice([subject.value for subject in Subject]), multiple=True,
              help="Take only this, as it stands before the camera now; may be given twice.")  # fmt: skip
@click.option("--mode", help="A mode of the module; default: the unbinned one.")
@click.option("--format", "raw_format", metavar="RAWn", help="RAW8 to RAW16; default: the deepest.")
@click.option("--save", "folder", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
              help="Keep every picture as a DNG file, for --from.")  # fmt: skip
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE.png", help="Draw diagrams.")
@click.option("--chart", type=click.Path(path_type=Path), metavar="FILE.png",
              help="Write the test chart to be printed; nothing is measured.")  # fmt: skip
@click.pass_obj
def command(
    session: Session, sources: tuple[str, ...], from_files: bool, only: tuple[str, ...], mode: str | None,
    raw_format: str | None, folder: Path | None, plot: Path | None, chart: Path | None,
) -> int:  # fmt: skip
    """Measure the module at URL: dynamic range, noise, full well, linearity, sharpness, colours.

    A virtual module (sim:PROFILE) is given what it must look at. With a real one, you are told what to put
    before it: darkness, even light, the printed chart. Methods are EMVA 1288 and ISO 12233;
    docs/measuring.md says more. Exit code 1 when a figure could not be measured; it says why.
    """
    given = {"--mode": mode, "--format": raw_format, "--save": folder, "--only": only}
    for path in (plot, chart):
        _check_png(path)
    if chart is not None:
        _refuse(
            "--chart only writes the chart", given | {"--plot": plot, "--from": from_files, "URL": sources}
        )
        write_chart(chart)
        session.emit({"chart": str(chart)}, lambda console: console.print(f"{escape(str(chart))} written"))
        return Exit.OK
    started = time.monotonic()
    if from_files:
        _refuse("--from opens no module", given | {"--timeout": session.timeout, "--trace": session.trace})
        findings, subjects = _from_files(session, sources)
    else:
        findings, subjects = _from_camera(session, sources, only, (mode, raw_format), folder)
    report = Report.of(findings, subjects)
    if plot is not None:
        draw(findings, report, plot)
    seconds = time.monotonic() - started
    document = document_of(findings, report) | {
        "seconds": round(seconds, 1),
        "plot": str(plot) if plot else None,
    }
    session.emit(document, lambda console: _render(console, findings, report, subjects, plot))
    return Exit.FINDING if report.failed(subjects) else Exit.OK


def _refuse(why: str, given: dict[str, object]) -> None:
    """No option is accepted and ignored."""
    extra = [name for name, value in given.items() if value not in (None, (), False)]
    if extra:
        raise CommandError(f"{why}: {', '.join(extra)} means nothing to it", "Leave it out.")


def _check_png(path: Path | None) -> None:
    if path is None:
        return
    if path.suffix.lower() != ".png":
        raise CommandError(f"{path.name} is no name of a PNG file", f"Name it {path.stem or 'figures'}.png.")
    check_target(path)


def write_chart(path: Path) -> None:
    """The test chart as a PNG of sRGB, as it is printed on A3. Raises OSError."""
    width, height = CHART_SIZE
    image = Image.new("RGB", CHART_SIZE)
    scene = Chart()
    for top in range(0, height, CHART_BAND):
        light = scene.band(width, height, top, min(CHART_BAND, height - top))
        steps = (np.clip(light, 0.0, 1.0) * (CURVE_SIZE - 1)).astype(np.uint16)
        image.paste(Image.fromarray(np.ascontiguousarray(SRGB_CURVE[steps])), (0, top))
    image.save(path, format="PNG", dpi=(DOTS_PER_INCH, DOTS_PER_INCH))


def _from_files(session: Session, sources: tuple[str, ...]) -> tuple[Findings, tuple[Subject, ...]]:
    if not sources:
        raise CommandError("--from needs files or folders", "Write laserlink measure --from FOLDER.")
    paths = [Path(source) for source in sources]
    for path in paths:
        if not path.exists():
            raise CommandError(f"{path} is not there", "Give RAW files, or a folder of them.")
    pictures = saved.pictures_in(paths)
    count = sum(map(len, pictures.values()))
    with session.working(f"reading {count} pictures"):
        return saved.measured(pictures)


def _from_camera(
    session: Session, sources: tuple[str, ...], only: tuple[str, ...], choice: tuple[str | None, str | None],
    folder: Path | None,
) -> tuple[Findings, tuple[Subject, ...]]:  # fmt: skip
    if len(sources) != 1:
        raise CommandError("measure takes one URL", "Write laserlink measure sim:mos-100mp.")
    subjects = tuple(subjects_in_order(only))
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    findings = Findings()
    with closing(stage_of(session, sources[0], subjects)) as stage:
        for subject in subjects:
            with stage.camera(subject) as camera, _told(session, subject) as tell:
                chosen = Choice.of(camera.descriptor, *choice)
                findings.module = f"{camera.descriptor.vendor} {camera.descriptor.product}"
                findings.mode, findings.bits = chosen.mode.name, chosen.bits
                Taker(camera, chosen, findings, _keeper(folder), tell).take(subject)
    findings.notes[:0] = chosen.notes()
    return findings, subjects


@contextmanager
def _told(session: Session, subject: Subject) -> Iterator[Callable[[str], None]]:
    with session.working(f"{subject.value}: taking pictures") as tell:
        yield tell


def _keeper(folder: Path | None) -> Callable[[str, Shot], None]:
    """What saves pictures into the folder, if there is one."""

    def keep(name: str, shot: Shot) -> None:
        if folder is not None:
            shot.save(folder / f"{name}.dng")

    return keep


def _render(
    console: Console, findings: Findings, report: Report, subjects: tuple[Subject, ...], plot: Path | None
) -> None:
    console.print(f"[bold]{escape(findings.module)}[/bold]  {escape(headline(findings))}\n")
    table = Table(box=None, show_header=False, pad_edge=False)
    for style, justify in (("", "left"), ("bold", "right"), ("", "left"), ("dim", "left")):
        table.add_column(style=style, justify=justify)  # type: ignore[arg-type]
    for figure in FIGURES:
        value = report.values[figure.name]
        if value is not None:
            table.add_row(figure.label, format(value, figure.shown), figure.unit, figure.remark)
    console.print(table)
    _render_missing(console, report, subjects)
    for note in findings.notes:
        console.print(f"\n[yellow]{escape(note)}[/yellow]")
    if plot is not None:
        console.print(f"\n{escape(str(plot))}")


def _render_missing(console: Console, report: Report, subjects: tuple[Subject, ...]) -> None:
    """The figures that were asked for and could not be had, by reason."""
    reasons: dict[str, list[str]] = {}
    labels = {figure.name: figure.label.strip() for figure in FIGURES}
    for name in report.failed(subjects):
        reasons.setdefault(report.missing[name], []).append(labels[name])
    for reason, names in reasons.items():
        console.print(f"\n[yellow]Not measured: {', '.join(names)}[/yellow]\n  {escape(reason)}")
