"""The way to each state of the module, from a fresh session, as an obedient host takes it."""

from collections.abc import Callable
from dataclasses import replace

from laserlink.protocol import catalogue
from laserlink.protocol.errors import ErrorCode
from laserlink.protocol.messages import bulk, diagnostics, identity, image, link, power
from laserlink.protocol.messages.layout import Request
from laserlink.protocol.states import ModuleState as S
from laserlink.protocol.states import Seating
from laserlink.protocol.timers import KEEP_ALIVE_NS, KEEP_ALIVES_MISSED_MAX, NS_PER_MS, NS_PER_S
from laserlink.tools.conformance.bench import ALL_FEATURES, Bench, MessageT, error_in, state_name
from laserlink.tools.conformance.check import Mismatch, Skip
from laserlink.tools.conformance.telling import describe

# One voltage and current that today's phones give, as `laserlink` itself offers it.
OFFERS = (power.PowerOffer(5000, 900),)
STREAM = 2
# Small frames make many chunks of a small image.
SMALL_FRAME_BYTES = 512
SMALL_WIDTH, SMALL_HEIGHT = 64, 64
# What a module draws at most without a contract.
DEFAULT_MA = 100


class Unreached(Mismatch):
    """An obedient host could not bring the module where a check begins."""


def tell(bench: Bench, request: Request, kind: type[MessageT]) -> MessageT:
    """Ask on the way; no step of the report. Raises Unreached."""
    heard = bench.ask(request)
    if heard.frame.type != catalogue.BY_MESSAGE[kind].type:
        raise Unreached(f"{type(request).__name__} was answered by {describe(heard.frame)}")
    return kind.decode(heard.frame.payload)


def greet(bench: Bench) -> None:
    bench.hello()


def offer_power(bench: Bench) -> power.PowerRequest:
    return tell(bench, power.PowerCapabilities(offers=OFFERS), power.PowerRequest)


def contract(bench: Bench) -> power.PowerStatus:
    tell(bench, power.PowerAccept(), power.PowerStatus)
    return tell(bench, power.PowerReady(), power.PowerStatus)


def derate_to_least(bench: Bench) -> power.PowerStatus:
    """Leave a streaming module what any gets without a contract. Raises Skip when it streams on."""
    mark = len(bench.heard)
    status = bench.reply(power.PowerDerate(limit_ma=DEFAULT_MA), power.PowerStatus)
    ended = bench.run_until(lambda: bool(bench.messages(mark, image.StreamEnded)), 100 * NS_PER_MS)
    if not ended and status.draw_ma <= DEFAULT_MA:
        raise Skip(f"its streams go on with {DEFAULT_MA} mA")
    return status


def train(bench: Bench) -> None:
    tell(bench, diagnostics.Train(lane=bench.image_lane), diagnostics.TrainStarted)


def seat(bench: Bench) -> diagnostics.TrainStatus:
    return tell(bench, diagnostics.TrainResult(seating=Seating.SEATED), diagnostics.TrainStatus)


def read_descriptor(bench: Bench) -> bytes:
    """All of it; reading its end makes the module ready. Raises Unreached."""
    data = b""
    while True:
        part = tell(bench, identity.DescriptorRead(offset=len(data)), identity.DescriptorPart)
        data += part.part
        if len(data) >= part.total_bytes:
            return data
        if not part.part:
            raise Unreached(f"an empty part of the descriptor at {len(data)}")


def modes(bench: Bench) -> tuple[identity.SensorMode, ...]:
    """The modes, the smallest first."""
    found = identity.Descriptor.decode(read_descriptor(bench)).modes
    return tuple(sorted(found, key=lambda mode: mode.width * mode.height))


def small_stream(bench: Bench, **changes: int) -> image.StreamConfigure:
    """A stream of the smallest images that there are: a corner of the smallest mode, in its least bits."""
    mode = modes(bench)[0]
    bits = next(bits for bits in (8, 10, 12, 14, 16) if mode.formats >> bits & 1)
    size = {"width": min(SMALL_WIDTH, mode.width), "height": min(SMALL_HEIGHT, mode.height)}
    return replace(image.StreamConfigure(channel=STREAM, mode_id=mode.id, bits=bits, **size), **changes)


def stream(bench: Bench) -> None:
    """A stream without credit: it runs, and sends nothing."""
    tell(bench, small_stream(bench), image.StreamConfigured)
    tell(bench, image.StreamStart(channel=STREAM, images=0), image.StreamStarted)


def begin_update(bench: Bench) -> None:
    tell(bench, bulk.UpdateBegin(total_bytes=64), bulk.UpdateStatus)


def fall_silent(bench: Bench) -> None:
    """Let it lose its host; until its beacons say so."""
    mark = len(bench.heard)
    bench.habits.pings = bench.habits.acknowledges = False
    if not bench.run_until(lambda: bool(bench.since(mark, link.Beacon)), silence_ns(bench) + NS_PER_S):
        raise Unreached("no beacon after the host fell silent")
    bench.habits.pings = bench.habits.acknowledges = True


def silence_ns(bench: Bench) -> int:
    """Three keep-alives, as the line extends them."""
    one = bench.extended_ms(KEEP_ALIVE_NS, frame_bytes=bench.agreed.to_module_bytes_max)
    return round(KEEP_ALIVES_MISSED_MAX * one * NS_PER_MS)


def small_hello(bench: Bench) -> None:
    """A session with short frames."""
    bench.hello(
        link.Hello(features=ALL_FEATURES, to_host_bytes_max=SMALL_FRAME_BYTES, lanes=bench.line.offers)
    )


WAY: tuple[tuple[S, Callable[[Bench], object]], ...] = (
    (S.GREETED, greet),
    (S.NEGOTIATING, offer_power),
    (S.CONTRACTED, contract),
    (S.TRAINING, train),
    (S.IDENTIFYING, seat),
    (S.READY, read_descriptor),
    (S.STREAMING, stream),
)
SIDE_WAYS: dict[S, tuple[S, Callable[[Bench], object]]] = {
    S.UPDATING: (S.READY, begin_update),
    S.RECOVERING: (S.CONTRACTED, fall_silent),
}


def reach(bench: Bench, state: S | None, hello: Callable[[Bench], None] = greet) -> None:
    """Bring the module from wherever it is into a state of a fresh session; None: no session at all.

    Raises:
        Unreached, NoAnswer: an obedient host does not get there.
    """
    if state is None:
        hello(bench)
        fall_silent(bench)
        bench.forget()
        return
    if state in SIDE_WAYS:
        before, last = SIDE_WAYS[state]
        reach(bench, before, hello)
        last(bench)
        return
    hello(bench)
    for reached, go in WAY[1:]:
        if reached > state:
            return
        go(bench)


def in_state(bench: Bench, expected: S) -> None:
    """Demand that the module is in a state, by what it refuses."""
    probe = diagnostics.TrainResult() if expected is S.NEGOTIATING else power.PowerAccept()
    heard = bench.ask(probe)
    error = error_in(heard.frame)
    refused = error is not None and error.code is ErrorCode.ILLEGAL_IN_STATE
    came = f"state {state_name(error.value)}" if error is not None and refused else describe(heard.frame)
    holds = error is not None and refused and error.value == expected
    bench.note(f"{type(probe).__name__}, which it refuses", f"state {state_name(expected)}", came, holds)
