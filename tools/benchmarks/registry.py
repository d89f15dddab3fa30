"""The names of the benchmarks, in the order in which they are run and printed."""

from collections.abc import Callable

from laserlink.tools.benchmarks import files, kernels, lines, link, messages
from laserlink.tools.benchmarks.figure import Figure

BENCHMARKS: dict[str, Callable[[], Figure]] = {
    "link": link.link,
    "link-two-streams": link.link_two_streams,
    "unpack-raw10": lambda: kernels.unpack(10),
    "unpack-raw12": lambda: kernels.unpack(12),
    "unpack-raw14": lambda: kernels.unpack(14),
    "crc": kernels.crc,
    "decode-objects": messages.decode_objects,
    "decode-batch": messages.decode_batch,
    "control-round-trip": lines.control_round_trip,
    "first-line": lines.first_line,
    "serial-1m": lambda: lines.serial(1_000_000),
    "serial-3m": lambda: lines.serial(3_000_000),
    "serial-12m": lambda: lines.serial(12_000_000),
    "dng-write": files.dng_write,
    "host-memory": link.host_memory,
}
