"""`laserlink capture`: pictures as they were asked for, in files that hold the sensor's pixels."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from served import Program, serving, url_of, wait_until

from laserlink.firmware_model.serve.pty import PtyPort
from laserlink.host_driver.lanes.url import open_target
from laserlink.protocol.catalogue import IMAGE_DATA
from laserlink.protocol.connection import Role
from laserlink.protocol.states import LaneKind
from laserlink.tools.cli import run
from laserlink.tools.commands.capture import numbered, parse_region, parse_settings
from laserlink.tools.fault_profiles import WireFault
from laserlink.tools.faults import Filter, Piece
from laserlink.tools.proxy import Proxy
from laserlink.tools.session import CommandError


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A module on an unpaced line."""
    with serving("uart-1m", "--line-rate", "0", "--sha256") as served:
        yield served


def test_settings_are_numbers_and_truths() -> None:
    """Whole numbers, numbers and truth values; what is none is refused with a hint."""
    assert parse_settings(("A=1", "B=1.5", "C=true", "D=False", "E=-3", "F=1.5,2")) == {
        "A": 1, "B": 1.5, "C": True, "D": False, "E": -3, "F": (1.5, 2),
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
        (["-o", "{folder}/x.dng", "--bracket", "1,x"], "no list of exposures"),
        (["-o", "{folder}/x.dng", "--bracket", "0"], "no list of exposures"),
        (["-o", "{folder}/x.dng", "--autofocus", "1"], "no point"),
        (["-o", "{folder}/x.dng", "--bracket", "1", "--stack", "2"], "do not go together"),
        (["-o", "{folder}/x.dng", "--bracket", "1,2", "--count", "2"], "do not go together"),
        (["-o", "{folder}/x.dng", "--interval", "1"], "needs --count"),
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
    ("arguments", "text", "hint"),
    [
        (["--mode", "bogus"], "has no mode 'bogus'", "still-full, preview, thumbnail"),
        (["--format", "RAW9"], "no format 'RAW9'", "RAW8, RAW10, RAW12"),
        (["--format", "RAW16", "--mode", "preview"], "mode preview has no format", "RAW8, RAW10."),
        (["--set", "Bogus=1"], "no control Bogus", "AeEnable, "),
        (["--set", "Bogus=1"], "no control Bogus", "ExposureTime, "),
        (["--set", "ExposureTime=9000000"], "ExposureTime", "info"),
        (["--set", "ExposureTime=1.5"], "ExposureTime", "info"),
        (["--set", "SensorTemperature=20"], "SensorTemperature", "info"),
        (["--set", "ColourGains=1"], "ColourGains takes two numbers", "info"),
        (["--set", "AeMeteringMode=7"], "AeMeteringMode", "info"),
        (["--mode", "thumbnail", "--region", "9999x2+0+0"], "", "info"),
        (["--autofocus", "9999,1"], "not on the sensor", "info"),
    ],
)
def test_what_the_module_has_not_is_the_users_to_mend(
    served: Program,
    arguments: list[str],
    text: str,
    hint: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit code 2, the cause, and a hint that lists the choices or says who knows them; nothing is saved."""
    target = tmp_path / "x.raw"
    assert run(["--json", "capture", url_of(served), "-o", str(target), *arguments]) == 2
    document = json.loads(capsys.readouterr().out)
    assert text in document["error"]
    assert hint in document["hint"]
    assert list(tmp_path.iterdir()) == []


def test_unknown_suffix_lists_those_that_there_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The hint has a name that would do, and all suffixes."""
    assert run(["--json", "capture", "/dev/no-such-port", "-o", str(tmp_path / "x.bmp")]) == 2
    hint = json.loads(capsys.readouterr().out)["hint"]
    assert all(part in hint for part in ("x.dng", ".dng", ".npy", ".raw", ".png"))


@pytest.mark.parametrize("folder", ["/sys", "/proc", "/no-such-folder"])
def test_place_that_is_closed_to_us_is_told_by_the_users_name(
    folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file that was asked for is named, not the temporary one; also where not even root may write."""
    assert run(["--json", "capture", "/dev/no-such-port", "-o", f"{folder}/x.dng"]) in (2, 5)
    assert json.loads(capsys.readouterr().out)["error"].startswith(f"{folder}/x.dng: ")


def captured(capsys: pytest.CaptureFixture[str], code: int, *arguments: str) -> dict[str, Any]:
    """The document of a capture that ends with `code`."""
    assert run(["--json", "capture", *arguments]) == code
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_bracket_takes_each_exposure_once(
    served: Program, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One picture an exposure, each with its own time and its own set of controls, brighter and brighter."""
    choice = ("--mode", "thumbnail", "--format", "RAW10", "--bracket", "500,2000,8000")
    images = captured(capsys, 0, url_of(served), "-o", str(tmp_path / "a.npy"), *choice)["images"]
    assert [image["exposure_us"] for image in images] == [500, 2000, 8000]
    assert len({image["control_set"] for image in images}) == 3
    means = [np.load(image["file"]).mean() - image["black_level"] for image in images]
    assert means[0] < means[1] / 2 < means[2] / 4


def test_stack_is_one_quieter_picture(
    served: Program, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Four pictures make one in 16 bits, that says so, with as much light as one of them."""
    choice = ("--mode", "thumbnail", "--format", "RAW10", "-o", str(tmp_path / "a.npy"))
    (single,) = captured(capsys, 0, url_of(served), *choice)["images"]
    one = np.load(single["file"]).astype(float)
    (stacked,) = captured(capsys, 0, url_of(served), *choice, "--stack", "4")["images"]
    four = np.load(stacked["file"]).astype(float)
    assert (stacked["format"], stacked["stacked"], stacked["black_level"]) == (
        "RAW16",
        4,
        64 * single["black_level"],
    )
    assert four.mean() / 64 == pytest.approx(one.mean(), rel=0.01)


def test_interval_is_kept(served: Program, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three pictures, 0.4 s apart by their exposures, and nothing adds up."""
    choice = ("--mode", "thumbnail", "--count", "3", "--interval", "0.4")
    images = captured(capsys, 0, url_of(served), "-o", str(tmp_path / "a.raw"), *choice)["images"]
    moments = np.array([image["timestamp_ns"] for image in images]) / 1e9
    assert np.diff(moments) == pytest.approx([0.4, 0.4], abs=0.15)
    assert moments[2] - moments[0] == pytest.approx(0.8, abs=0.15)


class _DropsChunk(Filter):
    """Loses the first chunk of every image, also when it is sent again."""

    def apply(self, frame: bytes, now: int) -> list[Piece]:
        lost = len(frame) > 40 and frame[3] == IMAGE_DATA and frame[24:32] == bytes(8)
        self.hits += lost
        return [] if lost else [Piece(frame)]


@dataclass(frozen=True)
class _ChunkFault(WireFault):
    def build(self) -> Filter:
        return _DropsChunk(Random(0))


@contextmanager
def losing_a_chunk(url: str) -> Iterator[str]:
    """The URL of a module whose first chunk never comes through."""
    fault = _ChunkFault("drop", Role.HOST, LaneKind.SIDEBAND, 0)
    proxy = Proxy(open_target(url), PtyPort(), [fault], has_ring=False)
    thread = threading.Thread(target=proxy.run)
    thread.start()
    try:
        yield proxy.url
    finally:
        proxy.stop()
        thread.join(20)


def test_picture_with_gaps_is_saved_and_a_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1: the file is there, and the document says how much of it is not."""
    with serving("uart-1m", "--no-ring", "--line-rate", "0") as served, losing_a_chunk(url_of(served)) as url:
        choice = ("--mode", "thumbnail", "--count", "2", "-o", str(tmp_path / "x.npy"))
        images = captured(capsys, 1, url, *choice)["images"]
    assert len(images) == 2
    for image in images:
        assert not image["complete"] and 0 < image["missing_bytes"] < 10_000
        assert image["warning"].startswith("Incomplete image")
        pixels = np.load(image["file"])
        assert not pixels[0, :100].any() and pixels[-1].all()


def test_link_that_is_lost_leaves_what_came(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A module killed in its second picture: exit code 6, the first is whole, of the second what came, and
    both are told.
    """
    with serving("uart-1m", "--line-rate", "500000") as served:

        def kill_midway() -> None:
            wait_until(lambda: (tmp_path / "x-1.npy").exists(), "the first picture")
            time.sleep(0.8)
            os.kill(served.pid, signal.SIGKILL)

        killer = threading.Thread(target=kill_midway)
        killer.start()
        choice = ("--mode", "preview", "--format", "RAW8", "--count", "2", "-o", str(tmp_path / "x.npy"))
        document = captured(capsys, 6, url_of(served), *choice)
        killer.join()
    first, second = document["images"]
    assert document["exit_code"] == 6 and first["complete"] and not second["complete"]
    assert "x-1.npy" in document["error"] and "x-2.npy, incomplete" in document["error"]
    assert 0 < second["missing_bytes"] < 364 * 272
    assert np.load(second["file"])[0].any()


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
