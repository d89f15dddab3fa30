"""The module's half of the image path: exposures in time, credit, resends, retention. Hostile hosts."""

import dataclasses
import itertools

import numpy as np
import pytest
from rig import MS, OPTICAL, Rig, module_in, one_lane, pixels_of, split_frames
from rig import S as SECOND

from laserlink.firmware_model.machine import Module, Temperature
from laserlink.firmware_model.profile import load_profile
from laserlink.firmware_model.stream import REPEATS_MAX, ExposureWanted, ImageReady, PackedImage, Streams
from laserlink.protocol import catalogue
from laserlink.protocol.errors import ErrorCode
from laserlink.protocol.frame import Frame
from laserlink.protocol.limits import IMAGES_IN_FLIGHT
from laserlink.protocol.messages import control, image, link, power
from laserlink.protocol.states import ModuleState
from laserlink.protocol.timers import RETENTION_NS

CHANNEL = 2
INTEGER = control.ValueType.INTEGER
MODE_3 = load_profile("mos-100mp").mode(3)
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
    assert len(bench.module.streams.by_channel[CHANNEL].repeats) == REPEATS_MAX
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
        stream = bench.module.streams.by_channel[CHANNEL]
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
    before = vars(rig.module.streams.by_channel[CHANNEL]).copy()
    request = dataclasses.replace(SMALL, **field)
    assert errors(rig.feed_module(rig.frame_to_module(request))) == [code]
    assert vars(rig.module.streams.by_channel[CHANNEL]) == before


def test_a_running_stream_is_neither_configured_nor_started_again() -> None:
    """It must be stopped first; one that was never configured cannot be started or stopped."""
    rig = module_in(ModuleState.STREAMING)
    for number, request in enumerate(
        (SMALL, image.StreamStart(0, 2, 1), image.StreamStart(0, 9), image.StreamStop(0, 9))
    ):
        fresh = dataclasses.replace(request, request_id=0x4000 + number)
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
        alone.append(streams.by_channel[channel].interval_ns)
        rig.feed_module(rig.frame_to_module(image.StreamStart(0x4001 + 2 * number, channel, 0)))
    assert streams.gbps <= 10.0
    assert rig.module.outputs.draw_ma <= power.limit_ma - power.reserve_ma
    assert streams.by_channel[2].interval_ns > alone[0] * 1.4
    answers = rig.feed_module(rig.frame_to_module(image.StreamStop(0x4009, 3)))
    assert streams.by_channel[2].interval_ns == alone[0]
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


# --- what is refused is named, and figures are exact ---


def refusals(bench: Bench, *messages: object) -> list[tuple[str, int]]:
    """Text and value of each error that the messages get."""
    frames = [frame for frame in bench.give(*messages) if frame.type == catalogue.ERROR]
    return [(error.text, error.value) for error in map(link.Error.decode, [f.payload for f in frames])]


def test_what_cannot_stream_is_told_why() -> None:
    """Which formats there are, which stream is none, how little power there is, and how much waits."""
    bench = Bench(images=0, credit=None)
    configure = dataclasses.replace(SMALL, request_id=0x4002, channel=3, bits=14)
    assert refusals(bench, configure) == [(f"{MODE_3.name} offers RAW8, RAW10, RAW12, not RAW14", 14)]
    assert refusals(bench, image.StreamStop(0x4003, 9)) == [("stream 9 is not configured", 9)]
    bench.give(image.StreamStop(0x4004, CHANNEL), power.PowerDerate(0x4005, 200))
    start = image.StreamStart(0x4006, CHANNEL)
    assert refusals(bench, start) == [("200 mA do not cover a stream", 200)]


