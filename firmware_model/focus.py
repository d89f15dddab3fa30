"""What the lens's controls do: manual focus, autofocus, the ring, the iris; and what they read.

The rules are libcamera's: LensPosition is ignored unless AfMode is manual, AfTrigger is heard in auto,
AfPause in continuous. The focus ring wins over all of them: it ends a scan, and turns continuous into manual.
"""

from collections.abc import Callable, Iterator

from laserlink.firmware_model.autofocus import Autofocus, FocusMeasured, FocusWanted, focus_mode
from laserlink.firmware_model.controls import (
    AF_METERING,
    AF_MODE,
    AF_PAUSE,
    AF_PAUSE_STATE,
    AF_STATE,
    AF_TRIGGER,
    AF_WINDOWS,
    ANALOGUE_GAIN,
    EXPOSURE_TIME,
    FOCUS_FOM,
    LENS_APERTURE,
    LENS_POSITION,
    SENSOR_TEMPERATURE,
    TEST_PATTERN_MODE,
    AfMetering,
    AfMode,
    AfPause,
    AfPauseState,
    AfState,
    AfTrigger,
    ControlStore,
)
from laserlink.firmware_model.job import ExposureWanted
from laserlink.firmware_model.lens import LensDrive
from laserlink.firmware_model.profile import HEIGHT_STEP, WIDTH_STEP, Profile
from laserlink.firmware_model.sensor import ExposureRequest
from laserlink.protocol.image_layout import ImageLayout
from laserlink.protocol.limits import FRAME_BYTES_MAX
from laserlink.protocol.messages.control import ControlValue, Value

# Without AfWindows: the middle of the picture, a sixth of its width and an eighth of its height.
MIDDLE_PARTS = (6, 8)
WINDOW_SIDE_MIN = 32

# What is read of the lens, and by how much it must change to be told.
READ_OUTS = {
    LENS_POSITION: 0.005,
    LENS_APERTURE: 0.0,
    SENSOR_TEMPERATURE: 1.0,
    AF_STATE: 0.0,
    AF_PAUSE_STATE: 0.0,
    FOCUS_FOM: 0.0,
}

PAUSING = AfPauseState.PAUSING  # asked after every message: an attribute of an enumeration is a call

Tell = Callable[[ControlValue], None]


