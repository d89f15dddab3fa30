"""What the host makes of a descriptor: modes by name, and the mode that suits a line."""

from dataclasses import replace

import pytest

from laserlink.host_driver.identity import (
    Identity,
    cfa_of,
    film_focal_length_mm,
    mode_named,
    noise_profile,
    suitable_mode,
    transfer_ns,
)
from laserlink.protocol.errors import LocalProtocolError, MalformedPayload, RemoteProtocolError
from laserlink.protocol.messages.identity import Descriptor, DescriptorPart, SensorMode, SensorNoise
from laserlink.protocol.messages.link import LaneOffer
from laserlink.protocol.states import LaneKind, LineCoding
from laserlink.protocol.timers import NS_PER_MS

FULL = SensorMode(id=0, name="still-full", width=11648, height=8736, default_bits=12)
SMALL = SensorMode(id=1, name="preview", width=728, height=546, default_bits=10)
TINY = SensorMode(id=2, name="thumbnail", width=64, height=48, default_bits=8)
DESCRIPTOR = Descriptor(modes=(FULL, SMALL, TINY))


def line(rate_bps: int) -> LaneOffer:
    """A serial line of a rate."""
    return LaneOffer(kind=LaneKind.SIDEBAND, coding=LineCoding.UART_8N1, rate_bps=rate_bps)


def test_the_time_of_a_transfer_counts_ten_bits_a_byte() -> None:
    """64 x 48 pixels of RAW8 are 3,072 bytes: 30.72 ms at 1 Mb/s; a line without a rate takes no time."""
    assert transfer_ns(TINY, line(1_000_000)) == 30_720_000 and transfer_ns(FULL, line(0)) == 0


@pytest.mark.parametrize(
    ("rate_bps", "expected"),
    [(0, FULL), (10_000_000_000, FULL), (1_000_000, SMALL), (115_200, TINY), (100, TINY)],
)
def test_the_mode_that_suits_a_line_is_the_first_it_carries_in_ten_seconds(
    rate_bps: int, expected: SensorMode
) -> None:
    """The full frame on the laser, a smaller mode on a serial line, the quickest when all are slow."""
    assert suitable_mode(DESCRIPTOR, line(rate_bps)) is expected


