"""Shared by tests of the reports: a check that passed, one that failed, and one that was skipped."""

from laserlink.tools.conformance.check import Check, Outcome, Report, Result, Step

GOOD = Check("hello.reply", "S2", "A hello is answered.", lambda bench: None)
BAD = Check("judging.flags", "J2", "Flags are <judged>.", lambda bench: None)
REPORT = Report(
    "/dev/ttyUSB0",
    {"product": "Board <1>"},
    [
        Result(GOOD, Outcome.PASSED, "", [Step("Hello", "HelloReply", "HelloReply", True, "eb 90", "eb 90")]),
        Result(BAD, Outcome.FAILED, "expected A; came <b>", [Step("Echo", "Error", "<nothing>", False)]),
        Result(BAD, Outcome.SKIPPED, "no light"),
    ],
    1.5,
)
