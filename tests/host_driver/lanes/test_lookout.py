"""laserlink.host_driver.lanes.lookout: awake when the next image is due, and only then."""

import random

import pytest

from laserlink.host_driver.lanes.lookout import (
    ALIKE,
    LATE_NS,
    SHARE,
    SILENCE_NS,
    WOKEN_LATE_NS,
    Lookout,
)

MS = 1_000_000
FAR = 1 << 60
FRAME_NS = 16 * MS


def image(lookout: Lookout, now: int, lasts_ns: int = 3 * MS) -> None:
    """An image that begins now, in pieces with short rests between them."""
    for at in range(now, now + lasts_ns, SILENCE_NS // 2):
        lookout.came(at)
        lookout.rest(at + 1000, FAR)


def after(beginnings: list[int]) -> Lookout:
    """What is known after these images."""
    lookout = Lookout()
    lookout.rest(beginnings[0] - MS, FAR)
    for now in beginnings:
        image(lookout, now)
    return lookout


def regular(count: int, interval: int = FRAME_NS) -> list[int]:
    return [1000 * MS + index * interval for index in range(count)]


def test_awake_around_the_time_that_an_image_is_due() -> None:
    """After three images at one pace, sleep ends a little before the fourth, and looking a little after."""
    lookout, due = after(regular(3)), regular(4)[3] - WOKEN_LATE_NS
    assert lookout.rest(due - 5 * MS, FAR) == due - LATE_NS
    assert lookout.awake_until(due - LATE_NS - 1) is None
    assert lookout.awake_until(due - LATE_NS) == lookout.awake_until(due) == due + LATE_NS
    assert lookout.awake_until(due + LATE_NS) is None
    assert lookout.rest(due - LATE_NS, FAR) == lookout.rest(due + LATE_NS, FAR) == FAR


def test_who_looked_was_not_late() -> None:
    """What a sleeper saw began a little before; what one saw who looked began then."""
    lookout, due = after(regular(3)), regular(4)[3]
    assert lookout.awake_until(due) is not None
    image(lookout, due)
    due += FRAME_NS
    slept = after(regular(4))
    slept_until = slept.rest(due - 5 * MS, FAR)
    assert slept_until == due - WOKEN_LATE_NS - LATE_NS
    assert slept_until < lookout.rest(due - 5 * MS, FAR) < due


def test_end_of_a_rest_is_never_later_than_asked() -> None:
    """What the machine waits for comes first."""
    lookout, due = after(regular(3)), regular(4)[3]
    assert lookout.rest(due - 5 * MS, due - 4 * MS) == due - 4 * MS


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_images_are_no_pace(count: int) -> None:
    """Before two intervals were alike, there is nothing to be awake for."""
    lookout = after(regular(count)) if count else Lookout()
    for now in range(900 * MS, 1100 * MS, LATE_NS // 2):
        assert lookout.awake_until(now) is None and lookout.rest(now, FAR) == FAR


def test_stream_that_pauses_is_looked_for_once() -> None:
    """An image that does not come costs one look, however long it does not."""
    lookout, due = after(regular(10)), regular(11)[10] - WOKEN_LATE_NS
    awake = [now for now in range(due - FRAME_NS, due + 100 * FRAME_NS, MS // 20) if lookout.awake_until(now)]
    assert awake and due - LATE_NS <= awake[0] and awake[-1] <= due + LATE_NS


def test_one_late_image_is_forgiven_two_are_not() -> None:
    """The pace is kept over one odd interval, and learned anew after two."""
    late = [*regular(5), regular(6)[5] + 5 * MS]
    assert after(late).awake_until(late[-1] + FRAME_NS) is not None
    later = [*late, late[-1] + FRAME_NS * 2]
    assert after(later).awake_until(later[-1] + FRAME_NS) is None
    again = [*later, later[-1] + 3 * FRAME_NS, later[-1] + 6 * FRAME_NS]
    assert after(again).awake_until(again[-1] + 3 * FRAME_NS) is not None


def test_images_that_vary_are_looked_for_longer() -> None:
    """What is usual for a stream widens the time of looking."""
    wandering = [at + (-1) ** index * MS // 8 for index, at in enumerate(regular(40))]
    lookout, due = after(wandering), wandering[-1] + FRAME_NS
    assert lookout.awake_until(due - LATE_NS - MS // 8) is not None
    assert after(regular(40)).awake_until(regular(41)[40] - LATE_NS - MS // 8) is None


def test_never_awake_for_more_than_a_share_of_the_time() -> None:
    """Whatever comes, the time of looking is at most a quarter; images that are too quick are slept for."""
    chance = random.Random(3)
    for interval in (MS, 2 * MS, 3 * MS, FRAME_NS):
        lookout, now, awake = Lookout(), 1000 * MS, 0
        for _ in range(200):
            lookout.rest(now - SILENCE_NS, FAR)
            lookout.came(now)
            lookout.rest(now + 1000, FAR)
            end = now + interval + chance.randrange(-interval // ALIKE, interval // ALIKE)
            awake += sum(lookout.awake_until(at) is not None for at in range(now, end, 10_000))
            now = end
        share = awake * 10_000 / (now - 1000 * MS)
        assert share <= 1.05 / SHARE
        assert (share > 0) == (interval > 2 * SHARE * LATE_NS)