def test_exactly_ten_seconds_suit_and_a_millisecond_more_does_not() -> None:
    """The bound is ten seconds, not about ten."""
    rate = 728 * 546 * 10 // 8
    assert abs(transfer_ns(SMALL, line(rate)) - 10_000 * NS_PER_MS) < NS_PER_MS
    assert suitable_mode(DESCRIPTOR, line(rate)) is SMALL
    assert suitable_mode(DESCRIPTOR, line(rate - rate // 5_000)) is TINY


def test_a_mode_that_is_not_there_is_a_mistake_of_the_caller() -> None:
    """The error lists the modes that there are; a module without modes says so."""
    assert mode_named(DESCRIPTOR, "preview") is SMALL
    with pytest.raises(LocalProtocolError, match="still-full, preview, thumbnail"):
        mode_named(DESCRIPTOR, "video")
    with pytest.raises(LocalProtocolError, match="no modes"):
        suitable_mode(Descriptor(modes=()), line(0))


@pytest.mark.parametrize(
    ("cfa", "name"),
    [((0, 1, 1, 2), "RGGB"), ((1, 0, 2, 1), "GRBG"), ((1, 2, 0, 1), "GBRG"), ((2, 1, 1, 0), "BGGR")],
)
def test_the_four_bayer_orders_have_names(cfa: tuple[int, ...], name: str) -> None:
    """Colours of the top-left 2 x 2 in reading order."""
    assert cfa_of(Descriptor(cfa=bytes(cfa))) == name


@pytest.mark.parametrize("cfa", [(0, 0, 0, 0), (0, 1, 2, 1), (9, 1, 1, 2), (0, 1, 1, 255), (3, 1, 1, 2)])
def test_other_colours_are_the_modules_fault(cfa: tuple[int, ...]) -> None:
    """What is no Bayer order is refused before a picture is asked for."""
    with pytest.raises(MalformedPayload, match="none of RGGB"):
        cfa_of(Descriptor(cfa=bytes(cfa)))


def test_focal_length_on_film_is_by_the_diagonals() -> None:
    """17.5 mm on Four Thirds sees as 35 mm; what has no size or no lens is unknown."""
    lens = {"focal_length_um": 17_500, "pixel_pitch_nm": 1485}
    assert film_focal_length_mm(Descriptor(modes=(FULL, SMALL), **lens)) == 35
    binned = SensorMode(width=2912, height=2184, binning=4)
    assert film_focal_length_mm(Descriptor(modes=(binned,), **lens)) == 35
    assert film_focal_length_mm(Descriptor(modes=(), **lens)) is None
    assert film_focal_length_mm(Descriptor(modes=(FULL,), focal_length_um=0)) is None


NOISE = (
    SensorNoise(formats=1 << 12, gain_from_milli=1000, full_scale_e=65_000, read_noise_me=8000),
    SensorNoise(formats=1 << 12, gain_from_milli=4000, full_scale_e=65_000, read_noise_me=1000),
    SensorNoise(formats=1 << 16, gain_from_milli=1000, full_scale_e=65_000, read_noise_me=1000),
)


@pytest.mark.parametrize(
    ("bits", "gain", "binning", "electrons", "read_noise_e"),
    [
        (12, 1.0, 1, 65_000, 8.0),
        (12, 3.99, 1, 65_000 / 3.99, 8.0),
        (12, 4.0, 1, 16_250, 1.0),
        (12, 16.0, 1, 4062.5, 1.0),
        (16, 1.0, 1, 65_000, 1.0),
        (12, 1.0, 4, 65_000, 8.0),
    ],
)
def test_noise_is_that_of_the_gain_the_format_and_the_binning(
    bits: int, gain: float, binning: int, electrons: float, read_noise_e: float
) -> None:
    """Shot noise by the electrons of white, read noise of the conversion gain in force, and rounding."""
    mode = SensorMode(binning=binning)
    levels = (256, 4095) if bits == 12 else (4096, 65535)
    found = noise_profile(Descriptor(noise=NOISE), mode, bits, gain, levels)
    rounding = 1 / 12 / (levels[1] - levels[0]) ** 2
    assert found is not None
    assert found[0] == pytest.approx(1 / electrons / binning**2)
    assert found[1] == pytest.approx((read_noise_e / electrons / binning) ** 2 + rounding)


def test_unknown_noise_is_none() -> None:
    """No entry for the format or the gain, no mode, or numbers that none can be: nothing is made up."""
    known, mode = Descriptor(noise=NOISE), SensorMode()
    assert noise_profile(known, mode, 10, 1.0, (64, 1023)) is None
    assert noise_profile(known, mode, 12, 0.5, (256, 4095)) is None
    assert noise_profile(known, None, 12, 1.0, (256, 4095)) is None
    assert noise_profile(known, SensorMode(binning=0), 12, 1.0, (256, 4095)) is None
    assert noise_profile(known, mode, 12, 1.0, (300, 300)) is None
    assert noise_profile(Descriptor(), mode, 12, 1.0, (256, 4095)) is None
    hollow = Descriptor(noise=(SensorNoise(full_scale_e=0),))
    assert noise_profile(hollow, mode, 12, 1.0, (256, 4095)) is None


def test_a_module_has_at_least_one_mode() -> None:
    """What is there is read; zeros, which are a descriptor of nothing, are refused, and half of one too."""
    whole = Identity(bytearray(bytes(DESCRIPTOR)))
    assert whole.descriptor == DESCRIPTOR
    for raw in (bytes(300), bytes(Descriptor()), bytes(DESCRIPTOR)[:40]):
        with pytest.raises(MalformedPayload):
            _ = Identity(bytearray(raw)).descriptor


def test_what_a_later_version_appends_is_ignored() -> None:
    """A module of a later minor version is read as far as it is understood."""
    raw = bytes(DESCRIPTOR) + b"more of everything"
    assert replace(Identity(bytearray(raw)).descriptor, later=b"") == DESCRIPTOR


@pytest.mark.parametrize(
    ("part", "text", "value"),
    [
        (DescriptorPart(0, 16_385, 0, b"a"), "a descriptor of 16385 bytes", 16_385),
        (DescriptorPart(0, 5, 3, b"a"), "descriptor parts out of order", 3),
        (DescriptorPart(0, 5, 0, b"abcdef"), "a descriptor part runs over the end", 0),
    ],
)
def test_a_part_that_is_refused_is_told_why(part: DescriptorPart, text: str, value: int) -> None:
    """What is wrong with it, and the number that is."""
    with pytest.raises(RemoteProtocolError) as raised:
        Identity().take(part)
    assert (str(raised.value), raised.value.value) == (text, value)


def test_a_descriptor_of_exactly_the_limit_is_taken() -> None:
    """In two parts, the second of which ends it."""
    whole = Identity()
    assert not whole.take(DescriptorPart(0, 16_384, 0, bytes(16_000)))
    assert whole.take(DescriptorPart(0, 16_384, 16_000, bytes(384)))


def test_colours_that_are_none_are_shown_as_far_as_they_are_known() -> None:
    """In reading order, and what would have been right."""
    with pytest.raises(MalformedPayload, match=r" are RG\?\?, which is none of RGGB, .*GRBG") as raised:
        cfa_of(Descriptor(cfa=bytes((0, 1, 3, 255))))
    assert "the module's colours" in str(raised.value)


def test_a_part_over_the_end_is_told_by_where_it_begins() -> None:
    """And what came before it is kept."""
    whole = Identity()
    whole.take(DescriptorPart(0, 5, 0, b"abc"))
    with pytest.raises(MalformedPayload, match=r"end$") as raised:
        whole.take(DescriptorPart(0, 5, 3, b"def"))
    assert raised.value.value == 3 and whole.buffer == b"abc"


def test_what_cannot_be_chosen_is_named() -> None:
    """The product, and the mode that it does not have."""
    known = replace(DESCRIPTOR, product="mos")
    with pytest.raises(LocalProtocolError, match=r"^mos has no mode 'video'; it has still-full, "):
        mode_named(known, "video")
    with pytest.raises(LocalProtocolError, match=r"^mos offers no modes$"):
        suitable_mode(replace(known, modes=()), line(0))
    with pytest.raises(MalformedPayload, match=r"^a descriptor without a mode$") as raised:
        _ = Identity(bytearray(bytes(Descriptor()))).descriptor
    assert raised.value.value == len(bytes(Descriptor()))


@pytest.mark.parametrize(("gain", "read_noise_e"), [(3.998, 8.0), (3.9995, 1.0), (4.001, 1.0)])
def test_gains_are_told_apart_by_thousandths(gain: float, read_noise_e: float) -> None:
    """What the wire rounded is the gain that was meant."""
    found = noise_profile(Descriptor(noise=NOISE), SensorMode(), 12, gain, (256, 4095))
    assert found is not None
    rounding = 1 / 12 / (4095 - 256) ** 2
    assert found[1] - rounding == pytest.approx((read_noise_e * gain / 65_000) ** 2)


@pytest.mark.parametrize("gain", [0.0, -1.0])
def test_there_is_no_noise_at_a_gain_that_none_has(gain: float) -> None:
    """Nothing is divided by zero."""
    entry = SensorNoise(formats=1 << 12, gain_from_milli=0, full_scale_e=1, read_noise_me=1)
    assert noise_profile(Descriptor(noise=(entry,)), SensorMode(), 12, gain, (256, 4095)) is None
    assert noise_profile(Descriptor(noise=(entry,)), SensorMode(), 12, 0.001, (256, 257)) is not None
