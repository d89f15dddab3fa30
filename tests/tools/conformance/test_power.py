"""laserlink.tools.conformance.power: the contract."""

import pytest
from mutants import Mutant, mutants_of, verdict_on

from laserlink.tools.conformance import power


@pytest.mark.parametrize("mutant", mutants_of(*("power",)), ids=lambda mutant: mutant.name)
def test_broken_module_fails_exactly_what_it_should(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all families that the fault touches, and of what is watched, these checks fail and no other."""
    assert verdict_on(mutant, monkeypatch) == mutant.expected


def test_checks_are_of_this_family() -> None:
    """Every check of the module carries the family's name, and there is a sentence for it."""
    assert {check.family for check in power.CHECKS} == {"power"}
