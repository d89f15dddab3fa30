"""Contrast autofocus: move the lens, look through it, and go where it was sharpest. Sans-I/O.

A scan looks from the nearer end of the lens's way to the other, in even steps, and stops when what it sees
gets clearly worse; then closely around the place where the peak must be; then there, until it stays put.
Each look takes the motor's way, its settling, and one image of the AF mode, of which a window is read. The
window is exposed elsewhere, and `take` brings its contrast, which counts when the image would have been read.
So little contrast that chance may have made it is a failure, and so is a peak behind the end of the lens's
way: then the lens goes back to where it came from.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from laserlink.firmware_model.contrast import Contrast, contrast_of, peak_of
from laserlink.firmware_model.controls import AfState
from laserlink.firmware_model.job import ExposureWanted, PackedImage
from laserlink.firmware_model.lens import CIRCLES_PER_DIAGONAL, LensDrive, field_dioptres
from laserlink.firmware_model.profile import Mode, Profile
from laserlink.protocol import _accel
from laserlink.protocol.timers import NS_PER_MS, NS_PER_US

COARSE_LOOKS = 8
# Around the peak, in depths of field.
CLOSE_LOOKS = (-1.5, -0.5, 0.5, 1.5)
LAST_LOOKS_MAX = 2
# A scan goes on closely around a peak that moves by more than this part of a depth of field.
STEADY_PART = 0.3
# A sweep is over when the score has fallen by so much from its peak, twice in a row.
PAST_PEAK_SCORE = 3.0
# A score that varies by less than so many standard deviations of chance is no peak.
CHANCE_DEVIATIONS = 3.5
# Continuous: look again so often, and scan again when the score left by so much, twice in a row.
WATCH_NS = 250 * NS_PER_MS
CHANGED_SCORE = 1.0
# The number of looks of a scan can never pass this.
LOOKS_MAX = COARSE_LOOKS + len(CLOSE_LOOKS) + LAST_LOOKS_MAX


class Stage(Enum):
    """What the autofocus waits for."""

    RESTING = auto()
    MOVING = auto()
    LOOKING = auto()
    ARRIVING = auto()
    WATCHING = auto()


# Asked after every message: an attribute of an enumeration is a call.
_RESTING = Stage.RESTING


@dataclass(frozen=True)
class FocusWanted:
    """Event: a window is to be looked at now. The shell answers with `FocusMeasured`, see `measured`.

    The `exposure` is one of no stream: its channel is 0, its id the number of the look. `black` is in its DN.
    """

    exposure: ExposureWanted
    black: int

    @property
    def number(self) -> int:
        return self.exposure.image_id


@dataclass(frozen=True)
class FocusMeasured:
    """Input: the contrast of a window that was wanted."""

    number: int
    contrast: Contrast


def measured(wanted: FocusWanted, image: PackedImage) -> FocusMeasured:
    """The answer to `wanted`, from the pixels of its exposure."""
    layout = wanted.exposure.layout
    pixels = _accel.unpack(image.data, layout.bits).reshape(layout.height, layout.width)
    return FocusMeasured(wanted.number, contrast_of(pixels, wanted.black))


def focus_mode(profile: Profile) -> Mode:
    """The mode of the looks: the coarsest whose pixels are no larger than a circle of confusion."""
    sensor = profile.sensor
    pitch_mm = sensor.width_mm / sensor.width
    circle_mm = diagonal_mm(profile) / CIRCLES_PER_DIAGONAL
    small = [mode for mode in profile.modes if mode.binning * pitch_mm <= circle_mm]
    return max(small, key=lambda mode: mode.binning, default=profile.modes[0])


def diagonal_mm(profile: Profile) -> float:
    """The diagonal of the sensor."""
    return float((profile.sensor.width_mm**2 + profile.sensor.height_mm**2) ** 0.5)


class Autofocus:
    """One scan after another, of one lens."""

    def __init__(self, profile: Profile, drive: LensDrive) -> None:
        self._profile = profile
        self._drive = drive
        self.state = AfState.IDLE
        self.continuous = False
        self.merit = 0
        self._stage = Stage.RESTING
        self._number = 0
        self._frame_ns = focus_mode(profile).frame_duration_us * NS_PER_US
        self._depth = 0.0
        self._origin = 0.0
        self._plan: list[float] = []
        self._positions: list[float] = []
        self._contrasts: list[Contrast] = []
        self._sweeping = False
        self._seen: Contrast | None = None
        self._due_ns = 0
        self._outcome = AfState.FAILED
        self._reference = 0.0
        self._changes = 0

    # --- what the controls ask ---

    def start(self, now: int) -> None:
        """Begin a scan, from where the lens is."""
        lens = self._drive.lens
        here = self._drive.position(now)
        low, high = lens.position_min_dioptres, lens.position_max_dioptres
        step = (high - low) / (COARSE_LOOKS - 1)
        plan = [low + step * index for index in range(COARSE_LOOKS)]
        self._plan = plan if here - low <= high - here else plan[::-1]
        self._origin = here
        self._depth = field_dioptres(lens, self._drive.f_number(now), diagonal_mm(self._profile))
        self._positions, self._contrasts = [], []
        self._sweeping = True
        self.state = AfState.SCANNING
        self._move(self._plan.pop(0), Stage.MOVING, now)

    def cancel(self, now: int) -> None:
        """End a scan; the lens stays where it is."""
        if self.state is AfState.SCANNING:
            self._drive.halt(now)
        self.rest()

    def rest(self) -> None:
        """Do nothing more; idle."""
        self.state = AfState.IDLE
        self._stage = Stage.RESTING

    def hold(self, now: int) -> None:
        """Do nothing more, and keep the state."""
        if self.state is AfState.SCANNING:
            self._drive.halt(now)
        self._stage = Stage.RESTING

    @property
    def resting(self) -> bool:
        """Whether nothing is looked at, and the lens is left alone."""
        return self._stage is Stage.RESTING

    def watch(self, now: int) -> None:
        """Look again from time to time, and scan when the scene has changed; at first, scan."""
        if self.state in (AfState.IDLE, AfState.SCANNING):
            self.start(now)
            return
        self._stage, self._changes = Stage.WATCHING, 0
        self._due_ns = now + WATCH_NS

    def take(self, answer: FocusMeasured) -> None:
        """An answer; of a look that nobody waits for any more, nothing."""
        if answer.number == self._number and self._stage is Stage.LOOKING:
            self._seen = answer.contrast

    # --- time ---

    def next_deadline(self) -> int | None:
        """When `advance` has something to do; None: not before an answer, or a start."""
        if self._stage is _RESTING:
            return None
        match self._stage:
            case Stage.MOVING | Stage.ARRIVING:
                return self._drive.settled_ns
            case Stage.LOOKING if self._seen is not None:
                return self._due_ns
            case Stage.WATCHING:
                return self._due_ns
        return None

    def advance(self, now: int) -> Iterator[int | None]:
        """Go on as far as it goes now.

        Yields the number of each look that is wanted, and None when one has been taken: `merit` is that of
        the place where the lens still is.
        """
        while (due := self.next_deadline()) is not None and due <= now:
            match self._stage:
                case Stage.MOVING | Stage.WATCHING:
                    self._number += 1
                    self._seen = None
                    self._stage = Stage.LOOKING
                    self._due_ns = now + self._frame_ns
                    yield self._number
                case Stage.LOOKING:
                    self.merit = self._seen.merit if self._seen else 0
                    yield None
                    self._saw(now)
                case Stage.ARRIVING:
                    self._arrive(now)

    def _move(self, position: float, stage: Stage, now: int) -> None:
        self._drive.focus(position, now)
        self._stage = stage

    def _saw(self, now: int) -> None:
        """One look more: part of a scan, or of the watch over what was found."""
        if self._seen is None:
            return
        if self.state is not AfState.SCANNING:
            self._compare(self._seen.score, now)
            return
        self._positions.append(self._drive.position(now))
        self._contrasts.append(self._seen)
        if self._plan and not (self._sweeping and self._past_peak()):
            self._move(self._plan.pop(0), Stage.MOVING, now)
        elif not self._is_peak():
            self._end(AfState.FAILED, now)
        else:
            self._come_closer(now)

    @property
    def _scores(self) -> list[float]:
        return [contrast.score for contrast in self._contrasts]

    def _past_peak(self) -> bool:
        """Whether the sweep has left the peak behind it."""
        scores = self._scores
        return len(scores) > 2 and max(scores[-2:]) < max(scores) - PAST_PEAK_SCORE

    def _is_peak(self) -> bool:
        """Whether the contrast varies by more than chance makes it vary."""
        scores = self._scores
        return max(scores) - min(scores) > CHANCE_DEVIATIONS * self._contrasts[0].deviation

    def _peak(self) -> float:
        """Where the peak must be by all that was seen; it may lie a little behind either end."""
        lens = self._drive.lens
        low, high = lens.position_min_dioptres, lens.position_max_dioptres
        if not self._sweeping:
            best = self._positions[self._scores.index(max(self._scores))]
            reach = 4 * self._depth
            low, high = max(low, best - reach), min(high, best + reach)
        return peak_of(self._positions, self._scores, low - 2 * self._depth, high + 2 * self._depth)

    def _come_closer(self, now: int) -> None:
        """Behind the sweep: look closely around the peak; then at it, until it stays where it is."""
        lens = self._drive.lens
        peak = self._peak()
        low, high = lens.position_min_dioptres, lens.position_max_dioptres
        within = min(max(peak, low), high)
        if self._sweeping:
            self._sweeping = False
            start = min(max(within, low + 1.5 * self._depth), max(low, high - 1.5 * self._depth))
            close = [min(max(start + part * self._depth, low), high) for part in CLOSE_LOOKS]
            upwards = abs(close[0] - self._positions[-1]) <= abs(close[-1] - self._positions[-1])
            self._plan = close if upwards else close[::-1]
            self._move(self._plan.pop(0), Stage.MOVING, now)
            return
        nearest = min(abs(within - position) for position in self._positions)
        if nearest > STEADY_PART * 2 * self._depth and len(self._positions) < LOOKS_MAX:
            self._move(within, Stage.MOVING, now)
        elif self._is_out_of_reach(peak):
            self._end(AfState.FAILED, now)
        else:
            self._end(AfState.FOCUSED, now, within)

    def _is_out_of_reach(self, peak: float) -> bool:
        """Whether what is there is nearer than the lens focuses, or farther; nothing is beyond infinity."""
        lens = self._drive.lens
        low, high = lens.position_min_dioptres, lens.position_max_dioptres
        return peak > high + self._depth or 0 < low - self._depth > peak

    def _end(self, state: AfState, now: int, position: float | None = None) -> None:
        """Go to the peak, or back; the outcome is told on arrival."""
        self._outcome = state
        self._move(self._origin if position is None else position, Stage.ARRIVING, now)

    def _arrive(self, now: int) -> None:
        self.state = self._outcome
        self._stage = Stage.RESTING
        self._reference = max(self._scores) if self.state is AfState.FOCUSED else self._scores[0]
        if self.continuous:
            self.watch(now)

    def _compare(self, score: float, now: int) -> None:
        """Continuous: what was sharp is not so any more, or what was not may be."""
        changed = abs(score - self._reference) > CHANGED_SCORE
        self._changes = self._changes + 1 if changed else 0
        if self._changes >= 2:
            self.start(now)
            return
        self._stage = Stage.WATCHING
        self._due_ns = now + WATCH_NS
