"""laserlink.host_driver.lanes.inbox: what is told in one moment is seen as one, and every wait ends."""

import threading
from dataclasses import replace

import pytest
from rig import Sessions, one_lane

from laserlink.firmware_model.identity import descriptor_of
from laserlink.firmware_model.power import PowerSink
from laserlink.firmware_model.profile import load_profile
from laserlink.host_driver.actions import Attached, Lost, NoDevice, StateChanged
from laserlink.host_driver.assembly import Assembly, ImageDone
from laserlink.host_driver.errors import NoDeviceFound
from laserlink.host_driver.lanes.driver import Crashed
from laserlink.host_driver.lanes.inbox import Inbox, Received
from laserlink.host_driver.machine import Host
from laserlink.host_driver.pictures import PicturePool
from laserlink.protocol.errors import (
    FirmwareLost,
    LinkTimeout,
    MalformedPayload,
    ModuleDetached,
    PowerLost,
    ProtocolLost,
    UnsupportedVersion,
)
from laserlink.protocol.image_layout import ImageLayout
from laserlink.protocol.limits import FRAME_BYTES_MAX
from laserlink.protocol.messages.identity import Descriptor
from laserlink.protocol.messages.image import ImageStart
from laserlink.protocol.states import HostState, LossCause

LAYOUT = ImageLayout(180, 136, 8, FRAME_BYTES_MAX)
HOST = Host(one_lane(), Sessions())


def descriptor(**changes: object) -> Descriptor:
    """The descriptor of a real module, or of one that is a little different."""
    profile = load_profile("uart-1m")
    return replace(descriptor_of(profile, PowerSink(profile.power, 0, has_laser=False), 1), **changes)


def image(image_id: int, *, complete: bool = True) -> ImageDone:
    """An image, whole or with everything missing."""
    done = Assembly(2, image_id, LAYOUT, 0, PicturePool()).finish(1)
    return replace(done, gaps=()) if complete else done


def attached(described: Descriptor | None = None) -> Inbox:
    """An inbox of an attached module."""
    inbox = Inbox()
    inbox.take([StateChanged(HostState.READY, 1), Attached(described or descriptor(), False)], HOST)
    inbox.keep_shots(2)
    return inbox


def test_module_is_ready_when_it_is_known_and_takes_requests() -> None:
    """Ready needs the descriptor and a state that serves users; a recovery is neither lost nor ready."""
    inbox = attached()
    assert inbox.ready
    inbox.take([StateChanged(HostState.RECOVERING, 2)], HOST)
    assert not inbox.ready
    assert inbox.descriptor is not None
    inbox.take([StateChanged(HostState.POWERED, 3)], HOST)
    assert inbox.descriptor is None
    assert [change.at_ns for change in inbox.timeline] == [1, 2, 3]


def test_cut_image_and_its_cause_are_one_moment() -> None:
    """A picture with gaps that ends with the link is part of the error, in whatever order both were told."""
    lost = Lost(LossCause.DETACH, "the module was pulled off", False)
    for events in ([image(1, complete=False), lost], [lost, image(1, complete=False)]):
        inbox = attached()
        inbox.take(events, HOST)
        with pytest.raises(ModuleDetached) as caught:
            inbox.next_shot(1)
        assert caught.value.shot.metadata["ImageId"] == 1
        with pytest.raises(ModuleDetached):
            inbox.wait(lambda inbox: inbox.ready, 1, "never")


def test_whole_picture_before_the_loss_is_handed_over() -> None:
    """What was complete when the link was lost is a picture; the next call tells the loss."""
    inbox = attached()
    inbox.take([image(1), Lost(LossCause.FIRMWARE, "the module restarted", False)], HOST)
    shot, received = inbox.next_shot(1)
    assert shot.complete
    assert received.image_id == 1
    with pytest.raises(FirmwareLost, match="restarted"):
        inbox.next_shot(1)


def test_final_loss_and_failures_end_every_wait() -> None:
    """A final loss, silence, a crash and a failure from outside each end the wait with their own type."""
    final = attached()
    final.take([Lost(LossCause.POWER, "shorted", True)], HOST)
    silent = attached()
    silent.take([NoDevice(12)], HOST)
    newer = attached()
    newer.take([NoDevice(24, 0x21)], HOST)
    offended = Inbox()
    offended.take([Lost(LossCause.PROTOCOL, "a descriptor of 9999999 bytes", False)], HOST)
    crashed = attached()
    crashed.take([Crashed(OSError("the disk is full"))], HOST)
    failed = attached()
    failed.fail(ValueError("closed"))
    failed.fail(ValueError("again"))
    for inbox, kind, text in (
        (final, PowerLost, "shorted"),
        (silent, NoDeviceFound, "12 bytes came"),
        (newer, UnsupportedVersion, r"speaks LaserLink 2\.1, this is 1\.0"),
        (offended, ProtocolLost, "9999999 bytes"),
        (crashed, OSError, "disk is full"),
        (failed, ValueError, "closed"),
    ):
        with pytest.raises(kind, match=text):
            inbox.wait(lambda inbox: False, 5, "never")


