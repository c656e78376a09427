"""Firecracker v1.10: snapshot version 3.0.0 in v1.10.0, 4.0.0 in v1.10.1, with one schema.

Network devices keep how far the receive buffers are used, and the limits of the metadata
service's network stack may not be 0.

Source: Firecracker v1.10.0 and v1.10.1, below `src/vmm/src`: `devices/virtio/net/persist.rs`,
`mmds/persist.rs`.
"""

from __future__ import annotations

from typing import Annotated, Final

from emu.formats.firecracker import v1_9, v1_9_virtio
from emu.formats.firecracker.leaves import NonZeroU64
from emu.formats.firecracker.v1_9_virtio import (
    NetConfigSpaceState,
    RateLimiterState,
    VirtioDeviceState,
)
from emu.wire.schema import Array, Struct, u8, u16, u32


class RxBufferState(Struct):
    """How far the buffers are used that the guest gave for received packets.

    Attributes:
        parsed_descriptor_chains_nr: Descriptor chains that were taken from the queue.
        used_descriptors: Descriptor chains that are filled, and not yet given back.
        used_bytes: Bytes in them.
    """

    parsed_descriptor_chains_nr: u16
    used_descriptors: u16
    used_bytes: u32


class MmdsNetworkStackState(Struct):
    """The network stack that answers for the metadata service.

    Attributes:
        mac_addr: Its MAC address.
        ipv4_addr: Its IPv4 address, the first byte highest.
        max_connections: How many TCP connections it keeps.
        max_pending_resets: How many TCP resets it queues.
    """

    mac_addr: Annotated[tuple[int, ...], Array(u8, 6)]
    ipv4_addr: u32
    tcp_port: u16
    max_connections: NonZeroU64
    max_pending_resets: NonZeroU64


class NetState(Struct):
    """A network device.

    Attributes:
        tap_if_name: The TAP device, on the host.
        mmds_ns: Present if the guest reaches the metadata service through this device.
        rx_buffers_state: How far the receive buffers are used.
    """

    id: str
    tap_if_name: str
    rx_rate_limiter_state: RateLimiterState
    tx_rate_limiter_state: RateLimiterState
    mmds_ns: MmdsNetworkStackState | None
    config_space: NetConfigSpaceState
    virtio_state: VirtioDeviceState
    rx_buffers_state: RxBufferState


REVISION: Final = v1_9.REVISION.revised(
    {
        v1_9_virtio.MmdsNetworkStackState: MmdsNetworkStackState,
        v1_9_virtio.NetState: NetState,
    }
)
