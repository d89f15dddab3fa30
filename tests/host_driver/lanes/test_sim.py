"""laserlink.host_driver.lanes.sim: the child serves, says why not, and never outlives its parent."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from served import entries, is_running, wait_until

from laserlink.host_driver.camera import Camera
from laserlink.host_driver.errors import BadUrl, DeviceError, NoDeviceFound
from laserlink.host_driver.lanes.sim import VirtualModule, command_of
from laserlink.protocol.errors import ModuleDetached

GONE_SECONDS = 2.0


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ring folder of this test's own."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def module() -> Iterator[VirtualModule]:
    """A small module that tells the digest of each image."""
    module = VirtualModule("uart-1m", {"sha256": "yes", "prepare": "thumbnail", "line": "0"})
    yield module
    module.close()


def test_options_become_those_of_the_command() -> None:
    """Each option of the URL is one of `laserlink serve`; a value or a profile cannot become another
    option.
    """
    command = command_of("--port", {"scene": "--link", "seed": "3", "ring": "no"})
    assert command[-5:] == ["--scene=--link", "--seed=3", "--no-ring", "--", "--port"]


@pytest.mark.parametrize("option", [("speed", "9"), ("ring", "yes"), ("", "")])
def test_options_that_are_none_are_refused(option: tuple[str, str]) -> None:
    """An unknown option is a bad URL, and the hint lists those that there are."""
    with pytest.raises(BadUrl, match="has no option") as caught:
        VirtualModule("uart-1m", dict([option]))
    assert "ring=no" in caught.value.hint


def test_child_serves_and_tells(module: VirtualModule) -> None:
    """It can be opened at its URL, tells of the images it took, and is gone after closing, twice."""
    with Camera(module.url) as camera:
        camera.configure("thumbnail")
        shot = camera.capture()
    told = module.find(lambda line: line.get("event") == "exposed")
    assert told is not None
    assert told["sha256"] == shot.sha256()
    assert [line["event"] for line in module.lines()][:2] == ["serving", "exposed"]
    module.close()
    module.close()
    assert module.ended
    assert module.find(lambda line: line.get("event") == "never") is None


@pytest.mark.parametrize(
    ("profile", "options", "kind", "text"),
    [
        ("nope", {}, BadUrl, "expected one of mos-100mp"),
        ("uart-1m", {"seed": "x"}, BadUrl, "--seed"),
        ("uart-1m", {"scene": "/nope.png"}, BadUrl, "/nope.png is no file"),
        ("uart-1m", {"prepare": "bogus"}, BadUrl, "no mode 'bogus'"),
        ("uart-1m", {"prepare": "thumbnail:12"}, BadUrl, "no format of 12 bits"),
        ("", {}, BadUrl, "profile"),
    ],
)
def test_usage_errors_come_in_the_words_of_the_child(
    profile: str, options: dict[str, str], kind: type[Exception], text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """What the child cannot do is a bad URL with its text and hint; it prints nothing of its own."""
    with pytest.raises(kind, match=text) as caught:
        VirtualModule(profile, options)
    assert getattr(caught.value, "hint", "")
    assert capfd.readouterr() == ("", "")


def test_child_that_says_nothing_is_no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that ends without a word: no device."""
    monkeypatch.setattr(sys, "executable", "/bin/true")
    with pytest.raises(NoDeviceFound, match="did not start"):
        VirtualModule("uart-1m", {})


def test_killed_module_is_a_detach_and_leaves_nothing(tmp_path: Path) -> None:
    """A module killed in the middle of a stream: ModuleDetached, the ring is gone, and opening again
    says why not.
    """
    with Camera("sim:mos-100mp") as camera:
        assert camera.target.module is not None
        os.kill(camera.target.module.pid, signal.SIGKILL)
        with pytest.raises(ModuleDetached):
            list(camera.images())
        wait_until(lambda: camera.target.module is not None and camera.target.module.ended, "the child ended")
        with pytest.raises(DeviceError, match="process has ended"):
            camera.capture()
    assert entries(tmp_path) == []


@pytest.mark.parametrize("prepare", ["", "?prepare=default"])
def test_killed_host_takes_its_module_along(tmp_path: Path, prepare: str) -> None:
    """A host killed while its module runs, or still renders a hundred megapixels: nothing of it is
    left in 2 s.
    """
    program = (
        "import os, sys, subprocess; popen = subprocess.Popen.__init__\n"
        "def told(self, *a, **k): popen(self, *a, **k); print(self.pid, flush=True)\n"
        "subprocess.Popen.__init__ = told\n"
        "from laserlink.host_driver import Camera\n"
        "camera = Camera(sys.argv[1]); print('attached', flush=True); input()"
    )
    host = subprocess.Popen(
        [sys.executable, "-c", program, f"sim:mos-100mp{prepare}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert host.stdout is not None
    child = int(host.stdout.readline())
    if prepare:
        wait_until(lambda: entries(tmp_path), "the module is up, and renders")
    else:
        assert host.stdout.readline() == "attached\n"
    host.send_signal(signal.SIGKILL)
    killed = time.monotonic()
    host.communicate()
    wait_until(lambda: not is_running(child), "the child is gone", 10 * GONE_SECONDS)
    assert time.monotonic() - killed < GONE_SECONDS or os.getloadavg()[0] > 4
    assert entries(tmp_path) == []
