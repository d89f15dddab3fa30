"""host_driver/illuminant.py: lights are where the CIE put them, and a camera's neutral leads back to them."""

import numpy as np
import pytest

from laserlink.host_driver.illuminant import (
    A_KELVIN,
    D65_KELVIN,
    D65_WHITE,
    adaptation,
    kelvin_of,
    light_of,
    matrix_at,
    neutral_at,
    white_at,
)

D65_MATRIX = np.array([[0.9, -0.3, -0.1], [-0.4, 1.2, 0.2], [-0.1, 0.2, 0.6]])
A_MATRIX = np.array([[0.98, -0.34, -0.08], [-0.44, 1.24, 0.23], [-0.12, 0.24, 0.66]])


@pytest.mark.parametrize(
    ("kelvin", "x", "y"),
    [
        (2856, 0.44757, 0.40745),  # illuminant A, a black body
        (2000, 0.52669, 0.41331),
        (5003, 0.34567, 0.35850),  # D50
        (6504, 0.31271, 0.32902),  # D65
        (7504, 0.29902, 0.31485),  # D75
    ],
)
def test_lights_are_where_the_cie_has_them(kelvin: float, x: float, y: float) -> None:
    """Chromaticities of CIE 15:2004 (and of Planck's law for 2000 K), to one and a half thousandths."""
    white = white_at(kelvin)
    assert white[1] == 1
    assert white[:2] / white.sum() == pytest.approx((x, y), abs=1.5e-3)


def test_the_locus_has_no_step() -> None:
    """From kelvin to kelvin the colour moves on, also where a formula takes over from another."""
    mireds = np.arange(84, 500, 0.5)
    places = np.array([white_at(1e6 / mired)[[0, 2]] for mired in mireds])
    assert np.abs(np.diff(places, axis=0)).max() < 0.02
    assert np.all(np.diff(places[:, 1]) < 0)


@pytest.mark.parametrize("kelvin", [2500, 2856, 3500, 5000, 6504, 8000])
def test_temperature_of_a_light(kelvin: float) -> None:
    """McCamy's formula is within two per cent where lights are."""
    assert kelvin_of(white_at(kelvin)) == pytest.approx(kelvin, rel=0.02)


def test_matrices_are_mixed_in_mireds() -> None:
    """Each at its own light and beyond, half of both at the middle of 1/T; one matrix is all there is."""
    middle = 2 / (1 / A_KELVIN + 1 / D65_KELVIN)
    for kelvin, share in ((A_KELVIN, 1.0), (2000.0, 1.0), (D65_KELVIN, 0.0), (9000.0, 0.0), (middle, 0.5)):
        expected = share * A_MATRIX + (1 - share) * D65_MATRIX
        np.testing.assert_allclose(matrix_at(kelvin, D65_MATRIX, A_MATRIX), expected, atol=1e-12)
    np.testing.assert_array_equal(matrix_at(3000, D65_MATRIX, None), D65_MATRIX)


@pytest.mark.parametrize("kelvin", [2600, 3200, 4500, 5500, 6504, 7500])
@pytest.mark.parametrize("matrix_a", [A_MATRIX, None])
def test_the_neutral_leads_back_to_the_light(kelvin: float, matrix_a: np.ndarray | None) -> None:
    """What a camera makes of a white card tells the light, to a few parts in a hundred."""
    found = light_of(neutral_at(kelvin, D65_MATRIX, matrix_a), D65_MATRIX, matrix_a)
    assert found is not None
    np.testing.assert_allclose(found[0], white_at(kelvin), rtol=0.01)
    assert found[1] == pytest.approx(kelvin, rel=0.025)


@pytest.mark.parametrize("neutral", [(1, 1e-4, 1), (0, 0, 0), (np.nan, 1, 1), (np.inf, 1, 1)])
def test_what_is_no_light_is_none(neutral: tuple[float, float, float]) -> None:
    """Green is missing, all is, or it is no number: no exception, no light."""
    assert light_of(np.array(neutral), D65_MATRIX, A_MATRIX) is None
    assert light_of(np.ones(3), np.zeros((3, 3)), None) is None


def test_adaptation_turns_one_white_into_another() -> None:
    """Between two whites and back again; from a white to itself nothing changes."""
    lamp = white_at(A_KELVIN)
    np.testing.assert_allclose(adaptation(D65_WHITE, lamp) @ D65_WHITE, lamp, atol=1e-9)
    np.testing.assert_allclose(
        adaptation(lamp, D65_WHITE) @ adaptation(D65_WHITE, lamp), np.eye(3), atol=1e-9
    )
    np.testing.assert_allclose(adaptation(lamp, lamp), np.eye(3), atol=1e-12)
