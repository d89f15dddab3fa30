"""The peer's clock, estimated from pings: offset, drift, and how far off both may be.

Each ping gives four timestamps: host sent t1, module received t2, module sent t3, host received t4. The
path takes (t4 - t1) - (t3 - t2); the quicker it was, the less the halves of it can differ, so only the
quickest samples of the recent past count (as NTP's clock filter does, RFC 5905 section 10).
"""

from collections import deque
from dataclasses import dataclass

from laserlink.protocol.timers import NS_PER_S

SAMPLES_KEPT = 64
DRIFT_BASELINE_NS = 2 * NS_PER_S
DRIFT_PPM_MAX = 200.0


@dataclass(frozen=True, slots=True)
class ClockSample:
    """One ping: when it was (host's clock), how long the path took, and the offset that it gives."""

    at_ns: int
    path_ns: int
    offset_ns: int


class PeerClock:
    """Maps times of the module's clock to the host's."""

    def __init__(self) -> None:
        self._samples: deque[ClockSample] = deque(maxlen=SAMPLES_KEPT)

    def add(self, host_sent: int, module_received: int, module_sent: int, host_received: int) -> bool:
        """Take one ping's timestamps; False when they contradict each other, and are not taken."""
        path = (host_received - host_sent) - (module_sent - module_received)
        if path < 0 or module_sent < module_received:
            return False
        offset = ((module_received - host_sent) + (module_sent - host_received)) // 2
        self._samples.append(ClockSample(host_received, path, offset))
        return True

    @property
    def known(self) -> bool:
        return bool(self._samples)

    @property
    def _best(self) -> ClockSample:
        return min(self._samples, key=lambda sample: sample.path_ns)

    @property
    def offset_ns(self) -> int:
        """Module's clock minus host's clock; 0 before the first ping."""
        return self._best.offset_ns if self._samples else 0

    @property
    def drift_ppm(self) -> float:
        """How much faster the module's clock runs; 0 until two quick pings are 2 s apart."""
        if len(self._samples) < 2:
            return 0.0
        half = len(self._samples) // 2
        samples = list(self._samples)
        early, late = (
            min(part, key=lambda sample: sample.path_ns) for part in (samples[:half], samples[half:])
        )
        span = late.at_ns - early.at_ns
        if span < DRIFT_BASELINE_NS:
            return 0.0
        return max(-DRIFT_PPM_MAX, min(DRIFT_PPM_MAX, (late.offset_ns - early.offset_ns) / span * 1e6))

    @property
    def uncertainty_ns(self) -> int:
        """Half the quickest path: the offset cannot be further off than this."""
        return -(-self._best.path_ns // 2) if self._samples else 0

    def to_host(self, module_ns: int) -> int:
        """The host's time of a moment on the module's clock."""
        if not self._samples:
            return module_ns
        best = self._best
        host_ns = module_ns - best.offset_ns
        return host_ns - round((host_ns - best.at_ns) * self.drift_ppm / 1e6)
