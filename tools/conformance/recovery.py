"""Losing the host and finding it again: keep-alives, the attach watchdog, recovery, reset."""

from dataclasses import replace

from laserlink.protocol.errors import ErrorCode
from laserlink.protocol.messages import diagnostics, link, power
from laserlink.protocol.states import ModuleState, PowerPhase
from laserlink.protocol.timers import ATTACH_WATCHDOG_NS, FIRST_WORD_NS, NS_PER_MS
from laserlink.tools.conformance.bench import Bench
from laserlink.tools.conformance.check import Check
from laserlink.tools.conformance.course import fall_silent, in_state, silence_ns
from laserlink.tools.conformance.framing import SLACK_MS

S = ModuleState


def _await_beacon(bench: Bench, mark: int, ns: int) -> link.Beacon | None:
    bench.await_message(mark, link.Beacon, ns)
    found = bench.messages(mark, link.Beacon)
    return found[0] if found else None


def silence(bench: Bench) -> None:
    """The first beacon says when the module missed its host."""
    bench.ping()
    began, mark = bench.now, len(bench.heard)
    bench.habits.pings = False
    wanted = silence_ns(bench) / NS_PER_MS
    beacon = _await_beacon(bench, mark, round((wanted + 2 * SLACK_MS + 250) * NS_PER_MS))
    bench.habits.pings = True
    took = (bench.now - began) / NS_PER_MS
    holds = beacon is not None and 0.9 * wanted <= took <= wanted + 250 + SLACK_MS
    bench.note(
        "no more pings",
        f"a beacon after three keep-alives, {wanted:.0f} ms",
        f"one after {took:.0f} ms" if beacon else "none",
        holds,
    )
    state = beacon.state if beacon else None
    bench.expect(state is S.POWERED, "state powered: the attach is given up", str(state))


def pings_keep_alive(bench: Bench) -> None:
    mark = len(bench.heard)
    bench.run_for(1.5 * silence_ns(bench) / NS_PER_MS)
    beacons = len(bench.since(mark, link.Beacon))
    bench.note("pings every 100 ms, and nothing else", "no beacon", f"{beacons} beacons", beacons == 0)
    in_state(bench, S.GREETED)


def forgotten(bench: Bench) -> None:
    old = bench.session
    fall_silent(bench)
    bench.habits.pings = False
    mark = len(bench.heard)
    bench.write(bytes(replace(bench.frame(diagnostics.Echo(9, b"old")), session=old)))
    bench.run_for(300)
    others = [item for item in bench.since(mark) if item.frame.session]
    bench.habits.pings = True
    bench.note("an echo of the session that was given up", "nothing", f"{len(others)} frames", not others)


def watchdog(bench: Bench) -> None:
    """A host that greets, pings, and never goes on."""
    began, mark = bench.now, len(bench.heard)
    limit = ATTACH_WATCHDOG_NS / NS_PER_MS
    beacon = _await_beacon(bench, mark, round((limit + 1000 + SLACK_MS) * NS_PER_MS))
    took = (bench.now - began) / NS_PER_MS
    holds = beacon is not None and 0.8 * limit <= took <= limit + 500 + SLACK_MS
    bench.note(
        "pings, and no step of the attach",
        f"beacons again after {limit:.0f} ms",
        f"after {took:.0f} ms" if beacon else "none",
        holds,
    )
    bench.forget()


def recovers(bench: Bench) -> None:
    """Lost under a contract: the module waits for its host, and any legal frame of the session finds it."""
    mark = len(bench.heard)
    fall_silent(bench)
    states = {beacon.state for beacon in bench.messages(mark, link.Beacon)}
    bench.note(
        "no more pings, under a contract",
        "beacons of state recovering",
        str(states),
        states == {S.RECOVERING},
    )
    bench.expect(not bench.line.light, "no light", "light")
    bench.ping()
    in_state(bench, S.CONTRACTED)
    causes = {event.cause.name for event in bench.messages(mark, power.LaserOffEvent)}
    bench.expect(causes <= {"KEEP_ALIVE"}, "LaserOffEvent(KEEP_ALIVE), if any", str(causes))
    status = bench.reply(power.PowerDerate(limit_ma=0xFFFF), power.PowerStatus)
    in_force = status.phase is PowerPhase.CONTRACTED
    bench.expect(in_force, "the contract still in force", f"{status.phase.name}, {status.limit_ma} mA")


def reset(bench: Bench) -> None:
    bench.reply(link.Reset(), link.ResetReply)
    bench.forget()
    mark = len(bench.heard)
    bench.expect(not bench.line.light, "no light", "light")
    beacon = _await_beacon(bench, mark, FIRST_WORD_NS)
    came = "none" if beacon is None else f"{beacon.state.name}, {beacon.uptime_ms} ms after boot"
    holds = beacon is not None and beacon.state is S.POWERED and beacon.uptime_ms < FIRST_WORD_NS / NS_PER_MS
    bench.note("nothing", "a beacon of state powered, soon after boot", came, holds)
    mark = len(bench.heard)
    bench.write(bytes(bench.frame(diagnostics.Echo(77, b"old"))))
    bench.run_for(300)
    others = [item for item in bench.since(mark) if item.frame.session]
    bench.note("an echo of the session before the reset", "nothing", f"{len(others)} frames", not others)


def hello_while_recovering(bench: Bench) -> None:
    bench.hello()
    in_state(bench, S.GREETED)
    bench.refused(diagnostics.Train(lane=bench.image_lane), ErrorCode.ILLEGAL_IN_STATE, int(S.GREETED))


CHECKS = (
    Check("recovery.silence", "C4", "Three missed keep-alives are a loss.", silence, S.GREETED, tries=3),
    Check("recovery.pings", "C4", "Pings alone keep the link alive.", pings_keep_alive, S.GREETED, tries=3),
    Check("recovery.forgotten", "M1", "A session that was given up is no more.", forgotten, S.GREETED),
    Check(
        "recovery.watchdog",
        "T1",
        "An attach that does not go on is given up after 5 s.",
        watchdog,
        S.GREETED,
        tries=2,
    ),
    Check(
        "recovery.found-again",
        "M1",
        "Under a contract, a lost host is waited for, and found again.",
        recovers,
        S.CONTRACTED,
    ),
    Check("recovery.reset", "K1", "A reset answers, darkens and boots.", reset, S.CONTRACTED),
    Check(
        "recovery.hello",
        "M1",
        "A module that lost its host takes a hello of a new session.",
        hello_while_recovering,
        S.RECOVERING,
    ),
)
