"""A peer that answers: who is there, pings, and datagrams to the echo port."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from emu.devices.host import Host
from emu.devices.network.checksum import checksum
from emu.devices.network.packets import (
    ARP,
    ARP_ETHERNET_IPV4,
    ARP_REPLY,
    ARP_REQUEST,
    BROADCAST,
    ETHERTYPE_ARP,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    PROTOCOL_ICMP,
    PROTOCOL_ICMPV6,
    PROTOCOL_UDP,
    UDP,
    Ethernet,
    Ip,
    build_icmp,
    build_udp,
)

ECHO_PORT: Final = 7
"""RFC 862."""

DEFAULT_MAC: Final = bytes.fromhex("0600ac100001")
"""Locally administered: 06:00 and an IPv4 address, as Firecracker's documents give them to guests;
this one is 172.16.0.1."""

_ECHO: Final = {PROTOCOL_ICMP: (8, 0), PROTOCOL_ICMPV6: (128, 129)}
"""Types of an echo request and of its reply (RFC 792; RFC 4443, 4)."""

_ICMP_HEADER_SIZE_BYTES: Final = 8

# Neighbour discovery: RFC 4861, 4.3, 4.4 and 7.1; addresses: RFC 4291, 2.7.1; RFC 2464, 7.
_SOLICITATION: Final = 135
_ADVERTISEMENT: Final = 136
_SOLICITED_AND_OVERRIDE: Final = (0x6000_0000).to_bytes(4, "big")
_TARGET_LINK_ADDRESS: Final = bytes([2, 1])
_NEIGHBOUR_HOP_LIMIT: Final = 255
_SOLICITED_NODE: Final = IPv6Address("ff02::1:ff00:0").packed[:13]
_MULTICAST_MAC: Final = bytes.fromhex("3333")


class Responder:
    """One station of a network.

    It answers ARP requests and neighbour solicitations for its addresses and echo requests of ICMP
    and ICMPv6, and sends UDP datagrams to port 7 back. All else it passes over, and what is
    damaged, in fragments, or not for it.

    Args:
        ipv4: its address.
        ipv6: its address of IPv6; None for none.
        mac: its MAC address, of 6 bytes.
    """

    def __init__(
        self, ipv4: IPv4Address, *, ipv6: IPv6Address | None = None, mac: bytes = DEFAULT_MAC
    ) -> None:
        self._mac = mac
        self._ipv4 = ipv4.packed
        self._ipv6 = ipv6.packed if ipv6 else None
        self._macs = {mac, BROADCAST}
        self._destinations = {self._ipv4}
        if self._ipv6 is not None:
            group = _SOLICITED_NODE + self._ipv6[13:]
            self._macs.add(_MULTICAST_MAC + group[12:])
            self._destinations |= {self._ipv6, group}
        self._send: Callable[[bytes], None] | None = None

    def connect(self, _host: Host, send: Callable[[bytes], None]) -> None:
        """Be told that the link leads to a machine."""
        self._send = send

    def receive(self, frame: bytes) -> None:
        """Take a frame, and answer."""
        got = Ethernet.parse(frame)
        if got is None or got.destination not in self._macs or self._send is None:
            return
        answer = self._answer_arp(got) if got.ethertype == ETHERTYPE_ARP else self._answer_ip(got)
        if answer is not None:
            self._send(Ethernet(got.source, self._mac, got.ethertype, answer).build())

    # --- inside ------------------------------------------------------------------------------

    def _answer_arp(self, frame: Ethernet) -> bytes | None:
        if len(frame.payload) < ARP.size:
            return None
        *kind, operation, mac, address, _, wanted = ARP.unpack_from(frame.payload)
        if (*kind, operation) != (*ARP_ETHERNET_IPV4, ARP_REQUEST) or wanted != self._ipv4:
            return None
        return ARP.pack(*ARP_ETHERNET_IPV4, ARP_REPLY, self._mac, self._ipv4, mac, address)

    def _answer_ip(self, frame: Ethernet) -> bytes | None:
        packet = None
        if frame.ethertype == ETHERTYPE_IPV4:
            packet = Ip.parse_ipv4(frame.payload)
        elif frame.ethertype == ETHERTYPE_IPV6:
            packet = Ip.parse_ipv6(frame.payload)
        if packet is None or packet.destination not in self._destinations:
            return None
        answer = self._answer_datagram(packet) or self._answer_icmp(packet)
        return answer.build() if answer is not None else None

    def _answer_datagram(self, packet: Ip) -> Ip | None:
        if packet.protocol != PROTOCOL_UDP or len(packet.payload) < UDP.size:
            return None
        source, destination, size_bytes, total = UDP.unpack_from(packet.payload)
        datagram = packet.payload[:size_bytes]
        is_damaged = not UDP.size <= size_bytes <= len(packet.payload) or (
            total and packet.sum_of(datagram)
        )
        if destination != ECHO_PORT or is_damaged:
            return None
        ends = (packet.destination, packet.source)
        return build_udp(*ends, (destination, source), datagram[UDP.size :])

    def _answer_icmp(self, packet: Ip) -> Ip | None:
        message, is_v6 = packet.payload, packet.ethertype == ETHERTYPE_IPV6
        protocol = PROTOCOL_ICMPV6 if is_v6 else PROTOCOL_ICMP
        if packet.protocol != protocol or len(message) < _ICMP_HEADER_SIZE_BYTES:
            return None
        if packet.sum_of(message) if is_v6 else checksum(message):
            return None
        request, reply = _ECHO[protocol]
        if message[:2] == bytes([request, 0]):
            answer = Ip(packet.destination, packet.source, protocol, b"")
            return build_icmp(answer, bytes([reply, 0, 0, 0]) + message[4:])
        return self._answer_neighbour(packet) if is_v6 else None

    def _answer_neighbour(self, packet: Ip) -> Ip | None:
        """Who asks without an address, to see whether it is free (RFC 4862), gets no answer."""
        message, ours = packet.payload, self._ipv6
        is_solicitation = message[:2] == bytes([_SOLICITATION, 0]) and message[8:24] == ours
        is_near = packet.hop_limit == _NEIGHBOUR_HOP_LIMIT and any(packet.source)
        if ours is None or not is_solicitation or not is_near:
            return None
        advertisement = bytes([_ADVERTISEMENT, 0, 0, 0]) + _SOLICITED_AND_OVERRIDE + ours
        answer = Ip(ours, packet.source, PROTOCOL_ICMPV6, b"", _NEIGHBOUR_HOP_LIMIT)
        return build_icmp(answer, advertisement + _TARGET_LINK_ADDRESS + self._mac)
