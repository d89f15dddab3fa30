import math
import statistics

import numpy as np
import pytest
from numpy.typing import NDArray

from laserlink.firmware_model.noise import FEW, gaussian, normal_values, read_electrons

SHAPE = (500, 1000)


def drawn(mean_e: float, read_variance: float, photosites: int = 1, seed: int = 1) -> NDArray[np.float64]:
    """Half a million pixels of the same mean."""
    means = np.full(SHAPE, mean_e, np.float32)
    chance = np.random.default_rng(seed)
    return read_electrons(means, np.float32(read_variance), photosites, chance).astype(np.float64)


def test_the_values_are_a_gaussian_s() -> None:
    """Mean 0, deviation 1, its quantiles, its fourth moment; symmetric, and rising."""
    values = normal_values(1 << 16).astype(float)
    assert values.mean() == pytest.approx(0, abs=1e-6)
    assert values.std() == pytest.approx(1, abs=1e-5)
    assert (values**4).mean() == pytest.approx(3, abs=0.01)
    assert np.all(np.diff(values) > 0)
    assert np.array_equal(values, -values[::-1])
    assert values[int(0.975 * (1 << 16))] == pytest.approx(statistics.NormalDist().inv_cdf(0.975), abs=1e-3)


def test_no_value_is_drawn_twice_by_rule() -> None:
    """Neighbours, rows and columns have nothing in common, whatever the distance."""
    noise = gaussian((256, 512), np.random.default_rng(3)).astype(float)
    spectrum = np.abs(np.fft.fft2(noise)) ** 2 / noise.size
    spectrum[0, 0] = 0
    alike = np.fft.ifft2(spectrum).real
    alike[0, 0] = 0
    # 131,072 places with a deviation of 1 / sqrt(131072) each: the largest lies below six of them.
    assert np.abs(alike).max() < 6 / math.sqrt(noise.size)


@pytest.mark.parametrize("mean_e", [0.0, 0.01, 0.3, 1.0, 5.0, 11.9, 12.1, 20.0, 100.0, 5000.0])
def test_variance_is_the_mean_and_the_read_noise(mean_e: float) -> None:
    """The photon transfer line, from no light to much, on both sides of the change of method."""
    values = drawn(mean_e, 2.25)
    assert values.mean() == pytest.approx(mean_e, abs=5 * math.sqrt((mean_e + 2.25) / values.size))
    assert values.var() == pytest.approx(mean_e + 2.25, rel=0.012)


@pytest.mark.parametrize("mean_e", [1.0, 5.0, 11.9, 12.1, 20.0, 60.0])
def test_few_electrons_are_lopsided(mean_e: float) -> None:
    """The third moment is Poisson's, which is the mean: a symmetric noise would have none."""
    values = drawn(mean_e, 1.0)
    third = ((values - values.mean()) ** 3).mean()
    # The third moment's own deviation is about sqrt(15) sigma^3 / sqrt(n).
    error = 5 * math.sqrt(15 * (mean_e + 1.0) ** 3 / values.size)
    assert third == pytest.approx(mean_e, abs=error)
    assert third > 3 * error


def test_single_electrons_are_counted() -> None:
    """With little read noise the values gather at whole electrons, as often as Poisson says."""
    values = drawn(1.5, 0.01)
    counts = np.rint(values)
    assert np.abs(values - counts).std() < 0.11
    for electrons in range(5):
        share = math.exp(-1.5) * 1.5**electrons / math.factorial(electrons)
        assert (counts == electrons).mean() == pytest.approx(share, rel=0.03)


def test_the_gaussian_part_is_near_poisson() -> None:
    """Just above the change of method, the share below each count is Poisson's to within half a percent."""
    mean_e = FEW + 0.1
    values = drawn(mean_e, 1e-6)
    below = 0.0
    for electrons in range(30):
        below += math.exp(-mean_e) * mean_e**electrons / math.factorial(electrons)
        assert (values < electrons + 0.5).mean() == pytest.approx(below, abs=0.005)


@pytest.mark.parametrize("mean_e", [0.2, 5.0, 200.0])
def test_photosites_average(mean_e: float) -> None:
    """The mean of 16 photosites has a sixteenth of the variance of one."""
    values = drawn(mean_e, 4.0, photosites=16)
    assert values.mean() == pytest.approx(mean_e, rel=0.005)
    assert values.var() == pytest.approx((mean_e + 4.0) / 16, rel=0.012)


def test_each_pixel_has_its_own_read_noise() -> None:
    """A read noise that differs by pixel is drawn so, with few electrons and with many."""
    for mean_e in (2.0, 50.0):
        means = np.full(SHAPE, mean_e, np.float32)
        variance = np.where(np.arange(1000) < 500, 1.0, 100.0).astype(np.float32) * np.ones(SHAPE, np.float32)
        values = read_electrons(means, variance, 1, np.random.default_rng(2))
        assert values[:, :500].var() == pytest.approx(mean_e + 1, rel=0.02)
        assert values[:, 500:].var() == pytest.approx(mean_e + 100, rel=0.02)


def test_the_same_seed_draws_the_same() -> None:
    """Reproducible, and another seed is another noise."""
    assert np.array_equal(drawn(5.0, 1.0), drawn(5.0, 1.0))
    assert (drawn(5.0, 1.0) != drawn(5.0, 1.0, seed=2)).mean() > 0.99


def test_no_light_and_no_read_noise_is_nothing() -> None:
    """A perfect sensor in the dark reads exactly 0."""
    assert not drawn(0.0, 0.0).any()
