import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from laserlink.firmware_model.chart import Chart
from laserlink.firmware_model.scenes import BayerScene, PictureScene, SceneError, Stage, open_scene


def staged(spec: str) -> Stage:
    """A scene that is no RAW file."""
    scene = open_scene(spec)
    assert isinstance(scene, Stage)
    return scene


def test_nothing_is_the_chart() -> None:
    """Without a name, and by its name, the module looks at the project's chart, far away."""
    for spec in (None, "chart", "?lux=5"):
        scene = open_scene(spec)
        assert isinstance(scene, Stage) and isinstance(scene.scene, Chart)
        assert (scene.distance_dioptres, scene.lens, scene.film) == (0.0, True, None)


def test_each_kind_of_file_finds_its_reader(tmp_path: Path) -> None:
    """The suffix decides, whatever its case; a description may follow a headerless file."""
    Image.new("RGB", (9, 9)).save(tmp_path / "photo.PNG")
    np.zeros((6, 8), "<u2").tofile(tmp_path / "x-8x6-GBRG10.RAW")
    np.zeros((6, 8), "<u2").tofile(tmp_path / "plain.raw")
    assert isinstance(staged(str(tmp_path / "photo.PNG")).scene, PictureScene)
    assert isinstance(open_scene(str(tmp_path / "x-8x6-GBRG10.RAW")), BayerScene)
    assert isinstance(open_scene(f"{tmp_path}/plain.raw?size=8x6&cfa=rggb&bits=10"), BayerScene)


def test_a_question_mark_may_be_part_of_a_name(tmp_path: Path) -> None:
    """A file that exists under the whole name is that file."""
    Image.new("RGB", (9, 9)).save(tmp_path / "why?.png")
    assert isinstance(staged(str(tmp_path / "why?.png")).scene, PictureScene)


def test_a_scene_stands_where_and_as_lit_as_told(tmp_path: Path) -> None:
    """Distance in metres becomes dioptres, lux is kept, for pictures and for named scenes."""
    Image.new("RGB", (9, 9)).save(tmp_path / "photo.png")
    for name in (str(tmp_path / "photo.png"), "chart", "", "moving", "flat"):
        stage = staged(f"{name}?distance=0.5&lux=300")
        assert (stage.distance_dioptres, stage.lux) == (2.0, 300.0)
        assert staged(f"{name}?lux=300").distance_dioptres == 0.0
        assert staged(f"{name}?distance=4").lux is None


def test_even_light_and_none() -> None:
    """`flat` is half a white card's light, or as told; `dark` is none; both on the bare sensor."""
    levels = {"flat": 0.5, "flat?level=0.25": 0.25, "flat?level=1&lux=100": 1.0, "dark": 0.0}
    for spec, level in levels.items():
        stage = staged(spec)
        assert not stage.lens
        assert stage.band(8, 6, 0, 6).max() == np.float32(level)


def test_the_moving_scene_moves() -> None:
    """Its picture is another at another time; no other scene's is."""
    stage = staged("moving")
    assert stage.film is not None
    first, later = (stage.at(time_ns, 0, 0).band(80, 60, 0, 60) for time_ns in (0, 250_000_000))
    assert np.abs(first - later).max() > 0.3
    assert np.array_equal(stage.band(80, 60, 0, 60), first)
    chart = staged("chart")
    assert chart.at(5, 6, 7) is chart


@pytest.mark.parametrize(
    ("spec", "cause"),
    [
        ("missing.png", "is no file"),
        ("missing.dng", "is no file"),
        ("missing-8x6-rggb10.raw", "is no file"),
        ("notes.txt", "unknown suffix"),
        ("nothing", "unknown suffix"),
        ("photo.png?size=8x6", "is no file"),
        ("chart?size=8x6", "takes no size"),
        ("chart?distance=0", "distance=0 is not possible"),
        ("chart?distance=far", "distance=far is not possible"),
        ("chart?distance=nan", "distance=nan is not possible"),
        ("chart?lux=-1", "lux=-1 is not possible"),
        ("chart?level=0.5", "takes no level"),
        ("flat?level=-1", "level=-1 is not possible"),
        ("dark?level=0.5", "takes no level"),
        ("photo.dng?lux=5", "takes no lux"),
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
