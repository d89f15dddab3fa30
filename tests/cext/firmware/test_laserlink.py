"""cext/firmware/laserlink.h: the C module and Python's, side by side, do and say the same."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from c_module import CModule, facts_of, load_library
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rig import MS, OPTICAL, SIDEBAND, TWO_LANES, one_lane, pixels_of

from laserlink.firmware_model.machine import Broken, Contact, Module, Temperature
from laserlink.firmware_model.profile import Profile, load_profile
from laserlink.firmware_model.stream import ExposureWanted, ImageReady, PackedImage
from laserlink.protocol import catalogue
from laserlink.protocol.frame import CHANNEL_MAX, VERSION, Flags, Frame
from laserlink.protocol.framer import Framer
from laserlink.protocol.messages import bulk, control, diagnostics, identity, image, link, power
from laserlink.protocol.messages.control import ValueType, encode_value
from laserlink.protocol.messages.layout import Record, Request
from laserlink.protocol.states import LaneKind, ModuleState, Seating

SESSION = 0x5A5A1234
CHANNEL = 2
FRAME_BYTES = 1024
BOOT_NS = 40 * MS


@pytest.fixture(scope="module")
def library() -> Any:
    return load_library("-DLL_STREAMS_MAX=2u")


def small_profile() -> Profile:
    """The serial profile, with one small mode, so that an image is a few frames."""
    profile = load_profile("uart-1m")
    modes = [dataclasses.replace(mode, formats=(8, 10, 12)) for mode in profile.modes]
    modes[2] = dataclasses.replace(modes[2], width=64, height=48)
    return dataclasses.replace(profile, modes=tuple(modes))


def spoken(wire: bytes) -> bytes:
    """A frame without the line for a person that an error carries, which is each implementation's own."""
    if wire[3] != catalogue.ERROR:
        return wire
    framer = Framer()
    framer.feed(wire)
    frame = framer.next_item()
    assert isinstance(frame, Frame)
    error = dataclasses.replace(link.Error.decode(frame.payload), text="")
    return bytes(dataclasses.replace(frame, payload=bytes(error)))


