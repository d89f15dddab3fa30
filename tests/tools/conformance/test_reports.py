"""laserlink.tools.conformance.reports: a table and a document."""

import io
import json

from rich.console import Console
from sample_report import REPORT


def test_document_counts_and_names() -> None:
    """The JSON has the counts, and of each check what came of it."""
    from laserlink.tools.conformance.reports import document

    found = json.loads(json.dumps(document(REPORT)))
    assert (found["passed"], found["failed"], found["skipped"]) == (1, 1, 1) and not found["conforms"]
    assert [item["name"] for item in found["checks"]] == ["hello.reply", "judging.flags", "judging.flags"]
    assert found["checks"][1]["steps"][0]["came"] == "<nothing>" and found["checks"][1]["clause"] == "J2"


def test_table_tells_what_failed() -> None:
    """Clause, what was sent, expected and came stand there, and the verdict."""
    from laserlink.tools.conformance.reports import render

    out = io.StringIO()
    render(Console(file=out, width=120), REPORT)
    for words in (
        "FAILED judging.flags",
        "J2 reserved bits",
        "<nothing>",
        "does not conform: 1 passed, 1 failed",
    ):
        assert words in out.getvalue()
