"""Bytes of a vsock arrive once and in order, and neither end sends what the other can't hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.arch.vsock import HEADER_SIZE_BYTES, RX_QUEUE, Operation
from emu.devices.virtio.vsock import Collect, Echo, Endpoint, Stream
from emu.devices.virtio.vsock.credit import (
    BUFFER_SIZE_BYTES,
    UPDATE_THRESHOLD_BYTES,
    GuestBuffer,
    HostBuffer,
)
from emu.devices.virtio.vsock.endpoints import ECHO_QUEUE_SIZE_BYTES
from tests.devices.virtio.vsock_guest import CID, Guest, Packet, Socket

PORT = 1024


def pattern(size: int, seed: int) -> bytes:
    """Bytes in which a lost, repeated or moved piece shows."""
    return bytes((n * n + n // 7 + seed * 31) & 0xFF for n in range(size))


# --- both ways, in any order -----------------------------------------------------------------


@dataclass
class Pair:
    """Two ends of a connection, and what each of them has sent and got."""

    guest: Guest
    socket: Socket
    stream: Stream
    endpoint: Collect
    to_guest: bytearray = field(default_factory=bytearray)
    at_guest: bytearray = field(default_factory=bytearray)
    to_host: bytearray = field(default_factory=bytearray)

    def host_sends(self, size: int) -> None:
        data = pattern(size, len(self.to_guest))
        self.to_guest += data
        self.stream.send(data)

    def guest_sends(self, size: int) -> None:
        data = pattern(size, len(self.to_host))
        self.to_host += data[: self.socket.write(data)]

    def guest_reads(self, size: int) -> None:
        self.at_guest += self.socket.read(size)

    def check(self) -> None:
        """What has arrived is the beginning of what was sent."""
        assert self.to_guest.startswith(self.at_guest)
        assert self.to_host.startswith(self.endpoint.data)


ACTIONS: dict[str, Callable[[Pair, int], None]] = {
    "the host sends": Pair.host_sends,
    "the guest sends": Pair.guest_sends,
    "the guest reads": Pair.guest_reads,
    "the guest takes packets": lambda pair, _: pair.socket.poll(),
    "the endpoint pauses": lambda pair, _: pair.stream.pause(),
    "the endpoint resumes": lambda pair, _: pair.stream.resume(),
    "time passes": lambda pair, size: pair.guest.bench.advance(size),
}


@dataclass(frozen=True)
class Scale:
    """Sizes in bytes that go together: of the guest's socket, of its buffers, of what is sent."""

    buf_alloc: st.SearchStrategy[int]
    room: st.SearchStrategy[int]
    step: st.SearchStrategy[int]


SCALES = {
    "bytes": Scale(st.integers(1, 99), st.integers(1, 40), st.integers(1, 200)),
    "packets": Scale(
        st.integers(1 << 10, 1 << 17),
        st.integers(1 << 9, 1 << 13),
        st.integers(1, BUFFER_SIZE_BYTES),
    ),
}


@given(
    data=st.data(),
    scale=st.sampled_from(sorted(SCALES)),
    rx_buffers=st.integers(1, 4),
    latency_cycles=st.sampled_from([0, 100]),
)
@settings(deadline=None)
def test_every_byte_arrives_once_and_in_order(
    data: st.DataObject, scale: str, rx_buffers: int, latency_cycles: int
) -> None:
    """Both ways at once, whatever the sizes of buffers and whoever dawdles. `Socket` raises if the
    device sends more than it has room for, and the device tells of a guest that does.
    """
    room, step = data.draw(SCALES[scale].room), SCALES[scale].step
    guest = Guest(
        rx_buffers=rx_buffers,
        rx_size_bytes=HEADER_SIZE_BYTES + room,
        latency_cycles=latency_cycles,
    )
    endpoint = Collect()
    stream = guest.device.open_stream(22, endpoint)
    guest.bench.advance(latency_cycles)
    socket = guest.accept(guest.receive()[0], data.draw(SCALES[scale].buf_alloc))
    guest.bench.advance(latency_cycles)
    pair = Pair(guest, socket, stream, endpoint)
    for name in data.draw(st.lists(st.sampled_from(sorted(ACTIONS)), max_size=40)):
        ACTIONS[name](pair, data.draw(step))
        pair.check()
    stream.resume()
    while len(pair.at_guest) < len(pair.to_guest):
        before = len(pair.at_guest)
        for _ in range(4):  # what is on the way, credit, what that brings
            guest.bench.advance(latency_cycles)
            socket.poll()
            pair.at_guest += socket.read()
        assert len(pair.at_guest) > before, "nothing moves"
    guest.bench.advance(latency_cycles)
    assert pair.at_guest == pair.to_guest
    assert endpoint.data == pair.to_host
    assert guest.bench.violations == []


