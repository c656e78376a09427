"""A guest that speaks vsock, for tests: packets by hand, and sockets as Linux has them.

`Socket` keeps its credit as Linux 6.12 does (`net/vmw_vsock/virtio_transport_common.c`), and raises
`AssertionError` where the device sends more than there is room for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from emu.arch.virtio import Feature
from emu.arch.virtqueue import used_ring_size_bytes
from emu.arch.vsock import (
    EVENT,
    EVENT_QUEUE,
    HEADER_SIZE_BYTES,
    HOST_CID,
    QUEUES,
    RX_QUEUE,
    TX_QUEUE,
    Header,
    Operation,
    ShutdownFlags,
)
from emu.devices.virtio.config import Offer
from emu.devices.virtio.vsock import Endpoint, Stream, Vsock, VsockConfig
from tests.devices.virtio.driver import CYCLES_PER_S, Bench, Driver

CID: Final = 5
IN_ORDER: Final = 35
OFFER: Final = Offer(1 << Feature.VERSION_1 | 1 << Feature.EVENT_IDX | 1 << IN_ORDER)
BOTH: Final = ShutdownFlags.SEND.mask | ShutdownFlags.RECEIVE.mask
CYCLES_PER_MS: Final = CYCLES_PER_S // 1000
MAX_PACKET: Final = 64 * 1024
_U32: Final = 0xFFFF_FFFF


class Packet(NamedTuple):
    """A packet from the host."""

    header: Header
    payload: bytes

    @property
    def operation(self) -> Operation:
        return Operation(self.header.operation)


class Log(Endpoint):
    """An endpoint that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def opened(self, stream: Stream) -> None:
        self.told.append("opened")

    def received(self, stream: Stream, data: bytes) -> None:
        self.told.append(f"received {data!r}")

    def drained(self, stream: Stream) -> None:
        self.told.append("drained")

    def ended(self, stream: Stream) -> None:
        self.told.append("ended")

    def closed(self, stream: Stream) -> None:
        self.told.append("closed")


class Guest:
    """A guest whose driver has started the device. It notifies when it has to, and not else.

    Args:
        endpoints: what is at the host's ports.
        rx_buffers: how many it has for packets; they are offered again when they come back.
        rx_size_bytes: size of each.
        events: how many buffers it has for events.
        latency_cycles: how long the device waits until it looks at a queue.
        starts: whether the driver starts the device, or a test does that later.
    """

    def __init__(
        self,
        endpoints: Mapping[int, Endpoint] | None = None,
        *,
        rx_buffers: int = 8,
        rx_size_bytes: int = 4096,
        events: int = 4,
        latency_cycles: int = 0,
        starts: bool = True,
    ) -> None:
        self.bench = Bench(ram_size_bytes=64 << 20, latency_cycles=latency_cycles)
        self.config = VsockConfig(cid=CID, endpoints=endpoints or {})
        self.driver = Driver[Vsock](self.bench, lambda host: self.config.build(host, OFFER))
        self._rx_buffers, self._rx_size_bytes, self._events = rx_buffers, rx_size_bytes, events
        self._notified = [0] * QUEUES
        if starts:
            self.start()

    @property
    def device(self) -> Vsock:
        """The device, which is another one after a thaw."""
        return self.driver.device

    def start(self) -> None:
        """Start the device, and give it buffers."""
        self.driver.start()
        self._notified = [0] * QUEUES
        for _ in range(self._events):
            self.driver.queues[EVENT_QUEUE].offer(EVENT.size)
        for _ in range(self._rx_buffers):
            self.driver.queues[RX_QUEUE].offer(self._rx_size_bytes)
        self.notify(RX_QUEUE)

    def notify(self, queue: int) -> None:
        """Notify the device of what is offered since it was notified, if it asks for that."""
        driver = self.driver.queues[queue]
        offered = driver.next_available - self._notified[queue] & 0xFFFF
        asked = used_ring_size_bytes(driver.size) - 2
        event = int.from_bytes(self.bench.ram.read(driver.used + asked, 2), "little")
        if driver.next_available - event - 1 & 0xFFFF < offered:
            self.driver.notify(queue)
        self._notified[queue] = driver.next_available

    def acknowledge_events(self) -> None:
        """Take events, and offer their buffers again."""
        queue = self.driver.queues[EVENT_QUEUE]
        for used in queue.take_used():
            queue.offer(*queue.chains[used.head])
        self.notify(EVENT_QUEUE)

    # --- packets -------------------------------------------------------------------------------

    def send(self, header: Header, payload: bytes = b"") -> None:
        """Send a packet, whatever it says."""
        self.send_raw(header.pack() + payload)

    def send_raw(self, *contents: bytes | int) -> None:
        """Offer a chain in the tx queue: of bytes to read and sizes to write."""
        self.driver.queues[TX_QUEUE].offer(*contents)
        self.notify(TX_QUEUE)
        self.driver.queues[TX_QUEUE].take_used()

    def packet(self, host_port: int, guest_port: int, operation: int, **fields: int) -> Header:
        """A header of this guest's; `fields` are others of it."""
        return Header(CID, HOST_CID, guest_port, host_port, operation=operation, **fields)

    def receive(self, *, refill: bool = True) -> list[Packet]:
        """The packets that came since the last call; their buffers are offered again."""
        return list(self._receive(refill))

    def operations(self) -> list[str]:
        """What the packets are for that came since the last call."""
        return [packet.operation.name for packet in self.receive()]

    def _receive(self, refill: bool) -> Iterator[Packet]:
        queue = self.driver.queues[RX_QUEUE]
        while used := queue.take_used():
            for head, written in used:
                content = queue.content(head)
                header = Header.unpack(content)
                assert written == HEADER_SIZE_BYTES + header.size_bytes
                if refill:
                    queue.offer(*queue.chains[head])
                yield Packet(header, content[HEADER_SIZE_BYTES:written])
            if refill:
                self.notify(RX_QUEUE)

    # --- sockets -------------------------------------------------------------------------------

    def connect(self, host_port: int, guest_port: int = 1025, buf_alloc: int = 1 << 18) -> Socket:
        """A socket that is connected to a port of the host."""
        socket = Socket(self, host_port, guest_port, buf_alloc)
        socket.send_control(Operation.REQUEST)
        socket.poll()
        assert socket.is_connected
        return socket

    def accept(self, request: Packet, buf_alloc: int = 1 << 18) -> Socket:
        """A socket that accepts a connection of the host's."""
        header = request.header
        assert request.operation is Operation.REQUEST
        socket = Socket(self, header.src_port, header.dst_port, buf_alloc)
        socket.note_credit(header)
        socket.is_connected = True
        socket.send_control(Operation.RESPONSE)
        return socket


