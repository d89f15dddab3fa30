"""What can go wrong before there is a link: each error is one line, with a hint what to do about it."""

from laserlink.protocol.errors import LaserLinkError


class DeviceError(LaserLinkError):
    """A device that cannot be used. `hint` says what to try."""

    def __init__(self, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.hint = hint


class BadUrl(DeviceError):
    """The text names nothing that could be opened."""


class NoDeviceFound(DeviceError):
    """There is no such device, or nothing on it speaks LaserLink."""


class PortBusy(DeviceError):
    """Another program has the port."""


class PortDenied(DeviceError):
    """The port may not be opened by this user."""


class MissingExtra(DeviceError):
    """A library that is not installed is needed for this."""
