"""The benchmarks of the kernels, on little data."""

import pytest

from laserlink.tools.benchmarks import kernels


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_unpacking_has_a_figure(bits: int) -> None:
    """Each format has its figure, beside memcpy's."""
    figure = kernels.unpack(bits, pixels=1 << 12)
    assert figure.name == f"unpack-raw{bits}" and figure.against == "memcpy"
    assert figure.value > 0 and figure.ratio


def test_missing_peers_are_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any CRC package there is a figure, and no ratio."""
    monkeypatch.setattr(kernels, "CRC_PEERS", {"no_such_package": "crc"})
    monkeypatch.setattr(kernels, "CRC_CALLS", 8)
    document = kernels.crc().document()
    assert document["missing"] == ["no_such_package"] and "missing" in document["against"]
    assert document["ratio"] is None and document["met"] is None


def test_memory_is_copied() -> None:
    """The copy that all is measured against does copy."""
    copy = kernels.copier(4096)
    assert copy() is not None
