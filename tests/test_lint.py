"""ruff, mypy --strict and the layer rules, run as tests: the tree is clean, or the run fails."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = [f"laserlink.{name}" for name in ("cext", "protocol", "firmware_model", "host_driver", "tools")]
BIN = Path(sys.executable).parent


def run(*command: str) -> None:
    """Run a tool of the environment in the repository; what it says is the reason of the failure."""
    done = subprocess.run(
        [BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.fail(f"{' '.join(command)}\n{done.stdout}{done.stderr}", pytrace=False)


def test_ruff_finds_nothing() -> None:
    """Style and common mistakes, by the rules in pyproject.toml."""
    run("ruff", "check", ".")


def test_ruff_would_change_nothing() -> None:
    """One layout for all Python: `ruff format` leaves the tree as it is."""
    run("ruff", "format", "--check", ".")


def test_types_are_strict() -> None:
    """mypy --strict on the installed packages."""
    run("mypy", *(word for package in PACKAGES for word in ("-p", package)))


def test_layers_hold() -> None:
    """The import contracts of pyproject.toml: who may import whom."""
    run("lint-imports", "--config", "pyproject.toml", "--no-cache")
