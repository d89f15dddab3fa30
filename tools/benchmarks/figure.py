"""A figure, its goal, and runs that alternate: whatever else the machine does, both sides feel it alike."""

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

ROUNDS = 7


@dataclass(frozen=True)
class Goal:
    """What is wanted of the ratio, or of the value itself."""

    bound: float
    at_most: bool = False
    of_value: bool = False

    def met(self, figure: "Figure") -> bool | None:
        """Whether it is reached; None when what it is measured against is missing."""
        found = figure.value if self.of_value else figure.ratio
        if found is None:
            return None
        return found <= self.bound if self.at_most else found >= self.bound

    def sign(self) -> str:
        """As a table has it: >= 0.75 x."""
        return f"{'<=' if self.at_most else '>='} {self.bound:g}" + ("" if self.of_value else " x")

    def __str__(self) -> str:
        sign = "at most" if self.at_most else "at least"
        return f"{sign} {self.bound:g}" + ("" if self.of_value else " x")


@dataclass(frozen=True)
class Figure:
    """One measured figure, and what it was measured against in the same run; None: that is missing."""

    name: str
    value: float
    unit: str
    against: str
    against_value: float | None
    wanted: Goal
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """The value over what it is measured against."""
        return self.value / self.against_value if self.against_value else None

    def document(self) -> dict[str, Any]:
        """The figure as JSON holds it; `goal` bounds the ratio, or the value when `goal_of` says so."""
        plain = asdict(self)
        del plain["wanted"], plain["details"]
        goal = {
            "ratio": self.ratio,
            "goal": self.wanted.bound,
            "goal_of": "value" if self.wanted.of_value else "ratio",
            "goal_is": "at most" if self.wanted.at_most else "at least",
            "met": self.wanted.met(self),
        }
        return plain | goal | self.details


def seconds_of(work: Callable[[], object]) -> float:
    """How long one run takes, without a pause for garbage in it."""
    gc.collect()
    gc.disable()
    try:
        began = time.perf_counter()
        work()
        return time.perf_counter() - began
    finally:
        gc.enable()


def alternate(works: Sequence[Callable[[], object]], rounds: int = ROUNDS) -> list[float]:
    """The median seconds of each, run in turns, once before to warm up."""
    for work in works:
        work()
    times = [[seconds_of(work) for work in works] for _ in range(rounds)]
    return [median(column) for column in zip(*times, strict=True)]
