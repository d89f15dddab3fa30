"""Profiles: the facts of a module, read from TOML and checked.

A profile is data only. Every number has a range that stands in its type, every key is required, and
an unknown key is refused, so that a profile that loads describes a module that can exist.
"""

import math
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from laserlink.firmware_model.colour import D65_XYZ
from laserlink.firmware_model.profile_table import (
    Each,
    OneOf,
    ProfileError,
    Range,
    Text,
    check_values,
    read_table,
)

__all__ = [
    "Colour",
    "Identity",
    "LaneFacts",
    "Lens",
    "Mode",
    "PixelArray",
    "Power",
    "Profile",
    "ProfileError",
    "Thermal",
    "Timing",
    "load_profile",
    "profile_names",
]

RAW_BITS = (8, 10, 12, 14, 16)
"""The bit depths that the wire can carry (MIPI CSI-2 RAW8 to RAW16)."""

WIDTH_STEP = 4
"""Widths are whole groups of 4 pixels: a RAW10 or RAW14 group never crosses a row."""

HEIGHT_STEP = 2
"""Heights are whole Bayer cells."""

_FULL_SCALE_BITS = 16

DARK_REFERENCE_C = 25.0
"""The temperature for which profiles give dark current."""

Milliamps = Annotated[int, Range(0, 3000)]
Milliseconds = Annotated[int, Range(0, 10_000)]
Side = Annotated[int, Range(4, 65_532)]
Bits = Annotated[int, OneOf(*RAW_BITS)]


@dataclass(frozen=True)
class Identity:
    """Who the module says it is."""

    vendor: Annotated[str, Text(32)]
    product: Annotated[str, Text(32)]
    module_id: Annotated[int, Range(1, 2**64 - 1)]
    serial: Annotated[str, Text(32)]
    firmware: Annotated[str, Text(32)]


@dataclass(frozen=True)
class PixelArray:
    """The sensor's array. Levels are in DN of 16 bits and scale down with the bit depth.

    A pixel can be read at two conversion gains, low and high. Formats of `merged_from_bits` or more bits read
    both in one exposure and merge them: the high one's small noise in the dark, the low one's well in light.
    `scene_lux` is the light in which a scene stands that does not say. Dark current and hot pixels are
    told at 25 degrees.
    """

    width: Side
    height: Side
    width_mm: Annotated[float, Range(0.5, 100.0)]
    height_mm: Annotated[float, Range(0.5, 100.0)]
    cfa: Annotated[str, OneOf("RGGB")]
    full_well_e: Annotated[float, Range(100.0, 1_000_000.0)]
    low_gain_e_per_dn: Annotated[float, Range(0.001, 100.0)]
    high_gain_e_per_dn: Annotated[float, Range(0.001, 100.0)]
    low_gain_read_noise_e: Annotated[float, Range(0.0, 100.0)]
    high_gain_read_noise_e: Annotated[float, Range(0.0, 100.0)]
    merged_from_bits: Bits
    black_dn16: Annotated[int, Range(0, 32_767)]
    white_dn16: Annotated[int, Range(255, 65_535)]
    quantum_efficiency: Annotated[float, Range(0.01, 1.0)]
    scene_lux: Annotated[float, Range(0.001, 1_000_000.0)]
    dark_current_e_per_s: Annotated[float, Range(0.0, 10_000.0)]
    dark_doubling_k: Annotated[float, Range(1.0, 100.0)]
    prnu_pixel: Annotated[float, Range(0.0, 0.2)]
    prnu_column: Annotated[float, Range(0.0, 0.2)]
    dsnu_pixel_e: Annotated[float, Range(0.0, 100.0)]
    dsnu_column_e: Annotated[float, Range(0.0, 100.0)]
    hot_pixels_ppm: Annotated[float, Range(0.0, 1000.0)]
    hot_pixel_e_per_s: Annotated[float, Range(0.0, 1_000_000.0)]
    readout_ms: Milliseconds
    exposure_us_min: Annotated[int, Range(1, 60_000_000)]
    exposure_us_max: Annotated[int, Range(1, 60_000_000)]
    gain_min: Annotated[float, Range(1.0, 1000.0)]
    gain_max: Annotated[float, Range(1.0, 1000.0)]

    def black_level(self, bits: int) -> int:
        """The DN of no light at a bit depth of `bits`."""
        return self.black_dn16 >> (_FULL_SCALE_BITS - bits)

    def white_level(self, bits: int) -> int:
        """The largest DN at a bit depth of `bits`."""
        return ((self.white_dn16 + 1) >> (_FULL_SCALE_BITS - bits)) - 1

    @property
    def pixel_um2(self) -> float:
        """The area of a photosite in square micrometres."""
        return self.width_mm / self.width * self.height_mm / self.height * 1e6

    @property
    def line_ns(self) -> float:
        """The time from one row's readout to the next's, in any mode: a binned row is several at once."""
        return self.readout_ms * 1e6 / self.height

    def dn_per_e(self, bits: int, analogue_gain: float) -> float:
        """The conversion gain in DN of `bits` per electron."""
        return analogue_gain / self.low_gain_e_per_dn / (1 << (_FULL_SCALE_BITS - bits))

    def leak(self, temperature_c: float) -> float:
        """Dark current at that temperature as a multiple of that at 25 degrees."""
        return float(2.0 ** ((temperature_c - DARK_REFERENCE_C) / self.dark_doubling_k))

    def merges(self, bits: int, analogue_gain: float) -> bool:
        """Whether both conversion gains are merged; above the switch-over there is nothing to merge."""
        return bits >= self.merged_from_bits and analogue_gain < self.high_gain_from

    @property
    def high_gain_from(self) -> float:
        """The analogue gain from which the pixel works at its high conversion gain."""
        return self.low_gain_e_per_dn / self.high_gain_e_per_dn

    def read_noise_e(self, analogue_gain: float) -> float:
        """Read noise in electrons at the pixel, of the conversion gain that `analogue_gain` selects."""
        high = analogue_gain >= self.high_gain_from
        return self.high_gain_read_noise_e if high else self.low_gain_read_noise_e


