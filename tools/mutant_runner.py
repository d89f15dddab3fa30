"""Runs the tests on mutants of the program: collected once, watched once, and then a fork for each mutant.

Collecting takes seconds and most mutants die within milliseconds, so everything is imported before the first
fork. Each test is watched once on the program as it is: what it takes, and what it touches. A mutant then
meets only the tests that touched what it changes, those of its own test modules first, the quickest first,
until one fails. Time and memory are limited, as a mutant may well loop for ever. Hypothesis takes the same
examples each time, so that a score can be repeated.
"""

import gc
import importlib
import math
import os
import pickle
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Collection, Generator, Hashable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby, pairwise
from typing import IO, Any, Protocol, TypeVar

import pytest

if sys.platform != "win32":
    import resource

# What a survivor may cost: tests of its homes, and then others, are begun until those that were run take this
# long on the program as it is.
HOME_SECONDS_MAX = 20.0
OTHER_SECONDS_MAX = 10.0
# After so many cases of one test function, another has its turn.
CASES_IN_TURN = 16
# What a mutant gets beside five times what its tests take.
LEAST_SECONDS = 10.0
# No mutant is worth the machine: beyond this much memory it fails.
MEMORY_BYTES_MAX = 4 << 30
LIMIT = "its limit of time or memory"

T = TypeVar("T")
Watch = Callable[[], AbstractContextManager[set[Hashable]]]


class Mutant(Protocol):
    """One change of the program."""

    @property
    def touched(self) -> Hashable:
        """What a test must have touched, in the words of the watch, to notice the change."""

    @property
    def homes(self) -> tuple[str, ...]:
        """The test modules that are asked first."""

    def apply(self) -> None:
        """Make the change, for good: called in a process that ends after it."""


M = TypeVar("M", bound=Mutant)


@dataclass(frozen=True)
class Watched:
    """One test on the program as it is."""

    name: str
    seconds: float
    touched: frozenset[Hashable]


