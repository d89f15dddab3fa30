"""The module's half of the image path: exposures in time, credit, resends, retention. Hostile hosts."""

import itertools

import numpy as np
import pytest
from rig import MS, OPTICAL, Rig, module_in, pixels_of, split_frames
from rig import S as SECOND

from laserlink.firmware_model.machine import Temperature
from laserlink.firmware_model.stream import REPEATS_MAX, ExposureWanted, ImageReady, PackedImage
from laserlink.protocol import catalogue
from laserlink.protocol.errors import ErrorCode
from laserlink.protocol.frame import Frame
from laserlink.protocol.limits import IMAGES_IN_FLIGHT
from laserlink.protocol.messages import image, link
from laserlink.protocol.states import ModuleState

CHANNEL = 2
SMALL = image.StreamConfigure(0x4000, CHANNEL, 3, 8, 0, 0, 256, 256)  # 17 chunks, 19 frames


def errors(frames: list[Frame]) -> list[ErrorCode]:
    return [link.Error.decode(frame.payload).code for frame in frames if frame.type == catalogue.ERROR]


class Bench:
    """A module in READY without its host: raw frames in, image frames out."""

    def __init__(
        self, images: int = 1, credit: int | None = 18, configure: image.StreamConfigure = SMALL
    ) -> None:
        self.rig = module_in(ModuleState.READY)
        self.module = self.rig.module
        self.now = self.rig.now
        self.wanted: list[tuple[int, ExposureWanted]] = []
        self.give(configure, image.StreamStart(0x4001, CHANNEL, images))
        self.module.timers.clear()  # no host pings here: silence and light are for other tests
        if credit is not None:
            self.give(link.Credit(credit))

    def give(self, *messages: object) -> list[Frame]:
        wires = [self.rig.frame_to_module(message, self._channel(message)) for message in messages]  # type: ignore[arg-type]
        self.rig.stepper.now = self.now
        return self.rig.feed_module(*wires)

    @staticmethod
    def _channel(message: object) -> int | None:
        return CHANNEL if isinstance(message, (link.Credit, image.Resend)) else None

    def pass_time(self, duration_ns: int) -> list[Frame]:
        """Let time pass with an infinitely fast lane; the image frames that came."""
        end, wires = self.now + duration_ns, b""
        buffer = memoryview(bytearray(1 << 16))
        while True:
            self._expose()
            while count := self.module.images_to_send(OPTICAL, buffer, self.now):
                wires += bytes(buffer[:count])
            due = self.module.next_deadline(self.now)
            if due is None or due > end:
                break
            self.now = max(due, self.now)
            self.module.on_deadline(self.now)
        self.now = end
        self.module.on_deadline(end)
        return [
            Frame(f[3], f[4], 0, int.from_bytes(f[12:16], "little"), f[20:-4]) for f in split_frames(wires)
        ]

    def _expose(self) -> None:
        while (event := self.module.next_event()) is not None:
            assert isinstance(event, ExposureWanted)
            self.wanted.append((self.now, event))
            packed = PackedImage.of(pixels_of(event), event.layout)
            self.module.on_input(ImageReady(event.channel, event.image_id, packed), self.now)


def chunks(frames: list[Frame]) -> list[int]:
    return [
        image.ImageData.decode(f.payload).offset // 4032 for f in frames if f.type == catalogue.IMAGE_DATA
    ]


def test_an_image_is_start_chunks_digests_in_sequence() -> None:
    """Consecutive sequences from the one that StreamStarted named, offsets in order, one closing frame."""
    bench = Bench()
    frames = bench.pass_time(100 * MS)
    assert [frame.sequence for frame in frames] == list(range(19))
    assert [frame.type for frame in frames] == [0x41] + [0x42] * 17 + [0x43]
    assert chunks(frames) == list(range(17))


