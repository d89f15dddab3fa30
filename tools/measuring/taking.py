"""Which pictures a camera is asked for, and what is read from them at once: they are too many to keep.

Even light and dark are taken in a strip in the middle of the unbinned mode, at the deepest format and the
lowest gain; the chart in a binned mode as a whole (its place and its colours), and its edges unbinned. What
the camera is told and what comes back is all that is used: descriptor, controls, images.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from laserlink.firmware_model.targets import TARGETS, Kind, Target
from laserlink.host_driver.camera import Camera
from laserlink.host_driver.shot import Shot
from laserlink.protocol.messages.identity import Descriptor, SensorMode
from laserlink.protocol.raw import WIDTHS
from laserlink.protocol.states import BITS_PER_BYTE
from laserlink.protocol.timers import NS_PER_MS, NS_PER_S, line_time_ns
from laserlink.tools.measuring.chart_finding import Place, find_chart
from laserlink.tools.measuring.colours import patches_of
from laserlink.tools.measuring.figures import Findings, Subject
from laserlink.tools.measuring.photon_transfer import NotMeasured, Pair, pair_of
from laserlink.tools.measuring.slanted_edge import edge_response
from laserlink.tools.measuring.still import Still
from laserlink.tools.session import CommandError

STRIP_PIXELS = 1 << 18
STRIP_WIDTH_MAX = 4096
STRIP_PIXELS_MIN = 1 << 13
STRIP_SECONDS = 0.25
"""What one picture of even light may take on a slow line."""
OVERVIEW_WIDTH_MIN = 1000
OVERVIEW_SECONDS_MAX = 60.0

SHARES = np.unique(
    np.concatenate([(0.002, 0.005, 0.01), np.linspace(0.02, 1.05, 46), np.linspace(0.90, 1.02, 25)]).round(4)
)
"""Exposures of even light as parts of the one that fills the wells: even steps, smaller where they fill."""
DARK_PAIRS = 4
DARK_LONG_US = 1_000_000
FIRST_EXPOSURE_US = 10_000
LEVEL_MIN, LEVEL_FAINT = 0.05, 0.01
STEPS_MIN = 40
"""The exposure that fills the wells must have at least as many times the shortest one."""
SEARCHES_MAX = 12
TRIES = 3
CHART_LEVEL, CHART_LEVELS = 0.7, (0.45, 0.85)
"""Where the chart's brightest hundredth should be, and may be, as parts of the span."""
BRIGHT_PERCENTILE = 99.0

AF_MANUAL = 0
MOTOR_NS = 60 * NS_PER_MS
SEARCH_STEPS = ((4.0, 4), (1.0, 4), (0.5, 2))
"""The search for best focus: its steps, in positions that blur by a pixel, and how many to each side."""
MERIT_ROWS = 96
DEGREES_OF_RANGE = 480


@dataclass(frozen=True)
class Choice:
    """The mode and the depth in which even light and edges are taken."""

    mode: SensorMode
    bits: int

    @classmethod
    def of(cls, descriptor: Descriptor, mode: str | None, raw_format: str | None) -> "Choice":
        """What the user named, else the finest mode and its deepest format. Raises CommandError."""
        modes = {each.name: each for each in descriptor.modes}
        if mode is not None and mode not in modes:
            text = f"{descriptor.product} has no mode {mode!r}"
            raise CommandError(text, f"It has {', '.join(modes)}.")
        finest = max(modes.values(), key=lambda each: (-each.binning, each.width * each.height))
        chosen = modes[mode] if mode is not None else finest
        offered = {f"RAW{bits}": bits for bits in WIDTHS if chosen.formats >> bits & 1}
        wanted = (
            raw_format.upper() if raw_format is not None else max(offered, key=lambda name: offered[name])
        )
        if wanted not in offered:
            text = f"mode {chosen.name} has no format {raw_format!r}"
            raise CommandError(text, f"It has {', '.join(offered)}.")
        return cls(chosen, offered[wanted])

    def notes(self) -> list[str]:
        """What limits the figures."""
        told = []
        if not self.mode.formats >> 16 & 1:
            told.append(
                f"This mode has no RAW16: the range is that of RAW{self.bits}, {self.bits} bits deep."
            )
        if self.mode.binning > 1:
            told.append(
                f"{self.mode.binning} x {self.mode.binning} photosites make a pixel: they share its noise."
            )
        return told


