"""The phone as a power source."""

from laserlink.host_driver.power import Contract, PowerSource
from laserlink.protocol.messages.power import PowerOffer, PowerRequest, TemperatureEvent
from laserlink.protocol.states import TemperatureLevel

OFFERS = (PowerOffer(5000, 500), PowerOffer(9000, 2000))


def test_a_request_within_an_offer_is_accepted_up_to_the_last_milliampere() -> None:
    """Operating current and reserve together are what counts."""
    source = PowerSource(OFFERS)
    assert source.judge(PowerRequest(0, 0, 350, 150))
    assert not source.judge(PowerRequest(0, 0, 351, 150))
    assert source.judge(PowerRequest(0, 1, 1500, 500))


def test_an_offer_that_was_not_made_is_refused() -> None:
    """An index behind the offers is no offer, whatever is asked."""
    assert not PowerSource(OFFERS).judge(PowerRequest(0, 2, 1, 0))
    assert not PowerSource(()).judge(PowerRequest(0, 0, 0, 0))


def test_the_rail_follows_the_contract() -> None:
    """Off, 100 mA when seated, the contract when raised, 100 mA when it ends, off when pulled."""
    source = PowerSource(OFFERS)
    assert source.rail_ma == 0
    source.on()
    assert source.rail_ma == 100
    assert source.judge(PowerRequest(0, 1, 1000, 150))
    assert source.rail_ma == 100 and source.contract is None
    source.raise_rail()
    source.begin()
    assert source.rail_ma == 1150
    assert vars(source)["contract"] == Contract(9000, 1000, 150)
    source.end()
    assert (source.rail_ma, source.contract) == (100, None)
    source.off()
    assert source.rail_ma == 0


def test_the_end_of_a_contract_gives_no_power_that_was_not_there() -> None:
    """Ending one while the pins are off leaves them off."""
    source = PowerSource(OFFERS)
    source.end()
    assert source.rail_ma == 0


def test_a_rail_is_not_raised_for_nothing() -> None:
    """Without a request there is nothing to raise it to."""
    source = PowerSource(OFFERS)
    source.on()
    source.raise_rail()
    assert source.rail_ma == 100


def test_heat_is_what_the_module_told_last() -> None:
    """Its level and its degrees; of a module that is gone, nothing."""
    source = PowerSource(OFFERS)
    assert (source.temperature, source.celsius) == (TemperatureLevel.NORMAL, None)
    source.feel(TemperatureEvent(TemperatureLevel.WARM, 6125))
    assert (source.temperature, source.celsius) == (TemperatureLevel.WARM, 61.25)
    source.off()
    assert (source.temperature, source.celsius) == (TemperatureLevel.NORMAL, None)