@dataclass(eq=False)
class Session:
    """A pytest plugin in place of pytest's loop over the tests; `work` is done when all is collected.

    RuntimeError when a test fails without any mutant.
    """

    watch: Watch
    jobs: int
    work: Callable[["Session"], None]
    items: list[pytest.Item] = field(default_factory=list)
    tests: list[Watched] = field(default_factory=list)
    imported: frozenset[Hashable] = frozenset()
    failed: str = ""
    error: Exception | None = None

    def pytest_configure(self) -> None:
        """pytest's hook: nothing is collected yet."""
        repeatable_examples()

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self) -> Generator[None, object, object]:
        """pytest's hook: what is touched while modules are imported, no test sees anew."""
        with self.watch() as touched:
            result = yield
        self.imported = frozenset(touched)
        return result

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """pytest's hook: everything is imported and collected."""
        try:
            if session.testsfailed:
                raise RuntimeError("the tests cannot be collected")
            self.items = session.items
            # A collection in a fork would touch, and so copy, everything that it shares.
            gc.freeze()
            self.tests = self._watch_all()
            print(f"{len(self.tests)} tests", file=sys.stderr, flush=True)
            self.work(self)
        except Exception as error:
            self.error = error
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """pytest's hook: a part of a test has ended."""
        if report.failed:
            self.failed = report.nodeid

    def survivors(self, mutants: Sequence[M]) -> Iterator[tuple[M, str]]:
        """Each mutant, in the order in which they end, with what killed it; "" when it survived."""
        works, met = [], []
        for mutant in mutants:
            chosen = self.tests_for(mutant)
            if not chosen:
                yield mutant, ""
                continue
            met.append(mutant)
            seconds = LEAST_SECONDS + 5 * sum(self.tests[index].seconds for index in chosen)
            works.append((partial(self._killer, mutant, chosen), seconds))
        for index, killer in in_forks(works, self.jobs):
            yield met[index], LIMIT if killer is None else killer

    def tests_for(self, mutant: Mutant) -> list[int]:
        """The tests that meet a mutant, those of its homes first.

        Quick ones first, but not hundreds of cases of one function before another has its turn.
        """
        touching = [index for index, test in enumerate(self.tests) if mutant.touched in test.touched]
        cases: Counter[str] = Counter()
        ranked = []
        for index in touching:
            cases[self._function_of(index)] += 1
            ranked.append(
                (cases[self._function_of(index)] // CASES_IN_TURN, self.tests[index].seconds, index)
            )
        chosen: dict[bool, list[int]] = {True: [], False: []}
        spent = {True: 0.0, False: 0.0}
        for _, seconds, index in sorted(ranked):
            near = any(home in self.tests[index].name for home in mutant.homes)
            if spent[near] < (HOME_SECONDS_MAX if near else OTHER_SECONDS_MAX):
                chosen[near].append(index)
                spent[near] += seconds
        return chosen[True] + chosen[False]

    def _killer(self, mutant: Mutant, chosen: Sequence[int]) -> str:
        mutant.apply()
        for index, following in pairwise([*chosen, None]):
            assert index is not None
            if not self._passes(index, following):
                break
        return self.failed

    def _passes(self, index: int, following: int | None) -> bool:
        item = self.items[index]
        item.ihook.pytest_runtest_protocol(
            item=item, nextitem=None if following is None else self.items[following]
        )
        return not self.failed

    def _watch_all(self) -> list[Watched]:
        """Each test function in a fork: what tests keep for later would hide what the later ones touch.

        The cases of one function share what they touch.
        """
        groups = [list(group) for _, group in groupby(range(len(self.items)), self._function_of)]
        watched = dict(in_forks([(partial(self._watch, group), math.inf) for group in groups], self.jobs))
        found = [test for number in range(len(groups)) for test in watched[number] or ()]
        if len(found) != len(self.items):
            failed = [self._function_of(groups[number][0]) for number, tests in watched.items() if not tests]
            raise RuntimeError(f"these fail without any mutant: {', '.join(failed)}")
        return found

    def _function_of(self, index: int) -> str:
        return self.items[index].nodeid.split("[")[0]

    def _watch(self, group: Sequence[int]) -> list[Watched]:
        """Nothing when a test fails."""
        seconds = []
        with self.watch() as touched:
            for index, following in pairwise([*group, None]):
                assert index is not None
                began = time.perf_counter()
                if not self._passes(index, following):
                    return []
                seconds.append(time.perf_counter() - began)
        pairs = zip(group, seconds, strict=True)
        return [Watched(self.items[index].nodeid, taken, frozenset(touched)) for index, taken in pairs]


def run(tests: Collection[str], session: Session) -> None:
    """Collect the tests and let the session work."""
    options = ["-qq", "-s", "-p", "no:cacheprovider", "-p", "no:xdist"]
    code = pytest.main([*options, *tests], plugins=[session])
    if session.error:
        raise session.error
    if not session.items:
        raise RuntimeError(f"no tests in {' '.join(tests)} (pytest's code {code})")


def repeatable_examples() -> None:
    """Hypothesis takes the same examples each time, and does not look for the smallest one that fails."""
    hypothesis: Any = importlib.import_module("hypothesis")
    hypothesis.settings.register_profile(
        "mutants", derandomize=True, database=None, deadline=None,
        phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
    )  # fmt: skip
    hypothesis.settings.load_profile("mutants")


def in_forks(
    works: Iterable[tuple[Callable[[], T], float]], jobs: int, silent: bool = True
) -> Iterator[tuple[int, T | None]]:
    """Do each work in a fork, `jobs` at a time, within its seconds of CPU time.

    Each with its index, as they end: what it returned, or None when it did not live to return.
    """
    running: dict[int, tuple[int, IO[bytes]]] = {}
    waiting = enumerate(works)
    exhausted = False
    while running or not exhausted:
        while not exhausted and len(running) < jobs:
            index, (work, seconds) = next(waiting, (-1, (None, 0.0)))
            if work is None:
                exhausted = True
            else:
                answer: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
                running[_fork(work, seconds, answer, silent)] = (index, answer)
        if running:
            child, status = os.wait()
            index, answer = running.pop(child)
            with answer:
                answer.seek(0)
                yield index, pickle.load(answer) if status == 0 else None


def _fork(work: Callable[[], Any], seconds: float, answer: IO[bytes], silent: bool) -> int:
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        if silent:
            silence = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silence, 1)
            os.dup2(silence, 2)
        if seconds != math.inf:
            limit = int(seconds) + 1
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
            resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
        pickle.dump(work(), answer)
        answer.flush()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)
