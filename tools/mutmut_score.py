"""Runs the tests on mutmut's mutants of protocol/ and of both machines: which code could be wrong unseen?

    python -m laserlink.tools.mutmut_score [--only protocol/framer.py] [--sample 1000] [--json FILE]

The mutants are mutmut's, each one function with one change. mutmut's own runner cannot see through the
folders (`protocol/` is `laserlink.protocol`), and collects the tests again for each mutant; `mutant_runner`
does not. A function gets the code of its mutant in place, so that whoever holds the function already runs it.

What a function did while modules were imported is done when a mutant is put in place. So a survivor whose
function ran at import meets the tests again, in a process that imports the mutated source in the first place.
"""

import argparse
import ast
import copy
import cProfile
import difflib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import inspect
import json
import math
import os
import random
import re
import sys
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest

from laserlink.tools.mutant_runner import LIMIT, Session, in_forks, repeatable_examples, run

# What both sans-I/O machines are made of, beside protocol/.
MACHINES = {
    "firmware_model": ("actions", "bulk", "controls", "focus", "identity", "job", "machine", "power", "runs",
                       "services", "stream", "timing", "training"),
    "host_driver": ("actions", "assembly", "controls", "events", "identity", "machine", "power", "stream",
                    "timing"),
}  # fmt: skip
HAPPENINGS = {
    "firmware_model": "tests/exhaustive/test_module_happenings.py",
    "host_driver": "tests/exhaustive/test_host_happenings.py",
}
# Tests of cores: none needs a port, a thread or another process.
TESTS = (
    "tests/protocol",
    *(f"tests/{folder}/test_{name}.py" for folder, names in MACHINES.items() for name in names),
    "tests/firmware_model/test_table.py", "tests/host_driver/test_table.py",
    *HAPPENINGS.values(),
    "tests/exhaustive/test_every_message.py", "tests/tools/test_stepper.py",
)  # fmt: skip
# mutmut's names of a mutant: of a function, and of a method.
NAME = re.compile(r"x(?:_|ǁ(?P<owner>\w+?)ǁ)(?P<function>\w+)__mutmut_(?P<number>\d+)")
COLD_SECONDS_MAX = 300.0


@dataclass(frozen=True)
class FunctionMutant:
    """A function with one change: `definition` is what mutmut made of it, `source` the file it is in."""

    source: str
    owner: str
    function: str
    number: int
    line: int
    change: str
    definition: ast.FunctionDef = field(compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.source}:{self.line} {self.qualified} #{self.number}: {self.change}"

    @property
    def qualified(self) -> str:
        """The function's name within its module."""
        return f"{self.owner}.{self.function}" if self.owner else self.function

    @property
    def module(self) -> str:
        """The module's name."""
        return "laserlink." + self.source.removesuffix(".py").replace("/", ".")

    @property
    def touched(self) -> Hashable:
        """The function that a test must have called."""
        return self.module, self.qualified

    @property
    def homes(self) -> tuple[str, ...]:
        """The test module of the source, and what is written for its machine."""
        folder, _, name = self.source.rpartition("/")
        own = f"tests/{folder}/test_{name}"
        return (own, HAPPENINGS[folder]) if folder in HAPPENINGS else (own,)

    def apply(self) -> None:
        """Give the function the mutant's code, wherever it is held."""
        module = importlib.import_module(self.module)
        function = _plain(module, self.owner, self.function)
        mutant = self._compiled(module, function)
        function.__code__ = mutant.__code__
        function.__defaults__ = mutant.__defaults__
        function.__kwdefaults__ = mutant.__kwdefaults__

    def _compiled(self, module: ModuleType, function: FunctionType) -> FunctionType:
        definition = copy.deepcopy(self.definition)
        definition.decorator_list = []
        definition.returns = None
        for node in ast.walk(definition.args):
            if isinstance(node, ast.arg):
                node.annotation = None
        if "__class__" in function.__code__.co_freevars:
            # The code of a method that calls super() has a cell, and may only be replaced by one that has it.
            definition.body.append(ast.Expr(ast.Name("__class__", ast.Load())))
        body: ast.stmt = definition
        if self.owner:
            body = ast.ClassDef(self.owner, bases=[], keywords=[], body=[definition], decorator_list=[])
        tree = ast.fix_missing_locations(ast.Module([body], type_ignores=[]))
        names = dict(vars(module))
        exec(compile(tree, self.source, "exec"), names)
        holder = names[self.owner] if self.owner else names
        return holder[self.function] if isinstance(holder, dict) else _plain(holder, "", self.function)

    def mutated_module(self, path: Path) -> CodeType:
        """The whole module with the mutant in the function's place."""
        tree = ast.parse(path.read_text())
        for body, _, node in _functions(tree):
            if (node.lineno, node.name) == (self.line, self.function):
                definition = copy.deepcopy(self.definition)
                definition.decorator_list = node.decorator_list
                body[body.index(node)] = definition
                return compile(ast.fix_missing_locations(tree), str(path), "exec")
        raise LookupError(f"no function {self.qualified} in {path}")


