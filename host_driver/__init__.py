"""The phone: the host side of the link, and the Camera that people use.

    from laserlink.host_driver import Camera
    with Camera("sim:mos-100mp") as camera:
        shot = camera.capture()

May import: laserlink.protocol; `lanes/` also laserlink.cext. Never: laserlink.firmware_model,
laserlink.tools.
The cores (everything but `lanes/` and `camera.py`) never import time, random, os, socket, serial, threading,
asyncio or secrets: time and chance come in as arguments.

Read bottom-up: `table`, `events`, `power`, `controls`, `assembly`, `stream`, `actions` and `machine` (the
state machine); `shot`, `develop`, `dng`, `files` (what becomes of an image); `lanes/` (ports and the ring);
`camera`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from laserlink.host_driver.camera import Camera
    from laserlink.host_driver.shot import Gap, Shot

__all__ = ["Camera", "Gap", "Shot"]

_HOMES = {"Camera": "camera", "Gap": "shot", "Shot": "shot"}


def __getattr__(name: str) -> Any:
    """Import the public names when they are asked for: a core alone needs no port library."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
