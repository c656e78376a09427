"""A responder answers what is for it and right, with packets that are right, and nothing else."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.devices.network.checksum import checksum, pseudo_header
from emu.devices.network.responder import DEFAULT_MAC, Responder
from tests.devices.virtio.driver import Bench

GUEST_MAC = bytes.fromhex("0600ac100002")
ROUTER = IPv4Address("172.16.0.1")
GUEST = IPv4Address("172.16.0.2")
ROUTER_V6 = IPv6Address("fd00::1:2345")
GUEST_V6 = IPv6Address("fd00::2")

ARP_REQUEST = bytes.fromhex(
    "ffffffffffff 0600ac100002 08060001 0800 06 04 0001 0600ac100002 ac100002 000000000000 ac100001"
)
PING = bytes.fromhex(
    "0600ac100001 0600ac100002 0800"
    "4500 0024 1234 4000 40 01 d081 ac100002 ac100001"
    "0800 d6e4 0007 0001 70696e6721212121"
)
"""An echo request, id 7, sequence 1, with the data "ping!!!!"."""


def answers(*frames: bytes) -> list[bytes]:
    """What a responder sends back."""
    sent: list[bytes] = []
    responder = Responder(ROUTER, ipv6=ROUTER_V6)
    responder.connect(Bench().host, sent.append)
    for frame in frames:
        responder.receive(frame)
    return sent


def test_who_has_its_address_is_answered() -> None:
    assert answers(ARP_REQUEST) == [
        bytes.fromhex(
            "0600ac100002 0600ac100001 0806"
            "0001 0800 06 04 0002 0600ac100001 ac100001 0600ac100002 ac100002"
        )
    ]


def test_a_ping_is_answered_with_its_own_data() -> None:
    """Byte by byte; checksums by hand (RFC 1071)."""
    assert checksum(PING[14:34]) == checksum(PING[34:]) == 0, "the request is right"
    (reply,) = answers(PING)
    assert reply[:14] == bytes.fromhex("0600ac100002 0600ac100001 0800")
    assert reply[14:34] == bytes.fromhex("4500 0024 0000 4000 40 01 e2b5 ac100001 ac100002")
    assert reply[34:] == bytes.fromhex("0000 dee4 0007 0001") + b"ping!!!!"


def ipv4(protocol: int, payload: bytes, destination: IPv4Address = ROUTER) -> bytes:
    size = (20 + len(payload)).to_bytes(2, "big")
    head = b"\x45\0" + size + bytes([0, 0, 0, 0, 64, protocol])
    ends = GUEST.packed + destination.packed
    total = checksum(head + bytes(2) + ends).to_bytes(2, "big")
    return DEFAULT_MAC + GUEST_MAC + b"\x08\x00" + head + total + ends + payload


def udp(version: int, data: bytes, *, port: int = 7, with_checksum: bool = True) -> bytes:
    ends = (GUEST.packed, ROUTER.packed) if version == 4 else (GUEST_V6.packed, ROUTER_V6.packed)
    head = (40000).to_bytes(2, "big") + port.to_bytes(2, "big") + (8 + len(data)).to_bytes(2, "big")
    total = checksum(pseudo_header(*ends, 17, 8 + len(data)) + head + bytes(2) + data) or 0xFFFF
    datagram = head + (total * with_checksum).to_bytes(2, "big") + data
    return ipv4(17, datagram) if version == 4 else ipv6(17, datagram)


def ipv6(
    protocol: int, payload: bytes, *, hops: int = 255, destination: IPv6Address = ROUTER_V6,
    source: IPv6Address = GUEST_V6, mac: bytes = DEFAULT_MAC,
) -> bytes:  # fmt: skip
    head = b"\x60\0\0\0" + len(payload).to_bytes(2, "big") + bytes([protocol, hops])
    return mac + GUEST_MAC + b"\x86\xdd" + head + source.packed + destination.packed + payload


def icmpv6(
    message: bytes, *, hops: int = 255, destination: IPv6Address = ROUTER_V6,
    source: IPv6Address = GUEST_V6, mac: bytes = DEFAULT_MAC,
) -> bytes:  # fmt: skip
    pseudo = pseudo_header(source.packed, destination.packed, 58, len(message))
    total = checksum(pseudo + message).to_bytes(2, "big")
    message = message[:2] + total + message[4:]
    return ipv6(58, message, hops=hops, destination=destination, source=source, mac=mac)


@pytest.mark.parametrize("version", [4, 6])
@given(data=st.binary(max_size=200))
def test_a_datagram_to_the_echo_port_comes_back(version: int, data: bytes) -> None:
    (reply,) = answers(udp(version, data))
    ip = 34 if version == 4 else 54
    datagram = reply[ip:]
    assert datagram[:4] == (7).to_bytes(2, "big") + (40000).to_bytes(2, "big")
    assert datagram[8:] == data
    ends = reply[26:34] if version == 4 else reply[22:54]
    half = len(ends) // 2
    assert checksum(pseudo_header(ends[:half], ends[half:], 17, len(datagram)) + datagram) == 0
    assert (ends[:half], ends[half:]) == (
        (ROUTER.packed, GUEST.packed) if version == 4 else (ROUTER_V6.packed, GUEST_V6.packed)
    )


def test_a_datagram_without_a_checksum_is_answered() -> None:
    assert len(answers(udp(4, b"data", with_checksum=False))) == 1


SOLICITATION = bytes([135, 0, 0, 0]) + bytes(4) + ROUTER_V6.packed + bytes([1, 1]) + GUEST_MAC
GROUP = IPv6Address("ff02::1:ff01:2345")
GROUP_MAC = bytes.fromhex("3333ff012345")


@pytest.mark.parametrize(
    "frame",
    [
        icmpv6(SOLICITATION, destination=GROUP, mac=GROUP_MAC),
        icmpv6(SOLICITATION),
    ],
    ids=["to the group", "to its address"],
)
def test_a_neighbour_that_asks_for_it_is_answered(frame: bytes) -> None:
    (reply,) = answers(frame)
    assert reply[:14] == GUEST_MAC + DEFAULT_MAC + b"\x86\xdd"
    assert reply[14:22] == bytes.fromhex("60000000 0020 3a ff")
    assert (reply[22:38], reply[38:54]) == (ROUTER_V6.packed, GUEST_V6.packed)
    message = reply[54:]
    assert checksum(pseudo_header(ROUTER_V6.packed, GUEST_V6.packed, 58, 32) + message) == 0
    assert message[:2] + message[4:] == (
        bytes([136, 0]) + bytes.fromhex("60000000") + ROUTER_V6.packed + bytes([2, 1]) + DEFAULT_MAC
    )


def test_a_ping_of_ipv6_is_answered() -> None:
    (reply,) = answers(icmpv6(bytes([128, 0, 0, 0, 0, 7, 0, 1]) + b"data", hops=64))
    message = reply[54:]
    assert checksum(pseudo_header(ROUTER_V6.packed, GUEST_V6.packed, 58, 12) + message) == 0
    assert message[:2] + message[4:] == bytes([129, 0, 0, 7, 0, 1]) + b"data"


def damaged(frame: bytes, at: int) -> bytes:
    return frame[:at] + bytes([frame[at] ^ 0x10]) + frame[at + 1 :]


FRAGMENT = ipv4(1, PING[34:])
FRAGMENT = FRAGMENT[:20] + b"\x20" + FRAGMENT[21:24] + bytes(2) + FRAGMENT[26:]
FRAGMENT = FRAGMENT[:24] + checksum(FRAGMENT[14:34]).to_bytes(2, "big") + FRAGMENT[26:]


@pytest.mark.parametrize(
    "frame",
    [
        PING[:13],
        damaged(PING, 5),  # another station's MAC address
        damaged(ARP_REQUEST, 41),  # another station's IP address
        ipv4(1, PING[34:], IPv4Address("172.16.0.3")),
        ARP_REQUEST[:-1],
        damaged(ARP_REQUEST, 21),  # not a request
        damaged(PING, 24),
        damaged(PING, 40),  # the checksum of the message
        PING[:-1],
        FRAGMENT,
        ipv4(1, b"\x08\0\xf7\xff"),
        ipv4(6, PING[34:]),
        udp(4, b"data", port=8),
        damaged(udp(4, b"data"), 44),
        ipv4(17, bytes.fromhex("9c400007 0009 0000")),  # longer than its packet
        ipv4(17, bytes.fromhex("9c400007 0007 0000")),
        ipv6(58, bytes([128, 0, 0, 0, 0, 7, 0, 1])),
        icmpv6(SOLICITATION, hops=254),  # from beyond a router (RFC 4861, 7.1.1)
        icmpv6(SOLICITATION, source=IPv6Address(0)),
        icmpv6(SOLICITATION[:8] + GUEST_V6.packed),
        icmpv6(SOLICITATION, destination=GUEST_V6),
        icmpv6(bytes([129, 0, 0, 0, 0, 7, 0, 1])),
    ],
)
def test_what_is_damaged_or_not_for_it_is_passed_over(frame: bytes) -> None:
    assert answers(frame) == []


def test_a_station_without_ipv6_does_not_answer_it() -> None:
    sent: list[bytes] = []
    responder = Responder(ROUTER)
    responder.connect(Bench().host, sent.append)
    responder.receive(icmpv6(bytes([128, 0, 0, 0, 0, 7, 0, 1])))
    assert sent == []


@given(
    st.one_of(
        st.binary(max_size=100),
        st.builds(lambda n, b: PING[:n] + b, st.integers(0, 50), st.binary(max_size=40)),
    )
)
def test_whatever_comes_is_answered_or_passed_over(frame: bytes) -> None:
    assert len(answers(frame)) <= 1
