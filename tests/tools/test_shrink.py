"""Shrinking: what is left fails still, and nothing of it can be left out."""

from typing import Any

from laserlink.tools import simulator
from laserlink.tools.fault_profiles import Plan, draw_plan
from laserlink.tools.shrink import pytest_case, shrink

PLAN = draw_plan(0, "all")
NUMBERS = sorted(PLAN.items)


def test_what_it_takes_is_found() -> None:
    """Two items far apart, both needed: they remain, and they alone."""
    needed = {NUMBERS[1], NUMBERS[-2]}
    assert set(shrink(PLAN, lambda part: needed <= set(part.items)).items) == needed


def test_a_failure_without_a_cause_needs_nothing() -> None:
    """What fails always shrinks to nothing; what fails only as a whole stays whole."""
    assert not shrink(PLAN, lambda part: True).items
    assert shrink(PLAN, lambda part: part == PLAN) == PLAN


def test_shrinking_is_bounded() -> None:
    """So many runs at most, and what was found until then."""
    runs: list[Plan] = []

    def fails(part: Plan) -> bool:
        runs.append(part)
        return NUMBERS[0] in part.items

    shrunk = shrink(PLAN, fails, runs_max=3)
    assert len(runs) == 3 and NUMBERS[0] in shrunk.items and len(shrunk.items) < len(NUMBERS)


def test_a_plan_without_items_is_its_own_smallest() -> None:
    """Nothing to leave out, and no endless loop."""
    empty = PLAN.only(())
    assert shrink(empty, lambda part: True) == empty


def test_the_case_runs_and_fails_as_the_session_did() -> None:
    """The text is a test: it passes where the session does, and fails where it does not."""
    names: dict[str, Any] = {}
    text = pytest_case(PLAN.only(NUMBERS[:1]), "all", "no hang")
    exec(compile(text, "case", "exec"), names)
    names["test_seed_0_of_all"]()
    assert f"only([{NUMBERS[0]}])" in text and '"""No hang: ' in text
    failing = simulator.Report(0, 0, 0, 0, 0, 0, 1, 0, (), "", 0)
    names["run_plan"] = lambda plan: failing
    try:
        names["test_seed_0_of_all"]()
    except AssertionError:
        return
    raise AssertionError("the case cannot fail")
