"""Shared scenes for the lens: textures at a distance, and a rig whose looks see them through the optics."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rig import CHANNEL, Rig, module_in

from laserlink.firmware_model.autofocus import focus_mode
from laserlink.firmware_model.optics import through_lens
from laserlink.firmware_model.stream import ExposureWanted, PackedImage
from laserlink.host_driver.actions import ModuleEvent
from laserlink.protocol.messages.control import ControlChanged, Value, decode_value
from laserlink.protocol.states import ModuleState

Floats = NDArray[np.float64]
# A white card in 10 ms: electrons of a photosite, and of them that make one DN.
WHITE_E, E_PER_DN = 8000.0, 10.0
READ_NOISE_E = 3.0
# The window of the looks, in pixels of the array, and in those of the AF mode.
WINDOW = (640, 384)
TEXELS = (160, 96)


def _spectrum(chance: np.random.Generator, size: tuple[int, int], exponent: float) -> Floats:
    """Noise whose amplitude falls with a power of the frequency, of variance 1."""
    frequency = np.hypot(np.fft.fftfreq(size[0])[:, np.newaxis], np.fft.rfftfreq(size[1]))
    frequency[0, 0] = 1.0
    shaped = np.fft.rfft2(chance.standard_normal(size)) / frequency**exponent
    shaped[0, 0] = 0.0
    noise = np.fft.irfft2(shaped, size)
    return np.asarray(noise / noise.std())


def _tiles(chance: np.random.Generator, size: tuple[int, int]) -> Floats:
    side = int(chance.integers(3, 24))
    rows, columns = np.indices(size)
    return ((rows // side + columns // side) % 2) * 2.0 - 1.0


def _boxes(chance: np.random.Generator, size: tuple[int, int]) -> Floats:
    picture = np.zeros(size)
    for _ in range(120):
        top, left = int(chance.integers(size[0])), int(chance.integers(size[1]))
        side = int(chance.integers(2, 20))
        picture[top : top + side, left : left + side] = chance.uniform(-2.0, 2.0)
    return picture


def _edge(chance: np.random.Generator, size: tuple[int, int]) -> Floats:
    rows, columns = np.indices(size)
    angle = chance.uniform(0.0, np.pi)
    across = (columns - size[1] / 2) * np.cos(angle) + (rows - size[0] / 2) * np.sin(angle)
    return np.sign(across + 0.01)


TEXTURES: dict[str, Callable[[np.random.Generator, tuple[int, int]], Floats]] = {
    "leaves": lambda chance, size: _spectrum(chance, size, 1.0),
    "sand": lambda chance, size: _spectrum(chance, size, 0.0),
    "skin": lambda chance, size: _spectrum(chance, size, 1.6),
    "tiles": _tiles,
    "boxes": _boxes,
    "edge": _edge,
    "fog": lambda chance, size: np.zeros(size),
}


def _means(values: Floats, count: int, start: int, pixels: int) -> Floats:
    """What each of `pixels` pixels, from `start` of `count` across the rows of `values`, sees on average."""
    edges = np.arange(start, start + pixels + 1) * (len(values) / count)
    sums = np.concatenate((np.zeros((1, values.shape[1])), values.cumsum(axis=0)))
    whole = np.minimum(edges.astype(int), len(values) - 1)
    up_to = sums[whole] + values[whole] * (edges - whole)[:, np.newaxis]
    return np.asarray(np.diff(up_to, axis=0) * (count / len(values)))


@dataclass(frozen=True, eq=False)
class Texture:
    """A flat picture at a distance: grey values of shape (height, width) that fill the window."""

    values: Floats
    distance_dioptres: float

    def band(self, width: int, height: int, top: int, rows: int) -> NDArray[np.float32]:
        """As LuminanceScene.band, by the mean of what each pixel sees."""
        drawn = _means(_means(self.values, height, top, rows).T, width, 0, width).T.astype(np.float32)
        return np.repeat(drawn[..., np.newaxis], 3, axis=2)


def texture(kind: str, seed: int, distance_dioptres: float, contrast: float = 0.4) -> Texture:
    """A picture of a kind, that fills a window of WINDOW and reaches a little beyond it."""
    values = TEXTURES[kind](np.random.default_rng(seed), (TEXELS[1] + 32, TEXELS[0] + 32))
    return Texture(np.clip(0.3 * (1.0 + contrast * values), 0.0, 1.0), distance_dioptres)


class Looker:
    """Exposes what a module's looks ask for: the scene through the lens, with its noise, 10 bits."""

    def __init__(self, rig: Rig, scene: Texture, seed: int = 1) -> None:
        self.rig = rig
        self.scene = scene
        self.requests: list[ExposureWanted] = []
        self._chance = np.random.default_rng(seed)
        sensor = rig.profile.sensor
        self._pixel_mm = sensor.width_mm / sensor.width * focus_mode(rig.profile).binning
        self._black = sensor.black_level(10)

    def __call__(self, wanted: ExposureWanted) -> PackedImage:
        if wanted.channel:
            return self.rig.expose(wanted)
        self.requests.append(wanted)
        request = wanted.request
        lens = self.rig.profile.lens
        f_number = request.f_number or lens.f_number
        thrown = through_lens(self.scene, lens, request.focus_dioptres, f_number, self._pixel_mm)
        _, _, width, height = request.region
        light = thrown.band(width + 32, height + 32, 16, height)[:, 16:-16, 1].astype(np.float64)
        exposure = request.exposure_us / 10_000 * request.analogue_gain
        mean_e = np.maximum(light, 0.0) * WHITE_E * exposure / request.analogue_gain
        seen_e = self._chance.poisson(mean_e) + self._chance.normal(0.0, READ_NOISE_E, mean_e.shape)
        values = seen_e * request.analogue_gain / E_PER_DN + self._black
        return PackedImage.of(np.clip(values, 0, 1023).astype(np.uint16), wanted.layout)


def focusing_rig(scene: Texture, state: ModuleState = ModuleState.READY) -> tuple[Rig, Looker]:
    """A rig whose module looks at a scene."""
    rig = module_in(state)
    looker = Looker(rig, scene)
    rig.stepper._expose = looker
    rig.events.clear()
    return rig, looker


def set_controls(rig: Rig, **values: Value) -> None:
    """Set controls, and wait until they are in force."""
    rig.host.set_controls(values, rig.now)
    rig.stepper.settle()
    rig.until(lambda: rig.host.requests.idle)


def changes(rig: Rig, name: str) -> list[tuple[int, Value]]:
    """Every value of a control that the module told by itself, with the id of its set."""
    number = rig.host.controls.known[name].id
    told = [event.message for event in rig.told(ModuleEvent)]
    return [
        (message.set_id, decode_value(message.type, message.value))
        for message in told
        if isinstance(message, ControlChanged) and message.id == number
    ]


def known(rig: Rig, name: str) -> Value:
    """The value of a control as the host knows it."""
    return rig.host.controls.current[name]


__all__ = [
    "CHANNEL",
    "WINDOW",
    "Looker",
    "Texture",
    "changes",
    "focusing_rig",
    "known",
    "set_controls",
    "texture",
]
