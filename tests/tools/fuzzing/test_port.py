"""laserlink.tools.fuzzing.port: a real module survives; one that falls silent or talks nonsense is found."""

import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from random import Random

import pytest
from served import serving, url_of

from laserlink.host_driver.lanes.port import in_process_pair
from laserlink.host_driver.lanes.url import Lanes
from laserlink.protocol.errors import LinkTimeout
from laserlink.protocol.frame import Frame
from laserlink.protocol.messages.link import Beacon, Error, Ping
from laserlink.tools.fuzzing import port
from laserlink.tools.fuzzing.engine import Limits
from laserlink.tools.fuzzing.oracles import Violation
from laserlink.tools.fuzzing.worlds import SIDEBAND

BEACON = bytes(Frame(0x01, 0, 0, 1, bytes(Beacon())))
Answer = Callable[[bytes], bytes | None]


@contextmanager
def device(first_word: bytes, answer: Answer) -> Iterator[str]:
    """A device on a socket: says its first word until it hears one, then answers, or hangs up (None).

    Yields its URL.
    """
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(10)

    def serve() -> None:
        connection, _ = server.accept()
        with connection, suppress(ConnectionError):
            # Again and again, as a module does: what comes while the port is being opened is flushed.
            while not select.select([connection], [], [], 0.05)[0]:
                connection.sendall(first_word)
            while (data := connection.recv(4096)) and (answered := answer(data)) is not None:
                connection.sendall(answered)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"socket://127.0.0.1:{server.getsockname()[1]}"
    finally:
        thread.join(10)
        server.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Devices of these tests answer at once or never."""
    monkeypatch.setattr(port, "ALIVE_SECONDS", 1.0)
    monkeypatch.setattr(port, "ATTACH_SECONDS", 0.5)


def quiet(text: str) -> None:
    """Nobody listens."""


def test_a_served_module_survives() -> None:
    """A virtual module on a pseudo-terminal, without a session and in one: it stays alive, and says what is
    legal; and a batch that was saved can be sent again.
    """
    with serving("uart-1m") as served:
        url = url_of(served)
        seen, violation, _ = port.fuzz_port(url, Limits(runs=60), 3, quiet)
        assert violation is None
        assert seen.sent >= 60
        assert seen.attaches >= 1
        assert seen.received > 20
        seen, violation, _ = port.repro_port(url, b"AT\r" + bytes(Frame(0x04, 0, 1, 1, bytes(Ping()))))
        assert violation is None
        assert seen.attaches == 1


@pytest.mark.usefixtures("impatient")
def test_nothing_is_sent_to_a_stranger() -> None:
    """A device that does not speak LaserLink is left alone, and is an error of the caller."""
    heard: list[bytes] = []

    def answer(data: bytes) -> bytes:
        heard.append(data)
        return b""

    with device(b"login: ", answer) as url, pytest.raises(LinkTimeout):
        port.fuzz_port(url, Limits(runs=10), 1, quiet)
    assert heard == []


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        (lambda data: b"", "the device speaks within 3 s"),
        (lambda data: bytes(Frame(0xEE, 0, 0, 1)), "what is sent is legal"),
        (lambda data: bytes(Frame(0x04, 0, 9, 1, bytes(Ping()))), "what is sent goes the right way"),
        (lambda data: bytes(Frame(0x08, 0, 9, 1, bytes(Error()))) * 30, "ten errors a second"),
        (lambda data: BEACON, "the device stays on the line"),
    ],
    ids=["dead", "unknown", "wrong way", "chatty", "never attaches"],
)
def test_a_device_that_is_not_well_is_found(answer: Answer, rule: str) -> None:
    """Each way of being ill is named, and what it was told last is kept."""
    with device(BEACON, answer) as url:
        _, violation, batch = port.fuzz_port(url, Limits(runs=200), 1, quiet)
    assert violation is not None
    assert violation.rule == rule
    assert batch


@pytest.mark.usefixtures("impatient")
def test_a_device_that_hangs_up_is_found() -> None:
    """A port that ends under attack is a finding."""
    with device(BEACON, lambda data: None) as url:
        _, violation, _ = port.fuzz_port(url, Limits(runs=50), 1, quiet)
    assert violation is not None
    assert violation.rule == "the device stays on the line"


def test_no_update_is_ever_sent() -> None:
    """In many hostile frames there is no update, at any place; and one is seen where it is."""
    ours, theirs = in_process_pair()
    fuzzer = port.PortFuzzer(Lanes(ours, None, (SIDEBAND,)))
    random = Random(4)
    batches = [fuzzer.batch(random) for _ in range(300)]
    assert not any(port.updates_in(batch) for batch in batches)
    assert sum(map(len, batches)) > 10_000
    assert port.updates_in(b"AT" + bytes(Frame(0x50, 15, 1, 1)))
    assert not port.updates_in(b"\xeb\x90\x10")
    theirs.close()
    ours.close()


def test_a_violation_stays_what_it_is() -> None:
    """Only other errors are renamed."""
    first = Violation("rule")
    assert port.as_violation(first) is first
    assert port.as_violation(LinkTimeout("late")).rule == "the device stays on the line"
