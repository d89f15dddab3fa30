"""Heat: what the module's power does to its temperature, and what the temperature does to the module.

The model is two lumps. The sensor with its board is small and warms within a minute; the body around it has
the mass of the module, takes the sensor's heat, and gives it to the air and to the phone's back. All that is
drawn becomes heat: the light of a laser is a few milliwatts.

Two levels, with hysteresis: warm derates, hot darkens. Within warm, streams slow down in steps, so that a
module in the sun finds a rate that it can keep for ever before it finds the limit.
"""

from enum import Enum

from laserlink.firmware_model.profile import Thermal
from laserlink.protocol.states import TemperatureLevel
from laserlink.protocol.timers import NS_PER_MS, NS_PER_S

# The model goes on in steps of half a second: the sensor's time constant is a hundred times that.
STEP_NS = 500 * NS_PER_MS
# A sensor says when it has changed by so much.
TOLD_C = 0.25


class Hysteresis(Enum):
    """Temperature thresholds in degrees Celsius: up at the first, down at the second."""

    WARM = (60.0, 55.0)
    HOT = (75.0, 68.0)


# How much longer images take: up at the first temperature, down at the second, both in degrees Celsius.
SLOWDOWNS = (
    (2, *Hysteresis.WARM.value),
    (4, 65.0, 61.0),
    (8, 70.0, 66.0),
)


def level_of(celsius: float, before: TemperatureLevel) -> TemperatureLevel:
    """The level of a temperature, given the level before it."""
    (warm_up, warm_down), (hot_up, hot_down) = Hysteresis.WARM.value, Hysteresis.HOT.value
    hot = celsius >= (hot_down if before is TemperatureLevel.HOT else hot_up)
    warm = celsius >= (warm_up if before is TemperatureLevel.NORMAL else warm_down)
    return TemperatureLevel.HOT if hot else TemperatureLevel.WARM if warm else TemperatureLevel.NORMAL


def slowdown_of(celsius: float, before: int) -> int:
    """How many times longer an image takes at a temperature, given the factor before it."""
    reached = (factor for factor, up, down in SLOWDOWNS if celsius >= (down if before >= factor else up))
    return max(reached, default=1)


class Heat:
    """The world's side of a virtual module: integrates what it draws, and says what its thermometer reads.

    `advance` is to be called when `next_deadline` has come; the shell gives what it returns to the module.
    """

    def __init__(self, thermal: Thermal, rail_mv: int, now: int = 0) -> None:
        self._thermal = thermal
        self._volts = rail_mv / 1000.0
        self.sensor_c = self.body_c = thermal.ambient_c
        self._told_c = thermal.ambient_c
        self._stepped_ns = now

    def next_deadline(self) -> int:
        """When the next step is due."""
        return self._stepped_ns + STEP_NS

    def advance(self, draw_ma: int, now: int) -> float | None:
        """Go on to `now` with what is drawn; the temperature at the sensor, when it is worth telling."""
        while self.next_deadline() <= now:
            self._step(draw_ma / 1000.0 * self._volts, STEP_NS / NS_PER_S)
            self._stepped_ns += STEP_NS
        if abs(self.sensor_c - self._told_c) < TOLD_C:
            return None
        self._told_c = self.sensor_c
        return self.sensor_c

    def _step(self, watts: float, seconds: float) -> None:
        """One step of both lumps: the sensor takes the power, the body gives it away."""
        thermal = self._thermal
        passed = (self.sensor_c - self.body_c) / thermal.sensor_to_body_k_per_w
        to_air = (self.body_c - thermal.ambient_c) / thermal.body_to_air_k_per_w
        to_phone = (self.body_c - thermal.phone_c) / thermal.body_to_phone_k_per_w
        body_j_per_k = thermal.mass_g / 1000.0 * thermal.specific_heat_j_per_kgk
        self.sensor_c += (watts - passed) * seconds / thermal.sensor_j_per_k
        self.body_c += (passed - to_air - to_phone) * seconds / body_j_per_k
