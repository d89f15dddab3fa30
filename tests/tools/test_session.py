"""laserlink.tools.session: every error is one line, one hint, and an exit code."""

import json

import pytest

from laserlink.firmware_model.scene_kinds import SceneError
from laserlink.host_driver import errors as device
from laserlink.host_driver.files import UnknownFileType
from laserlink.protocol.errors import (
    ERROR_OF_CODE,
    LOSS_OF_CAUSE,
    LocalProtocolError,
    ModuleDetached,
    RemoteProtocolError,
)
from laserlink.tools.session import USERS_CHOICES, CommandError, Exit, Session, exit_code_of, one_line

ERRORS: list[tuple[Exception, Exit]] = [
    (CommandError("wrong", "right"), Exit.USAGE),
    (CommandError("busy", exit_code=Exit.BUSY), Exit.BUSY),
    (device.BadUrl("url"), Exit.USAGE),
    (device.NoDeviceFound("none"), Exit.NO_DEVICE),
    (device.DeviceError("some"), Exit.NO_DEVICE),
    (device.PortBusy("busy"), Exit.BUSY),
    (device.PortDenied("denied"), Exit.PERMISSION),
    (device.MissingExtra("missing"), Exit.MISSING_EXTRA),
    (LocalProtocolError("local"), Exit.USAGE),
    (UnknownFileType.__new__(UnknownFileType, "x.bmp"), Exit.USAGE),
    (SceneError("no scene", "another one"), Exit.USAGE),
    (PermissionError(13, "Permission denied", "/x"), Exit.PERMISSION),
    (FileNotFoundError(2, "No such file", "/x"), Exit.USAGE),
    (OSError(28, "No space left on device"), Exit.USAGE),
    (ZeroDivisionError("division by zero"), Exit.INTERNAL),
    (MemoryError(), Exit.INTERNAL),
    *((kind("lost"), Exit.LINK_LOST) for kind in LOSS_OF_CAUSE.values()),
    *(
        (kind("refused"), Exit.USAGE if kind in USERS_CHOICES else Exit.PROTOCOL)
        for kind in ERROR_OF_CODE.values()
    ),
]


@pytest.mark.parametrize(("error", "code"), ERRORS, ids=lambda item: type(item).__name__)
def test_every_error_is_a_line_a_hint_and_a_code(
    error: Exception, code: Exit, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each kind of error has its exit code, and prints exactly two lines, or one document, and no
    traceback.
    """
    assert exit_code_of(error)[0] == code
    assert Session().fail(error) == code
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert len(lines) == 2
    assert lines[0].startswith("Error: ")
    assert lines[1].startswith("Hint: ")
    assert min(len(line) for line in lines) > len("Error: ")
    assert Session(json=True).fail(error) == code
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert err == ""
    assert document == {"error": one_line(error), "hint": exit_code_of(error)[1], "exit_code": code}


def test_lines_stay_lines() -> None:
    """An error of several lines becomes one; the system's errors name the file; a bug names its type."""
    assert one_line(LocalProtocolError("first\n  second\tthird")) == "first second third"
    assert one_line(OSError(2, "No such file", "/tmp/x")) == "/tmp/x: No such file"
    assert one_line(OSError(28, "No space left")) == "No space left"
    assert one_line(ValueError("what")) == "ValueError: what"
    assert one_line(RemoteProtocolError("")) == "RemoteProtocolError"


def test_text_of_a_module_commands_no_terminal() -> None:
    """Escape sequences in an error's text come out as text; letters of any language stay."""
    assert one_line(RemoteProtocolError("a\x1b[2Jb\x07 \u00fc")) == "a\ufffd[2Jb\ufffd \u00fc"


def test_verbose_adds_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """With -v the traceback follows the two lines."""
    try:
        raise ModuleDetached("pulled off")
    except ModuleDetached as error:
        Session(verbose=1).fail(error)
    err = capsys.readouterr().err
    assert err.splitlines()[0] == "Error: pulled off"
    assert "Traceback" in err


def test_exit_codes_are_those_that_are_documented() -> None:
    """The numbers are promised to scripts; they do not move."""
    assert [int(code) for code in Exit] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 70, 130]


def test_output_goes_where_it_was_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """Results to standard output, notes to standard error; --json one document and nothing else; -s
    nothing.
    """
    for session in (Session(), Session(json=True), Session(silent=True)):
        session.notes.print("a note")
        session.emit({"answer": 42}, lambda console: console.print("the answer"))
        with session.working("at [b]work") as tell:
            tell("still at [/b]work")
    out, err = capsys.readouterr()
    assert out == 'the answer\n{"answer": 42}\n'
    assert err == "a note\nat [b]work\nstill at [/b]work\n"


def test_session_takes_over_its_options() -> None:
    """Set makes one session the same as another."""
    session = Session()
    session.set(Session(json=True, verbose=2, timeout=1.5))
    assert session == Session(json=True, verbose=2, timeout=1.5)


def test_what_was_done_goes_along(capsys: pytest.CaptureFixture[str]) -> None:
    """With --json, an error that ends a long work lists what there is of it; the error itself comes on
    top."""
    error = CommandError("gone", "again", Exit.LINK_LOST, {"images": ["a"], "error": "no"})
    assert Session(json=True).fail(error) == Exit.LINK_LOST
    assert json.loads(capsys.readouterr().out) == {
        "images": ["a"], "error": "gone", "hint": "again", "exit_code": 6,
    }  # fmt: skip