def _plain(holder: Any, owner: str, name: str) -> FunctionType:
    """The function itself: not bound, not wrapped as a static or class method."""
    if owner:
        holder = getattr(holder, owner)
    found = inspect.getattr_static(holder, name)
    plain = getattr(found, "__func__", found)
    assert isinstance(plain, FunctionType)
    return plain


def _functions(tree: ast.Module) -> Iterator[tuple[list[ast.stmt], str, ast.FunctionDef]]:
    """Functions of a module and methods of its classes, each with the body it stands in, and its owner."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield tree.body, "", node
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    yield node.body, node.name, inner


def mutants_of(source: str, root: Path) -> Iterator[FunctionMutant]:
    """mutmut's mutants of one file, without those that compile to the same code."""
    text = (root / source).read_text()
    with _configured():
        made = importlib.import_module("mutmut.mutation.file_mutation").mutate_file_contents(source, text)
    originals = {(owner, node.name): node for _, owner, node in _functions(ast.parse(text))}
    for _, _, node in _functions(ast.parse(made.code)):
        name = NAME.fullmatch(node.name)
        if name:
            original = originals[name["owner"] or "", name["function"]]
            node.name = original.name
            yield FunctionMutant(
                source, name["owner"] or "", name["function"], int(name["number"]), original.lineno,
                _change(original, node), node,
            )  # fmt: skip


def all_mutants(files: Sequence[str], root: Path, jobs: int) -> list[FunctionMutant]:
    """The mutants of all these files, in their order."""

    def of(source: str) -> list[FunctionMutant]:
        return list(mutants_of(source, root))

    made = dict(in_forks([(partial(of, source), math.inf) for source in files], jobs, silent=False))
    return [mutant for _, mutants in sorted(made.items()) for mutant in mutants or ()]


@contextmanager
def _configured() -> Iterator[None]:
    """mutmut with its own settings, whatever stands in the folder that we are in."""
    settings: Any = importlib.import_module("mutmut.configuration")
    before = settings._guess_source_paths
    settings._guess_source_paths = lambda: ["."]
    try:
        yield
    finally:
        settings._guess_source_paths = before


def _change(before: ast.FunctionDef, after: ast.FunctionDef) -> str:
    old, new = (ast.unparse(ast.Module(node.body, [])).splitlines() for node in (before, after))
    old, new = ([ast.unparse(node.args), *lines] for node, lines in ((before, old), (after, new)))
    changed = list(difflib.unified_diff(old, new, n=0, lineterm=""))[2:]
    return "  ".join(f"{line[0]} {line[1:].strip()}" for line in changed if line[0] in "-+")


@contextmanager
def functions_called() -> Iterator[set[Hashable]]:
    """The functions of the package that are called meanwhile, as `FunctionMutant.touched` names them."""
    touched: set[Hashable] = set()
    profile = cProfile.Profile(builtins=False, subcalls=False)
    profile.enable()
    try:
        yield touched
    finally:
        profile.disable()
        codes = [entry.code for entry in profile.getstats() if isinstance(entry.code, CodeType)]
        names = {
            getattr(module, "__file__", None): name
            for name, module in sys.modules.items()
            if name.startswith("laserlink.")
        }
        # What is defined in a function belongs to it.
        touched.update(
            (names[code.co_filename], code.co_qualname.split(".<locals>")[0])
            for code in codes
            if code.co_filename in names
        )


class MutatedLoader(importlib.machinery.SourceFileLoader):
    """Loads a module with the mutant in the function's place."""

    def __init__(self, mutant: FunctionMutant, path: Path) -> None:
        super().__init__(mutant.module, str(path))
        self.mutant = mutant

    def get_code(self, fullname: str) -> CodeType:
        """What is run instead of the module."""
        return self.mutant.mutated_module(Path(self.path))


