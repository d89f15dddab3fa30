"""laserlink.tools.conformance.suite: the whole suite passes a sound module, and finds what is broken."""

import re
from pathlib import Path

import pytest
from broken import ONE_LANE, TWO_LANES, bench_of, examine, failures
from mutants import MUTANTS, Mutant

from laserlink.protocol.messages.link import LaneOffer
from laserlink.tools.conformance.check import Outcome
from laserlink.tools.conformance.clauses import CLAUSES
from laserlink.tools.conformance.runner import Runner
from laserlink.tools.conformance.suite import CHECKS, TITLES, UnknownCheck, chosen, named

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("lanes", [ONE_LANE, TWO_LANES], ids=["one-lane", "two-lanes"])
def test_sound_module_conforms(lanes: tuple[LaneOffer, ...]) -> None:
    """Nothing fails, nothing is blocked, and on two lanes only updates are left out."""
    report = examine(lanes=lanes)
    assert failures(report) == set() and report.conforms
    skipped = {result.check.family for result in report.results if result.outcome is Outcome.SKIPPED}
    assert skipped == ({"updates"} if lanes is TWO_LANES else {"updates", "training"})
    assert report.count(Outcome.PASSED) > 180


WHOLE = ("wrong-crc", "off-by-one-length", "laser-before-contract", "ignores-session", "wrong-resend")


@pytest.mark.parametrize(
    "mutant", [mutant for mutant in MUTANTS if mutant.name in WHOLE], ids=lambda mutant: mutant.name
)
def test_whole_suite_finds_exactly_the_fault(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all checks that there are, exactly the expected ones fail."""
    report = Runner(bench_of(mutant.make(monkeypatch)), "virtual:").run()
    assert failures(report) == mutant.expected
    assert not report.conforms and not any(result.blocked for result in report.results)


def test_names_choose() -> None:
    """A check, a family, a clause and a pattern choose what they say; a wrong name chooses nothing."""
    assert [check.name for check in chosen(["hello.reply"])] == ["hello.reply"]
    assert {check.family for check in chosen(["resync"])} == {"resync"}
    assert {check.clause for check in chosen(["I5"])} == {"I5"}
    assert len(chosen(["states.*-refuses"])) == 7 and chosen() == CHECKS
    assert named(chosen(["I5"])[0], ["resends"])
    with pytest.raises(UnknownCheck, match="nonsense"):
        chosen(["nonsense"])


def test_every_check_names_a_clause_and_what_it_proves() -> None:
    """No check without a clause of the document, a sentence, a family with a title."""
    for check in CHECKS:
        assert check.clause in CLAUSES and check.proves.endswith("."), check.name
        assert check.family in TITLES and re.fullmatch(r"[a-z]+\.[a-z-]+", check.name), check.name


def test_document_names_every_family() -> None:
    """docs/conformance.md tells of each family of checks."""
    text = (ROOT / "docs" / "conformance.md").read_text()
    assert [name for name in TITLES if f"`{name}`" not in text] == []
