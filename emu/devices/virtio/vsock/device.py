"""Vsock: sockets between the guest and what is here at the ports of its host.

Sources: Virtual I/O Device (VIRTIO) version 1.2, OASIS, 5.10; Firecracker v1.9.0 to v1.16.1 and its
main branch, `src/vmm/src/devices/virtio/vsock/device.rs` and `event_handler.rs`. As there, a buffer
that is no packet is given back with nothing written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from emu.arch.virtio import VSOCK
from emu.arch.vsock import (
    CONFIG,
    EVENT,
    EVENT_QUEUE,
    HEADER_SIZE_BYTES,
    QUEUES,
    RX_QUEUE,
    TX_QUEUE,
    EventId,
    Header,
    operation_name,
)
from emu.core.deadlines import Deadline
from emu.core.events import VsockPacket, VsockPacketDropped
from emu.devices.host import Host
from emu.devices.virtio.chain import Chain
from emu.devices.virtio.device import VirtioDevice
from emu.devices.virtio.vsock.connection import PAYLOAD_SIZE_BYTES_MAX, Connection
from emu.devices.virtio.vsock.connections import LOCAL_PORT_FIRST, Connections
from emu.devices.virtio.vsock.state import VsockState
from emu.devices.virtio.vsock.stream import Endpoint, Stream


class Vsock(VirtioDevice):
    """A vsock device.

    Args:
        name: its id.
        host: the machine.
        features: feature bits that it offers.
        queue_size: largest size of each queue, in descriptors.
        cid: the guest's context ID.
        endpoints: what the guest finds at ports of the host.
        uds_path: carried for state files.

    Attributes:
        cid: the guest's context ID.
        uds_path: carried for state files.
        pending_event_ack: whether a reset of the transport waits for the guest's acknowledgement,
            before which it is sent nothing.
    """

    type = VSOCK

    def __init__(
        self,
        name: str,
        host: Host,
        *,
        features: int,
        queue_size: int,
        cid: int,
        endpoints: Mapping[int, Endpoint],
        uds_path: str = "",
    ) -> None:
        super().__init__(name, host, features=features, queue_sizes=[queue_size] * QUEUES)
        self.cid = cid
        self.uds_path = uds_path
        self.pending_event_ack = False
        self._connections = Connections(self, dict(endpoints))
        self._is_busy = False

    # --- for the host ------------------------------------------------------------------------

    def listen(self, port: int, endpoint: Endpoint) -> None:
        """Let the guest find `endpoint` at this port of the host, from its next connection on."""
        self._connections.endpoints[port] = endpoint

    def open_stream(self, port: int, endpoint: Endpoint) -> Stream:
        """Connect to a port of the guest. `endpoint` is told when the guest has accepted
        (`opened`), or that it has not (`closed`): it has 2 s of virtual time, once its driver has
        seen the request.

        Raises:
            MachineError: there are 1023 connections, which is the most.
        """
        return self._connections.connect(port, endpoint)

    @property
    def connections(self) -> int:
        """How many connections there are, of either side, those being opened included."""
        return len(self._connections)

    # --- for the driver ----------------------------------------------------------------------

    @property
    def config_space(self) -> bytes:
        """The guest's context ID (5.10.4)."""
        return CONFIG.pack(self.cid)

    def process(self, queue: int) -> None:
        """See `VirtioDevice.process`. What the driver makes available in the event queue
        acknowledges a reset: there is no other event.
        """
        if queue == TX_QUEUE:
            with self._busy():
                self.drain(TX_QUEUE, self._take)
        elif queue == EVENT_QUEUE:
            self.pending_event_ack = False
        self._deliver()

    def reset(self) -> None:
        """See `VirtioDevice.reset`. All connections are gone, and local ports begin again; but what
        was opened before the driver has started the device waits on.
        """
        was_activated = self.activated
        super().reset()
        self.pending_event_ack = False
        if was_activated:
            self._forget_connections()
            self._connections.local_port_last = LOCAL_PORT_FIRST - 1

    # --- snapshots -----------------------------------------------------------------------------

    def send_transport_reset(self, *, awaits_ack: bool = True) -> bool:
        """Tell the guest that its connections are gone, and let go of them, as a monitor does when
        it saves a device that the driver has started. Sockets that listen stay.

        Firecracker v1.9 saves the device before this, later releases after; v1.13 and v1.14 save
        InterruptStatus before. It forgets its half of a connection when it next hears of it.

        Args:
            awaits_ack: nothing is sent to the guest until it makes a buffer available in the event
                queue again: Firecracker from v1.16 on.

        Returns:
            Whether the guest can know. It can't if the device is not started, or if the event queue
            has no buffer: then the reset is lost, which is an event, and connections go on.
        """
        sent = False

        def send() -> None:
            nonlocal sent
            sent = self._send_event(EventId.TRANSPORT_RESET)

        if self.queues[EVENT_QUEUE].is_enabled:
            self.guarded(send)
        if sent:
            self._forget_connections()
            self.pending_event_ack = awaits_ack
        return sent

    def kick(self) -> None:
        """Go on after a restore: interrupt, for the reset that came with the snapshot, and look at
        the tx queue. So does v1.16.1; before, that queue waits for the driver's next notification.

        It does not tell the device to hold packets back: `VsockState.pending_event_ack` does, which
        is true for what Firecracker v1.16 has saved, although its files don't say so.
        """
        self.guarded(self.connection.notify_used)
        if self.queues[TX_QUEUE].is_enabled:
            self.guarded(lambda: self.process(TX_QUEUE))

    def state(self) -> VsockState:
        """A copy of the device's state, which connections are no part of."""
        return VsockState(
            virtio=self.virtio_state(),
            cid=self.cid,
            uds_path=self.uds_path,
            local_port_last=self._connections.local_port_last,
            pending_event_ack=self.pending_event_ack,
        )

    def load_state(self, state: VsockState) -> None:
        """Become `state`. Connections of this device stay as they are, so that a state can be put
        back where it was taken; a device that was just made has none. They are gone if the driver
        had not started the device.

        Raises:
            IncompatibleError: `state` has a value that the device can't hold.
        """
        state.check(f"state of the device {self.name}")
        was_activated = self.activated
        self.load_virtio_state(state.virtio)
        self.cid = state.cid
        self.uds_path = state.uds_path
        self.pending_event_ack = state.pending_event_ack
        if was_activated and not self.activated:
            self._forget_connections()
        self._connections.local_port_last = state.local_port_last

    # --- for connections -----------------------------------------------------------------------

    def tell_dropped(self, reason: str) -> None:
        """See `Owner.tell_dropped`."""
        if self.host.events.active:
            self.host.events.emit(VsockPacketDropped(self.name, reason))

    def call_after_ms(self, timeout_ms: int, call: Callable[[], None]) -> Deadline:
        """See `Owner.call_after_ms`."""
        return self.host.deadlines.after(timeout_ms * self.host.cycles_per_s // 1000, call)

    def schedule(self, connection: Connection) -> None:
        """See `Owner.schedule`. The packet goes at once, unless the device is at work already."""
        self._connections.schedule(connection)
        if not self._is_busy and self.activated:
            self.guarded(self._deliver)

    # --- inside ------------------------------------------------------------------------------

    @contextmanager
    def _busy(self) -> Iterator[None]:
        """Endpoints are called in here: what they send waits until the device gets to it."""
        was_busy, self._is_busy = self._is_busy, True
        try:
            yield
        finally:
            self._is_busy = was_busy

    def _forget_connections(self) -> None:
        with self._busy():
            self._connections.clear()

    def _take(self, chain: Chain) -> int:
        """A packet from the guest; nothing is written to it."""
        header = self._header(chain)
        if header is not None:
            payload = chain.read(header.size_bytes, HEADER_SIZE_BYTES)
            self._tell(header, is_from_guest=True)
            self._connections.receive(self.cid, header, payload)
        return 0

    def _header(self, chain: Chain) -> Header | None:
        """The header of a packet from the guest; None if the chain is none."""
        room = chain.readable_size_bytes - HEADER_SIZE_BYTES
        if room < 0 or chain.writable:
            self.tell_violation(
                f"a chain of the tx queue has {chain.readable_size_bytes} bytes to read and "
                f"{chain.writable_size_bytes} to write; a packet has a header of "
                f"{HEADER_SIZE_BYTES} to read, and nothing to write"
            )
            return None
        header = Header.unpack(chain.read(HEADER_SIZE_BYTES))
        if header.size_bytes > min(room, PAYLOAD_SIZE_BYTES_MAX):
            self.tell_violation(
                f"a packet has {header.size_bytes} bytes of data by its header; its chain has "
                f"{room}, and {PAYLOAD_SIZE_BYTES_MAX} are the most"
            )
            return None
        return header

    def _deliver(self) -> None:
        """Send the guest what there is, as far as it has buffers."""
        can_send = self.queues[RX_QUEUE].is_enabled and not self.pending_event_ack
        if can_send and self._connections.has_packet:
            with self._busy():
                self.drain(RX_QUEUE, self._fill)

    def _fill(self, chain: Chain) -> int | None:
        """Put the next packet into a buffer of the guest; its size, None if there is none."""
        room = chain.writable_size_bytes - HEADER_SIZE_BYTES
        if room < 0 or chain.readable:
            self.tell_violation(
                f"a chain of the rx queue has {chain.writable_size_bytes} bytes to write and "
                f"{chain.readable_size_bytes} to read; a packet takes {HEADER_SIZE_BYTES} and its "
                "data to write, and nothing to read"
            )
            return 0
        packet = self._connections.next_packet(self.cid, room)
        if packet is None:
            return None
        self._tell(packet.header, is_from_guest=False)
        return chain.write(packet.header.pack() + packet.payload)

    def _send_event(self, event: EventId) -> bool:
        """Put an event into a buffer of the guest; whether there was one."""
        queue = self.queues[EVENT_QUEUE]
        chain = queue.pop()
        if chain is None:
            self.tell_dropped(f"the event {event.name}: its queue has no buffer")
            return False
        written = chain.write(EVENT.pack(event))
        if written < EVENT.size:
            self.tell_violation(
                f"a chain of the event queue has {written} bytes to write; an event takes "
                f"{EVENT.size}"
            )
        self.give_back(EVENT_QUEUE, chain.head, written)
        queue.arm_behind()
        self.connection.notify_used()
        return True

    def _tell(self, header: Header, *, is_from_guest: bool) -> None:
        if self.host.events.active:
            here, there = header.src_port, header.dst_port
            if is_from_guest:
                here, there = there, here
            self.host.events.emit(
                VsockPacket(
                    self.name,
                    is_from_guest,
                    operation_name(header.operation),
                    here,
                    there,
                    header.size_bytes,
                )
            )
