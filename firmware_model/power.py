"""What the module draws, and the contract that lets it. The phone is the source, as in USB PD."""

import math

from laserlink.firmware_model.profile import Power
from laserlink.protocol.errors import PowerBudget
from laserlink.protocol.messages.power import PowerOffer, PowerRequest, PowerStatus
from laserlink.protocol.states import PowerPhase

DEFAULT_MA = 100
# What a lane without a rate is taken for: as fast as the laser.
UNRATED_GBPS = 10.0


class PowerSink:
    """The module's side of the power contract.

    `line_rate_bps` is the rate of the image lane: at full rate the sensor is read out as fast as that.
    """

    def __init__(self, power: Power, line_rate_bps: int, *, has_laser: bool) -> None:
        self._power = power
        self._laser_ma = power.laser_ma if has_laser else 0
        self._full_gbps = line_rate_bps / 1e9 or UNRATED_GBPS
        self.phase = PowerPhase.DEFAULT
        self._offered_ma = 0
        self.limit_ma = DEFAULT_MA

    @property
    def contracted(self) -> bool:
        return self.phase is PowerPhase.CONTRACTED

    @property
    def sensor_on(self) -> bool:
        """Whether the sensor is powered: under a contract whose limit leaves something for a stream."""
        return self.contracted and self.covers_stream(self.limit_ma)

    @property
    def reserve_ma(self) -> int:
        return self._power.motor_reserve_ma

    @property
    def operating_ma(self) -> int:
        """What a stream at the full rate of the image lane draws."""
        return self.stream_ma(self._full_gbps)

    def stream_ma(self, gbps: float) -> int:
        """What a stream of so many gigabits a second draws, all in all."""
        dynamic = self._power.readout_ma_per_gbps * gbps
        return math.ceil(self._power.idle_ma + self._power.sensor_on_ma + self._laser_ma + dynamic)

    def draw_ma(self, *, laser: bool, gbps: float, booting: bool = False, motor: bool = False) -> int:
        """What is drawn now. A lens that still moves when the contract has ended, moves on without power."""
        if booting:
            return self._power.boot_ma
        if not self.contracted:
            return self._power.idle_ma
        lit = self._laser_ma if laser else 0
        moved = self._power.motor_reserve_ma if motor and self.sensor_on else 0
        if not self.sensor_on:
            return self._power.idle_ma + lit
        steady = self._power.idle_ma + self._power.sensor_on_ma + lit + moved
        return round(steady + self._power.readout_ma_per_gbps * gbps)

    def request(self, request_id: int, offers: tuple[PowerOffer, ...]) -> PowerRequest:
        """Choose an offer.

        Raises:
            PowerBudget: none has the module's voltage and enough for the sensor and the laser.
        """
        least = self.stream_ma(0.0) + self.reserve_ma
        for index, offer in enumerate(offers):
            if offer.voltage_mv == self._power.rail_mv and offer.current_ma > least:
                self.phase = PowerPhase.REQUESTED
                self.limit_ma = DEFAULT_MA
                self._offered_ma = min(offer.current_ma, self.operating_ma + self.reserve_ma)
                return PowerRequest(request_id, index, self._offered_ma - self.reserve_ma, self.reserve_ma)
        raise PowerBudget(f"no offer of {self._power.rail_mv} mV gives more than {least} mA", least)

    def accept(self) -> None:
        self.phase = PowerPhase.ACCEPTED

    def begin(self) -> None:
        """The rail stands. Raises PowerBudget when nothing was accepted."""
        if self.phase is not PowerPhase.ACCEPTED:
            raise PowerBudget("ready without an accepted request", self.phase)
        self.phase = PowerPhase.CONTRACTED
        self.limit_ma = self._offered_ma

    def end(self, phase: PowerPhase = PowerPhase.DEFAULT) -> None:
        """No contract: 100 mA at most."""
        self.phase = phase
        self.limit_ma = DEFAULT_MA

    def derate(self, limit_ma: int) -> None:
        """A lower limit, or a higher one up to the contract; never under what any seated module gets."""
        self.limit_ma = max(DEFAULT_MA, min(limit_ma, self._offered_ma))

    def covers_stream(self, limit_ma: int) -> bool:
        """Whether a limit leaves anything for a stream, however slow."""
        return limit_ma > self.stream_ma(0.0) + self.reserve_ma

    def interval_ns(self, coded_bits: int) -> int:
        """The shortest time between images of so many bits that the contract allows.

        Raises:
            PowerBudget: there is no contract, or it leaves nothing for a stream.
        """
        if not self.contracted or not self.covers_stream(self.limit_ma):
            raise PowerBudget(f"{self.limit_ma} mA do not cover a stream", self.limit_ma)
        left_ma = self.limit_ma - self.reserve_ma - self.stream_ma(0.0)
        gbps = min(left_ma / self._power.readout_ma_per_gbps, self._full_gbps)
        return math.ceil(coded_bits / gbps)  # 1 Gb/s is one bit a nanosecond

    def status(self, request_id: int, *, laser: bool, gbps: float) -> PowerStatus:
        """Where the contract stands, for the wire."""
        return PowerStatus(request_id, self.phase, self.limit_ma, self.draw_ma(laser=laser, gbps=gbps))
