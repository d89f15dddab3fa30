"""PRBS31, the training pattern: x^31 + x^28 + 1, LSB first, not inverted (ITU-T O.150's polynomial).

The register starts as the frame's sequence, modulo 2^31, or as all ones where that is zero. Each step
shifts out one bit, which is also the bit that is fed back: b[n] = b[n - 31] xor b[n - 28].
"""

from functools import lru_cache

REGISTER_BITS = 31
TAP = 28
# No payload is longer than this; longer runs are made in the same way.
RUN_BYTES_MIN = 4096


@lru_cache(maxsize=2)
def _runs(byte_count: int) -> tuple[int, ...]:
    """The run of each register with a single bit set, as an integer whose lowest bit comes first.

    Squaring the polynomial k times gives b[n] = b[n - 31 * 2^k] xor b[n - 28 * 2^k], so that what is there
    already makes ever longer runs.
    """
    total = byte_count * 8
    runs = []
    for bit in range(REGISTER_BITS):
        run, made, scale = 1 << bit, REGISTER_BITS, 1
        while made < total:
            while 2 * scale * REGISTER_BITS <= made:
                scale *= 2
            more = run >> (made - REGISTER_BITS * scale) ^ run >> (made - TAP * scale)
            run |= (more & (1 << TAP * scale) - 1) << made
            made += TAP * scale
        runs.append(run & (1 << total) - 1)
    return tuple(runs)


@lru_cache(maxsize=16)
def _run(sequence: int, byte_count: int) -> int:
    """The pattern as an integer: it is linear in the register, so it is the sum of its bits' own runs.

    Who simulates both ends asks twice.
    """
    register = sequence % (1 << REGISTER_BITS) or (1 << REGISTER_BITS) - 1
    size = RUN_BYTES_MIN
    while size < byte_count:
        size *= 2
    whole = 0
    for bit, run in enumerate(_runs(size)):
        if register >> bit & 1:
            whole ^= run
    return whole & (1 << 8 * byte_count) - 1


def pattern(sequence: int, count: int) -> bytes:
    """`count` bytes of the pattern of the frame with this sequence."""
    return _run(sequence, count).to_bytes(count, "little")


def bit_errors(received: bytes, sequence: int) -> int:
    """How many bits of `received` differ from the pattern of its sequence."""
    return (int.from_bytes(received, "little") ^ _run(sequence, len(received))).bit_count()
