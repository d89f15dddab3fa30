"""The phone as a power source: what it offers, what it agreed to, and what is on the pins."""

from dataclasses import dataclass

from laserlink.protocol.messages.power import PowerOffer, PowerRequest, PowerStatus, TemperatureEvent
from laserlink.protocol.states import TemperatureLevel

DEFAULT_MA = 100
DEFAULT_OFFERS = (PowerOffer(5000, 900),)


@dataclass(frozen=True)
class Contract:
    """What the module may draw."""

    voltage_mv: int
    operating_ma: int
    reserve_ma: int


class PowerSource:
    """The host's side of the power contract."""

    def __init__(self, offers: tuple[PowerOffer, ...] = DEFAULT_OFFERS) -> None:
        self.offers = offers
        self.rail_ma = 0
        self.requested: Contract | None = None
        self.contract: Contract | None = None
        self.status = PowerStatus()
        self.temperature = TemperatureLevel.NORMAL
        self.celsius: float | None = None

    def judge(self, request: PowerRequest) -> bool:
        """Whether what the module wants is among the offers."""
        if request.offer >= len(self.offers):
            return False
        offer = self.offers[request.offer]
        self.requested = Contract(offer.voltage_mv, request.operating_ma, request.reserve_ma)
        return request.operating_ma + request.reserve_ma <= offer.current_ma

    def feel(self, event: TemperatureEvent) -> None:
        """What the module told of its heat: the level, and the degrees at its sensor then."""
        self.temperature = event.level
        self.celsius = event.temperature_centi_c / 100

    def raise_rail(self) -> None:
        """The rail carries what was requested."""
        if self.requested is not None:
            self.rail_ma = self.requested.operating_ma + self.requested.reserve_ma

    def begin(self) -> None:
        self.contract = self.requested

    def end(self) -> None:
        """Back to 100 mA."""
        self.contract = None
        self.rail_ma = min(self.rail_ma, DEFAULT_MA)

    def off(self) -> None:
        """Nothing on the pins; another module may come, and nothing is known of its heat."""
        self.temperature, self.celsius = TemperatureLevel.NORMAL, None
        self.end()
        self.rail_ma = 0

    def on(self) -> None:
        """The 100 mA that any seated module gets."""
        self.rail_ma = DEFAULT_MA
