"""laserlink.tools.conformance.junit: XML that CI systems read."""

from dataclasses import replace
from xml.etree.ElementTree import fromstring

from sample_report import REPORT


def test_xml_counts() -> None:
    """Suites for families, cases for checks; what XML cannot hold is replaced."""
    from laserlink.tools.conformance.junit import render

    root = fromstring(render(REPORT))
    assert [suite.get("name") for suite in root] == ["hello", "judging"]
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("3", "1", "1")
    assert root.find(".//failure").get("message").startswith("expected A; came <b>")  # type: ignore[union-attr]


def test_early_end_is_an_error() -> None:
    """A run that ended early is one error more."""
    from laserlink.tools.conformance.junit import render

    root = fromstring(render(replace(REPORT, ended_early="it fell silent")))
    assert root.get("errors") == "1" and root.find(".//error") is not None
