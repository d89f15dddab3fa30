"""What a run found, as a table for people and as a document for programs."""

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from laserlink.tools.conformance.check import Outcome, Report, Result
from laserlink.tools.conformance.suite import TITLES

MARKS = {
    Outcome.PASSED: "[green]passed[/green]",
    Outcome.FAILED: "[bold red]FAILED[/bold red]",
    Outcome.SKIPPED: "[yellow]skipped[/yellow]",
}


def verdict(report: Report) -> str:
    """The run in one line."""
    counts = ", ".join(f"{report.count(outcome)} {outcome}" for outcome in Outcome)
    if report.ended_early:
        return f"ended early: {report.ended_early} ({counts})"
    if report.conforms:
        return f"conforms: {counts}"
    return f"does not conform: {counts}"


def families(report: Report) -> dict[str, list[Result]]:
    """The results by family, in the order in which they ran."""
    found: dict[str, list[Result]] = {}
    for result in report.results:
        found.setdefault(result.check.family, []).append(result)
    return found


def document(report: Report) -> dict[str, Any]:
    """The JSON document of `laserlink conform`."""
    return {
        "url": report.url,
        "module": report.module,
        "conforms": report.conforms,
        "passed": report.count(Outcome.PASSED),
        "failed": report.count(Outcome.FAILED),
        "skipped": report.count(Outcome.SKIPPED),
        "seconds": round(report.seconds, 3),
        "ended_early": report.ended_early,
        "checks": [_result_document(result) for result in report.results],
    }


def _result_document(result: Result) -> dict[str, Any]:
    check = result.check
    found: dict[str, Any] = {
        "name": check.name, "clause": check.clause, "proves": check.proves, "outcome": str(result.outcome),
        "seconds": round(result.seconds, 3),
    }  # fmt: skip
    if result.reason:
        found["reason"] = result.reason
    if result.outcome is Outcome.FAILED:
        found["steps"] = [
            {"sent": step.sent, "expected": step.expected, "came": step.came, "holds": step.holds}
            for step in result.steps
        ]
    return found


def render(console: Console, report: Report) -> None:
    """A line for each family, then what failed with its clause, then the verdict."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("family", "passed", "failed", "skipped"):
        table.add_column(column, justify="left" if column == "family" else "right")
    for family, results in families(report).items():
        counts = [sum(result.outcome is outcome for result in results) for outcome in Outcome]
        row = [str(counts[0]), f"[bold red]{counts[1]}[/bold red]" if counts[1] else "", str(counts[2] or "")]
        table.add_row(TITLES.get(family, family), *row)
    console.print(table)
    for result in report.results:
        if result.outcome is not Outcome.PASSED:
            _render_result(console, result)
    console.print(escape(verdict(report)), style="bold green" if report.conforms else "bold red")


def _render_result(console: Console, result: Result) -> None:
    check = result.check
    rule = f"{check.clause} {check.rule.title}"
    console.print(f"{MARKS[result.outcome]} {escape(check.name)}  [dim]{escape(rule)}[/dim]")
    if result.outcome is Outcome.SKIPPED:
        console.print(f"    {escape(result.reason)}")
        return
    console.print(f"    {escape(check.proves)}")
    wrong = next((step for step in result.steps if not step.holds), None)
    if wrong is None:
        console.print(f"    {escape(result.reason)}")
        return
    sent = next((step.sent for step in reversed(result.steps) if step.sent), "")
    for word, text in (("sent", wrong.sent or sent), ("expected", wrong.expected), ("came", wrong.came)):
        if text:
            console.print(f"    {word:8} {escape(text)}", soft_wrap=True)
