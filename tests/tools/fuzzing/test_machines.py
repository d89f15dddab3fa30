"""laserlink.tools.fuzzing.machines: nothing falls, and each rule that is taken out is missed."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from laserlink.firmware_model.machine import Module
from laserlink.host_driver.machine import Host
from laserlink.host_driver.power import PowerSource
from laserlink.protocol.connection import Connection
from laserlink.protocol.delivery import EventSender
from laserlink.protocol.framer import BadReason, Framer
from laserlink.protocol.messages import diagnostics, image, link, power
from laserlink.protocol.messages.layout import Record
from laserlink.protocol.states import HostState, ModuleState
from laserlink.tools.fuzzing.engine import Limits, read_corpus, run_seeded, try_input
from laserlink.tools.fuzzing.machines import MACHINES, asked_message, run_host, run_module
from laserlink.tools.fuzzing.oracles import Violation
from laserlink.tools.fuzzing.programs import Kind, Op, Program, ask, deadlines, live_frame, wait, world
from laserlink.tools.fuzzing.sessions import request_wire
from laserlink.tools.fuzzing.target import Target
from laserlink.tools.fuzzing.worlds import SIDE_PIXELS, frozen_host, frozen_module, thaw

CORPUS = Path(__file__).parents[2] / "corpus"
RUNS = 500
MS = 1000


def module_program(state: ModuleState, *ops: Op) -> bytes:
    return bytes(Program(tuple(ModuleState).index(state), ops))


def host_program(state: HostState, *ops: Op) -> bytes:
    return bytes(Program(tuple(HostState).index(state), ops))


def message(kind: Kind, value: Record) -> Op:
    return Op(kind, request_wire(value))


@pytest.mark.parametrize("target", MACHINES, ids=lambda target: target.name)
def test_nothing_falls(target: Target) -> None:
    """A short seeded run finds nothing, and sees much."""
    report = run_seeded(target, Limits(runs=RUNS), seed=1)
    assert report.findings == {}
    assert report.coverage["count"] > 100


@pytest.mark.parametrize("target", MACHINES, ids=lambda target: target.name)
def test_the_corpus_passes(target: Target) -> None:
    """Every input of the repository's corpus passes; there are some."""
    inputs = read_corpus(CORPUS / target.name)
    assert len(inputs) >= 10
    for data in inputs:
        target.run(data)


@pytest.mark.parametrize("target", MACHINES, ids=lambda target: target.name)
def test_any_bytes_are_an_input(target: Target) -> None:
    """Bytes that are no program of ours run too."""
    random = Random(1)
    for size in (0, 1, 2, 5, 40, 200):
        target.run(random.randbytes(size))


def test_programs_reach_what_they_say() -> None:
    """A ping is answered, time passes, the contact opens: the features of a run name states and messages."""
    ping = message(Kind.ANSWER, link.Ping(1, 2, 3))
    words = run_module(module_program(ModuleState.READY, ping, wait(20 * MS), world(0, 0), wait(50 * MS)))
    assert {"ANSWER04 READY", "sent 05", "WAIT DETACHED"} <= words
    words = run_host(host_program(HostState.READY, ask(request_wire(link.CountersRead())),
                                  message(Kind.REPLY, link.Counters())))  # fmt: skip
    assert {"sent 0b", "Answered"} <= words


def test_users_ask_for_small_pictures_and_for_nothing_else() -> None:
    """What a program's user asks for is a request of a user; sizes of streams fit a test."""
    configure = asked_message(request_wire(image.StreamConfigure(0, 2, 3, 8, 0, 0, 60000, 0)))
    assert isinstance(configure, image.StreamConfigure)
    assert 0 < configure.width * configure.height < SIDE_PIXELS**2
    assert asked_message(request_wire(diagnostics.Train())) is None
    assert asked_message(b"") is None
    assert isinstance(asked_message(request_wire(link.Reset())[:22]), link.Reset)


# --- canaries: each rule is taken out of the code under test, and must be missed ---


