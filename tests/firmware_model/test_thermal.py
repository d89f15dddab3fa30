"""Heat: levels, slower streams, the model's two lumps, and ten minutes of it."""

import itertools
from dataclasses import replace

import pytest
from rig import MS, Rig, S, module_in

from laserlink.firmware_model.machine import Contact, Temperature
from laserlink.firmware_model.power import PowerSink
from laserlink.firmware_model.profile import Profile, load_profile
from laserlink.firmware_model.thermal import SLOWDOWNS, STEP_NS, Heat, Hysteresis, level_of, slowdown_of
from laserlink.host_driver.actions import ModuleEvent, StateChanged
from laserlink.host_driver.assembly import ImageDone
from laserlink.protocol.messages import image, power
from laserlink.protocol.states import HostState, ModuleState, TemperatureLevel
from laserlink.protocol.timers import DERATE_NOTICE_NS

PROFILE = load_profile("mos-100mp")
LIMIT_C = Hysteresis.HOT.value[0]


def test_temperature_levels_have_hysteresis() -> None:
    """The same temperature is another level on the way down."""
    normal, warm, hot = TemperatureLevel
    assert [level_of(57.0, before) for before in (normal, warm, hot)] == [normal, warm, warm]
    assert [level_of(70.0, before) for before in (normal, warm, hot)] == [warm, warm, hot]


@pytest.mark.parametrize("before", TemperatureLevel)
def test_a_threshold_belongs_to_the_level_above_it(before: TemperatureLevel) -> None:
    """At exactly the upper one it is warm or hot, wherever it came from."""
    assert level_of(Hysteresis.WARM.value[0], before) is TemperatureLevel.WARM
    assert level_of(Hysteresis.HOT.value[0], before) is TemperatureLevel.HOT
    assert level_of(-40.0, before) is TemperatureLevel.NORMAL


def test_streams_slow_down_in_steps_and_come_back_later() -> None:
    """Each step has its two temperatures; the first is where warm is, and all lie below hot."""
    factor, way = 1, []
    for celsius in (59.9, 60.0, 64.9, 65.0, 70.0, 66.1, 65.9, 60.9, 55.1, 54.9):
        factor = slowdown_of(celsius, factor)
        way.append(factor)
    assert way == [1, 2, 2, 4, 8, 8, 4, 2, 2, 1]
    assert SLOWDOWNS[0][1:] == Hysteresis.WARM.value
    assert all(down < up < LIMIT_C for _, up, down in SLOWDOWNS)


# --- the model ---


def warmed(watts: float, seconds: int, profile: Profile = PROFILE) -> Heat:
    heat = Heat(profile.thermal, 5000)
    heat.advance(round(watts * 200), seconds * S)
    return heat


def test_heat_comes_to_rest_where_the_resistances_say() -> None:
    """After two hours: the body between air and phone, the sensor above it by its own resistance."""
    thermal, watts = PROFILE.thermal, 2.0
    heat = warmed(watts, 7200)
    to_air, to_phone = 1 / thermal.body_to_air_k_per_w, 1 / thermal.body_to_phone_k_per_w
    body = (thermal.ambient_c * to_air + thermal.phone_c * to_phone + watts) / (to_air + to_phone)
    assert heat.body_c == pytest.approx(body, abs=0.01)
    assert heat.sensor_c == pytest.approx(body + watts * thermal.sensor_to_body_k_per_w, abs=0.01)


def test_all_that_was_drawn_is_heat() -> None:
    """Without a way out, both lumps together hold the energy."""
    closed = replace(PROFILE.thermal, body_to_air_k_per_w=1000.0, body_to_phone_k_per_w=1000.0)
    heat = warmed(2.0, 60, replace(PROFILE, thermal=closed))
    held = (heat.sensor_c - 25.0) * closed.sensor_j_per_k + (heat.body_c - 25.0) * 90.0
    assert held == pytest.approx(2.0 * 60, rel=0.02)


