"""Automatic exposure: the light of one picture decides time and gain of the next.

The mean of what is metered is brought to the grey of a photographer's card. As the samples are linear, one
picture tells how much more light is wanted, unless much of it is clipped: then less is known than that it is
too much, and exposure falls by a fixed step until something is seen.

Source: libcamera's split of an exposure into time and gain (AeExposureMode); ISO 2720 has the grey of 18 %.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from laserlink.host_driver.auto_controls import AeState, AutoControls, ExposureMode, Metering, Mode
from laserlink.host_driver.develop import CLIPPED, Picture, binned, black_levels_of
from laserlink.protocol.errors import MalformedPayload
from laserlink.protocol.messages.control import Value

GREY = 0.18
METERING_SIDE = 128
CLOSE_EV = 0.1
"""A tenth of a stop is not seen; the gain of a real amplifier comes in steps as large."""

STEP_MAX = 128.0
SETTLED_EV = 0.3
"""So far off a picture may be and still count as rightly exposed; the next one is corrected all the same."""

CLIPPED_PART_MAX = 0.25
CLIPPED_STEP = 1 / 12
"""The next exposure where a quarter or more of what is metered is clipped."""

LEVEL_MIN = 1e-5
GAIN_SEEN = 1.01
CENTRE_SIGMA = 0.3
SPOT_PART = 0.1

# The longest exposure before gain is raised instead; what gain cannot give, time gives after all.
HAND_HELD_US = {ExposureMode.NORMAL: 33_333, ExposureMode.SHORT: 4_000, ExposureMode.LONG: 250_000}


@dataclass(frozen=True)
class Light:
    """What is metered: the mean of green and the part that is clipped, both from 0 to 1."""

    level: float
    clipped: float


@dataclass(frozen=True)
class Limits:
    """What the module can: least and greatest."""

    exposure_us: tuple[float, float]
    gain: tuple[float, float]

    @classmethod
    def of(cls, *bounds: Value) -> "Limits":
        """Least and greatest time, then gain, as the module tells them. Raises MalformedPayload for no
        numbers."""
        numbers = [bound for bound in bounds if isinstance(bound, int | float) and bound > 0]
        if len(numbers) != len(bounds):
            raise MalformedPayload(f"ExposureTime and AnalogueGain of {bounds} are no limits")
        return cls((numbers[0], numbers[1]), (numbers[2], numbers[3]))


@dataclass(frozen=True)
class Exposure:
    """Time and gain."""

    exposure_us: int
    gain: float

    @property
    def total(self) -> float:
        """Microseconds at a gain of 1 that give as much."""
        return self.exposure_us * self.gain


def metered(picture: Picture, metering: int) -> Light:
    """The light of a picture, as `AeMeteringMode` weighs its parts."""
    black_levels = black_levels_of(picture)[:, np.newaxis, np.newaxis]
    planes = (binned(picture, METERING_SIDE) - black_levels) / (picture.metadata["WhiteLevel"] - black_levels)
    weights = _weights(planes.shape[1:], metering)
    green = (planes[1] + planes[2]) / 2
    clipped = planes.max(axis=0) > CLIPPED
    return Light(float((green * weights).sum()), float((clipped * weights).sum()))


def _weights(shape: tuple[int, ...], metering: int) -> NDArray[np.float64]:
    """Their sum is 1."""
    down, across = (np.abs((np.arange(size) + 0.5) / size - 0.5) for size in shape)
    if metering == Metering.SPOT:
        weights = np.outer(down <= max(SPOT_PART / 2, down.min()), across <= max(SPOT_PART / 2, across.min()))
    elif metering == Metering.CENTRE_WEIGHTED:
        weights = np.outer(*(np.exp(-0.5 * (part / CENTRE_SIGMA) ** 2) for part in (down, across)))
    else:
        weights = np.ones(shape)
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def next_exposure(
    light: Light, taken: Exposure, limits: Limits, controls: AutoControls
) -> tuple[Exposure, AeState]:
    """Time and gain for the next picture, after one that was `taken` with these and showed this light.

    Converged: the picture was right, or nothing that may be changed makes it better.
    """
    if not controls.exposes:
        return taken, AeState.IDLE
    target = min(GREY * 2.0**controls.ExposureValue, CLIPPED)
    ratio = min(target / max(light.level, LEVEL_MIN), STEP_MAX)
    if light.clipped > CLIPPED_PART_MAX:
        ratio = min(ratio, CLIPPED_STEP)
    elif abs(math.log2(ratio)) < CLOSE_EV:
        return taken, AeState.CONVERGED
    wanted = _split(taken.total * ratio, taken, limits, controls)
    changes_ev = math.log2(wanted.total / taken.total)
    right = light.clipped <= CLIPPED_PART_MAX and abs(math.log2(ratio)) < SETTLED_EV
    return wanted, AeState.CONVERGED if right or abs(changes_ev) < CLOSE_EV / 2 else AeState.SEARCHING


def _split(total: float, taken: Exposure, limits: Limits, controls: AutoControls) -> Exposure:
    """Time first, up to what can be held by hand; then gain; then time again. Manual parts stay."""
    (shortest, longest), (least, greatest) = limits.exposure_us, limits.gain
    if controls.AnalogueGainMode == Mode.MANUAL:
        return Exposure(round(_within(total / taken.gain, shortest, longest)), taken.gain)
    if controls.ExposureTimeMode == Mode.MANUAL:
        return Exposure(taken.exposure_us, _within(total / taken.exposure_us, least, greatest))
    held_us = _within(HAND_HELD_US[ExposureMode(controls.AeExposureMode)], shortest, longest)
    exposure_us = round(_within(total / least, shortest, held_us))
    gain = _within(total / exposure_us, least, greatest)
    # Whole microseconds leave a trace of gain, which only spoils the numbers.
    gain = least if gain < least * GAIN_SEEN else gain
    return Exposure(round(_within(total / gain, shortest, longest)), gain)


def _within(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def as_controls(wanted: Exposure, controls: AutoControls) -> dict[str, Value]:
    """What the module has to be told: the parts that are automatic."""
    values: dict[str, tuple[int, Value]] = {
        "ExposureTime": (controls.ExposureTimeMode, wanted.exposure_us),
        "AnalogueGain": (controls.AnalogueGainMode, wanted.gain),
    }
    return {name: value for name, (mode, value) in values.items() if mode == Mode.AUTO}
