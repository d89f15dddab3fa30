"""laserlink.tools.fuzzing.coverage: lines that were reached are counted, and no others."""

import sys

import pytest

from laserlink.protocol.framer import Framer
from laserlink.tools.fuzzing import coverage
from laserlink.tools.fuzzing.coverage import Watch, functions_of, lines_of, summary, total, union, wanted


def feed(data: bytes) -> None:
    framer = Framer()
    framer.feed(data)
    list(framer.items())


def test_lines_of_the_framer_are_seen() -> None:
    """Noise reaches some of its lines, a false header more; nothing of the machines."""
    watch = Watch()
    watch.run(feed, b"AT")
    some = set(watch.lines["protocol"])
    watch.run(feed, b"\xeb\x90" * 20)
    assert some < watch.lines["protocol"]
    assert {file.rpartition("/")[2] for file, _ in watch.lines["protocol"]} >= {"framer.py"}
    assert watch.lines["firmware_model"] == watch.lines["host_driver"] == set()
    reached = summary(watch.lines)["protocol"]
    assert 0 < reached["reached"] < reached["of"] == total()["protocol"]


def test_what_was_traced_before_is_traced_again() -> None:
    """The trace that was there comes back, also after a failure, which passes through."""

    def fail(data: bytes) -> None:
        raise KeyError(data)

    before = sys.gettrace()
    with pytest.raises(KeyError):
        Watch().run(fail, b"")
    assert sys.gettrace() is before


def test_lines_are_those_of_functions() -> None:
    """Lines inside functions are counted, at any depth; the first of each, and the module's own, are not."""
    code = compile("x = 1\ndef f():\n    y = 2\n    def g():\n        return y\n    return g\n", "f", "exec")
    assert [function.co_name for function in functions_of(code)] == ["f", "g"]
    assert set().union(*map(lines_of, functions_of(code))) == {3, 4, 5, 6}


def test_both_machines_are_watched_and_nothing_beside_them() -> None:
    """All of the protocol, and the modules of the machines: no sensor, no file format, no shell."""
    names = {file.rpartition("/")[2] for file, part in wanted().items() if part != "protocol"}
    assert {"machine.py", "actions.py", "stream.py", "assembly.py"} <= names
    assert not names & {"sensor.py", "dng.py", "camera.py", "shell.py", "driver.py"}
    assert set(wanted().values()) == set(coverage.PARTS)


def test_several_watches_are_one() -> None:
    """What any of them saw was reached."""
    one = {"protocol": {("a", 1)}, "firmware_model": set(), "host_driver": {("b", 2)}}
    two = {"protocol": {("a", 1), ("a", 3)}, "firmware_model": set(), "host_driver": set()}
    assert union([one, two]) == {"protocol": {("a", 1), ("a", 3)}, "firmware_model": set(),
                                 "host_driver": {("b", 2)}}  # fmt: skip
