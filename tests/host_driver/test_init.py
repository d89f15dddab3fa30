import subprocess
import sys

import pytest

import laserlink.host_driver
from laserlink.host_driver import Camera, Gap, Shot
from laserlink.host_driver.camera import Camera as CameraAtHome
from laserlink.host_driver.shot import Gap as GapAtHome
from laserlink.host_driver.shot import Shot as ShotAtHome


def test_the_public_names_are_those_of_their_modules() -> None:
    """What the package offers is the thing itself, under every name that it lists."""
    assert (Camera, Gap, Shot) == (CameraAtHome, GapAtHome, ShotAtHome)
    assert sorted(laserlink.host_driver.__all__) == ["Camera", "Gap", "Shot"]


def test_an_unknown_name_is_no_attribute() -> None:
    """A misspelt name fails as it does in any module."""
    with pytest.raises(AttributeError, match="Kamera"):
        _ = laserlink.host_driver.Kamera


def test_a_core_alone_needs_no_port_library() -> None:
    """Importing the machine loads neither pyserial nor a shell: firmware and tests run without them."""
    code = "import sys, laserlink.host_driver.machine; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(done.stdout.split())
    assert "laserlink.host_driver.machine" in loaded
    assert not loaded & {"serial", "laserlink.host_driver.lanes", "laserlink.host_driver.camera"}
