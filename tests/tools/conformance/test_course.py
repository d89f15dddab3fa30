"""laserlink.tools.conformance.course: the way to each state."""

from dataclasses import replace
from typing import Any

import pytest
from broken import TWO_LANES, bench_of, examine, failures, line_of

from laserlink.firmware_model.machine import Module
from laserlink.firmware_model.profile import Profile
from laserlink.protocol.states import ModuleState
from laserlink.tools.conformance.check import Mismatch, Outcome
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


class Frugal(Module):
    """A module that needs no more under a contract than any module gets without one."""

    def __init__(self, profile: Profile, *arguments: Any, **options: Any) -> None:
        power = replace(profile.power, boot_ma=30, idle_ma=20, sensor_on_ma=20, motor_reserve_ma=5)
        super().__init__(replace(profile, power=power), *arguments, **options)


def test_module_that_is_content_without_a_contract_conforms() -> None:
    """No limit ends its streams, so that what such a limit does is skipped; the rest of its power holds."""
    names = ("power", "recovery", "states.streaming-*")
    report = examine(Frugal, names)
    assert failures(report) == set()
    skipped = {result.check.name for result in report.results if result.outcome is Outcome.SKIPPED}
    assert skipped >= {"power.derate-stops", "states.streaming-derate-to-stop"}
    assert not {"power.derate-stops", "states.streaming-derate-to-stop"} & failures(examine(names=names))
