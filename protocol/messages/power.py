"""Power family, after USB PD: capabilities, request, accept / reject / wait, ready; derate and revoke."""

from dataclasses import dataclass

from laserlink.protocol.limits import POWER_OFFERS_MAX
from laserlink.protocol.messages.layout import Event, Record, Reply, Request, array, enum, i16, u8, u16
from laserlink.protocol.states import LaserOff, PowerCause, PowerPhase, TemperatureLevel


@dataclass(frozen=True, slots=True)
class PowerOffer(Record):
    """One voltage that the phone can put on the pins."""

    voltage_mv: int = u16("on the pogo pins", "mV", 5000)
    current_ma: int = u16("the most that the phone gives at it", "mA", 900)


@dataclass(frozen=True, slots=True)
class PowerCapabilities(Request):
    """What the phone can give; answered by the module's request."""

    offers: tuple[PowerOffer, ...] = array(PowerOffer, POWER_OFFERS_MAX, "lowest voltage first")


@dataclass(frozen=True, slots=True)
class PowerRequest(Reply):
    """What the module wants of the offers."""

    offer: int = u8("index of the offer")
    operating_ma: int = u16("what it draws when it streams at full rate", "mA")
    reserve_ma: int = u16("kept free above that for short peaks (the focus motor)", "mA")


@dataclass(frozen=True, slots=True)
class PowerAccept(Request):
    """The phone accepts; the module stays at 100 mA until ready."""


@dataclass(frozen=True, slots=True)
class PowerReject(Request):
    """The phone cannot give that; the module stays at 100 mA."""

    cause: PowerCause = enum(PowerCause, "why", PowerCause.BATTERY)


@dataclass(frozen=True, slots=True)
class PowerWait(Request):
    """Not now: capabilities follow later."""

    retry_ms: int = u16("when they will", "ms", 100)


@dataclass(frozen=True, slots=True)
class PowerReady(Request):
    """The rail stands; the contract is in force."""


@dataclass(frozen=True, slots=True)
class PowerDerate(Request):
    """From now on at most so much: the stream shrinks, nothing restarts."""

    limit_ma: int = u16("operating and reserve together", "mA", 500)
    cause: PowerCause = enum(PowerCause, "why", PowerCause.TEMPERATURE)


@dataclass(frozen=True, slots=True)
class PowerRevoke(Request):
    """The contract ends: dark in the same step, at most 100 mA within 15 ms."""

    cause: PowerCause = enum(PowerCause, "why", PowerCause.BATTERY)


@dataclass(frozen=True, slots=True)
class PowerStatus(Reply):
    """Where the contract stands after a power message."""

    phase: PowerPhase = enum(PowerPhase, "how far it has come", PowerPhase.DEFAULT)
    limit_ma: int = u16("what the module may draw now", "mA", 100)
    draw_ma: int = u16("what it draws now", "mA", 100)


@dataclass(frozen=True, slots=True)
class TemperatureEvent(Event):
    """The module's temperature crossed a threshold (with hysteresis).

    Streams that must slow down do so later: between this and their StreamChanged lies the derate notice. What
    gets faster again does so at once.
    """

    level: TemperatureLevel = enum(TemperatureLevel, "warm derates, hot darkens", TemperatureLevel.NORMAL)
    temperature_centi_c: int = i16("at the sensor", "0.01 degC", 2500)


@dataclass(frozen=True, slots=True)
class LaserOffEvent(Event):
    """The interlock put the laser out."""

    cause: LaserOff = enum(LaserOff, "which part of it fell", LaserOff.NO_LIGHT_CONFIRMED)
