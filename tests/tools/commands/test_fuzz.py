"""`laserlink fuzz`, through the command line."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from served import serving, url_of

from laserlink.protocol.framer import Framer
from laserlink.tools.cli import run
from laserlink.tools.fuzzing import guided
from laserlink.tools.fuzzing.engine import TARGETS
from laserlink.tools.session import Exit

SEEDED = ("--engine", "seeded", "--seed", "4")


def fuzz(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> Any:
    assert run(["--json", "fuzz", *map(str, arguments)]) == code
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("name", TARGETS)
def test_every_target(capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str) -> None:
    """Each target runs so many inputs, finds nothing, and says what it did."""
    document = fuzz(capsys, name, "--runs", 20, *SEEDED, "--out", tmp_path)
    assert (document["target"], document["runs"], document["crashes"]) == (name, 20, [])
    assert document["engine"] == "seeded" and document["seed"] == 4
    assert document["runs_per_second"] > 0 and document["seconds"] > 0
    assert document["corpus"] > 0 and document["coverage"]["count"] > 0
    assert list(tmp_path.iterdir()) == []


def test_a_crash_is_saved_and_replayed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug makes exit code 1 and a small file; --repro fails while the bug is there, and no longer."""
    take_bad = Framer._take_bad
    with monkeypatch.context() as patch:
        patch.setattr(Framer, "_take_bad", lambda self: _shorter(take_bad(self)))
        document = fuzz(capsys, "framer", "--runs", 60, *SEEDED, "--out", tmp_path, code=Exit.FINDING)
        crash = document["crashes"][0]
        path = Path(crash["file"])
        assert path.parent == tmp_path and path.name.startswith("crash-framer-")
        assert path.stat().st_size == crash["bytes"] <= 4
        assert crash["repro"] == f"laserlink fuzz framer --repro {path}"
        again = fuzz(capsys, "framer", "--repro", path, code=Exit.FINDING)
        assert again["crashes"][0]["signature"] == crash["signature"]
    assert fuzz(capsys, "framer", "--repro", path)["crashes"] == []


def test_all_targets_together(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """All targets run in processes of their own, so many inputs each, and say what lines they reached."""
    document = fuzz(capsys, "all", "--runs", 20, "--jobs", 2, "--seed", 4, "--out", tmp_path)
    assert [part["target"] for part in document["targets"]] == list(TARGETS)
    assert {part["runs"] for part in document["targets"]} == {20}
    assert (document["runs"], document["jobs"], document["crashes"]) == (120, 2, [])
    assert document["cpu_seconds"] > 0
    lines = document["coverage"]["lines"]
    assert all(0 < lines[part]["reached"] < lines[part]["of"] for part in lines)


def _shorter(bad: Any) -> Any:
    return type(bad)(bad.reason, bad.raw[:-1])


def test_people_read_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Without --json there is a summary, with the seed that repeats it."""
    assert run(["fuzz", "framer", "--runs", "10", *SEEDED, "--out", str(tmp_path)]) == 0
    assert "10 runs" in (out := capsys.readouterr().out)
    assert "seed 4" in out and "0 crashes" in out


def test_a_time_and_a_corpus(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """--time ends it, --corpus keeps what was new, and a seed is drawn when none is given."""
    document = fuzz(capsys, "messages", "--time", 0.3, "--engine", "seeded", "--corpus", tmp_path / "corpus")
    assert 0.3 <= document["seconds"] < 10
    assert list((tmp_path / "corpus").glob("*.bin"))
    assert isinstance(document["seed"], int)


@pytest.mark.parametrize(
    "arguments",
    [
        ("nothing",),
        ("port",),
        ("framer", "/dev/ttyUSB0"),
        ("port", "socket://localhost:1", "--corpus", "x"),
        ("port", "socket://localhost:1", "--engine", "seeded"),
        ("framer", "--repro", "no-such-file"),
        ("framer", "--jobs", "2"),
        ("all", "--repro", __file__),
        ("all", "--engine", "atheris"),
        ("framer", "--repro", __file__, "--runs", "3"),
    ],
    ids=" ".join,
)
def test_what_means_nothing_is_refused(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    """Targets that there are not, and options that would be ignored, are errors of usage."""
    assert fuzz(capsys, *arguments, code=Exit.USAGE)["exit_code"] == Exit.USAGE


def test_atheris_is_an_extra(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for and not there, the extra is named; unasked, our own engine works."""
    monkeypatch.setattr(guided, "is_installed", lambda: False)
    document = fuzz(capsys, "framer", "--engine", "atheris", "--runs", 5, code=Exit.MISSING_EXTRA)
    assert "laserlink[fuzz]" in document["hint"]
    assert fuzz(capsys, "framer", "--runs", 5)["engine"] == "seeded"


def test_a_port(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A served module is attacked for a while, and stays; one batch can be sent again."""
    with serving("uart-1m") as served:
        url = url_of(served)
        document = fuzz(capsys, "port", url, "--runs", 40, "--seed", 2, "--out", tmp_path)
        assert (document["target"], document["url"], document["crashes"]) == ("port", url, [])
        assert document["runs"] >= 40 and document["received"] > 0 and document["attaches"] > 0
        batch = tmp_path / "batch.bin"
        batch.write_bytes(b"\xeb\x90" * 40)
        assert fuzz(capsys, "port", url, "--repro", batch)["crashes"] == []


PLANTED = """
import sys
from laserlink.protocol import connection
from laserlink.protocol.connection import Connection
from laserlink.tools.cli import run

# The kernel spells right.
connection.whole_frame = lambda: None
fields = Connection._fields

def misspelt(self, *words):
    kind, channel, session, sequence, payload, flags = fields(self, *words)
    payload = payload[:-1] + bytes((255,)) if kind == 8 else payload
    return kind, channel, session, sequence, payload, flags

Connection._fields = misspelt
sys.exit(run(sys.argv[1:]))
"""


def test_a_broken_module_on_a_port_is_found(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module whose errors are no UTF-8 is a finding, saved; sent again, the batch fails again."""
    script = tmp_path / "planted.py"
    script.write_text(PLANTED)
    monkeypatch.setattr("served.COMMAND", (sys.executable, str(script)))
    with serving("uart-1m") as served:
        url = url_of(served)
        found = fuzz(capsys, "port", url, "--runs", 200, "--seed", 5, "--out", tmp_path, code=Exit.FINDING)
        (crash,) = found["crashes"]
        assert crash["signature"] == "what is sent is legal"
        assert Path(crash["file"]).stat().st_size == crash["bytes"] > 0
        fuzz(capsys, "port", url, "--repro", crash["file"], code=Exit.FINDING)
