"""What the written style says and a machine can count: lengths, imports, names of tests, links, commands."""

import ast
import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from laserlink.tools.cli import COMMANDS

ROOT = Path(__file__).parents[1]
PACKAGES = ("cext", "protocol", "firmware_model", "host_driver", "tools")
FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 500

# Time and chance come into the cores as arguments; ports and threads belong to the shells around them.
CORES = ("protocol", "firmware_model", "host_driver")
SHELLS = ("firmware_model/serve/", "host_driver/lanes/", "host_driver/camera.py")
NOT_IN_CORES = {"time", "random", "os", "socket", "serial", "threading", "asyncio", "secrets"}
NOT_IN_CORES |= {
    "laserlink.firmware_model.serve",
    "laserlink.host_driver.lanes",
    "laserlink.host_driver.camera",
}
# The one door of the host's package: it names the Camera, and imports it when somebody asks for it.
DOOR = "host_driver/__init__.py"

# Modules without a test module of their own, and why.
UNTESTED: dict[str, str] = {}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def texts() -> Iterator[Path]:
    """Every text file that a person wrote or a generator made for the repository."""
    hidden = (ROOT / ".ci", ROOT / ".gitignore")
    top = [path for path in ROOT.iterdir() if not path.name.startswith(".") or path in hidden]
    for path in top:
        inside = [path] if path.is_file() else path.rglob("*")
        if path.name in ("build", "dist") or path.suffix == ".egg-info":
            continue
        yield from (item for item in inside if item.is_file() and is_text(item))


def is_text(path: Path) -> bool:
    built = "__pycache__" in path.parts or path.name in ("_kernels.c", "_kernels.html")
    return not built and path.suffix not in (".so", ".pyd", ".png", ".jpg", ".dng", ".npy", ".raw", ".bin")


def sources(*suffixes: str, folders: tuple[str, ...] = PACKAGES) -> list[Path]:
    found = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in suffixes]
    return sorted(path for path in found if is_text(path))


MODULES = sources(".py", ".pyx")
PYTHON = sources(".py")
TESTS = sources(".py", folders=("tests",))
CORE_MODULES = [path for path in sources(".py", folders=CORES) if not name_of(path).startswith(SHELLS)]


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name and number of lines of each function in a file, whatever its language."""
    text = path.read_text()
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
                yield node.name, node.end_lineno - node.lineno + 1
    else:
        yield from (blocks_of_c if path.suffix in (".c", ".h") else blocks_of_cython)(text.splitlines())


def blocks_of_c(lines: list[str]) -> Iterator[tuple[str, int]]:
    """From a line at the margin that ends with a brace to the brace at the margin."""
    start: int | None = None
    for number, line in enumerate(lines):
        if start is None and re.match(r"\w.*\{$", line):
            start = number
        elif start is not None and line.startswith("}"):
            yield lines[start], number - start + 1
            start = None


def blocks_of_cython(lines: list[str]) -> Iterator[tuple[str, int]]:
    """From a def to the last line that is indented deeper."""
    for start, line in enumerate(lines):
        match = re.match(r"( *)(?:def|cpdef|cdef (?!class )[^=]*\() ?(\w*)", line)
        if not match:
            continue
        last = start
        for number, later in enumerate(lines[start + 1 :], start + 1):
            if not later.strip():
                continue
            depth = len(later) - len(later.lstrip())
            if depth <= len(match[1]) and not later.lstrip().startswith(")"):
                break
            last = number
        yield line.strip(), last - start + 1


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module that a piece of Python imports, and every name that it takes from one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def mirrored(path: Path) -> str:
    """The name of the test module of a source module: protocol/crc.py has tests/protocol/test_crc.py."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return "/".join(("tests", *parts[:-1], f"test_{parts[-1].strip('_')}.py"))


def needs_test(path: Path) -> bool:
    """Whether there is something to prove: an __init__ with nothing but a docstring has nothing."""
    return path.stem != "__init__" or any(functions(path))


@pytest.mark.parametrize(
    "path", [*sources(".py", ".pyx", ".h", ".c"), *TESTS, ROOT / "setup.py"], ids=name_of
)
def test_functions_are_short(path: Path) -> None:
    """No function is longer than 60 lines, in Python, Cython or C."""
    assert [item for item in functions(path) if item[1] > FUNCTION_LINES_MAX] == []


@pytest.mark.parametrize("path", sources(".py", ".pyx", ".h", ".c"), ids=name_of)
def test_files_are_short(path: Path) -> None:
    """No source file is longer than 500 lines."""
    assert len(path.read_text().splitlines()) <= FILE_LINES_MAX


def test_lengths_are_measured_in_all_three_languages() -> None:
    """The counters of C and Cython see what they should, so that the limit means something."""
    assert list(blocks_of_c(["static int f(int a)", "int g(void) {", "    return 1;", "}"])) == [
        ("int g(void) {", 3)
    ]
    lines = ["cdef int f(", "    int a,", ") noexcept nogil:", "    return a", "", "def g():", "    pass"]
    assert list(blocks_of_cython(lines)) == [("cdef int f(", 4), ("def g():", 2)]


@pytest.mark.parametrize("path", CORE_MODULES, ids=name_of)
def test_cores_know_no_time_and_no_chance(path: Path) -> None:
    """A core imports no clock, no chance, no port, no thread, and no shell of its own package."""
    allowed = NOT_IN_CORES & {"laserlink.host_driver.camera"} if name_of(path) == DOOR else set()
    assert set(imports(ast.parse(path.read_text()))) & (NOT_IN_CORES - allowed) == set()


