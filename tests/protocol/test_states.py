"""The shared words: the numbers on the wire, and what an error rate says of the seating."""

import pytest

from laserlink.protocol.states import (
    BITS_PER_BYTE,
    HostState,
    LaneKind,
    LineCoding,
    LossCause,
    ModuleState,
    Seating,
    seating_of,
)


def test_states_mirror() -> None:
    """The host's states carry the module's numbers, so that one can be shown beside the other."""
    mirrored = {state.name: state.value for state in HostState} | {"DETACHED": HostState.ABSENT}
    assert {state.name: state.value for state in ModuleState}.items() <= mirrored.items()
    assert len(ModuleState) <= 16
    assert len(HostState) <= 16


def test_numbers_fit_a_byte() -> None:
    """Every word of the wire fits the byte that it takes."""
    for kind in (ModuleState, HostState, LossCause, LaneKind, LineCoding, Seating):
        assert all(0 <= member <= 255 for member in kind)


def test_bits_per_byte() -> None:
    """A UART adds a start and a stop bit."""
    assert BITS_PER_BYTE == {LineCoding.NONE: 8, LineCoding.UART_8N1: 10}


@pytest.mark.parametrize(
    ("errors", "bits", "seating"),
    [
        (0, 0, Seating.NOT_SEATED),
        (0, 1, Seating.SEATED),
        (1, 1_000_000, Seating.SEATED),
        (2, 1_000_000, Seating.MARGINAL),
        (100, 1_000_000, Seating.MARGINAL),
        (101, 1_000_000, Seating.NOT_SEATED),
        (1, 1, Seating.NOT_SEATED),
    ],
)
def test_seating(errors: int, bits: int, seating: Seating) -> None:
    """1e-6 and 1e-4 are the borders; no bits are no light."""
    assert seating_of(errors, bits) is seating
