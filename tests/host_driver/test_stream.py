"""Images over hurt lanes: whatever is lost, changed, doubled or late, exact pixels or exact gaps."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from rig import (
    MS,
    OPTICAL,
    SIDEBAND,
    TWO_LANES,
    EachFrame,
    Rig,
    drop_if,
    host_in,
    is_type,
    one_lane,
    split_frames,
)
from rig import S as SECOND

from laserlink.firmware_model.stream import ExposureWanted, PackedImage
from laserlink.host_driver.actions import Lost, ModuleEvent
from laserlink.host_driver.assembly import ImageDone
from laserlink.host_driver.shot import Gap
from laserlink.host_driver.stream import HostStreams
from laserlink.protocol import catalogue
from laserlink.protocol.connection import Connection, Role
from laserlink.protocol.digest import image_digest, strip_digests
from laserlink.protocol.errors import (
    ErrorCode,
    LocalProtocolError,
    MalformedPayload,
    OutOfBounds,
    UnknownStream,
)
from laserlink.protocol.frame import Frame
from laserlink.protocol.image_layout import ImageLayout
from laserlink.protocol.limits import IMAGES_IN_FLIGHT, RESEND_TRIES
from laserlink.protocol.messages import control, image, link
from laserlink.protocol.messages.layout import Record
from laserlink.protocol.states import HostState, LossCause, ModuleState
from laserlink.protocol.timers import RESEND_AGAIN_NS, RESEND_FIRST_NS, RETENTION_NS

SMALL = (16, 32, 256, 256)  # RAW8: 17 chunks of 4032 bytes in one strip


def ready() -> Rig:
    return host_in(HostState.READY)


def hurt(rig: Rig, rule: EachFrame) -> EachFrame:
    """Put a filter on the lane of the images; training is over by then."""
    rig.stepper.to_host[OPTICAL].filter = rule
    return rule


def chunk_number(frame: bytes) -> int | None:
    """Which chunk of its image a frame of image data holds."""
    return int.from_bytes(frame[24:32], "little") // 4032 if is_type(frame, image.ImageData) else None


def once(condition: Callable[[bytes], bool]) -> Callable[[bytes, int], bool]:
    """Lose each frame for which a condition holds the first time that it passes."""
    seen: set[bytes] = set()

    def lose(frame: bytes, number: int) -> bool:
        if not condition(frame) or frame in seen:
            return False
        seen.add(frame)
        return True

    return lose


# --- whole images, nothing hurt ---


@pytest.mark.parametrize("bits", [8, 10, 12])
@pytest.mark.parametrize("region", [(0, 0, 0, 0), SMALL, (0, 0, 4, 2), (724, 544, 4, 2), (2, 2, 332, 126)])
def test_every_format_and_region_arrives_exactly(bits: int, region: tuple[int, int, int, int]) -> None:
    """Whole mode, aligned and odd regions, the smallest image there is."""
    rig = ready()
    (done,) = rig.capture(bits=bits, region=region)
    assert rig.exact(done) and (done.chunks_resent, done.duplicates) == (0, 0)
    assert done.start is not None and (done.start.width, done.start.height) == done.picture.shape[::-1]


@pytest.mark.parametrize("bits", [14, 16])
def test_the_deep_formats_arrive_exactly(bits: int) -> None:
    """RAW14 and RAW16 are offered by the full mode only."""
    rig = ready()
    (done,) = rig.capture(mode_id=0, bits=bits, region=(100, 200, 512, 300))
    assert rig.exact(done)


def test_the_control_set_in_force_is_named_by_the_image() -> None:
    """What was set before an exposure is in the start frame of its image."""
    rig = ready()
    rig.host.set_controls({"ExposureTime": 2000}, rig.now)
    (done,) = rig.capture(region=SMALL)
    assert done.start is not None and (done.start.exposure_us, done.start.control_set_id) == (2000, 1)


@pytest.mark.parametrize("count", [1, 2, 5, 12])
def test_a_stream_of_a_number_of_images_gives_so_many_and_ends(count: int) -> None:
    """Numbered in order, each exact, then one StreamEnded and ready again."""
    rig = ready()
    done = rig.capture(images=count, region=SMALL)
    assert [item.image_id for item in done] == list(range(1, count + 1))
    assert all(map(rig.exact, done))
    ends = [event.message for event in rig.told(ModuleEvent) if isinstance(event.message, image.StreamEnded)]
    assert [end.images for end in ends] == [count]
    rig.run_for(SECOND)
    assert len(rig.told(ImageDone)) == count


def test_an_endless_stream_goes_on_until_it_is_stopped() -> None:
    """Stopped by the host: no image after that, and another run counts on."""
    rig = ready()
    rig.configure(region=SMALL)
    rig.start(images=0)
    rig.await_images(10)
    reply = rig.ask(image.StreamStop())
    rig.until_states(ModuleState.READY, HostState.READY)
    count = len(rig.told(ImageDone))
    assert isinstance(reply, image.StreamStopped) and count - 2 <= reply.images <= count
    rig.run_for(SECOND)
    assert len(rig.told(ImageDone)) == count
    rig.events.clear()
    started = rig.start(images=2)
    done = rig.await_images(2)
    assert [item.image_id for item in done] == [started.first_image_id, started.first_image_id + 1]
    assert all(map(rig.exact, done))


def test_two_streams_at_once_share_lane_and_contract() -> None:
    """Both exact, interleaved; the draw never exceeds the limit, and the slower pace is told."""
    rig = ready()
    rig.configure(mode_id=2, bits=10, channel=2)
    rig.configure(mode_id=2, bits=12, channel=7)
    for channel in (2, 7):
        rig.start(images=6, channel=channel)
    limit = rig.module.outputs.limit_ma

    def done() -> bool:
        assert rig.module.outputs.draw_ma <= limit
        return len(rig.told(ImageDone)) == 12

    rig.until(done)
    images = rig.told(ImageDone)
    assert all(map(rig.exact, images))
    assert {(item.channel, item.image_id) for item in images} == {(c, n) for c in (2, 7) for n in range(1, 7)}
    assert [item.channel for item in images[:4]].count(2) == 2


def test_credit_limits_what_is_exposed() -> None:
    """Without further credit the module sends what was granted, and not one frame more."""
    rig = ready()
    rig.configure(region=SMALL)
    rig.stepper.to_module[SIDEBAND].filter = drop_if(
        lambda frame, number: is_type(frame, link.Credit) and bool(rig.exposures)
    )
    rig.start(images=0)
    rig.run_for(SECOND)
    assert len(rig.exposures) == IMAGES_IN_FLIGHT and len(rig.told(ImageDone)) == IMAGES_IN_FLIGHT
    rig.stepper.to_module[SIDEBAND].filter = None
    rig.await_images(6)


# --- chunks are lost ---

LOSSES: dict[str, Callable[[bytes], bool]] = {
    "first": lambda frame: chunk_number(frame) == 0,
    "last": lambda frame: chunk_number(frame) == 16,
    "start": lambda frame: is_type(frame, image.ImageStart),
    "digests": lambda frame: is_type(frame, image.ImageDigests),
    "every seventh": lambda frame: (chunk_number(frame) or 0) % 7 == 6,
    "all chunks": lambda frame: chunk_number(frame) is not None,
    "all but one": lambda frame: chunk_number(frame) not in (None, 9),
    "everything": lambda frame: True,
}


@pytest.mark.parametrize("which", LOSSES)
@pytest.mark.parametrize("count", [1, 3])
def test_what_is_lost_once_is_asked_for_and_the_image_is_exact(which: str, count: int) -> None:
    """Frames that are lost the first time come by resend, in every image of the stream."""
    rig = ready()
    lost = hurt(rig, drop_if(once(LOSSES[which])))
    done = rig.capture(images=count, region=SMALL)
    assert lost.hit >= count and all(map(rig.exact, done))
    assert sorted(item.image_id for item in done) == list(range(1, count + 1))


@pytest.mark.parametrize("percent", [2, 20])
def test_random_losses_on_a_stream_are_all_repaired(percent: int) -> None:
    """Every frame, resends too, is lost with the same chance; all images are exact."""
    rig = ready()
    chance = random.Random(percent)
    lost = hurt(rig, drop_if(lambda frame, number: chance.random() < percent / 100))
    done = rig.capture(images=8, mode_id=3, bits=10)
    assert lost.hit > 10 and all(map(rig.exact, done))
    assert sum(item.chunks_resent for item in done) > 0


def test_losses_on_one_serial_lane_are_repaired() -> None:
    """A lane that carries everything loses everything alike: requests, events, images."""
    rig = Rig(one_lane(), "uart-1m")
    rig.attach()
    chance = random.Random(5)
    lost = EachFrame(lambda frame, number: [] if chance.random() < 0.1 else [frame])
    rig.stepper.to_host[SIDEBAND].filter = lost
    done = rig.capture(images=3, timeout_ns=30 * SECOND)
    assert lost.hit >= 3 and all(map(rig.exact, done))


def test_the_end_of_a_stream_on_a_slow_line_is_repaired_before_the_module_forgets_it() -> None:
    """Four line times are nearly all that it is kept: what is said to be sent is asked for at once."""
    rig = Rig(one_lane(1_000_000), "uart-1m")
    rig.attach()
    lost = drop_if(once(lambda frame: is_type(frame, image.ImageData) or is_type(frame, image.ImageDigests)))
    rig.stepper.to_host[SIDEBAND].filter = lost
    (done,) = rig.capture(region=(0, 0, 16, 8))
    assert lost.hit == 2 and rig.exact(done)


def test_a_whole_image_that_is_lost_in_an_endless_stream_is_repaired() -> None:
    """The next image shows that one is missing; the credit that it took is not lost for ever."""
    rig = ready()
    hurt(rig, drop_if(once(lambda frame: int.from_bytes(frame[20:24], "little") % 3 == 0)))
    rig.configure(region=SMALL)
    rig.start(images=0)
    done = rig.await_images(14)
    assert {item.image_id for item in done} >= set(range(1, 13)) and all(map(rig.exact, done))


def test_all_images_that_were_granted_are_lost_and_the_stream_goes_on() -> None:
    """Nothing shows that they were sent: the host asks for what should be there."""
    rig = ready()
    hurt(rig, drop_if(once(lambda frame: int.from_bytes(frame[20:24], "little") <= 2)))
    rig.configure(region=SMALL)
    rig.start(images=0)
    done = rig.await_images(6)
    assert sorted(item.image_id for item in done) == [1, 2, 3, 4, 5, 6] and all(map(rig.exact, done))


def test_images_that_are_gone_before_anyone_asks_are_gaps_and_the_stream_goes_on() -> None:
    """Lost for longer than they are kept: handed over as one gap each, and counted."""
    rig = ready()
    end = rig.now + 600 * MS
    rule = hurt(rig, drop_if(lambda frame, number: rig.now < end))
    unasked = drop_if(lambda frame, number: is_type(frame, image.Resend) and rig.now < end)
    rig.stepper.to_module[SIDEBAND].filter = unasked
    rig.configure(region=SMALL)
    rig.start(images=0)
    done = rig.await_images(8)
    assert rule.hit and sorted(item.image_id for item in done) == list(range(1, 9))
    lost = [item for item in done if item.gaps]
    assert lost and all(item.gaps == (Gap(0, 65536, "missing"),) and not item.picture.any() for item in lost)
    assert all(map(rig.exact, done[-3:]))


def test_a_long_exposure_is_not_taken_for_a_loss() -> None:
    """Nothing comes for a second because the shutter is open: the host waits."""
    rig = ready()
    rig.host.set_controls({"ExposureTime": 1_000_000}, rig.now)
    done = rig.capture(images=2, region=SMALL)
    assert all(map(rig.exact, done)) and not rig.told(Lost)


def test_the_end_of_an_image_that_is_lost_is_asked_for_without_waiting_for_the_keep_alive() -> None:
    """Nothing follows it for 300 ms: the host asks for a word of the module, and then for the rest."""
    rig = ready()
    rig.host.set_controls({"ExposureTime": 300_000}, rig.now)
    hurt(rig, drop_if(once(lambda f: is_type(f, image.ImageDigests) or (chunk_number(f) or 0) > 11)))
    rig.configure(region=SMALL)
    rig.start(images=0)
    done = rig.await_images(5)
    assert all(map(rig.exact, done))
    assert max(item.done_ns - item.first_ns for item in done) < 80 * MS


# --- gaps ---


@pytest.mark.parametrize("chunks", [{3}, {0}, {16}, {4, 5, 6}, {0, 8, 16}, set(range(17))])
def test_what_never_comes_is_an_exact_gap_and_zero(chunks: set[int]) -> None:
    """The map names exactly the bytes that are missing; every other pixel is exact, none is made up."""
    rig = ready()
    lost = hurt(rig, drop_if(lambda frame, number: chunk_number(frame) in chunks))
    (done,) = rig.capture(region=SMALL)
    missing = np.zeros(65536, bool)
    for chunk in chunks:
        missing[chunk * 4032 : (chunk + 1) * 4032] = True
    mapped = np.zeros(65536, bool)
    for gap in done.gaps:
        assert gap.reason == "missing" and not mapped[gap.offset : gap.offset + gap.length].any()
        mapped[gap.offset : gap.offset + gap.length] = True
    assert np.array_equal(mapped, missing)
    truth = np.where(missing, 0, rig.truth[2, 1].reshape(-1))
    assert np.array_equal(done.picture.reshape(-1), truth)
    assert lost.hit <= len(chunks) * (1 + RESEND_TRIES)


def test_the_deadline_of_an_image_without_a_module_to_repair_it() -> None:
    """Once the module has dropped an image, it is handed over within the retention and some."""
    rig = ready()
    hurt(rig, drop_if(lambda frame, number: chunk_number(frame) == 5))
    (done,) = rig.capture(region=SMALL)
    assert done.done_ns - done.first_ns < 300 * MS and len(done.gaps) == 1


def test_without_the_feature_nothing_is_asked_for_again() -> None:
    """A module that does not resend is not asked to: what is missing stays missing, and is told."""
    rig = ready()
    rig.host.connection.features &= ~link.Features.RESEND
    asked: list[bytes] = []

    def watch(frame: bytes, number: int) -> list[bytes]:
        asked.extend([frame] * is_type(frame, image.Resend))
        return [frame]

    rig.stepper.to_module[SIDEBAND].filter = EachFrame(watch)
    hurt(rig, drop_if(lambda frame, number: chunk_number(frame) == 5))
    (done,) = rig.capture(region=SMALL)
    assert [(gap.offset, gap.reason) for gap in done.gaps] == [(5 * 4032, "missing")] and not asked


def test_an_image_without_digests_is_not_called_true() -> None:
    """All pixels, and nobody can say that they are right: a gap for each strip, with that reason."""
    rig = ready()
    hurt(rig, drop_if(lambda frame, number: is_type(frame, image.ImageDigests)))
    (done,) = rig.capture(region=SMALL)
    assert [gap.reason for gap in done.gaps] == ["no digest"] and not done.picture.any()


def test_an_image_without_a_start_is_handed_over_without_one() -> None:
    """Its pixels are true, for the digests say so; what the start said is not known."""
    rig = ready()
    hurt(rig, drop_if(lambda frame, number: is_type(frame, image.ImageStart)))
    (done,) = rig.capture(region=SMALL)
    assert done.start is None and np.array_equal(done.picture, rig.truth[2, 1])


def test_what_the_module_keeps_no_longer_is_gone_at_once() -> None:
    """ImageGone ends the waiting: the image is handed over as it is."""
    rig = ready()
    hurt(rig, drop_if(lambda frame, number: chunk_number(frame) == 5))
    rig.configure(region=SMALL)
    rig.start()
    rig.until(lambda: bool(rig.host.streams.active and rig.module.streams.by_channel[2].kept))
    rig.module.streams.by_channel[2].kept.clear()
    (done,) = rig.await_images(1)
    assert done.gaps == (Gap(5 * 4032, 4032, "missing"),)
    assert done.done_ns - done.first_ns < 50 * MS


# --- wrong bytes ---


def corrupt(chance: random.Random, part: float) -> EachFrame:
    def rule(frame: bytes, number: int) -> list[bytes]:
        if chance.random() >= part:
            return [frame]
        at = chance.randrange(len(frame))
        return [frame[:at] + bytes([frame[at] ^ 1 << chance.randrange(8)]) + frame[at + 1 :]]

    return EachFrame(rule)


def test_flipped_bits_never_reach_a_picture() -> None:
    """Damage is counted and repaired like a loss."""
    rig = ready()
    rule = hurt(rig, corrupt(random.Random(3), 0.05))
    done = rig.capture(images=4, bits=10)
    assert rule.hit and all(map(rig.exact, done)) and rig.host.connection.counters.bad


def test_frames_that_are_cut_or_joined_anywhere_are_the_same_frames() -> None:
    """The lane may hand over bytes in any pieces."""
    rig = ready()
    chance = random.Random(4)

    def cut(data: bytes, now: int) -> list[bytes]:
        points = sorted(chance.sample(range(len(data) + 1), min(9, len(data))))
        return [data[a:b] for a, b in zip([0, *points], [*points, len(data)], strict=True)]

    rig.stepper.to_host[OPTICAL].filter = cut
    (done,) = rig.capture(bits=10)
    assert rig.exact(done) and done.chunks_resent == 0


@dataclass
class Shuffle:
    """Holds frames back and lets them go in another order, at most `depth` late."""

    chance: random.Random
    depth: int
    held: list[bytes] = field(default_factory=list)

    def __call__(self, data: bytes, now: int) -> list[bytes]:
        self.held += split_frames(data)
        out = []
        while len(self.held) > self.depth or (self.held and len(split_frames(data)) < 3):
            out.append(self.held.pop(self.chance.randrange(len(self.held))))
        return [b"".join(out)] if out else []


def test_reordered_image_frames_are_placed_by_their_offsets() -> None:
    """Images are placed by offset, never by sequence."""
    rig = ready()
    rig.stepper.to_host[OPTICAL].filter = Shuffle(random.Random(7), 12)
    done = rig.capture(images=3, bits=10)
    assert all(map(rig.exact, done))


def test_frames_that_come_twice_change_nothing() -> None:
    """Duplicates are counted, and placed once."""
    rig = ready()
    hurt(rig, EachFrame(lambda frame, number: [frame, frame]))
    (done,) = rig.capture(region=SMALL)
    assert rig.exact(done) and done.duplicates >= 16


class Liar(Rig):
    """A rig whose sensor gets the digests of some strips wrong."""

    wrong_strips: tuple[int, ...] = ()

    def expose(self, wanted: ExposureWanted) -> PackedImage:
        packed = super().expose(wanted)
        digests = [value ^ (index in self.wrong_strips) for index, value in enumerate(packed.digests)]
        return replace(packed, digests=tuple(digests))


def test_a_strip_whose_digest_is_wrong_is_asked_for_again_once_and_is_then_a_gap() -> None:
    """The other strips are true; the wrong one is zero, and named."""
    rig = Liar()
    rig.attach()
    rig.wrong_strips = (1,)
    (done,) = rig.capture(mode_id=2, bits=8)
    strip = done.layout.strip_bytes
    assert done.layout.strips > 2
    assert done.gaps == (Gap(strip, strip, "wrong digest"),)
    chunks = strip // done.layout.chunk_bytes
    assert done.chunks_resent == chunks
    truth = rig.truth[2, 1].copy().reshape(-1)
    truth[strip : 2 * strip] = 0
    assert np.array_equal(done.picture.reshape(-1), truth)


def test_a_wrong_digest_of_the_whole_is_never_called_true() -> None:
    """The strips agree with their digests, and these not with that of the image: nothing can be believed."""
    rig = ready()

    def rule(frame: bytes, number: int) -> list[bytes]:
        if not is_type(frame, image.ImageDigests):
            return [frame]
        message = image.ImageDigests.decode(frame[20:-4])
        session, sequence = (int.from_bytes(frame[at : at + 4], "little") for at in (8, 12))
        return [bytes(Frame(frame[3], frame[4], session, sequence, bytes(replace(message, image_digest=1))))]

    hurt(rig, EachFrame(rule))
    (done,) = rig.capture(region=SMALL)
    assert [gap.reason for gap in done.gaps] == ["wrong digest"] and not done.picture.any()


# --- the sideband is hurt ---


@pytest.mark.parametrize(
    "message", [image.Resend, link.Credit, image.StreamStart, image.StreamStop, control.ControlSet]
)
def test_a_lost_message_of_the_host_is_made_up_for(message: type) -> None:
    """The first one of each kind is lost; the end is the same."""
    rig = ready()
    hurt(rig, drop_if(once(lambda frame: chunk_number(frame) == 3)))
    first = drop_if(lambda frame, number: is_type(frame, message) and not first.hit)
    rig.stepper.to_module[SIDEBAND].filter = first
    rig.host.set_controls({"ExposureTime": 1000}, rig.now)
    done = rig.capture(images=2, region=SMALL)
    rig.ask(image.StreamStop())
    assert first.hit == 1 and all(map(rig.exact, done))
    assert rig.module.controls.set_id == 1


def test_a_late_end_of_one_run_does_not_end_the_next() -> None:
    """The event that ends a run is lost and sent again when the next run is on already."""
    rig = ready()
    rig.configure(region=SMALL)
    late = drop_if(once(lambda frame: is_type(frame, image.StreamEnded)))
    rig.stepper.to_host[SIDEBAND].filter = late
    rig.start(images=2)
    rig.await_images(2)
    rig.start(images=15)
    done = rig.await_images(17)
    rig.until_states(ModuleState.READY, HostState.READY)
    assert late.hit == 2 and [item.image_id for item in done] == list(range(1, 18))
    assert all(map(rig.exact, done))
    rig.run_for(SECOND)
    assert len(rig.told(ImageDone)) == 17


# --- the beam is broken in the middle ---


@pytest.mark.parametrize("after_bytes", [1, 200_000, 1_500_000])
def test_an_image_that_the_beam_loses_in_the_middle_is_trained_resumed_and_exact(after_bytes: int) -> None:
    """Dark for 20 ms: Lost(OPTICAL), trained again, the rest and what was lost come, exact."""
    rig = ready()
    rig.configure(mode_id=2, bits=10)
    rig.start()
    before = rig.stepper.to_host[OPTICAL].carried_bytes
    rig.until(lambda: rig.stepper.to_host[OPTICAL].carried_bytes >= before + after_bytes)
    rig.stepper.block_beam(True)
    rig.run_for(20 * MS)
    rig.stepper.block_beam(False)
    (done,) = rig.await_images(1)
    rig.until_states(ModuleState.READY, HostState.READY)
    assert rig.exact(done) and set(rig.losses()) == {"OPTICAL"}
    assert HostState.TRAINING in rig.states()


def test_a_pull_in_the_middle_hands_over_what_came() -> None:
    """Lost(DETACH), and the image so far, with its gaps."""
    rig = ready()
    rig.configure(mode_id=2, bits=10)
    rig.start()
    before = rig.stepper.to_host[OPTICAL].carried_bytes
    rig.until(lambda: rig.stepper.to_host[OPTICAL].carried_bytes >= before + 1_500_000)
    rig.stepper.pull_off()
    rig.run_for(20 * MS)
    (done,) = rig.told(ImageDone)
    missing = sum(gap.length for gap in done.gaps)
    assert 0 < missing < done.layout.coded_bytes and rig.losses() == ["DETACH"]


# --- hostile image frames ---


def _image_frame(
    rig: Rig, message: image.ImageStart | image.ImageData | image.ImageDigests, channel: int = 2
) -> bytes:
    return rig.frame_to_module(message, channel)


@pytest.mark.parametrize(
    ("message", "channel", "code"),
    [
        (image.ImageData(1, 1 << 40, bytes(4032)), 2, ErrorCode.OUT_OF_BOUNDS),
        (image.ImageData(1, 8, bytes(4032)), 2, ErrorCode.OUT_OF_BOUNDS),
        (image.ImageData(1, 0, bytes(8)), 2, ErrorCode.OUT_OF_BOUNDS),
        (image.ImageData(99, 0, bytes(4032)), 2, ErrorCode.OUT_OF_BOUNDS),
        (image.ImageData(1, 0, bytes(4032)), 9, ErrorCode.UNKNOWN_STREAM),
        (image.ImageDigests(1, 0, 1, (5,)), 2, ErrorCode.OUT_OF_BOUNDS),
        (image.ImageDigests(1, 0, 0, tuple(range(200))), 2, ErrorCode.OUT_OF_BOUNDS),
        (image.ImageStart(1), 2, ErrorCode.MALFORMED_PAYLOAD),
        (image.ImageStart(3), 2, ErrorCode.OUT_OF_BOUNDS),
        (image.ImageStart(0), 2, ErrorCode.OUT_OF_BOUNDS),
    ],
)
def test_image_frames_that_no_module_may_send_are_offences(
    message: image.ImageStart | image.ImageData | image.ImageDigests, channel: int, code: ErrorCode
) -> None:
    """One typed error on the wire, Lost(PROTOCOL), and the stream goes on unharmed."""
    rig = ready()
    rig.configure(region=SMALL)
    rig.start()
    answers = rig.feed_host(_image_frame(rig, message, channel), lane=OPTICAL)
    errors = [link.Error.decode(frame.payload).code for frame in answers if frame.type == catalogue.ERROR]
    assert errors == [code]
    (done,) = rig.await_images(1)
    assert rig.exact(done) and [lost.cause for lost in rig.told(Lost)] == [LossCause.PROTOCOL]


def test_a_stream_that_begins_with_image_zero_is_refused() -> None:
    """There is no image 0: a start that names it is malformed, and the stream does not run."""
    rig = ready()
    rig.configure(region=SMALL)
    with pytest.raises(MalformedPayload):
        rig.host.streams.started(1, image.StreamStarted(0, 2, 0, 0), rig.now)
    assert not rig.host.streams.active


def test_image_ids_begin_again_with_one() -> None:
    """After the last id comes 1, at both ends: images on both sides of the wrap come once each, exact."""
    rig = ready()
    rig.configure(region=SMALL)
    rig.module.streams._image_ids[2] = (1 << 32) - 3
    rig.start(images=6)
    done = rig.await_images(6)
    rig.until_states(ModuleState.READY, HostState.READY)
    last = (1 << 32) - 1
    assert [item.image_id for item in rig.told(ImageDone)] == [last - 1, last, 1, 2, 3, 4]
    assert all(map(rig.exact, done))


def test_an_end_that_claims_more_images_than_were_granted_ends_the_stream() -> None:
    """Four thousand million images are not waited for."""
    rig = ready()
    rig.configure(region=SMALL)
    rig.start(images=0)
    rig.await_images(3)
    sequence = rig.host.event_receiver.expected
    start_id = rig.host.streams.by_channel[2].start_id or 0
    lie = rig.frame_to_module(
        image.StreamEnded(2, start_id=start_id, images=(1 << 32) - 1), sequence=sequence, flags=1
    )
    rig.feed_host(lie)
    rig.until_states(host=HostState.READY)


@pytest.mark.parametrize(("lanes", "profile"), [(TWO_LANES, "mos-100mp"), (one_lane(1_000_000), "uart-1m")])
def test_a_region_streams_on_either_kind_of_link(lanes: tuple[link.LaneOffer, ...], profile: str) -> None:
    """Two lanes, or one serial lane of 1 Mb/s that carries everything."""
    rig = Rig(lanes, profile)
    rig.attach()
    done = rig.capture(images=2, mode_id=3, region=(8, 8, 64, 64), timeout_ns=20 * SECOND)
    assert all(map(rig.exact, done)) and not rig.told(Lost)


# --- the streams by themselves: when what is asked for, and when it is over ---


class Bench:
    """The host's streams on a link without a module: messages go in by hand."""

    state = HostState.STREAMING

    def __init__(self) -> None:
        self.connection = Connection(Role.HOST, TWO_LANES)
        self.connection.open(7, 0)
        self.connection.in_bytes_max = self.connection.out_bytes_max = 4096
        self.connection.features = link.Features.RESEND
        self.streams = HostStreams(self.connection)
        self.first_ns, self.again_ns, self.retention_ns = (
            self.connection.extended(timer_ns, OPTICAL)
            for timer_ns in (RESEND_FIRST_NS, RESEND_AGAIN_NS, RETENTION_NS)
        )

    def configure(self, channel: int = 2, now: int = 0) -> ImageLayout:
        layout = ImageLayout(256, 256, 8, 4096)  # 17 chunks
        asked = image.StreamConfigure(0, channel, 3, 8, 0, 0, 256, 256)
        reply = image.StreamConfigured(
            0, channel, 256, 256, layout.coded_bytes, layout.chunk_bytes, layout.frames, 1000
        )
        self.streams.configured(asked, reply, None, now)
        return layout

    def start(self, images: int, channel: int = 2, first_image_id: int = 1, start_id: int = 0) -> None:
        self.streams.started(images, image.StreamStarted(start_id, channel, first_image_id, 0), 0)

    def end(self, images: int = 0, start_id: int = 0, now: int = 0) -> None:
        """The event that the module has ended a run of channel 2; then what the host makes of it."""
        self.streams.ended(image.StreamEnded(2, start_id=start_id, images=images), now)
        self.streams.advance(now, 0)

    def lack(self, index: int) -> None:
        """An image of which only a chunk has come, and that was asked for what is before it."""
        self.configure()
        self.start(1)
        self.chunk(index)
        self.streams.advance(0, 0)
        self.streams.advance(self.first_ns, 0)

    def chunk(self, index: int, image_id: int = 1, now: int = 0) -> None:
        self.streams.take(2, image.ImageData(image_id, index * 4032, bytes(4032)), now)

    def sent(self) -> list[tuple[int, Record]]:
        """Channel and message of each frame that went out."""
        frames = [Frame(f[3], f[4], 0, 0, f[20:-4]) for f in iter(self._next_wire, b"")]
        return [(f.channel, catalogue.BY_TYPE[f.type].message.decode(f.payload)) for f in frames]

    def _next_wire(self) -> bytes:
        return self.connection.next_frame(SIDEBAND)

    def asked(self) -> list[tuple[int, list[int]]]:
        """Image id and offsets of each resend that went out."""
        resends = [message for _, message in self.sent() if isinstance(message, image.Resend)]
        return [(item.image_id, [part.offset for part in item.ranges]) for item in resends]

    def handed_over(self) -> list[tuple[int, int]]:
        """Image id and time of each image that is done."""
        return [(done.image_id, done.done_ns) for done in iter(self.streams.take_done, None)]


