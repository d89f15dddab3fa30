"""`laserlink info`: everything that a module says, for people and for scripts; and what is no module."""

import json
import os
import subprocess
import sys
import threading
import tty
from collections.abc import Callable
from typing import Any

import pytest
from served import laserlink

from laserlink.host_driver.camera import Camera
from laserlink.tools.cli import run
from laserlink.tools.commands.info import describe

KILOBYTES_MAX = 120_000
KEYS = {
    "vendor",
    "product",
    "serial",
    "firmware",
    "module_id",
    "boot_count",
    "modes",
    "contract",
    "draw_ma",
    "seating",
    "temperature",
    "training",
    "limits",
    "lanes",
    "clock",
    "controls",
    "host_counters",
    "module_counters",
}


def test_document_has_every_key(capsys: pytest.CaptureFixture[str]) -> None:
    """The JSON of a real module: all keys, and values that are true of it."""
    assert run(["--json", "info", "sim:uart-1m"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert set(document) == KEYS
    assert document["product"] == "UART-1M"
    assert document["lanes"] == [{"kind": "sideband", "rate_bps": 1_000_000, "latency_us": 16_000}]
    assert document["training"]["bit_errors"] == 0
    assert document["temperature"]["level"] == "normal" and 10 < document["temperature"]["celsius"] < 60
    assert [mode["name"] for mode in document["modes"]] == ["still-full", "preview", "thumbnail"]
    assert document["module_counters"]["frames_received"] > 0


def test_page_is_readable_at_80_columns() -> None:
    """Numbers as people write them, nothing cut off, no line longer than the terminal."""
    result = laserlink("info", "sim:uart-1m", env=os.environ | {"COLUMNS": "80"})
    assert result.returncode == 0
    assert "30 to 1,000,000" in result.stdout
    assert "e+" not in result.stdout
    assert "\u2026" not in result.stdout
    assert max(len(line) for line in result.stdout.splitlines()) <= 80


def test_brackets_in_the_words_of_a_module_are_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a module calls itself, its modes and controls is shown as it is, also where rich sees markup."""

    def describe_with_brackets(camera: Camera) -> dict[str, Any]:
        document = describe(camera)
        for key in ("vendor", "product", "serial", "firmware"):
            document[key] = f"[/{key}]"
        document["modes"][0]["name"], document["controls"][0]["name"] = "[/mode]", "[/control]"
        document["controls"][0]["unit"] = "[/unit]"
        return document

    monkeypatch.setattr("laserlink.tools.commands.info.describe", describe_with_brackets)
    assert run(["info", "sim:uart-1m"]) == 0
    shown = capsys.readouterr().out
    for word in ("vendor", "product", "serial", "firmware", "mode", "control", "unit"):
        assert f"[/{word}]" in shown


def echo(master: int, done: threading.Event) -> None:
    """A device that sends back what it gets."""
    while not done.wait(0.005):
        try:
            os.write(master, os.read(master, 4096))
        except BlockingIOError:
            continue


def flood(master: int, done: threading.Event) -> None:
    """A device that sends random bytes as fast as they go."""
    block = os.urandom(1 << 16)
    while not done.is_set():
        try:
            os.write(master, block)
        except BlockingIOError:
            done.wait(0.001)


def modem_manager(master: int, done: threading.Event) -> None:
    """Somebody who asks for a modem."""
    while not done.wait(0.1):
        os.write(master, b"AT\r\n")


def silence(master: int, done: threading.Event) -> None:
    """Nobody there."""
    done.wait()


@pytest.mark.parametrize("device", [silence, echo, flood, modem_manager])
def test_device_that_is_no_module_is_told_and_left_alone(
    device: Callable[[int, threading.Event], None],
) -> None:
    """Exit code 3 after three seconds; nothing was written to it, and memory did not grow with what came."""
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    written = bytearray()
    done = threading.Event()
    stranger = threading.Thread(target=device, args=(master, done))
    stranger.start()
    program = (
        "import re, sys; from laserlink.tools.cli import run; code = run(sys.argv[1:]);"
        "print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1], file=sys.stderr);"
        "sys.exit(code)"
    )
    try:
        result = subprocess.run(
            [sys.executable, "-c", program, "--json", "info", os.ttyname(slave)],
            capture_output=True,
            text=True,
            timeout=60,
        )
    finally:
        done.set()
        stranger.join()
    try:
        while device is not echo and device is not flood:
            written += os.read(master, 4096)
    except OSError:
        pass
    os.close(master)
    os.close(slave)
    document = json.loads(result.stdout)
    assert result.returncode == 3
    assert document["hint"]
    heard = "nothing there speaks" if device in (silence, echo) else "none of them were LaserLink's"
    assert heard in document["error"]
    assert written == b""
    assert int(result.stderr) < KILOBYTES_MAX
