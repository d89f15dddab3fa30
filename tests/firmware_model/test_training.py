"""The training pattern."""

import itertools

from rig import MS, OPTICAL, Rig, drain, module_in, one_lane

from laserlink.firmware_model.training import FRAME_NS, Pattern
from laserlink.protocol.messages import diagnostics
from laserlink.protocol.prbs import bit_errors
from laserlink.protocol.states import ModuleState


def test_training_is_prbs31_at_its_pace_and_ends_after_50_ms() -> None:
    """Frames of the pattern by their own sequences, no bit wrong, four a millisecond; then dark."""
    rig = module_in(ModuleState.CONTRACTED)
    module, now = rig.module, rig.now
    rig.feed_module(rig.frame_to_module(diagnostics.Train(request_id=0x4000)))
    module.heard_ping(True)
    buffer = memoryview(bytearray(4096))
    at = []
    while module.outputs.laser:
        count = module.images_to_send(OPTICAL, buffer, now)
        if count:
            at.append(now)
            wire = bytes(buffer[:count])
            assert bit_errors(wire[20:-4], int.from_bytes(wire[12:16], "little")) == 0
        now = module.next_deadline(now) or 0
        module.on_deadline(now)
    assert {b - a for a, b in itertools.pairwise(at)} == {FRAME_NS}
    assert 50 * MS <= now - at[0] <= 51 * MS
    assert module.state is ModuleState.CONTRACTED
    assert 0x1A in {frame.type for frame in drain(module, now)}


def test_a_lane_that_is_busy_longer_than_the_pattern_is_due_needs_no_wake_up() -> None:
    """A slow lane takes the next frame when it can; the deadline never stands in the past."""
    rig = Rig(one_lane(115_200), "uart-1m")
    rig.stepper.snap_on()
    rig.until_states(module=ModuleState.TRAINING)
    for ahead in (0, MS, 10 * MS):
        deadline = rig.module.next_deadline(rig.now + ahead)
        assert deadline is None or deadline > rig.now + ahead - 1


def test_a_pattern_that_is_not_running_is_never_due() -> None:
    """Before it begins and after it ended; and a buffer that is too small takes nothing."""
    rig = module_in(ModuleState.READY)
    pattern, out = Pattern(), memoryview(bytearray(4096))
    assert pattern.next_ns(0) is None and pattern.fill(rig.module.connection, out, 0) == 0
    pattern.begin(5)
    assert pattern.next_ns(0) == 5 and pattern.next_ns(5) is None
    assert pattern.fill(rig.module.connection, out[:4095], 5) == 0
    assert pattern.fill(rig.module.connection, out, 5) == 4096
    assert pattern.next_ns(5) == 5 + FRAME_NS
    pattern.end()
    assert pattern.fill(rig.module.connection, out, MS) == 0


def test_a_frame_of_the_pattern_is_one_of_the_session() -> None:
    """As long as frames may be, numbered as all others, and counted as sent."""
    rig = module_in(ModuleState.READY)
    connection, out = rig.module.connection, memoryview(bytearray(4096))
    connection.out_bytes_max = 1000
    pattern = Pattern()
    pattern.begin(5)
    first, before = connection.peek_sequence(0), connection.counters.bytes_sent
    for number, at in enumerate((5, 5 + FRAME_NS, 5 + 9 * FRAME_NS)):
        assert number == 2 or pattern.fill(connection, out, at - 1) == 0
        assert pattern.fill(connection, out[:1000], at) == 1000
        wire = bytes(out[:1000])
        sequence = int.from_bytes(wire[12:16], "little")
        assert sequence == first + number and wire[8:12] == connection.session.to_bytes(4, "little")
        assert bit_errors(wire[20:-4], sequence) == 0 and len(wire[20:-4]) == 1000 - 24
        assert pattern.next_ns(at) == at + FRAME_NS
    assert connection.counters.bytes_sent == before + 3000
    pattern.end()
    assert pattern.next_ns(0) is None
