"""laserlink.host_driver.lanes.recording: every byte is in the file, in its lane and its direction."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from laserlink.cext.ring import Ring, RingConsumer, RingProducer
from laserlink.host_driver.errors import DeviceError
from laserlink.host_driver.lanes.pcapng import Packet, read_packets
from laserlink.host_driver.lanes.port import in_process_pair
from laserlink.host_driver.lanes.recording import SOURCES, RecordedPort, RecordedRing, Recorder
from laserlink.protocol.catalogue import Direction
from laserlink.protocol.frame import Frame
from laserlink.protocol.states import LaneKind

FRAME = bytes(Frame(0x60, 0, 7, 1, b"\1\0echo"))
TO_HOST = (LaneKind.SIDEBAND, Direction.TO_HOST)


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path / "file.pcapng")


@pytest.fixture
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[RingProducer, RingConsumer]]:
    """Both sides of a ring in a folder of the test's own."""
    (tmp_path / "run").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    with Ring.create("recorded", 8192) as producer:
        yield producer, Ring.open("recorded")


def packets(recorder: Recorder) -> list[Packet]:
    recorder.pause()
    return list(read_packets(recorder.path.read_bytes()))


@pytest.mark.parametrize("step", [1, 7, 4096])
def test_any_cut_gives_the_same_packets(step: int, recorder: Recorder) -> None:
    """A packet is a frame or a run of bad bytes, however the stream is cut; together they are the stream."""
    stream = FRAME + b"noise" + FRAME + FRAME[:-3]
    for at in range(0, len(stream), step):
        recorder.take(TO_HOST, stream[at : at + step])
    found = packets(recorder)
    assert [bytes(item.data) for item in found] == [FRAME, b"noise", FRAME, FRAME[:-3]]
    assert {item.interface.name for item in found} == {SOURCES[TO_HOST]}
    assert [item.time_ns for item in found] == sorted(item.time_ns for item in found)


def test_a_port_is_recorded_both_ways(recorder: Recorder) -> None:
    """What is read and what is written is recorded, each in its direction, and goes through unchanged."""
    ours, theirs = in_process_pair()
    port = RecordedPort(ours, recorder)
    assert port.read() == b""
    assert port.write(FRAME) == len(FRAME)
    assert theirs.read() == FRAME
    theirs.write(FRAME * 2)
    assert port.read() == FRAME * 2
    assert [item.interface.name for item in packets(recorder)] == ["sideband to module"] + [
        "sideband to host"
    ] * 2
    port.close()
    theirs.close()


def test_a_ring_is_recorded(recorder: Recorder, ring: tuple[RingProducer, RingConsumer]) -> None:
    """What is given back was taken: it is recorded then, across the wrap too; and so is the light."""
    producer, consumer = ring
    tapped = RecordedRing(consumer, recorder)
    assert not tapped.moves_images
    producer.light = True
    assert tapped.light
    sent = 0
    while sent < 3 * 8192:
        with producer.space() as space:
            size = min(len(space), len(FRAME))
            space[:size] = (FRAME * 2)[sent % len(FRAME) :][:size]
        producer.commit(size)
        shown = tapped.data()
        taken = len(shown)
        shown.release()
        tapped.release(taken)
        sent += size
    producer.light = False
    assert not tapped.light
    tapped.close()
    found = packets(recorder)
    assert [item.comment for item in found if item.comment] == ["laser on", "laser off"]
    assert b"".join(bytes(item.data) for item in found) == (FRAME * (sent // len(FRAME) + 1))[:sent]
    assert bytes(found[1].data) == FRAME


def test_a_recording_goes_on_after_a_pause(recorder: Recorder) -> None:
    """Lanes that are opened again are recorded in the same file."""
    recorder.take(TO_HOST, FRAME)
    recorder.pause()
    recorder.take(TO_HOST, FRAME)
    assert [bytes(item.data) for item in packets(recorder)] == [FRAME, FRAME]


def test_a_cut_frame_does_not_swallow_what_comes_later(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frame that was begun and not finished within a second is a packet of its own, at its own time."""
    now = [1_000_000_000]
    monkeypatch.setattr("laserlink.host_driver.lanes.recording.time.monotonic_ns", lambda: now[0])
    recorder.take(TO_HOST, FRAME[:22])
    now[0] += 1_000_000_000
    recorder.take(TO_HOST, FRAME)
    cut, whole = packets(recorder)
    assert (bytes(cut.data), bytes(whole.data)) == (FRAME[:22], FRAME)
    assert whole.time_ns - cut.time_ns == 1_000_000_000


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    """It is told at once, in one line with a hint."""
    with pytest.raises(DeviceError, match="cannot be written") as caught:
        Recorder(tmp_path / "no-folder" / "file.pcapng")
    assert caught.value.hint
