"""The framer: whatever the bytes and however they are cut, the same frames and runs, in linear work."""

import itertools
import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laserlink.protocol import framer as framer_module
from laserlink.protocol.crc import crc32
from laserlink.protocol.frame import CHECKED_HEADER_BYTES, HEADER_BYTES, OVERHEAD_BYTES, SYNC, Frame
from laserlink.protocol.framer import BadFrame, BadReason, Framer, damaged_frames, frame_at
from laserlink.protocol.limits import FRAME_BYTES_MAX, PAYLOAD_BYTES_MAX

Item = Frame | BadFrame


def frame(sequence: int = 1, payload: bytes = b"payload") -> Frame:
    return Frame(0x60, 0, 0xCAFE, sequence, payload)


def header(length: int, sequence: int = 9) -> bytes:
    """A header whose check holds, whatever length it claims."""
    checked = SYNC + bytes((0x10, 0x60, 0, 0)) + length.to_bytes(2, "little") + b"\xfe\xca\0\0"
    checked += sequence.to_bytes(4, "little")
    return checked + crc32(checked).to_bytes(4, "little")


def damaged(data: bytes, at: int, bit: int = 0) -> bytes:
    return data[:at] + bytes((data[at] ^ 1 << bit,)) + data[at + 1 :]


def oracle(data: bytes) -> list[Item]:
    """The rules of the framer's docstring, read from a whole stream, one byte at a time."""
    items: list[Item] = []
    at = start = 0
    reason = BadReason.NO_SYNC

    def close() -> None:
        items.extend([BadFrame(reason, data[start:at])] if start < at else [])

    while at < len(data):
        found = decide(data, at)
        if isinstance(found, Frame):
            close()
            items.append(found)
            at = start = at + found.wire_bytes
            continue
        reason = found if start == at else reason
        at += 1
        if at - start == FRAME_BYTES_MAX:
            close()
            start = at
    close()
    return items


def decide(data: bytes, at: int) -> Frame | BadReason:
    if not data.startswith(SYNC, at):
        return BadReason.CUT if data[at:] == SYNC[:1] else BadReason.NO_SYNC
    head = data[at : at + HEADER_BYTES]
    if len(head) < HEADER_BYTES:
        return BadReason.CUT
    crc = crc32(head[:CHECKED_HEADER_BYTES])
    if crc.to_bytes(4, "little") != head[CHECKED_HEADER_BYTES:]:
        return BadReason.HEADER_CHECK
    length = int.from_bytes(head[6:8], "little")
    if length > PAYLOAD_BYTES_MAX:
        return BadReason.LENGTH
    end = at + HEADER_BYTES + length
    if len(data) < end + 4:
        return BadReason.CUT
    payload = data[at + HEADER_BYTES : end]
    if crc32(payload, crc).to_bytes(4, "little") != data[end : end + 4]:
        return BadReason.FRAME_CHECK
    version, kind, channel, flags = head[2:6]
    session, sequence = (int.from_bytes(head[start : start + 4], "little") for start in (8, 12))
    return Frame(kind, channel, session, sequence, payload, flags, version)


def feed(framer: Framer, pieces: list[bytes]) -> Iterator[Item]:
    for piece in pieces:
        framer.feed(piece)
        yield from framer.items()


def read(*pieces: bytes) -> list[Item]:
    """The items of a stream after which nothing follows."""
    framer = Framer()
    items = list(feed(framer, list(pieces)))
    framer.abandon()
    items += framer.items()
    assert framer.idle
    return items


def raw_of(item: Item) -> bytes:
    return item.raw if isinstance(item, BadFrame) else bytes(item)


# --- strategies ---

frames = st.builds(
    Frame, st.integers(0, 255), st.integers(0, 255), st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFFFFFFFF),
    st.binary(max_size=60), st.integers(0, 255), st.integers(0, 255),
).map(bytes)  # fmt: skip


