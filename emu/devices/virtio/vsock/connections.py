"""All connections of a device, and whose turn it is to send the guest a packet.

Source: Firecracker v1.16.1, `src/vmm/src/devices/virtio/vsock/unix/` (`mod.rs`, `muxer.rs`): its
limits, its local ports, and which packets come to nothing or are answered by RST. It does not look
at the CID that a packet comes from; here it has to be the guest's (virtio 1.2, 5.10.6.4).
"""

from __future__ import annotations

from collections import deque
from collections.abc import MutableMapping
from typing import Final, NamedTuple

from emu.arch.vsock import (
    HOST_CID,
    Header,
    Operation,
    SocketType,
    operation_name,
)
from emu.devices.virtio.vsock.connection import Connection, Outgoing, Owner, Phase, Ports
from emu.devices.virtio.vsock.credit import BUFFER_SIZE_BYTES
from emu.devices.virtio.vsock.stream import Endpoint
from emu.errors import MachineError

CONNECTIONS_MAX: Final = 1023
"""How many there can be at a time (`MAX_CONNECTIONS`)."""

RESETS_MAX: Final = 256
"""How many RSTs can wait for buffers of the guest (`MUXER_RXQ_SIZE`)."""

LOCAL_PORT_FIRST: Final = 1 << 30
LOCAL_PORT_LAST: Final = (1 << 31) - 1
"""The ports that connections from the host have at this end, handed out in turn."""


class Packet(NamedTuple):
    """A packet for the guest."""

    header: Header
    payload: bytes = b""


class Connections:
    """The connections of one device.

    Args:
        owner: the device.

    Attributes:
        endpoints: who is connected to which port of the host.
        local_port_last: the port that was handed out last.
    """

    def __init__(self, owner: Owner, endpoints: MutableMapping[int, Endpoint]) -> None:
        self.endpoints = endpoints
        self.local_port_last = LOCAL_PORT_FIRST - 1
        self._owner = owner
        self._by_ports: dict[Ports, Connection] = {}
        self._turns: deque[Connection] = deque()
        self._resets: deque[Ports] = deque()

    def __len__(self) -> int:
        return len(self._by_ports)

    @property
    def has_packet(self) -> bool:
        """Whether there may be a packet for the guest."""
        return bool(self._resets or self._turns)

    def connect(self, guest_port: int, endpoint: Endpoint) -> Connection:
        """Connect a port of the host, the next one, to one of the guest.

        Raises:
            MachineError: there are too many connections.
        """
        if len(self) >= CONNECTIONS_MAX:
            raise MachineError(
                f"port {guest_port} of the guest can't be connected to: there are "
                f"{CONNECTIONS_MAX} connections, which is the most; close some"
            )
        ports = Ports(self._next_local_port(), guest_port)
        return self._add(Connection(ports, endpoint, self._owner, Phase.REQUESTED))

    def schedule(self, connection: Connection) -> None:
        """Give the connection a turn, if it has a packet."""
        if connection.has_packet and not connection.is_waiting:
            connection.is_waiting = True
            self._turns.append(connection)

    def clear(self) -> None:
        """All connections are gone, and the guest is not told."""
        self._resets.clear()
        for ports in list(self._by_ports):
            self._remove(ports)
        self._turns.clear()

    # --- packets to the guest ------------------------------------------------------------------

    def next_packet(self, guest_cid: int, room_bytes: int) -> Packet | None:
        """The next packet for the guest; None if there is none.

        Connections take turns, a packet each; RSTs without a connection come first.

        Args:
            guest_cid: where it goes.
            room_bytes: size of the largest payload.
        """
        if self._resets:
            return _packet(self._resets.popleft(), guest_cid, Outgoing(Operation.RST))
        while self._turns:
            connection = self._turns.popleft()
            connection.is_waiting = False
            outgoing = connection.next_packet(room_bytes)
            if outgoing is None:
                continue
            packet = _packet(
                connection.ports,
                guest_cid,
                outgoing,
                buf_alloc=BUFFER_SIZE_BYTES,
                fwd_cnt=connection.forwarded,
            )
            if outgoing.operation is Operation.RST:
                self._remove(connection.ports)
            else:
                self.schedule(connection)
            return packet
        return None

    # --- packets from the guest ----------------------------------------------------------------

    def receive(self, guest_cid: int, header: Header, payload: bytes) -> None:
        """Take a packet."""
        ports = Ports(header.dst_port, header.src_port)
        if header.type != SocketType.STREAM:
            self._owner.tell_dropped(f"a packet has the type {header.type}, not STREAM")
            self._reset(ports)
        elif header.src_cid != guest_cid:
            self._owner.tell_violation(
                f"a packet comes from CID {header.src_cid:#x}; the guest's is {guest_cid:#x}"
            )
        elif header.dst_cid != HOST_CID:
            self._owner.tell_dropped(f"a packet goes to CID {header.dst_cid:#x}, not to the host")
        elif ports in self._by_ports:
            self._pass_on(self._by_ports[ports], header, payload)
        elif header.operation == Operation.REQUEST:
            self._accept(ports, header.buf_alloc)
        else:
            name = operation_name(header.operation)
            self._owner.tell_dropped(f"{name} comes for {ports}, and there is none")
            self._reset(ports)

    # --- inside ------------------------------------------------------------------------------

    def _pass_on(self, connection: Connection, header: Header, payload: bytes) -> None:
        if header.operation == Operation.RST:
            self._remove(connection.ports)
        else:
            connection.receive(header, payload)

    def _accept(self, ports: Ports, guest_buffer_size_bytes: int) -> None:
        endpoint = self.endpoints.get(ports.host)
        if endpoint is None or len(self) >= CONNECTIONS_MAX:
            self._reset(ports)
            return
        connection = Connection(
            ports,
            endpoint,
            self._owner,
            Phase.ACCEPTED,
            guest_buffer_size_bytes=guest_buffer_size_bytes,
        )
        endpoint.opened(self._add(connection))

    def _add(self, connection: Connection) -> Connection:
        self._by_ports[connection.ports] = connection
        self._owner.schedule(connection)
        return connection

    def _remove(self, ports: Ports) -> None:
        self._by_ports.pop(ports).forget()

    def _reset(self, ports: Ports) -> None:
        if len(self._resets) < RESETS_MAX:
            self._resets.append(ports)
        else:
            self._owner.tell_dropped(f"an RST for {ports}: {RESETS_MAX} wait for buffers already")

    def _next_local_port(self) -> int:
        used = {ports.host for ports in self._by_ports}
        while True:
            following = self.local_port_last + 1
            self.local_port_last = following & LOCAL_PORT_LAST | LOCAL_PORT_FIRST
            if self.local_port_last not in used:
                return self.local_port_last


def _packet(
    ports: Ports, guest_cid: int, outgoing: Outgoing, *, buf_alloc: int = 0, fwd_cnt: int = 0
) -> Packet:
    header = Header(
        HOST_CID,
        guest_cid,
        ports.host,
        ports.guest,
        size_bytes=len(outgoing.payload),
        operation=outgoing.operation,
        flags=outgoing.flags,
        buf_alloc=buf_alloc,
        fwd_cnt=fwd_cnt,
    )
    return Packet(header, outgoing.payload)