Keep = Callable[[str, Shot], None]
Tell = Callable[[str], None]


class Taker:
    """Takes what measuring needs with one camera, and puts what it tells into `findings`.

    `keep` gets every picture with a name for it, `tell` what goes on.
    """

    def __init__(self, camera: Camera, choice: Choice, findings: Findings, keep: Keep, tell: Tell) -> None:
        self.camera, self.choice, self.findings = camera, choice, findings
        self._keep, self._tell = keep, tell
        self._limits = camera.inspect(
            lambda host: {name: (item.minimum, item.maximum) for name, item in host.controls.known.items()}
        )
        self._line = camera.inspect(lambda host: host.connection.image_offer)

    def take(self, subject: Subject) -> None:
        """Take the pictures of what stands before the camera; what cannot be had is noted with its reason."""
        taken = {Subject.DARK: self.dark, Subject.FLAT: self.flat, Subject.CHART: self.chart}[subject]
        self._prepare()
        try:
            taken()
        except NotMeasured as error:
            self.findings.why[subject] = str(error)

    def _prepare(self) -> None:
        """Nothing automatic, the lowest gain, no test pattern; as far as the module has these."""
        wanted = {"AnalogueGain": self._limits.get("AnalogueGain", (1.0,))[0], "TestPatternMode": 0}
        self.camera.set_controls(
            AeEnable=False, **{name: value for name, value in wanted.items() if name in self._limits}
        )

    # --- dark and even light ---

    def dark(self) -> None:
        """Pairs without light: several at the shortest exposure, and one at a long one."""
        self._configure_strip()
        shortest, longest = self._exposures_us()
        exposures = [shortest] * DARK_PAIRS
        if min(DARK_LONG_US, longest) > 10 * shortest:
            exposures.append(min(DARK_LONG_US, longest))
        for number, exposure_us in enumerate(exposures, 1):
            self._tell(f"dark: {number} of {len(exposures)} pairs")
            self.findings.dark.append(self._pair("dark", number, exposure_us))
        if self.findings.dark[0].clipped:
            self.findings.dark.clear()
            raise NotMeasured("the dark pictures are white: is the lens covered?")

    def flat(self) -> None:
        """Pairs of even light, from next to nothing to more than the wells hold."""
        self._configure_strip()
        full_us = self._filling_us()
        shortest, longest = self._exposures_us()
        if full_us < STEPS_MIN * shortest:
            raise NotMeasured("the light fills the wells in the shortest exposures: use less light")
        wanted = np.rint(np.clip(SHARES * full_us, shortest, longest)).astype(int)
        exposures = [int(exposure_us) for exposure_us in np.unique(wanted)]
        for number, exposure_us in enumerate(exposures, 1):
            if number % 8 == 1:
                self._tell(f"even light: {number} of {len(exposures)} exposures")
            self.findings.light.append(self._pair("flat", number, exposure_us))

    def _configure_strip(self) -> None:
        """A strip in the middle, as large as suits the line."""
        mode, line = self.choice.mode, self._line
        pixels = STRIP_PIXELS
        if line.rate_bps:
            bits_per_s = line.rate_bps * 8 / BITS_PER_BYTE[line.coding]
            pixels = min(pixels, int(bits_per_s * STRIP_SECONDS / self.choice.bits))
        pixels = max(pixels, STRIP_PIXELS_MIN)
        width = min(mode.width, STRIP_WIDTH_MAX, max(64, pixels // 64)) & ~3
        height = max(2, min(mode.height, pixels // width) & ~1)
        self._configure(self.choice, ((mode.width - width) // 2, (mode.height - height) // 2, width, height))

    def _configure(self, choice: Choice, region: tuple[int, int, int, int] | None = None) -> None:
        if region is not None:
            x, y, width, height = region
            region = (x & ~1, y & ~1, width & ~3, height & ~1)
        self.camera.configure(choice.mode.name, f"RAW{choice.bits}", region)

    def _pair(self, name: str, number: int, exposure_us: int) -> Pair:
        self.camera.set_controls(ExposureTime=exposure_us)
        first, second = (
            self._kept(f"{name}-{number:03d}-{letter}", shot)
            for letter, shot in zip("ab", self._complete(2), strict=True)
        )
        return pair_of(first, second)

    def _complete(self, count: int = 1) -> list[Shot]:
        """Pictures in a row without gaps, which would measure as noise; taken again when some have any."""
        for _ in range(TRIES):
            shots = list(self.camera.images(count))
            if all(shot.complete for shot in shots):
                return shots
        missing = sum(shot.missing_bytes() for shot in shots)
        raise NotMeasured(
            f"pictures come with gaps, the last with {missing} bytes missing: seat the module again"
        )

    def _still(self, name: str = "") -> Still:
        return self._kept(name, self._complete()[0])

    def _kept(self, name: str, shot: Shot) -> Still:
        """A shot as a still; one with a name is kept."""
        still = Still.of(shot)
        if name:
            self._keep(name, shot)
            findings = self.findings
            if not name.startswith("chart"):
                findings.gain, findings.temperature_c = still.gain, still.temperature_c
            findings.f_number = still.f_number
        return still

    def _exposures_us(self) -> tuple[int, int]:
        """The shortest and the longest exposure. Raises NotMeasured when it cannot be set."""
        if "ExposureTime" not in self._limits:
            raise NotMeasured("the module has no control ExposureTime")
        low, high = self._limits["ExposureTime"]
        return int(low), int(high)  # type: ignore[arg-type]

    def _filling_us(self) -> float:
        """The exposure that fills the wells, from one that fills them in part."""
        shortest, longest = self._exposures_us()
        exposure_us = min(max(FIRST_EXPOSURE_US, shortest), longest)
        for _ in range(SEARCHES_MAX):
            self.camera.set_controls(ExposureTime=exposure_us)
            still = self._still()
            level = still.level()
            if still.clipped():
                if exposure_us == shortest:
                    raise NotMeasured("even light is saturated at the shortest exposure: use less light")
                exposure_us = max(shortest, exposure_us // 4)
            elif level < LEVEL_MIN and exposure_us < longest:
                exposure_us = min(longest, exposure_us * 4)
            else:
                break
        if level < LEVEL_FAINT:
            raise NotMeasured(
                f"even light is too weak: {100 * level:.2f} % of white after {exposure_us / 1e6:g} s"
            )
        return exposure_us / level

    # --- the chart ---

    def chart(self) -> None:
        """The chart's place and colours, then best focus, then its edges."""
        overview = self._overview_choice()
        self._tell("chart: focusing")
        self._autofocus()
        self._tell("chart: looking for it")
        self._configure(overview)
        still = self._well_exposed("chart")
        place = find_chart(still)
        try:
            self.findings.patches = patches_of(still, place)
        finally:
            self._edges(place)

    def _overview_choice(self) -> Choice:
        """The smallest mode that shows the chart well, in the format that suits it."""
        modes = self.camera.modes.values()
        quick = [mode for mode in modes if self._seconds(mode) <= OVERVIEW_SECONDS_MAX] or list(modes)
        fine = [mode for mode in quick if mode.width >= OVERVIEW_WIDTH_MIN]
        mode = min(fine, key=_size) if fine else max(quick, key=_size)
        deepest = max(bits for bits in WIDTHS if mode.formats >> bits & 1)
        return Choice(mode, min(deepest, 12) if mode.formats >> 12 & 1 else deepest)

    def _seconds(self, mode: SensorMode) -> float:
        """How long the line takes for a picture of a mode."""
        line = self._line
        size = _size(mode) * mode.default_bits // 8
        return line_time_ns(size, line.rate_bps, BITS_PER_BYTE[line.coding]) / NS_PER_S

    def _well_exposed(self, name: str) -> Still:
        """A picture that is neither dark nor clipped, as far as the module's exposures go."""
        low, high = CHART_LEVELS
        for _ in range(SEARCHES_MAX):
            (shot,) = self._complete()
            still = Still.of(shot)
            level = (float(np.percentile(still.raw, BRIGHT_PERCENTILE)) - still.black) / still.span
            if low <= level <= high or "ExposureTime" not in self._limits or still.exposure_us is None:
                break
            shortest, longest = self._exposures_us()
            factor = CHART_LEVEL / max(level, 0.01) if level < 0.98 else 0.25
            wanted = min(max(round(still.exposure_us * factor), shortest), longest)
            if wanted == still.exposure_us:
                break
            self.camera.set_controls(ExposureTime=wanted)
        return self._kept(name, shot)

    def _autofocus(self) -> None:
        """Let the module focus on the middle; a module without autofocus is where it is."""
        if "AfMode" not in self._limits or "AfTrigger" not in self._limits:
            return
        if not self.camera.autofocus((0.5, 0.5)):
            self.findings.notes.append("The module's autofocus found no focus on the chart.")
        self.camera.set_controls(AfMode=AF_MANUAL)

    def _edges(self, place: Place) -> None:
        """The MTF on each side of the dark square that is nearer to the middle."""
        mode = self.choice.mode
        boxes = {
            target.name: place.box(target, mode.width, mode.height)
            for target in TARGETS
            if _is_measured(target)
        }
        x, y, width, height = next(iter(boxes.values()))
        rows = min(height, MERIT_ROWS)
        self._tell("chart: best focus")
        self._configure(self.choice, (x, y + (height - rows) // 2, width, rows))
        self._focus_best()
        reasons = []
        for name, box in boxes.items():
            self._tell(f"chart: {name}")
            self._configure(self.choice, box)
            try:
                self.findings.edges[name] = edge_response(self._still(name.replace(" ", "-")))
            except NotMeasured as error:
                reasons.append(f"{name}: {error}")
        if not self.findings.edges:
            raise NotMeasured("; ".join(dict.fromkeys(reasons)))
        self.findings.notes += reasons

    def _focus_best(self) -> None:
        """Move the focus to where the edge is sharpest; a lens that cannot be moved stays."""
        if "LensPosition" not in self._limits:
            return
        low, high = (float(bound) for bound in self._limits["LensPosition"])  # type: ignore[arg-type]
        best = float(self.camera.read_controls("LensPosition")["LensPosition"])  # type: ignore[arg-type]
        unit = self._pixel_dioptres() or (high - low) / DEGREES_OF_RANGE
        for step, count in SEARCH_STEPS:
            places = {min(max(best + step * unit * number, low), high) for number in range(-count, count + 1)}
            best = max(sorted(places), key=self._sharpness)
        self._sharpness(best)

    def _pixel_dioptres(self) -> float:
        """How much focus blurs by one pixel: pitch x N / f^2; 0 when the module does not say."""
        descriptor = self.camera.descriptor
        focal_mm = descriptor.focal_length_um / 1000
        pitch_mm = descriptor.pixel_pitch_nm / 1e6 * self.choice.mode.binning
        f_number = self.findings.f_number or descriptor.f_number_centi / 100
        return pitch_mm * f_number / focal_mm**2 * 1000 if focal_mm else 0.0

    def _sharpness(self, dioptres: float) -> float:
        """How steep the edge is with the focus there: the energy of the differences of green samples."""
        self.camera.set_controls(LensPosition=dioptres)
        self.camera.wait_until(self.camera.now_ns() + MOTOR_NS)
        steps = [np.diff(plane.astype(np.float64), axis=1) for plane in self._still().planes("G")]
        return float(np.mean([(step**2).mean() for step in steps]))


def _size(mode: SensorMode) -> int:
    return mode.width * mode.height


def _is_measured(target: Target) -> bool:
    """The first dark square's sides; both squares are alike."""
    return target.kind is Kind.EDGE and target.name.startswith("edge 1")


def subjects_in_order(chosen: tuple[str, ...]) -> Iterator[Subject]:
    """The subjects by name, all when none is, in the order that is easiest for whoever sets them up."""
    for subject in Subject:
        if not chosen or subject.value in chosen:
            yield subject
