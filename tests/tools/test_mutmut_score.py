"""laserlink.tools.mutmut_score: mutmut's mutants are found, put in place, and met by tests."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from served import WAIT_SECONDS

from laserlink.protocol import octets
from laserlink.tools import mutmut_score
from laserlink.tools.mutmut_score import (
    FunctionMutant,
    MutatedImport,
    functions_called,
    mutants_of,
    sources,
    wilson_percent,
)

ROOT = Path(__file__).parents[2]
SOURCE = '''"""A module of its own."""

FIRST = []


def add(one: int, other: int = 1) -> int:
    """The sum."""
    return one + other


class Base:
    def double(self) -> int:
        return 2


class Counter(Base):
    def double(self) -> int:
        return super().double() * 3

    @classmethod
    def made(cls) -> "Counter":
        FIRST.append(1)
        return cls()

    @staticmethod
    def least() -> int:
        return 7


COUNTER = Counter.made()
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a module `laserlink.sample_of_mutants`, and the mutants' view of it."""
    (tmp_path / "sample_of_mutants.py").write_text(SOURCE)
    return tmp_path


def imported(mutant: FunctionMutant, root: Path) -> dict[str, object]:
    """What the mutated module holds when it is imported with the mutant in place."""
    finder = MutatedImport(mutant, root)
    spec = finder.find_spec(mutant.module, None)
    assert spec and spec.loader and finder.find_spec("laserlink.protocol", None) is None
    names: dict[str, object] = {"__name__": mutant.module}
    exec(spec.loader.get_code(mutant.module), names)  # type: ignore[attr-defined]
    return names


def test_mutants_are_single_changes_of_functions(package: Path) -> None:
    """Each says where it is, what it changes, and which tests come first."""
    mutants = list(mutants_of("sample_of_mutants.py", package))
    names = {mutant.qualified for mutant in mutants}
    assert names == {"add", "Base.double", "Counter.double", "Counter.made", "Counter.least"}
    (minus,) = [mutant for mutant in mutants if "one - other" in mutant.change]
    assert (minus.line, minus.touched) == (6, ("laserlink.sample_of_mutants", "add"))
    assert str(minus) == (
        f"sample_of_mutants.py:6 add #{minus.number}: - return one + other  + return one - other"
    )


def test_a_mutant_takes_the_place_of_its_function_wherever_that_is_held(package: Path) -> None:
    """Functions, their defaults, methods that call super(), class and static methods; no import anew."""
    for mutant in mutants_of("sample_of_mutants.py", package):
        module = type(sys)(mutant.module)
        exec(SOURCE, vars(module))
        held = module.add, module.COUNTER.double, module.Counter.made, module.Counter.least
        before = (held[0](2), held[0](2, 2), held[1](), module.FIRST[-1], held[3]())
        sys.modules[mutant.module] = module
        try:
            mutant.apply()
            try:
                held[2]()
                after = (held[0](2), held[0](2, 2), held[1](), module.FIRST[-1], held[3]())
            except Exception as error:
                after = (error,)
        finally:
            del sys.modules[mutant.module]
        assert before != after, mutant


def test_a_module_can_be_imported_with_its_mutant(package: Path) -> None:
    """What ran at import ran mutated."""
    mutants = [mutant for mutant in mutants_of("sample_of_mutants.py", package) if mutant.owner == "Counter"]
    made = next(mutant for mutant in mutants if "FIRST.append(2)" in mutant.change)
    assert imported(made, package)["FIRST"] == [2]


def test_calls_are_noted_and_what_a_function_defines_is_its_own() -> None:
    """By module and qualified name; functions of others are none of ours."""
    with functions_called() as touched:
        octets.octets(b"abc")
        json.dumps([1])
    assert touched - {("laserlink.tools.mutmut_score", "functions_called")} == {
        ("laserlink.protocol.octets", "octets")
    }


def test_every_machine_module_that_is_named_exists() -> None:
    """So does every test file; protocol/ is there as a whole."""
    files = sources(ROOT)
    assert all((ROOT / source).is_file() for source in files)
    assert {"protocol/framer.py", "protocol/messages/layout.py", "host_driver/machine.py"} <= set(files)
    assert all((ROOT / test).exists() for test in mutmut_score.TESTS)


def test_interval_of_a_sample() -> None:
    """Wilson's, by his own formula: nine of ten and nine hundred of a thousand."""
    assert wilson_percent(9, 10) == (59.6, 98.2)
    assert wilson_percent(900, 1000) == (88.0, 91.7)


def test_score_is_printed_and_written(tmp_path: Path) -> None:
    """A whole run on one small module: survivors are named, and what is wanted decides the exit code."""
    out = tmp_path / "score.json"
    options = ["--only", "protocol/octets.py", "--json", str(out), "--wanted", "100", "--jobs", "2"]
    result = subprocess.run(
        [sys.executable, "-m", "laserlink.tools.mutmut_score", *options, "tests/protocol/test_octets.py"],
        cwd=ROOT, capture_output=True, text=True, timeout=WAIT_SECONDS, check=False,
    )  # fmt: skip
    assert result.returncode == 1, result.stderr
    document = json.loads(out.read_text())
    assert 0 < document["killed"] < document["mutants"]
    assert len(document["survivors"]) == document["mutants"] - document["killed"]
    assert result.stdout.count("survived: protocol/octets.py:14 octets") == len(document["survivors"])
    again = tmp_path / "again.json"
    options[3:] = [str(again), "--again", str(out)]
    subprocess.run(
        [sys.executable, "-m", "laserlink.tools.mutmut_score", *options, "tests/protocol/test_octets.py"],
        cwd=ROOT, capture_output=True, timeout=WAIT_SECONDS, check=False,
    )  # fmt: skip
    assert json.loads(again.read_text())["survivors"] == document["survivors"]
    assert json.loads(again.read_text())["mutants"] == len(document["survivors"])


def test_a_function_that_ran_at_import_is_met_from_import(tmp_path: Path) -> None:
    """limits.py fills its list as it is imported: its mutants are killed by what the list says."""
    out = tmp_path / "score.json"
    options = ["--only", "protocol/limits.py", "--json", str(out), "--wanted", "0", "--sample", "2"]
    result = subprocess.run(
        [sys.executable, "-m", "laserlink.tools.mutmut_score", *options, "tests/protocol/test_limits.py"],
        cwd=ROOT, capture_output=True, text=True, timeout=WAIT_SECONDS, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert json.loads(out.read_text())["killed"] > 0
    assert "a sample of 2 of " in result.stdout
