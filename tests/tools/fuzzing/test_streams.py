"""laserlink.tools.fuzzing.streams: nothing falls, the corpus passes, and a rule that is broken is found."""

import importlib.util
import sys
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import pytest

from laserlink.protocol.errors import MalformedPayload
from laserlink.protocol.frame import Frame
from laserlink.protocol.framer import Framer
from laserlink.protocol.messages.layout import Record, record
from laserlink.tools.fuzzing import mutators
from laserlink.tools.fuzzing.engine import Limits, read_corpus, run_seeded, try_input
from laserlink.tools.fuzzing.oracles import items_of
from laserlink.tools.fuzzing.streams import BYTEWISE_OF, PIECES_MAX, STREAMS, cut_of, stream_seeds
from laserlink.tools.fuzzing.target import Target

CORPUS = Path(__file__).parents[2] / "corpus"
DECODER = Path(__file__).parents[2] / "independent" / "decoder.py"
RUNS = 1500
TARGET = {target.name: target for target in STREAMS}


def load_decoder() -> ModuleType:
    """The decoder that was written from the text of the wire format alone."""
    spec = importlib.util.spec_from_file_location("independent_decoder_of_fuzz", DECODER)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("target", STREAMS, ids=lambda target: target.name)
def test_nothing_falls(target: Target) -> None:
    """A short seeded run of the target finds nothing."""
    report = run_seeded(target, Limits(runs=RUNS), seed=1)
    assert report.findings == {}
    assert report.runs == RUNS


@pytest.mark.parametrize("target", STREAMS, ids=lambda target: target.name)
def test_the_corpus_passes(target: Target) -> None:
    """Every input of the repository's corpus passes; there are some."""
    inputs = read_corpus(CORPUS / target.name)
    assert len(inputs) >= 10
    for data in inputs:
        target.run(data)


@pytest.mark.parametrize("target", STREAMS, ids=lambda target: target.name)
@pytest.mark.parametrize("data", [b"", b"\0", b"\xeb", b"\xeb\x90", bytes(64), b"\xff" * 64], ids=len)
def test_any_bytes_are_an_input(target: Target, data: bytes) -> None:
    """Inputs that no mutator makes are inputs too; mutating them works."""
    target.run(data)
    assert len(target.mutate(data, Random(1), 100)) <= 100


def test_streams_are_cut_in_every_way() -> None:
    """Short ones byte by byte, others in pieces of many sizes; none is empty, and they are few."""
    for size in (0, 1, 2, 40, 128, 160, 4096):
        cuts = {cut_of(size, seed) for seed in range(400 * BYTEWISE_OF)}
        assert (1 in cuts) == (size <= 128 or size // PIECES_MAX == 0)
        assert len(cuts) > min(size, 100) // 2
        assert size / min(cuts) <= 128
        assert any(cut <= size // 2 + 1 for cut in cuts) and any(cut >= size // 2 for cut in cuts)


def test_the_independent_decoder_agrees() -> None:
    """Two decoders that share no code find the same items in the corpus and in mutated streams."""
    decoder, random = load_decoder(), Random(2)
    streams = read_corpus(CORPUS / "framer") + stream_seeds()
    streams += [mutators.mutate_stream(random.choice(streams), random, 600) for _ in range(300)]
    for stream in streams:
        theirs = [
            bytes(stream[item.at : item.end]) if isinstance(item, decoder.WireFrame) else tuple(item)
            for item in decoder.items(stream)
        ]
        ours = [
            bytes(item) if isinstance(item, Frame) else (item.reason.value, item.raw)
            for item in items_of((stream,))
        ]
        assert ours == theirs, stream.hex()


def rule_that_falls(name: str, runs: int = 600) -> str:
    """The rule of the first finding of a seeded run; there must be one."""
    report = run_seeded(TARGET[name], Limits(runs=runs), seed=3)
    assert report.findings, "nothing was found"
    return next(iter(report.findings))


# --- canaries: rules taken out of the code under test ---


def test_a_framer_that_loses_bytes_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A framer that skips a false sync instead of searching behind it loses what follows."""
    monkeypatch.setattr(Framer, "_reject", _skip_twice(Framer._reject))
    assert rule_that_falls("framer") == "the items are the bytes of the stream"


def _skip_twice(reject: Any) -> Any:
    def skip(self: Framer, reason: Any, count: int) -> None:
        reject(self, reason, count)
        self._position = min(self._position + (count > 1), len(self._buffer))

    return skip


def test_a_framer_that_depends_on_the_cut_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A framer that forgets half a sync at the end of a piece gives other items for another cut."""
    search = Framer._search

    def forget(self: Framer) -> Any:
        found = self._buffer.find(b"\xeb\x90", self._position)
        if found < 0 and not self._cut:
            return type(self._bad_reason).NO_SYNC, len(self._buffer) - self._position
        return search(self)

    monkeypatch.setattr(Framer, "_search", forget)
    assert rule_that_falls("framer") == "any cut gives the same items"


def test_a_framer_that_misses_the_first_frame_after_damage_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A framer that skips a whole damaged frame, instead of searching inside it, loses what it swallowed."""
    reject = Framer._reject

    def swallow(self: Framer, reason: Any, count: int) -> None:
        length = int.from_bytes(self._buffer[self._position + 6 : self._position + 8], "little")
        reject(self, reason, 24 + length if reason == "frame-check" else count)

    monkeypatch.setattr(Framer, "_reject", swallow)
    assert rule_that_falls("framer") == "after damage, the first intact frame"


def test_a_decoder_that_ignores_what_is_left_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes after the last field that are accepted break encode(decode(x)) == x."""

    strict = Record.decode.__func__

    def decode(cls: type[Record], payload: bytes) -> Record:
        try:
            value: Record = strict(cls, payload)
        except MalformedPayload as error:
            if "after the last field" not in str(error):
                raise
            value = record(cls).parse(payload)
        return value

    monkeypatch.setattr(Record, "decode", classmethod(decode))
    assert rule_that_falls("messages") == "encode(decode(x)) is x"


def test_a_decoder_that_raises_what_it_should_not_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the library below is a crash, and is named by the place where it was raised."""

    def decode(cls: type[Record], payload: bytes) -> Record:
        raise KeyError(cls)

    wire = mutators.examples()[0]
    monkeypatch.setattr(Record, "decode", classmethod(decode))
    _, finding = try_input(TARGET["messages"], wire)
    assert finding is not None
    assert finding.signature.startswith("KeyError in ")
