"""laserlink.tools.fuzzing.images: nothing falls, the corpus passes, and a path that disagrees is found."""

from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from laserlink.protocol import image_path
from laserlink.protocol.frame import Frame
from laserlink.tools.fuzzing import images, mutators
from laserlink.tools.fuzzing.engine import Limits, read_corpus, run_seeded
from laserlink.tools.fuzzing.images import IMAGES
from laserlink.tools.fuzzing.oracles import Violation, items_of
from laserlink.tools.fuzzing.target import Target

CORPUS = Path(__file__).parents[2] / "corpus"
RUNS = 400


@pytest.mark.parametrize("target", [IMAGES], ids=lambda target: target.name)
def test_nothing_falls(target: Target) -> None:
    """A short seeded run of the target finds nothing."""
    report = run_seeded(target, Limits(runs=RUNS), seed=1)
    assert report.findings == {}
    assert report.runs == RUNS


@pytest.mark.parametrize("target", [IMAGES], ids=lambda target: target.name)
def test_the_corpus_passes(target: Target) -> None:
    """Every input of the repository's corpus passes; there are some."""
    inputs = read_corpus(CORPUS / target.name)
    assert len(inputs) >= 10
    for data in inputs:
        target.run(data)


@pytest.mark.parametrize("target", [IMAGES], ids=lambda target: target.name)
@pytest.mark.parametrize("data", [b"", b"\0", b"\xeb", b"\xeb\x90", bytes(64), b"\xff" * 64], ids=len)
def test_any_bytes_are_an_input(target: Target, data: bytes) -> None:
    """Inputs that no mutator makes are inputs too; mutating them works."""
    target.run(data)
    assert len(target.mutate(data, Random(1), 100)) <= 100


@pytest.mark.parametrize("flaw", ["skips", "unchecked"])
def test_a_fast_path_that_disagrees_is_found(monkeypatch: pytest.MonkeyPatch, flaw: str) -> None:
    """A fast path that takes a frame and does not place it, or places one that is damaged, is found."""

    def receive_images(view: memoryview, session: int, payload_max: int, slots: Any) -> int:
        data = bytes(view)
        if len(data) < 24 or data[:2] != b"\xeb\x90" or data[3] != 0x42:
            return 0
        end = 24 + int.from_bytes(data[6:8], "little")
        wire = mutators.repair(data[:end]) if flaw == "unchecked" else data[:end]
        (item, *_) = items_of((wire,))
        if (
            len(data) < end
            or not isinstance(item, Frame)
            or item.session != session
            or len(item.payload) < 12
        ):
            return 0
        offset = int.from_bytes(item.payload[4:12], "little")
        matching = [slot for slot in slots if slot.image_id == int.from_bytes(item.payload[:4], "little")]
        try:
            if flaw == "unchecked":
                for slot in matching:
                    slot.place(offset, item.payload[12:])
        except ValueError:
            return 0
        return end if matching else 0

    kernels = SimpleNamespace(Slot=image_path.Slot, receive_images=receive_images)
    monkeypatch.setattr(images, "kernels", kernels)
    findings = run_seeded(IMAGES, Limits(runs=600), seed=3).findings
    assert next(iter(findings), "nothing").startswith("fast and slow path agree")


def test_without_kernels_the_cuts_are_still_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the Python reference alone, the image target runs, and finds what it should not."""
    monkeypatch.setattr(images, "kernels", None)
    for data in images.image_seeds():
        images.run_images(data)
    monkeypatch.setattr(
        images.Receiver, "facts", lambda self: {"sums": id(self), "present": [], "frames": []}
    )
    with pytest.raises(Violation):
        images.run_images(b"\0" + mutators.examples()[0])
