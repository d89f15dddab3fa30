"""laserlink.host_driver.lanes.ring: the ring of a live module is opened, that of a dead one is swept away."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from served import entries

from laserlink.cext.ring import Ring
from laserlink.host_driver.errors import NoDeviceFound
from laserlink.host_driver.lanes import ring as lane
from laserlink.host_driver.lanes.ring import open_ring


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ring folder of this test's own."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


def test_ring_of_a_module_carries_bytes() -> None:
    """What the module commits, the host reads."""
    with Ring.create("here", 1 << 14) as producer, open_ring("here") as consumer:
        producer.space()[:5] = b"light"
        producer.commit(5)
        assert bytes(consumer.data()) == b"light"
        producer.unlink()


def test_ring_that_is_late_is_waited_for() -> None:
    """A module that is just making its next ring is given the time."""
    made: list[Ring] = []
    timer = threading.Timer(0.2, lambda: made.append(Ring.create("late", 1 << 14)))
    timer.start()
    open_ring("late").close()
    timer.join()
    made[0].unlink()
    made[0].close()


@pytest.mark.parametrize("name", ["nowhere", "../etc", "", "A"])
def test_ring_that_is_not_there_says_so(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No ring, or no name of one: no device, with a hint."""
    monkeypatch.setattr(lane, "OPEN_SECONDS", 0.05)
    with pytest.raises(NoDeviceFound, match="ring") as caught:
        open_ring(name)
    assert "served" in caught.value.hint


def test_ring_of_a_killed_module_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a killed module left is removed, not opened."""
    monkeypatch.setattr(lane, "OPEN_SECONDS", 0.05)
    program = (
        "import os, signal; from laserlink.cext.ring import Ring; ring = Ring.create('dead', 1 << 14);"
        " os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", program], timeout=30)
    assert len(entries(tmp_path)) == 3
    with pytest.raises(NoDeviceFound):
        open_ring("dead")
    assert entries(tmp_path) == []