class MutatedImport(importlib.abc.MetaPathFinder):
    """Finds one module mutated."""

    def __init__(self, mutant: FunctionMutant, root: Path) -> None:
        self.mutant = mutant
        self.path = root / mutant.source

    def find_spec(self, name: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        """Nothing for any other module."""
        if name != self.mutant.module:
            return None
        loader = MutatedLoader(self.mutant, self.path)
        return importlib.util.spec_from_file_location(name, self.path, loader=loader)


class Repeatable:
    """A pytest plugin for runs that nobody watches."""

    def pytest_configure(self) -> None:
        """pytest's hook: nothing is collected yet."""
        repeatable_examples()


def killed_from_import(mutant: FunctionMutant, root: Path, tests: Sequence[str]) -> str:
    """Import everything with the mutant in place, and run the tests; what killed it, "" when it survived."""
    sys.meta_path.insert(0, MutatedImport(mutant, root))
    options = ["-x", "-qq", "-p", "no:cacheprovider", "-p", "no:xdist"]
    code = pytest.main([*options, *tests], plugins=[Repeatable()])
    return "" if code == pytest.ExitCode.OK else "a test of everything, from import"


def measure(mutants: Sequence[FunctionMutant], tests: Sequence[str], jobs: int, root: Path) -> list[str]:
    """What killed each mutant; "" when it survived. Survivors are printed as they are found."""
    # In a fork, so that this process can still import the mutated modules.
    ((_, found),) = in_forks([(partial(_met_by_tests, mutants, tests, jobs), math.inf)], 1, silent=False)
    if found is None:
        raise RuntimeError("the tests could not be run")
    killers, imported = found
    again = [
        index for index, mutant in enumerate(mutants) if not killers[index] and mutant.touched in imported
    ]
    works = []
    for index in again:
        home = mutants[index].homes[0]
        near = [test for test in tests if test.startswith("/".join(home.split("/")[:2]))]
        chosen = [*([home] if (root / home).is_file() else []), *(near or tests)]
        works.append((partial(killed_from_import, mutants[index], root, chosen), COLD_SECONDS_MAX))
    for position, killer in in_forks(works, jobs):
        index = again[position]
        killers[index] = LIMIT if killer is None else killer
        if not killer and killer is not None:
            print(f"survived: {mutants[index]}", flush=True)
    return killers


def _met_by_tests(
    mutants: Sequence[FunctionMutant], tests: Sequence[str], jobs: int
) -> tuple[list[str], frozenset[Hashable]]:
    """What killed each mutant that was put in place after import; and what was called during import."""
    killers = [""] * len(mutants)
    numbers = {id(mutant): number for number, mutant in enumerate(mutants)}

    def work(session: Session) -> None:
        for done, (mutant, killer) in enumerate(session.survivors(mutants), 1):
            killers[numbers[id(mutant)]] = killer
            if not killer and mutant.touched not in session.imported:
                print(f"survived: {mutant}", flush=True)
            if done % 500 == 0:
                print(f"{done} of {len(mutants)}", file=sys.stderr, flush=True)

    session = Session(functions_called, jobs, work)
    run(tests, session)
    return killers, session.imported


def wilson_percent(killed: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share, in percent (Wilson, JASA 22, 1927)."""
    z, share = 1.96, killed / count
    middle = share + z * z / (2 * count)
    reach = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    scale = 100 / (1 + z * z / count)
    return round((middle - reach) * scale, 1), round((middle + reach) * scale, 1)


def score(mutants: Sequence[FunctionMutant], killers: Sequence[str]) -> dict[str, Any]:
    """Counts, score and survivors, for people and JSON."""
    killed = sum(map(bool, killers))
    return {
        "mutants": len(mutants), "killed": killed, "score_percent": round(100 * killed / len(mutants), 1),
        "survivors": [str(mutant) for mutant, killer in zip(mutants, killers, strict=True) if not killer],
    }  # fmt: skip


def sources(root: Path) -> list[str]:
    """The files that are mutated: protocol/ and both machines."""
    protocol = [path.relative_to(root).as_posix() for path in sorted((root / "protocol").rglob("*.py"))]
    return [*protocol, *(f"{folder}/{name}.py" for folder, names in MACHINES.items() for name in names)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print survivors and scores; 1 when the score is below the wanted one."""
    parser = argparse.ArgumentParser(
        description="Run the tests on mutmut's mutants of protocol/ and the machines."
    )
    parser.add_argument("--only", action="append", metavar="FILE", help="only the mutants of this file")
    parser.add_argument("--sample", type=int, metavar="N", help="only N mutants, drawn evenly")
    parser.add_argument(
        "--again", type=Path, metavar="FILE", help="only what survived the run that wrote FILE"
    )
    parser.add_argument("--seed", type=int, default=1, help="what the sample is drawn with")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--wanted", type=float, default=90.0, help="the score in percent that is enough")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("tests", nargs="*", default=TESTS, help="what is run instead of the cores' tests")
    options = parser.parse_args(arguments)
    root = Path.cwd()
    mutants = all_mutants(options.only or sources(root), root, options.jobs)
    if options.again:
        survivors = set(json.loads(options.again.read_text())["survivors"])
        mutants = [mutant for mutant in mutants if str(mutant) in survivors]
    total = len(mutants)
    if options.sample:
        mutants = random.Random(options.seed).sample(mutants, min(options.sample, total))
    if not mutants:
        parser.error("there are no such mutants")
    killers = measure(mutants, [test for test in options.tests if (root / test).exists()], options.jobs, root)
    whole = score(mutants, killers)
    for folder in dict.fromkeys(mutant.source.split("/")[0] for mutant in mutants):
        part = [
            pair for pair in zip(mutants, killers, strict=True) if pair[0].source.startswith(f"{folder}/")
        ]
        killed = sum(bool(killer) for _, killer in part)
        print(f"{folder}: {killed} of {len(part)} killed, {100 * killed / len(part):.1f} %")
    print("{killed} of {mutants} killed, {score_percent} %".format(**whole))
    if len(mutants) < total:
        whole["interval_percent"] = wilson_percent(whole["killed"], len(mutants))
        least, most = whole["interval_percent"]
        print(f"a sample of {len(mutants)} of {total} mutants; 95 % interval: {least} to {most} %")
    if options.json:
        options.json.write_text(json.dumps(whole, indent=2) + "\n")
    return int(whole["score_percent"] < options.wanted)


if __name__ == "__main__":
    sys.exit(main())
