import math
from importlib import resources
from pathlib import Path

import pytest

from laserlink.firmware_model.profile import (
    RAW_BITS,
    Mode,
    Profile,
    ProfileError,
    load_profile,
    profile_names,
)


def text_of(name: str) -> str:
    """The TOML text of a profile of the package."""
    return (resources.files("laserlink.firmware_model.profiles") / f"{name}.toml").read_text(encoding="utf-8")


def altered(folder: Path, old: str, new: str) -> Path:
    """A copy of mos-100mp in which the first `old` is replaced by `new`."""
    text = text_of("mos-100mp")
    assert old in text
    path = folder / "altered.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def test_both_profiles_are_there() -> None:
    """The default module and the serial dev board load by name, and carry their names."""
    assert profile_names() == ("mos-100mp", "uart-1m")
    assert [load_profile(name).name for name in profile_names()] == list(profile_names())


def test_the_default_is_the_designed_module() -> None:
    """The facts that the design fixes: array, modes, lanes and floors of time."""
    profile = load_profile("mos-100mp")
    sensor, timing = profile.sensor, profile.timing
    assert (sensor.width, sensor.height, sensor.cfa) == (11648, 8736, "RGGB")
    assert [(mode.name, mode.binning, mode.width, mode.height) for mode in profile.modes] == [
        ("still-full", 1, 11648, 8736),
        ("still-half", 2, 5824, 4368),
        ("preview", 4, 2912, 2184),
        ("thumbnail", 16, 728, 546),
    ]
    assert profile.mode_named("still-full").formats == (10, 12, 14, 16)
    assert profile.lane("sideband").bytes_per_s == 300_000
    assert profile.lane("optical").bytes_per_s == 1.25e9
    assert (timing.boot_ms, timing.sensor_power_up_ms, timing.training_ms) == (30, 50, 10)
    assert profile.power.boot_ma <= 100


def test_the_serial_board_has_no_optical_lane() -> None:
    """uart-1m carries everything on one serial lane of 1 Mb/s."""
    profile = load_profile("uart-1m")
    assert [(lane.kind, lane.direction, lane.rate_bps) for lane in profile.lanes] == [
        ("serial", "both", 1_000_000)
    ]
    with pytest.raises(KeyError):
        profile.lane("optical")


@pytest.mark.parametrize("name", ["mos-100mp", "uart-1m"])
def test_every_mode_is_legal_on_the_wire(name: str) -> None:
    """Widths are whole groups of 4, heights even, formats RAW, and binning covers at most the array."""
    profile = load_profile(name)

    def legal(mode: Mode) -> bool:
        covered = mode.width * mode.binning <= profile.sensor.width
        return covered and mode.width % 4 == 0 and mode.height % 2 == 0 and set(mode.formats) <= set(RAW_BITS)

    assert all(legal(mode) for mode in profile.modes)
    assert all(profile.mode(mode.id) is mode for mode in profile.modes)


@pytest.mark.parametrize("bits", RAW_BITS)
def test_levels_scale_with_the_bit_depth(bits: int) -> None:
    """Black is 1/16 of full scale and white the largest number at every bit depth."""
    sensor = load_profile("mos-100mp").sensor
    assert sensor.black_level(bits) == 2**bits // 16
    assert sensor.white_level(bits) == 2**bits - 1


def test_high_conversion_gain_reads_with_less_noise() -> None:
    """From the ratio of the two conversion gains on, the read noise is the lower one."""
    sensor = load_profile("mos-100mp").sensor
    assert sensor.high_gain_from == pytest.approx(4.0)
    assert sensor.read_noise_e(3.99) == sensor.low_gain_read_noise_e
    assert sensor.read_noise_e(4.0) == sensor.high_gain_read_noise_e


