"""What a driver of a vsock can do wrong: it is told, and the device and the machine live."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.arch.vsock import (
    EVENT_QUEUE,
    HEADER_SIZE_BYTES,
    RX_QUEUE,
    TX_QUEUE,
    Header,
    Operation,
    ShutdownFlags,
    SocketType,
)
from emu.core.events import VsockPacketDropped
from emu.devices.virtio.vsock import Collect, Echo, Endpoint, Stream
from emu.devices.virtio.vsock.connections import LOCAL_PORT_FIRST, RESETS_MAX
from tests.devices.virtio.driver import OUTSIDE_RAM, Part, Used
from tests.devices.virtio.vsock_guest import CID, Guest

PORT = 1024
WITHOUT_CONNECTION = [n for n in range(1 << 16) if n != Operation.REQUEST]


def dropped(guest: Guest) -> list[str]:
    """Why packets came to nothing."""
    return [event.reason for event in guest.bench.log if isinstance(event, VsockPacketDropped)]


def is_alive(guest: Guest) -> bool:
    """Whether a connection to the echo works."""
    guest.receive()
    socket = guest.connect(PORT, 4999)
    socket.write(b"alive")
    socket.poll()
    return socket.read() == b"alive" and not guest.driver.needs_reset


# --- addresses -----------------------------------------------------------------------------------


def test_a_packet_from_another_cid_is_dropped() -> None:
    """5.10.6.4: the driver must use its own."""
    guest = Guest({PORT: Echo()})
    guest.send(Header(CID + 1, 2, 1025, PORT, operation=Operation.REQUEST))
    assert guest.operations() == []
    assert guest.bench.violations == ["a packet comes from CID 0x6; the guest's is 0x5"]
    assert is_alive(guest)


@pytest.mark.parametrize("cid", [0, 1, 3, CID, 0xFFFF_FFFF, 2 | 1 << 32])
def test_a_packet_to_another_cid_is_dropped(cid: int) -> None:
    """As Firecracker does: there is nobody but the host. No rule forbids to try."""
    guest = Guest({PORT: Echo()})
    guest.send(Header(CID, cid, 1025, PORT, operation=Operation.REQUEST))
    assert guest.operations() == []
    assert guest.bench.violations == []
    assert dropped(guest) == [f"a packet goes to CID {cid:#x}, not to the host"]
    assert is_alive(guest)


@pytest.mark.parametrize("kind", [0, SocketType.SEQPACKET, 3, 0xFFFF])
def test_a_type_that_is_not_known_is_reset(kind: int) -> None:
    """5.10.6.4; SEQPACKET is not offered, so it is not known."""
    guest = Guest({PORT: Echo()})
    guest.send(guest.packet(PORT, 1025, Operation.REQUEST, type=kind))
    (packet,) = guest.receive()
    assert packet.operation is Operation.RST
    assert packet.header.type == SocketType.STREAM
    assert is_alive(guest)


# --- operations ----------------------------------------------------------------------------------


@given(operation=st.sampled_from(WITHOUT_CONNECTION))
def test_what_belongs_to_no_connection_is_reset(operation: int) -> None:
    """As Firecracker does, whatever the operation is, known or not, RST included."""
    guest = Guest({PORT: Echo()})
    guest.send(guest.packet(PORT, 1025, operation))
    (packet,) = guest.receive()
    assert packet.operation is Operation.RST
    assert (packet.header.src_port, packet.header.dst_port) == (PORT, 1025)
    assert is_alive(guest)


@pytest.mark.parametrize("operation", [0, Operation.REQUEST, Operation.RESPONSE, 8, 0xFFFF])
def test_what_makes_no_sense_for_a_connection_is_dropped(operation: int) -> None:
    """As Firecracker does; the connection goes on."""
    guest = Guest({PORT: Echo()})
    socket = guest.connect(PORT)
    guest.send(guest.packet(PORT, 1025, operation, buf_alloc=4096))
    assert guest.operations() == []
    assert len(dropped(guest)) == 1
    socket.write(b"still here")
    socket.poll()
    assert socket.read() == b"still here"


def test_data_before_the_host_has_answered_are_dropped() -> None:
    """As Firecracker does: the guest can't know yet that it is connected."""
    endpoint = Collect()
    guest = Guest({PORT: endpoint}, rx_buffers=0)
    guest.send(guest.packet(PORT, 1025, Operation.REQUEST, buf_alloc=4096))
    guest.send(guest.packet(PORT, 1025, Operation.RW, size_bytes=5), b"early")
    assert endpoint.data == b""
    assert "ACCEPTED" in dropped(guest)[0]


