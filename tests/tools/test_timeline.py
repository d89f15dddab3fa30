"""laserlink.tools.timeline: the modelled way to the first image, and how phases are told from states."""

from laserlink.firmware_model.profile import load_profile
from laserlink.host_driver.actions import StateChanged
from laserlink.protocol.states import HostState
from laserlink.protocol.timers import NS_PER_MS
from laserlink.tools.timeline import PHASES, milliseconds, modelled_first_image, timeline_of
from laserlink.tools.virtual import lane_offers

FIRST_IMAGE_MS_MAX = 500


def test_phases_are_the_time_in_each_state() -> None:
    """From one state to the next, repeated states added up, until the image; what comes later does not
    count.
    """
    changes = [
        StateChanged(HostState.SEATING, 10),
        StateChanged(HostState.POWERED, 110),
        StateChanged(HostState.TRAINING, 150),
        StateChanged(HostState.RECOVERING, 160),
        StateChanged(HostState.TRAINING, 170),
        StateChanged(HostState.READY, 175),
        StateChanged(HostState.STREAMING, 500),
    ]
    timeline = timeline_of(changes, 200)
    assert timeline.total_ns == 190
    expected = {"seating": 100, "boot": 40, "training": 15, "controls": 25, "exposure and image": 0}
    assert {name: timeline.phases[name] for name in expected} == expected


def test_nothing_happened_takes_no_time() -> None:
    """Without a state there is nothing to tell."""
    assert timeline_of([], 200).total_ns == 0


def test_first_image_is_modelled_within_half_a_second() -> None:
    """The default module, modelled to the last verified pixel: under 500 ms, no phase under its floor,
    and the sum fits.
    """
    profile = load_profile("mos-100mp")
    offers = lane_offers(profile, ring=True, line_rate_bps=None)
    timeline = modelled_first_image(profile, offers, profile.modes[0].id, profile.modes[0].default_bits)
    floors_ms = {"seating": 100, "boot": 30, "training": 10, "exposure and image": 10}
    for name, floor in floors_ms.items():
        assert timeline.phases[name] >= floor * NS_PER_MS, name
    assert sum(timeline.phases.values()) == timeline.total_ns
    assert timeline.total_ns < FIRST_IMAGE_MS_MAX * NS_PER_MS
    assert set(timeline.phases) == set(PHASES.values())


def test_milliseconds_are_rounded_to_microseconds() -> None:
    """What goes into JSON is readable."""
    assert milliseconds(1_234_567) == 1.235
