"""Virtual modules, put together: profile, scene, sensor, machine, lanes, shell."""

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from laserlink.firmware_model.controls import ANALOGUE_GAIN, EXPOSURE_TIME
from laserlink.firmware_model.machine import Module
from laserlink.firmware_model.profile import LaneFacts, Profile, load_profile
from laserlink.firmware_model.profile_table import ProfileError
from laserlink.firmware_model.scenes import open_scene
from laserlink.firmware_model.sensor import ExposureRequest, Sensor
from laserlink.firmware_model.serve.pty import PtyPort
from laserlink.firmware_model.serve.shell import ModulePort, Shell
from laserlink.firmware_model.stream import ExposureWanted, PackedImage
from laserlink.host_driver.lanes.port import Port, PortClosed, is_plain
from laserlink.host_driver.lanes.serial import open_serial
from laserlink.protocol.image_layout import ImageLayout
from laserlink.protocol.limits import FRAME_BYTES_MAX
from laserlink.protocol.messages.link import LaneOffer
from laserlink.protocol.states import LaneDirection, LaneKind, LineCoding
from laserlink.tools.session import CommandError


@dataclass(frozen=True)
class VirtualOptions:
    """What `laserlink serve` can be asked for. `line_rate_bps` None: what the profile says."""

    profile: str
    scene: str | None = None
    port: str | None = None
    ring: bool = True
    line_rate_bps: int | None = None
    seed: int = 1
    link: Path | None = None
    sha256: bool = False


class AlwaysConnected:
    """A port that a host cannot be seen on: its contact is that it is open, until it is pulled off."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self.name = port.name
        self.connected = True
        self.gone = False
        self.plain = is_plain(port)

    def pull_off(self) -> None:
        """Go silent, as a board without power; the line itself stays."""
        self.connected = False

    def snap_on(self) -> None:
        self.connected = not self.gone

    def fileno(self) -> int:
        return self._port.fileno()

    def read(self) -> bytes:
        try:
            return self._port.read()
        except PortClosed:
            self._lose()
            return b""

    def write(self, data: bytes | memoryview) -> int:
        try:
            return self._port.write(data)
        except PortClosed:
            self._lose()
            return len(data)

    def _lose(self) -> None:
        self.gone = True
        self.connected = False

    def close(self) -> None:
        self._port.close()


def build_sensor(options: VirtualOptions) -> Sensor:
    """The sensor in front of its scene. Raises CommandError or SceneError, with a hint."""
    try:
        profile = load_profile(options.profile)
    except ProfileError as error:
        hint = "`laserlink devices` lists the profiles; a path must end in .toml."
        raise CommandError(f"no usable profile: {error}", hint) from None
    return Sensor(profile, open_scene(options.scene), options.seed)


def lane_offers(profile: Profile, *, ring: bool, line_rate_bps: int | None) -> tuple[LaneOffer, ...]:
    """The lanes of a virtual module: what the profile has, or its one port alone."""
    kinds = {lane.kind: lane for lane in profile.lanes}
    slow = kinds.get("sideband") or kinds["serial"]
    # One port instead of two lanes is nobody's real line: it is paced only when asked for.
    paced = slow.rate_bps if ring or "serial" in kinds else 0
    rate = paced if line_rate_bps is None else line_rate_bps
    sideband = _offer(LaneKind.SIDEBAND, LaneDirection.BOTH, rate, slow)
    if not ring or "optical" not in kinds:
        return (sideband,)
    fast = kinds["optical"]
    return sideband, _offer(LaneKind.OPTICAL, LaneDirection.MODULE_TO_HOST, fast.rate_bps, fast)


def _offer(kind: LaneKind, direction: LaneDirection, rate_bps: int, facts: LaneFacts) -> LaneOffer:
    coding = LineCoding.UART_8N1 if facts.bits_per_byte == 10 and rate_bps else LineCoding.NONE
    return LaneOffer(kind, kind, direction, coding, rate_bps, facts.latency_us)


def build_shell(
    options: VirtualOptions, first_sequence: int, on_event: Callable[[object], None] | None = None
) -> tuple[Shell, str]:
    """A virtual module on its lanes, not yet running; and what follows the port's name in its URL."""
    if options.port is not None and options.link is not None:
        raise CommandError(
            "--link is for a pseudo-terminal, and --port is another port", "Leave one of them out."
        )
    sensor = build_sensor(options)
    has_ring = (
        options.ring and options.port is None and any(lane.kind == "optical" for lane in sensor.profile.lanes)
    )
    offers = lane_offers(sensor.profile, ring=has_ring, line_rate_bps=options.line_rate_bps)
    module = Module(sensor.profile, offers, first_sequence=first_sequence)
    ring_name = f"module-{os.getpid()}-{secrets.token_hex(4)}" if has_ring else None
    port: ModulePort = AlwaysConnected(open_serial(options.port)) if options.port else PtyPort(options.link)
    try:
        shell = Shell(module, sensor, port, ring_name=ring_name, sha256=options.sha256, on_event=on_event)
    except BaseException:
        port.close()
        raise
    return shell, f"?ring={ring_name}" if ring_name else ""


def default_exposure(module: Module, wanted: str) -> tuple[ExposureRequest, ImageLayout]:
    """The exposure that a host gets when it sets nothing: of `MODE`, `MODE:BITS`, or `default`.

    Raises CommandError for a mode or a depth that there is not.
    """
    name, _, depth = wanted.partition(":")
    modes = {mode.name: mode for mode in module.profile.modes}
    mode = module.profile.modes[0] if name == "default" else modes.get(name)
    if mode is None:
        raise CommandError(f"there is no mode {name!r}", f"There are {', '.join(modes)}.")
    formats = {str(bits): bits for bits in mode.formats}
    bits = formats.get(depth, 0) if depth else mode.default_bits
    if not bits:
        raise CommandError(f"{mode.name} has no format of {depth} bits", f"There are {', '.join(formats)}.")
    values = module.controls.values
    request = ExposureRequest(
        mode.id,
        bits,
        int(values[EXPOSURE_TIME]),
        float(values[ANALOGUE_GAIN]),
        0,
        0,
        (0, 0, mode.width, mode.height),
    )
    return request, ImageLayout(mode.width, mode.height, bits, FRAME_BYTES_MAX)


def exposer(sensor: Sensor) -> Callable[[ExposureWanted], PackedImage]:
    """What the stepper needs to take pictures: exposes at once, in the caller's thread."""

    def expose(wanted: ExposureWanted) -> PackedImage:
        return PackedImage.of(sensor.expose(wanted.request), wanted.layout)

    return expose
