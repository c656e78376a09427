"""Virtio devices of Firecracker v1.9, wherever they are connected.

Source: Firecracker v1.9.0, below `src/vmm/src`: `devices/virtio/persist.rs`,
`devices/virtio/*/persist.rs`, `mmds/persist.rs`, `rate_limiter/persist.rs`.
"""

from __future__ import annotations

import enum
from typing import Annotated, TypeAlias

from emu.formats.firecracker.leaves import MacAddr
from emu.wire.schema import Array, OnlyVariant, Struct, u8, u16, u32, u64

# --- what devices have in common ---------------------------------------------------------------


class QueueState(Struct):
    """One split virtqueue.

    Attributes:
        max_size: Largest size that the driver may select, in descriptors.
        size: Size that the driver selected, in descriptors.
        ready: Whether the driver has set it up.
        desc_table: Guest address of the descriptor table.
        avail_ring: Guest address of the available ring.
        used_ring: Guest address of the used ring.
        next_avail: Index of the next available entry to take, modulo 65536.
        next_used: Index of the next used entry to write, modulo 65536.
        num_added: Used entries since the driver was last notified.
    """

    max_size: u16
    size: u16
    ready: bool
    desc_table: u64
    avail_ring: u64
    used_ring: u64
    next_avail: u16
    next_used: u16
    num_added: u16


class VirtioDeviceState(Struct):
    """What every virtio device has.

    Attributes:
        device_type: Virtio's device id.
        avail_features: Feature bits that the device offers.
        acked_features: Feature bits that the driver accepted.
        interrupt_status: Virtio-mmio's InterruptStatus.
        activated: Whether the driver has started the device.
    """

    device_type: u32
    avail_features: u64
    acked_features: u64
    queues: list[QueueState]
    interrupt_status: u32
    activated: bool


class TokenBucketState(Struct):
    """A budget of tokens that fills up at a constant rate.

    Attributes:
        size: Tokens of a full bucket.
        one_time_burst: Initial extra tokens that are left.
        refill_time: Time that an empty bucket takes to fill up, in milliseconds.
        budget: Tokens that are left.
        elapsed_ns: Time since the bucket was last used, in nanoseconds.
    """

    size: u64
    one_time_burst: u64
    refill_time: u64
    budget: u64
    elapsed_ns: u64


class RateLimiterState(Struct):
    """Limits of a device's throughput.

    Attributes:
        ops: A token is an operation.
        bandwidth: A token is a byte.
    """

    ops: TokenBucketState | None
    bandwidth: TokenBucketState | None


# --- block -------------------------------------------------------------------------------------


class CacheType(enum.Enum):
    """Whether the guest can flush the disk."""

    Unsafe = "Unsafe"
    Writeback = "Writeback"


class FileEngineTypeState(enum.Enum):
    """How the disk is read and written."""

    Sync = "Sync"
    Async = "Async"


class VirtioBlockState(Struct):
    """A disk that is a file of the host: the variant `Virtio` of `BlockState`.

    Attributes:
        partuuid: Partition that the kernel's `root=` names; only for a root device.
        root_device: Whether the kernel is told to boot from it.
        disk_path: The file, on the host.
    """

    variant_name = "Virtio"

    id: str
    partuuid: str | None
    cache_type: CacheType
    root_device: bool
    disk_path: str
    virtio_state: VirtioDeviceState
    rate_limiter_state: RateLimiterState
    file_engine_type: FileEngineTypeState


class VhostUserBlockState(Struct):
    """A disk that another process serves: the variant `VhostUser` of `BlockState`.

    Firecracker never writes one: it does not save these devices.

    Attributes:
        socket_path: Socket of that process, on the host.
        vu_acked_protocol_features: Feature bits of the vhost-user protocol.
        config_space: Virtio's configuration space, as the process gave it.
    """

    variant_name = "VhostUser"

    id: str
    partuuid: str | None
    cache_type: CacheType
    root_device: bool
    socket_path: str
    vu_acked_protocol_features: u64
    config_space: bytes
    virtio_state: VirtioDeviceState


BlockState: TypeAlias = VirtioBlockState | VhostUserBlockState


# --- network -----------------------------------------------------------------------------------


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
    max_connections: u64
    max_pending_resets: u64


class NetConfigSpaceState(Struct):
    """Virtio's configuration space of a network device."""

    guest_mac: MacAddr | None


class NetState(Struct):
    """A network device.

    Attributes:
        tap_if_name: The TAP device, on the host.
        mmds_ns: Present if the guest reaches the metadata service through this device.
    """

    id: str
    tap_if_name: str
    rx_rate_limiter_state: RateLimiterState
    tx_rate_limiter_state: RateLimiterState
    mmds_ns: MmdsNetworkStackState | None
    config_space: NetConfigSpaceState
    virtio_state: VirtioDeviceState


# --- vsock, balloon, entropy -------------------------------------------------------------------


class VsockUdsState(Struct):
    """The host's end of a vsock: the variant `Uds` of `VsockBackendState`.

    Attributes:
        path: Its Unix socket, on the host.
    """

    variant_name = "Uds"

    path: str


VsockBackendState = Annotated[VsockUdsState, OnlyVariant()]


class VsockFrontendState(Struct):
    """The guest's end of a vsock.

    Attributes:
        cid: Address of the guest.
    """

    cid: u64
    virtio_state: VirtioDeviceState


class VsockState(Struct):
    """A vsock device."""

    backend: VsockBackendState
    frontend: VsockFrontendState


class BalloonStatsState(Struct):
    """What the guest last said of its memory; None if it did not say.

    Attributes:
        swap_in: Memory swapped in, in bytes.
        swap_out: Memory swapped out, in bytes.
        major_faults: Number of major page faults.
        minor_faults: Number of minor page faults.
        free_memory: Memory that is not in use at all, in bytes.
        total_memory: Memory of the guest, in bytes.
        available_memory: Memory that can be had without swapping, in bytes.
        disk_caches: Memory that can be reclaimed at once, in bytes.
        hugetlb_allocations: Number of huge pages that were allocated.
        hugetlb_failures: Number of huge pages that could not be allocated.
    """

    swap_in: u64 | None
    swap_out: u64 | None
    major_faults: u64 | None
    minor_faults: u64 | None
    free_memory: u64 | None
    total_memory: u64 | None
    available_memory: u64 | None
    disk_caches: u64 | None
    hugetlb_allocations: u64 | None
    hugetlb_failures: u64 | None


class BalloonConfigSpaceState(Struct):
    """Virtio's configuration space of a balloon.

    Attributes:
        num_pages: Size that the host wants, in pages of 4 KiB.
        actual_pages: Size that it has, in pages of 4 KiB.
    """

    num_pages: u32
    actual_pages: u32


class BalloonState(Struct):
    """A memory balloon.

    Attributes:
        stats_polling_interval_s: How often the guest is asked for statistics, in seconds; 0 never.
        stats_desc_index: Descriptor of the statistics queue that the device holds.
    """

    stats_polling_interval_s: u16
    stats_desc_index: u16 | None
    latest_stats: BalloonStatsState
    config_space: BalloonConfigSpaceState
    virtio_state: VirtioDeviceState


class EntropyState(Struct):
    """A source of random numbers."""

    virtio_state: VirtioDeviceState
    rate_limiter_state: RateLimiterState
