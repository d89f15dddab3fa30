"""The package as it is installed: everything is in it, it is this tree, and it imports everywhere."""

import importlib
import importlib.metadata
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
FOLDERS: dict[str, str] = PROJECT["tool"]["setuptools"]["package-dir"]
SHIPPED = (".py", ".pyi", ".toml", ".typed")

# Imports every module of the package as if this were Windows. Libraries come first, for they look at the
# platform too; then our own modules are refused whatever only POSIX has.
IMPORT_ALL = """
import builtins, importlib, sys
import construct, crcmod, numpy, PIL.Image, PIL.ImageDraw, PIL.ImageFont, rich_click, rich.console, tifffile
import asyncio, concurrent.futures, mmap, serial.tools.list_ports, subprocess, tempfile
posix_only = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "termios", "tty"}
real = builtins.__import__
def refuse(name, globals=None, *rest):
    if name in posix_only and (globals or {}).get("__name__", "").startswith("laserlink"):
        raise ModuleNotFoundError(f"no module named {name} here")
    return real(name, globals, *rest)
builtins.__import__ = refuse
sys.platform = "win32"
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


def shipped() -> dict[str, Path]:
    """What must be installed: the name below site-packages, and the file in this tree."""
    files = {}
    for package, folder in FOLDERS.items():
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in SHIPPED or path.name == "py.typed":
                files[f"{package.replace('.', '/')}/{path.relative_to(ROOT / folder).as_posix()}"] = path
    return files


def modules() -> list[str]:
    names = [name.removesuffix(".py").replace("/", ".") for name in shipped() if name.endswith(".py")]
    return sorted(name.removesuffix(".__init__") for name in names)


@pytest.fixture
def distribution() -> importlib.metadata.Distribution:
    # Looked for where packages are installed: a build leaves its own metadata in the repository.
    found = list(importlib.metadata.distributions(name="laserlink", path=[sysconfig.get_path("purelib")]))
    if not found:
        reason = "laserlink is not installed in this environment (make install)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found[0]


def test_every_folder_with_code_is_a_package() -> None:
    """pyproject.toml lists the packages that the folders hold, no more and no less."""
    found = {
        name.removesuffix("/__init__.py").replace("/", ".")
        for name in shipped()
        if name.endswith("__init__.py")
    }
    assert found == set(PROJECT["tool"]["setuptools"]["packages"])


def test_every_package_says_that_it_is_typed() -> None:
    """A type checker of a user looks for py.typed in each package of the namespace."""
    assert all((ROOT / folder / "py.typed").is_file() for folder in FOLDERS.values())


def test_what_is_installed_is_this_tree(distribution: importlib.metadata.Distribution) -> None:
    """Every file is installed as it stands here, and nothing that is gone is left."""
    installed = {
        str(file): file.locate() for file in distribution.files or () if str(file).startswith("laserlink/")
    }
    installed = {name: path for name, path in installed.items() if "__pycache__" not in name}
    kernels = {name for name in installed if name.startswith("laserlink/cext/_kernels.")}
    expected = shipped()
    assert set(installed) - kernels == set(expected)
    assert [
        name for name, path in expected.items() if Path(installed[name]).read_bytes() != path.read_bytes()
    ] == []
    assert all(name.endswith((".so", ".pyd")) for name in kernels)


def test_the_command_leads_to_a_function(distribution: importlib.metadata.Distribution) -> None:
    """The entry point `laserlink` can be loaded and called."""
    (script,) = distribution.entry_points.select(group="console_scripts", name="laserlink")
    assert callable(script.load())


@pytest.mark.parametrize("wish", [None, "no"], ids=["kernels", "reference"])
def test_everything_imports_where_there_is_no_posix(wish: str | None) -> None:
    """On macOS and Windows, and without the compiled kernels, an import never fails."""
    environment = {name: value for name, value in os.environ.items() if name != "LASERLINK_CEXT"}
    if wish is not None:
        environment["LASERLINK_CEXT"] = wish
    command = [sys.executable, "-W", "error", "-c", IMPORT_ALL, *modules()]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_changelog_knows_the_version() -> None:
    """The newest entry of CHANGELOG.md is the version of the package."""
    newest = re.search(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == PROJECT["project"]["version"]


def test_the_makefile_asks_for_the_python_that_we_need() -> None:
    """One minimum version of Python: the Makefile's check and the package's metadata agree."""
    needed = PROJECT["project"]["requires-python"].removeprefix(">=")
    assert f"Python {needed} or later" in (ROOT / "Makefile").read_text()
