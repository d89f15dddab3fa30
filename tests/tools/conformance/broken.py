"""Shared by the tests of the conformance suite: a module in virtual time, whole or broken, as a line."""

from collections.abc import Iterable
from random import Random

import numpy as np

from laserlink.firmware_model.autofocus import FocusWanted, measured
from laserlink.firmware_model.job import ExposureWanted, ImageReady, PackedImage
from laserlink.firmware_model.machine import Contact, Module
from laserlink.firmware_model.profile import Profile, load_profile
from laserlink.host_driver.lanes.port import PortClosed
from laserlink.protocol.limits import FRAME_BYTES_MAX
from laserlink.protocol.messages.link import LaneOffer
from laserlink.protocol.states import LaneDirection, LaneKind
from laserlink.tools.conformance.bench import Bench
from laserlink.tools.conformance.check import Outcome, Report
from laserlink.tools.conformance.runner import Runner

ONE_LANE = (LaneOffer(),)
TWO_LANES = (
    LaneOffer(),
    LaneOffer(LaneKind.OPTICAL, LaneKind.OPTICAL, LaneDirection.MODULE_TO_HOST),
)
# A module that keeps a deadline which is over would have time stand still, and its test never end.
OVERDUE_MAX = 10_000
PROFILES: dict[str, Profile] = {}


def profile(name: str) -> Profile:
    """A profile, read once."""
    if name not in PROFILES:
        PROFILES[name] = load_profile(name)
    return PROFILES[name]


class VirtualLine:
    """A module that is stepped in virtual time; frames take no time on their way."""

    def __init__(self, module: Module, offers: tuple[LaneOffer, ...]) -> None:
        self.module = module
        self.offers = offers
        self._now = 1_000_000_000
        self._arrived: list[tuple[LaneKind, bytes]] = []
        self._buffer = memoryview(bytearray(FRAME_BYTES_MAX))
        self._overdue = 0
        self.closed_after: int | None = None
        module.on_input(Contact(True), self._now)

    @property
    def light(self) -> bool | None:
        return self.module.outputs.laser if len(self.offers) > 1 else None

    def now(self) -> int:
        return self._now

    def write(self, data: bytes) -> None:
        self._check()
        self.module.receive_data(LaneKind.SIDEBAND, data, self._now)
        self._drain()

    def wait(self, until: int) -> list[tuple[LaneKind, bytes]]:
        self._check()
        while not self._arrived and self._now < until:
            self._step(until)
        arrived, self._arrived = self._arrived, []
        return arrived

    def stall(self, ns: int) -> None:
        """Time passes for the module, and nobody looks at the line."""
        end = self._now + ns
        while self._now < end:
            self._step(end)

    def _step(self, until: int) -> None:
        due = self.module.next_deadline(self._now)
        self._now = until if due is None else min(until, max(due, self._now + 1))
        self._overdue = self._overdue + 1 if due is not None and due < self._now else 0
        assert self._overdue < OVERDUE_MAX, f"a deadline {self._now - (due or 0)} ns ago is never let go"
        if due is not None and due <= self._now:
            self.module.on_deadline(self._now)
        self._drain()

    def _check(self) -> None:
        if self.closed_after is not None and self._now > self.closed_after:
            raise PortClosed("the line was closed")

    def _drain(self) -> None:
        while self._events() or self._frames():
            pass

    def _frames(self) -> bool:
        sent = False
        for offer in self.offers:
            while data := self.module.data_to_send(offer.kind, self._now):
                self._arrived.append((offer.kind, self.altered(data)))
                sent = True
            while count := self.module.images_to_send(offer.kind, self._buffer, self._now):
                self._arrived.append((offer.kind, self.altered(bytes(self._buffer[:count]))))
                sent = True
        return sent

    def altered(self, data: bytes) -> bytes:
        """What a broken module makes of what it sends."""
        return data

    def _events(self) -> bool:
        seen = False
        while (event := self.module.next_event()) is not None:
            seen = True
            if isinstance(event, ExposureWanted):
                layout = event.layout
                random = np.random.default_rng(event.image_id)
                pixels = random.integers(0, 1 << layout.bits, (layout.height, layout.width), np.uint16)
                ready = ImageReady(event.channel, event.image_id, PackedImage.of(pixels, layout))
                self.module.on_input(ready, self._now)
            elif isinstance(event, FocusWanted):
                self.module.on_input(measured(event, np.zeros((8, 8), np.uint16)), self._now)
        return seen


def line_of(
    kind: type[Module] = Module,
    lanes: tuple[LaneOffer, ...] = ONE_LANE,
    line: type[VirtualLine] = VirtualLine,
) -> VirtualLine:
    """A module on a line of its own."""
    name = "uart-1m" if lanes is ONE_LANE else "mos-100mp"
    return line(kind(profile(name), lanes, first_sequence=0xFFFF_FFF0), lanes)


def bench_of(line: VirtualLine) -> Bench:
    """A bench whose chance is always the same."""
    random = Random(1)
    return Bench(line, lambda: random.getrandbits(32))


def examine(
    kind: type[Module] = Module, names: Iterable[str] = (), lanes: tuple[LaneOffer, ...] = ONE_LANE
) -> Report:
    """What the suite finds in a module."""
    line = line_of(kind, lanes)
    return Runner(bench_of(line), "virtual:", names).run()


def failures(report: Report) -> set[str]:
    """The names of the checks that failed."""
    return {result.check.name for result in report.results if result.outcome is Outcome.FAILED}
