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
            PROSE,
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


PROSE = """\
Times of single kernels, each variant beside its Python reference, come from pytest-benchmark:
`pytest tests/test_kernel_speed.py --benchmark-enable -n 0`.

## What limits the link

Module and host each have a core, and the host's is the busier one. Profiled by `perf` (cpu-clock, on a
Cascade Lake at 2.5 GHz: AVX2, neither VBMI nor VPCLMULQDQ), its thread spends 0.031 s on 100 megapixels of
RAW12, of which 0.007 are the CRC, 0.008 the digest, and 0.009 to 0.022 unpacking, by how much of the
picture is in the cache. On top come 30 to 60 us of Python between calls of 4 MB, and 1 ms at each image's
end. A memcpy of the unpacked bytes takes 0.039 s of the same core. The module needs 0.020 to 0.026 s.

Tried: [streaming stores](decisions/0005-ordinary-stores.md) were slower; to prefetch the next frame's
source gave little. With two streams, what is lost is Python between runs, and the end of each preview.

## What limits the CRC

Folding takes two carry-less multiplications for 16 bytes. Without VPCLMULQDQ a core does one a cycle, so 8
bytes a cycle is the limit, and 4 KB with the call from Python come to three quarters of it. The fastest
package uses the CPU's crc32 instruction as well; that one knows CRC-32C only, and this wire needs a
polynomial with a larger distance at 4 KB.

## What limits a control round trip

Each process sleeps between two gets, and what it runs then is cold: a step costs as much as it touches
distinct pieces of code and data, some 1 us for a call of Python, not as it has instructions. Hot, both
machines take 22 us for one get; after a sleep they took 75. So a question and its answer, while nothing else
happens, are one call of a kernel at the host and one at the module (`cext/exchange.pyx`): each looks before
its sleep at all that it will judge by, and counts what it sent when it is sent. They leave both machines as
the loops around them would, and whatever else comes to those. Step by step, in a run where the peer took
52 us, the medians were:

| step | us |
|---|---|
| host, from the call to the kernel 8, framing 5, the write 5 | 18 |
| until the module wakes, and reads | 11 |
| module: judging 3, carrying the request out (six calls of Python) 8.5, framing 3, the write 5 | 19.5 |
| until the host wakes, and reads | 10 |
| host, judging and giving the port back 4, from the kernel to the value 5.5 | 9.5 |

What was tried and is no faster: compiling both machines by Cython (5 %) or mypyc (hot half, cold the same);
waiting for the answer in a loop instead of asleep, at either end or both, also giving up the core each
time, for the kernel needs one of them to carry the bytes; huge pages for the heap; smaller reads.

## What limits the first line

The time counts from before the module writes the last frame of the line; `from_begin_us` of the JSON
counts from before the first one, and has 22 to 40 us more, in which a module that slept writes the
others in Python. A reader that sleeps takes 51 to 77 us: the bell 15, and what follows runs cold. So the
reader is awake when the next image is due ([decision 6](decisions/0006-awake-when-due.md)): 6 to 14 us
when module and host have a core each. About 3 of these are the module's call, and 3 a frame's way from
core to core with its checks. Some systems keep both on one core for a while, and then it is 25 to 45 us,
for the module pushes its reader aside: the benchmark gives each process a core of its own.
On a virtual machine whose neighbours are busy, the same code takes 20 to 30 us, version by version alike.
"""


def write(folder: Path, figures: Sequence[Figure], found: Sequence[Cost]) -> list[Path]:
    """Write the page and its plot into `folder`; what was written."""
    document, picture = folder / "performance.md", folder / PLOT_NAME
    document.write_text(page(figures, found))
    picture.write_text(plot(found))
    return [document, picture]
