"""Runs checks, one after the other, whatever the module does meanwhile."""

from collections import Counter
from collections.abc import Callable, Iterable

from laserlink.host_driver.lanes.port import PortClosed
from laserlink.protocol import catalogue
from laserlink.protocol.errors import RemoteProtocolError
from laserlink.protocol.frame import SYNC
from laserlink.protocol.limits import PAYLOAD_BYTES_MAX
from laserlink.protocol.messages import identity, link
from laserlink.protocol.states import ModuleState
from laserlink.protocol.timers import FIRST_WORD_NS, NS_PER_MS, NS_PER_S
from laserlink.tools.conformance import suite
from laserlink.tools.conformance.bench import PING_LATE_NS, Bench, Habits
from laserlink.tools.conformance.check import Check, Mismatch, NoAnswer, Outcome, Report, Result, Skip, Step
from laserlink.tools.conformance.course import reach, read_descriptor

REACH_TRIES = 3
# A state that was not reached for two checks is not tried for a third.
BLOCKED_MAX = 2
# Nothing at all for this long, though hello was repeated: nobody is there any more.
SILENT_NS = 5 * NS_PER_S
# What fails while our own pings were late says nothing of the module: so often, it is tried again.
LATE_TRIES = 2

FIRST_WORD = Check(
    "hello.first-word", "S1", "A powered module sends intact frames by itself.", lambda bench: None, None
)


class NoDevice(Exception):
    """What is on the port is no LaserLink module. The report says what was seen."""


class Gone(Exception):
    """The module is silent, or latched a fault: nothing can be checked any more."""


Tell = Callable[[str], None]


