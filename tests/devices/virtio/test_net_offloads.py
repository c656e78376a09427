"""What a driver leaves to the device is done before a frame leaves: checksums and segmentation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.arch.virtio_net import HEADER, TX_QUEUE, GsoType, HeaderFlags, NetFeature
from emu.devices.network.checksum import checksum, pseudo_header
from tests.devices.network.stations import ethernet_frame
from tests.devices.virtio.net_bench import NetBench, started

CHECKSUM = HeaderFlags.NEEDS_CSUM.mask
TCP, UDP, FRAGMENT = 6, 17, 44
FIN, SYN, PSH, ACK, CWR = 0x01, 0x02, 0x08, 0x10, 0x80

MACS = bytes.fromhex("0600ac100001 0600ac100002")
V4 = bytes([172, 16, 0, 2]), bytes([172, 16, 0, 1])
V6 = bytes.fromhex(f"fd00{0:026x}02"), bytes.fromhex(f"fd00{0:026x}01")
VLAN = bytes.fromhex("81000007")


def ip(version: int, protocol: int, payload: bytes, *, identification: int = 0) -> bytes:
    """A packet; of IPv4 without a checksum, which the driver leaves to the device with TSO."""
    if version == 6:
        return b"\x60\0\0\0" + size(payload) + bytes([protocol, 64]) + b"".join(V6) + payload
    total, id_ = size(bytes(20) + payload), identification.to_bytes(2, "big")
    return (
        b"\x45\0" + total + id_ + b"\x40\0\x40" + bytes([protocol, 0, 0]) + b"".join(V4) + payload
    )


def size(data: bytes) -> bytes:
    """As IP has it: too long for it is allowed before segmentation."""
    return (len(data) & 0xFFFF).to_bytes(2, "big")


def frame(version: int, packet: bytes, *, tag: bytes = b"") -> bytes:
    return MACS + tag + (b"\x08\x00" if version == 4 else b"\x86\xdd") + packet


def tcp(payload: bytes, *, sequence: int = 1000, flags: int = ACK, options: bytes = b"") -> bytes:
    header_words = (20 + len(options)) // 4
    ports = bytes.fromhex("80001389")
    start = ports + sequence.to_bytes(4, "big") + bytes(4)
    return start + bytes([header_words << 4, flags, 1, 0, 0, 0, 0, 0]) + options + payload


def udp(payload: bytes) -> bytes:
    return bytes.fromhex("80001389") + size(bytes(8) + payload) + bytes(2) + payload


def partial(version: int, protocol: int, datagram: bytes, at: int) -> bytes:
    """With the sum of the pseudo header where the checksum goes, as Linux leaves it."""
    ends = V4 if version == 4 else V6
    total = 0xFFFF - checksum(pseudo_header(*ends, protocol, len(datagram)))
    return datagram[:at] + total.to_bytes(2, "big") + datagram[at + 2 :]


def is_right(version: int, protocol: int, datagram: bytes) -> bool:
    """Whether its checksum is, computed the long way (RFC 1071)."""
    ends = V4 if version == 4 else V6
    data = pseudo_header(*ends, protocol, len(datagram)) + datagram
    total = sum(
        int.from_bytes(data[n : n + 2].ljust(2, b"\0"), "big") for n in range(0, len(data), 2)
    )
    while total > 0xFFFF:
        total = (total >> 16) + (total & 0xFFFF)
    return total == 0xFFFF


@pytest.fixture
def net() -> NetBench:
    return started()


def sent(net: NetBench, header: tuple[int, ...], data: bytes) -> list[bytes]:
    """What reaches the peer of one chain."""
    net.send(data, header=HEADER.pack(*header, 0))
    net.settle()
    return net.peer.received


@given(
    version=st.sampled_from([4, 6]),
    payload=st.binary(max_size=100),
    tag=st.sampled_from([b"", VLAN]),
)
def test_a_checksum_that_is_left_to_the_device_is_right_at_the_peer(
    version: int, payload: bytes, tag: bytes
) -> None:
    datagram = partial(version, UDP, udp(payload), at=6)
    data = frame(version, ip(version, UDP, datagram), tag=tag)
    start = len(data) - len(datagram)
    (got,) = sent(started(), (CHECKSUM, GsoType.NONE, 0, 0, start, 6), data)
    assert got[:start] + udp(payload)[:6] == data[: start + 6]
    assert is_right(version, UDP, got[start:])
    assert got[start + 6 : start + 8] != bytes(2), "which would say that there is none"


def test_a_checksum_that_comes_out_as_none_is_written_as_the_other_zero() -> None:
    """0 would say that there is none (RFC 768)."""
    rest = checksum(pseudo_header(*V4, UDP, 10) + udp(bytes(2))).to_bytes(2, "big")
    datagram = partial(4, UDP, udp(rest), at=6)
    header = (CHECKSUM, GsoType.NONE, 0, 0, 34, 6)
    (got,) = sent(started(), header, frame(4, ip(4, UDP, datagram)))
    assert got[40:42] == b"\xff\xff"
    assert is_right(4, UDP, got[34:])


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("tag", [b"", VLAN], ids=["untagged", "VLAN"])
@given(
    length=st.integers(1, 5000),
    mss=st.integers(100, 1460),
    options=st.integers(0, 10).map(lambda words: b"\x01" * 4 * words),
    flags=st.integers(0, 255),
)
def test_a_long_tcp_segment_reaches_the_peer_as_segments_that_are_right(
    *, version: int, tag: bytes, length: int, mss: int, options: bytes, flags: int
) -> None:
    payload = bytes(n % 251 for n in range(length))
    segment = tcp(payload, sequence=0xFFFF_FF00, flags=flags, options=options)
    data = frame(version, ip(version, TCP, segment, identification=0xFFFF), tag=tag)
    start = len(data) - len(segment)
    kind = GsoType.TCPV4 if version == 4 else GsoType.TCPV6
    got = sent(started(), (CHECKSUM, kind, start + 20, mss, start, 16), data)

    assert len(got) == -(-length // mss)
    header_size = 20 + len(options)
    assert b"".join(piece[start + header_size :] for piece in got) == payload
    assert all(len(piece) - start - header_size == mss for piece in got[:-1])
    for number, piece in enumerate(got):
        assert piece[: 14 + len(tag)] == data[: 14 + len(tag)]
        packet, part = piece[14 + len(tag) : start], piece[start:]
        assert is_right(version, TCP, part)
        assert int.from_bytes(part[4:8], "big") == 0xFFFF_FF00 + number * mss & 0xFFFF_FFFF
        assert part[8:13] + part[14:16] + part[18:header_size] == (
            segment[8:13] + segment[14:16] + segment[18:header_size]
        )
        if version == 4:
            assert checksum(packet) == 0
            assert packet[2:4] == size(packet + part)
            assert int.from_bytes(packet[4:6], "big") == 0xFFFF + number & 0xFFFF
        else:
            assert packet[4:6] == size(part)
    assert [piece[start + 13] for piece in got] == expected_flags(flags, len(got))


def expected_flags(flags: int, count: int) -> list[int]:
    """FIN and PSH are said with the last segment, CWR with the first."""
    kept = [flags & ~(FIN | PSH | CWR) for _ in range(count)]
    kept[-1] |= flags & (FIN | PSH)
    kept[0] |= flags & CWR
    return kept


@pytest.mark.parametrize("version", [4, 6])
@given(length=st.integers(1, 5000), size_bytes=st.integers(8, 1480))
def test_a_long_datagram_reaches_the_peer_as_fragments(
    version: int, length: int, size_bytes: int
) -> None:
    payload = bytes(n % 251 for n in range(length))
    datagram = partial(version, UDP, udp(payload), at=6)
    data = frame(version, ip(version, UDP, datagram, identification=77))
    start = len(data) - len(datagram)
    got = sent(started(), (CHECKSUM, GsoType.UDP, start + 8, size_bytes, start, 6), data)
    whole = put_together(version, got)
    assert is_right(version, UDP, whole)
    assert whole[8:] == payload
    assert len(datagram) <= size_bytes or all(len(part) <= 14 + 48 + size_bytes for part in got)


def put_together(version: int, pieces: list[bytes]) -> bytes:
    """By the offsets that the fragments have, one after the other without a gap."""
    if len(pieces) == 1:
        return pieces[0][34 if version == 4 else 54 :]
    whole, identities = b"", set()
    for number, piece in enumerate(pieces):
        packet = piece[14:]
        if version == 4:
            field, header = int.from_bytes(packet[6:8], "big"), 20
            offset, more = (field & 0x1FFF) * 8, bool(field & 0x2000)
            identities.add(packet[4:6])
            assert checksum(packet[:20]) == 0
            assert packet[2:4] == size(packet)
        else:
            field, header = int.from_bytes(packet[42:44], "big"), 48
            offset, more = field & ~7, bool(field & 1)
            identities.add(packet[44:48])
            assert (packet[6], packet[40]) == (FRAGMENT, UDP)
            assert packet[4:6] == size(packet[40:])
        assert (offset, more) == (len(whole), number < len(pieces) - 1)
        whole += packet[header:]
    assert len(identities) == 1
    return whole


START = 34
SEGMENT = frame(4, ip(4, TCP, tcp(bytes(3000))))


@pytest.mark.parametrize(
    ("header", "data", "why"),
    [
        ((CHECKSUM, 0, 0, 0, 50, 16), ethernet_frame(bytes(52)), "byte 66 of a frame of 66"),
        ((CHECKSUM, 0, 0, 0, 0xFFFF, 0xFFFF), SEGMENT, "a checksum is to go to byte 131070"),
        ((CHECKSUM, 2, 54, 1460, START, 16), SEGMENT, "gso_type 0x2; unknown"),
        ((CHECKSUM, GsoType.UDP_L4, 54, 1460, START, 16), SEGMENT, "gso_type 0x5; unknown"),
        ((CHECKSUM, GsoType.TCPV4 | GsoType.ECN, 54, 1460, START, 16), SEGMENT, "HOST_ECN"),
        ((0, GsoType.TCPV4, 54, 1460, START, 16), SEGMENT, "without NEEDS_CSUM"),
        ((CHECKSUM, GsoType.TCPV4, 54, 0, START, 16), SEGMENT, "pieces of no bytes"),
        ((CHECKSUM, GsoType.TCPV4, 54, 1460, START - 1, 16), SEGMENT, "header ends at byte 34"),
        ((CHECKSUM, GsoType.TCPV4, 54, 1460, 3040, 16), SEGMENT, "no header of TCP at byte 3040"),
        ((CHECKSUM, GsoType.TCPV4, 54, 1460, 40, 16), SEGMENT, "no header of TCP at byte 40"),
        ((CHECKSUM, GsoType.TCPV6, 54, 9, 14, 2), ethernet_frame(bytes(60)), "type 0x88b5"),
        ((0, GsoType.UDP, 0, 7, 0, 0), frame(4, ip(4, UDP, udp(bytes(99)))), "expected 8 or more"),
        ((0, GsoType.UDP, 0, 8, 0, 0), MACS + VLAN * 9, "a frame of the type"),
        ((0, GsoType.UDP, 0, 8, 0, 0), MACS + b"\x08\x00\x45", "header ends at byte 34"),
    ],
)
def test_a_header_that_asks_for_what_can_not_be_done_is_told_and_the_frame_does_not_leave(
    net: NetBench, header: tuple[int, ...], data: bytes, why: str
) -> None:
    assert sent(net, header, data) == []
    assert [used.written for used in net.queues[TX_QUEUE].take_used()] == [0]
    assert len(net.bench.violations) == 1
    assert why in net.bench.violations[0]
    assert not net.needs_reset


@pytest.mark.parametrize(
    ("feature", "header"),
    [
        (NetFeature.CSUM, (CHECKSUM, GsoType.NONE, 0, 0, START, 16)),
        (NetFeature.HOST_TSO4, (CHECKSUM, GsoType.TCPV4, 54, 1460, START, 16)),
        (NetFeature.HOST_TSO6, (CHECKSUM, GsoType.TCPV6, 54, 1460, START, 16)),
        (NetFeature.HOST_UFO, (CHECKSUM, GsoType.UDP, 54, 1460, START, 16)),
    ],
)
def test_what_was_not_negotiated_is_not_done(feature: int, header: tuple[int, ...]) -> None:
    net = NetBench()
    net.start(without=[feature])
    assert sent(net, header, SEGMENT) == []
    assert "was not negotiated" in net.bench.violations[0]


@given(header=st.binary(min_size=12, max_size=12), data=st.binary(min_size=14, max_size=200))
def test_whatever_a_driver_sends_the_machine_lives(header: bytes, data: bytes) -> None:
    net = started()
    net.send(data, header=header)
    net.send(SEGMENT, header=header)
    net.settle()
    assert not net.needs_reset
    assert len(net.queues[TX_QUEUE].take_used()) == 2
