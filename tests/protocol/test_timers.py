"""The list of timers, and the clockwork that both machines share."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laserlink.protocol import timers
from laserlink.protocol.timers import NS_PER_MS, NS_PER_S, TIMERS, Deadlines, line_time_ns


def test_every_timer_is_listed() -> None:
    """Each duration of the module stands in the list under its own name, with a reason."""
    constants = {
        name.removesuffix("_NS").lower(): value
        for name, value in vars(timers).items()
        if name.endswith("_NS") and isinstance(value, int)
    }
    assert {name: timer.value_ns for name, timer in TIMERS.items()} == constants
    assert all(timer.name == name and timer.value_ns > 0 and timer.reason for name, timer in TIMERS.items())


def test_line_time_is_added_where_the_design_says() -> None:
    """Response, resend, retention and keep-alive grow with the lane, the laser's safety times do not."""
    extended = {name for name, timer in TIMERS.items() if timer.plus_line_time}
    assert {"response", "resend_first", "resend_again", "retention", "keep_alive"} <= extended
    assert not extended & {"light_confirm", "revoke", "attach_debounce", "detach_debounce"}


@pytest.mark.parametrize(
    ("name", "low_ms", "high_ms"),
    [("attach_debounce", 100, 200), ("detach_debounce", 10, 20), ("response", 24, 30), ("revoke", 15, 15),
     ("power_transition", 450, 550), ("keep_alive", 100, 100), ("attach_watchdog", 5000, 5000),
     ("recovery_window", 300_000, 300_000), ("retention", 100, 100)],
)  # fmt: skip
def test_values_stay_in_their_source(name: str, low_ms: int, high_ms: int) -> None:
    """Timers lie within the range that their source gives."""
    assert low_ms * NS_PER_MS <= TIMERS[name].value_ns <= high_ms * NS_PER_MS


def test_a_stopped_host_is_dark_in_time() -> None:
    """Three keep-alives are within 350 ms, with room for line time."""
    assert timers.KEEP_ALIVES_MISSED_MAX * timers.KEEP_ALIVE_NS < 350 * NS_PER_MS


def test_line_time() -> None:
    """Bytes times bits a byte over the rate, rounded up; nothing without a rate."""
    assert line_time_ns(256, 115_200, 10) == -(-256 * 10 * NS_PER_S // 115_200)
    assert line_time_ns(4096, 10_000_000_000, 8) == 3277
    assert line_time_ns(4096, 0, 8) == 0


def test_deadlines() -> None:
    """Deadlines are set, moved, cancelled, and taken in order when due."""
    due: Deadlines[str] = Deadlines()
    assert due.next() is None
    assert due.pop_due(1 << 62) is None
    due.set("late", 30)
    due.set("early", 10)
    due.set("moved", 5)
    due.set("moved", 20)
    assert (due.next(), due.at("moved"), due.at("never")) == (10, 20, None)
    assert due.pop_due(9) is None
    assert due.pop_due(10) == "early"
    due.cancel("late", "never")
    assert due.pop_due(100) == "moved"
    assert due.pop_due(100) is None
    due.set("late", 1)
    due.clear()
    assert due.next() is None


@given(st.dictionaries(st.integers(0, 20), st.integers(0, 100)), st.integers(0, 100))
def test_deadlines_come_in_order(times: dict[int, int], now: int) -> None:
    """Exactly the due ones come, the earliest first."""
    due: Deadlines[int] = Deadlines()
    for name, at in times.items():
        due.set(name, at)
    taken = list(iter(lambda: due.pop_due(now), None))
    assert [times[name] for name in taken] == sorted(at for at in times.values() if at <= now)
    assert due.next() == min((at for at in times.values() if at > now), default=None)