def test_credit_goes_out_on_the_channel_of_its_stream() -> None:
    """For as many images as there is memory for, or as are wanted; again when it is repeated."""
    bench = Bench()
    for channel, images, granted in ((7, 0, IMAGES_IN_FLIGHT), (2, 1, 1)):
        frames = bench.configure(channel).frames
        bench.start(images, channel)
        assert bench.sent() == [(channel, link.Credit(granted * frames - 1))]
    bench.streams.repeat_grants()
    assert [channel for channel, _ in bench.sent()] == [7, 2]


def test_what_is_missing_is_asked_for_after_the_first_wait_and_not_before() -> None:
    """A hole may close by itself within a millisecond; then it is asked for, once, and again much later."""
    bench = Bench()
    bench.configure()
    bench.start(1)
    bench.sent()
    bench.chunk(2)
    for now, asked in (
        (0, []), (bench.first_ns - 1, []), (bench.first_ns, [(1, [0])]), (bench.first_ns + 1, []),
        (bench.first_ns + bench.again_ns - 1, []), (bench.first_ns + bench.again_ns, [(1, [0])]),
    ):  # fmt: skip
        bench.streams.advance(now, 0)
        assert bench.asked() == asked, now


def test_an_image_is_given_up_when_its_retention_ends_and_the_module_was_heard_since() -> None:
    """To the nanosecond, and only when the module spoke after the first request: it may be silent."""
    for late_ns, heard_after_ns, over in ((-1, 1, False), (0, 0, False), (0, 1, True)):
        bench = Bench()
        bench.lack(2)
        end = bench.retention_ns + late_ns
        bench.streams.advance(end, bench.first_ns + heard_after_ns)
        assert bench.handed_over() == ([(1, end)] if over else []), (late_ns, heard_after_ns)


