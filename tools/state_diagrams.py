"""Writer of docs/state-machines.md: both machines as diagrams (Mermaid) and as tables, from their tables."""

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum, IntEnum
from typing import Any

from laserlink.firmware_model import table as module_table
from laserlink.host_driver import table as host_table
from laserlink.protocol.states import HostState, ModuleState
from laserlink.tools.wire_format import table, words

FILE = "docs/state-machines.md"
# Keys are (state, input), of one machine or the other.
Table = Mapping[Any, tuple[str, Any]]

OPENING = """\
# The two state machines

Made by `laserlink generate` from `firmware_model/table.py` and `host_driver/table.py`. Do not edit.

A row says: in this state, when this happens, the action is carried out (the method `do_<action>` of
`actions.py`), and the next state is that. What has no row is illegal: a message gets one error, anything else
has no effect. When each message is legal stands in [wire-format.md](wire-format.md#catalogue).

The diagrams show what changes the state. What leads to one state from nearly everywhere is listed below each
of them instead of being drawn. GitHub, VS Code and Sphinx draw them; in plain text they read as lists.
"""

# From so many states an input must lead to one and the same state to be listed instead of drawn.
EVERYWHERE_STATES_MIN = 6


def render() -> str:
    """The whole document."""
    sections = (
        OPENING,
        *machine("The module", module_table.TABLE, list(ModuleState), ModuleState.DETACHED),
        *machine("The host", host_table.TABLE, list(HostState), HostState.ABSENT),
    )
    return "\n".join(section.strip("\n") + "\n" for section in sections)


def machine(title: str, rows: Table, states: Sequence[IntEnum], first: IntEnum) -> Iterator[str]:
    """One machine: its diagram, what the diagram leaves out, and its table."""
    everywhere = leading_everywhere(rows)
    yield f"## {title}\n"
    yield diagram(rows, states, first, everywhere)
    yield from (everywhere_line(happening, target, rows) for happening, target in everywhere)
    yield f"### {title}, row by row\n"
    yield table(("state", "input", "action", "next state"), table_rows(rows))


def leading_everywhere(rows: Table) -> list[tuple[Enum, IntEnum]]:
    """Inputs that lead to the same other state from many states, and that state."""
    counts: dict[tuple[Enum, IntEnum], int] = {}
    for (state, happening), (_, following) in rows.items():
        if following is not state:
            counts[happening, following] = counts.get((happening, following), 0) + 1
    return [pair for pair, count in counts.items() if count >= EVERYWHERE_STATES_MIN]


def everywhere_line(happening: Enum, target: IntEnum, rows: Table) -> str:
    origins = [
        words(state)
        for (state, what), (_, to) in rows.items()
        if what is happening and to is target is not state
    ]
    return f"- **{words(happening)}** leads to **{words(target)}** from {', '.join(origins)}."


def diagram(
    rows: Table, states: Sequence[IntEnum], first: IntEnum, left_out: list[tuple[Enum, IntEnum]]
) -> str:
    """The diagram in Mermaid: an arrow for each pair of states, with all inputs that lead that way."""
    arrows: dict[tuple[IntEnum, IntEnum], list[str]] = {}
    for (state, happening), (_, following) in rows.items():
        if following is not state and (happening, following) not in left_out:
            arrows.setdefault((state, following), []).append(words(happening))
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {first.name.lower()}"]
    lines += [f"    {state.name.lower()}" for state in states]
    lines += [
        f"    {state.name.lower()} --> {following.name.lower()}: {', '.join(inputs)}"
        for (state, following), inputs in arrows.items()
    ]
    return "\n".join([*lines, "```"]) + "\n"


def table_rows(rows: Table) -> Iterator[tuple[object, ...]]:
    for (state, happening), (action, following) in rows.items():
        yield words(state), words(happening), f"`{action}`", "" if following is state else words(following)
