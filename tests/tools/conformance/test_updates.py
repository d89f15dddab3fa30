"""laserlink.tools.conformance.updates: updates, when they are named."""

import pytest
from broken import TWO_LANES, bench_of, examine, failures, line_of

from laserlink.firmware_model.bulk import Update
from laserlink.firmware_model.machine import Module
from laserlink.protocol.frame import Frame
from laserlink.protocol.framer import Framer
from laserlink.protocol.messages.bulk import UpdateData
from laserlink.tools.conformance import updates
from laserlink.tools.conformance.check import Outcome
from laserlink.tools.conformance.runner import Runner


def test_sound_module_passes_when_named() -> None:
    """All checks of the family run and pass."""
    report = examine(names=["updates"], lanes=TWO_LANES)
    assert report.count(Outcome.PASSED) == len(updates.CHECKS) + 1 and report.conforms


def test_module_that_takes_any_piece_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that takes pieces out of order is found out."""

    def take(self: Update, data: UpdateData) -> None:
        self._image += data.piece

    monkeypatch.setattr(Update, "take", take)
    report = Runner(bench_of(line_of(Module, TWO_LANES)), "virtual:", ["updates"]).run()
    assert failures(report) == {"updates.pieces"}


def test_unnamed_updates_are_never_begun() -> None:
    """The whole suite sends no UpdateBegin."""
    line = line_of(Module, TWO_LANES)
    sent = bytearray()
    write = line.write

    def spy(data: bytes) -> None:
        sent.extend(data)
        write(data)

    line.write = spy  # type: ignore[method-assign]
    Runner(bench_of(line), "virtual:", ["states"]).run()
    types = {frame.type for frame in frames_of(bytes(sent))}
    assert 0x46 in types and 0x50 not in types


def frames_of(data: bytes) -> list[Frame]:
    """The intact frames of a stream."""
    framer = Framer()
    framer.feed(data)
    return [item for item in framer.items() if isinstance(item, Frame)]
