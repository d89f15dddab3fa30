"""The module's side of the contract: what it asks for, what it draws, and that the limit holds."""

from typing import TypeVar

import pytest
from rig import Rig, module_in

from laserlink.firmware_model.power import DEFAULT_MA, PowerSink
from laserlink.firmware_model.profile import load_profile
from laserlink.host_driver.actions import ModuleEvent
from laserlink.protocol.errors import ErrorCode, PowerBudget
from laserlink.protocol.messages import image, link, power
from laserlink.protocol.messages.power import PowerOffer
from laserlink.protocol.states import ModuleState, PowerPhase, StreamEnd

Message = TypeVar("Message")
GBPS = 10_000_000_000
IDLE, SENSOR, LASER, RESERVE, PER_GBPS = 60, 120, 40, 150, 25  # mos-100mp


def sink(*, has_laser: bool = True, contract_ma: int = 0) -> PowerSink:
    made = PowerSink(load_profile("mos-100mp").power, GBPS, has_laser=has_laser)
    if contract_ma:
        made.request(1, (PowerOffer(5000, contract_ma),))
        made.accept()
        made.begin()
    return made


def test_the_draw_of_a_stream_is_the_sum_of_its_parts() -> None:
    """Idle, sensor, laser, and 25 mA for each gigabit a second."""
    assert sink().stream_ma(0.0) == IDLE + SENSOR + LASER
    assert sink().stream_ma(10.0) == IDLE + SENSOR + LASER + 10 * PER_GBPS
    assert sink(has_laser=False).stream_ma(0.0) == IDLE + SENSOR


def test_the_first_offer_that_is_enough_is_taken_and_no_more_than_needed() -> None:
    """The right voltage, more than the least; never more than full rate and the reserve."""
    least = IDLE + SENSOR + LASER + RESERVE
    offers = (PowerOffer(9000, 3000), PowerOffer(5000, least), PowerOffer(5000, 3000), PowerOffer(5000, 400))
    request = sink().request(7, offers)
    assert (request.request_id, request.offer, request.operating_ma, request.reserve_ma) == (
        7,
        2,
        470,
        RESERVE,
    )
    small = sink().request(7, (PowerOffer(5000, least + 1),))
    assert small.operating_ma + small.reserve_ma == least + 1


@pytest.mark.parametrize("offers", [(), (PowerOffer(5000, 370),), (PowerOffer(9000, 3000),)])
def test_offers_that_are_too_small_are_refused(offers: tuple[PowerOffer, ...]) -> None:
    """PowerBudget names the least that is needed; the phase stays."""
    made = sink()
    with pytest.raises(PowerBudget) as raised:
        made.request(1, offers)
    assert raised.value.value == 370 and made.phase is PowerPhase.DEFAULT


def test_nothing_is_drawn_from_a_contract_before_it_is_ready() -> None:
    """Requested and accepted are still 100 mA; ready before accept is refused."""
    made = sink()
    made.request(1, (PowerOffer(5000, 900),))
    assert made.limit_ma == DEFAULT_MA and not made.sensor_on
    with pytest.raises(PowerBudget):
        made.begin()
    made.accept()
    assert made.limit_ma == DEFAULT_MA and made.draw_ma(laser=False, gbps=0) <= DEFAULT_MA
    made.begin()
    assert made.limit_ma == 620 and made.sensor_on
    made.end()
    assert made.limit_ma == DEFAULT_MA and made.draw_ma(laser=False, gbps=0) <= DEFAULT_MA


@pytest.mark.parametrize("limit", [0, 50, 99, 100, 219, 220, 221, 369, 370, 371, 400, 500, 620, 5000])
def test_the_draw_stays_within_any_derated_limit(limit: int) -> None:
    """A limit that covers no stream switches the sensor off; one that does paces the stream."""
    made = sink(contract_ma=900)
    made.derate(limit)
    assert made.limit_ma == max(DEFAULT_MA, min(limit, 620))
    assert made.draw_ma(laser=True, gbps=0.0) <= made.limit_ma
    if not made.sensor_on:
        with pytest.raises(PowerBudget):
            made.interval_ns(1_000_000)
        return
    interval = made.interval_ns(1_000_000_000)
    assert made.stream_ma(1_000_000_000 / interval) + RESERVE <= made.limit_ma


def test_the_interval_shrinks_and_grows_with_the_limit() -> None:
    """100 mA above the floor carry 4 Gb/s; the lane's rate bounds it."""
    made = sink(contract_ma=900)
    made.derate(470)
    assert made.interval_ns(4_000_000_000) == 1_000_000_000
    made.derate(5000)
    assert made.interval_ns(10_000_000_000) == 1_000_000_000


def test_motor_and_boot_draw_what_the_profile_says() -> None:
    """The motor its reserve, under a contract that has it free; a module that boots, its own figure."""
    made = sink(contract_ma=900)
    still = made.draw_ma(laser=True, gbps=8.0)
    assert made.draw_ma(laser=True, gbps=8.0, motor=True) == still + RESERVE <= made.limit_ma
    made.derate(200)
    assert made.draw_ma(laser=False, gbps=0.0, motor=True) == IDLE
    made.end()
    assert made.draw_ma(laser=False, gbps=0.0, motor=True) == IDLE
    assert made.draw_ma(laser=False, gbps=0.0, booting=True) == 90


# --- in the machine ---


