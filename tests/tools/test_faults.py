"""Fault filters: each does what it says, as often as it says, and the same again from the same seed."""

from collections.abc import Callable
from random import Random

import pytest

from laserlink.protocol.frame import Frame
from laserlink.protocol.timers import NS_PER_MS, NS_PER_S
from laserlink.tools.faults import (
    AT_COMMANDS,
    Beam,
    BitFlips,
    Breaks,
    Bursts,
    CutAfter,
    Damage,
    Drop,
    Edit,
    Filter,
    Late,
    Misalignment,
    Noise,
    Piece,
    Repeat,
    Splice,
    Stack,
    error_places,
    flip_bits,
    split_frames,
)

FRAMES = [bytes(Frame(0x60, 0, 7, number, bytes(range(number % 100)))) for number in range(400)]


def through(*filters: Filter, frames: list[bytes] = FRAMES) -> list[list[Piece]]:
    """What becomes of each frame, a millisecond apart."""
    stack = Stack(filters)
    return [stack(frame, number * NS_PER_MS) for number, frame in enumerate(frames)]


def whole(pieces: list[Piece]) -> bytes:
    return b"".join(piece.data for piece in pieces)


MAKERS: list[Callable[[Random], Filter]] = [
    lambda random: BitFlips(random, 1e-3),
    lambda random: Bursts(random, 0.01, 0.1, 0.3),
    lambda random: Damage(random, 0.3),
    lambda random: Edit(random, insert=0.1, delete=0.1, slip=0.1, cut=0.1),
    lambda random: Drop(random, 0.3),
    lambda random: Repeat(random, duplicate=0.2, replay=0.2),
    lambda random: Late(random, 0.3, 1000),
    lambda random: Splice(random, 0.1),
    lambda random: Breaks(random, 20 * NS_PER_MS, 1, 10 * NS_PER_MS),
    lambda random: Noise(random, 0.2),
    lambda random: Misalignment(random, Beam(offset_um=40.0, shake_um=10.0)),
]


@pytest.mark.parametrize("make", MAKERS)
def test_a_filter_strikes_sometimes_and_the_same_way_again(make: Callable[[Random], Filter]) -> None:
    """Some frames are hurt and some are not; the same seed hurts the same ones, another one others."""
    first, again, other = make(Random(1)), make(Random(1)), make(Random(2))
    out = through(first)
    assert out == through(again) != through(other)
    untouched = [[Piece(frame)] == pieces for frame, pieces in zip(FRAMES, out, strict=True)]
    assert 0 < first.hits < len(FRAMES) and any(untouched) and not all(untouched)
    assert str(first).startswith(type(first).__name__ + "(")


@pytest.mark.parametrize("rate", [1e-4, 0.01, 0.5, 1.0])
def test_bit_errors_come_at_their_rate(rate: float) -> None:
    """As many of a million bits as the rate says, within five standard deviations; each place once."""
    places = error_places(Random(3), 1_000_000, rate)
    assert abs(len(places) - 1e6 * rate) <= 5 * (1e6 * rate * (1 - rate)) ** 0.5
    assert places == sorted(set(places)) and (not places or places[-1] < 1_000_000)
    assert error_places(Random(3), 1000, 0.0) == []


def test_bits_are_counted_from_the_lowest_of_the_first_byte() -> None:
    """Place 0 is bit 0 of byte 0, place 15 is bit 7 of byte 1."""
    assert flip_bits(b"\x00\x00", [0, 15]) == b"\x01\x80"


def test_bursts_keep_together() -> None:
    """Wrong bytes of a Gilbert-Elliott channel have wrong neighbours, which independent ones have not."""
    data = bytes(100_000)
    out = whole(Bursts(Random(4), 0.001, 0.1, 0.5).apply(data, 0))
    wrong = [index for index, byte in enumerate(out) if byte]
    together = sum(out[index + 1] != 0 for index in wrong[:-1])
    assert 300 < len(wrong) < 3000 and together > len(wrong) / 2


def test_a_bad_state_that_never_ends_and_one_that_never_begins() -> None:
    """Probabilities of nought and one are taken at their word."""
    data = bytes(1000)
    assert Bursts(Random(1), 0.0, 0.1, 1.0).apply(data, 0) == [Piece(data)]
    assert whole(Bursts(Random(1), 1.0, 0.0, 1.0).apply(data, 0)) == b"\xff" * 1000


def test_damage_flips_one_to_seven_bits() -> None:
    """So few that the checks must find them, always."""
    frame = FRAMES[50]
    for seed in range(200):
        (piece,) = Damage(Random(seed), 1.0).apply(frame, 0)
        wrong = int.from_bytes(frame, "little") ^ int.from_bytes(piece.data, "little")
        assert 1 <= wrong.bit_count() <= 7


