"""The power contract, as the phone sees it."""

from dataclasses import replace

from laserlink.protocol.errors import ErrorCode
from laserlink.protocol.messages import image, power
from laserlink.protocol.states import ModuleState, PowerPhase, StreamEnd
from laserlink.protocol.timers import NS_PER_S
from laserlink.tools.conformance.bench import Bench
from laserlink.tools.conformance.check import Check
from laserlink.tools.conformance.course import (
    DEFAULT_MA,
    OFFERS,
    STREAM,
    derate_to_least,
    in_state,
    offer_power,
)


def _status(bench: Bench, status: power.PowerStatus, phase: PowerPhase, limit_ma: int | None = None) -> None:
    came = f"{status.phase.name}, at most {status.limit_ma} mA, draws {status.draw_ma} mA"
    limit = f", at most {limit_ma} mA" if limit_ma is not None else ""
    holds = (
        status.phase is phase and limit_ma in (None, status.limit_ma) and status.draw_ma <= status.limit_ma
    )
    bench.expect(holds, f"{phase.name}{limit}, and no more drawn", came)


def request(bench: Bench) -> None:
    asked = bench.reply(power.PowerCapabilities(offers=OFFERS), power.PowerRequest)
    bench.expect(asked.offer < len(OFFERS), "an offer that there is", f"offer {asked.offer}")
    wanted = asked.operating_ma + asked.reserve_ma
    limit = OFFERS[asked.offer].current_ma
    bench.expect(asked.operating_ma > 0 and wanted <= limit, f"1 to {limit} mA in all", f"{wanted} mA")


def request_of_many(bench: Bench) -> None:
    offers = (*OFFERS, power.PowerOffer(9000, 2000), power.PowerOffer(12000, 1500))
    asked = bench.reply(power.PowerCapabilities(offers=offers), power.PowerRequest)
    holds = asked.offer < 3 and asked.operating_ma + asked.reserve_ma <= offers[asked.offer].current_ma
    bench.expect(
        holds,
        "one of three offers, and no more than it gives",
        f"{asked.operating_ma} mA of offer {asked.offer}",
    )


def too_little(bench: Bench) -> None:
    bench.refused(power.PowerCapabilities(offers=(power.PowerOffer(5000, 1),)), ErrorCode.POWER_BUDGET)
    bench.refused(power.PowerCapabilities(), ErrorCode.POWER_BUDGET)
    in_state(bench, ModuleState.GREETED)
    offer_power(bench)
    in_state(bench, ModuleState.NEGOTIATING)


def accept(bench: Bench) -> None:
    _status(bench, bench.reply(power.PowerAccept(), power.PowerStatus), PowerPhase.ACCEPTED, DEFAULT_MA)


def ready(bench: Bench) -> None:
    asked = offer_power(bench)
    bench.reply(power.PowerAccept(), power.PowerStatus)
    status = bench.reply(power.PowerReady(), power.PowerStatus)
    _status(bench, status, PowerPhase.CONTRACTED, asked.operating_ma + asked.reserve_ma)


def ready_unaccepted(bench: Bench) -> None:
    bench.refused(power.PowerReady(), ErrorCode.POWER_BUDGET)
    in_state(bench, ModuleState.NEGOTIATING)


def reject(bench: Bench) -> None:
    _status(bench, bench.reply(power.PowerReject(), power.PowerStatus), PowerPhase.REFUSED, DEFAULT_MA)


def wait(bench: Bench) -> None:
    _status(bench, bench.reply(power.PowerWait(), power.PowerStatus), PowerPhase.WAITING, DEFAULT_MA)
    offer_power(bench)
    in_state(bench, ModuleState.NEGOTIATING)


def revoke(bench: Bench) -> None:
    _status(bench, bench.reply(power.PowerRevoke(), power.PowerStatus), PowerPhase.DEFAULT, DEFAULT_MA)
    bench.expect(not bench.line.light, "no light", "light")


