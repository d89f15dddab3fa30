"""Requests that come while nothing else happens: the C kernel takes such a one, has the module carry it out,
and writes the answer, before anything else is looked at. Without it, the shell does.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from laserlink.firmware_model.machine import Module
from laserlink.protocol import _accel
from laserlink.protocol.catalogue import Direction
from laserlink.protocol.errors import RemoteProtocolError
from laserlink.protocol.judge import judge_of
from laserlink.protocol.messages.layout import Request
from laserlink.protocol.states import SIDEBAND, ModuleState
from laserlink.protocol.writer import writer

# The module, its port, and how long to wait at most, in seconds: None when nothing was read; bytes that were,
# which are the module's to receive; or what of an answer is still to be written.
Answering: TypeAlias = Callable[[Module, int, float], bytes | memoryview | None]

# In these nobody hears anything, or a word of the host's ends them.
DEAF = frozenset({ModuleState.DETACHED, ModuleState.RECOVERING})


def answering(bell: int) -> Answering | None:
    """How to wait for a request, or for a descriptor that is a bell, and answer; None without the kernel."""
    if _accel.Answerer is None:
        return None
    states = sum(1 << state for state in ModuleState if state not in DEAF)
    kernel: Any = _accel.Answerer(
        judge_of(Direction.TO_HOST), writer(), Request, RemoteProtocolError, SIDEBAND, states, bell
    )
    answer: Answering = kernel.answer
    return answer
