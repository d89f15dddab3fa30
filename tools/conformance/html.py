"""A run as one HTML page, without network: for a person who wants to see what happened."""

from collections.abc import Iterator
from html import escape

from laserlink.tools.conformance.check import Outcome, Report, Result, Step
from laserlink.tools.conformance.clauses import text_of
from laserlink.tools.conformance.page import PAGE
from laserlink.tools.conformance.reports import families, verdict
from laserlink.tools.conformance.suite import TITLES

STEPS_SHOWN_MAX = 120


def render(report: Report) -> str:
    """The whole page."""
    page = PAGE
    parts = {
        "title": escape(" ".join(filter(None, (report.module.get("product", ""), "conformance")))),
        "state": "good" if report.conforms else "bad",
        "verdict": escape(_headline(report)),
        "detail": escape(verdict(report)),
        "facts": "".join(_facts(report)),
        "bar": "".join(_bar(report)),
        "counts": "".join(_filters(report)),
        "families": "".join(_family(name, results) for name, results in families(report).items()),
    }
    for name, value in parts.items():
        page = page.replace("{{" + name + "}}", value, 1)
    return page


def _headline(report: Report) -> str:
    if report.ended_early:
        return "Ended early"
    return "It conforms" if report.conforms else "It does not conform"


def _facts(report: Report) -> Iterator[str]:
    facts = {"port": report.url, **report.module, "took": f"{report.seconds:.1f} s"}
    for name, value in facts.items():
        yield f"<div><dt>{escape(name.replace('_', ' '))}</dt><dd>{escape(value)}</dd></div>"


def _bar(report: Report) -> Iterator[str]:
    for result in report.results:
        name = escape(result.check.name)
        yield f'<a class="{result.outcome}" href="#{name}" title="{name}"></a>'


def _filters(report: Report) -> Iterator[str]:
    for outcome in Outcome:
        count = report.count(outcome)
        yield (
            f'<button type="button" class="{outcome}" data-outcome="{outcome}" aria-pressed="true">'
            f"<b>{count}</b> {outcome}</button>"
        )


def _family(name: str, results: list[Result]) -> str:
    failed = sum(result.outcome is Outcome.FAILED for result in results)
    passed = sum(result.outcome is Outcome.PASSED for result in results)
    state = f"{failed} failed" if failed else f"{passed} of {len(results)}"
    checks = "".join(_check(result) for result in results)
    kind = "failed" if failed else "passed" if passed else "skipped"
    title = escape(TITLES.get(name, name))
    return f'<section><h2>{title} <span class="{kind}">{state}</span></h2>{checks}</section>'


def _check(result: Result) -> str:
    check, opened = result.check, " open" if result.outcome is Outcome.FAILED else ""
    reason = f'<p class="reason">{escape(result.reason)}</p>' if result.reason else ""
    shown = result.steps[-STEPS_SHOWN_MAX:]
    steps = "".join(_step(step) for step in shown)
    table = (
        "<table><thead><tr><th>sent</th><th>expected</th><th>came</th></tr></thead>"
        f"<tbody>{steps}</tbody></table>"
        if steps
        else ""
    )
    clause = f"{check.clause} {check.rule.title}"
    return (
        f'<details id="{check.name}" class="check {result.outcome}"{opened}><summary><i></i>'
        f'<span class="proves">{escape(check.proves)}</span><code>{escape(check.name)}</code></summary>'
        f"{reason}<blockquote><b>{escape(clause)}.</b> {escape(text_of(check.clause))}</blockquote>"
        f"{table}</details>"
    )


def _step(step: Step) -> str:
    kind = "" if step.holds else ' class="wrong"'
    sent = escape(step.sent) + (f"<kbd>{step.sent_hex}</kbd>" if step.sent_hex else "")
    came = escape(step.came) + (f"<kbd>{step.came_hex}</kbd>" if step.came_hex else "")
    return f"<tr{kind}><td>{sent}</td><td>{escape(step.expected)}</td><td>{came}</td></tr>"