def revoke_stream(bench: Bench) -> None:
    mark = len(bench.heard)
    _status(bench, bench.reply(power.PowerRevoke(), power.PowerStatus), PowerPhase.DEFAULT, DEFAULT_MA)
    _ended_by_power(bench, mark)


def _ended_by_power(bench: Bench, mark: int) -> None:
    bench.await_message(mark, image.StreamEnded, 2 * NS_PER_S)
    found = bench.messages(mark, image.StreamEnded)
    holds = bool(found) and found[0].end is StreamEnd.POWER and found[0].channel == STREAM
    bench.expect(holds, f"StreamEnded of channel {STREAM}, because of POWER", str(found[:1]))


def derate(bench: Bench) -> None:
    asked = offer_power(bench)
    full = asked.operating_ma + asked.reserve_ma
    bench.reply(power.PowerAccept(), power.PowerStatus)
    bench.reply(power.PowerReady(), power.PowerStatus)
    for limit, expected in ((full - 1, full - 1), (full + 500, full), (0, DEFAULT_MA), (full, full)):
        status = bench.reply(power.PowerDerate(limit_ma=limit), power.PowerStatus)
        _status(bench, status, PowerPhase.CONTRACTED, max(DEFAULT_MA, expected))


def derate_stops(bench: Bench) -> None:
    mark = len(bench.heard)
    status = derate_to_least(bench)
    _status(bench, status, PowerPhase.CONTRACTED, DEFAULT_MA)
    _ended_by_power(bench, mark)
    in_state(bench, ModuleState.READY)
    bench.refused(image.StreamStart(channel=STREAM), ErrorCode.POWER_BUDGET)
    bench.reply(power.PowerDerate(limit_ma=OFFERS[0].current_ma), power.PowerStatus)
    bench.reply(image.StreamStart(channel=STREAM), image.StreamStarted)


def again(bench: Bench) -> None:
    """After a revoke, a new contract; it begins where every contract does."""
    bench.reply(power.PowerRevoke(), power.PowerStatus)
    request(bench)
    accept(bench)
    status = bench.reply(power.PowerReady(), power.PowerStatus)
    _status(bench, replace(status, limit_ma=max(status.limit_ma, status.draw_ma)), PowerPhase.CONTRACTED)


NEGOTIATING, GREETED = ModuleState.NEGOTIATING, ModuleState.GREETED

CHECKS = (
    Check(
        "power.request",
        "C5",
        "The module asks for one of the offers, and for no more than it gives.",
        request,
        GREETED,
    ),
    Check("power.offers", "C5", "It chooses among several offers.", request_of_many, GREETED),
    Check(
        "power.too-little",
        "C5",
        "Offers that are not enough are refused, and better ones still taken.",
        too_little,
        GREETED,
    ),
    Check(
        "power.accept", "C5", "An accepted request is no contract yet: at most 100 mA.", accept, NEGOTIATING
    ),
    Check("power.ready", "C5", "The contract gives what was asked for.", ready, GREETED),
    Check(
        "power.ready-unaccepted", "C5", "There is no contract without accept.", ready_unaccepted, NEGOTIATING
    ),
    Check("power.reject", "C5", "After a reject, 100 mA.", reject, NEGOTIATING),
    Check("power.wait", "C5", "After a wait, 100 mA, until new capabilities come.", wait, NEGOTIATING),
    Check("power.revoke", "C5", "A revoke ends contract and light at once.", revoke, ModuleState.READY),
    Check(
        "power.revoke-stream",
        "I7",
        "A revoke ends the streams, and says so.",
        revoke_stream,
        ModuleState.STREAMING,
    ),
    Check("power.derate", "C5", "A derate is a limit between 100 mA and the contract.", derate, GREETED),
    Check(
        "power.derate-stops",
        "I7",
        "A limit that covers no stream ends them, and the contract goes on.",
        derate_stops,
        ModuleState.STREAMING,
    ),
    Check(
        "power.again", "C5", "After a revoke there can be another contract.", again, ModuleState.CONTRACTED
    ),
)
