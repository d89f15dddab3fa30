"""`laserlink generate`, through the command line."""

import json
from pathlib import Path

import pytest

from laserlink.tools.cli import run
from laserlink.tools.generate import GENERATED

PROJECT = '[project]\nname = "laserlink"\n'


def test_check_and_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From a folder below the repository: --check finds what is stale, a run writes it, then nothing is."""
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    below = tmp_path / "docs" / "decisions"
    below.mkdir(parents=True)
    (below / "pyproject.toml").write_text('[project]\nname = "other"\n')
    monkeypatch.chdir(below)
    assert run(["--json", "generate", "--check"]) == 1
    assert json.loads(capsys.readouterr().out) == {"check": True, "files": list(GENERATED)}
    assert run(["generate"]) == 0
    assert "written: docs/wire-format.md" in capsys.readouterr().out
    assert run(["generate", "--check"]) == 0
    assert "up to date" in capsys.readouterr().out
    (tmp_path / "docs" / "wire-format.md").write_text("stale")
    assert run(["generate", "--check"]) == 1
    assert capsys.readouterr().out == "stale: docs/wire-format.md\n"


@pytest.mark.parametrize("content", ["", "[project", '[project]\nname = "other"\n'])
def test_outside(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Outside of the repository there is nothing to generate."""
    (tmp_path / "pyproject.toml").write_text(content)
    monkeypatch.chdir(tmp_path)
    assert run(["generate"]) == 2
    assert "Hint:" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["pyproject.toml"]
