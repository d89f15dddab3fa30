"""Cut a failing plan down to the items without which it does not fail, and write it as a test.

The way of delta debugging (Zeller and Hildebrandt, 2002): leave out halves, then quarters, down to single
items, and keep whatever still fails in the same way.
"""

from collections.abc import Callable

from laserlink.tools.fault_profiles import Plan

RUNS_MAX = 120

CASE = '''from laserlink.tools.fault_profiles import draw_plan
from laserlink.tools.simulator import run_plan


def test_seed_{seed}_of_{faults}() -> None:
    """{rule}: the items of this seed that it takes."""
    report = run_plan(draw_plan({seed}, "{faults}").only({numbers}))
    assert not report.failed, report.violations
'''


def shrink(plan: Plan, fails: Callable[[Plan], bool], runs_max: int = RUNS_MAX) -> Plan:
    """The smallest plan that was found to fail still, by at most `runs_max` runs; the plan itself fails."""
    kept = list(plan.items)
    size = max(1, len(kept) // 2)
    runs = 0
    while runs < runs_max:
        before = len(kept)
        for start in range(0, before, size)[::-1]:
            left = kept[:start] + kept[start + size :]
            runs += 1
            if runs <= runs_max and fails(plan.only(left)):
                kept = left
        if size == 1 and len(kept) == before:
            break
        size = max(1, size // 2)
    return plan.only(kept)


def pytest_case(plan: Plan, faults: str, rule: str) -> str:
    """A test that fails as this plan does."""
    return CASE.format(seed=plan.seed, faults=faults, rule=rule.capitalize(), numbers=sorted(plan.items))
