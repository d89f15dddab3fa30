"""Shared by tests of the documents: what stands in their fences, and a desk on which it is done for real.

A desk is an empty folder with `laserlink` on the PATH. What documents name and a test has not (a board on
/dev/ttyUSB0, a night of time, a hundred megapixels) is replaced by the tables here, and by nothing else.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from served import FAST_LANES, laserlink, serving

ROOT = Path(__file__).parents[1]
COMMAND_SECONDS = 90.0

# The programs that documents may call. A word that stands in no table here is a mistake, or wants a row.
PROGRAMS = {"laserlink", "make", "cc"}

# What is read and not done, and why.
NOT_RUN = {
    r"^\. \.venv/bin/activate$": "sets up the reader's shell; here `laserlink` is on the PATH",
    r" --cluster tcp://": "needs a Dask scheduler; tests/tools/test_executors.py starts one",
}

# What is put in the place of what; in this order, wherever it stands in a command or a Python program.
SUBSTITUTIONS = {
    # Devices: a small sensor, served on a pseudo-terminal as fast as it goes.
    r"/dev/ttyUSB0(\?baud=\d+)?|/dev/pts/\d+|(?<= )auto(?= |$)": "{board}",
    r"sim:mos-100mp": "sim:{profile}",
    r"serve uart-1m": "serve {profile} --no-ring --line-rate 0",
    # Times and counts.
    r"--time \d+": "--time 0.3",
    r"--runs \d+": "--runs 50",
    r"--interval 5 --count 100": "--interval 0.2 --count 2",
    r"--seeds (\d+):\d+": r"--seeds \g<1>:+2",
    r"simulate$": "simulate --seeds 0:2",
    # Parts of the whole.
    r"(conform (?!.*--only).*)": r"\1 --only framing",
    r"(measure (?!.*--(only|chart|from)).*)": r"\1 --only dark --mode thumbnail",
    r"(record (?!.*--mode).* --capture 1)": r"\1 --mode thumbnail",
    # To be guided by coverage, code is instrumented first, which takes longer than all the rest.
    r"(fuzz (?!port|.*--(engine|repro)).*)": r"\1 --engine seeded",
}  # fmt: skip

# What goes on until it is interrupted, and how long it is left: to the end of the document, or of its block.
STAYS_UP = {r"^laserlink serve ": "document", r"^laserlink proxy ": "block"}


@dataclass(frozen=True)
class Command:
    """One command of a shell block, with its continuation lines, and the exit code that its comment tells."""

    text: str
    line: int
    exit_code: int = 0

    @property
    def why_not(self) -> str | None:
        return next((why for pattern, why in NOT_RUN.items() if re.search(pattern, self.text)), None)

    @property
    def stays(self) -> str | None:
        return next((how for pattern, how in STAYS_UP.items() if re.search(pattern, self.text)), None)

    def programs(self) -> set[str]:
        """The first word of each part of a pipeline."""
        words = list(shlex.shlex(self.text, posix=True, punctuation_chars=True))
        starts = [0, *(number + 1 for number, word in enumerate(words) if set(word) <= set("|&;"))]
        return {words[start] for start in starts if start < len(words)}


@dataclass(frozen=True)
class Block:
    """A fence: its language, what stands in it, its first line, and the file that it is to be saved as."""

    language: str
    text: str
    line: int
    saved_as: str | None

    def commands(self) -> Iterator[Command]:
        """Every command of a shell block, in order."""
        pending, first = "", 0
        for number, line in enumerate(self.text.splitlines(), self.line + 1):
            first = first if pending else number
            pending += line
            if pending.endswith("\\"):
                pending = pending[:-1]
                continue
            text, _, comment = pending.partition(" #")
            code = re.search(r"exit code (\d+)", comment)
            if text.strip() and not text.startswith("#"):
                yield Command(text.strip(), first, int(code[1]) if code else 0)
            pending = ""


def blocks(path: Path) -> list[Block]:
    """Every fence of a document."""
    text = path.read_text()
    found = re.finditer(r"^```(\w+)\n(.*?)^```\n(?:\nSave it as `([^`]+)`)?", text, re.MULTILINE | re.DOTALL)
    return [Block(item[1], item[2], text.count("\n", 0, item.start()) + 1, item[3]) for item in found]


def small_sensor(folder: Path) -> Path:
    """A profile with a quarter of uart-1m's array, and an optical lane beside its port."""
    text = resources.files("laserlink.firmware_model.profiles").joinpath("uart-1m.toml").read_text()
    sizes = {"1456": "736", "1092": "544", "364": "184", "272": "136", "180": "92", "136": "68",
             "5.02": "2.54", "3.77": "1.88"}  # fmt: skip
    text = re.sub(r"(?<== )[\d.]+(?=\s)", lambda number: sizes.get(number[0], number[0]), text)
    before, _, rest = text.partition("[[lanes]]")
    path = folder / "small.toml"
    path.write_text(before + FAST_LANES + rest[rest.index("[[modes]]") :])
    return path


