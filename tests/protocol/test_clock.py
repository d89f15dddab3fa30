"""The estimate of the module's clock: offset, drift, and its stated uncertainty."""

import random

from hypothesis import given
from hypothesis import strategies as st

from laserlink.protocol.clock import DRIFT_PPM_MAX, SAMPLES_KEPT, PeerClock
from laserlink.protocol.timers import NS_PER_MS, NS_PER_S

times = st.integers(0, 10**6)


def ping(clock: PeerClock, at: int, offset: int, out: int, back: int, drift_ppm: float = 0.0) -> bool:
    """One ping over paths of `out` and `back` ns to a clock `offset` ahead that runs `drift_ppm` fast."""

    def module(host_ns: int) -> int:
        return host_ns + offset + round(host_ns * drift_ppm / 1e6)

    received = at + out
    return clock.add(at, module(received), module(received) + 500, received + 500 + back)


def test_nothing_known() -> None:
    """Before the first ping there is no estimate, and times pass unchanged."""
    clock = PeerClock()
    assert not clock.known
    assert (clock.offset_ns, clock.drift_ppm, clock.uncertainty_ns, clock.to_host(123)) == (0, 0.0, 0, 123)


@given(st.integers(-(10**15), 10**15), st.lists(st.tuples(times, times), min_size=1, max_size=20))
def test_offset_is_within_its_uncertainty(offset: int, paths: list[tuple[int, int]]) -> None:
    """However lopsided the path, the true offset lies within the stated uncertainty of the estimate."""
    clock = PeerClock()
    for index, (out, back) in enumerate(paths):
        assert ping(clock, 10**16 + index * NS_PER_MS, offset, out, back)
    assert clock.known
    assert abs(clock.offset_ns - offset) <= clock.uncertainty_ns + 1
    assert clock.uncertainty_ns <= -(-min(out + back for out, back in paths) // 2)


def test_quickest_sample_counts() -> None:
    """A quick ping beats slow and lopsided ones, before and after it."""
    clock = PeerClock()
    for out, back in ((9000, 100), (50, 50), (100, 9000)):
        ping(clock, NS_PER_S, 777, out, back)
    assert (clock.offset_ns, clock.uncertainty_ns) == (777, 50)


def test_old_samples_are_forgotten() -> None:
    """A quick sample from long ago gives way to what is true now."""
    clock = PeerClock()
    ping(clock, 0, 1000, 1, 1)
    for index in range(SAMPLES_KEPT):
        ping(clock, index * NS_PER_S, 5000, 50, 50)
    assert clock.offset_ns == 5000


def test_drift() -> None:
    """A module clock that runs 40 ppm fast is found to, and times far from the samples are mapped by it."""
    clock = PeerClock()
    source = random.Random(3)
    for index in range(60):
        ping(
            clock,
            index * NS_PER_S // 10,
            10**9,
            1000 + source.randrange(300),
            1000 + source.randrange(300),
            40.0,
        )
    assert abs(clock.drift_ppm - 40.0) < 0.2
    true_host = 8 * NS_PER_S
    module_ns = true_host + 10**9 + round(true_host * 40e-6)
    assert abs(clock.to_host(module_ns) - true_host) < 4000


def test_no_drift_from_a_short_time() -> None:
    """Samples less than two seconds apart say nothing about drift."""
    clock = PeerClock()
    for index in range(4):
        ping(clock, index * NS_PER_MS, 0, 1000 * index, 10)
    assert clock.drift_ppm == 0.0


def test_drift_is_bounded() -> None:
    """A clock that was set anew does not become a drift of seconds a second."""
    clock = PeerClock()
    ping(clock, 0, 0, 10, 10)
    ping(clock, 5 * NS_PER_S, NS_PER_S, 10, 10)
    assert clock.drift_ppm == DRIFT_PPM_MAX


def test_contradictions_are_not_taken() -> None:
    """A module that sent before it received, or took longer than the whole path, is not believed."""
    clock = PeerClock()
    assert not clock.add(100, 60, 50, 200)
    assert not clock.add(100, 50, 500, 200)
    assert not clock.known
    assert clock.add(100, 50, 150, 200)


def test_an_answer_in_no_time_counts_and_the_offset_is_whole() -> None:
    """A module that answers within its clock's tick contradicts nothing; half a nanosecond is cut off."""
    clock = PeerClock()
    assert clock.add(0, 1001, 1001, 3)
    assert (clock.offset_ns, type(clock.offset_ns)) == (999, int)


def test_drift_is_taken_off_to_the_nanosecond() -> None:
    """A clock that is a hundred parts of a million fast, told of a moment that is far away."""
    clock = PeerClock()
    assert clock.add(0, 0, 0, 0) and clock.add(10**10, 10**10 + 10**6, 10**10 + 10**6, 10**10)
    assert clock.drift_ppm == 100.0
    assert clock.to_host(10**16) == 10**16 - 10**12
