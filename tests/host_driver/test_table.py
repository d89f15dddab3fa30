"""The host's table: complete and reachable, and the mirror of the module's."""

from collections import defaultdict

from laserlink.host_driver.machine import EXPIRED, INPUT_OF, PHASES, Host
from laserlink.host_driver.table import TABLE, Input
from laserlink.protocol.states import HostState as S
from laserlink.protocol.states import ModuleState


def test_there_are_at_most_sixteen_states() -> None:
    """Absent, seating, and the mirror of the module's states."""
    assert len(S) <= 16
    assert {state for state, _ in TABLE} == set(S)
    assert {state.name for state in S} - {"ABSENT", "SEATING"} == {state.name for state in ModuleState} - {
        "DETACHED"
    }


def test_every_action_is_a_method() -> None:
    """No row names an action that the host does not have, and no action stands in no row."""
    named = {f"do_{action}" for action, _ in TABLE.values()}
    assert named == {name for name in dir(Host) if name.startswith("do_")}


def test_every_input_has_a_row() -> None:
    """An input that no state knows would be dead; what the machine makes of timers and replies is known."""
    known = {happening for _, happening in TABLE}
    assert known == set(Input)
    assert known >= {*EXPIRED.values(), *INPUT_OF.values(), *PHASES.values()}


def test_removal_leads_to_absent_from_every_state() -> None:
    """Pulling the module off is defined everywhere."""
    assert {state: TABLE[state, Input.REMOVED][1] for state in S} == dict.fromkeys(S, S.ABSENT)


def test_every_state_is_reachable() -> None:
    """From absent, some sequence of inputs leads into each state."""
    following: dict[S, set[S]] = defaultdict(set)
    for (state, _), (_, target) in TABLE.items():
        following[state].add(target)
    reached, edge = {S.ABSENT}, {S.ABSENT}
    while edge:
        edge = set().union(*(following[state] for state in edge)) - reached
        reached |= edge
    assert reached == set(S)


def test_every_state_of_a_session_survives_silence_and_restart() -> None:
    """Where there is a session, silence and a beacon of a restarted module have an answer."""
    linked = set(S) - {S.ABSENT, S.SEATING, S.POWERED, S.FAULT}
    for state in linked - {S.RECOVERING}:
        assert (state, Input.SILENT) in TABLE, state
    for state in linked - {S.GREETED}:
        assert (state, Input.RESTARTED) in TABLE, state
    for state in linked:
        assert TABLE[state, Input.BROKEN] == ("latch", S.FAULT), state
