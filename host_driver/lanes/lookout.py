"""When to be awake for the ring: shortly before the first bytes of the next image are due.

A reader that sleeps when bytes come is late: a bell wakes it, and what it does then runs cold. One that never
sleeps burns a core. But the images of a stream come one like the other: how long it took from one beginning
to the next says when to look out, for how long, and when not at all. The figures are in
docs/decisions/0006-awake-when-due.md.
"""

from laserlink.protocol.timers import NS_PER_US

# Shorter ones are pauses in the middle of an image.
SILENCE_NS = 500 * NS_PER_US
# How late a thread may be that sleeps until a time: its timer's slack, and what it runs first.
LATE_NS = 200 * NS_PER_US
# How late one is that a bell woke: taken off what it saw, or it would be as late the next time, for ever.
WOKEN_LATE_NS = 100 * NS_PER_US
# Awake for nothing at most 1 part in so many of the time: on two cores the user's work wants this one too.
SHARE = 4
# Two intervals are alike that differ by less than 1 part in so many.
ALIKE = 8
# An image that is early or late is forgiven, two in a row are not.
STRANGE_MAX = 1
# How much of what is new enters the mean: 1 part in so many.
MEAN_OF = 4
# A beginning comes this many mean deviations before or after its time, and seldom more.
DEVIATIONS = 2


class Lookout:
    """What is known of when images begin. Only who has the machine tells it; anyone may ask."""

    def __init__(self) -> None:
        self._rested_ns = 0
        self._looking = False
        self._began_ns = 0
        self._interval_ns = 0
        self._deviation_ns = 0
        self._strange = STRANGE_MAX
        self._from_ns = self._until_ns = 0

    def came(self, now: int) -> None:
        """There were bytes at `now`, maybe after a rest."""
        if self._rested_ns and now - self._rested_ns >= SILENCE_NS:
            self._begin(now if self._looking else now - WOKEN_LATE_NS)
        self._rested_ns = 0
        self._looking = False

    def rest(self, now: int, end: int) -> int:
        """There are no bytes: until when to sleep, `end` at the latest."""
        self._rested_ns = self._rested_ns or now
        return min(end, self._from_ns) if now < self._from_ns else end

    def awake_until(self, now: int) -> int | None:
        """Until when to stay awake, when bytes are due at `now`; None: sleep."""
        self._looking = self._from_ns <= now < self._until_ns
        return self._until_ns if self._looking else None

    def _begin(self, now: int) -> None:
        """An image begins; the next one is due as long after it as it was from one to the next before."""
        interval, self._began_ns = now - self._began_ns, now
        self._from_ns = self._until_ns = 0
        if self._learn(interval):
            margin = min(LATE_NS + DEVIATIONS * self._deviation_ns, self._interval_ns // (2 * SHARE))
            if margin >= LATE_NS:
                due = now + self._interval_ns
                self._from_ns, self._until_ns = due - margin, due + margin

    def _learn(self, interval: int) -> bool:
        """Whether images come regularly."""
        off = interval - self._interval_ns
        if abs(off) * ALIKE <= self._interval_ns:
            self._interval_ns += off // MEAN_OF
            self._deviation_ns += (abs(off) - self._deviation_ns) // MEAN_OF
            self._strange = 0
        elif self._strange >= STRANGE_MAX:
            self._interval_ns, self._deviation_ns = interval, 0
            return False
        else:
            self._strange += 1
        return True
