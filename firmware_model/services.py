"""Messages that are answered without a change of state, one function each.

When each is legal stands in `protocol/catalogue.py`. A service that refuses raises a RemoteProtocolError.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from laserlink.firmware_model.actions import Actions
from laserlink.firmware_model.bulk import file_part
from laserlink.firmware_model.controls import Control
from laserlink.protocol.catalogue import EVENT_CHANNEL
from laserlink.protocol.errors import LimitExceeded, OutOfBounds, UnknownControl, WrongChannel
from laserlink.protocol.frame import OVERHEAD_BYTES
from laserlink.protocol.judge import Received
from laserlink.protocol.limits import CONTROLS_MAX, ECHO_BYTES_MAX
from laserlink.protocol.messages import bulk, control, diagnostics, image, link
from laserlink.protocol.messages.layout import Record
from laserlink.protocol.timers import NS_PER_MS

COUNTER_MODULUS = 1 << 32
RECTANGLE = control.ValueType.RECTANGLE
# What hello may agree on, with them: whether a flag is in flags is a call, and asked for every control.
SPEAK_RECTANGLES = frozenset(
    flags for flags in map(link.Features, range(1 << len(link.Features))) if link.Features.RECTANGLES in flags
)


def ping(module: Actions, received: Received, message: link.Ping) -> None:
    """Keep-alive: answered with three timestamps, and the word on whether the host sees the light."""
    module.heard_ping(bool(message.flags & link.PingFlags.LIGHT))
    module.connection.send(link.Pong(message.number, message.host_sent_ns, module.now, module.now))


def ack(module: Actions, received: Received, message: link.Ack) -> None:
    """Events arrived."""
    if message.channel != EVENT_CHANNEL:
        raise WrongChannel(f"only events are acknowledged, not channel {message.channel}", message.channel)
    module.event_sender.acknowledged(message.sequence, module.now, module.response_ns)


def credit(module: Actions, received: Received, message: link.Credit) -> None:
    """The host has memory for more images."""
    module.streams.grant(received.frame.channel, message.sequence)


def resend(module: Actions, received: Received, message: image.Resend) -> None:
    """The host lacks parts of an image."""
    module.streams.resend(received.frame.channel, message, module.now)


def error(module: Actions, received: Received, message: link.Error) -> None:
    """The host was offended; it is counted, and never answered."""
    module.connection.counters.offences[f"PEER_{message.code.name}"] += 1


def counters(module: Actions, received: Received, request: link.CountersRead) -> link.Counters:
    """What was counted since boot."""
    seen = module.connection.counters
    counted = {
        "frames_received": seen.frames_received,
        "frames_sent": seen.frames_sent,
        "frames_resent": seen.frames_resent + module.streams.frames_resent,
        "frames_bad": seen.bad.total(),
        "frames_stale": seen.frames_stale,
        "frames_illegal": seen.offences.total(),
        "recoveries": module.recovery_count,
        "images": module.streams.images_sent,
        "uptime_ms": (module.now - module.booted_ns) // NS_PER_MS,
    }
    return link.Counters(
        request.request_id, **{name: value % COUNTER_MODULUS for name, value in counted.items()}
    )


def echo(module: Actions, received: Received, request: diagnostics.Echo) -> diagnostics.EchoReply:
    """The same bytes back. LimitExceeded for more than 1024, or more than a frame to the host takes."""
    room = min(ECHO_BYTES_MAX, module.connection.out_bytes_max - OVERHEAD_BYTES - 2)
    if len(request.data) > room:
        raise LimitExceeded(f"an echo of {len(request.data)} bytes, {room} are allowed", len(request.data))
    return diagnostics.EchoReply(request.request_id, request.data)


def _is_spoken(module: Actions, known: Control) -> bool:
    """Whether a control's type is one that hello agreed on."""
    return known.type is not RECTANGLE or module.connection.features in SPEAK_RECTANGLES


def _check_spoken(module: Actions, named: Iterable[control.ControlId | control.ControlValue]) -> None:
    """Raises UnknownControl for one that this session does not have."""
    if module.connection.features in SPEAK_RECTANGLES:
        return
    for item in named:
        known = module.controls.controls.get(item.id)
        if known is not None and known.type is RECTANGLE and not _is_spoken(module, known):
            raise UnknownControl(f"this session has no control {item.id}", item.id)


@lru_cache(CONTROLS_MAX)
def _info_bytes(info: control.ControlInfo) -> int:
    return len(bytes(info))


def control_list(module: Actions, received: Received, request: control.ControlList) -> control.ControlInfos:
    """As many controls as fit the frame. Raises OutOfBounds behind the last one."""
    controls = [item.info() for item in module.controls.controls.values() if _is_spoken(module, item)]
    if request.start >= len(controls):
        raise OutOfBounds(f"there are {len(controls)} controls", request.start)
    room = module.connection.out_bytes_max - OVERHEAD_BYTES - len(bytes(control.ControlInfos()))
    page: list[control.ControlInfo] = []
    for info in controls[request.start :]:
        room -= _info_bytes(info)
        if room < 0:
            break
        page.append(info)
    return control.ControlInfos(request.request_id, len(controls), request.start, tuple(page))


def control_get(module: Actions, received: Received, request: control.ControlGet) -> control.ControlValues:
    """The values in force, and what is read of the lens."""
    _check_spoken(module, request.controls)
    if not module.focus.at_rest:
        module.focus.read(module.now)
    return control.ControlValues(
        request.request_id, module.controls.set_id, module.controls.get(request.controls)
    )


def control_set(module: Actions, received: Received, request: control.ControlSet) -> control.ControlSetReply:
    """All or none."""
    _check_spoken(module, request.values)
    return control.ControlSetReply(request.request_id, module.focus.set(request.values, module.now))


def stream_configure(
    module: Actions, received: Received, request: image.StreamConfigure
) -> image.StreamConfigured:
    """What each image of the stream will be."""
    return module.streams.configure(request)


def file_read(module: Actions, received: Received, request: bulk.FileRead) -> bulk.FilePart:
    """A part of a small file."""
    return file_part(module.files(), request, module.connection.out_bytes_max)


Service = Callable[[Actions, Received, Any], Any]

SERVICES: dict[type[Record], Service] = {
    link.Ping: ping,
    link.Ack: ack,
    link.Credit: credit,
    link.Error: error,
    link.CountersRead: counters,
    image.Resend: resend,
    image.StreamConfigure: stream_configure,
    control.ControlList: control_list,
    control.ControlGet: control_get,
    control.ControlSet: control_set,
    bulk.FileRead: file_read,
    diagnostics.Echo: echo,
}
