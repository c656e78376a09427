"""One connection: its state machine.

Sources: Virtual I/O Device (VIRTIO) version 1.2, OASIS, 5.10.6.3 and 5.10.6.5; Firecracker v1.16.1,
`src/vmm/src/devices/virtio/vsock/csm/`. Where it differs from the latter:

* Credit is never less than none; there, the difference wraps to 4 GiB.
* A guest that has no room is asked for it. v1.16 waits to be told, its main branch asks.
* A timeout is a deadline; there, it is looked at when the next connection comes.
* The endpoint learns that the guest sends no more while it still receives; there, it does not.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Final, NamedTuple, Protocol

from emu.arch.vsock import Header, Operation, ShutdownFlags, operation_name
from emu.core.deadlines import Deadline
from emu.devices.virtio.vsock.credit import GuestBuffer, HostBuffer
from emu.devices.virtio.vsock.stream import Endpoint
from emu.errors import MachineError

PAYLOAD_SIZE_BYTES_MAX: Final = 64 * 1024
"""Of one packet (`MAX_PKT_BUF_SIZE`)."""

REQUEST_TIMEOUT_MS: Final = 2000
"""How long the guest has to answer a request (`CONN_REQUEST_TIMEOUT_MS`)."""

SHUTDOWN_TIMEOUT_MS: Final = 2000
"""How long one end has to end a connection that the other one has shut down
(`CONN_SHUTDOWN_TIMEOUT_MS`)."""

_SEND: Final = ShutdownFlags.SEND.mask
_RECEIVE: Final = ShutdownFlags.RECEIVE.mask
_BOTH: Final = _SEND | _RECEIVE


class Phase(Enum):
    """How far a connection has got."""

    REQUESTED = auto()
    """From the host; the guest has not accepted it."""

    ACCEPTED = auto()
    """From the guest, which does not know yet that the host has accepted it."""

    ESTABLISHED = auto()

    SHUT_DOWN = auto()
    """By the host, and the guest knows; it is to end the connection."""

    DEAD = auto()
    """To be forgotten as soon as the guest knows."""


_FIRST_PACKETS: Final = {
    Phase.REQUESTED: Operation.REQUEST,
    Phase.ACCEPTED: Operation.RESPONSE,
}
_OPEN: Final = (Phase.ACCEPTED, Phase.ESTABLISHED)


class Ports(NamedTuple):
    """What tells a connection from others."""

    host: int
    guest: int

    def __str__(self) -> str:
        return f"the connection of port {self.host} with port {self.guest} of the guest"


class Outgoing(NamedTuple):
    """A packet for the guest, without addresses and credit."""

    operation: Operation
    payload: bytes = b""
    flags: int = 0


class Owner(Protocol):
    """What a connection needs of the device that it belongs to."""

    def tell_violation(self, reason: str) -> None:
        """The driver broke a rule, which the device passes over."""

    def tell_dropped(self, reason: str) -> None:
        """A packet came to nothing, although no rule was broken."""

    def call_after_ms(self, timeout_ms: int, call: Callable[[], None]) -> Deadline:
        """Call in so many milliseconds of virtual time."""

    def schedule(self, connection: Connection) -> None:
        """The connection may have a packet for the guest."""


class Connection:
    """A connection between a port of the host and one of the guest; it is its `Stream` as well.

    Args:
        ports: the two.
        endpoint: uses the host's end.
        owner: the device.
        phase: `REQUESTED` or `ACCEPTED`.
        guest_buffer_size_bytes: `buf_alloc` of the guest, as far as it is known.

    Attributes:
        ports: the two.
        is_waiting: for whoever schedules packets: whether this one has its turn.
    """

    def __init__(
        self,
        ports: Ports,
        endpoint: Endpoint,
        owner: Owner,
        phase: Phase,
        *,
        guest_buffer_size_bytes: int = 0,
    ) -> None:
        self.ports = ports
        self.is_waiting = False
        self._endpoint = endpoint
        self._owner = owner
        self._phase = phase
        self._due = {_FIRST_PACKETS[phase]}
        self._unsent = bytearray()
        self._is_closing = False
        self._guest_buffer = GuestBuffer(guest_buffer_size_bytes)
        self._guest_shutdown = 0
        self._waits_for_credit = False
        self._host_buffer = HostBuffer()
        self._is_paused = False
        self._has_told_end = False
        self._deadline: Deadline | None = None

    # --- the stream ----------------------------------------------------------------------------

    @property
    def host_port(self) -> int:
        """See `Stream.host_port`."""
        return self.ports.host

    @property
    def guest_port(self) -> int:
        """See `Stream.guest_port`."""
        return self.ports.guest

    @property
    def is_open(self) -> bool:
        """See `Stream.is_open`."""
        return not self._is_closing and self._guest_receives

    @property
    def unsent_size_bytes(self) -> int:
        """See `Stream.unsent_size_bytes`."""
        return len(self._unsent)

    def send(self, data: bytes) -> None:
        """See `Stream.send`."""
        if self._is_closing:
            raise MachineError(f"{self.ports} was closed, and {len(data)} bytes are to be sent")
        if self._guest_receives:
            self._unsent += data
            self._owner.schedule(self)

    def close(self) -> None:
        """See `Stream.close`."""
        self._is_closing = True
        self._owner.schedule(self)

    def abort(self) -> None:
        """See `Stream.abort`."""
        self._is_closing = True
        self._kill()

    def pause(self) -> None:
        """See `Stream.pause`."""
        self._is_paused = True

    def resume(self) -> None:
        """See `Stream.resume`."""
        if self._is_paused:
            self._is_paused = False
            self._hand_over()
            self._owner.schedule(self)

    # --- packets to the guest ------------------------------------------------------------------

    @property
    def forwarded(self) -> int:
        """How many bytes the endpoint was given, modulo 2^32."""
        return self._host_buffer.forwarded

    @property
    def has_packet(self) -> bool:
        """Whether there is a packet for the guest."""
        return bool(self._due) or self._can_send

    def next_packet(self, room_bytes: int) -> Outgoing | None:
        """The next packet for the guest, with a payload of at most `room_bytes`; None if there is
        none.
        """
        packet = self._next_packet(room_bytes)
        if packet is not None:
            self._host_buffer.note_told()
            self._due.discard(Operation.CREDIT_UPDATE)  # any packet is one
        return packet

    # --- packets from the guest ----------------------------------------------------------------

    def receive(self, header: Header, payload: bytes) -> None:
        """Take a packet other than RST, which ends the connection."""
        self._note_credit(header)
        phase, told = self._phase, self._guest_shutdown
        match header.operation:
            case Operation.RW if phase is Phase.ESTABLISHED and not told & _SEND:
                self._take(payload)
            case Operation.RESPONSE if phase is Phase.REQUESTED:
                self._establish()
                self._endpoint.opened(self)
            case Operation.SHUTDOWN if phase is Phase.ESTABLISHED:
                self._note_shutdown(header.flags)
            case Operation.CREDIT_UPDATE if phase in _OPEN and not told & _RECEIVE:
                pass
            case Operation.CREDIT_REQUEST if phase in _OPEN and not told & _SEND:
                self._due.add(Operation.CREDIT_UPDATE)
            case operation:
                self._owner.tell_dropped(
                    f"{operation_name(operation)} comes for {self.ports}, which is {phase.name}"
                )
        self._owner.schedule(self)

    def forget(self) -> None:
        """The connection is no more: the guest has ended it, or knows that the host has."""
        self._die()
        self._due.clear()

    # --- inside ------------------------------------------------------------------------------

    @property
    def _guest_receives(self) -> bool:
        is_over = self._phase in (Phase.SHUT_DOWN, Phase.DEAD)
        return not is_over and not self._guest_shutdown & _RECEIVE

    @property
    def _can_send(self) -> bool:
        if self._phase is not Phase.ESTABLISHED:
            return False
        return not self._waits_for_credit if self._unsent else self._is_closing

    def _next_packet(self, room_bytes: int) -> Outgoing | None:
        for operation in (Operation.RST, Operation.RESPONSE, Operation.REQUEST):
            if operation in self._due:
                self._due.discard(operation)
                self._note_sent(operation)
                return Outgoing(operation)
        if self._can_send:
            return self._data(room_bytes) if self._unsent else self._shutdown()
        return Outgoing(Operation.CREDIT_UPDATE) if self._due else None

    def _note_sent(self, operation: Operation) -> None:
        if operation is Operation.RESPONSE:
            self._establish()
        elif operation is Operation.REQUEST:
            self._expire_after_ms(REQUEST_TIMEOUT_MS)

    def _data(self, room_bytes: int) -> Outgoing:
        credit_bytes = self._guest_buffer.room_bytes
        if not credit_bytes:
            self._waits_for_credit = True
            return Outgoing(Operation.CREDIT_REQUEST)
        if not room_bytes:
            self._owner.tell_violation("a buffer of the rx queue has no room for data")
            return Outgoing(Operation.CREDIT_UPDATE)
        size = min(room_bytes, credit_bytes, PAYLOAD_SIZE_BYTES_MAX)
        payload = bytes(self._unsent[:size])
        del self._unsent[:size]
        self._guest_buffer.count_sent(len(payload))
        if not self._unsent:
            self._endpoint.drained(self)
        return Outgoing(Operation.RW, payload)

    def _shutdown(self) -> Outgoing:
        self._phase = Phase.SHUT_DOWN
        self._expire_after_ms(SHUTDOWN_TIMEOUT_MS)
        return Outgoing(Operation.SHUTDOWN, flags=_BOTH)

    def _note_credit(self, header: Header) -> None:
        if not self._guest_buffer.update(header.buf_alloc, header.fwd_cnt):
            self._owner.tell_violation(
                f"fwd_cnt is {header.fwd_cnt} in a packet of {self.ports}; that is less than "
                "before, or more than was sent"
            )
        if self._guest_buffer.room_bytes:
            self._waits_for_credit = False

    def _take(self, payload: bytes) -> None:
        if not payload:
            self._owner.tell_dropped(f"a packet of data of {self.ports} has none")
            return
        has_room = self._host_buffer.put(payload)
        if self._host_buffer.credit_bytes < 0:
            self._owner.tell_violation(
                f"{-self._host_buffer.credit_bytes} bytes of {self.ports} are beyond the credit "
                "that was given"
            )
        if has_room:
            self._hand_over()
        else:
            self._kill()

    def _hand_over(self) -> None:
        """Give the endpoint what is held for it, as far as it takes it."""
        while self._host_buffer and not self._is_paused:
            self._endpoint.received(self, self._host_buffer.take())
        if self._phase is not Phase.DEAD and not self._host_buffer:
            self._note_all_taken()

    def _note_all_taken(self) -> None:
        if self._guest_shutdown == _BOTH:
            self._due.add(Operation.RST)
        elif self._guest_shutdown & _SEND and not self._has_told_end:
            self._has_told_end = True
            self._endpoint.ended(self)
        elif self._host_buffer.should_tell:
            self._due.add(Operation.CREDIT_UPDATE)

    def _note_shutdown(self, flags: int) -> None:
        self._guest_shutdown |= flags & _BOTH
        if self._guest_shutdown == _BOTH:
            self._expire_after_ms(SHUTDOWN_TIMEOUT_MS)
        if self._guest_shutdown & _RECEIVE and self._unsent:
            self._unsent.clear()
            self._endpoint.drained(self)
        self._hand_over()

    def _establish(self) -> None:
        self._phase = Phase.ESTABLISHED
        self._cancel_deadline()

    def _expire_after_ms(self, timeout_ms: int) -> None:
        self._cancel_deadline()
        self._deadline = self._owner.call_after_ms(timeout_ms, self._kill)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()

    def _kill(self) -> None:
        """End the connection at once; the guest is told when it has a buffer for that."""
        if self._phase is not Phase.DEAD:
            self._die()
            self._due = {Operation.RST}
            self._owner.schedule(self)

    def _die(self) -> None:
        if self._phase is not Phase.DEAD:
            self._phase = Phase.DEAD
            self._cancel_deadline()
            self._unsent.clear()
            self._host_buffer.clear()
            self._endpoint.closed(self)
