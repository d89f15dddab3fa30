"""The module's table: complete, reachable, and in agreement with the catalogue."""

from collections import defaultdict

from laserlink.firmware_model.machine import INPUT_OF, Module
from laserlink.firmware_model.services import SERVICES
from laserlink.firmware_model.table import TABLE, Input
from laserlink.protocol import catalogue
from laserlink.protocol.catalogue import Direction
from laserlink.protocol.messages import diagnostics, identity, image, link, power
from laserlink.protocol.messages.layout import Record
from laserlink.protocol.states import ModuleState as S

# Messages that are several inputs, and the machine tells which.
SEVERAL: dict[type[Record], set[Input]] = {
    link.Hello: {Input.HELLO},
    power.PowerDerate: {Input.DERATE, Input.DERATE_BELOW_STREAM},
    diagnostics.TrainResult: {
        Input.TRAINED, Input.TRAINED_AGAIN, Input.TRAINED_MID_STREAM, Input.TRAINING_FAILED,
    },
    identity.DescriptorRead: {Input.DESCRIPTOR_READ, Input.DESCRIPTOR_END},
    image.StreamStop: {Input.STREAM_STOP, Input.STREAM_STOP_LAST},
}  # fmt: skip
INPUTS_OF: dict[type[Record], set[Input]] = {**{kind: {one} for kind, one in INPUT_OF.items()}, **SEVERAL}


def states_with_row(inputs: set[Input]) -> set[S]:
    return {state for state, happening in TABLE if happening in inputs}


def test_there_are_at_most_sixteen_states() -> None:
    """The state fits the four bits that a small controller's table gives it."""
    assert len(S) <= 16
    assert {state for state, _ in TABLE} == set(S)


def test_every_action_is_a_method() -> None:
    """No row names an action that the module does not have, and no action stands in no row."""
    named = {f"do_{action}" for action, _ in TABLE.values()}
    assert named == {name for name in dir(Module) if name.startswith("do_")}


def test_every_input_has_a_row() -> None:
    """An input that no state knows would be dead."""
    assert {happening for _, happening in TABLE} == set(Input)


def test_removal_leads_to_detached_from_every_state() -> None:
    """Pulling the module off is defined everywhere."""
    assert {state: TABLE[state, Input.REMOVED][1] for state in S} == dict.fromkeys(S, S.DETACHED)


def test_every_state_is_reachable() -> None:
    """From detached, some sequence of inputs leads into each state."""
    following: dict[S, set[S]] = defaultdict(set)
    for (state, _), (_, target) in TABLE.items():
        following[state].add(target)
    reached, edge = {S.DETACHED}, {S.DETACHED}
    while edge:
        edge = set().union(*(following[state] for state in edge)) - reached
        reached |= edge
    assert reached == set(S)


def test_a_broken_module_darkens_from_every_powered_state() -> None:
    """A failed self-test latches wherever it happens, except where it is latched or off already."""
    for state in set(S) - {S.DETACHED, S.FAULT}:
        assert TABLE[state, Input.BROKEN] == ("latch", S.FAULT)


def test_the_catalogue_allows_a_message_where_the_table_has_a_row() -> None:
    """Two lists of legal states, one truth. In RECOVERING any message first leads back to CONTRACTED."""
    for message, inputs in INPUTS_OF.items():
        rows = states_with_row(inputs)
        if S.CONTRACTED in rows:
            rows.add(S.RECOVERING)
        assert set(catalogue.BY_MESSAGE[message].states) == rows, message.__name__


def test_every_message_to_the_module_is_an_input_or_a_service() -> None:
    """Nothing that the catalogue lets in falls between table and services, and nothing is in both."""
    incoming = {row.message for row in catalogue.ROWS if row.direction is not Direction.TO_HOST}
    assert set(INPUTS_OF) | set(SERVICES) == incoming
    assert not set(INPUTS_OF) & set(SERVICES)
