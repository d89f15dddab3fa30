"""The Promela models: made from the tables, free of violations, and able to see planted defects."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from laserlink.firmware_model import table as module_table
from laserlink.host_driver import table as host_table
from laserlink.protocol.states import HostState, ModuleState
from laserlink.tools import promela
from laserlink.tools.promela import (
    CHECKS,
    LARGE_CHECKS,
    SMALL,
    TABLES,
    WIDE,
    Check,
    Explored,
    explored,
    machine,
    render,
    run,
)

MODELS = Path(__file__).parents[2] / "docs" / "model"
# Rows that only messages reach which the models leave out; docs/model/README.md says why.
LEFT_OUT = {"derate", "wait_for_power", "take_part"}


@pytest.fixture
def spin() -> None:
    """Skip where spin or gcc is missing, and say so; in CI they are there."""
    missing = [name for name in ("spin", "gcc") if shutil.which(name) is None]
    if missing:
        reason = f"{' and '.join(missing)} not installed (Debian: spin gcc libc6-dev)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


def changed(folder: Path, change: Callable[[str], str] = str) -> Path:
    """The models in a folder of their own, with tables of which something was changed."""
    for path in MODELS.glob("*.pml"):
        shutil.copy(path, folder)
    before = (folder / TABLES).read_text()
    (folder / TABLES).write_text(change(before))
    assert change is str or change(before) != before
    return folder


def test_every_row_is_there() -> None:
    """Each row of both tables stands in the generated file, with its action and the state that follows."""
    text = render()
    for prefix, table in (("M", module_table.TABLE), ("H", host_table.TABLE)):
        for (_, happening), (action, following) in table.items():
            row = f"action = {prefix}A_{action}; following = {prefix}_{following.name}"
            assert f"{prefix}I_{happening.name} -> {row}" in text
    rows = len(module_table.TABLE) + len(host_table.TABLE)
    assert len(re.findall(r":: happening == \w+ -> action = \w+; following = \w+", text)) == rows


def test_a_changed_row_changes_the_model() -> None:
    """What is generated follows the table that it is given, not a copy of it."""
    table = dict(host_table.TABLE)
    before = machine("H", "host_row", HostState, host_table.Input, table)
    del table[HostState.READY, host_table.Input.REMOVED]
    after = machine("H", "host_row", HostState, host_table.Input, table)
    assert len(before.splitlines()) - len(after.splitlines()) == 1
    module = machine("M", "module_row", ModuleState, module_table.Input, module_table.TABLE)
    assert f"#define M_FAULT {ModuleState.FAULT}" in module.splitlines()


def test_every_action_has_a_meaning() -> None:
    """Each action of both tables is worked out in link.pml, but for those that are left out on purpose."""
    text = (MODELS / "link.pml").read_text()
    for prefix, table in (("M", module_table.TABLE), ("H", host_table.TABLE)):
        actions = {action for action, _ in table.values()}
        missing = {action for action in actions if not re.search(rf"\b{prefix}A_{action}\b", text)}
        assert missing <= LEFT_OUT, missing


@pytest.mark.usefixtures("spin")
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_verified(check: Check) -> None:
    """All states are seen, none breaks a rule, and when faults stop everything ends in a link that works."""
    found = run(check, MODELS, seconds_max=300)
    assert (found.violation, found.complete) == ("", True), found
    assert found.states > 100_000


@pytest.mark.usefixtures("spin")
@pytest.mark.skipif(os.environ.get("LASERLINK_NIGHTLY") != "1", reason="minutes each: LASERLINK_NIGHTLY=1")
@pytest.mark.parametrize("check", LARGE_CHECKS, ids=lambda check: check.name)
def test_verified_at_length(check: Check) -> None:
    """What is too large for every run: all states, or those of a quarter of an hour, break no rule."""
    found = run(check, MODELS, seconds_max=900)
    assert found.violation == "", found
    assert found.complete or found.states >= 10_000_000, found


def without(state: str, happening: str) -> Callable[[str], str]:
    """A change that takes one row out of the generated table."""

    def take(text: str) -> str:
        head, rest = text.split(f":: state == {state} ->\n", 1)
        lines = rest.splitlines(keepends=True)
        first = next(number for number, line in enumerate(lines) if f" {happening} ->" in line)
        del lines[first]
        return f"{head}:: state == {state} ->\n{''.join(lines)}"

    return take


def replaced(before: str, after: str) -> Callable[[str], str]:
    return lambda text: text.replace(before, after)


def planted(model: str, *defines: str, liveness: bool = False) -> Check:
    """A small check that is expected to fail soon."""
    return Check("", model, defines, liveness, compiler="-O0")


DEFECTS: dict[str, tuple[Check, Callable[[str], str], str]] = {
    "the laser does not look at the contact": (planted("link.pml", *SMALL, "CANARY_LASER"), str, "m_lit"),
    "the module takes frames of another session": (
        planted("link.pml", *WIDE, "CANARY_STALE_TO_MODULE"), str, "session==m_session",
    ),
    "the host takes frames of another session": (
        planted("link.pml", *SMALL, "CANARY_STALE_TO_HOST"), str, "session==h_session",
    ),
    "the module has no row for removal": (
        planted("link.pml", *SMALL), without("M_IDENTIFYING", "MI_REMOVED"), "removed",
    ),
    "the host has no row for removal": (
        planted("link.pml", *SMALL), without("H_IDENTIFYING", "HI_REMOVED"), "removed",
    ),
    "the interlock allows light while the host is silent": (
        planted("link.pml", *SMALL),
        replaced("#define LIT_STATE(state) (", "#define LIT_STATE(state) (state == M_RECOVERING || "),
        "m_state",
    ),
    "the host waits in updating for a module that has left it": (
        planted("link.pml", *SMALL, "RESTARTS", liveness=True),
        without("H_UPDATING", "HI_DARK"),
        "acceptance cycle",
    ),
    "one more image is granted than is kept": (
        planted("resend.pml", "CHUNKS=2", "IMAGES=3", "CANARY_WINDOW"), str, "h_settled",
    ),
    "a resend holds another image": (
        planted("resend.pml", "CHUNKS=2", "IMAGES=2", "CANARY_OTHER_IMAGE"), str, "wrong",
    ),
}  # fmt: skip


@pytest.mark.usefixtures("spin")
@pytest.mark.parametrize("name", DEFECTS)
def test_planted_defects_are_found(name: str, tmp_path: Path) -> None:
    """A bad row, a missing row or a check that is skipped breaks a rule, and it is the one that it should."""
    check, change, rule = DEFECTS[name]
    found = run(check, changed(tmp_path, change), seconds_max=120)
    assert rule in found.violation, found
    assert not found.complete


@pytest.mark.usefixtures("spin")
def test_the_table_of_figures(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The long run prints one row a check, and fails when one of them found something."""
    good = Check("good", "resend.pml", ("CHUNKS=1", "IMAGES=1"), compiler="-O0")
    bad, _, _ = DEFECTS["a resend holds another image"]
    monkeypatch.chdir(MODELS.parents[1])
    monkeypatch.setattr(promela, "CHECKS", (good,))
    monkeypatch.setattr(promela, "LARGE_CHECKS", (bad,))
    assert promela.main() == 1
    first, second = capsys.readouterr().out.splitlines()
    assert re.match(r"\| good \| whole \| [\d,]+ \| [\d,]+ \| [\d,]+ \| \d+ \| \d+ \| none \|$", first)
    assert "| part |" in second and "wrong" in second


def test_what_the_verifier_says_is_understood() -> None:
    """Numbers and violation come out of its text; a text without them is an error."""
    text = """pan:1: assertion violated (a==b) (at depth 7)
Warning: Search not completed
State-vector 84 byte, depth reached 104, errors: 1
   377215 states, stored (400000 visited)
  3330859 transitions (= stored+matched)
  216.074	total actual memory usage
"""
    assert explored(text, 1.5) == Explored(
        377215, 3330859, 104, 216.074, 1.5, "assertion violated (a==b)", False
    )
    whole = "".join(text.splitlines(keepends=True)[2:])
    assert explored(whole, 0.0) == Explored(377215, 3330859, 104, 216.074, 0.0, "", True)
    assert explored(whole.replace("3330859", "1.63e+08"), 0.0).transitions == 163_000_000
    with pytest.raises(ValueError, match="states"):
        explored("Terminated", 0.0)
