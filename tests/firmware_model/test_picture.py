import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from laserlink.firmware_model.colour import SRGB8_TO_LINEAR
from laserlink.firmware_model.picture import WALL_SRGB8, PictureScene, open_picture
from laserlink.firmware_model.scene_kinds import SceneError

WALL = float(SRGB8_TO_LINEAR[WALL_SRGB8])


def codes(height: int, width: int) -> NDArray[np.uint8]:
    """Seeded coarse colour noise: the hardest picture for a seam to hide in."""
    return np.random.default_rng(3).integers(0, 256, (height, width, 3)).astype(np.uint8)


def joined(scene: PictureScene, width: int, height: int, rows: int) -> NDArray[np.float32]:
    """The scene put together from bands of `rows` rows."""
    tops = range(0, height, rows)
    return np.vstack([scene.band(width, height, top, min(rows, height - top)) for top in tops])


@pytest.mark.parametrize(("width", "height"), [(400, 300), (64, 48), (96, 200), (41, 29)])
@pytest.mark.parametrize("rows", [1, 13, 44])
def test_bands_join_without_seams(width: int, height: int, rows: int) -> None:
    """Enlarged or reduced, any cut into bands gives the same light."""
    scene = PictureScene(codes(60, 90))
    whole = scene.band(width, height, 0, height)
    assert np.abs(joined(scene, width, height, rows) - whole).max() < 2e-4


def test_a_large_source_is_drawn_in_small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory limit cuts a band into pieces, and the cuts do not show."""
    scene = PictureScene(codes(300, 200))
    whole = scene.band(40, 60, 0, 60)
    monkeypatch.setattr("laserlink.firmware_model.picture._SOURCE_PIXELS_MAX", 3000)
    assert np.abs(scene.band(40, 60, 0, 60) - whole).max() < 2e-4


def test_hangs_whole_and_centred_on_the_wall() -> None:
    """A wide picture fills the width; the wall shows evenly above and below."""
    scene = PictureScene(np.full((50, 100, 3), 255, np.uint8))
    light = scene.band(200, 200, 0, 200)
    assert light[:50] == pytest.approx(WALL)
    assert light[150:] == pytest.approx(WALL)
    assert light[52:148] == pytest.approx(1.0, abs=1e-5)


def test_a_tall_picture_stands_in_the_middle() -> None:
    """A tall picture fills the height; the wall shows evenly on both sides."""
    light = PictureScene(np.full((100, 50, 3), 255, np.uint8)).band(200, 200, 0, 200)
    assert light[:, :50] == pytest.approx(WALL)
    assert light[:, 150:] == pytest.approx(WALL)
    assert light[:, 52:148] == pytest.approx(1.0, abs=1e-5)


def test_light_is_linear() -> None:
    """Half-way code 188 is half the light of white, and a reduced checkerboard averages light, not codes."""
    grey = PictureScene(np.full((10, 10, 3), 188, np.uint8)).band(20, 20, 0, 20)
    assert grey.mean() == pytest.approx(0.503, abs=0.001)
    checks = (np.indices((200, 200)).sum(axis=0) % 2 * 255).astype(np.uint8)
    reduced = PictureScene(np.repeat(checks[:, :, None], 3, axis=2)).band(20, 20, 0, 20)
    assert reduced == pytest.approx(0.5, abs=0.01)


def test_light_is_never_negative() -> None:
    """The cubic filter's undershoot beside a bright edge is cut at black."""
    edge = np.zeros((20, 20, 3), np.uint8)
    edge[:, 10:] = 255
    light = PictureScene(edge).band(200, 200, 0, 200)
    assert light.min() == 0
    assert light.max() > 1


def saved(folder: Path, image: Image.Image, name: str = "picture.png") -> Path:
    """The path of an image file that was just written."""
    image.save(folder / name)
    return folder / name


def middle(path: Path) -> list[float]:
    """The light in the middle of a picture file drawn at 40 x 40."""
    light: list[float] = open_picture(path).band(40, 40, 20, 1)[0, 20].tolist()
    return light


def test_reads_the_usual_kinds(tmp_path: Path) -> None:
    """RGB, grey, palette, 16-bit grey and transparent pictures give the light that they stand for."""
    half = float(SRGB8_TO_LINEAR[128])
    assert middle(saved(tmp_path, Image.new("RGB", (9, 9), (255, 128, 0)))) == pytest.approx([1, half, 0])
    assert middle(saved(tmp_path, Image.new("L", (9, 9), 128))) == pytest.approx([half] * 3)
    palette = Image.new("RGB", (9, 9), (0, 0, 255)).quantize(4)
    assert middle(saved(tmp_path, palette)) == pytest.approx([0, 0, 1])
    deep = Image.fromarray(np.full((9, 9), 128 * 257, np.uint16))
    assert middle(saved(tmp_path, deep)) == pytest.approx([half] * 3)
    assert middle(saved(tmp_path, Image.new("RGBA", (9, 9), (255, 0, 0, 0)))) == pytest.approx([WALL] * 3)


def test_turns_a_photograph_upright(tmp_path: Path) -> None:
    """The EXIF orientation is applied: a picture marked as turned by 90 degrees hangs upright."""
    image = Image.fromarray(codes(8, 12))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "turned.png", exif=exif)
    light = open_picture(tmp_path / "turned.png").band(8, 12, 0, 12)
    upright = np.rot90(SRGB8_TO_LINEAR[codes(8, 12)], -1)
    assert np.abs(light - upright).max() < 1e-4


def test_refuses_what_is_no_picture(tmp_path: Path) -> None:
    """A text file, a cut file and floating-point pixels are one line with a hint."""
    (tmp_path / "text.png").write_text("hello", encoding="utf-8")
    whole = saved(tmp_path, Image.fromarray(codes(50, 50)), "whole.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    Image.new("F", (9, 9), 0.5).save(tmp_path / "float.tif")
    for name in ("text.png", "cut.png", "float.tif"):
        with pytest.raises(SceneError, match=name) as caught:
            open_picture(tmp_path / name)
        assert caught.value.hint.endswith(".")


def test_a_real_photograph_keeps_its_colours() -> None:
    """Reduced to one row of pixels the astronaut's picture has the mean light of the file."""
    folder = os.environ.get("LASERLINK_SCENES")
    if folder is None:
        pytest.skip("LASERLINK_SCENES names no folder of real scenes")
    path = Path(folder) / "astronaut.png"
    expected = SRGB8_TO_LINEAR[np.asarray(Image.open(path).convert("RGB"))].mean(axis=(0, 1))
    assert open_picture(path).band(128, 128, 0, 128).mean(axis=(0, 1)) == pytest.approx(expected, rel=0.01)