def test_the_way_does_not_depend_on_how_often_it_is_looked_at() -> None:
    """Steps are the model's own; half a second is small beside its time constants."""
    often, rarely = Heat(PROFILE.thermal, 5000), Heat(PROFILE.thermal, 5000)
    for step in range(1, 601):
        often.advance(400, step * S // 2)
    rarely.advance(400, 300 * S)
    assert often.sensor_c == rarely.sensor_c
    seconds = PROFILE.thermal.sensor_j_per_k * PROFILE.thermal.sensor_to_body_k_per_w
    assert seconds * S / 50 > STEP_NS


def test_a_thermometer_tells_quarters_of_a_degree() -> None:
    """Less is not worth a word."""
    heat = Heat(PROFILE.thermal, 5000)
    told = [value for step in range(1, 200) if (value := heat.advance(400, step * STEP_NS)) is not None]
    assert len(told) > 10
    assert all(later - earlier >= 0.25 for earlier, later in itertools.pairwise(told))


# --- in the machine ---


def told(rig: Rig) -> list[tuple[int, object]]:
    """What the module told of temperature and streams, in order."""
    kinds = (power.TemperatureEvent, image.StreamChanged)
    return [item.message for item in rig.told(ModuleEvent) if isinstance(item.message, kinds)]  # type: ignore[misc]


def test_a_derate_is_announced_before_it_happens() -> None:
    """Half a second before an image takes longer, the host knows that it will."""
    rig = module_in(ModuleState.STREAMING)
    rig.events.clear()
    begun = rig.now
    rig.module.on_input(Temperature(61.0), rig.now)
    rig.run_for(DERATE_NOTICE_NS - 50 * MS)
    first = told(rig)
    assert [type(message) for message in first] == [power.TemperatureEvent]
    assert rig.host.power.temperature is TemperatureLevel.WARM and rig.host.power.celsius == 61.0
    rig.run_for(700 * MS)
    assert [type(message) for message in told(rig)] == [power.TemperatureEvent, image.StreamChanged]
    times = [at for at, _ in rig.exposures if at > begun]
    longer = [later for earlier, later in itertools.pairwise(times) if later - earlier > 20 * MS]
    assert longer[0] - begun >= DERATE_NOTICE_NS
    assert rig.host.streams.interval_us(2) == 33_334


def test_a_new_session_of_a_warm_module_is_slow_at_once() -> None:
    """The notice was for the host that is gone."""
    rig = module_in(ModuleState.STREAMING)
    rig.module.on_input(Temperature(61.0), rig.now)
    rig.stepper.pull_off()
    rig.run_for(100 * MS)
    rig.events.clear()
    rig.attach()
    assert rig.configure().interval_us == 33_334


def test_a_module_that_is_hot_when_it_is_snapped_on_waits_with_its_host() -> None:
    """Told once, as heat; no restart, no firmware loss; attached as soon as it has cooled."""
    rig = Rig()
    rig.module.on_input(Temperature(80.0), 0)
    rig.stepper.snap_on()
    rig.run_for(30 * S)
    assert rig.losses() == ["THERMAL"]
    assert (rig.module.state, rig.host.state) == (ModuleState.CONTRACTED, HostState.CONTRACTED)
    assert rig.module.boot_count == 1 and not rig.stepper.laser_log
    rig.module.on_input(Temperature(60.0), rig.now)
    cooled = rig.now
    rig.stepper.settle()
    rig.await_attached()
    assert rig.now - cooled < 200 * MS


def test_a_module_that_gets_hot_on_the_way_waits_too() -> None:
    """Dark in the middle of identifying; the watchdog does not take that for a host that gave up."""
    rig = module_in(ModuleState.IDENTIFYING)
    rig.events.clear()
    rig.module.on_input(Temperature(80.0), rig.now)
    rig.stepper.settle()
    rig.run_for(20 * S)
    assert rig.losses() == ["THERMAL"] and rig.module.state is ModuleState.CONTRACTED
    rig.module.on_input(Temperature(50.0), rig.now)
    rig.stepper.settle()
    rig.await_attached()


def test_heat_outlasts_the_contact() -> None:
    """Pulled off and snapped on while hot: told as heat again, and nothing else."""
    rig = module_in(ModuleState.READY)
    rig.module.on_input(Temperature(80.0), rig.now)
    rig.stepper.settle()
    rig.module.on_input(Contact(True), rig.now)
    rig.stepper.pull_off()
    rig.run_for(100 * MS)
    rig.events.clear()
    rig.stepper.snap_on()
    rig.run_for(8 * S)
    assert rig.losses() == ["THERMAL"]


def small_at_full_rate(interval_us: int) -> Rig:
    """A streaming rig with pictures of 64 x 64, each of which draws what a full one of RAW12 does.

    8.1 Gb/s are 204 mA; a small picture draws them by a readout that is as much dearer. One comes every
    `interval_us`, so that ten minutes are not four thousand pictures.
    """
    full = replace(PROFILE.modes[0], frame_duration_us=interval_us, formats=(8, 12))
    rig = Rig(profile=replace(PROFILE, modes=(full, *PROFILE.modes[1:])))
    rig.attach()
    full_gbps = 11648 * 8736 * 12 / 150e6
    small_gbps = 64 * 64 * 8 / (interval_us * 1000)
    readout = PROFILE.power.readout_ma_per_gbps * full_gbps / small_gbps
    rig.module.power._power = replace(PROFILE.power, readout_ma_per_gbps=readout)
    rig.configure(mode_id=0, bits=8, region=(0, 0, 64, 64))
    rig.start(images=0)
    rig.await_images(1)
    return rig


def test_ten_minutes_at_full_rate_derate_and_never_stop() -> None:
    """Slower when it is warm, announced, not restarted, every picture whole, and never near the limit."""
    rig = small_at_full_rate(1_500_000)
    assert rig.module.outputs.draw_ma == pytest.approx(424, abs=3)
    rig.events.clear()
    rig.stepper.heat = heat = Heat(PROFILE.thermal, PROFILE.power.rail_mv, rig.now)
    hottest, factors = 0.0, []
    for _ in range(600):
        rig.run_for(S)
        hottest = max(hottest, heat.sensor_c)
        factors.append(rig.module.streams.slowdown)
        assert rig.module.laser
    assert hottest < LIMIT_C - 5.0
    assert factors[0] == 1 and factors[-1] == 2 == max(factors)
    assert rig.losses() == [] and not rig.told(StateChanged)
    kinds = [type(message) for message in told(rig)]
    assert kinds[:2] == [power.TemperatureEvent, image.StreamChanged]
    images = rig.told(ImageDone)
    assert 600 / 3 < len(images) < 600 / 1.5 and not any(done.gaps for done in images)


@pytest.mark.parametrize(("ambient_c", "phone_c"), [(35.0, 42.0), (45.0, 48.0), (50.0, 50.0)])
def test_in_the_sun_there_is_a_rate_that_can_be_kept(ambient_c: float, phone_c: float) -> None:
    """An hour at the rate that each temperature asks for, with what it draws then: never dark, never hot."""
    thermal = replace(PROFILE.thermal, ambient_c=ambient_c, phone_c=phone_c)
    heat, sink = (
        Heat(thermal, PROFILE.power.rail_mv),
        PowerSink(PROFILE.power, 10_000_000_000, has_laser=True),
    )
    factor, hottest = 1, 0.0
    for second in range(1, 3601):
        heat.advance(sink.stream_ma(11648 * 8736 * 12 / 150e6 / factor), second * S)
        factor = slowdown_of(heat.sensor_c, factor)
        hottest = max(hottest, heat.sensor_c)
    assert factor >= 2 and hottest < LIMIT_C - 4.0