def damage(pair: tuple[bytes, int]) -> bytes:
    return damaged(pair[0], pair[1] // 8 % len(pair[0]), pair[1] % 8)


def nested(parts: list[bytes]) -> bytes:
    return bytes(frame(payload=b"".join(parts)))


def pieces_of(good: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return st.one_of(
        good,
        st.tuples(good, st.integers(0, 8 * FRAME_BYTES_MAX)).map(damage),
        st.tuples(good, st.integers(0, 80)).map(lambda pair: pair[0][: pair[1]]),
        st.binary(max_size=40),
        st.integers(1, 30).map(lambda count: SYNC * count),
        st.integers(1, 5).map(lambda count: SYNC[:1] * count),
        st.integers(0, 0xFFFF).map(header),
        st.integers(0, 120).map(header),
    )


carriers = st.one_of(frames, st.lists(pieces_of(frames), max_size=4).map(nested))
streams = st.lists(pieces_of(carriers), max_size=10).map(b"".join)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in itertools.pairwise(edges)]


# --- any cut, any stream ---


@given(streams)
@settings(max_examples=150)
def test_rules(data: bytes) -> None:
    """Any stream gives what the rules say."""
    assert read(data) == oracle(data)


@given(streams, st.lists(st.integers(0, 1 << 16), max_size=12))
@settings(max_examples=150)
def test_any_cut(data: bytes, places: list[int]) -> None:
    """Any way of cutting a stream gives the same list, and so do single bytes."""
    whole = read(data)
    assert read(*cut(data, places)) == whole
    assert read(*(data[at : at + 1] for at in range(len(data)))) == whole


@given(streams)
def test_nothing_is_lost(data: bytes) -> None:
    """The items, put together, are the stream; no run is longer than 4096 or stands beside a shorter one."""
    items = read(data)
    assert b"".join(map(raw_of, items)) == data
    for one, other in itertools.pairwise(items):
        if isinstance(one, BadFrame) and isinstance(other, BadFrame):
            assert len(one.raw) == FRAME_BYTES_MAX


@given(streams, frames)
def test_frame_after_abandon(data: bytes, last: bytes) -> None:
    """Whatever came before, an intact frame after a gap is found."""
    framer = Framer()
    before = list(feed(framer, [data]))
    framer.abandon()
    before += framer.items()
    assert before == oracle(data)
    assert [bytes(item) for item in feed(framer, [last]) if isinstance(item, Frame)] == [last]


@given(streams, st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 300)), max_size=8))
def test_take_back(data: bytes, turns: list[tuple[int, int]]) -> None:
    """Bytes that are taken back and fed again change nothing."""
    framer = Framer()
    items: list[Item] = []
    position = 0
    for size, back in turns:
        piece = data[position : position + size % 200]
        framer.feed(piece)
        position += len(piece)
        if (item := framer.next_item()) is not None:
            items.append(item)
        pending = framer.pending
        took = framer.take_back(back)
        assert took == min(back, pending)
        assert framer.pending == pending - took
        position -= took
    items += feed(framer, [data[position:]])
    framer.abandon()
    items += framer.items()
    assert items == oracle(data)


# --- single cases ---


def test_layout() -> None:
    """The framer's reading of a header is that of the frame that was built."""
    built = Frame(0x42, 7, 0x01020304, 0xFFFFFFFF, b"x" * 300, 1, 0x1F)
    assert read(bytes(built)) == [built]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"AT\r\n", BadReason.NO_SYNC),
        (damaged(bytes(frame()), 3), BadReason.HEADER_CHECK),
        (header(PAYLOAD_BYTES_MAX + 1), BadReason.LENGTH),
        (damaged(bytes(frame()), HEADER_BYTES), BadReason.FRAME_CHECK),
        (bytes(frame())[:-1], BadReason.CUT),
        (SYNC[:1], BadReason.CUT),
    ],
)
def test_reasons(data: bytes, reason: BadReason) -> None:
    """Each way to be bad has its reason, and the next frame is found."""
    assert read(data) == [BadFrame(reason, data)]
    framer = Framer()
    items = list(feed(framer, [data]))
    framer.abandon()
    items += [*framer.items(), *feed(framer, [bytes(frame(2))])]
    assert items == [BadFrame(reason, data), frame(2)]


def test_frames_in_a_damaged_payload() -> None:
    """Intact frames inside a damaged one come out; inside an intact one they do not."""
    inner = bytes(frame(2)) + bytes(frame(3))
    outer = bytes(frame(1, inner))
    assert read(outer) == [frame(1, inner)]
    assert [item for item in read(damaged(outer, len(outer) - 1)) if isinstance(item, Frame)] == [
        frame(2),
        frame(3),
    ]