def test_imports_are_absolute() -> None:
    """Nothing imports a bare `protocol` or `tools`, and nothing imports relative to itself."""
    for path in [*PYTHON, *TESTS]:
        tree = ast.parse(path.read_text())
        assert {name.split(".")[0] for name in imports(tree)} & set(PACKAGES) == set(), name_of(path)
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level], (
            name_of(path)
        )


@pytest.mark.parametrize("path", [path for path in MODULES if needs_test(path)], ids=name_of)
def test_every_module_has_its_test_module(path: Path) -> None:
    """The tests mirror the sources, one module for one module."""
    assert (ROOT / mirrored(path)).is_file() != (name_of(path) in UNTESTED), mirrored(path)


def test_every_test_module_has_its_source() -> None:
    """No test module is left behind by a source that moved; only tests of the tree itself have none."""
    expected = {mirrored(path) for path in [*MODULES, *sources(".h")]}
    folders = {ROOT / "tests", ROOT / "tests" / "independent", ROOT / "tests" / "exhaustive"}
    about_the_tree = {path for path in TESTS if path.parent in folders}
    left = {name_of(path) for path in TESTS if path.name.startswith("test_") and path not in about_the_tree}
    assert left - expected == set()


@pytest.mark.parametrize("path", TESTS, ids=name_of)
def test_every_test_says_what_it_proves(path: Path) -> None:
    """Each test function opens with a docstring."""
    tests = [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    assert [node.name for node in tests if not ast.get_docstring(node)] == []


@pytest.mark.parametrize("package", [*PACKAGES, "firmware_model/serve", "host_driver/lanes"])
def test_every_package_states_its_layer(package: str) -> None:
    """Each package opens with what it is and what it may import."""
    docstring = ast.get_docstring(ast.parse((ROOT / package / "__init__.py").read_text())) or ""
    assert re.search(r"[Mm]ay import|imports nothing of ours", docstring), docstring


@pytest.mark.parametrize("path", sorted(texts()), ids=name_of)
def test_nothing_is_left_half_done_or_local(path: Path) -> None:
    """No note to do something later, and no path of somebody's machine."""
    words = "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3))
    folders = "|".join(("wo" + "rk", "ro" + "ot", "ho" + "me"))
    pattern = rf"\b(?:{words})\b|(?<![\w.$}}])/(?:{folders})/"
    assert [line for line in path.read_text().splitlines() if re.search(pattern, line)] == []


def test_generated_files_are_fresh() -> None:
    """What is made from the declarations is what they make now."""
    # Imported here, so that generators that do not even load fail this test alone.
    generators = importlib.import_module("laserlink.tools.generate")
    assert generators.generate(ROOT, check=True) == []


DOCUMENTS = [path for path in sorted(texts()) if path.suffix == ".md"]


def blocks(path: Path, language: str) -> list[str]:
    """The fenced code of a language in a document."""
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)


def shell_lines(program: str) -> list[str]:
    """The lines of all documents that run a program, without what follows a comment sign or a pipe."""
    text = "\n".join(block for path in DOCUMENTS for block in blocks(path, "sh"))
    lines = re.findall(rf"^(?:.*\| )?(?:\.venv/bin/)?{program} .*", text, re.MULTILINE)
    return [line[line.index(program) :] for line in lines]


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    """Every relative link of a document leads to a file of the repository."""
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text())
    links += re.findall(r"<img [^>]*src=\"([^\":]+)\"", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_python_in_documents_imports_what_exists(path: Path) -> None:
    """Python code of a document can be parsed, and every name that it imports is there."""
    for block in blocks(path, "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module:
                module = importlib.import_module(node.module)
                assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


def test_every_decision_is_in_the_index() -> None:
    """The index of decisions links every page, once."""
    folder = ROOT / "docs" / "decisions"
    linked = re.findall(r"\]\((\d{4}-[^)]+)\)", (folder / "README.md").read_text())
    assert sorted(linked) == sorted(path.name for path in folder.glob("0*.md"))


def test_names_in_the_architecture_exist() -> None:
    """The tour names modules, methods and functions that are there."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    everything = "\n".join(path.read_text() for path in MODULES)
    files = {path.name for path in [*MODULES, *TESTS]}
    assert set(re.findall(r"(\w+\.py)\b", text)) <= files
    names = {
        name
        for pair in re.findall(r"`([A-Z][a-z]\w+)(?:\.(\w+))?(?:\([^`]*)?`", text)
        for name in pair
        if name
    }
    assert len(names) > 20
    defined = re.compile(r"^\s*(?:cdef )?(?:class|def|cpdef) (\w+)", re.MULTILINE)
    assert names - set(defined.findall(everything)) == set()


def test_tests_in_documents_pass() -> None:
    """A test that a document shows is one that passes."""
    found: dict[str, Any] = {}
    for path in DOCUMENTS:
        for block in blocks(path, "python"):
            if "def test_" in block:
                exec(compile(block, name_of(path), "exec"), found)
    shown = [value for name, value in found.items() if name.startswith("test_")]
    assert shown
    for test in shown:
        test()


def test_make_commands_of_documents_exist() -> None:
    """Every `make` line of a document names targets of the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    lines = shell_lines("make")
    assert lines
    for line in lines:
        words = [word for word in shlex.split(line, comments=True)[1:] if "=" not in word]
        assert set(words) <= targets, line


def test_laserlink_commands_of_documents_exist() -> None:
    """Every `laserlink` line of a document is one that its command would parse."""
    lines = shell_lines("laserlink")
    assert lines
    for line in lines:
        words = shlex.split(re.split(r" [|>] ", line)[0], comments=True)[1:]
        while words and words[0].startswith("-"):
            words.pop(0)
        assert words[0] in COMMANDS, line
        command: click.Command = importlib.import_module(f"laserlink.tools.commands.{words[0]}").command
        command.make_parser(click.Context(command)).parse_args(words[1:])
