"""Packets of Ethernet, ARP, IP, UDP and ICMP: what they look like, built and taken apart.

Sources: RFC 826 (ARP), RFC 791 (IPv4), RFC 8200 (IPv6), RFC 768 (UDP), RFC 792 (ICMP), RFC 4443
(ICMPv6), RFC 4861 (neighbour discovery). All is big-endian.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, Self

from emu.devices.network.checksum import CHECKSUM_MAX, checksum, pseudo_header

ETHERNET_SIZE_BYTES: Final = 14
ETHERTYPE_IPV4: Final = 0x0800
ETHERTYPE_ARP: Final = 0x0806
ETHERTYPE_IPV6: Final = 0x86DD
MAC_SIZE_BYTES: Final = 6
BROADCAST: Final = b"\xff" * MAC_SIZE_BYTES

PROTOCOL_ICMP: Final = 1
PROTOCOL_TCP: Final = 6
PROTOCOL_UDP: Final = 17
PROTOCOL_FRAGMENT: Final = 44
PROTOCOL_ICMPV6: Final = 58

ARP: Final = struct.Struct(">HHBBH6s4s6s4s")
"""Hardware and protocol type, sizes of their addresses, operation; MAC and IPv4 address of the
sender, and of the target."""

ARP_ETHERNET_IPV4: Final = (1, ETHERTYPE_IPV4, MAC_SIZE_BYTES, 4)
"""How a packet of ARP for IPv4 addresses on Ethernet begins."""

ARP_REQUEST: Final = 1
ARP_REPLY: Final = 2

IPV4_SIZE_BYTES: Final = 20
_IPV4: Final = struct.Struct(">BBHHHBBH4s4s")
_IPV4_FRAGMENT: Final = 0x3FFF
_IPV4_CHECKSUM: Final = 10

IPV6_SIZE_BYTES: Final = 40
_IPV6: Final = struct.Struct(">IHBB16s16s")

UDP: Final = struct.Struct(">HHHH")
"""Source port, destination port, size of the datagram in bytes, checksum."""

_HOP_LIMIT: Final = 64


@dataclass(frozen=True, slots=True)
class Ethernet:
    """An Ethernet frame; addresses are of 6 bytes."""

    destination: bytes
    source: bytes
    ethertype: int
    payload: bytes

    @classmethod
    def parse(cls, frame: bytes) -> Self | None:
        """A frame; None if it is too short for one."""
        if len(frame) < ETHERNET_SIZE_BYTES:
            return None
        return cls(frame[:6], frame[6:12], int.from_bytes(frame[12:14], "big"), frame[14:])

    def build(self) -> bytes:
        """Its bytes."""
        return self.destination + self.source + self.ethertype.to_bytes(2, "big") + self.payload


@dataclass(frozen=True, slots=True)
class Ip:
    """A packet of IPv4 or of IPv6, by the length of its addresses.

    Attributes:
        source: address of the sender, of 4 or 16 bytes.
        destination: address of the receiver, likewise.
        protocol: what the payload is.
        hop_limit: how many routers it may pass; of IPv4, the time to live.
    """

    source: bytes
    destination: bytes
    protocol: int
    payload: bytes
    hop_limit: int = _HOP_LIMIT

    @classmethod
    def parse_ipv4(cls, packet: bytes) -> Self | None:
        """A packet of IPv4; None if it is damaged, or a fragment."""
        if len(packet) < IPV4_SIZE_BYTES:
            return None
        first, _, size, _, fragment, hops, protocol, _, *ends = _IPV4.unpack_from(packet)
        header = (first & 0xF) * 4
        if first >> 4 != 4 or not IPV4_SIZE_BYTES <= header <= size <= len(packet):
            return None
        if fragment & _IPV4_FRAGMENT or checksum(packet[:header]):
            return None
        return cls(ends[0], ends[1], protocol, packet[header:size], hops)

    @classmethod
    def parse_ipv6(cls, packet: bytes) -> Self | None:
        """A packet of IPv6; None if it is damaged. Extension headers are part of the payload."""
        if len(packet) < IPV6_SIZE_BYTES:
            return None
        first, size, protocol, hops, source, destination = _IPV6.unpack_from(packet)
        if first >> 28 != 6 or IPV6_SIZE_BYTES + size > len(packet):
            return None
        payload = packet[IPV6_SIZE_BYTES : IPV6_SIZE_BYTES + size]
        return cls(source, destination, protocol, payload, hops)

    @property
    def ethertype(self) -> int:
        """Of the frame that carries it."""
        return ETHERTYPE_IPV4 if len(self.source) == 4 else ETHERTYPE_IPV6

    def build(self) -> bytes:
        """Its bytes. Of IPv4 it may not be fragmented (RFC 6864, 4.1: then it needs no id)."""
        ends, size = (self.source, self.destination), len(self.payload)
        if self.ethertype == ETHERTYPE_IPV6:
            return _IPV6.pack(6 << 28, size, self.protocol, self.hop_limit, *ends) + self.payload
        header = _IPV4.pack(
            0x45, 0, IPV4_SIZE_BYTES + size, 0, 0x4000, self.hop_limit, self.protocol, 0, *ends
        )
        return with_ipv4_checksum(header) + self.payload

    def sum_of(self, payload: bytes) -> int:
        """The checksum of a payload of this packet together with its pseudo header."""
        pseudo = pseudo_header(self.source, self.destination, self.protocol, len(payload))
        return checksum(pseudo + payload)


def with_ipv4_checksum(header: bytes) -> bytes:
    """A header of IPv4 with its checksum."""
    before, behind = header[:_IPV4_CHECKSUM], header[_IPV4_CHECKSUM + 2 :]
    return before + checksum(before + behind).to_bytes(2, "big") + behind


def build_udp(source: bytes, destination: bytes, ports: tuple[int, int], data: bytes) -> Ip:
    """A packet with a datagram, from a source port to a destination port."""
    size_bytes = UDP.size + len(data)
    packet = Ip(source, destination, PROTOCOL_UDP, UDP.pack(*ports, size_bytes, 0) + data)
    total = packet.sum_of(packet.payload) or CHECKSUM_MAX  # 0 says that there is no checksum
    return Ip(source, destination, PROTOCOL_UDP, UDP.pack(*ports, size_bytes, total) + data)


def build_icmp(packet: Ip, message: bytes) -> Ip:
    """A packet like `packet` with a message of ICMP or ICMPv6, whose checksum (0 in `message`) is
    filled in.
    """
    is_v6 = packet.protocol == PROTOCOL_ICMPV6
    total = packet.sum_of(message) if is_v6 else checksum(message)
    payload = message[:2] + total.to_bytes(2, "big") + message[4:]
    return Ip(packet.source, packet.destination, packet.protocol, payload, packet.hop_limit)
