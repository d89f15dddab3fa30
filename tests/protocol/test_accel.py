"""The choice between kernel and reference: same names, same results."""

import inspect
from collections.abc import Callable

import numpy as np
import pytest

from laserlink.cext import kernels
from laserlink.protocol import _accel, crc, digest, image_path, raw, wire
from laserlink.protocol.messages import flat

PAIRS = [
    ("crc32", crc.crc32),
    ("add", digest.add),
    ("pack", raw.pack),
    ("unpack", raw.unpack),
    ("Slot", image_path.Slot),
    ("frame_images", image_path.frame_images),
    ("Flat", flat.Flat),
    ("read_frame", wire.read_frame),
    ("wire_of", wire.wire_of),
]

KINDS = ("Slot", "Flat")


@pytest.mark.parametrize(("name", "reference"), PAIRS)
def test_the_choice(name: str, reference: object) -> None:
    """Every name is the kernel's when the kernels are in use, else the reference's."""
    expected = reference if kernels is None else getattr(kernels, name)
    assert getattr(_accel, name) is expected


@pytest.mark.parametrize(("name", "reference"), [pair for pair in PAIRS if pair[0] not in KINDS])
@pytest.mark.skipif(kernels is None, reason="the C kernels are not in use")
def test_same_parameters(name: str, reference: Callable[..., object]) -> None:
    """Kernel and reference take the same parameters in the same order (of classes, their own tests)."""
    assert list(inspect.signature(getattr(kernels, name)).parameters) == list(
        inspect.signature(reference).parameters
    )


def test_receive_images_needs_the_kernels() -> None:
    """Without the kernels there is no receive_images, and callers can see that."""
    assert (_accel.receive_images is None) == (kernels is None)


def test_strip_digests() -> None:
    """The convenience gives what the reference gives."""
    data = np.random.default_rng(5).bytes(5000)
    assert _accel.strip_digests(data, 1024) == digest.strip_digests(data, 1024)