def test_data_that_were_not_to_come_are_dropped() -> None:
    """5.10.6.5: who has said that it sends no more can't take that back."""

    class Count(Endpoint):
        received_size_bytes = 0

        def received(self, stream: Stream, data: bytes) -> None:
            self.received_size_bytes += len(data)

    endpoint = Count()
    guest = Guest({PORT: endpoint})
    socket = guest.connect(PORT)
    socket.close(ShutdownFlags.SEND.mask)
    socket.write(b"late")
    assert endpoint.received_size_bytes == 0
    assert len(dropped(guest)) == 1


def test_a_packet_of_data_without_any_is_dropped() -> None:
    endpoint = Collect()
    guest = Guest({PORT: endpoint})
    guest.connect(PORT)
    guest.send(guest.packet(PORT, 1025, Operation.RW))
    assert endpoint.data == b""
    assert len(dropped(guest)) == 1


def test_only_so_many_resets_wait_for_buffers() -> None:
    """So that a guest that gives none can't fill the host's memory."""
    guest = Guest({PORT: Echo()}, rx_buffers=0)
    for port in range(RESETS_MAX + 3):
        guest.send(guest.packet(PORT, port, Operation.RW))
    assert sum("wait for buffers already" in reason for reason in dropped(guest)) == 3
    for _ in range(8):
        guest.driver.queues[RX_QUEUE].offer(4096)
    guest.notify(RX_QUEUE)
    assert guest.operations() == ["RST"] * RESETS_MAX


# --- chains of the tx queue ----------------------------------------------------------------------

HEADER = Header(CID, 2, 1025, PORT, operation=Operation.RW, size_bytes=100).pack()


@pytest.mark.parametrize(
    "chain",
    [
        pytest.param((HEADER[:-1],), id="shorter than a header"),
        pytest.param((HEADER, bytes(99)), id="shorter than its header says"),
        pytest.param((HEADER, bytes(100), 1), id="with a part to write"),
        pytest.param((44,), id="to write"),
        pytest.param(
            (Header(CID, 2, 1025, PORT, operation=Operation.RW, size_bytes=65537).pack(),
             bytes(65537)),
            id="longer than a packet can be",
        ),
        pytest.param(
            (Header(CID, 2, 1025, PORT, operation=Operation.RW, size_bytes=0xFFFF_FFFF).pack(),),
            id="with the largest length",
        ),
    ],
)  # fmt: skip
def test_a_chain_that_is_no_packet_is_given_back(chain: tuple[bytes | int, ...]) -> None:
    """With nothing written, as Firecracker does; what follows is taken."""
    endpoint = Collect()
    guest = Guest({PORT: Echo(), PORT + 1: endpoint})
    guest.connect(PORT + 1)
    queue = guest.driver.queues[TX_QUEUE]
    head = queue.offer(*chain)
    guest.notify(TX_QUEUE)
    assert queue.take_used() == [Used(head, 0)]
    assert len(guest.bench.violations) == 1
    assert endpoint.data == b""
    assert is_alive(guest)


def test_buffers_may_be_longer_than_the_data() -> None:
    """And cut anywhere (5.10.6): only the first `len` bytes count."""
    endpoint = Collect()
    guest = Guest({PORT: endpoint})
    guest.connect(PORT)
    raw = guest.packet(PORT, 1025, Operation.RW, size_bytes=5).pack() + b"dataand more"
    guest.send_raw(raw[:3], raw[3:46], raw[46:])
    assert endpoint.data == b"dataa"
    assert guest.bench.violations == []


