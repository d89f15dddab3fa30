"""`sim:`: a virtual module as a child process, which dies with its parent however that ends.

The child is `laserlink serve` with its standard input held open by us: when we end, even by SIGKILL, the
kernel closes that pipe, and the child sees the end of it and leaves. It says what it serves in lines of JSON.
"""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from laserlink.host_driver.errors import BadUrl, DeviceError, NoDeviceFound

START_SECONDS = 30.0
STOP_SECONDS = 2.0

# What may stand behind the profile in a URL, and the option of `laserlink serve` that it becomes.
OPTIONS = {"scene": "--scene", "seed": "--seed", "line": "--line-rate", "prepare": "--prepare", "sha256": "--sha256"}
FLAGS = {("ring", "no"): "--no-ring"}


class VirtualModule:
    """A child process that serves a module. `url` is where."""

    def __init__(self, profile: str, options: Mapping[str, str]) -> None:
        command = [sys.executable, "-m", "laserlink.tools", "--json", "serve", profile, "--until-eof"]
        for key, value in options.items():
            if (key, value) in FLAGS:
                command.append(FLAGS[key, value])
            elif key in OPTIONS:
                command += [OPTIONS[key], value]
            else:
                known = ", ".join([*OPTIONS, *(f"{key}={value}" for key, value in FLAGS)])
                raise BadUrl(f"sim:{profile} has no option {key}={value}", f"There are {known}.")
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            self.url = self._first_line()["url"]
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def _first_line(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout else ""
        try:
            document: dict[str, Any] = json.loads(line)
        except ValueError:
            raise NoDeviceFound("the virtual module did not start", "Try `laserlink serve` to see why.") from None
        if "error" in document:
            raise DeviceError(str(document["error"]), str(document.get("hint", "")))
        return document

    def lines(self) -> Iterator[dict[str, Any]]:
        """What the child tells after its first line, until it ends."""
        for line in self._process.stdout or ():
            with contextlib.suppress(ValueError):
                yield json.loads(line)

    def close(self) -> None:
        """End the child: first by closing its input, then by force. Twice is fine."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
