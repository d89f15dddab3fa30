"""Shared builders: the firmware of cext/firmware as a shared library, and its module as an object."""

import ctypes
import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from ctypes import POINTER, Structure, Union, c_bool, c_char_p, c_size_t, c_void_p
from ctypes import c_double as f64
from ctypes import c_int16 as i16
from ctypes import c_int32 as i32
from ctypes import c_int64 as i64
from ctypes import c_uint8 as u8
from ctypes import c_uint16 as u16
from ctypes import c_uint32 as u32
from ctypes import c_uint64 as u64
from pathlib import Path
from typing import Any

import pytest

from laserlink.firmware_model.controls import controls_of
from laserlink.firmware_model.identity import descriptor_of, readout_us
from laserlink.firmware_model.power import PowerSink
from laserlink.firmware_model.profile import Profile
from laserlink.protocol.messages.control import ValueType, encode_value
from laserlink.protocol.messages.link import LaneOffer
from laserlink.protocol.states import LaneKind, ModuleState

FIRMWARE = Path(__file__).parents[1] / "cext" / "firmware"
LIBRARY = Path(__file__).parent / "cext" / "firmware" / "library.c"
FLAGS = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wconversion", f"-I{FIRMWARE}"]
# Undefined behaviour ends the process, without a runtime that Python would have to load first.
TRAPS = ["-fsanitize=undefined", "-fsanitize-undefined-trap-on-error"]
NEVER = (1 << 64) - 1


def require(program: str, package: str) -> None:
    """A laptop may lack a tool; a CI job may not."""
    if shutil.which(program) is None:
        reason = f"{program} is not installed (Debian: {package})"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


def core_sources() -> list[Path]:
    """The sources of the protocol part, which are all in one folder."""
    return sorted(FIRMWARE.glob("*.c"))


