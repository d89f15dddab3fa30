"""Every counter of the wire past its end, in real sessions: sequences, images, requests, pings."""

from collections import defaultdict

import pytest
from rig import (
    CHANNEL,
    OPTICAL,
    SIDEBAND,
    TWO_LANES,
    EachFrame,
    Rig,
    drop_if,
    is_type,
    split_frames,
)  # fmt: skip
from rig import S as SECOND

from laserlink.firmware_model.machine import RingTurned
from laserlink.host_driver.actions import Answered, Lost, ModuleEvent
from laserlink.host_driver.assembly import ImageDone
from laserlink.host_driver.machine import Host
from laserlink.protocol import catalogue
from laserlink.protocol.connection import Role
from laserlink.protocol.messages import bulk, control, diagnostics, image, link
from laserlink.protocol.states import HostState as H
from laserlink.protocol.states import LaneKind
from laserlink.protocol.states import ModuleState as M

WORD = 1 << 32
IMAGES = 6
STREAMS = sorted(catalogue.Channel.STREAM.value)
REGION = (0, 0, 64, 64)
Seen = dict[tuple[Role, int], list[int]]


class Draws:
    """What the host draws: a session, and where its sequences begin."""

    def __init__(self, first_sequence: int) -> None:
        self.values = [0x1001, first_sequence]

    def __call__(self) -> int:
        return self.values.pop(0)


def wrapping_rig(first_sequence: int) -> tuple[Rig, Seen]:
    """Attached; and the sequences that reach each end on each channel, from the first frame on."""
    host = Host(TWO_LANES, Draws(first_sequence))
    rig = Rig(host=host, first_sequence=first_sequence)
    seen: Seen = defaultdict(list)

    def tap(role: Role, lane: LaneKind, data: bytes) -> None:
        for frame in split_frames(data):
            if frame[8:12] != bytes(4):
                seen[role, frame[4]].append(int.from_bytes(frame[12:16], "little"))

    rig.stepper.tap = tap
    rig.attach()
    return rig, seen


def busy_session(rig: Rig) -> None:
    """Requests, events, bulk, and six images on each channel that carries images."""
    for number in range(20):
        rig.ask(diagnostics.Echo(0, b"echo %d" % number), timeout_ns=5 * SECOND)
        rig.ask(bulk.FileRead(0, name="log", offset=number), timeout_ns=5 * SECOND)
        rig.module.on_input(RingTurned(0.01), rig.now)
        rig.stepper.settle()
        rig.run_for(5_000_000)
    for channel in STREAMS:
        rig.configure(channel=channel, region=REGION)
        rig.start(IMAGES, channel)
        done = rig.await_images(IMAGES, 20 * SECOND)
        assert [item.channel for item in done] == [channel] * IMAGES and all(map(rig.exact, done))
        rig.until_states(M.READY, H.READY, 20 * SECOND)
        rig.events[:] = [event for event in rig.events if not isinstance(event, ImageDone)]
    rig.run_for(SECOND)


def expected_events(rig: Rig) -> int:
    return len([1 for event in rig.told(ModuleEvent) if isinstance(event.message, control.ControlChanged)])


def crosses(numbers: list[int]) -> bool:
    return WORD - 1 in numbers and 0 in numbers


@pytest.mark.parametrize("first_sequence", [WORD - 16, WORD - 2])
def test_sequences_wrap_on_every_channel_in_both_directions(first_sequence: int) -> None:
    """A session that begins near the end of all sequences is as any other: exact, in order, nothing lost."""
    rig, seen = wrapping_rig(first_sequence)
    busy_session(rig)
    assert rig.told(Lost) == [] and expected_events(rig) == 20
    for counters in (rig.host.connection.counters, rig.module.connection.counters):
        assert (counters.frames_stale, sum(counters.offences.values()), sum(counters.bad.values())) == (
            0,
            0,
            0,
        )
    assert rig.host.connection.counters.frames_resent == rig.module.streams.frames_resent == 0
    to_host = {channel for role, channel in seen if role is Role.HOST and crosses(seen[role, channel])}
    to_module = {channel for role, channel in seen if role is Role.MODULE and crosses(seen[role, channel])}
    if first_sequence == WORD - 2:
        assert to_host == {0, 1, *STREAMS, 15} and to_module == {0, *STREAMS, 15}
    else:
        assert to_host >= {0, 1, 15} and to_module >= {0, 15}
    for key, numbers in seen.items():
        # Two lanes carry channel 0 to the host, so that its order is not that of the sequences.
        assert sorted((number - first_sequence) % WORD for number in numbers) == [*range(len(numbers))], key


