"""The lens's motors: even speed, ends, settling, stops."""

import pytest

from laserlink.firmware_model.lens import LensDrive, field_dioptres
from laserlink.firmware_model.optics import disc_mm
from laserlink.firmware_model.profile import load_profile
from laserlink.protocol.timers import NS_PER_MS

LENS = load_profile("mos-100mp").lens  # 40 dioptres/s, 5 ms to settle, 8 ms a stop
MS = NS_PER_MS


def test_the_focus_moves_at_its_speed_and_settles() -> None:
    """Two dioptres take 50 ms, and 5 to settle; on the way it is where its speed brings it."""
    drive = LensDrive(LENS)
    assert drive.focus(2.0, 10 * MS) == 65 * MS == drive.settled_ns
    assert [drive.position(at * MS) for at in (0, 10, 35, 60, 100)] == pytest.approx([0, 0, 1.0, 2.0, 2.0])
    assert drive.is_moving(59 * MS) and not drive.is_moving(60 * MS)
    assert drive.next_rest(20 * MS) == 60 * MS and drive.next_rest(60 * MS) is None


def test_another_target_is_taken_up_on_the_way() -> None:
    """From where it is, not from where it was going."""
    drive = LensDrive(LENS)
    drive.focus(2.0, 0)
    drive.focus(0.0, 25 * MS)
    assert drive.position(25 * MS) == pytest.approx(1.0) and drive.position(50 * MS) == pytest.approx(0.0)
    drive.focus(3.0, 60 * MS)
    drive.halt(85 * MS)
    assert drive.position(85 * MS) == drive.position(500 * MS) == drive.target == pytest.approx(1.0)


@pytest.mark.parametrize(("asked", "got"), [(-1.0, 0.0), (9.0, 3.33), (3.33, 3.33)])
def test_the_focus_stops_at_its_ends(asked: float, got: float) -> None:
    """Whatever it is asked for."""
    drive = LensDrive(LENS)
    drive.focus(asked, 0)
    assert drive.position(1000 * MS) == got


def test_a_lens_that_is_there_already_is_settled() -> None:
    """Nothing moves, nothing rings."""
    assert LensDrive(LENS).focus(0.0, 7 * MS) == 7 * MS


@pytest.mark.parametrize(
    ("asked", "stop"), [(1.4, 1.4), (1.6, 1.4), (1.7, 2.0), (3.5, 4.0), (9.0, 8.0), (99.0, 11.0), (0.5, 1.4)]
)
def test_the_iris_has_stops(asked: float, stop: float) -> None:
    """The nearest one by its factor."""
    drive = LensDrive(LENS)
    drive.open_to(asked, 0)
    assert drive.f_number(100 * MS) == stop == drive.stop_nearest(asked)


def test_the_iris_goes_from_stop_to_stop() -> None:
    """8 ms each; between two it has the f-number of the nearer one."""
    drive = LensDrive(LENS)
    drive.open_to(4.0, 0)
    assert [drive.f_number(at * MS) for at in (0, 3, 5, 8, 16, 23, 24)] == [1.4, 1.4, 2.0, 2.0, 2.8, 4.0, 4.0]
    assert drive.is_moving(23 * MS) and not drive.is_moving(24 * MS)


@pytest.mark.parametrize("distance", [0.0, 1.0, 3.0])
def test_at_the_end_of_the_depth_of_field_the_disc_is_one_circle(distance: float) -> None:
    """A fifteen-hundredth of the diagonal, near and far, within what a near focus magnifies."""
    half = field_dioptres(LENS, 2.8, 21.64)
    assert disc_mm(LENS, distance + half, 2.8, distance) == pytest.approx(21.64 / 1500, rel=0.07)
