"""cext/firmware/framer.h: the shared vectors, and the same items as Python's framer for anything."""

import ctypes
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from c_module import load_library
from hypothesis import given, settings
from hypothesis import strategies as st

from laserlink.protocol.frame import Frame
from laserlink.protocol.framer import BadFrame, BadReason, Framer

VECTORS = Path(__file__).parents[2] / "vectors"
REASONS = list(BadReason)
NONE, FRAME, LONG, BAD = range(4)
Item = tuple[str, bytes | int]


def cases(*names: str) -> list[Any]:
    found = [case for name in names for case in json.loads((VECTORS / f"{name}.json").read_text())["cases"]]
    return [pytest.param(case, id=case["name"]) for case in found]


class CFramer:
    """The C framer with the face of Python's; items are (reason, bytes of the run) or ("frame", bytes)."""

    def __init__(self, library: Any) -> None:
        self._library = library
        self._framer = library.lib_framer_new()

    def __del__(self) -> None:
        self._library.lib_free(self._framer)

    def feed(self, data: bytes) -> list[Item]:
        found = []
        while data:
            taken = self._library.ll_framer_feed(self._framer, data, len(data))
            assert taken
            data = data[taken:]
            found += list(self.items())
        return found

    def abandon(self) -> list[Item]:
        self._library.ll_framer_abandon(self._framer)
        return list(self.items())

    @property
    def pending(self) -> int:
        return int(self._library.ll_framer_pending(self._framer))

    def items(self) -> Iterator[Item]:
        reason, size, wire = ctypes.c_uint8(), ctypes.c_uint16(), (ctypes.c_uint8 * 4096)()
        while kind := self._library.lib_framer_next(self._framer, reason, size, wire):
            if kind == BAD:
                yield REASONS[reason.value].value, size.value
            else:
                yield (
                    ("frame" if kind == FRAME else "long"),
                    bytes(wire[: size.value]) if kind == FRAME else 0,
                )


@pytest.fixture(scope="module", params=[1024, 4096])
def library(request: pytest.FixtureRequest) -> Any:
    """The library with a large and with a small memory for frames."""
    return load_library(f"-DLL_MAX_FRAME={request.param}")


@pytest.fixture(scope="module")
def large() -> Any:
    return load_library("-DLL_MAX_FRAME=4096")


def expected(case: dict[str, Any]) -> list[Item]:
    return [
        ("frame", bytes.fromhex(item["frame"])) if "frame" in item else (item["bad"], item["bytes"])
        for item in case["items"]
    ]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    return [data[start:end] for start, end in pairwise([0, *sorted(places), len(data)])]


@pytest.mark.parametrize("case", cases("bad-frames", "streams"))
def test_streams_of_the_vectors(library: Any, case: dict[str, Any]) -> None:
    """The items of every stream, fed whole and byte by byte, are those of the vectors."""
    data = bytes.fromhex(case["hex"])
    for pieces in ([data], cut(data, list(range(1, len(data))))):
        framer = CFramer(library)
        found = [item for piece in pieces for item in framer.feed(piece)]
        assert found + framer.abandon() == expected(case)


def test_frames_of_the_vectors(library: Any, request: pytest.FixtureRequest) -> None:
    """Every frame of the vectors is found, alone, behind garbage and with a tail; a long one is told so."""
    most = request.node.callspec.params["library"]
    for parameter in cases("frames"):
        (case,) = parameter.values
        wire = bytes.fromhex(case["hex"])
        whole: Item = ("frame", wire) if len(wire) <= most else ("long", 0)
        assert CFramer(library).feed(wire) == [whole], case["name"]
        assert CFramer(library).feed(b"garbage" + wire) == [("no-sync", 7), whole], case["name"]
        framer = CFramer(library)
        assert framer.feed(wire + b"\xeb") == [whole]
        assert framer.pending == 1


def python_items(pieces: list[bytes]) -> list[Item]:
    framer = Framer()
    found: list[Frame | BadFrame] = []
    for piece in pieces:
        framer.feed(piece)
        found += framer.items()
    framer.abandon()
    found += framer.items()
    return [
        ("frame", bytes(item)) if isinstance(item, Frame) else (item.reason.value, len(item.raw))
        for item in found
    ]


frames = st.builds(
    Frame, st.integers(1, 255), st.integers(0, 15), st.integers(1, 9), st.integers(0, 9),
    st.binary(max_size=60) | st.integers(900, 4072).map(bytes),
).map(bytes)  # fmt: skip
garbage = st.binary(max_size=30) | st.sampled_from([b"\xeb", b"\xeb\x90", b"\xeb\x90" * 40, bytes(5000)])
flips = st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(1, 255)), max_size=3)


@st.composite
def streams(draw: st.DrawFn) -> list[bytes]:
    """Frames and garbage, damaged here and there, cut anywhere."""
    data = bytearray(b"".join(draw(st.lists(frames | garbage, max_size=6))))
    for at, change in draw(flips) if data else []:
        data[at % len(data)] ^= change
    return cut(bytes(data), draw(st.lists(st.integers(0, len(data)), max_size=6)))


@given(streams())
@settings(max_examples=150, deadline=None)
def test_the_same_items_as_in_python(large: Any, pieces: list[bytes]) -> None:
    """Whatever comes, however it is cut, gives the items that Python's framer gives."""
    framer = CFramer(large)
    found = [item for piece in pieces for item in framer.feed(piece)]
    assert found + framer.abandon() == python_items(pieces)


@given(streams())
@settings(max_examples=100, deadline=None)
def test_a_small_memory_loses_nothing_that_fits(pieces: list[bytes]) -> None:
    """With a memory of 256 bytes, no byte is left over, and intact streams give all frames that fit."""
    small = CFramer(load_library("-DLL_MAX_FRAME=256"))
    found = [item for piece in pieces for item in small.feed(piece)] + small.abandon()
    wanted = python_items(pieces)
    if not [item for item in wanted if item[0] == "frame-check"]:
        fitting = [item for item in wanted if item[0] == "frame" and len(item[1]) <= 256]  # type: ignore[arg-type]
        assert [item for item in found if item[0] == "frame"] == fitting
    assert small.pending == 0
