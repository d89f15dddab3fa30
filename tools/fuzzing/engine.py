"""Fuzzing: engines that make inputs, and what is done with those that fail: saved, minimised, replayed.

There are two engines. `atheris` is libFuzzer, guided by the coverage of protocol, firmware_model and
host_driver, in a process of its own (`guided`). `seeded` is a loop of ours, guided by the features that
a target reports: the same run for the same seed everywhere.
"""

import hashlib
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from laserlink.tools.fuzzing import coverage, guided, programs
from laserlink.tools.fuzzing.coverage import Watch
from laserlink.tools.fuzzing.images import IMAGES
from laserlink.tools.fuzzing.machines import MACHINES
from laserlink.tools.fuzzing.oracles import Violation
from laserlink.tools.fuzzing.sessions import SESSION
from laserlink.tools.fuzzing.streams import STREAMS
from laserlink.tools.fuzzing.target import Target

TARGETS: dict[str, Target] = {target.name: target for target in (*STREAMS, IMAGES, *MACHINES, SESSION)}
# Until all seeds have run, every third input is one.
SEED_EVERY = 3
# How many of the inputs that show something new are watched: the first, and one for so many inputs.
WATCHED_FIRST, WATCHED_OF = 40, 1000
SLICE_SECONDS = 1.0
MINIMISE_SECONDS = 10.0
FINDINGS_MAX = 20


@dataclass(frozen=True)
class Finding:
    """An input that fails; `signature` is the same for inputs that fail alike."""

    data: bytes
    signature: str
    error: str

    def file_name(self, target: str) -> str:
        return f"crash-{target}-{hashlib.sha256(self.data).hexdigest()[:16]}.bin"


@dataclass
class Report:
    """What a run of an engine came to."""

    target: str
    engine: str
    seed: int
    runs: int = 0
    seconds: float = 0.0
    corpus: int = 0
    cpu_seconds: float | None = None
    coverage: dict[str, Any] = field(default_factory=dict)
    findings: dict[str, Finding] = field(default_factory=dict)

    def document(self, files: dict[str, str]) -> dict[str, Any]:
        """As it goes into JSON; `files` are the names under which the findings were saved, by signature."""
        return {
            "target": self.target,
            "engine": self.engine,
            "seed": self.seed,
            "runs": self.runs,
            "seconds": round(self.seconds, 3),
            "runs_per_second": round(self.runs / self.seconds) if self.seconds else 0,
            "cpu_seconds": None if self.cpu_seconds is None else round(self.cpu_seconds, 3),
            "corpus": self.corpus,
            "coverage": self.coverage,
            "crashes": [
                {
                    "file": files[name],
                    "signature": name,
                    "error": finding.error,
                    "bytes": len(finding.data),
                    "repro": f"laserlink fuzz {self.target} --repro {files[name]}",
                }
                for name, finding in self.findings.items()
            ],
        }


def try_input(target: Target, data: bytes) -> tuple[frozenset[str], Finding | None]:
    """Run one input; its features, or how it failed."""
    try:
        return target.run(data), None
    except Exception as error:
        return frozenset(), Finding(data, signature_of(error), f"{type(error).__name__}: {error}")


def signature_of(error: Exception) -> str:
    """Where and how it failed, without numbers: the rule that fell, or the line of ours that raised."""
    if isinstance(error, Violation):
        return error.rule
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "laserlink" in Path(frame.filename).parts] or frames
    place = f"{Path(ours[-1].filename).name}:{ours[-1].name}" if ours else "?"
    return f"{type(error).__name__} in {place}"


def read_corpus(folder: Path | None) -> list[bytes]:
    """The inputs that lie in a folder, in the order of their names."""
    if folder is None or not folder.is_dir():
        return []
    return [path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()]


