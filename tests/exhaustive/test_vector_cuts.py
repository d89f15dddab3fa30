"""The shared vectors in pieces: every prefix, every cut in two, every size of piece, and many cuts at once.

What a stream gives is said by the vectors; what a prefix gives, by the decoder that was written apart.
"""

import itertools
import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
from independent import decoder

from laserlink.protocol.frame import Frame
from laserlink.protocol.framer import BadFrame, Framer
from laserlink.tools.vectors import item_of

NIGHTLY = os.environ.get("LASERLINK_NIGHTLY") == "1"
FOLDER = Path(__file__).parents[1] / "vectors"
MARK = bytes(Frame(0x60, 0, 0x3A3A3A3A, 99, b"\0\0mark"))
SHORT_BYTES = 80
MULTI_CUTS = 40
LONG_PREFIX_STEP = 37
Case = dict[str, Any]


def cases() -> list[tuple[str, bytes, list[Case]]]:
    """Name, bytes and items of every vector."""
    found = []
    for name in ("frames.json", "bad-frames.json", "streams.json"):
        for case in json.loads((FOLDER / name).read_text())["cases"]:
            found.append(
                (case["name"], bytes.fromhex(case["hex"]), case.get("items", [{"frame": case["hex"]}]))
            )
    return found


CASES = cases()


def read(*pieces: bytes) -> list[Case]:
    """The items of a stream in pieces, after which nothing follows."""
    framer = Framer()
    items: list[Frame | BadFrame] = []
    for piece in pieces:
        framer.feed(piece)
        items += framer.items()
    framer.abandon()
    items += framer.items()
    return [item_of(item) for item in items]


def apart(data: bytes) -> list[Case]:
    """The items of a stream, by the other decoder."""
    return [
        {"frame": data[item.at : item.end].hex()}
        if isinstance(item, decoder.WireFrame)
        else {"bad": item[0], "bytes": len(item[1])}
        for item in decoder.items(data)
    ]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    return [data[start:end] for start, end in itertools.pairwise([0, *sorted(places), len(data)])]


def prefixes(data: bytes) -> range | list[int]:
    """Every length; of a long stream in `make test`, all in its first and last bytes, and steps between."""
    size = len(data)
    if NIGHTLY or size <= 8 * SHORT_BYTES:
        return range(size + 1)
    ends = {*range(SHORT_BYTES), *range(size - SHORT_BYTES, size + 1)}
    return sorted(ends | set(range(0, size, LONG_PREFIX_STEP)))


def test_there_are_vectors() -> None:
    """Enough of them to mean something, short ones and one as long as a frame can be."""
    assert len(CASES) > 130 and max(len(data) for _, data, _ in CASES) > 4096
    assert sum(len(data) <= SHORT_BYTES for _, data, _ in CASES) > 80


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_every_prefix(case: tuple[str, bytes, list[Case]]) -> None:
    """Cut off anywhere, a stream gives what the other decoder finds; the next frame is found behind it."""
    _, data, items = case
    frames = [item for item in items if "frame" in item]
    for size in prefixes(data):
        framer = Framer()
        framer.feed(data[:size])
        early = [item_of(item) for item in framer.items()]
        # A frame that is given out is none that what follows could take back.
        assert [item for item in early if "frame" in item] == frames[: sum("frame" in item for item in early)]
        framer.abandon()
        late = early + [item_of(item) for item in framer.items()]
        assert late == apart(data[:size]), size
        framer.feed(MARK[:-1])
        assert list(framer.items()) == []
        framer.feed(MARK[-1:])
        assert [item_of(item) for item in framer.items()] == [{"frame": MARK.hex()}], size


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_every_cut_in_two_and_every_size_of_piece(case: tuple[str, bytes, list[Case]]) -> None:
    """The same items, wherever the stream is cut once, and in pieces of each size."""
    _, data, items = case
    for size in prefixes(data):
        assert read(data[:size], data[size:]) == items, size
        if size:
            assert read(*(data[at : at + size] for at in range(0, len(data), size))) == items, size


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_many_cuts(case: tuple[str, bytes, list[Case]]) -> None:
    """The same items with seeded cuts, few and many, empty pieces among them."""
    name, data, items = case
    chance = random.Random(name)
    for _ in range(MULTI_CUTS):
        places = [chance.randint(0, len(data)) for _ in range(chance.choice((2, 3, 5, 20)))]
        assert read(*cut(data, places)) == items, places


def test_every_cut_in_three_of_short_streams() -> None:
    """All pairs of cuts, of every stream of at most 80 bytes that is more than one intact frame."""
    tried = 0
    for name, data, items in CASES:
        if len(data) > SHORT_BYTES or (len(items) == 1 and "frame" in items[0]):
            continue
        for places in itertools.combinations(range(1, len(data)), 2):
            tried += 1
            assert read(*cut(data, list(places))) == items, (name, places)
    assert tried > 10_000