def test_the_draw_follows_what_the_module_does() -> None:
    """Booting, idle, lit, and with the lens on its way; never more than its limit."""
    rig = Rig()
    rig.stepper.snap_on()
    rig.until(lambda: rig.module.booting)
    assert rig.module.outputs.draw_ma == 90
    rig.await_attached()
    ready = rig.module.outputs.draw_ma
    assert ready == IDLE + SENSOR + LASER
    rig.host.set_controls({"LensPosition": 3.0}, rig.now)
    rig.stepper.settle()
    rig.until(lambda: rig.module.outputs.draw_ma != ready)
    assert rig.module.outputs.draw_ma == ready + RESERVE <= rig.module.outputs.limit_ma
    rig.run_for(100_000_000)
    assert rig.module.outputs.draw_ma == ready


def test_a_derate_slows_a_running_stream_without_a_restart() -> None:
    """StreamChanged with a longer interval, the same stream goes on, and back again."""
    rig = module_in(ModuleState.READY)
    rig.configure(mode_id=0, bits=12, region=(0, 0, 5824, 4368))
    rig.start(images=0)
    rig.await_images(1)
    rig.events.clear()
    before = rig.module.streams.by_channel[2].interval_ns
    for limit, slower in ((400, True), (620, False)):
        rig.ask(power.PowerDerate(limit_ma=limit))
        rig.run_for(1_000_000)
        changes = _told(rig, image.StreamChanged)
        assert (changes[-1].change is image.StreamChange.DERATED) is slower
        assert rig.module.outputs.draw_ma <= limit
    assert _told(rig, image.StreamChanged)[0].interval_us * 1000 > before
    assert _told(rig, image.StreamChanged)[1].interval_us * 1000 == before
    assert rig.module.state is ModuleState.STREAMING and rig.losses() == []


def _told(rig: Rig, kind: type[Message]) -> list[Message]:
    return [event.message for event in rig.told(ModuleEvent) if isinstance(event.message, kind)]


def test_a_derate_below_any_stream_ends_it_and_says_why() -> None:
    """StreamEnded(POWER); no stream until there is power again, and then the sensor needs its 50 ms."""
    rig = module_in(ModuleState.STREAMING)
    rig.events.clear()
    rig.ask(power.PowerDerate(limit_ma=200))
    rig.until_states(module=ModuleState.READY)
    rig.run_for(5_000_000)
    assert [end.end for end in _told(rig, image.StreamEnded)] == [StreamEnd.POWER]
    assert not rig.module.outputs.sensor and rig.module.outputs.draw_ma <= 200
    reply = rig.ask(image.StreamStart(0, 2, 1))
    assert isinstance(reply, link.Error) and reply.code is ErrorCode.POWER_BUDGET
    rig.ask(power.PowerDerate(limit_ma=620))
    restored = rig.now
    rig.configure(region=(0, 0, 64, 64))
    count = len(rig.exposures)
    rig.start()
    rig.until(lambda: len(rig.exposures) > count)
    assert rig.exposures[-1][0] >= restored + 49_000_000


@pytest.mark.parametrize("state", [ModuleState.CONTRACTED, ModuleState.READY, ModuleState.STREAMING])
def test_a_revoke_is_dark_and_within_100_milliamperes_in_the_same_step(state: ModuleState) -> None:
    """No time passes."""
    rig = module_in(state)
    rig.feed_module(rig.frame_to_module(power.PowerRevoke(request_id=0x4000)))
    outputs = rig.module.outputs
    assert (outputs.laser, outputs.sensor) == (False, False)
    assert outputs.draw_ma <= 100 and outputs.limit_ma == 100


def test_an_offer_that_is_taken_is_not_in_force_before_it_is_accepted() -> None:
    """Requested: the limit is what any seated module gets; begun without accepting, it is refused."""
    made = sink()
    made.request(1, (PowerOffer(5000, 900),))
    assert (made.phase, made.limit_ma, made.contracted) == (PowerPhase.REQUESTED, DEFAULT_MA, False)
    with pytest.raises(PowerBudget, match="ready without an accepted request") as raised:
        made.begin()
    assert raised.value.value == PowerPhase.REQUESTED


def test_a_lane_without_a_rate_is_taken_for_the_laser() -> None:
    """Ten gigabits a second; a slow one draws less."""
    power_of = load_profile("mos-100mp").power
    figures = [
        PowerSink(power_of, rate, has_laser=True).operating_ma for rate in (0, GBPS, GBPS // 2, 3_000_000)
    ]
    assert figures == [470, 470, 345, 221]


def test_what_is_wanted_but_not_offered_is_told_in_milliamperes() -> None:
    """The rail, the least, and the same number as the value."""
    with pytest.raises(PowerBudget, match=r"^no offer of 5000 mV gives more than 370 mA$") as raised:
        sink().request(1, (PowerOffer(5000, 370),))
    assert raised.value.value == 370
    made = sink(contract_ma=900)
    made.derate(300)
    with pytest.raises(PowerBudget, match=r"^300 mA do not cover a stream$") as uncovered:
        made.interval_ns(1000)
    assert uncovered.value.value == 300
    with pytest.raises(PowerBudget):
        sink().interval_ns(1000)


def test_a_request_for_power_begins_with_what_any_module_gets() -> None:
    """Also when there was a contract: its limit ends with it."""
    made = sink(contract_ma=900)
    request = made.request(5, (PowerOffer(5000, 500),))
    assert (request.operating_ma, request.reserve_ma, made.limit_ma) == (350, RESERVE, DEFAULT_MA)
    made.accept()
    made.begin()
    assert made.limit_ma == 500
    made.derate(5000)
    assert made.limit_ma == 500
