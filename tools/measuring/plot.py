"""The figures as one picture: photon transfer, linearity, MTF and colours, four diagrams under a headline."""

import math
import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np

from laserlink.firmware_model.drawing import Light
from laserlink.tools.measuring.colours import Patch
from laserlink.tools.measuring.drawing import FAINT, FRAME, INK, Axes, Canvas, Colour, Point, Scale
from laserlink.tools.measuring.figures import Findings, Report, headline
from laserlink.tools.measuring.photon_transfer import NotMeasured, Transfer

WIDTH, HEIGHT = 1600, 1240
ACCENT, SECOND, THIRD, FOURTH, PALE = "#c81e3a", "#2f6db5", "#3a8f5c", "#b7791f", "#f6e3e6"
EDGE_COLOURS = (ACCENT, SECOND, THIRD, FOURTH)
LINEARITY_GOAL_PERCENT = 0.5
PATCHES_A_ROW = 6

Box = tuple[float, float, float, float]


def draw(findings: Findings, report: Report, path: Path) -> None:
    """Write the diagrams as a PNG. Raises OSError."""
    canvas = Canvas(WIDTH, HEIGHT)
    canvas.text((60, 34), findings.module or "camera", 34)
    canvas.text((60, 84), headline(findings), 17, FAINT)
    _key_figures(canvas, report)
    panels: tuple[tuple[str, Callable[[Canvas, Box, Findings], None]], ...] = (
        ("Photon transfer", _photon_transfer),
        ("Linearity", _linearity),
        ("Sharpness", _sharpness),
        ("Colours", _colours),
    )
    for index, (title, panel) in enumerate(panels):
        row, column = divmod(index, 2)
        left, top = 60 + column * 770, 210 + row * 510
        canvas.text((left, top), title, 21)
        box = (left + 80.0, top + 42.0, left + 710.0, top + 420.0)
        try:
            panel(canvas, box, findings)
        except NotMeasured as error:
            _empty(canvas, box, str(error))
    canvas.finished().save(path, format="PNG")


def _key_figures(canvas: Canvas, report: Report) -> None:
    """The figures of the headline, large, side by side."""
    shown = (
        ("dynamic_range_ev", "dynamic range", "{:.2f} EV"),
        ("read_noise_e", "read noise", "{:.2f} e-"),
        ("full_well_e", "full well", "{:,.0f} e-"),
        ("conversion_gain_dn_per_e", "conversion gain", "{:.3f} DN/e-"),
        ("linearity_error_percent", "linearity error", "{:.3f} %"),
        ("mtf50_cy_px", "MTF50", "{:.3f} cy/px"),
        ("delta_e_mean", "colour error", "{:.2f} dE00"),
    )
    for index, (name, label, pattern) in enumerate(shown):
        value = report.values[name]
        x = 60 + index * 216
        canvas.text((x, 128), label, 14, FAINT)
        canvas.text((x, 147), pattern.format(value) if value is not None else "not measured", 22)


def _empty(canvas: Canvas, box: Box, why: str) -> None:
    left, top, right, bottom = box
    canvas.box(*box, None, FRAME)
    lines = textwrap.wrap(f"Not measured: {why}", 60)
    for number, line in enumerate(lines):
        at = ((left + right) / 2, (top + bottom) / 2 + (number - len(lines) / 2) * 24)
        canvas.text(at, line, 16, FAINT, "ma")


def _legend(axes: Axes, entries: list[tuple[str, Colour]], at: Point) -> None:
    x, y = at
    for number, (text, colour) in enumerate(entries):
        axes.canvas.line([(x, y + 22 * number), (x + 22, y + 22 * number)], colour, 3)
        axes.canvas.text((x + 30, y + 22 * number), text, 14, INK, "lm")


def _photon_transfer(canvas: Canvas, box: Box, findings: Findings) -> None:
    """Noise over signal, both in electrons."""
    transfer: Transfer = findings.transfer
    gain = transfer.dn_per_e
    signals = transfer.signals() / gain
    noises = np.sqrt([pair.temporal_variance for pair in transfer.light]) / gain
    dark_e = transfer.dark_noise_dn / gain
    high = 10.0 ** math.ceil(math.log10(signals.max() * 1.02))
    low = 10.0 ** math.floor(math.log10(max(1.0, signals.min() / 2)))
    floor = 10.0 ** math.floor(math.log10(dark_e * 0.9))
    axes = Axes(
        canvas,
        box,
        Scale(low, high, "signal in electrons", logarithmic=True),
        Scale(
            floor,
            10.0 ** math.ceil(math.log10(math.sqrt(high))),
            "temporal noise in electrons",
            logarithmic=True,
        ),
    )
    sweep = np.geomspace(low, high, 200)
    axes.curve(list(zip(sweep, np.sqrt(sweep), strict=True)), SECOND)
    axes.curve([(low, dark_e), (high, dark_e)], THIRD)
    axes.points(list(zip(signals, noises, strict=True)), ACCENT, 3.5)
    _legend(
        axes,
        [("measured", ACCENT), ("shot noise", SECOND), (f"in the dark, {dark_e:.2f} e-", THIRD)],
        (box[0] + 20, box[1] + 22),
    )
    full_well = transfer.full_well_e
    axes.dashes((full_well, axes.y.low), (full_well, axes.y.high), FAINT)
    axes.canvas.text(
        (axes.at(full_well, 1)[0] - 8, box[3] - 12), f"full well {full_well:,.0f} e-", 14, FAINT, "rb"
    )