# --- the guest's room ----------------------------------------------------------------------------


def receive_all(guest: Guest) -> list[tuple[str, int]]:
    """Operation and size of each packet that has come."""
    return [(packet.operation.name, packet.header.size_bytes) for packet in guest.receive()]


def opened(guest: Guest, endpoint: Endpoint, buf_alloc: int) -> tuple[Stream, Socket]:
    """A connection from the host."""
    stream = guest.device.open_stream(22, endpoint)
    return stream, guest.accept(guest.receive()[0], buf_alloc)


def test_a_guest_without_room_is_asked_once() -> None:
    """CREDIT_REQUEST (5.10.6.3), and then the host waits for any packet that tells of room."""
    guest = Guest()
    stream, socket = opened(guest, Collect(), buf_alloc=10)
    stream.send(bytes(25))
    assert receive_all(guest) == [("RW", 10), ("CREDIT_REQUEST", 0)]
    stream.send(bytes(5))
    socket.send_control(Operation.CREDIT_UPDATE)
    assert receive_all(guest) == []
    guest.send(guest.packet(socket.host_port, 22, Operation.CREDIT_UPDATE, buf_alloc=10, fwd_cnt=4))
    assert receive_all(guest) == [("RW", 4), ("CREDIT_REQUEST", 0)]


def test_any_packet_tells_of_room() -> None:
    guest = Guest()
    stream, socket = opened(guest, Collect(), buf_alloc=0)
    stream.send(bytes(5))
    assert receive_all(guest) == [("CREDIT_REQUEST", 0)]
    header = guest.packet(socket.host_port, 22, Operation.RW, size_bytes=1, buf_alloc=5, fwd_cnt=0)
    guest.send(header, b"x")
    assert receive_all(guest) == [("RW", 5)]


def test_a_smaller_buffer_of_the_guest_is_no_room() -> None:
    """What is on the way is more than it can hold now: there is none, and not 4 GiB."""
    guest = Guest()
    stream, socket = opened(guest, Collect(), buf_alloc=100)
    stream.send(bytes(100))
    stream.send(bytes(50))
    guest.receive()
    for fwd_cnt, sent in ((0, []), (90, []), (95, [("RW", 5), ("CREDIT_REQUEST", 0)])):
        header = guest.packet(
            socket.host_port, 22, Operation.CREDIT_UPDATE, buf_alloc=10, fwd_cnt=fwd_cnt
        )
        guest.send(header)
        assert receive_all(guest) == sent


def test_a_packet_is_as_large_as_the_buffer_it_goes_to() -> None:
    guest = Guest(rx_buffers=0)
    stream, _ = _opened_with_a_buffer(guest)
    stream.send(bytes(1000))
    for size in (100, 300, 5000):
        guest.driver.queues[RX_QUEUE].offer(HEADER_SIZE_BYTES + size)
    guest.notify(RX_QUEUE)
    assert [len(packet.payload) for packet in guest.receive(refill=False)] == [100, 300, 600]


def test_the_largest_packet_is_firecrackers() -> None:
    """64 KiB (`MAX_PKT_BUF_SIZE`), whatever the guest has room for."""
    guest = Guest(rx_size_bytes=1 << 20)
    stream, _ = opened(guest, Collect(), buf_alloc=1 << 20)
    stream.send(bytes(100_000))
    assert receive_all(guest) == [("RW", 65536), ("RW", 34464)]