def test_offence_of_an_attached_module_is_repaired_and_told() -> None:
    """Once a module is ready, one bad message ends nothing."""
    inbox = attached()
    inbox.take([Lost(LossCause.PROTOCOL, "a malformed event", False)], HOST)
    assert inbox.failure is None and inbox.ready and len(inbox.losses) == 1


def test_wait_that_takes_too_long_names_the_last_loss() -> None:
    """A timeout says what was waited for, how long, and what was last lost."""
    inbox = attached()
    inbox.take([Lost(LossCause.OPTICAL, "the laser is not seen", False)], HOST)
    with pytest.raises(LinkTimeout, match=r"no image came within 0.01 s \(the laser is not seen\)"):
        inbox.next_shot(0.01)


def test_failure_that_is_on_its_way_is_awaited() -> None:
    """What ended the link is waited for, and is None when nothing did."""
    inbox = attached()
    assert inbox.await_failure(0.01) is None
    threading.Timer(0.05, inbox.fail, [ModuleDetached("pulled off")]).start()
    assert isinstance(inbox.await_failure(20), ModuleDetached)


def test_restart_that_was_asked_for_is_told_as_one() -> None:
    """When the module goes without any loss being told, that is a restart."""
    inbox = attached()
    inbox.take([StateChanged(HostState.POWERED, 2)], HOST)
    with pytest.raises(FirmwareLost, match="restarts"):
        inbox.next_shot(1)


def test_absent_without_a_loss_is_a_detach() -> None:
    """A module that went before it was seated is detached as well."""
    inbox = Inbox()
    inbox.take([StateChanged(HostState.SEATING, 1), StateChanged(HostState.ABSENT, 2)], HOST)
    with pytest.raises(ModuleDetached):
        inbox.wait(lambda inbox: inbox.ready, 1, "never")
    inbox.begin()
    assert inbox.failure is None
    assert inbox.timeline == []


def test_only_the_newest_pictures_wait() -> None:
    """Of four pictures that nobody takes, the newest two are kept."""
    inbox = attached()
    inbox.take([image(number) for number in (1, 2, 3, 4)], HOST)
    assert [inbox.next_shot(1)[1].image_id for _ in range(2)] == [3, 4]
    inbox.take([image(5)], HOST)
    inbox.drop_shots()
    with pytest.raises(LinkTimeout):
        inbox.next_shot(0.01)


def test_picture_that_is_none_is_the_modules_mistake() -> None:
    """A module whose colours make no picture: a typed error for whoever asked, and the next image is
    looked at.
    """
    inbox = attached(descriptor(cfa=bytes((2, 2, 2, 2))))
    inbox.take([image(1)], HOST)
    with pytest.raises(MalformedPayload, match="image 1 is no picture: CfaPattern"):
        inbox.next_shot(1)


def test_events_reach_the_user_on_the_thread_that_tells_them() -> None:
    """The user's callback gets every event in the order they were told."""
    seen: list[tuple[object, str]] = []
    inbox = Inbox(lambda event: seen.append((event, threading.current_thread().name)))
    events: list[object] = [Lost(LossCause.OPTICAL, "dark", False), StateChanged(HostState.READY, 1)]
    inbox.take(events, HOST)
    assert [event for event, _ in seen] == events
    assert seen[0][1] == threading.current_thread().name


def test_speed_is_bits_over_the_time_of_arrival() -> None:
    """Packed bits over seconds, in gigabits; an image that took no time has no speed."""
    received = Received(1, LAYOUT, 7, 0, 0, 0.001, 0)
    assert received.gbps == pytest.approx(180 * 136 * 8 / 1e6)
    assert replace(received, seconds=0.0).gbps == 0.0


def started(image_id: int, set_id: int) -> ImageDone:
    """A whole image that says which controls it was taken with."""
    start = ImageStart(image_id=image_id, bits=8, width=180, height=136, black_level=16, white_level=255,
                       control_set_id=set_id)  # fmt: skip
    return replace(image(image_id), start=start)


def test_set_of_controls_carries_the_image_that_it_took_effect_in() -> None:
    """Each image names its set, and the first image that had it; another contact begins anew."""
    inbox = attached()
    inbox.keep_shots(9)
    inbox.take([started(4, 0), started(5, 1), started(6, 1), started(7, 2)], HOST)
    taken = [inbox.next_shot(1)[0].metadata for _ in range(4)]
    assert [item["ControlSetId"] for item in taken] == [0, 1, 1, 2]
    assert [item["ControlSetImageId"] for item in taken] == [4, 5, 5, 7]
    inbox.begin()
    inbox.take([StateChanged(HostState.READY, 1), Attached(descriptor(), False)], HOST)
    inbox.take([started(1, 1)], HOST)
    assert inbox.next_shot(1)[0].metadata["ControlSetImageId"] == 1


def test_pictures_that_nobody_takes_are_counted() -> None:
    """Two may wait: of five that come, the three oldest are dropped, and the count stays."""
    inbox = attached()
    inbox.take([image(number) for number in range(5)], HOST)
    assert inbox.dropped == 3
    assert [inbox.next_shot(1)[1].image_id for _ in range(2)] == [3, 4]
    inbox.drop_shots()
    assert inbox.dropped == 3
