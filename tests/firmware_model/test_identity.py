"""The descriptor: what it says, and its parts."""

from dataclasses import replace

import pytest

from laserlink.firmware_model.identity import descriptor_of, is_last_part, part_of, readout_us, scaled
from laserlink.firmware_model.power import PowerSink
from laserlink.firmware_model.profile import load_profile, profile_names
from laserlink.firmware_model.scenes import open_scene
from laserlink.firmware_model.sensor import ExposureRequest, Sensor
from laserlink.host_driver.identity import noise_profile
from laserlink.protocol.errors import OutOfBounds
from laserlink.protocol.frame import OVERHEAD_BYTES
from laserlink.protocol.limits import DESCRIPTOR_BYTES_MAX
from laserlink.protocol.messages.identity import Descriptor


def descriptor(name: str) -> Descriptor:
    profile = load_profile(name)
    return descriptor_of(profile, PowerSink(profile.power, 10_000_000_000, has_laser=True), 3)


@pytest.mark.parametrize("name", profile_names())
def test_every_profile_makes_a_descriptor_that_reads_back(name: str) -> None:
    """Within its limit, by every size of frame, and the same."""
    made = descriptor(name)
    raw = bytes(made)
    assert len(raw) <= DESCRIPTOR_BYTES_MAX and Descriptor.decode(raw) == made
    for frame_bytes in (256, 257, 1000, 4096):
        whole = b""
        while True:
            part = part_of(raw, 9, len(whole), frame_bytes)
            assert len(bytes(part)) + OVERHEAD_BYTES <= frame_bytes and part.total_bytes == len(raw)
            last = is_last_part(raw, len(whole), frame_bytes)
            whole += part.part
            assert last is (len(whole) == len(raw))
            if last:
                break
        assert whole == raw


def test_facts_come_from_the_profile() -> None:
    """17.3 mm over 11648 pixels are 1485 nm; RGGB; formats as bits; the count of boots."""
    made, profile = descriptor("mos-100mp"), load_profile("mos-100mp")
    assert (made.pixel_pitch_nm, made.cfa, made.boot_count) == (1485, bytes([0, 1, 1, 2]), 3)
    assert (made.focal_length_um, made.f_number_centi, made.module_id) == (
        17_500,
        140,
        profile.identity.module_id,
    )
    full = made.modes[0]
    assert (full.width, full.height, full.formats) == (11648, 8736, 1 << 10 | 1 << 12 | 1 << 14 | 1 << 16)
    assert [mode.id for mode in made.modes] == [mode.id for mode in profile.modes]
    assert made.operating_ma == 470


def test_colours_are_told_for_two_lights() -> None:
    """Daylight and lamp, in ten-thousandths."""
    made, profile = descriptor("mos-100mp"), load_profile("mos-100mp")
    assert profile.colour is not None
    assert made.colour_matrix == scaled(profile.colour.xyz_to_camera)
    assert made.colour_matrix_a == scaled(profile.colour.xyz_to_camera_a)
    assert len(made.colour_matrix_a) == 9 and made.colour_matrix_a != made.colour_matrix
    assert scaled(None) == ()


def test_noise_is_told_by_format_and_gain() -> None:
    """RAW16 merges both conversion gains; the others read one of them, by the analogue gain."""
    noise = descriptor("mos-100mp").noise
    found = {
        (bits, entry.gain_from_milli): (entry.full_scale_e, entry.read_noise_me)
        for entry in noise
        for bits in (8, 10, 12, 14, 16)
        if entry.formats >> bits & 1
    }
    assert found[12, 1000][1] > found[12, 4000][1] == found[16, 1000][1] == 1000
    assert all(electrons == pytest.approx(65_000, rel=0.01) for electrons, _ in found.values())
    assert (16, 4000) not in found


@pytest.mark.parametrize(
    ("bits", "gain", "level"), [(12, 1.0, 0.5), (12, 1.0, 0.0), (10, 8.0, 0.05), (8, 1.0, 0.3)]
)
def test_noise_that_is_told_is_the_noise_that_is_there(bits: int, gain: float, level: float) -> None:
    """Two exposures of a grey card differ by as much as the host reckons from the descriptor: 5 %."""
    profile = load_profile("uart-1m")
    made, mode = descriptor("uart-1m"), profile.modes[0]
    sensor = Sensor(profile, open_scene(f"flat?level={level}"), 1)
    requests = [
        ExposureRequest(mode.id, bits, 10_000, gain, 0, image_id, (400, 300, 400, 400)) for image_id in (1, 2)
    ]
    first, second = (sensor.expose(request).astype(float)[::2, 1::2] for request in requests)
    black, white = profile.sensor.black_level(bits), profile.sensor.white_level(bits)
    seen = (first - second).var() / 2 / (white - black) ** 2
    found = noise_profile(made, made.modes[0], bits, gain, (black, white))
    assert found is not None
    signal = max(0.0, ((first + second) / 2).mean() - black) / (white - black)
    assert seen == pytest.approx(found[0] * signal + found[1], rel=0.05)


