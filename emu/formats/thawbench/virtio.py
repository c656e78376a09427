"""The virtio devices, in the `blob` of squib's `DeviceState`: the transport, and the device.

A struct has the fields of the state that the device's model in `emu.devices.virtio` has, under the
same names.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, Final, Generic, TypeVar

from emu.arch import virtio
from emu.formats.thawbench.encoding import Encoding, prefix
from emu.wire.schema import Struct, u16, u32, u64

# --- what all types have -----------------------------------------------------------------------


class TransportBlob(Struct):
    """The registers of virtio-mmio that a driver has written, or that tell it something.

    Attributes:
        features_select: DeviceFeaturesSel.
        acked_features_select: DriverFeaturesSel.
        queue_select: QueueSel.
        device_status: Status.
        config_generation: ConfigGeneration.
        interrupt_status: InterruptStatus.
    """

    features_select: u32
    acked_features_select: u32
    queue_select: u32
    device_status: u32
    config_generation: u32
    interrupt_status: u32


class QueueBlob(Struct):
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
        num_added: Used entries since the device last asked whether to interrupt, modulo 65536.
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


class NotificationBlob(Struct):
    """The driver's word that a device has yet to act on: when it is due, or started.

    Attributes:
        queue: Index of the queue.
        due_cycles: When it is due, by the host's virtual counter, in cycles.
    """

    queue: u16
    due_cycles: u64


class VirtioBlob(Struct):
    """What every virtio device has.

    Attributes:
        avail_features: Feature bits that the device offers.
        acked_features: Feature bits that the driver accepted.
        activated: Whether the driver has started the device.
        notified: What the device has yet to look at.
    """

    avail_features: u64
    acked_features: u64
    queues: list[QueueBlob]
    activated: bool
    notified: list[NotificationBlob]


class TokenBucketBlob(Struct):
    """A budget of tokens that fills up at a constant rate.

    Attributes:
        size: Tokens of a full bucket.
        one_time_burst: Initial extra tokens that are left.
        refill_time: Time that an empty bucket takes to fill up, in milliseconds.
        budget: Tokens that are left.
        elapsed_ns: Time since the bucket was last filled up, in nanoseconds.
    """

    size: u64
    one_time_burst: u64
    refill_time: u64
    budget: u64
    elapsed_ns: u64


class RateLimiterBlob(Struct):
    """Limits of a device's throughput.

    Attributes:
        ops: A token is an operation.
        bandwidth: A token is a byte.
        blocked_cycles: Virtual time until it is unblocked, in cycles; None if it is not blocked.
    """

    ops: TokenBucketBlob | None
    bandwidth: TokenBucketBlob | None
    blocked_cycles: u64 | None


# --- types of devices --------------------------------------------------------------------------


class CacheType(enum.Enum):
    """Whether the guest can flush the disk."""

    Unsafe = "Unsafe"
    Writeback = "Writeback"


class FileEngineType(enum.Enum):
    """How Firecracker would read and write the disk."""

    Sync = "Sync"
    Async = "Async"


class BlockBlob(Struct):
    """A disk.

    Attributes:
        partuuid: Partition that the kernel's `root=` names; only for a root device.
        root_device: Whether the kernel is told to boot from it.
        disk_path: The file, on the host.
    """

    id: str
    partuuid: str | None
    cache_type: CacheType
    root_device: bool
    disk_path: str
    virtio: VirtioBlob
    rate_limiter: RateLimiterBlob
    file_engine_type: FileEngineType


class NetConfigSpaceBlob(Struct):
    """What a network device tells its driver of itself.

    Attributes:
        guest_mac: MAC address, of 6 bytes; None if the driver is to choose one.
        mtu: Largest packet, in bytes, without Ethernet's header; None if the device does not say.
    """

    guest_mac: bytes | None
    mtu: u16 | None


class RxBufferBlob(Struct):
    """How far the buffers for received frames are used.

    Attributes:
        parsed_descriptor_chains_nr: Chains that were taken ahead and that no frame is in.
        used_descriptors: Used entries that are written and not yet counted in.
        used_bytes: Bytes of the frame in them.
    """

    parsed_descriptor_chains_nr: u16
    used_descriptors: u16
    used_bytes: u32


class NetBlob(Struct):
    """A network device. What travels in its link is not carried.

    Attributes:
        tap_if_name: The TAP device, on a real host.
    """

    id: str
    tap_if_name: str
    virtio: VirtioBlob
    rx_rate_limiter_state: RateLimiterBlob
    tx_rate_limiter_state: RateLimiterBlob
    config_space: NetConfigSpaceBlob
    rx_buffers_state: RxBufferBlob


class VsockBlob(Struct):
    """A vsock device. Its connections are not carried: the guest is told that they are gone.

    Attributes:
        cid: Address of the guest.
        uds_path: Its Unix socket, on Firecracker's host.
        local_port_last: Port of the host that was handed out last.
        pending_event_ack: Whether the guest has yet to acknowledge a reset of the transport.
    """

    virtio: VirtioBlob
    cid: u64
    uds_path: str
    local_port_last: u32
    pending_event_ack: bool


class BalloonStatsBlob(Struct):
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
        oom_kill: Number of processes killed for want of memory.
        alloc_stall: Number of times that an allocation had to wait.
        async_scan: Memory scanned in the background, in bytes.
        direct_scan: Memory scanned while an allocation waited, in bytes.
        async_reclaim: Memory reclaimed in the background, in bytes.
        direct_reclaim: Memory reclaimed while an allocation waited, in bytes.
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
    oom_kill: u64 | None
    alloc_stall: u64 | None
    async_scan: u64 | None
    direct_scan: u64 | None
    async_reclaim: u64 | None
    direct_reclaim: u64 | None


class BalloonConfigSpaceBlob(Struct):
    """Sizes of a balloon.

    Attributes:
        num_pages: Size that the host wants, in pages of 4 KiB.
        actual_pages: Size that it has, in pages of 4 KiB.
    """

    num_pages: u32
    actual_pages: u32


class HintingBlob(Struct):
    """A run of hints of free pages.

    Attributes:
        host_cmd: Command of the host: 0 stop, 1 done, others name a run.
        last_cmd_id: The last run.
        guest_cmd: Command that the guest answered with.
        acknowledge_on_finish: Whether the device says "done" when the guest stops.
    """

    host_cmd: u32
    last_cmd_id: u32
    guest_cmd: u32 | None
    acknowledge_on_finish: bool


class BalloonBlob(Struct):
    """A memory balloon.

    Attributes:
        stats_polling_interval_s: How often the guest is asked for statistics, in seconds; 0 never.
        stats_desc_index: Head of the chain of the statistics queue that the device holds.
        stats_due_in_cycles: Virtual time until the guest is asked next, in cycles.
    """

    stats_polling_interval_s: u16
    stats_desc_index: u16 | None
    latest_stats: BalloonStatsBlob
    config_space: BalloonConfigSpaceBlob
    hinting_state: HintingBlob
    virtio: VirtioBlob
    stats_due_in_cycles: u64 | None


class RngBlob(Struct):
    """A source of random numbers."""

    virtio: VirtioBlob
    rate_limiter_state: RateLimiterBlob


# --- encodings ---------------------------------------------------------------------------------

D = TypeVar("D", bound=Struct)


class ConnectedBlob(Struct, Generic[D]):
    """A device on virtio-mmio."""

    transport: TransportBlob
    device: D


def _encoding(kind: virtio.DeviceType, signature: bytes, schema: Any) -> Encoding[Any]:
    return Encoding(
        schema,
        what=f"state of a device '{kind.name}'",
        remedy="only a device saved by thawbench can be restored here",
        prefix=prefix(signature, 1),
    )


_ENCODINGS: Final = (
    (virtio.BLOCK, b"TB-BLOCK", ConnectedBlob[BlockBlob]),
    (virtio.NET, b"TB-NETWK", ConnectedBlob[NetBlob]),
    (virtio.VSOCK, b"TB-VSOCK", ConnectedBlob[VsockBlob]),
    (virtio.BALLOON, b"TB-BALLN", ConnectedBlob[BalloonBlob]),
    (virtio.RNG, b"TB-RNDEV", ConnectedBlob[RngBlob]),
)

VIRTIO_TYPES: Final[Mapping[str, virtio.DeviceType]] = {kind.name: kind for kind, *_ in _ENCODINGS}
"""The types of virtio devices that have an encoding, by `DeviceState.kind`."""

VIRTIO_ENCODINGS: Final[Mapping[str, Encoding[Any]]] = {
    kind.name: _encoding(kind, signature, schema) for kind, signature, schema in _ENCODINGS
}
"""The encodings of virtio devices, by `DeviceState.kind`: a `ConnectedBlob` each."""