@dataclass(frozen=True)
class Lens:
    """The optics in front of the array, and their motors. `f_number` is that of the widest stop.

    `spot_um` is the standard deviation of the aberrations' spot wide open; `vignetting_ev` what the barrel
    takes from the corners wide open, besides the natural fall-off.
    """

    focal_length_mm: Annotated[float, Range(0.5, 1000.0)]
    f_number: Annotated[float, Range(0.7, 64.0)]
    transmission: Annotated[float, Range(0.01, 1.0)]
    stops: Annotated[tuple[float, ...], Each(Range(0.7, 64.0))]
    stop_ms: Milliseconds
    spot_um: Annotated[float, Range(0.0, 100.0)]
    vignetting_ev: Annotated[float, Range(0.0, 8.0)]
    focus_min_m: Annotated[float, Range(0.001, 100.0)]
    position_min_dioptres: Annotated[float, Range(0.0, 100.0)]
    position_max_dioptres: Annotated[float, Range(0.0, 100.0)]
    focus_dioptres_per_s: Annotated[float, Range(0.01, 1000.0)]
    settle_ms: Milliseconds


@dataclass(frozen=True)
class Colour:
    """The colour response: `xyz_to_camera` is 3 x 3 at D65, row by row (DNG ColorMatrix2).

    `xyz_to_camera_a` is that at illuminant A (DNG ColorMatrix1); None where a replayed file does not say it.
    """

    xyz_to_camera: Annotated[tuple[float, ...], Each(Range(-4.0, 4.0), count=9)]
    xyz_to_camera_a: Annotated[tuple[float, ...], Each(Range(-4.0, 4.0), count=9)] | None

    @property
    def as_shot_neutral(self) -> tuple[float, float, float]:
        """The camera's response to D65 white, green = 1 (DNG AsShotNeutral)."""
        red, green, blue = (np.reshape(self.xyz_to_camera, (3, 3)) @ D65_XYZ).tolist()
        return red / green, 1.0, blue / green


@dataclass(frozen=True)
class Power:
    """What the module draws from its rail, part by part; parts that are on add up."""

    rail_mv: Annotated[int, Range(3000, 21_000)]
    boot_ma: Annotated[int, Range(1, 100)]
    idle_ma: Annotated[int, Range(1, 100)]
    sensor_on_ma: Milliamps
    # A readout draws something: it is what is left for it that decides whether there may be a stream.
    readout_ma_per_gbps: Annotated[float, Range(0.001, 1000.0)]
    laser_ma: Milliamps
    motor_reserve_ma: Milliamps


@dataclass(frozen=True)
class Thermal:
    """How the module takes heat and gives it away; `ambient_c` and `phone_c` are the world around it."""

    mass_g: Annotated[float, Range(0.1, 10_000.0)]
    specific_heat_j_per_kgk: Annotated[float, Range(100.0, 5000.0)]
    sensor_j_per_k: Annotated[float, Range(0.1, 1000.0)]
    sensor_to_body_k_per_w: Annotated[float, Range(0.1, 1000.0)]
    body_to_air_k_per_w: Annotated[float, Range(0.1, 1000.0)]
    body_to_phone_k_per_w: Annotated[float, Range(0.1, 1000.0)]
    ambient_c: Annotated[float, Range(-40.0, 85.0)]
    phone_c: Annotated[float, Range(-40.0, 85.0)]


