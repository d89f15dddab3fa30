"""PRBS31, the training pattern: x^31 + x^28 + 1, LSB first, not inverted (ITU-T O.150's polynomial).

The register starts as the frame's sequence, modulo 2^31, or as all ones where that is zero. Each step
shifts out one bit, which is also the bit that is fed back: b[n] = b[n - 31] xor b[n - 28].
"""

import numpy as np

REGISTER_BITS = 31
TAP = 28


def pattern(sequence: int, count: int) -> bytes:
    """`count` bytes of the pattern of the frame with this sequence.

    The first 31 bits are the register itself, lowest bit first. Squaring the polynomial k times gives
    b[n] = b[n - 31 * 2^k] xor b[n - 28 * 2^k], so that what is there already makes ever longer runs.
    """
    register = sequence % (1 << REGISTER_BITS) or (1 << REGISTER_BITS) - 1
    total = count * 8
    bits = np.empty(max(total, REGISTER_BITS), np.uint8)
    bits[:REGISTER_BITS] = [register >> index & 1 for index in range(REGISTER_BITS)]
    made, scale = REGISTER_BITS, 1
    while made < total:
        while 2 * scale * REGISTER_BITS <= made:
            scale *= 2
        end = min(made + TAP * scale, total)
        far, near = REGISTER_BITS * scale, TAP * scale
        bits[made:end] = bits[made - far : end - far] ^ bits[made - near : end - near]
        made = end
    return np.packbits(bits[:total], bitorder="little").tobytes()


def bit_errors(received: bytes, sequence: int) -> int:
    """How many bits of `received` differ from the pattern of its sequence."""
    expected = int.from_bytes(pattern(sequence, len(received)), "little")
    return (int.from_bytes(received, "little") ^ expected).bit_count()
