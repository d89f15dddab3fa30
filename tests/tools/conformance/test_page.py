"""laserlink.tools.conformance.page: the frame of the HTML report."""

import re

from laserlink.tools.conformance.page import PAGE


def test_places_to_fill_in() -> None:
    """Each place is there once or, for the title, where it belongs."""
    places = re.findall(r"{{(\w+)}}", PAGE)
    assert sorted(places) == sorted(set(places))
    assert set(places) == {"title", "state", "verdict", "detail", "facts", "bar", "counts", "families"}