def test_a_buffer_with_room_for_a_header_takes_no_data() -> None:
    """It gets a packet without any, and the driver is blamed; the data wait for a better one."""
    guest = Guest(rx_buffers=0)
    stream, _ = _opened_with_a_buffer(guest)
    stream.send(b"data")
    queue = guest.driver.queues[RX_QUEUE]
    queue.offer(HEADER_SIZE_BYTES)
    queue.offer(HEADER_SIZE_BYTES + 4)
    guest.notify(RX_QUEUE)
    first, second = guest.receive(refill=False)
    assert (first.operation, second.payload) == (Operation.CREDIT_UPDATE, b"data")
    assert guest.bench.violations == ["a buffer of the rx queue has no room for data"]


def _opened_with_a_buffer(guest: Guest) -> tuple[Stream, Socket]:
    """A connection from the host, to a guest that has no buffers otherwise."""
    stream = guest.device.open_stream(22, Collect())
    guest.driver.queues[RX_QUEUE].offer(HEADER_SIZE_BYTES)
    guest.notify(RX_QUEUE)
    return stream, guest.accept(guest.receive(refill=False)[0])


# --- the host's room -----------------------------------------------------------------------------


def test_a_guest_with_credit_can_fill_the_buffer_and_no_more() -> None:
    guest = Guest()
    endpoint = Collect()
    stream, socket = opened(guest, endpoint, buf_alloc=1 << 18)
    stream.pause()
    assert socket.write(bytes(100_000)) == BUFFER_SIZE_BYTES
    assert socket.write(b"more") == 0
    assert endpoint.data == b""
    stream.resume()
    assert len(endpoint.data) == BUFFER_SIZE_BYTES
    socket.poll()
    assert socket.write(b"more") == 4
    assert guest.bench.violations == []


def test_the_guest_is_told_of_room_when_it_knows_of_little() -> None:
    """Firecracker's `CONN_CREDIT_UPDATE_THRESHOLD`: less than 4 KiB, and not before."""
    guest = Guest()
    _, socket = opened(guest, Collect(), buf_alloc=1 << 18)
    at_the_threshold = BUFFER_SIZE_BYTES - UPDATE_THRESHOLD_BYTES
    socket.write(bytes(at_the_threshold))
    assert receive_all(guest) == []
    socket.write(b"x")
    (packet,) = guest.receive()
    assert packet.operation is Operation.CREDIT_UPDATE
    assert packet.header.fwd_cnt == at_the_threshold + 1
    assert packet.header.buf_alloc == BUFFER_SIZE_BYTES


def test_data_tell_of_room_as_well() -> None:
    """No packet is wasted on a credit update that a packet of data makes needless."""
    guest = Guest({PORT: Echo()}, rx_size_bytes=1 << 17)
    socket = guest.connect(PORT)
    socket.write(bytes(BUFFER_SIZE_BYTES))
    (packet,) = guest.receive()
    assert (packet.operation, packet.header.fwd_cnt) == (Operation.RW, BUFFER_SIZE_BYTES)


def test_a_credit_request_is_answered() -> None:
    guest = Guest()
    _, socket = opened(guest, Collect(), buf_alloc=1 << 18)
    socket.write(b"12345")
    socket.send_control(Operation.CREDIT_REQUEST)
    (packet,) = guest.receive()
    assert packet.operation is Operation.CREDIT_UPDATE
    assert (packet.header.buf_alloc, packet.header.fwd_cnt) == (BUFFER_SIZE_BYTES, 5)


def test_an_echo_does_not_pile_up_what_the_guest_has_no_room_for() -> None:
    """So that a guest that only sends can't fill the host's memory; all comes when it has room."""
    guest = Guest({PORT: Echo()})
    socket = guest.connect(PORT, buf_alloc=0)
    sent = bytearray()
    for number in range(20):
        data = pattern(BUFFER_SIZE_BYTES, number)
        sent += data[: socket.write(data)]
        socket.poll()
    assert len(sent) <= ECHO_QUEUE_SIZE_BYTES + 2 * BUFFER_SIZE_BYTES
    socket.buf_alloc = 1 << 18
    socket.send_control(Operation.CREDIT_UPDATE)
    socket.poll()
    assert socket.read() == sent