def test_a_module_that_stood_still_twice_is_waited_for_both_times() -> None:
    """What it said after the first time is no answer for the second; and its word comes before what it has
    still to send, which has the time of a repeat to follow.
    """
    bench = Bench()
    bench.lack(2)
    again = 3 * bench.retention_ns
    bench.chunk(3, now=again)
    bench.streams.advance(again, again)
    bench.streams.advance(again + bench.again_ns, again)
    word = again + 5 * bench.retention_ns
    for now, heard in ((word - bench.again_ns, again), (word, word), (word + bench.again_ns - 1, word)):
        bench.streams.advance(now, heard)
        assert bench.handed_over() == [], now
    bench.streams.advance(word + bench.again_ns, word)
    assert bench.handed_over() == [(1, word + bench.again_ns)]


def test_what_a_silent_module_was_asked_for_is_asked_again_when_it_speaks() -> None:
    """As often as if it had not been asked: five times, and the one that it did not hear."""
    bench = Bench()
    bench.configure()
    bench.start(1)
    bench.chunk(2)
    bench.streams.advance(0, 0)
    checks = [bench.first_ns + count * bench.again_ns for count in range(20)]
    bench.sent()
    asked = []
    for count, now in enumerate(checks):
        bench.streams.advance(now, checks[10] - 1 if count >= 10 else 0)
        asked.append(bool(bench.asked()))
    assert asked[:10] == [True] * 10 and asked[10:].count(True) <= RESEND_TRIES
    assert bench.handed_over() == [(1, checks[11])]


