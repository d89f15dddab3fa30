"""Where the project's chart is in a picture: its place, size, turn and perspective.

The picture is compared with the chart as it is drawn. Both are flattened first (the logarithm of the light,
less its local mean, over its local spread), so that exposure, vignetting and a dim print do not matter. A
coarse search over sizes finds the place by correlation; then the eight numbers of a homography are refined
by least squares, on a small picture and on a larger one (forward composition with the mean of both
gradients: Benhimane and Malis, IROS 2004).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

from laserlink.firmware_model.chart import Chart
from laserlink.firmware_model.drawing import LAYOUT_HEIGHT, LAYOUT_WIDTH
from laserlink.firmware_model.targets import Target
from laserlink.tools.measuring.photon_transfer import NotMeasured
from laserlink.tools.measuring.still import Floats, Still

COARSE_WIDTH = 160
WIDTHS = (160, 400)
"""Widths of the chart, in pixels, at which its place is refined."""
SCALES = tuple(float(scale) for scale in np.geomspace(0.4, 1.05, 24))
"""How much of the picture's width or height the chart may fill."""
DRAWN_WIDTH = 800
ROUNDS = 12
NEIGHBOURHOOD = 0.06
"""What is local, as a part of the chart's width."""
LIKENESS_MIN = 0.5
"""The least correlation of what is taken for the chart."""
DARKEST = 0.02


