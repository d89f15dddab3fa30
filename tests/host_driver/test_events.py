"""What the host tells its caller."""

import copy
import dataclasses

import pytest
from rig import host_in

from laserlink.host_driver import actions, events
from laserlink.host_driver.events import Answered, Attached, Lost, NoDevice, StateChanged
from laserlink.protocol.states import HostState, LossCause

KINDS = [
    kind for kind in vars(events).values() if isinstance(kind, type) and kind.__module__ == events.__name__
]


def test_events_are_values() -> None:
    """Frozen and equal by what they say, so that a log of them can be kept and compared."""
    assert len(KINDS) == 7
    assert (
        Lost(LossCause.POWER, "x", True)
        == Lost(LossCause.POWER, "x", True)
        != Lost(LossCause.POWER, "x", False)
    )
    event = NoDevice(3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.heard = 4  # type: ignore[misc]
    assert copy.deepcopy(event) == event


def test_the_events_of_an_attach_are_those_of_this_module() -> None:
    """States in order, answers to the host's own requests, and one Attached."""
    rig = host_in(HostState.READY)
    rig.run_for(1_000_000)
    fork = rig.fork()
    fork.stepper.pull_off()
    fork.run_for(20_000_000)
    fork.stepper.snap_on()
    fork.until(lambda: bool(fork.told(Attached)))
    assert {type(event) for event in fork.events} == {StateChanged, Answered, Attached, Lost}
    assert actions.Lost is Lost