def test_a_host_that_asks_too_much_is_told_how_much_waits() -> None:
    """The text and the value say how many parts; one fewer would have been taken."""
    bench = Bench(configure=image.StreamConfigure(0x4000, CHANNEL, 2, 8), credit=1600)
    bench.pass_time(100 * MS)
    for index in range(REPEATS_MAX):
        bench.give(image.Resend(1, 0, (image.Range(index * 4032, 4032),)))
    more = image.Resend(1, 0, (image.Range(REPEATS_MAX * 4032, 4032),))
    assert refusals(bench, more) == [(f"{REPEATS_MAX} parts wait to be sent again already", REPEATS_MAX)]


def test_the_pace_on_a_slow_line_is_that_of_its_bytes() -> None:
    """Ten bits a byte, every frame's header and check; two streams take turns, so each is half as fast."""
    rig = Rig(one_lane(1_000_000), "uart-1m")
    rig.attach()
    region = (0, 0, 128, 128)
    first = rig.configure(region=region, channel=2)
    wire_bytes = first.coded_bytes + first.frames_per_image * 36
    assert first.interval_us == wire_bytes * 10
    rig.start(images=0, channel=2)
    rig.configure(region=region, channel=3)
    rig.start(images=0, channel=3)
    paces = [rig.module.streams.by_channel[channel].interval_ns for channel in (2, 3)]
    assert paces == [2 * wire_bytes * 10_000] * 2


def test_a_stream_that_is_slowed_is_told_as_derated() -> None:
    """Then as restored, with its pace."""
    streams = module_in(ModuleState.STREAMING).module.streams
    for slowdown, change, interval_us in ((4, "DERATED", 66_668), (1, "RESTORED", 16_667)):
        streams.slowdown = slowdown
        changed = [(told.channel, told.change.name, told.interval_us) for told in streams.adjust()]
        assert changed == [(CHANNEL, change, interval_us)]
        assert list(streams.adjust()) == []


def test_after_the_last_image_id_comes_1() -> None:
    """There is no image 0."""
    bench = Bench(images=0, credit=None)
    bench.give(image.StreamStop(0x4002, CHANNEL))
    bench.module.streams._image_ids[CHANNEL] = (1 << 32) - 1
    (frame,) = bench.give(image.StreamStart(0x4003, CHANNEL, 1))
    assert image.StreamStarted.decode(frame.payload).first_image_id == 1


def test_no_more_is_exposed_than_was_asked_for() -> None:
    """However much credit there is."""
    bench = Bench(images=3, credit=1000)
    assert len(bench.pass_time(SECOND)) == 3 * 19 and len(bench.wanted) == 3


def test_no_more_is_exposed_than_the_module_has_memory_for() -> None:
    """Pixels that do not come hold the shutter closed."""
    bench = Bench(images=0, credit=1000)
    for _ in range(20):
        bench.now += 20 * MS
        bench.module.on_deadline(bench.now)
    wanted = list(iter(bench.module.next_event, None))
    assert [event.image_id for event in wanted if isinstance(event, ExposureWanted)] == [1, 2]


def test_a_start_says_how_long_and_when_it_was_exposed() -> None:
    """The exposure that is in force, not the one that is usual; the request to the sensor says the same."""
    bench = Bench(credit=None)
    bench.give(control.ControlSet(0x4002, (control.ControlValue(1, INTEGER, (2500).to_bytes(8, "little")),)))
    bench.give(link.Credit(18))
    start = image.ImageStart.decode(bench.pass_time(SECOND)[0].payload)
    ((at, wanted),) = bench.wanted
    assert (start.exposure_us, start.timestamp_ns) == (2500, at)
    assert (wanted.request.exposure_us, wanted.request.started_ns) == (2500, at)


def test_a_wake_up_that_is_late_does_not_change_the_pace() -> None:
    """The image after a late one comes when it would have; what was late by a whole pace is not made up."""
    bench = Bench(images=0, credit=1000)
    bench.pass_time(200 * MS)
    stream = bench.module.streams.by_channel[CHANNEL]
    for late_ns, next_ns in ((5 * MS, stream.interval_ns - 5 * MS), (40 * MS, stream.interval_ns)):
        bench.now = stream.next_exposure_ns + late_ns
        bench.module.on_deadline(bench.now)
        bench.pass_time(0)
        assert bench.wanted[-1][0] == bench.now
        assert stream.next_exposure_ns - bench.now == next_ns
        bench.pass_time(100 * MS)


