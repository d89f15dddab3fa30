"""laserlink.tools.fuzzing.worlds: every state is reached, and a copy is a copy."""

import pytest

from laserlink.host_driver.actions import Attached
from laserlink.protocol.states import HostState, LaneKind, ModuleState
from laserlink.protocol.timers import NS_PER_S
from laserlink.tools.fuzzing import worlds


@pytest.mark.parametrize("index", range(worlds.MODULE_BASES))
def test_modules_are_in_every_state(index: int) -> None:
    """Base n is the n-th state, on two lanes and then on one; its session is the host's."""
    module, session, now = worlds.thaw(worlds.frozen_module(index))
    assert module.state is tuple(ModuleState)[index % len(ModuleState)]
    assert (LaneKind.OPTICAL in module.connection.lanes) == (index < len(ModuleState))
    assert module.connection.session in (0, session)
    assert module.profile is worlds.profile()
    assert now >= 0


@pytest.mark.parametrize("index", range(worlds.HOST_BASES))
def test_hosts_are_in_every_state(index: int) -> None:
    """As for the module."""
    host, session, _ = worlds.thaw(worlds.frozen_host(index))
    assert host.state is tuple(HostState)[index % len(HostState)]
    assert host.connection.session == session


def test_copies_go_their_own_way() -> None:
    """What happens to one copy of a world does not happen to another, nor to the next one made."""
    frozen = worlds.frozen_session(0)
    first, second = worlds.thaw(frozen), worlds.thaw(frozen)
    first.snap_on()
    first.run_for(NS_PER_S)
    assert any(isinstance(event, Attached) for event in first.events)
    assert second.now == 0
    assert second.host.state is worlds.thaw(frozen).host.state is HostState.ABSENT


@pytest.mark.parametrize("index", range(worlds.SESSION_BASES))
def test_sessions_run_on(index: int) -> None:
    """A thawed session goes on: time passes, and both ends are alive."""
    world = worlds.thaw(worlds.frozen_session(index))
    state = world.module.state
    world.run_for(NS_PER_S // 2)
    assert world.module.state is state
    assert state is worlds.SESSION_STATES[index % len(worlds.SESSION_STATES)]
