"""One simulated session: both real machines, an app, faults from a plan, and checkers beside them.

Faults strike for a while; then they stop, and everything must work again within a stated time: the module is
ready (after it was snapped off and on, where the rules latch it until then), a setting takes effect, and an
image is exact. The whole depends on nothing but the plan.
"""

import gc
import heapq
import itertools
import struct
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import cache, partial
from hashlib import blake2b
from random import Random

from laserlink.firmware_model.machine import Temperature
from laserlink.firmware_model.profile import Profile, load_profile
from laserlink.firmware_model.stream import ExposureWanted, PackedImage
from laserlink.host_driver.assembly import ImageDone
from laserlink.host_driver.machine import Host
from laserlink.protocol.connection import Role
from laserlink.protocol.messages import power
from laserlink.protocol.messages.layout import Request
from laserlink.protocol.states import HostState, LaneKind, ModuleState
from laserlink.protocol.timers import NS_PER_MS, NS_PER_S, NS_PER_US
from laserlink.tools.checkers import CHECKERS, Exposure, Violation, Watched, WatchedModule
from laserlink.tools.fault_profiles import (
    Plan,
    WireFault,
    Wish,
    Wished,
    World,
    WorldFault,
    draw_plan,
)
from laserlink.tools.faults import CutAfter, Stack
from laserlink.tools.simulated_app import App
from laserlink.tools.stepper import Clock, Stepper, Wire

# When faults stop: the longest way back is an attach watchdog that has just begun (5 s), a first word that is
# waited for (3 s), and an attach; a latched host needs the first two again once it was snapped off and on.
READY_NS = 20 * NS_PER_S
WORKING_NS = 10 * NS_PER_S
PULLED_NS = 30 * NS_PER_MS
ROOM_C = 25.0
SLOW_NS = 20 * NS_PER_MS
SECOND_MODULE = 1
FULL_MA = 900
LAST_WISHES = (Wished(Wish.SET, 0, 0, 0, 0), Wished(Wish.CAPTURE, 64, 32, 8, 1))
SEEDS_AT_ONCE = 8
_TRACE = struct.Struct("<qBB")


@dataclass(frozen=True)
class Report:
    """What came of one session."""

    seed: int
    images_exact: int
    images_incomplete: int
    image_bytes: int
    streaming_ns: int
    wrong_bytes: int
    hangs: int
    faults_injected: int
    violations: tuple[Violation, ...]
    trace_hash: str
    virtual_ns: int

    @property
    def failed(self) -> bool:
        return bool(self.violations or self.wrong_bytes or self.hangs)


@cache
def _profile(name: str, unit: int) -> Profile:
    """A module's profile; another unit is the same in everything but its id."""
    profile = load_profile(name)
    identity = replace(profile.identity, module_id=profile.identity.module_id + unit)
    return replace(profile, identity=identity)


@dataclass(order=True)
class _Due:
    at_ns: int
    number: int
    act: Callable[[], None] = field(compare=False)


