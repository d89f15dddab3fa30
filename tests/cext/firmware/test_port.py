"""cext/firmware/port.h: the module behind a real serial device, as a process and on a board."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from c_module import FIRMWARE, compiled, core_sources, require
from PIL import Image

from laserlink.host_driver import Camera

ROOT = FIRMWARE.parents[1]
BOARDS = FIRMWARE / "boards"
INCLUDES = [f"-I{FIRMWARE}", f"-I{BOARDS}"]
DEMO = [BOARDS / "main.c", BOARDS / "picture.c"]
QEMU = ["qemu-system-arm", "-M", "netduinoplus2", "-display", "none", "-monitor", "none", "-serial", "pty"]


@contextmanager
def running(*command: str) -> Iterator[str]:
    """A process that says which port it serves; the port."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        found = re.search(r"/dev/\S+", said)
        assert found, said
        yield found[0]
    finally:
        process.kill()
        process.communicate()


def on_this_machine(name: str, sources: list[Path], *flags: str) -> str:
    require("gcc", "gcc")
    board = BOARDS / "posix" / "board.c"
    return str(compiled(name, [*core_sources(), *sources, board], "-O1", *INCLUDES, *flags))


def laserlink(*arguments: str) -> str:
    """Run the command line; what it printed."""
    command = [sys.executable, "-m", "laserlink.tools", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def conform(*arguments: str) -> dict[str, Any]:
    """The report of the conformance suite."""
    command = [sys.executable, "-m", "laserlink.tools", "--json", "conform", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode in (0, 1), done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def failed(report: dict[str, Any]) -> dict[str, str]:
    """Why which checks failed."""
    return {check["name"]: check["reason"] for check in report["checks"] if check["outcome"] == "failed"}


def check_bars(picture: np.ndarray) -> None:  # type: ignore[type-arg]
    """The bars of the demonstration: white at the left, black at the right, a ramp below."""
    height, width = picture.shape
    assert picture[2, 2] > picture[2, width - 3]
    ramp = picture[height - 2, ::2].astype(int)
    assert (np.diff(ramp) >= 0).all()
    assert ramp[-1] > ramp[0]


def test_pictures_from_a_process() -> None:
    """The demonstration gives complete pictures in both modes and formats, under the controls that were set.

    It is built with the address and undefined-behaviour sanitisers, which end it at the first fault.
    """
    sanitisers = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    with (
        running(on_this_machine("module-sanitised", DEMO, *sanitisers)) as port,
        Camera(port) as camera,
    ):
        for mode, raw_format in (("full", "RAW8"), ("thumbnail", "RAW12")):
            camera.configure(mode, raw_format)
            dark = camera.set_controls(ExposureTime=2_000)
            dark = camera.capture(timeout=20)
            camera.set_controls(ExposureTime=10_000)
            shot = camera.capture(timeout=20)
            assert shot.complete and dark.complete
            assert shot.raw.mean() > 1.5 * dark.raw.mean()
            check_bars(shot.raw)


def test_the_example_of_the_guide(tmp_path: Path) -> None:
    """The one file of docs/port-a-board.md compiles without a warning, and a picture is captured from it."""
    text = (ROOT / "docs" / "port-a-board.md").read_text()
    (example,) = re.findall(r"^```c\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(example.splitlines()) <= 60
    source = tmp_path / "ramp.c"
    source.write_text(example)
    require("gcc", "gcc")
    program = tmp_path / "ramp"
    sources = map(str, [*core_sources(), BOARDS / "posix" / "board.c", source])
    warnings = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    subprocess.run(["gcc", *warnings, *INCLUDES, *sources, "-o", str(program)], check=True)
    with running(str(program)) as port:
        laserlink("capture", port, "-o", str(tmp_path / "ramp.npy"))
    picture = np.load(tmp_path / "ramp.npy")
    assert (picture == (2 * np.arange(128)).astype(np.uint16)).all()
    assert picture.shape == (96, 128)


def board(folder: Path) -> list[str]:
    """Build the firmware of the STM32F405; the emulator that runs it."""
    require("arm-none-eabi-gcc", "gcc-arm-none-eabi")
    require("qemu-system-arm", "qemu-system-arm")
    subprocess.run(["make", "-s", "-C", str(FIRMWARE), f"BUILD={folder}", "stm32f405"], check=True)
    return [*QEMU, "-kernel", str(folder / "stm32f405.elf")]


def test_the_board(tmp_path: Path) -> None:
    """The firmware of the STM32F405, in an emulator: `info` knows it, and `capture` takes a picture of it."""
    with running(*board(tmp_path)) as port:
        assert "STM32F405" in laserlink("info", port)
        laserlink("capture", port, "-o", str(tmp_path / "x.png"), "--mode", "thumbnail")
        laserlink("capture", port, "-o", str(tmp_path / "x.npy"), "--mode", "full")
    assert Image.open(tmp_path / "x.png").size == (160, 120)
    check_bars(np.load(tmp_path / "x.npy"))


def test_board_and_process_conform(tmp_path: Path) -> None:
    """The whole conformance suite passes on the emulated board and on the same firmware as a process.

    Most of its time is waiting for timers, so both take it at once. The emulated port keeps no time of its
    own: on a busy machine bytes overtake the firmware. What failed there has one more chance, by itself.
    """
    ports = running(*board(tmp_path)), running(on_this_machine("module", DEMO))
    with ports[0] as emulated, ports[1] as process, ThreadPoolExecutor() as both:
        first, sure = both.map(conform, (emulated, process))
        assert failed(sure) == {}
        assert sure["passed"] >= 180 and first["passed"] >= 180
        if failed(first):
            once_more = [word for name in failed(first) for word in ("--only", name)]
            assert failed(conform(emulated, *once_more)) == {}


def test_what_it_costs(tmp_path: Path) -> None:
    """`make size` says what flash and RAM the protocol part takes, and that both are within bounds."""
    require("arm-none-eabi-gcc", "gcc-arm-none-eabi")
    command = ["make", "-s", "-C", str(FIRMWARE), f"BUILD={tmp_path}", "size"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"protocol part: flash \d+ of 16384 bytes, RAM with buffers \d+ of 8192", done.stdout)


@pytest.mark.parametrize("words", ["malloc", "stdio.h", "stdlib.h", "printf", "assert("])
def test_the_protocol_part_needs_no_system(words: str) -> None:
    """No memory but what is given, no files, no output, and no assert that a peer could reach."""
    texts = [path.read_text() for path in FIRMWARE.glob("*.[ch]")]
    assert not [text for text in texts if re.search(rf"(?<!\w){re.escape(words)}", text)]
