"""CRC-64 Jones, as Redis and the Rust crate `crc64` compute it.

Polynomial 0xAD93D23594C935A9, reflected, initial value 0, no final xor. The CRC of data that is
followed by its own CRC (little endian) is 0.
"""

from __future__ import annotations

from anycrc.crc import Model

_MODEL = Model("CRC64-REDIS")


def crc64(data: bytes) -> int:
    """The CRC-64 of `data`, 64 bits wide.

    >>> hex(crc64(b"123456789"))
    '0xe9c6d914c4b8d9ca'
    """
    return int(_MODEL.calc(data))