class Simulation:
    """A session of a plan. `run` runs it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._random = Random(plan.seed)
        self._lanes = plan.link.lanes()
        self._unit = 0
        self._modules = 0
        self._exposures = 0
        self._faulty = True
        self._hits = 0
        self._hash = blake2b(digest_size=8)
        self._due: list[_Due] = []
        self._numbers = itertools.count()
        self._cuts: list[tuple[CutAfter, Wire]] = []
        self.stepper = Stepper(
            self._new_host(), self._new_module(), self._expose, self_powered=plan.self_powered
        )
        self.stepper.tap = self._note_bytes
        self.stepper.host_clock = Clock(plan.host_skew_ppm)
        self.stepper.module_clock = Clock(plan.module_skew_ppm)
        wishes = [item for item in plan.items.values() if isinstance(item, Wished)]
        self.app = App(self.stepper, wishes)
        self.watched = Watched(self.stepper, self.app)
        self.checkers = [make(self.watched) for make in CHECKERS]
        self._install()

    # --- the ends ---

    def _new_host(self) -> Host:
        return Host(self._lanes, lambda: self._random.getrandbits(32))

    def _new_module(self) -> WatchedModule:
        profile = _profile(self.plan.link.profile, self._unit)
        self._modules += 1
        first, number = self.plan.first_sequence, self._modules
        return WatchedModule(profile, self._lanes, first_sequence=first, number=number)

    def _expose(self, wanted: ExposureWanted) -> PackedImage:
        """Take a picture of something new, and remember what it was."""
        self._exposures += 1
        layout = wanted.layout
        exposure = Exposure(self._exposures, layout.width, layout.height, layout.bits)
        session = self.stepper.module.connection.session
        self.watched.truth[session, wanted.channel, wanted.image_id] = exposure
        return PackedImage.of(exposure.pixels(), layout)

    # --- faults ---

    def _wires(self) -> dict[tuple[Role, LaneKind], Wire]:
        wires = {(Role.HOST, lane): wire for lane, wire in self.stepper.to_host.items()}
        return wires | {(Role.MODULE, lane): wire for lane, wire in self.stepper.to_module.items()}

    def _install(self) -> None:
        """Filters on the wires, and everything that happens at a time of its own."""
        self._stacks = {way: Stack([]) for way in self._wires()}
        for item in self.plan.items.values():
            if isinstance(item, WireFault):
                self._stacks[item.to, item.lane].filters.append(item.build())
            elif isinstance(item, WorldFault):
                self._later(item.at_ns, lambda fault=item: self._strike(fault))  # type: ignore[misc]
        for way, wire in self._wires().items():
            wire.filter = self._stacks[way]

    def _later(self, at_ns: int, act: Callable[[], None]) -> None:
        heapq.heappush(self._due, _Due(at_ns, next(self._numbers), act))

    def _after_ms(self, duration_ms: int, act: Callable[[], None]) -> None:
        self._later(self.stepper.now + duration_ms * NS_PER_MS, act)

    def _strike(self, fault: WorldFault) -> None:
        if not self._faulty:
            return
        self._hits += 1
        self.watched.happened.add(fault.kind.name)
        STRIKES[fault.kind](self, fault.amount)

    def _pull(self) -> None:
        self.stepper.pull_off()
        self._look()

    def _snap(self) -> None:
        if not self.stepper.contact:
            self.stepper.snap_on()

    def bounce(self, open_us: int) -> None:
        if self.stepper.contact:
            self._pull()
            self._later(self.stepper.now + open_us * NS_PER_US, self._snap)

    def pull(self, away_ms: int) -> None:
        self._pull()
        self._after_ms(away_ms, self._snap)

    def swap(self, away_ms: int) -> None:
        self._pull()
        self._unit = SECOND_MODULE - self._unit
        self.stepper.swap(self._new_module())
        self._after_ms(away_ms, self._snap)

    def cut_to_host(self, byte_count: int) -> None:
        self._cut((Role.HOST, self._lanes[-1].kind), byte_count)

    def cut_to_module(self, byte_count: int) -> None:
        self._cut((Role.MODULE, LaneKind.SIDEBAND), byte_count)

    def _cut(self, way: tuple[Role, LaneKind], byte_count: int) -> None:
        cut = CutAfter(self._random, byte_count)
        self._stacks[way].filters.append(cut)
        self._cuts.append((cut, self._wires()[way]))

    def block(self, duration_ms: int) -> None:
        self.stepper.block_beam(True)
        self._after_ms(duration_ms, lambda: self.stepper.block_beam(False))

    def brown_out(self, amount: int) -> None:
        self.stepper.swap(self._new_module())
        self.stepper.settle()

    def host_reset(self, amount: int) -> None:
        self.stepper.swap_host(self._new_host())
        self.app.forget()
        self.watched.session = 0
        self.stepper.settle()

    def heat(self, celsius: int) -> None:
        self._warm(float(celsius))
        self._after_ms(500, lambda: self._warm(ROOM_C))

    def _warm(self, celsius: float) -> None:
        local = self.stepper.module_clock.local(self.stepper.now)
        self.stepper.module.on_input(Temperature(celsius), local)
        self.stepper.settle()

    def derate(self, limit_ma: int) -> None:
        self._ask(power.PowerDerate(limit_ma=limit_ma))

    def revoke(self, amount: int) -> None:
        self._ask(power.PowerRevoke())

    def _ask(self, request: Request) -> None:
        if not self.stepper.host_stopped:
            self.app.ask(request)

    def host_jump(self, duration_ms: int) -> None:
        self._jump(Role.HOST, duration_ms)

    def module_jump(self, duration_ms: int) -> None:
        self._jump(Role.MODULE, duration_ms)

    def _jump(self, role: Role, duration_ms: int) -> None:
        self.stepper.clock(role).offset_ns += duration_ms * NS_PER_MS
        self._catch_up()

    def _catch_up(self) -> None:
        """What has become due is done now."""
        due = self.stepper.next_time()
        if due is not None and due <= self.stepper.now:
            self.stepper.step()

    def host_stop(self, duration_ms: int) -> None:
        self._stop(Role.HOST, duration_ms * NS_PER_MS)

    def module_stop(self, duration_ms: int) -> None:
        self._stop(Role.MODULE, duration_ms * NS_PER_MS)

    def _stop(self, role: Role, duration_ns: int) -> None:
        self.stepper.stop(role)
        self._later(self.stepper.now + duration_ns, lambda: self._resume(role))

    def _resume(self, role: Role) -> None:
        """What became due meanwhile is done at once, as a process does that is late."""
        if self.stepper.is_stopped(role):
            self.stepper.stop(role, False)
            self._catch_up()

    def host_slow(self, duration_ms: int) -> None:
        for start in range(0, duration_ms * NS_PER_MS, SLOW_NS):
            self._later(self.stepper.now + start, lambda: self._stop(Role.HOST, SLOW_NS - NS_PER_MS))

    # --- time ---

    def run(self) -> Report:
        """The whole session; whatever an end raises is a violation as well."""
        try:
            self._session()
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{frame.filename.rpartition('/')[2]}:{frame.lineno}"
            self.watched.report("no exception", f"{type(error).__name__}: {error} ({place})")
        watched = self.watched
        return Report(
            self.plan.seed,
            watched.images_exact,
            watched.images_incomplete,
            watched.image_bytes,
            watched.streaming_ns,
            watched.wrong_bytes,
            watched.hangs,
            self._hits + sum(stack.hits for stack in self._stacks.values()),
            tuple(watched.violations),
            self._hash.hexdigest(),
            self.stepper.now,
        )

    def _session(self) -> None:
        self.stepper.snap_on()
        self._look()
        self._run(lambda: self.app.idle and not self._due, self.plan.window_ns)
        self._stop_faults()
        if self._run(self._is_ready, READY_NS, "the module is not ready again"):
            self._ask(power.PowerDerate(limit_ma=FULL_MA))
            self._wish_last()
        self._pull()
        self._run(lambda: False, PULLED_NS)
        self._judge_end()

    def _is_ready(self) -> bool:
        host, module = self.stepper.host, self.stepper.module
        ready = host.state is HostState.READY and module.state is ModuleState.READY
        return ready and self.app.idle and host.requests.idle

    def _wish_last(self) -> None:
        """A setting and an image, in time. What is refused is wished for again, as a user would.

        Both ends may be ready and not know yet what happened last, as that there is no light any more.
        """
        end = self.stepper.now + WORKING_NS
        refusals = -1
        while self.app.refusals != refusals:
            refusals, exact = self.app.refusals, self.watched.images_exact
            self.app.wishes = [*self.app.wishes, *LAST_WISHES]
            for until in (lambda: self.app.idle, self._is_ready):
                if not self._run(until, end - self.stepper.now, "the last wishes are not carried out"):
                    return
        self._judge_last(exact)

    def _judge_last(self, exact_before: int) -> None:
        """What works without faults: a setting and an exact image."""
        last = max(self.app.settings)
        if self.stepper.module.controls.values[1] != last:
            self.watched.report("works again", "the last setting is not in force")
        if self.watched.images_exact == exact_before:
            self.watched.report("works again", "the last image is not exact")

    def _judge_end(self) -> None:
        host, module = self.stepper.host, self.stepper.module
        if (host.state, host.outputs.rail_ma) != (HostState.ABSENT, 0):
            self.watched.report("removal", f"the host is {host.state.name.lower()}")
        if module.state is not ModuleState.DETACHED:
            self.watched.report("removal", f"the module is {module.state.name.lower()}")

    def _stop_faults(self) -> None:
        """No more faults: filters gone, cool, contact, nothing stopped, nothing blocked."""
        self._faulty = False
        self._due.clear()
        self._cuts.clear()
        for wire in self._wires().values():
            wire.filter = None
        for role in Role:
            self._resume(role)
        self._warm(ROOM_C)
        self.stepper.block_beam(False)
        self._snap()
        self._look()

    def _run(self, until: Callable[[], bool], timeout_ns: int, hang: str = "") -> bool:
        """Let time pass until a condition holds; not in time is a hang, where it is said what hangs."""
        end = self.stepper.now + timeout_ns
        while not until():
            if not self._advance(end):
                self.stepper.now = max(self.stepper.now, end)
                if hang:
                    self.watched.hangs += 1
                    states = f"host {self.stepper.host.state.name}, module {self.stepper.module.state.name}"
                    self.watched.report("no hang", f"{hang}: {states}")
                return False
        return True

    def _advance(self, end: int) -> bool:
        """To the next thing that happens, by itself or by fate; False when that is after `end`."""
        times = [self.stepper.next_time(), self.app.next_time(), self._due[0].at_ns if self._due else None]
        at = min((time for time in times if time is not None), default=end + 1)
        if at > end:
            return False
        if times[0] is not None and times[0] <= at:
            self.stepper.step(at)
        self.stepper.now = max(self.stepper.now, at)
        self._look()
        while self._due and self._due[0].at_ns <= self.stepper.now:
            heapq.heappop(self._due).act()
            self._look()
        self._watch_cuts()
        self.app.poll()
        return True

    def _watch_cuts(self) -> None:
        """A cut has swallowed something: the contact opens when its last byte has arrived."""
        for cut, wire in [item for item in self._cuts if item[0].hits]:
            self._cuts.remove((cut, wire))
            self._later(wire.free_ns + wire.offer.latency_us * NS_PER_US, self._end_cut)

    def _end_cut(self) -> None:
        for stack in self._stacks.values():
            self._hits += sum(item.hits for item in stack.filters if isinstance(item, CutAfter))
            stack.filters = [item for item in stack.filters if not isinstance(item, CutAfter)]
        self.pull(PULLED_NS // NS_PER_MS)

    # --- watching ---

    def _look(self) -> None:
        """Show what happened to the app and to the checkers."""
        if not self.stepper.contact:
            self.watched.happened.add("contact")
        events, self.stepper.events = self.stepper.events, []
        for event in events:
            self._hash.update(_words(event).encode())
            self.app.note(event)
            for checker in self.checkers:
                checker.on_event(event)
        for checker in self.checkers:
            checker.on_step()
        self.watched.session = self.stepper.host.connection.session or self.watched.session

    def _note_bytes(self, role: Role, lane: LaneKind, data: bytes) -> None:
        self._hash.update(_TRACE.pack(self.stepper.now, role is Role.HOST, lane))
        self._hash.update(data)


def _words(event: object) -> str:
    """An event as the trace holds it."""
    if isinstance(event, ImageDone):
        return f"{event.channel} {event.image_id} {event.gaps} {event.done_ns}"
    return str(event)


STRIKES: dict[World, Callable[[Simulation, int], None]] = {
    World.BOUNCE: Simulation.bounce,
    World.PULL: Simulation.pull,
    World.SWAP: Simulation.swap,
    World.CUT_TO_HOST: Simulation.cut_to_host,
    World.CUT_TO_MODULE: Simulation.cut_to_module,
    World.BLOCK: Simulation.block,
    World.BROWN_OUT: Simulation.brown_out,
    World.HOST_RESET: Simulation.host_reset,
    World.HEAT: Simulation.heat,
    World.DERATE: Simulation.derate,
    World.REVOKE: Simulation.revoke,
    World.HOST_JUMP: Simulation.host_jump,
    World.MODULE_JUMP: Simulation.module_jump,
    World.HOST_STOP: Simulation.host_stop,
    World.MODULE_STOP: Simulation.module_stop,
    World.HOST_SLOW: Simulation.host_slow,
}


def run_plan(plan: Plan) -> Report:
    """Run the session of a plan."""
    return Simulation(plan).run()


def run_seed(seed: int, faults: str) -> Report:
    """Run the session of a seed."""
    return run_plan(draw_plan(seed, faults))


def _run_some(seeds: list[int], faults: str) -> list[Report]:
    """A few seeds at once. Their garbage is looked for when all are done: a fifteenth less time."""
    had_gc = gc.isenabled()
    gc.disable()
    try:
        return [run_seed(seed, faults) for seed in seeds]
    finally:
        if had_gc:
            gc.enable()


def run_seeds(seeds: Iterable[int], faults: str, executor: Executor) -> Iterator[Report]:
    """Run many seeds, a few at a time, wherever the executor runs them; reports in the order of the seeds."""
    all_seeds = list(seeds)
    parts = [all_seeds[first : first + SEEDS_AT_ONCE] for first in range(0, len(all_seeds), SEEDS_AT_ONCE)]
    for reports in executor.map(partial(_run_some, faults=faults), parts):
        yield from reports
