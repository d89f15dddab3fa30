"""Every type of message in every state of both machines, as intact frames: the answer, and where it leads.

Legal or not stands in the catalogue, where a message may lead stands in the tables; nothing else may happen.
Each message is sent with its defaults, with values that are all different, and with each value of its enums.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import pytest
from rig import OPTICAL, SIDEBAND, Rig, drain, host_in, module_in

from laserlink.firmware_model import table as module_table
from laserlink.firmware_model.machine import INPUT_OF as MODULE_INPUT_OF
from laserlink.firmware_model.machine import Module
from laserlink.firmware_model.table import Input as ModuleInput
from laserlink.host_driver.events import Lost
from laserlink.host_driver.machine import PHASES, Host
from laserlink.host_driver.table import TABLE as HOST_TABLE
from laserlink.host_driver.table import Input as HostInput
from laserlink.protocol import catalogue
from laserlink.protocol.catalogue import Carrier, Direction, Row
from laserlink.protocol.delivery import ANSWERS, EventReceiver
from laserlink.protocol.errors import ErrorCode
from laserlink.protocol.frame import VERSION, Frame
from laserlink.protocol.messages import bulk, control, diagnostics, identity, image, link, power
from laserlink.protocol.messages.layout import Kind, Record, Reply, Request, fields_of
from laserlink.protocol.states import HostState as H
from laserlink.protocol.states import LaneKind, LossCause
from laserlink.protocol.states import ModuleState as M
from laserlink.protocol.timers import NS_PER_S
from laserlink.tools.vectors import example

MI, HI = ModuleInput, HostInput
SESSION = 0x77
REQUEST_ID = 0x4000
LANES = (SIDEBAND, OPTICAL)
UNKNOWN_TYPES = sorted(set(range(256)) - set(catalogue.BY_TYPE))

# Where a request to the module may lead: its inputs, of which the machine takes one.
MODULE_INPUTS: dict[type[Record], set[MI]] = {
    **{message: {happening} for message, happening in MODULE_INPUT_OF.items()},
    power.PowerDerate: {MI.DERATE, MI.DERATE_BELOW_STREAM},
    diagnostics.TrainResult: {
        MI.TRAINED, MI.TRAINED_AGAIN, MI.TRAINED_MID_STREAM, MI.TRAINING_FAILED,
    },
    identity.DescriptorRead: {MI.DESCRIPTOR_READ, MI.DESCRIPTOR_END},
    image.StreamStop: {MI.STREAM_STOP, MI.STREAM_STOP_LAST},
}  # fmt: skip

# What a message that nobody asked for may be to the host.
HOST_INPUTS: dict[type[Record], set[HI]] = {
    link.Beacon: {HI.FIRST_WORD, HI.RESTARTED, HI.BROKEN},
    link.HelloReply: {HI.HELLO_REPLY},
    link.FaultEvent: {HI.BROKEN},
    power.LaserOffEvent: {HI.DARK, HI.HOT},
    power.TemperatureEvent: {HI.HOT, HI.COOLED},
    image.StreamEnded: {HI.STREAMS_DONE},
    image.ImageGone: {HI.STREAMS_DONE},
}

# What an answer may be to the host, by the request that it answers.
ANSWER_INPUTS: dict[type[Request], set[HI]] = {
    link.Reset: {HI.RESTARTING},
    power.PowerCapabilities: {HI.POWER_REQUEST, HI.POWER_TOO_MUCH},
    diagnostics.Train: {HI.TRAIN_STARTED},
    diagnostics.TrainResult: {HI.TRAINED, HI.TRAINED_AGAIN, HI.TRAINED_MID_STREAM, HI.TRAINING_FAILED},
    identity.DescriptorRead: {HI.DESCRIPTOR_PART, HI.DESCRIPTOR_END},
    image.StreamStart: {HI.STREAM_STARTED},
    image.StreamStop: {HI.STREAMS_DONE},
    image.StreamConfigure: {HI.STREAMS_DONE},
    bulk.UpdateBegin: {HI.UPDATE_BEGUN},
    bulk.UpdateEnd: {HI.RESTARTING},
    **{kind: set(PHASES.values()) for kind, reply in ANSWERS.items() if reply is power.PowerStatus},
}
# Requests of the attach: a refusal of one ends it.
OF_THE_ATTACH = {
    power.PowerCapabilities, power.PowerAccept, power.PowerReady, diagnostics.Train,
    diagnostics.TrainResult, identity.DescriptorRead,
}  # fmt: skip


@cache
def variants(kind: type[Record]) -> tuple[Record, ...]:
    """A message with its defaults, with other values, and with each value of each of its enums."""
    found = [kind(), example(kind)]
    for info in fields_of(kind):
        if info.shape.kind is Kind.ENUM and info.shape.members:
            found += [replace(kind(), **{info.name: member}) for member in info.shape.members]
    return tuple(dict.fromkeys(found))


def with_id(message: Record, request_id: int) -> Record:
    return replace(message, request_id=request_id) if isinstance(message, (Request, Reply)) else message


def places(row: Row) -> Iterator[tuple[LaneKind, int]]:
    """Every lane, with a channel that is legal and one that is not."""
    legal = min(row.channel.value)
    illegal = next(number for number in range(16) if number not in row.channel.value)
    for lane in LANES:
        yield lane, legal
        yield lane, illegal


def refusal(end: Host | Module, row: Row, lane: LaneKind, channel: int) -> ErrorCode | None:
    """Why the catalogue refuses a frame that reaches an end, or None."""
    if row.direction is (Direction.TO_MODULE if isinstance(end, Host) else Direction.TO_HOST):
        return ErrorCode.WRONG_DIRECTION
    if channel not in row.channel.value:
        return ErrorCode.WRONG_CHANNEL
    if lane is not (OPTICAL if row.carrier is Carrier.IMAGE else SIDEBAND):
        return ErrorCode.WRONG_LANE
    illegal = None if end.state in row.states else ErrorCode.ILLEGAL_IN_STATE
    agreed = row.feature in end.connection.features
    # The state of a request is looked at last: one that comes again is answered in any state.
    return (
        (illegal if row.role != "request" else None)
        or (None if agreed else ErrorCode.UNKNOWN_TYPE)
        or illegal
    )


def split(frames: list[Frame]) -> tuple[list[Record], list[link.Error]]:
    """The replies and the errors among frames."""
    rows = [(catalogue.BY_TYPE[frame.type].message, frame) for frame in frames]
    replies = [kind.decode(frame.payload) for kind, frame in rows if issubclass(kind, Reply)]
    errors = [link.Error.decode(frame.payload) for kind, frame in rows if kind is link.Error]
    # Whoever reads an error learns from its text what was wrong.
    assert all(len(error.text.split()) > 2 for error in errors), errors
    return replies, errors


# --- the module ---


def module_rig(state: M) -> Rig:
    rig = module_in(state)
    rig.module.connection.session = rig.module.connection.session or SESSION
    rig.module.request_server._last_id = None
    return rig


def to_module(rig: Rig, lane: LaneKind, wire: bytes) -> list[Frame]:
    rig.feed_module()
    rig.module.receive_data(lane, wire, rig.now)
    return drain(rig.module, rig.now)


def judge_module(state: M, row: Row, message: Record, lane: LaneKind, channel: int) -> None:
    rig = module_rig(state)
    wire = rig.frame_to_module(message, channel, session=rig.module.connection.session)
    code = refusal(rig.module, row, lane, channel)
    replies, errors = split(to_module(rig, lane, wire))
    heard = M.CONTRACTED if state is M.RECOVERING else state
    if row.message is link.Error:
        assert (replies, errors) == ([], [])
        assert rig.module.state in (state, heard)
    elif row.message is link.Hello and code is None:
        judge_hello(rig, state, message, errors)
    elif code is not None:
        assert (replies, [error.code for error in errors]) == ([], [code])
        assert rig.module.state in (state, heard if code is ErrorCode.ILLEGAL_IN_STATE else state)
    elif isinstance(message, Request):
        assert len(replies) + len(errors) == 1
        assert all(isinstance(reply, ANSWERS[type(message)]) for reply in replies)
        assert {answer.request_id for answer in (*replies, *errors)} == {REQUEST_ID}
        assert rig.module.state in module_targets(heard, message, refused=bool(errors))
        if not rig.module.booting:
            assert split(to_module(rig, lane, wire)) == (replies, errors)
    else:
        assert len(errors) <= 1
        assert rig.module.state is heard


def judge_hello(rig: Rig, state: M, message: Record, errors: list[link.Error]) -> None:
    """Of the session that there is, it is answered again; without one, it opens one of a version of ours."""
    spoken = message.version_first <= VERSION <= message.version_last
    expected = [] if spoken or state is not M.POWERED else [ErrorCode.UNSUPPORTED_VERSION]
    assert [error.code for error in errors] == expected
    assert rig.module.state is (M.GREETED if state is M.POWERED and spoken else state)


def module_targets(state: M, message: Request, *, refused: bool) -> set[M]:
    """Where the table leads; a request that is refused, or that no row knows, leads nowhere."""
    if refused or type(message) not in MODULE_INPUTS:
        return {state}
    rows = [module_table.TABLE.get((state, happening)) for happening in MODULE_INPUTS[type(message)]]
    return {row[1] for row in rows if row}


@pytest.mark.parametrize("state", set(M) - {M.DETACHED}, ids=lambda state: state.name)
def test_every_message_to_the_module(state: M) -> None:
    """One answer, of the right type and id, the same again when asked again; a state that the table names."""
    for row in catalogue.ROWS:
        for number, message in enumerate(variants(row.message)):
            for lane, channel in list(places(row))[: None if number == 0 else 1]:
                try:
                    judge_module(state, row, with_id(message, REQUEST_ID), lane, channel)
                except Exception as error:
                    raise AssertionError(f"{message} on {lane.name}, channel {channel}") from error


@pytest.mark.parametrize("state", set(M) - {M.DETACHED}, ids=lambda state: state.name)
def test_every_unknown_type_to_the_module(state: M) -> None:
    """One error each, and nothing happens."""
    rig = module_rig(state)
    for kind in UNKNOWN_TYPES:
        rig.module.connection._errors_at.clear()
        wire = bytes(Frame(kind, 0, rig.module.connection.session, kind, b"\0\0"))
        replies, errors = split(to_module(rig, SIDEBAND, wire))
        assert (replies, [error.code for error in errors]) == ([], [ErrorCode.UNKNOWN_TYPE])
        assert rig.module.state is state


def test_a_module_without_power_answers_nothing() -> None:
    """Detached, it hears no message of any type."""
    rig = module_rig(M.DETACHED)
    for row in catalogue.ROWS:
        wire = rig.frame_to_module(row.message(), min(row.channel.value), session=SESSION)
        assert to_module(rig, SIDEBAND, wire) == []
        assert rig.module.state is M.DETACHED


# --- the host ---


def host_rig(state: H) -> Rig:
    rig = host_in(state)
    rig.host.connection.session = rig.host.connection.session or SESSION
    rig.host.event_receiver = EventReceiver(rig.host.event_receiver.expected or 0)
    return rig


def to_host(rig: Rig, lane: LaneKind, message: Record, channel: int | None = None) -> list[link.Error]:
    """Send a message as the module would, in its order if it is an event; the errors that it gets."""
    session = 0 if isinstance(message, link.Beacon) else rig.host.connection.session
    sequence = rig.host.event_receiver.expected or 0
    wire = rig.frame_to_module(message, channel, session=session, sequence=sequence)
    return split(rig.feed_host(wire, lane=lane))[1]


def host_targets(state: H, inputs: set[HI], *, heard: bool) -> set[H]:
    """Where these inputs, or none of them, may lead, and then the end of the streams."""
    start = HOST_TABLE.get((state, HI.ALIVE), ("", state))[1] if heard else state
    found = {start} | {
        HOST_TABLE[start, happening][1] for happening in inputs if (start, happening) in HOST_TABLE
    }
    return found | {
        HOST_TABLE[at, HI.STREAMS_DONE][1]
        for at in found
        if HI.STREAMS_DONE in inputs and (at, HI.STREAMS_DONE) in HOST_TABLE
    }


def judge_host(state: H, row: Row, message: Record, lane: LaneKind, channel: int) -> None:
    rig = host_rig(state)
    code = refusal(rig.host, row, lane, channel)
    errors = to_host(rig, lane, message, channel)
    if row.message in (link.Error, link.Beacon):
        assert errors == []
    elif code is not None:
        assert [error.code for error in errors] == [code]
    else:
        assert len(errors) <= 1
    if code is not None:
        assert rig.host.state is state
        return
    inputs = HOST_INPUTS.get(row.message, set())
    heard = lane is SIDEBAND and row.message is not link.Beacon
    assert rig.host.state in host_targets(state, inputs, heard=heard)


@pytest.mark.parametrize("state", H, ids=lambda state: state.name)
def test_every_message_to_the_host(state: H) -> None:
    """At most one error, the one that the catalogue says; a state that the table names."""
    for row in catalogue.ROWS:
        for number, message in enumerate(variants(row.message)):
            for lane, channel in list(places(row))[: None if number == 0 else 1]:
                try:
                    judge_host(state, row, message, lane, channel)
                except Exception as error:
                    raise AssertionError(f"{message} on {lane.name}, channel {channel}") from error


@pytest.mark.parametrize("state", H, ids=lambda state: state.name)
def test_every_unknown_type_to_the_host(state: H) -> None:
    """One error each, and nothing happens."""
    rig = host_rig(state)
    for kind in UNKNOWN_TYPES:
        rig.host.connection._errors_at.clear()
        wire = bytes(Frame(kind, 0, rig.host.connection.session, kind, b"\0\0"))
        errors = split(rig.feed_host(wire))[1]
        assert [error.code for error in errors] == [ErrorCode.UNKNOWN_TYPE]
        assert rig.host.state is state


LINKED = sorted(catalogue.HOST_LINKED)


@pytest.mark.parametrize("state", LINKED, ids=lambda state: H(state).name)
def test_every_answer_to_every_request(state: H) -> None:
    """The right type leads where the table says; another is one error and a loss of protocol; none raises."""
    wrong = deque(dict.fromkeys(ANSWERS.values()))
    for asked, right in ANSWERS.items():
        # Each request gets two wrong types, and each type is wrong for some request.
        wrong.rotate(1)
        others = [kind() for kind in wrong if kind is not right][:2]
        for answer in (*variants(right), link.Error(), *others):
            try:
                judge_answer(state, asked, answer)
            except Exception as error:
                raise AssertionError(f"{asked.__name__} answered by {answer}") from error


def judge_answer(state: H, asked: type[Request], answer: Record) -> None:
    rig = host_rig(state)
    rig.host.requests.drop()
    request = rig.host.requests.submit(asked(), rig.now, NS_PER_S)
    rig.host.events.clear()
    known = catalogue.BY_MESSAGE[type(answer)].feature in rig.host.connection.features
    errors = to_host(rig, SIDEBAND, replace(answer, request_id=request.request_id))
    lost = [event.cause for event in rig.host.events if isinstance(event, Lost)]
    if known and isinstance(answer, (ANSWERS[asked], link.Error)):
        refused = isinstance(answer, link.Error)
        inputs = (
            ({HI.REFUSED, HI.BROKEN, HI.TRAINING_FAILED} if asked in OF_THE_ATTACH else set())
            if refused
            else (ANSWER_INPUTS.get(asked, set()))
        )
        assert rig.host.state in host_targets(state, inputs, heard=True)
        assert len(errors) <= 1
    elif not known:
        assert ([error.code for error in errors], rig.host.state) == ([ErrorCode.UNKNOWN_TYPE], state)
    else:
        assert [error.code for error in errors] == [ErrorCode.ILLEGAL_IN_STATE]
        assert LossCause.PROTOCOL in lost
        assert rig.host.state in host_targets(state, set(), heard=True)


def test_every_input_by_a_message_is_reached_here() -> None:
    """No message leads by an input that is not in the lists above."""
    physical = {HI.CONTACT, HI.REMOVED, HI.SHORTED, HI.SEATED, HI.NO_DEVICE, HI.ATTACH_EXPIRED, HI.RAIL_UP}
    own = physical | {HI.MEASURED, HI.SILENT, HI.ALIVE, HI.REFUSED}
    listed = set().union(*HOST_INPUTS.values(), *ANSWER_INPUTS.values())
    assert listed | own == set(HI)
    assert set(variants(control.ControlChanged)) >= {control.ControlChanged()}
