"""The project's test chart: composed once in units, drawn at any size by bands of rows.

Light is linear, in sRGB primaries, 1.0 = a diffuse white card. It is a slide before a light box, for no print
has 16 EV. What it measures (`targets.py` says where):

- resolution: Siemens stars (centre and corners), line pairs and fine text;
- sharpness: edges slanted by 5 degrees at a contrast of 4:1 (ISO 12233:2014, e-SFR);
- tone: a wedge of 16 EV in 17 steps, and 20 grey steps of density 0.05 to 1.95;
- colour: the 24 patches of the ColorChecker Classic, by the 8-bit sRGB values that X-Rite publishes
  (the nominal values that BabelColor tabulates, D65);
- noise: even fields of 18 % and 50 % grey;
- framing: corner brackets and ticks along the borders.
"""

from laserlink.firmware_model.drawing import (
    BACKGROUND,
    HOT_CORE,
    LASER,
    LAYOUT_HEIGHT,
    LAYOUT_WIDTH,
    LINE,
    PALE,
    PANEL,
    Drawing,
    Mark,
    grey,
    srgb8,
)
from laserlink.firmware_model.shapes import (
    Beam,
    Disc,
    Lettering,
    LinePairs,
    Rectangle,
    SiemensStar,
    TiltedSquare,
)
from laserlink.firmware_model.targets import (
    BAND_LEFT,
    BAND_WIDTH,
    COLORCHECKER_SRGB8,
    COLOURS,
    EDGE_DARK,
    EDGE_GROUND,
    EDGE_LIGHT,
    EDGE_SIDE,
    EDGE_SQUARES,
    FLATS,
    GREY_STEPS,
    GREYS,
    STARS,
    WEDGE,
    WEDGE_STEPS,
    Box,
    grey_light,
    patch_boxes,
    step_boxes,
    wedge_light,
)

FINE_TEXT = "LASERLINK  RAW IMAGES ON A BEAM OF LIGHT  0123456789"
FINE_TEXT_HEIGHTS = (2.0, 1.6, 1.3, 1.05, 0.85, 0.7, 0.55, 0.45, 0.35, 0.28)
"""Heights of the capitals in units; the smallest are 8 pixels at 11648 pixels of width."""


def _rectangle(box: Box) -> Rectangle:
    return Rectangle(box.left, box.top, box.width, box.height)


def _framed(box: Box, margin: float) -> Mark:
    """The panel behind a target."""
    return Mark(
        Rectangle(box.left - margin, box.top - margin, box.width + 2 * margin, box.height + 2 * margin), PANEL
    )


def frame() -> list[Mark]:
    """Corner brackets, and ticks along the borders 10 units apart."""
    marks = []
    inset, arm, stroke = 6.0, 15.0, 0.7
    far_x, far_y = LAYOUT_WIDTH - inset, LAYOUT_HEIGHT - inset
    for x, reach in ((inset, arm), (far_x - stroke, -arm + stroke)):
        for y, drop in ((inset, arm), (far_y - stroke, -arm + stroke)):
            marks.append(Rectangle(min(x, x + reach), y, abs(reach) + (stroke if reach < 0 else 0), stroke))
            marks.append(Rectangle(x, min(y, y + drop), stroke, abs(drop) + (stroke if drop < 0 else 0)))
    for step in range(3, 38):
        length = 3.2 if step % 5 == 0 else 1.6
        x = step * 10.0 - 0.15
        marks += [Rectangle(x, inset, 0.3, length), Rectangle(x, far_y - length, 0.3, length)]
        if step < 28:
            marks += [Rectangle(inset, x, length, 0.3), Rectangle(far_x - length, x, length, 0.3)]
    return [Mark(shape, LINE) for shape in marks]


def _stars() -> list[Mark]:
    marks = []
    for index, (x, y, radius, cycles) in enumerate(STARS):
        ring = Mark(Disc(x, y, 48.4, 47.6), LASER) if index == 0 else Mark(Disc(x, y, 25.4, 25.0), LINE)
        ground, star = Disc(x, y, radius), SiemensStar(x, y, radius, cycles)
        marks += [ring, Mark(ground, srgb8(14, 15, 18)), Mark(star, PALE)]
    return [*marks, Mark(Disc(*STARS[0][:2], 1.7), BACKGROUND), Mark(Disc(*STARS[0][:2], 0.9), LASER)]


