"""CRC-32/AUTOSAR by crcmod: the readable reference of the C kernel.

Parameters (reveng catalogue): width 32, poly f4acfb13, init ffffffff, refin, refout, xorout ffffffff,
check 1697d06a. Both checks of a frame are this CRC.
"""

import crcmod

from laserlink.protocol.octets import AnyBuffer, octets

POLYNOMIAL = 0x1F4ACFB13
CHECK_VALUE = 0x1697D06A

# crcmod's initCrc is the value that a caller passes on, that is: after the final inversion.
_crcmod_crc32 = crcmod.mkCrcFun(POLYNOMIAL, initCrc=0, rev=True, xorOut=0xFFFFFFFF)

if _crcmod_crc32(b"123456789") != CHECK_VALUE:
    raise ImportError("crcmod does not compute CRC-32/AUTOSAR")


def crc32(data: AnyBuffer, crc: int = 0) -> int:
    """CRC-32/AUTOSAR of `data`, continued from `crc`, the CRC of the bytes before it (as zlib.crc32 does)."""
    return int(_crcmod_crc32(bytes(octets(data)), crc & 0xFFFFFFFF))
