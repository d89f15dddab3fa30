"""All targets in one run: time and cores are shared, so that each target gets its part.

Each process has an engine for every target, and gives them slices of its time in turn: first to a target that
is behind the number of inputs that each must get, then by weight. What fails, and what was reached, is one
report in the end.
"""

import gc
import time
from collections.abc import Callable
from concurrent.futures import Executor, wait
from dataclasses import dataclass
from pathlib import Path

from laserlink.tools.fuzzing import coverage
from laserlink.tools.fuzzing.coverage import Lines
from laserlink.tools.fuzzing.engine import TARGETS, Limits, Report, Seeded

ALL = "all"
# Shares of the time. An input of the first two takes a hundred microseconds, of the others a millisecond.
WEIGHTS = {"framer": 10, "messages": 10, "images": 3, "module": 4, "host": 3, "session": 6}
# Inputs for each target in a second of one core, whatever else runs: 114,000 in ten minutes of two cores.
FLOOR_PER_SECOND = 95
SLICE_SECONDS = 0.25
GARBAGE_OBJECTS = 50_000
TELL_SECONDS = 5.0


@dataclass(frozen=True)
class Share:
    """What one process did: a report, features and lines of each target."""

    reports: dict[str, Report]
    features: dict[str, set[str]]
    lines: dict[str, Lines]


def next_engine(engines: list[Seeded]) -> Seeded:
    """Who gets the next slice: the one most behind its floor, else that with the least time by weight."""
    floor = max(1.0, sum(engine.cpu_seconds for engine in engines) * FLOOR_PER_SECOND)
    last = min(engines, key=lambda engine: engine.runs)
    if last.runs < floor:
        return last
    return min(engines, key=lambda engine: engine.cpu_seconds / WEIGHTS[engine.target.name])


def run_share(limits: Limits, seed: int, corpus: Path | None) -> Share:
    """The part of one process. `limits.runs` is for each target."""
    # Every input leaves some thousand objects: collecting them less often is a tenth of the time.
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS)
    engines = [Seeded(TARGETS[name], seed, corpus and corpus / name) for name in WEIGHTS]
    began = time.monotonic()
    if limits.runs is not None:
        for engine in engines:
            engine.run(Limits(runs=limits.runs))
    while limits.runs is None and not limits.reached(time.monotonic() - began, 0):
        next_engine(engines).run(Limits(SLICE_SECONDS))
    return Share(
        {engine.target.name: engine.report() for engine in engines},
        {engine.target.name: engine.seen for engine in engines},
        {engine.target.name: engine.watch.lines for engine in engines},
    )


def run_all(
    executor: Executor, jobs: int, limits: Limits, seed: int, corpus: Path | None, tell: Callable[[str], None]
) -> tuple[Report, list[Report]]:
    """Fuzz every target in `jobs` processes; the whole, and one report for each target.

    With `limits.runs`, each target gets that many inputs, the processes together.
    """
    runs = None if limits.runs is None else -(-limits.runs // jobs)
    began = time.monotonic()
    futures = [
        executor.submit(run_share, Limits(limits.seconds, runs), seed + index * 0x9E3779B1, corpus)
        for index in range(jobs)
    ]
    while wait(futures, TELL_SECONDS).not_done:
        tell(f"{time.monotonic() - began:.0f} s in {jobs} processes")
    shares = [future.result() for future in futures]
    reports = [merge(name, seed, shares) for name in WEIGHTS]
    whole = Report(ALL, "seeded", seed, sum(report.runs for report in reports), time.monotonic() - began)
    whole.cpu_seconds = sum(report.cpu_seconds or 0.0 for report in reports)
    whole.corpus = sum(report.corpus for report in reports)
    whole.coverage = {
        "kind": "features",
        "count": sum(report.coverage["count"] for report in reports),
        "lines": coverage.summary(
            coverage.union([lines for share in shares for lines in share.lines.values()])
        ),
    }
    return whole, reports


def merge(name: str, seed: int, shares: list[Share]) -> Report:
    """One report of a target from those of all processes; its seconds are those of all of them."""
    parts = [share.reports[name] for share in shares]
    report = Report(name, "seeded", seed)
    for part in parts:
        report.runs += part.runs
        report.seconds += part.seconds
        report.cpu_seconds = (report.cpu_seconds or 0.0) + (part.cpu_seconds or 0.0)
        report.corpus += part.corpus
        report.findings = part.findings | report.findings
    report.coverage = {
        "kind": "features",
        "count": len(set().union(*(share.features[name] for share in shares))),
        "lines": coverage.summary(coverage.union([share.lines[name] for share in shares])),
    }
    return report
