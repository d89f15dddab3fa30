"""Any buffer as a flat view of its bytes: what the references take where the kernels take a pointer."""

from typing import TYPE_CHECKING, Any, TypeAlias

from numpy.typing import NDArray

if TYPE_CHECKING:
    from typing_extensions import Buffer

# bytes, bytearray, memoryview, mmap, and contiguous arrays (whose buffer mypy sees from Python 3.12 on only).
AnyBuffer: TypeAlias = "Buffer | NDArray[Any]"


def octets(data: AnyBuffer) -> memoryview:
    """The bytes of `data`, not copied. TypeError when it is no buffer, or not contiguous."""
    buffer: Any = data
    view = memoryview(buffer)
    return view.cast("B") if view.nbytes else memoryview(b"")  # what is empty cannot be cast
