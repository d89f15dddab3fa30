"""The benchmarks of small frames."""

import pytest

from laserlink.protocol.frame import Frame
from laserlink.protocol.framer import Framer
from laserlink.tools.benchmarks import messages


def test_the_stream_is_what_it_says() -> None:
    """So many good frames of 64 bytes, by the framer's own judgement."""
    data = messages.stream_of(5)
    framer = Framer()
    framer.feed(data)
    items = list(framer.items())
    assert len(data) == 5 * 64 and len(items) == 5
    assert all(isinstance(item, Frame) for item in items)


def test_a_missing_peer_is_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pymavlink there is a figure, and no ratio; the batch needs none."""
    monkeypatch.setattr(messages, "peer_work", lambda: None)
    monkeypatch.setattr(messages, "FRAMES", 50)
    objects, batch = messages.decode_objects(), messages.decode_batch()
    assert objects.ratio is None and "missing" in objects.against
    assert batch.value > 0 and batch.against == "decode-objects"