class Pair:
    """Both modules under the same inputs at the same times. Every call compares what they say and are."""

    def __init__(self, library: Any, offers: tuple[link.LaneOffer, ...] | None = None) -> None:
        profile = small_profile()
        offers = offers or one_lane(1_000_000, 16_000)
        self.python = Module(profile, offers, first_sequence=0xFFFFFFF0)
        self.c = CModule(library, facts_of(profile, offers), self.pixels, 0xFFFFFFF0)
        self.lanes = [offer.kind for offer in offers]
        self.images: dict[tuple[int, int], PackedImage] = {}
        self.now = 1_000 * MS
        self.sequences = dict.fromkeys(range(CHANNEL_MAX + 1), 7)
        self.session = SESSION
        self.request_id = 0
        self.said: list[Frame] = []

    def pixels(self, picture: Any, offset: int, count: int) -> bytes | None:
        found = self.images.get((picture.channel, picture.image_id))
        return found.data[offset : offset + count].tobytes() if found else None

    # --- what happens to both ---

    def contact(self, made: bool) -> None:
        self.python.on_input(Contact(made), self.now)
        self.c.on_contact(made, self.now)
        self.compare()

    def temperature(self, celsius: float) -> None:
        self.python.on_input(Temperature(celsius), self.now)
        self.c.on_temperature(celsius, self.now)
        self.compare()

    def feed(self, data: bytes) -> None:
        """The same bytes, as far as the C module takes them before it must say something."""
        while data or self.c.stalled:
            taken = self.c.receive(data, self.now)
            if taken:
                self.python.receive_data(SIDEBAND, data[:taken], self.now)
            self.compare()
            data = data[taken:]

    def wait(self, duration_ns: int) -> None:
        """Let time pass, deadline by deadline; both want to be woken at the same times."""
        end = self.now + duration_ns
        for _ in range(10_000):
            due = self.python.next_deadline(self.now)
            assert self.c.next_deadline(self.now) == due
            if due is None or due > end:
                self.now = end
                self.compare()
                return
            self.now = max(self.now, due)
            self.python.on_deadline(self.now)
            self.c.on_deadline(self.now)
            self.feed(b"")
            self.compare()
        raise AssertionError("both are woken again and again")

    # --- what both say ---

    def python_frames(self) -> Iterator[bytes]:
        buffer = memoryview(bytearray(4096))
        while True:
            while isinstance(event := self.python.next_event(), ExposureWanted):
                packed = PackedImage.of(pixels_of(event), event.layout)
                self.images[event.channel, event.image_id] = packed
                self.python.on_input(ImageReady(event.channel, event.image_id, packed), self.now)
            for lane in self.lanes:
                if wire := self.python.data_to_send(lane, self.now):
                    yield wire
                    break
                if size := self.python.images_to_send(lane, buffer, self.now):
                    framer = Framer()
                    framer.feed(buffer[:size])
                    yield from (bytes(item) for item in framer.items())  # type: ignore[arg-type]
                    break
            else:
                return

    def c_frames(self) -> Iterator[bytes]:
        while any(wire := self.c.next_frame(lane, self.now) for lane in self.lanes):
            yield wire

    def compare(self) -> None:
        """The same frames on every channel, in the same order, and the same state and light."""
        told, wanted = [spoken(w) for w in self.c_frames()], []
        # An exposure that the Python module begins is there for the C module as well.
        wanted = [spoken(w) for w in self.python_frames()]
        told += [spoken(w) for w in self.c_frames()]
        for channel in range(CHANNEL_MAX + 1):
            mine, theirs = ([w.hex() for w in side if w[4] == channel] for side in (told, wanted))
            assert mine == theirs, f"channel {channel}"
        assert self.c.state is self.python.state
        assert self.c.laser == self.python.outputs.laser
        framer = Framer()
        framer.feed(b"".join(wanted))
        self.said += framer.items()  # type: ignore[arg-type]

    # --- what a host says ---

    def frame(self, message: Record, channel: int | None = None) -> Frame:
        row = catalogue.BY_MESSAGE[type(message)]
        channel = min(row.channel.value) if channel is None else channel
        sequence = self.sequences[channel]
        self.sequences[channel] = (sequence + 1) % (1 << 32)
        return Frame(row.type, channel, self.session, sequence, bytes(message))

    def say(self, message: Record, channel: int | None = None) -> None:
        self.feed(bytes(self.frame(message, channel)))

    def ask(self, request: Request) -> None:
        """Send a request with the next id."""
        self.request_id = self.request_id % 0xFFFF + 1
        self.say(dataclasses.replace(request, request_id=self.request_id))

    def hello(self, session: int = SESSION, version: int = VERSION, features: int = 1) -> None:
        self.session = session
        lanes = one_lane() if self.lanes == [SIDEBAND] else TWO_LANES
        self.say(link.Hello(version, version, features, FRAME_BYTES, FRAME_BYTES, 7, lanes))
        self.sequences = dict.fromkeys(range(CHANNEL_MAX + 1), 8)
        self.request_id = 0

    def attach(self) -> None:
        """From contact to ready."""
        self.contact(True)
        self.wait(BOOT_NS)
        self.hello()
        self.ask(power.PowerCapabilities(offers=(power.PowerOffer(5000, 900),)))
        self.ask(power.PowerAccept())
        self.ask(power.PowerReady())
        self.train()
        self.ask(identity.DescriptorRead())
        assert self.python.state is ModuleState.READY

    def train(self) -> None:
        self.ask(diagnostics.Train(lane=self.lanes[-1]))
        self.wait(MS)
        self.ask(diagnostics.TrainResult(seating=Seating.SEATED, frames=5, bits=100))

    def grant(self, images: int) -> None:
        stream = self.python.streams.by_channel[CHANNEL]
        first = self.python.connection.peek_sequence(CHANNEL)
        self.say(link.Credit((first + images * stream.layout.frames - 1) % (1 << 32)), CHANNEL)

    def ping(self, light: bool = True) -> None:
        self.say(link.Ping(int(light), 3, 12345))


@pytest.fixture(params=["one lane", "two lanes"])
def pair(request: pytest.FixtureRequest, library: Any) -> Pair:
    """Both modules, on a serial port, and with a laser."""
    return Pair(library, None if request.param == "one lane" else TWO_LANES)


