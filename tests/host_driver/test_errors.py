"""laserlink.host_driver.errors: every error before a link is one of ours, with a hint."""

import pytest

from laserlink.host_driver import errors
from laserlink.host_driver.errors import DeviceError
from laserlink.protocol.errors import LaserLinkError, LinkLost

LEAVES = ["BadUrl", "NoDeviceFound", "PortBusy", "PortDenied", "MissingExtra"]


@pytest.mark.parametrize("name", LEAVES)
def test_leaves_carry_a_hint_and_belong_to_the_tree(name: str) -> None:
    """Each leaf is a DeviceError, so a LaserLinkError, but no loss of a link; text and hint are kept
    apart.
    """
    kind = getattr(errors, name)
    error = kind("no such thing", "look again")
    assert isinstance(error, DeviceError)
    assert isinstance(error, LaserLinkError)
    assert not isinstance(error, LinkLost)
    assert (str(error), error.hint, kind("text").hint) == ("no such thing", "look again", "")


def test_leaves_are_all_there_are() -> None:
    """Whoever adds a leaf adds its exit code as well: this list and that table name the same ones."""
    assert sorted(kind.__name__ for kind in DeviceError.__subclasses__()) == sorted(LEAVES)
