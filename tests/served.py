"""Shared by tests that run real processes: the command line, modules that are served, and waiting for
things.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

COMMAND = (sys.executable, "-m", "laserlink.tools")
WAIT_SECONDS = 120

# The lanes of a module with a laser, for a sensor that is small enough for a test.
FAST_LANES = """
[[lanes]]
id = 0
kind = "sideband"
direction = "both"
rate_bps = 3_000_000
bits_per_byte = 10
latency_us = 0

[[lanes]]
id = 1
kind = "optical"
direction = "to-host"
rate_bps = 10_000_000_000
bits_per_byte = 0
latency_us = 0

"""


def small_profile(folder: Path) -> str:
    """The path of a profile with an optical lane and a sensor of 1456 x 1092."""
    text = resources.files("laserlink.firmware_model.profiles").joinpath("uart-1m.toml").read_text()
    before, _, rest = text.partition("[[lanes]]")
    path = folder / "small.toml"
    path.write_text(before + FAST_LANES + rest[rest.index("[[modes]]") :])
    return str(path)


def wait_until(condition: Callable[[], Any], what: str = "", seconds: float = WAIT_SECONDS) -> None:
    """Wait for a condition. AssertionError when it does not come true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.005)


def laserlink(*arguments: object, **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run the command line to its end."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=WAIT_SECONDS, **options
    )


def is_running(pid: int) -> bool:
    """Whether a process is there, and not only a dead one that nobody asked for."""
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:3]
    except (FileNotFoundError, ProcessLookupError):
        return False


def entries(folder: Path) -> list[str]:
    """What lies in the ring folder below a runtime folder."""
    return sorted(path.name for path in (folder / "laserlink").glob("*"))


class Program:
    """A `laserlink --json` process that goes on, and what it printed."""

    def __init__(self, *arguments: object, environment: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "--json", *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env=os.environ | (environment or {}),
        )  # fmt: skip
        self.documents: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.documents.append(json.loads(line))

    @property
    def pid(self) -> int:
        return self.process.pid

    def told(self, event: str) -> list[dict[str, Any]]:
        return [item for item in self.documents if item.get("event") == event]

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """End it by a signal; its exit code, and what it wrote to standard error."""
        if self.process.poll() is None:
            self.send(number)
        code = self.process.wait(WAIT_SECONDS)
        self._reader.join()
        text = self.process.stderr.read() if self.process.stderr else ""
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        return code, text


@contextmanager
def program(*arguments: object, environment: dict[str, str] | None = None) -> Iterator[Program]:
    """A process that is gone at the end of the block."""
    running = Program(*arguments, environment=environment)
    try:
        yield running
    finally:
        if running.process.stdout is not None and not running.process.stdout.closed:
            running.end(signal.SIGKILL)


@contextmanager
def serving(profile: str, *options: object, environment: dict[str, str] | None = None) -> Iterator[Program]:
    """A served module; `url_of` says where."""
    with program("serve", profile, *options, environment=environment) as served:
        wait_until(lambda: served.told("serving") or served.process.poll() is not None, "the module is up")
        assert served.told("serving"), served.end()
        yield served


def url_of(served: Program) -> str:
    """Where a module is served now."""
    return str(next(item["url"] for item in reversed(served.documents) if "url" in item))