# --- lies ------------------------------------------------------------------------------------


def test_data_beyond_the_credit_break_the_connection_when_there_is_no_room() -> None:
    """5.10.6.3 forbids them; Firecracker answers by RST (`TxBufFull`)."""
    guest = Guest()
    endpoint = Collect()
    stream, socket = opened(guest, endpoint, buf_alloc=1 << 18)
    stream.pause()
    socket.write(bytes(BUFFER_SIZE_BYTES))
    guest.send(
        guest.packet(socket.host_port, 22, Operation.RW, size_bytes=1, buf_alloc=1 << 18), b"x"
    )
    assert guest.operations() == ["RST"]
    assert endpoint.gone == 1
    assert "beyond the credit" in guest.bench.violations[0]


def test_data_beyond_the_credit_are_taken_when_there_is_room() -> None:
    """As Firecracker does, which does not look; but the driver is blamed."""
    guest = Guest(rx_buffers=0)
    _, socket = _opened_with_a_buffer(guest)
    for _ in range(2):
        header = guest.packet(
            socket.host_port, 22, Operation.RW, size_bytes=BUFFER_SIZE_BYTES, buf_alloc=1 << 18
        )
        guest.send(header, bytes(BUFFER_SIZE_BYTES))
    assert guest.device.connections == 1
    assert ["beyond the credit" in reason for reason in guest.bench.violations] == [True]


@pytest.mark.parametrize("fwd_cnt", [11, 0xFFFF_FFFF, 1 << 31])
def test_a_guest_that_says_to_have_taken_more_than_was_sent_has_no_larger_buffer(
    fwd_cnt: int,
) -> None:
    guest = Guest()
    stream, socket = opened(guest, Collect(), buf_alloc=10)
    stream.send(bytes(100))
    guest.receive()
    header = guest.packet(
        socket.host_port, 22, Operation.CREDIT_UPDATE, buf_alloc=10, fwd_cnt=fwd_cnt
    )
    guest.send(header)
    assert all(size <= 10 for _, size in receive_all(guest))
    assert any("fwd_cnt" in reason for reason in guest.bench.violations)


def test_who_has_taken_more_than_was_sent_has_an_empty_buffer() -> None:
    """So that a guest that counts wrong by a little is not stalled."""
    buffer = GuestBuffer(10)
    buffer.count_sent(10)
    assert buffer.room_bytes == 0
    assert not buffer.update(10, 11)
    assert buffer.room_bytes == 10


# --- the counters ------------------------------------------------------------------------------


@given(
    rounds=st.lists(st.integers(1, 1 << 30), min_size=8, max_size=20),
    buffer=st.integers(1 << 30, 1 << 31),
)
def test_counters_of_the_guests_buffer_wrap(rounds: list[int], buffer: int) -> None:
    """They are free-running, of 32 bits (5.10.6.3)."""
    guest_buffer = GuestBuffer(buffer)
    sent = 0
    for size in rounds:
        assert guest_buffer.room_bytes == buffer
        guest_buffer.count_sent(size)
        sent += size
        assert guest_buffer.room_bytes == buffer - size
        assert guest_buffer.update(buffer, sent & 0xFFFF_FFFF)


def test_the_host_tells_its_counter_modulo_2_to_the_32() -> None:
    buffer = HostBuffer()
    for _ in range((1 << 32) // BUFFER_SIZE_BYTES):
        assert buffer.put(b"\0" * BUFFER_SIZE_BYTES)
        buffer.take()
    assert buffer.forwarded == 0
    assert buffer.credit_bytes < 0


def test_packets_go_from_and_to_the_right_addresses() -> None:
    guest = Guest()
    stream, _ = opened(guest, Collect(), buf_alloc=100)
    stream.send(b"x")
    (packet,) = guest.receive()
    assert isinstance(packet, Packet)
    assert (packet.header.src_cid, packet.header.dst_cid) == (2, CID)
