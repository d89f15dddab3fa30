"""One image being put together, without any wire."""

import copy
from dataclasses import replace

import numpy as np
import pytest
from rig import MS

from laserlink.host_driver.assembly import Assembly, start_of
from laserlink.host_driver.pictures import PicturePool
from laserlink.host_driver.shot import Gap
from laserlink.protocol import _accel
from laserlink.protocol.digest import image_digest
from laserlink.protocol.errors import MalformedPayload, OutOfBounds
from laserlink.protocol.image_layout import ImageLayout
from laserlink.protocol.limits import RESEND_RANGES_MAX, RESEND_TRIES
from laserlink.protocol.messages.image import ImageData, ImageDigests, ImageStart, Wanted

LAYOUT = ImageLayout(256, 256, 12, 4096)  # 25 chunks of 4032 bytes
PIXELS = (np.arange(LAYOUT.pixels, dtype=np.uint32) * 2654435761 >> 9 & 0xFFF).astype(np.uint16)
PACKED = bytes(_accel.pack(PIXELS, LAYOUT.bits))
DIGESTS = tuple(_accel.strip_digests(PACKED, LAYOUT.strip_bytes))
WHOLE = image_digest(DIGESTS, LAYOUT.coded_bytes)
START = ImageStart(
    image_id=1, bits=12, width=256, height=256, coded_bytes=LAYOUT.coded_bytes,
    decoded_bytes=LAYOUT.decoded_bytes, chunk_bytes=LAYOUT.chunk_bytes,
)  # fmt: skip


def chunk(index: int) -> ImageData:
    offset = index * LAYOUT.chunk_bytes
    return ImageData(1, offset, PACKED[offset : offset + LAYOUT.chunk_length(index)])


def assembly(chunks: set[int] | None = None, *, start: bool = True, digests: bool = True) -> Assembly:
    made = Assembly(2, 1, LAYOUT, 0, PicturePool())
    if start:
        made.take_start(START)
    for index in sorted(set(range(LAYOUT.chunks)) if chunks is None else chunks):
        made.place(chunk(index))
    if digests:
        made.take_digests(ImageDigests(1, WHOLE, 0, DIGESTS))
    return made


def test_a_whole_image_is_true_and_unpacked() -> None:
    """All chunks and all digests: no gap, and every pixel."""
    made = assembly()
    assert made.all_here and made.closed and made.verify()
    done = made.finish(7)
    assert done.gaps == () and np.array_equal(done.picture.reshape(-1), PIXELS)
    assert (done.chunks_received, done.done_ns) == (25, 7)


def test_chunks_in_any_order_and_twice_give_the_same_image() -> None:
    """Placed by offset; a repeated chunk is counted and not taken."""
    made = assembly(set())
    for index in [*reversed(range(LAYOUT.chunks)), 3, 3]:
        made.place(chunk(index))
    done = made.finish(0)
    assert done.gaps == () and done.duplicates == 2 and np.array_equal(done.picture.reshape(-1), PIXELS)


def test_only_what_lies_before_the_last_chunk_seen_is_missed_at_first() -> None:
    """The rest may be on its way; with the tail, or after the digests, everything is missed."""
    made = assembly({0, 1, 4}, digests=False)
    request = made.request(tail=False)
    assert request is not None and [(item.offset, item.length) for item in request.ranges] == [
        (2 * 4032, 2 * 4032)
    ]
    assert request.wanted == Wanted.NONE
    with_tail = made.request(tail=True)
    assert with_tail is not None and with_tail.wanted == Wanted.DIGESTS
    assert sum(item.length for item in with_tail.ranges) // 4032 == 7  # a quarter of 25, rounded up


