"""Virtio network devices: the header before each frame, and the configuration space.

Source: Virtual I/O Device (VIRTIO) version 1.2, OASIS, section 5.1. All is little-endian.
"""

from __future__ import annotations

import struct
from typing import Final

from emu.arch.bits import Register, bit

RX_QUEUE: Final = 0
TX_QUEUE: Final = 1
"""Indices of the queues of a device without MQ (5.1.2)."""


class NetFeature:
    """Features of a network device that the model asks for, by bit (5.1.3)."""

    CSUM: Final = 0
    MTU: Final = 3
    MAC: Final = 5
    GUEST_TSO4: Final = 7
    GUEST_TSO6: Final = 8
    GUEST_UFO: Final = 10
    HOST_TSO4: Final = 11
    HOST_TSO6: Final = 12
    HOST_ECN: Final = 13
    HOST_UFO: Final = 14
    MRG_RXBUF: Final = 15


class HeaderFlags(Register):
    """`flags` of a header (5.1.6)."""

    RSC_INFO = bit(2)
    DATA_VALID = bit(1)
    NEEDS_CSUM = bit(0)


class GsoType:
    """`gso_type` of a header (5.1.6): what the frame has to be cut into."""

    NONE: Final = 0
    TCPV4: Final = 1
    UDP: Final = 3
    TCPV6: Final = 4
    UDP_L4: Final = 5
    ECN: Final = 0x80
    """A bit beside the type: the TCP segment has ECN set."""


HEADER: Final = struct.Struct("<BBHHHHH")
"""`struct virtio_net_hdr`: flags, gso_type, hdr_len, gso_size, csum_start, csum_offset,
num_buffers; the last is there in any case with VERSION_1 (5.1.6.1)."""

NUM_BUFFERS_OFFSET: Final = 10
"""Where the header has num_buffers."""

MAC_SIZE_BYTES: Final = 6

CONFIG: Final = struct.Struct("<6sHHH")
"""The beginning of `struct virtio_net_config`: mac, status, max_virtqueue_pairs, mtu (5.1.4)."""

MTU_MIN: Final = 68
MTU_MAX: Final = 65535
"""Of `mtu`, in bytes (5.1.4.1)."""
