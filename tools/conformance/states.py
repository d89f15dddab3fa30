"""Every message in every state: what is legal leads where the table says, what is illegal is refused."""

from collections.abc import Callable
from dataclasses import replace

from laserlink.protocol import catalogue
from laserlink.protocol.catalogue import Direction, Row
from laserlink.protocol.delivery import ANSWERS
from laserlink.protocol.errors import ErrorCode
from laserlink.protocol.messages import bulk, control, diagnostics, identity, image, link, power
from laserlink.protocol.messages.layout import Request
from laserlink.protocol.states import ModuleState as S
from laserlink.protocol.states import Seating
from laserlink.tools.conformance.bench import Bench
from laserlink.tools.conformance.check import Check
from laserlink.tools.conformance.course import (
    OFFERS,
    STREAM,
    contract,
    derate_to_least,
    in_state,
    reach,
    read_descriptor,
    small_stream,
    train,
)
from laserlink.tools.conformance.telling import describe_message

REFUSING = (S.GREETED, S.NEGOTIATING, S.CONTRACTED, S.TRAINING, S.IDENTIFYING, S.READY, S.STREAMING)
# It may erase what a board runs on: sent by the checks of updates only, which run when they are named.
NEVER_SENT = bulk.UpdateBegin

# Requests that are answered without a change of state, wherever they are legal.
HARMLESS: tuple[Request, ...] = (
    link.CountersRead(),
    diagnostics.Echo(data=b"in any state"),
    identity.DescriptorRead(),
    control.ControlList(),
    control.ControlGet(),
    control.ControlSet(),
    image.StreamConfigure(),
    bulk.FileRead(name="log"),
)


def _requests(bench: Bench) -> list[Row]:
    return [
        row
        for row in catalogue.ROWS
        if row.role == "request"
        and row.direction is Direction.TO_MODULE
        and row.feature in bench.features
        and row.message is not NEVER_SENT
    ]


def refuses(state: S) -> Callable[[Bench], None]:
    """Every request that is illegal in a state."""

    def run(bench: Bench) -> None:
        for row in _requests(bench):
            if state in row.states:
                continue
            if state is S.TRAINING:
                train(bench)
            message = row.message()
            if isinstance(message, Request):
                bench.refused(message, ErrorCode.ILLEGAL_IN_STATE, int(state))
        if state is S.TRAINING:
            train(bench)
        in_state(bench, state)

    return run


def answers(state: S) -> Callable[[Bench], None]:
    """Every request that is legal in a state and does not change it."""

    def run(bench: Bench) -> None:
        for message in HARMLESS:
            row = catalogue.BY_MESSAGE[type(message)]
            if state not in row.states or row.feature not in bench.features:
                continue
            if state is S.TRAINING:
                train(bench)
            if state is S.IDENTIFYING and isinstance(message, identity.DescriptorRead):
                continue
            if isinstance(message, image.StreamConfigure):
                message = replace(small_stream(bench), channel=STREAM + 1)
            bench.reply(message, ANSWERS[type(message)])
        mark = len(bench.heard)
        number = bench.ping()
        bench.await_pong(mark, number)
        came = [pong.number for pong in bench.messages(mark, link.Pong)]
        bench.note("Ping", f"Pong {number}", str(came), number in came)
        if state is not S.TRAINING:
            in_state(bench, state)

    return run


def leads(
    request: Request, kind: type, following: S, *before: Callable[[Bench], object]
) -> Callable[[Bench], None]:
    """One row of the module's table: a request, its reply, and the state that follows."""

    def run(bench: Bench) -> None:
        for go in before:
            go(bench)
        changes = {"lane": bench.image_lane} if isinstance(request, diagnostics.Train) else {}
        bench.reply(replace(request, **changes), kind)
        in_state(bench, following)

    return run


def _accept(bench: Bench) -> None:
    bench.reply(power.PowerAccept(), power.PowerStatus)


def _configure(bench: Bench) -> None:
    bench.reply(small_stream(bench), image.StreamConfigured)


def attach(bench: Bench) -> None:
    """Step by step, so that the report shows where it ends."""
    bench.hello()
    in_state(bench, S.GREETED)
    bench.reply(power.PowerCapabilities(offers=OFFERS), power.PowerRequest)
    in_state(bench, S.NEGOTIATING)
    contract(bench)
    in_state(bench, S.CONTRACTED)
    train(bench)
    bench.reply(diagnostics.TrainResult(seating=Seating.SEATED), diagnostics.TrainStatus)
    in_state(bench, S.IDENTIFYING)
    read_descriptor(bench)
    in_state(bench, S.READY)


def train_again(bench: Bench) -> None:
    """A module that was identified once in the session need not be again."""
    train(bench)
    bench.reply(diagnostics.TrainResult(seating=Seating.SEATED), diagnostics.TrainStatus)
    in_state(bench, S.READY)


def train_mid_stream(bench: Bench) -> None:
    train(bench)
    status = bench.reply(diagnostics.TrainResult(seating=Seating.SEATED), diagnostics.TrainStatus)
    bench.expect(status.resumed == 1, "resumed 1: the stream goes on", f"resumed {status.resumed}")
    in_state(bench, S.STREAMING)


