"""Light and training: when the laser may shine, and what it says first."""

from laserlink.protocol import prbs
from laserlink.protocol.errors import ErrorCode
from laserlink.protocol.messages import diagnostics, link, power
from laserlink.protocol.states import LaneKind, ModuleState, Seating
from laserlink.protocol.timers import LIGHT_CONFIRM_NS, NS_PER_MS, NS_PER_S, TRAINING_MAX_NS
from laserlink.tools.conformance.bench import ALL_FEATURES, Bench
from laserlink.tools.conformance.check import Check
from laserlink.tools.conformance.course import contract, in_state, offer_power, seat, train
from laserlink.tools.conformance.framing import SLACK_MS


def _light(bench: Bench, wanted: bool, when: str) -> None:
    bench.run_until(lambda: bench.line.light is wanted, SLACK_MS * NS_PER_MS if wanted else 0)
    bench.expect(
        bench.line.light is wanted,
        f"{'light' if wanted else 'no light'} {when}",
        "light" if bench.line.light else "no light",
    )


def dark_before_contract(bench: Bench) -> None:
    bench.need_light()
    _light(bench, False, "after hello")
    bench.refused(diagnostics.Train(lane=bench.image_lane), ErrorCode.ILLEGAL_IN_STATE)
    _light(bench, False, "for a Train without a contract")
    offer_power(bench)
    bench.run_for(20)
    _light(bench, False, "while power is negotiated")
    contract(bench)
    bench.run_for(20)
    _light(bench, False, "until Train")


def light_on(bench: Bench) -> None:
    bench.need_light()
    train(bench)
    _light(bench, True, "with Train")
    seat(bench)
    bench.run_for(3 * LIGHT_CONFIRM_NS / NS_PER_MS)
    _light(bench, True, "as long as pings confirm it")


def _dark_within(bench: Bench, ms: float, after: str, sent: str) -> None:
    began = bench.now
    bench.run_until(lambda: not bench.line.light, round((ms + SLACK_MS) * NS_PER_MS))
    took = (bench.now - began) / NS_PER_MS
    came = "light" if bench.line.light else f"dark after {took:.0f} ms"
    bench.note(sent, f"dark within {ms:.0f} ms {after}", came, not bench.line.light)


def unconfirmed(bench: Bench) -> None:
    bench.need_light()
    bench.habits.sees_light = False
    mark = len(bench.heard)
    train(bench)
    seat(bench)
    _dark_within(bench, LIGHT_CONFIRM_NS / NS_PER_MS, "of switching on", "pings that see no light")
    bench.habits.sees_light = True
    _told_dark(bench, mark)
    in_state(bench, ModuleState.CONTRACTED)


def unconfirmed_later(bench: Bench) -> None:
    bench.need_light()
    bench.run_for(60)
    mark = len(bench.heard)
    bench.habits.sees_light = False
    bench.ping(light=False)
    _dark_within(bench, 0, "of such a ping", "a ping that sees no light any more")
    bench.habits.sees_light = True
    _told_dark(bench, mark)
    in_state(bench, ModuleState.CONTRACTED)


def _told_dark(bench: Bench, mark: int) -> None:
    bench.await_message(mark, power.LaserOffEvent, NS_PER_S)
    causes = [event.cause.name for event in bench.messages(mark, power.LaserOffEvent)]
    bench.expect(causes == ["NO_LIGHT_CONFIRMED"], "one LaserOffEvent(NO_LIGHT_CONFIRMED)", str(causes))


def revoke_darkens(bench: Bench) -> None:
    bench.need_light()
    _light(bench, True, "in ready")
    bench.reply(power.PowerRevoke(), power.PowerStatus)
    bench.run_for(15)
    _light(bench, False, "after a revoke")


def hello_darkens(bench: Bench) -> None:
    bench.need_light()
    _light(bench, True, "in ready")
    bench.hello()
    bench.run_for(10)
    _light(bench, False, "after a hello of another session")


def not_seated_darkens(bench: Bench) -> None:
    bench.need_light()
    bench.reply(diagnostics.TrainResult(seating=Seating.NOT_SEATED), diagnostics.TrainStatus)
    bench.run_for(10)
    _light(bench, False, "when the module is not seated")


