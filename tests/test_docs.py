"""The documents are true: their commands and programs are run, and the site builds without a warning."""

import fcntl
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from documents import NOT_RUN, SUBSTITUTIONS, Block, Command, Desk, blocks

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
SHELL = ("sh", "console", "bash", "shell")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def worth_doing(path: Path) -> bool:
    return any(block.language in (*SHELL, "python") for block in blocks(path))


def missing(reason: str) -> None:
    """A laptop may lack a tool; a CI job may not."""
    pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


def done(desk: Desk, block: Block) -> list[tuple[int, str]]:
    """Do what a block says. The line and the reason of everything that did not go as it says."""
    if block.saved_as:
        (desk.folder / block.saved_as).write_text(block.text)
    if block.language == "python" and "def test_" not in block.text:
        wrong = [(block.line, desk.run_python(block.text))]
    elif block.language in SHELL:
        wrong = [(item.line, desk.run(item)) for item in block.commands() if item.why_not is None]
    else:
        wrong = []
    desk.end_block()
    return [item for item in wrong if item[1]]


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if worth_doing(path)], ids=name_of)
def test_documents_do_what_they_say(path: Path, tmp_path: Path) -> None:
    """Every command and program of a document is run, in its order; it ends as the document says."""
    with Desk(tmp_path) as desk:
        for block in blocks(path):
            for line, reason in done(desk, block):
                pytest.fail(f"{name_of(path)}:{line}: {reason}", pytrace=False)


def test_no_row_of_the_tables_is_left_over() -> None:
    """What is replaced or left out in documents does stand in one of them."""
    texts = [item.text for path in DOCUMENTS for block in blocks(path) for item in block.commands()]
    for pattern in (*NOT_RUN, *SUBSTITUTIONS):
        assert any(re.search(pattern, text) for text in texts), pattern


def test_commands_are_found_as_a_shell_finds_them() -> None:
    """Comments, continuation lines, pipes, and the exit code that a comment tells."""
    block = Block("sh", "# all of it\na b \\\n  c | d   # exit code 1: why\n\ne > f && g\n", 10, None)
    assert list(block.commands()) == [Command("a b   c | d", 12, 1), Command("e > f && g", 15)]
    assert [item.programs() for item in block.commands()] == [{"a", "d"}, {"e", "g"}]


def test_wrong_commands_are_found(tmp_path: Path) -> None:
    """An unknown program, option or target, a program that fails, and another exit code are told."""
    with Desk(tmp_path) as desk:
        for text in ("frobnicate", "laserlink encode hello | frobnicate"):
            assert "knows frobnicate" in desk.run(Command(text, 1))
        assert "exit code 2, not 0" in desk.run(Command("laserlink encode hello --nonsense", 1))
        assert "exit code 0, not 1" in desk.run(Command("laserlink encode hello", 1, exit_code=1))
        assert "exit code 2" in desk.run(Command("make nonsense", 1))
        assert "exit code 2, at once" in desk.run(Command("laserlink serve nonsense > said", 1))
        assert "AssertionError" in desk.run_python("assert False")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """docs/ as a site, every warning an error; built once, whichever process of this run comes first."""
    if importlib.util.find_spec("sphinx") is None:
        missing("sphinx is not installed (the extra [docs])")
    folder = tmp_path_factory.getbasetemp()
    folder = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "site"
    folder.mkdir(exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "built").exists():
            options = ["-W", "-q", "-j", "2", "-d", folder / "doctrees"]
            words = ["-m", "sphinx", *options, "docs", folder / "html"]
            built = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True)
            assert built.returncode == 0, built.stdout + built.stderr
            (folder / "built").touch()
    return folder / "html"


def test_site_builds_and_has_every_page(site: Path) -> None:
    """No warning, a page for each document, and the API has what docstrings say."""
    for path in (ROOT / "docs").rglob("*.md"):
        assert (site / path.relative_to(ROOT / "docs").with_suffix(".html")).exists(), name_of(path)
    assert "Take one picture" in (site / "api" / "camera.html").read_text()
    assert (site / "_images" / "first-light.jpg").exists()


def test_site_needs_no_network(site: Path) -> None:
    """Nothing that a page loads (scripts, styles, pictures, frames) comes from elsewhere."""
    loads = r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"(?:https?:)?//|<link\b[^>]*\bhref=\"(?:https?:)?//"
    for page in site.rglob("*.html"):
        assert not re.search(loads, page.read_text()), page.name


def test_state_machines_are_drawn(site: Path) -> None:
    """Both machines stand on their page as pictures in the colour of the text, with every state."""
    if shutil.which("dot") is None:
        missing("dot is not installed (Debian: graphviz)")
    pictures = re.findall(
        r"<figure class=\"diagram\".*?</figure>", (site / "state-machines.html").read_text(), re.DOTALL
    )
    assert len(pictures) == 2
    for picture in pictures:
        assert {"greeted", "streaming", "recovering", "fault"} <= set(re.findall(r">(\w+)</text>", picture))
        assert "currentColor" in picture and "#010203" not in picture
