"""docs/performance.md: every figure, the machine it was measured on, and a plot of cost against size."""

import os
import platform
from collections.abc import Sequence
from pathlib import Path

from laserlink.cext import kernels
from laserlink.tools.benchmarks.figure import Figure
from laserlink.tools.benchmarks.link import cost
from laserlink.tools.benchmarks.module_side import ModuleOptions

PLOT_NAME = "performance.svg"
# Width and height from 1 to 400 megapixels, 4:3.
SIZES = ((1152, 868), (2304, 1736), (4608, 3472), (11648, 8736), (23296, 17472))
Cost = tuple[float, float, float]


def machine() -> str:
    """What was measured on, in one line."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "")
    variant = kernels.variant() if kernels is not None else "Python alone"
    return f"{model or platform.machine()}, {os.cpu_count()} cores, kernels: {variant}"


def costs(sizes: Sequence[tuple[int, int]] = SIZES) -> list[Cost]:
    """For each size: megapixels, nanoseconds an unpacked byte, peak memory over the image's own size."""
    found = []
    for width, height in sizes:
        ns_per_byte, peak = cost(ModuleOptions(width, height))
        found.append((width * height / 1e6, ns_per_byte, peak / (width * height * 2)))
    return found


def plot(found: Sequence[Cost]) -> str:
    """An SVG: both costs against the size; flat is good."""
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 280"',
        '  font-family="sans-serif" font-size="12">',
        '<rect width="640" height="280" fill="white"/>',
    ]
    for index, (title, colour) in enumerate(
        (("time: ns an unpacked byte", "#c0392b"), ("peak memory over one image", "#2c3e50"))
    ):
        parts += _panel(40 + 310 * index, title, colour, [(item[0], item[1 + index]) for item in found])
    return "\n".join([*parts, "</svg>", ""])


def _panel(left: int, title: str, colour: str, points: Sequence[tuple[float, float]]) -> list[str]:
    width, top, bottom = 260, 40, 230
    highest = max(value for _, value in points) * 1.25
    step = width / max(1, len(points) - 1)
    spots = [
        (left + step * index, bottom - (bottom - top) * value / highest)
        for index, (_, value) in enumerate(points)
    ]
    line = " ".join(f"{x:.0f},{y:.0f}" for x, y in spots)
    parts = [
        f'<text x="{left}" y="24">{title}</text>',
        f'<path d="M{left} {top}V{bottom}H{left + width}" fill="none" stroke="#888"/>',
        f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>',
    ]
    for (x, y), (size, value) in zip(spots, points, strict=True):
        parts.append(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="3" fill="{colour}"/>')
        parts.append(f'<text x="{x:.0f}" y="{y - 8:.0f}" text-anchor="middle">{value:.2f}</text>')
        parts.append(f'<text x="{x:.0f}" y="{bottom + 18}" text-anchor="middle">{size:.0f} MP</text>')
    return parts


def table_rows(figures: Sequence[Figure]) -> list[str]:
    """The lines of the table of figures."""
    rows = []
    for figure in figures:
        peer = "-" if figure.against_value is None else f"{figure.against_value:.2f}"
        ratio = "-" if figure.ratio is None else f"{figure.ratio:.2f}"
        met = {True: "reached", False: "not reached", None: "not known"}[figure.wanted.met(figure)]
        rows.append(
            f"| {figure.name} | {figure.value:.2f} {figure.unit} | {figure.against}: {peer} | {ratio} "
            f"| {figure.wanted} | {met} |"
        )
    return rows


def page(figures: Sequence[Figure], found: Sequence[Cost]) -> str:
    """The document."""
    return "\n".join(
        [
            "# Performance",
            "",
            "Written by `laserlink bench --report`. All of a row was measured in one run, in turns: it is a",
            "median. A ratio says more than a figure: other work on the machine slows both sides.",
            "",
            f"Machine: {machine()}.",
            "",
            "| figure | measured | against | ratio | goal | |",
            "|---|---:|---|---:|---|---|",
            *table_rows(figures),
            "",
            *PROSE,
            "",
            "## Cost against size",
            "",
            f'<img src="{PLOT_NAME}" alt="Time for a byte and peak memory against the size of an image">',
            "",
            "| megapixels | ns an unpacked byte | peak memory over one image |",
            "|---:|---:|---:|",
            *(f"| {size:.0f} | {ns:.3f} | {memory:.2f} |" for size, ns, memory in found),
            "",
        ]
    )


PROSE = (
    "## What limits the link",
    "",
    "Module and host each have a core, and the host's is the busier one. Profiled by `perf` (cpu-clock, on a",
    "Cascade Lake at 2.5 GHz: AVX2, neither VBMI nor VPCLMULQDQ), its thread spends about 0.057 s on 100",
    "megapixels: 0.021 s in the CRC, which is also where the bytes come over from the other core's cache,",
    "0.013 s in the stores that unpack, 0.009 s in the digest, the rest in Python, between the forty or so",
    "calls of the kernel that an image takes. A memcpy of the unpacked bytes takes 0.040 s of the same core.",
    "",
    "Tried: to fetch the next frame ahead of its check made it slower (0.08 s), for the line-fill buffers",
    "are busy with streaming stores. With a ring of 1 MB or less both sides wait for each other; from 2 MB",
    "on its size hardly matters, so it has 4.",
)


def write(folder: Path, figures: Sequence[Figure], found: Sequence[Cost]) -> list[Path]:
    """Write the page and its plot into `folder`; what was written."""
    document, picture = folder / "performance.md", folder / PLOT_NAME
    document.write_text(page(figures, found))
    picture.write_text(plot(found))
    return [document, picture]
