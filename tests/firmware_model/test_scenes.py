import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from laserlink.firmware_model.chart import Chart
from laserlink.firmware_model.scenes import BayerScene, PictureScene, SceneError, open_scene


def test_nothing_is_the_chart() -> None:
    """Without a name the module looks at the project's chart."""
    assert isinstance(open_scene(None), Chart)


def test_each_kind_of_file_finds_its_reader(tmp_path: Path) -> None:
    """The suffix decides, whatever its case; a description may follow a headerless file."""
    Image.new("RGB", (9, 9)).save(tmp_path / "photo.PNG")
    np.zeros((6, 8), "<u2").tofile(tmp_path / "x-8x6-GBRG10.RAW")
    np.zeros((6, 8), "<u2").tofile(tmp_path / "plain.raw")
    assert isinstance(open_scene(str(tmp_path / "photo.PNG")), PictureScene)
    assert isinstance(open_scene(str(tmp_path / "x-8x6-GBRG10.RAW")), BayerScene)
    assert isinstance(open_scene(f"{tmp_path}/plain.raw?size=8x6&cfa=rggb&bits=10"), BayerScene)


def test_a_question_mark_may_be_part_of_a_name(tmp_path: Path) -> None:
    """A file that exists under the whole name is that file."""
    Image.new("RGB", (9, 9)).save(tmp_path / "why?.png")
    assert isinstance(open_scene(str(tmp_path / "why?.png")), PictureScene)


@pytest.mark.parametrize(
    ("spec", "cause"),
    [
        ("missing.png", "is no file"),
        ("missing.dng", "is no file"),
        ("missing-8x6-rggb10.raw", "is no file"),
        ("notes.txt", "unknown suffix"),
        ("nothing", "unknown suffix"),
        ("photo.png?size=8x6", "takes no description"),
        ("x.raw?", "is no description"),
        ("x.raw?size=8x6&size=8x8", "is no description"),
        ("", "unknown suffix"),
    ],
)
def test_refuses_in_one_line_with_a_hint(spec: str, cause: str) -> None:
    """What cannot be a scene is refused before anything is read."""
    with pytest.raises(SceneError, match=cause) as caught:
        open_scene(spec)
    assert "\n" not in str(caught.value)
    assert caught.value.hint.endswith(".")


def test_the_real_sensor_s_file_opens_unchanged() -> None:
    """The RAW file of a real sensor arrives pixel by pixel, known by its published sum."""
    folder = os.environ.get("LASERLINK_SCENES")
    if folder is None:
        pytest.skip("LASERLINK_SCENES names no folder of real scenes")
    scene = open_scene(str(Path(folder) / "dynamic-range-chart-1920x1080-rggb10.raw"))
    assert isinstance(scene, BayerScene)
    assert (scene.pixels.shape, scene.bits, scene.white) == ((1080, 1920), 10, 1023)
    digest = hashlib.sha256(scene.pixels.astype("<u2").tobytes()).hexdigest()
    assert digest == "3dedf63075d681cb08c5f9710955bc037bfe6e4ea215480d111cc60f3190df0f"
