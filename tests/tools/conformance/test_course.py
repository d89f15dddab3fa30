"""laserlink.tools.conformance.course: the way to each state."""

import pytest
from broken import TWO_LANES, bench_of, line_of

from laserlink.protocol.states import ModuleState
from laserlink.tools.conformance.check import Mismatch
from laserlink.tools.conformance.course import in_state, reach

STATES = [state for state in ModuleState if state not in (0, 1, 11)]


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name.lower())
def test_every_state_is_reached(state: ModuleState) -> None:
    """The module is where the course says, and nowhere else."""
    line = line_of(lanes=TWO_LANES)
    bench = bench_of(line)
    reach(bench, state)
    assert line.module.state is state


def test_no_session() -> None:
    """None leads to a module that beacons."""
    line = line_of()
    reach(bench_of(line), None)
    assert line.module.state is ModuleState.POWERED


def test_wrong_state_is_noticed() -> None:
    """What a module refuses says where it is."""
    bench = bench_of(line_of())
    reach(bench, ModuleState.GREETED)
    in_state(bench, ModuleState.GREETED)
    with pytest.raises(Mismatch, match="state greeted"):
        in_state(bench, ModuleState.CONTRACTED)