def keep_alive(pair: Pair, duration_ns: int) -> None:
    for _ in range(max(1, duration_ns // (50 * MS))):
        pair.ping()
        pair.wait(50 * MS)


def stream(pair: Pair, bits: int = 8, images: int = 2) -> None:
    pair.ask(image.StreamConfigure(channel=CHANNEL, mode_id=3, bits=bits))
    pair.ask(image.StreamStart(channel=CHANNEL, images=images))
    pair.grant(images)


def test_attach_and_detach(pair: Pair) -> None:
    """From contact to ready and back to nothing, and once more: the same bytes all the way."""
    for _ in range(2):
        pair.attach()
        keep_alive(pair, 200 * MS)
        pair.contact(False)
        pair.wait(20 * MS)
        assert pair.c.state is ModuleState.DETACHED


def test_images_in_every_format(pair: Pair) -> None:
    """Images of each format are the same frames at the same times, and end the same way."""
    pair.attach()
    for bits in (8, 10, 12):
        pair.said.clear()
        stream(pair, bits)
        keep_alive(pair, 1200 * MS)
        starts = [frame for frame in pair.said if frame.type == catalogue.BY_NAME["ImageStart"].type]
        assert len(starts) == 2
        assert pair.c.state is ModuleState.READY


def test_an_image_of_several_strips(library: Any) -> None:
    """The digests of an image of more than a megabyte are Python's."""
    pair = Pair(library)
    pair.attach()
    pair.ask(image.StreamConfigure(channel=CHANNEL, mode_id=0, bits=8))
    pair.ask(image.StreamStart(channel=CHANNEL, images=1))
    pair.said.clear()
    pair.grant(1)
    keep_alive(pair, 300 * MS)
    (digests,) = (frame for frame in pair.said if frame.type == catalogue.BY_NAME["ImageDigests"].type)
    assert len(image.ImageDigests.decode(digests.payload).digests) == 2


def test_resends(pair: Pair) -> None:
    """Parts of an image come again, bit-identical, as often as asked for; refused and lost ones alike."""
    pair.attach()
    stream(pair)
    keep_alive(pair, 100 * MS)
    chunk = pair.python.streams.by_channel[CHANNEL].layout.chunk_bytes
    for wanted, ranges in (
        (3, ()),
        (0, (image.Range(chunk, chunk),)),
        (1, (image.Range(0, 1),)),
        (0, (image.Range(0, 64 * 48),)),
        (0, (image.Range(5, 5),)),
        (0, (image.Range(chunk, 0),)),
    ):
        for image_id in (1, 2, 3, 4):
            pair.say(image.Resend(image_id, wanted, ranges), CHANNEL)
    keep_alive(pair, 2000 * MS)
    pair.say(image.Resend(1, 1, ()), CHANNEL)


def test_heat(pair: Pair) -> None:
    """Warm slows streams down after a notice, hot darkens, cool lets all go on."""
    pair.attach()
    stream(pair, images=0)
    for celsius in (30.0, 60.0, 65.5, 71.0, 66.5, 62.0, 76.0, 70.0, 50.0):
        pair.temperature(celsius)
        keep_alive(pair, 600 * MS)
    pair.temperature(80.0)
    pair.ask(diagnostics.Train(lane=pair.lanes[-1]))


def test_silence_and_too_many_recoveries(pair: Pair) -> None:
    """A silent host is waited for, beacons are sent; the sixth time within five minutes is a fault."""
    pair.attach()
    for _ in range(6):
        pair.wait(700 * MS)
        pair.ping()
    assert pair.c.state is ModuleState.FAULT
    pair.wait(600 * MS)


def test_a_failed_self_test_is_told(library: Any) -> None:
    """A module that breaks says so once and beacons from then on."""
    pair = Pair(library)
    pair.attach()
    pair.python.on_input(Broken("the sensor is silent"), pair.now)
    pair.c._library.ll_on_broken(pair.c._module, b"the sensor is silent", pair.now)
    pair.compare()
    pair.wait(600 * MS)


def test_events_that_nobody_acknowledges(pair: Pair) -> None:
    """Events are sent again until they are acknowledged; too many that wait are a fault."""
    pair.attach()
    for number in range(80):
        pair.temperature(61.0 if number % 2 else 50.0)
        if number % 8 == 0:
            pair.ping()
    assert pair.c.state is ModuleState.FAULT


def test_every_message_in_every_state(library: Any) -> None:
    """What the catalogue has, in every state that is reached on the way: the same answers."""
    messages = [row.message for row in catalogue.ROWS if row.message is not link.Hello]
    for steps in range(8):
        pair = Pair(library)
        walk(pair, steps)
        for kind in messages:
            if issubclass(kind, Request) and kind is not link.Reset:
                pair.ask(kind())
            elif kind is not link.Reset:
                pair.say(kind())
            pair.wait(110 * MS) if kind is power.PowerRevoke else None
        pair.ask(link.Reset())
        pair.wait(300 * MS)


def walk(pair: Pair, steps: int) -> None:
    """So many steps of the way to streaming."""
    way = (
        lambda: pair.contact(True),
        lambda: pair.wait(BOOT_NS),
        pair.hello,
        lambda: pair.ask(power.PowerCapabilities(offers=(power.PowerOffer(5000, 900),))),
        lambda: [pair.ask(power.PowerAccept()), pair.ask(power.PowerReady())],
        lambda: pair.ask(diagnostics.Train(lane=pair.lanes[-1])),
        lambda: pair.ask(diagnostics.TrainResult(seating=Seating.SEATED)),
        lambda: [pair.ask(identity.DescriptorRead()), stream(pair, images=0)],
    )
    for step in way[:steps]:
        step()


@pytest.mark.parametrize("field", ["type", "channel", "session", "flags", "version"])
def test_every_value_of_the_header(library: Any, field: str) -> None:
    """Each value of a header's byte gets the same answer, or none."""
    pair = Pair(library)
    pair.attach()
    for value in range(256):
        frame = dataclasses.replace(pair.frame(diagnostics.Echo(0, b"x")), **{field: value})
        pair.feed(bytes(frame))
        pair.wait(110 * MS)
        pair.ping()


CONVERSATIONS = json.loads((Path(__file__).parents[2] / "vectors" / "conversations.json").read_text())[
    "cases"
]


@pytest.mark.parametrize("case", CONVERSATIONS, ids=lambda case: str(case["name"]))
def test_conversations_of_the_vectors(case: dict[str, Any]) -> None:
    """What the host said in each conversation leads the C module to the same end, by the same types.

    Not by the same bytes: it offers fewer features, so that its hello and its list of controls are shorter.
    """
    profile, offers = load_profile("uart-1m"), one_lane(1_000_000)
    module = CModule(
        load_library("-DLL_MAX_FRAME=4096"), facts_of(profile, offers), lambda _, __, count: bytes(count), 100
    )
    said: list[int] = []

    def drain(now: int) -> None:
        while wire := module.next_frame(SIDEBAND, now):
            said.append(wire[3])

    def pass_time(end: int) -> None:
        while (due := module.next_deadline(end)) is not None and due <= end:
            module.on_deadline(due)
            drain(due)

    now = 0
    module.on_contact(True, now)
    for frame in case["frames"]:
        now = frame["at_ns"]
        pass_time(now)
        heard = bytes.fromhex(frame["frame"]) if "frame" in frame else bytes(frame["bytes"])
        data = heard if frame["to"] == "module" else b""
        while data:
            data = data[module.receive(data, now) :]
            drain(now)
        drain(now)
    if case["outcome"]["module"] == "DETACHED":
        module.on_contact(False, now)
        pass_time(now + 20 * MS)
    assert module.state.name == case["outcome"]["module"]
    types = {bytes.fromhex(frame["frame"])[3] for frame in case["frames"] if frame["to"] == "host"}
    assert types <= set(said)


# --- anything ---

values = st.builds(
    lambda id, kind, raw: control.ControlValue(id, kind, raw),
    st.sampled_from([1, 2, 4, 5, 99]),
    st.sampled_from(ValueType),
    st.sampled_from([0, 1, 3, 100, 5000, -1, 1 << 40]).map(lambda v: encode_value(ValueType.INTEGER, v))
    | st.sampled_from([1.0, 2.5, 16.0, 99.0, float("nan"), -0.0]).map(
        lambda v: encode_value(ValueType.FLOAT, v)
    ),
)
offers = st.builds(power.PowerOffer, st.sampled_from([3300, 5000]), st.sampled_from([0, 181, 182, 183, 900]))
ranges = st.builds(image.Range, st.integers(0, 4).map(lambda n: n * 960), st.integers(0, 3000))
messages = st.one_of(
    st.builds(power.PowerCapabilities, offers=st.lists(offers, max_size=3).map(tuple)),
    st.builds(power.PowerDerate, limit_ma=st.sampled_from([0, 100, 181, 182, 300, 900])),
    st.sampled_from([
        power.PowerAccept(), power.PowerReady(), power.PowerReject(), power.PowerWait(), power.PowerRevoke(),
        link.CountersRead(), link.Reset(), link.Ping(1, 5, 6), link.Ping(0, 5, 6), link.Error(),
    ]),
    st.builds(identity.DescriptorRead, offset=st.sampled_from([0, 1, 100, 300, 10_000])),
    st.builds(control.ControlList, start=st.integers(0, 15)),
    st.builds(
        control.ControlGet,
        controls=st.lists(st.sampled_from([1, 2, 3, 5, 99]).map(control.ControlId), max_size=16).map(tuple),
    ),
    st.builds(control.ControlSet, values=st.lists(values, max_size=3).map(tuple)),
    st.builds(
        image.StreamConfigure, channel=st.sampled_from([1, 2, 3, 15]), mode_id=st.sampled_from([2, 3, 9]),
        bits=st.sampled_from([8, 10, 12, 14, 16, 99]), x=st.sampled_from([0, 2, 3]),
        y=st.sampled_from([0, 2]), width=st.sampled_from([0, 8, 9, 64]), height=st.sampled_from([0, 2, 48]),
    ),
    st.builds(image.StreamStart, channel=st.sampled_from([2, 3, 4]), images=st.integers(0, 3)),
    st.builds(image.StreamStop, channel=st.sampled_from([2, 3, 4])),
    st.builds(diagnostics.Train, lane=st.sampled_from(LaneKind)),
    st.builds(diagnostics.TrainResult, seating=st.sampled_from(Seating)),
    st.builds(diagnostics.Echo, data=st.binary(max_size=20) | st.integers(230, 1100).map(bytes)),
    st.builds(link.Ack, st.sampled_from([0, 1, 2]), st.integers(-20, 20).map(lambda n: n % (1 << 32))),
    st.builds(bulk.FileRead, name=st.just("log")),
)  # fmt: skip
stream_messages = st.one_of(
    st.builds(link.Credit, sequence=st.integers(-20, 200).map(lambda n: n % (1 << 32))),
    st.builds(image.Resend, st.integers(0, 4), st.integers(0, 7), st.lists(ranges, max_size=4).map(tuple)),
)
steps = st.one_of(
    st.tuples(st.just("ask"), messages),
    st.tuples(st.just("ask"), messages),
    st.tuples(st.just("say"), stream_messages),
    st.tuples(st.just("wait"), st.sampled_from([1, 10, 40, 90, 300, 900]).map(lambda ms: ms * MS)),
    st.tuples(st.just("temperature"), st.integers(-50, 90).map(float)),
    st.tuples(st.just("contact"), st.booleans()),
    st.tuples(st.just("hello"), st.sampled_from([SESSION, SESSION + 1, 0])),
    st.tuples(st.just("version"), st.sampled_from([0x0F, 0x10, 0x20])),
    st.tuples(st.just("again"), st.integers(-2, 1)),
    st.tuples(st.just("raw"), st.binary(max_size=40)),
    st.tuples(
        st.just("payload"), st.tuples(st.integers(1, 0x70), st.integers(0, 15), st.binary(max_size=30))
    ),
)


def perform(pair: Pair, action: str, given: Any) -> None:
    match action:
        case "ask" if isinstance(given, Request):
            pair.ask(given)
        case "ask" | "say":
            pair.say(given, CHANNEL if action == "say" else None)
        case "wait":
            pair.wait(given)
        case "temperature":
            pair.temperature(given)
        case "contact":
            pair.contact(given)
        case "hello":
            pair.hello(given)
        case "version":
            pair.hello(version=given)
        case "again":
            pair.request_id = (pair.request_id + given) % 0x10000
            pair.say(link.CountersRead(pair.request_id))
        case "raw":
            pair.feed(given)
        case "payload":
            kind, channel, payload = given
            pair.feed(bytes(Frame(kind, channel, pair.session, 1, payload, Flags.NONE)))


@given(st.booleans(), st.integers(0, 9), st.lists(steps, max_size=25))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_side_by_side(library: Any, laser: bool, walked: int, program: list[tuple[str, Any]]) -> None:
    """Whatever a host, the world and chance do: the same bytes, states, light and deadlines."""
    pair = Pair(library, TWO_LANES if laser else None)
    walk(pair, walked)
    for action, given_value in program:
        perform(pair, action, given_value)
    pair.wait(400 * MS)
    assert OPTICAL in pair.lanes or not pair.c.laser
