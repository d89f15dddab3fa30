"""The Promela models of docs/model: writer of what comes from the tables, and the runner of spin.

`link.pml` and `resend.pml` are written by hand; they include `tables.pml`, which is made here from both
transition tables, the catalogue, the interlock and the limits, so that a row that changes changes the model.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from itertools import groupby
from pathlib import Path
from typing import Any

from laserlink.firmware_model import table as module_table
from laserlink.firmware_model.actions import LIT_STATES
from laserlink.firmware_model.machine import INPUT_OF
from laserlink.host_driver import table as host_table
from laserlink.protocol.catalogue import ROWS, Direction
from laserlink.protocol.limits import IMAGES_IN_FLIGHT, RECOVERIES_MAX, RESEND_TRIES
from laserlink.protocol.states import HostState, ModuleState

# Of either machine: (state, input) -> (action, following state).
Table = Mapping[Any, tuple[str, IntEnum]]

MODEL = "docs/model"
TABLES = "tables.pml"
LIMITS = {
    "IMAGES_IN_FLIGHT": IMAGES_IN_FLIGHT,
    "RECOVERIES_MAX": RECOVERIES_MAX,
    "RESEND_TRIES": RESEND_TRIES,
}
HEAD = "/* Written by `laserlink generate` from the tables of both machines. Do not edit. */\n"


# --- the tables, as Promela ---


def render() -> str:
    """docs/model/tables.pml: names, rows, legality, interlock states and limits."""
    parts = (
        machine("M", "module_row", ModuleState, module_table.Input, module_table.TABLE),
        machine("H", "host_row", HostState, host_table.Input, host_table.TABLE),
        "/* The messages, and the states in which their receiver may take them: protocol/catalogue.py. */\n",
        "".join(messages()),
        "".join(requests()),
        "/* The states in which the module's interlock allows light: firmware_model/actions.py. */\n",
        f"#define LIT_STATE(state) ({one_of('state', 'M', LIT_STATES)})\n",
        "/* protocol/limits.py */\n",
        "".join(f"#define LIMIT_{name} {value}\n" for name, value in LIMITS.items()),
    )
    return "\n".join((HEAD, *parts))


def machine(prefix: str, name: str, states: Iterable[IntEnum], inputs: Iterable[Enum], table: Table) -> str:
    """One machine: its states, inputs and actions as numbers, and its rows as an inline."""
    names = sorted({action for action, _ in table.values()})
    return "".join(
        (
            *(f"#define {prefix}_{state.name} {state.value}\n" for state in states),
            *(f"#define {prefix}I_{item.name} {number}\n" for number, item in enumerate(inputs, 1)),
            *(f"#define {prefix}A_{action} {number}\n" for number, action in enumerate(names, 1)),
            "\n",
            *rows(prefix, name, table),
        )
    )


def rows(prefix: str, name: str, table: Table) -> Iterator[str]:
    """The lookup: sets `action` and `following`; `action` is 0 when there is no row."""
    yield f"inline {name}(state, happening) {{\n    action = 0;\n    if\n"
    for state, entries in groupby(table, key=lambda key: key[0]):
        yield f"    :: state == {prefix}_{state.name} ->\n        if\n"
        for key in entries:
            action, following = table[key]
            yield (
                f"        :: happening == {prefix}I_{key[1].name} -> "
                f"action = {prefix}A_{action}; following = {prefix}_{following.name}\n"
            )
        yield "        :: else\n        fi\n"
    yield "    :: else\n    fi\n}\n"


def messages() -> Iterator[str]:
    """For each message, its number, and the states of its receiver in which it is legal, as bits."""
    for row in ROWS:
        name, kind = row.message.__name__, HostState if row.direction is Direction.TO_HOST else ModuleState
        mask = sum(1 << state for state in kind if state in row.states)
        yield f"#define {name} {row.type}\n#define LEGAL_{name}(state) (({mask} >> (state)) & 1)\n"


def requests() -> Iterator[str]:
    """What a module makes of a request: whether it is legal, and which input it is when its type says so."""
    yield "inline request_row(kind, state) {\n    legal = false;\n    happening = 0;\n    if\n"
    for row in ROWS:
        if row.role == "request":
            name, happening = row.message.__name__, INPUT_OF.get(row.message)
            number = f"MI_{happening.name}" if happening else "0"
            yield f"    :: kind == {name} -> legal = LEGAL_{name}(state); happening = {number}\n"
    yield "    :: else\n    fi\n}\n"


def one_of(variable: str, prefix: str, states: Iterable[IntEnum]) -> str:
    return " || ".join(f"{variable} == {prefix}_{state.name}" for state in sorted(states))


# --- spin ---


@dataclass(frozen=True)
class Check:
    """One run of spin: a model, its defines, and whether it also looks for what must come (`liveness`).

    Without liveness: assertions, and that nothing stands still but a link that works. `compiler` is the level
    at which gcc optimises: what is found at once is not worth the time.
    """

    name: str
    model: str
    defines: tuple[str, ...] = ()
    liveness: bool = True
    compiler: str = "-O1"
    depth_max: int = 2_000_000
    memory_mb: int = 2_000


@dataclass(frozen=True)
class Explored:
    """What a run saw. `violation` is empty when there was none; `complete`: all states were seen."""

    states: int
    transitions: int
    depth: int
    memory_mb: float
    seconds: float
    violation: str
    complete: bool


SMALL = ("H2M=1", "M2H=1")
WIDE = ("H2M=2", "M2H=1", "REORDER")
# What every test run verifies, and what a nightly one adds.
CHECKS = (
    Check("attach, power, laser", "link.pml", SMALL),
    Check("resend, 2 images of 2 chunks", "resend.pml", ("CHUNKS=2", "IMAGES=2")),
)
LARGE_CHECKS = (
    Check("and updates, resets", "link.pml", (*SMALL, "RESTARTS"), memory_mb=10_000),
    Check("and streams, derates, revokes", "link.pml", (*SMALL, "USER"), memory_mb=10_000),
    Check("and heat", "link.pml", (*SMALL, "HEAT"), memory_mb=10_000),
    Check("two frames to the module, reordered", "link.pml", WIDE, liveness=False, memory_mb=10_000),
    Check("resend, 3 images of 2 chunks", "resend.pml", ("CHUNKS=2", "IMAGES=3"), False, memory_mb=10_000),
)


def run(check: Check, models: Path, seconds_max: float) -> Explored:
    """Verify one model of a folder with spin and gcc, for at most `seconds_max`.

    Raises:
        FileNotFoundError: spin or gcc is not installed.
        subprocess.CalledProcessError: the model is no Promela, or its verifier does not compile.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        defines = [f"-D{define}" for define in check.defines]
        for path in models.glob("*.pml"):
            shutil.copy(path, folder)
        command(folder, "spin", *defines, "-a", check.model)
        kind = [] if check.liveness else ["-DSAFETY", "-DNOCLAIM"]
        memory = [f"-DMEMLIM={check.memory_mb}", "-DVECTORSZ=512"]
        command(folder, "gcc", check.compiler, "-w", *kind, *memory, "-o", "pan", "pan.c")
        begin = time.monotonic()
        # An interrupt, not a kill: the verifier then still says what it has seen.
        wanted = ["-a"] if check.liveness else []
        limit = ["timeout", "--signal=INT", str(seconds_max)]
        done = subprocess.run(
            [*limit, "./pan", *wanted, "-n", f"-m{check.depth_max}", "-w24"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        return explored(done.stdout, time.monotonic() - begin)


def command(folder: Path, *words: str) -> None:
    subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True)


def explored(output: str, seconds: float) -> Explored:
    """What the verifier printed, as numbers; from 1e8 on it rounds. Raises ValueError when it was killed."""
    violation = re.search(r"^pan:1: (.*?)(?: \(at depth \d+\))?$", output, re.MULTILINE)
    stopped = "Search not completed" in output or "max search depth too small" in output
    return Explored(
        states=int(number(r"^ *([\d.e+]+) states, stored", output)),
        transitions=int(number(r"^ *([\d.e+]+) transitions", output)),
        depth=int(number(r"depth reached (\d+)", output)),
        memory_mb=number(r"^ *([\d.]+)\s+total actual memory usage", output),
        seconds=seconds,
        violation=violation[1] if violation else "",
        complete=not stopped,
    )


def number(pattern: str, output: str) -> float:
    match = re.search(pattern, output, re.MULTILINE)
    if match is None:
        raise ValueError(f"the verifier did not say {pattern}: {output[-500:]}")
    return float(match[1])


def main() -> int:
    """Verify everything, also what takes long, and print the table that stands in docs/model/README.md."""
    failed = 0
    for check in (*CHECKS, *LARGE_CHECKS):
        found = run(check, Path(MODEL), seconds_max=900)
        failed += bool(found.violation)
        whole = "whole" if found.complete else "part"
        print(
            f"| {check.name} | {whole} | {found.states:,} | {found.transitions:,} | {found.depth:,} "
            f"| {found.memory_mb:,.0f} | {found.seconds:,.0f} | {found.violation or 'none'} |",
            flush=True,
        )
    return failed


if __name__ == "__main__":
    sys.exit(main())
