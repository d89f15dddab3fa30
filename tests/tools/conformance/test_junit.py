"""laserlink.tools.conformance.junit: XML that CI systems read."""

from dataclasses import replace
from xml.etree.ElementTree import fromstring

from laserlink.tools.conformance.check import Check, Outcome, Report, Result, Step

GOOD = Check("hello.reply", "S2", "A hello is answered.", lambda bench: None)
BAD = Check("judging.flags", "J2", "Flags are <judged>.", lambda bench: None)
REPORT = Report(
    "/dev/ttyUSB0",
    {"product": "Board <1>"},
    [
        Result(GOOD, Outcome.PASSED, "", [Step("Hello", "HelloReply", "HelloReply", True, "eb 90", "eb 90")]),
        Result(BAD, Outcome.FAILED, "expected A; came <b>", [Step("Echo", "Error", "<nothing>", False)]),
        Result(BAD, Outcome.SKIPPED, "no light"),
    ],
    1.5,
)


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