def test_images_are_kept_when_their_stream_is_configured_anew() -> None:
    """What the host still lacks of them can be sent again."""
    bench = Bench()
    first = bench.pass_time(60 * MS)
    assert len(first) == 19
    again = dataclasses.replace(SMALL, request_id=0x4002, width=64, height=64)
    bench.give(again)
    assert bench.give(image.Resend(1, image.Wanted.START, (image.Range(4032, 4032),))) == []
    bench.give(image.StreamStart(0x4003, CHANNEL, 1))
    assert bench.pass_time(MS) == [first[0], first[2]]


def three_exposed() -> tuple[Module, Streams]:
    """Streams on channels 4, 2 and 3, begun in this order, each with an image that waits to be sent."""
    module = module_in(ModuleState.READY).module
    streams = bare_streams(module)
    for channel in (4, 2, 3):
        streams.configure(dataclasses.replace(SMALL, channel=channel))
        streams.start(image.StreamStart(0, channel, 1), module.now)
        streams.grant(channel, 100)
    for wanted in streams.advance(module.now, lit=True):
        packed = PackedImage.of(pixels_of(wanted), wanted.layout)
        streams.image_ready(ImageReady(wanted.channel, wanted.image_id, packed))
    return module, streams


def test_three_streams_take_turns_from_the_first_on() -> None:
    """When one frame fits at a time, each stream sends one, in the order of the channels."""
    module, streams = three_exposed()
    buffer = memoryview(bytearray(4100))
    channels = []
    for _ in range(6):
        assert streams.fill(buffer, module.now + SECOND)
        channels.append(buffer[4])
    assert channels == [2, 3, 4, 2, 3, 4]


def test_what_cannot_be_configured_or_sent_again_is_named() -> None:
    """Channel, mode, region, a stream that runs; a range that is none, and one that is too much."""
    bench = Bench()
    bench.pass_time(60 * MS)
    bench.give(image.StreamStart(0x4002, CHANNEL, 0))

    def asked(number: int, **fields: int) -> image.StreamConfigure:
        return dataclasses.replace(SMALL, request_id=0x4003 + number, **fields)

    region = asked(2, channel=3, width=6, x=8)
    for message, text, value in (
        (asked(0, channel=15), "images take channels 2 to 14, not 15", 15),
        (asked(1, channel=3, mode_id=77), "there is no mode 77", 77),
        (region, "6x256 at (8, 0) is no region of 728x546", 6),
        (asked(3), "stream 2 is running", 2),
        (image.StreamStart(0x4010, CHANNEL), "stream 2 is running", 2),
        (image.Resend(1, 0, (image.Range(1, 4032),)), "4032 bytes at 1 of 65536", 1),
        (
            image.Resend(1, 0, (image.Range(0, 6 * 4032),)),
            "6 chunks asked for at once, a quarter of the image are 5",
            6,
        ),
    ):
        assert refusals(bench, message) == [(text, value)]
    assert refusals(bench, image.Resend(1, 0, (image.Range(0, 5 * 4032),))) == []


def test_of_a_small_image_one_chunk_at_once_is_sent_again() -> None:
    """A quarter of two chunks is one."""
    bench = Bench(credit=3, configure=dataclasses.replace(SMALL, width=64, height=64))
    first = bench.pass_time(60 * MS)
    assert len(first) == 4
    text = "2 chunks asked for at once, a quarter of the image are 1"
    assert refusals(bench, image.Resend(1, 0, (image.Range(0, 4096),))) == [(text, 2)]
    bench.give(image.Resend(1, 0, (image.Range(4032, 64),)))
    assert bench.pass_time(MS) == [first[2]]


