"""Updates: begun, never brought to an end, and only when they are named: a board may erase itself."""

from collections.abc import Callable

from laserlink.protocol.errors import ErrorCode
from laserlink.protocol.limits import UPDATE_BYTES_MAX
from laserlink.protocol.messages import bulk, link
from laserlink.protocol.states import ModuleState as S
from laserlink.tools.conformance.bench import Bench
from laserlink.tools.conformance.check import Check
from laserlink.tools.conformance.course import begin_update, in_state
from laserlink.tools.conformance.states import refuses

WHY = "it may erase the firmware: name it with --only"


def _checked(run: Callable[[Bench], None]) -> Callable[[Bench], None]:
    def checked(bench: Bench) -> None:
        bench.need_feature(link.Features.UPDATE)
        run(bench)

    return checked


def begin(bench: Bench) -> None:
    reply = bench.reply(bulk.UpdateBegin(total_bytes=64), bulk.UpdateStatus)
    bench.expect(reply.received_bytes == 0, "0 bytes received", str(reply.received_bytes))
    in_state(bench, S.UPDATING)
    bench.run_for(20)
    bench.expect(not bench.line.light, "no light", "light")


def sizes(bench: Bench) -> None:
    bench.refused(bulk.UpdateBegin(total_bytes=0), ErrorCode.UPDATE_REFUSED)
    bench.refused(bulk.UpdateBegin(total_bytes=UPDATE_BYTES_MAX + 1), ErrorCode.UPDATE_REFUSED)
    in_state(bench, S.READY)


def pieces(bench: Bench) -> None:
    begin_update(bench)
    for offset in (0, 20):
        reply = bench.reply(bulk.UpdateData(offset=offset, piece=bytes(20)), bulk.UpdateStatus)
        bench.expect(reply.received_bytes == offset + 20, f"{offset + 20} bytes", str(reply.received_bytes))
    bench.refused(bulk.UpdateData(offset=20, piece=bytes(20)), ErrorCode.OUT_OF_BOUNDS)
    bench.refused(bulk.UpdateData(offset=50, piece=bytes(4)), ErrorCode.OUT_OF_BOUNDS)
    bench.refused(bulk.UpdateData(offset=40, piece=bytes(30)), ErrorCode.OUT_OF_BOUNDS)
    bench.refused(bulk.UpdateEnd(), ErrorCode.UPDATE_REFUSED)
    in_state(bench, S.UPDATING)


def wrong_digest(bench: Bench) -> None:
    bench.reply(bulk.UpdateBegin(total_bytes=8, digest=1), bulk.UpdateStatus)
    bench.reply(bulk.UpdateData(offset=0, piece=bytes(8)), bulk.UpdateStatus)
    bench.refused(bulk.UpdateEnd(), ErrorCode.UPDATE_REFUSED)
    in_state(bench, S.UPDATING)


def abandoned(bench: Bench) -> None:
    begin_update(bench)
    bench.hello()
    in_state(bench, S.GREETED)


def illegal(bench: Bench) -> None:
    refuses(S.UPDATING)(bench)


def _update(name: str, clause: str, proves: str, run: Callable[[Bench], None], start: S = S.READY) -> Check:
    return Check(f"updates.{name}", clause, proves, _checked(run), start, only_by_name=WHY)


CHECKS = (
    _update("begin", "I8", "An update darkens the module.", begin),
    _update("sizes", "I8", "An update of no bytes, or too many, is refused.", sizes),
    _update("pieces", "I8", "Pieces are taken in order, and no byte more than was announced.", pieces),
    _update("digest", "I8", "An update whose digest is wrong is refused.", wrong_digest),
    _update("abandoned", "S2", "A new session ends an update.", abandoned),
    _update("refuses", "J8", "Every request that is illegal in updating is refused.", illegal, S.UPDATING),
)
