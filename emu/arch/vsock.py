"""Virtio socket device: packets, operations and events.

Source: Virtual I/O Device (VIRTIO) version 1.2, OASIS, section 5.10. All is little-endian.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final, NamedTuple

from emu.arch.bits import Register, bit

RX_QUEUE: Final = 0
TX_QUEUE: Final = 1
EVENT_QUEUE: Final = 2
QUEUES: Final = 3
"""How many there are (5.10.2)."""

HOST_CID: Final = 2
"""The context ID of the host (5.10.4)."""

GUEST_CID_MIN: Final = 3
GUEST_CID_MAX: Final = 0xFFFF_FFFE
"""Context IDs that a guest can have (5.10.4): those below and above are reserved."""

CONFIG: Final = struct.Struct("<Q")
"""`struct virtio_vsock_config`: the guest's context ID (5.10.4)."""

EVENT: Final = struct.Struct("<I")
"""`struct virtio_vsock_event`: what happened (5.10.6.7)."""

PORT_MAX: Final = 0xFFFF_FFFF


class Operation(IntEnum):
    """What a packet is for (5.10.6)."""

    INVALID = 0
    REQUEST = 1
    RESPONSE = 2
    RST = 3
    SHUTDOWN = 4
    RW = 5
    CREDIT_UPDATE = 6
    CREDIT_REQUEST = 7


class SocketType(IntEnum):
    """What kind of socket a packet is of (5.10.6.2)."""

    STREAM = 1
    SEQPACKET = 2


class EventId(IntEnum):
    """What the device tells by the event queue (5.10.6.7)."""

    TRANSPORT_RESET = 0


class ShutdownFlags(Register):
    """Flags of SHUTDOWN: what its sender will do no more (5.10.6.5)."""

    SEND = bit(1)
    RECEIVE = bit(0)


_HEADER: Final = struct.Struct("<QQIIIHHIII")

HEADER_SIZE_BYTES: Final = _HEADER.size


class Header(NamedTuple):
    """`struct virtio_vsock_hdr`, which comes before the payload of a packet (5.10.6).

    Attributes:
        src_cid: context ID of the sender, 64 bits; so is `dst_cid`, of the receiver.
        src_port: port of the sender, 32 bits; so is `dst_port`, of the receiver.
        size_bytes: `len`, of the payload, 32 bits.
        type: a `SocketType`, 16 bits.
        operation: `op`, an `Operation`, 16 bits.
        flags: of SHUTDOWN, `ShutdownFlags`, 32 bits.
        buf_alloc: how much the sender can hold of this connection, in bytes, 32 bits.
        fwd_cnt: how much the sender has taken out of that, in bytes, modulo 2^32.
    """

    src_cid: int
    dst_cid: int
    src_port: int
    dst_port: int
    size_bytes: int = 0
    type: int = SocketType.STREAM
    operation: int = Operation.INVALID
    flags: int = 0
    buf_alloc: int = 0
    fwd_cnt: int = 0

    def pack(self) -> bytes:
        """The header as it lies in memory.

        >>> len(Header(3, 2, 1025, 1024, operation=Operation.REQUEST).pack())
        44
        """
        return _HEADER.pack(*self)

    @classmethod
    def unpack(cls, data: bytes) -> Header:
        """The header that the first `HEADER_SIZE_BYTES` of `data` are.

        >>> header = Header(3, 2, 1025, 1024, operation=Operation.RST, fwd_cnt=7)
        >>> Header.unpack(header.pack()) == header
        True
        """
        return cls(*_HEADER.unpack_from(data))


def operation_name(operation: int) -> str:
    """The name of an operation; its number if it has none.

    >>> operation_name(5), operation_name(99)
    ('RW', 'operation 99')
    """
    known = operation in Operation.__members__.values()
    return Operation(operation).name if known else f"operation {operation}"
