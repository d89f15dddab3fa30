"""All checks, in the order in which they run, and how they are chosen by name."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from laserlink.tools.conformance import (
    controls,
    delivery,
    framing,
    identity,
    judging,
    negotiation,
    power,
    recovery,
    resends,
    states,
    streaming,
    training,
    updates,
    watched,
)
from laserlink.tools.conformance.check import Check

FAMILIES = (
    negotiation,
    framing,
    judging,
    delivery,
    states,
    power,
    training,
    identity,
    controls,
    streaming,
    resends,
    updates,
    recovery,
    watched,
)
CHECKS: tuple[Check, ...] = tuple(check for family in FAMILIES for check in family.CHECKS)
BY_NAME = {check.name: check for check in CHECKS}

if len(BY_NAME) != len(CHECKS):
    raise ImportError("every check has a name of its own")

TITLES = {
    "hello": "First word, hello and sessions",
    "framing": "Frames and checks",
    "resync": "Resynchronisation",
    "judging": "Illegal frames",
    "delivery": "Requests, events, pings",
    "states": "Every message in every state",
    "power": "Power",
    "training": "Light and training",
    "identity": "Descriptor and files",
    "controls": "Controls",
    "streams": "Streams",
    "resends": "Resends",
    "updates": "Updates",
    "recovery": "Losing and finding the host",
    "watched": "Watched all the time",
}


class UnknownCheck(ValueError):
    """A name that no check has."""


def chosen(names: Iterable[str] = ()) -> tuple[Check, ...]:
    """The checks of these names, families, clauses or patterns, in order; all of them for no names.

    Raises:
        UnknownCheck: nothing has this name.
    """
    names = tuple(names)
    for name in names:
        if not any(_matches(check, name) for check in CHECKS):
            raise UnknownCheck(name)
    return tuple(check for check in CHECKS if not names or any(_matches(check, name) for name in names))


def named(check: Check, names: Iterable[str]) -> bool:
    """Whether a check was asked for by name."""
    return any(_matches(check, name) for name in names)


def _matches(check: Check, name: str) -> bool:
    return name in (check.name, check.family, check.clause) or fnmatchcase(check.name, name)
