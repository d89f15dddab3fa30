"""laserlink.tools.cli: the whole command line from outside: help, wrong words, pipes, full disks,
interruptions.
"""

import importlib
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from served import COMMAND, WAIT_SECONDS, entries, is_running, laserlink, program, wait_until

from laserlink.tools.cli import COMMANDS, OPEN_A_MODULE, cli, run

HEAVY = ("numpy", "construct", "serial", "tifffile", "PIL", "laserlink.host_driver")


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ring folder of this test's own."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


def test_help_lists_every_command() -> None:
    """--help shows each command with its line."""
    result = laserlink("--help")
    assert result.returncode == 0
    for name in COMMANDS:
        assert f" {name} " in result.stdout


def test_help_loads_no_library_of_cameras() -> None:
    """Listing the commands imports none of them, nor what they stand on."""
    program = (
        "import sys; from laserlink.tools.cli import run; run(['--help']);"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=WAIT_SECONDS
    )
    assert result.stderr == "[]\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The command is there, its help shows its options, and each has words of its own."""
    assert run([name, "--help"]) == 0
    assert "Usage: laserlink" in capsys.readouterr().out
    command: click.Command = importlib.import_module(f"laserlink.tools.commands.{name}").command
    for parameter in command.params:
        assert not isinstance(parameter, click.Option) or parameter.help, parameter.name


def test_table_of_commands_that_open_a_module_holds() -> None:
    """The commands for which --timeout and --trace mean something are commands that there are."""
    assert set(OPEN_A_MODULE) <= set(COMMANDS)
    assert cli.get_command(click.Context(cli), "bogus") is None


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["bogus"], "No such command"),
        (["info"], "Missing argument 'URL'"),
        (["--bogus"], "No such option"),
        (["capture", "sim:uart-1m"], "Missing option"),
        (["capture", "sim:uart-1m", "-o", "x.dng", "--bogus"], "No such option"),
        (["capture", "sim:uart-1m", "-o", "x.dng", "--count", "0"], "--count"),
        (["--timeout", "0", "info", "x"], "--timeout"),
        (["--timeout", "1", "devices"], "means nothing"),
        (["--trace", "x", "decode", "00"], "means nothing"),
        (["info", "sim:nope"], "expected one of"),
        (["info", "sim:uart-1m?seed=x"], "--seed"),
        (["info", "/dev/null?baud=abc"], "baud=abc is no number"),
    ],
)
def test_wrong_words_are_told_in_two_lines(
    arguments: list[str], text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, one line Error, one line Hint; with --json the same as one document."""
    assert run(arguments) == 2
    out, err = capfd.readouterr()
    lines = [line for line in err.splitlines() if not line.startswith("attaching")]
    assert out == ""
    assert len(lines) == 2
    assert lines[0].startswith("Error: ")
    assert text in lines[0]
    assert lines[1].startswith("Hint: ")
    assert run(["--json", *arguments]) == 2
    out, err = capfd.readouterr()
    assert err == ""
    assert sorted(json.loads(out)) == ["error", "exit_code", "hint"]


@pytest.mark.parametrize(
    ("url", "code"), [("/dev/no-such-port", 3), ("/dev/null", 3), ("socket://127.0.0.1:1", 3), ("auto:x", 3)]
)
def test_devices_that_are_none_have_their_code(
    url: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """No such device, no serial port, a refused connection: exit code 3."""
    assert run(["--json", "info", url]) == code
    assert json.loads(capsys.readouterr().out)["exit_code"] == code


def test_bug_is_two_lines_as_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What nobody foresaw is told as a bug, without a traceback unless -v asks for it."""
    monkeypatch.setattr("laserlink.tools.commands.devices.list_devices", lambda: 1 // 0)
    assert run(["devices"]) == 70
    err = capsys.readouterr().err
    assert err.splitlines()[0] == "Error: ZeroDivisionError: integer division or modulo by zero"
    assert len(err.splitlines()) == 2
    assert run(["-v", "devices"]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_reader_that_goes_away_is_no_error() -> None:
    """`laserlink devices | head -0`: no traceback, no complaint."""
    process = subprocess.Popen(
        [*COMMAND, "devices"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    assert process.wait(WAIT_SECONDS) in (0, 1)
    assert error == ""


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_output_that_cannot_be_written_is_an_error(options: list[str]) -> None:
    """Standard output on a full disk: exit code 2 and two lines at most, no traceback."""
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [*COMMAND, *options, "devices"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=WAIT_SECONDS,
        )
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert len(result.stderr.splitlines()) == (0 if options else 2)


def test_disk_that_fills_up_leaves_no_part_of_a_picture(tmp_path: Path) -> None:
    """A picture larger than what may be written: exit code 2, two lines, no file and no part of one."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    result = laserlink(
        "capture", "sim:uart-1m?line=0", "-o", tmp_path / "x.raw", "--mode", "thumbnail", preexec_fn=limit
    )
    lines = result.stderr.splitlines()
    assert result.returncode == 2
    assert lines[-2].startswith("Error: ")
    assert lines[-1].startswith("Hint: ")
    assert "Traceback" not in result.stderr
    assert [path.name for path in tmp_path.iterdir() if path.name != "laserlink"] == []


def test_interrupted_in_the_middle_of_a_capture(tmp_path: Path) -> None:
    """Ctrl-C while a picture comes: exit code 130, no traceback, no child, no ring, no file."""
    trace = tmp_path / "trace"
    with program("--trace", trace, "capture", "sim:uart-1m", "-o", tmp_path / "x.raw") as capture:
        wait_until(lambda: trace.exists() and "STREAMING" in trace.read_text(), "streaming")
        children = Path(f"/proc/{capture.pid}/task/{capture.pid}/children").read_text().split()
        assert len(children) == 1
        code, error = capture.end(signal.SIGINT)
    assert (code, error.strip()) == (130, "")
    wait_until(lambda: not is_running(int(children[0])), "the child is gone")
    assert entries(tmp_path) == []
    assert not (tmp_path / "x.raw").exists()


def test_module_killed_in_the_middle_of_a_capture(tmp_path: Path) -> None:
    """The module dies while its picture comes: exit code 6, one line and a hint to snap it on again."""
    trace = tmp_path / "trace"
    with program("--trace", trace, "capture", "sim:uart-1m", "-o", tmp_path / "x.raw") as capture:
        wait_until(lambda: trace.exists() and "STREAMING" in trace.read_text(), "streaming")
        child = int(Path(f"/proc/{capture.pid}/task/{capture.pid}/children").read_text())
        os.kill(child, signal.SIGKILL)
        wait_until(lambda: capture.process.poll() is not None, "it ended")
        code, error = capture.end()
    assert (code, error) == (6, "")
    assert capture.documents[-1]["error"] == "the module was pulled off"
    assert "Snap it on again" in capture.documents[-1]["hint"]
