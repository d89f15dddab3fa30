"""A picture file as a scene: hung whole on a dark grey wall, in linear light."""

import math
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from laserlink.firmware_model.colour import SRGB8_TO_LINEAR
from laserlink.firmware_model.scene_kinds import SceneError

WALL_SRGB8 = 46
"""The wall's 8-bit sRGB code: about 2.7 % of diffuse white."""

_SIXTEEN_BIT_MODES = ("I;16", "I;16L", "I;16B", "I;16N", "I")
_SOURCE_PIXELS_MAX = 4_000_000
"""Source pixels that are held in linear light at once (48 MB)."""

# The cubic filter looks at 2 source pixels on each side of a target pixel when it enlarges.
_SUPPORT = 2.0


class PictureScene:
    """A picture, decoded from sRGB to linear light, fitted whole into any size.

    `codes` is 8-bit sRGB of shape (height, width, 3).
    """

    distance_dioptres = 0.0

    def __init__(self, codes: NDArray[np.uint8]) -> None:
        self._codes = codes

    def band(self, width: int, height: int, top: int, rows: int) -> NDArray[np.float32]:
        """Rows `top` to `top + rows` at `width` x `height`: shape (rows, width, 3), see LuminanceScene.

        Bands join without seams: each is filtered from source rows that reach past its ends.
        """
        planes = np.full((3, rows, width), SRGB8_TO_LINEAR[WALL_SRGB8], dtype=np.float32)
        hung_width, hung_height = self._hung(width, height)
        left, above = (width - hung_width) // 2, (height - hung_height) // 2
        first = max(top, above)
        last = min(top + rows, above + hung_height)
        step = self._rows_at_once(hung_height)
        for start in range(first, last, step):
            stop = min(start + step, last)
            part = planes[:, start - top : stop - top, left : left + hung_width]
            self._draw(part, hung_height, start - above)
        return np.moveaxis(planes, 0, -1)

    def _hung(self, width: int, height: int) -> tuple[int, int]:
        """The picture's size in pixels when it is contained in `width` x `height`."""
        source_height, source_width = self._codes.shape[:2]
        scale = min(width / source_width, height / source_height)
        hung_width, hung_height = round(source_width * scale), round(source_height * scale)
        return max(1, hung_width), max(1, hung_height)

    def _rows_at_once(self, hung_height: int) -> int:
        """Target rows whose source rows stay within the memory limit."""
        source_height, source_width = map(int, self._codes.shape[:2])
        return max(1, math.floor(_SOURCE_PIXELS_MAX / source_width * hung_height / source_height))

    def _draw(self, part: NDArray[np.float32], hung_height: int, start: int) -> None:
        """Fills `part`, shape (3, rows, columns), with the hung picture's rows from `start` on."""
        source_height, source_width = self._codes.shape[:2]
        rows, columns = part.shape[1:]
        ratio = source_height / hung_height
        low, high = start * ratio, (start + rows) * ratio
        margin = math.ceil(_SUPPORT * max(ratio, 1.0)) + 1
        first, last = max(0, math.floor(low) - margin), min(source_height, math.ceil(high) + margin)
        light = SRGB8_TO_LINEAR[self._codes[first:last]]
        box = (0.0, low - first, float(source_width), min(high - first, float(last - first)))
        for index in range(3):
            source = Image.fromarray(np.ascontiguousarray(light[:, :, index]))
            resized = source.resize((columns, rows), Image.Resampling.BICUBIC, box=box)
            # The cubic filter undershoots beside bright edges; there is no negative light.
            np.maximum(np.asarray(resized), np.float32(0.0), out=part[index])


def open_picture(path: Path) -> PictureScene:
    """A picture file of any format that Pillow opens; SceneError when it cannot be read."""
    try:
        with warnings.catch_warnings():
            # A 100-megapixel picture is normal here; Pillow still refuses twice its limit.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                return PictureScene(_codes_of(ImageOps.exif_transpose(image), path.name))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        cause = f"{path.name} cannot be read: {error}"
        raise SceneError(cause, "Give a whole PNG, JPEG or TIFF picture.") from error


def _codes_of(image: Image.Image, name: str) -> NDArray[np.uint8]:
    if image.mode == "F":
        raise SceneError(f"{name} has floating-point pixels", "Save it with 8 or 16 bits a channel.")
    if image.mode in _SIXTEEN_BIT_MODES:
        # Pillow's own conversion would clip 16-bit grey at 255.
        grey = np.clip(np.asarray(image), 0, 65_535) // 257
        return np.repeat(grey.astype(np.uint8)[:, :, None], 3, axis=2)
    if image.has_transparency_data:
        wall = Image.new("RGBA", image.size, (WALL_SRGB8, WALL_SRGB8, WALL_SRGB8, 255))
        image = Image.alpha_composite(wall, image.convert("RGBA"))
    return np.asarray(image.convert("RGB"))
