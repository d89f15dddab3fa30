"""docs/state-machines.md: every row of both tables, and diagrams that lose none of them."""

import re

from laserlink.firmware_model import table as module_table
from laserlink.host_driver import table as host_table
from laserlink.protocol.states import HostState, ModuleState
from laserlink.tools.state_diagrams import diagram, leading_everywhere, machine, render
from laserlink.tools.wire_format import words


def test_every_row_is_in_its_table() -> None:
    """Each row of both machines is a line of the document, with its action and what follows."""
    text = render()
    for rows in (module_table.TABLE, host_table.TABLE):
        for (state, happening), (action, following) in rows.items():
            after = "" if following is state else words(following)
            assert f"| {words(state)} | {words(happening)} | `{action}` | {after} |" in text


def test_every_change_is_drawn_or_listed() -> None:
    """What changes the state is an arrow, or stands in the list of what leads there from everywhere."""
    for title, rows, states in (
        ("module", module_table.TABLE, list(ModuleState)),
        ("host", host_table.TABLE, list(HostState)),
    ):
        text = "\n".join(machine(title, rows, states, states[0]))
        arrows = dict(re.findall(r"^    (\w+ --> \w+): (.*)$", text, re.MULTILINE))
        for (state, happening), (_, following) in rows.items():
            if following is state:
                continue
            arrow = arrows.get(f"{state.name.lower()} --> {following.name.lower()}", "")
            listed = re.search(
                rf"\*\*{words(happening)}\*\* leads to \*\*{words(following)}\*\* from (.*)\.", text
            )
            in_list = listed is not None and words(state) in listed[1].split(", ")
            assert (words(happening) in arrow.split(", ")) is not in_list


def test_diagrams_are_mermaid() -> None:
    """A diagram names each state once, and no line of it is longer than a reader can follow."""
    rows, states = module_table.TABLE, list(ModuleState)
    lines = diagram(rows, states, ModuleState.DETACHED, leading_everywhere(rows)).splitlines()
    assert lines[:3] == ["```mermaid", "stateDiagram-v2", "    [*] --> detached"]
    assert [line.strip() for line in lines[3 : 3 + len(states)]] == [state.name.lower() for state in states]
    assert max(map(len, lines)) < 110