def test_the_next_image_is_looked_for_only_while_none_is_open() -> None:
    """An image that comes shows that the module sends; without one, the start of the next is asked for."""
    bench = Bench()
    bench.configure()
    bench.start(0)
    bench.sent()
    for index in range(16):
        bench.chunk(index)
    probe_ns = bench.retention_ns // 2
    bench.streams.advance(0, 0)
    bench.streams.advance(probe_ns, 0)
    assert {image_id for image_id, _ in bench.asked()} <= {1}
    bench.start(0, first_image_id=4)
    bench.streams.advance(probe_ns - 1, 0)
    assert bench.asked() == []
    bench.streams.advance(probe_ns, 0)
    assert bench.asked() == [(4, [])]


@pytest.mark.parametrize("again", ["configured", "started", "stopped"])
def test_what_was_on_its_way_is_handed_over_when_its_run_ends(again: str) -> None:
    """Configured anew, started anew or stopped: with its gaps, and with the time."""
    bench = Bench()
    bench.configure()
    bench.start(3)
    bench.chunk(0)
    if again == "configured":
        bench.configure(now=55)
    elif again == "started":
        bench.streams.started(1, image.StreamStarted(0, 2, 2, 0), 55)
    else:
        bench.streams.stopped(image.StreamStopped(0, 2, 0), 55)
    assert bench.handed_over() == [(1, 55)]


