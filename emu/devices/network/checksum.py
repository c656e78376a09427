"""The checksum of IP, TCP, UDP and ICMP (RFC 1071)."""

from __future__ import annotations

from typing import Final

CHECKSUM_MAX: Final = 0xFFFF


def checksum(data: bytes) -> int:
    """The ones' complement of the ones' complement sum of all 16-bit words of `data`.

    Of data that has its right checksum in it, it is 0.

    >>> hex(checksum(bytes.fromhex("0001f203f4f5f6f7")))
    '0x220d'
    """
    padded = data + b"\0" * (len(data) % 2)
    # 2^16 is 1 modulo 2^16 - 1, so the remainder is the sum of the words, its carries added back.
    total = int.from_bytes(padded, "big") % CHECKSUM_MAX
    if not total and any(data):
        total = CHECKSUM_MAX
    return CHECKSUM_MAX - total


def pseudo_header(source: bytes, destination: bytes, protocol: int, size_bytes: int) -> bytes:
    """What TCP, UDP and ICMPv6 put before a packet to compute its checksum, of IPv4 or IPv6 by the
    length of the addresses (RFC 9293, 3.1; RFC 8200, 8.1).
    """
    if len(source) == 4:
        return source + destination + bytes([0, protocol]) + size_bytes.to_bytes(2, "big")
    return source + destination + size_bytes.to_bytes(4, "big") + bytes([0, 0, 0, protocol])
