"""laserlink.host_driver.metadata: what is told of an image is true, and what is not known is None."""

from dataclasses import replace

import pytest

from laserlink.firmware_model.identity import descriptor_of
from laserlink.firmware_model.power import PowerSink
from laserlink.firmware_model.profile import load_profile
from laserlink.host_driver.assembly import Assembly, ImageDone
from laserlink.host_driver.metadata import lens_model, metadata_of, scaled
from laserlink.host_driver.pictures import PicturePool
from laserlink.host_driver.shot import Shot, metadata_problems
from laserlink.protocol.clock import PeerClock
from laserlink.protocol.image_layout import ImageLayout
from laserlink.protocol.limits import FRAME_BYTES_MAX
from laserlink.protocol.messages.identity import Descriptor
from laserlink.protocol.messages.image import ImageStart

LAYOUT = ImageLayout(180, 136, 8, FRAME_BYTES_MAX)
START = ImageStart(
    image_id=7,
    mode_id=3,
    bits=8,
    width=180,
    height=136,
    coded_bytes=LAYOUT.coded_bytes,
    decoded_bytes=LAYOUT.decoded_bytes,
    chunk_bytes=LAYOUT.chunk_bytes,
    timestamp_ns=5_000_000,
    exposure_us=12_345,
    control_set_id=4,
    black_level=16,
    white_level=255,
)


@pytest.fixture
def descriptor() -> Descriptor:
    """The descriptor of a real module."""
    profile = load_profile("uart-1m")
    return descriptor_of(profile, PowerSink(profile.power, 1_000_000, has_laser=False), 1)


def done(start: ImageStart | None) -> ImageDone:
    """An image as it was put together."""
    assembly = Assembly(2, 7, LAYOUT, 0, PicturePool())
    if start is not None:
        assembly.take_start(start)
    return assembly.finish(1)


def clock_of(offset_ns: int, path_ns: int) -> PeerClock:
    """A clock that one ping has set."""
    clock = PeerClock()
    clock.add(0, path_ns // 2 + offset_ns, path_ns // 2 + offset_ns, path_ns)
    return clock


def test_image_is_described_by_its_start_its_controls_and_its_module(descriptor: Descriptor) -> None:
    """Exposure and levels from the image, gain and focus from its set, the rest from the descriptor."""
    values = {"AnalogueGain": 2.0, "LensPosition": 1.5, "ExposureTime": 999, "SensorTemperature": 31.5}
    metadata = metadata_of(done(START), descriptor, values, clock_of(1_000_000, 2_000))
    expected = {
        "ExposureTime": 12_345,
        "AnalogueGain": 2.0,
        "LensPosition": 1.5,
        "SensorTemperature": 31.5,
        "AfState": None,
        "Mode": "thumbnail",
        "Format": "RAW8",
        "BitsPerPixel": 8,
        "WhiteLevel": 255,
        "SensorBlackLevels": (16,) * 4,
        "CfaPattern": "RGGB",
        "ImageId": 7,
        "ControlSetId": 4,
        "Make": "LaserLink",
        "Model": "UART-1M",
        "SerialNumber": "LL-0002-0001",
        "SensorTimestamp": 4_000_000,
        "SensorTimestampUncertainty": 1_000,
        "FNumber": 2.0,
        "LensFNumber": 2.0,
        "FocalLength": 6.0,
        "FocalLengthIn35mmFilm": 41,
        "LensModel": "UART-1M 6 mm F2",
    }
    assert {name: metadata[name] for name in expected} == expected
    assert metadata_problems(metadata) == []
    assert Shot(done(START).picture, metadata).metadata["ImageId"] == 7


def test_stop_in_use_is_the_images(descriptor: Descriptor) -> None:
    """FNumber is the one that the image was taken with; the widest is the lens's."""
    metadata = metadata_of(done(START), descriptor, {"LensAperture": 5.6}, PeerClock())
    assert (metadata["FNumber"], metadata["LensFNumber"]) == (5.6, 2.0)


def test_noise_follows_the_gain(descriptor: Descriptor) -> None:
    """Four times the gain, four times the shot noise in parts of the scale; unknown without a gain."""
    quiet, loud = (
        metadata_of(done(START), descriptor, {"AnalogueGain": gain}, PeerClock())["NoiseProfile"]
        for gain in (1.0, 4.0)
    )
    assert loud[0] == pytest.approx(4 * quiet[0])
    assert metadata_of(done(START), descriptor, {}, PeerClock())["NoiseProfile"] is None
    absurd = replace(descriptor, noise=tuple(replace(entry, full_scale_e=1) for entry in descriptor.noise))
    assert metadata_of(done(START), absurd, {"AnalogueGain": 1e6}, PeerClock())["NoiseProfile"] is None


def test_lens_without_numbers_has_no_name(descriptor: Descriptor) -> None:
    """What is not known is not made into a name."""
    assert lens_model(replace(descriptor, focal_length_um=0)) is None
    assert lens_model(replace(descriptor, f_number_centi=0)) is None


def test_unknown_stays_unknown(descriptor: Descriptor) -> None:
    """Without a start, a clock or controls, what they would say is None, and it is a legal picture still."""
    metadata = metadata_of(done(None), descriptor, {}, PeerClock())
    for name in (
        "ExposureTime",
        "AnalogueGain",
        "LensPosition",
        "SensorTimestamp",
        "SensorTimestampUncertainty",
    ):
        assert metadata[name] is None
    assert metadata["BitsPerPixel"] == 8
    assert metadata_problems(metadata) == []
    assert metadata_of(done(START), descriptor, {}, PeerClock())["SensorTimestamp"] is None


def test_hostile_descriptors_give_no_exception(descriptor: Descriptor) -> None:
    """Colours and modes that there are not, empty matrices, zeros: told as unknown, never raised."""
    strange = replace(
        descriptor, cfa=bytes((9, 9, 9, 9)), colour_matrix=(), neutral=(1, 2), f_number_centi=0, modes=()
    )
    metadata = metadata_of(done(START), strange, {}, PeerClock())
    assert (metadata["CfaPattern"], metadata["ColorMatrix"], metadata["AsShotNeutral"]) == ("", None, None)
    assert (metadata["FNumber"], metadata["Mode"]) == (None, None)
    assert metadata_problems(metadata)


def test_moment_before_the_hosts_clock_began_is_zero(descriptor: Descriptor) -> None:
    """A timestamp is never negative, which no reader of it expects."""
    metadata = metadata_of(done(START), descriptor, {}, clock_of(10**9, 2_000))
    assert metadata["SensorTimestamp"] == 0


def test_scaled_numbers_need_their_count() -> None:
    """Ten-thousandths become numbers; another count than expected is unknown."""
    assert scaled((10_000, 5_000), 2) == (1.0, 0.5)
    assert scaled((10_000,), 2) is None
