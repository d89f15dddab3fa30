"""Two temperatures with hysteresis: warm derates, hot darkens."""

from enum import Enum

from laserlink.protocol.states import TemperatureLevel


class Hysteresis(Enum):
    """Temperature thresholds in degrees Celsius: up at the first, down at the second."""

    WARM = (60.0, 55.0)
    HOT = (75.0, 68.0)


def level_of(celsius: float, before: TemperatureLevel) -> TemperatureLevel:
    """The level of a temperature, given the level before it."""
    (warm_up, warm_down), (hot_up, hot_down) = Hysteresis.WARM.value, Hysteresis.HOT.value
    hot = celsius >= (hot_down if before is TemperatureLevel.HOT else hot_up)
    warm = celsius >= (warm_up if before is TemperatureLevel.NORMAL else warm_down)
    return TemperatureLevel.HOT if hot else TemperatureLevel.WARM if warm else TemperatureLevel.NORMAL
