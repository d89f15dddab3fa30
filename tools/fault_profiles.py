"""What a seed means: the link, what the user wishes, and which faults strike when.

Swarm-style (Groce et al., Swarm Testing, 2012): each seed leaves most kinds of fault out and turns the others
up, for faults that are always all there hide each other. A plan is plain data with a number for each of its
items, so that it can be printed, cut down to what matters, and run again.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from math import exp, log
from random import Random
from types import MappingProxyType

from laserlink.protocol.connection import Role
from laserlink.protocol.messages.link import LaneOffer
from laserlink.protocol.states import LaneDirection, LaneKind, LineCoding
from laserlink.protocol.timers import NS_PER_MS, NS_PER_S, NS_PER_US
from laserlink.tools import faults

WINDOW_NS_MIN = 300 * NS_PER_MS
WINDOW_NS_MAX = 2_500 * NS_PER_MS
KIND_RATE = 0.25
WAY_RATE = 0.6
STORM_NS = 4 * NS_PER_S
WISHES_MAX = 5
EVENTS_MAX = 2


def log_uniform(random: Random, low: float, high: float) -> float:
    """Every order of magnitude between the bounds is as likely as the next."""
    return exp(random.uniform(log(low), log(high)))


# --- faults of the wires ---


def _breaks(random: Random) -> faults.Filter:
    longest = round(log_uniform(random, NS_PER_US, 100 * NS_PER_MS))
    return faults.Breaks(random, round(log_uniform(random, 20 * NS_PER_MS, NS_PER_S)), NS_PER_US, longest)


def _beam(random: Random) -> faults.Filter:
    beam = faults.Beam(random.uniform(0, 25), random.uniform(0, 12), phase=random.uniform(0, 6.28))
    return faults.Misalignment(random, beam)


def _some(random: Random, *names: str) -> dict[str, float]:
    """A rate for one or more of the names."""
    return {
        name: log_uniform(random, 1e-3, 0.2) for name in random.sample(names, random.randint(1, len(names)))
    }


# Each draws its settings from the same Random that it uses afterwards.
WIRE_FAULTS: Mapping[str, Callable[[Random], faults.Filter]] = MappingProxyType({
    "bit-flips": lambda random: faults.BitFlips(random, log_uniform(random, 1e-7, 1e-4)),
    "bursts": lambda random: faults.Bursts(random, log_uniform(random, 1e-7, 3e-5), 0.05, 0.3),
    "edits": lambda random: faults.Edit(random, **_some(random, "insert", "delete", "slip", "cut")),
    "noise": lambda random: faults.Noise(random, log_uniform(random, 1e-3, 0.3)),
    "misalignment": _beam,
    "drop": lambda random: faults.Drop(random, log_uniform(random, 1e-3, 0.3)),
    "drop-exactly": lambda random: faults.Drop(random, exactly=random.sample(range(200), 4)),
    "repeat": lambda random: faults.Repeat(random, **_some(random, "duplicate", "replay")),
    "late": lambda random: faults.Late(
        random, log_uniform(random, 1e-3, 0.3), round(log_uniform(random, 1e5, 5e7))
    ),
    "splice": lambda random: faults.Splice(random, log_uniform(random, 1e-3, 0.1)),
    "breaks": _breaks,
    # The figure that the project promises to stand: a third lost, a third damaged, half of it replayed.
    "storm-loss": lambda random: faults.Drop(random, 0.3),
    "storm-damage": lambda random: faults.Damage(random, 0.3),
    "storm-replay": lambda random: faults.Repeat(random, replay=0.5),
    "storm-slips": lambda random: faults.Edit(random, slip=0.5),
    "loss-2": lambda random: faults.Drop(random, 0.02),
    "damage-2": lambda random: faults.Damage(random, 0.02),
    "bits-1e-6": lambda random: faults.BitFlips(random, 1e-6),
})  # fmt: skip


# Faults of one kind of lane only: light is not misread by whole bytes, and a wire has no beam.
LANES = {
    "edits": LaneKind.SIDEBAND, "noise": LaneKind.SIDEBAND, "misalignment": LaneKind.OPTICAL,
    "bits-1e-6": LaneKind.OPTICAL,
}  # fmt: skip


@dataclass(frozen=True)
class WireFault:
    """A filter on one way of one lane, for as long as faults last."""

    kind: str
    to: Role
    lane: LaneKind
    seed: int

    def build(self) -> faults.Filter:
        return WIRE_FAULTS[self.kind](Random(self.seed))

    def __str__(self) -> str:
        return f"{self.kind} on the {self.lane.name.lower()} to the {self.to.name.lower()}, {self.build()}"


# --- faults of the world ---


class World(Enum):
    """What happens to the ends and between them; the value says what the amount is, and its bounds."""

    BOUNCE = ("the contact opens for us", 10, 9_000)
    PULL = ("pulled off for ms", 11, 600)
    SWAP = ("another module in its place after ms", 11, 300)
    CUT_TO_HOST = ("pulled off at a byte to the host", 1, 20_000)
    CUT_TO_MODULE = ("pulled off at a byte to the module", 1, 4_000)
    BLOCK = ("the beam is blocked for ms", 1, 400)
    BROWN_OUT = ("the module's memory is gone", 0, 0)
    HOST_RESET = ("the host's memory is gone", 0, 0)
    HEAT = ("the module is at degrees", 45, 95)
    DERATE = ("the contract is derated to mA", 100, 700)
    REVOKE = ("the contract is revoked", 0, 0)
    HOST_JUMP = ("the host's clock jumps by ms", 1, 8_000)
    MODULE_JUMP = ("the module's clock jumps by ms", 1, 8_000)
    HOST_STOP = ("the host is stopped for ms", 1, 1_500)
    MODULE_STOP = ("the module is stopped for ms", 1, 1_500)
    HOST_SLOW = ("the host reads every 20 ms only, for ms", 20, 600)

    def draw(self, random: Random) -> int:
        _, low, high = self.value
        return round(log_uniform(random, low, high)) if low else 0


@dataclass(frozen=True)
class WorldFault:
    """Something that happens at a moment."""

    at_ns: int
    kind: World
    amount: int

    def __str__(self) -> str:
        return f"at {self.at_ns / NS_PER_MS:.3f} ms: {self.kind.value[0]} ({self.amount})"


# --- what the user wishes ---


class Wish(Enum):
    """What an app does with a camera."""

    SET = auto()
    GET = auto()
    ECHO = auto()
    CAPTURE = auto()
    PAIR = auto()
    ENDLESS = auto()
    RESET = auto()
    UPDATE = auto()


# How often each is wished for, relative to the others.
WISH_WEIGHTS = {
    Wish.SET: 6, Wish.GET: 2, Wish.ECHO: 1, Wish.CAPTURE: 6, Wish.PAIR: 2, Wish.ENDLESS: 2, Wish.RESET: 1,
    Wish.UPDATE: 1,
}  # fmt: skip


@dataclass(frozen=True)
class Wished:
    """One wish: images of `width` x `height`, RAW`bits`, `count` of them, where it is about images.

    `mode_id` is a mode of the descriptor: 3 is the smallest, 0 the whole sensor.
    """

    kind: Wish
    width: int
    height: int
    bits: int
    count: int
    mode_id: int = 3

    def __str__(self) -> str:
        if self.kind in (Wish.CAPTURE, Wish.PAIR, Wish.ENDLESS):
            size = f"{self.width} x {self.height} RAW{self.bits}"
            return f"the user wishes {self.kind.name.lower()}: {self.count} of {size}"
        return f"the user wishes {self.kind.name.lower()}"


# --- links ---


@dataclass(frozen=True)
class Link:
    """The kind of link that is simulated: a profile, the port's rate and latency, a laser's rate or 0."""

    profile: str
    rate_bps: int
    latency_us: int = 0
    laser_bps: int = 0

    def lanes(self) -> tuple[LaneOffer, ...]:
        both, none, uart = LaneDirection.BOTH, LineCoding.NONE, LineCoding.UART_8N1
        port = LaneOffer(0, LaneKind.SIDEBAND, both, uart, self.rate_bps, self.latency_us)
        laser = LaneOffer(1, LaneKind.OPTICAL, LaneDirection.MODULE_TO_HOST, none, self.laser_bps, 0)
        return (port, laser) if self.laser_bps else (port,)


PHONE = Link("mos-100mp", 3_000_000, laser_bps=10_000_000_000)
# A laser at a hundredth of its rate: small images take as long as large ones do, and faults strike in them.
SLOW_LASER = Link("mos-100mp", 3_000_000, laser_bps=100_000_000)
LINKS = (
    *(PHONE,) * 2, *(SLOW_LASER,) * 4, Link("uart-1m", 1_000_000), Link("uart-1m", 1_000_000, 16_000),
    Link("uart-1m", 3_000_000, 1_000), Link("uart-1m", 460_800),
)  # fmt: skip

# --- profiles ---

NOISE = ("bit-flips", "bursts", "edits", "noise", "misalignment")
LOSS = ("drop", "drop-exactly", "repeat", "late", "splice", "breaks")
STORM = ("storm-loss", "storm-damage", "storm-replay", "storm-slips")
DETACH = (World.BOUNCE, World.PULL, World.SWAP, World.CUT_TO_HOST, World.CUT_TO_MODULE, World.BLOCK)
POWER = (World.BROWN_OUT, World.HOST_RESET, World.HEAT, World.DERATE, World.REVOKE)
HOSTILE = (World.HOST_JUMP, World.MODULE_JUMP, World.HOST_STOP, World.MODULE_STOP, World.HOST_SLOW)


@dataclass(frozen=True)
class Profile:
    """Which kinds of fault a seed may draw from.

    `sure`: it draws them all; `skewed`: the clocks run apart. Others than a draw may be set: what the user
    wishes, on which link, and for how long faults last at most.
    """

    wire: tuple[str, ...] = ()
    world: tuple[World, ...] = ()
    skewed: bool = False
    sure: bool = False
    script: tuple[Wished, ...] = ()
    link: Link | None = None
    window_ns: int = 0


# 64 chunks of 4,032 bytes; and the whole sensor, 37,856 of them.
IMAGES_OF_64_FRAMES = (Wished(Wish.CAPTURE, 512, 400, 10, 8),) * 4
IMAGES_OF_100_MEGAPIXELS = (Wished(Wish.CAPTURE, 11648, 8736, 12, 40, mode_id=0),)
FIGURE_NS = 60 * NS_PER_S

PROFILES: Mapping[str, Profile] = MappingProxyType({
    "none": Profile(),
    "noise": Profile(NOISE),
    "loss": Profile(LOSS),
    "detach": Profile(world=DETACH),
    "power": Profile(world=POWER),
    "hostile": Profile(("noise", "repeat", "late"), HOSTILE, skewed=True),
    "all": Profile(NOISE + LOSS, DETACH + POWER + HOSTILE, skewed=True),
    "storm": Profile(STORM, sure=True, window_ns=STORM_NS),
    "two-percent": Profile(
        ("loss-2", "damage-2"), sure=True, script=IMAGES_OF_64_FRAMES, link=PHONE, window_ns=FIGURE_NS
    ),
    "laser-clean": Profile(script=IMAGES_OF_100_MEGAPIXELS, link=PHONE, window_ns=FIGURE_NS),
    "laser-1e-6": Profile(
        ("bits-1e-6",), sure=True, script=IMAGES_OF_100_MEGAPIXELS, link=PHONE, window_ns=FIGURE_NS
    ),
})  # fmt: skip


# --- plans ---


Item = WireFault | WorldFault | Wished


@dataclass(frozen=True)
class Plan:
    """Everything that a simulated session depends on. Items keep their numbers when others are left out."""

    seed: int
    link: Link
    self_powered: bool
    first_sequence: int
    host_skew_ppm: int
    module_skew_ppm: int
    window_ns: int
    items: Mapping[int, Item]

    def only(self, numbers: Collection[int]) -> "Plan":
        """The same session with some of its items alone."""
        return replace(self, items={number: self.items[number] for number in sorted(numbers)})

    def of(self, kind: type) -> list[Item]:
        return [item for item in self.items.values() if isinstance(item, kind)]


def draw_plan(seed: int, profile: str) -> Plan:
    """The session of a seed: the same one, always. KeyError for a profile that there is not."""
    random = Random(f"{profile} {seed}")
    chosen = PROFILES[profile]
    link = chosen.link or random.choice(LINKS)
    window_ns = chosen.window_ns or random.randint(WINDOW_NS_MIN, WINDOW_NS_MAX)
    near_wrap = random.random() < 0.25
    skews = (random.choice((-200, -50, 0, 50, 200)) if chosen.skewed else 0 for _ in range(2))
    items: list[Item] = list(chosen.script)
    items = items or [_wish(random, link) for _ in range(random.randint(1, WISHES_MAX))]
    items += _wire_faults(random, chosen, link)
    items += _world_faults(random, chosen, window_ns)
    return Plan(
        seed,
        link,
        self_powered=random.random() < 0.3,
        first_sequence=(1 << 32) - random.randint(1, 60) if near_wrap else random.getrandbits(32),
        host_skew_ppm=next(skews),
        module_skew_ppm=next(skews),
        window_ns=window_ns,
        items=dict(enumerate(items)),
    )


def _wish(random: Random, link: Link) -> Wished:
    kind = random.choices(list(WISH_WEIGHTS), list(WISH_WEIGHTS.values()))[0]
    largest = 96 if link.laser_bps else 16
    return Wished(
        kind,
        width=4 * random.randint(1, largest),
        height=2 * random.randint(1, largest),
        bits=random.choice((8, 10)),
        count=random.randint(1, 3),
    )


def _wire_faults(random: Random, profile: Profile, link: Link) -> list[Item]:
    ways = [(Role.MODULE, LaneKind.SIDEBAND), *((Role.HOST, offer.kind) for offer in link.lanes())]
    kinds = [kind for kind in profile.wire if profile.sure or random.random() < KIND_RATE]
    return [
        WireFault(kind, to, lane, random.getrandbits(32))
        for kind in kinds
        for to, lane in ways
        if (profile.sure or random.random() < WAY_RATE) and LANES.get(kind, lane) is lane
    ]


def _world_faults(random: Random, profile: Profile, window_ns: int) -> list[WorldFault]:
    kinds = [kind for kind in profile.world if random.random() < KIND_RATE]
    events = [
        WorldFault(random.randrange(window_ns), kind, kind.draw(random))
        for kind in kinds
        for _ in range(random.randint(1, EVENTS_MAX))
    ]
    return sorted(events, key=lambda event: event.at_ns)
