"""The wire format document: complete, and true to the declarations."""

import re

import pytest

from laserlink.firmware_model.table import TABLE, Input
from laserlink.protocol.catalogue import ROWS, Row
from laserlink.protocol.errors import ErrorCode
from laserlink.protocol.limits import LIMITS
from laserlink.protocol.messages.layout import fields_of
from laserlink.protocol.states import ModuleState
from laserlink.protocol.timers import NS_PER_MS, TIMERS
from laserlink.tools.wire_format import enumerations, legal_states, render, table, words
from laserlink.tools.wire_prose import INPUTS

TEXT = render()
LINES = TEXT.splitlines()


def section(title: str) -> str:
    """What stands under a heading, up to the next one."""
    return re.split(r"^#+ ", TEXT.split(f"# {title}\n", 1)[1], flags=re.MULTILINE)[0]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.message.__name__)
def test_message(row: Row) -> None:
    """Each message has a section with its facts and one line for every field, and a line in the catalogue."""
    found = section(f"{row.type:02X} {row.message.__name__}")
    assert row.role in found
    assert row.direction.value in found
    assert all(sentence in found for sentence in legal_states(row))
    lines = [line for line in found.splitlines() if line.startswith("|")][2:]
    assert len(lines) == len(fields_of(row.message))
    for line, info in zip(lines, fields_of(row.message), strict=True):
        assert f"`{info.name}`" in line
        assert info.meaning in line
    assert any(line.startswith(f"| {row.type:02X} | [{row.message.__name__}](") for line in LINES)


def test_lists_are_complete() -> None:
    """Every error code, limit, timer and enumeration stands there with its number."""
    for code in ErrorCode:
        assert f"| {int(code)} | {code.name} |" in TEXT
    for limit in LIMITS.values():
        assert f"| {limit.name} | {limit.value} |" in TEXT
    for timer in TIMERS.values():
        assert f"| {timer.name} | {timer.value_ns // NS_PER_MS} |" in TEXT
    for kind in enumerations():
        found = section(kind.__name__)
        assert all(f"{int(member)} {member.name}" in found for member in kind)


def test_states() -> None:
    """Every way from one state of the module to another stands in its table, or is shared by all states."""
    lines = section("The module's states").splitlines()
    everywhere = {Input.REMOVED: ModuleState.DETACHED, Input.HELLO: ModuleState.GREETED}
    everywhere[Input.BROKEN] = ModuleState.FAULT
    for (state, happening), (_, following) in TABLE.items():
        row = f"| {words(state)} | {INPUTS.get(happening)} | {words(following)} |"
        assert (row in lines) is (following is not state and happening not in everywhere), row
        assert following is everywhere.get(happening, following)
    shared = {happening: {state for state, other in TABLE if other is happening} for happening in everywhere}
    without = {ModuleState.DETACHED, ModuleState.FAULT}
    assert shared[Input.REMOVED] == set(ModuleState)
    assert shared[Input.HELLO] == shared[Input.BROKEN] == set(ModuleState) - without


def test_known_facts() -> None:
    """Facts that were known before there was a generator."""
    assert "| 16 | 4 | header check | CRC-32/AUTOSAR of bytes 0 to 15 |" in TEXT
    assert "| still-full | 11648 x 8736 | RAW12 | 152635392 | 4032 |" in TEXT
    assert "37858 |" in TEXT
    assert "C8DF352F" in TEXT
    assert f"{0xF4ACFB13:032b}"[::-1] == f"{0xC8DF352F:032b}"


def test_links() -> None:
    """Every link inside the document leads to a heading."""
    headings = {
        re.sub(r"[^\w -]", "", line.lstrip("# ")).lower().replace(" ", "-")
        for line in LINES
        if line[:1] == "#"
    }
    targets = set(re.findall(r"\]\(#([^)]*)\)", TEXT))
    assert targets
    assert targets <= headings


def test_tables_are_regular() -> None:
    """Every row of a table has as many cells as its head, and a bar in a cell is escaped."""
    width = 0
    for line in LINES:
        cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        assert not width or not cells or cells == width, line
        width = cells
    assert table(("a",), [("b|c",)]).splitlines()[2] == "| b\\|c |"