def pattern(bench: Bench) -> None:
    mark = len(bench.heard)
    train(bench)
    bench.await_message(mark, diagnostics.Prbs31, NS_PER_S, 3)
    seat(bench)
    found = bench.since(mark, diagnostics.Prbs31)
    bench.note("Train", "frames of the pattern", f"{len(found)} frames", len(found) >= 1)
    for item in found[:10]:
        frame = item.frame
        wrong = prbs.bit_errors(frame.payload, frame.sequence)
        bench.expect(
            wrong == 0,
            f"PRBS31 seeded by sequence {frame.sequence}",
            f"{wrong} wrong bits in {len(frame.payload)} bytes",
        )
    longest = max(item.frame.wire_bytes for item in found)
    limit = bench.agreed.to_host_bytes_max
    bench.expect(longest == limit, f"frames as long as {limit} bytes allow", f"{longest} bytes")


def pattern_ends(bench: Bench) -> None:
    """Between the answer to TrainResult and later, no frame of the pattern begins."""
    train(bench)
    bench.run_for(10)
    seat(bench)
    bench.run_for(2 * bench.extended_ms(0, bench.image_lane) + 20)
    mark = len(bench.heard)
    bench.run_for(60)
    late = len(bench.since(mark, diagnostics.Prbs31))
    bench.note("TrainResult", "the end of the pattern", f"{late} frames later", late == 0)


def training_limit(bench: Bench) -> None:
    """From Train on, as the module sees it: what the answers take is on top of it."""
    began, mark = bench.now, len(bench.heard)
    train(bench)
    limit = bench.extended_ms(TRAINING_MAX_NS, bench.image_lane)

    def over() -> bool:
        last = bench.since(mark, diagnostics.Prbs31)[-1:]
        quiet = bench.now - (last[0].at_ns if last else began)
        return quiet > (limit + SLACK_MS) * NS_PER_MS / 2 and bench.now - began > limit * NS_PER_MS

    bench.run_until(over, round(1.5 * (limit + SLACK_MS) * NS_PER_MS))
    found = bench.since(mark, diagnostics.Prbs31)
    lasted = ((found[-1].at_ns if found else began) - began) / NS_PER_MS
    line = bench.extended_ms(0, LaneKind.SIDEBAND)
    holds = bool(found) and 0.4 * limit <= lasted <= limit + line + SLACK_MS
    bench.note(
        "Train, and no TrainResult",
        f"the pattern ends after {limit:.0f} ms",
        f"it ended after {lasted:.0f} ms",
        holds,
    )
    in_state(bench, ModuleState.CONTRACTED)


def no_light_on_one_lane(bench: Bench) -> None:
    """On one lane nothing is switched on, so nobody need confirm it."""
    if bench.image_lane is LaneKind.OPTICAL:
        bench.hello(link.Hello(features=ALL_FEATURES))
        offer_power(bench)
        contract(bench)
    else:
        bench.expect(bench.line.light is not True, "no light on one lane", "light")
    train(bench)
    seat(bench)
    bench.run_for(150)
    in_state(bench, ModuleState.IDENTIFYING)


CONTRACTED, READY = ModuleState.CONTRACTED, ModuleState.READY

CHECKS = (
    Check(
        "training.dark-before",
        "C5",
        "There is no light without a contract, nor before Train.",
        dark_before_contract,
        ModuleState.GREETED,
    ),
    Check(
        "training.light",
        "C6",
        "Train switches the laser on, and confirmed light stays.",
        light_on,
        CONTRACTED,
        tries=3,
    ),
    Check(
        "training.unconfirmed",
        "C4",
        "Light that nobody confirms within 50 ms goes out.",
        unconfirmed,
        CONTRACTED,
        tries=3,
    ),
    Check(
        "training.unconfirmed-later",
        "C4",
        "Light that a later ping does not confirm goes out.",
        unconfirmed_later,
        READY,
        tries=3,
    ),
    Check("training.revoke-dark", "C5", "A revoke darkens at once.", revoke_darkens, READY, tries=3),
    Check("training.hello-dark", "S2", "A new session is dark.", hello_darkens, READY, tries=3),
    Check(
        "training.not-seated-dark",
        "M1",
        "A module that is not seated is dark.",
        not_seated_darkens,
        ModuleState.TRAINING,
        tries=3,
    ),
    Check(
        "training.pattern",
        "D2",
        "The pattern is PRBS31, seeded by each frame's sequence, in the longest frames.",
        pattern,
        CONTRACTED,
        tries=2,
    ),
    Check(
        "training.pattern-ends", "C6", "The pattern ends with TrainResult.", pattern_ends, CONTRACTED, tries=3
    ),
    Check(
        "training.limit",
        "C6",
        "The pattern ends by itself after training_max.",
        training_limit,
        CONTRACTED,
        tries=2,
    ),
    Check(
        "training.one-lane",
        "C6",
        "On one lane, training switches nothing on, and nothing need be confirmed.",
        no_light_on_one_lane,
        CONTRACTED,
        tries=2,
    ),
)