def test_a_packet_outside_ram_needs_a_reset() -> None:
    guest = Guest({PORT: Echo()})
    guest.driver.queues[TX_QUEUE].offer(Part(OUTSIDE_RAM, 44, is_writable=False))
    guest.notify(TX_QUEUE)
    assert guest.driver.needs_reset
    guest.driver["Status"] = 0
    guest.start()
    assert is_alive(guest)


# --- chains of the rx queue ----------------------------------------------------------------------


@pytest.mark.parametrize("chain", [(HEADER_SIZE_BYTES - 1,), (b"to read",), (b"to read", 4096)])
def test_a_buffer_that_takes_no_packet_is_given_back(chain: tuple[int | bytes, ...]) -> None:
    """With nothing written, as Firecracker does; the packet goes to the next one."""
    guest = Guest({PORT: Echo()}, rx_buffers=0)
    queue = guest.driver.queues[RX_QUEUE]
    bad, good = queue.offer(*chain), queue.offer(HEADER_SIZE_BYTES)
    guest.notify(RX_QUEUE)
    guest.send(guest.packet(PORT, 1025, Operation.REQUEST))
    assert queue.take_used() == [Used(bad, 0), Used(good, HEADER_SIZE_BYTES)]
    assert len(guest.bench.violations) == 1


def test_a_packet_can_be_cut_into_any_buffers() -> None:
    guest = Guest({PORT: Echo()}, rx_buffers=0)
    queue = guest.driver.queues[RX_QUEUE]
    head = queue.offer(1, 40, 3, 4096)
    guest.notify(RX_QUEUE)
    guest.send(guest.packet(PORT, 1025, Operation.REQUEST))
    assert Header.unpack(queue.content(head)).operation == Operation.RESPONSE


# --- anything --------------------------------------------------------------------------------

CONTENTS = st.lists(
    st.one_of(
        st.binary(max_size=100),
        st.integers(1, 100),
        st.builds(
            lambda header, data: header.pack() + data,
            st.builds(
                Header,
                st.sampled_from([CID, 2]),
                st.sampled_from([2, CID]),
                st.sampled_from([22, 1025]),
                st.sampled_from([PORT, LOCAL_PORT_FIRST]),
                st.integers(0, 12),
                st.sampled_from([1, 1, 1, 2]),
                st.integers(0, 9),
                st.integers(0, 3),
                st.integers(0, 0xFFFF_FFFF),
                st.integers(0, 0xFFFF_FFFF),
            ),
            st.binary(max_size=10),
        ),
    ),
    min_size=1,
    max_size=3,
)


class Talker(Endpoint):
    """Says something whenever it is called."""

    def opened(self, stream: Stream) -> None:
        stream.send(bytes(100))

    def received(self, stream: Stream, data: bytes) -> None:
        if stream.is_open:
            stream.send(data)

    def ended(self, stream: Stream) -> None:
        stream.close()


@given(
    offers=st.lists(st.tuples(st.sampled_from([RX_QUEUE, TX_QUEUE, EVENT_QUEUE]), CONTENTS),
                    max_size=30),
    late=st.booleans(),
)  # fmt: skip
@settings(deadline=None)
def test_whatever_a_driver_offers_the_device_lives(
    offers: list[tuple[int, list[bytes | int]]], late: bool
) -> None:
    """In any queue: no error leaves the device, and after a reset it works."""
    guest = Guest({PORT: Talker()}, rx_buffers=0)
    guest.device.open_stream(22, Talker())
    for queue, contents in offers:
        ordered = sorted(contents, key=lambda content: isinstance(content, int))
        guest.driver.queues[queue].offer(*ordered)
        guest.notify(queue)
        guest.driver.queues[queue].take_used()
        if guest.driver.queues[queue].outstanding > 4:  # there are 16 descriptors
            break
    if late:
        guest.bench.advance(1 << 40)
    guest.driver["Status"] = 0
    guest.start()
    guest.device.listen(PORT, Echo())
    for _ in range(8):
        guest.driver.queues[RX_QUEUE].offer(4096)
    guest.notify(RX_QUEUE)
    assert is_alive(guest)