@pytest.mark.parametrize("between", ["stopped", "lost", "configured", "started"])
def test_a_late_end_is_that_of_its_own_run(between: str) -> None:
    """However the runs before were left behind, their ends do not end the one that runs, and its own does."""
    bench = Bench()
    bench.configure()
    for start_id in (11, 12):
        bench.start(2, start_id=start_id)
        match between:
            case "stopped":
                bench.streams.stopped(image.StreamStopped(0, 2, 2), 0)
            case "lost":
                bench.streams.abandon_all(0)
            case "configured":
                bench.configure()
    bench.start(5, start_id=13)
    for start_id, active in ((11, True), (12, True), (14, True), (13, False)):
        bench.end(start_id=start_id)
        assert bench.streams.active is active
    assert bench.handed_over() == []


def test_an_end_of_a_stream_that_was_never_started_is_none() -> None:
    """Not even one that names no start: the first run is not ended before it began."""
    bench = Bench()
    bench.configure()
    bench.end(images=2)
    bench.start(2, start_id=1)
    assert bench.streams.active and bench.handed_over() == []


def test_images_of_a_lost_run_that_never_showed_are_handed_over_as_missing() -> None:
    """Power was revoked, and then the module says that it had sent three: one was open, and two are gaps."""
    bench = Bench()
    bench.configure()
    bench.start(4)
    bench.chunk(0)
    bench.streams.take(2, image.ImageGone(1), 0)
    bench.chunk(0, image_id=2)
    bench.streams.abandon_all(5)
    assert bench.handed_over() == [(1, 0), (2, 5)]
    bench.end(images=3, now=7)
    assert bench.handed_over() == [(3, 7)] and not bench.streams.active
    assert bench.streams.open_slots(OPTICAL) is None


