"""laserlink.tools.fuzzing.target: how long an input may be."""

from random import Random

from laserlink.tools.fuzzing.engine import TARGETS
from laserlink.tools.fuzzing.target import LONG_SHARE, short_of


def test_most_inputs_are_short() -> None:
    """A few may be as long as the target takes, the others are short; none is longer than it may be."""
    random = Random(1)
    sizes = [short_of(4096, 160, random) for _ in range(5000)]
    assert set(sizes) == {160, 4096}
    assert LONG_SHARE / 2 < sizes.count(4096) / len(sizes) < LONG_SHARE * 2
    assert short_of(100, 160, random) == 100


def test_programs_are_told_apart() -> None:
    """The targets with a machine take programs, the others bytes; each says what it is about."""
    assert {name for name, target in TARGETS.items() if target.is_program} == {"module", "host", "session"}
    assert all(target.about for target in TARGETS.values())