def keep(folder: Path | None, data: bytes) -> None:
    """Add an input to a folder, under the name of its digest."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{hashlib.sha256(data).hexdigest()[:16]}.bin").write_bytes(data)


def cover(target: Target, inputs: list[bytes]) -> list[bytes]:
    """The small ones of the inputs that together show every feature that all of them show."""
    seen: set[str] = set()
    kept = []
    for data in sorted(set(inputs), key=lambda item: (len(item), item)):
        features, finding = try_input(target, data)
        if finding is None and not features <= seen:
            seen |= features
            kept.append(data)
    return kept


@dataclass(frozen=True)
class Limits:
    """When to stop: after so many seconds, or runs; None: no limit of that kind."""

    seconds: float | None = None
    runs: int | None = None

    def reached(self, seconds: float, runs: int) -> bool:
        return (self.runs is not None and runs >= self.runs) or (
            self.seconds is not None and seconds >= self.seconds
        )

    def slice(self, seconds: float, runs: int) -> "Limits":
        """The next second of what is left after so many seconds and runs."""
        left = SLICE_SECONDS if self.seconds is None else min(SLICE_SECONDS, self.seconds - seconds)
        return Limits(left, None if self.runs is None else self.runs - runs)


class Seeded:
    """Our own engine: seeds, and mutations of everything that showed something new. It may stop and go on."""

    def __init__(self, target: Target, seed: int, corpus: Path | None = None) -> None:
        self.target = target
        self.findings: dict[str, Finding] = {}
        self.runs = 0
        self.seconds = self.cpu_seconds = 0.0
        self.seen: set[str] = set()
        self.watch = Watch()
        self._watched = 0
        self._seed = seed
        self._corpus = corpus
        self._random = Random(seed)
        self._pool: list[bytes] = []
        self._waiting = [*read_corpus(corpus), *target.seeds()]
        self._random.shuffle(self._waiting)

    def run(self, limits: Limits) -> None:
        """Go on for so many seconds, or inputs more."""
        began, began_cpu, runs = time.monotonic(), time.process_time(), self.runs
        while not limits.reached(time.monotonic() - began, self.runs - runs):
            if len(self.findings) >= FINDINGS_MAX:
                break
            self.step()
        self.seconds += time.monotonic() - began
        self.cpu_seconds += time.process_time() - began_cpu

    def step(self) -> None:
        """One input."""
        fresh = bool(self._waiting) and (not self._pool or self.runs % SEED_EVERY == 0)
        data = self._waiting.pop() if fresh else self._mutated()
        features, finding = try_input(self.target, data)
        self.runs += 1
        if finding is not None:
            self.findings.setdefault(finding.signature, finding)
            return
        is_new = not features <= self.seen
        if is_new:
            self.seen |= features
            keep(self._corpus, data)
            self._watch(data)
        if is_new or fresh:
            self._pool.append(data)

    def _watch(self, data: bytes) -> None:
        """Run it once more, noting lines: ten times as long, so it is for the first and some others."""
        if self._watched < WATCHED_FIRST + self.runs // WATCHED_OF:
            self._watched += 1
            self.watch.run(self.target.run, data)

    def _mutated(self) -> bytes:
        parent = self._random.choice(self._pool) if self._pool else b""
        return self.target.mutate(parent, self._random, self.target.bytes_max)

    def report(self) -> Report:
        """What it came to so far."""
        report = Report(self.target.name, "seeded", self._seed, self.runs, self.seconds, len(self._pool))
        report.cpu_seconds = self.cpu_seconds
        report.findings = dict(self.findings)
        report.coverage = {
            "kind": "features", "count": len(self.seen), "lines": coverage.summary(self.watch.lines),
        }  # fmt: skip
        return report


def run_seeded(
    target: Target,
    limits: Limits,
    seed: int,
    corpus: Path | None = None,
    tell: Callable[[str], None] | None = None,
) -> Report:
    """One target by our own engine, until a limit."""
    engine = Seeded(target, seed, corpus)
    while not limits.reached(engine.seconds, engine.runs) and len(engine.findings) < FINDINGS_MAX:
        engine.run(limits.slice(engine.seconds, engine.runs))
        if tell is not None:
            tell(
                f"{target.name}: {engine.runs} runs, {len(engine.seen)} features, "
                f"{len(engine.findings)} crashes"
            )
    return engine.report()


def run_guided(
    target: Target, limits: Limits, seed: int, corpus: Path | None, tell: Callable[[str], None]
) -> Report:
    """The atheris engine. Raises RuntimeError when it does not run."""
    facts, failed = guided.run_atheris(
        target.name, target.bytes_max, limits.seconds, limits.runs, seed, corpus, tell
    )
    report = Report(target.name, "atheris", seed, facts["runs"], facts["seconds"], facts["corpus"])
    report.coverage = {"kind": "edges", "count": facts["edges"]}
    for data in failed:
        _, finding = try_input(target, data)
        # What fails there and not here: a run that took too long, or memory that ran out.
        finding = finding or Finding(data, "only under atheris", facts["last"])
        report.findings.setdefault(finding.signature, finding)
    return report


# --- crashes ---


def minimise(target: Target, finding: Finding, seconds: float = MINIMISE_SECONDS) -> Finding:
    """The smallest input found, in the time, that fails in the same way: first by parts, then by bytes."""
    end = time.monotonic() + seconds

    def fails(data: bytes) -> bool:
        if time.monotonic() > end:
            return False
        _, found = try_input(target, data)
        return found is not None and found.signature == finding.signature

    data = finding.data
    if target.is_program:
        program = programs.Program.parse(data)
        if fails(bytes(program)):
            ops = shrink(
                list(program.ops), lambda ops: fails(bytes(programs.Program(program.base, tuple(ops))))
            )
            data = bytes(programs.Program(program.base, tuple(ops)))
    smaller = bytes(shrink(list(data), lambda items: fails(bytes(items))))
    _, again = try_input(target, smaller)
    return again or finding


def shrink(items: list[Any], fails: Callable[[list[Any]], bool]) -> list[Any]:
    """The items without all those that can be left out, in halves, quarters and so on (delta debugging)."""
    size = max(1, len(items) // 2)
    while items:
        at, removed = 0, False
        while at < len(items):
            fewer = items[:at] + items[at + size :]
            if fails(fewer):
                items, removed = fewer, True
            else:
                at += size
        if size == 1 and not removed:
            break
        size = size if removed and size == 1 else max(1, size // 2)
    return items


def save(finding: Finding, target: str, folder: Path) -> Path:
    """Write an input that fails. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / finding.file_name(target)
    path.write_bytes(finding.data)
    return path
