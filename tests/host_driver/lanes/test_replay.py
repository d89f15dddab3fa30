"""laserlink.host_driver.lanes.replay: a recorded module gives a host of today the recorded pictures."""

from pathlib import Path

import numpy as np
import pytest
from served import small_profile

from laserlink.host_driver import Camera
from laserlink.host_driver.errors import DeviceError
from laserlink.host_driver.lanes.pcapng import INBOUND, OUTBOUND, header, read_packets, write_packet
from laserlink.host_driver.lanes.recording import SOURCES
from laserlink.host_driver.shot import Shot
from laserlink.protocol import catalogue
from laserlink.protocol.errors import NotFound

Session = tuple[Path, list[Shot]]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """A recorded session of both lanes with two pictures, and these."""
    folder = tmp_path_factory.mktemp("session")
    path = folder / "session.pcapng"
    with Camera(f"record:{path},sim:{small_profile(folder)}") as camera:
        camera.configure("thumbnail")
        return path, list(camera.images(2))


@pytest.fixture(scope="module")
def one_lane(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """A recorded session of one serial lane."""
    path = tmp_path_factory.mktemp("serial") / "session.pcapng"
    with Camera(f"record:{path},sim:uart-1m?line=0") as camera:
        camera.configure("thumbnail")
        return path, [camera.capture()]


def without(path: Path, to: Path, kind: str) -> Path:
    """The same recording without the second frame of a type."""
    with to.open("wb") as file:
        file.write(header(tuple(SOURCES.values()), "test"))
        seen = 0
        for packet in read_packets(path.read_bytes()):
            index = list(SOURCES.values()).index(packet.interface.name)
            seen += len(packet.data) > 3 and packet.data[3] == catalogue.BY_NAME[kind].type
            if seen == 2:
                seen += 1
                continue
            direction = INBOUND if index else OUTBOUND
            write_packet(file, index, packet.time_ns, bytes(packet.data), direction, packet.comment)
    return to


@pytest.mark.parametrize("name", ["session", "one_lane"])
def test_the_recorded_pictures(name: str, request: pytest.FixtureRequest) -> None:
    """A host gets the recorded pictures exactly, in their order, and the first one again after the last."""
    path, shots = request.getfixturevalue(name)
    with Camera(f"replay:{path}") as camera:
        camera.configure("thumbnail")
        again = list(camera.images(len(shots) + 1))
        assert camera.losses == []
        assert camera.counters().images == len(again)
    for shot, recorded in zip(again, [*shots, shots[0]], strict=True):
        assert shot.complete
        assert np.array_equal(shot.raw, recorded.raw)
        assert shot.metadata["ExposureTime"] == recorded.metadata["ExposureTime"]


def test_the_time_of_a_picture_is_of_today(session: Session) -> None:
    """A picture begins when it is taken, on the host's clock, as with a live module."""
    with Camera(f"replay:{session[0]}") as camera:
        camera.configure("thumbnail")
        before = camera.now_ns()
        metadata = camera.capture().metadata
        error = metadata["SensorTimestampUncertainty"]
        assert before - error <= metadata["SensorTimestamp"] <= camera.now_ns() + error


def test_streams_begin_and_end(session: Session) -> None:
    """A stream without an end goes on, is stopped, and another one begins."""
    with Camera(f"replay:{session[0]}") as camera:
        camera.configure("thumbnail")
        for _ in range(2):
            images = camera.images()
            assert all(next(images).complete for _ in range(3))
            images.close()


def test_what_was_not_asked_is_refused(session: Session) -> None:
    """Another mode, and a control that was never set, are refused by name; the link lives on."""
    with Camera(f"replay:{session[0]}") as camera:
        with pytest.raises(NotFound, match="StreamConfigure"):
            camera.configure("preview")
        with pytest.raises(NotFound, match="ControlSet"):
            camera.set_controls(ExposureTime=123)
        camera.configure("thumbnail")
        assert camera.capture().complete


def test_gaps_stay_gaps(session: Session, tmp_path: Path) -> None:
    """A chunk that is not in the recording is a gap in the picture, and all else is true."""
    path = without(session[0], tmp_path / "gap.pcapng", "ImageData")
    with Camera(f"replay:{path}") as camera:
        camera.configure("thumbnail")
        first, second = camera.images(2)
    assert not first.complete
    assert 0 < first.missing_bytes() < first.raw.size
    assert second.complete


@pytest.mark.parametrize(
    "content", [b"", b"hello, this is no recording", header(tuple(SOURCES.values()), "test")]
)
def test_no_recording(content: bytes, tmp_path: Path) -> None:
    """A file without a module in it is told in one line with a hint; so is one that is not there."""
    path = tmp_path / "bad.pcapng"
    path.write_bytes(content)
    for name in (path, tmp_path / "missing"):
        with pytest.raises(DeviceError, match=r"replayed|no module") as caught:
            Camera(f"replay:{name}")
        assert caught.value.hint
