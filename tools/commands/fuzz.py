"""`laserlink fuzz`: inputs that nobody meant, for every part of the protocol, and for a device on a port."""

import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rich_click as click
from click import exceptions
from rich.console import Console
from rich.text import Text

from laserlink.tools.executors import local_executor
from laserlink.tools.fuzzing import guided
from laserlink.tools.fuzzing.engine import (
    TARGETS,
    Finding,
    Limits,
    Report,
    minimise,
    run_guided,
    run_seeded,
    save,
    try_input,
)
from laserlink.tools.fuzzing.everything import ALL, run_all
from laserlink.tools.fuzzing.port import PORT, fuzz_port, repro_port
from laserlink.tools.fuzzing.target import Target
from laserlink.tools.session import CommandError, Exit, Session

DEFAULT_SECONDS = 10.0
ENGINES = ("auto", "atheris", "seeded")


@click.command()
@click.argument("name", metavar="TARGET", type=click.Choice([*TARGETS, ALL, PORT]))
@click.argument("url", required=False)
@click.option("--time", "seconds", type=click.FloatRange(0.1), metavar="S", help="Seconds to fuzz; 10.")
@click.option("--runs", type=click.IntRange(1), metavar="N",
              help="Inputs to try, instead of a time; with all: for each target.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), metavar="N", help="Where chance begins; random, and printed.")
@click.option("--repro", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
              help="Try this input alone: exit code 1 while it fails, 0 when it does not.")  # fmt: skip
@click.option("--corpus", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
              help="Begin with the inputs in DIR too, and add those that show something new.")  # fmt: skip
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=".", metavar="DIR",
              help="Where inputs that fail are saved; here.")  # fmt: skip
@click.option("--engine", type=click.Choice(ENGINES), default="auto",
              help="auto: atheris where it is installed, else our own loop.")  # fmt: skip
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Processes for all; one for each core.")
@click.pass_obj
def command(
    session: Session, name: str, url: str | None, seconds: float | None, runs: int | None, seed: int | None,
    repro: Path | None, corpus: Path | None, out: Path, engine: str, jobs: int | None,
) -> None:  # fmt: skip
    """Try inputs that nobody meant, and save those that break a rule.

    TARGET is framer, messages, images (fast and slow path agree), module, host or session (both ends, hostile
    bytes between them); all of these together, on every core, by our own engine; or port, with the URL of a
    device: it gets hostile frames, and must stay alive. A device is never sent an update. Exit code 1 when
    anything failed.
    """
    if name == ALL and (repro is not None or engine == "atheris"):
        raise click.UsageError("--repro needs the target itself, and --engine atheris too: not all")
    if jobs is not None and name != ALL:
        raise click.UsageError("--jobs means nothing to one target")
    if (url is None) == (name == PORT):
        raise click.UsageError("port needs the URL of a device, and nothing else takes one")
    if repro is not None and (runs, seconds, seed, corpus) != (None,) * 4:
        raise click.UsageError(
            "--repro tries one input: --runs, --time, --seed and --corpus mean nothing to it"
        )
    seed = secrets.randbits(31) if seed is None else seed
    limits = Limits(DEFAULT_SECONDS if seconds is None and runs is None else seconds, runs)
    if url is not None:
        if corpus is not None or engine != "auto":
            raise click.UsageError("--corpus and --engine mean nothing to a port")
        document = _port(session, url, limits, seed, repro, out)
    elif repro is not None:
        document = _repro(TARGETS[name], repro)
    elif name == ALL:
        document = _fuzz_all(session, limits, seed, corpus, out, jobs or os.cpu_count() or 1)
    else:
        document = _fuzz(session, TARGETS[name], limits, seed, corpus, out, engine)
    session.emit(document, lambda console: _render(console, document))
    if document["crashes"]:
        raise exceptions.Exit(Exit.FINDING)


def _fuzz(
    session: Session, target: Target, limits: Limits, seed: int, corpus: Path | None, out: Path, engine: str
) -> dict[str, Any]:
    """Fuzz, then make what failed small, and save it."""
    with session.working(f"fuzzing {target.name} with seed {seed}") as tell:
        report = _run(target, limits, seed, corpus, engine, tell)
        return _saved(report, target, out)


