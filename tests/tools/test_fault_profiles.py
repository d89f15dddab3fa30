"""Plans: the same from the same seed, different mixes from different ones, and cut down without a shift."""

from dataclasses import replace
from random import Random

import pytest

from laserlink.protocol.connection import Role
from laserlink.protocol.image_layout import ImageLayout
from laserlink.protocol.limits import FRAME_BYTES_MAX
from laserlink.protocol.states import LaneKind
from laserlink.tools.fault_profiles import (
    PHONE,
    PROFILES,
    WIRE_FAULTS,
    WISH_WEIGHTS,
    Link,
    WireFault,
    Wish,
    Wished,
    World,
    WorldFault,
    draw_plan,
    log_uniform,
)
from laserlink.tools.faults import Filter

SEEDS = range(200)


def kinds(faults: str) -> set[object]:
    """Every kind of fault that some seed of a profile draws."""
    items = [item for seed in SEEDS for item in draw_plan(seed, faults).items.values()]
    return {item.kind for item in items if not isinstance(item, Wished)}


@pytest.mark.parametrize("faults", list(PROFILES))
def test_a_profile_draws_all_of_its_kinds_and_no_other(faults: str) -> None:
    """Over some seeds each kind that a profile names strikes, and nothing else does."""
    assert kinds(faults) == set(PROFILES[faults].wire) | set(PROFILES[faults].world)


def test_all_is_all() -> None:
    """No kind of fault is out of reach; those of a fixed strength are in profiles of their own."""
    fixed = {kind for profile in PROFILES.values() if profile.sure for kind in profile.wire}
    assert set(PROFILES["all"].wire) | set(PROFILES["all"].world) | fixed == set(WIRE_FAULTS) | set(World)
    parts = [profile for name, profile in PROFILES.items() if name != "all" and not profile.sure]
    assert {kind for part in parts for kind in part.world} == set(PROFILES["all"].world)
    assert {kind for part in parts for kind in part.wire} == set(PROFILES["all"].wire)


def test_figures_have_their_script_their_link_and_time_for_it() -> None:
    """Each seed of such a profile runs the same wishes under faults of the same strength."""
    plans = [draw_plan(seed, "two-percent") for seed in range(3)]
    wished = [[item for item in plan.items.values() if isinstance(item, Wished)] for plan in plans]
    assert wished[0] == wished[1] == wished[2] == list(PROFILES["two-percent"].script)
    assert {(plan.link, plan.window_ns) for plan in plans} == {(PHONE, PROFILES["two-percent"].window_ns)}
    (width, height, bits) = {(item.width, item.height, item.bits) for item in wished[0]}.pop()
    assert ImageLayout(width, height, bits, FRAME_BYTES_MAX).chunks == 64
    faults = [item for item in plans[0].items.values() if isinstance(item, WireFault)]
    assert len(faults) == 2 * 3 and len({item.seed for plan in plans for item in plan.of(WireFault)}) == 18


def test_seeds_draw_their_own_mix() -> None:
    """Swarm testing: most seeds leave most kinds out, and no two plans are alike."""
    mixes = [
        frozenset(str(item.kind) for item in plan.items.values() if not isinstance(item, Wished))
        for plan in (draw_plan(seed, "all") for seed in SEEDS)
    ]
    assert len(set(mixes)) > 150
    assert sum(map(len, mixes)) / len(mixes) < len(PROFILES["all"].wire + PROFILES["all"].world) / 2
    assert draw_plan(5, "all") == draw_plan(5, "all") != draw_plan(6, "all") != draw_plan(6, "loss")


def test_every_wish_and_every_link_comes() -> None:
    """What users do, and the lines that they have."""
    plans = [draw_plan(seed, "none") for seed in SEEDS]
    wished = {item.kind for plan in plans for item in plan.items.values() if isinstance(item, Wished)}
    assert wished == set(Wish) == set(WISH_WEIGHTS)
    assert len({plan.link for plan in plans}) == 6 and {plan.self_powered for plan in plans} == {False, True}
    assert any(plan.first_sequence > 0xFFFF_FF00 for plan in plans)


def test_light_faults_strike_light_only() -> None:
    """A misaligned beam is no fault of a wire."""
    items = [item for seed in SEEDS for item in draw_plan(seed, "noise").items.values()]
    beams = [item for item in items if isinstance(item, WireFault) and item.kind == "misalignment"]
    assert beams and all((item.lane, item.to) == (LaneKind.OPTICAL, Role.HOST) for item in beams)


def test_items_keep_their_numbers_when_others_are_left_out() -> None:
    """So that a test which names them means the same ones."""
    plan = draw_plan(0, "all")
    part = plan.only({4, 1})
    assert dict(part.items) == {1: plan.items[1], 4: plan.items[4]}
    assert replace(part, items=plan.items) == plan
    assert part.only([4]).items == {4: plan.items[4]}


def test_faults_of_wires_are_filters_and_tell_their_settings() -> None:
    """Each is built from its own seed, the same every time."""
    for kind in WIRE_FAULTS:
        fault = WireFault(kind, Role.HOST, LaneKind.SIDEBAND, 9)
        assert isinstance(fault.build(), Filter) and str(fault.build()) == str(fault.build())
        assert str(fault).startswith(f"{kind} on the sideband to the host, ")


def test_items_read_like_sentences() -> None:
    """What a failure prints."""
    assert str(WorldFault(1_500_000, World.PULL, 20)) == "at 1.500 ms: pulled off for ms (20)"
    assert str(Wished(Wish.PAIR, 8, 4, 10, 2)) == "the user wishes pair: 2 of 8 x 4 RAW10"
    assert str(Wished(Wish.SET, 8, 4, 10, 2)) == "the user wishes set"


def test_amounts_lie_within_their_bounds() -> None:
    """Each order of magnitude as often as the next, and never outside."""
    random = Random(1)
    drawn = [log_uniform(random, 1, 10_000) for _ in range(4000)]
    assert all(1 <= value <= 10_001 for value in drawn)
    assert [900 < sum(10**n <= value < 10 ** (n + 1) for value in drawn) < 1100 for n in range(4)] == [
        True
    ] * 4
    for kind in World:
        _, low, high = kind.value
        assert all(low <= kind.draw(random) <= high for _ in range(50))


def test_a_link_of_one_lane_carries_all_of_it() -> None:
    """A serial port has one lane with its latency; a phone has the contact and the laser."""
    (lane,) = Link("uart-1m", 1_000_000, 16_000).lanes()
    assert (lane.rate_bps, lane.latency_us) == (1_000_000, 16_000)
    assert [lane.kind for lane in PHONE.lanes()] == [LaneKind.SIDEBAND, LaneKind.OPTICAL]
