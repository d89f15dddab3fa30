"""The colour of light: its place on the locus of black bodies and daylight, and what a camera makes of it.

Sources: CIE 15:2004 (daylight locus, illuminant A); Kim et al., US patent 7024034 (the Planckian locus as
cubics in 1/T); McCamy, Color Research and Application 17, 1992 (temperature from chromaticity); Lam, Bradford
University, 1985 (adaptation); the DNG specification 1.4, chapter 6 (two matrices, interpolated in 1/T).
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

A_KELVIN, D65_KELVIN = 2856.0, 6504.0
KELVIN_MIN, KELVIN_MAX = 2000.0, 12_000.0
"""Where the formulas hold, and about as far as lights go."""

DAYLIGHT_FROM_K, PLANCK_TO_K = 5000.0, 4000.0
"""Between them, lamps give way to daylight."""

D65_WHITE = np.array([0.9504559, 1.0, 1.0890578])
"""CIE XYZ of D65, as the sRGB matrix of `develop.py` has it."""

BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])

_ROUNDS_MAX = 30
_MIREDS_CLOSE = 0.01
# Fluorescent tubes are within a fifth of the locus; what is further off is a filter, or noise.
_OFF_LOCUS_MAX = 0.5

_PLANCK_X = {  # from that temperature on: the cubic in 1000 / T
    4000.0: (-3.0258469, 2.1070379, 0.2226347, 0.24039),
    0.0: (-0.2661239, -0.2343589, 0.8776956, 0.17991),
}
_PLANCK_Y = {
    4000.0: (3.0817580, -5.8733867, 3.75112997, -0.37001483),
    2222.0: (-0.9549476, -1.37418593, 2.09137015, -0.16748867),
    0.0: (-1.1063814, -1.34811020, 2.18555832, -0.20219683),
}
_DAYLIGHT_X = {
    7000.0: (-2.0064, 1.9018, 0.24748, 0.237040),
    0.0: (-4.6070, 2.9678, 0.09911, 0.244063),
}


def _cubic(table: Mapping[float, tuple[float, ...]], kelvin: float, argument: float) -> float:
    row = next(row for start, row in table.items() if kelvin >= start)
    return float(np.polyval(row, argument))


def white_at(kelvin: float) -> Matrix:
    """CIE XYZ, Y = 1, of the usual light of a temperature: a lamp below 4000 K, daylight above 5000 K."""
    kelvin = min(max(kelvin, KELVIN_MIN), KELVIN_MAX)
    inverse = 1000.0 / kelvin
    lamp_x = _cubic(_PLANCK_X, kelvin, inverse)
    lamp = np.array([lamp_x, _cubic(_PLANCK_Y, kelvin, lamp_x)])
    day_x = _cubic(_DAYLIGHT_X, kelvin, inverse)
    day = np.array([day_x, -3.0 * day_x * day_x + 2.87 * day_x - 0.275])
    share = min(max((kelvin - PLANCK_TO_K) / (DAYLIGHT_FROM_K - PLANCK_TO_K), 0.0), 1.0)
    x, y = (1 - share) * lamp + share * day
    return np.array([x / y, 1.0, (1 - x - y) / y])


def kelvin_of(white: Matrix) -> float:
    """The correlated colour temperature of CIE XYZ, within the limits of this module."""
    x, y = white[:2] / white.sum()
    slope = (x - 0.3320) / (0.1858 - y)
    kelvin = float(np.polyval((449.0, 3525.0, 6823.3, 5520.33), slope))
    return min(max(kelvin, KELVIN_MIN), KELVIN_MAX)


def matrix_at(kelvin: float, matrix_d65: Matrix, matrix_a: Matrix | None) -> Matrix:
    """XYZ to camera, 3 x 3, under light of that temperature; that of D65 where the other is unknown."""
    if matrix_a is None:
        return matrix_d65
    share = (1 / kelvin - 1 / D65_KELVIN) / (1 / A_KELVIN - 1 / D65_KELVIN)
    share = min(max(share, 0.0), 1.0)
    mixed: Matrix = share * matrix_a + (1 - share) * matrix_d65
    return mixed


def neutral_at(kelvin: float, matrix_d65: Matrix, matrix_a: Matrix | None) -> Matrix:
    """What the camera makes of a white card under light of that temperature, green = 1."""
    neutral = matrix_at(kelvin, matrix_d65, matrix_a) @ white_at(kelvin)
    return np.asarray(neutral / neutral[1], dtype=np.float64)


def light_of(neutral: Matrix, matrix_d65: Matrix, matrix_a: Matrix | None) -> tuple[Matrix, float] | None:
    """CIE XYZ (Y = 1) and temperature of the light under which a white card gives `neutral`.

    None when the colour is that of no light, or a matrix has no inverse.
    """
    kelvin = D65_KELVIN
    for _ in range(_ROUNDS_MAX):
        try:
            solved = np.linalg.solve(matrix_at(kelvin, matrix_d65, matrix_a), neutral)
        except np.linalg.LinAlgError:
            return None
        white: Matrix = np.asarray(solved, dtype=np.float64)
        if not (np.isfinite(white).all() and white.min() > 0):
            return None
        before, kelvin = kelvin, kelvin_of(white)
        if abs(1e6 / kelvin - 1e6 / before) < _MIREDS_CLOSE:
            break
    white = white / white[1]
    near = np.abs(white / white_at(kelvin) - 1).max() < _OFF_LOCUS_MAX
    return (white, kelvin) if near else None


def adaptation(from_white: Matrix, to_white: Matrix) -> Matrix:
    """The 3 x 3 matrix that turns XYZ seen under one white into what looks the same under another."""
    gains = (BRADFORD @ to_white) / (BRADFORD @ from_white)
    adapted: Matrix = np.linalg.inv(BRADFORD) @ np.diag(gains) @ BRADFORD
    return adapted