class Focus:
    """The lens of a module, as its controls move it.

    `tell` sends a value that changed by itself; what it is called with is in force under the store's set id.
    """

    def __init__(self, profile: Profile, controls: ControlStore, tell: Tell) -> None:
        self._profile = profile
        self._controls = controls
        self._tell = tell
        self.drive = LensDrive(profile.lens)
        self._auto = Autofocus(profile, self.drive)
        self._mode = focus_mode(profile)
        self._told: dict[int, Value]
        # The temperature at which all was told and nothing moved; None: something happened since then.
        self._rested_celsius: Value | None = None
        self._rested_moves = 0
        self.forget_told()

    def forget_told(self) -> None:
        """A new host takes the defaults for what is in force."""
        self._told = {number: self._controls.controls[number].default for number in READ_OUTS}
        self._rested_celsius = None

    def reset(self, now: int) -> None:
        """The module restarts: the lens goes back to where it is at boot."""
        self.rest(now)
        self.drive.focus(self._controls.values[LENS_POSITION], now)
        self.drive.open_to(self._controls.values[LENS_APERTURE], now)

    def rest(self, now: int) -> None:
        """Nobody is there to focus for."""
        self._auto.cancel(now)
        self.forget_told()

    # --- what the host and the hand do ---

    def set(self, given: tuple[ControlValue, ...], now: int) -> int:
        """Set controls, all or none and raise why; the id of the set."""
        values = self._controls.check(given)
        self._rested_celsius = None
        for number in READ_OUTS.keys() & values.keys():
            # The host takes what it gave for what is: what is not so, it will be told.
            self._told[number] = values[number]
        before = self._controls.values[AF_MODE]
        if values.get(AF_MODE, before) != AfMode.MANUAL:
            values.pop(LENS_POSITION, None)
        set_id = self._controls.update(values)
        if AF_MODE in values:
            self._enter(AfMode(self._controls.values[AF_MODE]), before, now)
        if LENS_APERTURE in values:
            self.drive.open_to(self._controls.values[LENS_APERTURE], now)
        if LENS_POSITION in values:
            self.drive.focus(self._controls.values[LENS_POSITION], now)
        if AF_PAUSE in values:
            self._pause(AfPause(self._controls.values[AF_PAUSE]), now)
        if AF_TRIGGER in values:
            self._pull(AfTrigger(self._controls.values[AF_TRIGGER]), now)
        return set_id

    def _enter(self, mode: AfMode, before: int, now: int) -> None:
        """Another mode ends what runs, and continuous begins at once."""
        if mode != before:
            self._auto.cancel(now)
            self._controls.values[AF_PAUSE_STATE] = AfPauseState.RUNNING
        self._auto.continuous = mode is AfMode.CONTINUOUS
        paused = self._controls.values[AF_PAUSE_STATE] == AfPauseState.PAUSED
        if self._auto.continuous and self._auto.resting and not paused:
            self._auto.watch(now)

    def _pull(self, trigger: AfTrigger, now: int) -> None:
        if self._controls.values[AF_MODE] != AfMode.AUTO:
            return
        if trigger is AfTrigger.CANCEL:
            if self._auto.state is AfState.SCANNING:
                self._auto.cancel(now)
        elif self._auto.state is not AfState.SCANNING:
            self._auto.start(now)

    def _pause(self, pause: AfPause, now: int) -> None:
        if self._controls.values[AF_MODE] != AfMode.CONTINUOUS:
            return
        state = AfPauseState.PAUSED
        if pause is AfPause.RESUME:
            state = AfPauseState.RUNNING
            if self._auto.resting:
                self._auto.watch(now)
        elif pause is AfPause.DEFERRED and self._auto.state is AfState.SCANNING:
            state = AfPauseState.PAUSING
        else:
            self._auto.hold(now)
        self._auto.continuous = state is AfPauseState.RUNNING
        self._controls.values[AF_PAUSE_STATE] = state

    def turn_ring(self, dioptres: float, now: int) -> None:
        """The ring was turned by hand: on from where the lens was to be, or from where a scan has it."""
        values = self._controls.values
        scanning = self._auto.state is AfState.SCANNING
        self._auto.cancel(now)
        self._auto.continuous = False
        values[LENS_POSITION] = self.drive.position(now) if scanning else self.drive.target
        turned = self._controls.turn_ring(dioptres)
        self.drive.focus(values[LENS_POSITION], now)
        self._told[LENS_POSITION] = values[LENS_POSITION]
        self._rested_celsius = None
        self._tell(turned)
        if values[AF_MODE] == AfMode.CONTINUOUS:
            values[AF_MODE], values[AF_PAUSE_STATE] = AfMode.MANUAL, AfPauseState.RUNNING
            self._tell(self._controls.wire_value(AF_MODE))

    # --- looking ---

    def take(self, answer: FocusMeasured) -> None:
        """The contrast of a window that was wanted."""
        self._auto.take(answer)

    def advance(self, now: int, *, sensor_ready: bool) -> Iterator[FocusWanted]:
        """Let the autofocus go on, if the sensor can look, and tell what has changed."""
        for number in self._auto.advance(now) if sensor_ready else ():
            if number is None:
                self.tell_changes(now)
            else:
                yield self._wanted(number, now)
        values = self._controls.values
        if values[AF_PAUSE_STATE] == PAUSING and self._auto.resting:
            values[AF_PAUSE_STATE] = AfPauseState.PAUSED
        moving = self.drive.is_moving(now)
        if not moving or self._auto.state != self._told[AF_STATE]:
            self.tell_changes(now)
        if not moving and self._auto.resting:
            self._rested_celsius, self._rested_moves = values[SENSOR_TEMPERATURE], self.drive.moves

    @property
    def at_rest(self) -> bool:
        """Whether nothing happened since an `advance` that left nothing to do: it need not be called."""
        if self._rested_moves != self.drive.moves:
            return False
        return bool(self._rested_celsius == self._controls.values[SENSOR_TEMPERATURE])

    @property
    def looks(self) -> bool:
        """Whether the autofocus goes on by itself, so that the sensor matters."""
        return self._auto.next_deadline() is not None

    def next_deadline(self, now: int, sensor_ready_ns: int | None) -> int | None:
        """When `advance` has something to do; a look waits for the sensor, for ever when it has no power."""
        rest, look = self.drive.next_rest(now), self._auto.next_deadline()
        if look is None or sensor_ready_ns is None:
            return rest
        look = max(look, sensor_ready_ns)
        return look if rest is None else min(rest, look)

    def read(self, now: int) -> None:
        """Put into the store what the lens and the autofocus are at now."""
        values = self._controls.values
        values[LENS_POSITION] = self.drive.position(now)
        values[LENS_APERTURE] = self.drive.f_number(now)
        values[AF_STATE] = int(self._auto.state)
        values[FOCUS_FOM] = self._auto.merit

    def tell_changes(self, now: int) -> None:
        """Tell what is read otherwise than the host takes it to be: all under the id of one new set."""
        self.read(now)
        values, told = self._controls.values, self._told
        changed = [
            number
            for number, least in READ_OUTS.items()
            if (was := told[number]) != (value := values[number]) and abs(value - was) >= least
        ]
        if changed:
            self._controls.update({})
        for number in changed:
            self._told[number] = values[number]
            self._tell(self._controls.wire_value(number))

    def _wanted(self, number: int, now: int) -> FocusWanted:
        """The window as the controls have it; an exposure longer than an image of the mode becomes gain."""
        values, sensor = self._controls.values, self._profile.sensor
        exposure_us = min(values[EXPOSURE_TIME], max(self._mode.frame_duration_us, sensor.exposure_us_min))
        gain = min(values[ANALOGUE_GAIN] * values[EXPOSURE_TIME] / exposure_us, sensor.gain_max)
        bits = self._mode.default_bits
        region = self.window
        request = ExposureRequest(
            self._mode.id,
            bits,
            exposure_us,
            gain,
            values[TEST_PATTERN_MODE],
            number,
            region,
            focus_dioptres=self.drive.position(now),
            f_number=self.drive.f_number(now),
            temperature_c=values[SENSOR_TEMPERATURE],
            started_ns=now,
        )
        layout = ImageLayout(region[2], region[3], bits, FRAME_BYTES_MAX)
        return FocusWanted(ExposureWanted(0, number, request, layout), sensor.black_level(bits))

    @property
    def window(self) -> tuple[int, int, int, int]:
        """x, y, width and height of what is looked at, in pixels of the AF mode."""
        mode, values = self._mode, self._controls.values
        x, y, width, height = values[AF_WINDOWS]
        if values[AF_METERING] != AfMetering.WINDOWS or not width or not height:
            across, down = MIDDLE_PARTS
            width, height = mode.width // across, mode.height // down
            x, y = (mode.width - width) // 2, (mode.height - height) // 2
        else:
            x, y, width, height = (part // mode.binning for part in (x, y, width, height))
        left, width = _fitted(x, width, mode.width, WIDTH_STEP)
        top, height = _fitted(y, height, mode.height, HEIGHT_STEP)
        return left, top, width, height


def _fitted(start: int, size: int, limit: int, step: int) -> tuple[int, int]:
    """A window's start and size as the sensor takes them: even, within the picture, and of some size."""
    size = min(max(size, WINDOW_SIDE_MIN), limit) // step * step
    return max(0, min(start, limit - size)) // 2 * 2, size
