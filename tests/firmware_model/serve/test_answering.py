"""laserlink.firmware_model.serve.answering: who may answer; tests/cext/test_exchange.py has how."""

import pytest
from rig import one_lane

from laserlink.firmware_model.machine import Module
from laserlink.firmware_model.profile import load_profile
from laserlink.firmware_model.serve import answering as answering_module
from laserlink.firmware_model.serve.answering import answering
from laserlink.firmware_model.serve.shell import Shell
from laserlink.host_driver.lanes.port import SocketPort, in_process_pair
from laserlink.protocol import _accel
from laserlink.tools.virtual import AlwaysConnected, VirtualOptions, build_sensor


class Counted(SocketPort):
    """A port that does something with what it writes."""

    def write(self, data: bytes | memoryview) -> int:
        """As of a port."""
        return super().write(data)


def shell_on(port: SocketPort, rate_bps: int = 0) -> Shell:
    """A module on a port, which does not run."""
    module = Module(load_profile("uart-1m"), one_lane(rate_bps))
    return Shell(module, build_sensor(VirtualOptions("uart-1m")), AlwaysConnected(port))


def test_kernel_answers_on_the_system_s_own_ports() -> None:
    """Not where something reads or writes in between, and not on a line that is paced."""
    port, other = in_process_pair()
    shells = [shell_on(port), shell_on(Counted("", other._socket)), shell_on(port, 1_000_000)]
    assert [shell._answering is not None for shell in shells] == [_accel.Answerer is not None, False, False]
    for shell in shells:
        shell.close()


def test_without_the_kernel_the_shell_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it does everything else."""
    monkeypatch.setattr(answering_module._accel, "Answerer", None)
    assert answering(0) is None