@dataclass(frozen=True)
class Timing:
    """How long the module takes for what is not exposure, readout or a lane."""

    boot_ms: Milliseconds
    sensor_power_up_ms: Milliseconds
    training_ms: Annotated[int, Range(0, 50)]


@dataclass(frozen=True)
class LaneFacts:
    """One pipe. `bits_per_byte` is the line coding: line bits for 8 data bits; 0 = none (8 bits)."""

    id: Annotated[int, Range(0, 255)]
    kind: Annotated[str, OneOf("sideband", "optical", "serial")]
    direction: Annotated[str, OneOf("both", "to-host")]
    rate_bps: Annotated[int, Range(1200, 1_000_000_000_000)]
    bits_per_byte: Annotated[int, OneOf(0, 8, 9, 10, 11, 12)]
    latency_us: Annotated[int, Range(0, 1_000_000)]

    @property
    def bytes_per_s(self) -> float:
        """The bytes that the lane carries in a second."""
        return self.rate_bps / (self.bits_per_byte or 8)


@dataclass(frozen=True)
class Mode:
    """One way to read the array: `binning` x `binning` photosites of a colour make one pixel."""

    id: Annotated[int, Range(0, 255)]
    name: Annotated[str, Text(32)]
    binning: Annotated[int, Range(1, 64)]
    width: Side
    height: Annotated[int, Range(2, 65_534)]
    formats: Annotated[tuple[int, ...], Each(OneOf(*RAW_BITS))]
    default_bits: Bits
    frame_duration_us: Annotated[int, Range(1, 60_000_000)]


@dataclass(frozen=True)
class Profile:
    """A module. `colour` is None when the array replays a file of unknown colour response."""

    name: Annotated[str, Text(64)]
    identity: Identity
    sensor: PixelArray
    lens: Lens
    colour: Colour | None
    power: Power
    thermal: Thermal
    timing: Timing
    lanes: tuple[LaneFacts, ...]
    modes: tuple[Mode, ...]

    def mode(self, mode_id: int) -> Mode:
        """The mode of that id; KeyError if there is none."""
        for mode in self.modes:
            if mode.id == mode_id:
                return mode
        raise KeyError(mode_id)

    def mode_named(self, name: str) -> Mode:
        """The mode of that name; KeyError if there is none."""
        for mode in self.modes:
            if mode.name == name:
                return mode
        raise KeyError(name)

    def lane(self, kind: str) -> LaneFacts:
        """The first lane of that kind; KeyError if there is none."""
        for lane in self.lanes:
            if lane.kind == kind:
                return lane
        raise KeyError(kind)

    def with_array(
        self,
        width: int,
        height: int,
        *,
        bits: int,
        black: int,
        white: int,
        cfa: str = "RGGB",
        xyz_to_camera: tuple[float, ...] | None = None,
    ) -> "Profile":
        """The same module with the array of a replayed file.

        Only the full mode stays (a replay is exact, binning it is not), with `bits` as its one
        format. `black` and `white` are in DN of `bits`. The optical format's width is kept, with
        square pixels. ProfileError when the file is no legal array.
        """
        source = f"{self.name} with a replayed array"
        if bits not in RAW_BITS:
            raise ProfileError(source, "bits", f"one of {RAW_BITS}, not {bits}")
        shift = _FULL_SCALE_BITS - bits
        sensor = replace(
            self.sensor,
            width=width,
            height=height,
            height_mm=self.sensor.width_mm * height / width,
            cfa=cfa,
            black_dn16=black << shift,
            white_dn16=((white + 1) << shift) - 1,
        )
        full = replace(self.modes[0], width=width, height=height, formats=(bits,), default_bits=bits)
        colour = None if xyz_to_camera is None else Colour(tuple(xyz_to_camera), None)
        fitted = replace(self, sensor=sensor, colour=colour, modes=(full,))
        for part, where in ((sensor, "sensor"), (full, "modes[0]"), (colour, "colour")):
            check_values(part, source, where)
        _check_together(fitted, source, replayed=True)
        return fitted


def profile_names() -> tuple[str, ...]:
    """The names of the profiles that come with the package, sorted."""
    entries = resources.files("laserlink.firmware_model.profiles").iterdir()
    return tuple(sorted(Path(entry.name).stem for entry in entries if entry.name.endswith(".toml")))


def load_profile(name_or_path: str | Path) -> Profile:
    """A profile by its name (see `profile_names`) or by the path of a `.toml` file.

    ProfileError names the file, the key and what was expected.
    """
    source = str(name_or_path)
    tables = _parse(_text_of(source), source)
    name = Path(source).stem if source.endswith(".toml") else source
    profile = read_table(Profile, {"name": name, **tables}, source)
    _check_together(profile, source)
    return profile


