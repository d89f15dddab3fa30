"""The names of the benchmarks."""

from laserlink.tools.benchmarks.registry import BENCHMARKS


def test_names() -> None:
    """Every documented name is there, in its order."""
    assert " ".join(BENCHMARKS) == (
        "link link-two-streams unpack-raw10 unpack-raw12 unpack-raw14 crc decode-objects decode-batch "
        "control-round-trip first-line serial-1m serial-3m serial-12m dng-write host-memory"
    )
