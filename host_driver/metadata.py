"""What is known of an image, from the descriptor, its start frame, and the controls it was taken with."""

from collections.abc import Mapping
from typing import Any

from laserlink.host_driver.assembly import ImageDone, start_of
from laserlink.host_driver.identity import CFA_LETTERS, film_focal_length_mm, noise_profile
from laserlink.protocol.clock import PeerClock
from laserlink.protocol.messages.control import Value
from laserlink.protocol.messages.identity import COLOUR_SCALE, Descriptor

SOFTWARE = "LaserLink"
# Controls that say how an image was taken, under their own names.
READ_OUTS = ("LensPosition", "AfState", "FocusFoM", "SensorTemperature")


def scaled(values: tuple[int, ...], count: int) -> tuple[float, ...] | None:
    """Ten-thousandths as numbers; None unless there are `count` of them."""
    return tuple(value / COLOUR_SCALE for value in values) if len(values) == count else None


def lens_model(descriptor: Descriptor) -> str | None:
    """What people call the lens: by its focal length and its widest stop."""
    if not descriptor.focal_length_um or not descriptor.f_number_centi:
        return None
    focal_length_mm, f_number = descriptor.focal_length_um / 1000, descriptor.f_number_centi / 100
    return f"{descriptor.product} {focal_length_mm:g} mm F{f_number:g}"


def metadata_of(
    done: ImageDone, descriptor: Descriptor, values: Mapping[str, Value], clock: PeerClock
) -> dict[str, Any]:
    """The metadata of a shot, by the names of `shot.METADATA`; what is unknown is None."""
    start = start_of(done)
    mode = next((mode for mode in descriptor.modes if mode.id == start.mode_id), None)
    timed = done.start is not None and clock.known
    gain = values.get("AnalogueGain")
    levels = (start.black_level, start.white_level)
    noise = noise_profile(descriptor, mode, start.bits, gain, levels) if isinstance(gain, float) else None
    cfa = "".join(CFA_LETTERS[colour] for colour in descriptor.cfa if colour < len(CFA_LETTERS))
    return {
        "BitsPerPixel": start.bits,
        "WhiteLevel": start.white_level,
        "SensorBlackLevels": (start.black_level,) * 4,
        "CfaPattern": cfa,
        "ExposureTime": start.exposure_us if done.start is not None else None,
        "AnalogueGain": gain,
        **{name: values.get(name) for name in READ_OUTS},
        "SensorTimestamp": max(0, clock.to_host(start.timestamp_ns)) if timed else None,
        "SensorTimestampUncertainty": clock.uncertainty_ns if timed else None,
        "ColorMatrix": scaled(descriptor.colour_matrix, 9),
        "ColorMatrixA": scaled(descriptor.colour_matrix_a, 9),
        "AsShotNeutral": scaled(descriptor.neutral, 3),
        "NoiseProfile": noise if noise and max(noise) <= 1 else None,
        "FNumber": values.get("LensAperture", descriptor.f_number_centi / 100) or None,
        "LensFNumber": descriptor.f_number_centi / 100 or None,
        "FocalLength": descriptor.focal_length_um / 1000 or None,
        "FocalLengthIn35mmFilm": film_focal_length_mm(descriptor),
        "LensModel": lens_model(descriptor),
        "Make": descriptor.vendor,
        "Model": descriptor.product,
        "SerialNumber": descriptor.serial,
        "Software": SOFTWARE,
        "ImageId": done.image_id,
        "ControlSetId": start.control_set_id,
        "Mode": mode.name if mode else None,
        "Format": f"RAW{start.bits}",
    }
