"""host_driver/auto_exposure.py: from any light to the right exposure within a few pictures."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from laserlink.host_driver.auto_controls import AeState, AutoControls, Metering, Mode
from laserlink.host_driver.auto_exposure import (
    CLOSE_EV,
    GREY,
    Exposure,
    Light,
    Limits,
    as_controls,
    metered,
    next_exposure,
)
from laserlink.host_driver.shot import Shot
from laserlink.protocol.errors import MalformedPayload

AUTO = AutoControls(ExposureTimeMode=Mode.AUTO, AnalogueGainMode=Mode.AUTO)
LIMITS = Limits((20, 1_000_000), (1.0, 16.0))
START = Exposure(10_000, 1.0)
METADATA: dict[str, Any] = {
    "BitsPerPixel": 12, "WhiteLevel": 4095, "SensorBlackLevels": (95,) * 4, "CfaPattern": "RGGB",
}  # fmt: skip


def picture(light: Any) -> Shot:
    """A grey scene of that light, 1 = saturation."""
    raw = np.clip(np.rint(95 + 4000 * np.asarray(light)), 0, 4095).astype(np.uint16)
    return Shot(raw, METADATA)


def settled(scene: Any, start: Exposure, controls: AutoControls) -> list[tuple[Exposure, AeState]]:
    """What follows a scene whose light at START is given: each exposure and what was said of it."""
    taken, history = start, []
    for _ in range(12):
        shot = picture(np.asarray(scene) * taken.total / START.total)
        wanted, state = next_exposure(metered(shot, controls.AeMeteringMode), taken, LIMITS, controls)
        history.append((taken, state))
        if state is AeState.CONVERGED:
            break
        taken = wanted
    return history


@pytest.mark.parametrize("factor", [0.01, 0.03, 0.1, 0.5, 1.0, 2.0, 10.0, 30.0, 100.0])
@pytest.mark.parametrize("scene", ["flat", "ramp", "spots"])
def test_converges_within_a_few_pictures(factor: float, scene: str) -> None:
    """From a hundredth to a hundredfold of the light, in at most six pictures, to within a third of a
    stop."""
    chance = np.random.default_rng(1)
    scenes = {
        "flat": np.full((96, 128), 0.18),
        "ramp": np.linspace(0.01, 0.5, 128) * np.ones((96, 1)),
        "spots": chance.gamma(0.5, 0.3, (96, 128)),
    }
    light = scenes[scene] * factor
    history = settled(light, START, AUTO)
    assert history[-1][1] is AeState.CONVERGED and len(history) <= 6
    level = metered(picture(light * history[-1][0].total / START.total), Metering.CENTRE_WEIGHTED).level
    assert abs(math.log2(level / GREY)) < 0.35


@pytest.mark.parametrize("ev", [-2.0, -1.0, 1.0])
def test_exposure_value_is_in_stops(ev: float) -> None:
    """ExposureValue moves what is aimed at by that many stops."""
    history = settled(np.full((96, 128), 0.5), START, replace(AUTO, ExposureValue=ev))
    level = 0.5 * history[-1][0].total / START.total
    assert math.log2(level / GREY) == pytest.approx(ev, abs=0.31)


def test_manual_parts_stay() -> None:
    """With time by hand only gain moves, with gain by hand only time; with both nothing is automatic."""
    dark = Light(0.01, 0.0)
    wanted, _ = next_exposure(dark, START, LIMITS, replace(AUTO, ExposureTimeMode=Mode.MANUAL))
    assert wanted == Exposure(10_000, 16.0)
    wanted, _ = next_exposure(dark, START, LIMITS, replace(AUTO, AnalogueGainMode=Mode.MANUAL))
    assert wanted == Exposure(180_000, 1.0)
    assert next_exposure(dark, START, LIMITS, AutoControls()) == (START, AeState.IDLE)
    assert as_controls(wanted, AutoControls()) == {}
    assert as_controls(wanted, replace(AUTO, AnalogueGainMode=Mode.MANUAL)) == {"ExposureTime": 180_000}
    assert as_controls(wanted, AUTO) == {"ExposureTime": 180_000, "AnalogueGain": 1.0}


@pytest.mark.parametrize(("mode", "held"), [(0, 33_333), (1, 4_000), (2, 250_000)])
def test_time_goes_before_gain_up_to_the_hand(mode: int, held: int) -> None:
    """AeExposureMode says how long gain waits; what gain cannot give, time gives after all."""
    controls = replace(AUTO, AeExposureMode=mode)
    some, _ = next_exposure(Light(GREY * 10_000 / (held * 4), 0.0), START, LIMITS, controls)
    assert some.exposure_us == held and some.gain == pytest.approx(4.0, rel=1e-3)
    much, _ = next_exposure(Light(GREY / 100, 0.0), START, LIMITS, controls)
    assert much.total == pytest.approx(1_000_000, rel=0.01)
    assert much.exposure_us == pytest.approx(max(held, 1_000_000 / 16), rel=0.01)


def test_at_its_limits_it_has_converged() -> None:
    """In darkness and in glare nothing more can be done, and nobody waits for it."""
    dark, state = next_exposure(Light(0.0, 0.0), Exposure(1_000_000, 16.0), LIMITS, AUTO)
    assert (dark, state) == (Exposure(1_000_000, 16.0), AeState.CONVERGED)
    glare, state = next_exposure(Light(1.0, 1.0), Exposure(20, 1.0), LIMITS, AUTO)
    assert (glare, state) == (Exposure(20, 1.0), AeState.CONVERGED)


def test_no_flutter() -> None:
    """What is within a tenth of a stop is left alone."""
    for sign in (-1, 1):
        light = Light(GREY * 2 ** (sign * CLOSE_EV * 0.9), 0.0)
        assert next_exposure(light, START, LIMITS, AUTO) == (START, AeState.CONVERGED)


def test_metering_modes_look_where_they_say() -> None:
    """Spot sees the middle only, centre weighs it, matrix takes all alike; clipped parts are counted so."""
    scene = np.full((200, 200), 0.1)
    scene[90:110, 90:110] = 0.9
    spot, centre, matrix = (
        metered(picture(scene), mode).level
        for mode in (Metering.SPOT, Metering.CENTRE_WEIGHTED, Metering.MATRIX)
    )
    assert spot == pytest.approx(0.9, abs=0.12)
    assert matrix == pytest.approx(0.108, abs=0.003)
    assert matrix < centre < spot
    scene[:, :50] = 2.0
    assert metered(picture(scene), Metering.MATRIX).clipped == pytest.approx(0.25, abs=0.02)


def test_limits_are_numbers() -> None:
    """A module that tells anything else is the one that is wrong."""
    assert Limits.of(20, 1000, 1.0, 16.0) == Limits((20, 1000), (1.0, 16.0))
    for wrong in ((0, 1, 1.0, 1.0), (20, (0, 0, 0, 0), 1.0, 2.0), (20, 1000, -1.0, 2.0)):
        with pytest.raises(MalformedPayload):
            Limits.of(*wrong)
