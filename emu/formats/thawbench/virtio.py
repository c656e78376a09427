"""The virtio devices, in the `blob` of squib's `DeviceState`: the transport, and the device.

A struct has the fields of the state that the device's model in `emu.devices.virtio` has, under the
same names. Where Firecracker saves the same, that part is its struct.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Generic, TypeVar

from emu.arch import virtio
from emu.formats.firecracker.v1_9_virtio import (
    BalloonConfigSpaceState,
    CacheType,
    FileEngineTypeState,
    QueueState,
    TokenBucketState,
)
from emu.formats.firecracker.v1_10 import RxBufferState
from emu.formats.firecracker.v1_13 import MmioTransportState
from emu.formats.firecracker.v1_14 import BalloonStatsState, HintingState
from emu.formats.thawbench.encoding import Encoding, prefix
from emu.wire.schema import Struct, u16, u32, u64

# --- what all types have -----------------------------------------------------------------------


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
    queues: list[QueueState]
    activated: bool
    notified: list[NotificationBlob]


class RateLimiterBlob(Struct):
    """Limits of a device's throughput.

    Attributes:
        ops: A token is an operation.
        bandwidth: A token is a byte.
        blocked_cycles: Virtual time until it is unblocked, in cycles; None if it is not blocked.
    """

    ops: TokenBucketState | None
    bandwidth: TokenBucketState | None
    blocked_cycles: u64 | None


# --- types of devices --------------------------------------------------------------------------


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
    rate_limiter_state: RateLimiterBlob
    file_engine_type: FileEngineTypeState


class NetConfigSpaceBlob(Struct):
    """What a network device tells its driver of itself.

    Attributes:
        guest_mac: MAC address, of 6 bytes; None if the driver is to choose one.
        mtu: Largest packet, in bytes, without Ethernet's header; None if the device does not say.
    """

    guest_mac: bytes | None
    mtu: u16 | None


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
    rx_buffers_state: RxBufferState


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


class BalloonBlob(Struct):
    """A memory balloon.

    Attributes:
        stats_polling_interval_s: How often the guest is asked for statistics, in seconds; 0 never.
        stats_desc_index: Head of the chain of the statistics queue that the device holds.
        stats_due_in_cycles: Virtual time until the guest is asked next, in cycles.
    """

    stats_polling_interval_s: u16
    stats_desc_index: u16 | None
    latest_stats: BalloonStatsState
    config_space: BalloonConfigSpaceState
    hinting_state: HintingState
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

    transport: MmioTransportState
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
