"""From a URL to open lanes. A URL is one of these:

    sim:PROFILE[?scene=FILE&...]     a virtual module, started for this and ended with it
    /dev/ttyUSB0[?baud=3000000]      a serial device
    /dev/pts/5?ring=NAME             a virtual module that `laserlink serve` serves
    socket://host:port, rfc2217://...  any pyserial URL
    auto                             the one LaserLink device that there is
    record:FILE,URL                  any of these, with all that goes over its lanes kept in FILE (pcapng)
    replay:FILE                      the module of a recording

What is none of them is refused with a hint.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qsl

import serial.tools.list_ports

from laserlink.host_driver.errors import BadUrl, DeviceError, NoDeviceFound, PortBusy
from laserlink.host_driver.lanes.port import Port
from laserlink.host_driver.lanes.recording import RecordedPort, RecordedRing, Recorder
from laserlink.host_driver.lanes.replay import ReplayedModule
from laserlink.host_driver.lanes.ring import RingLane, open_ring
from laserlink.host_driver.lanes.serial import DEFAULT_BAUD, open_serial
from laserlink.host_driver.lanes.sim import VirtualModule
from laserlink.protocol.messages.link import LaneOffer
from laserlink.protocol.states import LaneDirection, LaneKind, LineCoding

USB_SERIAL_LATENCY_US = 16_000


@dataclass
class Lanes:
    """Open lanes: a port that carries the sideband or everything, and maybe a ring for the images."""

    port: Port
    ring: RingLane | None
    offers: tuple[LaneOffer, ...]

    def close(self) -> None:
        self.port.close()
        if self.ring is not None:
            self.ring.close()


@dataclass(frozen=True)
class Target:
    """What a URL names: how to open its lanes, as often as needed, and the module that lives with it."""

    url: str
    open_lanes: Callable[[], Lanes]
    module: VirtualModule | None = None


@dataclass(frozen=True)
class SerialDevice:
    """A serial port of this machine, as it is listed without being opened."""

    device: str
    description: str
    usb_id: str


def list_devices() -> list[SerialDevice]:
    """The serial ports of this machine. None is opened: opening resets many boards."""
    found = []
    for port in sorted(serial.tools.list_ports.comports(), key=lambda port: port.device):
        usb_id = f"{port.vid:04x}:{port.pid:04x}" if port.vid is not None and port.pid is not None else ""
        found.append(SerialDevice(port.device, port.description or "", usb_id))
    return found


def open_target(url: str) -> Target:
    """What `url` names; a `sim:` module is started.

    Raises:
        DeviceError: a leaf of it says why not, with a hint.
    """
    if url == "auto":
        return open_target(_the_one_device())
    scheme, _, rest = url.partition(":")
    if scheme in SCHEMES:
        return SCHEMES[scheme](url, rest)
    return Target(url, lambda: open_lanes(url))


def _the_one_device() -> str:
    devices = [item.device for item in list_devices() if item.usb_id]
    if len(devices) == 1:
        return devices[0]
    if not devices:
        raise NoDeviceFound("there is no USB-serial device", "Plug one in, or use sim:mos-100mp.")
    raise NoDeviceFound(f"there are {len(devices)} devices: {', '.join(devices)}", "Name the one you mean.")


def split_query(url: str) -> tuple[str, dict[str, str]]:
    """A URL and its query as a dictionary. Raises BadUrl for a query that is none."""
    base, mark, query = url.partition("?")
    pairs = dict(parse_qsl(query, keep_blank_values=True))
    if mark and not pairs:
        raise BadUrl(f"{url} ends in a query that says nothing", "Write ?name=value&name=value.")
    return base, pairs


def _open_sim(url: str, rest: str) -> Target:
    profile, mark, query = rest.partition("?")
    if not profile:
        raise BadUrl(f"{url} names no profile", "Write sim:mos-100mp.")
    module = VirtualModule(profile, _sim_options(query) if mark else {})
    return Target(url, lambda: _open_virtual(module), module)


def _open_virtual(module: VirtualModule) -> Lanes:
    if module.ended:
        raise DeviceError(
            "the virtual module's process has ended", "Open its URL again to start another one."
        )
    return open_lanes(module.url)


def _sim_options(query: str) -> dict[str, str]:
    """Options of a virtual module; a scene may have a description of its own behind another '?'."""
    return dict(parse_qsl(query, keep_blank_values=True))


def _open_recorded(url: str, rest: str) -> Target:
    """What the URL behind the file names, recorded. The file is begun at once: a wrong name is told now."""
    name, _, inner = rest.partition(",")
    if not name or not inner:
        raise BadUrl(f"{url} is no recording", "Write record:FILE.pcapng,URL.")
    target = open_target(inner)
    try:
        recorder = Recorder(Path(name))
    except BaseException:
        if target.module is not None:
            target.module.close()
        raise
    return replace(target, url=url, open_lanes=lambda: recorded(target.open_lanes(), recorder))


def recorded(lanes: Lanes, recorder: Recorder) -> Lanes:
    """The same lanes, with all that goes over them written down."""
    ring = None if lanes.ring is None else RecordedRing(lanes.ring, recorder)
    return Lanes(RecordedPort(lanes.port, recorder), ring, lanes.offers)


def _open_replay(url: str, rest: str) -> Target:
    if not rest:
        raise BadUrl(f"{url} names no recording", "Write replay:FILE.pcapng.")
    module = ReplayedModule.of_file(Path(rest))

    def open_replayed() -> Lanes:
        port, ring = module.lanes()
        return Lanes(port, ring, module.offers)

    return Target(url, open_replayed)


SCHEMES: dict[str, Callable[[str, str], Target]] = {
    "sim": _open_sim,
    "record": _open_recorded,
    "replay": _open_replay,
}


def open_lanes(url: str) -> Lanes:
    """Open a device, and the ring that the URL names: the ring first, for the port is the contact."""
    base, query = split_query(url)
    unknown = set(query) - {"ring", "baud"}
    if unknown and "://" not in url:
        raise BadUrl(
            f"{url} has no option {', '.join(sorted(unknown))}", "There are ring=NAME and baud=RATE."
        )
    if "://" in url:
        return Lanes(open_serial(url), None, (_offer(0, 0),))
    try:
        baud = int(query.get("baud", DEFAULT_BAUD))
    except ValueError:
        raise BadUrl(f"baud={query['baud']} is no number", "Write baud=1000000.") from None
    ring = _open_ring(query["ring"], base, baud) if "ring" in query else None
    try:
        port = open_serial(base, baud)
    except BaseException:
        if ring is not None:
            ring.close()
        raise
    return Lanes(port, ring, _offers_of(base, baud, has_ring=ring is not None))


def _open_ring(name: str, device: str, baud: int) -> RingLane:
    """The ring; when there is none, because another host has the module, that is what is said."""
    try:
        return open_ring(name)
    except NoDeviceFound as missing:
        try:
            open_serial(device, baud).close()
        except (PortBusy, NoDeviceFound) as error:
            raise error from None
        raise missing from None


def _offers_of(device: str, baud: int, *, has_ring: bool) -> tuple[LaneOffer, ...]:
    """What we know of a device's lines. A pseudo-terminal has no rate; a module on it says its own."""
    is_pty = device.startswith("/dev/pts/") or not device.startswith(("/dev/", "COM", "\\\\"))
    sideband = _offer(0, 0) if is_pty else _offer(baud, USB_SERIAL_LATENCY_US)
    if not has_ring:
        return (sideband,)
    optical = LaneOffer(
        LaneKind.OPTICAL, LaneKind.OPTICAL, LaneDirection.MODULE_TO_HOST, LineCoding.NONE, 0, 0
    )
    return sideband, optical


def _offer(rate_bps: int, latency_us: int) -> LaneOffer:
    coding = LineCoding.UART_8N1 if rate_bps else LineCoding.NONE
    return LaneOffer(LaneKind.SIDEBAND, LaneKind.SIDEBAND, LaneDirection.BOTH, coding, rate_bps, latency_us)