def light_ignores(name: str) -> Callable[[pytest.MonkeyPatch], None]:
    """A laser that goes by the state alone, with one timer or input of the interlock taken away."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        if name == "contact":
            monkeypatch.setattr(Module, "laser", property(lambda self: self.state is ModuleState.READY))
        elif name == "heat":
            monkeypatch.setattr(Module, "_feel", lambda self, celsius: None)
        else:
            monkeypatch.setattr(Module, "_expire", lambda self, happening: None)

    return patch


def too_many_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("laserlink.protocol.connection.ERRORS_PER_SECOND", 1000)


def errors_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    offend = Connection.offend

    def twice(self: Connection, frame: Any, error: Any, now: int, request_id: int = 0) -> None:
        offend(self, frame, error, now, request_id)
        self.send(self.error_message(frame, error, 7), session=frame.session)

    monkeypatch.setattr(Connection, "offend", twice)


def wrong_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = Connection._fields

    def on_bulk(self: Connection, message: Record, *args: Any) -> Any:
        kind, _, *others = fields(self, message, *args)
        return kind, 15, *others

    def without_kernel(self: Connection, *args: Any, **options: Any) -> bytes:
        self._whole_frame = None
        return send(self, *args, **options)

    send = Connection.send
    monkeypatch.setattr(Connection, "send", without_kernel)
    monkeypatch.setattr(Connection, "_fields", on_bulk)


def events_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EventSender, "on_deadline", lambda self, now, timeout_ns: None)


OFFENCES = tuple(
    Op(Kind.FRAME, request_wire(link.Ping(number=index))[:3] + b"\x05" + bytes(40)) for index in range(15)
)
TURNED = (world(3, 50), wait(400 * MS))

MODULE_CANARIES = {
    "light only while there is contact": (light_ignores("contact"), (world(0, 0),)),
    "no light while it is hot": (light_ignores("heat"), (world(2, 90),)),
    "dark within 350 ms of the last ping": (light_ignores("time"), (wait(100 * MS), wait(400 * MS))),
    "ten errors a second": (too_many_errors, OFFENCES),
    "one error for one offence": (errors_twice, OFFENCES[:1]),
    "what is sent is on its channel": (wrong_channel, (message(Kind.FRAME, link.Ping()),)),
    "time does not stand still": (events_without_end, TURNED),
}


@pytest.mark.parametrize("rule", MODULE_CANARIES)
def test_a_module_without_a_rule_is_found(monkeypatch: pytest.MonkeyPatch, rule: str) -> None:
    """The program passes; with the rule taken out of the module, or of what it uses, it does not."""
    patch, ops = MODULE_CANARIES[rule]
    data = module_program(ModuleState.READY, *ops)
    run_module(data)
    patch(monkeypatch)
    with pytest.raises(Violation) as caught:
        run_module(data)
    assert caught.value.rule == rule


def test_a_module_that_remembers_too_much_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory that grows with what a peer sends is found at the end of those runs that are measured."""
    monkeypatch.setattr("laserlink.tools.fuzzing.machines.MEASURED_OF", 1)
    data = module_program(ModuleState.READY, Op(Kind.BYTES, bytes(60_000)), Op(Kind.BYTES, bytes(60_000)))
    run_module(data)
    receive = Module.receive_data

    def hoard(self: Any, lane: Any, data: bytes, now: int) -> None:
        self.hoard = [*getattr(self, "hoard", ()), data]
        receive(self, lane, data, now)

    monkeypatch.setattr(Module, "receive_data", hoard)
    with pytest.raises(Violation, match="memory is bounded"):
        run_module(data)


@pytest.mark.parametrize("target", MACHINES, ids=lambda target: target.name)
def test_a_machine_that_depends_on_the_cut_is_found(monkeypatch: pytest.MonkeyPatch, target: Target) -> None:
    """Half a sync that is forgotten at the end of a piece loses a frame, and so its answer."""
    monkeypatch.setattr("laserlink.tools.fuzzing.machines.CUT_OF", 1)
    state = tuple(ModuleState).index(ModuleState.READY)
    is_module = target.name == "module"
    session = thaw((frozen_module if is_module else frozen_host)(state))[1]
    asked: Record = link.Ping() if is_module else power.TemperatureEvent()
    wire = live_frame(request_wire(asked), session)
    # Where the pieces end depends on the input, so one of these is cut in its sync.
    programs = [bytes(Program(state, (Op(Kind.BYTES, bytes(count) + wire),))) for count in range(64)]
    for data in programs:
        target.run(data)
    search = Framer._search

    def forget(self: Framer) -> Any:
        lost = self._buffer.find(b"\xeb\x90", self._position) < 0 and not self._cut
        return (BadReason.NO_SYNC, len(self._buffer) - self._position) if lost else search(self)

    monkeypatch.setattr(Framer, "_search", forget)
    found = [try_input(target, data)[1] for data in programs]
    assert {finding.signature for finding in found if finding} <= {
        "any cut gets the same answers", "any cut leads to the same state",
    }  # fmt: skip
    assert any(found)


def speaks_first(monkeypatch: pytest.MonkeyPatch) -> None:
    power_up = Host.do_power_up

    def greet(self: Host, message: None) -> None:
        power_up(self, message)
        self.connection.send(link.Ping())

    monkeypatch.setattr(Host, "do_power_up", greet)


def power_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PowerSource, "off", lambda self: None)


HOST_CANARIES = {
    "a host says nothing before the first word": (
        speaks_first,
        HostState.ABSENT,
        (world(1, 0), wait(200 * MS)),
    ),
    "power in state ABSENT": (power_without_end, HostState.READY, (world(0, 0), wait(50 * MS))),
    "what is sent is on its channel": (wrong_channel, HostState.READY, (wait(150 * MS),)),
    "one error for one offence": (
        errors_twice,
        HostState.READY,
        (message(Kind.FRAME, power.PowerAccept()), deadlines(1)),
    ),
}


@pytest.mark.parametrize("rule", HOST_CANARIES)
def test_a_host_without_a_rule_is_found(monkeypatch: pytest.MonkeyPatch, rule: str) -> None:
    """The program passes; with the rule taken out of the host, or of what it uses, it does not."""
    patch, state, ops = HOST_CANARIES[rule]
    data = host_program(state, *ops)
    run_host(data)
    patch(monkeypatch)
    with pytest.raises(Violation) as caught:
        run_host(data)
    assert caught.value.rule == rule