def test_each_chunk_is_asked_for_five_times_and_never_more_than_a_quarter_at_once() -> None:
    """After five requests for each chunk there is nothing left to ask."""
    made = assembly({LAYOUT.chunks - 1})
    asked = np.zeros(LAYOUT.chunks, int)
    while (request := made.request(tail=True)) is not None:
        lengths = [-(-item.length // 4032) for item in request.ranges]
        assert sum(lengths) <= 7 and len(request.ranges) <= RESEND_RANGES_MAX
        for item, count in zip(request.ranges, lengths, strict=True):
            asked[item.offset // 4032 : item.offset // 4032 + count] += 1
    assert set(asked[:-1]) == {RESEND_TRIES} and asked[-1] == 0


def test_scattered_gaps_take_several_requests() -> None:
    """A request holds sixteen ranges, and asks for no more than that."""
    layout = ImageLayout(1024, 512, 12, 4096)
    made = Assembly(2, 1, layout, 0, PicturePool())
    made._present[::2] = 1
    request = made.request(tail=True)
    assert request is not None and len(request.ranges) == RESEND_RANGES_MAX
    assert [item.offset // 4032 for item in request.ranges] == list(range(1, 33, 2))


def test_start_and_digests_are_asked_for_five_times_too() -> None:
    """An image whose start never comes does not ask for ever."""
    made = assembly(start=False, digests=False)
    asked = [made.request(tail=True) for _ in range(8)]
    assert [item.wanted for item in asked if item] == [Wanted.START | Wanted.DIGESTS] * RESEND_TRIES


def test_the_last_chunk_is_asked_for_with_its_own_length() -> None:
    """A range ends with the image, not behind it."""
    made = assembly(set(range(24)))
    request = made.request(tail=True)
    assert request is not None
    (item,) = request.ranges
    assert item.offset + item.length == LAYOUT.coded_bytes


def test_a_wrong_strip_is_dropped_once_and_is_a_gap_the_second_time() -> None:
    """Both times with all chunks here."""
    made = assembly()
    made.take_digests(ImageDigests(1, WHOLE, 0, (DIGESTS[0] ^ 1,)))
    assert not made.verify() and not made.all_here
    assert len(made.missing_chunks()) == LAYOUT.chunks
    for index in range(LAYOUT.chunks):
        made.place(chunk(index))
    assert made.all_here and made.verify()
    done = made.finish(0)
    assert done.gaps == (Gap(0, LAYOUT.coded_bytes, "wrong digest"),) and not done.picture.any()


@pytest.mark.parametrize("again", [0, 1, LAYOUT.chunks - 1])
def test_a_wrong_strip_that_comes_again_in_part_is_a_gap_as_a_whole(again: int) -> None:
    """Which chunk was wrong is not known, so that none is believed before the digest holds."""
    made = assembly()
    made.take_digests(ImageDigests(1, WHOLE, 0, (DIGESTS[0] ^ 1,)))
    assert not made.verify()
    for index in range(again):
        made.place(chunk(index))
    done = made.finish(0)
    assert done.gaps == (Gap(0, LAYOUT.coded_bytes, "wrong digest"),) and not done.picture.any()


def test_a_strip_that_is_right_the_second_time_is_no_gap() -> None:
    """The sums of a dropped strip start again."""
    made = assembly(digests=False)
    made.take_digests(ImageDigests(1, WHOLE, 0, (DIGESTS[0] ^ 1,)))
    made.verify()
    made.take_digests(ImageDigests(1, WHOLE, 0, DIGESTS))
    for index in range(LAYOUT.chunks):
        made.place(chunk(index))
    assert made.verify() and made.finish(0).gaps == ()


def test_gaps_are_sorted_runs_of_bytes_and_their_pixels_are_zero() -> None:
    """Missing chunks next to each other are one gap; nothing is padded."""
    done = assembly(set(range(LAYOUT.chunks)) - {0, 5, 6, 24}).finish(0)
    expected = [(0, 4032), (5 * 4032, 2 * 4032), (24 * 4032, LAYOUT.chunk_length(24))]
    assert [(gap.offset, gap.length) for gap in done.gaps] == expected
    assert {gap.reason for gap in done.gaps} == {"missing"}
    picture = done.picture.reshape(-1)
    for offset, length in expected:
        first, count = offset * 8 // 12, length * 8 // 12
        assert not picture[first : first + count].any()
    kept = PIXELS.copy()
    for offset, length in expected:
        kept[offset * 8 // 12 : (offset + length) * 8 // 12] = 0
    assert np.array_equal(picture, kept)


@pytest.mark.parametrize(
    "field", [{"width": 260}, {"bits": 10}, {"coded_bytes": 5}, {"decoded_bytes": 5}, {"chunk_bytes": 64}]
)
def test_a_start_that_is_not_the_configured_image_is_malformed(field: dict[str, int]) -> None:
    """Sizes come from the configuration, never from a frame."""
    made = assembly(start=False)
    with pytest.raises(MalformedPayload):
        made.take_start(replace(START, **field))
    assert made.start is None


@pytest.mark.parametrize("offset", [1, 4031, 25 * 4032, 1 << 63])
def test_a_chunk_that_is_not_one_of_the_image_is_out_of_bounds(offset: int) -> None:
    """Nothing is written for it."""
    made = assembly(set())
    with pytest.raises(OutOfBounds):
        made.place(ImageData(1, offset, bytes(4032)))
    assert not made._present.any()


def test_digests_of_strips_that_there_are_not_are_out_of_bounds() -> None:
    """Neither behind the end nor over it; and none are taken then."""
    for message in (
        ImageDigests(1, 0, 1, (1,)),
        ImageDigests(1, 0, 0, (1, 2)),
        ImageDigests(1, 0, 65_535, (1,)),
    ):
        made = assembly(digests=False)
        with pytest.raises(OutOfBounds):
            made.take_digests(message)
        assert not made.closed


def test_a_copy_goes_its_own_way_and_fills_its_own_picture() -> None:
    """Slot and arrays of the copy belong together."""
    made = assembly(set(range(10)))
    other = copy.deepcopy(made)
    for index in range(10, LAYOUT.chunks):
        other.place(chunk(index))
    assert other.all_here and other.finish(0).gaps == ()
    assert not made.all_here and len(made.missing_chunks()) == 15


def test_the_start_of_an_image_without_one_says_what_the_stream_says() -> None:
    """Sizes are known from the configuration; when and how it was taken is not."""
    made = assembly(start=False)
    told = start_of(made.finish(MS))
    assert (told.width, told.bits, told.exposure_us, told.white_level) == (256, 12, 0, 4095)
    assert start_of(assembly().finish(0)) is START


def test_an_image_whose_start_never_came_is_not_complete() -> None:
    """Its pixels are true and kept, but nobody knows their levels: one gap over all of it says so."""
    done = assembly(start=False).finish(MS)
    assert [(gap.offset, gap.length) for gap in done.gaps] == [(0, LAYOUT.coded_bytes)]
    assert "no start" in done.gaps[0].reason and np.array_equal(done.picture.reshape(-1), PIXELS)


def test_after_a_wrong_strip_only_its_own_chunks_are_lacking() -> None:
    """Three strips, the second is wrong: what comes again of it makes the image whole, nothing else need."""
    layout = ImageLayout(1024, 2442, 8, 4096)  # 620 chunks, 248 of them in each whole strip
    pixels = (np.arange(layout.pixels, dtype=np.uint32) * 2654435761 >> 11 & 0xFF).astype(np.uint16)
    packed = bytes(_accel.pack(pixels, 8))
    digests = _accel.strip_digests(packed, layout.strip_bytes)
    made = Assembly(2, 1, layout, 0, PicturePool())
    made.take_start(
        replace(
            START, bits=8, width=1024, height=2442, coded_bytes=layout.coded_bytes,
            decoded_bytes=layout.decoded_bytes,
        )
    )  # fmt: skip
    whole = image_digest(digests, layout.coded_bytes)
    made.take_digests(ImageDigests(1, whole, 0, tuple(digests)))
    for index in range(layout.chunks):
        offset = index * layout.chunk_bytes
        piece = bytearray(packed[offset : offset + layout.chunk_length(index)])
        piece[0] ^= index == 300
        made.place(ImageData(1, offset, bytes(piece)))
    assert layout.strips == 3 and made.all_here and not made.verify()
    assert (made.missing_chunks().tolist(), made.slot.frames) == ([*range(248, 496)], layout.chunks - 248)
    for index in range(248, 496):
        offset = index * layout.chunk_bytes
        assert not made.all_here
        made.place(ImageData(1, offset, packed[offset : offset + layout.chunk_bytes]))
    assert made.all_here and made.verify()
    done = made.finish(0)
    assert done.gaps == () and np.array_equal(done.picture.reshape(-1), pixels)


def test_before_any_chunk_came_none_is_missed() -> None:
    """They may all be on their way; only the start is, which comes first."""
    assert assembly(set(), digests=False).request(tail=False) is None
    early = assembly(set(), start=False, digests=False).request(tail=False)
    assert early is not None and (early.wanted, early.ranges) == (Wanted.START, ())
    made = assembly({1}, digests=False).request(tail=False)
    assert made is not None and [item.offset for item in made.ranges] == [0]


def test_what_does_not_fit_the_image_is_named() -> None:
    """The image, and how many strips there are; the values are what offended."""
    made = assembly(start=False, digests=False)
    with pytest.raises(MalformedPayload) as start:
        made.take_start(replace(START, image_id=9, width=4))
    assert (str(start.value), start.value.value) == ("image 9 is not what the stream was configured for", 9)
    with pytest.raises(OutOfBounds, match=r"^digests up to strip 3 of 1$") as digests:
        made.take_digests(ImageDigests(1, 0, 1, (1, 2)))
    assert digests.value.value == 3
    with pytest.raises(OutOfBounds, match=r"at 7 are no chunk of this image$") as chunk_error:
        made.place(ImageData(1, 7, bytes(4032)))
    assert chunk_error.value.value == 7


def test_a_start_that_is_made_up_has_every_size_of_the_configuration() -> None:
    """And the image's own id; nothing of it is a default."""
    made = Assembly(2, 77, LAYOUT, 0, PicturePool())
    told = start_of(made.finish(MS))
    assert told == replace(
        START, image_id=77, mode_id=told.mode_id, timestamp_ns=told.timestamp_ns,
        exposure_us=0, control_set_id=told.control_set_id, black_level=0, white_level=4095,
    )  # fmt: skip
    assert (told.coded_bytes, told.decoded_bytes, told.chunk_bytes) == (98_304, 131_072, 4032)


def test_a_strip_that_is_dropped_may_be_asked_for_as_often_as_before() -> None:
    """Five times again: what was asked for until it came says nothing of what is asked for now."""
    made = assembly(set())
    while made.request(tail=True) is not None:
        pass
    for index in range(LAYOUT.chunks):
        made.place(chunk(index))
    made.take_digests(ImageDigests(1, WHOLE, 0, (DIGESTS[0] ^ 1,)))
    resent = made.resent
    assert not made.verify()
    while made.request(tail=True) is not None:
        pass
    assert made.resent - resent == RESEND_TRIES * LAYOUT.chunks


def test_only_the_strip_that_was_wrong_is_asked_for_again() -> None:
    """Its chunks, each five times; of the others none."""
    layout = ImageLayout(1024, 2442, 8, 4096)  # 620 chunks, 248 of them in each whole strip
    packed = bytes(layout.coded_bytes)
    digests = list(_accel.strip_digests(packed, layout.strip_bytes))
    made = Assembly(2, 1, layout, 0, PicturePool())
    made.take_digests(ImageDigests(1, image_digest(digests, layout.coded_bytes), 0, tuple(digests)))
    made.take_digests(ImageDigests(1, image_digest(digests, layout.coded_bytes), 1, (digests[1] ^ 1,)))
    for index in range(layout.chunks):
        offset = index * layout.chunk_bytes
        made.place(ImageData(1, offset, bytes(layout.chunk_length(index))))
    assert not made.verify()
    asked = np.zeros(layout.chunks, int)
    while (request := made.request(tail=False)) is not None:
        for item in request.ranges:
            first = item.offset // layout.chunk_bytes
            asked[first : first + -(-item.length // layout.chunk_bytes)] += 1
    assert set(asked[248:496]) == {RESEND_TRIES} and not asked[:248].any() and not asked[496:].any()
    gaps = made.finish(0).gaps
    assert [(gap.offset, gap.length, gap.reason) for gap in gaps] == [
        (layout.strip_bytes, layout.strip_bytes, "wrong digest")
    ]


def test_an_image_that_is_done_says_all_that_is_known_of_it() -> None:
    """Which one it is, when it began and ended, and how often it was asked for."""
    made = Assembly(5, 77, LAYOUT, 3 * MS, PicturePool())
    made.place(chunk(4))
    made.place(chunk(4))
    request = made.request(tail=False)
    assert request is not None and request.image_id == 77
    assert [(item.offset, item.length) for item in request.ranges] == [(0, 4 * 4032)]
    done = made.finish(9 * MS)
    assert (done.channel, done.image_id, done.layout, done.start) == (5, 77, LAYOUT, None)
    assert (done.chunks_received, done.chunks_resent, done.duplicates) == (1, 4, 1)
    assert (done.first_ns, done.done_ns, done.picture.shape) == (3 * MS, 9 * MS, (256, 256))
    assert copy.deepcopy(done) is done
    assert (made.progress_ns, made.check_ns, made.asked_ns) == (3 * MS, 3 * MS, None)


def test_progress_is_seen_once() -> None:
    """Chunks that came since it was asked last."""
    made = assembly(set())
    seen = [made.seen_progress()]
    for index in (0, 0, 1):
        made.place(chunk(index))
        seen += [made.seen_progress(), made.seen_progress()]
    assert seen == [False, True, False, False, False, True, False]


@pytest.mark.parametrize("lacking", ["start", "digests", "chunk"])
def test_nothing_may_be_lacking_of_an_image_that_is_all_here(lacking: str) -> None:
    """Start, digests of all strips, every chunk: without one of them it goes on, and asks for that."""
    chunks = set(range(LAYOUT.chunks)) - ({3} if lacking == "chunk" else set())
    made = assembly(chunks, start=lacking != "start", digests=lacking != "digests")
    assert not made.all_here
    request = made.request(tail=True)
    assert request is not None
    assert request.wanted == {"start": Wanted.START, "digests": Wanted.DIGESTS, "chunk": Wanted.NONE}[lacking]
    assert [item.offset // 4032 for item in request.ranges] == ([3] if lacking == "chunk" else [])
    reasons = {"start": "no start frame", "digests": "no digest", "chunk": "missing"}
    (gap,) = made.finish(0).gaps
    assert gap.reason.startswith(reasons[lacking])


def test_digests_of_later_strips_stand_behind_those_of_earlier_ones() -> None:
    """The frame that holds the last one closes the image; until then the tail may still be on its way."""
    layout = ImageLayout(1024, 2442, 8, 4096)
    made = Assembly(2, 1, layout, 0, PicturePool())
    made.place(ImageData(1, 9 * layout.chunk_bytes, bytes(layout.chunk_bytes)))
    for first, digests, closed in ((0, (7,), False), (1, (8, 9), True)):
        made.take_digests(ImageDigests(1, 1, first, digests))
        assert made.closed is closed
        request = made.request(tail=False)
        assert request is not None
        assert any(item.offset > 9 * layout.chunk_bytes for item in request.ranges) is closed
