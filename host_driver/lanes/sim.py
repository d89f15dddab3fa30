"""`sim:`: a virtual module as a child process, which dies with its parent however that ends.

The child is `laserlink serve` with its standard input held open by us: when we end, even by SIGKILL, the
kernel closes that pipe, and the child sees the end of it and leaves. It says what it serves in lines of JSON.
"""

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from laserlink.host_driver.errors import BadUrl, DeviceError, NoDeviceFound, PortBusy, PortDenied

# Rendering a hundred megapixels before the start takes half a minute on a slow machine.
START_SECONDS = 300.0
STOP_SECONDS = 2.0
LINES_SECONDS = 5.0

# What may stand behind the profile in a URL, and the option of `laserlink serve` that it becomes.
OPTIONS = {
    "scene": "--scene",
    "seed": "--seed",
    "line": "--line-rate",
    "prepare": "--prepare",
    "sha256": "--sha256",
}
FLAGS = {("ring", "no"): "--no-ring"}

# Which of our errors an exit code of `laserlink serve` stands for; the others are NoDeviceFound.
ERROR_OF_EXIT: dict[int, type[DeviceError]] = {2: BadUrl, 4: PortBusy, 5: PortDenied}


def command_of(profile: str, options: Mapping[str, str]) -> list[str]:
    """The command that serves a module. Raises BadUrl for an option that there is not."""
    command = [sys.executable, "-m", "laserlink.tools", "--json", "serve", "--until-eof"]
    for key, value in options.items():
        if (key, value) in FLAGS:
            command.append(FLAGS[key, value])
        elif key in OPTIONS:
            command.append(f"{OPTIONS[key]}={value}")
        else:
            known = ", ".join([*OPTIONS, *(f"{key}={value}" for key, value in FLAGS)])
            raise BadUrl(f"sim:{profile} has no option {key}={value}", f"There are {known}.")
    return [*command, "--", profile]


class VirtualModule:
    """A child process that serves a module. `url` is where; it may change when it is snapped on again.

    Raises:
        DeviceError: the child's own words why it cannot serve.
    """

    def __init__(self, profile: str, options: Mapping[str, str]) -> None:
        # A session of its own: Ctrl-C is for us, and we say goodbye to the module before it ends.
        self._process = subprocess.Popen(
            command_of(profile, options), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            start_new_session=sys.platform != "win32",
        )  # fmt: skip
        self._changed = threading.Condition()
        self._documents: list[dict[str, Any]] = []
        self._ended = False
        self._reader = threading.Thread(target=self._read, name="laserlink-sim", daemon=True)
        self._reader.start()
        try:
            self.url = str(self._first_document()["url"])
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether the child is gone."""
        return self._process.poll() is not None

    def _read(self) -> None:
        """Keep what the child tells, so that it never waits for us; follow its URL."""
        for line in self._process.stdout or ():
            with contextlib.suppress(ValueError), self._changed:
                document: dict[str, Any] = json.loads(line)
                self._documents.append(document)
                self.url = str(document.get("url", getattr(self, "url", "")))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _first_document(self) -> dict[str, Any]:
        with self._changed:
            self._changed.wait_for(lambda: self._documents or self._ended, START_SECONDS)
            document = self._documents[0] if self._documents else {}
        if "error" in document:
            kind = ERROR_OF_EXIT.get(int(document.get("exit_code", 0)), NoDeviceFound)
            raise kind(str(document["error"]), str(document.get("hint", "")))
        if "url" not in document:
            raise NoDeviceFound("the virtual module did not start", "Try `laserlink serve` to see why.")
        return document

    def find(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any] | None:
        """The first thing that the child has told of which `wanted` is true; waits a little for it."""

        def found() -> dict[str, Any] | None:
            return next(filter(wanted, self._documents), None)

        with self._changed:
            self._changed.wait_for(lambda: found() is not None or self._ended, LINES_SECONDS)
            return found()

    def lines(self) -> Iterator[dict[str, Any]]:
        """What the child has told so far."""
        with self._changed:
            return iter(list(self._documents))

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
        self._reader.join()
        if self._process.stdout is not None:
            self._process.stdout.close()
