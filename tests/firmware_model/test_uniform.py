import numpy as np

from laserlink.firmware_model.uniform import Uniform


def test_is_the_same_everywhere() -> None:
    """Every pixel of every band has the level, in all colours, in memory of its own."""
    light = Uniform(0.25).band(40, 30, 10, 6)
    assert light.shape == (6, 40, 3)
    assert light.dtype == np.float32
    assert (light == np.float32(0.25)).all()
    light[:] = 0
    assert Uniform(0.25).band(40, 30, 10, 6).min() == np.float32(0.25)
