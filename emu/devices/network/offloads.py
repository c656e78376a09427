"""Work on frames that a guest leaves to its network device: checksums, segmentation, fragments.

Sources: RFC 791 and RFC 8200 for IP, RFC 9293 for TCP, RFC 768 for UDP. What is copied to each
piece and what changes is as Linux v6.12 has it (`inet_gso_segment` in `net/ipv4/af_inet.c`,
`tcp_gso_segment` in `net/ipv4/tcp_offload.c`, `skb_checksum_help` in `net/core/dev.c`).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final
from zlib import crc32

from emu.devices.network.checksum import CHECKSUM_MAX, checksum, pseudo_header
from emu.devices.network.packets import (
    ETHERNET_SIZE_BYTES,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    IPV4_SIZE_BYTES,
    IPV6_SIZE_BYTES,
    PROTOCOL_FRAGMENT,
    PROTOCOL_TCP,
    with_ipv4_checksum,
)
from emu.errors import FrameError

_VLAN_TAGS: Final = (0x8100, 0x88A8)
_VLAN_TAG_SIZE_BYTES: Final = 4

_TCP_SIZE_BYTES: Final = 20
_TCP_SEQUENCE: Final = 4
_TCP_DATA_OFFSET: Final = 12
_TCP_FLAGS: Final = 13
_TCP_CHECKSUM: Final = 16
_TCP_FIN: Final = 0x01
_TCP_PSH: Final = 0x08
_TCP_CWR: Final = 0x80

_MORE_FRAGMENTS: Final = 0x2000
_FRAGMENT_UNIT_BYTES: Final = 8
_FRAGMENT_HEADER: Final = struct.Struct(">BBHI")
"""Of IPv6: next header, reserved, offset and flags, identification (RFC 8200, 4.5)."""


def fill_in_checksum(frame: bytes, start: int, offset: int) -> bytes:
    """A frame whose checksum is complete. Where it goes there is the sum of the pseudo header yet.

    Args:
        frame: the frame.
        start: the first byte that it covers.
        offset: where it goes, relative to that.

    Raises:
        FrameError: that is not in the frame.
    """
    place = start + offset
    if place + 2 > len(frame):
        raise FrameError(f"a checksum is to go to byte {place} of a frame of {len(frame)} bytes")
    return _put(frame, place, (checksum(frame[start:]) or CHECKSUM_MAX).to_bytes(2, "big"))


def cut_tcp(frame: bytes, tcp: int, size_bytes: int) -> list[bytes]:
    """TCP segments with at most so many bytes of payload each, their checksums complete.

    Args:
        frame: a frame with one TCP segment, which may be longer than its IP header can say.
        tcp: where TCP's header begins in the frame.
        size_bytes: payload of each segment.

    Raises:
        FrameError: it is no TCP over IP, or there is no size.
    """
    packet = _packet(frame, tcp, size_bytes)
    header_size = (
        (frame[tcp + _TCP_DATA_OFFSET] >> 4) * 4 if tcp + _TCP_SIZE_BYTES <= len(frame) else 0
    )
    if header_size < _TCP_SIZE_BYTES or tcp + header_size > len(frame):
        raise FrameError(f"there is no header of TCP at byte {tcp} of a frame of {len(frame)}")
    header, payload = frame[tcp : tcp + header_size], frame[tcp + header_size :]
    sequence = int.from_bytes(header[_TCP_SEQUENCE : _TCP_SEQUENCE + 4], "big")
    pieces = []
    for number, at in enumerate(range(0, len(payload) or 1, size_bytes)):
        part = payload[at : at + size_bytes]
        segment = _put(header, _TCP_SEQUENCE, (sequence + at & 0xFFFF_FFFF).to_bytes(4, "big"))
        kept = _kept_flags(is_first=at == 0, is_last=at + size_bytes >= len(payload))
        segment = _put(segment, _TCP_FLAGS, bytes([header[_TCP_FLAGS] & kept]))
        segment = _put(segment, _TCP_CHECKSUM, bytes(2)) + part
        pseudo = pseudo_header(packet.source, packet.destination, PROTOCOL_TCP, len(segment))
        total = checksum(pseudo + segment) or CHECKSUM_MAX
        pieces.append(
            packet.carrying(_put(segment, _TCP_CHECKSUM, total.to_bytes(2, "big")), number)
        )
    return pieces


def fragment_udp(frame: bytes, size_bytes: int) -> list[bytes]:
    """IP fragments with at most so many bytes of payload each, of a UDP datagram that is complete.

    Raises:
        FrameError: it is not over IP, or there is no size.
    """
    packet = _packet(frame, None, size_bytes)
    datagram, unit = frame[packet.end :], size_bytes // _FRAGMENT_UNIT_BYTES * _FRAGMENT_UNIT_BYTES
    if not unit:
        raise FrameError(f"fragments are to be of {size_bytes} bytes; expected 8 or more")
    if len(datagram) <= size_bytes:
        return [packet.carrying(datagram, 0)]
    return [
        packet.carrying_fragment(datagram[at : at + unit], at, is_last=at + unit >= len(datagram))
        for at in range(0, len(datagram), unit)
    ]


@dataclass(frozen=True, slots=True)
class _Packet:
    """The headers of a frame, up to what IP carries.

    Attributes:
        ethernet: Ethernet's header, with VLAN tags.
        ip: IP's header, with options or extension headers.
        fragment_id: what tells the fragments of this packet from others'.
    """

    ethernet: bytes
    ip: bytes
    fragment_id: int

    @property
    def end(self) -> int:
        """Where in the frame they end."""
        return len(self.ethernet) + len(self.ip)

    @property
    def is_ipv4(self) -> bool:
        """Whether it is of IPv4; else it is of IPv6."""
        return self.ip[0] >> 4 == 4

    @property
    def source(self) -> bytes:
        """IP address of the sender."""
        return self.ip[12:16] if self.is_ipv4 else self.ip[8:24]

    @property
    def destination(self) -> bytes:
        """IP address of the receiver."""
        return self.ip[16:20] if self.is_ipv4 else self.ip[24:40]

    def carrying(self, payload: bytes, number: int) -> bytes:
        """The `number`th frame of those that this one becomes, if each is a packet of its own."""
        identification = int.from_bytes(self.ip[4:6], "big") + number & 0xFFFF
        return self.ethernet + self._ip(payload, identification, self.ip[6:8]) + payload

    def carrying_fragment(self, payload: bytes, offset: int, *, is_last: bool) -> bytes:
        """A frame with a part of the payload."""
        if self.is_ipv4:
            field = offset // _FRAGMENT_UNIT_BYTES | _MORE_FRAGMENTS * (not is_last)
            identification = int.from_bytes(self.ip[4:6], "big")
            header = self._ip(payload, identification, field.to_bytes(2, "big"))
            return self.ethernet + header + payload
        extension = _FRAGMENT_HEADER.pack(self.ip[6], 0, offset | (not is_last), self.fragment_id)
        header = _put(self._ip(extension + payload, 0, b""), 6, bytes([PROTOCOL_FRAGMENT]))
        return self.ethernet + header + extension + payload

    def _ip(self, payload: bytes, identification: int, fragmentation: bytes) -> bytes:
        if not self.is_ipv4:
            size_bytes = len(self.ip) - IPV6_SIZE_BYTES + len(payload)
            return _put(self.ip, 4, size_bytes.to_bytes(2, "big"))
        size_bytes = len(self.ip) + len(payload)
        changed = size_bytes.to_bytes(2, "big") + identification.to_bytes(2, "big") + fragmentation
        return with_ipv4_checksum(_put(self.ip, 2, changed))


def _packet(frame: bytes, end: int | None, size_bytes: int) -> _Packet:
    """The headers of a frame, up to byte `end` of it, or up to where IP's fixed header says."""
    if not size_bytes:
        raise FrameError("a frame is to be cut into pieces of no bytes")
    start = ETHERNET_SIZE_BYTES
    while int.from_bytes(frame[start - 2 : start], "big") in _VLAN_TAGS:
        start += _VLAN_TAG_SIZE_BYTES
    ethertype, version = int.from_bytes(frame[start - 2 : start], "big"), frame[start : start + 1]
    if ethertype == ETHERTYPE_IPV4 and version and version[0] >> 4 == 4:
        least = start + max(IPV4_SIZE_BYTES, (version[0] & 0xF) * 4)
    elif ethertype == ETHERTYPE_IPV6 and version and version[0] >> 4 == 6:
        least = start + IPV6_SIZE_BYTES
    else:
        raise FrameError(f"a frame of the type {ethertype:#06x} is to be cut; expected IP")
    end = least if end is None else end
    if not least <= end <= len(frame):
        raise FrameError(
            f"IP's header ends at byte {least} or later; the frame of {len(frame)} bytes is to be "
            f"cut from byte {end} on"
        )
    return _Packet(frame[:start], frame[start:end], crc32(frame))


def _kept_flags(*, is_first: bool, is_last: bool) -> int:
    """What FIN and PSH say is true of the last segment alone, and CWR is said once."""
    kept = 0xFF
    if not is_last:
        kept &= ~(_TCP_FIN | _TCP_PSH)
    if not is_first:
        kept &= ~_TCP_CWR
    return kept


def _put(data: bytes, at: int, value: bytes) -> bytes:
    return data[:at] + value + data[at + len(value) :]
