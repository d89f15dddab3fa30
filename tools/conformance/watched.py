"""What was watched during all the other checks: every frame that came."""

from collections.abc import Callable

from laserlink.tools.conformance.bench import Bench
from laserlink.tools.conformance.check import Check

RULES = (
    ("watched.intact", "F3", "Every byte that came was part of an intact frame."),
    (
        "watched.header",
        "K1",
        "Every frame had a legal header: version, type, direction, lane, channel, flags.",
    ),
    ("watched.length", "S4", "No frame was longer than was agreed."),
    ("watched.session", "S2", "Every frame was of the session, and only beacons of none."),
    ("watched.sequence", "S5", "Sequences counted up by one."),
    ("watched.resend", "S5", "No sequence stood for two different frames."),
    ("watched.payload", "P1", "Every payload was what its type says."),
)


def _held(name: str) -> Callable[[Bench], None]:
    def run(bench: Bench) -> None:
        stories = bench.watch.violations.get(name, [])
        came = stories[0] if stories else f"{bench.watch.frames} frames, all right"
        for story in stories[1:]:
            came += f"; {story}"
        bench.note("all of the checks above", "no frame that breaks this rule", came, not stories)

    return run


CHECKS = tuple(
    Check(name, clause, proves, _held(name), None, prepared=False) for name, clause, proves in RULES
)