@pytest.mark.parametrize("first_sequence", [WORD - 16, WORD - 2])
def test_sequences_wrap_while_frames_are_lost(first_sequence: int) -> None:
    """Resends, repeated events and repeated requests across the wrap: all of it arrives, once, exact."""
    rig, _ = wrapping_rig(first_sequence)
    lossy: list[EachFrame] = []
    for wire in (
        rig.stepper.to_host[SIDEBAND],
        rig.stepper.to_host[OPTICAL],
        rig.stepper.to_module[SIDEBAND],
    ):
        lossy.append(drop_if(lambda frame, number: number % 7 == 3))
        wire.filter = lossy[-1]
    busy_session(rig)
    rig.run_for(SECOND)
    assert all(item.hit for item in lossy)
    assert rig.told(Lost) == [] and expected_events(rig) == 20
    answered = [event.request.request_id for event in rig.told(Answered)]
    assert len(answered) == len(set(answered)) and len(answered) >= 40


LAST_ID = WORD - 1


@pytest.mark.parametrize("lost", ["nothing", "frames", "whole images"])
@pytest.mark.parametrize("images", [0, 9])
def test_image_ids_wrap_at_both_ends_alike(lost: str, images: int) -> None:
    """From near the last id on, also when frames or images are lost: each image once, exact; never a 0."""
    rig = Rig()
    rig.attach()
    rig.configure(region=REGION)
    rig.module.streams._image_ids[CHANNEL] = LAST_ID - 4
    gone: set[bytes] = set()

    def drop(frame: bytes, number: int) -> bool:
        if lost == "frames" and is_type(frame, image.ImageData):
            return number % 3 == 0 and frame not in gone and not gone.add(frame)
        wanted = lost == "whole images" and frame[20:24] in (b"\xff\xff\xff\xff", b"\1\0\0\0")
        return wanted and frame not in gone and not gone.add(frame)

    rig.stepper.to_host[OPTICAL].filter = drop_if(drop)
    rig.start(images=images)
    done = rig.await_images(9)
    ids = [LAST_ID - 3, LAST_ID - 2, LAST_ID - 1, LAST_ID, 1, 2, 3, 4, 5]
    assert sorted(item.image_id for item in done[:9]) == sorted(ids)
    assert all(map(rig.exact, done))
    assert bool(gone) is (lost != "nothing")
    if images:
        rig.until_states(M.READY, H.READY)
        assert len(rig.told(ImageDone)) == 9


def test_request_ids_wrap_without_zero() -> None:
    """Forty requests across the end of their ids, each sixth frame lost: answered once each, in order."""
    rig = Rig()
    rig.attach()
    rig.host.requests._last_id = rig.module.request_server._last_id = 0xFFF0
    rig.stepper.to_host[SIDEBAND].filter = drop_if(lambda frame, number: number % 6 == 2)
    rig.stepper.to_module[SIDEBAND].filter = drop_if(lambda frame, number: number % 6 == 4)
    for number in range(40):
        rig.request(control.ControlSet(values=rig.host.controls.encode({"ExposureTime": 1000 + number})))
    rig.until(lambda: rig.host.requests.idle, 20 * SECOND)
    answered = [event.request.request_id for event in rig.told(Answered)]
    assert answered == [*range(0xFFF1, 0x10000), *range(1, 26)]
    assert rig.module.controls.set_id == 40


def test_ping_numbers_wrap_while_light_is_confirmed() -> None:
    """The beam is blocked and freed around the wrap of the pings: trained again, and images come."""
    rig = Rig()
    rig.attach()
    rig.host._ping_number = WORD - 2
    rig.stepper.block_beam(True)
    rig.run_for(70_000_000)
    rig.stepper.block_beam(False)
    rig.until_states(M.READY, H.READY)
    rig.run_for(SECOND)
    assert rig.host._ping_number < 1000 and rig.module.laser
    assert all(map(rig.exact, rig.capture(2, region=REGION)))


def test_light_is_confirmed_by_a_pong_behind_the_wrap() -> None:
    """The pong of the last number is lost, and that of the next one, 0, is taken for later: no more haste."""
    rig = Rig()
    rig.attach()
    lost = drop_if(
        lambda frame, number: is_type(frame, link.Pong) and link.Pong.decode(frame[20:-4]).number == WORD - 1
    )
    rig.stepper.to_host[SIDEBAND].filter = lost
    rig.host._ping_number = WORD - 2
    rig.host.confirm_light()
    rig.stepper.settle()
    rig.run_for(SECOND)
    assert lost.hit == 1 and rig.host._ping_number < 20
