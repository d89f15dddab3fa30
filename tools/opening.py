"""Opens a camera for a command, with the global options applied."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from laserlink.host_driver.actions import Lost, ModuleEvent
from laserlink.host_driver.assembly import ImageDone
from laserlink.host_driver.camera import ATTACH_SECONDS, Camera
from laserlink.protocol.messages.image import StreamChanged
from laserlink.protocol.messages.power import TemperatureEvent
from laserlink.tools.session import CommandError, Session


@contextmanager
def open_camera(session: Session, url: str, doing: str = "") -> Iterator[Camera]:
    """An attached camera; `doing` is shown meanwhile.

    --timeout bounds the attach, --trace gets every event, -v shows losses.
    """
    with ExitStack() as stack:
        trace = stack.enter_context(_open_trace(session.trace)) if session.trace else None

        def on_event(event: object) -> None:
            if trace is not None:
                trace.write(json.dumps({"event": type(event).__name__, "what": _brief(event)}) + "\n")
            if session.verbose and isinstance(event, Lost):
                session.notes.print(f"lost ({event.cause.name.lower()}): {event.text}")
            if text := told_of_heat(event):
                session.notes.print(text)

        with session.working(doing or f"attaching to {url.partition('?')[0]}"):
            camera = stack.enter_context(
                Camera(url, timeout=session.timeout or ATTACH_SECONDS, on_event=on_event)
            )
        yield camera


def told_of_heat(event: object) -> str:
    """What a user wants to hear of a module that gets warm or cools down; else nothing."""
    match event:
        case ModuleEvent(TemperatureEvent(level=level, temperature_centi_c=centidegrees)):
            return (
                f"the module is {level.name.lower()}: {centidegrees / 100:.1f} degrees Celsius at its sensor"
            )
        case ModuleEvent(StreamChanged(interval_us=interval_us)):
            return f"from now on an image comes every {interval_us / 1000:g} ms"
    return ""


def _open_trace(path: str) -> Any:
    try:
        # Line by line, so that it can be followed, and is whole when we are killed.
        return open(path, "w", encoding="utf-8", buffering=1)
    except OSError as error:
        raise CommandError(f"the trace {path} cannot be written: {error.strerror}") from None


def _brief(event: object) -> str:
    """An event as one text; of an image, all but its pixels."""
    if isinstance(event, ImageDone):
        image = f"image {event.image_id} of channel {event.channel}"
        return f"{image}, {len(event.gaps)} gaps, {event.chunks_resent} resent"
    return repr(event)
