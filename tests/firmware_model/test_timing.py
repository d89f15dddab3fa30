"""The module's timers have names, and each is one that the machine knows what to do with."""

from laserlink.firmware_model.machine import _Expired
from laserlink.firmware_model.table import Input
from laserlink.firmware_model.timing import ModuleTimer


def test_every_timer_is_an_input_or_served() -> None:
    """What expires is never unknown, and no two timers are the same input."""
    assert {timer.name for timer in ModuleTimer} - set(_Expired.__members__) == {"BEACON", "DERATE"}
    assert set(_Expired.__members__) <= {timer.name for timer in ModuleTimer}
    assert all(isinstance(expired.value, Input) for expired in _Expired)
