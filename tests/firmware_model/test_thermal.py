"""Temperature levels."""

import pytest

from laserlink.firmware_model.thermal import Hysteresis, level_of
from laserlink.protocol.states import TemperatureLevel


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
