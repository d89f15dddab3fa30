"""`laserlink bench`: figures, each beside its limit or its peer, measured in the same run."""

import sys
from pathlib import Path
from typing import Any

import rich_click as click
from rich.console import Console
from rich.table import Table

from laserlink.tools.benchmarks.figure import Figure
from laserlink.tools.benchmarks.registry import BENCHMARKS
from laserlink.tools.benchmarks.report import costs, write
from laserlink.tools.session import CommandError, Exit, Session

# These need the ring, pseudo-terminals or Linux's accounts of a process.
LINUX_ONLY = (
    "link", "link-two-streams", "control-round-trip", "first-line", "serial-1m", "serial-3m", "serial-12m",
    "dng-write", "host-memory",
)  # fmt: skip


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME ...]", type=click.Choice(list(BENCHMARKS)))
@click.option("--report", is_flag=True, help="Write performance.md and its plot.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("docs"), show_default=True,
    metavar="DIR", help="Where the report goes.",
)  # fmt: skip
@click.pass_obj
def command(session: Session, names: tuple[str, ...], report: bool, out: Path) -> int:
    """Measure this machine: every figure, or the ones that are NAMED.

    Each stands beside its limit (memcpy, the capacity of a line) or what else one would use (a package),
    measured in turns in the same run. A package that is missing is said to be; `[bench]` installs them.
    """
    chosen = names or tuple(BENCHMARKS)
    if sys.platform != "linux" and (missing := sorted(set(chosen) & set(LINUX_ONLY))):
        raise CommandError(f"{', '.join(missing)} need Linux", "Name the others.")
    if report and not out.is_dir():
        raise CommandError(f"there is no folder {out}", "Run it in the repository, or give --out DIR.")
    figures = []
    with session.working(f"measuring {chosen[0]}") as tell:
        for name in chosen:
            tell(f"measuring {name}")
            figures.append(BENCHMARKS[name]())
        written = []
        if report:
            tell("measuring cost against size")
            written = write(out, figures, costs())
    document: dict[str, Any] = {"figures": [figure.document() for figure in figures]}
    if written:
        document["report"] = [str(path) for path in written]
    session.emit(document, lambda console: _render(console, figures, written))
    return Exit.OK


def _render(console: Console, figures: list[Figure], written: list[Path]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("figure", "measured", "against", "ratio", "goal", ""):
        numbers = name in ("measured", "ratio")
        table.add_column(name, justify="right" if numbers else "left", no_wrap=name != "against")
    marks = {True: "[green]reached[/green]", False: "[red]not reached[/red]", None: "not known"}
    for figure in figures:
        peer = "" if figure.against_value is None else f" {figure.against_value:.2f}"
        ratio = "-" if figure.ratio is None else f"{figure.ratio:.2f}"
        table.add_row(
            figure.name, f"{figure.value:.2f} {figure.unit}", figure.against + peer, ratio,
            figure.wanted.sign(), marks[figure.wanted.met(figure)],
        )  # fmt: skip
    console.print(table)
    for path in written:
        console.print(f"written: {path}", markup=False)
