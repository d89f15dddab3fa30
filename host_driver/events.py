"""What the host tells its caller, by `Host.next_event`; images come as `assembly.ImageDone`."""

from dataclasses import dataclass
from typing import NamedTuple

from laserlink.protocol.errors import RemoteProtocolError
from laserlink.protocol.messages import identity
from laserlink.protocol.messages.layout import Record, Request
from laserlink.protocol.states import HostState, LossCause


@dataclass(frozen=True)
class StateChanged:
    """Event: the host entered a state."""

    state: HostState
    at_ns: int


@dataclass(frozen=True)
class Attached:
    """Event: the module is known and ready. `again` is True when settings were given back to it."""

    descriptor: identity.Descriptor
    again: bool


@dataclass(frozen=True)
class Lost:
    """Event: the link was lost. `final`: until the module is removed; otherwise the host is at work on it."""

    cause: LossCause
    text: str
    final: bool


@dataclass(frozen=True)
class NoDevice:
    """Event: there is contact, and nothing that speaks LaserLink; `heard` bytes of something else came.

    `version` is the version byte of what spoke another major version of it, or 0.
    """

    heard: int
    version: int = 0


class Answered(NamedTuple):
    """Event: the module answered a request; by an error, when it refused."""

    request: Request
    reply: Record


@dataclass(frozen=True)
class Unanswered:
    """Event: a request was never answered, for the link was lost; or by no answer to it, which is `fault`."""

    request: Request
    fault: RemoteProtocolError | None = None


@dataclass(frozen=True)
class ModuleEvent:
    """Event: the module told something by itself."""

    message: Record