def test_images_of_a_stopped_run_that_never_showed_are_not_waited_for() -> None:
    """The host asked for no more of it."""
    bench = Bench()
    bench.configure()
    bench.start(2)
    bench.streams.stopped(image.StreamStopped(0, 2, 2), 0)
    bench.end(images=2)
    assert bench.handed_over() == []


def test_a_stream_that_cannot_be_is_named() -> None:
    """One that is not configured, and one whose picture no layout has."""
    bench = Bench()
    with pytest.raises(UnknownStream, match=r"^stream 9 is not configured$") as unknown:
        bench.streams.interval_us(9)
    assert unknown.value.value == 9
    asked = image.StreamConfigure(0, 5, 3, 8, 0, 0, 6, 2)
    with pytest.raises(MalformedPayload, match=r"^stream 5: .*multiple of 4") as malformed:
        bench.streams.configured(asked, image.StreamConfigured(0, 5, 6, 2), None, 0)
    assert malformed.value.value == 5


def test_the_fast_path_of_a_lane_is_open_for_images_between_frames_only() -> None:
    """Session, room and open images: of the image lane, once one is open, between frames."""
    bench = Bench()
    bench.configure()
    bench.start(1)
    assert bench.streams.open_slots(OPTICAL) is None
    bench.chunk(0)
    found = bench.streams.open_slots(OPTICAL)
    assert found is not None and (found[0], [slot.image_id for slot in found[2]]) == (7, [1])
    assert bench.streams.open_slots(SIDEBAND) is None
    list(bench.connection.receive(OPTICAL, b"\xeb\x90", 0, bench))
    assert bench.streams.open_slots(OPTICAL) is None


def test_an_image_of_which_nothing_came_is_asked_for_after_the_first_wait_too() -> None:
    """The next one shows that it was sent: what is missing of it may still come, for a millisecond."""
    bench = Bench()
    bench.configure()
    bench.start(2)
    bench.sent()
    bench.chunk(0, image_id=2)
    bench.streams.advance(0, 0)
    assert bench.asked() == []
    bench.streams.advance(bench.first_ns, 0)
    assert bench.asked() == [(1, []), (2, [])]


