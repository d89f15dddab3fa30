"""Which lines of the protocol and of both machines were reached, without an instrumenting library.

Only some inputs that showed something new are watched, so that it costs little: figures are a lower bound.
Counted are lines inside functions; what runs at import proves nothing.
"""

import inspect
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from pkgutil import walk_packages
from types import CodeType, FrameType
from typing import Any

MACHINE = (
    "actions", "assembly", "controls", "events", "identity", "job", "machine", "power", "services", "stream",
    "timing",
)  # fmt: skip
PARTS = ("protocol", "firmware_model", "host_driver")

# Lines by the name of their part; a line is (file, number).
Lines = dict[str, set[tuple[str, int]]]


@cache
def wanted() -> dict[str, str]:
    """The part of each file that is watched: all of protocol, and both machines."""
    found = {}
    for part in PARTS:
        package = import_module(f"laserlink.{part}")
        for info in walk_packages(package.__path__, f"{package.__name__}."):
            if part == "protocol" or (info.name.rpartition(".")[2] in MACHINE and info.name.count(".") == 2):
                file = inspect.getsourcefile(import_module(info.name))
                found[file or info.name] = part
    return found


def lines_of(code: CodeType) -> set[int]:
    """The lines of one function that can be reached, without its first."""
    return {line for _, _, line in code.co_lines() if line is not None and line > code.co_firstlineno}


def functions_of(code: CodeType) -> Iterator[CodeType]:
    """Every function in a code object, at any depth."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_flags & inspect.CO_OPTIMIZED:
                yield constant
            yield from functions_of(constant)


@cache
def total() -> dict[str, int]:
    """How many lines each part has."""
    counts = dict.fromkeys(PARTS, 0)
    for file, part in wanted().items():
        with open(file, "rb") as source:
            module = compile(source.read(), file, "exec")
        lines: set[int] = set().union(*map(lines_of, functions_of(module)))
        counts[part] += len(lines)
    return counts


class Watch:
    """Runs functions under a trace that notes lines; a function that is known whole costs nothing more."""

    def __init__(self) -> None:
        self.lines: Lines = {part: set() for part in PARTS}
        self._missing: dict[CodeType, set[int]] = {}

    def run(self, function: Callable[[bytes], object], data: bytes) -> None:
        """Run a function once more, watched. Raises what the function raises."""
        before = sys.gettrace()
        sys.settrace(self._enter)
        try:
            function(data)
        finally:
            sys.settrace(before)

    def _enter(self, frame: FrameType, event: str, argument: Any) -> Any:
        code = frame.f_code
        missing = self._missing.get(code)
        if missing is None:
            is_wanted = code.co_filename in wanted() and code.co_flags & inspect.CO_OPTIMIZED
            missing = self._missing[code] = lines_of(code) if is_wanted else set()
        return self._note if missing else None

    def _note(self, frame: FrameType, event: str, argument: Any) -> Any:
        code, line = frame.f_code, frame.f_lineno
        missing = self._missing[code]
        if line in missing:
            missing.discard(line)
            file = code.co_filename
            self.lines[wanted()[file]].add((file, line))
        return self._note


def summary(lines: Lines) -> dict[str, dict[str, int]]:
    """Reached and all lines of each part, for people and JSON."""
    return {part: {"reached": len(lines[part]), "of": count} for part, count in total().items()}


def union(watched: list[Lines]) -> Lines:
    """What any of several watches has seen."""
    return {part: set().union(*(lines[part] for lines in watched)) for part in PARTS}
