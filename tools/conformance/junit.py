"""A run as JUnit XML, as CI systems read it."""

import re
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from laserlink.tools.conformance.check import Outcome, Report, Result
from laserlink.tools.conformance.reports import families

# What XML 1.0 has no character for: a module may say anything.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(report: Report) -> str:
    """The XML document: a suite for each family, a case for each check."""
    root = Element("testsuites", name="laserlink conform", time=f"{report.seconds:.3f}")
    _count(root, report.results, errors=bool(report.ended_early))
    for family, results in families(report).items():
        suite = SubElement(root, "testsuite", name=family)
        _count(suite, results, errors=False)
        for result in results:
            _case(suite, result)
    if report.ended_early:
        suite = SubElement(root, "testsuite", name="run", tests="1", failures="0", errors="1", skipped="0")
        case = SubElement(suite, "testcase", classname="conform", name="ended early")
        SubElement(case, "error", message=_clean(report.ended_early))
    indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, "unicode") + "\n"


def _count(element: Element, results: list[Result], *, errors: bool) -> None:
    counts = {outcome: sum(result.outcome is outcome for result in results) for outcome in Outcome}
    element.set("tests", str(len(results) + errors))
    element.set("failures", str(counts[Outcome.FAILED]))
    element.set("errors", str(int(errors)))
    element.set("skipped", str(counts[Outcome.SKIPPED]))


def _case(suite: Element, result: Result) -> None:
    check = result.check
    case = SubElement(
        suite, "testcase", classname=f"conform.{check.family}", name=check.name, time=f"{result.seconds:.3f}"
    )
    if result.outcome is Outcome.SKIPPED:
        SubElement(case, "skipped", message=_clean(result.reason))
    if result.outcome is Outcome.FAILED:
        failure = SubElement(case, "failure", message=_clean(result.reason))
        rule = f"{check.clause} {check.rule.title}: {check.proves}"
        steps = [f"sent {s.sent or '-'} | expected {s.expected} | came {s.came}" for s in result.steps]
        failure.text = _clean("\n".join([rule, *steps]))


def _clean(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
