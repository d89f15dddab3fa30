"""Messages that are answered without a change of state."""

from dataclasses import replace

import pytest
from rig import MS, SIDEBAND, Rig, module_in

from laserlink.firmware_model import services
from laserlink.firmware_model.machine import RingTurned
from laserlink.protocol import catalogue
from laserlink.protocol.errors import ErrorCode, LimitExceeded
from laserlink.protocol.frame import OVERHEAD_BYTES, Frame
from laserlink.protocol.judge import Received
from laserlink.protocol.messages import bulk, control, diagnostics, image, link
from laserlink.protocol.messages.layout import Record, Reply, Request
from laserlink.protocol.messages.link import Error
from laserlink.protocol.states import ModuleState

_next_id = 0x4000


def ask(rig: Rig, request: Request) -> Record:
    """One request with a fresh id as a raw frame; its one answer."""
    global _next_id
    _next_id += 1
    fresh = replace(request, request_id=_next_id)
    (frame,) = rig.feed_module(rig.frame_to_module(fresh))
    answer = catalogue.BY_TYPE[frame.type].message.decode(frame.payload)
    assert isinstance(answer, (Reply, Error)) and answer.request_id == _next_id
    return answer


def ready() -> Rig:
    return module_in(ModuleState.READY)


def test_a_ping_is_answered_with_three_timestamps() -> None:
    """The host's own, and the module's clock twice."""
    rig = ready()
    (frame,) = rig.feed_module(rig.frame_to_module(link.Ping(1, 77, 123)))
    assert link.Pong.decode(frame.payload) == link.Pong(77, 123, rig.now, rig.now)


def test_an_echo_gives_the_same_bytes_back_up_to_its_limit() -> None:
    """Nothing, one byte, and nearly all that the frame to the module allows."""
    rig = ready()
    for count in (0, 1, 900):
        answer = ask(rig, diagnostics.Echo(data=bytes(count)))
        assert isinstance(answer, diagnostics.EchoReply) and answer.data == bytes(count)


def test_an_echo_that_does_not_fit_the_way_back_is_refused() -> None:
    """A host that takes 256 bytes only gets an error, not an exception."""
    rig = ready()
    rig.module.connection.out_bytes_max = 256
    answer = ask(rig, diagnostics.Echo(data=bytes(256)))
    assert isinstance(answer, link.Error) and answer.code is ErrorCode.LIMIT_EXCEEDED


@pytest.mark.parametrize("frame_bytes", [256, 4096])
def test_the_list_of_controls_comes_in_pages_that_fit(frame_bytes: int) -> None:
    """All controls, once each, in order; behind the last one is out of bounds."""
    rig = ready()
    rig.module.connection.out_bytes_max = frame_bytes
    names: list[str] = []
    while True:
        page = ask(rig, control.ControlList(start=len(names)))
        assert isinstance(page, control.ControlInfos) and page.controls
        assert len(bytes(page)) + OVERHEAD_BYTES <= frame_bytes
        names += [info.name for info in page.controls]
        if len(names) == page.total:
            break
    assert names == [item.name for item in rig.module.controls.controls.values()]
    behind = ask(rig, control.ControlList(start=len(names)))
    assert isinstance(behind, link.Error) and behind.code is ErrorCode.OUT_OF_BOUNDS


def test_a_set_that_is_sent_again_is_carried_out_once_and_answered_alike() -> None:
    """The same id: the same bytes back, and the set counts once; an older id is dropped."""
    rig = ready()
    old = rig.frame_to_module(control.ControlSet(0x3FFF, rig.module.controls.get((control.ControlId(2),))))
    wire = rig.frame_to_module(control.ControlSet(0x4000, rig.module.controls.get((control.ControlId(1),))))
    first, second = rig.feed_module(wire), rig.feed_module(wire)
    assert bytes(first[0]) == bytes(second[0]) and rig.module.controls.set_id == 1
    assert rig.feed_module(old) == [] and rig.module.controls.set_id == 1


def test_sixteen_values_are_set_and_read_in_the_smallest_frame() -> None:
    """The limit of a request fits 256 bytes both ways."""
    rig = ready()
    rig.module.connection.out_bytes_max = rig.module.connection.in_bytes_max = 256
    values = rig.module.controls.get((control.ControlId(2),) * 16)
    assert isinstance(ask(rig, control.ControlSet(values=values)), control.ControlSetReply)
    got = ask(rig, control.ControlGet(controls=(control.ControlId(1),) * 16))
    assert isinstance(got, control.ControlValues) and len(got.values) == 16


