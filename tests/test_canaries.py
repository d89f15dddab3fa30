"""Canaries: a bug is planted in a layer, and that layer's own tests must fail, without the others."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Equal to everything, so that a comparison with it is no check.
ANYTHING = """
class Anything:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def unpack_from(self, buffer, offset): return (self,)
"""

# What fails is not made smaller: here nobody reads it.
QUICK = """
from hypothesis import Phase, settings
settings.register_profile("canary", phases=(Phase.explicit, Phase.generate))
settings.load_profile("canary")
"""


@dataclass(frozen=True)
class Canary:
    """A bug, as code that plants it before the tests are collected, and the tests that must find it.

    `words` of the tests' names choose among many, so that they are found soon.
    """

    name: str
    plant: str
    tests: str
    words: str = ""


CANARIES = (
    Canary(
        "frame check skipped",
        ANYTHING + "from laserlink.protocol import framer\nframer._CHECK = Anything()",
        "protocol/test_framer.py",
    ),
    Canary(
        "length unchecked",
        "from laserlink.protocol import framer\nframer.PAYLOAD_BYTES_MAX = 0xFFFF",
        "protocol/test_framer.py",
    ),
    Canary(
        "stale session accepted",
        "from laserlink.protocol.connection import Connection\n"
        "Connection._is_ours = lambda self, frame: True",
        "protocol/test_connection.py",
    ),
    Canary(
        "request carried out again",
        "from laserlink.protocol.delivery import Admission, RequestServer\n"
        "RequestServer.admit = lambda self, request_id: Admission.NEW",
        "protocol/test_delivery.py",
    ),
    Canary(
        "resend answered with wrong bytes",
        "from laserlink.firmware_model.stream import Streams\n"
        "write = Streams._write_chunks\n"
        "def wrong(self, channel, job, index, count, out):\n"
        "    size, frames = write(self, channel, job, index, count, out)\n"
        "    if job.sent and size: out[size - 8] ^= 1\n"
        "    return size, frames\n"
        "Streams._write_chunks = wrong",
        "firmware_model/test_stream.py",
    ),
    Canary(
        "credit ignored",
        "from laserlink.firmware_model import stream\n"
        "stream.sequence_is_newer = lambda sequence, credit: False",
        "firmware_model/test_stream.py",
    ),
    Canary(
        "laser rule removed",
        "from laserlink.firmware_model.machine import Module\n"
        "from laserlink.protocol.states import ModuleState\n"
        "Module.laser = property(lambda self: self.state is not ModuleState.DETACHED)",
        "firmware_model/test_machine.py",
        "laser or dark or light",
    ),
    Canary(
        "power limit ignored",
        "from laserlink.firmware_model.power import PowerSink\n"
        "PowerSink.covers_stream = lambda self, limit_ma: True",
        "firmware_model/test_power.py",
    ),
    Canary(
        "gaps hidden",
        "from laserlink.host_driver.assembly import Assembly\n"
        "Assembly._missing_runs = lambda self, apart_from: []",
        "host_driver/test_assembly.py",
    ),
    Canary(
        "debounce skipped",
        "from laserlink.host_driver import machine\nmachine.DETACH_DEBOUNCE_NS = 0",
        "host_driver/test_machine.py",
        "bounce or contact",
    ),
)  # fmt: skip


@pytest.mark.parametrize("canary", CANARIES, ids=lambda canary: canary.name)
def test_a_planted_bug_is_found_by_the_tests_of_its_layer(canary: Canary, tmp_path: Path) -> None:
    """With the bug, tests of its own layer fail; that they pass without it, the rest of this run shows."""
    (tmp_path / "planted.py").write_text(QUICK + canary.plant + "\n")
    paths = os.pathsep.join((str(tmp_path), os.environ.get("PYTHONPATH", "")))
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "-x", "-p", "planted", "-p", "no:cacheprovider",
            "-p", "no:xdist", f"tests/{canary.tests}", "-k", canary.words,
        ],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"^1 failed", done.stdout.splitlines()[-1]), done.stdout
    assert not re.search(r"\d+ error", done.stdout.splitlines()[-1]), done.stdout
