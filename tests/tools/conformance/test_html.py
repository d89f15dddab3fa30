"""laserlink.tools.conformance.html: one page, without network."""

import re

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


def test_page_stands_alone_and_says_everything() -> None:
    """Nothing is loaded from anywhere, nothing of a module is taken for markup, every check is there."""
    from laserlink.tools.conformance.html import render

    page = render(REPORT)
    assert not re.search(r"(src|href)=.(https?:)?//", page) and "{{" not in page
    assert "Board &lt;1&gt;" in page and "&lt;nothing&gt;" in page and "<nothing>" not in page
    assert page.count("<details") == 3 and "It does not conform" in page and "a flag other than" in page
