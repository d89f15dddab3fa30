"""The lens's motors: where the focus and the iris are at a time, and when they have come to rest."""

from dataclasses import dataclass

from laserlink.firmware_model.profile import Lens
from laserlink.protocol.timers import NS_PER_MS, NS_PER_S, soonest

# The circle of confusion is the sensor's diagonal over this: a disc that is still a point in a print.
CIRCLES_PER_DIAGONAL = 1500.0


@dataclass(frozen=True)
class Move:
    """One motion at an even speed: from `start` at `start_ns` to `end` at `end_ns`."""

    start: float
    end: float
    start_ns: int
    end_ns: int

    def at(self, now: int) -> float:
        """Where it is at a time."""
        if now >= self.end_ns:
            return self.end
        if now <= self.start_ns:
            return self.start
        part = (now - self.start_ns) / (self.end_ns - self.start_ns)
        return self.start + (self.end - self.start) * part


class LensDrive:
    """Focus and iris of one lens; at boot the focus is far away and the iris wide open."""

    def __init__(self, lens: Lens) -> None:
        self.lens = lens
        self._focus = Move(lens.position_min_dioptres, lens.position_min_dioptres, 0, 0)
        self._iris = Move(0.0, 0.0, 0, 0)
        # How often it was told to move: what was read of it holds until it is told again.
        self.moves = 0

    # --- focus ---

    def focus(self, dioptres: float, now: int) -> int:
        """Move the focus, from where it is, as far as the lens goes; when it will have settled."""
        self.moves += 1
        low, high = self.lens.position_min_dioptres, self.lens.position_max_dioptres
        start, end = self.position(now), min(max(dioptres, low), high)
        took_ns = round(abs(end - start) / self.lens.focus_dioptres_per_s * NS_PER_S)
        self._focus = Move(start, end, now, now + took_ns)
        return self.settled_ns

    def halt(self, now: int) -> None:
        """Stop the focus where it is."""
        self.moves += 1
        here = self.position(now)
        self._focus = Move(here, here, now, now)

    def position(self, now: int) -> float:
        """Where the focus is, in dioptres."""
        return self._focus.at(now)

    @property
    def target(self) -> float:
        """Where the focus goes, or is."""
        return self._focus.end

    @property
    def settled_ns(self) -> int:
        """When the focus stands still: its motion, and what the ringing takes to fade."""
        moved = self._focus.end_ns > self._focus.start_ns
        return self._focus.end_ns + moved * self.lens.settle_ms * NS_PER_MS

    # --- iris ---

    def stop_nearest(self, f_number: float) -> float:
        """The stop that is the least factor away from an f-number."""
        return min(self.lens.stops, key=lambda stop: max(stop / f_number, f_number / stop))

    def open_to(self, f_number: float, now: int) -> None:
        """Move the iris to the stop nearest to an f-number, one stop after the other."""
        self.moves += 1
        start = self._iris.at(now)
        end = self.lens.stops.index(self.stop_nearest(f_number))
        self._iris = Move(start, end, now, now + round(abs(end - start) * self.lens.stop_ms * NS_PER_MS))

    def f_number(self, now: int) -> float:
        """The f-number that the iris has; between two stops, that of the one it is nearer to."""
        return self.lens.stops[round(self._iris.at(now))]

    # --- both ---

    def is_moving(self, now: int) -> bool:
        """Whether a motor runs."""
        return now < max(self._focus.end_ns, self._iris.end_ns)

    def next_rest(self, now: int) -> int | None:
        """When a motor that runs comes to rest."""
        focus, iris = self._focus.end_ns, self._iris.end_ns
        return soonest(focus if focus > now else None, iris if iris > now else None)


def field_dioptres(lens: Lens, f_number: float, diagonal_mm: float) -> float:
    """Half the depth of field in dioptres, either side: the disc there is one circle of confusion.

    In dioptres it hardly depends on the distance: N x c / f^2.
    """
    circle_mm = diagonal_mm / CIRCLES_PER_DIAGONAL
    return circle_mm * f_number / lens.focal_length_mm**2 * 1000.0
