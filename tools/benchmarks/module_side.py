"""A module without physics, in a process of its own: its real machine and shell, and pixels that are there.

`ModuleProcess` starts it and knows its URL. The child is this file, run as a module; it leaves when its
standard input ends, so that it never outlives its parent.
"""

import json
import os
import secrets
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass, replace
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from laserlink.firmware_model.machine import Module
from laserlink.firmware_model.profile import Mode, Profile, load_profile
from laserlink.firmware_model.sensor import ExposureRequest, Sensor, Spread, one_after_another
from laserlink.firmware_model.serve.pty import PtyPort
from laserlink.firmware_model.serve.shell import Shell
from laserlink.tools.virtual import lane_offers

FULL, PREVIEW = "still-full", "preview"
BITS = 12
OPTICAL_BPS = 1_000_000_000_000
STOP_SECONDS = 5.0


@dataclass(frozen=True)
class ModuleOptions:
    """What the child serves: `width` x `height` in its full mode, with a ring or on one paced line."""

    width: int = 11648
    height: int = 8736
    ring: bool = True
    line_bps: int = 0
    frame_us: int = 1


def unhurried_profile(options: ModuleOptions) -> Profile:
    """The default module, taking no time of its own and drawing next to nothing for its images."""
    profile = load_profile("mos-100mp")
    sensor = replace(profile.sensor, width=options.width, height=options.height, readout_ms=0)
    modes = tuple(_mode(mode, options) for mode in profile.modes if mode.name in (FULL, PREVIEW))
    lanes = tuple(
        replace(lane, rate_bps=OPTICAL_BPS) if lane.kind == "optical" else lane for lane in profile.lanes
    )
    power = replace(profile.power, readout_ma_per_gbps=0.01)
    timing = replace(profile.timing, boot_ms=1, sensor_power_up_ms=0)
    return replace(profile, sensor=sensor, modes=modes, lanes=lanes, power=power, timing=timing)


def _mode(mode: Mode, options: ModuleOptions) -> Mode:
    if mode.name == PREVIEW:
        return mode  # at its own pace, 60 a second, as one looks at it while a full image comes
    return replace(
        mode, width=options.width, height=options.height, formats=(8, *mode.formats),
        frame_duration_us=options.frame_us,
    )  # fmt: skip


class PlainSensor(Sensor):
    """Pixels of every value of 12 bits, made before anyone asks: making them would hold up the machine."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        random = np.random.default_rng(1)
        self._made: dict[tuple[int, int], NDArray[np.uint16]] = {
            (mode.height, mode.width): random.integers(0, 1 << BITS, (mode.height, mode.width), np.uint16)
            for mode in profile.modes
        }

    @property
    def moves(self) -> bool:
        return False

    def expose(self, request: ExposureRequest, spread: Spread = one_after_another) -> NDArray[np.uint16]:
        """uint16 of shape (height, width) of the request's region; there is no work to `spread`."""
        _, _, width, height = request.region
        whole = self._made[height, width]
        return whole if request.bits >= BITS else whole >> np.uint16(BITS - request.bits)


def serve(options: ModuleOptions) -> None:
    """Serve until standard input ends; the first line of standard output is the URL, as JSON."""
    profile = unhurried_profile(options)
    offers = lane_offers(profile, ring=options.ring, line_rate_bps=options.line_bps)
    module = Module(profile, offers, first_sequence=secrets.randbits(32))
    name = f"bench-{os.getpid()}-{secrets.token_hex(4)}" if options.ring else None
    shell = Shell(module, PlainSensor(profile), PtyPort(), ring_name=name)
    url = shell.port.name + (f"?ring={name}" if name else "")
    print(json.dumps({"url": url}), flush=True)
    threading.Thread(target=_stop_at_eof, args=(shell,), daemon=True).start()
    shell.run()


def _stop_at_eof(shell: Shell) -> None:
    sys.stdin.read()
    shell.stop()


class ModuleProcess:
    """The child, until closed. `url` is what a host opens. RuntimeError when it does not start."""

    def __init__(self, options: ModuleOptions) -> None:
        command = [
            sys.executable,
            "-m",
            "laserlink.tools.benchmarks.module_side",
            json.dumps(asdict(options)),
        ]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            self.close()
            raise RuntimeError("the module's process did not start")
        self.url = str(json.loads(line)["url"])

    @property
    def pid(self) -> int:
        return self._process.pid

    def close(self) -> None:
        """End the child. Twice is fine."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


if __name__ == "__main__":
    serve(ModuleOptions(**json.loads(sys.argv[1])))
