"""The app on a simulated phone: its wishes come true one by one, and it takes care when they cannot."""

import pytest

from laserlink.firmware_model.machine import Broken
from laserlink.protocol.messages import diagnostics, power
from laserlink.protocol.messages.link import Reset
from laserlink.protocol.states import HostState
from laserlink.protocol.timers import NS_PER_S
from laserlink.tools.fault_profiles import PHONE, Plan, Wish, Wished
from laserlink.tools.simulated_app import EXPOSURE_US_FIRST, WISHES
from laserlink.tools.simulator import Simulation


def attached(*wishes: Wish) -> Simulation:
    """A session in which the module was just snapped on."""
    items = {number: Wished(wish, 32, 16, 8, 2) for number, wish in enumerate(wishes)}
    simulation = Simulation(Plan(3, PHONE, False, 5, 0, 0, 0, items))
    simulation.stepper.snap_on()
    return simulation


def wait(simulation: Simulation, seconds: float = 10) -> None:
    assert simulation._run(simulation._is_ready, round(seconds * NS_PER_S)), simulation.stepper.host.state
    assert simulation.watched.violations == []


@pytest.mark.parametrize(
    ("wish", "images"), [(Wish.CAPTURE, 2), (Wish.PAIR, 4), (Wish.SET, 0), (Wish.GET, 0), (Wish.ECHO, 0)]
)
def test_wishes_come_true(wish: Wish, images: int) -> None:
    """One after the other, in less than a second of virtual time, with the images that were wished for."""
    assert set(WISHES) == set(Wish)
    simulation = attached(wish, wish)
    wait(simulation, 1)
    assert simulation.app.done == 2 and simulation.watched.images_exact == 2 * images


def test_every_setting_is_another_one() -> None:
    """No value comes twice, so that each can be told from all others, and is meant for one module."""
    simulation = attached(Wish.SET, Wish.SET)
    wait(simulation)
    module = simulation.stepper.module
    assert simulation.app.settings == dict.fromkeys(
        (EXPOSURE_US_FIRST, EXPOSURE_US_FIRST + 1), module.profile.identity.module_id
    )
    assert module.controls.values[1] == EXPOSURE_US_FIRST + 1


def test_an_endless_stream_is_ended() -> None:
    """Some images, and then both ends are ready again."""
    simulation = attached(Wish.ENDLESS)
    wait(simulation, 2)
    assert simulation.watched.images_exact > 2 and not simulation.stepper.module.streams.active_channels


@pytest.mark.parametrize("wish", [Wish.RESET, Wish.UPDATE])
def test_a_restart_is_lived_through(wish: Wish) -> None:
    """The module boots again, and the wish after that comes true as well."""
    simulation = attached(wish, Wish.CAPTURE)
    wait(simulation)
    assert simulation.stepper.module.boot_count == 2 and simulation.watched.images_exact == 2


def test_power_is_offered_again_after_a_revoke() -> None:
    """The session goes on without light until the app offers power."""
    simulation = attached()
    wait(simulation)
    simulation.watched.happened.add("REVOKE")
    simulation.app.ask(power.PowerRevoke())
    simulation._run(lambda: simulation.stepper.host.state is HostState.GREETED, NS_PER_S)
    wait(simulation, 1)
    assert simulation.stepper.module.boot_count == 1 and simulation.stepper.module.power.contracted


def test_a_latched_module_is_snapped_off_and_on() -> None:
    """In a fault nothing else helps."""
    simulation = attached()
    wait(simulation)
    simulation.stepper.module.on_input(Broken("self-test failed"), simulation.stepper.now)
    simulation.stepper.settle()
    simulation._run(lambda: simulation.stepper.host.state is HostState.FAULT, NS_PER_S)
    wait(simulation, 2)
    assert simulation.stepper.module.boot_count == 2


def test_a_wish_that_comes_to_nothing_is_let_go() -> None:
    """With the module stopped, the answer never comes: after a while the next wish has its turn."""
    simulation = attached(Wish.ECHO, Wish.CAPTURE)
    app, stepper = simulation.app, simulation.stepper
    simulation._run(lambda: bool(app._asked), NS_PER_S)
    stepper.pull_off()
    simulation._run(lambda: False, 4 * NS_PER_S)
    assert app.done == 1
    stepper.snap_on()
    wait(simulation, 2)
    assert app.done == 2


def test_what_the_host_refuses_is_over_at_once() -> None:
    """Asked in a state in which the module would say no, or of a host that has restarted since."""
    simulation = attached()
    early = simulation.app.ask(diagnostics.Echo(data=b"early"))
    assert early.over and early.reply is None
    wait(simulation)
    asked = simulation.app.ask(Reset())
    assert not asked.over
    simulation.app.forget()
    assert asked.over


def test_a_stopped_host_runs_no_app() -> None:
    """The app is in the same process: it neither acts nor wants to be woken."""
    simulation = attached(Wish.CAPTURE)
    simulation._run(lambda: simulation.app.next_time() is not None, NS_PER_S)
    simulation.stepper.host_stopped = True
    assert simulation.app.next_time() is None
    simulation.stepper.now += 10 * NS_PER_S
    simulation.app.poll()
    assert simulation.app.done == 0