def test_a_part_behind_the_end_is_out_of_bounds() -> None:
    """At the end too: there is nothing there; and no such part is the last one."""
    raw = bytes(descriptor("mos-100mp"))
    for offset in (len(raw), len(raw) + 1, 65_535):
        with pytest.raises(OutOfBounds):
            part_of(raw, 1, offset, 4096)
        assert not is_last_part(raw, offset, 4096)


def test_a_binned_mode_reads_out_faster() -> None:
    """It reads fewer lines."""
    profile = load_profile("mos-100mp")
    assert [readout_us(profile, mode) for mode in profile.modes] == [60_000, 30_000, 15_000, 3_750]


def test_every_mode_is_told_as_the_profile_has_it() -> None:
    """Each field, its own formats and levels among them."""
    profile = load_profile("mos-100mp")
    for told, mode in zip(descriptor("mos-100mp").modes, profile.modes, strict=True):
        assert (told.id, told.name, told.width, told.height, told.binning) == (
            mode.id, mode.name, mode.width, mode.height, mode.binning,
        )  # fmt: skip
        assert told.formats == sum(1 << bits for bits in mode.formats)
        assert told.default_bits == mode.default_bits
        assert told.white_level == profile.sensor.white_level(mode.default_bits)
        assert told.black_level == profile.sensor.black_level(mode.default_bits)
        assert (told.interval_us, told.readout_us) == (mode.frame_duration_us, readout_us(profile, mode))


def test_the_last_part_is_the_one_that_the_frame_just_holds() -> None:
    """To the byte: a frame of 256 has room for 226 of them."""
    room = 256 - OVERHEAD_BYTES - 6
    assert [is_last_part(bytes(room + more), 0, 256) for more in (-1, 0, 1)] == [True, True, False]
    assert [is_last_part(bytes(room + more), 1, 256) for more in (1, 2)] == [True, False]
    assert len(part_of(bytes(room + 1), 1, 0, 256).part) == room


def test_a_descriptor_says_who_the_module_is_and_what_it_draws() -> None:
    """Every text and figure of the profile, in the units of the wire."""
    made = descriptor("mos-100mp")
    assert (made.vendor, made.product, made.serial, made.firmware) == (
        "LaserLink", "MOS-100MP", "LL-0001-0001", "0.1.0",
    )  # fmt: skip
    assert (made.module_id, made.idle_ma, made.operating_ma, made.reserve_ma) == (
        0x4C4C_0001_0000_0001, 60, 470, 150,
    )  # fmt: skip
    assert made.colour_matrix == (9000, -3000, -1000, -4000, 12_000, 2000, -1000, 2000, 6000)
    assert made.colour_matrix_a == (9800, -3400, -800, -4400, 12_400, 2300, -1200, 2400, 6600)
    merged, split = 1 << 16, 1 << 8 | 1 << 10 | 1 << 12 | 1 << 14
    assert [(n.formats, n.gain_from_milli, n.full_scale_e, n.read_noise_me) for n in made.noise] == [
        (split, 1000, 64_996, 8000), (split, 4000, 64_996, 1000), (merged, 1000, 64_996, 1000),
    ]  # fmt: skip


def test_a_module_without_colours_says_nothing_of_them() -> None:
    """No matrices, no neutral, and no noise of a sensor that is not its own."""
    profile = load_profile("mos-100mp")
    assert profile.colour is not None
    daylight = replace(profile.colour, xyz_to_camera_a=None)
    told = (scaled(daylight.xyz_to_camera), scaled(daylight.as_shot_neutral))
    for colour, expected in ((None, ((), ())), (daylight, told)):
        plain = replace(profile, colour=colour)
        made = descriptor_of(plain, PowerSink(profile.power, 0, has_laser=True), 1)
        assert (made.colour_matrix, made.neutral) == expected
        assert (made.colour_matrix_a, made.noise) == ((), ())
    with pytest.raises(OutOfBounds, match=r"^the descriptor has 300 bytes$") as raised:
        part_of(bytes(300), 1, 301, 256)
    assert raised.value.value == 301
    part = part_of(bytes(range(200)), 7, 150, 256)
    assert (part.request_id, part.total_bytes, part.offset, part.part) == (
        7,
        200,
        150,
        bytes(range(150, 200)),
    )