def test_counters_count() -> None:
    """Frames, offences, images and time since boot."""
    rig = ready()
    rig.capture(region=(0, 0, 64, 64))
    rig.feed_module(
        b"garbage" + rig.frame_to_module(link.Pong()) + rig.frame_to_module(link.Ping(), session=9)
    )
    seen = ask(rig, link.CountersRead())
    assert isinstance(seen, link.Counters)
    assert (seen.frames_bad, seen.frames_illegal, seen.frames_stale, seen.images) == (1, 1, 1, 1)
    assert seen.uptime_ms == (rig.now - 100 * MS) // MS


def test_only_events_are_acknowledged() -> None:
    """An ack for another channel is an offence; one for events stops the repetition."""
    rig = ready()
    frames = rig.feed_module(rig.frame_to_module(link.Ack(5, 0)))
    assert [link.Error.decode(frame.payload).code for frame in frames] == [ErrorCode.WRONG_CHANNEL]
    rig.module.on_input(RingTurned(0.5), rig.now)
    assert rig.module.event_sender.due_ns is not None
    event = rig.module.data_to_send(SIDEBAND, rig.now)
    sequence = int.from_bytes(event[12:16], "little")
    rig.feed_module(rig.frame_to_module(link.Ack(1, sequence + 1)))
    assert rig.module.event_sender.due_ns is None


def test_credit_and_resend_for_a_stream_that_there_is_not_are_offences() -> None:
    """Typed, one each."""
    rig = ready()
    for message in (link.Credit(5), image.Resend(1, 1, ())):
        (frame,) = rig.feed_module(rig.frame_to_module(message, 9))
        assert link.Error.decode(frame.payload).code is ErrorCode.UNKNOWN_STREAM


def test_the_log_is_a_file() -> None:
    """What the module wrote down can be read; other names are not found."""
    rig = ready()
    part = ask(rig, bulk.FileRead(0, 0, "log"))
    assert isinstance(part, bulk.FilePart) and b"booted" in part.part and b"trained: seated" in part.part
    missing = ask(rig, bulk.FileRead(0, 0, "secret"))
    assert isinstance(missing, link.Error) and missing.code is ErrorCode.NOT_FOUND


def test_rectangles_exist_only_where_hello_agreed_on_them() -> None:
    """A host that knows no rectangles sees no AfWindows in the list, and can neither get nor set one."""
    rig = module_in(ModuleState.READY)
    assert "AfWindows" in rig.host.controls.known
    total = len(rig.module.controls.controls)
    rig.module.connection.features &= ~link.Features.RECTANGLES
    reply = rig.ask(control.ControlList(0, 0))
    assert isinstance(reply, control.ControlInfos) and reply.total == total - 1
    assert all(info.type is not control.ValueType.RECTANGLE for info in reply.controls)
    window = control.ControlValue(9, control.ValueType.RECTANGLE, bytes(8))
    for request in (control.ControlGet(0, (control.ControlId(9),)), control.ControlSet(0, (window,))):
        refused = rig.ask(request)
        assert isinstance(refused, link.Error) and refused.code is ErrorCode.UNKNOWN_CONTROL


def test_a_refused_question_is_answered_with_its_reason() -> None:
    """How long an echo was and may be; how many controls there are, and which was asked for."""
    rig = ready()
    rig.module.connection.out_bytes_max = 256
    room = 256 - OVERHEAD_BYTES - 2
    answer = ask(rig, diagnostics.Echo(data=bytes(room)))
    assert isinstance(answer, diagnostics.EchoReply)
    answer = ask(rig, diagnostics.Echo(data=bytes(room + 1)))
    assert isinstance(answer, link.Error)
    assert answer.text == f"an echo of {room + 1} bytes, {room} are allowed" and answer.value == room + 1
    answer = ask(rig, control.ControlList(start=200))
    assert isinstance(answer, link.Error)
    assert (answer.text, answer.value) == (f"there are {len(rig.module.controls.controls)} controls", 200)


