"""`laserlink conform`: the conformance suite against anything on a port."""

import contextlib
import secrets
from collections.abc import Callable
from pathlib import Path

import rich_click as click

from laserlink.host_driver.lanes.url import open_target
from laserlink.tools.conformance import html, junit, reports
from laserlink.tools.conformance.bench import Bench
from laserlink.tools.conformance.check import Report
from laserlink.tools.conformance.line import LanesLine
from laserlink.tools.conformance.runner import NoDevice, Runner
from laserlink.tools.conformance.suite import TITLES, UnknownCheck, chosen
from laserlink.tools.session import CommandError, Exit, Session

SILENT_HINT = (
    "Is the board still powered? What was checked until then is in the report; its last check did it."
)
NO_DEVICE_HINT = (
    "Is it a LaserLink module, powered, at the right baud rate? `laserlink devices` lists the ports."
)

# Which file to write, if any, and what makes its text.
Outputs = list[tuple[Path | None, Callable[[Report], str]]]


@click.command()
@click.argument("url")
@click.option(
    "--junit", "junit_file", type=click.Path(path_type=Path), metavar="FILE", help="Write JUnit XML."
)
@click.option("--html", "html_file", type=click.Path(path_type=Path), metavar="FILE",
              help="Write a page to read: one file, no network.")  # fmt: skip
@click.option("--only", "names", multiple=True, metavar="NAME",
              help="Only this check, family, clause or pattern (`resync.*`); may be repeated.")  # fmt: skip
@click.pass_obj
def command(
    session: Session, url: str, junit_file: Path | None, html_file: Path | None, names: tuple[str, ...]
) -> int:
    """Check whether the module at URL does what docs/wire-format.md says, with raw frames, legal and illegal.

    Updates are left out unless they are named, with `--only updates`: they may erase a board's firmware.
    """
    _check_names(names)
    outputs: Outputs = [(junit_file, junit.render), (html_file, html.render)]
    for path, _ in outputs:
        _check_folder(path)
    target = open_target(url)
    try:
        with contextlib.closing(target.open_lanes()) as lanes, session.working(f"checking {url}") as tell:
            runner = Runner(Bench(LanesLine(lanes), lambda: secrets.randbits(32)), url, names, tell)
            _run(runner, outputs)
    finally:
        if target.module is not None:
            target.module.close()
    return _tell(session, runner.report)


def _run(runner: Runner, outputs: Outputs) -> None:
    """Run it; what it found until then is written, however it ends."""
    try:
        runner.run()
    except NoDevice as error:
        raise CommandError(
            f"no LaserLink module there: {error}",
            NO_DEVICE_HINT,
            Exit.NO_DEVICE,
            reports.document(runner.report),
        ) from None
    finally:
        for path, render in outputs:
            if path is not None:
                path.write_text(render(runner.report), encoding="utf-8")


def _tell(session: Session, report: Report) -> int:
    done = reports.document(report)
    if report.ended_early:
        if not session.json:
            reports.render(session.console, report)
        raise CommandError(report.ended_early, SILENT_HINT, Exit.LINK_LOST, done)
    session.emit(done, lambda console: reports.render(console, report))
    return Exit.OK if report.conforms else Exit.FINDING


def _check_names(names: tuple[str, ...]) -> None:
    try:
        chosen(names)
    except UnknownCheck as error:
        hint = f"Families are {', '.join(TITLES)}; docs/conformance.md lists the checks."
        raise CommandError(f"there is no check {error}", hint) from None


def _check_folder(path: Path | None) -> None:
    """Said now, not after a minute of checking."""
    if path is not None and not path.parent.is_dir():
        raise CommandError(f"there is no folder {path.parent}", "Make it, or name another file.")
