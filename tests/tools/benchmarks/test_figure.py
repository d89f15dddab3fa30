"""Figures and runs that alternate."""

import json

import pytest

from laserlink.tools.benchmarks.figure import Figure, Goal, alternate


@pytest.mark.parametrize(
    ("value", "against", "goal", "met"),
    [
        (3.0, 4.0, Goal(0.75), True),
        (2.9, 4.0, Goal(0.75), False),
        (3.0, 2.0, Goal(1.5, at_most=True), True),
        (3.1, 2.0, Goal(1.5, at_most=True), False),
        (9.0, None, Goal(10.0, of_value=True), False),
        (9.0, None, Goal(10.0), None),
    ],
)
def test_goals(value: float, against: float | None, goal: Goal, met: bool | None) -> None:
    """A goal bounds the ratio or the value, from its side; without a peer a ratio is neither good nor bad."""
    assert goal.met(Figure("crc", value, "GB/s", "memcpy", against, goal)) is met


def test_the_document_of_a_figure() -> None:
    """JSON holds the documented keys and the details, and no more."""
    document = Figure("crc", 3.0, "GB/s", "memcpy", 4.0, Goal(0.75), {"missing": []}).document()
    assert json.loads(json.dumps(document)) == {
        "name": "crc", "value": 3.0, "unit": "GB/s", "against": "memcpy", "against_value": 4.0, "ratio": 0.75,
        "goal": 0.75, "goal_of": "ratio", "goal_is": "at least", "met": True, "missing": [],
    }  # fmt: skip


def test_runs_alternate() -> None:
    """After one round to warm up, both run in turns, as often as asked."""
    order: list[int] = []
    times = alternate([lambda: order.append(1), lambda: order.append(2)], rounds=3)
    assert order == [1, 2] * 4
    assert len(times) == 2 and min(times) > 0