@pytest.mark.parametrize(
    ("name", "change"), [("insert", range(1, 9)), ("slip", [1]), ("delete", range(-8, 0))]
)
def test_edits_change_the_length(name: str, change: list[int]) -> None:
    """Up to eight bytes more or fewer, or one said twice."""
    edit = Edit(Random(5), **{name: 1.0})
    frame = bytes(range(200))
    for _ in range(50):
        out = whole(edit.apply(frame, 0))
        assert len(out) - len(frame) in change


def test_a_cut_frame_is_a_beginning() -> None:
    """Nothing is left out but the end."""
    edit = Edit(Random(6), cut=1.0)
    assert all(frame.startswith(whole(edit.apply(frame, 0))) for frame in FRAMES)


def test_exact_drops_lose_those_frames_alone() -> None:
    """Frames 5 and 99, whatever the stack before them did with the times."""
    out = through(Drop(Random(1), exactly=(5, 99)))
    assert [number for number, pieces in enumerate(out) if not pieces] == [5, 99]


def test_replayed_frames_came_before() -> None:
    """What is said again was said once, some of it long ago."""
    out = through(Repeat(Random(7), replay=1.0))
    ages = []
    for number, pieces in enumerate(out[1:], 1):
        frame, again = split_frames(whole(pieces))
        assert frame == FRAMES[number] and again in FRAMES[:number]
        ages.append(number - FRAMES.index(again))
    assert max(ages) > 100 and min(ages) == 1


def test_a_splice_joins_a_head_and_a_tail() -> None:
    """The head of one frame and the end of the next, and nothing else of the two."""
    out = [whole(pieces) for pieces in through(Splice(Random(8), 1.0))]
    for number in range(0, 100, 2):
        assert out[number] == b""
        head, tail = FRAMES[number], FRAMES[number + 1]
        assert any(head.startswith(out[number + 1][:at]) and tail.endswith(out[number + 1][at:])
                   for at in range(len(out[number + 1]) + 1))  # fmt: skip


def test_breaks_last_as_long_as_they_say() -> None:
    """What is lost in a row is lost within the longest break."""
    out = through(Breaks(Random(9), 30 * NS_PER_MS, NS_PER_MS, 10 * NS_PER_MS))
    lost = "".join("x" if not pieces else "." for pieces in out)
    assert 1 <= max(map(len, lost.split("."))) <= 10 and lost.count("x.") > 3


def test_a_cut_lets_so_many_bytes_through() -> None:
    """Up to the byte, and nothing afterwards."""
    cut = CutAfter(Random(1), 1000)
    out = b"".join(whole(pieces) for pieces in through(cut))
    assert out == b"".join(FRAMES)[:1000] and cut.hits


def test_noise_is_beside_the_frames() -> None:
    """What nobody sent comes before a frame that stays whole; some of it is what ModemManager says."""
    out = [whole(pieces) for pieces in through(Noise(Random(10), 1.0))]
    assert all(noisy.endswith(frame) and noisy != frame for noisy, frame in zip(out, FRAMES, strict=True))
    assert any(noisy.startswith(AT_COMMANDS) for noisy in out)


def test_the_beam_s_error_rate_is_that_of_the_error_function() -> None:
    """A perfect seat at a margin of 7 errs once in 1e12 bits; beside the receiver, every second time."""
    assert Beam(margin=7.0).error_rate(0) == pytest.approx(1.28e-12, rel=0.01)
    assert Beam(offset_um=1000.0).error_rate(0) == pytest.approx(0.5)
    rates = {Beam(offset_um=30.0, shake_um=20.0).error_rate(at) for at in range(0, NS_PER_S // 80, NS_PER_MS)}
    assert max(rates) > 100 * min(rates)


def test_a_stack_adds_delays_up_and_keeps_what_is_not_delayed_together() -> None:
    """Two filters that delay by one each delay by two; frames of one burst stay one piece."""
    late = Stack([Late(Random(1), 1.0, 1), Late(Random(1), 1.0, 1)])
    assert late(FRAMES[1] + FRAMES[2], 0) == [Piece(FRAMES[1] + FRAMES[2], 2)]
    assert Stack([])(b"anything", 0) == [Piece(b"anything")]
    assert Stack([Drop(Random(1), 1.0)])(FRAMES[1], 0) == []


def test_what_a_sender_wrote_is_split_into_its_frames() -> None:
    """Whole frames one after the other; whatever does not begin with a sync stays in one piece."""
    assert list(split_frames(b"".join(FRAMES))) == FRAMES
    assert list(split_frames(FRAMES[3] + b"rest")) == [FRAMES[3], b"rest"]
    assert list(split_frames(b"AT\r\n")) == [b"AT\r\n"]


def test_hits_of_a_stack_are_those_of_its_filters() -> None:
    """What the report calls faults injected."""
    stack = Stack([Drop(Random(1), exactly=(0,)), Damage(Random(1), 1.0)])
    for frame in FRAMES[:3]:
        stack(frame, 0)
    assert stack.hits == 3
