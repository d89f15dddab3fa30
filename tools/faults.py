"""Faults as filters over lanes: seeded, stackable, outside the protocol.

A filter is shown what a sender puts on a wire, whole frames at a time, and says what comes out at the other
end and how much later. All chance comes from the `Random` that a filter is given, so that a seed gives the
same faults again.

Sources: bursts after Gilbert (1960) and Elliott (1963); the beam after the overlap of a Gaussian beam with an
aperture and the error function of on-off keying (Agrawal, Fiber-Optic Communication Systems, section 4.6).
"""

import math
import struct
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from laserlink.protocol.frame import OVERHEAD_BYTES, SYNC

_LENGTH = struct.Struct("<H")
_LENGTH_AT = 6

AT_COMMANDS = (b"AT\r\n", b"ATI\r\n", b"AT+GCAP\r\n", b"AT+CPIN?\r\n")
# Frames that may be replayed. Old ones go by chance, so that some of a session long over are among them.
REPLAY_FRAMES_KEPT = 32
REPLAY_KEPT_RATE = 0.25


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that come out of a filter, `delay_ns` later than they would have."""

    data: bytes
    delay_ns: int = 0


def split_frames(data: bytes) -> Iterator[bytes]:
    """The frames of what a sender wrote, one after the other; anything else stays in one piece."""
    position = 0
    while position < len(data):
        end = len(data)
        if data.startswith(SYNC, position) and position + _LENGTH_AT + 2 <= len(data):
            end = position + OVERHEAD_BYTES + _LENGTH.unpack_from(data, position + _LENGTH_AT)[0]
        yield data[position:end]
        position = end


_NOT_SETTINGS = ("random", "hits")


def _short(value: object) -> str:
    if isinstance(value, frozenset):
        return str(sorted(value))
    return f"{value:.3g}" if isinstance(value, float) else str(value)


class Filter(ABC):
    """One kind of fault. `hits` counts how often it struck."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.hits = 0

    @abstractmethod
    def apply(self, frame: bytes, now: int) -> list[Piece]:
        """What becomes of a frame that is sent at `now`."""

    def __str__(self) -> str:
        """Its settings, for a person."""
        public = {name: value for name, value in vars(self).items() if name[0] != "_"}
        settings = (f"{name}={_short(value)}" for name, value in public.items() if name not in _NOT_SETTINGS)
        return f"{type(self).__name__}({', '.join(settings)})"

    def strikes(self, rate: float) -> bool:
        """Whether chance hits now; counted when it does."""
        hit = self.random.random() < rate
        self.hits += hit
        return hit


class Stack:
    """Filters one behind the other: what leaves the first enters the next. Delays add up."""

    def __init__(self, filters: Sequence[Filter]) -> None:
        self.filters = list(filters)

    def __call__(self, data: bytes, now: int) -> list[Piece]:
        pieces = [Piece(frame) for frame in split_frames(data)] if self.filters else [Piece(data)]
        for item in self.filters:
            pieces = [
                Piece(out.data, piece.delay_ns + out.delay_ns)
                for piece in pieces
                for out in item.apply(piece.data, now + piece.delay_ns)
                if out.data
            ]
        return _joined(pieces)

    @property
    def hits(self) -> int:
        return sum(item.hits for item in self.filters)


def _joined(pieces: Sequence[Piece]) -> list[Piece]:
    """Neighbours that come out at the same time, in one piece."""
    joined: list[Piece] = []
    run: list[bytes] = []
    for index, piece in enumerate(pieces):
        run.append(piece.data)
        if index + 1 == len(pieces) or pieces[index + 1].delay_ns != piece.delay_ns:
            joined.append(Piece(b"".join(run), piece.delay_ns))
            run.clear()
    return joined


def _gap(random: Random, rate: float) -> int:
    """How many trials fail before the first that succeeds, each with probability `rate` (0 to 1)."""
    return int(math.log(1.0 - random.random()) / math.log1p(-rate)) if rate < 1.0 else 0