@dataclass(frozen=True, eq=False)
class Place:
    """Where the chart is: `matrix` takes its parts (across and down, 0 to 1) to parts of the picture.

    `likeness` is the correlation of what is there with the chart; 1 is the same.
    """

    matrix: Floats
    likeness: float

    def point(self, across: float, down: float) -> tuple[float, float]:
        """A point of the chart as parts of the picture."""
        x, y, w = self.matrix @ (across, down, 1.0)
        return float(x / w), float(y / w)

    def box(self, target: Target, width: int, height: int) -> tuple[int, int, int, int]:
        """(x, y, width, height) of whole Bayer cells within a target, in a picture of that size.

        Raises NotMeasured when it is outside of the picture, or smaller than a cell.
        """
        corners = np.array(
            [self.point(x, y) for x in (target.left, target.right) for y in (target.top, target.bottom)]
        )
        # The two inner ones of the four: what a turned rectangle still holds.
        xs, ys = np.sort(corners[:, 0]) * width, np.sort(corners[:, 1]) * height
        x0, y0 = (-int(-side[1] // 2) * 2 for side in (xs, ys))
        x1, y1 = (int(side[2] // 2) * 2 for side in (xs, ys))
        if x0 < 0 or y0 < 0 or x1 > width or y1 > height:
            raise NotMeasured(f"{target.name} is outside of the picture")
        if x1 - x0 < 2 or y1 - y0 < 2:
            raise NotMeasured(f"{target.name} is too small in the picture")
        return x0, y0, x1 - x0, y1 - y0


def find_chart(still: Still) -> Place:
    """The chart's place in a picture of all of it. Raises NotMeasured when it is not there."""
    light = _light(still)
    matrix = _coarse(light)
    likeness = 0.0
    for width in WIDTHS:
        matrix, likeness = _refined(light, matrix, width)
    if not likeness >= LIKENESS_MIN:
        raise NotMeasured(
            f"the chart was not found (likeness {max(likeness, 0):.2f}): "
            "it must fill most of the picture, upright and sharp"
        )
    return Place(matrix, likeness)


def _light(still: Still) -> Floats:
    """The logarithm of the green light, one value a cell of the mosaic."""
    planes = still.planes("G")
    rows = min(plane.shape[0] for plane in planes)
    columns = min(plane.shape[1] for plane in planes)
    green = np.mean([plane[:rows, :columns] for plane in planes], axis=0)
    return _logarithm((green - still.black) / still.span)


def _logarithm(light: Floats) -> Floats:
    bright = max(float(np.percentile(light, 95)), 1e-6)
    return np.log(np.clip(light / bright, 0.0, None) + DARKEST)


@lru_cache(maxsize=32)
def _drawn(width: int) -> Floats:
    """The chart's flattened light at a width in pixels."""
    height = round(width * LAYOUT_HEIGHT / LAYOUT_WIDTH)
    flat = _flattened(_logarithm(_resized(_chart_light(), width, height)), width * NEIGHBOURHOOD)
    flat.setflags(write=False)
    return flat


@lru_cache(maxsize=1)
def _chart_light() -> Floats:
    height = round(DRAWN_WIDTH * LAYOUT_HEIGHT / LAYOUT_WIDTH)
    return Chart().band(DRAWN_WIDTH, height, 0, height)[..., 1].astype(np.float64)


def _resized(image: Floats, width: int, height: int) -> Floats:
    small = Image.fromarray(image.astype(np.float32)).resize((width, height), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float64)


def _flattened(image: Floats, reach: float) -> Floats:
    """Less its local mean, over its local spread."""
    level = image - _blurred(image, reach)
    spread = np.sqrt(_blurred(level**2, reach))
    flat: Floats = level / (spread + 0.1)
    return flat


def _blurred(image: Floats, reach: float) -> Floats:
    """The mean over a square of `reach` pixels to each side; edges go on as they end."""
    around = max(1, round(reach))
    for axis in (0, 1):
        padded = np.pad(image, [(around + 1, around) if side == axis else (0, 0) for side in (0, 1)], "edge")
        sums = padded.cumsum(axis=axis)
        last = np.take(sums, range(2 * around + 1, sums.shape[axis]), axis)
        first = np.take(sums, range(sums.shape[axis] - 2 * around - 1), axis)
        image = (last - first) / (2 * around + 1)
    return image


def _coarse(light: Floats) -> Floats:
    """The size and the place at which the chart is most like the picture."""
    height = max(8, round(COARSE_WIDTH * light.shape[0] / light.shape[1]))
    small = _resized(light, COARSE_WIDTH, height)
    shape = (2 * height, 2 * COARSE_WIDTH)
    best = (-np.inf, np.eye(3))
    fitting = min(COARSE_WIDTH, height * LAYOUT_WIDTH / LAYOUT_HEIGHT)
    for scale in SCALES:
        drawn = _drawn(max(16, round(fitting * scale)))
        seen = np.fft.rfft2(_flattened(small, drawn.shape[1] * NEIGHBOURHOOD), shape)
        likeness = np.fft.irfft2(seen * np.conj(np.fft.rfft2(drawn, shape)), shape) / np.sqrt(drawn.size)
        at = int(np.argmax(likeness))
        if likeness.flat[at] > best[0]:
            down, across = (
                place - side if place > side / 2 else place
                for place, side in zip(divmod(at, shape[1]), shape, strict=True)
            )
            rows, columns = drawn.shape
            matrix = np.array(
                [
                    [columns / COARSE_WIDTH, 0, across / COARSE_WIDTH],
                    [0, rows / height, down / height],
                    [0, 0, 1],
                ]
            )
            best = (float(likeness.flat[at]), matrix)
    return best[1]


def _refined(light: Floats, matrix: Floats, width: int) -> tuple[Floats, float]:
    """The matrix after some rounds of least squares at a width of the chart, and the likeness there."""
    drawn = _drawn(width)
    rows, columns = drawn.shape
    scale = max(1.0, light.shape[1] * abs(matrix[0, 0]) / columns)
    size = max(2, round(light.shape[1] / scale)), max(2, round(light.shape[0] / scale))
    small = _resized(light, *size)
    down, across = np.meshgrid(
        (np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns, indexing="ij"
    )
    down_drawn, across_drawn = np.gradient(drawn, 1 / rows, 1 / columns)
    likeness = 0.0
    for _ in range(ROUNDS):
        seen, inside = _warped(small, matrix, across, down)
        seen = _flattened(seen, columns * NEIGHBOURHOOD)
        enough = inside.sum() > drawn.size / 4 and seen[inside].std() > 0
        likeness = float(np.corrcoef(seen[inside], drawn[inside])[0, 1]) if enough else 0.0
        if not likeness > 0:
            return matrix, 0.0
        down_seen, across_seen = np.gradient(seen, 1 / rows, 1 / columns)
        gx = np.asarray((across_seen + across_drawn) / 2, dtype=np.float64)
        gy = np.asarray((down_seen + down_drawn) / 2, dtype=np.float64)
        gain = float((seen * drawn)[inside].sum() / (seen**2)[inside].sum())
        step = _step(across, down, gx, gy, (drawn - gain * seen) * inside)
        matrix = matrix @ (np.eye(3) + step)
        matrix = matrix / matrix[2, 2]
    return matrix, likeness


def _step(across: Floats, down: Floats, gx: Floats, gy: Floats, error: Floats) -> Floats:
    """The small homography of the chart's parts that takes away most of the error."""
    inward = -(gx * across + gy * down)
    columns = (gx * across, gx * down, gx, gy * across, gy * down, gy, inward * across, inward * down)
    slopes = np.stack([column.ravel() for column in columns], axis=1) * (error.ravel() != 0)[:, None]
    normal = slopes.T @ slopes
    solved = np.linalg.solve(normal + 1e-6 * np.trace(normal) * np.eye(8) / 8, slopes.T @ error.ravel())
    step: Floats = np.append(solved, 0.0).reshape(3, 3)
    return step


def _warped(image: Floats, matrix: Floats, across: Floats, down: Floats) -> tuple[Floats, Floats]:
    """The picture as it is at the chart's points, and which of them are inside (1) or not (0)."""
    rows, columns = image.shape
    w = matrix[2, 0] * across + matrix[2, 1] * down + matrix[2, 2]
    x = (matrix[0, 0] * across + matrix[0, 1] * down + matrix[0, 2]) / w * columns - 0.5
    y = (matrix[1, 0] * across + matrix[1, 1] * down + matrix[1, 2]) / w * rows - 0.5
    inside = (x >= -0.5) & (x <= columns - 0.5) & (y >= -0.5) & (y <= rows - 0.5)
    x, y = np.clip(x, 0, columns - 1.001), np.clip(y, 0, rows - 1.001)
    left, top = x.astype(np.intp), y.astype(np.intp)
    part_x, part_y = x - left, y - top
    upper = image[top, left] * (1 - part_x) + image[top, left + 1] * part_x
    lower = image[top + 1, left] * (1 - part_x) + image[top + 1, left + 1] * part_x
    return upper * (1 - part_y) + lower * part_y, inside
