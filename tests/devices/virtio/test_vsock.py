"""A vsock, and how its connections begin."""

from __future__ import annotations

import pytest

from emu.arch.vsock import HOST_CID, RX_QUEUE, Header, Operation
from emu.core.events import VsockPacket
from emu.devices.virtio.config import Offer
from emu.devices.virtio.vsock import (
    Collect,
    Discard,
    Echo,
    Endpoint,
    Stream,
    VsockConfig,
)
from emu.devices.virtio.vsock.connection import REQUEST_TIMEOUT_MS
from emu.devices.virtio.vsock.connections import (
    CONNECTIONS_MAX,
    LOCAL_PORT_FIRST,
    LOCAL_PORT_LAST,
)
from emu.errors import BoardError, MachineError
from tests.devices.virtio.driver import CYCLES_PER_S
from tests.devices.virtio.vsock_guest import CID, CYCLES_PER_MS, Guest, Log

PORT = 1024


# --- the device ----------------------------------------------------------------------------------


def test_the_configuration_space_is_the_cid() -> None:
    """5.10.4; a driver may read it in two words, as virtio-mmio makes it."""
    guest = Guest()
    assert guest.driver.config(0, 8) == CID
    assert (guest.driver.config(0, 4), guest.driver.config(4, 4)) == (CID, 0)


@pytest.mark.parametrize("cid", [0, 1, HOST_CID, 0xFFFF_FFFF, 1 << 32])
def test_reserved_cids_are_refused(cid: int) -> None:
    with pytest.raises(BoardError, match="CID"):
        VsockConfig(cid=cid).build(Guest(starts=False).bench.host, Offer(0))


def test_a_port_that_is_none_is_refused() -> None:
    with pytest.raises(BoardError, match="endpoint at port 0x100000000"):
        VsockConfig(endpoints={1 << 32: Echo()}).build(Guest(starts=False).bench.host, Offer(0))


# --- connections from the guest ------------------------------------------------------------------


def test_the_guest_connects_to_a_port_where_something_is() -> None:
    """And the answer tells the host's buffer: 64 KiB, nothing of it used (5.10.6.3)."""
    log = Log()
    guest = Guest({PORT: log})
    guest.send(guest.packet(PORT, 1025, Operation.REQUEST, buf_alloc=4096))
    (response,) = guest.receive()
    assert response.header == Header(
        HOST_CID, CID, PORT, 1025, operation=Operation.RESPONSE, buf_alloc=64 * 1024
    )
    assert log.told == ["opened"]
    assert guest.bench.violations == []


def test_where_nothing_is_the_guest_is_refused() -> None:
    """5.10.6.5; as in Firecracker, such an RST tells no buffer."""
    guest = Guest({PORT: Echo()})
    guest.send(guest.packet(PORT + 1, 1025, Operation.REQUEST, buf_alloc=4096))
    (reset,) = guest.receive()
    assert reset.header == Header(HOST_CID, CID, PORT + 1, 1025, operation=Operation.RST)
    assert guest.device.connections == 0


def test_an_endpoint_that_comes_later_is_found() -> None:
    guest = Guest()
    guest.device.listen(PORT, Echo())
    guest.connect(PORT)


def test_what_the_guest_sends_comes_back_from_an_echo() -> None:
    guest = Guest({PORT: Echo()})
    socket = guest.connect(PORT)
    assert socket.write(b"hello") == 5
    socket.poll()
    assert socket.read() == b"hello"


def test_an_endpoint_can_send_before_the_guest_knows_that_it_is_connected() -> None:
    """The answer to its request comes first."""

    class Greeting(Endpoint):
        def opened(self, stream: Stream) -> None:
            stream.send(b"welcome")

    guest = Guest({PORT: Greeting()})
    guest.send(guest.packet(PORT, 1025, Operation.REQUEST, buf_alloc=4096))
    response, data = guest.receive()
    assert response.operation is Operation.RESPONSE
    assert (data.operation, data.payload) == (Operation.RW, b"welcome")


def test_an_endpoint_can_refuse_a_connection() -> None:
    class Refusal(Endpoint):
        def opened(self, stream: Stream) -> None:
            stream.abort()

    guest = Guest({PORT: Refusal()})
    guest.send(guest.packet(PORT, 1025, Operation.REQUEST, buf_alloc=4096))
    assert guest.operations() == ["RST"]
    assert guest.device.connections == 0


def test_the_most_connections_are_firecrackers() -> None:
    """The next one is refused on either side, and can be had once another one has ended."""
    guest = Guest({PORT: Discard()})
    for port in range(CONNECTIONS_MAX):
        guest.send(guest.packet(PORT, port, Operation.REQUEST))
    assert guest.operations() == ["RESPONSE"] * CONNECTIONS_MAX
    guest.send(guest.packet(PORT, CONNECTIONS_MAX, Operation.REQUEST))
    assert guest.operations() == ["RST"]
    with pytest.raises(MachineError, match="1023 connections"):
        guest.device.open_stream(1, Discard())
    guest.send(guest.packet(PORT, 0, Operation.RST))
    guest.send(guest.packet(PORT, CONNECTIONS_MAX, Operation.REQUEST))
    assert guest.operations() == ["RESPONSE"]


