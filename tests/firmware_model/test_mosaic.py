import numpy as np
import pytest
from numpy.typing import NDArray

from laserlink.firmware_model.mosaic import BORDER, binned_mosaic, mosaic

RESPONSE = np.array([[0.7, 0.2, 0.1], [0.2, 0.7, 0.1], [0.05, 0.15, 0.8]], np.float32)


def light(rows: int, columns: int) -> NDArray[np.float32]:
    """Seeded light of many colours."""
    return np.random.default_rng(5).random((rows, columns, 3)).astype(np.float32)


def test_each_site_sees_its_colour() -> None:
    """Every photosite is its row of the response times the light at its own place."""
    scene = light(6, 8)
    electrons = mosaic(scene, RESPONSE)
    for row in range(6):
        for column in range(8):
            channel = (0, 1, 1, 2)[(row % 2) * 2 + column % 2]
            assert electrons[row, column] == pytest.approx(
                float(RESPONSE[channel] @ scene[row, column]), rel=1e-5
            )


def test_there_are_no_negative_electrons() -> None:
    """A colour outside of the camera's range gives none rather than less than none."""
    scene = np.zeros((4, 4, 3), np.float32)
    scene[:, :, 1] = 1
    response = np.array([[1, -0.5, 0], [0, 1, 0], [0, -0.5, 1]], np.float32)
    assert mosaic(scene, response).min() == 0
    padded = np.pad(scene, ((BORDER, BORDER), (0, 0), (0, 0)), mode="edge")
    assert binned_mosaic(padded, response, 2).min() == 0


def photosites(binning: int, cells: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Smooth light at every photosite, and the same as one sample for n x n of them."""
    side = 2 * binning * cells
    place = (np.arange(side) + 0.5) / side
    waves = [np.outer(np.sin(3 * place + hue) + 2, np.cos(5 * place - hue) + 2) for hue in (0.0, 0.4, 0.9)]
    fine = np.stack(waves, axis=2).astype(np.float32)
    samples = fine.reshape(2 * cells, binning, 2 * cells, binning, 3).mean(axis=(1, 3))
    return fine, samples


@pytest.mark.parametrize("binning", [2, 4, 8])
def test_a_binned_pixel_is_the_mean_of_its_own_photosites(binning: int) -> None:
    """It agrees with reading every photosite and averaging those of a colour in each cell."""
    cells = 12
    fine, samples = photosites(binning, cells)
    full = mosaic(fine, RESPONSE)
    expected = np.empty((2 * cells, 2 * cells))
    for down in range(2):
        for right in range(2):
            sites = full[down::2, right::2].reshape(cells, binning, cells, binning)
            expected[down::2, right::2] = sites.mean(axis=(1, 3))
    padded = np.pad(samples, ((BORDER, BORDER), (0, 0), (0, 0)), mode="edge")
    binned = binned_mosaic(padded, RESPONSE, binning)
    inside = slice(2, -2)
    assert np.abs(binned / expected - 1)[inside, inside].max() < 0.006
    # A pixel that was drawn at its own place would be far off.
    at_its_place = mosaic(samples, RESPONSE)
    assert np.abs(at_its_place / expected - 1)[inside, inside].max() > 0.04


def test_binned_bands_join() -> None:
    """A band in the middle, with its border, is the same as in the whole."""
    scene = light(40, 16)
    whole = binned_mosaic(np.pad(scene, ((BORDER, BORDER), (0, 0), (0, 0)), mode="edge"), RESPONSE, 4)
    part = binned_mosaic(scene[10 - BORDER : 20 + BORDER], RESPONSE, 4)
    assert np.array_equal(part, whole[10:20])
