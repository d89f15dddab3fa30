"""The benchmarks of `laserlink bench`: each measures its figure and, in the same run, what it stands against.

figure.py        a figure, its goal, and alternating runs with medians
module_side.py   a module without physics in a process of its own, as fast as its machine and shell can
link.py          images through the whole protocol: link, two streams, first line, host memory
kernels.py       unpacking and the CRC alone
messages.py      small frames into objects, and into a table
lines.py         a round trip over a pseudo-terminal, and the capacity of paced serial lines
files.py         writing a DNG
report.py        docs/performance.md and its plot
registry.py      the names, in order
"""
