"""What a check is, what one says of a module, and how it stops."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from laserlink.protocol.states import ModuleState
from laserlink.tools.conformance.clauses import CLAUSES, Clause

if TYPE_CHECKING:
    from laserlink.tools.conformance.bench import Bench


class Mismatch(Exception):
    """The module did what it should not; the last step of the check says what."""


class NoAnswer(Mismatch):
    """Nothing came where something must."""


class Skip(Exception):
    """The module, or the line, has not what this check is about."""


class Outcome(StrEnum):
    """What came of a check."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Check:
    """One thing that a module must do.

    `run` is called when a fresh session has reached `start`; None: it begins without a session. It raises
    Mismatch or Skip, or returns. `tries` is over 1 for what is measured in time, which a busy machine may
    spoil. `only_by_name` says why a check does not run unless it is named. One that is not `prepared` looks
    back at what came in all the others.
    """

    name: str
    clause: str
    proves: str
    run: "Callable[[Bench], None]"
    start: ModuleState | None = ModuleState.READY
    tries: int = 1
    only_by_name: str = ""
    prepared: bool = True

    @property
    def family(self) -> str:
        return self.name.partition(".")[0]

    @property
    def rule(self) -> Clause:
        return CLAUSES[self.clause]


@dataclass(frozen=True)
class Step:
    """One exchange: what was sent, what should come, and what came."""

    sent: str
    expected: str
    came: str
    holds: bool
    sent_hex: str = ""
    came_hex: str = ""
    at_ms: float = 0.0


@dataclass
class Result:
    """What came of one check; `reason` is why it failed or was skipped, in one line.

    `blocked` is a check that was skipped because no obedient host came to where it begins.
    """

    check: Check
    outcome: Outcome
    reason: str = ""
    steps: list[Step] = field(default_factory=list)
    seconds: float = 0.0
    blocked: bool = False


@dataclass
class Report:
    """Everything that a run found. `ended_early` says why there is no more of it."""

    url: str
    module: dict[str, str] = field(default_factory=dict)
    results: list[Result] = field(default_factory=list)
    seconds: float = 0.0
    ended_early: str = ""

    def count(self, outcome: Outcome) -> int:
        return sum(result.outcome is outcome for result in self.results)

    @property
    def conforms(self) -> bool:
        """Whether everything that was checked holds, and nothing kept the suite from checking."""
        blocked = any(result.blocked for result in self.results)
        return not (self.count(Outcome.FAILED) or blocked or self.ended_early)