class Socket:
    """A stream socket of the guest.

    Attributes:
        data: what came and was not read.
        shutdown: what the host has told that it will do no more.
        is_reset: whether the host has broken the connection.
    """

    def __init__(self, guest: Guest, host_port: int, guest_port: int, buf_alloc: int) -> None:
        self.guest = guest
        self.host_port, self.guest_port = host_port, guest_port
        self.buf_alloc = buf_alloc
        self.is_connected = False
        self.is_reset = False
        self.shutdown = 0
        self.data = bytearray()
        self._fwd_cnt = 0
        self._last_fwd_cnt = 0
        self._tx_cnt = 0
        self._peer_buf_alloc = 0
        self._peer_fwd_cnt = 0

    def poll(self) -> None:
        """Take what has come for the guest, which has no other socket."""
        for packet in self.guest.receive():
            self._take(packet)

    def write(self, data: bytes) -> int:
        """Send as much as there is credit for; how much that is."""
        credit = self._peer_buf_alloc - (self._tx_cnt - self._peer_fwd_cnt & _U32)
        size = min(len(data), max(0, credit), MAX_PACKET)
        if size:
            self._tx_cnt = self._tx_cnt + size & _U32
            self.guest.send(self._header(Operation.RW, size_bytes=size), data[:size])
        return size

    def read(self, size: int | None = None) -> bytes:
        """Take out what has come, and tell the host of the room if it knows of little."""
        data = bytes(self.data[:size])
        del self.data[: len(data)]
        self._fwd_cnt = self._fwd_cnt + len(data) & _U32
        told = self._fwd_cnt - self._last_fwd_cnt & _U32
        if told and self.buf_alloc - told < MAX_PACKET:
            self.send_control(Operation.CREDIT_UPDATE)
        return data

    def close(self, flags: int = BOTH) -> None:
        """Tell the host that nothing more is sent or received, or one of the two."""
        self.send_control(Operation.SHUTDOWN, flags=flags)

    def send_control(self, operation: Operation, **fields: int) -> None:
        """Send a packet without data."""
        self.guest.send(self._header(operation, **fields))

    def note_credit(self, header: Header) -> None:
        """Learn from a packet how much room the host has."""
        self._peer_buf_alloc, self._peer_fwd_cnt = header.buf_alloc, header.fwd_cnt

    def _header(self, operation: Operation, **fields: int) -> Header:
        self._last_fwd_cnt = self._fwd_cnt
        return self.guest.packet(
            self.host_port,
            self.guest_port,
            operation,
            buf_alloc=self.buf_alloc,
            fwd_cnt=self._fwd_cnt,
            **fields,
        )

    def _take(self, packet: Packet) -> None:
        header = packet.header
        ports = (self.host_port, self.guest_port)
        assert (header.src_port, header.dst_port) == ports
        assert (header.src_cid, header.dst_cid) == (HOST_CID, CID)
        self.note_credit(header)
        match packet.operation:
            case Operation.RESPONSE:
                self.is_connected = True
            case Operation.RST:
                self.is_connected, self.is_reset = False, True
            case Operation.SHUTDOWN:
                self.shutdown |= header.flags
            case Operation.RW:
                self.data += packet.payload
                assert len(self.data) <= self.buf_alloc, "beyond the guest's credit"
            case Operation.CREDIT_REQUEST:
                self.send_control(Operation.CREDIT_UPDATE)
