"""Pulled off at any byte and any tick of a session, and snapped on again: nothing hangs, nothing is stale.

`make test` tries 5,000 points, spread over the session; LASERLINK_NIGHTLY=1 (`make nightly`) all of them.
"""

import gc
import os
import random
from collections.abc import Iterator

import pytest
from exhaustive.detaching import IMAGES, SETTINGS, Point, Pulled, points, pull, quick_codec

from laserlink.host_driver.actions import Lost
from laserlink.protocol.states import LossCause

NIGHTLY = os.environ.get("LASERLINK_NIGHTLY") == "1"
SPREAD_POINTS = 5_000
POINTS_MIN = 100_000
PARTS = 64 if NIGHTLY else 4
FAILURES_SHOWN = 5


@pytest.fixture(scope="module")
def everywhere() -> list[Point]:
    """Every point of the session, found by running it once."""
    return list(points(Pulled()))


@pytest.fixture(autouse=True)
def quick() -> Iterator[None]:
    """Copies make much garbage, and messages are the same at most points."""
    threshold = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    with quick_codec():
        yield
    gc.set_threshold(*threshold)
    gc.unfreeze()


def spread(everywhere: list[Point]) -> set[int]:
    """All ticks, half of the rest on the sideband, where each byte is another one; the same every time."""
    chance = random.Random(5)
    ticks = [point.number for point in everywhere if "tick" in point.where]
    sideband = [point.number for point in everywhere if "sideband" in point.where]
    optical = [point.number for point in everywhere if "optical" in point.where]
    half = (SPREAD_POINTS - len(ticks)) // 2
    rest = SPREAD_POINTS - len(ticks) - half
    return {*ticks, *chance.sample(sideband, half), *chance.sample(optical, rest)}


@pytest.mark.parametrize("part", range(PARTS))
def test_pulled_off_and_snapped_on_again(part: int, everywhere: list[Point]) -> None:
    """Dark in the same step, no power 15 ms later, one typed loss; then a new session without a trace."""
    chosen = sorted({point.number for point in everywhere} if NIGHTLY else spread(everywhere))
    mine = set(chosen[part * len(chosen) // PARTS : (part + 1) * len(chosen) // PARTS])
    base, tried, failures = Pulled(), 0, []
    for point in points(base):
        if point.number not in mine:
            continue
        tried += 1
        try:
            pull(base, point)
        except Exception as error:  # one point must not hide the others
            failures.append(f"{point}: {type(error).__name__}: {error}")
    assert not failures, f"{len(failures)} of {tried}:\n" + "\n".join(failures[:FAILURES_SHOWN])
    assert tried == len(mine)


def test_the_session_is_the_one_to_be_pulled_apart(everywhere: list[Point]) -> None:
    """Three images of at least 64 frames and 20 settings, whole; over 100,000 points, in all directions."""
    base = Pulled()
    assert [point.number for point in points(base)] == [point.number for point in everywhere]
    assert [done.gaps for done in base.told_of.images] == [()] * IMAGES
    assert all(done.layout.frames >= 64 and base.exact(done) for done in base.told_of.images)
    assert base.module.controls.set_id == 0 and base.told_of.unanswered == 0
    assert base.told_of.exposure_us == 1000 + 37 * (SETTINGS - 1)
    assert [loss.cause for loss in base.told_of.losses] == [LossCause.DETACH]
    assert isinstance(base.told_of.losses[0], Lost)
    assert len(everywhere) >= POINTS_MIN
    for where in ("to the module, sideband", "to the host, sideband", "to the host, optical"):
        ways = {(point.started, point.other) for point in everywhere if point.where.endswith(where)}
        assert ways == {(False, False), (False, True), (True, False), (True, True)}


def test_every_byte_has_its_points(everywhere: list[Point]) -> None:
    """As many points on a wire as twice the bytes that it carried: each byte cut before it, and behind it."""
    base = Pulled()
    assert list(points(base))
    for name, wires in (("to the module", base.stepper.to_module), ("to the host", base.stepper.to_host)):
        for lane, wire in wires.items():
            where = f"{name}, {lane.name.lower()}"
            assert wire.carried_bytes * 2 == sum(point.where.endswith(where) for point in everywhere), where
