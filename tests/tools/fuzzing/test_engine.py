"""laserlink.tools.fuzzing.engine: the same seed is the same run; what fails is made small, and saved."""

import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from laserlink.tools.fuzzing import guided
from laserlink.tools.fuzzing.engine import (
    TARGETS,
    Finding,
    Limits,
    Report,
    cover,
    minimise,
    read_corpus,
    run_guided,
    run_seeded,
    save,
    shrink,
    signature_of,
    try_input,
)
from laserlink.tools.fuzzing.oracles import Violation, require
from laserlink.tools.fuzzing.programs import Kind, Op, Program
from laserlink.tools.fuzzing.target import Features, Target

CORPUS = Path(__file__).parents[2] / "corpus"
CORPUS_BYTES_MAX = 200_000


def run_brittle(data: bytes) -> Features:
    """Breaks at an FF that follows a 7, and at nothing else."""
    require(b"\x07\xff" not in data, "seven is not followed by FF", len(data))
    return frozenset(f"byte {byte}" for byte in data)


def mutate_brittle(data: bytes, random: Random, size_max: int) -> bytes:
    return (data + bytes((random.choice((1, 7, 0xFF)),)))[-size_max:]


BRITTLE = Target("framer", "for tests", run_brittle, lambda: [b"", b"a"], mutate_brittle, 40)


def test_every_target_has_a_corpus_of_its_own() -> None:
    """The corpus has a folder for each target and no other, and is small."""
    assert sorted(path.name for path in CORPUS.iterdir()) == sorted(TARGETS)
    sizes = [path.stat().st_size for path in CORPUS.rglob("*.bin")]
    assert 0 < sum(sizes) < CORPUS_BYTES_MAX


@pytest.mark.parametrize("name", ["framer", "module"])
def test_the_same_seed_is_the_same_run(name: str) -> None:
    """Two runs of a seed agree in all that does not depend on the clock; another seed does not."""
    reports = [
        replace(run_seeded(TARGETS[name], Limits(runs=150), seed), seconds=0.0, cpu_seconds=0.0)
        for seed in (5, 5, 6)
    ]
    assert reports[0] == reports[1]
    assert replace(reports[2], seed=5) != reports[0]


def test_limits() -> None:
    """A run ends at its time, at its number of inputs, or at twenty kinds of findings: what comes first."""
    assert Limits(runs=3).reached(99.0, 3) and not Limits(runs=3).reached(99.0, 2)
    assert Limits(seconds=1.0).reached(1.0, 0) and not Limits(seconds=1.0, runs=5).reached(0.9, 4)
    report = run_seeded(TARGETS["framer"], Limits(seconds=0.2), seed=1)
    assert 0.2 <= report.seconds < 5.0

    def run(data: bytes) -> Features:
        raise Violation(f"rule {len(data)}")

    assert len(run_seeded(replace(BRITTLE, run=run), Limits(runs=10_000), seed=1).findings) <= 20


def test_a_crash_is_found_made_small_and_saved(tmp_path: Path) -> None:
    """A rule that falls is one finding, however often; the smallest input that breaks it is two bytes."""
    report = run_seeded(BRITTLE, Limits(runs=2000), seed=2)
    (finding,) = report.findings.values()
    small = minimise(BRITTLE, finding)
    assert small.data == b"\x07\xff"
    path = save(small, "framer", tmp_path / "new")
    assert path.read_bytes() == small.data
    assert path.name == small.file_name("framer")
    document = report.document({finding.signature: str(path)})
    assert document["crashes"][0]["repro"] == f"laserlink fuzz framer --repro {path}"
    assert (document["runs"], document["engine"]) == (2000, "seeded")


def test_programs_lose_their_operations_first() -> None:
    """Of a program that fails, the operations that have nothing to do with it go."""

    def run(data: bytes) -> Features:
        ops = Program.parse(data).ops
        require(not any(op.kind is Kind.WORLD for op in ops), "no world")
        return frozenset()

    ops = (*(Op(Kind.BYTES, b"abc"),) * 9, Op(Kind.WORLD, b"\1\2\3"), Op(Kind.WAIT, bytes(4)))
    target = replace(BRITTLE, name="module", run=run, is_program=True)
    _, finding = try_input(target, bytes(Program(3, ops)))
    assert finding is not None
    assert len(minimise(target, finding).data) <= 1 + len(bytes(Op(Kind.WORLD)))
    assert minimise(target, finding, seconds=0.0) == finding


def test_shrink_keeps_what_is_needed() -> None:
    """Items that are needed together stay, in their order, and nothing else does."""
    assert shrink(list(range(50)), lambda items: {7, 30, 31} <= set(items)) == [7, 30, 31]
    assert shrink([1, 2], lambda items: True) == []
    assert shrink([], lambda items: True) == []


def test_signatures_tell_findings_apart() -> None:
    """A rule by its name, another error by its type and place; neither by its numbers."""

    def signature(number: int) -> str:
        try:
            raise ValueError(number)
        except ValueError as error:
            return signature_of(error)

    assert signature_of(Violation("rule", 1)) == signature_of(Violation("rule", 2)) == "rule"
    assert signature(1) == signature(2) == "ValueError in test_engine.py:signature"


def test_a_corpus_grows_by_what_is_new(tmp_path: Path) -> None:
    """Inputs that show something new are added to the folder, and begin the next run; a cover is small."""
    run_seeded(BRITTLE, Limits(runs=30), seed=3, corpus=tmp_path / "corpus")
    inputs = read_corpus(tmp_path / "corpus")
    shown = frozenset[str]().union(*(run_brittle(data) for data in inputs))
    assert shown >= {"byte 1", "byte 7"}
    kept = cover(BRITTLE, [*inputs, b"\x01" * 30, b"\x07\xff"])
    assert b"\x01" * 30 not in kept and b"\x07\xff" not in kept
    assert frozenset[str]().union(*(run_brittle(data) for data in kept)) == shown
    told: list[str] = []
    report = run_seeded(
        BRITTLE, Limits(runs=len(inputs) + 2), seed=3, corpus=tmp_path / "corpus", tell=told.append
    )
    assert report.corpus <= len(inputs) + 2
    assert read_corpus(None) == read_corpus(tmp_path / "none") == []


def test_findings_of_atheris_are_sorted_by_what_they_are_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails here too is named by its rule; what does not, by what atheris said last."""

    def run_atheris(*args: object) -> tuple[dict[str, object], list[bytes]]:
        facts = {"runs": 9, "seconds": 1.0, "corpus": 2, "edges": 77, "last": "ALARM: 20 seconds"}
        return facts, [b"fine", b"\x07\xff", b"x\x07\xff"]

    monkeypatch.setattr(guided, "run_atheris", run_atheris)
    report = run_guided(BRITTLE, Limits(runs=9), 1, None, lambda text: None)
    assert set(report.findings) == {"only under atheris", "seven is not followed by FF"}
    assert report.findings["only under atheris"] == Finding(
        b"fine", "only under atheris", "ALARM: 20 seconds"
    )
    assert isinstance(report, Report) and report.coverage == {"kind": "edges", "count": 77}
    assert "atheris" not in sys.modules