# --- connections from the host -------------------------------------------------------------------


def test_the_host_connects_to_a_port_of_the_guest() -> None:
    log = Log()
    guest = Guest()
    stream = guest.device.open_stream(22, log)
    (request,) = guest.receive()
    assert request.header == Header(
        HOST_CID, CID, LOCAL_PORT_FIRST, 22, operation=Operation.REQUEST, buf_alloc=64 * 1024
    )
    assert log.told == []
    socket = guest.accept(request)
    assert log.told == ["opened"]
    stream.send(b"to the guest")
    socket.poll()
    assert socket.read() == b"to the guest"
    socket.write(b"to the host")
    assert log.told == ["opened", "drained", "received b'to the host'"]
    assert guest.bench.violations == []


def test_the_guest_refuses_a_connection() -> None:
    """The endpoint is told that it is gone, and never that it was there."""
    log = Log()
    guest = Guest()
    guest.device.open_stream(22, log)
    guest.send(guest.packet(LOCAL_PORT_FIRST, 22, Operation.RST))
    assert log.told == ["closed"]
    assert guest.device.connections == 0


def test_local_ports_are_handed_out_in_turn() -> None:
    """Firecracker's `allocate_local_port`: from 2^30 to below 2^31, those in use left out."""
    guest = Guest()
    ports = [guest.device.open_stream(22, Discard()).host_port for _ in range(3)]
    assert ports == [LOCAL_PORT_FIRST, LOCAL_PORT_FIRST + 1, LOCAL_PORT_FIRST + 2]
    state = guest.device.state()
    assert state.local_port_last == LOCAL_PORT_FIRST + 2
    state.local_port_last = LOCAL_PORT_LAST
    guest.device.load_state(state)
    assert guest.device.open_stream(22, Discard()).host_port == LOCAL_PORT_FIRST + 3


def test_a_port_is_not_used_again_at_once() -> None:
    guest = Guest()
    guest.device.open_stream(22, Discard())
    guest.send(guest.packet(LOCAL_PORT_FIRST, 22, Operation.RST))
    assert guest.device.open_stream(22, Discard()).host_port == LOCAL_PORT_FIRST + 1


def test_a_connection_waits_for_the_driver() -> None:
    """Before it has started the device, through its reset, and until it has given buffers: the
    guest has 2 s from when it is told.
    """
    log = Log()
    guest = Guest(rx_buffers=0, starts=False)
    guest.device.open_stream(22, log)
    guest.driver["Status"] = 0
    guest.start()
    guest.bench.advance(10 * CYCLES_PER_S)
    assert log.told == []
    guest.driver.queues[RX_QUEUE].offer(4096)
    guest.notify(RX_QUEUE)
    guest.accept(guest.receive()[0])
    assert log.told == ["opened"]


def test_a_request_expires() -> None:
    """Firecracker's `CONN_REQUEST_TIMEOUT_MS`, in virtual time."""
    log = Log()
    guest = Guest()
    guest.device.open_stream(22, log)
    guest.bench.advance(REQUEST_TIMEOUT_MS * CYCLES_PER_MS - 1)
    assert guest.operations() == ["REQUEST"]
    guest.bench.advance(1)
    assert guest.operations() == ["RST"]
    assert log.told == ["closed"]


def test_a_request_that_was_accepted_does_not_expire() -> None:
    guest = Guest()
    guest.device.open_stream(22, Discard())
    socket = guest.accept(guest.receive()[0])
    guest.bench.advance(10 * CYCLES_PER_S)
    socket.poll()
    assert socket.is_connected


# --- turns ---------------------------------------------------------------------------------------


def test_connections_take_turns() -> None:
    """One that has much to say does not keep the others waiting."""
    guest = Guest(rx_buffers=0)
    streams = [guest.device.open_stream(port, Discard()) for port in (1, 2)]
    queue = guest.driver.queues[RX_QUEUE]
    for _ in streams:
        queue.offer(4096)
    guest.notify(RX_QUEUE)
    for request in guest.receive(refill=False):
        guest.accept(request)
    for stream in streams:
        stream.send(bytes(3 * 1000))
    for _ in range(6):
        queue.offer(44 + 1000)
    guest.notify(RX_QUEUE)
    assert [packet.header.dst_port for packet in guest.receive(refill=False)] == [1, 2] * 3


def test_packets_are_events() -> None:
    guest = Guest({PORT: Collect()})
    socket = guest.connect(PORT)
    socket.write(b"hello")
    assert [event for event in guest.bench.log if isinstance(event, VsockPacket)] == [
        VsockPacket("vsock", True, "REQUEST", PORT, 1025, 0),
        VsockPacket("vsock", False, "RESPONSE", PORT, 1025, 0),
        VsockPacket("vsock", True, "RW", PORT, 1025, 5),
    ]