def _title() -> list[Mark]:
    return [
        Mark(Lettering("LaserLink", 200.0, 26.5, 26.0, 0.07), PALE),
        Mark(Beam(0.0, LAYOUT_WIDTH, 75.0, 1.1, 12.0, 60.0), LASER),
        Mark(Beam(0.0, LAYOUT_WIDTH, 75.0, 0.22, 1.6, 60.0), HOT_CORE),
    ]


def _colours() -> list[Mark]:
    marks = [_framed(COLOURS, 4.0)]
    for box, (_, code) in zip(patch_boxes(), COLORCHECKER_SRGB8, strict=True):
        marks.append(Mark(_rectangle(box), srgb8(*code)))
    return marks


def _edges() -> list[Mark]:
    squares = [TiltedSquare(x, y, EDGE_SIDE, degrees) for x, y, degrees in EDGE_SQUARES]
    ground = [_framed(EDGE_GROUND, 4.0), Mark(_rectangle(EDGE_GROUND), grey(EDGE_LIGHT))]
    return ground + [Mark(square, grey(EDGE_DARK)) for square in squares]


def _steps() -> list[Mark]:
    """Each step is painted over the rest of its scale, so that no ground shows between two steps."""
    marks = [_framed(GREYS, 1.2), _framed(WEDGE, 1.2)]
    for whole, steps, light in ((GREYS, GREY_STEPS, grey_light), (WEDGE, WEDGE_STEPS, wedge_light)):
        for step, box in enumerate(step_boxes(steps, whole.top, whole.height)):
            rest = Rectangle(box.left, box.top, whole.left + whole.width - box.left, box.height)
            marks.append(Mark(rest, light(step)))
    return marks


def _flats() -> list[Mark]:
    marks = []
    for box, level in FLATS:
        marks += [_framed(box, 1.2), Mark(_rectangle(box), grey(level))]
    return marks


def _line_pairs() -> list[Mark]:
    """Groups of bars, each finer than the one before by the square root of 2.

    The last has a period of 1.7 pixels at 11648 pixels of width: past what the sensor can resolve.
    """
    periods = [5.2 * 2.0 ** (-group / 2) for group in range(14)]
    groups = [(period, max(3, round(12.5 / period)) - 0.5) for period in periods]
    gap = (BAND_WIDTH - sum(period * pairs for period, pairs in groups)) / (len(groups) - 1)
    marks = []
    x = BAND_LEFT
    for period, pairs in groups:
        marks.append(Mark(LinePairs(x, 222.5, 13.5, period, pairs), PALE))
        x += period * pairs + gap
    return marks


def _fine_text() -> list[Mark]:
    """One line of text, smaller and smaller, below the middle."""
    marks = []
    y = 201.8
    for height in FINE_TEXT_HEIGHTS:
        marks.append(Mark(Lettering(FINE_TEXT, 200.0, y, height, 0.1), PALE))
        y += height * 1.4 + 0.5
    return marks


def _labels() -> list[Mark]:
    """What the targets are, in small letters beside them."""
    centres = [box.left + box.width / 2 for box in step_boxes(WEDGE_STEPS, WEDGE.top, WEDGE.height)]
    texts = [
        ("SIEMENS STAR  72 CYCLES", 72.0, 95.6),
        ("24 COLOURS  SRGB D65", 200.0, 97.4), ("SLANTED EDGES  5 DEG  4:1", 328.0, 97.4),
        ("18 % GREY", 328.0, 217.8), ("50 % GREY", 72.0, 217.8),
        *((f"-{step}" if step else "0 EV", x, 277.6) for step, x in enumerate(centres)),
    ]  # fmt: skip
    return [Mark(Lettering(text, x, y, 1.7, 0.14), LINE) for text, x, y in texts]


def compose() -> tuple[Mark, ...]:
    """The chart's marks, in the order in which they are painted."""
    parts = (frame, _title, _stars, _colours, _edges, _flats, _line_pairs, _steps, _fine_text, _labels)
    return tuple(mark for part in parts for mark in part())


class Chart(Drawing):
    """The chart as a scene of linear light. It hangs in a collimator, so it is far away."""

    def __init__(self) -> None:
        super().__init__(compose())