def hello_from(state: S) -> Callable[[Bench], None]:
    def run(bench: Bench) -> None:
        bench.hello()
        bench.note(
            f"hello of a new session, in state {state.name.lower()}",
            "HelloReply",
            describe_message(bench.agreed),
            True,
        )
        in_state(bench, S.GREETED)
        reach(bench, S.NEGOTIATING)
        in_state(bench, S.NEGOTIATING)

    return run


CAPABILITIES = power.PowerCapabilities(offers=OFFERS)
SEATED = diagnostics.TrainResult(seating=Seating.SEATED)
MARGINAL = diagnostics.TrainResult(seating=Seating.MARGINAL)
UNSEATED = diagnostics.TrainResult(seating=Seating.NOT_SEATED)
STATUS, TRAINED = power.PowerStatus, diagnostics.TrainStatus

# state, what happens, request, reply, state that follows, what goes before.
ROWS: tuple[tuple[S, str, Request, type, S, tuple[Callable[[Bench], object], ...]], ...] = (
    (S.NEGOTIATING, "capabilities", CAPABILITIES, power.PowerRequest, S.NEGOTIATING, ()),
    (S.NEGOTIATING, "accept", power.PowerAccept(), STATUS, S.NEGOTIATING, ()),
    (S.NEGOTIATING, "reject", power.PowerReject(), STATUS, S.GREETED, ()),
    (S.NEGOTIATING, "wait", power.PowerWait(), STATUS, S.GREETED, ()),
    (S.NEGOTIATING, "ready", power.PowerReady(), STATUS, S.CONTRACTED, (_accept,)),
    (S.CONTRACTED, "capabilities", CAPABILITIES, power.PowerRequest, S.NEGOTIATING, ()),
    (S.CONTRACTED, "derate", power.PowerDerate(), STATUS, S.CONTRACTED, ()),
    (S.CONTRACTED, "revoke", power.PowerRevoke(), STATUS, S.GREETED, ()),
    (S.CONTRACTED, "train", diagnostics.Train(), diagnostics.TrainStarted, S.TRAINING, ()),
    (S.TRAINING, "train", diagnostics.Train(), diagnostics.TrainStarted, S.TRAINING, ()),
    (S.TRAINING, "marginal", MARGINAL, TRAINED, S.IDENTIFYING, ()),
    (S.TRAINING, "not-seated", UNSEATED, TRAINED, S.CONTRACTED, ()),
    (S.TRAINING, "revoke", power.PowerRevoke(), STATUS, S.GREETED, ()),
    (S.IDENTIFYING, "train", diagnostics.Train(), diagnostics.TrainStarted, S.TRAINING, ()),
    (S.IDENTIFYING, "derate", power.PowerDerate(), STATUS, S.IDENTIFYING, ()),
    (S.IDENTIFYING, "revoke", power.PowerRevoke(), STATUS, S.GREETED, ()),
    (S.READY, "train", diagnostics.Train(), diagnostics.TrainStarted, S.TRAINING, ()),
    (S.READY, "derate", power.PowerDerate(), STATUS, S.READY, ()),
    (S.READY, "revoke", power.PowerRevoke(), STATUS, S.GREETED, ()),
    (S.READY, "start", image.StreamStart(channel=STREAM), image.StreamStarted, S.STREAMING, (_configure,)),
    (S.STREAMING, "stop", image.StreamStop(channel=STREAM), image.StreamStopped, S.READY, ()),
    (S.STREAMING, "revoke", power.PowerRevoke(), STATUS, S.GREETED, ()),
)


def _name(state: S) -> str:
    return state.name.lower()


def derate_to_stop(bench: Bench) -> None:
    derate_to_least(bench)
    in_state(bench, S.READY)


CHECKS = (
    Check(
        "states.attach",
        "M1",
        "An obedient host comes from hello to ready, state by state.",
        attach,
        S.GREETED,
    ),
    *(
        Check(
            f"states.{_name(state)}-refuses",
            "J8",
            f"Every request that is illegal in {_name(state)} is refused, and changes nothing.",
            refuses(state),
            state,
            tries=2,
        )
        for state in REFUSING
    ),
    *(
        Check(
            f"states.{_name(state)}-answers",
            "K1",
            f"What is legal in {_name(state)} without a change is answered.",
            answers(state),
            state,
            tries=2,
        )
        for state in REFUSING
    ),
    *(
        Check(
            f"states.{_name(state)}-{what}",
            "M1",
            f"{type(request).__name__} leads from {_name(state)} to {_name(following)}.",
            leads(request, kind, following, *before),
            state,
            tries=2,
        )
        for state, what, request, kind, following, before in ROWS
    ),
    *(
        Check(
            f"states.{_name(state)}-hello",
            "M1",
            f"A hello of a new session leads from {_name(state)} to greeted.",
            hello_from(state),
            state,
        )
        for state in (S.NEGOTIATING, S.TRAINING, S.STREAMING)
    ),
    Check(
        "states.streaming-derate-to-stop",
        "M1",
        "PowerDerate leads from streaming to ready.",
        derate_to_stop,
        S.STREAMING,
        tries=2,
    ),
    Check(
        "states.ready-trained",
        "M1",
        "Training of a module that is known leads back to ready.",
        train_again,
        S.READY,
        tries=2,
    ),
    Check(
        "states.streaming-trained",
        "M1",
        "Training in the middle of a stream resumes it.",
        train_mid_stream,
        S.STREAMING,
        tries=2,
    ),
)
