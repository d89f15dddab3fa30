"""What a fuzz target is: bytes go in, and it raises when a rule fell."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from laserlink.protocol.limits import FRAME_BYTES_MAX

# What an input showed, in words: a fuzzer without better coverage tells by them which inputs are new.
Features = frozenset[str]
Mutate = Callable[[bytes, Random, int], bytes]

# The share of inputs that may be as long as a target takes; most faults show in a few frames.
LONG_SHARE = 0.01


@dataclass(frozen=True)
class Target:
    """Something to fuzz: `run` raises when a rule fell, `seeds` begin, `mutate` makes more of them.

    With `is_program`, an input is a program (laserlink.tools.fuzzing.programs).
    """

    name: str
    about: str
    run: Callable[[bytes], Features]
    seeds: Callable[[], list[bytes]]
    mutate: Mutate
    bytes_max: int = FRAME_BYTES_MAX
    is_program: bool = False


def short_of(size_max: int, short: int, random: Random) -> int:
    """How many bytes an input may have this time."""
    return size_max if random.random() < LONG_SHARE else min(size_max, short)