def flip_bits(data: bytes, places: Sequence[int]) -> bytes:
    """`data` with the bits at these places inverted; a place counts bits from the first byte's lowest."""
    damaged = bytearray(data)
    for place in places:
        damaged[place // 8] ^= 1 << place % 8
    return bytes(damaged)


def error_places(random: Random, bits: int, rate: float) -> list[int]:
    """Which of so many bits are wrong, each with probability `rate`: by the gaps between them, as few are."""
    places: list[int] = []
    if rate <= 0.0:
        return places
    place = -1
    while True:
        place += 1 + _gap(random, rate)
        if place >= bits:
            return places
        places.append(place)


class BitFlips(Filter):
    """Each bit is wrong with probability `rate`, independent of the others."""

    def __init__(self, random: Random, rate: float) -> None:
        super().__init__(random)
        self.rate = rate

    def apply(self, frame: bytes, now: int) -> list[Piece]:
        places = error_places(self.random, 8 * len(frame), self.rate)
        self.hits += bool(places)
        return [Piece(flip_bits(frame, places) if places else frame)]


class Bursts(Filter):
    """A channel with a good and a bad state (Gilbert, Elliott), which may change before each byte.

    `to_bad` and `to_good` are probabilities a byte, not both 1; `bad_rate` is the bit error rate when bad.
    """

    def __init__(self, random: Random, to_bad: float, to_good: float, bad_rate: float) -> None:
        super().__init__(random)
        self.to_bad, self.to_good, self.bad_rate = to_bad, to_good, bad_rate
        self._bad = False

    def apply(self, frame: bytes, now: int) -> list[Piece]:
        places: list[int] = []
        position = 0
        while position < len(frame):
            leave = self.to_good if self._bad else self.to_bad
            left = len(frame) - position
            stay = min(left, _gap(self.random, leave)) if leave > 0.0 else left
            if self._bad:
                wrong = error_places(self.random, 8 * stay, self.bad_rate)
                places += [8 * position + place for place in wrong]
            position += stay
            self._bad ^= stay < left
        self.hits += bool(places)
        return [Piece(flip_bits(frame, places) if places else frame)]


class Damage(Filter):
    """Frames of which one to seven bits are wrong, each frame with probability `rate`."""

    def __init__(self, random: Random, rate: float) -> None:
        super().__init__(random)
        self.rate = rate

    def apply(self, frame: bytes, now: int) -> list[Piece]:
        if not self.strikes(self.rate):
            return [Piece(frame)]
        places = self.random.sample(range(8 * len(frame)), self.random.randint(1, 7))
        return [Piece(flip_bits(frame, places))]


class Edit(Filter):
    """What a frame loses or gains on a bad line, each with a rate of its own: up to eight bytes are inserted
    or deleted, one slips (is said twice), or the frame is cut somewhere."""

    def __init__(
        self, random: Random, *, insert: float = 0.0, delete: float = 0.0, slip: float = 0.0, cut: float = 0.0
    ) -> None:
        super().__init__(random)
        self.insert, self.delete, self.slip, self.cut = insert, delete, slip, cut

    def apply(self, frame: bytes, now: int) -> list[Piece]:
        at = self.random.randrange(len(frame))
        count = self.random.randint(1, 8)
        if self.strikes(self.insert):
            frame = frame[:at] + self.random.randbytes(count) + frame[at:]
        if self.strikes(self.delete):
            frame = frame[:at] + frame[at + count :]
        if self.strikes(self.slip) and at < len(frame):
            frame = frame[: at + 1] + frame[at:]
        if self.strikes(self.cut):
            frame = frame[:at]
        return [Piece(frame)]


class Drop(Filter):
    """Frames that never arrive: by chance, or exactly those whose number (from 0) is listed."""

    def __init__(self, random: Random, rate: float = 0.0, exactly: Sequence[int] = ()) -> None:
        super().__init__(random)
        self.rate = rate
        self.exactly = frozenset(exactly)
        self._number = -1

    def apply(self, frame: bytes, now: int) -> list[Piece]:
        self._number += 1
        if self._number in self.exactly:
            self.hits += 1
            return []
        return [] if self.strikes(self.rate) else [Piece(frame)]


class Repeat(Filter):
    """Frames that arrive twice at once, and frames of long ago that arrive again."""

    def __init__(self, random: Random, *, duplicate: float = 0.0, replay: float = 0.0) -> None:
        super().__init__(random)
        self.duplicate, self.replay = duplicate, replay
        self._kept: list[bytes] = []

    def apply(self, frame: bytes, now: int) -> list[Piece]:
        out = [Piece(frame)]
        if self.strikes(self.duplicate):
            out.append(Piece(frame))
        if self._kept and self.strikes(self.replay):
            out.append(Piece(self.random.choice(self._kept)))
        self._keep(frame)
        return out

    def _keep(self, frame: bytes) -> None:
        if len(self._kept) < REPLAY_FRAMES_KEPT:
            self._kept.append(frame)
        elif self.random.random() < REPLAY_KEPT_RATE:
            self._kept[self.random.randrange(REPLAY_FRAMES_KEPT)] = frame


class Late(Filter):
    """Frames that come late, up to `most_ns`: on a wire that keeps no order they overtake each other."""

    def __init__(self, random: Random, rate: float, most_ns: int) -> None:
        super().__init__(random)
        self.rate, self.most_ns = rate, most_ns

    def apply(self, frame: bytes, now: int) -> list[Piece]:
        return [Piece(frame, self.random.randint(1, self.most_ns) if self.strikes(self.rate) else 0)]


class Splice(Filter):
    """The head of one frame runs into the tail of the next: what a cut and a late byte make together."""

    def __init__(self, random: Random, rate: float) -> None:
        super().__init__(random)
        self.rate = rate
        self._head = b""

    def apply(self, frame: bytes, now: int) -> list[Piece]:
        if self._head:
            head, self._head = self._head, b""
            return [Piece(head + frame[self.random.randrange(len(frame)) :])]
        if len(frame) > 1 and self.strikes(self.rate):
            self._head = frame[: self.random.randrange(1, len(frame))]
            return []
        return [Piece(frame)]


class Breaks(Filter):
    """The way is interrupted now and then: `every_ns` apart on average, for `shortest_ns` to `longest_ns`."""

    def __init__(self, random: Random, every_ns: int, shortest_ns: int, longest_ns: int) -> None:
        super().__init__(random)
        self.every_ns, self.shortest_ns, self.longest_ns = every_ns, shortest_ns, longest_ns
        self._begin = self._next(0)
        self._end = self._begin + random.randint(shortest_ns, longest_ns)

    def _next(self, now: int) -> int:
        return now + round(self.random.expovariate(1.0 / self.every_ns))

    def apply(self, frame: bytes, now: int) -> list[Piece]:
        while now >= self._end:
            self._begin = self._next(self._end)
            self._end = self._begin + self.random.randint(self.shortest_ns, self.longest_ns)
        if now < self._begin:
            return [Piece(frame)]
        self.hits += 1
        return []


class CutAfter(Filter):
    """Everything up to a byte arrives, and nothing behind it: where a contact opens in mid-frame."""

    def __init__(self, random: Random, byte_count: int) -> None:
        super().__init__(random)
        self.left = byte_count

    def apply(self, frame: bytes, now: int) -> list[Piece]:
        kept = frame[: self.left]
        self.left -= len(kept)
        self.hits += len(kept) < len(frame)
        return [Piece(kept)]


class Noise(Filter):
    """Bytes that nobody of ours sent: what ModemManager says to new ports, and plain garbage."""

    def __init__(self, random: Random, rate: float) -> None:
        super().__init__(random)
        self.rate = rate

    def apply(self, frame: bytes, now: int) -> list[Piece]:
        if not self.strikes(self.rate):
            return [Piece(frame)]
        said = self.random.random() < 0.5
        noise = self.random.choice(AT_COMMANDS) if said else self.random.randbytes(16)
        return [Piece(noise), Piece(frame)]


@dataclass(frozen=True)
class Beam:
    """The laser's spot on its receiver: how far off it sits, and how it shakes.

    `margin` is Q, the ratio of signal to noise of a perfect seat; 7 is an error rate of 1e-12.
    """

    offset_um: float = 0.0
    shake_um: float = 0.0
    shake_hz: float = 80.0
    spot_um: float = 60.0
    margin: float = 8.0
    phase: float = 0.0

    def error_rate(self, now: int) -> float:
        """The bit error rate at a moment."""
        shake = self.shake_um * math.sin(2 * math.pi * self.shake_hz * now / 1e9 + self.phase)
        coupled = math.exp(-(((self.offset_um + shake) / self.spot_um) ** 2))
        return 0.5 * math.erfc(self.margin * coupled / math.sqrt(2))


class Misalignment(Filter):
    """Bit errors of a laser that does not sit quite on its receiver."""

    def __init__(self, random: Random, beam: Beam) -> None:
        super().__init__(random)
        self.beam = beam

    def apply(self, frame: bytes, now: int) -> list[Piece]:
        places = error_places(self.random, 8 * len(frame), self.beam.error_rate(now))
        self.hits += bool(places)
        return [Piece(flip_bits(frame, places) if places else frame)]
