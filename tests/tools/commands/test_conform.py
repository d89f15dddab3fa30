"""laserlink.tools.commands.conform: the command, on a real pseudo-terminal."""

import json
import os
from pathlib import Path
from xml.etree.ElementTree import parse

import pytest
from served import laserlink, serving, url_of


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ring folder of this test's own."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def test_served_module_conforms(tmp_path: Path) -> None:
    """Some checks against a served module pass, and all three reports say so."""
    junit, page = tmp_path / "out.xml", tmp_path / "out.html"
    with serving("uart-1m") as served:
        done = laserlink(
            "--json", "conform", url_of(served), "--only", "hello.reply", "--only", "F3",
            "--only", "streams.digests",
            "--junit", junit, "--html", page,
        )  # fmt: skip
    document = json.loads(done.stdout)
    assert done.returncode == 0 and document["conforms"] and document["failed"] == 0
    assert {item["name"] for item in document["checks"]} >= {"hello.reply", "streams.digests"}
    assert parse(junit).getroot().get("failures") == "0" and "It conforms" in page.read_text()


def test_port_that_is_no_module(tmp_path: Path) -> None:
    """A terminal that says nothing: exit code 3, one line, a hint, and the reports."""
    master, slave = os.openpty()
    try:
        done = laserlink("conform", os.ttyname(slave), "--junit", tmp_path / "out.xml")
    finally:
        os.close(master)
        os.close(slave)
    assert done.returncode == 3 and "nothing came in 3 s" in done.stderr and "Hint:" in done.stderr
    assert parse(tmp_path / "out.xml").getroot().get("skipped") == "1"


def test_wrong_words_are_said_before_anything_is_opened(tmp_path: Path) -> None:
    """A check that there is not, and a folder that there is not, are wrong usage."""
    assert laserlink("conform", "/dev/null", "--only", "nonsense").returncode == 2
    done = laserlink("conform", "/dev/null", "--html", tmp_path / "no" / "page.html")
    assert done.returncode == 2 and "no folder" in done.stderr
