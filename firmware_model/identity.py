"""The module's descriptor, made from its profile, and handed out in parts."""

from laserlink.firmware_model.power import PowerSink
from laserlink.firmware_model.profile import Mode, Profile
from laserlink.protocol.errors import OutOfBounds
from laserlink.protocol.frame import OVERHEAD_BYTES
from laserlink.protocol.messages.identity import (
    COLOUR_SCALE,
    Descriptor,
    DescriptorPart,
    SensorMode,
    SensorNoise,
)

CFA_COLOURS = {"R": 0, "G": 1, "B": 2}
NM_PER_MM = 1_000_000
PART_PREFIX_BYTES = 6


def readout_us(profile: Profile, mode: Mode) -> int:
    """First line to last: a binned mode reads fewer lines."""
    return profile.sensor.readout_ms * 1000 // mode.binning


def sensor_mode(profile: Profile, mode: Mode) -> SensorMode:
    """A mode of the profile as it stands on the wire."""
    return SensorMode(
        id=mode.id,
        name=mode.name,
        width=mode.width,
        height=mode.height,
        binning=mode.binning,
        formats=sum(1 << bits for bits in mode.formats),
        default_bits=mode.default_bits,
        white_level=profile.sensor.white_level(mode.default_bits),
        black_level=profile.sensor.black_level(mode.default_bits),
        interval_us=mode.frame_duration_us,
        readout_us=readout_us(profile, mode),
    )


def sensor_noise(profile: Profile) -> tuple[SensorNoise, ...]:
    """What the photosites add by chance, by format and conversion gain.

    Where both gains are merged, the noise in the dark is that of the high one; in light, shot noise hides it.
    """
    sensor = profile.sensor
    offered = {bits for mode in profile.modes for bits in mode.formats}
    merging = {bits for bits in offered if sensor.merges(bits, sensor.gain_min)}
    full_scale_e = round((sensor.white_dn16 - sensor.black_dn16) * sensor.low_gain_e_per_dn)
    entries = (
        (offered - merging, sensor.gain_min, sensor.read_noise_e(sensor.gain_min)),
        (offered - merging, sensor.high_gain_from, sensor.high_gain_read_noise_e),
        (merging, sensor.gain_min, sensor.high_gain_read_noise_e),
    )
    return tuple(
        SensorNoise(
            sum(1 << bits for bits in formats), round(1000 * gain), full_scale_e, round(1000 * noise_e)
        )
        for formats, gain, noise_e in entries
        if formats
    )


def scaled(matrix: tuple[float, ...] | None) -> tuple[int, ...]:
    """A colour matrix as it stands on the wire; empty when unknown."""
    return tuple(round(value * COLOUR_SCALE) for value in matrix or ())


def descriptor_of(profile: Profile, power: PowerSink, boot_count: int) -> Descriptor:
    """All that a host must know of this module."""
    colour = profile.colour
    return Descriptor(
        module_id=profile.identity.module_id,
        vendor=profile.identity.vendor,
        product=profile.identity.product,
        serial=profile.identity.serial,
        firmware=profile.identity.firmware,
        cfa=bytes(CFA_COLOURS[letter] for letter in profile.sensor.cfa),
        pixel_pitch_nm=round(profile.sensor.width_mm * NM_PER_MM / profile.sensor.width),
        focal_length_um=round(profile.lens.focal_length_mm * 1000),
        f_number_centi=round(profile.lens.f_number * 100),
        colour_matrix=scaled(colour.xyz_to_camera if colour else None),
        neutral=scaled(colour.as_shot_neutral if colour else None),
        colour_matrix_a=scaled(colour.xyz_to_camera_a if colour else None),
        idle_ma=profile.power.idle_ma,
        operating_ma=power.operating_ma,
        reserve_ma=power.reserve_ma,
        boot_count=boot_count,
        modes=tuple(sensor_mode(profile, mode) for mode in profile.modes),
        # A replayed file has the noise of another sensor.
        noise=sensor_noise(profile) if colour and colour.xyz_to_camera_a else (),
    )


def part_of(descriptor: bytes, request_id: int, offset: int, frame_bytes_max: int) -> DescriptorPart:
    """The part that begins at `offset`. Raises OutOfBounds at or behind the end."""
    if offset >= len(descriptor):
        raise OutOfBounds(f"the descriptor has {len(descriptor)} bytes", offset)
    end = offset + frame_bytes_max - OVERHEAD_BYTES - PART_PREFIX_BYTES
    return DescriptorPart(request_id, len(descriptor), offset, descriptor[offset:end])


def is_last_part(descriptor: bytes, offset: int, frame_bytes_max: int) -> bool:
    """Whether the part at `offset` reaches the end."""
    return offset + frame_bytes_max - OVERHEAD_BYTES - PART_PREFIX_BYTES >= len(descriptor) > offset