def compiled(name: str, sources: list[Path], *flags: str, compiler: str = "gcc") -> Path:
    """A program or library from C, compiled once for the same sources, whoever asks for it first."""
    command = [compiler, *FLAGS, *flags, *map(str, sources)]
    digest = hashlib.sha256(repr(command).encode())
    for path in sorted({*sources, *FIRMWARE.rglob("*.[ch]")}):
        digest.update(path.read_bytes())
    folder = Path(tempfile.gettempdir()) / f"laserlink-firmware-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    program = folder / f"{name}-{digest.hexdigest()[:16]}"
    with open(folder / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            part = program.with_suffix(".part")
            subprocess.run([*command, "-o", str(part)], check=True)
            part.rename(program)
    return program


class Value(Union):
    """union ll_value."""

    _fields_ = [("integer", i64), ("real", f64), ("bits", u64)]


class Control(Structure):
    """struct ll_control."""

    _fields_ = [
        ("id", u16), ("type", u8), ("read_only", c_bool), ("name", c_char_p), ("unit", c_char_p),
        ("minimum", Value), ("maximum", Value), ("initial", Value),
    ]  # fmt: skip


class Lane(Structure):
    """struct ll_lane."""

    _fields_ = [
        ("id", u8), ("kind", u8), ("direction", u8), ("coding", u8), ("rate_bps", u64), ("latency_us", u32),
    ]  # fmt: skip


class Mode(Structure):
    """struct ll_mode."""

    _fields_ = [
        ("id", u8), ("binning", u8), ("default_bits", u8), ("name", c_char_p), ("width", u16),
        ("height", u16), ("formats", u32), ("interval_us", u32), ("readout_us", u32),
    ]  # fmt: skip


class Noise(Structure):
    """struct ll_noise."""

    _fields_ = [("formats", u32), ("gain_from_milli", u32), ("full_scale_e", u32), ("read_noise_me", u32)]


class Colour(Structure):
    """struct ll_colour."""

    _fields_ = [("values", POINTER(i32)), ("count", u8)]


class Facts(Structure):
    """struct ll_facts."""

    _fields_ = [
        ("module_id", u64), ("vendor", c_char_p), ("product", c_char_p), ("serial", c_char_p),
        ("firmware", c_char_p), ("cfa", u8 * 4), ("pixel_pitch_nm", u16), ("f_number_centi", u16),
        ("focal_length_um", u32), ("colours", Colour * 3),
        ("black_dn16", u16), ("white_dn16", u16), ("rail_mv", u16), ("idle_ma", u16), ("sensor_on_ma", u16),
        ("laser_ma", u16), ("reserve_ma", u16), ("readout_ma_per_gbps", u16), ("boot_ms", u16),
        ("sensor_power_up_ms", u16), ("lanes", POINTER(Lane)), ("modes", POINTER(Mode)),
        ("noise", POINTER(Noise)), ("controls", POINTER(Control)), ("lane_count", u8), ("mode_count", u8),
        ("noise_count", u8), ("control_count", u8),
    ]  # fmt: skip


class Picture(Structure):
    """struct ll_picture."""

    _fields_ = [
        ("image_id", u32), ("exposure_us", u32), ("control_set_id", u32), ("timestamp_ns", u64),
        ("mode", POINTER(Mode)), ("x", u16), ("y", u16), ("width", u16), ("height", u16), ("channel", u8),
        ("bits", u8),
    ]  # fmt: skip


Pixels = ctypes.CFUNCTYPE(c_bool, c_void_p, POINTER(Picture), u32, POINTER(u8), c_size_t)


def _array(kind: Any, rows: list[Any]) -> Any:
    return (kind * max(1, len(rows)))(*rows)


def _colour(values: tuple[int, ...]) -> Colour:
    return Colour(_array(i32, list(values)), len(values))


def facts_of(profile: Profile, offers: tuple[LaneOffer, ...]) -> Facts:
    """What the profile says, as the firmware takes it."""
    image_lane = offers[-1]
    sink = PowerSink(profile.power, image_lane.rate_bps, has_laser=image_lane.kind is LaneKind.OPTICAL)
    told = descriptor_of(profile, sink, 0)
    lanes = [Lane(o.id, o.kind, o.direction, o.coding, o.rate_bps, o.latency_us) for o in offers]
    modes = [
        Mode(mode.id, mode.binning, mode.default_bits, mode.name.encode(), mode.width, mode.height,
             sum(1 << bits for bits in mode.formats), mode.frame_duration_us, readout_us(profile, mode))
        for mode in profile.modes
    ]  # fmt: skip
    noise = [Noise(n.formats, n.gain_from_milli, n.full_scale_e, n.read_noise_me) for n in told.noise]
    controls = [
        Control(c.id, c.type, c.read_only, c.name.encode(), c.unit.encode(),
                *(Value(bits=int.from_bytes(encode_value(c.type, value), "little"))
                  for value in (c.minimum, c.maximum, c.default)))
        for c in controls_of(profile)
        if c.type is not ValueType.RECTANGLE
    ]  # fmt: skip
    colours = (told.colour_matrix, told.neutral, told.colour_matrix_a)
    power, timing, sensor = profile.power, profile.timing, profile.sensor
    return Facts(
        told.module_id, told.vendor.encode(), told.product.encode(), told.serial.encode(),
        told.firmware.encode(), (u8 * 4)(*told.cfa), told.pixel_pitch_nm, told.f_number_centi,
        told.focal_length_um, (Colour * 3)(*map(_colour, colours)),
        sensor.black_dn16, sensor.white_dn16, power.rail_mv, power.idle_ma,
        power.sensor_on_ma, power.laser_ma, power.motor_reserve_ma, int(power.readout_ma_per_gbps),
        timing.boot_ms, timing.sensor_power_up_ms, _array(Lane, lanes), _array(Mode, modes),
        _array(Noise, noise), _array(Control, controls), len(lanes), len(modes), len(noise), len(controls),
    )  # fmt: skip


@functools.cache
def load_library(*flags: str) -> Any:
    """The firmware as a library; `flags` are compile-time sizes."""
    require("gcc", "gcc")
    path = compiled("library", [*core_sources(), LIBRARY], "-O1", "-shared", "-fPIC", *TRAPS, *flags)
    library = ctypes.CDLL(str(path))
    address, octets = c_void_p, POINTER(u8)
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "lib_module_new": (address, [POINTER(Facts), u32, Pixels]),
        "lib_free": (None, [address]),
        "lib_state": (u8, [address]),
        "lib_stalled": (c_bool, [address]),
        "lib_out": (octets, [address]),
        "lib_framer_new": (address, []),
        "lib_framer_next": (ctypes.c_int, [address, POINTER(u8), POINTER(u16), octets]),
        "lib_layout_fits": (c_bool, [u8, c_char_p, c_size_t]),
        "lib_digests": (u64, [c_char_p, u32, u32, u32, POINTER(u64)]),
        "ll_framer_feed": (c_size_t, [address, c_char_p, c_size_t]),
        "ll_framer_abandon": (None, [address]),
        "ll_framer_pending": (c_size_t, [address]),
        "ll_crc32": (u32, [u32, c_char_p, c_size_t]),
        "ll_prbs31": (None, [u32, octets, c_size_t]),
        "ll_receive": (c_size_t, [address, c_char_p, c_size_t, u64]),
        "ll_next_frame": (c_size_t, [address, u8, u64]),
        "ll_next_deadline": (u64, [address, u64]),
        "ll_on_deadline": (None, [address, u64]),
        "ll_on_contact": (None, [address, c_bool, u64]),
        "ll_on_temperature": (None, [address, i16, u64]),
        "ll_on_broken": (None, [address, c_char_p, u64]),
        "ll_laser": (c_bool, [address]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class CModule:
    """A module of the library. `pixels(picture, offset, count)` gives packed bytes; None: not there yet."""

    def __init__(
        self,
        library: Any,
        facts: Facts,
        pixels: Callable[[Any, int, int], bytes | None],
        first_sequence: int = 0,
    ) -> None:
        def read(_: int, picture: Any, offset: int, into: Any, count: int) -> bool:
            found = pixels(picture.contents, offset, count)
            if found is not None:
                ctypes.memmove(into, found, count)
            return found is not None

        self._library = library
        self._kept = (facts, Pixels(read))
        self._module = library.lib_module_new(facts, first_sequence, self._kept[1])
        assert self._module, "the facts were refused"

    def __del__(self) -> None:
        self._library.lib_free(self._module)

    @property
    def state(self) -> ModuleState:
        return ModuleState(self._library.lib_state(self._module))

    @property
    def laser(self) -> bool:
        return bool(self._library.ll_laser(self._module))

    @property
    def stalled(self) -> bool:
        return bool(self._library.lib_stalled(self._module))

    def receive(self, data: bytes, now: int) -> int:
        return int(self._library.ll_receive(self._module, data, len(data), now))

    def next_frame(self, lane: LaneKind, now: int) -> bytes:
        size = self._library.ll_next_frame(self._module, lane, now)
        return ctypes.string_at(self._library.lib_out(self._module), size)

    def next_deadline(self, now: int) -> int | None:
        due = int(self._library.ll_next_deadline(self._module, now))
        return None if due == NEVER else due

    def on_deadline(self, now: int) -> None:
        self._library.ll_on_deadline(self._module, now)

    def on_contact(self, made: bool, now: int) -> None:
        self._library.ll_on_contact(self._module, made, now)

    def on_temperature(self, celsius: float, now: int) -> None:
        self._library.ll_on_temperature(self._module, round(celsius * 100), now)