class Desk:
    """A reader's desk: a folder, a shell, and a board on a port as soon as somebody asks for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "desk"
        self._apart = folder
        self._stack, self._block = ExitStack(), ExitStack()
        self._board: Path | None = None
        self._profile = small_sensor(folder)
        (folder / "bin").mkdir()
        program = folder / "bin" / "laserlink"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m laserlink.tools "$@"\n')
        program.chmod(0o755)
        self._environment = os.environ | {
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "HOME": str(folder), "COLUMNS": "100",
            "XDG_CONFIG_HOME": str(folder / "config"), "XDG_RUNTIME_DIR": str(folder),
        }  # fmt: skip
        self._lay_out()

    def _lay_out(self) -> None:
        """What documents suppose to lie there: a dump, a photograph, an input that failed, the sources."""
        self.folder.mkdir()
        (self.folder / "cext").symlink_to(ROOT / "cext")
        (self.folder / "photo.jpg").symlink_to(ROOT / "docs" / "first-light.jpg")
        beacon = laserlink("encode", "beacon").stdout
        (self.folder / "dump.bin").write_bytes(bytes.fromhex(beacon))
        for name in ("crashes", "tests/corpus/host"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "crashes" / "crash-host-0123456789abcdef.bin").write_bytes(b"\0")

    def __enter__(self) -> "Desk":
        return self

    def __exit__(self, *_: object) -> None:
        self.end_block()
        self._stack.close()

    @property
    def board(self) -> Path:
        """The small module on a port, started for whoever asks first."""
        if self._board is None:
            self._board = self._apart / "ttyUSB0"
            options = ("--no-ring", "--line-rate", 0, "--link", self._board)
            self._stack.enter_context(serving(str(self._profile), *options, environment=self._environment))
        return self._board

    def filled(self, text: str) -> str:
        """The text with what a test has in the place of what a reader has."""
        for pattern, replacement in SUBSTITUTIONS.items():
            if re.search(pattern, text, re.MULTILINE):
                board = str(self.board) if "{board}" in replacement else ""
                text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
                text = text.replace("{board}", board).replace("{profile}", str(self._profile))
        return re.sub(r"(\d+):\+(\d+)", lambda match: f"{match[1]}:{int(match[1]) + int(match[2])}", text)

    def run(self, command: Command) -> str:
        """Do it. Empty when it ended as the document says, else what was wrong."""
        if unknown := command.programs() - PROGRAMS:
            return f"no table of tests/documents.py knows {', '.join(sorted(unknown))}"
        text = self.filled(command.text)
        if text.startswith("make "):
            return self._ended(["make", "-n", *shlex.split(text)[1:]], 0, ROOT)
        if command.stays is not None:
            return self._start(text, self._stack if command.stays == "document" else self._block)
        return self._ended(["bash", "-o", "pipefail", "-c", text], command.exit_code, self.folder)

    def run_python(self, program: str) -> str:
        """Run a whole program. Empty when it ended well."""
        return self._ended([sys.executable, "-c", self.filled(program)], 0, self.folder)

    def _ended(self, words: list[str], exit_code: int, folder: Path) -> str:
        done = subprocess.run(
            words, cwd=folder, env=self._environment, timeout=COMMAND_SECONDS, text=True,
            stdin=subprocess.DEVNULL, capture_output=True,
        )  # fmt: skip
        if done.returncode == exit_code:
            return ""
        end = (done.stdout + done.stderr)[-1500:]
        return f"exit code {done.returncode}, not {exit_code}: {shlex.join(words)}\n{end}"

    def _start(self, text: str, until: ExitStack) -> str:
        """Begin what goes on; it is up when it has said its first line."""
        with open(self._apart / "notes", "a") as notes:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {text}"], cwd=self.folder, env=self._environment,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=notes, text=True,
            )  # fmt: skip
        assert process.stdout is not None
        if not process.stdout.readline():
            process.communicate(timeout=COMMAND_SECONDS)
            return f"exit code {process.returncode}, at once: {text}"
        until.callback(_interrupt, process, text)
        return ""

    def end_block(self) -> None:
        """Ctrl-C in every terminal that a block has opened."""
        self._block.close()


def _interrupt(process: "subprocess.Popen[str]", text: str) -> None:
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=COMMAND_SECONDS)
    assert process.returncode in (0, 130), f"{text}: exit code {process.returncode}\n{said}"