class Runner:
    """One run: checks against the module of a bench."""

    def __init__(
        self, bench: Bench, url: str, names: Iterable[str] = (), tell: Tell = lambda text: None
    ) -> None:
        self.bench = bench
        self.names = tuple(names)
        self.checks = suite.chosen(self.names)
        self.report = Report(url)
        self._tell = tell
        self._blocked: Counter[ModuleState | None] = Counter()
        self._began_ns = bench.now

    def run(self) -> Report:
        """Everything. Raises NoDevice, with the report complete as far as it goes."""
        try:
            self._first_word()
            self._introduce()
            for number, check in enumerate(self.checks, 1):
                self._tell(f"{number}/{len(self.checks)} {check.name}")
                self._run_one(check)
        except (Gone, PortClosed) as error:
            self.report.ended_early = str(error)
        finally:
            self.report.seconds = (self.bench.now - self._began_ns) / NS_PER_S
        return self.report

    # --- the beginning ---

    def _first_word(self) -> None:
        """Wait for an intact frame, and send nothing before it."""
        bench = self.bench
        bench.run_until(lambda: bench.watch.frames > 0, FIRST_WORD_NS)
        seen = bytes(bench.first_bytes)
        if bench.watch.frames:
            bench.note("nothing", "an intact frame within 3 s", f"one, after {bench.bytes_heard} bytes", True)
            self._add(Result(FIRST_WORD, Outcome.PASSED, steps=self._steps()))
            return
        reason = seen_instead(bench.bytes_heard, seen)
        outcome = Outcome.FAILED if looks_like_frames(seen) else Outcome.SKIPPED
        self._add(Result(FIRST_WORD, outcome, reason))
        if outcome is Outcome.SKIPPED:
            raise NoDevice(reason)
        raise Gone(reason)

    def _introduce(self) -> None:
        """Who it is, for the report; a module that cannot say so is checked all the same."""
        try:
            reach(self.bench, ModuleState.READY)
            found = identity.Descriptor.decode(read_descriptor(self.bench))
            lanes = " and ".join(offer.kind.name.lower() for offer in self.bench.agreed.lanes)
            self.report.module = {
                "vendor": found.vendor, "product": found.product, "serial": found.serial,
                "firmware": found.firmware, "module_id": f"{found.module_id:016x}", "lanes": lanes,
            }  # fmt: skip
        except (Mismatch, RemoteProtocolError) as error:
            self._tell(f"the module does not introduce itself: {error}")

    # --- one check ---

    def _run_one(self, check: Check) -> None:
        if check.only_by_name and not suite.named(check, self.names):
            self._add(Result(check, Outcome.SKIPPED, check.only_by_name))
            return
        if not check.prepared:
            self._attempt(check)
            return
        began = self.bench.now
        result = Result(check, Outcome.FAILED)
        left, late_left = check.tries, LATE_TRIES
        while left:
            result = self._prepared(check)
            if result.outcome is not Outcome.FAILED:
                break
            if self._was_late(result) and late_left:
                late_left -= 1
            else:
                left -= 1
        result.seconds = (self.bench.now - began) / NS_PER_S
        self._add(result)

    def _was_late(self, result: Result) -> bool:
        """Whether this machine kept the module waiting so long that it may have given its host up."""
        late_ns = self.bench.ping_late_ns
        if late_ns < PING_LATE_NS:
            return False
        late = f"a ping of this machine was {late_ns // NS_PER_MS} ms late"
        self._tell(f"{result.check.name}: {late}")
        result.reason += f" ({late})"
        return True

    def _prepared(self, check: Check) -> Result:
        """One try, from a fresh session on."""
        self.bench.ping_late_ns = 0
        reason = self._reach(check)
        if reason:
            self._blocked[check.start] += 1
            return Result(check, Outcome.SKIPPED, f"not reached: {reason}", self._steps(), blocked=True)
        self.bench.steps.clear()
        self.bench.heard.clear()
        return self._outcome(check)

    def _reach(self, check: Check) -> str:
        """Why its start was not reached; empty when it was."""
        if self._blocked[check.start] >= BLOCKED_MAX:
            return "as for the checks before"
        reason = ""
        for _ in range(REACH_TRIES):
            self.bench.habits = Habits()
            self.bench.heard.clear()
            began = self.bench.now
            try:
                reach(self.bench, check.start)
                return ""
            except NoAnswer as error:
                reason = str(error)
                self._look_for_life(check, began)
            except (Mismatch, RemoteProtocolError, ValueError) as error:
                reason = str(error)
        return reason

    def _look_for_life(self, check: Check, began: int) -> None:
        """Raises Gone when nothing at all came since, or nothing but the beacons of a fault."""
        heard = self.bench.last_heard_ns
        if heard is None or (heard < began and self.bench.now - heard > SILENT_NS):
            raise Gone(f"the module fell silent before or during {check.name}")
        beacons = self.bench.messages(0, link.Beacon)
        if beacons and beacons[-1].state is ModuleState.FAULT:
            raise Gone(
                f"the module latched a fault before or during {check.name}: pull it off and snap it on"
            )

    def _outcome(self, check: Check) -> Result:
        try:
            check.run(self.bench)
        except Skip as skip:
            return Result(check, Outcome.SKIPPED, str(skip), self._steps())
        except (Mismatch, RemoteProtocolError, ValueError) as error:
            return Result(check, Outcome.FAILED, str(error), self._steps())
        return Result(check, Outcome.PASSED, steps=self._steps())

    def _attempt(self, check: Check) -> None:
        self.bench.steps.clear()
        result = self._outcome(check)
        if result.outcome is Outcome.FAILED or not self.names or suite.named(check, self.names):
            self._add(result)

    def _steps(self) -> list[Step]:
        return list(self.bench.steps)

    def _add(self, result: Result) -> None:
        self.report.results.append(result)


def looks_like_frames(data: bytes) -> bool:
    """Whether headers of ours are in it, but for their checks."""
    at = data.find(SYNC)
    while at >= 0:
        head = data[at : at + 8]
        length = int.from_bytes(head[6:8], "little")
        if (
            len(head) == 8
            and head[2] >> 4 == 1
            and head[3] in catalogue.BY_TYPE
            and length <= PAYLOAD_BYTES_MAX
        ):
            return True
        at = data.find(SYNC, at + 1)
    return False


def seen_instead(count: int, data: bytes) -> str:
    """What came in place of an intact frame."""
    if not count:
        return "nothing came in 3 s"
    if looks_like_frames(data):
        return (
            f"{count} bytes came that look like frames, but none whose checks hold: is the CRC the right one?"
        )
    return f"{count} bytes came, and no frame among them: {data[:16].hex(' ')}"
