"""laserlink.tools.conformance.check: when a report says that a module conforms."""

import pytest

from laserlink.tools.conformance.check import Check, Outcome, Report, Result

CHECK = Check("hello.reply", "S2", "It answers.", lambda bench: None)


@pytest.mark.parametrize(
    ("outcome", "blocked", "ended", "conforms"),
    [
        (Outcome.PASSED, False, "", True),
        (Outcome.SKIPPED, False, "", True),
        (Outcome.SKIPPED, True, "", False),
        (Outcome.FAILED, False, "", False),
        (Outcome.PASSED, False, "it fell silent", False),
    ],
)
def test_what_conforms(outcome: Outcome, blocked: bool, ended: str, conforms: bool) -> None:
    """A failure, a check that was kept from running, and an early end each spoil it; a skip does not."""
    report = Report("x", results=[Result(CHECK, outcome, blocked=blocked)], ended_early=ended)
    assert report.conforms is conforms and report.count(outcome) == 1


def test_names() -> None:
    """A check knows its family and its clause."""
    assert CHECK.family == "hello" and CHECK.rule.title == "hello"