def test_sixteen_bits_at_base_gain_hold_sixteen_stops() -> None:
    """RAW16 merges below the switch-over, and full well over read noise is 16 EV."""
    sensor = load_profile("mos-100mp").sensor
    assert sensor.merges(16, 1.0)
    assert sensor.merges(16, 3.99)
    assert not sensor.merges(16, 4.0)
    assert not sensor.merges(14, 1.0)
    assert math.log2(sensor.full_well_e / sensor.high_gain_read_noise_e) == pytest.approx(16.0, abs=0.02)
    assert sensor.dn_per_e(16, 1.0) == pytest.approx((65_535 - 4096) / 65_000, rel=1e-3)
    assert sensor.dn_per_e(12, 2.0) == pytest.approx(sensor.dn_per_e(16, 1.0) / 8)


def test_dark_current_doubles_with_its_temperature() -> None:
    """At 25 degrees it is what the profile says, and twice that one doubling above."""
    sensor = load_profile("mos-100mp").sensor
    assert sensor.leak(25.0) == 1.0
    assert sensor.leak(25.0 + sensor.dark_doubling_k) == pytest.approx(2.0)
    assert sensor.leak(25.0 - 2 * sensor.dark_doubling_k) == pytest.approx(0.25)


def test_sizes_and_times_follow_from_the_array() -> None:
    """A photosite is 1.49 um wide, and a row takes 6.9 us."""
    sensor = load_profile("mos-100mp").sensor
    assert sensor.pixel_um2 == pytest.approx(1.485 * 1.488, rel=1e-3)
    assert sensor.line_ns == pytest.approx(6868, abs=1)


def test_neutral_is_the_response_to_white() -> None:
    """AsShotNeutral has green 1 and follows from the matrix and D65 by hand."""
    colour = load_profile("mos-100mp").colour
    assert colour is not None
    red = (0.9 * 0.9505 - 0.3 - 0.1 * 1.089) / (-0.4 * 0.9505 + 1.2 + 0.2 * 1.089)
    assert colour.as_shot_neutral == pytest.approx((red, 1.0, 0.7309), abs=1e-3)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("boot_ma = 90", "boot_ma = 101", "power.boot_ma"),
        ("readout_ma_per_gbps = 25.0", "readout_ma_per_gbps = 0.0", "power.readout_ma_per_gbps"),
        ("width = 11648", "width = 11646", "sensor.width"),
        ("height = 8736", "height = 8735", "sensor.height"),
        ('cfa = "RGGB"', 'cfa = "BGGR"', "sensor.cfa"),
        ("full_well_e = 65_000.0", "full_well_e = 60_000.0", "sensor.full_well_e"),
        ("high_gain_e_per_dn = 0.264475", "high_gain_e_per_dn = 1.1", "sensor.high_gain_e_per_dn"),
        ("merged_from_bits = 16", "merged_from_bits = 15", "sensor.merged_from_bits"),
        ("hot_pixels_ppm = 20.0", "hot_pixels_ppm = -1.0", "sensor.hot_pixels_ppm"),
        ("black_dn16 = 4096", "black_dn16 = 40000", "sensor.black_dn16"),
        ("white_dn16 = 65535", "white_dn16 = 4096", "sensor.white_dn16"),
        ("0.90, -0.30, -0.10,", "0.10, -0.30, -0.10,", "colour.xyz_to_camera"),
        ("0.90, -0.30, -0.10,", "0.90, -0.30,", "colour.xyz_to_camera"),
        ("gain_min = 1.0", "gain_min = 16.0", "sensor.gain_max"),
        ("exposure_us_max = 1_000_000", "exposure_us_max = 20", "sensor.exposure_us_max"),
        ("stops = [1.4, 2.0,", "stops = [2.0, 1.4,", "lens.stops"),
        ("stops = [1.4, 2.0,", "stops = [1.4, 1.4,", "lens.stops"),
        ("stops = [1.4, 2.0,", "stops = [2.0,", "lens.stops"),
        ("settle_ms = 5", "settle_ms = -1", "lens.settle_ms"),
        ("mass_g = 100.0", "mass_g = 0.0", "thermal.mass_g"),
        ("phone_c = 38.0", "phone_c = 100.0", "thermal.phone_c"),
        ("focus_min_m = 0.3", "focus_min_m = 0.5", "lens.position_max_dioptres"),
        ("id = 1\nname", "id = 0\nname", "modes[1].id"),
        ('name = "preview"', 'name = "still-half"', "modes[2].name"),
        ("width = 5824", "width = 5828", "modes[1].width"),
        ("width = 5824", "width = 5822", "modes[1].width"),
        ("height = 4368", "height = 4370", "modes[1].height"),
        ("default_bits = 12", "default_bits = 8", "modes[0].default_bits"),
        ("binning = 1\n", "binning = 2\n", "modes[0]"),
        ("id = 1\nkind", "id = 0\nkind", "lanes"),
        ('direction = "both"', 'direction = "to-host"', "lanes"),
        ("bits_per_byte = 10", "bits_per_byte = 7", "lanes[0].bits_per_byte"),
        ("[lens]", "[lens]\ncoating = 3", "lens.coating"),
        ("[identity]", "name = 'x'\n[identity]", "name"),
        ("[identity]", "[identity", "(file)"),
        ("width = 11648", "width = " + "9" * 5000, "(file)"),
        ("width = 11648", "width = " + "9" * 400, "sensor.width"),
    ],
)
def test_refuses_a_module_that_cannot_exist(tmp_path: Path, old: str, new: str, key: str) -> None:
    """One wrong number anywhere is refused, and the error names the file and the key."""
    path = altered(tmp_path, old, new)
    with pytest.raises(ProfileError) as caught:
        load_profile(path)
    assert (caught.value.source, caught.value.key) == (str(path), key)