def test_layout_and_pace_are_those_of_the_stream() -> None:
    """As configured, and as the module changes them; of one that is not configured, there are none."""
    bench = Bench()
    layouts = {channel: bench.configure(channel) for channel in (2, 5)}
    bench.streams.changed(image.StreamChanged(5, image.StreamChange.DERATED, 4000))
    assert [bench.streams.interval_us(channel) for channel in (2, 5)] == [1000, 4000]
    assert {channel: bench.streams.layout_of(channel) for channel in (2, 5)} == layouts
    with pytest.raises(LocalProtocolError, match=r"^stream 3 is not configured$"):
        bench.streams.layout_of(3)
    with pytest.raises(UnknownStream):
        bench.streams.changed(image.StreamChanged(3, image.StreamChange.DERATED, 4000))


@pytest.mark.parametrize(
    ("asked", "mode", "told"),
    [((0, 0), None, True), ((0, 0), (256, 256), True), ((0, 0), (256, 254), False),
     ((0, 0), (252, 256), False),
     ((256, 0), (728, 256), True), ((0, 256), (256, 546), True), ((256, 0), (728, 546), False),
     ((0, 256), (728, 546), False)],
)  # fmt: skip
def test_a_side_that_was_not_asked_for_is_that_of_the_mode(
    asked: tuple[int, int], mode: tuple[int, int] | None, told: bool
) -> None:
    """0 is the whole side of the mode; of a mode that is not known, the module is believed."""
    bench = Bench()
    layout = ImageLayout(256, 256, 8, 4096)
    reply = image.StreamConfigured(
        0, 2, 256, 256, layout.coded_bytes, layout.chunk_bytes, layout.frames, 1000
    )
    request = image.StreamConfigure(0, 2, 3, 8, 0, 0, *asked)
    if told:
        bench.streams.configured(request, reply, mode, 0)
        assert bench.streams.layout_of(2) == layout
    else:
        with pytest.raises(MalformedPayload, match=r"^stream 2: 256 x 256 was not asked for$"):
            bench.streams.configured(request, reply, mode, 0)


def test_sizes_that_contradict_each_other_are_told_of_their_stream() -> None:
    """Of a configuration, and of a run that begins with an image that there is not."""
    bench = Bench()
    layout = bench.configure(5)
    request = image.StreamConfigure(0, 5, 3, 8, 0, 0, 256, 256)
    reply = image.StreamConfigured(0, 5, 256, 256, layout.coded_bytes, 64, layout.frames, 1000)
    with pytest.raises(MalformedPayload, match=r"^stream 5: sizes contradict each other$") as sizes:
        bench.streams.configured(request, reply, None, 0)
    with pytest.raises(MalformedPayload, match=r"^stream 5: there is no image 0$") as start:
        bench.start(1, 5, first_image_id=0)
    assert (sizes.value.value, start.value.value) == (5, 5)


def test_credit_is_given_once_and_never_for_a_stream_that_does_not_run() -> None:
    """What was granted already is not granted again as images are done; stopped, it is not repeated."""
    bench = Bench()
    frames = bench.configure().frames
    bench.start(3)
    assert bench.sent() == [(2, link.Credit(2 * frames - 1))]
    for image_id, sent in ((1, [(2, link.Credit(3 * frames - 1))]), (2, []), (3, [])):
        bench.streams.take(2, image.ImageGone(image_id), 0)
        assert bench.sent() == sent, image_id
    bench.streams.repeat_grants()
    assert bench.sent() == [(2, link.Credit(3 * frames - 1))]
    bench.streams.stopped(image.StreamStopped(0, 2, 3), 0)
    bench.streams.repeat_grants()
    assert bench.sent() == []


@pytest.mark.parametrize(("images", "asked"), [(0, []), (1, [4]), (2, [4, 5]), (9, [4, 5])])
def test_what_was_sent_and_never_showed_is_asked_for_at_the_end(images: int, asked: list[int]) -> None:
    """All that the module says it sent, from the first on, as far as it was granted."""
    bench = Bench()
    bench.configure()
    bench.start(3, first_image_id=4)
    bench.sent()
    bench.streams.ended(image.StreamEnded(2, images=images), 0)
    bench.streams.advance(bench.first_ns, 0)
    assert [image_id for image_id, _ in bench.asked()] == asked
    assert bench.streams.active is bool(asked)


def test_a_lost_session_hands_over_what_was_on_its_way_of_all_streams() -> None:
    """With its time; and no stream runs any more."""
    bench = Bench()
    for channel in (2, 5):
        bench.configure(channel)
        bench.start(2, channel)
        bench.streams.take(channel, image.ImageData(1, 0, bytes(4032)), 0)
    bench.streams.abandon_all(77)
    done = list(iter(bench.streams.take_done, None))
    assert [(item.channel, item.image_id, item.done_ns) for item in done] == [(2, 1, 77), (5, 1, 77)]
    assert not bench.streams.active and bench.streams.open_slots(OPTICAL) is None


def test_a_reset_forgets_everything() -> None:
    """As a new session does: streams, open images, the dark, and starts that nobody heard."""
    bench = Bench()
    bench.configure()
    bench.start(2)
    bench.chunk(0)
    bench.streams.pause()
    bench.streams.unheard.update({7, 2})
    bench.streams.reset()
    assert bench.streams.take_unheard() == [] and not bench.streams.active
    assert bench.streams.open_slots(OPTICAL) is None and bench.streams.next_deadline() is None
    with pytest.raises(UnknownStream):
        bench.chunk(0)
    bench.configure()
    bench.start(2)
    assert bench.streams.next_deadline() == bench.retention_ns // 2


def test_starts_that_nobody_heard_are_taken_once_in_order() -> None:
    """They are stopped when the link is back."""
    bench = Bench()
    bench.streams.unheard.update({7, 2})
    assert (bench.streams.take_unheard(), bench.streams.take_unheard()) == ([2, 7], [])