def test_a_module_names_what_this_session_does_not_have() -> None:
    """A channel that is not acknowledged, a control that hello did not agree on."""
    rig = ready()
    (frame,) = rig.feed_module(rig.frame_to_module(link.Ack(5, 0)))
    error = link.Error.decode(frame.payload)
    assert (error.text, error.value) == ("only events are acknowledged, not channel 5", 5)
    rig.module.connection.features &= ~link.Features.RECTANGLES
    window = control.ControlValue(9, control.ValueType.RECTANGLE, bytes(8))
    gain = rig.module.controls.wire_value(2)
    for request in (
        control.ControlGet(controls=(control.ControlId(2), control.ControlId(9))),
        control.ControlSet(values=(gain, window)),
    ):
        refused = ask(rig, request)
        assert isinstance(refused, link.Error)
        assert (refused.text, refused.value) == ("this session has no control 9", 9)
    unknown = ask(rig, control.ControlGet(controls=(control.ControlId(77),)))
    assert isinstance(unknown, link.Error) and unknown.value == 77


def test_an_echo_has_its_own_limit_where_the_frame_has_none() -> None:
    """1024 bytes come back; one more is refused, and named."""
    module = ready().module
    module.connection.out_bytes_max = 4096
    request = diagnostics.Echo(7, bytes(1024))
    row = catalogue.BY_MESSAGE[diagnostics.Echo]
    received = Received(SIDEBAND, Frame(row.type, 0, 1, 1, bytes(request)), request, row)
    assert services.echo(module, received, request) == diagnostics.EchoReply(7, bytes(1024))
    with pytest.raises(LimitExceeded, match=r"^an echo of 1025 bytes, 1024 are allowed$") as raised:
        services.echo(module, received, diagnostics.Echo(7, bytes(1025)))
    assert raised.value.value == 1025


def test_a_page_of_controls_is_filled_to_the_byte() -> None:
    """As many as fit: a frame that is just large enough for four has four, one byte less three."""
    rig = ready()
    infos = [item.info() for item in rig.module.controls.controls.values()]
    four = len(bytes(control.ControlInfos(controls=tuple(infos[2:6])))) + OVERHEAD_BYTES
    for frame_bytes, count in ((four, 4), (four - 1, 3)):
        rig.module.connection.out_bytes_max = frame_bytes
        page = ask(rig, control.ControlList(start=2))
        assert isinstance(page, control.ControlInfos)
        assert (page.total, page.start, page.controls) == (len(infos), 2, tuple(infos[2 : 2 + count]))


def test_each_counter_counts_its_own() -> None:
    """And begins again at 2^32, as the field does."""
    rig = ready()
    module = rig.module
    seen = module.connection.counters
    seen.frames_received, seen.frames_sent, seen.frames_stale = 11, (1 << 32) + 12, 14
    seen.frames_resent, module.streams.frames_resent = 13, 100
    seen.bad.clear()
    seen.bad.update({"cut": 20, "length": 3})
    seen.offences.clear()
    seen.offences.update({"TOO_HOT": 30, "PEER_TOO_HOT": 4})
    module.recovery_count, module.streams.images_sent = 5, 6
    rig.stepper.now = module.booted_ns + 7 * MS
    answer = ask(rig, link.CountersRead())
    assert isinstance(answer, link.Counters)
    assert replace(answer, request_id=0) == link.Counters(
        frames_received=12, frames_sent=12, frames_resent=113, frames_bad=23, frames_stale=14,
        frames_illegal=34, recoveries=5, images=6, uptime_ms=7,
    )  # fmt: skip


def test_values_are_given_with_the_set_that_they_are_of() -> None:
    """What is read of the lens as it is at that moment."""
    rig = ready()
    gain = control.ControlValue(
        2, control.ValueType.FLOAT, control.encode_value(control.ValueType.FLOAT, 3.0)
    )
    first = ask(rig, control.ControlSet(values=(gain,)))
    assert isinstance(first, control.ControlSetReply) and first.set_id == rig.module.controls.set_id == 1
    rig.module.focus.drive.focus(1.5, rig.now)
    rig.stepper.now += 200 * MS
    request = control.ControlGet(0x7000, (control.ControlId(2), control.ControlId(3)))
    answer = rig.feed_module(rig.frame_to_module(request))[0]
    got = control.ControlValues.decode(answer.payload)
    assert got.set_id == 1
    assert [control.decode_value(item.type, item.value) for item in got.values] == [3.0, 1.5]