def test_a_path_works_like_a_name(tmp_path: Path) -> None:
    """A .toml file anywhere loads, and is named by its file."""
    path = altered(tmp_path, "LL-0001-0001", "LL-0001-0099")
    profile = load_profile(path)
    assert (profile.name, profile.identity.serial) == ("altered", "LL-0001-0099")


def test_names_what_there_is(tmp_path: Path) -> None:
    """An unknown name lists the known ones; a missing or binary file is a ProfileError too."""
    with pytest.raises(ProfileError, match="mos-100mp, uart-1m"):
        load_profile("mos-200mp")
    with pytest.raises(ProfileError, match="readable TOML"):
        load_profile(tmp_path / "missing.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProfileError, match="readable TOML"):
        load_profile(tmp_path / "binary.toml")


def replayed(**changes: int | str) -> Profile:
    """The default module with a replayed array of 1920 x 1080 in 10 bits, with changes."""
    facts = {"width": 1920, "height": 1080, "bits": 10, "black": 16, "white": 1000} | changes
    return load_profile("mos-100mp").with_array(**facts)  # type: ignore[arg-type]


def test_a_replayed_array_takes_the_place_of_the_sensor() -> None:
    """Only the full mode stays, in the file's bits, with the file's exact levels and no colour claim."""
    profile = replayed()
    assert [(mode.width, mode.height, mode.formats, mode.default_bits) for mode in profile.modes] == [
        (1920, 1080, (10,), 10)
    ]
    assert (profile.sensor.black_level(10), profile.sensor.white_level(10)) == (16, 1000)
    assert profile.sensor.height_mm == pytest.approx(17.3 * 1080 / 1920)
    assert profile.colour is None
    assert profile.lanes == load_profile("mos-100mp").lanes


def test_a_replayed_matrix_is_kept() -> None:
    """A file that brings its colour response is believed."""
    matrix = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    profile = load_profile("uart-1m").with_array(8, 6, bits=8, black=0, white=255, xyz_to_camera=matrix)
    assert profile.colour is not None
    assert profile.colour.xyz_to_camera == matrix


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"width": 1918}, "sensor.width"),
        ({"height": 1079}, "sensor.height"),
        ({"bits": 9}, "bits"),
        ({"cfa": "GBRG"}, "sensor.cfa"),
        ({"black": 300, "white": 300}, "sensor.white_dn16"),
        ({"white": 1024}, "sensor.white_dn16"),
        ({"width": 70_000}, "sensor.width"),
    ],
)
def test_refuses_an_array_that_the_wire_cannot_carry(changes: dict[str, int | str], key: str) -> None:
    """A replayed array is held to the same rules as a profile's own."""
    with pytest.raises(ProfileError) as caught:
        replayed(**changes)
    assert caught.value.key == key
