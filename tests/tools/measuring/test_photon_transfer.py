"""Photon transfer: the figures of a synthetic sensor come out, and what cannot be told is said."""

import math
from functools import cache
from typing import Any

import numpy as np
import pytest

from laserlink.tools.measuring.photon_transfer import NotMeasured, Pair, Transfer, pair_of
from laserlink.tools.measuring.still import Still

BLACK, WHITE = 1000.0, 60_000
GAIN, READ_NOISE_E, FULL_WELL_E = 0.8, 3.0, 70_000.0
RATE_E_PER_US = 7.0


def still(electrons: float, exposure_us: int, chance: np.random.Generator, **changes: Any) -> Still:
    """A picture of a plain sensor: Poisson, Gaussian read noise, a gain, rounding, a white level."""
    facts = {"gain": GAIN, "read_noise_e": READ_NOISE_E, "spread": 0.0, "slope": 0.0} | changes
    fixed = np.random.default_rng(5).normal(1.0, facts["spread"], (64, 256))
    shading = 1 + facts["slope"] * np.linspace(-1, 1, 256)
    seen = chance.poisson(electrons * fixed * shading) + chance.normal(0, facts["read_noise_e"], (64, 256))
    raw = np.clip(np.rint(np.minimum(seen, FULL_WELL_E) * facts["gain"] + BLACK), 0, WHITE)
    return Still(raw.astype(np.uint16), "RGGB", BLACK, WHITE, exposure_us, 16)


def pair(electrons: float, exposure_us: int, chance: np.random.Generator, **changes: Any) -> Pair:
    return pair_of(
        still(electrons, exposure_us, chance, **changes), still(electrons, exposure_us, chance, **changes)
    )


@cache
def transfer(reach: float = 1.06, bend: float = 0.0, **changes: Any) -> Transfer:
    """Pairs up to `reach` of the full well; `bend` is how much less light the longest gets."""
    chance = np.random.default_rng(1)
    dark = [pair(0.0, 20, chance, **changes) for _ in range(3)]
    exposures = np.unique(np.linspace(100, reach * FULL_WELL_E / RATE_E_PER_US, 60).astype(int)).tolist()
    light = [
        pair(RATE_E_PER_US * us * (1 - bend * us * RATE_E_PER_US / FULL_WELL_E), us, chance, **changes)
        for us in exposures
    ]
    return Transfer.of(dark, light)


@pytest.fixture(scope="module")
def plain() -> Transfer:
    return transfer()


def test_the_figures_of_a_known_sensor_come_out(plain: Transfer) -> None:
    """Gain, read noise, full well and both dynamic ranges, from pixel values and exposures alone."""
    assert plain.dn_per_e == pytest.approx(GAIN, rel=0.01)
    assert plain.read_noise_e == pytest.approx(READ_NOISE_E, rel=0.02)
    assert plain.full_well_e == pytest.approx(FULL_WELL_E, rel=0.03)
    dark_e = math.hypot(READ_NOISE_E, math.sqrt(1 / 12) / GAIN)
    assert plain.dynamic_range_ev == pytest.approx(math.log2(FULL_WELL_E / dark_e), abs=0.06)
    least_e = 0.5 + math.sqrt(0.25 + dark_e**2)
    assert plain.dynamic_range_snr1_ev == pytest.approx(math.log2(FULL_WELL_E / least_e), abs=0.06)
    assert plain.snr_max_db == pytest.approx(10 * math.log10(FULL_WELL_E), abs=0.2)


def test_a_straight_sensor_is_straight_and_a_bent_one_is_not(plain: Transfer) -> None:
    """Linearity errors of a bend of 2 % are seen as such, and none are seen where there are none."""
    assert plain.linearity_error_percent < 0.02
    bent = transfer(bend=0.02)
    # y = x - 0.02 x^2 over 0.05 to 0.95 leaves, relative to the best line, a few tenths of a percent.
    assert 0.1 < bent.linearity_error_percent < 0.6
    assert bent.linearity_error_max_percent > bent.linearity_error_percent


def test_fixed_pattern_is_told_from_noise_and_from_uneven_light() -> None:
    """PRNU is the pixels' spread: neither time's noise nor a light that falls off counts."""
    uneven = transfer(spread=0.01, slope=0.05)
    assert uneven.prnu_percent == pytest.approx(1.0, rel=0.1)
    assert uneven.dsnu_e < 0.3
    assert uneven.dn_per_e == pytest.approx(GAIN, rel=0.02)
    assert transfer().prnu_percent < 0.1


def test_dark_current_is_the_rise_of_the_dark() -> None:
    """Two exposures in the dark give electrons per second; hot pixels do not count."""
    chance = np.random.default_rng(2)
    long = [still(50.0, 1_000_020, chance) for _ in range(2)]
    for image in long:
        image.raw[::16, ::16] = 40_000
    whole = transfer()
    assert Transfer((*whole.dark, pair_of(*long)), whole.light).dark_current_e_per_s == pytest.approx(
        50.0, rel=0.05
    )
    with pytest.raises(NotMeasured, match="two exposures"):
        _ = whole.dark_current_e_per_s


def test_what_was_not_reached_is_not_guessed() -> None:
    """Without saturation there is gain and read noise, but no full well, range or linearity."""
    weak = transfer(reach=0.5)
    assert weak.dn_per_e == pytest.approx(GAIN, rel=0.01)
    for name in ("full_well_e", "dynamic_range_ev", "linearity_error_percent", "prnu_percent"):
        with pytest.raises(NotMeasured, match="never filled the wells"):
            getattr(weak, name)


def test_reading_noise_below_a_step_is_told_as_a_limit() -> None:
    """A converter's steps that hide the noise: the limit of EMVA 1288 is told, not a number."""
    coarse = transfer(gain=0.05)
    with pytest.raises(NotMeasured, match=r"less than [78]\S* e-"):
        _ = coarse.read_noise_e
    assert coarse.dynamic_range_ev < 14


def test_missing_and_saturated_pictures_have_their_own_words(plain: Transfer) -> None:
    """No dark, no light, light that is white throughout, and images that are no pair."""
    with pytest.raises(NotMeasured, match="no pictures in the dark"):
        _ = Transfer.of([], plain.light).dynamic_range_ev
    with pytest.raises(NotMeasured, match="no pictures of even light"):
        _ = Transfer.of(plain.dark, []).dn_per_e
    with pytest.raises(NotMeasured, match="all pictures of even light are saturated"):
        _ = Transfer.of(plain.dark, plain.light[-1:]).dn_per_e
    with pytest.raises(NotMeasured, match="are too few"):
        _ = Transfer.of(plain.dark, plain.light[:3]).dn_per_e
    chance = np.random.default_rng(3)
    with pytest.raises(NotMeasured, match="exposed for 10 and 20 us"):
        pair_of(still(9.0, 10, chance), still(9.0, 20, chance))
    with pytest.raises(NotMeasured, match="differ in size"):
        pair_of(still(9.0, 10, chance), still(9.0, 10, chance).part(0, 0, 64, 64))


def test_a_sensor_that_smooths_its_noise_is_no_raw() -> None:
    """Noise that does not grow with light has no photon transfer."""
    points = [Pair(us, BLACK + us, BLACK + us, 5.0 - us / 1000, 0.0, False) for us in range(100, 1100, 100)]
    with pytest.raises(NotMeasured, match="no linear sensor"):
        _ = Transfer.of([Pair(20, BLACK, BLACK, 5.0, 0.0, False)], points).dn_per_e
