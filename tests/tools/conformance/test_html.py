"""laserlink.tools.conformance.html: one page, without network."""

import re

from sample_report import REPORT


def test_page_stands_alone_and_says_everything() -> None:
    """Nothing is loaded from anywhere, nothing of a module is taken for markup, every check is there."""
    from laserlink.tools.conformance.html import render

    page = render(REPORT)
    assert not re.search(r"(src|href)=.(https?:)?//", page) and "{{" not in page
    assert "Board &lt;1&gt;" in page and "&lt;nothing&gt;" in page and "<nothing>" not in page
    assert page.count("<details") == 3 and "It does not conform" in page and "a flag other than" in page
