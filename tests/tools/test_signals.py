"""laserlink.tools.signals: within the block signals are ours, and after it whose they were."""

import os
import signal

import pytest

from laserlink.tools.signals import END_SIGNALS, handled


def test_signals_are_ours_within_the_block_only() -> None:
    """Each signal calls what the block says, however often; its former handler is back afterwards."""
    heard: list[int] = []
    before = {number: signal.getsignal(number) for number in END_SIGNALS}
    with handled(END_SIGNALS, lambda: heard.append(1)):
        for number in (*END_SIGNALS, signal.SIGTERM):
            os.kill(os.getpid(), number)
    assert len(heard) == len(END_SIGNALS) + 1
    assert {number: signal.getsignal(number) for number in END_SIGNALS} == before


def test_handlers_are_given_back_after_an_error() -> None:
    """A block that fails leaves nothing of ours behind."""
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(OSError, match="failed"), handled([signal.SIGTERM], lambda: None):
        raise OSError("failed")
    assert signal.getsignal(signal.SIGTERM) is before
