"""`laserlink simulate`: both ends, one thread, virtual time, and every fault from a seed."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from hashlib import blake2b
from typing import Any

import rich_click as click
from rich.console import Console

from laserlink.protocol.timers import NS_PER_S
from laserlink.tools.executors import cluster_executor, local_executor
from laserlink.tools.fault_profiles import PROFILES, Plan, draw_plan
from laserlink.tools.session import CommandError, Exit, Session
from laserlink.tools.shrink import pytest_case, shrink
from laserlink.tools.simulator import Report, run_plan, run_seeds

# Every so many seeds one is run again, wherever that happens: its trace must be the same.
AGAIN_EVERY = 16
# Words about the progress: not for fewer sessions than these, and not more often in all.
TELL_EVERY = 20
TELLS_MAX = 100
FAILURES_SHOWN = 5


def parse_seeds(text: str) -> range:
    """A:B, from A to B - 1. Raises CommandError."""
    first, mark, end = text.partition(":")
    try:
        seeds = range(int(first), int(end) if mark else int(first) + 1)
    except ValueError:
        seeds = range(0)
    if not seeds or seeds.start < 0:
        raise CommandError(f"--seeds {text} are no seeds", "Write --seeds 0:500 for the first 500.")
    return seeds


@click.command()
@click.option("--seeds", metavar="A:B", default="0:100", show_default=True, help="From A to B - 1.")
@click.option("--faults", type=click.Choice(list(PROFILES)), default="all", show_default=True,
              help="What may go wrong.")  # fmt: skip
@click.option("--repro", type=click.IntRange(0), metavar="SEED", help="This seed alone, item by item.")
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Processes; default: one for each core.")
@click.option("--cluster", metavar="tcp://HOST:PORT", help="Run them on the workers of a Dask scheduler.")
@click.pass_obj
def command(
    session: Session, seeds: str, faults: str, repro: int | None, jobs: int | None, cluster: str | None
) -> int:
    """Run sessions of both real machines under faults that each seed draws, in virtual time.

    A session that breaks a rule is cut down to what it takes to break it, and printed with the command and
    the test that repeat it. Exit code 1 when there is one.
    """
    if cluster is not None and jobs is not None:
        raise CommandError("--jobs is for this machine, and --cluster for others", "Leave one of them out.")
    chosen = parse_seeds(seeds) if repro is None else range(repro, repro + 1)
    processes = min(jobs or os.cpu_count() or 1, len(chosen))
    with session.working(f"simulating {len(chosen)} sessions, faults: {faults}") as tell:
        with cluster_executor(cluster) if cluster is not None else local_executor(processes) as executor:
            reports = list(_told(run_seeds(chosen, faults, executor), len(chosen), tell))
            strays = list(_strays(reports, faults, executor))
        failures = [_failure(report, faults) for report in _failed(reports)[:FAILURES_SHOWN]]
    document = summary(reports) | {"failures": failures, "not_repeatable": strays}
    session.emit(document, lambda console: _render(console, document, faults, repro))
    return Exit.FINDING if _failed(reports) or strays else Exit.OK


def _told(reports: Iterable[Report], count: int, tell: Callable[[str], None]) -> Iterator[Report]:
    """The reports as they come in, with a word now and then."""
    every = max(TELL_EVERY, count // TELLS_MAX)
    failed = 0
    for number, report in enumerate(reports, 1):
        failed += report.failed
        if number % every == 0:
            tell(f"{number} of {count}, {failed} failed")
        yield report


def _failed(reports: Iterable[Report]) -> list[Report]:
    return [report for report in reports if report.failed]


def _strays(reports: list[Report], faults: str, executor: Executor) -> Iterator[int]:
    """Seeds that came out differently when they were run again: a sample, and all that failed."""
    sample = [one for number, one in enumerate(reports) if number % AGAIN_EVERY == 0 or one.failed]
    again = run_seeds((report.seed for report in sample), faults, executor)
    return (one.seed for one, two in zip(sample, again, strict=True) if one != two)


def summary(reports: list[Report]) -> dict[str, Any]:
    """What all sessions came to; the hash is over all of their traces."""
    traces = blake2b("".join(report.trace_hash for report in reports).encode(), digest_size=8)
    return {
        "sessions": len(reports),
        "images_exact": sum(report.images_exact for report in reports),
        "images_incomplete": sum(report.images_incomplete for report in reports),
        "wrong_bytes": sum(report.wrong_bytes for report in reports),
        "hangs": sum(report.hangs for report in reports),
        "violations": sum(len(report.violations) for report in reports),
        "faults_injected": sum(report.faults_injected for report in reports),
        "goodput_bps": goodput_bps(reports),
        "trace_hash": traces.hexdigest(),
        "virtual_seconds": round(sum(report.virtual_ns for report in reports) / NS_PER_S, 3),
    }


def goodput_bps(reports: list[Report]) -> int:
    """Bits of exact images a second, of the virtual time in which streams ran, over whole sessions."""
    streaming_ns = sum(report.streaming_ns for report in reports)
    return sum(report.image_bytes for report in reports) * 8 * NS_PER_S // max(1, streaming_ns)


def _failure(report: Report, faults: str) -> dict[str, Any]:
    """A failed session, cut down: what broke, what it takes, and how to repeat it."""
    rule = report.violations[0].rule
    plan = shrink(draw_plan(report.seed, faults), lambda part: _breaks(part, rule))
    return {
        "seed": report.seed,
        "violations": [str(violation) for violation in run_plan(plan).violations],
        "items": [str(item) for item in plan.items.values()],
        "command": f"laserlink simulate --faults {faults} --repro {report.seed}",
        "pytest": pytest_case(plan, faults, rule),
    }


def _breaks(plan: Plan, rule: str) -> bool:
    return rule in {violation.rule for violation in run_plan(plan).violations}


def _render(console: Console, document: dict[str, Any], faults: str, repro: int | None) -> None:
    if repro is not None:
        for number, item in draw_plan(repro, faults).items.items():
            console.print(f"{number:3d}  {item}", markup=False)
    for failure in document["failures"]:
        console.print(f"\n[bold red]seed {failure['seed']} failed[/bold red], and these items suffice:")
        for line in [*failure["items"], "", *failure["violations"][:5], "", failure["command"], ""]:
            console.print(line, markup=False)
        console.print(failure["pytest"], markup=False)
    for seed in document["not_repeatable"]:
        console.print(f"[bold red]seed {seed} ran differently the second time[/bold red]")
    console.print(
        f"{document['sessions']:,} sessions, {document['virtual_seconds']:,.0f} s of virtual time, "
        f"{document['faults_injected']:,} faults: {document['images_exact']:,} images exact, "
        f"{document['images_incomplete']:,} incomplete, {document['wrong_bytes']} wrong bytes, "
        f"{document['hangs']} hangs, {document['violations']} violations; trace {document['trace_hash']}"
    )
