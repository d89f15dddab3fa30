"""The tree of errors: every code and every cause has exactly one leaf."""

import pytest

from laserlink.protocol.errors import (
    ERROR_OF_CODE,
    LOSS_OF_CAUSE,
    ErrorCode,
    LaserLinkError,
    LinkLost,
    LocalProtocolError,
    RemoteProtocolError,
)
from laserlink.protocol.states import LossCause


@pytest.mark.parametrize("code", ErrorCode)
def test_code(code: ErrorCode) -> None:
    """A code names one leaf, which carries it, and the offending value."""
    error = ERROR_OF_CODE[code]("what was wrong", 7)
    assert isinstance(error, RemoteProtocolError)
    assert (error.code, error.value, str(error)) == (code, 7, "what was wrong")
    assert error.code.name.lower().replace("_", "") in (type(error).__name__.lower(), "reservedbit")


@pytest.mark.parametrize("cause", set(LossCause) - {LossCause.NONE})
def test_cause(cause: LossCause) -> None:
    """Every loss has a type."""
    assert issubclass(LOSS_OF_CAUSE[cause], LinkLost)
    assert LOSS_OF_CAUSE[cause].cause is cause


def test_tree() -> None:
    """One except clause catches all; yours, the peer's and the link's are told apart."""
    branches = (LocalProtocolError, RemoteProtocolError, LinkLost)
    assert all(issubclass(branch, LaserLinkError) for branch in branches)
    assert not any(issubclass(one, other) for one in branches for other in branches if one is not other)
    assert LossCause.NONE not in LOSS_OF_CAUSE