@pytest.mark.parametrize(
    ("x", "y", "height", "legal"),
    [(2, 4, 256, True), (4, 2, 256, True), (0, 290, 256, True), (0, 292, 256, False), (0, 0, 548, False)],
)
def test_a_region_lies_within_its_mode(x: int, y: int, height: int, legal: bool) -> None:
    """At any even place, up to the last row."""
    bench = Bench(credit=None)
    bench.give(image.StreamStop(0x4002, CHANNEL))
    configure = dataclasses.replace(SMALL, request_id=0x4003, x=x, y=y, height=height)
    assert bool(refusals(bench, configure)) is not legal


def bare_streams(module: Module) -> Streams:
    """Streams of their own, with the power and the connection of a module."""
    return Streams(module.connection, module.profile, module.power, module.controls, module.focus.drive)


def test_new_streams_have_done_nothing() -> None:
    """The sensor is not waited for, no heat slows them, and nothing is counted."""
    streams = bare_streams(module_in(ModuleState.READY).module)
    assert (streams.sensor_ready_ns, streams.slowdown, streams.images_sent, streams.frames_resent) == (
        0, 1, 0, 0,
    )  # fmt: skip
    assert (bool(streams.by_channel), streams.gbps, streams.active_channels) == (False, 0, [])


def test_pace_and_draw_are_what_the_contract_allows() -> None:
    """100 mA above the floor are 4 Gb/s; two streams get half of it each. The draw is what one then takes."""
    module = module_in(ModuleState.READY).module
    module.power.derate(470)
    streams = bare_streams(module)
    configure = image.StreamConfigure(0, 2, 0, 12)
    reply = streams.configure(configure)
    assert reply.interval_us == reply.coded_bytes * 8 // 4000
    assert reply.draw_ma == 60 + 120 + 40 + 100
    for channel in (2, 3):
        streams.configure(dataclasses.replace(configure, channel=channel))
        streams.start(image.StreamStart(0, channel, 1), module.now)
    changed = {told.channel: told.interval_us for told in streams.adjust()}
    assert changed == dict.fromkeys((2, 3), reply.coded_bytes * 16 // 4000)


def test_a_line_without_a_rate_does_not_hold_images_up() -> None:
    """The mode alone says how fast they come."""
    module = module_in(ModuleState.READY).module
    lanes = module.connection.lanes
    lanes[OPTICAL] = dataclasses.replace(lanes[OPTICAL], rate_bps=0)
    assert bare_streams(module).configure(SMALL).interval_us == 16_667


def test_a_second_run_goes_on_counting_images_and_sequences() -> None:
    """The answer to its start names the first of each; what it sent is counted from zero."""
    bench = Bench(images=2, credit=37)
    assert len(bench.pass_time(SECOND)) == 38
    (frame,) = bench.give(image.StreamStart(0x4002, CHANNEL, 0))
    assert image.StreamStarted.decode(frame.payload) == image.StreamStarted(0x4002, CHANNEL, 3, 38)
    (frame,) = bench.give(image.StreamStop(0x4003, CHANNEL))
    assert image.StreamStopped.decode(frame.payload) == image.StreamStopped(0x4003, CHANNEL, 0)


def test_what_waits_to_be_sent_again_or_for_the_first_time_is_not_queued_twice() -> None:
    """Asked for twice, sent once; of what the sensor has not read yet, nothing."""
    bench = Bench()
    bench.pass_time(bench.module.streams.sensor_ready_ns - bench.now + 10 * MS + 3_750_000 * 256 // 546 // 2)
    stream = bench.module.streams.by_channel[CHANNEL]
    ((sent, job),) = [(job.next_frame, job) for job in stream.jobs]
    assert 5 < sent < 15
    late = (image.Range((sent - 1) * 4032, 4032), image.Range((sent + 1) * 4032, 4032))
    for ranges in (late, (image.Range(0, 4032),), (image.Range(0, 4032),)):
        assert bench.give(image.Resend(1, image.Wanted.DIGESTS, ranges)) == []
    edge = image.Range((sent - 2) * 4032, 2 * 4032)
    assert bench.give(image.Resend(1, 0, (edge,))) == []
    assert list(stream.repeats) == [(job, 1, 1), (job, sent - 1, 1)]


def test_word_that_an_image_is_gone_goes_out_on_its_channel_before_the_first_sequence() -> None:
    """When none was used yet, the one before the first is the last that there is."""
    bench = Bench(credit=None)
    configure = dataclasses.replace(SMALL, request_id=0x4002, channel=5)
    bench.give(configure)
    bench.module.streams._image_ids[5] = 9
    (gone,) = bench.rig.feed_module(bench.rig.frame_to_module(image.Resend(3, image.Wanted.START, ()), 5))
    assert image.ImageGone.decode(gone.payload).image_id == 3
    assert (gone.channel, gone.sequence) == (5, (1 << 32) - 1)


def test_runs_of_chunks_take_turns_too() -> None:
    """After the start frames, each stream's chunks of this session, in the order of the channels."""
    module, streams = three_exposed()
    buffer = memoryview(bytearray(100))
    assert [buffer[4] for _ in range(3) if streams.fill(buffer, module.now + SECOND)] == [2, 3, 4]
    assert streams.next_run(module.now) is None
    runs = [streams.next_run(module.now + SECOND) for _ in range(3)]
    assert [(run.channel, run.session) for run in runs if run] == [
        (channel, module.connection.session) for channel in (4, 2, 3)
    ]


def test_a_start_says_all_that_is_to_know_of_its_image() -> None:
    """Every field of it, for an image that is not the usual one."""
    bench = Bench(configure=dataclasses.replace(SMALL, bits=12, width=64, height=32), credit=3)
    start = image.ImageStart.decode(bench.pass_time(SECOND)[0].payload)
    ((at, wanted),) = bench.wanted
    assert start == image.ImageStart(
        image_id=1, bits=12, width=64, height=32, mode_id=3, coded_bytes=3072, decoded_bytes=4096,
        chunk_bytes=wanted.layout.chunk_bytes, timestamp_ns=at, exposure_us=10_000, control_set_id=0,
        black_level=bench.module.profile.sensor.black_level(12),
        white_level=bench.module.profile.sensor.white_level(12),
    )  # fmt: skip


def test_an_exposure_is_due_when_it_may_begin_and_its_time_has_come() -> None:
    """Light, credit, and the moment itself; `advance` then begins it."""
    module = module_in(ModuleState.READY).module
    streams = bare_streams(module)
    streams.configure(SMALL)
    streams.start(image.StreamStart(0, CHANNEL, 1), 1000)
    streams.sensor_ready_ns = 5000
    assert not streams.is_due(5000, lit=True)
    streams.grant(CHANNEL, module.connection.peek_sequence(CHANNEL) + 18)
    assert [streams.is_due(now, lit=lit) for now, lit in ((4999, True), (5000, False), (5000, True))] == [
        False, False, True,
    ]  # fmt: skip
    assert list(streams.advance(4999, lit=True)) == list(streams.advance(5000, lit=False)) == []
    assert [wanted.image_id for wanted in streams.advance(5000, lit=True)] == [1]


def test_parts_of_an_image_that_is_not_kept_any_more_are_not_sent_again() -> None:
    """What waits of the other image stays."""
    bench = Bench(images=2, credit=37)
    bench.pass_time(bench.module.streams.sensor_ready_ns - bench.now + 60 * MS)
    stream = bench.module.streams.by_channel[CHANNEL]
    first, second = stream.kept
    for job, at_ns in ((first, bench.now), (second, bench.now + 10 * MS)):
        bench.now = at_ns
        bench.give(image.Resend(job.start.image_id, 0, (image.Range(0, 4032),)))
    assert list(stream.repeats) == [(first, 1, 1), (second, 1, 1)]
    bench.module.on_deadline(first.expires_ns)
    assert list(stream.kept) == [second] and list(stream.repeats) == [(second, 1, 1)]


def test_after_a_late_image_the_next_waits_for_the_readout_but_no_longer_than_a_pace() -> None:
    """Nearly a pace late: as soon as the lines are read. A whole pace late: a pace later."""
    bench = Bench(images=0, credit=1000)
    bench.pass_time(200 * MS)
    stream = bench.module.streams.by_channel[CHANNEL]
    readout_ns = 3_750_000 * 256 // 546
    for late_ns, next_ns in (
        (stream.interval_ns - 1, readout_ns), (stream.interval_ns, stream.interval_ns),
    ):  # fmt: skip
        bench.now = stream.next_exposure_ns + late_ns
        bench.module.on_deadline(bench.now)
        assert stream.jobs[-1].readout_ns == readout_ns
        assert stream.next_exposure_ns - bench.now == next_ns
        bench.pass_time(100 * MS)


@pytest.mark.parametrize("images", [0, 1])
def test_an_exposure_says_whether_its_stream_is_endless(images: int) -> None:
    """The sensor may keep what comes again."""
    bench = Bench(images=images)
    bench.pass_time(100 * MS)
    ((_, wanted),) = bench.wanted
    assert wanted.endless is (images == 0)


def test_streams_that_rest_do_not_keep_the_others_from_being_told() -> None:
    """The first one does not run: only the second changes its pace."""
    streams = bare_streams(module_in(ModuleState.READY).module)
    for channel in (2, 3):
        streams.configure(dataclasses.replace(SMALL, channel=channel))
    streams.start(image.StreamStart(0, 3, 1), 0)
    streams.slowdown = 2
    assert [(told.channel, told.interval_us) for told in streams.adjust()] == [(3, 33_334)]


def test_each_request_for_an_image_keeps_it_for_its_retention_again() -> None:
    """From the request on, however late it comes."""
    bench = Bench()
    bench.pass_time(bench.module.streams.sensor_ready_ns - bench.now + 60 * MS)
    (job,) = bench.module.streams.by_channel[CHANNEL].kept
    retention_ns = bench.module.connection.extended(RETENTION_NS, OPTICAL)
    bench.give(image.Resend(1, image.Wanted.START, ()))
    assert job.expires_ns == bench.now + retention_ns


@pytest.mark.parametrize(("slowdown", "interval_us"), [(1 << 17, 16_667 << 17), (1 << 20, (1 << 32) - 1)])
def test_a_pace_that_no_field_holds_is_told_as_far_as_it_goes(slowdown: int, interval_us: int) -> None:
    """More than an hour from one image to the next."""
    module = module_in(ModuleState.STREAMING).module
    module.streams.slowdown = slowdown
    (changed,) = module.streams.adjust()
    assert (changed.channel, changed.change) == (CHANNEL, image.StreamChange.DERATED)
    assert changed.interval_us == interval_us and image.StreamChanged.decode(bytes(changed)) == changed


def test_what_is_sent_late_ends_with_what_was_read_out() -> None:
    """A lane that is free in the middle of the readout takes the start and the chunks so far."""
    bench = Bench()
    module = bench.module
    while not bench.wanted:
        bench.now = module.next_deadline(bench.now) or bench.now
        module.on_deadline(bench.now)
        bench._expose()
    (job,) = module.streams.by_channel[CHANNEL].jobs
    middle_ns = job.exposed_ns + job.readout_ns // 2
    ready = job.frames_ready(middle_ns)
    assert 5 < ready < 15
    buffer = memoryview(bytearray(1 << 18))
    frames = split_frames(bytes(buffer[: module.images_to_send(OPTICAL, buffer, middle_ns)]))
    assert len(frames) == ready == job.next_frame
    later = split_frames(bytes(buffer[: module.images_to_send(OPTICAL, buffer, middle_ns + SECOND)]))
    assert [frame[3] for frame in (*frames, *later)] == [0x41] + [0x42] * 17 + [0x43]