def test_swapped_payloads() -> None:
    """A header with another frame's payload and check is bad, though each check belongs to something."""
    one, other = bytes(frame(1, b"one")), bytes(frame(2, b"two"))
    swapped = one[:HEADER_BYTES] + other[HEADER_BYTES:]
    assert read(swapped) == [BadFrame(BadReason.FRAME_CHECK, swapped)]


def test_abandon_frees_what_was_swallowed() -> None:
    """A cut frame that waits for 4072 bytes gives back what followed it once it is abandoned."""
    framer = Framer()
    assert list(feed(framer, [header(PAYLOAD_BYTES_MAX), bytes(frame(2)), bytes(frame(3))])) == []
    assert framer.pending == HEADER_BYTES + 2 * frame().wire_bytes
    framer.abandon()
    bad = BadFrame(BadReason.CUT, header(PAYLOAD_BYTES_MAX))
    assert list(framer.items()) == [bad, frame(2), frame(3)]


def test_abandon_does_not_last() -> None:
    """What is started after an abandoned frame is waited for again."""
    framer = Framer()
    framer.feed(bytes(frame(1))[:-1])
    framer.abandon()
    assert [item.raw for item in framer.items() if isinstance(item, BadFrame)] == [bytes(frame(1))[:-1]]
    assert list(feed(framer, [bytes(frame(2))[:30], bytes(frame(2))[30:]])) == [frame(2)]


def test_abandon_of_nothing() -> None:
    """A framer that waits for nothing gives nothing, and takes the next frame as ever."""
    framer = Framer()
    framer.abandon()
    assert list(framer.items()) == []
    assert list(feed(framer, [bytes(frame())[:25], bytes(frame())[25:]])) == [frame()]