def _linearity(canvas: Canvas, box: Box, findings: Findings) -> None:
    """Errors from a straight line over the signal."""
    shares, errors = findings.transfer.line()
    reach = max(1.0, 1.2 * float(np.abs(errors).max()) * 100)
    axes = Axes(
        canvas,
        box,
        Scale(0.0, 100.0, "signal in % of saturation"),
        Scale(-reach, reach, "error from a straight line in %"),
    )
    axes.band(-LINEARITY_GOAL_PERCENT, LINEARITY_GOAL_PERCENT, PALE)
    axes.curve([(0.0, 0.0), (100.0, 0.0)], FRAME, 1.5)
    points = list(zip(100 * shares, 100 * errors, strict=True))
    axes.curve(points, ACCENT)
    axes.points(points, ACCENT, 3.5)
    axes.text(2.0, LINEARITY_GOAL_PERCENT, f"within {LINEARITY_GOAL_PERCENT:g} %", FAINT, "lb")


def _sharpness(canvas: Canvas, box: Box, findings: Findings) -> None:
    """The MTF of each edge."""
    mean = findings.mean_mtf50()
    axes = Axes(
        canvas, box, Scale(0.0, 1.0, "cycles per pixel"), Scale(0.0, 1.1, "contrast that is left (MTF)")
    )
    axes.dashes((0.5, 0.0), (0.5, 1.1), FAINT)
    axes.text(0.51, 1.08, "Nyquist: two pixels a cycle", FAINT)
    axes.dashes((0.0, 0.5), (mean, 0.5), INK)
    axes.dashes((mean, 0.0), (mean, 0.5), INK)
    entries = []
    for number, (name, edge) in enumerate(list(findings.edges.items())[: len(EDGE_COLOURS)]):
        colour = EDGE_COLOURS[number]
        axes.curve(list(zip(edge.frequencies, edge.mtf, strict=True)), colour)
        entries.append((f"{name}: {edge.mtf50:.3f}", colour))
    axes.canvas.dot(axes.at(mean, 0.5), INK, 5)
    axes.text(mean + 0.02, 0.53, f"{mean:.3f} cy/px", INK, "lb", 17)
    _legend(axes, entries, (axes.at(0.72, 1)[0], box[1] + 70))


def _colours(canvas: Canvas, box: Box, findings: Findings) -> None:
    """Each patch as published and, in its lower right half, as seen; and the difference."""
    findings.delta_e()
    left, top, right, bottom = box[0] - 70, box[1], box[2], box[3] + 28
    pitch_x, pitch_y = (
        (right - left) / PATCHES_A_ROW,
        (bottom - top) / (len(findings.patches) / PATCHES_A_ROW),
    )
    for index, patch in enumerate(findings.patches):
        row, column = divmod(index, PATCHES_A_ROW)
        x, y = left + column * pitch_x, top + row * pitch_y
        _patch(canvas, (x, y, x + pitch_x - 10, y + pitch_y - 30), patch)
    caption = "outside: as published; inside: as the camera sees it; numbers: CIEDE2000"
    canvas.text(((left + right) / 2, bottom + 4), caption, 14, FAINT, "ma")


def _patch(canvas: Canvas, box: Box, patch: Patch) -> None:
    left, top, right, bottom = box
    canvas.box(*box, _shown(patch.meant))
    across, down = (right - left) * 0.25, (bottom - top) * 0.25
    canvas.box(left + across, top + down, right - across, bottom - down, _shown(patch.seen))
    canvas.text(((left + right) / 2, bottom + 4), f"{patch.name}  {patch.delta_e:.1f}", 12, INK, "ma")


def _shown(light: Light) -> Colour:
    """Linear sRGB as a colour of the page."""
    linear = np.clip(light, 0.0, 1.0)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    red, green, blue = np.rint(255 * encoded).astype(int).tolist()
    return f"#{red:02x}{green:02x}{blue:02x}"
