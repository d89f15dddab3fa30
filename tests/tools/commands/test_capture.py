"""`laserlink capture`: pictures as they were asked for, in files that hold the sensor's pixels."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from served import Program, serving, url_of

from laserlink.tools.cli import run
from laserlink.tools.commands.capture import numbered, parse_region, parse_settings
from laserlink.tools.session import CommandError


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A module on an unpaced line."""
    with serving("uart-1m", "--line-rate", "0", "--sha256") as served:
        yield served


def test_settings_are_numbers_and_truths() -> None:
    """Whole numbers, numbers and truth values; what is none is refused with a hint."""
    assert parse_settings(("A=1", "B=1.5", "C=true", "D=False", "E=-3")) == {
        "A": 1, "B": 1.5, "C": True, "D": False, "E": -3,
    }  # fmt: skip
    for wrong in ("A", "=1", "A=", "A=x"):
        with pytest.raises(CommandError) as caught:
            parse_settings((wrong,))
        assert caught.value.hint


def test_regions_are_written_as_in_x11() -> None:
    """WIDTHxHEIGHT+X+Y, and nothing else."""
    assert parse_region("640x480+100+50") == (100, 50, 640, 480)
    assert parse_region(None) is None
    for wrong in ("640x480", "640+480+1+2", "axb+1+2", "640x480+1"):
        with pytest.raises(CommandError):
            parse_region(wrong)


def test_several_pictures_are_numbered() -> None:
    """One keeps its name; several sort by theirs."""
    assert numbered(Path("a.dng"), 0, 1) == Path("a.dng")
    assert [numbered(Path("x/a.dng"), index, 10).name for index in (0, 9)] == ["a-01.dng", "a-10.dng"]


def test_brackets_in_a_name_are_no_markup(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file's name is shown as it is, also when rich knows what is in it as markup."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a[").mkdir()
    choice = ("--mode", "thumbnail", "--region", "64x64+0+0")
    assert run(["capture", "sim:uart-1m", *choice, "-o", "a[/b].npy"]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("a[/b].npy  64 x 64")
    assert "1 of 1: a[/b].npy" in shown.err


def test_pictures_are_what_was_asked_for(
    served: Program, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Mode, format, region, controls and count: as asked, the pixels the sensor's, the document complete."""
    target = tmp_path / "a.npy"
    arguments = ["--mode", "preview", "--format", "RAW10", "--count", "2", "--set", "AnalogueGain=2"]
    assert run(["--json", "capture", url_of(served), "-o", str(target), *arguments]) == 0
    images = json.loads(capsys.readouterr().out)["images"]
    assert [Path(image["file"]).name for image in images] == ["a-1.npy", "a-2.npy"]
    digests = [item["sha256"] for item in served.told("exposed")[-2:]]
    for image, digest in zip(images, digests, strict=True):
        pixels = np.load(image["file"])
        assert pixels.shape == (272, 364) == (image["height"], image["width"])
        assert (image["format"], image["complete"], image["missing_bytes"]) == ("RAW10", True, 0)
        assert image["sha256"] == digest
        assert image["bytes"] == os.path.getsize(image["file"])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["-o", "{folder}/no/x.dng"], "No such file"),
        (["-o", "{folder}/x.bmp"], "must end in"),
        (["-o", "{folder}"], "must end in"),
        (["-o", "{folder}/x.dng", "--set", "A"], "NAME=VALUE"),
        (["-o", "{folder}/x.dng", "--region", "1"], "no region"),
    ],
)
def test_what_cannot_be_saved_is_told_before_anything_is_opened(
    arguments: list[str], text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unwritable or unknown target and a wrong value: exit code 2, although the device is none as well."""
    filled = [argument.replace("{folder}", str(tmp_path)) for argument in arguments]
    assert run(["--json", "capture", "/dev/no-such-port", *filled]) == 2
    assert text in json.loads(capsys.readouterr().out)["error"]


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["--mode", "bogus"], 2, "has no mode 'bogus'"),
        (["--format", "RAW9"], 2, "no format"),
        (["--set", "Bogus=1"], 2, "no control Bogus"),
        (["--format", "RAW16"], 7, ""),
        (["--set", "ExposureTime=9000000"], 7, ""),
        (["--mode", "thumbnail", "--region", "9999x2+0+0"], 7, ""),
    ],
)
def test_what_the_module_has_not_is_typed(
    served: Program,
    arguments: list[str],
    code: int,
    text: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What the host knows to be wrong is usage, what the module refuses is protocol; nothing is saved."""
    target = tmp_path / "x.raw"
    assert run(["--json", "capture", url_of(served), "-o", str(target), *arguments]) == code
    assert text in json.loads(capsys.readouterr().out)["error"]
    assert not target.exists()


def test_progress_is_plain_lines_for_those_who_want_none(
    served: Program, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--no-progress prints lines to standard error, -s nothing at all, and the result stays on
    standard output.
    """
    arguments = ["capture", url_of(served), "-o", str(tmp_path / "x.raw"), "--mode", "thumbnail"]
    assert run(["--no-progress", *arguments]) == 0
    out, err = capsys.readouterr()
    assert "180 x 136 RAW8, 48,960 bytes" in " ".join(out.split())
    assert "taking pictures" in err
    assert run(["-s", *arguments]) == 0
    assert capsys.readouterr() == ("", "")