@pytest.mark.parametrize("size", [4095, 4096, 4097, 8192, 10_000])
@pytest.mark.parametrize("piece", [1, 1000, 1 << 20])
def test_runs_of_at_most_4096(size: int, piece: int) -> None:
    """A long bad run comes out in parts of 4096 bytes while it lasts, not only at its end."""
    framer = Framer()
    data = bytes(size)
    items = list(feed(framer, [data[at : at + piece] for at in range(0, size, piece)]))
    assert [len(raw_of(item)) for item in items] == [FRAME_BYTES_MAX] * (size // FRAME_BYTES_MAX)
    rest = [size % FRAME_BYTES_MAX] if size % FRAME_BYTES_MAX else []
    assert [len(raw_of(item)) for item in feed(framer, [bytes(frame())])] == [*rest, frame().wire_bytes]


def test_largest_frame() -> None:
    """4096 bytes are taken, from any piece size."""
    largest = Frame(0x65, 0, 1, 2, bytes(range(256)) * 15 + bytes(PAYLOAD_BYTES_MAX - 3840))
    assert largest.wire_bytes == FRAME_BYTES_MAX
    for size in (1, 7, 4095, 4096, 5000):
        data = bytes(largest) + bytes(frame())
        assert read(*(data[at : at + size] for at in range(0, len(data), size))) == [largest, frame()]


def test_buffer_stays_small() -> None:
    """The buffer never holds more than one frame and the piece that was last fed."""
    framer = Framer()
    source = random.Random(5)
    for _ in range(300):
        framer.feed(source.choice((SYNC, header(PAYLOAD_BYTES_MAX), bytes(frame()), bytes(100))))
        list(framer.items())
        assert framer.pending < FRAME_BYTES_MAX


# --- work ---


class Meter:
    """Counts what is checksummed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.total = 0
        monkeypatch.setattr(framer_module, "crc32", self._crc32)

    def _crc32(self, data: bytes, crc: int = 0) -> int:
        self.total += len(data)
        return crc32(data, crc)


HOSTILE = {
    "good frames": bytes(frame()) * 200,
    "syncs": SYNC * 5000,
    "half syncs": SYNC[:1] * 10_000,
    "headers that claim little": header(50) * 400,
    "headers that claim too much": header(5000) * 400,
    "frames that fail at their end": damaged(bytes(frame(1, bytes(PAYLOAD_BYTES_MAX))), 4095) * 4,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_work(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams are read with a few checksummed bytes for each of their own."""
    meter = Meter(monkeypatch)
    read(HOSTILE[name])
    assert meter.total <= 10 * len(HOSTILE[name])


def test_work_of_the_worst(monkeypatch: pytest.MonkeyPatch) -> None:
    """Headers in headers, each of which claims a whole frame, stay within 4096 / 20 times the bytes."""
    meter = Meter(monkeypatch)
    totals = []
    for count in (300, 600):
        meter.total = 0
        read(header(PAYLOAD_BYTES_MAX) * count)
        totals.append(meter.total / (count * HEADER_BYTES))
    assert totals[1] <= FRAME_BYTES_MAX / HEADER_BYTES + 1
    assert totals[1] < 2.5 * totals[0]


def test_work_byte_by_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    """Single bytes cost no more than a header's check each."""
    meter = Meter(monkeypatch)
    data = bytes(frame(1, bytes(2000)))
    read(*(data[at : at + 1] for at in range(len(data))))
    assert meter.total <= (CHECKED_HEADER_BYTES + 2) * len(data)
    assert len(data) == 2000 + OVERHEAD_BYTES


def test_frames_in_a_bad_run_whose_header_holds_are_told() -> None:
    """Training looks into bad runs: each frame with a true header, whatever stands around it, no other."""
    wires = [bytes(Frame(0x65, 0, 7, number, bytes([number]) * 50)) for number in range(3)]
    broken = [wire[:30] + b"\xff" + wire[31:] for wire in wires]
    bad_header = wires[0][:8] + b"\x00" + wires[0][9:]
    run = b"\xeb\x90noise" + broken[0] + bad_header + broken[1] + broken[2][:-5]
    found = list(damaged_frames(run))
    assert [frame.sequence for frame in found] == [0, 1]
    assert all(frame.payload[10] == 0xFF and len(frame.payload) == 50 for frame in found)
    assert list(damaged_frames(b"\xeb\x90" * 100)) == []


def test_a_damaged_frame_is_told_with_every_field_of_its_header() -> None:
    """Also when the run ends with it, and when noise before it looks like another one."""
    whole = Frame(0x65, 3, 0x01020304, 0x05060708, bytes(range(40)), flags=0xA1, version=0x1F)
    wire = damaged(bytes(whole), HEADER_BYTES + 7)
    payload = damaged(whole.payload, 7)
    for before, after in (
        (b"", b""),
        (SYNC, b""),
        (SYNC + b"\x10" * 19, SYNC),
        (header(5000), header(3)[:-1]),
    ):
        (found,) = damaged_frames(before + wire[:-4] + after)
        assert (found.type, found.channel, found.session, found.sequence) == (0x65, 3, 0x01020304, 0x05060708)
        assert (found.payload, found.flags, found.version) == (payload, 0xA1, 0x1F)


def test_the_shortest_and_the_longest_damaged_frame_are_told() -> None:
    """Those without a payload, and those that fill a run."""
    runs = {header(0): 0, header(PAYLOAD_BYTES_MAX) + bytes(PAYLOAD_BYTES_MAX): PAYLOAD_BYTES_MAX}
    assert [len(found.payload) for run in runs for found in damaged_frames(run)] == [*runs.values()]
    assert list(damaged_frames(header(PAYLOAD_BYTES_MAX + 1) + bytes(PAYLOAD_BYTES_MAX + 1))) == []
    assert list(damaged_frames(header(1))) == []


def test_a_good_frame_is_found_where_it_begins_and_nowhere_else() -> None:
    """Whole and true, with every field; what is damaged, cut or no frame is nothing."""
    whole = Frame(0x65, 3, 0x01020304, 0x05060708, bytes(range(40)), flags=0xA1, version=0x1F)
    data = memoryview(b"??" + bytes(whole) + b"!")
    found = {start: frame_at(data, start) for start in range(len(data))}
    assert found.pop(2) == whole and set(found.values()) == {None}
    assert frame_at(data[:-2], 2) is None
    assert frame_at(memoryview(damaged(bytes(data), len(data) - 2)), 2) is None
    assert frame_at(memoryview(damaged(bytes(data), 2 + CHECKED_HEADER_BYTES)), 2) is None