def _text_of(source: str) -> str:
    if source.endswith(".toml"):
        try:
            return Path(source).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ProfileError(source, "(file)", f"a readable TOML file ({error})") from error
    if source not in profile_names():
        expected = f"one of {', '.join(profile_names())}, or the path of a .toml file"
        raise ProfileError(source, "(name)", expected)
    folder = resources.files("laserlink.firmware_model.profiles")
    return (folder / f"{source}.toml").read_text(encoding="utf-8")


def _parse(text: str, source: str) -> dict[str, Any]:
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProfileError(source, "(file)", f"valid TOML ({error})") from error
    if "name" in tables:
        raise ProfileError(source, "name", "no such key: a profile is named by its file")
    return tables


def _check_together(profile: Profile, source: str, *, replayed: bool = False) -> None:
    """ProfileError for the first rule that spans several values and does not hold."""
    checks = [_limits(profile), _array(profile.sensor), _modes(profile), _lanes(profile)]
    if profile.colour is not None:
        checks.append(_colour(profile.colour))
    if not replayed:
        checks.append(_well(profile.sensor))
    for check in checks:
        for key, holds, expected in check:
            if not holds:
                raise ProfileError(source, key, expected)


Rules = Iterator[tuple[str, bool, str]]


def _limits(profile: Profile) -> Rules:
    sensor, lens = profile.sensor, profile.lens
    for key, low, high in (
        ("sensor.exposure_us_max", sensor.exposure_us_min, sensor.exposure_us_max),
        ("sensor.gain_max", sensor.gain_min, sensor.gain_max),
        ("lens.position_max_dioptres", lens.position_min_dioptres, lens.position_max_dioptres),
    ):
        yield key, low < high, f"a number above {low}, the lower limit"
    ordered = lens.stops[0] == lens.f_number and all(map(float.__lt__, lens.stops, lens.stops[1:]))
    yield "lens.stops", ordered, "f_number, then ever larger numbers"
    nearest = 1.0 / lens.focus_min_m
    agrees = math.isclose(lens.position_max_dioptres, nearest, rel_tol=0.01)
    yield "lens.position_max_dioptres", agrees, f"1 / focus_min_m = {nearest:.3f} within 1 %"


def _array(sensor: PixelArray) -> Rules:
    yield "sensor.width", sensor.width % WIDTH_STEP == 0, f"a multiple of {WIDTH_STEP}"
    yield "sensor.height", sensor.height % HEIGHT_STEP == 0, "an even number"


def _well(sensor: PixelArray) -> Rules:
    span_dn = sensor.white_dn16 - sensor.black_dn16
    reached = sensor.full_well_e / sensor.low_gain_e_per_dn >= span_dn
    yield "sensor.full_well_e", reached, f"enough electrons to reach white: {span_dn} DN at the low gain"
    ordered = sensor.high_gain_e_per_dn <= sensor.low_gain_e_per_dn
    yield "sensor.high_gain_e_per_dn", ordered, "at most low_gain_e_per_dn"


def _colour(colour: Colour) -> Rules:
    response = np.reshape(colour.xyz_to_camera, (3, 3)) @ D65_XYZ
    yield "colour.xyz_to_camera", bool(response.min() > 0), "a positive response to D65 white in every row"


def _modes(profile: Profile) -> Rules:
    sensor = profile.sensor
    full = profile.modes[0]
    is_full = (full.binning, full.width, full.height) == (1, sensor.width, sensor.height)
    yield "modes[0]", is_full, f"the whole array: binning 1, {sensor.width} x {sensor.height}"
    for index, mode in enumerate(profile.modes):
        where = f"modes[{index}]"
        earlier = profile.modes[:index]
        yield f"{where}.id", mode.id not in {other.id for other in earlier}, "an id of its own"
        yield f"{where}.name", mode.name not in {other.name for other in earlier}, "a name of its own"
        yield f"{where}.width", mode.width % WIDTH_STEP == 0, f"a multiple of {WIDTH_STEP}"
        yield f"{where}.height", mode.height % HEIGHT_STEP == 0, "an even number"
        for key, side, limit in (("width", mode.width, sensor.width), ("height", mode.height, sensor.height)):
            yield f"{where}.{key}", side * mode.binning <= limit, f"at most {limit} / {mode.binning}"
        for bits in mode.formats:
            above = sensor.white_level(bits) > sensor.black_level(bits)
            yield "sensor.white_dn16", above, f"a number above black_dn16 at {bits} bits"
        yield f"{where}.default_bits", mode.default_bits in mode.formats, f"one of {mode.formats}"


def _lanes(profile: Profile) -> Rules:
    ids = [lane.id for lane in profile.lanes]
    yield "lanes", len(set(ids)) == len(ids), "an id of its own for every lane"
    both = any(lane.direction == "both" for lane in profile.lanes)
    yield "lanes", both, "at least one lane with direction both"
