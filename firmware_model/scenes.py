"""Opens what the virtual module looks at.

What a scene can be, by the text that names it:

    (nothing)                               the project's test chart
    photo.jpg                               a picture, hung on a dark wall
    IMG_0001.DNG                            a camera's RAW file, replayed (needs the extra [raw])
    chart-1920x1080-rggb10.raw              a headerless Bayer mosaic that its name describes
    dump.raw?size=1920x1080&cfa=rggb&bits=10  the same, described
"""

from collections.abc import Callable
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
from laserlink.firmware_model.picture import PictureScene, open_picture
from laserlink.firmware_model.scene_kinds import BayerScene, LuminanceScene, Scene, SceneError

__all__ = ["BayerScene", "LuminanceScene", "PictureScene", "Scene", "SceneError", "open_scene"]


def open_scene(spec: str | None) -> Scene:
    """The scene that `spec` names (see the module's text); None is the project's chart.

    SceneError, with one line and a hint, when it cannot be used.
    """
    if spec is None:
        return Chart()
    name, query = _split(spec)
    path = Path(name)
    suffix = path.suffix.lower()
    if suffix == HEADERLESS_SUFFIX:
        return open_headerless(_existing(path), query)
    if query:
        hint = "Only a headerless .raw file has one after '?'."
        raise SceneError(f"{path.name} takes no description", hint)
    opener = _opener(suffix)
    if opener is None:
        hint = "Give a picture (.png, .jpg, ...), a camera's RAW file (.dng, .nef, ...) or a headerless .raw."
        raise SceneError(f"{path.name} has an unknown suffix", hint)
    return opener(_existing(path))


def _split(spec: str) -> tuple[str, dict[str, str]]:
    """A file name and its description; a file may have a '?' in its own name."""
    name, mark, text = spec.rpartition("?")
    if not mark or Path(spec).is_file():
        return spec, {}
    pairs = parse_qsl(text, keep_blank_values=True)
    described = dict(pairs)
    if not pairs or len(described) != len(pairs):
        raise SceneError(f"'{text}' is no description", "It reads size=WxH&cfa=rggb&bits=10, each key once.")
    return name, described


def _opener(suffix: str) -> Callable[[Path], Scene] | None:
    if suffix in CAMERA_RAW_SUFFIXES:
        return open_camera_raw
    return open_picture if suffix in Image.registered_extensions() else None


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise SceneError(f"{path} is no file", "Check the name of the scene's file.")
    return path