def _saved(report: Report, target: Target, out: Path) -> dict[str, Any]:
    """The report, its findings made small and saved."""
    report.findings = {name: minimise(target, finding) for name, finding in report.findings.items()}
    files = {name: str(save(finding, target.name, out)) for name, finding in report.findings.items()}
    return report.document(files)


def _fuzz_all(
    session: Session, limits: Limits, seed: int, corpus: Path | None, out: Path, jobs: int
) -> dict[str, Any]:
    """Fuzz every target in several processes; `targets` has the part of each."""
    with session.working(f"fuzzing all targets with seed {seed}") as tell:
        with local_executor(jobs) as executor:
            whole, reports = run_all(executor, jobs, limits, seed, corpus, tell)
        targets = [_saved(report, TARGETS[report.target], out) for report in reports]
    crashes = [crash for target in targets for crash in target.pop("crashes")]
    return whole.document({}) | {"jobs": jobs, "targets": targets, "crashes": crashes}


def _run(
    target: Target, limits: Limits, seed: int, corpus: Path | None, engine: str, tell: Callable[[str], None]
) -> Report:
    if engine == "seeded" or (engine == "auto" and not guided.is_installed()):
        return run_seeded(target, limits, seed, corpus, tell)
    if not guided.is_installed():
        raise CommandError(
            "atheris is not installed", "pip install 'laserlink[fuzz]' (Linux).", Exit.MISSING_EXTRA
        )
    return run_guided(target, limits, seed, corpus, tell)


def _repro(target: Target, path: Path) -> dict[str, Any]:
    """Try one input, and say how it went."""
    data = path.read_bytes()
    report = Report(target.name, "repro", 0, runs=1, corpus=1)
    began = time.monotonic()
    features, finding = try_input(target, data)
    report.seconds = time.monotonic() - began
    report.coverage = {"kind": "features", "count": len(features)}
    if finding is not None:
        report.findings[finding.signature] = finding
    return report.document(dict.fromkeys(report.findings, str(path)))


def _port(
    session: Session, url: str, limits: Limits, seed: int, repro: Path | None, out: Path
) -> dict[str, Any]:
    """Fuzz a device, or try one batch of bytes on it again."""
    began = time.monotonic()
    with session.working(f"fuzzing {url} with seed {seed}") as tell:
        if repro is not None:
            seen, violation, batch = repro_port(url, repro.read_bytes())
        else:
            seen, violation, batch = fuzz_port(url, limits, seed, tell)
    report = Report(
        PORT, "port" if repro is None else "repro", seed, runs=seen.sent, seconds=time.monotonic() - began
    )
    report.coverage = {"kind": "message types answered", "count": len(seen.types)}
    files = {}
    if violation is not None:
        finding = Finding(batch, violation.rule, str(violation))
        report.findings[violation.rule] = finding
        files[violation.rule] = str(repro or save(finding, PORT, out))
    facts = {"url": url, "batches": seen.batches, "received": seen.received, "errors": seen.errors,
             "attaches": seen.attaches}  # fmt: skip
    return report.document(files) | facts


def _render(console: Console, document: dict[str, Any]) -> None:
    """What was done, what was reached, and what failed."""
    for part in document.get("targets", ()):
        console.print(f"  {part['target']}: {part['runs']} runs, {part['coverage']['count']} features")
    coverage = document["coverage"]
    console.print(
        f"{document['target']}: {document['runs']} runs in {document['seconds']:.1f} s "
        f"({document['runs_per_second']}/s, {document['engine']}, seed {document['seed']}), "
        f"{coverage['count']} {coverage['kind']}, {len(document['crashes'])} crashes"
    )
    if lines := {part: seen for part, seen in coverage.get("lines", {}).items() if seen["reached"]}:
        shares = (f"{part} {seen['reached']} of {seen['of']}" for part, seen in lines.items())
        console.print(f"  lines reached: {', '.join(shares)}")
    for crash in document["crashes"]:
        console.print(Text(f"  {crash['error']}", style="red"), soft_wrap=True)
        console.print(Text(f"  {crash['repro']}"), soft_wrap=True)