def test_frames_of_images_that_are_over_change_nothing() -> None:
    """Of a stream that does not run, or of an image that was handed over: neither an error nor an image."""
    bench = Bench()
    bench.configure()
    bench.chunk(0)
    bench.start(0)
    bench.streams.take(2, image.ImageGone(1), 0)
    assert bench.handed_over() == [(1, 0)]
    bench.chunk(0)
    bench.chunk(0, image_id=2 + ((1 << 32) - 1) // 2)
    assert bench.streams.open_slots(OPTICAL) is None
    bench.streams.stopped(image.StreamStopped(0, 2, 1), 0)
    bench.chunk(0, image_id=2)
    assert bench.handed_over() == [] and bench.streams.open_slots(OPTICAL) is None


@pytest.mark.parametrize("image_id", [0, 3, 4, ((1 << 32) - 1) // 2])
def test_an_image_that_was_not_granted_is_named(image_id: int) -> None:
    """Two were: the next one is the first that is too much."""
    bench = Bench()
    bench.configure()
    bench.start(0)
    with pytest.raises(OutOfBounds, match=rf"^image {image_id} was not granted$") as raised:
        bench.chunk(0, image_id=image_id)
    assert raised.value.value == image_id and bench.streams.open_slots(OPTICAL) is None


def test_in_the_dark_nothing_is_asked_for_and_in_the_light_it_begins_anew() -> None:
    """No deadline runs meanwhile; then images in the middle have the time of a repeat, and a probe is due."""
    bench = Bench()
    for channel in (2, 5):
        bench.configure(channel)
        bench.start(2, channel)
    bench.chunk(2)
    bench.streams.advance(0, 0)
    bench.streams.pause()
    bench.sent()
    late_ns = 3 * bench.retention_ns
    bench.streams.advance(late_ns, late_ns)
    assert bench.asked() == bench.handed_over() == [] and bench.streams.next_deadline() is None
    bench.streams.resume(late_ns)
    assert bench.streams.next_deadline() == late_ns
    bench.streams.advance(late_ns, late_ns)
    assert [(channel, type(message)) for channel, message in bench.sent()] == [(5, image.Resend)]
    due = late_ns + bench.again_ns
    assert bench.streams.next_deadline() == due
    bench.streams.advance(due - 1, late_ns)
    assert bench.asked() == []
    bench.streams.advance(due, late_ns)
    assert bench.asked() == [(1, [0])] and bench.handed_over() == []


LATER_NS = 1000 * SECOND


def test_a_word_is_wanted_of_a_module_that_stands_still_unheard() -> None:
    """After the time of a repeat without progress, and unless it spoke since: then the tail is asked for."""
    for wait_ns, heard_ns, wanted, tail in (
        (-1, LATER_NS, False, False), (0, LATER_NS, True, False), (0, LATER_NS + 1, False, True),
    ):  # fmt: skip
        bench = Bench()
        bench.configure(now=LATER_NS)
        bench.start(1)
        bench.sent()
        bench.chunk(1, now=LATER_NS)
        assert not bench.streams.advance(LATER_NS, LATER_NS)
        now = LATER_NS + bench.again_ns + wait_ns
        assert bench.streams.advance(now, heard_ns) is wanted
        ((_, offsets),) = bench.asked()
        assert (offsets == [0, 2 * 4032]) is tail and offsets[0] == 0


def test_a_word_is_wanted_when_any_image_wants_it() -> None:
    """Of one stream nothing comes, of the next it does; what is given up wants nothing."""
    bench = Bench()
    for channel in (2, 5):
        bench.configure(channel)
        bench.start(1, channel)
        bench.streams.take(channel, image.ImageData(1, 0, bytes(4032)), 0)
    bench.streams.advance(0, 0)
    bench.streams.take(5, image.ImageData(1, 4032, bytes(4032)), bench.again_ns)
    assert bench.streams.advance(bench.again_ns, 0)
    assert bench.streams.advance(bench.retention_ns + bench.again_ns, bench.again_ns + 1) is False
    done = bench.streams.take_done()
    assert done is not None and done.channel == 2 and bench.streams.take_done() is None


def test_a_whole_image_is_handed_over_and_wants_no_word() -> None:
    """However long ago its last frame came."""
    bench = Bench()
    layout = bench.configure()
    bench.start(1)
    digest = strip_digests(bytes(layout.coded_bytes), layout.strip_bytes)
    start = image.ImageStart(
        1, bits=8, width=256, height=256, coded_bytes=layout.coded_bytes, decoded_bytes=layout.decoded_bytes,
        chunk_bytes=layout.chunk_bytes,
    )  # fmt: skip
    whole = image_digest(digest, layout.coded_bytes)
    for message in (start, image.ImageDigests(1, whole, 0, tuple(digest))):
        bench.streams.take(2, message, 0)
    for index in range(16):
        bench.chunk(index)
    bench.streams.take(2, image.ImageData(1, 16 * 4032, bytes(1024)), 0)
    assert bench.streams.advance(bench.again_ns, 0) is False
    done = bench.streams.take_done()
    assert done is not None and (done.gaps, done.start, done.done_ns) == ((), start, bench.again_ns)


@pytest.mark.parametrize("channel", [2, 5])
def test_what_is_asked_for_goes_out_on_the_channel_of_its_stream(channel: int) -> None:
    """A part of an image, and the start of one of which nothing came."""
    bench = Bench()
    bench.configure(channel)
    bench.start(0, channel)
    bench.sent()
    bench.streams.advance(bench.retention_ns // 2, 0)
    assert bench.sent() == [(channel, image.Resend(1, image.Wanted.START, ()))]
    bench.streams.take(channel, image.ImageData(1, 4032, bytes(4032)), 0)
    bench.streams.advance(0, 0)
    bench.streams.advance(bench.first_ns, 0)
    asked = image.Resend(1, image.Wanted.START, (image.Range(0, 4032),))
    assert bench.sent() == [(channel, asked)]


def test_a_module_without_the_feature_is_asked_for_nothing() -> None:
    """Neither for a part nor for a start; an image that stands still is handed over as it is."""
    bench = Bench()
    bench.connection.features = link.Features.NONE
    bench.configure()
    bench.start(0)
    bench.sent()
    bench.streams.advance(bench.retention_ns, 0)
    assert bench.sent() == [] and bench.streams.next_deadline() is None
    bench.chunk(4)
    asked = bench.again_ns + bench.first_ns
    for now in (0, bench.first_ns, asked, asked + 1, bench.retention_ns + bench.again_ns):
        bench.streams.advance(now, now)
        assert bench.asked() == []
    assert bench.handed_over() == [(1, bench.retention_ns + bench.again_ns)]


def test_after_an_image_the_next_one_is_looked_for_half_a_retention_later() -> None:
    """Counted from when it was handed over; stopped, no more is granted."""
    bench = Bench()
    bench.configure()
    bench.start(0)
    at_ns = bench.retention_ns // 2 - 1
    bench.streams.take(2, image.ImageGone(1), at_ns)
    bench.sent()
    due = at_ns + bench.retention_ns // 2
    assert bench.streams.next_deadline() == due
    for now, asked in ((due - 1, []), (due, [(2, [])])):
        bench.streams.advance(now, 0)
        assert bench.asked() == asked
    bench.chunk(0, image_id=2)
    bench.streams.stopped(image.StreamStopped(0, 2, 1), due)
    assert bench.handed_over() == [(1, at_ns), (2, due)] and bench.sent() == []
