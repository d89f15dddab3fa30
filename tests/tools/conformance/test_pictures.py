"""laserlink.tools.conformance.pictures: small images, taken apart."""

import pytest
from broken import bench_of, line_of

from laserlink.tools.conformance.check import Mismatch
from laserlink.tools.conformance.pictures import digests_in, digests_wanted, packed_of, start_many_chunks


def test_image_is_taken_whole() -> None:
    """All chunks make up the packed image, and its digests are those that were sent."""
    running = start_many_chunks(bench_of(line_of()))
    running.grant_images(1)
    frames = running.take_image()
    whole, strips = digests_wanted(packed_of(frames, running.layout), running.layout)
    assert digests_in(frames) == ([whole], strips)
    with pytest.raises(Mismatch, match="bytes"):
        packed_of(frames[:-2], running.layout)
