"""Opens what the virtual module looks at.

What a scene can be, by the text that names it:

    (nothing), chart                        the project's test chart
    photo.jpg                               a picture, hung on a dark wall
    moving                                  a clock, a runner and the time to read, for video
    flat?level=0.5                          even light, half of a white card's, without a lens
    dark                                    the same without light: the cap is on
    IMG_0001.DNG                            a camera's RAW file, replayed (needs the extra [raw])
    chart-1920x1080-rggb10.raw              a headerless Bayer mosaic that its name describes
    dump.raw?size=1920x1080&cfa=rggb&bits=10  the same, described

All but the RAW files take `distance=1.5` (in metres; far away if not said) and `lux=300` (the light on it: a
white card sends lux / pi cd/m2; what the profile says if not said), as in `photo.jpg?distance=1.5&lux=300`;
`?distance=1.5` alone is the chart.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl

from PIL import Image

from laserlink.firmware_model.bayer_file import (
    CAMERA_RAW_SUFFIXES,
    HEADERLESS_SUFFIX,
    open_camera_raw,
    open_headerless,
)
from laserlink.firmware_model.chart import Chart
from laserlink.firmware_model.moving import Film
from laserlink.firmware_model.picture import PictureScene, open_picture
from laserlink.firmware_model.scene_kinds import BayerScene, LuminanceScene, Scene, SceneError, Stage
from laserlink.firmware_model.uniform import Uniform

__all__ = ["BayerScene", "LuminanceScene", "PictureScene", "Scene", "SceneError", "Stage", "open_scene"]

DISTANCE_M_MIN = 0.01
LUX_MAX = 1_000_000.0
FLAT_LEVEL = 0.5
LEVEL_MAX = 100.0


def open_scene(spec: str | None) -> Scene:
    """The scene that `spec` names (see the module's text); None is the project's chart.

    SceneError, with one line and a hint, when it cannot be used.
    """
    name, query = ("chart", {}) if spec is None else _split(spec)
    if name in _NAMED or (not name and query):
        return _placed(_NAMED[name or "chart"](query), query)
    path = Path(name)
    suffix = path.suffix.lower()
    if suffix == HEADERLESS_SUFFIX:
        return open_headerless(_existing(path), query)
    if suffix in CAMERA_RAW_SUFFIXES:
        _refuse_rest(path.name, query)
        return open_camera_raw(_existing(path))
    if suffix not in Image.registered_extensions():
        hint = f"Give a picture, a camera's RAW file, a headerless .raw, or one of {', '.join(_NAMED)}."
        raise SceneError(f"{path.name} has an unknown suffix", hint)
    return _placed(Stage(open_picture(_existing(path))), query)


def _split(spec: str) -> tuple[str, dict[str, str]]:
    """A file name and its description; a file may have a '?' in its own name."""
    name, mark, text = spec.rpartition("?")
    if not mark or Path(spec).is_file():
        return spec, {}
    pairs = parse_qsl(text, keep_blank_values=True)
    described = dict(pairs)
    if not pairs or len(described) != len(pairs):
        raise SceneError(f"'{text}' is no description", "It reads distance=1.5&lux=300, each key once.")
    return name, described


def _chart(query: dict[str, str]) -> Stage:
    return Stage(Chart())


def _moving(query: dict[str, str]) -> Stage:
    film = Film()
    return Stage(film(0, 0, 0), film=film)


def _flat(query: dict[str, str]) -> Stage:
    return Stage(Uniform(_number(query, "level", 0.0, LEVEL_MAX, FLAT_LEVEL)), lens=False)


def _dark(query: dict[str, str]) -> Stage:
    return Stage(Uniform(0.0), lens=False)


_NAMED: Mapping[str, Callable[[dict[str, str]], Stage]] = {
    "chart": _chart,
    "moving": _moving,
    "flat": _flat,
    "dark": _dark,
}


def _placed(stage: Stage, query: dict[str, str]) -> Stage:
    """The scene at its distance and in its light; `query` must have nothing else left."""
    metres = _number(query, "distance", DISTANCE_M_MIN, math.inf, math.inf)
    lux = _number(query, "lux", 0.0, LUX_MAX, -1.0)
    _refuse_rest("the scene", query)
    return replace(stage, distance_dioptres=1.0 / metres, lux=None if lux < 0 else lux)


def _number(query: dict[str, str], key: str, low: float, high: float, default: float) -> float:
    """Takes a number out of the description."""
    text = query.pop(key, None)
    try:
        value = default if text is None else float(text)
    except ValueError:
        value = math.nan
    if text is not None and not low <= value <= high:
        raise SceneError(f"{key}={text} is not possible", f"It is a number from {low:g} to {high:g}.")
    return value


def _refuse_rest(name: str, query: dict[str, str]) -> None:
    if query:
        hint = "Scenes take distance and lux, flat takes level, a headerless .raw takes size, cfa and bits."
        raise SceneError(f"{name} takes no {', '.join(query)}", hint)


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise SceneError(f"{path} is no file", "Check the name of the scene's file.")
    return path
