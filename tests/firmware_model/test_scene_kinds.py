import pickle

import numpy as np
import pytest

from laserlink.firmware_model.scene_kinds import SceneError, Stage, aligned_to_red, wire_bits
from laserlink.firmware_model.uniform import Uniform


@pytest.mark.parametrize("cfa", ["RGGB", "GRBG", "GBRG", "BGGR"])
@pytest.mark.parametrize(("height", "width"), [(6, 8), (7, 9), (8, 11), (9, 13)])
def test_every_order_is_aligned_to_red(cfa: str, height: int, width: int) -> None:
    """The result starts at a red site, is legal in size, and holds the file's pixels unchanged."""
    rows, columns = np.indices((height, width))
    sites = np.array(list(cfa))[(rows % 2) * 2 + columns % 2]
    places = (rows * 100 + columns).astype(np.uint16)
    result = aligned_to_red(places, cfa)
    first_row, first_column = divmod(int(result[0, 0]), 100)
    assert sites[first_row, first_column] == "R"
    assert max(first_row, first_column) <= 1
    assert result.shape == ((height - first_row) // 2 * 2, (width - first_column) // 4 * 4)
    inside = places[first_row : first_row + result.shape[0], first_column : first_column + result.shape[1]]
    assert np.array_equal(result, inside)
    assert result.flags.c_contiguous
    assert not np.shares_memory(result, places)


def test_bits_go_up_to_a_format_of_the_wire() -> None:
    """Odd depths are carried by the next RAW format."""
    assert [wire_bits(bits) for bits in range(8, 17)] == [8, 10, 10, 12, 12, 14, 14, 16, 16]


def test_a_stage_shows_its_scene() -> None:
    """A still stage draws its scene, and stays itself at all times."""
    stage = Stage(Uniform(0.5), distance_dioptres=2.0, lux=100.0)
    assert stage.band(8, 6, 0, 2).mean() == 0.5
    assert stage.at(1, 2, 3) is stage


def test_a_stage_with_a_film_shows_the_time() -> None:
    """The film gets start, delay and exposure; place and light stay."""
    stage = Stage(
        Uniform(0.0), 2.0, 100.0, film=lambda start, delay, exposure: Uniform(start + delay + exposure)
    )
    seen = stage.at(1, 20, 300)
    assert seen.band(8, 6, 0, 2).mean() == 321
    assert (seen.distance_dioptres, seen.lux, seen.lens) == (2.0, 100.0, True)


def test_the_error_has_a_cause_and_a_hint() -> None:
    """Both parts are there for the command line, and survive pickling."""
    error = pickle.loads(pickle.dumps(SceneError("no file", "Check the name.")))
    assert (str(error), error.cause, error.hint) == ("no file", "no file", "Check the name.")