def test_nothing_is_sent_before_the_exposure_is_over_and_lines_come_as_they_are_read() -> None:
    """Exposure 10 ms, then the readout in blocks: never a line before its time."""
    bench = Bench()
    ready = bench.module.streams.sensor_ready_ns - bench.now
    assert bench.pass_time(ready + 10 * MS - 1) == []
    started = bench.wanted[0][0]
    assert started >= bench.module.streams.sensor_ready_ns
    seen = 0
    readout_ns = 3_750_000 * 256 // 546
    for step in range(1, 12):
        seen += len(chunks(bench.pass_time(readout_ns // 10)))
        elapsed = bench.now - started - 10 * MS
        assert seen <= 17 * max(0, elapsed) / readout_ns + 1e-9, step
    assert seen == 17


def test_without_credit_nothing_is_exposed_and_an_exposure_is_not_backdated() -> None:
    """Credit that comes after a second opens the shutter then, not a second ago."""
    bench = Bench(credit=None)
    assert bench.pass_time(SECOND) == [] and bench.wanted == []
    bench.give(link.Credit(17))
    assert bench.pass_time(100 * MS) == [] and bench.wanted == []
    bench.give(link.Credit(18))
    granted = bench.now
    frames = bench.pass_time(100 * MS)
    start = image.ImageStart.decode(frames[0].payload)
    assert start.timestamp_ns == granted and len(frames) == 19


def test_credit_is_absolute_and_never_taken_back() -> None:
    """An older grant, and the same again, change nothing."""
    bench = Bench(images=0, credit=2 * 19 - 1)
    for sequence in (18, 3, 2 * 19 - 1):
        bench.give(link.Credit(sequence))
    assert len(bench.pass_time(SECOND)) == 38 and len(bench.wanted) == 2


def test_credit_and_sequences_wrap() -> None:
    """A stream that begins just before 2^32 goes on behind it."""
    rig = Rig(first_sequence=(1 << 32) - 30)
    rig.attach()
    done = rig.capture(images=4, region=(0, 0, 256, 256))
    assert all(map(rig.exact, done))
    assert rig.module.connection.peek_sequence(CHANNEL) == 4 * 19 - 30


def test_a_resend_is_bit_identical() -> None:
    """The same frames again, sequence and all; repeats go before new ones."""
    bench = Bench()
    first = bench.pass_time(50 * MS)
    answer = bench.give(
        image.Resend(1, image.Wanted.START | image.Wanted.DIGESTS, (image.Range(3 * 4032, 2 * 4032),))
    )
    again = bench.pass_time(MS)
    assert answer == []
    assert again == [first[0], first[4], first[5], first[18]]


def test_a_range_that_ends_with_the_image_is_sent_to_its_end() -> None:
    """The last chunk is shorter than the others."""
    bench = Bench()
    first = bench.pass_time(50 * MS)
    bench.give(image.Resend(1, 0, (image.Range(16 * 4032, 65536 - 16 * 4032),)))
    assert bench.pass_time(MS) == [first[17]]


@pytest.mark.parametrize(
    ("ranges", "code"),
    [
        ((image.Range(1, 4032),), ErrorCode.OUT_OF_BOUNDS),
        ((image.Range(0, 0),), ErrorCode.OUT_OF_BOUNDS),
        ((image.Range(0, 65537),), ErrorCode.OUT_OF_BOUNDS),
        ((image.Range((1 << 64) - 4032, 4032),), ErrorCode.OUT_OF_BOUNDS),
        ((image.Range(0, 65536),), ErrorCode.LIMIT_EXCEEDED),
        ((image.Range(0, 4032),) * 6, ErrorCode.LIMIT_EXCEEDED),
    ],
)
def test_a_resend_of_what_is_not_there_or_too_much_is_refused_whole(
    ranges: tuple[image.Range, ...], code: ErrorCode
) -> None:
    """One typed error, and not one frame of it is sent."""
    bench = Bench()
    bench.pass_time(50 * MS)
    assert errors(bench.give(image.Resend(1, 0, ranges))) == [code]
    assert bench.pass_time(MS) == []


def test_a_host_that_asks_without_end_is_bounded() -> None:
    """Different requests while nothing can be sent: what waits has a limit, and the error says so."""
    bench = Bench(configure=image.StreamConfigure(0x4000, CHANNEL, 2, 8), credit=1600)
    bench.pass_time(100 * MS)
    codes = []
    for count in range(400):
        span = image.Range(count * 4032, 4032)
        codes += errors(bench.give(image.Resend(1, 0, (span,))))
    assert len(bench.module.streams._streams[CHANNEL].repeats) == REPEATS_MAX
    assert codes and set(codes) == {ErrorCode.LIMIT_EXCEEDED}


def test_an_image_is_kept_for_its_retention_and_then_gone() -> None:
    """100 ms after its last frame; each request for it starts them again."""
    bench = Bench()
    bench.pass_time(50 * MS)
    bench.pass_time(60 * MS)
    assert bench.give(image.Resend(1, image.Wanted.START, ())) == []
    assert len(bench.pass_time(99 * MS)) == 1
    bench.pass_time(5 * MS)
    gone = bench.give(image.Resend(1, image.Wanted.START, ()))
    assert [(frame.type, frame.channel) for frame in gone] == [(0x44, CHANNEL)]
    assert bench.pass_time(MS) == []


def test_an_image_that_is_still_to_come_is_not_gone() -> None:
    """A host may ask early; it hears nothing, and gets the image in time."""
    bench = Bench()
    assert bench.give(image.Resend(1, image.Wanted.START, ())) == []
    assert len(bench.pass_time(100 * MS)) == 19


def test_no_more_images_are_kept_than_are_in_flight() -> None:
    """Memory of the module is bounded, however much credit there is."""
    bench = Bench(images=0, credit=1 << 20)
    for _ in range(60):
        bench.pass_time(5 * MS)
        stream = bench.module.streams._streams[CHANNEL]
        assert len(stream.kept) <= IMAGES_IN_FLIGHT and len(stream.jobs) <= IMAGES_IN_FLIGHT
    assert len(bench.wanted) > 10


def test_the_pace_is_that_of_the_mode_without_drift() -> None:
    """Sixty images a second, over a second."""
    bench = Bench(images=0, credit=1 << 20)
    bench.pass_time(SECOND)
    times = [at for at, _ in bench.wanted]
    assert len(times) >= 55
    assert {b - a for a, b in itertools.pairwise(times)} == {16_667_000}


def test_a_warm_module_takes_fewer_images() -> None:
    """Half, a quarter, an eighth, the warmer the fewer; cooler again, the pace is back."""
    rig = module_in(ModuleState.STREAMING)
    for celsius, interval_us in ((64.0, 33_334), (66.0, 66_668), (71.0, 133_336), (40.0, 16_667)):
        rig.module.on_input(Temperature(celsius), rig.now)
        rig.stepper.settle()
        rig.run_for(700 * MS)
        first = len(rig.exposures)
        rig.run_for(400 * MS)
        times = [at for at, _ in rig.exposures[first:]]
        assert {b - a for a, b in itertools.pairwise(times)} == {interval_us * 1000}


CONFIGURATIONS = [
    ({"channel": 1}, ErrorCode.UNKNOWN_STREAM),
    ({"channel": 15}, ErrorCode.UNKNOWN_STREAM),
    ({"mode_id": 77}, ErrorCode.UNKNOWN_MODE),
    ({"bits": 14}, ErrorCode.UNKNOWN_MODE),
    ({"bits": 0}, ErrorCode.UNKNOWN_MODE),
    ({"x": 1}, ErrorCode.VALUE_OUT_OF_RANGE),
    ({"y": 1}, ErrorCode.VALUE_OUT_OF_RANGE),
    ({"width": 6}, ErrorCode.VALUE_OUT_OF_RANGE),
    ({"height": 3}, ErrorCode.VALUE_OUT_OF_RANGE),
    ({"width": 732}, ErrorCode.VALUE_OUT_OF_RANGE),
    ({"x": 476, "width": 256}, ErrorCode.VALUE_OUT_OF_RANGE),
    ({"x": 65_534, "y": 65_534}, ErrorCode.VALUE_OUT_OF_RANGE),
]


@pytest.mark.parametrize(("field", "code"), CONFIGURATIONS)
def test_a_stream_that_cannot_be_is_refused(field: dict[str, int], code: ErrorCode) -> None:
    """Typed; and the stream that was configured before stays as it was."""
    rig = module_in(ModuleState.READY)
    rig.configure(region=(0, 0, 256, 256))
    before = vars(rig.module.streams._streams[CHANNEL]).copy()
    request = image.StreamConfigure(**{**vars(SMALL), **field})
    assert errors(rig.feed_module(rig.frame_to_module(request))) == [code]
    assert vars(rig.module.streams._streams[CHANNEL]) == before


def test_a_running_stream_is_neither_configured_nor_started_again() -> None:
    """It must be stopped first; one that was never configured cannot be started or stopped."""
    rig = module_in(ModuleState.STREAMING)
    for number, request in enumerate(
        (SMALL, image.StreamStart(0, 2, 1), image.StreamStart(0, 9), image.StreamStop(0, 9))
    ):
        fresh = type(request)(**{**vars(request), "request_id": 0x4000 + number})
        assert errors(rig.feed_module(rig.frame_to_module(fresh))) == [ErrorCode.UNKNOWN_STREAM]
    assert rig.module.streams.active_channels == [2]


def test_pixels_of_an_exposure_that_nobody_wants_any_more_are_dropped() -> None:
    """The shutter was open when the stream was stopped."""
    bench = Bench()
    packed = PackedImage(np.zeros(8, np.uint8), (0,))
    bench.module.on_input(ImageReady(9, 4, packed), bench.now)
    bench.module.on_input(ImageReady(CHANNEL, 99, packed), bench.now)
    assert len(bench.pass_time(100 * MS)) == 19


def test_a_stopped_stream_sends_nothing_more() -> None:
    """Neither the rest of its image nor what waited to be sent again."""
    bench = Bench(images=0)
    bench.pass_time(50 * MS)
    bench.give(image.Resend(1, 0, (image.Range(0, 4 * 4032),)))
    bench.give(image.StreamStop(0x4002, CHANNEL))
    assert bench.pass_time(100 * MS) == [] and bench.module.state is ModuleState.READY


def test_streams_that_run_together_share_the_lane_and_the_contract() -> None:
    """Two that would each take most of the lane: half the pace each, told, and back when one stops."""
    rig = module_in(ModuleState.READY)
    streams, power = rig.module.streams, rig.module.power
    alone: list[int] = []
    for number, channel in enumerate((2, 3)):
        configure = image.StreamConfigure(0x4000 + 2 * number, channel, 1, 12)
        rig.feed_module(rig.frame_to_module(configure))
        alone.append(streams._streams[channel].interval_ns)
        rig.feed_module(rig.frame_to_module(image.StreamStart(0x4001 + 2 * number, channel, 0)))
    assert streams.gbps <= 10.0
    assert rig.module.outputs.draw_ma <= power.limit_ma - power.reserve_ma
    assert streams._streams[2].interval_ns > alone[0] * 1.4
    answers = rig.feed_module(rig.frame_to_module(image.StreamStop(0x4009, 3)))
    assert streams._streams[2].interval_ns == alone[0]
    changed = [image.StreamChanged.decode(f.payload).change for f in answers if f.type == 0x4C]
    assert changed == [image.StreamChange.RESTORED]


def test_a_notice_that_an_image_is_gone_takes_no_credit() -> None:
    """Asked for an image of long ago, the module says so and still has credit for the next one."""
    bench = Bench(images=2, credit=18)
    assert len(bench.pass_time(SECOND)) == 19
    before = bench.module.connection.peek_sequence(CHANNEL)
    (gone,) = bench.give(image.Resend(1, image.Wanted.START, ()))
    assert (gone.type, gone.sequence) == (catalogue.BY_MESSAGE[image.ImageGone].type, before - 1)
    bench.give(link.Credit(37))
    assert len(bench.pass_time(SECOND)) == 19
